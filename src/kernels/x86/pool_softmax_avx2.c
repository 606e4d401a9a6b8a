/* Global average pool and softmax with AVX2. */
#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/unroll.h"

/* `vectors` neighbouring vectors of channels over all pixels. */
MN_INLINE void pool_block(const mn_pool_args *args, int32_t c, ptrdiff_t stride, const int vectors)
{
    __m256 sum[8], pixels = _mm256_set1_ps((float)args->pixels);
    const float *in = args->in + c;
    MN_UNROLL
    for (int v = 0; v < vectors; v++)
        sum[v] = _mm256_setzero_ps();
    for (int32_t p = 0; p < args->pixels; p++, in += stride) {
        MN_UNROLL
        for (int v = 0; v < vectors; v++)
            sum[v] = _mm256_add_ps(sum[v], _mm256_loadu_ps(in + 8 * v));
    }
    MN_UNROLL
    for (int v = 0; v < vectors; v++)
        _mm256_storeu_ps(args->out + c + 8 * v, _mm256_div_ps(sum[v], pixels));
}

static void pool(const mn_pool_args *args)
{
    ptrdiff_t stride = args->in_stride ? args->in_stride : args->channels;
    int32_t c = args->channel_begin;
    for (; c + 64 <= args->channel_end; c += 64)
        pool_block(args, c, stride, 8);
    for (; c + 8 <= args->channel_end; c += 8)
        pool_block(args, c, stride, 1);
    for (; c < args->channel_end; c++) {
        float sum = 0;
        for (int32_t p = 0; p < args->pixels; p++)
            sum += args->in[p * stride + c];
        args->out[c] = sum / (float)args->pixels;
    }
}

/* exp(x) for x <= 0, relative error below 2^-22; below -87.33 the result is 0, a NaN stays. x = n ln 2 + r,
 * |r| <= ln 2 / 2, ln 2 in two parts; exp(r) by its Taylor polynomial of degree 7, whose rest is below 2^-27; then
 * times 2^n. */
MN_INLINE __m256 exp_negative(__m256 x)
{
    __m256 n =
        _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693145752f), x); /* 15 bits of ln 2: n times it is exact */
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(1.42860677e-6f), r);
    __m256 p = _mm256_set1_ps(1.0f / 5040);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 720));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 120));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 24));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 6));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0.5f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    __m256 result = _mm256_mul_ps(p, _mm256_castsi256_ps(power));
    __m256 tiny = _mm256_cmp_ps(x, _mm256_set1_ps(-87.33f), _CMP_LT_OQ);
    result = _mm256_andnot_ps(tiny, result);
    return _mm256_blendv_ps(result, x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

/* The first `count` (1..8) lanes. */
MN_INLINE __m256i lanes(int32_t count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* The largest value; a NaN, if any, may or may not be taken: the exponentials show it either way. */
static float largest_of(const float *in, int32_t count)
{
    float largest = in[0], lane[8];
    int32_t i = 0;
    if (count >= 8) {
        __m256 most = _mm256_loadu_ps(in);
        for (i = 8; i + 8 <= count; i += 8)
            most = _mm256_max_ps(_mm256_loadu_ps(in + i), most);
        _mm256_storeu_ps(lane, most);
        for (int j = 0; j < 8; j++)
            largest = lane[j] > largest ? lane[j] : largest;
    }
    for (; i < count; i++)
        largest = in[i] > largest ? in[i] : largest;
    return largest;
}

static void softmax(const float *in, float *out, int32_t count)
{
    __m256 largest = _mm256_set1_ps(largest_of(in, count));
    __m256d sum = _mm256_setzero_pd();
    for (int32_t i = 0; i < count; i += 8) {
        __m256i mask = lanes(count - i);
        __m256 x = _mm256_sub_ps(_mm256_maskload_ps(in + i, mask), largest);
        x = _mm256_and_ps(exp_negative(x), _mm256_castsi256_ps(mask));
        _mm256_maskstore_ps(out + i, mask, x);
        sum = _mm256_add_pd(sum, _mm256_add_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(x)),
                                               _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1))));
    }
    double part[4];
    _mm256_storeu_pd(part, sum);
    __m256d total = _mm256_set1_pd(part[0] + part[1] + part[2] + part[3]);
    for (int32_t i = 0; i < count; i += 8) {
        __m256i mask = lanes(count - i);
        __m256 x = _mm256_maskload_ps(out + i, mask);
        __m128 low = _mm256_cvtpd_ps(_mm256_div_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(x)), total));
        __m128 high = _mm256_cvtpd_ps(_mm256_div_pd(_mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)), total));
        _mm256_maskstore_ps(out + i, mask, _mm256_set_m128(high, low));
    }
}

extern const mn_pool_kernel mn_pool_f32_avx2;
const mn_pool_kernel mn_pool_f32_avx2 = {.name = "mn_pool_f32_avx2", .run = pool};
extern const mn_softmax_kernel mn_softmax_f32_avx2;
const mn_softmax_kernel mn_softmax_f32_avx2 = {.name = "mn_softmax_f32_avx2", .run = softmax};
#else
typedef int mn_empty;
#endif
