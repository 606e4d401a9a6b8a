/* Label files: one label a line. */
#ifndef MN_FORMAT_LABELS_H
#define MN_FORMAT_LABELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Lines of `bytes`: UTF-8, LF or CRLF, a byte order mark and blank lines at the end dropped. *labels is one block
 * (free() it), NULL where there are none. Errors: MN_ERROR_FORMAT with the line, MN_ERROR_LIMIT,
 * MN_ERROR_OUT_OF_MEMORY. */
mn_status mn_labels_parse(const uint8_t *bytes, size_t size, char ***labels, int32_t *count, mn_error *err);

#endif
