/* The peak of AVX-512 multiply-adds. */
#include "kernels/x86/vector_avx512.h"
#if defined(MN_AVX512)
#define CHAINS         16
#define PEAK_STEP(sum) vec_fma(sum, vec_all(0.999f), vec_all(0.001f))
#include "kernels/vector/peak_body.h"

extern const mn_peak_kernel mn_peak_f32_avx512;
const mn_peak_kernel mn_peak_f32_avx512 = {
    .name = "mn_peak_f32_avx512", .flops_per_round = 2.0 * VEC_LANES * CHAINS, .run = run};
#else
typedef int mn_empty;
#endif
