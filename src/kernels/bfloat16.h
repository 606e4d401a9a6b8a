/* bfloat16, the upper half of a float32: eight bits of exponent, eight of precision. */
#ifndef MN_KERNELS_BFLOAT16_H
#define MN_KERNELS_BFLOAT16_H

#include <stdint.h>
#include <string.h>

typedef uint16_t mn_bf16;

static inline float mn_bf16_widen(mn_bf16 x)
{
    uint32_t bits = (uint32_t)x << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* To nearest, ties to even; below the normal numbers a zero of the same sign: what VCVTNEPS2BF16 does. A NaN stays one. */
static inline mn_bf16 mn_bf16_round(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7f800000u) == 0)
        return (mn_bf16)(bits >> 16 & 0x8000u);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (mn_bf16)(bits >> 16 | 0x40u);
    return (mn_bf16)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

#endif
