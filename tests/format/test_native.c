/* The native file: round trips bit for bit, use in place, and every kind of broken file refused with its reason. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "format/native_file.h"
#include "mobilenet/model.h"
#include "net/model.h"
#include "support/test.h"

static char path[256];

static int setup(void **state)
{
    (void)state;
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/mn-native-%ld.safetensors", folder ? folder : "/tmp", (long)getpid());
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static void check_ok(mn_status status, const mn_error *err)
{
    if (status != MN_OK)
        fail_msg("%s: %s", mn_status_name(status), err->message);
}

/* A model with every part of the record in use. */
static mn_model *make_model(mn_arch arch)
{
    mn_error err;
    mn_model *model;
    check_ok(mn_model_create(&arch, &model, &err), &err);
    mn_model_initialise(model, 7);
    mn_preprocess preprocess = mn_preprocess_default();
    preprocess.crop = MN_CROP_RESIZE_SHORTER;
    preprocess.crop_fraction = 224.0 / 256.0 + 1e-9;
    preprocess.resize = MN_RESIZE_PIL_BICUBIC;
    preprocess.round_to_byte = preprocess.bgr = true;
    preprocess.mean[1] = 0.1f;
    preprocess.standard_deviation[2] = 58.395f;
    check_ok(mn_model_set_preprocess(model, &preprocess, &err), &err);
    const char *labels[] = {"\"quote\", back\\slash", "Fr\xC3\xBC"
                                                      "chte\n\t2"};
    if (arch.classes == 2)
        check_ok(mn_model_set_labels(model, labels, 2, &err), &err);
    check_ok(mn_model_set_info(model, "licence", "Apache-2.0", &err), &err);
    check_ok(mn_model_set_info(model, "recipe", "", &err), &err);
    return model;
}

static void check_equal(const mn_model *a, const mn_model *b)
{
    assert_memory_equal(&a->net.arch.widths, &b->net.arch.widths, sizeof a->net.arch.widths);
    assert_true(a->net.arch.alpha == b->net.arch.alpha);
    assert_true(a->net.arch.bn_epsilon == b->net.arch.bn_epsilon);
    assert_true(a->net.arch.dropout == b->net.arch.dropout);
    assert_int_equal(a->net.arch.padding, b->net.arch.padding);
    assert_int_equal(a->net.arch.rounding, b->net.arch.rounding);
    assert_int_equal(a->net.arch.activation, b->net.arch.activation);
    assert_int_equal(a->net.layer_count, b->net.layer_count);
    assert_int_equal(a->tensor_count, b->tensor_count);
    for (int32_t i = 0; i < a->tensor_count; i++) {
        assert_string_equal(a->tensors[i].name, b->tensors[i].name);
        assert_int_equal(a->tensors[i].elements, b->tensors[i].elements);
        assert_memory_equal(a->tensors[i].data, b->tensors[i].data, a->tensors[i].elements * sizeof(float));
    }
    assert_int_equal(a->preprocess.crop, b->preprocess.crop);
    assert_int_equal(a->preprocess.resize, b->preprocess.resize);
    assert_true(a->preprocess.crop_fraction == b->preprocess.crop_fraction);
    assert_int_equal(a->preprocess.round_to_byte, b->preprocess.round_to_byte);
    assert_int_equal(a->preprocess.bgr, b->preprocess.bgr);
    assert_memory_equal(a->preprocess.mean, b->preprocess.mean, sizeof a->preprocess.mean);
    assert_memory_equal(a->preprocess.standard_deviation, b->preprocess.standard_deviation, sizeof b->preprocess.mean);
    assert_int_equal(a->labels != NULL, b->labels != NULL);
    for (int32_t k = 0; a->labels && k < a->net.arch.classes; k++)
        assert_string_equal(a->labels[k], b->labels[k]);
    assert_int_equal(a->info_count, b->info_count);
    for (int32_t i = 0; i < a->info_count; i++)
        assert_string_equal(a->infos[i].value, mn_model_info(b, a->infos[i].key));
}

static void round_trip(mn_arch arch)
{
    mn_error err;
    mn_mapping file;
    mn_model *model = make_model(arch), *mapped, *copied;
    check_ok(mn_model_save(model, path, &err), &err);
    check_ok(mn_model_load(path, &mapped, &err), &err);
    check_equal(model, mapped);
    assert_null(mapped->block); /* all tensors are used in place */
    check_ok(mn_file_map(path, &file, &err), &err);
    for (size_t shift = 0; shift < 8; shift++) {
        uint8_t *bytes = malloc(file.size + shift);
        assert_non_null(bytes);
        memcpy(bytes + shift, file.bytes, file.size);
        check_ok(mn_model_load_memory(bytes + shift, file.size, &copied, &err), &err);
        memset(bytes, 0xFF, file.size + shift);
        free(bytes); /* the model holds copies */
        check_equal(model, copied);
        mn_model_destroy(copied);
    }
    mn_file_unmap(&file);
    mn_model_destroy(mapped);
    mn_model_destroy(model);
}

static void test_round_trip(void **state)
{
    (void)state;
    round_trip(small_arch());
    mn_arch arch = mn_arch_default();
    arch.alpha = 0.1; /* odd widths: tensors of every alignment */
    arch.rounding = MN_ROUNDING_DIV8;
    arch.padding = MN_PADDING_SYMMETRIC;
    arch.activation = MN_ACTIVATION_RELU;
    arch.bn_epsilon = 1e-5;
    arch.classes = 7;
    round_trip(arch);
    arch.width_count = MN_WIDTHS_MAX;
    for (int32_t i = 0; i < MN_WIDTHS_MAX; i++)
        arch.widths[i] = 3 + i;
    arch.conv = MN_CONV_STANDARD;
    arch.height = 33;
    arch.width = 57;
    round_trip(arch);
}

static void test_alignment(void **state)
{
    (void)state;
    mn_error err;
    mn_arch arch = mn_arch_default();
    arch.alpha = 0.5; /* every width a multiple of 16: all sizes but the classifier's bias are multiples of 64 */
    mn_model *model = make_model(arch), *mapped;
    check_ok(mn_model_save(model, path, &err), &err);
    check_ok(mn_model_load(path, &mapped, &err), &err);
    for (int32_t i = 0; i < mapped->tensor_count; i++)
        assert_int_equal((uintptr_t)mapped->tensors[i].data % 64, 0);
    mn_model_destroy(mapped);
    mn_model_destroy(model);
}

/* Weights of a loaded model may be changed (fine-tuning); the file stays as it is. */
static void test_mapped_weights_can_be_written(void **state)
{
    (void)state;
    mn_error err;
    mn_model *model = make_model(small_arch()), *mapped, *again;
    check_ok(mn_model_save(model, path, &err), &err);
    check_ok(mn_model_load(path, &mapped, &err), &err);
    mn_model_tensor_at(mapped, 0)->data[0] += 1.0f;
    check_ok(mn_model_load(path, &again, &err), &err);
    check_equal(model, again);
    check_ok(mn_model_save(mapped, path, &err), &err); /* over the file that is mapped */
    mn_model_destroy(again);
    check_ok(mn_model_load(path, &again, &err), &err);
    check_equal(mapped, again);
    mn_model_destroy(again);
    mn_model_destroy(mapped);
    mn_model_destroy(model);
}

static void test_nan_is_loaded(void **state)
{
    (void)state;
    mn_error err;
    mn_model *model = make_model(small_arch()), *loaded;
    model->tensors[0].data[0] = NAN;
    check_ok(mn_model_save(model, path, &err), &err);
    check_ok(mn_model_load(path, &loaded, &err), &err);
    assert_true(isnan(loaded->tensors[0].data[0]));
    mn_model_destroy(loaded);
    mn_model_destroy(model);
}

static void test_save_failures_leave_nothing(void **state)
{
    (void)state;
    mn_error err;
    mn_model *model = make_model(small_arch());
    assert_int_equal(mn_model_save(model, "/nonexistent-folder/x", &err), MN_ERROR_IO);
    mn_model_destroy(model);
}

/* Half floats: the first stored weight becomes F16 or BF16, the rest of the file moves up. */
static void test_half_floats(void **state)
{
    (void)state;
    mn_error err;
    text_buffer header = {0};
    mn_model *model = make_model(small_arch()), *loaded;
    check_ok(mn_model_save(model, path, &err), &err);
    mn_mapping file;
    check_ok(mn_file_map(path, &file, &err), &err);
    size_t size;
    /* stem.weight [1,3,3,1]: 9 elements; an odd count, so that what follows is misaligned. */
    char *start = strstr((const char *)file.bytes + 8, "\"stem.weight\"");
    assert_non_null(start);
    /* Build the file anew: metadata as saved, every tensor in half precision, contiguous. */
    const char *metadata_end = strstr((const char *)file.bytes + 8, "},\"");
    assert_non_null(metadata_end);
    text_add(&header, "%.*s}", (int)(metadata_end - (const char *)file.bytes - 8), (const char *)file.bytes + 8);
    size_t at = 0;
    for (int32_t i = 0; i < model->tensor_count; i++) {
        const mn_tensor *t = &model->tensors[i];
        text_add(&header, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", t->name, i % 2 ? "F16" : "BF16");
        for (int32_t d = 0; d < t->rank; d++)
            text_add(&header, "%s%d", d ? "," : "", t->shape[d]);
        text_add(&header, "],\"data_offsets\":[%zu,%zu]}", at, at + 2 * t->elements);
        at += 2 * t->elements;
    }
    text_add(&header, "}");
    uint8_t *bytes = native_file(header.bytes, at, &size);
    uint8_t *data = bytes + 8 + header.size;
    static const struct {
        uint16_t bits;
        float value;
    } f16[] = {{0x3C00, 1.0f},     {0xC000, -2.0f},    {0x7BFF, 65504.0f},  {0x0001, 0x1p-24f}, {0x03FF, 0x3FFp-24f},
               {0x0400, 0x1p-14f}, {0x7C00, INFINITY}, {0xFC00, -INFINITY}, {0x8000, -0.0f}};
    size_t second = 2 * model->tensors[0].elements;
    assert_true(model->tensors[2].elements >= 1);
    data[0] = 0x80;
    data[1] = 0xBF; /* BF16 0xBF80: -1 */
    for (size_t i = 0; i < sizeof f16 / sizeof *f16; i++) {
        data[second] = (uint8_t)f16[i].bits;
        data[second + 1] = (uint8_t)(f16[i].bits >> 8);
        check_ok(mn_model_load_memory(bytes, size, &loaded, &err), &err);
        assert_true(loaded->tensors[0].data[0] == -1.0f);
        assert_memory_equal(&loaded->tensors[1].data[0], &f16[i].value, sizeof(float));
        mn_model_destroy(loaded);
    }
    free(bytes);
    free(header.bytes);
    mn_file_unmap(&file);
    mn_model_destroy(model);
}

/* One edit of a good file each: what it becomes, and what the message must name. */
static const struct {
    const char *name, *from, *to;
    mn_status status;
    const char *says;
} broken[] = {
    {"syntax", "\"F32\"", "F32", MN_ERROR_FORMAT, "at byte"},
    {"duplicate key", "\"block1.depthwise.weight\"", "\"stem.weight\"", MN_ERROR_FORMAT, "duplicate"},
    {"nul character", "Apache", "Ap\\u0000ache", MN_ERROR_FORMAT, "header"},
    {"bad utf-8", "Apache",
     "Ap\xC0\x80"
     "che",
     MN_ERROR_FORMAT, "unable to decode"},
    {"deep", "{\"__metadata__\"", "{\"x\":[[[[[[1]]]]]],\"__metadata__\"", MN_ERROR_LIMIT, "nested"},
    {"metadata number", "\"mobilenet.version\":\"1\"", "\"mobilenet.version\":1", MN_ERROR_FORMAT, "not a string"},
    {"newer version", "\"mobilenet.version\":\"1\"", "\"mobilenet.version\":\"2\"", MN_ERROR_UNSUPPORTED,
     "version '2'"},
    {"foreign file", "\"mobilenet.version\"", "\"other.version\"", MN_ERROR_UNSUPPORTED, "mobilenet.version"},
    {"no arch", "\"mobilenet.arch\"", "\"arch\"", MN_ERROR_FORMAT, "mobilenet.arch"},
    {"unknown family", "\\\"v1\\\"", "\\\"v9\\\"", MN_ERROR_UNSUPPORTED, "v9"},
    {"unknown arch field", "\\\"family\\\":", "\\\"se_ratio\\\":1,\\\"family\\\":", MN_ERROR_UNSUPPORTED, "se_ratio"},
    {"unknown padding", "\\\"padding\\\":\\\"same", "\\\"padding\\\":\\\"reflect", MN_ERROR_UNSUPPORTED, "reflect"},
    {"alpha 0", "\\\"alpha\\\":0.01", "\\\"alpha\\\":0.0", MN_ERROR_FORMAT, "alpha"},
    {"alpha a string", "\\\"alpha\\\":0.01", "\\\"alpha\\\":\\\"1\\\"", MN_ERROR_FORMAT, "alpha"},
    {"alpha huge", "\\\"alpha\\\":0.01", "\\\"alpha\\\":1e300", MN_ERROR_FORMAT, "channels"},
    {"height -1", "\\\"height\\\":8", "\\\"height\\\":-1", MN_ERROR_FORMAT, "height"},
    {"height 2^40", "\\\"height\\\":8", "\\\"height\\\":1099511627776", MN_ERROR_FORMAT, "height"},
    {"output stride 3", "\\\"output_stride\\\":32", "\\\"output_stride\\\":3", MN_ERROR_FORMAT, "output_stride"},
    {"other classes", "\\\"classes\\\":2", "\\\"classes\\\":3", MN_ERROR_FORMAT, "classifier.weight"},
    {"too many classes", "\\\"classes\\\":2", "\\\"classes\\\":999999999", MN_ERROR_FORMAT, "classes"},
    {"epsilon negative", "\\\"bn_epsilon\\\":0.001", "\\\"bn_epsilon\\\":-1", MN_ERROR_FORMAT, "bn_epsilon"},
    {"more labels", "[\\\"\\\\\\\"quote", "[\\\"x\\\",\\\"\\\\\\\"quote", MN_ERROR_FORMAT, "3 labels"},
    {"deviation 0", "58.39", "0.0e", MN_ERROR_FORMAT, "mobilenet.preprocess"},
    {"dtype", "\"F32\"", "\"I32\"", MN_ERROR_UNSUPPORTED, "I32"},
    {"unknown dtype", "\"F32\"", "\"F31\"", MN_ERROR_UNSUPPORTED, "F31"},
    {"shape", "\"shape\":[1,3,3,1]", "\"shape\":[1,3,1,3]", MN_ERROR_FORMAT, "stem.weight"},
    {"shape rank", "\"shape\":[1,3,3,1]", "\"shape\":[9]", MN_ERROR_FORMAT, "rank"},
    {"shape negative", "\"shape\":[1,3,3,1]", "\"shape\":[-1,3,3,-1]", MN_ERROR_FORMAT, "dimension"},
    {"shape overflow", "\"shape\":[1,3,3,1]", "\"shape\":[4294967296,4294967296,4294967296,9]", MN_ERROR_FORMAT,
     "overflows"},
    {"shape rank 9", "\"shape\":[1,3,3,1]", "\"shape\":[1,1,1,1,1,1,1,3,3]", MN_ERROR_FORMAT, "at most 8"},
    {"unknown tensor", "\"stem.weight\"", "\"stem.weigth\"", MN_ERROR_FORMAT, "stem.weigth"},
    {"missing tensor", "\"stem.weight\"", "\"extra.weight\"", MN_ERROR_FORMAT, "'stem.weight' is missing"},
    {"offset past the end", "\"data_offsets\":[0,", "\"data_offsets\":[99999999,", MN_ERROR_FORMAT, "data"},
    {"offset negative", "\"data_offsets\":[0,", "\"data_offsets\":[-8,", MN_ERROR_FORMAT, "data"},
    {"hole", "\"data_offsets\":[0,", "\"data_offsets\":[4,", MN_ERROR_FORMAT, "bytes"},
    {"not an object", "{\"__metadata__\"", "[{\"__metadata__\"", MN_ERROR_FORMAT, "not a JSON object"},
    {"name a number", "\"stem.weight\":", "7:", MN_ERROR_FORMAT, "must be a string"},
    {"no colon", "\"stem.weight\":", "\"stem.weight\" ", MN_ERROR_FORMAT, "':' is wanted"},
    {"no comma", ",\"stem.weight\":", " \"stem.weight\":", MN_ERROR_FORMAT, "',' or '}'"},
    {"two commas", ",\"stem.weight\":", ",,\"stem.weight\":", MN_ERROR_FORMAT, "header"},
    {"ends early", ",\"stem.weight\":", "},\"stem.weight\":", MN_ERROR_FORMAT, "follows the object"},
    {"second metadata", "\"stem.weight\":", "\"__metadata__\":", MN_ERROR_FORMAT, "duplicate"},
};

static void test_broken_files(void **state)
{
    (void)state;
    mn_error err;
    mn_mapping file;
    mn_model *model = make_model(small_arch()), *loaded = NULL;
    check_ok(mn_model_save(model, path, &err), &err);
    check_ok(mn_file_map(path, &file, &err), &err);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        size_t size;
        uint8_t *bytes = native_edit(file.bytes, file.size, broken[i].from, broken[i].to, &size);
        mn_status status = mn_model_load_memory(bytes, size, &loaded, &err);
        if (status != broken[i].status || !strstr(err.message, broken[i].says))
            fail_msg("%s: got %s, \"%s\"", broken[i].name, mn_status_name(status), err.message);
        assert_null(loaded);
        assert_int_equal(mn_model_load_memory(bytes, size, &loaded, NULL), broken[i].status);
        free(bytes);
    }
    mn_file_unmap(&file);
    mn_model_destroy(model);
}

/* A file cut anywhere, and one with bytes after its end, is refused. */
static void test_truncated_files(void **state)
{
    (void)state;
    mn_error err;
    mn_mapping file;
    mn_model *model = make_model(small_arch()), *loaded = NULL;
    check_ok(mn_model_save(model, path, &err), &err);
    check_ok(mn_file_map(path, &file, &err), &err);
    for (size_t size = 0; size < file.size; size++) {
        uint8_t *bytes = malloc(size ? size : 1); /* exactly this many, so that sanitizers see an over-read */
        assert_non_null(bytes);
        memcpy(bytes, file.bytes, size);
        assert_int_equal(mn_model_load_memory(bytes, size, &loaded, &err), MN_ERROR_FORMAT);
        free(bytes);
    }
    uint8_t *longer = calloc(file.size + 4, 1);
    assert_non_null(longer);
    memcpy(longer, file.bytes, file.size);
    assert_int_equal(mn_model_load_memory(longer, file.size + 4, &loaded, &err), MN_ERROR_FORMAT);
    free(longer);
    mn_file_unmap(&file);
    mn_model_destroy(model);
}

static void test_header_lengths(void **state)
{
    (void)state;
    mn_error err;
    mn_model *loaded = NULL;
    uint8_t huge[16] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, '{', '}'};
    assert_int_equal(mn_model_load_memory(huge, sizeof huge, &loaded, &err), MN_ERROR_FORMAT);
    assert_int_equal(err.offset, 0);
    assert_int_equal(mn_model_load_memory(NULL, 0, &loaded, &err), MN_ERROR_FORMAT);
    uint8_t nul[11] = {3, 0, 0, 0, 0, 0, 0, 0, '{', '}', 0}; /* white space may follow the object, this may not */
    assert_int_equal(mn_model_load_memory(nul, sizeof nul, &loaded, &err), MN_ERROR_FORMAT);
    assert_non_null(strstr(err.message, "follows the object"));
    size_t size, length = 17u << 20;
    char *blank = malloc(length + 1);
    assert_non_null(blank);
    memset(blank, ' ', length);
    blank[length] = 0;
    uint8_t *bytes = native_file(blank, 0, &size);
    assert_int_equal(mn_model_load_memory(bytes, size, &loaded, &err), MN_ERROR_LIMIT);
    free(bytes);
    free(blank);
    assert_int_equal(mn_model_load("/nonexistent.safetensors", &loaded, &err), MN_ERROR_IO);
    assert_int_equal(mn_model_load("/", &loaded, &err), MN_ERROR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_mapped_weights_can_be_written),
        cmocka_unit_test(test_nan_is_loaded),
        cmocka_unit_test(test_save_failures_leave_nothing),
        cmocka_unit_test(test_half_floats),
        cmocka_unit_test(test_broken_files),
        cmocka_unit_test(test_truncated_files),
        cmocka_unit_test(test_header_lengths),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
