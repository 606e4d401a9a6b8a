/* Depthwise 3x3, strides 1 and 2, for NEON. */
#include "kernels/arm/vector_neon.h"
#if defined(MN_NEON)
#include "kernels/vector/dwconv_body.h"

#include "kernels/vector/dwconv3x3_body.h"

extern const mn_dwconv_kernel mn_dwconv3x3s1_f32_2x8_neon, mn_dwconv3x3s2_f32_2x8_neon;
const mn_dwconv_kernel mn_dwconv3x3s1_f32_2x8_neon = {
    .name = "mn_dwconv3x3s1_f32_2x8_neon", .kernel = 3, .stride = 1, .run = run};
const mn_dwconv_kernel mn_dwconv3x3s2_f32_2x8_neon = {
    .name = "mn_dwconv3x3s2_f32_2x8_neon", .kernel = 3, .stride = 2, .run = run};
#else
typedef int mn_empty;
#endif
