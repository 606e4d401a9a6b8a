/* The preprocessing record: crop, resize, order of the channels, mean and standard deviation.
 *
 *     image -> crop (a view, nothing is copied) -> gray or RGB -> resize -> round -> (pixel - mean) / std
 */
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/words.h"
#include "image/resize.h"
#include "mobilenet/image.h"

static const char *const resize_words[] = {"tf1-bilinear", "tf2-bilinear", "pil-bilinear", "pil-bicubic"};
static const char *const crop_words[] = {"none", "central", "resize-shorter"};
MN_DEFINE_WORDS(mn_resize, resize_words)
MN_DEFINE_WORDS(mn_crop, crop_words)

mn_preprocess mn_preprocess_default(void)
{
    return (mn_preprocess){
        .crop = MN_CROP_CENTRAL,
        .crop_fraction = 0.875,
        .resize = MN_RESIZE_TF1_BILINEAR,
        .mean = {127.5f, 127.5f, 127.5f, 127.5f},
        .standard_deviation = {127.5f, 127.5f, 127.5f, 127.5f},
    };
}

mn_status mn_preprocess_check(const mn_preprocess *preprocess, mn_error *err)
{
    if (!preprocess)
        return mn_fail(err, MN_ERROR_ARGUMENT, "the preprocessing record is NULL");
    if ((unsigned)preprocess->crop >= sizeof crop_words / sizeof *crop_words)
        return mn_fail(err, MN_ERROR_ARGUMENT, "crop is %d, 0 to 2 are known", (int)preprocess->crop);
    if ((unsigned)preprocess->resize >= sizeof resize_words / sizeof *resize_words)
        return mn_fail(err, MN_ERROR_ARGUMENT, "resize is %d, 0 to 3 are known", (int)preprocess->resize);
    if (!(preprocess->crop_fraction > 0.0 && preprocess->crop_fraction <= 1.0))
        return mn_fail(err, MN_ERROR_ARGUMENT, "crop_fraction is %g, must be above 0 and at most 1",
                       preprocess->crop_fraction);
    for (int c = 0; c < MN_PREPROCESS_CHANNELS; c++) {
        float mean = preprocess->mean[c], deviation = preprocess->standard_deviation[c];
        if (!isfinite(mean))
            return mn_fail(err, MN_ERROR_ARGUMENT, "mean of channel %d is %g, must be finite", c, (double)mean);
        if (!(deviation > 0.0f && isfinite(deviation)))
            return mn_fail(err, MN_ERROR_ARGUMENT, "standard deviation of channel %d is %g, must be above 0 and finite",
                           c, (double)deviation);
    }
    return MN_OK;
}

/* TF-slim: int((H - H * fraction) / 2) is cut off on each side; a pixel or two always stay. */
static int32_t central_margin(int32_t size, double fraction)
{
    int32_t margin = (int32_t)((size - size * fraction) / 2.0);
    return 2 * (int64_t)margin < size ? margin : (size - 1) / 2;
}

static void crop_central(mn_view *view, double fraction)
{
    int32_t top = central_margin(view->height, fraction), left = central_margin(view->width, fraction);
    view->pixels += top * view->stride + (ptrdiff_t)left * view->channels;
    view->height -= 2 * top;
    view->width -= 2 * left;
}

/* Half of a difference, rounded as Python's round() does: ties to even. */
static int64_t centre_offset(int64_t difference)
{
    int64_t half = difference / 2;
    return difference % 2 != 0 && half % 2 != 0 ? half + 1 : half;
}

/* torchvision: the side that needs the larger scale gets int(side / fraction) pixels, the other side follows,
 * rounded down; the centre is cut out. With a square input that is the shorter side. */
static mn_status window_shorter(const mn_view *view, double fraction, mn_window *window, mn_error *err)
{
    double wanted_height = floor(window->height / fraction), wanted_width = floor(window->width / fraction);
    if (wanted_height > INT32_MAX || wanted_width > INT32_MAX)
        return mn_fail(err, MN_ERROR_ARGUMENT, "crop_fraction %g asks for a resize to %.0f x %.0f pixels", fraction,
                       wanted_width, wanted_height);
    int64_t height = (int64_t)wanted_height, width = (int64_t)wanted_width;
    if (height * view->width >= width * view->height)
        width = height * view->width / view->height;
    else
        height = width * view->height / view->width;
    window->full_height = height;
    window->full_width = width;
    window->top = centre_offset(height - window->height);
    window->left = centre_offset(width - window->width);
    return MN_OK;
}

/* ITU-R 601 luma in 16-bit fixed point, as Pillow has it. */
static uint8_t luma(const uint8_t *rgb)
{
    return (uint8_t)((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
}

/* Makes the gray copy of an RGB view; *pixels is the caller's to free. */
static mn_status view_to_gray(mn_view *view, uint8_t **pixels, mn_error *err)
{
    size_t count = (size_t)view->height * (size_t)view->width;
    uint8_t *gray = mn_calloc(count, 1);
    if (!gray)
        return mn_fail_memory(err, count, "a gray copy");
    for (int32_t y = 0; y < view->height; y++) {
        const uint8_t *row = view->pixels + y * view->stride;
        uint8_t *out = gray + (size_t)y * (size_t)view->width;
        for (int32_t x = 0; x < view->width; x++)
            out[x] = luma(row + 3 * (ptrdiff_t)x);
    }
    *view = (mn_view){gray, view->height, view->width, 1, view->width};
    *pixels = gray;
    return MN_OK;
}

/* Nearest integer, ties to even, for 0 <= x < 2^22: adding 1.5 * 2^23 leaves no room for the fraction. */
static float round_even(float x)
{
    const float large = 12582912.0f;
    return (x + large) - large;
}

/* pixels [count, from] at the start of `input`, becomes [count, to] in feeding order, normalised. Works backwards,
 * so that one gray value can become three in place. */
static void normalise(const mn_preprocess *p, size_t count, int32_t from, int32_t to, float *input)
{
    if (p->round_to_byte)
        for (size_t i = 0; i < count * (size_t)from; i++)
            input[i] = round_even(input[i]);
    if (to == 1) {
        for (size_t i = 0; i < count; i++)
            input[i] = (input[i] - p->mean[0]) / p->standard_deviation[0];
        return;
    }
    int first = p->bgr && from == 3 ? 2 : 0, third = 2 - first, step = from == 3;
    for (size_t i = count; i-- > 0;) {
        const float *pixel = input + i * (size_t)from;
        float c0 = pixel[first * step], c1 = pixel[step], c2 = pixel[third * step];
        input[3 * i] = (c0 - p->mean[0]) / p->standard_deviation[0];
        input[3 * i + 1] = (c1 - p->mean[1]) / p->standard_deviation[1];
        input[3 * i + 2] = (c2 - p->mean[2]) / p->standard_deviation[2];
    }
}

mn_status mn_preprocess_apply(const mn_preprocess *preprocess, const mn_image *image, int32_t height, int32_t width,
                              int32_t channels, float *input, mn_error *err)
{
    mn_status status = mn_image_check(image, err);
    if (status == MN_OK)
        status = mn_preprocess_check(preprocess, err);
    if (status != MN_OK)
        return status;
    if (!input)
        return mn_fail(err, MN_ERROR_ARGUMENT, "input is NULL");
    if (height < 1 || width < 1 || (channels != 1 && channels != 3))
        return mn_fail(err, MN_ERROR_ARGUMENT, "an input of %dx%d pixels and %d channels; 1 or 3 channels are wanted",
                       width, height, channels);
    uint8_t *gray = NULL;
    mn_view view = {image->pixels, image->height, image->width, image->channels,
                    (ptrdiff_t)image->width * image->channels};
    mn_window window = {.full_height = height, .full_width = width, .height = height, .width = width};
    if (preprocess->crop == MN_CROP_CENTRAL)
        crop_central(&view, preprocess->crop_fraction);
    else if (preprocess->crop == MN_CROP_RESIZE_SHORTER)
        status = window_shorter(&view, preprocess->crop_fraction, &window, err);
    if (status == MN_OK && channels == 1 && view.channels == 3)
        status = view_to_gray(&view, &gray, err);
    if (status == MN_OK)
        status = mn_resize_view(&view, preprocess->resize, &window, input, err);
    if (status == MN_OK)
        normalise(preprocess, (size_t)height * (size_t)width, view.channels, channels, input);
    free(gray);
    return status;
}
