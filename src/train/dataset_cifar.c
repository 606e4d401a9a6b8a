/* CIFAR-10 and CIFAR-100 in their binary form (Krizhevsky 2009): records without a header,
 *
 *     CIFAR-10   label, 1024 red, 1024 green, 1024 blue                    data_batch_1.bin ... 5, test_batch.bin
 *     CIFAR-100  coarse label, fine label, 1024 red, 1024 green, 1024 blue       train.bin, test.bin
 *
 * A folder with some of these files, or one file of records.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "train/dataset_index.h"

#define PLANE       1024 /* 32 x 32 */
#define NAMES_BYTES 65536

/* Whether the bytes are records of one or two labels below the number of classes; *bad is the first offset that is
 * not. */
static bool try_layout(const uint8_t *bytes, size_t size, size_t labels, int32_t classes, mn_cifar *cifar, size_t *bad)
{
    size_t record = labels + 3 * PLANE;
    *bad = size - size % record;
    if (size == 0 || size % record != 0)
        return false;
    for (size_t at = 0; at < size; at += record)
        if (bytes[at + labels - 1] >= classes || (labels == 2 && bytes[at] >= 20)) {
            *bad = at;
            return false;
        }
    *cifar = (mn_cifar){classes, record, labels - 1, (int64_t)(size / record)};
    return true;
}

mn_status mn_cifar_parse(const uint8_t *bytes, size_t size, mn_cifar *cifar, mn_error *err)
{
    size_t bad10, bad100;
    if (try_layout(bytes, size, 1, 10, cifar, &bad10) || try_layout(bytes, size, 2, 100, cifar, &bad100))
        return MN_OK;
    bool ten = size % (1 + 3 * PLANE) == 0, hundred = size % (2 + 3 * PLANE) == 0;
    if (size > 0 && (ten || hundred))
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)(ten ? bad10 : bad100), "a label of %s is above %d",
                          ten ? "CIFAR-10" : "CIFAR-100", ten ? 9 : 99);
    return mn_fail(err, MN_ERROR_FORMAT,
                   "%zu bytes are no whole number of CIFAR-10 records (3073 bytes) or CIFAR-100 records (3074 bytes)",
                   size);
}

static const char *const train_names[] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                          "data_batch_4.bin", "data_batch_5.bin", "train.bin"};
static const char *const test_names[] = {"test_batch.bin", "test.bin"};

/* The paths of those files that are there; returns how many. */
static int find_files(const char *folder, const char *const *names, int count, mn_path *paths)
{
    int found = 0;
    for (int i = 0; i < count; i++)
        found += mn_path_join(paths[found], folder, names[i]) && mn_path_is_file(paths[found]);
    return found;
}

bool mn_dataset_is_cifar(const char *path)
{
    const char *dot = strrchr(path, '.');
    mn_path paths[MN_DATASET_FILES_MAX];
    if (mn_path_is_file(path))
        return dot && strcmp(dot, ".bin") == 0;
    return find_files(path, train_names, 6, paths) > 0 || find_files(path, test_names, 2, paths) > 0;
}

/* Maps and checks the files, and counts their records. */
static mn_status map_files(mn_dataset *set, mn_path *paths, int count, mn_cifar *cifars, mn_error *err)
{
    for (int i = 0; i < count; i++) {
        mn_status status = mn_file_map(paths[i], &set->files[i], err);
        if (status != MN_OK)
            return status;
        set->file_count = i + 1;
        status = mn_cifar_parse(set->files[i].bytes, set->files[i].size, &cifars[i], err);
        if (status != MN_OK)
            return mn_fail_prefix(err, status, paths[i]);
        if (cifars[i].classes != cifars[0].classes)
            return mn_fail(err, MN_ERROR_FORMAT, "'%s' is CIFAR-%d, '%s' is CIFAR-%d", paths[i], cifars[i].classes,
                           paths[0], cifars[0].classes);
        set->count += cifars[i].count;
    }
    set->class_count = cifars[0].classes;
    return MN_OK;
}

static mn_status index_records(mn_dataset *set, const mn_cifar *cifars, mn_error *err)
{
    int64_t n = 0;
    set->height = set->width = 32;
    set->channels = 3;
    set->planar = true;
    set->records = mn_calloc((size_t)set->count, sizeof *set->records);
    set->labels = mn_calloc((size_t)set->count, sizeof *set->labels);
    if (!set->records || !set->labels)
        return mn_fail_memory(err, (size_t)set->count * sizeof *set->records, "the index of a data set");
    for (int32_t f = 0; f < set->file_count; f++)
        for (int64_t i = 0; i < cifars[f].count; i++, n++) {
            const uint8_t *record = set->files[f].bytes + (size_t)i * cifars[f].record_bytes;
            set->labels[n] = record[cifars[f].label_at];
            set->records[n] = record + cifars[f].label_at + 1;
        }
    return MN_OK;
}

/* Class names lie beside the records: batches.meta.txt or fine_label_names.txt, one a line. Absent or of another
 * number: none. */
static mn_status read_names(mn_dataset *set, const char *folder, mn_error *err)
{
    char text[NAMES_BYTES];
    const char *names[100];
    int32_t count = 0;
    mn_mapping file;
    mn_path path;
    if (!mn_path_join(path, folder, set->class_count == 10 ? "batches.meta.txt" : "fine_label_names.txt") ||
        !mn_path_is_file(path) || mn_file_map(path, &file, NULL) != MN_OK)
        return MN_OK;
    size_t size = file.size < sizeof text ? file.size : sizeof text - 1;
    if (size > 0)
        memcpy(text, file.bytes, size);
    text[size] = '\0';
    mn_file_unmap(&file);
    char *rest = NULL;
    for (char *line = strtok_r(text, "\r\n", &rest); line && count < set->class_count;
         line = strtok_r(NULL, "\r\n", &rest))
        names[count++] = line;
    return count == set->class_count ? mn_names_copy(names, count, &set->classes, err) : MN_OK;
}

/* The files of the part, and which part it is. */
static mn_status find_split(mn_dataset *set, const char *path, mn_split split, mn_path *paths, int *found,
                            mn_error *err)
{
    if (mn_path_is_file(path)) {
        if (split == MN_SPLIT_TRAIN || split == MN_SPLIT_TEST)
            return mn_fail(err, MN_ERROR_ARGUMENT, "'%s' is one file, without a train and a test part", path);
        if (strlen(path) >= sizeof(mn_path))
            return mn_fail(err, MN_ERROR_LIMIT, "a path of more than %d bytes", MN_PATH_BYTES - 1);
        memcpy(paths[0], path, strlen(path) + 1);
        *found = 1;
        return MN_OK;
    }
    *found = split == MN_SPLIT_TRAIN || split == MN_SPLIT_LEARN ? 0 : find_files(path, test_names, 2, paths);
    set->part = MN_SPLIT_TEST;
    if (*found == 0 && split != MN_SPLIT_TEST) {
        *found = find_files(path, train_names, 6, paths);
        set->part = MN_SPLIT_TRAIN;
    }
    if (*found == 0)
        return mn_fail(err, MN_ERROR_ARGUMENT, "'%s' has no %s", path,
                       split == MN_SPLIT_TEST ? "test_batch.bin or test.bin" : "data_batch_N.bin or train.bin");
    return MN_OK;
}

mn_status mn_dataset_read_cifar(mn_dataset *set, const char *path, mn_split split, mn_error *err)
{
    mn_cifar cifars[MN_DATASET_FILES_MAX] = {{0}};
    mn_path paths[MN_DATASET_FILES_MAX];
    int found;
    mn_status status = find_split(set, path, split, paths, &found, err);
    set->kind = "cifar";
    if (status == MN_OK)
        status = map_files(set, paths, found, cifars, err);
    if (status == MN_OK)
        status = index_records(set, cifars, err);
    if (status == MN_OK && set->part != MN_SPLIT_DEFAULT)
        status = read_names(set, path, err);
    return status;
}
