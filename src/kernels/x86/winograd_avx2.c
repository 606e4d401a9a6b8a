/* The transforms of Winograd's convolution with AVX2: additions only, eight channels at a time. */
#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/unroll.h"

MN_INLINE __m256 load(const float *from, int32_t count)
{
    if (count >= 8)
        return _mm256_loadu_ps(from);
    return _mm256_maskload_ps(from,
                              _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)));
}

MN_INLINE void store(float *to, __m256 x, int32_t count)
{
    if (count >= 8)
        _mm256_storeu_ps(to, x);
    else
        _mm256_maskstore_ps(to, _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
                            x);
}

/* B^T along one axis: four values `step` apart, in place. */
MN_INLINE void into(__m256 *d, const int step)
{
    __m256 d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
    d[0] = _mm256_sub_ps(d0, d2);
    d[step] = _mm256_add_ps(d1, d2);
    d[2 * step] = _mm256_sub_ps(d2, d1);
    d[3 * step] = _mm256_sub_ps(d1, d3);
}

/* One tile whose corner is at (y, x) of the map, which may lie outside. */
static void input_tile(const mn_winograd_args *a, int32_t y, int32_t x, float *out)
{
    const float *at[16]; /* NULL: outside */
    for (int i = 0; i < 16; i++) {
        int32_t h = y + i / 4, w = x + i % 4;
        bool inside = h >= 0 && h < a->height && w >= 0 && w < a->width;
        at[i] = inside ? a->in + ((ptrdiff_t)h * a->width + w) * a->stride : NULL;
    }
    for (int32_t c = 0; c < a->channels; c += 8) {
        __m256 d[16];
        MN_UNROLL
        for (int i = 0; i < 16; i++)
            d[i] = at[i] ? load(at[i] + c, a->channels - c) : _mm256_setzero_ps();
        MN_UNROLL
        for (int i = 0; i < 4; i++)
            into(d + i, 4);
        MN_UNROLL
        for (int i = 0; i < 4; i++)
            into(d + 4 * i, 1);
        MN_UNROLL
        for (int i = 0; i < 16; i++)
            store(out + (size_t)i * a->plane_stride + c, d[i], a->channels - c);
    }
}

static void input(const mn_winograd_args *a)
{
    float *out = a->out;
    for (int32_t row = a->row_begin; row < a->row_end; row++)
        for (int32_t i = 0; i < a->tiles_across; i++, out += a->channels)
            input_tile(a, 2 * row - a->pad_top, 2 * i - a->pad_left, out);
}

/* The tile whose first output is (y, x) of the map. */
static void output_tile(const mn_winograd_args *a, const float *in, int32_t y, int32_t x)
{
    float *out = a->out + ((ptrdiff_t)y * a->width + x) * a->stride;
    bool below = y + 1 < a->height, right = x + 1 < a->width;
    __m256 low = _mm256_set1_ps(a->low), high = _mm256_set1_ps(a->high);
    for (int32_t c = 0; c < a->channels; c += 8) {
        int32_t count = a->channels - c;
        __m256 bias = load(a->bias + c, count), sum[2][4];
        MN_UNROLL
        for (int j = 0; j < 4; j++) {
            __m256 m[4];
            MN_UNROLL
            for (int i = 0; i < 4; i++)
                m[i] = load(in + (size_t)(4 * i + j) * a->plane_stride + c, count);
            sum[0][j] = _mm256_add_ps(_mm256_add_ps(m[0], m[1]), m[2]);
            sum[1][j] = _mm256_sub_ps(_mm256_sub_ps(m[1], m[2]), m[3]);
        }
        MN_UNROLL
        for (int i = 0; i < 2; i++) {
            if (i == 1 && !below)
                break;
            __m256 *s = sum[i];
            __m256 left_sum = _mm256_add_ps(_mm256_add_ps(_mm256_add_ps(s[0], s[1]), s[2]), bias);
            __m256 right_sum = _mm256_add_ps(_mm256_sub_ps(_mm256_sub_ps(s[1], s[2]), s[3]), bias);
            float *to = out + (ptrdiff_t)i * a->width * a->stride + c;
            store(to, _mm256_min_ps(high, _mm256_max_ps(low, left_sum)), count); /* a NaN passes */
            if (right)
                store(to + a->stride, _mm256_min_ps(high, _mm256_max_ps(low, right_sum)), count);
        }
    }
}

static void output(const mn_winograd_args *a)
{
    const float *in = a->in;
    for (int32_t row = a->row_begin; row < a->row_end; row++)
        for (int32_t i = 0; i < a->tiles_across; i++, in += a->channels)
            output_tile(a, in, 2 * row, 2 * i);
}

extern const mn_winograd_kernel mn_winograd_f32_avx2;
const mn_winograd_kernel mn_winograd_f32_avx2 = {.name = "mn_winograd_f32_2x2_avx2", .input = input, .output = output};
#else
typedef int mn_empty;
#endif
