/* The numbers that tools/golden/train_steps.py trains on: a hash of the index. */
#ifndef TEST_TRAIN_NOISE_H
#define TEST_TRAIN_NOISE_H

#include <stddef.h>
#include <stdint.h>

/* Uniform in [-1, 1). */
static inline float noise_at(uint32_t stream, uint32_t index)
{
    uint32_t x = index * 2654435761u + stream * 40503u;
    x ^= x >> 16;
    x *= 0x45d9f3bu;
    x ^= x >> 16;
    x *= 0x45d9f3bu;
    x ^= x >> 16;
    return (float)((double)(x >> 8) / 8388608.0 - 1.0);
}

static inline void noise_fill(float *out, uint32_t stream, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = noise_at(stream, (uint32_t)i);
}

#endif
