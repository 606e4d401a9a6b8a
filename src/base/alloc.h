/* Checked allocation: sizes are multiplied and added without overflow, blocks are aligned for SIMD. */
#ifndef MN_BASE_ALLOC_H
#define MN_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

#define MN_ALIGNMENT 64 /* bytes: a cache line and an AVX-512 register */

/* *result = a * b (or a + b); false on overflow. */
bool mn_size_mul(size_t a, size_t b, size_t *result);
bool mn_size_add(size_t a, size_t b, size_t *result);

/* `size` rounded up to a multiple of MN_ALIGNMENT; size must be at most SIZE_MAX - 63. */
size_t mn_size_align(size_t size);

/* Zeroed array; NULL on overflow or where memory is short. count or size 0 gives a valid pointer. free() it. */
void *mn_calloc(size_t count, size_t size);

/* Uninitialised block aligned to MN_ALIGNMENT; NULL where memory is short. free() it. */
void *mn_alloc_aligned(size_t bytes);

/* The same for a block that is used for long: aligned to MN_ALIGNMENT, and where the system knows large pages and the block
 * fills some, these are asked for. No more memory is in use than with small ones. */
void *mn_alloc_large(size_t bytes);

/* Whether `bytes` can be had now: a block is asked for and given back. For use before a library that does not survive a
 * failed allocation. */
bool mn_memory_suffices(size_t bytes);

/* Copy of a string; NULL where memory is short. */
char *mn_strdup(const char *text);

#endif
