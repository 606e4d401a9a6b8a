/* Inside libmobilenet-image: the table of decoders, and what they share.
 *
 *     bytes -> probe -> decode (limits are checked before anything is allocated) -> orient -> mn_image
 */
#ifndef MN_IMAGE_DECODERS_H
#define MN_IMAGE_DECODERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "mobilenet/decode.h"

/* A file in memory, and the limits with every default filled in. */
typedef struct mn_decode_input {
    const uint8_t *bytes;
    size_t size;
    mn_decode_limits limits;
} mn_decode_input;

/* One kind of file. decode sets *image and *orientation (1..8 as in EXIF; 1 where the file has none) on success, and
 * touches neither on failure. Its messages need not name the kind: the caller puts the name in front. */
typedef struct mn_decoder {
    const char *name;
    bool (*probe)(const uint8_t *bytes, size_t size);
    mn_status (*decode)(const mn_decode_input *input, mn_image **image, int *orientation, mn_error *err);
} mn_decoder;

extern const mn_decoder mn_decoder_jpeg, mn_decoder_png, mn_decoder_webp, mn_decoder_bmp, mn_decoder_pnm;

/* Whether a picture of this size keeps the limits, `working` being the bytes a pixel that decoding takes, result
 * included. To be called before the first allocation that depends on the size. */
mn_status mn_decode_allow(const mn_decode_input *input, int64_t width, int64_t height, int64_t working, mn_error *err);

/* One pixel composed over white: c * a + 255 * (1 - a), a in 0..255, rounded. */
uint8_t mn_over_white(uint8_t colour, uint8_t alpha);

/* A sample of range 0..maximum as 0..255, rounded. */
uint8_t mn_sample_to_byte(uint32_t sample, uint32_t maximum);

/* Orientation in a block of EXIF data, with or without "Exif\0\0" in front; 1 where there is none that is valid.
 * The one error is MN_ERROR_OUT_OF_MEMORY. */
mn_status mn_exif_orientation(const uint8_t *bytes, size_t size, int *orientation, mn_error *err);

/* Turns the picture upright. On failure *image is as it was. */
mn_status mn_image_orient(mn_image **image, int orientation, mn_error *err);

#endif
