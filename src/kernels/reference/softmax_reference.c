/* The definition of the softmax: exponentials rounded to float, their sum in double.
 *
 * The exponential is computed in double, so that it does not depend on the C library: e^x = 2^n e^r, n = round(x / ln 2),
 * |r| <= ln 2 / 2, and the Taylor series of degree 13 for e^r, whose rest is below 2^-55.
 */
#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

/* e^x for x <= 0; NaN of a NaN. */
static float exponential(float x)
{
    const double ln2 = 0x1.62e42fefa39efp-1;
    if (x < -104) /* below half of the smallest float */
        return 0;
    if (x != x)
        return x;
    int n = (int)(x / ln2 - 0.5); /* rounds, since it is not positive */
    double r = x - n * ln2, sum = 1;
    for (int i = 13; i > 0; i--)
        sum = 1 + sum * r / i;
    uint64_t bits = (uint64_t)(1023 + n) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return (float)(sum * power);
}

static void run(const float *in, float *out, int32_t count)
{
    float largest = in[0];
    for (int32_t i = 1; i < count; i++)
        if (!(in[i] <= largest))
            largest = in[i]; /* a NaN is taken up, and spreads below */
    double sum = 0;
    for (int32_t i = 0; i < count; i++) {
        out[i] = exponential(in[i] - largest);
        sum += out[i];
    }
    for (int32_t i = 0; i < count; i++)
        out[i] = (float)(out[i] / sum);
}

extern const mn_softmax_kernel mn_softmax_f32_reference;
const mn_softmax_kernel mn_softmax_f32_reference = {.name = "mn_softmax_f32_reference", .run = run};
