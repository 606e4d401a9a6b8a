/* WebP through libwebp: lossy, lossless, with alpha, EXIF orientation. An animation is refused: which of its
 * pictures is meant is not for us to guess. https://developers.google.com/speed/webp/docs/riff_container
 */
#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>

#include "base/alloc.h"
#include "base/reader.h"
#include "image/decoders.h"

enum { RIFF_HEADER = 12, CHUNK_HEADER = 8 };
/* libwebp keeps up to 4 bytes a pixel (lossless) and 1 for alpha, and tables besides. */
enum { LIBRARY_BYTES = 5, TABLES = 1 << 20 };

static bool probe(const uint8_t *bytes, size_t size)
{
    return size >= RIFF_HEADER && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0;
}

/* Walks the chunks to "EXIF". */
static mn_status find_orientation(const mn_decode_input *input, int *orientation, mn_error *err)
{
    mn_reader in = {input->bytes, input->size};
    size_t at = RIFF_HEADER;
    uint32_t size;
    while (mn_reader_has(&in, at, CHUNK_HEADER) && mn_reader_u32(&in, at + 4, &size)) {
        size_t body = at + CHUNK_HEADER;
        if (!mn_reader_has(&in, body, size))
            break;
        if (memcmp(in.bytes + at, "EXIF", 4) == 0)
            return mn_exif_orientation(in.bytes + body, size, orientation, err);
        at = body + size + (size & 1);
    }
    *orientation = 1;
    return MN_OK;
}

static mn_status fail_code(VP8StatusCode code, mn_error *err)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return mn_fail(err, MN_ERROR_OUT_OF_MEMORY, "no memory for libwebp");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return mn_fail(err, MN_ERROR_UNSUPPORTED, "a feature that libwebp does not have");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return mn_fail(err, MN_ERROR_FORMAT, "truncated: the file ends before the picture is complete");
    default:
        return mn_fail(err, MN_ERROR_FORMAT, "damaged picture data");
    }
}

/* libwebp (1.2.4, lossless) crashes where one of its allocations fails, so memory that it may need is asked for, and
 * given back, before it is called. */
static mn_status check_memory(size_t pixels, mn_error *err)
{
    size_t bytes = pixels * LIBRARY_BYTES + TABLES;
    return mn_memory_suffices(bytes) ? MN_OK : mn_fail_memory(err, bytes, "libwebp");
}

/* Bytes of the RGB or RGBA picture are decoded into `samples`, [height, width, 3 or 4]. */
static mn_status decode_samples(const mn_decode_input *input, WebPDecoderConfig *config, uint8_t *samples,
                                mn_error *err)
{
    int channels = config->input.has_alpha ? 4 : 3;
    config->output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
    config->output.is_external_memory = 1;
    config->output.u.RGBA.rgba = samples;
    config->output.u.RGBA.stride = config->input.width * channels;
    config->output.u.RGBA.size = (size_t)config->output.u.RGBA.stride * (size_t)config->input.height;
    VP8StatusCode code = WebPDecode(input->bytes, input->size, config);
    WebPFreeDecBuffer(&config->output);
    return code == VP8_STATUS_OK ? MN_OK : fail_code(code, err);
}

static mn_status decode(const mn_decode_input *input, mn_image **image, int *orientation, mn_error *err)
{
    WebPDecoderConfig config;
    uint32_t riff_bytes = 0;
    mn_reader_u32(&(mn_reader){input->bytes, input->size}, 4, &riff_bytes);
    if ((uint64_t)riff_bytes + 8 > input->size)
        return mn_fail_at(err, MN_ERROR_FORMAT, 4, "truncated: %zu bytes, %llu are due", input->size,
                          (unsigned long long)riff_bytes + 8);
    if (!WebPInitDecoderConfig(&config))
        return mn_fail(err, MN_ERROR_UNSUPPORTED, "libwebp is of another version than its headers");
    VP8StatusCode code = WebPGetFeatures(input->bytes, input->size, &config.input);
    if (code != VP8_STATUS_OK)
        return fail_code(code, err);
    if (config.input.has_animation)
        return mn_fail(err, MN_ERROR_UNSUPPORTED, "an animation, a single picture is wanted");
    bool alpha = config.input.has_alpha != 0;
    /* the result, its upright copy, and RGBA before them */
    int64_t working = 3 + 3 + LIBRARY_BYTES + (alpha ? 4 : 0);
    mn_status status = mn_decode_allow(input, config.input.width, config.input.height, working, err);
    if (status != MN_OK)
        return status;
    mn_image *decoded;
    status = mn_image_create(config.input.height, config.input.width, 3, &decoded, err);
    if (status != MN_OK)
        return status;
    size_t count = (size_t)decoded->height * (size_t)decoded->width;
    uint8_t *samples = alpha ? mn_calloc(count, 4) : decoded->pixels;
    if (!samples)
        status = mn_fail_memory(err, count * 4, "pixels with alpha");
    if (status == MN_OK)
        status = check_memory(count, err);
    if (status == MN_OK)
        status = decode_samples(input, &config, samples, err);
    if (status == MN_OK && alpha)
        for (size_t i = 0; i < count * 3; i++)
            decoded->pixels[i] = mn_over_white(samples[i / 3 * 4 + i % 3], samples[i / 3 * 4 + 3]);
    if (alpha)
        free(samples);
    if (status == MN_OK)
        status = find_orientation(input, orientation, err);
    if (status != MN_OK) {
        mn_image_destroy(decoded);
        return status;
    }
    *image = decoded;
    return MN_OK;
}

const mn_decoder mn_decoder_webp = {"WebP", probe, decode};
