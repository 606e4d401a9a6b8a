/* The transforms of Winograd's convolution for NEON. */
#include "kernels/arm/vector_neon.h"
#if defined(MN_NEON)
#include "kernels/vector/winograd_body.h"

extern const mn_winograd_kernel mn_winograd_f32_neon;
const mn_winograd_kernel mn_winograd_f32_neon = {
    .name = "mn_winograd_f32_2x2_neon", .input = winograd_input, .output = winograd_output};
#else
typedef int mn_empty;
#endif
