/* What the AVX2 training kernels share: loads and stores of 16 channels with a tail. Include in files that are
 * compiled with -mavx2 -mfma only. */
#ifndef MN_KERNELS_X86_TRAIN_AVX2_H
#define MN_KERNELS_X86_TRAIN_AVX2_H

#include <immintrin.h>

#include "kernels/x86/train_ahead.h"

/* Lanes 0..count-1 set; count outside 0..8 is cut. */
static inline __m256i mn_mask8(int32_t count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* The first `count` (1..16) of 16 floats, the rest zero. */
static inline void mn_load16(const float *p, int32_t count, __m256 *low, __m256 *high)
{
    if (count >= MN_PANEL) {
        *low = _mm256_loadu_ps(p);
        *high = _mm256_loadu_ps(p + 8);
    } else if (count >= 8) {
        *low = _mm256_loadu_ps(p);
        *high = count > 8 ? _mm256_maskload_ps(p + 8, mn_mask8(count - 8)) : _mm256_setzero_ps();
    } else {
        *low = _mm256_maskload_ps(p, mn_mask8(count));
        *high = _mm256_setzero_ps();
    }
}

static inline void mn_store16(float *p, int32_t count, __m256 low, __m256 high)
{
    if (count >= MN_PANEL) {
        _mm256_storeu_ps(p, low);
        _mm256_storeu_ps(p + 8, high);
    } else if (count >= 8) {
        _mm256_storeu_ps(p, low);
        if (count > 8)
            _mm256_maskstore_ps(p + 8, mn_mask8(count - 8), high);
    } else {
        _mm256_maskstore_ps(p, mn_mask8(count), low);
    }
}

void mn_train_multiply_avx2(const float *a, int32_t pitch, int32_t rows, int32_t k, const float *b, int32_t n, float *c,
                            mn_ahead *ahead);
void mn_train_accumulate_avx2(const float *a, const float *b, int32_t pitch, int32_t rows, int32_t m, int32_t n,
                              float *sum, bool add, mn_ahead *ahead);
void mn_train_activate_avx2(const float *y, int32_t stride, int32_t rows, int32_t channels, const mn_affine *affine,
                            float *panels, int32_t pitch);
void mn_train_gradient_avx2(const float *dz, const float *y, int32_t stride, int32_t rows, int32_t channels,
                            const mn_chain *chain, float *panels, int32_t pitch);
void mn_train_statistics_avx2(const float *y, int32_t stride, int32_t rows, int32_t channels, const float *origin,
                              float *first, float *second);
void mn_train_gradient_sums_avx2(const float *dz, const float *y, int32_t stride, int32_t rows, int32_t channels,
                                 const mn_affine *affine, const float *mean, const float *inverse_deviation,
                                 float *first, float *second);
void mn_train_depthwise_avx2(const float *const *rows, int32_t pitch, const float *w, int32_t stride, int32_t out_rows,
                             int32_t out_width, int32_t channels, float *out, int32_t out_stride, mn_ahead *ahead);
void mn_train_depthwise_weights_avx2(const float *const *rows, int32_t pitch, const float *const *dy, int32_t dy_pitch,
                                     int32_t stride, int32_t out_rows, int32_t out_width, int32_t channels, float *dw,
                                     mn_ahead *ahead);
void mn_train_depthwise_data_s2_avx2(const float *const *dy, int32_t pitch, const float *w, bool odd, int32_t rows,
                                     int32_t pad_left, int32_t width, int32_t channels, float *dx, int32_t dx_stride,
                                     mn_ahead *ahead);

#endif
