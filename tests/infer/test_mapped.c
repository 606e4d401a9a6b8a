/* Sessions of a mapped model file: the same bits as of a model in memory; weights that were changed in memory count;
 * the file's pages take no memory once they are packed. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mobilenet/mobilenet.h"
#include "support/models.h"

#define CLASSES    11
#define RESOLUTION 48

static char path[] = "test_mapped-XXXXXX";
static float input[RESOLUTION * RESOLUTION * 3];

static mn_model *make_model(double alpha, mn_conv_kind conv)
{
    mn_model *model = test_model(alpha, RESOLUTION, conv, CLASSES, 7);
    assert_int_equal(mn_model_save(model, path, NULL), MN_OK);
    return model;
}

static mn_model *load(void)
{
    mn_model *model = NULL;
    assert_int_equal(mn_model_load(path, &model, NULL), MN_OK);
    return model;
}

static void classify(const mn_model *model, float *output)
{
    mn_session_options options = mn_session_options_default();
    mn_session *session = NULL;
    options.threads = 1;
    assert_int_equal(mn_session_create(model, &options, &session, NULL), MN_OK);
    assert_int_equal(mn_session_run(session, input, 1, output, NULL), MN_OK);
    mn_session_destroy(session);
}

static void same_bits(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        mn_model *made = make_model(0.5, kind ? MN_CONV_STANDARD : MN_CONV_SEPARABLE), *mapped = load();
        float expected[CLASSES], output[CLASSES];
        classify(made, expected);
        for (int i = 0; i < 2; i++) { /* the second session reads pages that the first gave back */
            classify(mapped, output);
            assert_memory_equal(output, expected, sizeof output);
        }
        mn_model_destroy(made);
        mn_model_destroy(mapped);
    }
}

static void changes_in_memory_count(void **state)
{
    (void)state;
    mn_model *made = make_model(0.5, MN_CONV_SEPARABLE), *mapped = load();
    float expected[CLASSES], output[CLASSES];
    classify(mapped, output);
    for (int32_t i = 0; i < mn_model_tensor_count(made); i += 3) {
        mn_tensor *a = mn_model_tensor_at(made, i), *b = mn_model_tensor_at(mapped, i);
        a->data[0] += 0.25f;
        b->data[0] += 0.25f;
    }
    classify(made, expected);
    for (int i = 0; i < 2; i++) {
        classify(mapped, output);
        assert_memory_equal(output, expected, sizeof output);
    }
    for (int32_t i = 0; i < mn_model_tensor_count(made); i++) {
        const mn_tensor *a = mn_model_tensor_at(made, i), *b = mn_model_tensor_at(mapped, i);
        assert_memory_equal(a->data, b->data, a->elements * sizeof *a->data);
    }
    mn_model_destroy(made);
    mn_model_destroy(mapped);
}

#if defined(__linux__) && !defined(MN_EMULATED)
/* Resident KiB of the mapping of `path` in this process. */
static long resident_of_file(void)
{
    char line[512], access[5];
    long sum = 0, kilobytes;
    bool inside = false;
    FILE *file = fopen("/proc/self/smaps", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "%*x-%*x %4s", access) == 1)
            inside = strstr(line, path) != NULL;
        else if (inside && sscanf(line, "Rss: %ld kB", &kilobytes) == 1)
            sum += kilobytes;
    fclose(file);
    return sum;
}

static void pages_are_given_back(void **state)
{
    (void)state;
    mn_model *made = make_model(1.0, MN_CONV_SEPARABLE), *mapped = load();
    float output[CLASSES];
    volatile float sum = 0;
    for (int32_t i = 0; i < mn_model_tensor_count(made); i++) {
        const mn_tensor *tensor = mn_model_tensor(mapped, mn_model_tensor_at(made, i)->name);
        for (size_t k = 0; k < tensor->elements; k += 256)
            sum += tensor->data[k];
    }
    assert_true(resident_of_file() > 8000); /* the measurement measures */
    classify(mapped, output);
    assert_true(resident_of_file() < 100);
    mn_model_destroy(made);
    mn_model_destroy(mapped);
}
#endif

static int make_path(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    for (size_t i = 0; i < sizeof input / sizeof *input; i++)
        input[i] = (float)(i % 251) / 125.0f - 1.0f;
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits),
        cmocka_unit_test(changes_in_memory_count),
#if defined(__linux__) && !defined(MN_EMULATED)
        cmocka_unit_test(pages_are_given_back),
#endif
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
