/* Depthwise convolution of any size and stride with AVX2, a pixel at a time, eight channels innermost. */
#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

#include "kernels/kernels.h"

/* The taps of one output pixel that lie inside the map. */
typedef struct window {
    const float *in; /* its corner */
    ptrdiff_t pixel, row;
    int32_t h0, h1, w0, w1;
} window;

static void one_pixel(const mn_dwconv_args *d, const window *at, float *out)
{
    const ptrdiff_t channels = d->channels;
    __m256 low = _mm256_set1_ps(d->low), high = _mm256_set1_ps(d->high);
    int32_t c = 0;
    for (; c + 8 <= d->channels; c += 8) {
        __m256 sum = d->bias ? _mm256_loadu_ps(d->bias + c) : _mm256_setzero_ps();
        for (int32_t h = at->h0; h < at->h1; h++)
            for (int32_t w = at->w0; w < at->w1; w++)
                sum = _mm256_fmadd_ps(_mm256_loadu_ps(at->in + h * at->row + w * at->pixel + c),
                                      _mm256_loadu_ps(d->weights + (h * d->kernel_width + w) * channels + c), sum);
        _mm256_storeu_ps(out + c, _mm256_min_ps(high, _mm256_max_ps(low, sum))); /* a NaN passes */
    }
    for (; c < d->channels; c++) {
        float sum = d->bias ? d->bias[c] : 0;
        for (int32_t h = at->h0; h < at->h1; h++)
            for (int32_t w = at->w0; w < at->w1; w++)
                sum = __builtin_fmaf(at->in[h * at->row + w * at->pixel + c],
                                     d->weights[(h * d->kernel_width + w) * channels + c], sum);
        out[c] = sum < d->low ? d->low : sum > d->high ? d->high : sum;
    }
}

static int32_t clamp32(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

static void run(const mn_dwconv_args *d)
{
    window at = {.pixel = d->in_stride ? d->in_stride : d->channels};
    at.row = d->in_width * at.pixel;
    ptrdiff_t out_pixel = d->out_stride ? d->out_stride : d->channels;
    float *out = d->out;
    for (int32_t y = d->row_begin; y < d->row_end; y++) {
        int32_t top = y * d->stride - d->pad_top;
        at.h0 = clamp32(-top, 0, d->kernel_height);
        at.h1 = clamp32(d->in_height - top, 0, d->kernel_height);
        for (int32_t x = 0; x < d->out_width; x++, out += out_pixel) {
            int32_t left = x * d->stride - d->pad_left;
            at.w0 = clamp32(-left, 0, d->kernel_width);
            at.w1 = clamp32(d->in_width - left, 0, d->kernel_width);
            at.in = d->in + top * at.row + left * at.pixel;
            one_pixel(d, &at, out);
        }
    }
}

extern const mn_dwconv_kernel mn_dwconv_f32_avx2;
const mn_dwconv_kernel mn_dwconv_f32_avx2 = {.name = "mn_dwconv_f32_avx2", .run = run};
#else
typedef int mn_empty;
#endif
