/* The readers of foreign model files, behind the table in import.c. probe looks at the first bytes only; read makes
 * a model that owns its memory. Errors as mn_model_import.
 */
#ifndef MN_FORMAT_READERS_H
#define MN_FORMAT_READERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mobilenet/model.h"

bool mn_tflite_probe(const uint8_t *bytes, size_t size);
mn_status mn_tflite_read(const uint8_t *bytes, size_t size, mn_model **model, mn_error *err);

bool mn_keras_probe(const uint8_t *bytes, size_t size);
mn_status mn_keras_read(const uint8_t *bytes, size_t size, mn_model **model, mn_error *err);

#endif
