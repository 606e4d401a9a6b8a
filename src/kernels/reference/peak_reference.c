/* Multiply-adds in plain C, as the compiler's default vectors have them. */
#include "kernels/kernels.h"

#define LANES 32

static float run(int64_t rounds)
{
    float sum[LANES];
    for (int i = 0; i < LANES; i++)
        sum[i] = (float)i;
    for (int64_t r = 0; r < rounds; r++)
        for (int i = 0; i < LANES; i++)
            sum[i] = sum[i] * 0.999f + 0.001f;
    float total = 0;
    for (int i = 0; i < LANES; i++)
        total += sum[i];
    return total;
}

extern const mn_peak_kernel mn_peak_f32_reference;
const mn_peak_kernel mn_peak_f32_reference = {
    .name = "mn_peak_f32_reference", .flops_per_round = 2.0 * LANES, .run = run};
