#if defined(__linux__)
#define _DEFAULT_SOURCE /* madvise */
#endif
#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

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

#if defined(MADV_HUGEPAGE)
#define LARGE_PAGE ((size_t)2 << 20) /* of x86-64, and of aarch64 with pages of 4 KiB */

void *mn_alloc_large(size_t bytes)
{
    if (bytes < LARGE_PAGE || bytes > SIZE_MAX - LARGE_PAGE)
        return mn_alloc_aligned(bytes);
    void *block;
    if (posix_memalign(&block, LARGE_PAGE, mn_size_align(bytes)) != 0)
        return NULL;
    /* Whole pages only: what is left at the end stays small. */
    (void)madvise(block, bytes / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
    return block;
}
#else
void *mn_alloc_large(size_t bytes)
{
    return mn_alloc_aligned(bytes);
}
#endif

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
