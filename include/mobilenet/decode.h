/* Decoding picture files: JPEG, PNG, WebP, PPM/PGM, BMP, upright (EXIF orientation applied), 8 bits.
 * Part of libmobilenet-image, which links libjpeg-turbo, libpng, libwebp and libexif.
 */
#ifndef MOBILENET_DECODE_H
#define MOBILENET_DECODE_H

#include "mobilenet/image.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bounds that a picture file must keep; a zero field means the default. */
typedef struct mn_decode_limits {
    int64_t pixels;       /* width * height, default 100 million */
    int64_t file_bytes;   /* default 256 MiB */
    int64_t memory_bytes; /* pixels and decoder working memory, default 1 GiB */
    int32_t scans;        /* progressive JPEG scans, default 100 */
} mn_decode_limits;

/* Decodes `size` bytes. limits may be NULL. The kind of file is found from its bytes, not its name.
 * Gray files give one channel, all others three. Alpha is composed over white; 16-bit samples become round(v / 257);
 * CMYK is converted to RGB by (1-c)(1-k). A file that ends early or is damaged is MN_ERROR_FORMAT: no picture is
 * filled up with gray. *image is the caller's, to destroy. Errors: MN_ERROR_ARGUMENT, MN_ERROR_FORMAT,
 * MN_ERROR_UNSUPPORTED, MN_ERROR_LIMIT, MN_ERROR_OUT_OF_MEMORY. Thread-safe. */
MN_API mn_status mn_image_decode(const void *bytes, size_t size, const mn_decode_limits *limits, mn_image **image,
                                 mn_error *err);

/* Reads and decodes a file. Further error: MN_ERROR_IO. */
MN_API mn_status mn_image_load(const char *path, const mn_decode_limits *limits, mn_image **image, mn_error *err);

#ifdef __cplusplus
}
#endif

#endif
