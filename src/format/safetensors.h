/* The container under a native file: https://github.com/huggingface/safetensors#format
 *
 *     8 bytes          N, little-endian
 *     N bytes          JSON: {"__metadata__": {string: string}, NAME: {"dtype", "shape", "data_offsets": [begin, end]}}
 *     the rest         tensor bytes, little-endian; offsets count from here, without holes or overlaps
 *
 * Reading checks all of that; what the tensors mean is the business of native.c.
 */
#ifndef MN_FORMAT_SAFETENSORS_H
#define MN_FORMAT_SAFETENSORS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define MN_SAFETENSORS_HEADER_MAX (16u << 20) /* bytes of JSON */
#define MN_SAFETENSORS_RANK_MAX   8

typedef enum mn_dtype {
    MN_DTYPE_F32 = 0,
    MN_DTYPE_F16,
    MN_DTYPE_BF16,
    MN_DTYPE_OTHER /* known to the format, of no use to a network here */
} mn_dtype;

typedef struct mn_safetensor {
    const char *name; /* owned by keys */
    mn_dtype dtype;
    const char *dtype_name;
    int32_t rank;
    int64_t shape[MN_SAFETENSORS_RANK_MAX];
    size_t begin, end; /* within the data */
} mn_safetensor;

typedef struct mn_safetensors {
    json_t *keys;     /* an object: the members' names; of their values only the metadata are kept */
    json_t *metadata; /* borrowed from keys; NULL where absent. Values are strings. */
    int32_t count;
    mn_safetensor *tensors; /* in the order of their offsets */
    size_t data_offset;     /* of the data in the file */
} mn_safetensors;

/* Errors: MN_ERROR_FORMAT, MN_ERROR_LIMIT, MN_ERROR_UNSUPPORTED (a dtype), MN_ERROR_OUT_OF_MEMORY. */
mn_status mn_safetensors_parse(const uint8_t *bytes, size_t size, mn_safetensors *result, mn_error *err);
void mn_safetensors_release(mn_safetensors *tensors);

#endif
