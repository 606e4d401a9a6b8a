/* Models: their tensors, record, random weights, and folding. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "mobilenet/model.h"

static mn_model *create(const mn_arch *arch)
{
    mn_model *model = NULL;
    assert_int_equal(mn_model_create(arch, &model, NULL), MN_OK);
    return model;
}

static mn_arch small_arch(void)
{
    mn_arch arch = mn_arch_default();
    arch.alpha = 0.25;
    arch.height = arch.width = 32;
    arch.classes = 4;
    return arch;
}

static void tensors_follow_the_layers(void **state)
{
    (void)state;
    mn_arch arch = mn_arch_default();
    mn_model *model = create(&arch);
    assert_int_equal(mn_model_tensor_count(model), 27 * 5 + 2);
    size_t elements = 0;
    for (int32_t i = 0; i < mn_model_tensor_count(model); i++) {
        mn_tensor *tensor = mn_model_tensor_at(model, i);
        assert_int_equal((uintptr_t)tensor->data % 64, 0);
        elements += tensor->elements;
    }
    assert_int_equal(elements, 4253864); /* Keras's total */
    const mn_tensor *stem = mn_model_tensor(model, "stem.weight");
    const int32_t shape[4] = {32, 3, 3, 3};
    assert_int_equal(stem->rank, 4);
    assert_memory_equal(stem->shape, shape, sizeof shape);
    assert_int_equal(mn_model_tensor(model, "block13.depthwise.weight")->rank, 3);
    assert_true(mn_model_tensor(model, "stem.bn.variance")->data[31] == 1.0f);
    assert_null(mn_model_tensor(model, "stem.bias"));
    assert_null(mn_model_tensor_at(model, -1));
    assert_null(mn_model_tensor_at(model, 137));
    mn_model_destroy(model);
    mn_model_destroy(NULL);
}

static void labels_and_background(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_model *model = create(&arch);
    assert_null(mn_model_label(model, 0));
    const char *labels[] = {"a", "", "c", "d"};
    mn_error err;
    assert_int_equal(mn_model_set_labels(model, labels, 3, &err), MN_ERROR_ARGUMENT);
    assert_int_equal(mn_model_set_labels(model, labels, 4, &err), MN_OK);
    const char *latin[] = {"a", "b", "caf\xe9", "d"};
    assert_int_equal(mn_model_set_labels(model, latin, 4, &err), MN_ERROR_ARGUMENT);
    assert_string_equal(mn_model_label(model, 1), "");
    assert_string_equal(mn_model_label(model, 3), "d");
    assert_null(mn_model_label(model, 4));
    assert_null(mn_model_label(model, -1));
    assert_int_equal(mn_model_class_offset(model), 0);
    const char *own[] = {"background", "a", "b", "c"}; /* a class like any other */
    assert_int_equal(mn_model_set_labels(model, own, 4, &err), MN_OK);
    assert_int_equal(mn_model_class_offset(model), 0);
    mn_model_destroy(model);
    arch.classes = 1000;
    model = create(&arch);
    assert_false(mn_model_has_labels(model));
    assert_string_equal(mn_model_label(model, 0), "tench, Tinca tinca");
    assert_int_equal(mn_model_class_offset(model), 0);
    mn_model_destroy(model);
    arch.classes = 1001;
    model = create(&arch);
    assert_string_equal(mn_model_label(model, 0), "background");
    assert_string_equal(mn_model_label(model, 1000), "toilet tissue, toilet paper, bathroom tissue");
    assert_int_equal(mn_model_class_offset(model), 1);
    mn_model_destroy(model);
}

static void info_texts(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_model *model = create(&arch);
    const char *key, *value;
    assert_int_equal(mn_model_set_info(model, "licence", "CC0", NULL), MN_OK);
    assert_int_equal(mn_model_set_info(model, "source", "here", NULL), MN_OK);
    assert_int_equal(mn_model_set_info(model, "licence", "MIT", NULL), MN_OK);
    assert_string_equal(mn_model_info(model, "licence"), "MIT");
    assert_null(mn_model_info(model, "absent"));
    assert_true(mn_model_info_at(model, 1, &key, &value));
    assert_string_equal(key, "source");
    assert_false(mn_model_info_at(model, 2, &key, &value));
    assert_int_equal(mn_model_set_info(model, "", "x", NULL), MN_ERROR_ARGUMENT);
    assert_int_equal(mn_model_set_info(model, "a b", "x", NULL), MN_ERROR_ARGUMENT);
    mn_error err;
    assert_int_equal(mn_model_set_info(model, "source", "bad \xFF utf8", &err), MN_ERROR_ARGUMENT);
    assert_non_null(strstr(err.message, "source"));
    assert_string_equal(mn_model_info(model, "source"), "here");
    char k[3] = "k0";
    mn_status status = MN_OK;
    for (int i = 0; i < 100 && status == MN_OK; i++) {
        k[1] = (char)('0' + i % 10);
        k[0] = (char)('a' + i / 10);
        status = mn_model_set_info(model, k, "x", NULL);
    }
    assert_int_equal(status, MN_ERROR_LIMIT);
    mn_model_destroy(model);
}

static void random_weights_are_he_normal(void **state)
{
    (void)state;
    mn_arch arch = mn_arch_default();
    mn_model *a = create(&arch), *b = create(&arch);
    mn_model_initialise(a, 1);
    mn_model_initialise(b, 1);
    const mn_tensor *wa = mn_model_tensor(a, "block9.pointwise.weight");
    const mn_tensor *wb = mn_model_tensor(b, "block9.pointwise.weight");
    assert_memory_equal(wa->data, wb->data, wa->elements * sizeof(float));
    double squares = 0;
    for (size_t i = 0; i < wa->elements; i++)
        squares += (double)wa->data[i] * wa->data[i];
    assert_float_equal(squares / (double)wa->elements * 512 / 2, 1.0, 0.02);
    mn_model_initialise(b, 2);
    assert_memory_not_equal(wa->data, wb->data, 64);
    mn_model_destroy(a);
    mn_model_destroy(b);
}

static float *data(mn_model *model, const char *name)
{
    return mn_model_tensor(model, name)->data;
}

/* gamma 2, mean 3, variance 4 - epsilon, beta 5: scale 1, bias 5 - 3. */
static void folding_by_hand(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_model *model = create(&arch), *folded = NULL;
    mn_model_initialise(model, 3);
    const char *labels[] = {"a", "b", "c", "d"};
    assert_int_equal(mn_model_set_labels(model, labels, 4, NULL), MN_OK);
    assert_int_equal(mn_model_set_info(model, "name", "test", NULL), MN_OK);
    const char *const layers[] = {"stem", "block1.depthwise"};
    for (int l = 0; l < 2; l++) {
        char name[64];
        const struct {
            const char *suffix;
            float value;
        } sets[] = {{"gamma", 2}, {"mean", 3}, {"variance", 4.0f - 1e-3f}, {"beta", 5}};
        for (int i = 0; i < 4; i++) {
            snprintf(name, sizeof name, "%s.bn.%s", layers[l], sets[i].suffix);
            data(model, name)[1] = sets[i].value;
        }
    }
    assert_int_equal(mn_model_fold(model, &folded, NULL), MN_OK);
    assert_false(mn_model_net(folded)->arch.batch_norm);
    assert_float_equal(data(folded, "stem.bias")[1], 2.0f, 1e-6f);
    assert_float_equal(data(folded, "stem.weight")[27 + 5], data(model, "stem.weight")[27 + 5], 1e-6f);
    assert_float_equal(data(folded, "block1.depthwise.bias")[1], 2.0f, 1e-6f);
    float other = 1.0f / sqrtf(1.0f + 1e-3f); /* channels left at gamma 1, variance 1 */
    assert_float_equal(data(folded, "block1.depthwise.weight")[8 + 2],
                       other * data(model, "block1.depthwise.weight")[8 + 2], 1e-6f);
    assert_float_equal(data(folded, "stem.weight")[3], other * data(model, "stem.weight")[3], 1e-6f);
    assert_memory_equal(data(folded, "classifier.weight"), data(model, "classifier.weight"), 64);
    assert_string_equal(mn_model_label(folded, 3), "d");
    assert_string_equal(mn_model_info(folded, "name"), "test");
    mn_model_destroy(folded);
    mn_model_destroy(model);
}

static void bad_variance_is_named(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_model *model = create(&arch), *folded = NULL;
    const float bad[] = {-1.0f, NAN, INFINITY};
    for (int i = 0; i < 3; i++) {
        mn_error err;
        data(model, "block3.pointwise.bn.variance")[7] = bad[i];
        assert_int_equal(mn_model_fold(model, &folded, &err), MN_ERROR_NUMERIC);
        assert_non_null(strstr(err.message, "block3.pointwise.bn.variance"));
        assert_null(folded);
    }
    mn_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_follow_the_layers),
        cmocka_unit_test(labels_and_background),
        cmocka_unit_test(info_texts),
        cmocka_unit_test(random_weights_are_he_normal),
        cmocka_unit_test(folding_by_hand),
        cmocka_unit_test(bad_variance_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
