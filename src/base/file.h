/* Files: private mappings, and writing that replaces a file atomically. */
#ifndef MN_BASE_FILE_H
#define MN_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* The bytes of a file (an empty file has bytes NULL, size 0). A private, copy-on-write mapping: a model whose weights
 * lie in it may be trained without the file being touched. */
typedef struct mn_mapping {
    const uint8_t *bytes;
    size_t size;
    int descriptor; /* the file, open while bytes is not NULL */
} mn_mapping;

/* Maps a regular file. Errors: MN_ERROR_IO with the path and the system's reason. */
mn_status mn_file_map(const char *path, mn_mapping *mapping, mn_error *err);
void mn_file_unmap(mn_mapping *mapping);

/* Reads into `buffer` what lies in the file under `bytes` bytes of the mapping from `begin`: what was written to the mapping
 * is not seen, and no page of the mapping takes memory for it. False where it cannot. */
bool mn_file_read(const mn_mapping *mapping, const void *begin, void *buffer, size_t bytes);

/* Gives back the memory under all pages: they are read from the file again when they are asked for. What was written to
 * the mapping is lost. Where the system cannot do it, nothing happens. */
void mn_file_forget(const mn_mapping *mapping);

/* A file being written beside its final place; nothing shows at `path` until commit. */
typedef struct mn_writer mn_writer;

/* Opens PATH.tmp-PID-N beside `path`. Errors: MN_ERROR_IO (also where `path` is a folder, a device or a pipe),
 * MN_ERROR_OUT_OF_MEMORY. */
mn_status mn_writer_open(const char *path, mn_writer **writer, mn_error *err);
/* Appends; a failure is remembered and reported by commit. */
void mn_writer_write(mn_writer *writer, const void *bytes, size_t size);
/* Flushes to disk, renames over `path`, destroys the writer. On failure the old file is whole and the
 * temporary one removed. */
mn_status mn_writer_commit(mn_writer *writer, mn_error *err);
/* Removes the temporary file; NULL is allowed. */
void mn_writer_abort(mn_writer *writer);

#endif
