/* The eight EXIF orientations (EXIF 2.3, tag 0x0112): which corner of the scene the first stored pixel is.
 *
 *     1 upright        2 mirrored left-right   3 turned by 180      4 mirrored top-bottom
 *     5 transposed     6 turn right by 90      7 transposed, 180    8 turn left by 90
 */
#include "image/decoders.h"

/* dst[y][x] = src[y0 + y * y_by_y + x * y_by_x][...] in steps of pixels. */
typedef struct walk {
    ptrdiff_t start, right, down; /* offsets in the source, in pixels, for the result's order */
} walk;

static walk plan(int orientation, ptrdiff_t height, ptrdiff_t width)
{
    ptrdiff_t last_row = (height - 1) * width, last_column = width - 1;
    switch (orientation) {
    case 2:
        return (walk){last_column, -1, width};
    case 3:
        return (walk){last_row + last_column, -1, -width};
    case 4:
        return (walk){last_row, 1, -width};
    case 5:
        return (walk){0, width, 1};
    case 6:
        return (walk){last_row, -width, 1};
    case 7:
        return (walk){last_row + last_column, -width, -1};
    case 8:
        return (walk){last_column, width, -1};
    default:
        return (walk){0, 1, width};
    }
}

mn_status mn_image_orient(mn_image **image, int orientation, mn_error *err)
{
    const mn_image *source = *image;
    if (orientation <= 1 || orientation > 8)
        return MN_OK;
    bool turned = orientation >= 5;
    int32_t height = turned ? source->width : source->height;
    int32_t width = turned ? source->height : source->width;
    mn_image *result;
    mn_status status = mn_image_create(height, width, source->channels, &result, err);
    if (status != MN_OK)
        return status;
    walk w = plan(orientation, source->height, source->width);
    ptrdiff_t channels = source->channels;
    uint8_t *out = result->pixels;
    for (int32_t y = 0; y < height; y++) {
        const uint8_t *in = source->pixels + (w.start + y * w.down) * channels;
        for (int32_t x = 0; x < width; x++, in += w.right * channels)
            for (ptrdiff_t c = 0; c < channels; c++)
                *out++ = in[c];
    }
    mn_image_destroy(*image);
    *image = result;
    return MN_OK;
}
