/* The native file: a safetensors container whose __metadata__ holds the record (docs/format.md).
 *
 *     parse container -> architecture from __metadata__ -> the net says which tensors there must be -> bind each
 *
 * A mapped float32 tensor on a little-endian machine is used where it lies; every other tensor is copied into one
 * block. Files are written so that all of them can be used in place.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/reader.h"
#include "base/status.h"
#include "format/half.h"
#include "format/json_guard.h"
#include "format/native_record.h"
#include "format/safetensors.h"
#include "net/model.h"

#define EXTRA_PREFIX "extra."

typedef enum native_placement { PLACE_IN_FILE, PLACE_COPY } native_placement;

static bool host_is_little_endian(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first == 1;
}

/* ---- loading ---- */

/* Tensors mostly lie in the file as they do in the model, so the search begins at `first`, where the last one ended. */
static int32_t find_tensor(const mn_model *model, const char *name, int32_t first)
{
    for (int32_t i = 0; i < model->tensor_count; i++) {
        int32_t index = (first + i) % model->tensor_count;
        if (strcmp(model->tensors[index].name, name) == 0)
            return index;
    }
    return -1;
}

static mn_status check_tensor(const mn_safetensor *stored, const mn_tensor *wanted, mn_error *err)
{
    if (stored->dtype == MN_DTYPE_OTHER)
        return mn_fail(err, MN_ERROR_UNSUPPORTED, "tensor '%s' has dtype %s; F32, F16 and BF16 are read", wanted->name,
                       stored->dtype_name);
    bool same = stored->rank == wanted->rank;
    for (int32_t i = 0; same && i < wanted->rank; i++)
        same = stored->shape[i] == wanted->shape[i];
    if (same)
        return MN_OK;
    return mn_fail(err, MN_ERROR_FORMAT,
                   "tensor '%s' has shape [%lld,%lld,%lld,%lld] of rank %d, the architecture wants [%d,%d,%d,%d] of "
                   "rank %d",
                   wanted->name, (long long)stored->shape[0], (long long)stored->shape[1], (long long)stored->shape[2],
                   (long long)stored->shape[3], stored->rank, wanted->shape[0], wanted->rank > 1 ? wanted->shape[1] : 0,
                   wanted->rank > 2 ? wanted->shape[2] : 0, wanted->rank > 3 ? wanted->shape[3] : 0, wanted->rank);
}

/* source[i] becomes the stored tensor of model tensor i. */
static mn_status match_tensors(const mn_safetensors *file, const mn_model *model, const mn_safetensor **source,
                               mn_error *err)
{
    int32_t index = -1;
    for (int32_t i = 0; i < file->count; i++) {
        const mn_safetensor *stored = &file->tensors[i];
        if (strncmp(stored->name, EXTRA_PREFIX, strlen(EXTRA_PREFIX)) == 0)
            continue;
        index = find_tensor(model, stored->name, index + 1);
        if (index < 0)
            return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)(file->data_offset + stored->begin),
                              "tensor '%.80s' belongs to no layer of the architecture", stored->name);
        mn_status status = check_tensor(stored, &model->tensors[index], err);
        if (status != MN_OK)
            return status;
        source[index] = stored;
    }
    for (int32_t i = 0; i < model->tensor_count; i++)
        if (!source[i])
            return mn_fail(err, MN_ERROR_FORMAT, "tensor '%s' is missing", model->tensors[i].name);
    return MN_OK;
}

static void copy_values(const uint8_t *from, mn_dtype dtype, size_t elements, float *to)
{
    const mn_reader reader = {from, elements * (dtype == MN_DTYPE_F32 ? 4 : 2)};
    for (size_t i = 0; i < elements; i++) {
        uint16_t half = 0;
        if (dtype == MN_DTYPE_F32) {
            mn_reader_f32(&reader, 4 * i, &to[i]);
        } else {
            mn_reader_u16(&reader, 2 * i, &half);
            to[i] = dtype == MN_DTYPE_F16 ? mn_float_from_f16(half) : mn_float_from_bf16(half);
        }
    }
}

static bool can_stay(const uint8_t *data, const mn_safetensor *stored, native_placement placement)
{
    return placement == PLACE_IN_FILE && stored->dtype == MN_DTYPE_F32 && host_is_little_endian() &&
           (uintptr_t)(data + stored->begin) % _Alignof(float) == 0;
}

/* Points the model's tensors into the file, or copies them into one block. */
static mn_status bind_tensors(const uint8_t *data, const mn_safetensor *const *source, native_placement placement,
                              mn_model *model, mn_error *err)
{
    size_t bytes = 0; /* at most twice the file: every element is there, in 2 bytes or more */
    for (int32_t i = 0; i < model->tensor_count; i++)
        if (!can_stay(data, source[i], placement))
            bytes += mn_size_align(model->tensors[i].elements * sizeof(float));
    if (bytes > 0 && !(model->block = mn_alloc_aligned(bytes)))
        return mn_fail_memory(err, bytes, "the weights of a model");
    float *next = model->block;
    for (int32_t i = 0; i < model->tensor_count; i++) {
        mn_tensor *tensor = &model->tensors[i];
        const uint8_t *from = data + source[i]->begin;
        if (can_stay(data, source[i], placement)) {
            tensor->data = (float *)(uintptr_t)from;
            continue;
        }
        tensor->data = next;
        copy_values(from, source[i]->dtype, tensor->elements, next);
        next += mn_size_align(tensor->elements * sizeof(float)) / sizeof(float);
    }
    return MN_OK;
}

static mn_status load(const uint8_t *bytes, size_t size, native_placement placement, mn_model **model, mn_error *err)
{
    mn_safetensors file = {0};
    mn_model *result = NULL;
    const mn_safetensor **source = NULL;
    mn_arch arch;
    mn_status status = mn_safetensors_parse(bytes, size, &file, err);
    if (status != MN_OK)
        return status;
    if ((status = mn_native_read_arch(file.metadata, &arch, err)) != MN_OK)
        goto done;
    status = mn_model_make(&arch, MN_STORAGE_EXTERNAL, &result, err);
    if (status == MN_ERROR_ARGUMENT)
        status = mn_fail_prefix(err, MN_ERROR_FORMAT, "the architecture in the file is impossible");
    if (status != MN_OK)
        goto done;
    source = mn_calloc((size_t)result->tensor_count, sizeof *source);
    if (!source) {
        status = mn_fail_memory(err, (size_t)result->tensor_count * sizeof *source, "a list of tensors");
        goto done;
    }
    if ((status = match_tensors(&file, result, source, err)) == MN_OK &&
        (status = mn_native_read_record(file.metadata, result, err)) == MN_OK)
        status = bind_tensors(bytes + file.data_offset, source, placement, result, err);
done:
    free(source);
    mn_safetensors_release(&file);
    if (status == MN_OK)
        *model = result;
    else
        mn_model_destroy(result);
    return status;
}

mn_status mn_model_load(const char *path, mn_model **model, mn_error *err)
{
    mn_mapping mapping;
    mn_status status = mn_file_map(path, &mapping, err);
    if (status != MN_OK)
        return status;
    status = load(mapping.bytes, mapping.size, PLACE_IN_FILE, model, err);
    if (status == MN_OK) {
        (*model)->mapping = mapping;
        mn_model_forget(*model); /* the header */
        return MN_OK;
    }
    mn_file_unmap(&mapping);
    return mn_fail_prefix(err, status, path);
}

mn_status mn_model_load_memory(const void *bytes, size_t size, mn_model **model, mn_error *err)
{
    return load(bytes, size, PLACE_COPY, model, err);
}

/* ---- saving ---- */

typedef struct tensor_order {
    int32_t index;
    size_t alignment; /* the largest power of two, up to MN_ALIGNMENT, that divides the tensor's bytes */
} tensor_order;

static int compare_order(const void *a, const void *b)
{
    const tensor_order *x = a, *y = b;
    if (x->alignment != y->alignment)
        return x->alignment > y->alignment ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

/* Sizes that are multiples of 64 come first, then of 32, 16, 8, 4; within a class, the net's order. The container
 * allows no holes, so this is what keeps most tensors on cache lines and all of them on floats. */
static void sort_tensors(const mn_model *model, tensor_order *order)
{
    for (int32_t i = 0; i < model->tensor_count; i++) {
        size_t bytes = model->tensors[i].elements * sizeof(float), alignment = MN_ALIGNMENT;
        while (bytes % alignment != 0)
            alignment /= 2;
        order[i] = (tensor_order){i, alignment};
    }
    qsort(order, (size_t)model->tensor_count, sizeof *order, compare_order);
}

static json_t *entry_of(const mn_tensor *tensor, size_t begin)
{
    json_t *shape = json_array();
    for (int32_t i = 0; i < tensor->rank; i++)
        json_array_append_new(shape, json_integer(tensor->shape[i]));
    if (json_array_size(shape) != (size_t)tensor->rank) {
        json_decref(shape);
        return NULL;
    }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets", (json_int_t)begin,
                     (json_int_t)(begin + tensor->elements * sizeof(float)));
}

/* The header as text of *length bytes, padded with spaces so that the data begin at a multiple of MN_ALIGNMENT. */
static mn_status make_header(const mn_model *model, const tensor_order *order, char **text, size_t *length,
                             mn_error *err)
{
    json_t *root = json_object(), *metadata = NULL;
    size_t begin = 0;
    mn_status status = mn_native_write_metadata(model, &metadata, err);
    if (status != MN_OK)
        goto done;
    status = MN_ERROR_OUT_OF_MEMORY;
    if (!root || json_object_set(root, "__metadata__", metadata) != 0)
        goto done;
    for (int32_t i = 0; i < model->tensor_count; i++) {
        const mn_tensor *tensor = &model->tensors[order[i].index];
        if (json_object_set_new(root, tensor->name, entry_of(tensor, begin)) != 0)
            goto done;
        begin += tensor->elements * sizeof(float);
    }
    size_t used;
    *text = mn_json_text(root, MN_ALIGNMENT, &used);
    if (!*text)
        goto done;
    *length = mn_size_align(used + 8) - 8;
    memset(*text + used, ' ', *length - used);
    status = MN_OK;
done:
    json_decref(root);
    json_decref(metadata);
    if (status == MN_ERROR_OUT_OF_MEMORY)
        mn_fail(err, status, "cannot allocate the header of a model file");
    return status;
}

static void write_le64(mn_writer *writer, uint64_t value)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    mn_writer_write(writer, bytes, sizeof bytes);
}

static void write_floats(mn_writer *writer, const float *data, size_t elements)
{
    if (host_is_little_endian()) {
        mn_writer_write(writer, data, elements * sizeof *data);
        return;
    }
    for (size_t i = 0; i < elements; i++) {
        uint32_t bits;
        memcpy(&bits, &data[i], sizeof bits);
        const uint8_t bytes[] = {(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16), (uint8_t)(bits >> 24)};
        mn_writer_write(writer, bytes, sizeof bytes);
    }
}

mn_status mn_model_save(const mn_model *model, const char *path, mn_error *err)
{
    char *header = NULL;
    size_t length = 0;
    mn_writer *writer = NULL;
    tensor_order *order = mn_calloc((size_t)model->tensor_count, sizeof *order);
    if (!order)
        return mn_fail_memory(err, (size_t)model->tensor_count * sizeof *order, "an order of tensors");
    sort_tensors(model, order);
    mn_status status = make_header(model, order, &header, &length, err);
    if (status == MN_OK && length > MN_SAFETENSORS_HEADER_MAX)
        status = mn_fail(err, MN_ERROR_LIMIT, "labels and info take %zu bytes of header, at most %u are allowed",
                         length, MN_SAFETENSORS_HEADER_MAX);
    if (status == MN_OK)
        status = mn_writer_open(path, &writer, err);
    if (status != MN_OK)
        goto done;
    write_le64(writer, length);
    mn_writer_write(writer, header, length);
    for (int32_t i = 0; i < model->tensor_count; i++) {
        const mn_tensor *tensor = &model->tensors[order[i].index];
        write_floats(writer, tensor->data, tensor->elements);
    }
    status = mn_writer_commit(writer, err);
done:
    free(header);
    free(order);
    return status;
}
