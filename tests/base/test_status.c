/* Errors keep their reason, and the bounded reader never leaves its bytes. */
#include "support/test.h"

#include <string.h>

#include "base/alloc.h"
#include "base/reader.h"
#include "base/status.h"

static void null_error_is_allowed(void **state)
{
    (void)state;
    assert_int_equal(mn_fail(NULL, MN_ERROR_IO, "x"), MN_ERROR_IO);
    assert_int_equal(mn_fail_prefix(NULL, MN_ERROR_IO, "x"), MN_ERROR_IO);
}

static void long_messages_are_cut_and_terminated(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    mn_error err;
    mn_fail_at(&err, MN_ERROR_FORMAT, 12, "%s", text);
    assert_int_equal(strlen(err.message), MN_ERROR_MESSAGE_BYTES - 1);
    assert_int_equal(err.offset, 12);
}

static void prefix_keeps_the_reason(void **state)
{
    (void)state;
    char path[3000];
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = 0;
    mn_error err;
    mn_fail_at(&err, MN_ERROR_FORMAT, 77, "bad header");
    mn_fail_prefix(&err, MN_ERROR_FORMAT, path);
    assert_non_null(strstr(err.message, "bad header (at byte 77)"));
    assert_int_equal(err.offset, 77);
}

static void every_status_has_a_name(void **state)
{
    (void)state;
    for (int s = MN_OK; s <= MN_ERROR_NUMERIC; s++)
        assert_string_not_equal(mn_status_name((mn_status)s), "unknown status");
}

static void sizes_do_not_overflow(void **state)
{
    (void)state;
    size_t result = 5;
    assert_false(mn_size_mul(SIZE_MAX / 2, 3, &result));
    assert_false(mn_size_add(SIZE_MAX, 1, &result));
    assert_int_equal(result, 5);
    assert_true(mn_size_mul(SIZE_MAX, 0, &result));
    assert_int_equal(result, 0);
    assert_null(mn_calloc(SIZE_MAX, 16));
    assert_null(mn_alloc_aligned(SIZE_MAX));
}

static void reader_stays_inside(void **state)
{
    (void)state;
    const uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 0x88};
    mn_reader reader = {bytes, sizeof bytes};
    uint64_t u64;
    uint32_t u32 = 9;
    assert_true(mn_reader_u64(&reader, 0, &u64));
    assert_true(u64 == 0x8807060504030201u);
    assert_false(mn_reader_u64(&reader, 1, &u64));
    assert_false(mn_reader_u32(&reader, SIZE_MAX, &u32));
    assert_false(mn_reader_u32(&reader, SIZE_MAX - 3, &u32));
    assert_int_equal(u32, 9);
    assert_true(mn_reader_u32(&reader, 1, &u32)); /* unaligned */
    assert_int_equal(u32, 0x05040302);
    assert_true(mn_reader_has(&reader, 8, 0));
    assert_false(mn_reader_has(&reader, 9, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_error_is_allowed),   cmocka_unit_test(long_messages_are_cut_and_terminated),
        cmocka_unit_test(prefix_keeps_the_reason), cmocka_unit_test(every_status_has_a_name),
        cmocka_unit_test(sizes_do_not_overflow),   cmocka_unit_test(reader_stays_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
