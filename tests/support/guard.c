#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "support/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

guard guard_alloc(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t inside = (bytes + page - 1) / page * page;
    guard buffer = {.mapped = inside + 2 * page};
    buffer.base = mmap(NULL, buffer.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffer.base == MAP_FAILED ||
        (inside > 0 && mprotect((char *)buffer.base + page, inside, PROT_READ | PROT_WRITE) != 0)) {
        perror("guard_alloc");
        exit(1);
    }
    memset((char *)buffer.base + page, 0xA5, inside);
    buffer.data = (char *)buffer.base + page + inside - bytes;
    return buffer;
}

void guard_free(guard *buffer)
{
    munmap(buffer->base, buffer->mapped);
    buffer->data = NULL;
}
