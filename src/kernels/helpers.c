/* What callers of the kernels need at every level: sizes of packed panels, plain products, padded rows. */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"

size_t mn_packed_floats(const mn_gemm_kernel *kernel, int32_t n, int32_t k)
{
    size_t columns = (size_t)kernel->tile_columns;
    return ((size_t)n + columns - 1) / columns * columns * (size_t)k;
}

static size_t round_up(size_t value, int32_t unit)
{
    return unit > 1 ? (value + (size_t)unit - 1) / (size_t)unit * (size_t)unit : value;
}

size_t mn_panel_elements(const mn_gemm_kernel *kernel, int32_t segments, int32_t k)
{
    size_t length = (size_t)segments * round_up((size_t)k, kernel->segment_unit);
    return (size_t)kernel->tile_columns * round_up(length, kernel->k_unit);
}

size_t mn_panel_element_bytes(const mn_gemm_kernel *kernel)
{
    return kernel->k_unit > 0 ? sizeof(mn_bf16) : sizeof(float);
}

mn_gemm_args mn_gemm_plain(int32_t m, int32_t n, int32_t k, const float *a, const float *packed_b, size_t panel_stride,
                           float *c)
{
    return (mn_gemm_args){
        .m = m,
        .n = n,
        .segments = 1,
        .k = k,
        .a = a,
        .row_stride = k,
        .k_stride = 1,
        .group_rows = m > 0 ? m : 1,
        .b = packed_b,
        .panel_stride = panel_stride,
        .c = c,
        .c_row_stride = n,
        .low = -INFINITY,
        .high = INFINITY,
    };
}

/* `count` elements from number `first` of `in` on. */
static void copy(const mn_pad_args *args, size_t first, size_t count, char *out)
{
    if (args->narrow)
        args->narrow->run((const float *)args->in + first, (mn_bf16 *)(void *)out, count);
    else
        memcpy(out, (const char *)args->in + first * args->element_bytes, count * args->element_bytes);
}

void mn_pad_rows(const mn_pad_args *args)
{
    size_t pixel = (size_t)args->channels, stride = args->in_stride ? (size_t)args->in_stride : pixel;
    size_t pixel_bytes = pixel * args->element_bytes, row_bytes = (size_t)args->out_width * pixel_bytes;
    int32_t left = args->pad_left < args->out_width ? args->pad_left : args->out_width;
    int32_t inside = args->out_width - left < args->in_width ? args->out_width - left : args->in_width;
    for (int32_t i = 0; i < args->out_rows; i++) {
        char *out = (char *)args->out + (size_t)i * row_bytes;
        int32_t y = args->row_begin + i - args->pad_top;
        if (y < 0 || y >= args->in_height) {
            memset(out, 0, row_bytes);
            continue;
        }
        memset(out, 0, (size_t)left * pixel_bytes);
        size_t in = (size_t)y * (size_t)args->in_width * stride;
        if (stride == pixel)
            copy(args, in, (size_t)inside * pixel, out + (size_t)left * pixel_bytes);
        else
            for (int32_t x = 0; x < inside; x++)
                copy(args, in + (size_t)x * stride, pixel, out + (size_t)(left + x) * pixel_bytes);
        size_t written = (size_t)(left + inside) * pixel_bytes;
        memset(out + written, 0, row_bytes - written);
    }
}
