/* The softmax for NEON. */
#include "kernels/arm/vector_neon.h"
#if defined(MN_NEON)
#include "kernels/vector/softmax_body.h"

extern const mn_softmax_kernel mn_softmax_f32_neon;
const mn_softmax_kernel mn_softmax_f32_neon = {.name = "mn_softmax_f32_neon", .run = run};
#else
typedef int mn_empty;
#endif
