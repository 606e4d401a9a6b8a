/* The peak of AVX512_BF16's multiply-adds: two products a lane. */
#include "kernels/x86/vector_avx512bf16.h"
#if defined(MN_AVX512BF16)
#define CHAINS         16
#define PEAK_STEP(sum) vec_dot_bf16(_mm512_set1_epi16(0x3b80), _mm512_set1_epi16(0x3f80), sum) /* 2^-8 and 1 */
#include "kernels/vector/peak_body.h"

extern const mn_peak_kernel mn_peak_bf16_avx512bf16;
const mn_peak_kernel mn_peak_bf16_avx512bf16 = {
    .name = "mn_peak_bf16_avx512bf16", .flops_per_round = 2.0 * CHAINS * 2 * VEC_LANES, .run = run};
#else
typedef int mn_empty;
#endif
