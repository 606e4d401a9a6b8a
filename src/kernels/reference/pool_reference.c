/* The definition of the global average pool. */
#include "kernels/kernels.h"

static void run(const mn_pool_args *args)
{
    for (int32_t c = args->channel_begin; c < args->channel_end; c++)
        args->out[c] = 0;
    for (int32_t p = 0; p < args->pixels; p++) {
        const float *in = args->in + (size_t)p * (size_t)(args->in_stride ? args->in_stride : args->channels);
        for (int32_t c = args->channel_begin; c < args->channel_end; c++)
            args->out[c] += in[c];
    }
    for (int32_t c = args->channel_begin; c < args->channel_end; c++)
        args->out[c] /= (float)args->pixels;
}

extern const mn_pool_kernel mn_pool_f32_reference;
const mn_pool_kernel mn_pool_f32_reference = {.name = "mn_pool_f32_reference", .run = run};
