/* Every trained model of the assets folder is read as what it is: architecture, preprocessing, labels, weights and
 * outputs, against numbers that other programs computed (model_goldens.h).
 */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mobilenet/import.h"
#include "mobilenet/session.h"
#include "support/assets.h"

typedef struct golden_weight {
    const char *tensor;
    size_t index;
    double value;
} golden_weight;

typedef struct golden_output {
    int32_t class_index;
    double probability;
} golden_output;

#include "format/model_goldens.h"

#define MODEL(ident)                                                                                                   \
    weights_##ident, sizeof weights_##ident / sizeof(golden_weight), outputs_##ident,                                  \
        sizeof outputs_##ident / sizeof(golden_output)

/* tolerance: of probabilities. Integer networks are run through float here: their outputs are looked at loosely. */
static const struct {
    const char *file;
    double alpha;
    int32_t size, channels, classes;
    mn_padding padding;
    mn_activation activation;
    mn_rounding rounding;
    bool batch_norm, round_to_byte;
    float mean, deviation;
    const char *first_label, *last_label; /* where the file has labels */
    double tolerance;
    const golden_weight *weights;
    size_t weight_count;
    const golden_output *outputs;
    size_t output_count;
} models[] = {
    {"mobilenet_v1_0.25_224_float.tflite", 0.25, 224, 3, 1001, MN_PADDING_SAME, MN_ACTIVATION_RELU6, MN_ROUNDING_MIN8,
     false, false, 127.5f, 127.5f, NULL, NULL, 1e-4, MODEL(mobilenet_v1_0_25_224_float_tflite)},
    {"mobilenet_v1_0.25_128_keras_float.tflite", 0.25, 128, 3, 1000, MN_PADDING_KERAS, MN_ACTIVATION_RELU6,
     MN_ROUNDING_FLOOR, false, false, 127.5f, 127.5f, NULL, NULL, 1e-4,
     MODEL(mobilenet_v1_0_25_128_keras_float_tflite)},
    {"vww_0.25_96_float.tflite", 0.25, 96, 3, 2, MN_PADDING_SAME, MN_ACTIVATION_RELU, MN_ROUNDING_MIN8, false, false, 0,
     255, "no person", "person", 1e-4, MODEL(vww_0_25_96_float_tflite)},
    {"mobilenet_v1_0.25_224_uint8.tflite", 0.25, 224, 3, 1001, MN_PADDING_SAME, MN_ACTIVATION_RELU6, MN_ROUNDING_MIN8,
     false, true, 128, 128, "background", "toilet tissue", 0.1, MODEL(mobilenet_v1_0_25_224_uint8_tflite)},
    {"mobilenet_v1_0.25_128_uint8.tflite", 0.25, 128, 3, 1001, MN_PADDING_SAME, MN_ACTIVATION_RELU6, MN_ROUNDING_MIN8,
     false, true, 128, 128, "background", "toilet tissue, toilet paper, bathroom tissue", 0.1,
     MODEL(mobilenet_v1_0_25_128_uint8_tflite)},
    {"mobilenet_v1_0.5_160_uint8.tflite", 0.5, 160, 3, 1001, MN_PADDING_SAME, MN_ACTIVATION_RELU6, MN_ROUNDING_MIN8,
     false, true, 128, 128, "background", "toilet tissue, toilet paper, bathroom tissue", 0.1,
     MODEL(mobilenet_v1_0_5_160_uint8_tflite)},
    {"mobilenet_v1_0.25_128_keras_int8.tflite", 0.25, 128, 3, 1000, MN_PADDING_KERAS, MN_ACTIVATION_RELU6,
     MN_ROUNDING_FLOOR, false, true, 0, 255, NULL, NULL, 0.1, MODEL(mobilenet_v1_0_25_128_keras_int8_tflite)},
    {"vww_0.25_96_int8.tflite", 0.25, 96, 3, 2, MN_PADDING_SAME, MN_ACTIVATION_RELU, MN_ROUNDING_MIN8, false, true, 0,
     255, "no person", "person", 0.05, MODEL(vww_0_25_96_int8_tflite)},
    {"person_0.25_96_gray_int8.tflite", 0.25, 96, 1, 2, MN_PADDING_SAME, MN_ACTIVATION_RELU6, MN_ROUNDING_MIN8, false,
     true, 127, 127.5f, NULL, NULL, 0.05, MODEL(person_0_25_96_gray_int8_tflite)},
    {"mobilenet_v1_0.25_224_keras.h5", 0.25, 224, 3, 1000, MN_PADDING_KERAS, MN_ACTIVATION_RELU6, MN_ROUNDING_FLOOR,
     true, false, 127.5f, 127.5f, NULL, NULL, 1e-4, MODEL(mobilenet_v1_0_25_224_keras_h5)},
    {"mobilenet_v1_0.25_128_keras.h5", 0.25, 128, 3, 1000, MN_PADDING_KERAS, MN_ACTIVATION_RELU6, MN_ROUNDING_FLOOR,
     true, false, 127.5f, 127.5f, NULL, NULL, 1e-4, MODEL(mobilenet_v1_0_25_128_keras_h5)},
    {"vww_0.25_96_keras.h5", 0.25, 96, 3, 2, MN_PADDING_SAME, MN_ACTIVATION_RELU, MN_ROUNDING_MIN8, true, false, 0, 255,
     "no person", "person", 1e-4, MODEL(vww_0_25_96_keras_h5)},
};
#define MODEL_COUNT (sizeof models / sizeof *models)

static void check_ok(const char *what, mn_status status, const mn_error *err)
{
    if (status != MN_OK)
        fail_msg("%s: %s: %s", what, mn_status_name(status), err->message);
}

static mn_model *open_model(const char *file)
{
    mn_error err;
    mn_model *model;
    char relative[128];
    snprintf(relative, sizeof relative, "models/%s", file);
    check_ok(file, mn_model_import(test_asset(relative), &model, &err), &err);
    return model;
}

static void test_architectures(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODEL_COUNT; i++) {
        mn_model *model = open_model(models[i].file);
        const mn_arch *arch = &mn_model_net(model)->arch;
        const mn_preprocess *preprocess = mn_model_preprocess(model);
        if (arch->alpha != models[i].alpha || arch->height != models[i].size || arch->width != models[i].size ||
            arch->channels != models[i].channels || arch->classes != models[i].classes ||
            arch->padding != models[i].padding || arch->activation != models[i].activation ||
            arch->rounding != models[i].rounding || arch->batch_norm != models[i].batch_norm ||
            arch->bn_epsilon != 1e-3 || arch->conv != MN_CONV_SEPARABLE || arch->depth != MN_DEPTH_FULL ||
            arch->output_stride != 32 || arch->width_count != 0)
            fail_msg("%s: another architecture than it has", models[i].file);
        assert_int_equal(preprocess->round_to_byte, models[i].round_to_byte);
        assert_float_equal(preprocess->mean[2], models[i].mean, 1e-4);
        assert_float_equal(preprocess->standard_deviation[2], models[i].deviation, 1e-3);
        assert_non_null(mn_model_info(model, "assumed"));
        assert_int_equal(mn_model_has_labels(model), models[i].first_label != NULL);
        if (models[i].first_label) {
            assert_string_equal(mn_model_label(model, 0), models[i].first_label);
            assert_string_equal(mn_model_label(model, models[i].classes - 1), models[i].last_label);
            assert_int_equal(mn_model_class_offset(model), models[i].classes == 1001);
        }
        mn_model_destroy(model);
    }
}

static void test_weights(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODEL_COUNT; i++) {
        mn_model *model = open_model(models[i].file);
        for (size_t k = 0; k < models[i].weight_count; k++) {
            const golden_weight *golden = &models[i].weights[k];
            const mn_tensor *tensor = mn_model_tensor(model, golden->tensor);
            assert_non_null(tensor);
            assert_true(golden->index < tensor->elements);
            double difference = fabs(tensor->data[golden->index] - golden->value);
            if (difference > 1e-6 * fabs(golden->value) + 1e-9)
                fail_msg("%s: %s[%zu] is %g, wanted %g", models[i].file, golden->tensor, golden->index,
                         (double)tensor->data[golden->index], golden->value);
        }
        mn_model_destroy(model);
    }
}

/* The picture that the goldens were computed from. */
static mn_image *make_pattern(int32_t size, int32_t channels)
{
    mn_error err;
    mn_image *image;
    check_ok("pattern", mn_image_create(size, size, channels, &image, &err), &err);
    for (int32_t y = 0; y < size; y++)
        for (int32_t x = 0; x < size; x++)
            for (int32_t c = 0; c < channels; c++)
                image->pixels[(y * size + x) * channels + c] =
                    (uint8_t)(x * 3 + y * 5 + c * 40 + (x / 16 + y / 16) % 2 * 60);
    return image;
}

/* Probabilities of the pattern; free() them. */
static float *run_model(const mn_model *model)
{
    mn_error err;
    mn_session *session;
    mn_session_options options = mn_session_options_default();
    options.threads = 1;
    const mn_arch *arch = &mn_model_net(model)->arch;
    mn_preprocess preprocess = *mn_model_preprocess(model);
    preprocess.crop = MN_CROP_NONE; /* the pattern has the input's size */
    preprocess.crop_fraction = 1;
    mn_image *image = make_pattern(arch->height, arch->channels);
    float *input = calloc((size_t)arch->height * (size_t)arch->width * (size_t)arch->channels, sizeof *input);
    float *output = calloc((size_t)arch->classes, sizeof *output);
    assert_non_null(input);
    assert_non_null(output);
    check_ok("preprocess",
             mn_preprocess_apply(&preprocess, image, arch->height, arch->width, arch->channels, input, &err), &err);
    check_ok("session", mn_session_create(model, &options, &session, &err), &err);
    check_ok("run", mn_session_run(session, input, 1, output, &err), &err);
    mn_session_destroy(session);
    mn_image_destroy(image);
    free(input);
    return output;
}

static void test_outputs(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODEL_COUNT; i++) {
        mn_model *model = open_model(models[i].file);
        float *output = run_model(model);
        for (size_t k = 0; k < models[i].output_count; k++) {
            const golden_output *golden = &models[i].outputs[k];
            double met = output[golden->class_index];
            if (!(fabs(met - golden->probability) <= models[i].tolerance))
                fail_msg("%s: class %d has probability %g, wanted %g", models[i].file, golden->class_index, met,
                         golden->probability);
        }
        free(output);
        mn_model_destroy(model);
    }
}

/* One network in two files: batch norm unfolded in .h5, folded in .tflite. */
static void compare_files(const char *keras, const char *lite)
{
    mn_error err;
    mn_model *unfolded = open_model(keras), *folded = open_model(lite), *ours;
    check_ok(keras, mn_model_fold(unfolded, &ours, &err), &err);
    assert_int_equal(mn_model_tensor_count(ours), mn_model_tensor_count(folded));
    for (int32_t t = 0; t < mn_model_tensor_count(ours); t++) {
        const mn_tensor *a = mn_model_tensor_at(ours, t), *b = mn_model_tensor_at(folded, t);
        double largest = 0;
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->elements, b->elements);
        for (size_t i = 0; i < b->elements; i++)
            largest = fmax(largest, fabs((double)b->data[i]));
        for (size_t i = 0; i < a->elements; i++)
            if (!(fabs((double)a->data[i] - (double)b->data[i]) <= 1e-5 * largest))
                fail_msg("%s: %s[%zu]: %g folded here, %g in %s", keras, a->name, i, (double)a->data[i],
                         (double)b->data[i], lite);
    }
    float *x = run_model(unfolded), *y = run_model(folded);
    for (int32_t k = 0; k < mn_model_net(folded)->arch.classes; k++)
        assert_true(fabsf(x[k] - y[k]) <= 1e-4f);
    free(x);
    free(y);
    mn_model_destroy(ours);
    mn_model_destroy(folded);
    mn_model_destroy(unfolded);
}

static void test_same_network(void **state)
{
    (void)state;
    compare_files("mobilenet_v1_0.25_128_keras.h5", "mobilenet_v1_0.25_128_keras_float.tflite");
    compare_files("vww_0.25_96_keras.h5", "vww_0.25_96_float.tflite");
}

/* Imported, saved and loaded again: the same bits. */
static void test_convert(void **state)
{
    (void)state;
    mn_error err;
    char path[256];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/mn-convert-%p.safetensors", folder ? folder : "/tmp", (void *)&err);
    mn_model *model = open_model("mobilenet_v1_0.25_224_uint8.tflite"), *loaded;
    check_ok(path, mn_model_save(model, path, &err), &err);
    check_ok(path, mn_model_import(path, &loaded, &err), &err);
    for (int32_t t = 0; t < mn_model_tensor_count(model); t++) {
        const mn_tensor *a = mn_model_tensor_at(model, t), *b = mn_model_tensor_at(loaded, t);
        assert_memory_equal(a->data, b->data, a->elements * sizeof(float));
    }
    assert_string_equal(mn_model_label(model, 500), mn_model_label(loaded, 500));
    assert_string_equal(mn_model_info(model, "assumed"), mn_model_info(loaded, "assumed"));
    remove(path);
    mn_model_destroy(loaded);
    mn_model_destroy(model);
}

int main(void)
{
    for (size_t i = 0; i < MODEL_COUNT; i++) {
        char relative[128];
        snprintf(relative, sizeof relative, "models/%s", models[i].file);
        test_require_asset(relative);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_architectures), cmocka_unit_test(test_weights), cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_same_network),  cmocka_unit_test(test_convert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
