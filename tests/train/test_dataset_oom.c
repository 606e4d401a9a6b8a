/* A sweep in which allocation k fails, for k = 1, 2, ..., over opening data sets of every kind: either the failure is
 * reported as MN_ERROR_OUT_OF_MEMORY or the data set is what it would have been; nothing leaks.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "mobilenet/dataset.h"
#include "oom/counting_malloc.h"

#define ALLOCATIONS_MAX 5000

static char root[] = "/tmp/mn-dataset-oom-XXXXXX";

static const char *at(const char *relative)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", root, relative);
    return path;
}

static bool write_file(const char *relative, const void *bytes, size_t size)
{
    FILE *file = fopen(at(relative), "wb");
    bool good = file && fwrite(bytes, 1, size, file) == size;
    return file && fclose(file) == 0 && good;
}

static bool write_gzip(const char *relative, const void *bytes, size_t size)
{
    gzFile file = gzopen(at(relative), "wb");
    return file && gzwrite(file, bytes, (unsigned)size) == (int)size && gzclose(file) == Z_OK;
}

static bool make_data(void)
{
    static const char *const folders[] = {"f",        "f/train",  "f/train/a", "f/train/b", "f/test",
                                          "f/test/a", "f/test/b", "l",         "i",         "c"};
    static const uint8_t images[] = {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2};
    static const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 1, 4};
    static const uint8_t record[3073];
    const char *list = "a.pgm cat\nb.pgm dog\nc.pgm cat\n";
    const char *names = "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    bool good = mkdtemp(root) != NULL;
    for (size_t i = 0; i < sizeof folders / sizeof *folders && good; i++)
        good = mkdir(at(folders[i]), 0777) == 0;
    return good && write_file("f/train/a/1.pgm", "x", 1) && write_file("f/train/b/1.pgm", "x", 1) &&
           write_file("f/test/a/1.pgm", "x", 1) && write_file("f/test/b/1.pgm", "x", 1) &&
           write_file("l/labels.txt", list, strlen(list)) &&
           write_gzip("i/train-images-idx3-ubyte.gz", images, sizeof images) &&
           write_gzip("i/train-labels-idx1-ubyte.gz", labels, sizeof labels) &&
           write_file("c/test_batch.bin", record, sizeof record) &&
           write_file("c/batches.meta.txt", names, strlen(names));
}

static void remove_data(void)
{
    static const char *const paths[] = {"f/train/a/1.pgm",
                                        "f/train/b/1.pgm",
                                        "f/test/a/1.pgm",
                                        "f/test/b/1.pgm",
                                        "f/train/a",
                                        "f/train/b",
                                        "f/test/a",
                                        "f/test/b",
                                        "f/train",
                                        "f/test",
                                        "f",
                                        "l/labels.txt",
                                        "l",
                                        "i/train-images-idx3-ubyte.gz",
                                        "i/train-labels-idx1-ubyte.gz",
                                        "i",
                                        "c/test_batch.bin",
                                        "c/batches.meta.txt",
                                        "c"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        remove(at(paths[i]));
    remove(root);
}

/* Opens with allocation `fail_at` failing; false, having said why, where the outcome is wrong. */
static bool try_open(const char *relative, bool names, int64_t samples, long fail_at, bool *reached)
{
    static const char *const wanted[] = {"cat", "dog"};
    mn_dataset *set = NULL;
    mn_error err = {.message = ""};
    char path[256];
    snprintf(path, sizeof path, "%s", at(relative));
    long before = counting_live();
    counting_start(fail_at, false);
    mn_status status = mn_dataset_open(path, MN_SPLIT_DEFAULT, names ? wanted : NULL, names ? 2 : 0, &set, &err);
    int64_t size = set ? mn_dataset_size(set) : 0;
    mn_dataset_close(set);
    *reached = counting_failed();
    counting_stop();
    long leaked = counting_live() - before;
    bool good = status == MN_OK ? size == samples : status == MN_ERROR_OUT_OF_MEMORY && *reached;
    if (!good)
        printf("%s, allocation %ld fails: status %d, %lld samples, '%s'\n", relative, fail_at, status, (long long)size,
               err.message);
    if (leaked != 0) {
        printf("%s, allocation %ld fails: %ld blocks leak\n", relative, fail_at, leaked);
        good = false;
    }
    return good;
}

int main(void)
{
    static const struct {
        const char *path;
        bool names; /* labels are resolved by given names */
        int64_t samples;
    } sets[] = {{"f", false, 2}, {"l", false, 3}, {"l", true, 3}, {"i", false, 1}, {"c", false, 1}};
    bool good = make_data();
    if (!good)
        printf("the data could not be made in %s\n", root);
    for (size_t i = 0; i < sizeof sets / sizeof *sets && good; i++) {
        bool reached = true;
        long k = 0;
        while (good && reached && k < ALLOCATIONS_MAX)
            good = try_open(sets[i].path, sets[i].names, sets[i].samples, ++k, &reached);
        if (good)
            printf("%s: %ld allocations\n", sets[i].path, k - 1);
        good = good && k > 1 && !reached;
    }
    remove_data();
    return good ? 0 : 1;
}
