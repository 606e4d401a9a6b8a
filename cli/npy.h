/* NumPy's file for one array. */
#ifndef CLI_NPY_H
#define CLI_NPY_H

#include <stdbool.h>
#include <stdint.h>

/* Writes float32 data [shape[0], ...] as a .npy file, version 1.0; false, with errno, on failure. */
bool cli_npy_write(const char *path, const float *data, const int32_t *shape, int rank);

#endif
