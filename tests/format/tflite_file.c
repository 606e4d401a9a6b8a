#include "format/tflite_file.h"

#include "support/test.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "format/tflite.h"
#include "format/tflite_plan.h"

tflite_spec tflite_default(void)
{
    return (tflite_spec){.kind = KIND_FLOAT, .size = 8, .channels = 3, .width = 2, .classes = 2};
}

/* ---- writing ---- */

static size_t reserve(tflite_file *file, size_t bytes, size_t alignment)
{
    size_t at = (file->size + alignment - 1) / alignment * alignment;
    if (at + bytes > file->room) {
        file->room = 2 * (at + bytes);
        file->bytes = realloc(file->bytes, file->room);
        assert_non_null(file->bytes);
    }
    memset(file->bytes + file->size, 0, at + bytes - file->size);
    file->size = at + bytes;
    return at;
}

void tflite_put(tflite_file *file, size_t at, uint64_t value, size_t bytes)
{
    assert_true(at + bytes <= file->size);
    for (size_t i = 0; i < bytes; i++)
        file->bytes[at + i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const tflite_file *file, size_t at, size_t bytes)
{
    uint64_t value = 0;
    assert_true(at + bytes <= file->size);
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)file->bytes[at + i] << (8 * i);
    return value;
}

static uint64_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* A table: `sizes` is one digit a slot, the bytes of its field, '0' where it is absent. */
static size_t put_table(tflite_file *file, const char *sizes)
{
    size_t slots = strlen(sizes), offset = 4, offsets[16] = {0};
    assert_true(slots <= 16);
    for (size_t i = 0; i < slots; i++) {
        size_t bytes = (size_t)(sizes[i] - '0');
        if (bytes == 0)
            continue;
        offset = (offset + bytes - 1) / bytes * bytes;
        offsets[i] = offset;
        offset += bytes;
    }
    size_t vtable = reserve(file, 4 + 2 * slots, 2), table = reserve(file, offset, 8);
    tflite_put(file, vtable, 4 + 2 * slots, 2);
    tflite_put(file, vtable + 2, offset, 2);
    for (size_t i = 0; i < slots; i++)
        tflite_put(file, vtable + 4 + 2 * i, offsets[i], 2);
    tflite_put(file, table, table - vtable, 4);
    return table;
}

static size_t field_of(const tflite_file *file, size_t table, int32_t slot)
{
    size_t vtable = table - (size_t)get(file, table, 4);
    size_t offset = (size_t)get(file, vtable + 4 + 2 * (size_t)slot, 2);
    assert_true(offset != 0);
    return table + offset;
}

static void set(tflite_file *file, size_t table, int32_t slot, uint64_t value, size_t bytes)
{
    tflite_put(file, field_of(file, table, slot), value, bytes);
}

static void link_to(tflite_file *file, size_t at, size_t target)
{
    assert_true(target > at);
    tflite_put(file, at, target - at, 4);
}

static size_t put_vector(tflite_file *file, size_t table, int32_t slot, size_t count, size_t bytes)
{
    size_t start = reserve(file, 4, 4);
    if (bytes == 8 && file->size % 8 != 0) /* elements of 8 bytes on multiples of 8 */
        start = reserve(file, 4, 4);
    reserve(file, count * bytes + (bytes == 1), 1); /* a string ends in a zero */
    tflite_put(file, start, count, 4);
    link_to(file, field_of(file, table, slot), start);
    return start + 4;
}

static void put_ints(tflite_file *file, size_t table, int32_t slot, const int32_t *values, size_t count)
{
    size_t at = put_vector(file, table, slot, count, 4);
    for (size_t i = 0; i < count; i++)
        tflite_put(file, at + 4 * i, (uint32_t)values[i], 4);
}

static void put_string(tflite_file *file, size_t table, int32_t slot, const char *text)
{
    size_t length = strlen(text);
    size_t at = put_vector(file, table, slot, length, 1);
    memcpy(file->bytes + at, text, length);
}

static size_t part(tflite_file *file, tflite_part kind, size_t list, const char *sizes)
{
    int32_t index = file->counts[kind]++;
    assert_true(index < TFLITE_PART_MAX);
    size_t table = put_table(file, sizes);
    file->tables[kind][index] = table;
    if (list)
        link_to(file, list + 4 * (size_t)index, table);
    return table;
}

/* ---- the file ---- */

static void write_data(tflite_file *file, const plan_tensor *tensor, size_t at)
{
    size_t bytes = tensor->data_bytes / plan_elements(tensor);
    for (size_t i = 0; i < plan_elements(tensor); i++) {
        uint64_t value = tensor->integers ? (uint32_t)tensor->integers[i] : i % 13;
        if (tensor->type == MN_TFLITE_FLOAT32)
            value = float_bits((float)(i % 13) / 8 - 0.5f);
        else if (tensor->type == MN_TFLITE_FLOAT16)
            value = 0x3800; /* 0.5 */
        tflite_put(file, at + bytes * i, value, bytes);
    }
}

static void write_quantisation(tflite_file *file, size_t table, const plan_tensor *tensor)
{
    size_t quantisation = put_table(file, "0044004");
    file->tables[PART_QUANTISATION][file->counts[PART_TENSOR] - 1] = quantisation;
    link_to(file, field_of(file, table, 4), quantisation);
    set(file, quantisation, 6, (uint32_t)tensor->dimension, 4);
    size_t scales = put_vector(file, quantisation, 2, tensor->scales, 4);
    for (size_t i = 0; i < tensor->scales; i++)
        tflite_put(file, scales + 4 * i, float_bits(tensor->scale * (float)(i + 1)), 4);
    size_t zeros = put_vector(file, quantisation, 3, tensor->scales, 8);
    for (size_t i = 0; i < tensor->scales; i++)
        tflite_put(file, zeros + 8 * i, (uint64_t)tensor->zero_point, 8);
}

static void write_tensor(tflite_file *file, const plan_tensor *tensor, size_t list, uint32_t buffer)
{
    size_t table = part(file, PART_TENSOR, list, tensor->open ? "41440004" : tensor->scales ? "41444" : "4144");
    put_ints(file, table, 0, tensor->shape, (size_t)tensor->rank);
    set(file, table, 1, (uint8_t)tensor->type, 1);
    set(file, table, 2, buffer, 4);
    put_string(file, table, 3, "tensor");
    if (tensor->open)
        put_ints(file, table, 7, (int32_t[]){-1, -1, -1, tensor->shape[3]}, 4);
    else if (tensor->scales)
        write_quantisation(file, table, tensor);
}

static void write_op(tflite_file *file, const plan_op *op, size_t list, uint32_t code)
{
    size_t table = part(file, PART_OP, list, "44414");
    set(file, table, 0, code, 4);
    put_ints(file, table, 1, op->inputs, (size_t)op->input_count);
    put_ints(file, table, 2, &op->output, 1);
    set(file, table, 3, op->options_type, 1);
    size_t options = part(file, PART_OPTIONS, 0, op->sizes);
    link_to(file, field_of(file, table, 4), options);
    for (int32_t i = 0; op->sizes[i]; i++)
        set(file, options, i, (uint32_t)op->options[i], (size_t)(op->sizes[i] - '0'));
}

static void write_graph(tflite_file *file, const plan *p, size_t model)
{
    size_t graphs = put_vector(file, model, 2, 1, 4);
    size_t graph = part(file, PART_GRAPH, graphs, "4444");
    size_t tensors = put_vector(file, graph, 0, (size_t)p->tensor_count, 4);
    put_ints(file, graph, 1, (int32_t[]){0}, 1);
    put_ints(file, graph, 2, &p->current, 1);
    size_t ops = put_vector(file, graph, 3, (size_t)p->op_count, 4);
    for (int32_t i = 0; i < p->tensor_count; i++)
        write_tensor(file, &p->tensors[i], tensors, p->tensors[i].data_bytes ? (uint32_t)(i + 1) : 0);
    for (int32_t i = 0; i < p->op_count; i++)
        write_op(file, &p->ops[i], ops, (uint32_t)i); /* a code for each operator: allowed, and simple */
}

/* The metadata of TFLite's task library, as bytes of their own. */
static tflite_file make_metadata(const tflite_spec *spec)
{
    tflite_file meta = {0};
    reserve(&meta, 8, 8);
    memcpy(meta.bytes + 4, "M001", 4);
    size_t root = put_table(&meta, "400404");
    link_to(&meta, 0, root);
    put_string(&meta, root, 0, "a small network");
    put_string(&meta, root, 5, "CC0-1.0");
    size_t graphs = put_vector(&meta, root, 3, 1, 4);
    size_t graph = put_table(&meta, "0044");
    link_to(&meta, graphs, graph);
    if (spec->mean_deviation) {
        size_t inputs = put_vector(&meta, graph, 2, 1, 4);
        size_t input = put_table(&meta, "00004");
        link_to(&meta, inputs, input);
        size_t units = put_vector(&meta, input, 4, 1, 4);
        size_t unit = put_table(&meta, "14");
        link_to(&meta, units, unit);
        set(&meta, unit, 0, 1, 1);
        size_t options = put_table(&meta, "44");
        link_to(&meta, field_of(&meta, unit, 1), options);
        for (int32_t i = 0; i < 2; i++) {
            size_t at = put_vector(&meta, options, i, 1, 4);
            tflite_put(&meta, at, float_bits(spec->mean_deviation[i]), 4);
        }
    } else {
        put_vector(&meta, graph, 2, 0, 4);
    }
    size_t outputs = put_vector(&meta, graph, 3, 1, 4);
    size_t output = put_table(&meta, "0000004");
    link_to(&meta, outputs, output);
    size_t files = put_vector(&meta, output, 6, spec->labels ? 1 : 0, 4);
    if (spec->labels) {
        size_t entry = put_table(&meta, "401");
        link_to(&meta, files, entry);
        put_string(&meta, entry, 0, "labels.txt");
        set(&meta, entry, 2, 2, 1);
    }
    return meta;
}

static void write_buffers(tflite_file *file, const plan *p, size_t model, const tflite_file *meta)
{
    size_t list = put_vector(file, model, 4, (size_t)p->tensor_count + 2, 4);
    for (int32_t i = 0; i < p->tensor_count + 2; i++) {
        const plan_tensor *tensor = i > 0 && i <= p->tensor_count ? &p->tensors[i - 1] : NULL;
        bool holds_meta = i == p->tensor_count + 1 && meta->size > 0;
        size_t bytes = tensor ? tensor->data_bytes : holds_meta ? meta->size : 0;
        size_t table = part(file, PART_BUFFER, list, bytes ? "4" : "");
        if (bytes == 0)
            continue;
        size_t at = put_vector(file, table, 0, bytes, 1);
        if (tensor)
            write_data(file, tensor, at);
        else
            memcpy(file->bytes + at, meta->bytes, meta->size);
    }
}

/* A ZIP archive of one file behind what is there, with offsets that count from the start of the archive. */
static void write_labels(tflite_file *file, const char *labels, bool deflated)
{
    uLong length = (uLong)strlen(labels), crc = crc32(0, (const Bytef *)labels, (uInt)length);
    uint8_t packed[4096];
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)labels,
                       .avail_in = (uInt)length,
                       .next_out = packed,
                       .avail_out = sizeof packed};
    assert_true(length < sizeof packed);
    if (deflated) {
        assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
        assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
        deflateEnd(&stream);
    } else {
        memcpy(packed, labels, length);
        stream.total_out = length;
    }
    const char *name = "labels.txt";
    size_t name_length = strlen(name), start = file->size, method = deflated ? 8 : 0;
    size_t local = reserve(file, 30 + name_length + stream.total_out, 1);
    tflite_put(file, local, 0x04034b50, 4);
    tflite_put(file, local + 8, method, 2);
    tflite_put(file, local + 26, name_length, 2);
    memcpy(file->bytes + local + 30, name, name_length);
    memcpy(file->bytes + local + 30 + name_length, packed, stream.total_out);
    size_t entry = reserve(file, 46 + name_length, 1);
    tflite_put(file, entry, 0x02014b50, 4);
    tflite_put(file, entry + 10, method, 2);
    tflite_put(file, entry + 16, crc, 4);
    tflite_put(file, entry + 20, stream.total_out, 4);
    tflite_put(file, entry + 24, length, 4);
    tflite_put(file, entry + 28, name_length, 2);
    memcpy(file->bytes + entry + 46, name, name_length);
    size_t end = reserve(file, 22, 1);
    tflite_put(file, end, 0x06054b50, 4);
    tflite_put(file, end + 8, 1, 2);
    tflite_put(file, end + 10, 1, 2);
    tflite_put(file, end + 12, end - entry, 4);
    tflite_put(file, end + 16, entry - start, 4);
}

tflite_file tflite_make(const tflite_spec *spec)
{
    static plan p; /* large; tests have one thread */
    p = (plan){.spec = spec};
    plan_network(&p);
    tflite_file file = {0}, meta = {0};
    if (spec->labels || spec->mean_deviation)
        meta = make_metadata(spec);
    reserve(&file, 8, 8);
    memcpy(file.bytes + 4, "TFL3", 4);
    size_t model = part(&file, PART_MODEL, 0, "4444404");
    link_to(&file, 0, model);
    set(&file, model, 0, 3, 4);
    size_t codes = put_vector(&file, model, 1, (size_t)p.op_count, 4);
    for (int32_t i = 0; i < p.op_count; i++) {
        size_t code = part(&file, PART_CODE, codes, "1004");
        set(&file, code, 0, (uint8_t)p.ops[i].code, 1);
        set(&file, code, 3, (uint32_t)p.ops[i].code, 4);
    }
    write_graph(&file, &p, model);
    put_string(&file, model, 3, "made by a test");
    write_buffers(&file, &p, model, &meta);
    size_t list = put_vector(&file, model, 6, meta.size > 0, 4);
    if (meta.size > 0) {
        size_t entry = part(&file, PART_METADATA, list, "44");
        put_string(&file, entry, 0, "TFLITE_METADATA");
        set(&file, entry, 1, (uint32_t)p.tensor_count + 1, 4);
    }
    file.flatbuffer_size = file.size;
    if (spec->labels)
        write_labels(&file, spec->labels, spec->deflated);
    free(meta.bytes);
    return file;
}

void tflite_free(tflite_file *file)
{
    free(file->bytes);
    *file = (tflite_file){0};
}

size_t tflite_field(const tflite_file *file, tflite_part kind, int32_t index, int32_t slot)
{
    assert_true(index >= 0 && index < TFLITE_PART_MAX && file->tables[kind][index] != 0);
    return field_of(file, file->tables[kind][index], slot);
}

size_t tflite_element(const tflite_file *file, tflite_part kind, int32_t index, int32_t slot, size_t element,
                      size_t element_bytes)
{
    size_t field = tflite_field(file, kind, index, slot);
    return field + (size_t)get(file, field, 4) + 4 + element * element_bytes;
}
