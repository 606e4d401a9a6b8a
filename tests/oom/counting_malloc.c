#define _GNU_SOURCE /* dladdr */
#include "oom/counting_malloc.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h> /* the prototypes of what is replaced */
#include <string.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static atomic_bool active, failed, sparing;
static atomic_long met, live, target;
static atomic_size_t largest;

static bool is_fragile(const void *caller)
{
    Dl_info info;
    return dladdr(caller, &info) && info.dli_fname &&
           (strstr(info.dli_fname, "libjansson") || strstr(info.dli_fname, "libwebp"));
}

static bool must_fail(size_t size, const void *caller)
{
    if (!atomic_load(&active) || (atomic_load(&sparing) && is_fragile(caller)))
        return false;
    if (size > atomic_load(&largest)) /* a race would lose a record; the tests that ask have one thread */
        atomic_store(&largest, size);
    if (atomic_fetch_add(&met, 1) + 1 != atomic_load(&target))
        return false;
    atomic_store(&failed, true);
    errno = ENOMEM;
    return true;
}

static void *count(void *pointer)
{
    if (pointer)
        atomic_fetch_add(&live, 1);
    return pointer;
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
    return must_fail(size, __builtin_return_address(0)) ? NULL : count(__libc_malloc(size));
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
    return must_fail(n * size, __builtin_return_address(0)) ? NULL : count(__libc_calloc(n, size));
}

__attribute__((visibility("default"))) void *realloc(void *old, size_t size)
{
    if (must_fail(size, __builtin_return_address(0)))
        return NULL;
    void *result = __libc_realloc(old, size);
    if (!old)
        count(result);
    else if (size == 0 && !result)
        atomic_fetch_sub(&live, 1);
    return result;
}

__attribute__((visibility("default"))) void *aligned_alloc(size_t alignment, size_t size)
{
    return must_fail(size, __builtin_return_address(0)) ? NULL : count(__libc_memalign(alignment, size));
}

__attribute__((visibility("default"))) int posix_memalign(void **result, size_t alignment, size_t size)
{
    void *pointer = aligned_alloc(alignment, size);
    if (!pointer)
        return ENOMEM;
    *result = pointer;
    return 0;
}

__attribute__((visibility("default"))) void free(void *pointer)
{
    if (pointer)
        atomic_fetch_sub(&live, 1);
    __libc_free(pointer);
}

void counting_start(long fail_at, bool spare)
{
    atomic_store(&sparing, spare);
    atomic_store(&met, 0);
    atomic_store(&largest, 0);
    atomic_store(&failed, false);
    atomic_store(&target, fail_at);
    atomic_store(&active, true);
}

long counting_stop(void)
{
    atomic_store(&active, false);
    return atomic_load(&met);
}

bool counting_failed(void)
{
    return atomic_load(&failed);
}

long counting_live(void)
{
    return atomic_load(&live);
}

size_t counting_largest(void)
{
    return atomic_load(&largest);
}
