/* Vectors of four floats, as vector/README.md describes them: the part of a vector is a count. */
#ifndef MN_KERNELS_ARM_VECTOR_NEON_H
#define MN_KERNELS_ARM_VECTOR_NEON_H

#if defined(__ARM_NEON) && defined(__aarch64__)
#define MN_NEON
#include <arm_neon.h>
#include <stdint.h>

#define VEC_LANES          4
#define VEC_PARTS_ARE_FREE 0
#define VEC_INLINE         static inline __attribute__((always_inline))

typedef float32x4_t vec;
typedef int32_t vec_part;

VEC_INLINE vec_part vec_first(int32_t lanes)
{
    return lanes >= VEC_LANES ? VEC_LANES : lanes;
}

VEC_INLINE vec vec_zero(void)
{
    return vdupq_n_f32(0);
}

VEC_INLINE vec vec_all(float x)
{
    return vdupq_n_f32(x);
}

VEC_INLINE vec vec_load(const float *p)
{
    return vld1q_f32(p);
}

VEC_INLINE void vec_store(float *p, vec x)
{
    vst1q_f32(p, x);
}

VEC_INLINE vec vec_load_part(const float *p, vec_part part)
{
    if (part == VEC_LANES)
        return vld1q_f32(p);
    float lanes[VEC_LANES] = {0};
    for (int32_t i = 0; i < part; i++)
        lanes[i] = p[i];
    return vld1q_f32(lanes);
}

VEC_INLINE void vec_store_part(float *p, vec_part part, vec x)
{
    if (part == VEC_LANES) {
        vst1q_f32(p, x);
        return;
    }
    float lanes[VEC_LANES];
    vst1q_f32(lanes, x);
    for (int32_t i = 0; i < part; i++)
        p[i] = lanes[i];
}

VEC_INLINE vec vec_fma(vec x, vec y, vec sum)
{
    return vfmaq_f32(sum, x, y);
}

VEC_INLINE vec vec_add(vec x, vec y)
{
    return vaddq_f32(x, y);
}

VEC_INLINE vec vec_sub(vec x, vec y)
{
    return vsubq_f32(x, y);
}

VEC_INLINE vec vec_mul(vec x, vec y)
{
    return vmulq_f32(x, y);
}

VEC_INLINE vec vec_div(vec x, vec y)
{
    return vdivq_f32(x, y);
}

/* The larger; a NaN in x passes. */
VEC_INLINE vec vec_at_least(vec x, vec low)
{
    return vmaxq_f32(low, x);
}

VEC_INLINE vec vec_at_most(vec x, vec high)
{
    return vminq_f32(high, x);
}

/* x * 2^n for the whole number n = bits of `magic_sum` minus those of `magic`, in two factors, so that a result below
 * the normal floats is rounded once. */
VEC_INLINE vec vec_times_power(vec x, vec magic_sum, vec magic)
{
    int32x4_t n = vsubq_s32(vreinterpretq_s32_f32(magic_sum), vreinterpretq_s32_f32(magic));
    int32x4_t half = vshrq_n_s32(n, 1), one = vreinterpretq_s32_f32(vec_all(1));
    float32x4_t first = vreinterpretq_f32_s32(vaddq_s32(one, vshlq_n_s32(half, 23)));
    float32x4_t second = vreinterpretq_f32_s32(vaddq_s32(one, vshlq_n_s32(vsubq_s32(n, half), 23)));
    return vec_mul(vec_mul(x, first), second);
}

#endif
#endif
