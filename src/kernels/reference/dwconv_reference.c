/* The definition of the depthwise convolution. */
#include "kernels/kernels.h"

static void run(const mn_dwconv_args *args)
{
    float *out = args->out;
    size_t in_stride = (size_t)(args->in_stride ? args->in_stride : args->channels);
    int32_t out_stride = args->out_stride ? args->out_stride : args->channels;
    for (int32_t y = args->row_begin; y < args->row_end; y++)
        for (int32_t x = 0; x < args->out_width; x++, out += out_stride) {
            for (int32_t c = 0; c < args->channels; c++)
                out[c] = args->bias ? args->bias[c] : 0;
            for (int32_t kh = 0; kh < args->kernel_height; kh++)
                for (int32_t kw = 0; kw < args->kernel_width; kw++) {
                    int32_t ih = y * args->stride - args->pad_top + kh, iw = x * args->stride - args->pad_left + kw;
                    if (ih < 0 || ih >= args->in_height || iw < 0 || iw >= args->in_width)
                        continue;
                    const float *in = args->in + ((size_t)ih * (size_t)args->in_width + (size_t)iw) * in_stride;
                    const float *w = args->weights + (size_t)(kh * args->kernel_width + kw) * args->channels;
                    for (int32_t c = 0; c < args->channels; c++)
                        out[c] += in[c] * w[c];
                }
            for (int32_t c = 0; c < args->channels; c++)
                out[c] = out[c] < args->low ? args->low : out[c] > args->high ? args->high : out[c];
        }
}

extern const mn_dwconv_kernel mn_dwconv_f32_reference;
const mn_dwconv_kernel mn_dwconv_f32_reference = {.name = "mn_dwconv_f32_reference", .run = run};
