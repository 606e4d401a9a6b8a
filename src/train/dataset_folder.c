/* A folder of class folders, or of a train and a test part, or of pictures with a labels.txt.
 *
 * Every name that begins with a dot is passed over, and so is every file that is no picture. A class folder and a
 * picture may be links; folders inside a class folder are searched too, but not through links, so that a link that
 * leads back upwards cannot make the search endless.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/natural.h"
#include "base/status.h"
#include "train/dataset_index.h"

#define DEPTH_MAX 32

/* The names in a folder, in natural order. */
typedef struct listing {
    char **names;
    size_t count, capacity;
} listing;

static void listing_free(listing *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->names[i]);
    free(list->names);
    *list = (listing){0};
}

static int compare_names(const void *a, const void *b)
{
    return mn_natural_compare(*(char *const *)a, *(char *const *)b);
}

static mn_status listing_add(listing *list, const char *name, mn_error *err)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        char **names = realloc(list->names, capacity * sizeof *names);
        if (!names)
            return mn_fail_memory(err, capacity * sizeof *names, "the names in a folder");
        list->names = names;
        list->capacity = capacity;
    }
    char *copy = mn_strdup(name);
    if (!copy)
        return mn_fail_memory(err, strlen(name) + 1, "the names in a folder");
    list->names[list->count++] = copy;
    return MN_OK;
}

static mn_status list_folder(const char *path, listing *list, mn_error *err)
{
    DIR *folder = opendir(path);
    if (!folder)
        return mn_fail(err, errno == ENOMEM ? MN_ERROR_OUT_OF_MEMORY : MN_ERROR_IO, "cannot open the folder '%s': %s",
                       path, strerror(errno));
    mn_status status = MN_OK;
    while (status == MN_OK) {
        errno = 0;
        struct dirent *entry = readdir(folder);
        if (!entry) {
            if (errno != 0)
                status = mn_fail(err, MN_ERROR_IO, "cannot read the folder '%s': %s", path, strerror(errno));
            break;
        }
        if (entry->d_name[0] != '.')
            status = listing_add(list, entry->d_name, err);
    }
    closedir(folder);
    if (status == MN_OK && list->count > 0)
        qsort(list->names, list->count, sizeof *list->names, compare_names);
    return status;
}

static mn_status add_pictures(mn_dataset *set, const char *folder, int32_t label, int depth, mn_error *err);

static mn_status add_entry(mn_dataset *set, const char *path, int32_t label, int depth, mn_error *err)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return mn_fail(err, MN_ERROR_IO, "cannot look at '%s': %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return add_pictures(set, path, label, depth + 1, err);
    bool file = S_ISREG(info.st_mode) || (S_ISLNK(info.st_mode) && !mn_path_is_folder(path));
    if (file && mn_path_is_picture(path))
        return mn_dataset_add_file(set, path, label, err);
    if (file)
        mn_dataset_pass_over(set, path);
    return MN_OK;
}

static mn_status add_pictures(mn_dataset *set, const char *folder, int32_t label, int depth, mn_error *err)
{
    if (depth > DEPTH_MAX)
        return mn_fail(err, MN_ERROR_LIMIT, "'%s' lies more than %d folders deep", folder, DEPTH_MAX);
    listing list = {0};
    mn_status status = list_folder(folder, &list, err);
    for (size_t i = 0; i < list.count && status == MN_OK; i++) {
        mn_path path;
        status = mn_path_make(path, folder, list.names[i], err);
        if (status == MN_OK)
            status = add_entry(set, path, label, depth, err);
    }
    listing_free(&list);
    return status;
}

/* The class folders in `path`. */
static mn_status list_classes(const char *path, listing *classes, mn_error *err)
{
    listing all = {0};
    size_t pictures = 0;
    mn_status status = list_folder(path, &all, err);
    for (size_t i = 0; i < all.count && status == MN_OK; i++) {
        mn_path entry;
        status = mn_path_make(entry, path, all.names[i], err);
        if (status == MN_OK && mn_path_is_folder(entry))
            status = listing_add(classes, all.names[i], err);
        else if (status == MN_OK)
            pictures += mn_path_is_picture(entry);
    }
    listing_free(&all);
    if (status == MN_OK && classes->count == 0)
        status = mn_fail(err, MN_ERROR_FORMAT,
                         pictures == 0 ? "'%s' holds no picture: wanted are %s"
                                       : "'%s' holds pictures but nothing that says their classes: wanted are %s",
                         path, "class folders, labels.txt with lines 'FILE CLASS', IDX files or CIFAR binary files");
    if (status == MN_OK && classes->count > MN_CLASSES_MAX)
        status = mn_fail(err, MN_ERROR_LIMIT, "'%s' holds %zu class folders, at most %d can be used", path,
                         classes->count, MN_CLASSES_MAX);
    return status;
}

/* The classes by the wanted names, where every folder has one; *matched says whether. */
static mn_status match_classes(const listing *folders, mn_wanted_names wanted, int32_t *label_of, bool *matched,
                               mn_error *err)
{
    *matched = wanted.count > 0;
    for (size_t i = 0; i < folders->count && *matched; i++) {
        label_of[i] = mn_names_find(wanted, folders->names[i]);
        *matched = label_of[i] >= 0;
        for (size_t k = 0; k < i && *matched; k++)
            if (label_of[k] == label_of[i])
                return mn_fail(err, MN_ERROR_ARGUMENT, "the folders '%s' and '%s' both mean the class '%s'",
                               folders->names[k], folders->names[i], wanted.names[label_of[i]]);
    }
    for (size_t i = 0; i < folders->count && !*matched; i++)
        label_of[i] = (int32_t)i;
    return MN_OK;
}

/* Index of `name` among the folders that define the classes, or -1. */
static int32_t find_folder(const listing *folders, const char *name)
{
    char **found = bsearch(&name, folders->names, folders->count, sizeof name, compare_names);
    return found ? (int32_t)(found - folders->names) : -1;
}

static mn_status add_class(mn_dataset *set, const char *part, const char *name, int32_t label, mn_error *err)
{
    int64_t before = set->count, others = set->passed_over;
    mn_path path;
    mn_status status = mn_path_make(path, part, name, err);
    if (status == MN_OK)
        status = add_pictures(set, path, label, 1, err);
    if (status == MN_OK && set->count == before && set->passed_over > others)
        status = mn_fail(err, MN_ERROR_ARGUMENT,
                         "the class folder '%s' holds no picture that can be read, only files of other kinds (%s): "
                         "convert them, for instance to PNG",
                         path, set->kinds);
    else if (status == MN_OK && set->count == before)
        status = mn_fail(err, MN_ERROR_ARGUMENT,
                         "the class folder '%s' holds no picture: add some, or remove the folder", path);
    return status;
}

/* Class folders in `part`; the classes are those of `all` (the train part, or the same folder). */
static mn_status read_classes(mn_dataset *set, const char *all, const char *part, mn_wanted_names wanted, mn_error *err)
{
    listing folders = {0}, present = {0};
    int32_t *label_of = NULL;
    bool matched;
    mn_status status = list_classes(all, &folders, err);
    if (status == MN_OK)
        status = list_classes(part, &present, err);
    if (status != MN_OK)
        goto done;
    label_of = mn_calloc(folders.count, sizeof *label_of);
    if (!label_of) {
        status = mn_fail_memory(err, folders.count * sizeof *label_of, "class indices");
        goto done;
    }
    if ((status = match_classes(&folders, wanted, label_of, &matched, err)) != MN_OK)
        goto done;
    for (size_t i = 0; i < present.count && status == MN_OK; i++) {
        int32_t k = find_folder(&folders, present.names[i]);
        status = k < 0 ? mn_fail(err, MN_ERROR_ARGUMENT, "the class '%s' of '%s' is not in '%s'", present.names[i],
                                 part, all)
                       : add_class(set, part, present.names[i], label_of[k], err);
    }
    if (status == MN_OK && matched)
        status = mn_names_copy(wanted.names, wanted.count, &set->classes, err);
    else if (status == MN_OK)
        status = mn_names_copy((const char *const *)folders.names, (int32_t)folders.count, &set->classes, err);
    set->class_count = set->classes.count;
    set->kind = "folder";
done:
    listing_free(&folders);
    listing_free(&present);
    free(label_of);
    return status;
}

/* The folder called by one of `names` (a NULL ends them); false where there is none. */
static bool find_part(const char *path, const char *const *names, mn_path part)
{
    for (; *names; names++)
        if (mn_path_join(part, path, *names) && mn_path_is_folder(part))
            return true;
    return false;
}

/* A folder without parts: a list and its pictures, or class folders. */
static mn_status read_plain(mn_dataset *set, const char *all, const char *part, mn_wanted_names wanted, mn_error *err)
{
    mn_path list;
    if (mn_path_join(list, part, "labels.txt") && mn_path_is_file(list))
        return mn_dataset_read_list(set, list, wanted, err);
    return read_classes(set, all, part, wanted, err);
}

mn_status mn_dataset_read_folder(mn_dataset *set, const char *path, mn_split split, mn_wanted_names wanted,
                                 mn_error *err)
{
    static const char *const train_names[] = {"train", NULL};
    static const char *const test_names[] = {"test", "val", "valid", "validation", NULL};
    mn_path train, test;
    if (find_part(path, train_names, train) && find_part(path, test_names, test)) {
        set->part = split == MN_SPLIT_TRAIN || split == MN_SPLIT_LEARN ? MN_SPLIT_TRAIN : MN_SPLIT_TEST;
        return read_plain(set, train, set->part == MN_SPLIT_TRAIN ? train : test, wanted, err);
    }
    if (split == MN_SPLIT_TRAIN || split == MN_SPLIT_TEST)
        return mn_fail(err, MN_ERROR_ARGUMENT, "'%s' has no train and test part (folders train and test, or val)",
                       path);
    return read_plain(set, path, path, wanted, err);
}
