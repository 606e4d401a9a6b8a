/* Allocation number k fails, for every k, while each golden file is decoded: the codecs included (but libwebp), the
 * result is MN_ERROR_OUT_OF_MEMORY or the right pixels, and nothing leaks. And what a limit on memory allows is kept.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden_files.h"
#include "mobilenet/decode.h"
#include "oom/counting_malloc.h"

/* Returns the number of allocations. */
static long sweep(const golden_case *c)
{
    golden_bytes file = golden_read(golden_path(c->file));
    mn_image *whole = NULL;
    assert_int_equal(mn_image_decode(file.bytes, file.size, NULL, &whole, NULL), MN_OK);
    long k = 0;
    for (bool failed = true; failed;) {
        mn_image *image = NULL;
        mn_error err;
        long before = counting_live();
        counting_start(++k, true); /* libwebp 1.2.4 crashes; it is handed what it needs */
        mn_status status = mn_image_decode(file.bytes, file.size, NULL, &image, &err);
        counting_stop();
        failed = counting_failed();
        if (status == MN_OK && golden_difference(image, whole) > 0)
            fail_msg("%s: allocation %ld fails, and the pixels are wrong", c->file, k);
        mn_image_destroy(image);
        if (status != MN_OK && status != MN_ERROR_OUT_OF_MEMORY)
            fail_msg("%s: allocation %ld fails: %s", c->file, k, err.message);
        if (counting_live() != before)
            fail_msg("%s: allocation %ld fails, and %ld blocks leak", c->file, k, counting_live() - before);
    }
    mn_image_destroy(whole);
    free(file.bytes);
    return k - 1;
}

static void short_memory_is_reported(void **state)
{
    (void)state;
    size_t count;
    long allocations = 0;
    golden_case *cases = golden_cases(&count);
    for (size_t i = 0; i < count; i++)
        allocations += sweep(&cases[i]);
    print_message("%zu files, %ld allocations failed\n", count, allocations);
    assert_true(allocations > (long)count * 3);
    free(cases);
}

/* A file that is refused for its size has not made anybody ask for memory in proportion. */
static void refusals_allocate_little(void **state)
{
    (void)state;
    size_t count;
    golden_case *cases = golden_cases(&count);
    for (size_t i = 0; i < count; i++) {
        golden_bytes file = golden_read(golden_path(cases[i].file));
        mn_image *image = NULL;
        counting_start(0, false);
        mn_status status = mn_image_decode(file.bytes, file.size, &(mn_decode_limits){.pixels = 100}, &image, NULL);
        counting_stop();
        assert_int_equal(status, MN_ERROR_LIMIT);
        assert_true(counting_largest() < 100 * 1000); /* libjpeg's and libpng's own tables */
        free(file.bytes);
    }
    free(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_memory_is_reported),
        cmocka_unit_test(refusals_allocate_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
