/* Depthwise convolution of any size and stride, a pixel at a time, channels innermost: a range of taps is one chain a
 * channel, four vectors of channels at once. Also what the 3x3 kernels (dwconv3x3_body.h) use at odd borders.
 */
#include "kernels/kernels.h"
#include "kernels/unroll.h"

VEC_INLINE int32_t dwconv_limit(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Floats from a pixel to the next, of the input and of the output. */
VEC_INLINE ptrdiff_t dwconv_in_pixel(const mn_dwconv_args *d)
{
    return d->in_stride ? d->in_stride : d->channels;
}

VEC_INLINE ptrdiff_t dwconv_out_pixel(const mn_dwconv_args *d)
{
    return d->out_stride ? d->out_stride : d->channels;
}

/* The taps of a window that lie inside the map. */
typedef struct dwconv_taps {
    int32_t h0, h1, w0, w1;
} dwconv_taps;

/* `vectors` vectors of channels from c on, the last of them `part`. */
VEC_INLINE void dwconv_pixel_channels(const mn_dwconv_args *d, const float *in, float *out, dwconv_taps taps, int32_t c,
                                      vec_part part, const int vectors)
{
    ptrdiff_t channels = d->channels, pixel = dwconv_in_pixel(d), row = (ptrdiff_t)d->in_width * pixel;
    const vec low = vec_all(d->low), high = vec_all(d->high);
    vec sum[4];
#define WHOLE_OR_PART(p, v)                                                                                            \
    ((v) + 1 < vectors ? vec_load((p) + (v)*VEC_LANES) : vec_load_part((p) + (v)*VEC_LANES, part))
    MN_UNROLL
    for (int v = 0; v < vectors; v++)
        sum[v] = d->bias ? WHOLE_OR_PART(d->bias + c, v) : vec_zero();
    for (int32_t h = taps.h0; h < taps.h1; h++) {
        const float *x = in + h * row + taps.w0 * pixel + c;
        const float *y = d->weights + ((ptrdiff_t)h * d->kernel_width + taps.w0) * channels + c;
        for (int32_t w = taps.w0; w < taps.w1; w++, x += pixel, y += channels) {
            MN_UNROLL
            for (int v = 0; v < vectors; v++)
                sum[v] = vec_fma(WHOLE_OR_PART(x, v), WHOLE_OR_PART(y, v), sum[v]);
        }
    }
    MN_UNROLL
    for (int v = 0; v < vectors; v++)
        vec_store_part(out + c + v * VEC_LANES, v + 1 < vectors ? vec_first(VEC_LANES) : part,
                       vec_at_most(vec_at_least(sum[v], low), high));
#undef WHOLE_OR_PART
}

/* One pixel, channels from c on; `in` is the corner of its window, read inside the map only. */
static void dwconv_pixel(const mn_dwconv_args *d, const float *in, float *out, dwconv_taps taps, int32_t c)
{
    for (; c + 4 * VEC_LANES <= d->channels; c += 4 * VEC_LANES)
        dwconv_pixel_channels(d, in, out, taps, c, vec_first(VEC_LANES), 4);
    for (; c < d->channels; c += VEC_LANES)
        dwconv_pixel_channels(d, in, out, taps, c, vec_first(d->channels - c), 1);
}

/* Output pixel (y, x), channels from c on. */
static void dwconv_at(const mn_dwconv_args *d, int32_t y, int32_t x, int32_t c)
{
    int32_t top = y * d->stride - d->pad_top, left = x * d->stride - d->pad_left;
    dwconv_taps taps = {
        .h0 = dwconv_limit(-top, 0, d->kernel_height),
        .h1 = dwconv_limit(d->in_height - top, 0, d->kernel_height),
        .w0 = dwconv_limit(-left, 0, d->kernel_width),
        .w1 = dwconv_limit(d->in_width - left, 0, d->kernel_width),
    };
    dwconv_pixel(d, d->in + ((ptrdiff_t)top * d->in_width + left) * dwconv_in_pixel(d),
                 d->out + ((ptrdiff_t)(y - d->row_begin) * d->out_width + x) * dwconv_out_pixel(d), taps, c);
}
