/* The inside of a data set: one index, filled by one reader a kind.
 *
 *     mn_dataset_open ──> looks at the path ──> dataset_folder.c | dataset_list.c | dataset_idx.c | dataset_cifar.c
 *
 * Samples are picture files (paths) or records (pointers into mapped or inflated bytes).
 */
#ifndef MN_TRAIN_DATASET_INDEX_H
#define MN_TRAIN_DATASET_INDEX_H

#include <stdbool.h>

#include "base/file.h"
#include "mobilenet/dataset.h"
#include "mobilenet/net.h"

#define MN_DATASET_FILES_MAX 8 /* CIFAR-10 has five training files */

/* Names as one block: names[0..count-1], then their bytes; free() it. */
typedef struct mn_names {
    char **names;
    int32_t count;
} mn_names;

struct mn_dataset {
    const char *kind;
    mn_split part; /* MN_SPLIT_DEFAULT: everything there is */
    int64_t count;
    int32_t class_count;
    mn_names classes; /* count 0 where the data name none */
    int32_t *labels;  /* [count] */

    /* Picture files: path i is text + offsets[i]. */
    char *text;
    size_t text_size, text_capacity;
    size_t *offsets; /* [count] */
    int64_t capacity;
    int64_t passed_over; /* files of class folders that are no pictures, */
    char kinds[64];      /* and their endings, ".gif, .txt" */

    /* Records: [height, width, channels], or planes [channels, height, width]. */
    const uint8_t **records; /* [count] */
    int32_t height, width, channels;
    bool planar;
    mn_mapping files[MN_DATASET_FILES_MAX];
    int32_t file_count;
    uint8_t *inflated[2]; /* pixels and labels of .gz files */
};

/* Names that the caller wants labels to be resolved by; count 0: none. */
typedef struct mn_wanted_names {
    const char *const *names;
    int32_t count;
} mn_wanted_names;

/* The readers: each fills a zeroed *set; on failure the caller closes it. */
mn_status mn_dataset_read_folder(mn_dataset *set, const char *path, mn_split split, mn_wanted_names wanted,
                                 mn_error *err);
mn_status mn_dataset_read_list(mn_dataset *set, const char *path, mn_wanted_names wanted, mn_error *err);
mn_status mn_dataset_read_idx(mn_dataset *set, const char *path, mn_split split, mn_error *err);
mn_status mn_dataset_read_cifar(mn_dataset *set, const char *path, mn_split split, mn_error *err);
/* Whether the folder or file at `path` is of the kind. */
bool mn_dataset_is_idx(const char *path);
bool mn_dataset_is_cifar(const char *path);

/* Appends a picture file. */
mn_status mn_dataset_add_file(mn_dataset *set, const char *path, int32_t label, mn_error *err);

/* Counts a file that is no picture. */
void mn_dataset_pass_over(mn_dataset *set, const char *path);

/* Copies names into one block. */
mn_status mn_names_copy(const char *const *names, int32_t count, mn_names *copy, mn_error *err);

#define MN_PATH_BYTES 4096
typedef char mn_path[MN_PATH_BYTES];

/* path = FOLDER/NAME; false, and an empty path, where that is longer than a path may be. */
bool mn_path_join(mn_path path, const char *folder, const char *name);
/* The same as a step of something that can fail: MN_ERROR_LIMIT. */
mn_status mn_path_make(mn_path path, const char *folder, const char *name, mn_error *err);
bool mn_path_is_folder(const char *path); /* links are followed */
bool mn_path_is_file(const char *path);
/* Whether the name ends like a picture file that this build decodes. */
bool mn_path_is_picture(const char *name);

/* Index of the name that `word` means: the same text; else the same but for case, '_' and '-' being spaces; else the
 * same as the part before a comma ("tench, Tinca tinca"). -1: none; -2: more than one. */
int32_t mn_names_find(mn_wanted_names wanted, const char *word);

/* ---- bytes, as fuzzed ---- */

/* An IDX array of bytes. */
typedef struct mn_idx {
    int32_t rank;        /* 1..4 */
    int64_t shape[4];    /* unused dimensions are 1 */
    const uint8_t *data; /* into the bytes, or into *inflated */
    uint8_t *inflated;   /* to be given to free(), or NULL */
} mn_idx;
mn_status mn_idx_parse(const uint8_t *bytes, size_t size, mn_idx *idx, mn_error *err);

/* The shape of a file of CIFAR records. */
typedef struct mn_cifar {
    int32_t classes;     /* 10 or 100 */
    size_t record_bytes; /* 3073 or 3074: one or two labels, then planes of 32x32 */
    size_t label_at;     /* 0, or 1 for the fine label of CIFAR-100 */
    int64_t count;
} mn_cifar;
mn_status mn_cifar_parse(const uint8_t *bytes, size_t size, mn_cifar *cifar, mn_error *err);

/* A list file: where the path and the label of each line lie. */
typedef struct mn_list_line {
    size_t path, path_size, label, label_size;
    int64_t number; /* of the line, from 1 */
} mn_list_line;
typedef struct mn_list {
    mn_list_line *lines; /* [count]; to be given to free() */
    int64_t count;
    bool numeric; /* every label is a number */
} mn_list;
mn_status mn_list_parse(const uint8_t *bytes, size_t size, mn_list *list, mn_error *err);

#endif
