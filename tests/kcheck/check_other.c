/* Pool and softmax: every length of 1..67 and some long ones. */
#include <math.h>
#include <string.h>

#include "kcheck/kcheck.h"

extern const mn_pool_kernel mn_pool_f32_reference;
extern const mn_softmax_kernel mn_softmax_f32_reference;

enum { SLOT_IN, SLOT_OUT, SLOT_OUT_REFERENCE };

static void check_pool(const mn_pool_kernel *kernel, mn_pool_args p, bool special, kcheck_result *result)
{
    p.in_stride = special ? 0 : p.channels + p.pixels % 3; /* gaps between pixels */
    size_t pixel = (size_t)(special ? p.channels : p.in_stride), channels = (size_t)p.channels;
    size_t count = (size_t)(p.pixels - 1) * pixel + channels;
    float *in = kcheck_floats(SLOT_IN, count);
    for (size_t i = 0; i < count; i++)
        in[i] = kcheck_value(1, i, special);
    p.in = in;
    mn_pool_args r = p;
    p.out = kcheck_floats(SLOT_OUT, channels);
    r.out = kcheck_floats(SLOT_OUT_REFERENCE, channels);
    kernel->run(&p);
    mn_pool_f32_reference.run(&r);
    result->cases++;
    for (size_t c = 0; c < channels; c++)
        if (!kcheck_close(p.out[c], r.out[c], 2 * (p.pixels + 2) * 0x1p-24)) {
            kcheck_fail(result, "%d pixels, %d channels: %.9g, reference %.9g, at %zu", p.pixels, p.channels,
                        (double)p.out[c], (double)r.out[c], c);
            return;
        }
    if (!kcheck_front_is_whole(SLOT_OUT))
        kcheck_fail(result, "%d pixels, %d channels: wrote before the start", p.pixels, p.channels);
}

void kcheck_pool(const mn_pool_kernel *kernel, kcheck_result *result)
{
    static const int32_t pixels[] = {1, 2, 7, 49, 50};
    for (int32_t channels = 1; channels <= 131; channels += channels < 67 ? 1 : 16)
        for (size_t i = 0; i < 5; i++) {
            mn_pool_args p = {.pixels = pixels[i], .channels = channels, .channel_end = channels};
            check_pool(kernel, p, false, result);
            check_pool(kernel, p, true, result);
            p.channel_begin = channels / 3;
            p.channel_end = channels - channels / 4;
            check_pool(kernel, p, false, result);
        }
}

static void check_softmax(const mn_softmax_kernel *kernel, int32_t count, float scale, int special,
                          kcheck_result *result)
{
    float *in = kcheck_floats(SLOT_IN, (size_t)count), *out = kcheck_floats(SLOT_OUT, (size_t)count);
    float *want = kcheck_floats(SLOT_OUT_REFERENCE, (size_t)count);
    for (int32_t i = 0; i < count; i++)
        in[i] = scale * kcheck_value(1, (uint64_t)(i + count), false);
    static const float specials[] = {0, NAN, INFINITY, -INFINITY, -0.0f, 3e38f};
    if (special)
        in[count / 2] = specials[special];
    kernel->run(in, out, count);
    mn_softmax_f32_reference.run(in, want, count);
    result->cases++;
    for (int32_t i = 0; i < count; i++)
        if (!kcheck_close(out[i], want[i], 16 * 0x1p-24 * (double)want[i] + 1.2e-38)) {
            kcheck_fail(result, "%d values of scale %g: %.9g, reference %.9g, at %d", count, (double)scale,
                        (double)out[i], (double)want[i], i);
            return;
        }
    if (!kcheck_front_is_whole(SLOT_OUT))
        kcheck_fail(result, "%d values: wrote before the start", count);
    kernel->run(in, in, count);
    if (memcmp(in, out, (size_t)count * sizeof *in) != 0 && !isnan(out[0]))
        kcheck_fail(result, "%d values: other results in place", count);
}

void kcheck_softmax(const mn_softmax_kernel *kernel, kcheck_result *result)
{
    static const float scales[] = {0, 1, 20, 200, 1e30f};
    for (int32_t count = 1; count <= 1000; count += count < 67 ? 1 : 311)
        for (size_t s = 0; s < 5; s++)
            for (int special = 0; special < 6; special++)
                check_softmax(kernel, count, scales[s], special, result);
}
