/* Vectors of sixteen floats, as vector/README.md describes them: the part of a vector is a mask. */
#ifndef MN_KERNELS_X86_VECTOR_AVX512_H
#define MN_KERNELS_X86_VECTOR_AVX512_H

#include "kernels/x86/avx512_intrinsics.h"
#if defined(MN_AVX512)
#include <stdint.h>

#define VEC_LANES          16
#define VEC_PARTS_ARE_FREE 1 /* a masked load costs what a whole one does */
#define VEC_INLINE         static inline __attribute__((always_inline))

typedef __m512 vec;
typedef __mmask16 vec_part;

VEC_INLINE vec_part vec_first(int32_t lanes)
{
    return lanes >= VEC_LANES ? 0xffff : (vec_part)((1u << lanes) - 1);
}

VEC_INLINE vec vec_zero(void)
{
    return _mm512_setzero_ps();
}

VEC_INLINE vec vec_all(float x)
{
    return _mm512_set1_ps(x);
}

VEC_INLINE vec vec_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

VEC_INLINE void vec_store(float *p, vec x)
{
    _mm512_storeu_ps(p, x);
}

VEC_INLINE vec vec_load_part(const float *p, vec_part part)
{
    return _mm512_maskz_loadu_ps(part, p);
}

/* A masked store costs more than a whole one on some processors, so a whole one is looked for. */
VEC_INLINE void vec_store_part(float *p, vec_part part, vec x)
{
    if (part == 0xffff)
        _mm512_storeu_ps(p, x);
    else
        _mm512_mask_storeu_ps(p, part, x);
}

VEC_INLINE vec vec_fma(vec x, vec y, vec sum)
{
    return _mm512_fmadd_ps(x, y, sum);
}

VEC_INLINE vec vec_add(vec x, vec y)
{
    return _mm512_add_ps(x, y);
}

VEC_INLINE vec vec_sub(vec x, vec y)
{
    return _mm512_sub_ps(x, y);
}

VEC_INLINE vec vec_mul(vec x, vec y)
{
    return _mm512_mul_ps(x, y);
}

VEC_INLINE vec vec_div(vec x, vec y)
{
    return _mm512_div_ps(x, y);
}

/* The larger; a NaN in x passes. */
VEC_INLINE vec vec_at_least(vec x, vec low)
{
    return _mm512_max_ps(low, x);
}

VEC_INLINE vec vec_at_most(vec x, vec high)
{
    return _mm512_min_ps(high, x);
}

/* x * 2^n for the whole number n = bits of `magic_sum` minus those of `magic`, in two factors, so that a result below
 * the normal floats is rounded once. */
VEC_INLINE vec vec_times_power(vec x, vec magic_sum, vec magic)
{
    __m512i n = _mm512_sub_epi32(_mm512_castps_si512(magic_sum), _mm512_castps_si512(magic));
    __m512i half = _mm512_srai_epi32(n, 1), one = _mm512_castps_si512(vec_all(1));
    __m512 first = _mm512_castsi512_ps(_mm512_add_epi32(one, _mm512_slli_epi32(half, 23)));
    __m512 second = _mm512_castsi512_ps(_mm512_add_epi32(one, _mm512_slli_epi32(_mm512_sub_epi32(n, half), 23)));
    return vec_mul(vec_mul(x, first), second);
}

#endif
#endif
