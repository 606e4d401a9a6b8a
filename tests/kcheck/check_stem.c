/* The stem against its definition in double: every count of channels, widths around the tiles, every padding, any range of
 * rows, gaps between pixels. The bits must not depend on the range of rows.
 */
#include <math.h>
#include <string.h>

#include "kcheck/kcheck.h"

enum { SLOT_IN, SLOT_WEIGHTS, SLOT_BIAS, SLOT_OUT, SLOT_SCRATCH, SLOT_ONE_ROW };
enum { TAPS = 27 };

static size_t output_floats(const mn_stem_args *s)
{
    return ((size_t)(s->row_end - s->row_begin) * (size_t)s->out_width - 1) * (size_t)s->out_stride +
           (size_t)s->channels;
}

/* Output [y, x, n] in double, and the sum of its terms' magnitudes. */
static double want_at(const mn_stem_args *s, int32_t y, int32_t x, int32_t n, double *magnitude)
{
    double sum = s->bias ? s->bias[n] : 0;
    *magnitude = fabs(sum);
    for (int32_t t = 0; t < TAPS; t++) {
        int32_t row = 2 * y - s->pad_top + t / 9, column = 2 * x - s->pad_left + t / 3 % 3;
        if (row < 0 || row >= s->in_height || column < 0 || column >= s->in_width)
            continue;
        double term = (double)s->in[((ptrdiff_t)row * s->in_width + column) * 3 + t % 3] *
                      (double)s->weights[t * s->weight_stride + n];
        sum += term;
        *magnitude += fabs(term);
    }
    return sum < s->low ? s->low : sum > s->high ? s->high : sum;
}

static void compare(const mn_stem_args *s, kcheck_result *result)
{
    for (size_t i = 0, floats = output_floats(s); i < floats; i++) {
        int32_t n = (int32_t)(i % (size_t)s->out_stride), pixel = (int32_t)(i / (size_t)s->out_stride);
        int32_t y = s->row_begin + pixel / s->out_width, x = pixel % s->out_width;
        double magnitude = 0;
        if (n >= s->channels) {
            if (!isnan(s->out[i]))
                kcheck_fail(result, "image %dx%d, %d channels: wrote between two pixels", s->in_height, s->in_width,
                            s->channels);
            continue;
        }
        double want = want_at(s, y, x, n, &magnitude);
        if (!kcheck_close(s->out[i], (float)want, 2 * (TAPS + 2) * 0x1p-24 * magnitude))
            kcheck_fail(result, "image %dx%d, padding %d %d: output [%d, %d, %d] is %.9g, must be %.9g", s->in_height,
                        s->in_width, s->pad_top, s->pad_left, y, x, n, (double)s->out[i], want);
    }
    if (!kcheck_front_is_whole(SLOT_OUT))
        kcheck_fail(result, "image %dx%d, %d channels: wrote before the output", s->in_height, s->in_width,
                    s->channels);
}

/* The last row alone, once more. */
static void compare_bits(const mn_stem_kernel *kernel, mn_stem_args s, kcheck_result *result)
{
    const float *last = s.out + (ptrdiff_t)(s.row_end - 1 - s.row_begin) * s.out_width * s.out_stride;
    s.row_begin = s.row_end - 1;
    s.out = kcheck_floats(SLOT_ONE_ROW, output_floats(&s));
    kernel->run(&s);
    if (memcmp(s.out, last, output_floats(&s) * sizeof *last) != 0)
        kcheck_fail(result, "image %dx%d, %d channels: the last row has other bits alone", s.in_height, s.in_width,
                    s.channels);
}

static void check(const mn_stem_kernel *kernel, mn_stem_args s, kcheck_result *result)
{
    size_t in_floats = (size_t)(s.in_height * s.in_width * 3);
    size_t weight_floats = (size_t)((TAPS - 1) * s.weight_stride + kernel->channels_max);
    float *in = kcheck_floats(SLOT_IN, in_floats), *weights = kcheck_floats(SLOT_WEIGHTS, weight_floats);
    float *bias = kcheck_floats(SLOT_BIAS, (size_t)s.channels);
    for (size_t i = 0; i < in_floats; i++)
        in[i] = kcheck_value(1, i, s.in_height % 2 == 0);
    for (size_t i = 0; i < weight_floats; i++)
        weights[i] = (int32_t)(i % (size_t)s.weight_stride) < s.channels ? kcheck_value(2, i, false) : 0;
    for (int32_t n = 0; n < s.channels; n++)
        bias[n] = kcheck_value(3, (uint64_t)n, false);
    s.in = in;
    s.weights = weights;
    s.bias = s.in_width % 5 == 0 ? NULL : bias;
    s.out = kcheck_floats(SLOT_OUT, output_floats(&s));
    s.scratch = kcheck_floats(SLOT_SCRATCH, kernel->scratch_floats(s.out_width));
    kernel->run(&s);
    result->cases++;
    compare(&s, result);
    compare_bits(kernel, s, result);
}

void kcheck_stem(const mn_stem_kernel *kernel, kcheck_result *result)
{
    static const int32_t widths[] = {1,  2,  3,  15, 16, 17,  31,  32,  33,  34, 47,
                                     63, 64, 65, 66, 96, 127, 128, 129, 160, 224};
    for (int32_t channels = 1; channels <= kernel->channels_max; channels++)
        for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
            for (int32_t shape = 0; shape < 9; shape++) {
                int32_t width = widths[w], height = 1 + (shape + channels) % 8;
                mn_stem_args s = {.in_height = height,
                                  .in_width = width,
                                  .out_width = (width + 1) / 2,
                                  .channels = channels,
                                  .pad_top = shape % 3,
                                  .pad_left = shape / 3,
                                  .row_begin = height > 2 ? shape % 2 : 0,
                                  .row_end = (height + 1) / 2,
                                  .weight_stride = kernel->channels_max + shape % 2 * 8,
                                  .out_stride = channels + shape % 4 * 2,
                                  .low = shape % 2 ? 0 : -INFINITY,
                                  .high = shape % 2 ? 0.5f : INFINITY};
                check(kernel, s, result);
            }
}
