/* Picture files to pixels: finds the decoder by the first bytes, holds the limits, turns the result upright. */
#include "mobilenet/decode.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "image/decoders.h"

static const mn_decoder *const decoders[] = {
    &mn_decoder_jpeg, &mn_decoder_png, &mn_decoder_webp, &mn_decoder_bmp, &mn_decoder_pnm,
};

static mn_decode_limits fill_limits(const mn_decode_limits *given)
{
    mn_decode_limits limits = given ? *given : (mn_decode_limits){0};
    if (limits.pixels == 0)
        limits.pixels = 100 * 1000 * 1000;
    if (limits.file_bytes == 0)
        limits.file_bytes = 256 << 20;
    if (limits.memory_bytes == 0)
        limits.memory_bytes = 1 << 30;
    if (limits.scans == 0)
        limits.scans = 100;
    return limits;
}

mn_status mn_decode_allow(const mn_decode_input *input, int64_t width, int64_t height, int64_t working, mn_error *err)
{
    const mn_decode_limits *limits = &input->limits;
    if (width <= 0 || height <= 0)
        return mn_fail(err, MN_ERROR_FORMAT, "the size is %" PRId64 "x%" PRId64 " pixels", width, height);
    if (width > INT32_MAX || height > INT32_MAX || width > limits->pixels / height)
        return mn_fail(err, MN_ERROR_LIMIT, "%" PRId64 "x%" PRId64 " pixels, at most %" PRId64 " are allowed", width,
                       height, limits->pixels);
    if (width * height > limits->memory_bytes / working)
        return mn_fail(err, MN_ERROR_LIMIT,
                       "%" PRId64 "x%" PRId64 " pixels take %" PRId64 " bytes each to decode, at most %" PRId64
                       " bytes are allowed",
                       width, height, working, limits->memory_bytes);
    return MN_OK;
}

uint8_t mn_over_white(uint8_t colour, uint8_t alpha)
{
    return (uint8_t)((colour * alpha + 255 * (255 - alpha) + 127) / 255);
}

uint8_t mn_sample_to_byte(uint32_t sample, uint32_t maximum)
{
    return (uint8_t)(((uint64_t)sample * 255 + maximum / 2) / maximum);
}

/* Pictures of kinds that are not read, so that a message can name them. */
static const char *other_kind(const uint8_t *b, size_t size)
{
    static const struct {
        const char *name;
        size_t at, length;
        const char *bytes;
    } kinds[] = {
        {"GIF", 0, 4, "GIF8"},
        {"TIFF", 0, 4, "II*\0"},
        {"TIFF", 0, 4, "MM\0*"},
        {"AVIF", 4, 8, "ftypavif"},
        {"AVIF", 4, 8, "ftypavis"},
        {"HEIC", 4, 8, "ftypheic"},
        {"HEIC", 4, 8, "ftypheix"},
        {"HEIC", 4, 8, "ftypheim"},
        {"HEIC or AVIF", 4, 8, "ftypmif1"},
        {"HEIC", 4, 8, "ftypmsf1"},
        {"JPEG XL", 0, 2, "\xff\x0a"},
        {"JPEG XL", 4, 8, "JXL \r\n\x87\n"},
        {"JPEG 2000", 4, 8, "jP  \r\n\x87\n"},
        {"PDF", 0, 5, "%PDF-"},
        {"SVG", 0, 4, "<svg"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (size >= kinds[i].at + kinds[i].length && memcmp(b + kinds[i].at, kinds[i].bytes, kinds[i].length) == 0)
            return kinds[i].name;
    return NULL;
}

static mn_status fail_unknown(const uint8_t *bytes, size_t size, mn_error *err)
{
    if (size < 4)
        return mn_fail(err, MN_ERROR_FORMAT, "%zu bytes are no picture file", size);
    const char *other = other_kind(bytes, size);
    if (other)
        return mn_fail(err, MN_ERROR_UNSUPPORTED,
                       "%s files are not read; convert it to one of JPEG, PNG, WebP, BMP, PPM or PGM", other);
    return mn_fail_at(
        err, MN_ERROR_FORMAT, 0,
        "first bytes %02x %02x %02x %02x are those of no known picture (JPEG, PNG, WebP, BMP, PPM or PGM)", bytes[0],
        bytes[1], bytes[2], bytes[3]);
}

mn_status mn_image_decode(const void *bytes, size_t size, const mn_decode_limits *limits, mn_image **image,
                          mn_error *err)
{
    if (!image || (!bytes && size > 0))
        return mn_fail(err, MN_ERROR_ARGUMENT, "%s is NULL", image ? "bytes" : "image");
    mn_decode_input input = {bytes, size, fill_limits(limits)};
    if (input.limits.pixels < 0 || input.limits.file_bytes < 0 || input.limits.memory_bytes < 0 ||
        input.limits.scans < 0)
        return mn_fail(err, MN_ERROR_ARGUMENT, "a limit is negative");
    if (size > (uint64_t)input.limits.file_bytes)
        return mn_fail(err, MN_ERROR_LIMIT, "the file has %zu bytes, at most %" PRId64 " are allowed", size,
                       input.limits.file_bytes);
    for (size_t i = 0; i < sizeof decoders / sizeof *decoders; i++) {
        if (!decoders[i]->probe(input.bytes, size))
            continue;
        mn_image *decoded = NULL;
        int orientation = 1;
        mn_status status = decoders[i]->decode(&input, &decoded, &orientation, err);
        if (status == MN_OK)
            status = mn_image_orient(&decoded, orientation, err);
        if (status != MN_OK) {
            mn_image_destroy(decoded);
            return mn_fail_prefix(err, status, decoders[i]->name);
        }
        *image = decoded;
        return MN_OK;
    }
    return fail_unknown(input.bytes, size, err);
}

mn_status mn_image_load(const char *path, const mn_decode_limits *limits, mn_image **image, mn_error *err)
{
    mn_mapping file;
    if (!path)
        return mn_fail(err, MN_ERROR_ARGUMENT, "path is NULL");
    mn_status status = mn_file_map(path, &file, err);
    if (status != MN_OK)
        return status;
    status = mn_image_decode(file.bytes, file.size, limits, image, err);
    mn_file_unmap(&file);
    return status == MN_OK ? MN_OK : mn_fail_prefix(err, status, path);
}
