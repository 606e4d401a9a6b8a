/* Two-byte floats of files, widened exactly to float32. */
#ifndef MN_FORMAT_HALF_H
#define MN_FORMAT_HALF_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* bfloat16: the upper half of a float32. */
static inline float mn_float_from_bf16(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. */
static inline float mn_float_from_f16(uint16_t half)
{
    int exponent = (half >> 10) & 31;
    int fraction = half & 1023;
    float value;
    if (exponent == 0)
        value = (float)fraction * 0x1p-24f;
    else if (exponent < 31)
        value = (float)(fraction + 1024) * (float)(1 << exponent) * 0x1p-25f;
    else
        value = fraction ? NAN : INFINITY;
    return half & 0x8000 ? -value : value;
}

#endif
