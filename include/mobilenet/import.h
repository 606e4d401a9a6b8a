/* Reading the model files of others: TensorFlow Lite (float32, uint8, int8) and Keras (.h5, .keras).
 * Part of libmobilenet-import. Native files are read too, so that one call opens anything.
 */
#ifndef MOBILENET_IMPORT_H
#define MOBILENET_IMPORT_H

#include "mobilenet/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads a model file of any known kind; the kind is found from its bytes. What a reader had to assume
 * (preprocessing, for the most part) is in mn_model_info(model, "assumed").
 * Errors: as mn_model_load; the message names the offset or the layer at fault. */
MN_API mn_status mn_model_import(const char *path, mn_model **model, mn_error *err);

/* The same from memory (Keras included). `name` is used in messages only. */
MN_API mn_status mn_model_import_memory(const void *bytes, size_t size, const char *name, mn_model **model,
                                        mn_error *err);

/* Number k of the formats of this build: "native", "tflite", "keras"; NULL past the last. */
MN_API const char *mn_import_format_name(int32_t k);

/* Reads a label file: one label a line, UTF-8, LF or CRLF; blank lines at the end are dropped.
 * *labels is one block to be given to free(). Errors: MN_ERROR_IO, MN_ERROR_FORMAT, MN_ERROR_LIMIT. */
MN_API mn_status mn_labels_load(const char *path, char ***labels, int32_t *count, mn_error *err);

#ifdef __cplusplus
}
#endif

#endif
