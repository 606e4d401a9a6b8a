/* Pictures in memory. */
#include "mobilenet/image.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/status.h"
#include "image/resize.h"

mn_status mn_image_create(int32_t height, int32_t width, int32_t channels, mn_image **image, mn_error *err)
{
    size_t bytes;
    if (height < 1 || width < 1)
        return mn_fail(err, MN_ERROR_ARGUMENT, "an image of %dx%d pixels, at least 1x1 is wanted", width, height);
    if (channels != 1 && channels != 3)
        return mn_fail(err, MN_ERROR_ARGUMENT, "an image of %d channels, 1 (gray) or 3 (RGB) is wanted", channels);
    if (!mn_size_mul((size_t)height, (size_t)width, &bytes) || !mn_size_mul(bytes, (size_t)channels, &bytes) ||
        bytes > PTRDIFF_MAX)
        return mn_fail(err, MN_ERROR_ARGUMENT, "an image of %dx%d pixels is too large for this machine", width, height);
    mn_image *result = mn_calloc(1, sizeof *result);
    uint8_t *pixels = mn_calloc(bytes, 1);
    if (!result || !pixels) {
        free(result);
        free(pixels);
        return mn_fail_memory(err, bytes, "the pixels of an image");
    }
    *result = (mn_image){height, width, channels, pixels};
    *image = result;
    return MN_OK;
}

mn_status mn_image_check(const mn_image *image, mn_error *err)
{
    if (!image || !image->pixels)
        return mn_fail(err, MN_ERROR_ARGUMENT, image ? "the image has no pixels" : "the image is NULL");
    if (image->height < 1 || image->width < 1 || (image->channels != 1 && image->channels != 3))
        return mn_fail(err, MN_ERROR_ARGUMENT, "an image of %dx%d pixels and %d channels; 1 or 3 channels are wanted",
                       image->width, image->height, image->channels);
    return MN_OK;
}

void mn_image_destroy(mn_image *image)
{
    if (!image)
        return;
    free(image->pixels);
    free(image);
}
