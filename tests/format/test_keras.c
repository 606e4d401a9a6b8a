/* The Keras reader on small files: the ways in which Keras writes a network, and everything else refused. */
#include "support/test.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "format/keras_file.h"
#include "mobilenet/import.h"

static mn_model *import_spec(const char *what, const keras_spec *spec)
{
    mn_error err;
    mn_model *model = NULL;
    size_t size;
    uint8_t *bytes = keras_make(spec, &size);
    mn_status status = mn_model_import_memory(bytes, size, "test", &model, &err);
    free(bytes);
    if (status != MN_OK)
        fail_msg("%s: %s: %s", what, mn_status_name(status), err.message);
    return model;
}

static void check_weights(const mn_model *model, const keras_spec *spec)
{
    const mn_arch *arch = &mn_model_net(model)->arch;
    assert_int_equal(arch->depth, MN_DEPTH_SHALLOW);
    assert_int_equal(arch->activation, MN_ACTIVATION_RELU6);
    assert_int_equal(arch->padding, MN_PADDING_KERAS);
    assert_int_equal(arch->height, spec->config ? 64 : 224);
    assert_int_equal(arch->batch_norm, spec->batch_norm);
    const mn_tensor *stem = mn_model_tensor(model, "stem.weight"); /* [2, 3, 3, 3] from [3, 3, 3, 2] */
    for (size_t i = 0; i < stem->elements; i++)
        assert_true(stem->data[i] == keras_value("kernel:0", i % 27 * 2 + i / 27));
    const mn_tensor *depthwise = mn_model_tensor(model, "block8.depthwise.weight");
    for (size_t i = 0; i < depthwise->elements; i++)
        assert_true(depthwise->data[i] == keras_value("depthwise_kernel:0", i));
    const mn_tensor *classifier = mn_model_tensor(model, "classifier.weight"); /* [2, 2] from [2, 2] */
    assert_true(classifier->data[1] == keras_value("kernel:0", 2));
    assert_true(mn_model_tensor(model, "classifier.bias")->data[1] == keras_value("bias:0", 1));
    if (!spec->batch_norm) {
        assert_true(mn_model_tensor(model, "stem.bias")->data[1] == (spec->bias ? keras_value("bias:0", 1) : 0));
        return;
    }
    assert_true(mn_model_tensor(model, "block8.pointwise.bn.gamma")->data[1] == keras_value("gamma:0", 1));
    float mean = keras_value("moving_mean:0", 1) - (spec->bias ? keras_value("bias:0", 1) : 0);
    assert_true(mn_model_tensor(model, "block3.depthwise.bn.mean")->data[1] == mean);
    bool says = strstr(mn_model_info(model, "assumed"), "biases of convolutions") != NULL;
    assert_int_equal(says, spec->bias);
}

static void test_ways_of_writing(void **state)
{
    (void)state;
    for (int way = 0; way < 512; way++) {
        keras_spec spec = keras_default();
        spec.config = way & 1;
        spec.variable_text = way & 2;
        spec.sequential = way & 4;
        spec.keras3 = way & 8;
        spec.numbered = way & 16;
        spec.bias = way & 32;
        spec.dense = way & 64;
        spec.batch_norm = way & 128;
        spec.archive = way & 256;
        if (spec.archive && (!spec.config || !spec.keras3 || spec.variable_text))
            continue; /* what archives are not */
        if (!spec.config && (way & 14))
            continue; /* these are properties of the configuration */
        if (!spec.config && spec.numbered && !spec.dense)
            continue; /* conv_preds among numbered names: not Keras's */
        mn_model *model = import_spec("way", &spec);
        check_weights(model, &spec);
        bool says = strstr(mn_model_info(model, "assumed"), "weights alone") != NULL;
        assert_int_equal(says, !spec.config);
        mn_model_destroy(model);
    }
}

#define KERNEL "model_weights/conv_pw_3/conv_pw_3/kernel:0"

/* Ways of storing one kernel. */
static const struct {
    const char *name;
    keras_storage storage;
    mn_status status;
    const char *says;
} storages[] = {
    {"half", STORE_HALF, MN_OK, ""},
    {"double", STORE_DOUBLE, MN_OK, ""},
    {"deflated", STORE_DEFLATED, MN_ERROR_UNSUPPORTED, "compress"},
    {"absent", STORE_ABSENT, MN_ERROR_FORMAT, "'conv_pw_3' has no kernel"},
    {"integers", STORE_INTEGERS, MN_ERROR_UNSUPPORTED, "not floats"},
    {"filter", STORE_SZIP_LIKE, MN_ERROR_UNSUPPORTED, "filter"},
    {"big chunk", STORE_BIG_CHUNK, MN_ERROR_UNSUPPORTED, "in chunks"},
    {"external", STORE_EXTERNAL, MN_ERROR_UNSUPPORTED, "another file"},
    {"unwritten", STORE_UNWRITTEN, MN_ERROR_UNSUPPORTED, "never written"},
    {"soft link", STORE_SOFT_LINK, MN_ERROR_FORMAT, "'conv_pw_3' has no kernel"},
    {"other shape", STORE_OTHER_SHAPE, MN_ERROR_UNSUPPORTED, "conv_dw_4"},
};

static void test_storage(void **state)
{
    (void)state;
    mn_error err;
    for (size_t i = 0; i < sizeof storages / sizeof *storages; i++) {
        keras_spec spec = keras_default();
        mn_model *model = NULL;
        size_t size;
        spec.odd_path = KERNEL;
        spec.odd_storage = storages[i].storage;
        uint8_t *bytes = keras_make(&spec, &size);
        err.message[0] = 0;
        mn_status status = mn_model_import_memory(bytes, size, "test", &model, &err);
        free(bytes);
        if (status != storages[i].status || !strstr(err.message, storages[i].says))
            fail_msg("%s: got %s, \"%s\"", storages[i].name, mn_status_name(status), err.message);
        if (status == MN_OK)
            assert_true(mn_model_tensor(model, "block3.pointwise.weight")->data[1] == keras_value("kernel:0", 2));
        mn_model_destroy(model);
    }
}

/* One edit of the configuration each. */
static const struct {
    const char *name, *from, *to;
    mn_status status;
    const char *says;
} edits[] = {
    {"syntax", "\"Functional\"", "Functional", MN_ERROR_FORMAT, "model_config"},
    {"deep", "\"Functional\"", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]", MN_ERROR_LIMIT, "nested"},
    {"duplicate", "{\"class_name\"", "{\"config\":1,\"class_name\"", MN_ERROR_FORMAT, "duplicate"},
    {"no model", "\"Functional\"", "\"Lambda\"", MN_ERROR_UNSUPPORTED, "Lambda"},
    {"no layers", "\"layers\"", "\"lagers\"", MN_ERROR_FORMAT, "no layers"},
    {"lambda", "\"Dropout\"", "\"Lambda\"", MN_ERROR_UNSUPPORTED, "'dropout' is a Lambda"},
    {"no class", "\"class_name\":\"Dropout\"", "\"class\":1", MN_ERROR_UNSUPPORTED, "no class"},
    {"branch", "[[[\"conv1\",0,0,{}]]]", "[[[\"conv1\",0,0,{}],[\"input_1\",0,0,{}]]]", MN_ERROR_UNSUPPORTED,
     "branches"},
    {"other source", "[[[\"conv1\",0,0,{}]]]", "[[[\"input_1\",0,0,{}]]]", MN_ERROR_UNSUPPORTED, "branches"},
    {"no source", "[[[\"conv1\",0,0,{}]]]", "7", MN_ERROR_UNSUPPORTED, "branches"},
    {"no name", "\"name\":\"conv1\"", "\"nome\":\"conv1\"", MN_ERROR_FORMAT, "without a name"},
    {"input rank", "[null,64,64,3]", "[null,64,3]", MN_ERROR_UNSUPPORTED, "the input"},
    {"input 0", "[null,64,64,3]", "[null,0,64,3]", MN_ERROR_UNSUPPORTED, "outside 1 to 8192"},
    {"input huge", "[null,64,64,3]", "[null,4294967360,64,3]", MN_ERROR_UNSUPPORTED, "outside 1 to 8192"},
    {"input channels", "[null,64,64,3]", "[null,64,64,4]", MN_ERROR_UNSUPPORTED, "fed 4"},
    {"stride 0", "\"strides\":[2,2]", "\"strides\":[0,0]", MN_ERROR_UNSUPPORTED, "'conv1': strides"},
    {"stride 3", "\"strides\":[2,2]", "\"strides\":[3,3]", MN_ERROR_UNSUPPORTED, "stride 3x3"},
    {"stride huge", "\"strides\":[2,2]", "\"strides\":[2,99999999999]", MN_ERROR_UNSUPPORTED, "strides"},
    {"padding", "\"padding\":\"same\"", "\"padding\":\"reflect\"", MN_ERROR_UNSUPPORTED, "padding"},
    {"valid", "\"padding\":\"same\"", "\"padding\":\"valid\"", MN_ERROR_UNSUPPORTED, "padded by"},
    {"pad of one side", "[[0,1],[0,1]]", "[[1,0],[0,1]]", MN_ERROR_UNSUPPORTED, "padded by"},
    {"pad negative", "[[0,1],[0,1]]", "[[-1,1],[0,1]]", MN_ERROR_UNSUPPORTED, "padding is not"},
    {"channels first", "channels_last", "channels_first", MN_ERROR_UNSUPPORTED, "channels first"},
    {"dilated", "\"dilation_rate\":[1,1]", "\"dilation_rate\":[2,2]", MN_ERROR_UNSUPPORTED, "dilated"},
    {"epsilon", "\"epsilon\":0.001", "\"epsilon\":0.01", MN_ERROR_UNSUPPORTED, "epsilon"},
    {"epsilon text", "\"epsilon\":0.001", "\"epsilon\":\"x\"", MN_ERROR_FORMAT, "epsilon"},
    {"leaky", "\"negative_slope\":0.0", "\"negative_slope\":0.1", MN_ERROR_UNSUPPORTED, "slope"},
    {"relu 5", "\"max_value\":6.0", "\"max_value\":5.0", MN_ERROR_UNSUPPORTED, "another value than 6"},
    {"relu among relu6", "\"max_value\":6.0", "\"max_value\":null", MN_ERROR_UNSUPPORTED, "activation relu"},
    {"no relu", "\"ReLU\"", "\"Dropout\"", MN_ERROR_UNSUPPORTED, "activation none"},
    {"swish", "\"activation\":\"linear\"", "\"activation\":\"swish\"", MN_ERROR_UNSUPPORTED, "neither relu"},
    {"object", "\"activation\":\"linear\"", "\"activation\":{\"class_name\":\"LeakyReLU\"}", MN_ERROR_UNSUPPORTED,
     "of its own"},
    {"no batch norm", "\"BatchNormalization\"", "\"Dropout\"", MN_ERROR_UNSUPPORTED, "no batch norm"},
    {"no pool", "\"GlobalAveragePooling2D\"", "\"Dropout\"", MN_ERROR_UNSUPPORTED, "before the pool"},
    {"max pool", "\"GlobalAveragePooling2D\"", "\"MaxPooling2D\"", MN_ERROR_UNSUPPORTED, "MaxPooling2D"},
    {"weights elsewhere", "\"name\":\"conv_dw_1\"", "\"name\":\"conv_dw_9\"", MN_ERROR_FORMAT, "no kernel"},
};

static void test_configurations(void **state)
{
    (void)state;
    mn_error err;
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        keras_spec spec = keras_default();
        mn_model *model = NULL;
        size_t size;
        spec.edit_from = edits[i].from;
        spec.edit_to = edits[i].to;
        spec.variable_text = i % 2;
        uint8_t *bytes = keras_make(&spec, &size);
        mn_status status = mn_model_import_memory(bytes, size, "test", &model, &err);
        free(bytes);
        if (status != edits[i].status || !strstr(err.message, edits[i].says))
            fail_msg("%s: got %s, \"%s\"", edits[i].name, mn_status_name(status), err.message);
        assert_null(model);
    }
}

/* Without gammas the numbers of an archive's other weights move up. */
static void test_without_gamma(void **state)
{
    (void)state;
    for (int archive = 0; archive < 2; archive++) {
        keras_spec spec = keras_default();
        spec.keras3 = spec.without_gamma = true;
        spec.archive = archive;
        mn_model *model = import_spec("without gamma", &spec);
        assert_true(mn_model_tensor(model, "stem.bn.gamma")->data[1] == 1);
        assert_true(mn_model_tensor(model, "stem.bn.beta")->data[1] == keras_value("beta:0", 1));
        assert_true(mn_model_tensor(model, "stem.bn.variance")->data[1] == keras_value("moving_variance:0", 1));
        mn_model_destroy(model);
    }
}

/* Parts of an archive missing or damaged. */
static void test_archives(void **state)
{
    (void)state;
    mn_error err;
    static const struct {
        const char *from, *to; /* a replacement of as many bytes in the archive */
        mn_status status;
        const char *says;
    } changes[] = {
        {"config.json", "konfig.json", MN_ERROR_FORMAT, "without config.json"},
        {"model.weights.h5", "model.weights.h6", MN_ERROR_FORMAT, "without model.weights.h5"},
        {"DepthwiseConv2D", "DepthwiseConv3D", MN_ERROR_FORMAT, "checksum"},
        {"\x89HDF", "\x89HDG", MN_ERROR_FORMAT, "checksum"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        keras_spec spec = keras_default();
        mn_model *model = NULL;
        size_t size, length = strlen(changes[i].from), found = 0;
        spec.keras3 = spec.archive = true;
        uint8_t *bytes = keras_make(&spec, &size);
        for (size_t at = 0; at + length <= size; at++)
            if (memcmp(bytes + at, changes[i].from, length) == 0) {
                memcpy(bytes + at, changes[i].to, length);
                found++;
            }
        assert_true(found > 0);
        mn_status status = mn_model_import_memory(bytes, size, "test", &model, &err);
        free(bytes);
        if (status != changes[i].status || !strstr(err.message, changes[i].says))
            fail_msg("%s: got %s, \"%s\"", changes[i].from, mn_status_name(status), err.message);
    }
}

static void test_without_softmax(void **state)
{
    (void)state;
    keras_spec spec = keras_default();
    mn_model *model = import_spec("with softmax", &spec);
    assert_null(strstr(mn_model_info(model, "assumed"), "ends without softmax"));
    mn_model_destroy(model);
    spec.edit_from = "\"activation\":\"softmax\"";
    spec.edit_to = "\"activation\":\"linear\"";
    model = import_spec("without softmax", &spec);
    assert_non_null(strstr(mn_model_info(model, "assumed"), "ends without softmax"));
    mn_model_destroy(model);
}

static void test_missing_parts(void **state)
{
    (void)state;
    static const char *const paths[] = {"model_weights/conv1/conv1/kernel:0", "model_weights/conv1_bn/conv1_bn/gamma:0",
                                        "model_weights/conv_pw_2_bn/conv_pw_2_bn/moving_variance:0",
                                        "model_weights/conv_preds/conv_preds/bias:0"};
    mn_error err;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        keras_spec spec = keras_default();
        mn_model *model = NULL;
        size_t size;
        spec.odd_path = paths[i];
        spec.odd_storage = STORE_ABSENT;
        uint8_t *bytes = keras_make(&spec, &size);
        assert_int_equal(mn_model_import_memory(bytes, size, "test", &model, &err), MN_ERROR_FORMAT);
        assert_non_null(strstr(err.message, "in the file"));
        free(bytes);
    }
}

static void test_truncated(void **state)
{
    (void)state;
    keras_spec spec = keras_default();
    size_t size;
    uint8_t *bytes = keras_make(&spec, &size);
    for (size_t cut = 0; cut < size; cut += 61) {
        mn_model *model = NULL;
        uint8_t *part = malloc(cut ? cut : 1);
        assert_non_null(part);
        memcpy(part, bytes, cut);
        mn_error err;
        assert_int_not_equal(mn_model_import_memory(part, cut, "test", &model, &err), MN_OK);
        free(part);
    }
    free(bytes);
}

typedef struct job {
    const uint8_t *bytes;
    size_t size;
    mn_status status;
} job;

static void *import_often(void *argument)
{
    job *j = argument;
    for (int i = 0; i < 20 && j->status == MN_OK; i++) {
        mn_model *model = NULL;
        j->status = mn_model_import_memory(j->bytes, j->size, "test", &model, NULL);
        mn_model_destroy(model);
        if (mn_model_import_memory(j->bytes, j->size / 2, "test", &model, NULL) != MN_ERROR_FORMAT)
            j->status = MN_ERROR_ARGUMENT;
    }
    return NULL;
}

/* Nothing is shared between threads. */
static void test_threads(void **state)
{
    (void)state;
    keras_spec spec = keras_default();
    size_t size;
    uint8_t *bytes = keras_make(&spec, &size);
    pthread_t threads[4];
    job jobs[4];
    for (int i = 0; i < 4; i++) {
        jobs[i] = (job){bytes, size, MN_OK};
        assert_int_equal(pthread_create(&threads[i], NULL, import_often, &jobs[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(jobs[i].status, MN_OK);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ways_of_writing), cmocka_unit_test(test_storage),
        cmocka_unit_test(test_configurations),  cmocka_unit_test(test_without_gamma),
        cmocka_unit_test(test_archives),        cmocka_unit_test(test_without_softmax),
        cmocka_unit_test(test_missing_parts),   cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
