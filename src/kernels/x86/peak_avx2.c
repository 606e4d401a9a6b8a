/* Twelve independent chains of AVX2 multiply-adds: more than latency (4) times throughput (2) needs. */
#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/unroll.h"

#define CHAINS 12

static float run(int64_t rounds)
{
    __m256 sum[CHAINS], x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(0.001f);
    MN_UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm256_set1_ps((float)i);
    for (int64_t r = 0; r < rounds; r++) {
        MN_UNROLL
        for (int i = 0; i < CHAINS; i++)
            sum[i] = _mm256_fmadd_ps(sum[i], x, y);
    }
    float lanes[8], total = 0;
    for (int i = 1; i < CHAINS; i++)
        sum[0] = _mm256_add_ps(sum[0], sum[i]);
    _mm256_storeu_ps(lanes, sum[0]);
    for (int i = 0; i < 8; i++)
        total += lanes[i];
    return total;
}

extern const mn_peak_kernel mn_peak_f32_avx2;
const mn_peak_kernel mn_peak_f32_avx2 = {.name = "mn_peak_f32_avx2", .flops_per_round = 2.0 * 8 * CHAINS, .run = run};
#else
typedef int mn_empty;
#endif
