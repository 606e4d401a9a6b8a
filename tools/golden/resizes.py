#!/usr/bin/env python3
"""Makes the numbers that resizing and preprocessing are compared with.

    python3 tools/golden/resizes.py tests/image/resize.golden
    python3 tools/golden/resizes.py --photos ASSETS tests/image/photos.golden

PIL rules: Pillow itself (made with 9.4.0). TensorFlow rules: the published formulas in numpy, float32. Crops: TF-slim's
and torchvision's rules in Python. Records are text: a line of words, then a line of numbers.
"""

import math
import os
import sys

import numpy as np
from PIL import Image, ImageOps

PIL = {"pil-bilinear": Image.BILINEAR, "pil-bicubic": Image.BICUBIC}
RULES = ["tf1-bilinear", "tf2-bilinear", "pil-bilinear", "pil-bicubic"]


def axis(size_in, size_out, half_pixel):
    scale = np.float32(size_in) / np.float32(size_out)
    i = np.arange(size_out, dtype=np.float32)
    at = (i + np.float32(0.5)) * scale - np.float32(0.5) if half_pixel else i * scale
    low = np.floor(at)
    high = np.ceil(at) if half_pixel else low + 1
    return (np.clip(low, 0, size_in - 1).astype(int), np.clip(high, 0, size_in - 1).astype(int),
            (at - low).astype(np.float32))


def tensorflow(a, height, width, half_pixel):
    a = a.astype(np.float32)
    top, bottom, fy = axis(a.shape[0], height, half_pixel)
    left, right, fx = axis(a.shape[1], width, half_pixel)
    fy, fx = fy[:, None, None], fx[None, :, None]
    upper = a[top][:, left] + (a[top][:, right] - a[top][:, left]) * fx
    lower = a[bottom][:, left] + (a[bottom][:, right] - a[bottom][:, left]) * fx
    return upper + (lower - upper) * fy


def resize(a, rule, height, width):
    """a [h, w, c] bytes."""
    if rule in PIL:
        image = Image.fromarray(a if a.shape[2] == 3 else a[..., 0])
        return np.asarray(image.resize((width, height), PIL[rule])).reshape(height, width, -1).astype(np.float32)
    return tensorflow(a, height, width, rule == "tf2-bilinear")


def central(a, rule, height, width, fraction):
    """tf.image.central_crop, then the resize."""
    top = int((a.shape[0] - a.shape[0] * fraction) / 2)
    left = int((a.shape[1] - a.shape[1] * fraction) / 2)
    return resize(np.ascontiguousarray(a[top:a.shape[0] - top, left:a.shape[1] - left]), rule, height, width)


def shorter(a, rule, size, fraction):
    """torchvision's Resize(int(size / fraction)) and CenterCrop(size)."""
    h, w = a.shape[:2]
    short = math.floor(size / fraction)
    new_w, new_h = (short, int(short * h / w)) if w <= h else (int(short * w / h), short)
    whole = resize(a, rule, new_h, new_w)
    top, left = int(round((new_h - size) / 2.0)), int(round((new_w - size) / 2.0))
    return whole[top:top + size, left:left + size]


def picture(height, width, channels):
    """The same formula is in test_resize.c: waves of several lengths and a hard edge."""
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    value = (x * x * 3 + y * 37 + x * y * 5 + c * 71 + (x // 5 + y // 4) % 2 * 128) % 256
    return value.astype(np.uint8)


def numbers(values):
    return " ".join("%.7g" % v for v in np.asarray(values).ravel()) + "\n"


def small(path):
    with open(path, "w") as out:
        for height, width, channels in [(13, 19, 3), (40, 9, 1), (1, 1, 3), (2, 200, 1)]:
            a = picture(height, width, channels)
            for rule in RULES:
                for h, w in [(7, 8), (16, 23), (5, 13), (1, 1)]:
                    if h * w * channels > 900:
                        continue
                    out.write("resize %s %d %d %d %d %d\n" % (rule, height, width, channels, h, w))
                    out.write(numbers(resize(a, rule, h, w)))
        a = picture(13, 57, 1).reshape(13, 19, 3)
        out.write("gray 13 19\n" + numbers(Image.fromarray(a).convert("L")))
        for height, width in [(31, 20), (17, 26)]:
            a = picture(height, width, 3)
            for rule in RULES:
                for fraction in (0.875, 0.6):
                    out.write("central %s %d %d %g\n" % (rule, height, width, fraction))
                    out.write(numbers(central(a, rule, 5, 6, fraction)))
                    out.write("resize-shorter %s %d %d %g\n" % (rule, height, width, fraction))
                    out.write(numbers(shorter(a, rule, 6, fraction)))


GRID = np.arange(5) * 44 + 23  # 5 x 5 of the 224 x 224 results


def photographs(assets, path):
    folder = os.path.join(assets, "images")
    files = sorted("photos/" + f for f in os.listdir(os.path.join(folder, "photos")) if f.endswith(".jpg"))[::5]
    files += sorted("imagenet-val/" + f for f in os.listdir(os.path.join(folder, "imagenet-val"))
                    if f.endswith(".JPEG"))[::50]
    with open(path, "w") as out:
        for name in files:
            image = ImageOps.exif_transpose(Image.open(os.path.join(folder, name))).convert("RGB")
            a = np.asarray(image)
            out.write("photo images/%s %d %d\n" % (name, a.shape[0], a.shape[1]))
            out.write(numbers(a[::max(1, a.shape[0] // 4)][:4, ::max(1, a.shape[1] // 4)][:, :4]))
            results = [("none", r, resize(a, r, 224, 224)) for r in RULES]
            results += [("central", "tf1-bilinear", central(a, "tf1-bilinear", 224, 224, 0.875)),
                        ("resize-shorter", "pil-bilinear", shorter(a, "pil-bilinear", 224, 0.875))]
            for crop, rule, result in results:
                out.write("%s %s\n" % (crop, rule))
                out.write(numbers(np.rint(result[GRID][:, GRID])))


if sys.argv[1] == "--photos":
    photographs(sys.argv[2], sys.argv[3])
else:
    small(sys.argv[1])
