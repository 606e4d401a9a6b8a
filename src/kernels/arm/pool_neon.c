/* The global average pool for NEON. */
#include "kernels/arm/vector_neon.h"
#if defined(MN_NEON)
#include "kernels/vector/pool_body.h"

extern const mn_pool_kernel mn_pool_f32_neon;
const mn_pool_kernel mn_pool_f32_neon = {.name = "mn_pool_f32_neon", .run = run};
#else
typedef int mn_empty;
#endif
