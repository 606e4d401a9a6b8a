/* Buffers that end (and begin) at a page that may not be touched, so that a read or write past the contract ends
 * the test at once. */
#ifndef TEST_GUARD_H
#define TEST_GUARD_H

#include <stddef.h>

typedef struct guard {
    void *data; /* `bytes` bytes; data + bytes is the first byte of a forbidden page */
    void *base;
    size_t mapped;
} guard;

/* Ends the program where memory is short. The buffer is filled with 0xA5. */
guard guard_alloc(size_t bytes);
void guard_free(guard *buffer);

#endif
