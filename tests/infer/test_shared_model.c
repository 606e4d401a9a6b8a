/* Threads share a model: each makes, runs and destroys sessions of its own, and gets what a single thread gets. Run
 * under the thread sanitizer, it also shows that a model is only read. */
#include "support/test.h"

#include <pthread.h>
#include <string.h>

#include "mobilenet/mobilenet.h"

#define CLASSES 7
#define THREADS 3

static mn_model *model;
static float input[48 * 48 * 3];
static float expected[CLASSES];

static mn_status classify(int32_t threads, float *output)
{
    mn_session_options options = mn_session_options_default();
    options.threads = threads;
    mn_session *session = NULL;
    mn_status status = mn_session_create(model, &options, &session, NULL);
    for (int i = 0; status == MN_OK && i < 5; i++)
        status = mn_session_run(session, input, 1, output, NULL);
    mn_session_destroy(session);
    return status;
}

static void *thread_main(void *argument)
{
    int *equal = argument;
    for (int round = 0; round < 4; round++) {
        float output[CLASSES];
        if (classify(1 + round % 2, output) == MN_OK && memcmp(output, expected, sizeof output) == 0)
            ++*equal;
    }
    return NULL;
}

static void threads_share_a_model(void **state)
{
    (void)state;
    mn_arch arch = mn_arch_default();
    arch.alpha = 0.25;
    arch.height = arch.width = 48;
    arch.classes = CLASSES;
    assert_int_equal(mn_model_create(&arch, &model, NULL), MN_OK);
    mn_model_initialise(model, 5);
    for (size_t i = 0; i < sizeof input / sizeof *input; i++)
        input[i] = (float)(i % 251) / 125.0f - 1.0f;
    assert_int_equal(classify(1, expected), MN_OK);

    pthread_t threads[THREADS];
    int equal[THREADS] = {0};
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, thread_main, &equal[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(equal[i], 4);
    }
    mn_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_share_a_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
