/* The definition of the softmax: exponentials in float, their sum in double. */
#include <math.h>

#include "kernels/kernels.h"

static void run(const float *in, float *out, int32_t count)
{
    float largest = in[0];
    for (int32_t i = 1; i < count; i++)
        if (!(in[i] <= largest))
            largest = in[i]; /* a NaN is taken up, and spreads below */
    double sum = 0;
    for (int32_t i = 0; i < count; i++) {
        out[i] = expf(in[i] - largest);
        sum += out[i];
    }
    for (int32_t i = 0; i < count; i++)
        out[i] = (float)(out[i] / sum);
}

extern const mn_softmax_kernel mn_softmax_f32_reference;
const mn_softmax_kernel mn_softmax_f32_reference = {.name = "mn_softmax_f32_reference", .run = run};
