/* The softmax. The exponential of x <= 0 is 2^n e^r with n = round(x / ln 2) and |r| <= ln 2 / 2: a polynomial of
 * degree 6 for e^r (the Taylor series; its rest is below 2^-27), ln 2 in two parts. It is within two units of the
 * last place. The sum is kept in double, in eight chains of a fixed order.
 */
#include "kernels/kernels.h"
#include "kernels/unroll.h"

VEC_INLINE vec softmax_exp(vec x)
{
    const vec magic = vec_all(0x1.8p23f); /* adding it rounds to a whole number */
    x = vec_at_least(x, vec_all(-150));   /* e^-150 is 0 in floats; -inf comes here too, a NaN stays */
    vec magic_sum = vec_fma(x, vec_all(0x1.715476p+0f), magic), n = vec_sub(magic_sum, magic);
    vec r = vec_fma(n, vec_all(-0x1.62e4p-1f), x);
    r = vec_fma(n, vec_all(-0x1.7f7d1cp-20f), r);
    vec sum = vec_all(1.0f / 720);
    sum = vec_fma(sum, r, vec_all(1.0f / 120));
    sum = vec_fma(sum, r, vec_all(1.0f / 24));
    sum = vec_fma(sum, r, vec_all(1.0f / 6));
    sum = vec_fma(sum, r, vec_all(0.5f));
    sum = vec_fma(sum, r, vec_all(1));
    sum = vec_fma(sum, r, vec_all(1));
    return vec_times_power(sum, magic_sum, magic);
}

static float softmax_largest(const float *in, int32_t count)
{
    float lanes[VEC_LANES], largest = in[0];
    int32_t i = 0;
    if (count >= VEC_LANES) {
        vec all = vec_load(in);
        for (i = VEC_LANES; i + VEC_LANES <= count; i += VEC_LANES)
            all = vec_at_least(vec_load(in + i), all); /* a NaN in a lane may be lost here: its exponential is NaN */
        vec_store(lanes, all);
        for (int l = 0; l < VEC_LANES; l++)
            largest = lanes[l] > largest ? lanes[l] : largest;
    }
    for (; i < count; i++)
        largest = in[i] > largest ? in[i] : largest;
    return largest;
}

static double softmax_sum(const float *values, int32_t count)
{
    double sums[8] = {0};
    int32_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int l = 0; l < 8; l++)
            sums[l] += values[i + l];
    for (; i < count; i++)
        sums[i % 8] += values[i];
    return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

static void run(const float *in, float *out, int32_t count)
{
    vec largest = vec_all(softmax_largest(in, count));
    for (int32_t i = 0; i < count; i += VEC_LANES) {
        vec_part part = vec_first(count - i);
        vec_store_part(out + i, part, softmax_exp(vec_sub(vec_load_part(in + i, part), largest)));
    }
    vec sum = vec_all((float)softmax_sum(out, count));
    for (int32_t i = 0; i < count; i += VEC_LANES) {
        vec_part part = vec_first(count - i);
        vec_store_part(out + i, part, vec_div(vec_load_part(out + i, part), sum));
    }
}
