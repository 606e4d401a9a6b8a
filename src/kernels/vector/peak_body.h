/* Independent chains of multiply-adds: more than latency times throughput needs. Before it, CHAINS says how many, and
 * PEAK_STEP(sum) what a chain does each round. */
#include "kernels/kernels.h"
#include "kernels/unroll.h"

static float run(int64_t rounds)
{
    vec sum[CHAINS];
    MN_UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = vec_all((float)i);
    for (int64_t r = 0; r < rounds; r++) {
        MN_UNROLL
        for (int i = 0; i < CHAINS; i++)
            sum[i] = PEAK_STEP(sum[i]);
    }
    float lanes[VEC_LANES], total = 0;
    for (int i = 1; i < CHAINS; i++)
        sum[0] = vec_add(sum[0], sum[i]);
    vec_store_part(lanes, vec_first(VEC_LANES), sum[0]);
    for (int i = 0; i < VEC_LANES; i++)
        total += lanes[i];
    return total;
}
