/* The transforms of Winograd's convolution for AVX-512. */
#include "kernels/x86/vector_avx512.h"
#if defined(MN_AVX512)
#include "kernels/vector/winograd_body.h"

extern const mn_winograd_kernel mn_winograd_f32_avx512;
const mn_winograd_kernel mn_winograd_f32_avx512 = {
    .name = "mn_winograd_f32_2x2_avx512", .input = winograd_input, .output = winograd_output};
#else
typedef int mn_empty;
#endif
