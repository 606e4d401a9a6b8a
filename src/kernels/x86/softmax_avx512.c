/* The softmax for AVX-512. */
#include "kernels/x86/vector_avx512.h"
#if defined(MN_AVX512)
#include "kernels/vector/softmax_body.h"

extern const mn_softmax_kernel mn_softmax_f32_avx512;
const mn_softmax_kernel mn_softmax_f32_avx512 = {.name = "mn_softmax_f32_avx512", .run = run};
#else
typedef int mn_empty;
#endif
