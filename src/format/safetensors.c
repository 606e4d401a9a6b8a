#include "format/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/reader.h"
#include "format/json_guard.h"

#define HEADER_OFFSET 8
#define COUNT_MAX     4096

static const struct {
    const char *name;
    mn_dtype dtype;
    size_t bytes;
} dtypes[] = {
    {"F32", MN_DTYPE_F32, 4},       {"F16", MN_DTYPE_F16, 2},       {"BF16", MN_DTYPE_BF16, 2},
    {"F64", MN_DTYPE_OTHER, 8},     {"I64", MN_DTYPE_OTHER, 8},     {"U64", MN_DTYPE_OTHER, 8},
    {"I32", MN_DTYPE_OTHER, 4},     {"U32", MN_DTYPE_OTHER, 4},     {"I16", MN_DTYPE_OTHER, 2},
    {"U16", MN_DTYPE_OTHER, 2},     {"I8", MN_DTYPE_OTHER, 1},      {"U8", MN_DTYPE_OTHER, 1},
    {"F8_E4M3", MN_DTYPE_OTHER, 1}, {"F8_E5M2", MN_DTYPE_OTHER, 1}, {"BOOL", MN_DTYPE_OTHER, 1},
};
#define DTYPE_COUNT (sizeof dtypes / sizeof *dtypes)

/* A name from the file, short enough for a message. */
#define NAME_FORMAT "'%.80s'"

static mn_status read_dtype(const json_t *entry, mn_safetensor *tensor, size_t *bytes, mn_error *err)
{
    const char *word = json_string_value(json_object_get(entry, "dtype"));
    for (size_t i = 0; word && i < DTYPE_COUNT; i++)
        if (strcmp(word, dtypes[i].name) == 0) {
            tensor->dtype = dtypes[i].dtype;
            tensor->dtype_name = dtypes[i].name;
            *bytes = dtypes[i].bytes;
            return MN_OK;
        }
    if (!word)
        return mn_fail(err, MN_ERROR_FORMAT, "tensor " NAME_FORMAT " has no dtype", tensor->name);
    return mn_fail(err, MN_ERROR_UNSUPPORTED, "tensor " NAME_FORMAT " has dtype '%.20s'; F32, F16 and BF16 are read",
                   tensor->name, word);
}

/* The shape, and the bytes that it takes. */
static mn_status read_shape(const json_t *entry, mn_safetensor *tensor, size_t *bytes, mn_error *err)
{
    const json_t *shape = json_object_get(entry, "shape");
    size_t rank = json_array_size(shape);
    if (!json_is_array(shape) || rank > MN_SAFETENSORS_RANK_MAX)
        return mn_fail(err, MN_ERROR_FORMAT,
                       "tensor " NAME_FORMAT ": 'shape' must be an array of at most %d dimensions", tensor->name,
                       MN_SAFETENSORS_RANK_MAX);
    tensor->rank = (int32_t)rank;
    for (size_t i = 0; i < rank; i++) {
        const json_t *dimension = json_array_get(shape, i);
        if (!json_is_integer(dimension) || json_integer_value(dimension) < 0)
            return mn_fail(err, MN_ERROR_FORMAT, "tensor " NAME_FORMAT ": dimension %zu is not a count", tensor->name,
                           i);
        tensor->shape[i] = json_integer_value(dimension);
        if ((uint64_t)tensor->shape[i] > SIZE_MAX || !mn_size_mul(*bytes, (size_t)tensor->shape[i], bytes))
            return mn_fail(err, MN_ERROR_FORMAT, "tensor " NAME_FORMAT ": the shape overflows", tensor->name);
    }
    return MN_OK;
}

static mn_status read_offsets(const json_t *entry, size_t bytes, size_t data_size, mn_safetensor *tensor, mn_error *err)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return mn_fail(err, MN_ERROR_FORMAT, "tensor " NAME_FORMAT ": 'data_offsets' must be two integers",
                       tensor->name);
    int64_t b = json_integer_value(begin), e = json_integer_value(end);
    if (b < 0 || e < b || (uint64_t)e > data_size)
        return mn_fail(err, MN_ERROR_FORMAT,
                       "tensor " NAME_FORMAT " lies at bytes %lld to %lld of the data, which has %zu", tensor->name,
                       (long long)b, (long long)e, data_size);
    tensor->begin = (size_t)b;
    tensor->end = (size_t)e;
    if (tensor->end - tensor->begin != bytes)
        return mn_fail(err, MN_ERROR_FORMAT, "tensor " NAME_FORMAT " has %zu bytes, its shape and dtype want %zu",
                       tensor->name, tensor->end - tensor->begin, bytes);
    return MN_OK;
}

static mn_status read_entry(const char *name, const json_t *entry, size_t data_size, mn_safetensor *tensor,
                            mn_error *err)
{
    size_t bytes = 0;
    tensor->name = name;
    if (!json_is_object(entry))
        return mn_fail(err, MN_ERROR_FORMAT, "entry " NAME_FORMAT " of the header is not an object", name);
    mn_status status = read_dtype(entry, tensor, &bytes, err);
    if (status == MN_OK)
        status = read_shape(entry, tensor, &bytes, err);
    if (status == MN_OK)
        status = read_offsets(entry, bytes, data_size, tensor, err);
    return status;
}

static mn_status check_metadata(json_t *metadata, mn_error *err)
{
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return mn_fail(err, MN_ERROR_FORMAT, "__metadata__ is not an object");
    json_object_foreach(metadata, key, value) if (!json_is_string(value)) return mn_fail(
        err, MN_ERROR_FORMAT, "__metadata__ " NAME_FORMAT " is not a string", key);
    return MN_OK;
}

static int compare_begin(const void *a, const void *b)
{
    const mn_safetensor *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static mn_status check_layout(const mn_safetensors *result, size_t data_size, mn_error *err)
{
    size_t at = 0;
    for (int32_t i = 0; i < result->count; i++) {
        const mn_safetensor *tensor = &result->tensors[i];
        if (tensor->begin != at)
            return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)(result->data_offset + tensor->begin),
                              "tensor " NAME_FORMAT " %s the one before it, which ends at %zu", tensor->name,
                              tensor->begin < at ? "overlaps" : "leaves a hole after", result->data_offset + at);
        at = tensor->end;
    }
    if (at != data_size)
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)(result->data_offset + at),
                          "%zu bytes after the last tensor belong to none", data_size - at);
    return MN_OK;
}

/* What the visits to a header's members share. */
typedef struct reading {
    mn_safetensors *result;
    size_t data_size;
    int32_t room; /* for tensors */
} reading;

static mn_status make_room(reading *r, mn_error *err)
{
    mn_safetensors *result = r->result;
    if (result->count < r->room)
        return MN_OK;
    if (result->count == COUNT_MAX)
        return mn_fail(err, MN_ERROR_LIMIT, "the header has more than %d tensors", COUNT_MAX);
    int32_t room = r->room ? 2 * r->room : 64;
    mn_safetensor *larger = realloc(result->tensors, (size_t)room * sizeof *larger);
    if (!larger)
        return mn_fail_memory(err, (size_t)room * sizeof *larger, "a list of tensors");
    result->tensors = larger;
    r->room = room;
    return MN_OK;
}

static mn_status visit_member(void *context, const char *key, json_t *value, bool *keep, mn_error *err)
{
    reading *r = context;
    if (strcmp(key, "__metadata__") == 0) {
        *keep = true;
        r->result->metadata = value;
        return check_metadata(value, err);
    }
    mn_status status = make_room(r, err);
    if (status != MN_OK)
        return status;
    mn_safetensor *tensor = &r->result->tensors[r->result->count++];
    *tensor = (mn_safetensor){0};
    return read_entry(key, value, r->data_size, tensor, err);
}

/* The files of others that a user may hand to a native reader: what they are, or NULL. */
static const char *other_format(const uint8_t *bytes, size_t size)
{
    if (size >= 8 && memcmp(bytes + 4, "TFL3", 4) == 0)
        return "a TensorFlow Lite file";
    if (size >= 8 && memcmp(bytes, "\x89HDF\r\n\x1a\n", 8) == 0)
        return "an HDF5 (Keras) file";
    return NULL;
}

mn_status mn_safetensors_parse(const uint8_t *bytes, size_t size, mn_safetensors *result, mn_error *err)
{
    const mn_reader reader = {bytes, size};
    const char *other = other_format(bytes, size);
    uint64_t header;
    if (other)
        return mn_fail(
            err, MN_ERROR_UNSUPPORTED,
            "this is %s, a native model is wanted; mn_model_import reads it, 'mobilenet convert' turns it into one",
            other);
    if (!mn_reader_u64(&reader, 0, &header))
        return mn_fail_at(err, MN_ERROR_FORMAT, 0, "the file has %zu bytes, a header length takes 8", size);
    if (header > size - HEADER_OFFSET)
        return mn_fail_at(err, MN_ERROR_FORMAT, 0, "the header has %llu bytes, the file only %zu after its length",
                          (unsigned long long)header, size - HEADER_OFFSET);
    if (header > MN_SAFETENSORS_HEADER_MAX)
        return mn_fail_at(err, MN_ERROR_LIMIT, 0, "the header has %llu bytes, at most %u are read",
                          (unsigned long long)header, MN_SAFETENSORS_HEADER_MAX);
    mn_safetensors found = {.data_offset = HEADER_OFFSET + (size_t)header};
    reading r = {.result = &found, .data_size = size - found.data_offset};
    mn_status status = mn_json_walk((const char *)bytes + HEADER_OFFSET, (size_t)header,
                                    (mn_json_limits){.depth = 4, .values = 32 * COUNT_MAX}, "header", HEADER_OFFSET,
                                    visit_member, &r, &found.keys, err);
    if (status == MN_OK && found.count > 0)
        qsort(found.tensors, (size_t)found.count, sizeof *found.tensors, compare_begin);
    if (status == MN_OK)
        status = check_layout(&found, r.data_size, err);
    if (status == MN_OK)
        *result = found;
    else
        mn_safetensors_release(&found);
    return status;
}

void mn_safetensors_release(mn_safetensors *tensors)
{
    json_decref(tensors->keys);
    free(tensors->tensors);
    *tensors = (mn_safetensors){0};
}
