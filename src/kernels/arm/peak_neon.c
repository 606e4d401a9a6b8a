/* The peak of NEON multiply-adds. */
#include "kernels/arm/vector_neon.h"
#if defined(MN_NEON)
#define CHAINS         16
#define PEAK_STEP(sum) vec_fma(sum, vec_all(0.999f), vec_all(0.001f))
#include "kernels/vector/peak_body.h"

extern const mn_peak_kernel mn_peak_f32_neon;
const mn_peak_kernel mn_peak_f32_neon = {
    .name = "mn_peak_f32_neon", .flops_per_round = 2.0 * VEC_LANES * CHAINS, .run = run};
#else
typedef int mn_empty;
#endif
