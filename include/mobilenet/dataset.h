/* A data set: an index of labelled samples. Bytes are read when asked for. Part of libmobilenet-train.
 *
 * Kinds, found by looking at what the path holds:
 *     a folder of class folders     class folders in natural order ("2" before "10"); names that begin with a dot and
 *                                   files that are no pictures are passed over
 *     a list file                   lines `path label`, split at the last tab or else the last space; paths relative to
 *                                   the list; labels numbers or names. A folder with pictures and a labels.txt is a list
 *     a folder with IDX files       MNIST family, .gz or not
 *     CIFAR-10/100 binary           a folder of data_batch_*.bin / test_batch.bin, train.bin / test.bin, or one file
 * A folder that holds train/ and test/ (or val/, valid/, validation/) has two parts; the classes are those of train/.
 */
#ifndef MOBILENET_DATASET_H
#define MOBILENET_DATASET_H

#include "mobilenet/image.h"
#include "mobilenet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mn_dataset mn_dataset;

typedef enum mn_split {
    MN_SPLIT_DEFAULT = 0, /* the test part where there are two parts, else everything */
    MN_SPLIT_TRAIN,
    MN_SPLIT_TEST,
    MN_SPLIT_LEARN /* what to learn from: the train part where there are two parts, else everything; never a test part */
} mn_split;

/* Indexes `path`. label_names/label_count (may be NULL/0) resolve names in a list file and, where every class folder
 * has its name among them (case, '_' and '-' apart), order the classes of a folder.
 * Errors: MN_ERROR_IO, MN_ERROR_FORMAT, MN_ERROR_ARGUMENT (a split that the data do not have, a class without
 * images), MN_ERROR_UNSUPPORTED, MN_ERROR_LIMIT, MN_ERROR_OUT_OF_MEMORY. */
MN_API mn_status mn_dataset_open(const char *path, mn_split split, const char *const *label_names, int32_t label_count,
                                 mn_dataset **dataset, mn_error *err);
MN_API void mn_dataset_close(mn_dataset *dataset); /* NULL is allowed */

MN_API const char *mn_dataset_kind(const mn_dataset *dataset); /* "folder", "list", "idx", "cifar" */
/* The part that was opened; MN_SPLIT_DEFAULT where the data have no parts. */
MN_API mn_split mn_dataset_part(const mn_dataset *dataset);
MN_API int64_t mn_dataset_size(const mn_dataset *dataset);
MN_API int32_t mn_dataset_class_count(const mn_dataset *dataset);
/* Name of class k, or NULL where the data have none. */
MN_API const char *mn_dataset_class_name(const mn_dataset *dataset, int32_t k);
/* Label of a sample, 0..class_count-1. */
MN_API int32_t mn_dataset_label(const mn_dataset *dataset, int64_t index);
/* Tells data sets apart: a hash (FNV-1a, 64 bits) of the classes' names, and of every sample in order its label and
 * its file's name and size, or some of its pixels where it is a record. */
MN_API uint64_t mn_dataset_fingerprint(const mn_dataset *dataset);
/* Path of a sample, or NULL where samples are records of one file. */
MN_API const char *mn_dataset_path(const mn_dataset *dataset, int64_t index);
/* Files in the class folders that are no pictures of a kind that is read, and were passed over; *kinds, the data set's, are
 * their endings: ".gif, .txt" (where there are many, the first). */
MN_API int64_t mn_dataset_passed_over(const mn_dataset *dataset, const char **kinds);
/* Decodes a sample; *image is the caller's. Thread-safe. */
MN_API mn_status mn_dataset_image(const mn_dataset *dataset, int64_t index, mn_image **image, mn_error *err);

#ifdef __cplusplus
}
#endif

#endif
