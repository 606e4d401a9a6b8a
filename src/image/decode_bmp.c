/* BMP: 1, 4, 8 bits with a palette, 16, 24, 32 bits, bit fields, run lengths (RLE4, RLE8), bottom-up or top-down.
 *
 *     file header (14 bytes) | info header (12, 40, 52, 56, 64, 108 or 124) | masks | palette | rows, padded to 4 bytes
 *
 * An n-bit sample becomes v * 255 / (2^n - 1), rounded down, as Pillow has it. The fourth byte of 32-bit pixels is
 * alpha only where the header has an alpha mask.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/reader.h"
#include "image/decoders.h"

enum { FILE_HEADER = 14, CORE_HEADER = 12, INFO_HEADER = 40 };
enum { METHOD_RGB = 0, METHOD_RLE8 = 1, METHOD_RLE4 = 2, METHOD_FIELDS = 3, METHOD_ALPHA_FIELDS = 6 };

/* One colour of a 16- or 32-bit pixel: (pixel & mask) >> shift, of range 0..maximum (0: absent). */
typedef struct field {
    uint32_t mask, maximum;
    int shift;
} field;

typedef struct bitmap {
    mn_reader in;
    size_t pixels_at;
    int32_t width, height;
    bool top_down;
    uint32_t bits, method;
    uint8_t palette[256][3];
    uint32_t colours;
    field fields[4]; /* red, green, blue, alpha */
} bitmap;

static bool probe(const uint8_t *bytes, size_t size)
{
    return size >= FILE_HEADER && bytes[0] == 'B' && bytes[1] == 'M';
}

static mn_status fail_short(const bitmap *b, const char *what, mn_error *err)
{
    return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)b->in.size, "truncated: the file ends within the %s", what);
}

static mn_status set_field(field *f, uint32_t mask, mn_error *err)
{
    *f = (field){.mask = mask};
    if (mask == 0)
        return MN_OK;
    while (!(mask >> f->shift & 1))
        f->shift++;
    f->maximum = mask >> f->shift;
    if (f->maximum & (f->maximum + 1))
        return mn_fail(err, MN_ERROR_FORMAT, "the bits of the colour mask 0x%08x are not adjacent", mask);
    return MN_OK;
}

static mn_status read_fields(bitmap *b, uint32_t header, mn_error *err)
{
    static const uint32_t masks16[3] = {0x7c00, 0x03e0, 0x001f}, masks32[3] = {0xff0000, 0xff00, 0xff};
    mn_status status = MN_OK;
    bool listed = b->method == METHOD_FIELDS || b->method == METHOD_ALPHA_FIELDS;
    int count = listed && (header >= 56 || b->method == METHOD_ALPHA_FIELDS) && header != 64 ? 4 : 3;
    for (int c = 0; c < count && status == MN_OK; c++) {
        uint32_t mask = b->bits == 16 ? masks16[c % 3] : masks32[c % 3];
        if (listed && !mn_reader_u32(&b->in, FILE_HEADER + INFO_HEADER + 4 * (size_t)c, &mask))
            return fail_short(b, "colour masks", err);
        status = set_field(&b->fields[c], mask, err);
    }
    return status;
}

static mn_status read_palette(bitmap *b, size_t at, size_t entry, uint32_t used, mn_error *err)
{
    b->colours = used == 0 || used > 1u << b->bits ? 1u << b->bits : used;
    size_t there = at < b->pixels_at ? (b->pixels_at - at) / entry : 0; /* some writers store fewer */
    if (there < b->colours)
        b->colours = (uint32_t)there;
    if (b->colours == 0)
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)at, "no palette for %u-bit pixels", b->bits);
    if (!mn_reader_has(&b->in, at, b->colours * entry))
        return fail_short(b, "palette", err);
    for (uint32_t i = 0; i < b->colours; i++)
        for (int c = 0; c < 3; c++)
            b->palette[i][c] = b->in.bytes[at + i * entry + (size_t)(2 - c)];
    return MN_OK;
}

static mn_status check_kind(const bitmap *b, mn_error *err)
{
    bool palette = b->bits == 1 || b->bits == 4 || b->bits == 8;
    bool direct = b->bits == 16 || b->bits == 24 || b->bits == 32;
    if (!palette && !direct)
        return mn_fail(err, MN_ERROR_UNSUPPORTED, "%u bits a pixel, 1, 4, 8, 16, 24 or 32 are read", b->bits);
    if (b->method == METHOD_RGB || (b->method == METHOD_RLE8 && b->bits == 8) ||
        (b->method == METHOD_RLE4 && b->bits == 4) ||
        ((b->method == METHOD_FIELDS || b->method == METHOD_ALPHA_FIELDS) && (b->bits == 16 || b->bits == 32)))
        return MN_OK;
    return mn_fail(err, MN_ERROR_UNSUPPORTED, "compression %u of %u-bit pixels", b->method, b->bits);
}

static mn_status read_header(bitmap *b, mn_error *err)
{
    uint32_t header, at, used = 0;
    uint16_t bits, planes, width16, height16;
    if (!mn_reader_u32(&b->in, 10, &at) || !mn_reader_u32(&b->in, FILE_HEADER, &header))
        return fail_short(b, "header", err);
    if (header != 12 && header != 40 && header != 52 && header != 56 && header != 64 && header != 108 && header != 124)
        return mn_fail_at(err, MN_ERROR_UNSUPPORTED, FILE_HEADER, "an info header of %u bytes", header);
    if (!mn_reader_has(&b->in, FILE_HEADER, header))
        return fail_short(b, "header", err);
    b->pixels_at = at;
    if (header == CORE_HEADER) {
        mn_reader_u16(&b->in, FILE_HEADER + 4, &width16);
        mn_reader_u16(&b->in, FILE_HEADER + 6, &height16);
        mn_reader_u16(&b->in, FILE_HEADER + 8, &planes);
        mn_reader_u16(&b->in, FILE_HEADER + 10, &bits);
        b->width = width16;
        b->height = height16;
    } else {
        mn_reader_i32(&b->in, FILE_HEADER + 4, &b->width);
        mn_reader_i32(&b->in, FILE_HEADER + 8, &b->height);
        mn_reader_u16(&b->in, FILE_HEADER + 12, &planes);
        mn_reader_u16(&b->in, FILE_HEADER + 14, &bits);
        mn_reader_u32(&b->in, FILE_HEADER + 16, &b->method);
        mn_reader_u32(&b->in, FILE_HEADER + 32, &used);
    }
    b->bits = bits;
    if (b->height < 0 && b->height > INT32_MIN) {
        b->top_down = true;
        b->height = -b->height;
    }
    mn_status status = check_kind(b, err);
    if (status != MN_OK)
        return status;
    if (b->bits > 8)
        return read_fields(b, header, err);
    return read_palette(b, FILE_HEADER + (size_t)header, header == CORE_HEADER ? 3 : 4, used, err);
}

static uint8_t *row_of(const bitmap *b, mn_image *image, int32_t y)
{
    int32_t row = b->top_down ? y : b->height - 1 - y;
    return image->pixels + (size_t)row * (size_t)b->width * 3;
}

static uint8_t field_byte(const field *f, uint32_t pixel)
{
    return f->maximum == 0 ? 0 : (uint8_t)((uint64_t)((pixel & f->mask) >> f->shift) * 255 / f->maximum);
}

static void direct_pixel(const bitmap *b, const uint8_t *in, uint8_t *rgb)
{
    if (b->bits == 24) {
        for (int c = 0; c < 3; c++)
            rgb[c] = in[2 - c];
        return;
    }
    uint32_t pixel = in[0] | (uint32_t)in[1] << 8;
    if (b->bits == 32)
        pixel |= (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
    uint8_t alpha = b->fields[3].maximum == 0 ? 255 : field_byte(&b->fields[3], pixel);
    for (int c = 0; c < 3; c++)
        rgb[c] = mn_over_white(field_byte(&b->fields[c], pixel), alpha);
}

static mn_status read_rows(const bitmap *b, mn_image *image, mn_error *err)
{
    size_t stride = ((size_t)b->width * b->bits + 31) / 32 * 4;
    uint32_t mask = b->bits <= 8 ? (1u << b->bits) - 1 : 0;
    for (int32_t y = 0; y < b->height; y++) {
        const uint8_t *in = b->in.bytes + b->pixels_at + (size_t)y * stride;
        uint8_t *out = row_of(b, image, y);
        for (int32_t x = 0; x < b->width; x++, out += 3) {
            if (b->bits > 8) {
                direct_pixel(b, in + (size_t)x * (b->bits / 8), out);
                continue;
            }
            size_t bit = (size_t)x * b->bits;
            uint32_t index = in[bit / 8] >> (8 - b->bits - bit % 8) & mask;
            if (index >= b->colours)
                return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)(b->pixels_at + (size_t)y * stride + bit / 8),
                                  "colour %u of a palette of %u", index, b->colours);
            memcpy(out, b->palette[index], 3);
        }
    }
    return MN_OK;
}

/* Where the next run-length pixel goes. */
typedef struct pen {
    int32_t x, y;
} pen;

/* One pixel of a run; those beyond the right edge are dropped. False where the palette has no such colour. */
static bool put(const bitmap *b, mn_image *image, pen *at, uint32_t index)
{
    if (index >= b->colours)
        return false;
    if (at->x < b->width)
        memcpy(row_of(b, image, at->y) + (size_t)at->x++ * 3, b->palette[index], 3);
    return true;
}

/* `count` pixels from `in`: 8-bit indices or, with 4 bits, two a byte. A run repeats its first byte. */
static bool put_many(const bitmap *b, mn_image *image, pen *at, const uint8_t *in, uint32_t count, bool run)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t byte = run ? in[0] : in[b->bits == 4 ? i / 2 : i];
        uint32_t index = b->bits == 8 ? byte : i % 2 == 0 ? byte >> 4 : byte & 15;
        if (!put(b, image, at, index))
            return false;
    }
    return true;
}

/* Pairs (count, index); count 0 escapes: 0 end of row, 1 end of picture, 2 move by (dx, dy), n >= 3 literal pixels,
 * padded to 16 bits. Pixels that are moved over have colour 0. */
static mn_status read_runs(const bitmap *b, mn_image *image, mn_error *err)
{
    const uint8_t *in = b->in.bytes;
    size_t at = b->pixels_at, size = b->in.size;
    pen p = {0, 0};
    for (int32_t y = 0; y < b->height; y++)
        for (int32_t x = 0; x < b->width; x++)
            memcpy(row_of(b, image, y) + (size_t)x * 3, b->palette[0], 3);
    while (p.y < b->height) {
        if (!mn_reader_has(&b->in, at, 2)) /* the end mark may be missing, pixels may not */
            return p.y == b->height - 1 && p.x == b->width ? MN_OK : fail_short(b, "run-length data", err);
        uint32_t count = in[at], value = in[at + 1];
        size_t start = at;
        bool known = true;
        at += 2;
        if (count > 0) {
            known = put_many(b, image, &p, in + at - 1, count, true);
        } else if (value == 0) {
            p = (pen){0, p.y + 1};
        } else if (value == 1) {
            return MN_OK;
        } else if (value == 2) {
            if (!mn_reader_has(&b->in, at, 2))
                return fail_short(b, "run-length data", err);
            p.x = p.x + in[at] < b->width ? p.x + in[at] : b->width;
            p.y = p.y + in[at + 1] < b->height ? p.y + in[at + 1] : b->height;
            at += 2;
        } else {
            size_t bytes = b->bits == 8 ? value : (value + 1) / 2;
            if (size - at < bytes)
                return fail_short(b, "run-length data", err);
            known = put_many(b, image, &p, in + at, value, false);
            at += bytes + (bytes & 1);
        }
        if (!known)
            return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)start, "a colour beyond the palette of %u", b->colours);
    }
    return MN_OK;
}

static mn_status decode(const mn_decode_input *input, mn_image **image, int *orientation, mn_error *err)
{
    bitmap b = {.in = {input->bytes, input->size}};
    mn_status status = read_header(&b, err);
    if (status == MN_OK)
        status = mn_decode_allow(input, b.width, b.height, 3, err);
    if (status != MN_OK)
        return status;
    bool runs = b.method == METHOD_RLE8 || b.method == METHOD_RLE4;
    size_t due = runs ? 0 : ((size_t)b.width * b.bits + 31) / 32 * 4 * (size_t)b.height;
    if (!mn_reader_has(&b.in, b.pixels_at, due))
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)b.in.size,
                          "truncated: pixels take %zu bytes from byte %zu, the file has %zu", due, b.pixels_at,
                          b.in.size);
    mn_image *decoded;
    status = mn_image_create(b.height, b.width, 3, &decoded, err);
    if (status != MN_OK)
        return status;
    status = runs ? read_runs(&b, decoded, err) : read_rows(&b, decoded, err);
    if (status != MN_OK) {
        mn_image_destroy(decoded);
        return status;
    }
    *image = decoded;
    *orientation = 1;
    return MN_OK;
}

const mn_decoder mn_decoder_bmp = {"BMP", probe, decode};
