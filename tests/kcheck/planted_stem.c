/* The stem as its definition, and wrong ones made from it. */
#include <math.h>
#include <string.h>

#include "kcheck/planted.h"

static volatile float sink;

static size_t one_float(int32_t out_width)
{
    (void)out_width;
    return 1;
}

static void plain(const mn_stem_args *s)
{
    for (int32_t y = s->row_begin; y < s->row_end; y++)
        for (int32_t x = 0; x < s->out_width; x++)
            for (int32_t n = 0; n < s->channels; n++) {
                float sum = s->bias ? s->bias[n] : 0;
                for (int32_t t = 0; t < 27; t++) {
                    int32_t row = 2 * y - s->pad_top + t / 9, column = 2 * x - s->pad_left + t / 3 % 3;
                    if (row >= 0 && row < s->in_height && column >= 0 && column < s->in_width)
                        sum += s->in[((ptrdiff_t)row * s->in_width + column) * 3 + t % 3] *
                               s->weights[t * s->weight_stride + n];
                }
                sum = sum < s->low ? s->low : sum > s->high ? s->high : sum;
                s->out[((ptrdiff_t)(y - s->row_begin) * s->out_width + x) * s->out_stride + n] = sum;
            }
}

static void ignores_padding(const mn_stem_args *args)
{
    mn_stem_args other = *args;
    other.pad_left = 0;
    plain(&other);
}

static void ignores_padding_above(const mn_stem_args *args)
{
    mn_stem_args other = *args;
    other.pad_top = 0;
    plain(&other);
}

static void ignores_the_clamp(const mn_stem_args *args)
{
    mn_stem_args other = *args;
    other.low = -INFINITY;
    other.high = INFINITY;
    plain(&other);
}

static void turns_nan_to_zero(const mn_stem_args *args)
{
    plain(args);
    for (ptrdiff_t i = 0; i < (ptrdiff_t)(args->row_end - args->row_begin) * args->out_width; i++)
        for (int32_t n = 0; n < args->channels; n++) {
            float *out = &args->out[i * args->out_stride + n];
            *out = isnan(*out) ? 0 : *out;
        }
}

static void writes_between_pixels(const mn_stem_args *args)
{
    plain(args);
    if (args->out_width > 1 && args->out_stride > args->channels)
        args->out[args->channels] = 0;
}

static void ignores_bias(const mn_stem_args *args)
{
    mn_stem_args other = *args;
    other.bias = NULL;
    plain(&other);
}

static void reads_past_the_image(const mn_stem_args *args)
{
    plain(args);
    sink = args->in[(ptrdiff_t)args->in_height * args->in_width * 3];
}

static void writes_whole_vectors(const mn_stem_args *args)
{
    plain(args);
    ptrdiff_t last = (ptrdiff_t)(args->row_end - args->row_begin) * args->out_width - 1;
    memset(args->out + last * args->out_stride, 0, 8 * sizeof *args->out);
}

static void forgets_the_odd_pixel(const mn_stem_args *args)
{
    plain(args);
    if (args->out_width % 16 == 1)
        args->out[(args->out_width - 1) * args->out_stride] = 0;
}

static void depends_on_the_range(const mn_stem_args *args)
{
    plain(args);
    if (args->row_end - args->row_begin == 1)
        args->out[0] += args->out[0] * 0x1p-23f;
}

#define CHECK(fault)                                                                                                   \
    static void check_##fault(kcheck_result *result)                                                                   \
    {                                                                                                                  \
        kcheck_stem(&(mn_stem_kernel){.name = #fault, .channels_max = 8, .scratch_floats = one_float, .run = fault},   \
                    result);                                                                                           \
    }
CHECK(plain)
CHECK(ignores_padding)
CHECK(ignores_padding_above)
CHECK(ignores_the_clamp)
CHECK(turns_nan_to_zero)
CHECK(writes_between_pixels)
CHECK(ignores_bias)
CHECK(reads_past_the_image)
CHECK(writes_whole_vectors)
CHECK(forgets_the_odd_pixel)
CHECK(depends_on_the_range)

const planted_check planted_stem_plain = {"the plain stem", check_plain};
const planted_check planted_stem_faults[] = {
    {"a stem that ignores the padding", check_ignores_padding},
    {"a stem that ignores the padding above", check_ignores_padding_above},
    {"a stem that ignores the clamp", check_ignores_the_clamp},
    {"a stem that turns NaN into a number", check_turns_nan_to_zero},
    {"a stem that writes between two pixels", check_writes_between_pixels},
    {"a stem that ignores the bias", check_ignores_bias},
    {"a stem that reads past the image", check_reads_past_the_image},
    {"a stem that writes whole vectors", check_writes_whole_vectors},
    {"a stem that forgets the pixel behind a tile", check_forgets_the_odd_pixel},
    {"a stem whose bits depend on the range", check_depends_on_the_range},
    {0},
};
