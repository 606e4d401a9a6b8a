/* The record of a native file: what stands in its __metadata__, see docs/format.md. */
#ifndef MN_FORMAT_NATIVE_RECORD_H
#define MN_FORMAT_NATIVE_RECORD_H

#include <jansson.h>

#include "net/model.h"

#define MN_NATIVE_VERSION "1"

/* The architecture from `metadata` (strings by key, may be NULL). Errors: MN_ERROR_UNSUPPORTED where this is no
 * native file or one of a newer version; MN_ERROR_FORMAT names the field. */
mn_status mn_native_read_arch(const json_t *metadata, mn_arch *arch, mn_error *err);

/* Preprocessing, labels and info into `model`. */
mn_status mn_native_read_record(json_t *metadata, mn_model *model, mn_error *err);

/* All of it as a new object of strings. Errors: MN_ERROR_ARGUMENT where a text is not UTF-8. */
mn_status mn_native_write_metadata(const mn_model *model, json_t **metadata, mn_error *err);

#endif
