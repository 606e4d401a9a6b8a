"""Encoders for kinds of picture files that Pillow does not write: PNG of every depth, interlaced or with transparent
colours; BMP of every depth, header and compression; PPM and PGM; changes to JPEG segments. Independent of the C code.
"""

import struct
import zlib

import numpy as np

ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def pack_rows(samples, depth):
    """[h, w] or [h, w, c] samples to rows of packed bits, most significant first, each row padded to bytes."""
    flat = samples.reshape(samples.shape[0], -1)
    if depth == 16:
        return [row.astype(">u2").tobytes() for row in flat]
    if depth == 8:
        return [row.astype(np.uint8).tobytes() for row in flat]
    rows = []
    for row in flat:
        bits = "".join(format(int(v), "0%db" % depth) for v in row)
        bits += "0" * (-len(bits) % 8)
        rows.append(bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8)))
    return rows


def png_chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(samples, depth, colour, interlaced=False, palette=None, trns=None, extra=b""):
    """colour: 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGBA. Rows alternate between filters 0 (none) and 1 (sub)."""
    height, width = samples.shape[:2]
    out = b"\x89PNG\r\n\x1a\n" + png_chunk(
        b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced)))
    if palette is not None:
        out += png_chunk(b"PLTE", bytes(np.asarray(palette, np.uint8).ravel()))
    if trns is not None:
        out += png_chunk(b"tRNS", trns)
    out += extra
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    step = max(1, channels * depth // 8)
    data = b""
    for top, left, down, right in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        part = samples[top::down, left::right]
        if part.size == 0:
            continue
        for number, row in enumerate(pack_rows(part, depth)):
            if number % 2:
                row = bytes((row[i] - (row[i - step] if i >= step else 0)) & 255 for i in range(len(row)))
            data += bytes([number % 2]) + row
    return out + png_chunk(b"IDAT", zlib.compress(data, 9)) + png_chunk(b"IEND", b"")


def bmp(rows, width, height, bits, header=40, method=0, palette=b"", masks=(), top_down=False, used=0):
    """rows: bytes in file order, ready padded. masks: written inside the header where it has room, else after it."""
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, -height if top_down else height, 1, bits, method, len(rows),
                           2835, 2835, used, 0)
    info += b"".join(struct.pack("<I", m) for m in masks)
    info += b"\0" * max(0, header - len(info))
    start = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + info + palette + rows


def bmp_rows(samples, bits, top_down=False):
    """samples [h, w] indices or pixel words, or [h, w, 3] RGB for 24 bits."""
    rows = []
    for row in samples if top_down else samples[::-1]:
        if bits == 24:
            data = row[:, ::-1].astype(np.uint8).tobytes()
        elif bits >= 16:
            data = row.astype("<u2" if bits == 16 else "<u4").tobytes()
        else:
            data = pack_rows(row[None], bits)[0]
        rows.append(data + b"\0" * (-len(data) % 4))
    return b"".join(rows)


def bmp_runs(indices, bits):
    """Run lengths with runs, literal pixels, ends of rows and the end mark; of five rows in file order
    the fourth is moved over, and so are three pixels of the second, after two ones."""
    out, skipped = b"", 0
    height = indices.shape[0]
    for y in range(height):
        row = indices[height - 1 - y]
        if y % 5 == 3:
            skipped += 1
            continue
        if skipped:
            out += bytes([0, 2, 0, skipped])
            skipped = 0
        x = 0
        if y % 5 == 1:
            for x in (0, 1):
                out += bytes([1, row[x] if bits == 8 else row[x] << 4])
            out += bytes([0, 2, 3, 0])
            x = 5
        while x < len(row):
            run = 1
            while x + run < len(row) and row[x + run] == row[x] and run < 255:
                run += 1
            literal = min(len(row) - x, 5)
            if run >= 3 or literal < 3:
                out += bytes([run, row[x] if bits == 8 else row[x] << 4 | row[x]])
                x += run
            else:
                part = pack_rows(row[None, x:x + literal], bits)[0]
                out += bytes([0, literal]) + part + b"\0" * (len(part) % 2)
                x += literal
        out += b"\0\0"
    return out + b"\0\1"


def jpeg_segments(data):
    """[(marker, segment bytes with marker and length)], rest from the first scan on."""
    at, segments = 2, []
    while data[at + 1] != 0xDA:
        length = struct.unpack(">H", data[at + 2:at + 4])[0]
        segments.append((data[at + 1], data[at:at + 2 + length]))
        at += 2 + length
    return segments, data[at:]


def jpeg_join(segments, rest):
    return b"\xff\xd8" + b"".join(s for _, s in segments) + rest


def jpeg_segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg_adobe(transform):
    return 0xEE, jpeg_segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, transform))


def exif(orientation, big_endian=False, prefix=b"Exif\0\0"):
    """A TIFF header and one directory: a maker's name, then the orientation."""
    e = ">" if big_endian else "<"
    head = (b"MM" if big_endian else b"II") + struct.pack(e + "HI", 42, 8)
    entries = struct.pack(e + "HHII", 0x010F, 2, 6, 38)
    entries += struct.pack(e + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return prefix + head + struct.pack(e + "H", 2) + entries + struct.pack(e + "I", 0) + b"maker\0"
