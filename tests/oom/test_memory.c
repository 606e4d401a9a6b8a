/* The memory that a session promises is the memory that it takes: to the byte for its block, within 1 MB for the
 * process; and running it allocates nothing. */
#include "support/test.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mobilenet/mobilenet.h"
#include "oom/counting_malloc.h"
#include "support/models.h"

/* Resident bytes of this process that are not files. */
static long resident_bytes(void)
{
    char line[256];
    long kilobytes = -1;
    FILE *file = fopen("/proc/self/status", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "RssAnon: %ld kB", &kilobytes) == 1)
            break;
    fclose(file);
    assert_true(kilobytes >= 0);
    return kilobytes * 1024;
}

static void check(double alpha, int32_t resolution, mn_conv_kind conv, int32_t batch, int32_t threads)
{
    mn_model *model = test_model(alpha, resolution, conv, 1000, 1);
    mn_session_options options = mn_session_options_default();
    options.batch = batch;
    options.threads = threads;
    size_t promised;
    assert_int_equal(mn_session_size(mn_model_net(model), &options, &promised, NULL), MN_OK);
    size_t pixels = (size_t)batch * (size_t)resolution * (size_t)resolution * 3;
    float *input = calloc(pixels, sizeof *input);
    float *output = calloc((size_t)batch * 1000, sizeof *output);
    assert_true(input && output);
    memset(input, 0, pixels * sizeof *input); /* resident from here on */

    mn_session *session = NULL;
    malloc_trim(0);
    long before = resident_bytes();
    counting_start(0, false);
    assert_int_equal(mn_session_create(model, &options, &session, NULL), MN_OK);
    counting_stop();
    size_t block = counting_largest();
    assert_int_equal(mn_session_bytes(session), promised);
    assert_true(block >= promised && block < promised + 64); /* rounded up to its alignment */

    counting_start(0, false);
    for (int i = 0; i < 20; i++)
        assert_int_equal(mn_session_run(session, input, batch, output, NULL), MN_OK);
    assert_int_equal(counting_stop(), 0);
    long grown = resident_bytes() - before;
    print_message("alpha %.2f, %d, batch %d, %d threads: promised %zu bytes, resident grew by %ld\n", alpha, resolution,
                  batch, threads, promised, grown);
#if !defined(MN_EMULATED)
    assert_true(grown <= (long)promised + (1 << 20));
#endif
    assert_true(grown >= (long)(promised / 2)); /* the measurement measures */
    mn_session_destroy(session);
    free(input);
    free(output);
    mn_model_destroy(model);
}

static void promise_is_kept(void **state)
{
    (void)state;
    check(1.0, 224, MN_CONV_SEPARABLE, 1, 1);
    check(1.0, 160, MN_CONV_SEPARABLE, 3, 3);
    check(0.25, 128, MN_CONV_SEPARABLE, 8, 2);
    check(0.5, 96, MN_CONV_STANDARD, 1, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(promise_is_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
