/* The transforms of Winograd's convolution for AVX2. */
#if defined(__AVX2__) && defined(__FMA__)
#include "kernels/x86/vector_avx2.h"

#include "kernels/vector/winograd_body.h"

extern const mn_winograd_kernel mn_winograd_f32_avx2;
const mn_winograd_kernel mn_winograd_f32_avx2 = {
    .name = "mn_winograd_f32_2x2_avx2", .input = winograd_input, .output = winograd_output};
#else
typedef int mn_empty;
#endif
