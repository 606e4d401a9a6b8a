/* Independent chains of AVX512_BF16 multiply-adds: more than latency times throughput needs. */
#include "kernels/x86/vector_avx512bf16.h"
#if defined(MN_AVX512BF16)
#include "kernels/kernels.h"
#include "kernels/unroll.h"

#define CHAINS 16

static float run(int64_t rounds)
{
    vec sum[CHAINS];
    const __m512i x = _mm512_set1_epi16(0x3b80), y = _mm512_set1_epi16(0x3f80); /* 2^-8 and 1 */
    MN_UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = vec_all((float)i);
    for (int64_t r = 0; r < rounds; r++) {
        MN_UNROLL
        for (int i = 0; i < CHAINS; i++)
            sum[i] = vec_dot_bf16(x, y, sum[i]);
    }
    float lanes[VEC_LANES], total = 0;
    for (int i = 1; i < CHAINS; i++)
        sum[0] = vec_add(sum[0], sum[i]);
    vec_store(lanes, sum[0]);
    for (int i = 0; i < VEC_LANES; i++)
        total += lanes[i];
    return total;
}

extern const mn_peak_kernel mn_peak_bf16_avx512bf16;
const mn_peak_kernel mn_peak_bf16_avx512bf16 = {
    .name = "mn_peak_bf16_avx512bf16", .flops_per_round = 2.0 * CHAINS * 2 * VEC_LANES, .run = run};
#else
typedef int mn_empty;
#endif
