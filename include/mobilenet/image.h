/* Pixels, and the preprocessing record: how a picture becomes a network's input.
 *
 * The record is a required part of every model file, so that no command ever asks for mean and std.
 * mn_preprocess_apply needs no codec and is part of libmobilenet; decoding files is libmobilenet-image
 * (mobilenet/decode.h).
 */
#ifndef MOBILENET_IMAGE_H
#define MOBILENET_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mobilenet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A picture: [height, width, channels], bytes 0..255, rows without gaps. channels is 1 (gray) or 3 (RGB). */
typedef struct mn_image {
    int32_t height, width, channels;
    uint8_t *pixels; /* owned; mn_image_destroy frees it */
} mn_image;

/* Allocates an image with zeroed pixels. Errors: MN_ERROR_ARGUMENT, MN_ERROR_OUT_OF_MEMORY. */
MN_API mn_status mn_image_create(int32_t height, int32_t width, int32_t channels, mn_image **image, mn_error *err);
MN_API void mn_image_destroy(mn_image *image); /* NULL is allowed */

typedef enum mn_resize {
    MN_RESIZE_TF1_BILINEAR = 0, /* source = destination * in / out; no antialias (TensorFlow 1) */
    MN_RESIZE_TF2_BILINEAR,     /* half-pixel centres; no antialias (TensorFlow 2) */
    MN_RESIZE_PIL_BILINEAR,     /* half-pixel, triangle filter widened when shrinking (Pillow, torchvision) */
    MN_RESIZE_PIL_BICUBIC       /* half-pixel, cubic a = -0.5 widened when shrinking (Pillow, timm) */
} mn_resize;

typedef enum mn_crop {
    MN_CROP_NONE = 0,      /* resize the whole picture to height x width, aspect ratio not kept */
    MN_CROP_CENTRAL,       /* cut the central `crop_fraction` of each side, then resize (TF-slim) */
    MN_CROP_RESIZE_SHORTER /* resize so that the shorter side is size / crop_fraction, then cut the centre (torchvision) */
} mn_crop;

#define MN_PREPROCESS_CHANNELS 4

/* input = (pixel - mean) / std, channel by channel, after crop and resize. */
typedef struct mn_preprocess {
    mn_crop crop;
    double crop_fraction; /* 0 < f <= 1 */
    mn_resize resize;
    bool round_to_byte;                 /* resized pixels are rounded (ties to even) before mean and std */
    bool bgr;                           /* channels are fed in the order blue, green, red */
    float mean[MN_PREPROCESS_CHANNELS]; /* in pixel units, 0..255, in feeding order */
    float standard_deviation[MN_PREPROCESS_CHANNELS]; /* in pixel units, > 0 */
} mn_preprocess;

/* Central crop 0.875, TensorFlow 1 bilinear, input in [-1, 1]: TF-slim's evaluation. */
MN_API mn_preprocess mn_preprocess_default(void);

/* Checks ranges: fraction, finite mean, positive finite standard deviation (of all MN_PREPROCESS_CHANNELS). */
MN_API mn_status mn_preprocess_check(const mn_preprocess *preprocess, mn_error *err);

/* Turns `image` into input [height, width, channels] floats. channels is 1 or 3; an image with the other
 * count is converted first (gray to RGB by copying, RGB to gray by the ITU-R 601 luma that Pillow uses).
 * Errors: MN_ERROR_ARGUMENT, MN_ERROR_OUT_OF_MEMORY. Thread-safe. */
MN_API mn_status mn_preprocess_apply(const mn_preprocess *preprocess, const mn_image *image, int32_t height,
                                     int32_t width, int32_t channels, float *input, mn_error *err);

/* Resizes to height x width, output [height, width, image->channels] in pixel units, 0..255. The TensorFlow rules
 * give fractions; the Pillow rules give the bytes that Pillow gives, as whole numbers. Thread-safe.
 * Errors: MN_ERROR_ARGUMENT, MN_ERROR_OUT_OF_MEMORY. */
MN_API mn_status mn_image_resize(const mn_image *image, mn_resize rule, int32_t height, int32_t width, float *output,
                                 mn_error *err);

/* Words for the enumerations, as in mobilenet/net.h. */
MN_API const char *mn_resize_name(mn_resize value);
MN_API bool mn_resize_parse(const char *word, mn_resize *value);
MN_API const char *mn_crop_name(mn_crop value);
MN_API bool mn_crop_parse(const char *word, mn_crop *value);

#ifdef __cplusplus
}
#endif

#endif
