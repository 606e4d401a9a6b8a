/* Depthwise 3x3, strides 1 and 2, for AVX-512. */
#include "kernels/x86/vector_avx512.h"
#if defined(MN_AVX512)
#include "kernels/vector/dwconv_body.h"

#include "kernels/vector/dwconv3x3_body.h"

extern const mn_dwconv_kernel mn_dwconv3x3s1_f32_2x8_avx512, mn_dwconv3x3s2_f32_2x8_avx512;
const mn_dwconv_kernel mn_dwconv3x3s1_f32_2x8_avx512 = {
    .name = "mn_dwconv3x3s1_f32_2x8_avx512", .kernel = 3, .stride = 1, .run = run};
const mn_dwconv_kernel mn_dwconv3x3s2_f32_2x8_avx512 = {
    .name = "mn_dwconv3x3s2_f32_2x8_avx512", .kernel = 3, .stride = 2, .run = run};
#else
typedef int mn_empty;
#endif
