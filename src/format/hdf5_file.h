/* Tensors and one text of an HDF5 file, and nothing else of what that format can do.
 *
 * The library behind it is called under a lock, with its messages silenced and its loading of filter plugins off (both
 * restored afterwards). Only hard links are followed; data in other files, virtual data sets and filters other than
 * deflate, shuffle and checksums are refused. Sizes are checked against the file's before anything is read.
 */
#ifndef MN_FORMAT_HDF5_FILE_H
#define MN_FORMAT_HDF5_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define MN_HDF5_NAME_BYTES 64
#define MN_HDF5_PATH_BYTES 256
#define MN_HDF5_RANK_MAX   4

/* A data set below the group of weights: GROUP/.../LEAF, where a leaf "kernel:0" is called "kernel". */
typedef struct mn_hdf5_tensor {
    char group[MN_HDF5_NAME_BYTES];
    char leaf[MN_HDF5_NAME_BYTES];
    char path[MN_HDF5_PATH_BYTES];
    int32_t rank;
    int32_t shape[MN_HDF5_RANK_MAX];
} mn_hdf5_tensor;

typedef struct mn_hdf5 mn_hdf5;

bool mn_hdf5_probe(const uint8_t *bytes, size_t size);

/* Opens and lists; takes the lock, which mn_hdf5_close gives back. The bytes must live until then.
 * Errors: MN_ERROR_FORMAT, MN_ERROR_UNSUPPORTED, MN_ERROR_LIMIT, MN_ERROR_OUT_OF_MEMORY. */
mn_status mn_hdf5_open(const uint8_t *bytes, size_t size, mn_hdf5 **file, mn_error *err);
void mn_hdf5_close(mn_hdf5 *file); /* NULL is allowed */

/* The root's attribute model_config: `size` bytes and a zero; NULL where absent. */
const char *mn_hdf5_config(const mn_hdf5 *file, size_t *size);

int32_t mn_hdf5_count(const mn_hdf5 *file);
const mn_hdf5_tensor *mn_hdf5_at(const mn_hdf5 *file, int32_t index);
/* NULL: no such tensor. */
const mn_hdf5_tensor *mn_hdf5_find(const mn_hdf5 *file, const char *group, const char *leaf);

/* Reads a tensor of exactly `elements` numbers. */
mn_status mn_hdf5_read(mn_hdf5 *file, const mn_hdf5_tensor *tensor, size_t elements, float *values, mn_error *err);

#endif
