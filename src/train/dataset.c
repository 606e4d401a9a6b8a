/* A data set from outside: finding its kind, and reading a sample. */
#include "mobilenet/dataset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/status.h"
#include "mobilenet/decode.h"
#include "train/dataset_index.h"
#include "train/hash.h"

static mn_status read_kind(mn_dataset *set, const char *path, mn_split split, mn_wanted_names wanted, mn_error *err)
{
    if (mn_dataset_is_cifar(path))
        return mn_dataset_read_cifar(set, path, split, err);
    if (mn_dataset_is_idx(path))
        return mn_dataset_read_idx(set, path, split, err);
    if (mn_path_is_folder(path))
        return mn_dataset_read_folder(set, path, split, wanted, err);
    if (split == MN_SPLIT_TRAIN || split == MN_SPLIT_TEST)
        return mn_fail(err, MN_ERROR_ARGUMENT, "'%s' is one list, without a train and a test part", path);
    return mn_dataset_read_list(set, path, wanted, err);
}

mn_status mn_dataset_open(const char *path, mn_split split, const char *const *label_names, int32_t label_count,
                          mn_dataset **dataset, mn_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return mn_fail(err, MN_ERROR_IO, "cannot open '%s': %s", path, strerror(errno));
    mn_dataset *set = mn_calloc(1, sizeof *set);
    if (!set)
        return mn_fail_memory(err, sizeof *set, "a data set");
    mn_wanted_names wanted = {label_names, label_names ? label_count : 0};
    mn_status status = read_kind(set, path, split, wanted, err);
    if (status == MN_OK && set->count == 0)
        status = mn_fail(err, MN_ERROR_FORMAT, "'%s' holds no samples", path);
    if (status != MN_OK) {
        mn_dataset_close(set);
        return status;
    }
    *dataset = set;
    return MN_OK;
}

void mn_dataset_close(mn_dataset *set)
{
    if (!set)
        return;
    for (int32_t i = 0; i < set->file_count; i++)
        mn_file_unmap(&set->files[i]);
    free(set->inflated[0]);
    free(set->inflated[1]);
    free(set->records);
    free(set->offsets);
    free(set->text);
    free(set->labels);
    free(set->classes.names);
    free(set);
}

const char *mn_dataset_kind(const mn_dataset *set)
{
    return set->kind;
}

mn_split mn_dataset_part(const mn_dataset *set)
{
    return set->part;
}

int64_t mn_dataset_size(const mn_dataset *set)
{
    return set->count;
}

int32_t mn_dataset_class_count(const mn_dataset *set)
{
    return set->class_count;
}

const char *mn_dataset_class_name(const mn_dataset *set, int32_t k)
{
    return k >= 0 && k < set->classes.count ? set->classes.names[k] : NULL;
}

int32_t mn_dataset_label(const mn_dataset *set, int64_t index)
{
    return index >= 0 && index < set->count ? set->labels[index] : -1;
}

uint64_t mn_dataset_fingerprint(const mn_dataset *set)
{
    uint64_t hash = MN_HASH_START;
    size_t bytes = (size_t)set->height * (size_t)set->width * (size_t)set->channels;
    for (int32_t k = 0; k < set->classes.count; k++)
        hash = mn_hash_bytes(hash, set->classes.names[k], strlen(set->classes.names[k]) + 1);
    for (int64_t i = 0; i < set->count; i++) {
        const char *path = mn_dataset_path(set, i), *slash = path ? strrchr(path, '/') : NULL;
        hash = mn_hash_bytes(hash, &set->labels[i], sizeof set->labels[i]);
        if (path) {
            struct stat info;
            int64_t size = stat(path, &info) == 0 ? info.st_size : -1;
            hash = mn_hash_bytes(hash, slash ? slash + 1 : path, strlen(slash ? slash + 1 : path) + 1);
            hash = mn_hash_bytes(hash, &size, sizeof size);
        }
        for (size_t at = 0; !path && at < bytes; at += 61)
            hash = mn_hash_bytes(hash, set->records[i] + at, 1);
    }
    return hash;
}

const char *mn_dataset_path(const mn_dataset *set, int64_t index)
{
    return set->offsets && index >= 0 && index < set->count ? set->text + set->offsets[index] : NULL;
}

int64_t mn_dataset_passed_over(const mn_dataset *set, const char **kinds)
{
    *kinds = set->kinds;
    return set->passed_over;
}

mn_status mn_dataset_image(const mn_dataset *set, int64_t index, mn_image **image, mn_error *err)
{
    if (index < 0 || index >= set->count)
        return mn_fail(err, MN_ERROR_ARGUMENT, "sample %lld is wanted, there are 0 to %lld", (long long)index,
                       (long long)set->count - 1);
    if (set->offsets)
        return mn_image_load(set->text + set->offsets[index], NULL, image, err);
    mn_status status = mn_image_create(set->height, set->width, set->channels, image, err);
    if (status != MN_OK)
        return status;
    const uint8_t *record = set->records[index];
    size_t pixels = (size_t)set->height * (size_t)set->width, channels = (size_t)set->channels;
    if (!set->planar || channels == 1) {
        memcpy((*image)->pixels, record, pixels * channels);
        return MN_OK;
    }
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < channels; c++)
            (*image)->pixels[i * channels + c] = record[c * pixels + i];
    return MN_OK;
}

/* Room for one more sample file, doubling. */
static mn_status grow(mn_dataset *set, size_t path_size, mn_error *err)
{
    if (set->count == set->capacity) {
        size_t capacity = set->capacity ? 2 * (size_t)set->capacity : 256;
        size_t *offsets = realloc(set->offsets, capacity * sizeof *offsets);
        if (!offsets)
            return mn_fail_memory(err, capacity * sizeof *offsets, "the index of a data set");
        set->offsets = offsets;
        int32_t *labels = realloc(set->labels, capacity * sizeof *labels);
        if (!labels)
            return mn_fail_memory(err, capacity * sizeof *labels, "the labels of a data set");
        set->labels = labels;
        set->capacity = (int64_t)capacity;
    }
    if (set->text_capacity - set->text_size < path_size) {
        size_t capacity = 2 * set->text_capacity + path_size + 4096;
        char *text = realloc(set->text, capacity);
        if (!text)
            return mn_fail_memory(err, capacity, "the paths of a data set");
        set->text = text;
        set->text_capacity = capacity;
    }
    return MN_OK;
}

mn_status mn_dataset_add_file(mn_dataset *set, const char *path, int32_t label, mn_error *err)
{
    size_t size = strlen(path) + 1;
    mn_status status = grow(set, size, err);
    if (status != MN_OK)
        return status;
    memcpy(set->text + set->text_size, path, size);
    set->offsets[set->count] = set->text_size;
    set->labels[set->count] = label;
    set->text_size += size;
    set->count++;
    return MN_OK;
}

void mn_dataset_pass_over(mn_dataset *set, const char *path)
{
    const char *name = strrchr(path, '/'), *dot = strrchr(name ? name : path, '.');
    size_t used = strlen(set->kinds);
    set->passed_over++;
    if (dot && !strstr(set->kinds, dot) && used + strlen(dot) + 3 < sizeof set->kinds)
        snprintf(set->kinds + used, sizeof set->kinds - used, "%s%s", used ? ", " : "", dot);
}
