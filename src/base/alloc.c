#define _DEFAULT_SOURCE /* madvise */
#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
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

void *mn_alloc_large(size_t bytes)
{
    char *block = mn_alloc_aligned(bytes);
#ifdef MADV_HUGEPAGE
    /* Whole small pages only: the ends of the block share theirs with others. A refusal changes nothing. */
    const size_t page = 4096, least = 8u << 20;
    if (block && bytes >= least) {
        char *first = block + (page - (uintptr_t)block % page) % page;
        size_t rest = bytes - (size_t)(first - block);
        (void)madvise(first, rest / page * page, MADV_HUGEPAGE);
    }
#endif
    return block;
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
