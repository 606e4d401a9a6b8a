/* Opens a TensorFlow Lite file: schema tables to plain structs. Slots are field numbers of schema.fbs, version 3. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "format/tflite.h"

#define TENSORS_MAX 4096
#define OPS_MAX     1024

enum { MODEL_VERSION = 0, MODEL_CODES = 1, MODEL_SUBGRAPHS = 2, MODEL_BUFFERS = 4 };
enum { CODE_DEPRECATED = 0, CODE_CODE = 3 };
enum { GRAPH_TENSORS = 0, GRAPH_INPUTS = 1, GRAPH_OUTPUTS = 2, GRAPH_OPS = 3 };
enum {
    TENSOR_SHAPE = 0,
    TENSOR_TYPE = 1,
    TENSOR_BUFFER = 2,
    TENSOR_NAME = 3,
    TENSOR_QUANTISATION = 4,
    TENSOR_SPARSITY = 6,
    TENSOR_SIGNATURE = 7
};
enum { QUANT_SCALE = 2, QUANT_ZERO_POINT = 3, QUANT_DIMENSION = 6 };
enum { OP_CODE = 0, OP_INPUTS = 1, OP_OUTPUTS = 2, OP_OPTIONS_TYPE = 3, OP_OPTIONS = 4 };
enum { BUFFER_DATA = 0, BUFFER_OFFSET = 1, BUFFER_SIZE = 2 };

static const struct {
    int32_t code;
    const char *name;
} code_names[] = {
    {MN_TFLITE_AVERAGE_POOL_2D, "AVERAGE_POOL_2D"},
    {MN_TFLITE_CONV_2D, "CONV_2D"},
    {MN_TFLITE_DEPTHWISE_CONV_2D, "DEPTHWISE_CONV_2D"},
    {MN_TFLITE_DEQUANTIZE, "DEQUANTIZE"},
    {MN_TFLITE_FULLY_CONNECTED, "FULLY_CONNECTED"},
    {MN_TFLITE_RELU, "RELU"},
    {MN_TFLITE_RELU6, "RELU6"},
    {MN_TFLITE_RESHAPE, "RESHAPE"},
    {MN_TFLITE_SOFTMAX, "SOFTMAX"},
    {MN_TFLITE_PAD, "PAD"},
    {MN_TFLITE_MEAN, "MEAN"},
    {MN_TFLITE_SQUEEZE, "SQUEEZE"},
    {MN_TFLITE_STRIDED_SLICE, "STRIDED_SLICE"},
    {MN_TFLITE_SHAPE, "SHAPE"},
    {MN_TFLITE_PACK, "PACK"},
    {MN_TFLITE_QUANTIZE, "QUANTIZE"},
    /* Met in other networks; named so that the message helps. */
    {0, "ADD"},
    {2, "CONCATENATION"},
    {14, "LOGISTIC"},
    {17, "MAX_POOL_2D"},
    {18, "MUL"},
    {32, "CUSTOM"},
    {117, "HARD_SWISH"},
};

const char *mn_tflite_code_name(int32_t code)
{
    for (size_t i = 0; i < sizeof code_names / sizeof *code_names; i++)
        if (code_names[i].code == code)
            return code_names[i].name;
    return "an operator that this reader does not know";
}

bool mn_tflite_buffer(mn_tflite *file, uint32_t index, const uint8_t **data, size_t *size, size_t *offset)
{
    mn_flatbuffer *fb = &file->fb;
    if (index >= file->buffers.count)
        return false;
    mn_fb_table buffer = mn_fb_at_table(fb, file->buffers, index);
    mn_fb_vector bytes = mn_fb_vector_of(fb, buffer, BUFFER_DATA, 1);
    uint64_t outside = mn_fb_u64(fb, buffer, BUFFER_OFFSET, 0), outside_size = mn_fb_u64(fb, buffer, BUFFER_SIZE, 0);
    if (fb->status != MN_OK)
        return false;
    if (outside > 1) { /* data behind the flatbuffer, for files above 2 GiB */
        if (outside > SIZE_MAX || outside_size > SIZE_MAX ||
            !mn_reader_has(&fb->reader, (size_t)outside, (size_t)outside_size))
            return false;
        bytes = (mn_fb_vector){(size_t)outside, (size_t)outside_size};
    }
    *data = bytes.count > 0 ? fb->reader.bytes + bytes.at : NULL;
    *size = bytes.count;
    *offset = bytes.at;
    return true;
}

static mn_status read_tensor(mn_tflite *file, mn_fb_table table, int32_t index, mn_error *err)
{
    mn_flatbuffer *fb = &file->fb;
    mn_tflite_tensor *tensor = &file->tensors[index];
    mn_fb_vector shape = mn_fb_vector_of(fb, table, TENSOR_SHAPE, 4);
    mn_fb_vector signature = mn_fb_vector_of(fb, table, TENSOR_SIGNATURE, 4);
    mn_fb_table quantisation = mn_fb_child(fb, table, TENSOR_QUANTISATION);
    uint32_t buffer = (uint32_t)mn_fb_i32(fb, table, TENSOR_BUFFER, 0);
    tensor->name = mn_fb_string(fb, table, TENSOR_NAME);
    tensor->type = (int8_t)mn_fb_u8(fb, table, TENSOR_TYPE, 0);
    tensor->quantisation.scale = mn_fb_vector_of(fb, quantisation, QUANT_SCALE, 4);
    tensor->quantisation.zero_point = mn_fb_vector_of(fb, quantisation, QUANT_ZERO_POINT, 8);
    tensor->quantisation.dimension = mn_fb_i32(fb, quantisation, QUANT_DIMENSION, 0);
    if (!tensor->name)
        tensor->name = "";
    tensor->rank = shape.count <= MN_TFLITE_RANK_MAX ? (int32_t)shape.count : -1;
    for (int32_t i = 0; i < MN_TFLITE_RANK_MAX; i++)
        tensor->shape[i] = i < tensor->rank ? mn_fb_at_i32(fb, shape, (size_t)i) : 1;
    for (size_t i = 1; i < signature.count && i < 4; i++)
        tensor->open = tensor->open || mn_fb_at_i32(fb, signature, i) < 0;
    if (fb->status != MN_OK)
        return fb->status;
    if (mn_fb_has(fb, table, TENSOR_SPARSITY))
        return mn_fail_at(err, MN_ERROR_UNSUPPORTED, (int64_t)table.at, "tensor %d '%.60s' is sparse", index,
                          tensor->name);
    if (!mn_tflite_buffer(file, buffer, &tensor->data, &tensor->data_bytes, &tensor->data_offset))
        return fb->status != MN_OK
                   ? fb->status
                   : mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)table.at,
                                "tensor %d '%.60s' has buffer %u of %zu, or one that lies outside the file", index,
                                tensor->name, buffer, file->buffers.count);
    return MN_OK;
}

static bool indices_are_valid(mn_flatbuffer *fb, mn_fb_vector indices, int32_t count)
{
    for (size_t i = 0; i < indices.count; i++) {
        int32_t index = mn_fb_at_i32(fb, indices, i);
        if (index < -1 || index >= count)
            return false;
    }
    return true;
}

static mn_status read_op(mn_tflite *file, mn_fb_vector codes, mn_fb_table table, int32_t index, mn_error *err)
{
    mn_flatbuffer *fb = &file->fb;
    mn_tflite_op *op = &file->ops[index];
    uint32_t code = (uint32_t)mn_fb_i32(fb, table, OP_CODE, 0);
    op->inputs = mn_fb_vector_of(fb, table, OP_INPUTS, 4);
    op->outputs = mn_fb_vector_of(fb, table, OP_OUTPUTS, 4);
    op->options_type = mn_fb_u8(fb, table, OP_OPTIONS_TYPE, 0);
    op->options = mn_fb_child(fb, table, OP_OPTIONS);
    if (fb->status != MN_OK)
        return fb->status;
    if (code >= codes.count)
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)table.at, "operator %d has code number %u of %zu", index, code,
                          codes.count);
    if (op->inputs.count > 16 || op->outputs.count > 16 || !indices_are_valid(fb, op->inputs, file->tensor_count) ||
        !indices_are_valid(fb, op->outputs, file->tensor_count))
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)table.at,
                          "operator %d has a tensor index outside 0..%d, or more than 16 tensors", index,
                          file->tensor_count - 1);
    mn_fb_table entry = mn_fb_at_table(fb, codes, code);
    int32_t narrow = (int8_t)mn_fb_u8(fb, entry, CODE_DEPRECATED, 0);
    int32_t wide = mn_fb_i32(fb, entry, CODE_CODE, 0);
    op->code = wide > narrow ? wide : narrow; /* older files have the narrow one alone */
    return fb->status;
}

/* A list of `count` items of the file, within `most`. */
static mn_status allocate(void **items, size_t count, size_t most, size_t size, const char *what, mn_error *err)
{
    if (count > most)
        return mn_fail(err, MN_ERROR_LIMIT, "the file has %zu %s, at most %zu are read", count, what, most);
    *items = mn_calloc(count, size);
    return *items ? MN_OK : mn_fail_memory(err, count * size, what);
}

static mn_status read_graph(mn_tflite *file, mn_fb_table graph, mn_error *err)
{
    mn_flatbuffer *fb = &file->fb;
    mn_fb_vector tensors = mn_fb_vector_of(fb, graph, GRAPH_TENSORS, 4);
    mn_fb_vector ops = mn_fb_vector_of(fb, graph, GRAPH_OPS, 4);
    mn_fb_vector inputs = mn_fb_vector_of(fb, graph, GRAPH_INPUTS, 4);
    mn_fb_vector outputs = mn_fb_vector_of(fb, graph, GRAPH_OUTPUTS, 4);
    mn_fb_vector codes = mn_fb_vector_of(fb, file->model, MODEL_CODES, 4);
    if (fb->status != MN_OK)
        return fb->status;
    mn_status status =
        allocate((void **)&file->tensors, tensors.count, TENSORS_MAX, sizeof *file->tensors, "tensors", err);
    if (status == MN_OK)
        status = allocate((void **)&file->ops, ops.count, OPS_MAX, sizeof *file->ops, "operators", err);
    file->tensor_count = status == MN_OK ? (int32_t)tensors.count : 0;
    file->op_count = status == MN_OK ? (int32_t)ops.count : 0;
    for (int32_t i = 0; status == MN_OK && i < file->tensor_count; i++)
        status = read_tensor(file, mn_fb_at_table(fb, tensors, (size_t)i), i, err);
    for (int32_t i = 0; status == MN_OK && i < file->op_count; i++)
        status = read_op(file, codes, mn_fb_at_table(fb, ops, (size_t)i), i, err);
    if (status != MN_OK)
        return status;
    if (inputs.count != 1 || outputs.count != 1)
        return mn_fail_at(err, MN_ERROR_UNSUPPORTED, (int64_t)graph.at,
                          "the network has %zu inputs and %zu outputs; one of each is read", inputs.count,
                          outputs.count);
    file->input = mn_fb_at_i32(fb, inputs, 0);
    file->output = mn_fb_at_i32(fb, outputs, 0);
    if (file->input < 0 || file->input >= file->tensor_count || file->output < 0 || file->output >= file->tensor_count)
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)graph.at,
                          "the input or output tensor has an impossible index");
    return MN_OK;
}

mn_status mn_tflite_open(const uint8_t *bytes, size_t size, mn_tflite *file, mn_error *err)
{
    mn_tflite result = {.fb = mn_fb_open(bytes, size, 0, err)};
    mn_flatbuffer *fb = &result.fb;
    result.model = mn_fb_root(fb, "TFL3");
    int32_t version = mn_fb_i32(fb, result.model, MODEL_VERSION, 0);
    mn_fb_vector graphs = mn_fb_vector_of(fb, result.model, MODEL_SUBGRAPHS, 4);
    result.buffers = mn_fb_vector_of(fb, result.model, MODEL_BUFFERS, 4);
    mn_fb_table graph = graphs.count == 1 ? mn_fb_at_table(fb, graphs, 0) : (mn_fb_table){0};
    if (fb->status != MN_OK)
        return fb->status;
    if (version != 3)
        return mn_fail(err, MN_ERROR_UNSUPPORTED, "the schema has version %d, 3 is read", version);
    if (graphs.count != 1)
        return mn_fail(err, MN_ERROR_UNSUPPORTED, "the file has %zu subgraphs, one is read", graphs.count);
    mn_status status = read_graph(&result, graph, err);
    if (status == MN_OK)
        *file = result;
    else
        mn_tflite_close(&result);
    return status;
}

void mn_tflite_close(mn_tflite *file)
{
    free(file->tensors);
    free(file->ops);
    *file = (mn_tflite){0};
}

int32_t mn_tflite_input_index(mn_tflite *file, const mn_tflite_op *op, size_t k)
{
    return k < op->inputs.count ? mn_fb_at_i32(&file->fb, op->inputs, k) : -1;
}

mn_tflite_tensor *mn_tflite_input(mn_tflite *file, const mn_tflite_op *op, size_t k)
{
    int32_t index = mn_tflite_input_index(file, op, k);
    return index >= 0 ? &file->tensors[index] : NULL;
}
