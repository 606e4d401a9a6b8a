/* Augmentation of one image, in pixel units until it is normalised, and mixing of a batch. */
#include "train/augment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "train/streams.h"

/* The random numbers of one image: draw k of number n. */
typedef struct dice {
    uint64_t seed, base;
    uint32_t next;
} dice;

#define DRAWS 64 /* numbers that one image may use */

static float draw(dice *d)
{
    return mn_rng_uniform(d->seed, MN_STREAM_AUGMENT, d->base + d->next++);
}

/* 0..bound-1 */
static int32_t draw_below(dice *d, int32_t bound)
{
    return (int32_t)mn_rng_below(d->seed, MN_STREAM_AUGMENT, d->base + d->next++, (uint32_t)bound);
}

/* A rectangle of a picture. */
typedef struct box {
    int32_t y, x, height, width;
} box;

/* A part of at least `least` of the area, aspect 3/4 to 4/3; the whole where ten draws do not fit. */
static box draw_crop(dice *d, int32_t height, int32_t width, double least)
{
    for (int attempt = 0; attempt < 10; attempt++) {
        double area = (least + (1 - least) * draw(d)) * height * width;
        double aspect = exp((2.0 * draw(d) - 1.0) * log(4.0 / 3.0));
        int32_t w = (int32_t)lround(sqrt(area * aspect)), h = (int32_t)lround(sqrt(area / aspect));
        if (w < 1 || h < 1 || w > width || h > height)
            continue;
        int32_t y = draw_below(d, height - h + 1), x = draw_below(d, width - w + 1);
        return (box){y, x, h, w};
    }
    return (box){0, 0, height, width};
}

static mn_status cut_out(const mn_image *image, box b, mn_image **part, mn_error *err)
{
    mn_status status = mn_image_create(b.height, b.width, image->channels, part, err);
    if (status != MN_OK)
        return status;
    size_t c = (size_t)image->channels;
    for (int32_t y = 0; y < b.height; y++)
        memcpy((*part)->pixels + (size_t)y * (size_t)b.width * c,
               image->pixels + ((size_t)(b.y + y) * (size_t)image->width + (size_t)b.x) * c, (size_t)b.width * c);
    return MN_OK;
}

/* Pixels of the input's size, 0..255, in the feeding order of channels. */
static mn_status to_size(const mn_store_options *o, const mn_image *image, bool stretch, float *pixels, mn_error *err)
{
    mn_preprocess plain = o->preprocess;
    for (int32_t c = 0; c < MN_PREPROCESS_CHANNELS; c++) {
        plain.mean[c] = 0;
        plain.standard_deviation[c] = 1;
    }
    if (stretch) {
        plain.crop = MN_CROP_NONE;
        plain.resize = MN_RESIZE_PIL_BILINEAR;
    }
    return mn_preprocess_apply(&plain, image, o->height, o->width, o->channels, pixels, err);
}

/* out <- in shifted by (dy, dx), black outside, mirrored where `flip`. */
static void shift(const mn_store_options *o, const float *in, int32_t dy, int32_t dx, bool flip, float *out)
{
    int32_t c = o->channels;
    for (int32_t y = 0; y < o->height; y++)
        for (int32_t x = 0; x < o->width; x++, out += c) {
            int32_t sy = y + dy, sx = (flip ? o->width - 1 - x : x) + dx;
            bool inside = sy >= 0 && sy < o->height && sx >= 0 && sx < o->width;
            const float *p = in + ((int64_t)sy * o->width + sx) * c;
            for (int32_t k = 0; k < c; k++)
                out[k] = inside ? p[k] : 0;
        }
}

/* Brightness scales, contrast moves about the mean gray, saturation moves about each pixel's own gray. */
static void jitter(const mn_store_options *o, dice *d, double range, float *p)
{
    float bright = (float)(1 + range * (2 * draw(d) - 1)), contrast = (float)(1 + range * (2 * draw(d) - 1));
    float saturation = (float)(1 + range * (2 * draw(d) - 1));
    int32_t c = o->channels;
    size_t count = (size_t)o->height * (size_t)o->width;
    double gray = 0;
    for (size_t i = 0; i < count * (size_t)c; i++)
        gray += p[i];
    float mean = (float)(gray / (double)(count * (size_t)c)) * bright;
    for (size_t i = 0; i < count; i++, p += c) {
        float own = 0;
        for (int32_t k = 0; k < c; k++)
            own += p[k] / (float)c;
        for (int32_t k = 0; k < c; k++) {
            float v = (own + (p[k] - own) * saturation) * bright;
            v = mean + (v - mean) * contrast;
            p[k] = v < 0 ? 0 : v > 255 ? 255 : v;
        }
    }
}

static void normalise(const mn_store_options *o, float *p)
{
    float factor[MN_PREPROCESS_CHANNELS], offset[MN_PREPROCESS_CHANNELS];
    for (int32_t k = 0; k < o->channels; k++) {
        factor[k] = 1.0f / o->preprocess.standard_deviation[k];
        offset[k] = -o->preprocess.mean[k] * factor[k];
    }
    size_t count = (size_t)o->height * (size_t)o->width;
    for (size_t i = 0; i < count; i++, p += o->channels)
        for (int32_t k = 0; k < o->channels; k++)
            p[k] = p[k] * factor[k] + offset[k];
}

/* A box of 2 to 33 % of the area becomes zero, the mean of normalised pixels (Zhong et al. 2017). */
static void erase(const mn_store_options *o, dice *d, float *input)
{
    double area = (0.02 + 0.31 * draw(d)) * o->height * o->width, aspect = exp((2.0 * draw(d) - 1.0) * log(10.0 / 3.0));
    int32_t h = (int32_t)lround(sqrt(area * aspect)), w = (int32_t)lround(sqrt(area / aspect));
    if (h < 1 || w < 1 || h > o->height || w > o->width)
        return;
    int32_t y0 = draw_below(d, o->height - h + 1), x0 = draw_below(d, o->width - w + 1);
    for (int32_t y = y0; y < y0 + h; y++)
        memset(input + ((size_t)y * (size_t)o->width + (size_t)x0) * (size_t)o->channels, 0,
               (size_t)w * (size_t)o->channels * sizeof *input);
}

static mn_status augment_pixels(const mn_store_options *o, const mn_recipe *r, const mn_image *image, dice *d,
                                float *input, mn_error *err)
{
    size_t count = (size_t)o->height * (size_t)o->width * (size_t)o->channels;
    float *pixels = malloc(count * sizeof *pixels);
    if (!pixels)
        return mn_fail_memory(err, count * sizeof *pixels, "an image being augmented");
    mn_status status;
    if (r->crop_area < 1) {
        mn_image *part;
        status = cut_out(image, draw_crop(d, image->height, image->width, r->crop_area), &part, err);
        if (status == MN_OK) {
            status = to_size(o, part, true, pixels, err);
            mn_image_destroy(part);
        }
    } else {
        status = to_size(o, image, false, pixels, err);
    }
    if (status == MN_OK) {
        int32_t p = r->pad_crop, dy = p > 0 ? draw_below(d, 2 * p + 1) - p : 0;
        int32_t dx = p > 0 ? draw_below(d, 2 * p + 1) - p : 0;
        shift(o, pixels, dy, dx, r->flip && draw(d) < 0.5f, input);
        if (r->jitter > 0)
            jitter(o, d, r->jitter, input);
        normalise(o, input);
        if (r->erase > 0 && draw(d) < (float)r->erase)
            erase(o, d, input);
    }
    free(pixels);
    return status;
}

mn_status mn_augment(const mn_store *store, const mn_recipe *recipe, int64_t sample, uint64_t number, float *input,
                     mn_error *err)
{
    dice d = {recipe->seed, number * DRAWS, 0};
    mn_image *image;
    bool owned;
    mn_status status = mn_store_pixels(store, sample, &image, &owned, err);
    if (status != MN_OK)
        return status;
    status = augment_pixels(mn_store_get_options(store), recipe, image, &d, input, err);
    if (owned)
        mn_image_destroy(image);
    return status;
}

/* Beta(alpha, alpha) by Joehnk's method; 0.5 where many draws fail, which happens for large alpha only. */
static double draw_beta(const mn_recipe *r, uint64_t step, double alpha)
{
    for (uint64_t k = 0; k < 64; k++) {
        uint64_t at = step * 256 + 2 * k;
        double u = pow(mn_rng_uniform(r->seed, MN_STREAM_MIX, at) + 1e-9, 1 / alpha);
        double v = pow(mn_rng_uniform(r->seed, MN_STREAM_MIX, at + 1) + 1e-9, 1 / alpha);
        if (u + v <= 1 && u + v > 0)
            return u / (u + v);
    }
    return 0.5;
}

static void mix_pair(float *a, float *b, size_t count, float share)
{
    for (size_t i = 0; i < count; i++) {
        float x = a[i], y = b[i];
        a[i] = share * x + (1 - share) * y;
        b[i] = share * y + (1 - share) * x;
    }
}

static void swap_box(const mn_store_options *o, float *a, float *b, box cut)
{
    for (int32_t y = cut.y; y < cut.y + cut.height; y++) {
        size_t at = ((size_t)y * (size_t)o->width + (size_t)cut.x) * (size_t)o->channels;
        for (size_t i = at; i < at + (size_t)cut.width * (size_t)o->channels; i++) {
            float x = a[i];
            a[i] = b[i];
            b[i] = x;
        }
    }
}

/* The box of cutmix: share (1 - share) of the area about a random centre, cut at the border. */
static box draw_cut(const mn_recipe *r, const mn_store_options *o, uint64_t step, double share)
{
    double side = sqrt(1 - share);
    int32_t h = (int32_t)(side * o->height), w = (int32_t)(side * o->width);
    int32_t cy = (int32_t)mn_rng_below(r->seed, MN_STREAM_MIX, step * 256 + 200, (uint32_t)o->height);
    int32_t cx = (int32_t)mn_rng_below(r->seed, MN_STREAM_MIX, step * 256 + 201, (uint32_t)o->width);
    int32_t y0 = cy - h / 2 < 0 ? 0 : cy - h / 2, x0 = cx - w / 2 < 0 ? 0 : cx - w / 2;
    int32_t y1 = cy + h - h / 2 > o->height ? o->height : cy + h - h / 2;
    int32_t x1 = cx + w - w / 2 > o->width ? o->width : cx + w - w / 2;
    return (box){y0, x0, y1 - y0, x1 - x0};
}

void mn_augment_mix(const mn_recipe *r, const mn_store_options *o, uint64_t step, int32_t count, float *input,
                    const int32_t *label, int32_t *other, float *weight)
{
    size_t image = (size_t)o->height * (size_t)o->width * (size_t)o->channels;
    bool cut = r->cutmix > 0;
    if (r->mixup > 0 && r->cutmix > 0)
        cut = mn_rng_uniform(r->seed, MN_STREAM_MIX, step * 256 + 202) < 0.5f;
    double share = draw_beta(r, step, cut ? r->cutmix : r->mixup);
    box b = {0};
    if (cut) {
        b = draw_cut(r, o, step, share);
        share = 1 - (double)b.height * b.width / ((double)o->height * o->width);
    }
    for (int32_t i = 0; i < count; i++) {
        int32_t j = count - 1 - i;
        other[i] = label[j];
        weight[i] = (float)share;
        if (i >= j)
            continue;
        if (cut)
            swap_box(o, input + (size_t)i * image, input + (size_t)j * image, b);
        else
            mix_pair(input + (size_t)i * image, input + (size_t)j * image, image, (float)share);
    }
}
