/* Reading tests/image/golden: made by tools/golden/images.py. */
#ifndef TEST_IMAGE_GOLDEN_FILES_H
#define TEST_IMAGE_GOLDEN_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "mobilenet/image.h"

/* A whole file in memory; ends the test where it is absent. free() the bytes. */
typedef struct golden_bytes {
    uint8_t *bytes;
    size_t size;
} golden_bytes;
golden_bytes golden_read(const char *path);

/* Path of a golden file (static storage, as test_source). */
const char *golden_path(const char *name);

/* Reads a .pixels file ("P5" or "P6", maxval 255) without the decoders that are under test. */
mn_image *golden_pixels(const char *name);

/* One line of cases.txt. */
typedef struct golden_case {
    char file[64], pixels[64];
    int tolerance;
} golden_case;

/* All lines; their number in *count. free() the result. */
golden_case *golden_cases(size_t *count);

/* The largest difference of two pictures in gray levels; 256 where their shapes differ. */
int golden_difference(const mn_image *a, const mn_image *b);

#endif
