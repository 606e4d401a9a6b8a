/* Inside the room: resizing a part of a picture to a part of the result, without copying either. */
#ifndef MN_IMAGE_RESIZE_H
#define MN_IMAGE_RESIZE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "mobilenet/image.h"

/* Pixels that belong to somebody else: a whole picture or a rectangle of one. */
typedef struct mn_view {
    const uint8_t *pixels; /* [height, width, channels], rows `stride` bytes apart */
    int32_t height, width, channels;
    ptrdiff_t stride;
} mn_view;

/* An image that a caller filled in by hand may be anything. */
mn_status mn_image_check(const mn_image *image, mn_error *err);

/* The result is thought to be full_height x full_width; only the rectangle at (top, left) is made. */
typedef struct mn_window {
    int64_t full_height, full_width;
    int64_t top, left;
    int32_t height, width;
} mn_window;

/* output [window->height, window->width, view->channels], 0..255. Errors: MN_ERROR_OUT_OF_MEMORY. */
mn_status mn_resize_view(const mn_view *view, mn_resize rule, const mn_window *window, float *output, mn_error *err);

/* The two families behind it. */
mn_status mn_resize_tensorflow(const mn_view *view, mn_resize rule, const mn_window *window, float *output,
                               mn_error *err);
mn_status mn_resize_pillow(const mn_view *view, mn_resize rule, const mn_window *window, float *output, mn_error *err);

#endif
