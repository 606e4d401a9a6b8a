/* Resizing by name. The rules themselves: resize_tensorflow.c, resize_pillow.c. */
#include "image/resize.h"

mn_status mn_resize_view(const mn_view *view, mn_resize rule, const mn_window *window, float *output, mn_error *err)
{
    switch (rule) {
    case MN_RESIZE_TF1_BILINEAR:
    case MN_RESIZE_TF2_BILINEAR:
        return mn_resize_tensorflow(view, rule, window, output, err);
    case MN_RESIZE_PIL_BILINEAR:
    case MN_RESIZE_PIL_BICUBIC:
        return mn_resize_pillow(view, rule, window, output, err);
    }
    return mn_fail(err, MN_ERROR_ARGUMENT, "resize rule %d is none of the four", (int)rule);
}

mn_status mn_image_resize(const mn_image *image, mn_resize rule, int32_t height, int32_t width, float *output,
                          mn_error *err)
{
    mn_status status = mn_image_check(image, err);
    if (status != MN_OK)
        return status;
    if (!output)
        return mn_fail(err, MN_ERROR_ARGUMENT, "output is NULL");
    if (height < 1 || width < 1)
        return mn_fail(err, MN_ERROR_ARGUMENT, "a result of %dx%d pixels, at least 1x1 is wanted", width, height);
    mn_view view = {image->pixels, image->height, image->width, image->channels,
                    (ptrdiff_t)image->width * image->channels};
    mn_window window = {.full_height = height, .full_width = width, .height = height, .width = width};
    return mn_resize_view(&view, rule, &window, output, err);
}
