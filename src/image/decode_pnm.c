/* PGM and PPM: P2 and P5 (gray), P3 and P6 (RGB); P2 and P3 are text. Samples 0..maxval, maxval to 65535, two bytes
 * (big end first) above 255. Only the first picture of a file is read. http://netpbm.sourceforge.net/doc/
 */
#include <string.h>

#include "base/alloc.h"
#include "image/decoders.h"

typedef struct cursor {
    const uint8_t *bytes;
    size_t size, at;
} cursor;

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool probe(const uint8_t *bytes, size_t size)
{
    return size >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '7' &&
           (is_space(bytes[2]) || bytes[2] == '#');
}

static void skip_space(cursor *in)
{
    while (in->at < in->size && (is_space(in->bytes[in->at]) || in->bytes[in->at] == '#')) {
        if (in->bytes[in->at] == '#')
            while (in->at < in->size && in->bytes[in->at] != '\n' && in->bytes[in->at] != '\r')
                in->at++;
        else
            in->at++;
    }
}

/* A decimal number up to `maximum` after any white space and comments. */
static mn_status read_number(cursor *in, const char *what, uint32_t maximum, uint32_t *number, mn_error *err)
{
    skip_space(in);
    size_t start = in->at;
    uint64_t value = 0;
    while (in->at < in->size && in->bytes[in->at] >= '0' && in->bytes[in->at] <= '9' && value <= maximum)
        value = value * 10 + (in->bytes[in->at++] - '0');
    if (in->at == start && in->at == in->size)
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)start, "truncated: the file ends before %s", what);
    if (in->at == start)
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)start, "byte 0x%02x where %s is wanted", in->bytes[start],
                          what);
    if (value > maximum)
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)start, "%s is above %u", what, maximum);
    *number = (uint32_t)value;
    return MN_OK;
}

static mn_status read_text(cursor *in, uint32_t maxval, uint8_t *pixels, size_t count, mn_error *err)
{
    uint32_t sample;
    for (size_t i = 0; i < count; i++) {
        mn_status status = read_number(in, "a sample", maxval, &sample, err);
        if (status != MN_OK)
            return status;
        pixels[i] = mn_sample_to_byte(sample, maxval);
    }
    return MN_OK;
}

static mn_status read_binary(cursor *in, uint32_t maxval, uint8_t *pixels, size_t count, mn_error *err)
{
    size_t width = maxval > 255 ? 2 : 1;
    const uint8_t *source = in->bytes + in->at;
    for (size_t i = 0; i < count; i++) {
        uint32_t sample = width == 1 ? source[i] : (uint32_t)(source[2 * i] << 8 | source[2 * i + 1]);
        if (sample > maxval)
            return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)(in->at + i * width), "sample %u is above the maxval %u",
                              sample, maxval);
        pixels[i] = maxval == 255 ? (uint8_t)sample : mn_sample_to_byte(sample, maxval);
    }
    return MN_OK;
}

static mn_status decode(const mn_decode_input *input, mn_image **image, int *orientation, mn_error *err)
{
    cursor in = {input->bytes, input->size, 2};
    char kind = (char)input->bytes[1];
    uint32_t width, height, maxval;
    mn_status status;
    if (kind != '2' && kind != '3' && kind != '5' && kind != '6')
        return mn_fail_at(err, MN_ERROR_UNSUPPORTED, 0, "kind P%c, only P2, P3, P5 and P6 are read", kind);
    int32_t channels = kind == '3' || kind == '6' ? 3 : 1;
    bool text = kind == '2' || kind == '3';
    if ((status = read_number(&in, "the width", INT32_MAX, &width, err)) != MN_OK ||
        (status = read_number(&in, "the height", INT32_MAX, &height, err)) != MN_OK ||
        (status = read_number(&in, "the maxval", 65535, &maxval, err)) != MN_OK)
        return status;
    if (maxval == 0)
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)in.at, "the maxval is 0");
    if ((status = mn_decode_allow(input, width, height, channels, err)) != MN_OK)
        return status;
    if (in.at >= in.size)
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)in.at, "truncated: the file ends before the pixels");
    if (!is_space(in.bytes[in.at]))
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)in.at, "no white space between the maxval and the pixels");
    in.at++;
    size_t count = (size_t)width * height * (size_t)channels;
    size_t least = text ? count * 2 - 1 : count * (maxval > 255 ? 2 : 1); /* a digit and a space each */
    if (in.size - in.at < least)
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)in.size,
                          "truncated: %zu bytes of pixels, at least %zu are due", in.size - in.at, least);
    mn_image *decoded;
    if ((status = mn_image_create((int32_t)height, (int32_t)width, channels, &decoded, err)) != MN_OK)
        return status;
    status = text ? read_text(&in, maxval, decoded->pixels, count, err)
                  : read_binary(&in, maxval, decoded->pixels, count, err);
    if (status != MN_OK) {
        mn_image_destroy(decoded);
        return status;
    }
    *image = decoded;
    *orientation = 1;
    return MN_OK;
}

const mn_decoder mn_decoder_pnm = {"PNM", probe, decode};
