/* Depthwise convolution of any size and stride for NEON. */
#include "kernels/arm/vector_neon.h"
#if defined(MN_NEON)
#include "kernels/vector/dwconv_body.h"

static void run(const mn_dwconv_args *d)
{
    for (int32_t y = d->row_begin; y < d->row_end; y++)
        for (int32_t x = 0; x < d->out_width; x++)
            dwconv_at(d, y, x, 0);
}

extern const mn_dwconv_kernel mn_dwconv_f32_neon;
const mn_dwconv_kernel mn_dwconv_f32_neon = {.name = "mn_dwconv_f32_neon", .run = run};
#else
typedef int mn_empty;
#endif
