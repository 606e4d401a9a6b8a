/* One file out of a ZIP archive that is appended to other bytes, as TensorFlow Lite does with its label files.
 * Stored and deflated entries; sizes are checked before anything is allocated. PKWARE APPNOTE 6.3, without ZIP64.
 */
#ifndef MN_FORMAT_ZIP_H
#define MN_FORMAT_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* The contents of the entry called `name`: at most `most` bytes, checked against their CRC. *contents is the caller's
 * (free() it). *found is false, and nothing else set, where there is no such entry.
 * Errors: MN_ERROR_FORMAT with an offset, MN_ERROR_UNSUPPORTED, MN_ERROR_LIMIT, MN_ERROR_OUT_OF_MEMORY. */
mn_status mn_zip_read(const uint8_t *bytes, size_t size, const char *name, size_t most, bool *found, uint8_t **contents,
                      size_t *contents_size, mn_error *err);

#endif
