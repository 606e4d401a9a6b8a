/* Weights into panels, eight columns by eight steps at a time. */
#ifndef MN_KERNELS_X86_PACK_AVX2_H
#define MN_KERNELS_X86_PACK_AVX2_H

#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/unroll.h"

/* Rows of eight columns become columns of eight rows. */
MN_INLINE void mn_transpose_8x8(__m256 r[8])
{
    __m256 t[8], u[8];
    MN_UNROLL
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    MN_UNROLL
    for (int i = 0; i < 2; i++) {
        u[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
        u[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
        u[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
        u[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
    MN_UNROLL
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31);
    }
}

/* Eight columns from `first` whose k runs without gaps (weights [OC, K]), steps k..k+7. */
MN_INLINE void mn_pack_8x8(const mn_pack_args *args, int32_t first, int32_t k, float *packed, int32_t columns)
{
    __m256 r[8];
    MN_UNROLL
    for (int j = 0; j < 8; j++) {
        r[j] = _mm256_loadu_ps(args->source + (first + j) * args->n_stride + k);
        if (args->scale)
            r[j] = _mm256_mul_ps(r[j], _mm256_broadcast_ss(args->scale + first + j));
    }
    mn_transpose_8x8(r);
    MN_UNROLL
    for (int i = 0; i < 8; i++)
        _mm256_storeu_ps(packed + i * columns, r[i]);
}

/* Any eight columns, of which those below n exist, and `steps` steps. */
MN_INLINE void mn_pack_any(const mn_pack_args *args, int32_t first, int32_t k, int32_t steps, float *packed,
                           int32_t columns)
{
    for (int32_t end = k + steps; k < end; k++, packed += columns)
        for (int32_t j = 0; j < 8; j++) {
            int32_t n = first + j;
            float scale = args->scale && n < args->n ? args->scale[n] : 1;
            packed[j] = n < args->n ? args->source[n * args->n_stride + k * args->k_stride] * scale : 0;
        }
}

/* Panels of `columns` columns, a multiple of eight. Eight steps of a whole panel at a time: lines are written whole. */
MN_INLINE void mn_pack_panels(const mn_pack_args *args, int32_t columns)
{
    float *packed = args->packed;
    for (int32_t first = 0; first < args->n; first += columns)
        for (int32_t k = 0; k < args->k; k += 8) {
            int32_t steps = args->k - k < 8 ? args->k - k : 8;
            for (int32_t j = first; j < first + columns; j += 8, packed += 8)
                if (args->k_stride == 1 && steps == 8 && j + 8 <= args->n)
                    mn_pack_8x8(args, j, k, packed, columns);
                else
                    mn_pack_any(args, j, k, steps, packed, columns);
            packed += (steps - 1) * columns;
        }
}

#endif
