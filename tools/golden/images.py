#!/usr/bin/env python3
"""Makes tests/image/golden: small picture files of every kind, and the pixels that they hold.

    python3 tools/golden/images.py tests/image/golden

Pixels come from Pillow (made with 9.4.0, libjpeg-turbo 2.1.5, libwebp 1.2.4, numpy 1.24.2) wherever it reads the kind
by the same rule; for 16-bit samples, which Pillow cuts or clips, from the formula round(v / 257) in numpy.
cases.txt: FILE PIXELS TOLERANCE, the last in gray levels.
"""

import io
import os
import sys

import numpy as np
from PIL import Image, ImageOps

import picture_files as pf

OUT = sys.argv[1]
W, H = 21, 13
cases = []
pixel_files = {}


def base(height=H, width=W, channels=3, seed=1):
    """Slopes, an edge and some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [y * 255 / height, x * 255 / width, 255 - (x + y) * 255 / (height + width), (x * y * 7) % 256]
    a = np.stack(planes[:channels], -1) + rng.integers(-40, 41, (height, width, channels))
    a[height // 3:height // 2, width // 3:width // 2] = [250, 5, 128, 90][:channels]
    return np.clip(a, 0, 255).astype(np.uint8)


def store(name, data):
    with open(os.path.join(OUT, name), "wb") as f:
        f.write(data)


def pnm(a):
    a = np.ascontiguousarray(a, np.uint8)
    kind = b"P5" if a.ndim == 2 else b"P6"
    return kind + b" %d %d 255\n" % (a.shape[1], a.shape[0]) + a.tobytes()


def case(name, data, pixels, tolerance=0):
    """Pictures that hold the same pixels share one file of them."""
    body = pnm(pixels)
    if body not in pixel_files:
        pixel_files[body] = name.replace(".", "_") + ".pixels"
        store(pixel_files[body], body)
    store(name, data)
    cases.append("%s %s %d\n" % (name, pixel_files[body], tolerance))


def over_white(image):
    """Pillow's picture, upright, alpha composed over white; gray stays gray."""
    image = ImageOps.exif_transpose(image)
    if image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
        gray = image.mode in ("L", "LA")
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(image, mask=image.getchannel("A"))
        image = white.getchannel("R") if gray else white
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    return np.asarray(image)


def by_pillow(name, data, tolerance=0, colour=False):
    pixels = over_white(Image.open(io.BytesIO(data)))
    if colour and pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, -1)
    case(name, data, pixels, tolerance)


def save(a, kind, **options):
    mode = options.pop("mode", None)
    out = io.BytesIO()
    Image.fromarray(a, mode).save(out, kind, **options)
    return out.getvalue()


def untransposed(a, orientation):
    """The stored picture that, with this orientation, is `a` upright."""
    return {1: lambda b: b, 2: lambda b: b[:, ::-1], 3: lambda b: b[::-1, ::-1], 4: lambda b: b[::-1],
            5: lambda b: b.swapaxes(0, 1), 6: lambda b: b.swapaxes(0, 1)[::-1],
            7: lambda b: b.swapaxes(0, 1)[::-1, ::-1], 8: lambda b: b.swapaxes(0, 1)[:, ::-1]}[orientation](a)


def jpegs():
    rgb, cmyk = base(), base(channels=4)
    for name, options in {"444": dict(subsampling=0), "422": dict(subsampling=1), "420": dict(subsampling=2),
                          "progressive": dict(progressive=True), "poor": dict(quality=8)}.items():
        by_pillow("jpeg_%s.jpg" % name, save(rgb, "JPEG", **{"quality": 90, **options}), 1)
    by_pillow("jpeg_gray.jpg", save(rgb[..., 0].copy(), "JPEG", quality=90), 1)
    by_pillow("jpeg_gray_progressive.jpg", save(rgb[..., 1].copy(), "JPEG", progressive=True), 1)
    data = save(cmyk, "JPEG", mode="CMYK", quality=90)
    by_pillow("jpeg_cmyk.jpg", data, 1)
    segments, rest = pf.jpeg_segments(data)
    others = [s for s in segments if s[0] != 0xEE]
    by_pillow("jpeg_cmyk_without_adobe.jpg", pf.jpeg_join(others, rest), 1)
    by_pillow("jpeg_ycck.jpg", pf.jpeg_join([pf.jpeg_adobe(2)] + others, rest), 1)
    segments, rest = pf.jpeg_segments(save(rgb, "JPEG", quality=90, subsampling=0))
    others = [s for s in segments if s[0] != 0xE0]
    by_pillow("jpeg_rgb.jpg", pf.jpeg_join([pf.jpeg_adobe(0)] + others, rest), 1)
    for o in range(1, 9):
        data = save(np.ascontiguousarray(untransposed(rgb, o)), "JPEG", quality=90)
        segments, rest = pf.jpeg_segments(data)
        app1 = (0xE1, pf.jpeg_segment(0xE1, pf.exif(o, big_endian=o % 2 == 0)))
        by_pillow("jpeg_orientation_%d.jpg" % o, pf.jpeg_join(segments[:1] + [app1] + segments[1:], rest), 1)


def pngs():
    rgb, rgba = base(), base(channels=4)
    gray = base(channels=1)[..., 0]
    la = np.stack([gray, rgba[..., 3]], -1)
    for depth in (1, 2, 4, 8):
        samples = gray >> (8 - depth)
        for laced in (False, True):
            name = "png_gray%d%s.png" % (depth, "_interlaced" * laced)
            data = pf.png(samples, depth, 0, laced)
            case(name, data, np.asarray(Image.open(io.BytesIO(data)).convert("L")) if depth != 2 else samples * 85)
        colours = base(1, 1 << depth, seed=3)[0]
        by_pillow("png_palette%d.png" % depth, pf.png(samples, depth, 3, palette=colours))
        by_pillow("png_palette%d_clear.png" % depth,
                  pf.png(samples, depth, 3, depth > 2, palette=colours, trns=bytes(range(0, 1 << depth))[:-1]))
    by_pillow("png_gray8_clear.png", pf.png(gray // 32 * 32, 8, 0, trns=b"\0\x40"))
    by_pillow("png_rgb.png", pf.png(rgb, 8, 2))
    by_pillow("png_rgb_interlaced.png", pf.png(rgb, 8, 2, True))
    coarse = rgb // 128 * 128
    by_pillow("png_rgb_clear.png", pf.png(coarse, 8, 2, trns=b"\0\x80\0\0\0\x80"))
    by_pillow("png_rgba.png", pf.png(rgba, 8, 6))
    by_pillow("png_rgba_interlaced.png", pf.png(rgba, 8, 6, True))
    by_pillow("png_gray_alpha.png", pf.png(la, 8, 4))
    for o in (3, 6):
        extra = pf.png_chunk(b"eXIf", pf.exif(o, prefix=b""))
        by_pillow("png_orientation_%d.png" % o, pf.png(np.ascontiguousarray(untransposed(rgb, o)), 8, 2, extra=extra))
    png16s()


def composed(samples, alpha):
    """Exact integers: round((c * a + 255 * (255 - a)) / 255); ties cannot happen."""
    a = alpha.astype(np.int64)[..., None] if samples.ndim == 3 else alpha.astype(np.int64)
    return ((samples * a + 255 * (255 - a)) * 2 + 255) // 510


def png16s():
    rng = np.random.default_rng(7)
    deep = base(channels=4).astype(np.int64) * 257 + rng.integers(-128, 129, (H, W, 4))
    deep = np.clip(deep, 0, 65535)
    byte = np.rint(deep / 257).astype(np.int64)
    case("png_gray16.png", pf.png(deep[..., 0], 16, 0), byte[..., 0])
    case("png_rgb16.png", pf.png(deep[..., :3], 16, 2), byte[..., :3])
    case("png_rgba16.png", pf.png(deep, 16, 6, True), composed(byte[..., :3], byte[..., 3]))
    case("png_gray_alpha16.png", pf.png(deep[..., 2:], 16, 4), composed(byte[..., 2], byte[..., 3]))


def webps():
    rgb, rgba = base(), base(channels=4)
    by_pillow("webp_lossless.webp", save(rgb, "WEBP", lossless=True))
    by_pillow("webp_lossy.webp", save(rgb, "WEBP", quality=85))
    by_pillow("webp_lossless_alpha.webp", save(rgba, "WEBP", lossless=True, exact=True))
    by_pillow("webp_lossy_alpha.webp", save(rgba, "WEBP", quality=85))
    for o in (5, 8):
        by_pillow("webp_orientation_%d.webp" % o,
                  save(np.ascontiguousarray(untransposed(rgb, o)), "WEBP", lossless=True, exif=pf.exif(o)))
    out = io.BytesIO()
    frames = [Image.fromarray(base(seed=s)) for s in (1, 2)]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    store("animation.webp", out.getvalue())


def bmps():
    rgb = base()
    gray = base(channels=1)[..., 0]
    for bits in (1, 4, 8):
        indices = gray >> (8 - bits)
        colours = base(1, 1 << bits, seed=3)[0]
        quads = b"".join(bytes([c[2], c[1], c[0], 0]) for c in colours)
        by_pillow("bmp_%d.bmp" % bits, pf.bmp(pf.bmp_rows(indices, bits), W, H, bits, palette=quads))
        triples = b"".join(bytes([c[2], c[1], c[0]]) for c in colours)
        by_pillow("bmp_%d_core.bmp" % bits, pf.bmp(pf.bmp_rows(indices, bits), W, H, bits, 12, palette=triples))
        if bits > 1:
            blocks = np.repeat(indices[:, ::4], 4, 1)[:, :W]
            indices = np.where(np.arange(H)[:, None] % 2 == 0, indices, blocks)
            shown = indices.copy()
            shown[[H - 1 - y for y in range(H) if y % 5 == 3]] = 0
            shown[[H - 1 - y for y in range(H) if y % 5 == 1], 2:5] = 0
            case("bmp_%d_runs.bmp" % bits, pf.bmp(pf.bmp_runs(indices, bits), W, H, bits, 40, 1 if bits == 8 else 2,
                                                  palette=quads), colours[shown])
    word = rgb.astype(np.uint32)
    r, g, b = word[..., 0], word[..., 1], word[..., 2]
    by_pillow("bmp_16.bmp", pf.bmp(pf.bmp_rows(r >> 3 << 10 | g >> 3 << 5 | b >> 3, 16), W, H, 16))
    by_pillow("bmp_16_565.bmp", pf.bmp(pf.bmp_rows(r >> 3 << 11 | g >> 2 << 5 | b >> 3, 16), W, H, 16, method=3,
                                       masks=(0xF800, 0x7E0, 0x1F)))
    by_pillow("bmp_24.bmp", pf.bmp(pf.bmp_rows(rgb, 24), W, H, 24))
    by_pillow("bmp_24_core.bmp", pf.bmp(pf.bmp_rows(rgb, 24), W, H, 24, 12))
    by_pillow("bmp_24_top_down.bmp", pf.bmp(pf.bmp_rows(rgb, 24, True), W, H, 24, top_down=True))
    bgr0 = r << 16 | g << 8 | b | 0x7F000000
    by_pillow("bmp_32.bmp", pf.bmp(pf.bmp_rows(bgr0, 32), W, H, 32))
    masks = (0xFF, 0xFF00, 0xFF0000)
    case("bmp_32_fields.bmp", pf.bmp(pf.bmp_rows(b << 16 | g << 8 | r, 32), W, H, 32, method=3, masks=masks), rgb)
    rgba = base(channels=4)
    word = bgr0 & 0xFFFFFF | rgba[..., 3].astype(np.uint32) << 24
    case("bmp_32_alpha.bmp", pf.bmp(pf.bmp_rows(word, 32), W, H, 32, 108, 3, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF << 24)),
         composed(rgb.astype(np.int64), rgba[..., 3]))


def text_pnm(kind, a, maxval):
    values = " ".join(str(int(v)) for v in a.ravel())
    return ("%s\n# made by a script\n%d %d\n%d\n%s\n" % (kind, a.shape[1], a.shape[0], maxval, values)).encode()


def pnms():
    rgb = base()
    gray = rgb[..., 0].copy()
    by_pillow("pnm_p5.pgm", pnm(gray))
    by_pillow("pnm_p6.ppm", pnm(rgb))
    by_pillow("pnm_p2.pgm", text_pnm("P2", gray, 255))
    by_pillow("pnm_p3.ppm", text_pnm("P3", rgb, 255))
    hundred = (rgb.astype(np.int64) * 101 // 256)
    head = b"P6#c\n%d # width\n%d\n101\t" % (W, H)
    case("pnm_maxval_101.ppm", head + hundred.astype(np.uint8).tobytes(), np.rint(hundred * 255 / 101))
    deep = rgb.astype(np.int64) * 257 + 100
    deep = np.minimum(deep, 65535)
    case("pnm_16.ppm", b"P6 %d %d 65535\n" % (W, H) + deep.astype(">u2").tobytes(), np.rint(deep / 257))
    case("pnm_16_gray.pgm", b"P5 %d %d 65535\n" % (W, H) + deep[..., 0].astype(">u2").tobytes(),
         np.rint(deep[..., 0] / 257))
    case("pnm_p3_maxval_1000.ppm", text_pnm("P3", deep * 1000 // 65535, 1000),
         np.floor((deep * 1000 // 65535) * 255 / 1000 + 0.5))


for make in (jpegs, pngs, webps, bmps, pnms):
    make()
store("cases.txt", "".join(cases).encode())
print("%d cases, %d bytes" % (len(cases), sum(e.stat().st_size for e in os.scandir(OUT))))
