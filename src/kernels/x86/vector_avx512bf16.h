/* Vectors of sixteen floats from and to bfloat16 in memory; beside them the operations of vector_avx512.h. */
#ifndef MN_KERNELS_X86_VECTOR_AVX512BF16_H
#define MN_KERNELS_X86_VECTOR_AVX512BF16_H

#if defined(__AVX512BF16__)
#define MN_AVX512BF16
#include "kernels/bfloat16.h"
#include "kernels/x86/vector_avx512.h"

/* The lanes of `part`, the others 0. One instruction moves each element to the upper half of its lane. */
VEC_INLINE vec vec_load_bf16(const mn_bf16 *p, vec_part part)
{
    const __m512i lanes = _mm512_set_epi16(15, 0, 14, 0, 13, 0, 12, 0, 11, 0, 10, 0, 9, 0, 8, 0, 7, 0, 6, 0, 5, 0, 4, 0,
                                           3, 0, 2, 0, 1, 0, 0, 0);
    __m256i x = _mm256_maskz_loadu_epi16(part, p);
    return _mm512_castsi512_ps(_mm512_maskz_permutexvar_epi16(0xaaaaaaaa, lanes, _mm512_castsi256_si512(x)));
}

VEC_INLINE void vec_store_bf16(mn_bf16 *p, vec_part part, vec x)
{
    __m256i rounded = (__m256i)_mm512_cvtneps_pbh(x);
    if (part == 0xffff)
        _mm256_storeu_si256((__m256i *)(void *)p, rounded);
    else
        _mm256_mask_storeu_epi16(p, part, rounded);
}

/* 2 x 16 products: pairs of bfloat16, summed in float. */
VEC_INLINE vec vec_dot_bf16(__m512i x, __m512i y, vec sum)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)y);
}
#endif

#endif
