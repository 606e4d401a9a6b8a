/* Buffers, values and the comparison that all checks share. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "kcheck/kcheck.h"
#include "support/guard.h"

#define SLOTS       8
#define FRONT_BYTES 256

void kcheck_fail(kcheck_result *result, const char *format, ...)
{
    if (result->failures++ > 0)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(result->message, sizeof result->message, format, arguments);
    va_end(arguments);
}

static struct {
    guard buffer;
    size_t capacity;
    unsigned char *front;
} slots[SLOTS];

float *kcheck_floats(int slot, size_t count)
{
    return kcheck_bytes(slot, count * sizeof(float));
}

void *kcheck_bytes(int slot, size_t wanted)
{
    size_t bytes = wanted + FRONT_BYTES;
    if (slots[slot].capacity < bytes) {
        if (slots[slot].capacity > 0)
            guard_free(&slots[slot].buffer);
        slots[slot].capacity = 2 * bytes + 65536;
        slots[slot].buffer = guard_alloc(slots[slot].capacity);
    }
    slots[slot].front = (unsigned char *)slots[slot].buffer.data + slots[slot].capacity - bytes;
    memset(slots[slot].front, 0xA5, FRONT_BYTES);
    memset(slots[slot].front + FRONT_BYTES, 0xFF, wanted);
    return slots[slot].front + FRONT_BYTES;
}

bool kcheck_front_is_whole(int slot)
{
    for (int i = 0; i < FRONT_BYTES; i++)
        if (slots[slot].front[i] != 0xA5)
            return false;
    return true;
}

float kcheck_value(uint64_t stream, uint64_t i, bool special)
{
    /* A cheap mix is enough here: splitmix64. */
    uint64_t z = (stream << 32) + i + 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    if (special) {
        switch (z >> 32 & 0x3f) {
        case 0:
            return NAN;
        case 1:
            return INFINITY;
        case 2:
            return -INFINITY;
        case 3:
            return 1e-41f;
        case 4:
        case 5:
            return -0.0f;
        case 6:
        case 7:
            return 0.0f;
        default:
            break;
        }
    }
    return (float)(int32_t)(uint32_t)z * 0x1p-31f;
}

bool kcheck_close(float got, float want, double bound)
{
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got);
    if (isinf(want) || isinf(got))
        return want == got;
    return fabs((double)got - want) <= bound;
}
