/* An allocator that fails on demand. It replaces malloc for the whole program, libraries of others included, so the
 * library under test needs no hook. glibc only. */
#ifndef TEST_COUNTING_MALLOC_H
#define TEST_COUNTING_MALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* Starts counting; allocation number `fail_at` (1, 2, ...) and no other returns NULL; 0: none does. Where `spare` is
 * set, allocations made inside jansson and libwebp, which do not survive that, are not counted. */
void counting_start(long fail_at, bool spare);
/* Stops counting; returns the number of allocations met. */
long counting_stop(void);
/* The largest request since counting started, in bytes. */
size_t counting_largest(void);
/* Whether the chosen allocation was reached. */
bool counting_failed(void);
/* Blocks that are allocated now, by anybody. */
long counting_live(void);

#endif
