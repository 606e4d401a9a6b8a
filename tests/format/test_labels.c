/* Label files, UTF-8, and finding the kind of a model file. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"
#include "format/labels.h"
#include "mobilenet/import.h"

static const struct {
    const char *text;
    mn_status status;
    int32_t count;
    const char *labels[3];
} cases[] = {
    {"", MN_OK, 0, {NULL}},
    {"\n\r\n\n", MN_OK, 0, {NULL}},
    {"a", MN_OK, 1, {"a"}},
    {"a\n", MN_OK, 1, {"a"}},
    {"a\r\nb\r\n", MN_OK, 2, {"a", "b"}},
    {"\xEF\xBB\xBF"
     "a\n\nc\n\n\n",
     MN_OK,
     3,
     {"a", "", "c"}},
    {" a b\t\n\xC3\xA9\n", MN_OK, 2, {" a b\t", "\xC3\xA9"}},
    {"a\rb\n", MN_OK, 1, {"a\rb"}},
    {"a\n\x80\n", MN_ERROR_FORMAT, 0, {NULL}},
    {"a\n\xED\xA0\x80\n", MN_ERROR_FORMAT, 0, {NULL}},
};

static void test_parse(void **state)
{
    (void)state;
    mn_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char **labels = NULL;
        int32_t count = 0;
        size_t size = strlen(cases[i].text);
        uint8_t *bytes = malloc(size + 1);
        assert_non_null(bytes);
        memcpy(bytes, cases[i].text, size);
        bytes = realloc(bytes, size ? size : 1); /* no terminator behind */
        assert_non_null(bytes);
        assert_int_equal(mn_labels_parse(bytes, size, &labels, &count, &err), cases[i].status);
        assert_int_equal(count, cases[i].count);
        for (int32_t k = 0; k < count; k++)
            assert_string_equal(labels[k], cases[i].labels[k]);
        free(labels);
        free(bytes);
    }
    char **labels = NULL;
    int32_t count = 0;
    assert_int_equal(mn_labels_parse((const uint8_t *)"a\0b\n", 4, &labels, &count, &err), MN_ERROR_FORMAT);
    assert_int_equal(err.offset, 0);
}

static void test_load(void **state)
{
    (void)state;
    mn_error err;
    char path[256], **labels = NULL;
    int32_t count = 0;
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/mn-labels-%ld.txt", folder ? folder : "/tmp", (long)getpid());
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs("cat\r\ndog\n", file);
    fclose(file);
    assert_int_equal(mn_labels_load(path, &labels, &count, &err), MN_OK);
    assert_int_equal(count, 2);
    assert_string_equal(labels[1], "dog");
    free(labels);
    file = fopen(path, "wb");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(mn_labels_load(path, &labels, &count, &err), MN_ERROR_FORMAT);
    assert_non_null(strstr(err.message, path));
    remove(path);
    assert_int_equal(mn_labels_load(path, &labels, &count, &err), MN_ERROR_IO);
}

static void test_utf8(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "a",
                                       "\x7F",
                                       "\xC2\x80",
                                       "\xDF\xBF",
                                       "\xE0\xA0\x80",
                                       "\xED\x9F\xBF",
                                       "\xEE\x80\x80",
                                       "\xEF\xBF\xBF",
                                       "\xF0\x90\x80\x80",
                                       "\xF4\x8F\xBF\xBF"};
    static const char *const bad[] = {"\x80",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xC2",
                                      "\xC2\x41",
                                      "\xE0\x9F\xBF",
                                      "\xE1\x80",
                                      "\xED\xA0\x80",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFF"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(mn_utf8_is_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(mn_utf8_is_valid(bad[i], strlen(bad[i])));
    assert_false(mn_utf8_is_valid("\0", 1));
}

static void test_formats(void **state)
{
    (void)state;
    mn_error err;
    mn_model *model = NULL;
    assert_string_equal(mn_import_format_name(0), "native");
    assert_string_equal(mn_import_format_name(1), "tflite");
    assert_null(mn_import_format_name(-1));
    assert_null(mn_import_format_name(3));
    static const char *const unknown[] = {"", "x", "PK\3\4 a zip file of some kind", "\x08\0\0\0\0\0\0\0[]      "};
    static const size_t sizes[] = {0, 1, 26, 16};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(mn_model_import_memory(unknown[i], sizes[i], "test", &model, &err), MN_ERROR_FORMAT);
        assert_non_null(strstr(err.message, "no model file"));
    }
    assert_int_equal(mn_model_import_memory("", 0, NULL, &model, NULL), MN_ERROR_FORMAT);
    assert_int_equal(mn_model_import("/nonexistent.tflite", &model, &err), MN_ERROR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
