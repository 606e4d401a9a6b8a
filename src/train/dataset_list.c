/* A list file: one sample a line, `PATH LABEL`, split at the last tab or, where the line has none, at the last space.
 * Paths are relative to the list. Blank lines and lines that begin with '#' are passed over; CRLF is taken.
 *
 * Labels are all numbers (class indices), or names: of the wanted classes where the caller has some, otherwise the
 * classes are the names that occur, in natural order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/natural.h"
#include "base/status.h"
#include "train/dataset_index.h"

#define LINE_MAX_BYTES 8192

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Splits bytes[from..to) into path and label; false where the line holds no sample. */
static mn_status split_line(const uint8_t *bytes, size_t from, size_t to, mn_list_line *line, bool *sample,
                            mn_error *err)
{
    size_t start = from;
    while (to > from && is_blank(bytes[to - 1]))
        to--;
    while (from < to && is_blank(bytes[from]))
        from++;
    *sample = from < to && bytes[from] != '#';
    if (!*sample)
        return MN_OK;
    if (to - from > LINE_MAX_BYTES || memchr(bytes + from, 0, to - from))
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)start,
                          "line %lld is not text of at most %d bytes; wanted is a line 'PATH LABEL'",
                          (long long)line->number, LINE_MAX_BYTES);
    size_t cut = to;
    while (cut > from && bytes[cut - 1] != '\t')
        cut--;
    if (cut == from) {
        cut = to;
        while (cut > from && bytes[cut - 1] != ' ')
            cut--;
    }
    if (cut == from)
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)start,
                          "line %lld, '%.*s', has no label: wanted is 'PATH LABEL'", (long long)line->number,
                          to - from > 60 ? 60 : (int)(to - from), (const char *)bytes + from);
    size_t end = cut;
    while (is_blank(bytes[end - 1]))
        end--;
    while (is_blank(bytes[cut]))
        cut++;
    line->path = from;
    line->path_size = end - from;
    line->label = cut;
    line->label_size = to - cut;
    return MN_OK;
}

static bool is_number(const uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return size > 0;
}

mn_status mn_list_parse(const uint8_t *bytes, size_t size, mn_list *list, mn_error *err)
{
    mn_list result = {.numeric = true};
    size_t capacity = 0, at = 0;
    mn_status status = MN_OK;
    mn_list_line line = {0};
    if (size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
        at = 3;
    while (at < size && status == MN_OK) {
        const uint8_t *feed = memchr(bytes + at, '\n', size - at);
        size_t to = feed ? (size_t)(feed - bytes) : size;
        bool sample;
        line.number++;
        status = split_line(bytes, at, to, &line, &sample, err);
        at = to + 1;
        if (status != MN_OK || !sample)
            continue;
        if ((size_t)result.count == capacity) {
            capacity = capacity ? 2 * capacity : 256;
            mn_list_line *lines = realloc(result.lines, capacity * sizeof *lines);
            if (!lines) {
                status = mn_fail_memory(err, capacity * sizeof *lines, "the lines of a list");
                break;
            }
            result.lines = lines;
        }
        result.numeric = result.numeric && is_number(bytes + line.label, line.label_size);
        result.lines[result.count++] = line;
    }
    if (status != MN_OK) {
        free(result.lines);
        return status;
    }
    *list = result;
    return MN_OK;
}

static char *copy_text(const uint8_t *bytes, size_t size)
{
    char *text = malloc(size + 1);
    if (text) {
        memcpy(text, bytes, size);
        text[size] = '\0';
    }
    return text;
}

/* Path of a line: as it is where absolute, else beside the list. */
static char *sample_path(const char *list_path, const uint8_t *bytes, const mn_list_line *line)
{
    const char *slash = strrchr(list_path, '/');
    size_t folder = bytes[line->path] == '/' || !slash ? 0 : (size_t)(slash - list_path) + 1;
    char *path = malloc(folder + line->path_size + 1);
    if (path) {
        memcpy(path, list_path, folder);
        memcpy(path + folder, bytes + line->path, line->path_size);
        path[folder + line->path_size] = '\0';
    }
    return path;
}

static mn_status numeric_label(const uint8_t *bytes, const mn_list_line *line, int32_t *label, mn_error *err)
{
    int64_t value = 0;
    for (size_t i = 0; i < line->label_size && value < MN_CLASSES_MAX; i++)
        value = 10 * value + (bytes[line->label + i] - '0');
    if (value >= MN_CLASSES_MAX)
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)line->label, "line %lld: label %.*s is above %d",
                          (long long)line->number, line->label_size > 20 ? 20 : (int)line->label_size,
                          (const char *)bytes + line->label, MN_CLASSES_MAX - 1);
    *label = (int32_t)value;
    return MN_OK;
}

static mn_status named_label(const uint8_t *bytes, const mn_list_line *line, mn_wanted_names names, int32_t *label,
                             mn_error *err)
{
    char *word = copy_text(bytes + line->label, line->label_size);
    if (!word)
        return mn_fail_memory(err, line->label_size + 1, "a label");
    mn_status status = MN_OK;
    *label = mn_names_find(names, word);
    if (*label < 0)
        status = mn_fail_at(
            err, MN_ERROR_FORMAT, (int64_t)line->label, "line %lld: '%.80s' %s", (long long)line->number, word,
            *label == -2 ? "is the name of more than one class: give its number" : "is the name of no class");
    free(word);
    return status;
}

static int compare_words(const void *a, const void *b)
{
    return mn_natural_compare(*(char *const *)a, *(char *const *)b);
}

/* The names that occur, in natural order, as the classes of the set. */
static mn_status collect_names(mn_dataset *set, const uint8_t *bytes, const mn_list *list, mn_error *err)
{
    mn_status status = MN_OK;
    int64_t count = 0, distinct = 0;
    char **words = mn_calloc((size_t)list->count, sizeof *words);
    if (!words)
        return mn_fail_memory(err, (size_t)list->count * sizeof *words, "class names");
    for (; count < list->count && status == MN_OK; count++) {
        words[count] = copy_text(bytes + list->lines[count].label, list->lines[count].label_size);
        if (!words[count])
            status = mn_fail_memory(err, list->lines[count].label_size + 1, "a class name");
    }
    if (status == MN_OK) {
        qsort(words, (size_t)count, sizeof *words, compare_words);
        for (int64_t i = 0; i < count; i++) {
            char *word = words[i];
            if (distinct > 0 && strcmp(words[distinct - 1], word) == 0) {
                free(word);
                words[i] = NULL;
                continue;
            }
            words[i] = NULL;
            words[distinct++] = word;
        }
        status = distinct > MN_CLASSES_MAX
                     ? mn_fail(err, MN_ERROR_LIMIT, "the list names more than %d classes", MN_CLASSES_MAX)
                     : mn_names_copy((const char *const *)words, (int32_t)distinct, &set->classes, err);
    }
    for (int64_t i = 0; i < list->count; i++)
        free(words[i]);
    free(words);
    return status;
}

/* Label of a line whose name is one of the set's own classes, which are in natural order. */
static mn_status own_label(const mn_dataset *set, const uint8_t *bytes, const mn_list_line *line, int32_t *label,
                           mn_error *err)
{
    char *word = copy_text(bytes + line->label, line->label_size);
    if (!word)
        return mn_fail_memory(err, line->label_size + 1, "a label");
    char **found = bsearch(&word, set->classes.names, (size_t)set->classes.count, sizeof word, compare_words);
    *label = (int32_t)(found - set->classes.names);
    free(word);
    return MN_OK;
}

static mn_status add_lines(mn_dataset *set, const char *path, const uint8_t *bytes, const mn_list *list,
                           mn_wanted_names wanted, mn_error *err)
{
    mn_status status = MN_OK;
    for (int64_t i = 0; i < list->count && status == MN_OK; i++) {
        const mn_list_line *line = &list->lines[i];
        int32_t label = 0;
        status = list->numeric      ? numeric_label(bytes, line, &label, err)
                 : wanted.count > 0 ? named_label(bytes, line, wanted, &label, err)
                                    : own_label(set, bytes, line, &label, err);
        if (status != MN_OK)
            break;
        char *sample = sample_path(path, bytes, line);
        status = sample ? mn_dataset_add_file(set, sample, label, err) : mn_fail_memory(err, 0, "a path");
        free(sample);
        if (label >= set->class_count)
            set->class_count = label + 1;
    }
    return status;
}

mn_status mn_dataset_read_list(mn_dataset *set, const char *path, mn_wanted_names wanted, mn_error *err)
{
    mn_mapping file;
    mn_list list = {0};
    mn_status status = mn_file_map(path, &file, err);
    if (status != MN_OK)
        return status;
    if ((status = mn_list_parse(file.bytes, file.size, &list, err)) != MN_OK)
        goto done;
    set->kind = "list";
    if (!list.numeric && wanted.count > 0)
        status = mn_names_copy(wanted.names, wanted.count, &set->classes, err);
    else if (!list.numeric)
        status = collect_names(set, file.bytes, &list, err);
    if (status == MN_OK)
        status = add_lines(set, path, file.bytes, &list, wanted, err);
    if (set->classes.count > 0)
        set->class_count = set->classes.count;
done:
    if (status != MN_OK)
        mn_fail_prefix(err, status, path);
    free(list.lines);
    mn_file_unmap(&file);
    return status;
}
