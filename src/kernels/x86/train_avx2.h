/* What the AVX2 training kernels share: loads and stores of 16 channels with a tail. Include in files that are
 * compiled with -mavx2 -mfma only. */
#ifndef MN_KERNELS_X86_TRAIN_AVX2_H
#define MN_KERNELS_X86_TRAIN_AVX2_H

#include <immintrin.h>

#include "kernels/train_kernels.h"

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

/* Asks for the next `count` lines, into the second-level cache: what fills the first is in use. */
static inline void mn_ahead_take(mn_ahead *ahead, int32_t count)
{
    while (count > 0 && ahead->part < ahead->count) {
        struct mn_ahead_part *part = &ahead->parts[ahead->part];
        int32_t rest = part->run - ahead->line, some = count < rest ? count : rest;
        const char *at = part->at + (size_t)ahead->line * 64;
        for (int32_t i = 0; i < some; i++)
            _mm_prefetch(at + (size_t)i * 64, _MM_HINT_T1);
        count -= some;
        ahead->line += some;
        if (ahead->line == part->run) {
            ahead->line = 0;
            part->at += part->stride;
            if (--part->runs == 0)
                ahead->part++;
        }
    }
}

/* Lines to ask for in each of `steps` steps so that all have been. */
static inline int32_t mn_ahead_rate(const mn_ahead *ahead, int64_t steps)
{
    return ahead && steps > 0 ? (int32_t)((ahead->lines + steps - 1) / steps) : 0;
}

void mn_train_multiply_avx2(const float *a, int32_t pitch, int32_t rows, int32_t k, const float *b, int32_t n, float *c,
                            mn_ahead *ahead);
void mn_train_accumulate_avx2(const float *a, const float *b, int32_t pitch, int32_t rows, int32_t m, int32_t n,
                              float *sum, mn_ahead *ahead);
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
