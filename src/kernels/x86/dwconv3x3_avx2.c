/* Depthwise 3x3 with AVX2: four pixels of a row at a time, eight channels innermost, so that memory is walked along its
 * channels; the columns that neighbouring pixels share are loaded once, and so are the weights.
 *
 *     stride 1: 6 columns x 3 rows of input for 4 pixels        stride 2: 9 columns x 3 rows
 *
 * Pixels whose window leaves the map take only the taps inside, a few pixels or one at a time.
 */
#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

#include "kernels/kernels.h"

#define INLINE static inline __attribute__((always_inline))

INLINE __m256 clamp8(__m256 x, __m256 low, __m256 high)
{
    return _mm256_min_ps(high, _mm256_max_ps(low, x)); /* a NaN in x passes */
}

/* What is left of the channels after the vectors: one element, taps [h0, h1) x [w0, w1), the same chain. */
INLINE void scalar(const mn_dwconv_args *d, const float *in, float *out, int32_t c, int32_t h0, int32_t h1, int32_t w0,
                   int32_t w1)
{
    ptrdiff_t pixel = d->channels, row = (ptrdiff_t)d->in_width * pixel;
    float sum = d->bias ? d->bias[c] : 0;
    for (int32_t h = h0; h < h1; h++)
        for (int32_t w = w0; w < w1; w++)
            sum = __builtin_fmaf(in[h * row + w * pixel + c], d->weights[(h * 3 + w) * pixel + c], sum);
    out[c] = sum < d->low ? d->low : sum > d->high ? d->high : sum;
}

/* `pixels` neighbours of a row whose windows lie inside; `in` is the first window's corner. */
INLINE void inside(const mn_dwconv_args *d, const float *in, float *out, const int pixels, const int stride)
{
    ptrdiff_t pixel = d->channels, row = (ptrdiff_t)d->in_width * pixel;
    const float *weights = d->weights;
    const int columns = (pixels - 1) * stride + 3;
    __m256 low = _mm256_set1_ps(d->low), high = _mm256_set1_ps(d->high);
    int32_t c = 0;
    for (; c + 8 <= d->channels; c += 8) {
        __m256 sum[4];
#pragma GCC unroll 4
        for (int p = 0; p < pixels; p++)
            sum[p] = d->bias ? _mm256_loadu_ps(d->bias + c) : _mm256_setzero_ps();
#pragma GCC unroll 3
        for (int h = 0; h < 3; h++) {
            __m256 w[3];
#pragma GCC unroll 3
            for (int k = 0; k < 3; k++)
                w[k] = _mm256_loadu_ps(weights + (h * 3 + k) * pixel + c);
#pragma GCC unroll 9
            for (int x = 0; x < columns; x++) {
                __m256 v = _mm256_loadu_ps(in + h * row + x * pixel + c);
#pragma GCC unroll 4
                for (int p = 0; p < pixels; p++)
                    if (x - p * stride >= 0 && x - p * stride < 3)
                        sum[p] = _mm256_fmadd_ps(v, w[x - p * stride], sum[p]);
            }
        }
#pragma GCC unroll 4
        for (int p = 0; p < pixels; p++)
            _mm256_storeu_ps(out + p * pixel + c, clamp8(sum[p], low, high));
    }
    for (; c < d->channels; c++)
        for (int p = 0; p < pixels; p++)
            scalar(d, in + p * stride * pixel, out + p * pixel, c, 0, 3, 0, 3);
}

/* The same with the taps [h0, h1) x [w0, w1) only, the same for all the pixels. */
INLINE void border(const mn_dwconv_args *d, const float *in, float *out, int32_t h0, int32_t h1, int32_t w0, int32_t w1,
                   const int pixels, const int stride)
{
    ptrdiff_t pixel = d->channels, row = (ptrdiff_t)d->in_width * pixel;
    __m256 low = _mm256_set1_ps(d->low), high = _mm256_set1_ps(d->high);
    int32_t c = 0;
    for (; c + 8 <= d->channels; c += 8) {
        __m256 sum[4];
#pragma GCC unroll 4
        for (int p = 0; p < pixels; p++)
            sum[p] = d->bias ? _mm256_loadu_ps(d->bias + c) : _mm256_setzero_ps();
        for (int32_t h = h0; h < h1; h++)
            for (int32_t w = w0; w < w1; w++) {
                __m256 y = _mm256_loadu_ps(d->weights + (h * 3 + w) * pixel + c);
#pragma GCC unroll 4
                for (int p = 0; p < pixels; p++)
                    sum[p] = _mm256_fmadd_ps(_mm256_loadu_ps(in + h * row + (w + p * stride) * pixel + c), y, sum[p]);
            }
#pragma GCC unroll 4
        for (int p = 0; p < pixels; p++)
            _mm256_storeu_ps(out + p * pixel + c, clamp8(sum[p], low, high));
    }
    for (; c < d->channels; c++)
        for (int p = 0; p < pixels; p++)
            scalar(d, in + p * stride * pixel, out + p * pixel, c, h0, h1, w0, w1);
}

INLINE int32_t clamp32(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Output row y. */
INLINE void output_row(const mn_dwconv_args *d, int32_t y, float *out, const int stride)
{
    ptrdiff_t pixel = d->channels, row = (ptrdiff_t)d->in_width * pixel;
    int32_t top = y * stride - d->pad_top;
    int32_t h0 = clamp32(-top, 0, 3), h1 = clamp32(d->in_height - top, 0, 3);
    /* Pixels [first, last) have all their columns inside. */
    int32_t first = clamp32((d->pad_left + stride - 1) / stride, 0, d->out_width);
    int32_t room = d->in_width - 3 + d->pad_left;
    int32_t last = room < 0 ? first : clamp32(room / stride + 1, first, d->out_width);
    const float *corner = d->in + top * row - d->pad_left * pixel; /* of the window of pixel 0; read inside only */
    for (int32_t x = 0; x < d->out_width;) {
        const float *in = corner + x * stride * pixel;
        float *o = out + x * pixel;
        int32_t left = x * stride - d->pad_left;
        int32_t run = x >= first && x < last ? last - x : 0;
        if (run >= 4) {
            if (h0 == 0 && h1 == 3)
                inside(d, in, o, 4, stride);
            else
                border(d, in, o, h0, h1, 0, 3, 4, stride);
            x += 4;
        } else if (run >= 2) {
            if (h0 == 0 && h1 == 3)
                inside(d, in, o, 2, stride);
            else
                border(d, in, o, h0, h1, 0, 3, 2, stride);
            x += 2;
        } else {
            border(d, in, o, h0, h1, clamp32(-left, 0, 3), clamp32(d->in_width - left, 0, 3), 1, stride);
            x++;
        }
    }
}

static void run_stride1(const mn_dwconv_args *d)
{
    for (int32_t y = d->row_begin; y < d->row_end; y++)
        output_row(d, y, d->out + (ptrdiff_t)(y - d->row_begin) * d->out_width * d->channels, 1);
}

static void run_stride2(const mn_dwconv_args *d)
{
    for (int32_t y = d->row_begin; y < d->row_end; y++)
        output_row(d, y, d->out + (ptrdiff_t)(y - d->row_begin) * d->out_width * d->channels, 2);
}

extern const mn_dwconv_kernel mn_dwconv3x3s1_f32_1x4_avx2, mn_dwconv3x3s2_f32_1x4_avx2;
const mn_dwconv_kernel mn_dwconv3x3s1_f32_1x4_avx2 = {
    .name = "mn_dwconv3x3s1_f32_1x4_avx2", .kernel = 3, .stride = 1, .run = run_stride1};
const mn_dwconv_kernel mn_dwconv3x3s2_f32_1x4_avx2 = {
    .name = "mn_dwconv3x3s2_f32_1x4_avx2", .kernel = 3, .stride = 2, .run = run_stride2};
#else
typedef int mn_empty;
#endif
