/* Files are replaced whole or not at all. */
#define _DEFAULT_SOURCE /* mkdtemp, setrlimit */
#include "support/test.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char folder[64];
static char path[128];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/mn-test-file-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

static int count_entries(void)
{
    DIR *dir = opendir(folder);
    int count = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        count += e->d_name[0] != '.';
    closedir(dir);
    return count;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    assert_int_equal(count_entries(), 0); /* no temporary file is left by any test */
    return rmdir(folder);
}

static void put(const char *text)
{
    mn_writer *writer;
    assert_int_equal(mn_writer_open(path, &writer, NULL), MN_OK);
    mn_writer_write(writer, text, strlen(text));
    assert_int_equal(mn_writer_commit(writer, NULL), MN_OK);
}

static void assert_content(const char *text)
{
    mn_mapping mapping;
    assert_int_equal(mn_file_map(path, &mapping, NULL), MN_OK);
    assert_int_equal(mapping.size, strlen(text));
    if (mapping.size > 0)
        assert_memory_equal(mapping.bytes, text, mapping.size);
    mn_file_unmap(&mapping);
}

static void commit_replaces(void **state)
{
    (void)state;
    put("old");
    assert_content("old");
    put("newer");
    assert_content("newer");
    put("");
    assert_content("");
}

static void abort_leaves_the_old_file(void **state)
{
    (void)state;
    put("old");
    mn_writer *writer;
    assert_int_equal(mn_writer_open(path, &writer, NULL), MN_OK);
    mn_writer_write(writer, "new", 3);
    mn_writer_abort(writer);
    mn_writer_abort(NULL);
    assert_content("old");
}

/* A full disk is imitated by a limit on the size of files. */
static void full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    put("old");
    struct rlimit old_limit, limit;
    getrlimit(RLIMIT_FSIZE, &old_limit);
    limit = old_limit;
    limit.rlim_cur = 4096;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    mn_writer *writer;
    mn_error err;
    static char block[65536];
    mn_status status = mn_writer_open(path, &writer, NULL);
    if (status == MN_OK) {
        mn_writer_write(writer, block, sizeof block);
        status = mn_writer_commit(writer, &err);
    }
    setrlimit(RLIMIT_FSIZE, &old_limit);
    assert_int_equal(status, MN_ERROR_IO);
    assert_non_null(strstr(err.message, path));
    assert_content("old");
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    mn_mapping mapping = {.size = 7};
    mn_error err;
    assert_int_equal(mn_file_map("/nonexistent/x", &mapping, &err), MN_ERROR_IO);
    assert_int_equal(mn_file_map(folder, &mapping, &err), MN_ERROR_IO);
    assert_non_null(strstr(err.message, "a folder"));
    assert_int_equal(mkfifo(path, 0600), 0); /* must not wait for a writer */
    assert_int_equal(mn_file_map(path, &mapping, &err), MN_ERROR_IO);
    assert_int_equal(mapping.size, 7);
    mn_writer *writer = NULL;
    assert_int_equal(mn_writer_open(path, &writer, &err), MN_ERROR_IO); /* a pipe or a device is not replaced */
    assert_non_null(strstr(err.message, "not a regular file"));
    assert_int_equal(mn_writer_open(folder, &writer, &err), MN_ERROR_IO);
    assert_int_equal(mn_writer_open("/nonexistent/x", &writer, &err), MN_ERROR_IO);
    assert_null(writer);
}

static void a_mapping_is_read_beside_its_pages(void **state)
{
    (void)state;
    mn_writer *writer = NULL;
    mn_mapping mapping;
    mn_error err;
    char text[8] = "";
    assert_int_equal(mn_writer_open(path, &writer, &err), MN_OK);
    mn_writer_write(writer, "0123456789", 10);
    assert_int_equal(mn_writer_commit(writer, &err), MN_OK);
    assert_int_equal(mn_file_map(path, &mapping, &err), MN_OK);
    uint8_t *bytes = (uint8_t *)(uintptr_t)mapping.bytes;
    bytes[4] = 'x';
    assert_true(mn_file_read(&mapping, bytes + 3, text, 7));
    assert_memory_equal(text, "3456789", 7); /* the file's, not what was written */
    assert_int_equal(bytes[4], 'x');
    assert_false(mn_file_read(&mapping, bytes + 3, text, 8));
    assert_false(mn_file_read(&mapping, bytes - 1, text, 1));
    assert_false(mn_file_read(&mapping, text, text, 1));
    mn_file_forget(&mapping);
    assert_int_equal(bytes[9], '9');
    mn_file_unmap(&mapping);
    assert_false(mn_file_read(&mapping, NULL, text, 1));
    mn_file_forget(&mapping); /* nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commit_replaces, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(abort_leaves_the_old_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(full_disk_leaves_the_old_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_mapping_is_read_beside_its_pages, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
