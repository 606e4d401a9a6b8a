/* The global average pool for AVX-512. */
#include "kernels/x86/vector_avx512.h"
#if defined(MN_AVX512)
#include "kernels/vector/pool_body.h"

extern const mn_pool_kernel mn_pool_f32_avx512;
const mn_pool_kernel mn_pool_f32_avx512 = {.name = "mn_pool_f32_avx512", .run = run};
#else
typedef int mn_empty;
#endif
