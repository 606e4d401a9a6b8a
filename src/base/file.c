#if defined(__linux__)
#define _DEFAULT_SOURCE /* madvise: what POSIX has in its place does nothing in glibc */
#endif
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

static mn_status fail_errno(mn_error *err, const char *what, const char *path)
{
    mn_status status = errno == ENOMEM ? MN_ERROR_OUT_OF_MEMORY : MN_ERROR_IO;
    return mn_fail(err, status, "cannot %s '%s': %s", what, path, strerror(errno));
}

static mn_status fail_kind(mn_error *err, const char *path, mode_t mode)
{
    return mn_fail(err, MN_ERROR_IO, "'%s' is %s, a file is wanted", path,
                   S_ISDIR(mode) ? "a folder" : "not a regular file");
}

mn_status mn_file_map(const char *path, mn_mapping *mapping, mn_error *err)
{
    mn_status status = MN_OK;
    struct stat info;
    /* Non-blocking, so that a FIFO without a writer is refused below instead of waiting for one. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail_errno(err, "open", path);
    if (fstat(fd, &info) != 0) {
        status = fail_errno(err, "read", path);
        goto done;
    }
    if (!S_ISREG(info.st_mode)) {
        status = fail_kind(err, path, info.st_mode);
        goto done;
    }
    if ((uintmax_t)info.st_size > SIZE_MAX) {
        status = mn_fail(err, MN_ERROR_LIMIT, "'%s' has %lld bytes, more than this machine can map", path,
                         (long long)info.st_size);
        goto done;
    }
    mn_mapping result = {.size = (size_t)info.st_size, .descriptor = fd};
    if (result.size == 0)
        close(fd);
    if (result.size > 0) {
        void *bytes = mmap(NULL, result.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
        if (bytes == MAP_FAILED) {
            status = fail_errno(err, "map", path);
            goto done;
        }
        result.bytes = bytes;
    }
    *mapping = result;
done:
    if (status != MN_OK)
        close(fd);
    return status;
}

void mn_file_unmap(mn_mapping *mapping)
{
    if (mapping->bytes) {
        munmap((void *)(uintptr_t)mapping->bytes, mapping->size);
        close(mapping->descriptor);
    }
    *mapping = (mn_mapping){0};
}

bool mn_file_read(const mn_mapping *mapping, const void *begin, void *buffer, size_t bytes)
{
    uintptr_t start = (uintptr_t)mapping->bytes, from = (uintptr_t)begin;
    if (!mapping->bytes || from < start || from - start > mapping->size || bytes > mapping->size - (from - start))
        return false;
    size_t got = 0;
    while (got < bytes) {
        ssize_t n = pread(mapping->descriptor, (char *)buffer + got, bytes - got, (off_t)(from - start + got));
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return false;
        got += n > 0 ? (size_t)n : 0;
    }
    return true;
}

void mn_file_forget(const mn_mapping *mapping)
{
#if defined(__linux__)
    if (mapping->bytes)
        (void)madvise((void *)(uintptr_t)mapping->bytes, mapping->size, MADV_DONTNEED);
#else
    (void)mapping;
#endif
}

struct mn_writer {
    FILE *file;
    int error; /* errno of the first failure */
    char *path;
    char *temporary;
};

static void writer_destroy(mn_writer *writer)
{
    if (writer->file)
        fclose(writer->file);
    free(writer->path);
    free(writer->temporary);
    free(writer);
}

mn_status mn_writer_open(const char *path, mn_writer **writer, mn_error *err)
{
    static atomic_uint serial;
    size_t bytes = strlen(path) + 64;
    struct stat info;
    /* A rename would put a file in the place of a device or a pipe. */
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return fail_kind(err, path, info.st_mode);
    mn_writer *w = mn_calloc(1, sizeof *w);
    if (!w)
        return mn_fail_memory(err, sizeof *w, "a file writer");
    w->path = mn_strdup(path);
    w->temporary = mn_calloc(bytes, 1);
    if (!w->path || !w->temporary) {
        writer_destroy(w);
        return mn_fail_memory(err, bytes, "a file name");
    }
    snprintf(w->temporary, bytes, "%s.tmp-%ld-%u", path, (long)getpid(), atomic_fetch_add(&serial, 1));
    int fd = open(w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0)
        w->file = fdopen(fd, "wb");
    if (!w->file) {
        mn_status status = fail_errno(err, "create", path);
        if (fd >= 0) {
            close(fd);
            unlink(w->temporary);
        }
        writer_destroy(w);
        return status;
    }
    *writer = w;
    return MN_OK;
}

void mn_writer_write(mn_writer *writer, const void *bytes, size_t size)
{
    if (size > 0 && writer->error == 0 && fwrite(bytes, 1, size, writer->file) != size)
        writer->error = errno ? errno : EIO;
}

/* Makes the new name survive a power cut; a file system that cannot sync a folder is no failure. */
static void sync_folder(const char *path)
{
    char *copy = mn_strdup(path);
    if (!copy)
        return;
    int fd = open(dirname(copy), O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    free(copy);
}

mn_status mn_writer_commit(mn_writer *writer, mn_error *err)
{
    mn_status status = MN_OK;
    if (writer->error == 0 && (fflush(writer->file) != 0 || fsync(fileno(writer->file)) != 0))
        writer->error = errno;
    if (fclose(writer->file) != 0 && writer->error == 0)
        writer->error = errno;
    writer->file = NULL;
    if (writer->error == 0 && rename(writer->temporary, writer->path) != 0)
        writer->error = errno;
    if (writer->error != 0) {
        errno = writer->error;
        status = fail_errno(err, "write", writer->path);
        unlink(writer->temporary);
    } else {
        sync_folder(writer->path);
    }
    writer_destroy(writer);
    return status;
}

void mn_writer_abort(mn_writer *writer)
{
    if (!writer)
        return;
    unlink(writer->temporary);
    writer_destroy(writer);
}
