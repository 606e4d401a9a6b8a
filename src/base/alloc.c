#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool mn_size_mul(size_t a, size_t b, size_t *result)
{
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *result = a * b;
    return true;
}

bool mn_size_add(size_t a, size_t b, size_t *result)
{
    if (a > SIZE_MAX - b)
        return false;
    *result = a + b;
    return true;
}

size_t mn_size_align(size_t size)
{
    return (size + MN_ALIGNMENT - 1) / MN_ALIGNMENT * MN_ALIGNMENT;
}

void *mn_calloc(size_t count, size_t size)
{
    if (count == 0 || size == 0)
        return calloc(1, 1);
    return calloc(count, size); /* checks the product itself */
}

void *mn_alloc_aligned(size_t bytes)
{
    if (bytes > SIZE_MAX - MN_ALIGNMENT)
        return NULL;
    size_t rounded = mn_size_align(bytes ? bytes : 1);
    return aligned_alloc(MN_ALIGNMENT, rounded);
}

bool mn_memory_suffices(size_t bytes)
{
    void *volatile block = malloc(bytes ? bytes : 1); /* volatile: a compiler may leave out a block that nobody uses */
    bool there = block != NULL;
    free(block);
    return there;
}

char *mn_strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = malloc(bytes);
    if (copy)
        memcpy(copy, text, bytes);
    return copy;
}
