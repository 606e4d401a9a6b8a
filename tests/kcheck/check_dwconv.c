/* Depthwise convolutions: every channel count of 1..67 and those of real layers, every padding, maps from 1x1 up, strips
 * of rows. */
#include <math.h>
#include <string.h>

#include "kcheck/kcheck.h"

extern const mn_dwconv_kernel mn_dwconv_f32_reference;

enum { SLOT_IN, SLOT_WEIGHTS, SLOT_BIAS, SLOT_OUT, SLOT_OUT_REFERENCE, SLOT_CUT };

/* The largest sum of magnitudes that any output can have, loosely: every tap at the largest input. */
static double bound_of(const mn_dwconv_args *d, bool special)
{
    double taps = (double)d->kernel_height * d->kernel_width;
    return special ? 1e-5 : 2 * (taps + 2) * 0x1p-24 * (taps + 1);
}

static void check(const mn_dwconv_kernel *kernel, mn_dwconv_args d, int32_t rows, bool special, kcheck_result *result)
{
    bool gaps = (d.channels + d.pad_top) % 2 == 0; /* between pixels */
    d.in_stride = gaps ? d.channels + 3 : 0;
    d.out_stride = gaps ? d.channels + 5 : 0;
    size_t in_pixel = (size_t)(gaps ? d.in_stride : d.channels), out_pixel = (size_t)(gaps ? d.out_stride : d.channels);
    size_t in_floats = ((size_t)d.in_height * (size_t)d.in_width - 1) * in_pixel + (size_t)d.channels;
    size_t taps = (size_t)d.kernel_height * (size_t)d.kernel_width;
    size_t row = (size_t)d.out_width * out_pixel;
    float *in = kcheck_floats(SLOT_IN, in_floats), *weights = kcheck_floats(SLOT_WEIGHTS, taps * (size_t)d.channels);
    for (size_t i = 0; i < in_floats; i++)
        in[i] = kcheck_value(1, i, special);
    for (size_t i = 0; i < taps * (size_t)d.channels; i++)
        weights[i] = kcheck_value(2, i, false);
    if (d.channels % 3 != 0) {
        float *bias = kcheck_floats(SLOT_BIAS, (size_t)d.channels);
        for (int32_t c = 0; c < d.channels; c++)
            bias[c] = kcheck_value(3, (uint64_t)c, false);
        d.bias = bias;
    }
    bool clamped = d.channels % 2 == 0;
    d.low = clamped ? -0.25f : -INFINITY;
    d.high = clamped ? 0.5f : INFINITY;
    d.in = in;
    d.weights = weights;
    d.row_begin = rows > 2 ? 1 : 0;
    d.row_end = rows;
    size_t count = (size_t)(d.row_end - d.row_begin) * row - out_pixel + (size_t)d.channels;
    mn_dwconv_args r = d, cut = d;
    d.out = kcheck_floats(SLOT_OUT, count);
    r.out = kcheck_floats(SLOT_OUT_REFERENCE, count);
    kernel->run(&d);
    mn_dwconv_f32_reference.run(&r);
    result->cases++;
    for (size_t i = 0; i < count; i++)
        if (!kcheck_close(d.out[i], r.out[i], bound_of(&d, special))) {
            kcheck_fail(result,
                        "map %dx%d, %d channels, kernel %dx%d, stride %d, pads %d %d: %.9g, reference %.9g, at %zu",
                        d.in_height, d.in_width, d.channels, d.kernel_height, d.kernel_width, d.stride, d.pad_top,
                        d.pad_left, (double)d.out[i], (double)r.out[i], i);
            return;
        }
    if (!kcheck_front_is_whole(SLOT_OUT))
        kcheck_fail(result, "map %dx%d, %d channels: wrote before the start", d.in_height, d.in_width, d.channels);
    float *all = kcheck_floats(SLOT_CUT, count);
    for (int32_t y = d.row_begin; y < d.row_end; y++) {
        cut.row_begin = y;
        cut.row_end = y + 1;
        cut.out = all + (size_t)(y - d.row_begin) * row;
        kernel->run(&cut);
    }
    if (!special && memcmp(all, d.out, count * sizeof *all) != 0)
        kcheck_fail(result, "map %dx%d, %d channels: other bits row by row", d.in_height, d.in_width, d.channels);
}

typedef void check_function(const mn_dwconv_kernel *kernel, mn_dwconv_args d, int32_t rows, bool special,
                            kcheck_result *result);

/* All four paddings 0..kernel-1 before, and after as far as the output extent shows them. */
static void check_pads(const mn_dwconv_kernel *kernel, mn_dwconv_args d, check_function *check_one,
                       kcheck_result *result)
{
    for (int32_t top = 0; top < d.kernel_height; top++)
        for (int32_t left = 0; left < d.kernel_width; left++)
            for (int32_t after = 0; after < 2; after++) {
                int32_t height = (d.in_height + top + after - d.kernel_height);
                int32_t width = (d.in_width + left + after - d.kernel_width);
                if (height < 0 || width < 0)
                    continue;
                mn_dwconv_args e = d;
                e.pad_top = top;
                e.pad_left = left;
                e.out_width = width / d.stride + 1;
                check_one(kernel, e, height / d.stride + 1, (top + left + d.channels) % 7 == 6, result);
            }
}

static void check_channels(const mn_dwconv_kernel *kernel, int32_t size, int32_t stride, check_function *check_one,
                           kcheck_result *result)
{
    for (int32_t channels = 1; channels <= 67; channels++)
        for (int32_t i = 0; i < 2; i++) {
            mn_dwconv_args d = {.in_height = 4 + channels % 4,
                                .in_width = 5 + channels % 9 + i * 7,
                                .channels = channels,
                                .kernel_height = size,
                                .kernel_width = size,
                                .stride = stride};
            check_pads(kernel, d, check_one, result);
        }
    for (int32_t channels = 128; channels <= 1024; channels *= 2) {
        mn_dwconv_args d = {.in_height = 6,
                            .in_width = 14,
                            .channels = channels,
                            .kernel_height = size,
                            .kernel_width = size,
                            .stride = stride};
        check_pads(kernel, d, check_one, result);
    }
    for (int32_t height = 1; height <= 9; height++)
        for (int32_t width = 1; width <= 13; width++) {
            mn_dwconv_args d = {.in_height = height,
                                .in_width = width,
                                .channels = 20,
                                .kernel_height = size,
                                .kernel_width = size,
                                .stride = stride};
            check_pads(kernel, d, check_one, result);
        }
}

void kcheck_each_dwconv(const mn_dwconv_kernel *kernel, check_function *check_one, kcheck_result *result)
{
    if (kernel->kernel > 0) {
        check_channels(kernel, kernel->kernel, kernel->stride, check_one, result);
        return;
    }
    check_channels(kernel, 3, 1, check_one, result);
    check_channels(kernel, 3, 2, check_one, result);
    check_channels(kernel, 2, 3, check_one, result);
    mn_dwconv_args d = {.in_height = 8, .in_width = 9, .channels = 13, .stride = 1};
    for (d.kernel_height = 1; d.kernel_height <= 5; d.kernel_height++)
        for (d.kernel_width = 1; d.kernel_width <= 5; d.kernel_width++)
            check_pads(kernel, d, check_one, result);
}

void kcheck_dwconv(const mn_dwconv_kernel *kernel, kcheck_result *result)
{
    kcheck_each_dwconv(kernel, check, result);
}
