/* Independent chains of NEON multiply-adds: more than latency times throughput needs. */
#include "kernels/arm/vector_neon.h"
#if defined(MN_NEON)
#include "kernels/kernels.h"
#include "kernels/unroll.h"

#define CHAINS 16

static float run(int64_t rounds)
{
    vec sum[CHAINS], x = vec_all(0.999f), y = vec_all(0.001f);
    MN_UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = vec_all((float)i);
    for (int64_t r = 0; r < rounds; r++) {
        MN_UNROLL
        for (int i = 0; i < CHAINS; i++)
            sum[i] = vec_fma(x, y, sum[i]);
    }
    float lanes[VEC_LANES], total = 0;
    for (int i = 1; i < CHAINS; i++)
        sum[0] = vec_add(sum[0], sum[i]);
    vec_store(lanes, sum[0]);
    for (int i = 0; i < VEC_LANES; i++)
        total += lanes[i];
    return total;
}

extern const mn_peak_kernel mn_peak_f32_neon;
const mn_peak_kernel mn_peak_f32_neon = {
    .name = "mn_peak_f32_neon", .flops_per_round = 2.0 * VEC_LANES * CHAINS, .run = run};
#else
typedef int mn_empty;
#endif
