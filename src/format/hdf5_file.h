/* Tensors and one text of an HDF5 file, and nothing else of what that format can do.
 *
 *     hdf5_object.c, hdf5_group.c   structure: objects, messages, groups
 *     hdf5_file.c                   all data sets of a file listed, their numbers read
 *     hdf5_text.c                   the attribute model_config
 *
 * Only hard links are followed. Data sets of floats stored whole are read; chunks, filters, data in other files and
 * virtual data sets are refused by name. No numbers are allocated for that the file does not hold.
 */
#ifndef MN_FORMAT_HDF5_FILE_H
#define MN_FORMAT_HDF5_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "format/hdf5_object.h"

#define MN_HDF5_NAME_BYTES 64
#define MN_HDF5_PATH_BYTES 256
#define MN_HDF5_RANK_MAX   4

typedef enum mn_hdf5_number { MN_HDF5_F16, MN_HDF5_BF16, MN_HDF5_F32, MN_HDF5_F64 } mn_hdf5_number;

/* A data set below the group of weights: GROUP/.../LEAF, where a leaf "kernel:0" is called "kernel". */
typedef struct mn_hdf5_tensor {
    char group[MN_HDF5_NAME_BYTES];
    char leaf[MN_HDF5_NAME_BYTES];
    char path[MN_HDF5_PATH_BYTES];
    int32_t rank;
    int32_t shape[MN_HDF5_RANK_MAX];
    const char *refusal; /* why the numbers cannot be read; NULL: they can */
    mn_hdf5_number number;
    size_t at, bytes; /* of the numbers in the file */
} mn_hdf5_tensor;

typedef struct mn_hdf5 mn_hdf5;

bool mn_hdf5_probe(const uint8_t *bytes, size_t size);

/* Opens and lists. The bytes must live until mn_hdf5_close.
 * Errors: MN_ERROR_FORMAT, MN_ERROR_UNSUPPORTED, MN_ERROR_LIMIT with an offset, MN_ERROR_OUT_OF_MEMORY. */
mn_status mn_hdf5_open(const uint8_t *bytes, size_t size, mn_hdf5 **file, mn_error *err);
void mn_hdf5_close(mn_hdf5 *file); /* NULL is allowed */

/* The root's attribute model_config: `size` bytes; NULL where absent. */
const char *mn_hdf5_config(const mn_hdf5 *file, size_t *size);

int32_t mn_hdf5_count(const mn_hdf5 *file);
const mn_hdf5_tensor *mn_hdf5_at(const mn_hdf5 *file, int32_t index);
/* NULL: no such tensor. */
const mn_hdf5_tensor *mn_hdf5_find(const mn_hdf5 *file, const char *group, const char *leaf);

/* Gives a tensor, where there is such, another group and leaf to be found by; its path stays. */
void mn_hdf5_rename(mn_hdf5 *file, const char *group, const char *leaf, const char *new_group, const char *new_leaf);

/* Reads a tensor of exactly `elements` numbers. */
mn_status mn_hdf5_read(const mn_hdf5 *file, const mn_hdf5_tensor *tensor, size_t elements, float *values,
                       mn_error *err);

/* ---- for hdf5_file.c and hdf5_text.c ---- */

/* Rank and dimensions of a dataspace message. *fits is false where it has more than `most` dimensions or large ones. */
bool mn_h5_dataspace(mn_h5 *h5, size_t at, size_t size, int32_t most, int32_t *rank, int32_t *shape, bool *fits);

/* The text of attribute `name` of an object, in the file; *text NULL where there is none. */
bool mn_h5_text(mn_h5 *h5, uint64_t object, const char *name, const char **text, size_t *length);

#endif
