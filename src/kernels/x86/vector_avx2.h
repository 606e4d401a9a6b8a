/* Vectors of eight floats, as vector/README.md describes them, as far as winograd_body.h and peak_body.h need them: the part of a
 * vector is a count. */
#ifndef MN_KERNELS_X86_VECTOR_AVX2_H
#define MN_KERNELS_X86_VECTOR_AVX2_H

#include <immintrin.h>
#include <stdint.h>

#define VEC_LANES  8
#define VEC_INLINE static inline __attribute__((always_inline))

typedef __m256 vec;
typedef int32_t vec_part;

VEC_INLINE vec_part vec_first(int32_t lanes)
{
    return lanes;
}

VEC_INLINE vec vec_zero(void)
{
    return _mm256_setzero_ps();
}

VEC_INLINE vec vec_all(float x)
{
    return _mm256_set1_ps(x);
}

VEC_INLINE __m256i vec_mask(vec_part part)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(part), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

VEC_INLINE vec vec_load_part(const float *p, vec_part part)
{
    return part >= VEC_LANES ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, vec_mask(part));
}

VEC_INLINE void vec_store_part(float *p, vec_part part, vec x)
{
    if (part >= VEC_LANES)
        _mm256_storeu_ps(p, x);
    else
        _mm256_maskstore_ps(p, vec_mask(part), x);
}

VEC_INLINE vec vec_fma(vec x, vec y, vec sum)
{
    return _mm256_fmadd_ps(x, y, sum);
}

VEC_INLINE vec vec_add(vec x, vec y)
{
    return _mm256_add_ps(x, y);
}

VEC_INLINE vec vec_sub(vec x, vec y)
{
    return _mm256_sub_ps(x, y);
}

/* The larger; a NaN in x passes. */
VEC_INLINE vec vec_at_least(vec x, vec low)
{
    return _mm256_max_ps(low, x);
}

VEC_INLINE vec vec_at_most(vec x, vec high)
{
    return _mm256_min_ps(high, x);
}

#endif
