/* The peak of AVX2 multiply-adds. */
#if defined(__AVX2__) && defined(__FMA__)
#include "kernels/x86/vector_avx2.h"
#define CHAINS         12
#define PEAK_STEP(sum) vec_fma(sum, vec_all(0.999f), vec_all(0.001f))
#include "kernels/vector/peak_body.h"

extern const mn_peak_kernel mn_peak_f32_avx2;
const mn_peak_kernel mn_peak_f32_avx2 = {
    .name = "mn_peak_f32_avx2", .flops_per_round = 2.0 * VEC_LANES * CHAINS, .run = run};
#else
typedef int mn_empty;
#endif
