/* The TensorFlow Lite reader on small files: every way of writing the network is understood, every fault refused. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/tflite_file.h"
#include "mobilenet/import.h"

static mn_status import_bytes(const uint8_t *bytes, size_t size, mn_model **model, mn_error *err)
{
    /* exactly `size` bytes on the heap, so that sanitizers see an over-read */
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    mn_status status = mn_model_import_memory(copy, size, "test", model, err);
    free(copy);
    return status;
}

static mn_model *import_spec(const char *what, const tflite_spec *spec)
{
    mn_error err;
    mn_model *model = NULL;
    tflite_file file = tflite_make(spec);
    mn_status status = import_bytes(file.bytes, file.size, &model, &err);
    tflite_free(&file);
    if (status != MN_OK)
        fail_msg("%s: %s: %s", what, mn_status_name(status), err.message);
    return model;
}

/* What `k` of the stored pattern stands for, in each kind of file. */
static float pattern(tflite_kind kind, size_t k)
{
    switch (kind) {
    case KIND_FLOAT:
        return (float)(k % 13) / 8 - 0.5f;
    case KIND_FLOAT16:
        return 0.5f;
    case KIND_UINT8:
        return (float)(((double)(k % 13) - 7) * (double)0.01f);
    case KIND_INT8:
    default:
        return (float)((double)(k % 13) * (double)0.01f);
    }
}

static void test_kinds(void **state)
{
    (void)state;
    for (int kind = KIND_FLOAT; kind <= KIND_INT8; kind++)
        for (int way = 0; way < 32; way++) {
            tflite_spec spec = tflite_default();
            spec.kind = (tflite_kind)kind;
            spec.explicit_pad = way & 1;
            spec.size = 32; /* Keras's padding wants maps of two or more */
            spec.mean = way & 2;
            spec.fully_connected = way & 4;
            spec.softmax = way & 8;
            spec.unfused = way & 16;
            mn_model *model = import_spec("kind", &spec);
            const mn_arch *arch = &mn_model_net(model)->arch;
            assert_int_equal(arch->depth, MN_DEPTH_SHALLOW);
            assert_int_equal(arch->activation, MN_ACTIVATION_RELU6);
            assert_int_equal(arch->classes, 2);
            assert_int_equal(arch->width_count, 9); /* 2 channels everywhere: no alpha gives that */
            assert_int_equal(arch->widths[8], 2);
            assert_false(arch->batch_norm);
            const mn_tensor *stem = mn_model_tensor(model, "stem.weight");
            assert_int_equal(stem->elements, 2 * 3 * 3 * 3);
            for (size_t i = 0; i < stem->elements; i++)
                assert_true(stem->data[i] == pattern(spec.kind, i));
            const mn_tensor *classifier = mn_model_tensor(model, "classifier.weight");
            for (size_t i = 0; i < classifier->elements; i++)
                assert_true(classifier->data[i] == pattern(spec.kind, i));
            bool says_softmax = strstr(mn_model_info(model, "assumed"), "ends without softmax") != NULL;
            assert_int_equal(says_softmax, !spec.softmax);
            mn_model_destroy(model);
        }
}

static void test_per_channel(void **state)
{
    (void)state;
    tflite_spec spec = tflite_default();
    spec.kind = KIND_INT8;
    spec.per_channel = true;
    mn_model *model = import_spec("per channel", &spec);
    const mn_tensor *stem = mn_model_tensor(model, "stem.weight"); /* [2, 3, 3, 3]: scales 0.01 and 0.02 */
    for (size_t i = 0; i < stem->elements; i++)
        assert_true(stem->data[i] == (float)((double)(i % 13) * (double)(0.01f * (float)(i / 27 + 1))));
    const mn_tensor *depthwise = mn_model_tensor(model, "block1.depthwise.weight"); /* [3, 3, 2] */
    for (size_t i = 0; i < depthwise->elements; i++)
        assert_true(depthwise->data[i] == (float)((double)(i % 13) * (double)(0.01f * (float)(i % 2 + 1))));
    const mn_tensor *bias = mn_model_tensor(model, "classifier.bias");
    assert_true(bias->data[1] == 0.01f / 128 * 2);
    mn_model_destroy(model);
}

/* A depthwise convolution that spreads one gray channel is a standard convolution. */
static void test_spread_stem(void **state)
{
    (void)state;
    tflite_spec spec = tflite_default();
    spec.channels = 1;
    spec.spread_stem = true;
    mn_model *model = import_spec("gray", &spec);
    const mn_tensor *stem = mn_model_tensor(model, "stem.weight");
    assert_int_equal(stem->rank, 4);
    for (size_t oc = 0; oc < 2; oc++)
        for (size_t tap = 0; tap < 9; tap++)
            assert_true(stem->data[oc * 9 + tap] == pattern(KIND_FLOAT, tap * 2 + oc));
    mn_model_destroy(model);
}

static void test_padding(void **state)
{
    (void)state;
    tflite_spec spec = tflite_default();
    for (int32_t size = 7; size <= 33; size++) { /* SAME on odd and even maps */
        spec.size = size;
        mn_model *model = import_spec("same", &spec);
        assert_int_equal(mn_model_net(model)->arch.padding, MN_PADDING_SAME);
        assert_int_equal(mn_model_net(model)->arch.height, size);
        mn_model_destroy(model);
    }
    spec.explicit_pad = true;
    spec.size = 32;
    mn_model *model = import_spec("keras", &spec);
    assert_int_equal(mn_model_net(model)->arch.padding, MN_PADDING_KERAS);
    mn_model_destroy(model);
}

static void test_widths(void **state)
{
    (void)state;
    tflite_spec spec = tflite_default();
    spec.width = 8; /* below 9/1024 every width of TF-slim's rule is at its floor of 8 */
    mn_model *model = import_spec("floor", &spec);
    assert_int_equal(mn_model_net(model)->arch.width_count, 0);
    assert_int_equal(mn_model_net(model)->arch.rounding, MN_ROUNDING_MIN8);
    mn_model_destroy(model);
}

static void test_preprocessing(void **state)
{
    (void)state;
    const float normalisation[2] = {100, 50};
    tflite_spec spec = tflite_default();
    spec.mean_deviation = normalisation;
    mn_model *model = import_spec("normalisation", &spec);
    assert_true(mn_model_preprocess(model)->mean[2] == 100);
    assert_true(mn_model_preprocess(model)->standard_deviation[0] == 50);
    assert_false(mn_model_preprocess(model)->round_to_byte);
    assert_string_equal(mn_model_info(model, "name"), "a small network");
    assert_string_equal(mn_model_info(model, "licence"), "CC0-1.0");
    mn_model_destroy(model);
    spec.kind = KIND_INT8; /* the metadata's word counts more than the range */
    model = import_spec("normalised and quantised", &spec);
    assert_true(mn_model_preprocess(model)->mean[0] == 100);
    assert_true(mn_model_preprocess(model)->round_to_byte);
    mn_model_destroy(model);
    spec.kind = KIND_UINT8; /* but a uint8 input takes the pixels as they are */
    model = import_spec("normalised and uint8", &spec);
    assert_true(mn_model_preprocess(model)->mean[0] == 128);
    mn_model_destroy(model);
    spec.mean_deviation = NULL;
    spec.kind = KIND_INT8; /* scale 1/128, zero point 0 of signed bytes: 128 of unsigned */
    model = import_spec("quantised", &spec);
    assert_true(mn_model_preprocess(model)->mean[0] == 128);
    assert_true(mn_model_preprocess(model)->standard_deviation[0] == 128);
    assert_true(mn_model_preprocess(model)->round_to_byte);
    mn_model_destroy(model);
}

static void test_open_input(void **state)
{
    (void)state;
    tflite_spec spec = tflite_default();
    mn_model *model = NULL;
    mn_error err;
    spec.size = 1;
    spec.open_input = true;
    tflite_file file = tflite_make(&spec);
    mn_status status = import_bytes(file.bytes, file.size, &model, &err);
    tflite_free(&file);
    assert_int_equal(status, MN_ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "no fixed height, width or channels"));
    spec.open_input = false; /* a network of one pixel is read */
    mn_model_destroy(import_spec("one pixel", &spec));
}

static void test_labels(void **state)
{
    (void)state;
    tflite_spec spec = tflite_default();
    for (int way = 0; way < 2; way++) {
        spec.labels = "no cat\r\ncat\r\n\r\n";
        spec.deflated = way == 1;
        mn_model *model = import_spec("labels", &spec);
        assert_true(mn_model_has_labels(model));
        assert_string_equal(mn_model_label(model, 1), "cat");
        mn_model_destroy(model);
    }
}

/* One field or element changed. slot -1: bytes of the archive of labels, `element` before its end. */
typedef struct fault {
    const char *name;
    tflite_kind kind;
    tflite_part part;
    int32_t index, slot;
    int32_t element; /* -1: the field itself */
    size_t bytes;
    uint64_t value;
    mn_status status;
    const char *says;
} fault;

#define FLOAT(bits) 4, bits

static const fault faults[] = {
    {"version", KIND_FLOAT, PART_MODEL, 0, 0, -1, 4, 2, MN_ERROR_UNSUPPORTED, "version 2"},
    {"subgraphs outside", KIND_FLOAT, PART_MODEL, 0, 2, -1, 4, 0x7FFFFFFF, MN_ERROR_FORMAT, "outside the file"},
    {"offset to itself", KIND_FLOAT, PART_MODEL, 0, 2, -1, 4, 0, MN_ERROR_FORMAT, "itself"},
    {"graph count", KIND_FLOAT, PART_MODEL, 0, 2, -2, 4, 0xFFFFFFFF, MN_ERROR_FORMAT, "longer than the file"},
    {"no graph", KIND_FLOAT, PART_MODEL, 0, 2, -2, 4, 0, MN_ERROR_UNSUPPORTED, "0 subgraphs"},
    {"tensor count", KIND_FLOAT, PART_GRAPH, 0, 0, -2, 4, 4097, MN_ERROR_FORMAT, "flatbuffer"},
    {"input index", KIND_FLOAT, PART_GRAPH, 0, 1, 0, 4, 999, MN_ERROR_FORMAT, "impossible index"},
    {"input index negative", KIND_FLOAT, PART_GRAPH, 0, 1, 0, 4, 0xFFFFFFFF, MN_ERROR_FORMAT, "impossible index"},
    {"two outputs", KIND_FLOAT, PART_GRAPH, 0, 2, -2, 4, 2, MN_ERROR_UNSUPPORTED, "2 outputs"},
    {"output elsewhere", KIND_FLOAT, PART_GRAPH, 0, 2, 0, 4, 1, MN_ERROR_UNSUPPORTED, "the output is tensor 1"},
    {"input of rank 3", KIND_FLOAT, PART_TENSOR, 0, 0, -2, 4, 3, MN_ERROR_UNSUPPORTED, "the input"},
    {"input of rank 5", KIND_FLOAT, PART_TENSOR, 0, 0, -2, 4, 5, MN_ERROR_UNSUPPORTED, "the input"},
    {"input height 0", KIND_FLOAT, PART_TENSOR, 0, 0, 1, 4, 0, MN_ERROR_UNSUPPORTED, "the input"},
    {"input height -1", KIND_FLOAT, PART_TENSOR, 0, 0, 1, 4, 0xFFFFFFFF, MN_ERROR_UNSUPPORTED, "the input"},
    {"input height 2^30", KIND_FLOAT, PART_TENSOR, 0, 0, 1, 4, 1u << 30, MN_ERROR_UNSUPPORTED, "the input"},
    {"other input height", KIND_FLOAT, PART_TENSOR, 0, 0, 1, 4, 100, MN_ERROR_FORMAT, "the file says output"},
    {"input channels", KIND_FLOAT, PART_TENSOR, 0, 0, 3, 4, 4, MN_ERROR_UNSUPPORTED, "is fed 4"},
    {"kernel 0", KIND_FLOAT, PART_TENSOR, 1, 0, 1, 4, 0, MN_ERROR_UNSUPPORTED, "operator 0"},
    {"kernel -3", KIND_FLOAT, PART_TENSOR, 1, 0, 1, 4, 0xFFFFFFFD, MN_ERROR_UNSUPPORTED, "operator 0"},
    {"kernel 2^31 - 1", KIND_FLOAT, PART_TENSOR, 1, 0, 1, 4, 0x7FFFFFFF, MN_ERROR_UNSUPPORTED, "operator 0"},
    {"kernel 5", KIND_FLOAT, PART_TENSOR, 1, 0, 1, 4, 5, MN_ERROR_UNSUPPORTED, "5x3"},
    {"output channels", KIND_FLOAT, PART_TENSOR, 1, 0, 0, 4, 0x7FFFFFFF, MN_ERROR_FORMAT, "the file says output"},
    {"weights' type", KIND_FLOAT, PART_TENSOR, 1, 1, -1, 1, 7, MN_ERROR_UNSUPPORTED, "type number 7"},
    {"weights' buffer", KIND_FLOAT, PART_TENSOR, 1, 2, -1, 4, 100000, MN_ERROR_FORMAT, "buffer 100000"},
    {"weights absent", KIND_FLOAT, PART_TENSOR, 1, 2, -1, 4, 0, MN_ERROR_FORMAT, "0 bytes"},
    {"weights of another", KIND_FLOAT, PART_TENSOR, 1, 2, -1, 4, 3, MN_ERROR_FORMAT, "8 bytes"},
    {"bias of another", KIND_FLOAT, PART_TENSOR, 2, 2, -1, 4, 2, MN_ERROR_FORMAT, "elements of 4 bytes are wanted"},
    {"buffer length", KIND_FLOAT, PART_BUFFER, 2, 0, -2, 4, 0x10000000, MN_ERROR_FORMAT, "longer than the file"},
    {"operator code number", KIND_FLOAT, PART_OP, 0, 0, -1, 4, 77777, MN_ERROR_FORMAT, "code number 77777"},
    {"operator", KIND_FLOAT, PART_CODE, 3, 0, -1, 1, 17, MN_ERROR_UNSUPPORTED, "MAX_POOL_2D"},
    {"operator unknown", KIND_FLOAT, PART_CODE, 3, 3, -1, 4, 200, MN_ERROR_UNSUPPORTED, "code 200"},
    {"operator custom", KIND_FLOAT, PART_CODE, 3, 3, -1, 4, 32, MN_ERROR_UNSUPPORTED, "CUSTOM"},
    {"operator's input", KIND_FLOAT, PART_OP, 1, 1, 0, 4, 5000, MN_ERROR_FORMAT, "outside 0.."},
    {"branch", KIND_FLOAT, PART_OP, 2, 1, 0, 4, 0, MN_ERROR_UNSUPPORTED, "branches"},
    {"no weights", KIND_FLOAT, PART_OP, 0, 1, 1, 4, 0xFFFFFFFF, MN_ERROR_UNSUPPORTED, "four dimensions"},
    {"weights that flow", KIND_FLOAT, PART_OP, 0, 1, 1, 4, 0, MN_ERROR_FORMAT, "the file says output"},
    {"no output", KIND_FLOAT, PART_OP, 0, 2, -2, 4, 0, MN_ERROR_UNSUPPORTED, "no output"},
    {"output -1", KIND_FLOAT, PART_OP, 0, 2, 0, 4, 0xFFFFFFFF, MN_ERROR_UNSUPPORTED, "no output"},
    {"options of another", KIND_FLOAT, PART_OP, 0, 3, -1, 1, 2, MN_ERROR_UNSUPPORTED, "another operator"},
    {"stride 0", KIND_FLOAT, PART_OPTIONS, 0, 1, -1, 4, 0, MN_ERROR_UNSUPPORTED, "stride"},
    {"stride negative", KIND_FLOAT, PART_OPTIONS, 0, 2, -1, 4, 0xFFFFFFFE, MN_ERROR_UNSUPPORTED, "stride"},
    {"stride 2x1", KIND_FLOAT, PART_OPTIONS, 0, 1, -1, 4, 1, MN_ERROR_FORMAT, "the file says output"},
    {"dilation", KIND_FLOAT, PART_OPTIONS, 0, 4, -1, 4, 2, MN_ERROR_UNSUPPORTED, "dilated"},
    {"tanh", KIND_FLOAT, PART_OPTIONS, 0, 3, -1, 1, 4, MN_ERROR_UNSUPPORTED, "activation"},
    {"ReLU among ReLU6", KIND_FLOAT, PART_OPTIONS, 1, 4, -1, 1, 1, MN_ERROR_UNSUPPORTED, "operator 1"},
    {"no activation", KIND_FLOAT, PART_OPTIONS, 1, 4, -1, 1, 0, MN_ERROR_UNSUPPORTED, "activation none"},
    {"VALID", KIND_FLOAT, PART_OPTIONS, 1, 0, -1, 1, 1, MN_ERROR_FORMAT, "the file says output"},
    {"pool of a part", KIND_FLOAT, PART_OPTIONS, 17, 4, -1, 4, 3, MN_ERROR_UNSUPPORTED, "whole map"},
    {"scale 0", KIND_INT8, PART_QUANTISATION, 1, 2, 0, FLOAT(0), MN_ERROR_FORMAT, "scale 0"},
    {"scale negative", KIND_INT8, PART_QUANTISATION, 1, 2, 0, FLOAT(0xBF800000), MN_ERROR_FORMAT, "scale -1"},
    {"scale NaN", KIND_INT8, PART_QUANTISATION, 1, 2, 0, FLOAT(0x7FC00000), MN_ERROR_FORMAT, "above 0"},
    {"scale infinite", KIND_INT8, PART_QUANTISATION, 1, 2, 0, FLOAT(0x7F800000), MN_ERROR_FORMAT, "above 0"},
    {"no scales", KIND_INT8, PART_QUANTISATION, 1, 2, -2, 4, 0, MN_ERROR_UNSUPPORTED, "without a scale"},
    {"scales 2 for 1 zero point", KIND_INT8, PART_QUANTISATION, 1, 2, -2, 4, 2, MN_ERROR_FORMAT, "zero points"},
    {"input's scale 1e-40", KIND_UINT8, PART_QUANTISATION, 0, 2, 0, FLOAT(71362), MN_ERROR_FORMAT, "preprocessing"},
    {"metadata's name", KIND_FLOAT, PART_METADATA, 0, 0, -1, 4, 0x7FFFFFFF, MN_ERROR_FORMAT, "outside the file"},
    {"metadata's buffer", KIND_FLOAT, PART_METADATA, 0, 1, -1, 4, 4000, MN_ERROR_FORMAT, "buffer 4000"},
    {"metadata of zeros", KIND_FLOAT, PART_METADATA, 0, 1, -1, 4, 2, MN_ERROR_FORMAT, "identifier"},
    {"labels: end", KIND_FLOAT, PART_COUNT, 10, -1, -1, 4, 0xFFFFFFFF, MN_ERROR_FORMAT, "zip"},
    {"labels: directory", KIND_FLOAT, PART_COUNT, 6, -1, -1, 4, 0xFFFFFF, MN_ERROR_FORMAT, "zip"},
    {"labels: local header", KIND_FLOAT, PART_COUNT, 36, -1, -1, 4, 0xFFFFFF, MN_ERROR_FORMAT, "zip"},
    {"labels: method", KIND_FLOAT, PART_COUNT, 68, -1, -1, 2, 12, MN_ERROR_UNSUPPORTED, "method 12"},
    {"labels: encrypted", KIND_FLOAT, PART_COUNT, 70, -1, -1, 2, 1, MN_ERROR_UNSUPPORTED, "encrypted"},
    {"labels: checksum", KIND_FLOAT, PART_COUNT, 62, -1, -1, 4, 5, MN_ERROR_FORMAT, "checksum"},
    {"labels: bomb", KIND_FLOAT, PART_COUNT, 54, -1, -1, 4, 0xFFFFFFF0, MN_ERROR_LIMIT, "at most"},
    {"labels: sizes differ", KIND_FLOAT, PART_COUNT, 54, -1, -1, 4, 7, MN_ERROR_FORMAT, "zip"},
};

static void apply(tflite_file *file, const fault *f)
{
    size_t at;
    if (f->part == PART_COUNT)
        at = file->size - (size_t)f->index; /* of the archive */
    else if (f->element >= 0)
        at = tflite_element(file, f->part, f->index, f->slot, (size_t)f->element, f->bytes);
    else if (f->element == -2) /* the count of the vector */
        at = tflite_element(file, f->part, f->index, f->slot, 0, 4) - 4;
    else
        at = tflite_field(file, f->part, f->index, f->slot);
    tflite_put(file, at, f->value, f->bytes);
}

static void test_faults(void **state)
{
    (void)state;
    mn_error err;
    const float normalisation[2] = {127.5f, 127.5f};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        tflite_spec spec = tflite_default();
        mn_model *model = NULL;
        spec.kind = faults[i].kind;
        spec.mean_deviation = normalisation;
        spec.labels = "a\nb\n";
        tflite_file file = tflite_make(&spec);
        apply(&file, &faults[i]);
        mn_status status = import_bytes(file.bytes, file.size, &model, &err);
        if (status != faults[i].status || !strstr(err.message, faults[i].says))
            fail_msg("%s: got %s, \"%s\"", faults[i].name, mn_status_name(status), err.message);
        assert_null(model);
        assert_int_equal(import_bytes(file.bytes, file.size, &model, NULL), faults[i].status);
        tflite_free(&file);
    }
}

static void test_label_faults(void **state)
{
    (void)state;
    static const struct {
        const char *labels, *says;
    } cases[] = {{"one\n", "1 labels"}, {"a\nb\nc\n", "3 labels"}, {"a\n\xFF\n", "line 2"}, {"\n\n", "0 labels"}};
    mn_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tflite_spec spec = tflite_default();
        mn_model *model = NULL;
        spec.labels = cases[i].labels;
        spec.deflated = i % 2;
        tflite_file file = tflite_make(&spec);
        assert_int_equal(import_bytes(file.bytes, file.size, &model, &err), MN_ERROR_FORMAT);
        if (!strstr(err.message, cases[i].says) || !strstr(err.message, "labels.txt"))
            fail_msg("got \"%s\"", err.message);
        tflite_free(&file);
    }
}

static void test_bad_networks(void **state)
{
    (void)state;
    mn_error err;
    mn_model *model = NULL;
    const float bad[2] = {0, -1};
    tflite_spec spec = tflite_default();
    spec.mean_deviation = bad;
    tflite_file file = tflite_make(&spec);
    assert_int_equal(import_bytes(file.bytes, file.size, &model, &err), MN_ERROR_FORMAT);
    assert_non_null(strstr(err.message, "preprocessing"));
    tflite_free(&file);
}

/* Cut anywhere: refused, or, where only the archive of labels is cut, read without labels. */
static void test_truncated(void **state)
{
    (void)state;
    mn_error err;
    tflite_spec spec = tflite_default();
    spec.labels = "a\nb\n";
    tflite_file file = tflite_make(&spec);
    for (size_t size = 0; size < file.size; size++) {
        mn_model *model = NULL;
        mn_status status = import_bytes(file.bytes, size, &model, &err);
        if (size < 8 || (status != MN_OK && size < file.flatbuffer_size))
            assert_int_equal(status, MN_ERROR_FORMAT);
        mn_model_destroy(model);
    }
    tflite_free(&file);
}

/* Every third byte changed, in one of three ways: no crash, no hang, no model with an impossible record. The fuzz target
 * goes further. */
static void test_damaged(void **state)
{
    (void)state;
    mn_error err;
    const float normalisation[2] = {127.5f, 127.5f};
    tflite_spec spec = tflite_default();
    spec.kind = KIND_INT8;
    spec.per_channel = true;
    spec.width = 1;
    spec.labels = "a\nb\n";
    spec.mean_deviation = normalisation;
    tflite_file file = tflite_make(&spec);
    for (size_t i = 0; i < file.size; i += 3) {
        const uint8_t good = file.bytes[i], values[] = {0xFF, 0x80, (uint8_t)(good + 1)};
        mn_model *model = NULL;
        file.bytes[i] = values[i / 3 % 3];
        if (import_bytes(file.bytes, file.size, &model, &err) == MN_OK)
            assert_int_equal(mn_preprocess_check(mn_model_preprocess(model), NULL), MN_OK);
        mn_model_destroy(model);
        file.bytes[i] = good;
    }
    tflite_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),        cmocka_unit_test(test_per_channel),  cmocka_unit_test(test_spread_stem),
        cmocka_unit_test(test_padding),      cmocka_unit_test(test_widths),       cmocka_unit_test(test_preprocessing),
        cmocka_unit_test(test_open_input),   cmocka_unit_test(test_labels),       cmocka_unit_test(test_faults),
        cmocka_unit_test(test_label_faults), cmocka_unit_test(test_bad_networks), cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
