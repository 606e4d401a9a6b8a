/* Pillow's antialiased resize, to the same bytes: a filter (triangle, or cubic with a = -0.5) on half-pixel centres,
 * widened by in / out when shrinking, in 22-bit fixed point, first across, then down, each pass rounded to a byte.
 *
 * The source is read once from top to bottom. A row is resized across into `row`, then added, weighted, to every
 * row of the result whose filter covers it. So the scratch memory is one row and the result's sums, however tall
 * the source is.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "image/resize.h"

enum { FIXED_BITS = 22, FIXED_HALF = 1 << (FIXED_BITS - 1) };

/* The filters of one axis: result i is the sum of weights[first[i]...] over source start[i]...start[i] + count[i]. */
typedef struct filters {
    int32_t *start, *count; /* [results] */
    size_t *first;          /* [results] */
    int32_t *weights;
} filters;

static double triangle(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static void filters_free(filters *f)
{
    free(f->start);
    free(f->count);
    free(f->first);
    free(f->weights);
}

static int32_t to_fixed(double weight)
{
    double scaled = weight * (1 << FIXED_BITS);
    return (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

/* Filters for results offset..offset + results of `out`, from `in` source pixels. */
static mn_status filters_make(filters *f, mn_resize rule, int32_t in, int64_t out, int64_t offset, int32_t results,
                              mn_error *err)
{
    double scale = (double)in / (double)out;
    double widening = scale < 1.0 ? 1.0 : scale;
    double support = (rule == MN_RESIZE_PIL_BICUBIC ? 2.0 : 1.0) * widening;
    size_t longest = (size_t)ceil(support) * 2 + 1, total = 0, at = 0;
    longest = longest < (size_t)in ? longest : (size_t)in;
    double *real = mn_calloc(longest, sizeof *real);
    if (mn_size_mul((size_t)results, longest, &total))
        f->weights = mn_calloc(total, sizeof *f->weights);
    f->start = mn_calloc((size_t)results, sizeof *f->start);
    f->count = mn_calloc((size_t)results, sizeof *f->count);
    f->first = mn_calloc((size_t)results, sizeof *f->first);
    if (!real || !f->weights || !f->start || !f->count || !f->first) {
        free(real);
        return mn_fail_memory(err, total * sizeof *f->weights, "the filters of a resize");
    }
    for (int32_t i = 0; i < results; i++) {
        double centre = ((double)(offset + i) + 0.5) * scale, sum = 0.0;
        double low = centre - support + 0.5, high = centre + support + 0.5;
        int32_t start = low < 0.0 ? 0 : (int32_t)low;
        int32_t end = high > in ? in : (int32_t)high;
        for (int32_t k = 0; k < end - start; k++) {
            double x = ((double)(k + start) - centre + 0.5) * (1.0 / widening);
            real[k] = rule == MN_RESIZE_PIL_BICUBIC ? cubic(x) : triangle(x);
            sum += real[k];
        }
        for (int32_t k = 0; k < end - start; k++)
            f->weights[at + (size_t)k] = to_fixed(sum != 0.0 ? real[k] / sum : real[k]);
        f->start[i] = start;
        f->count[i] = end - start;
        f->first[i] = at;
        at += (size_t)(end - start);
    }
    free(real);
    return MN_OK;
}

static uint8_t to_byte(int32_t fixed)
{
    int32_t value = fixed >> FIXED_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* One source row resized across: out [width, channels]. */
static void across(const uint8_t *restrict row, const filters *f, int32_t width, int32_t channels,
                   uint8_t *restrict out)
{
    for (int32_t x = 0; x < width; x++) {
        const int32_t *weight = f->weights + f->first[x];
        const uint8_t *in = row + (ptrdiff_t)f->start[x] * channels;
        int32_t s0 = FIXED_HALF, s1 = FIXED_HALF, s2 = FIXED_HALF;
        if (channels == 3) {
            for (int32_t k = 0; k < f->count[x]; k++, in += 3) {
                s0 += in[0] * weight[k];
                s1 += in[1] * weight[k];
                s2 += in[2] * weight[k];
            }
            out[3 * x] = to_byte(s0);
            out[3 * x + 1] = to_byte(s1);
            out[3 * x + 2] = to_byte(s2);
        } else {
            for (int32_t k = 0; k < f->count[x]; k++)
                s0 += in[k] * weight[k];
            out[x] = to_byte(s0);
        }
    }
}

static void add_row(const uint8_t *restrict row, int32_t weight, size_t count, int32_t *restrict sums)
{
    for (size_t i = 0; i < count; i++)
        sums[i] += row[i] * weight;
}

static void finish(const int32_t *restrict sums, size_t count, float *restrict output)
{
    for (size_t i = 0; i < count; i++) {
        int32_t value = (sums[i] + FIXED_HALF) >> FIXED_BITS;
        value = value < 0 ? 0 : value;
        output[i] = (float)(value > 255 ? 255 : value);
    }
}

/* Runs both passes. `sums` is zeroed, [height, width * channels]. */
static void stream(const mn_view *view, const filters *horizontal, const filters *vertical, const mn_window *window,
                   uint8_t *row, int32_t *sums)
{
    size_t row_values = (size_t)window->width * (size_t)view->channels;
    int32_t last = window->height - 1, begin = 0;
    int32_t end_row = vertical->start[last] + vertical->count[last];
    for (int32_t y = vertical->start[0]; y < end_row; y++) {
        /* starts and ends of the filters grow with the result's row, so those that cover y are neighbours */
        while (begin < last && y >= vertical->start[begin] + vertical->count[begin])
            begin++;
        across(view->pixels + y * view->stride, horizontal, window->width, view->channels, row);
        for (int32_t r = begin; r <= last && vertical->start[r] <= y; r++) {
            int32_t k = y - vertical->start[r];
            if (k < vertical->count[r])
                add_row(row, vertical->weights[vertical->first[r] + (size_t)k], row_values,
                        sums + (size_t)r * row_values);
        }
    }
}

mn_status mn_resize_pillow(const mn_view *view, mn_resize rule, const mn_window *window, float *output, mn_error *err)
{
    filters horizontal = {0}, vertical = {0};
    size_t row_values = (size_t)window->width * (size_t)view->channels, values = 0;
    uint8_t *row = NULL;
    int32_t *sums = NULL;
    mn_status status =
        filters_make(&horizontal, rule, view->width, window->full_width, window->left, window->width, err);
    if (status == MN_OK)
        status = filters_make(&vertical, rule, view->height, window->full_height, window->top, window->height, err);
    if (status != MN_OK)
        goto done;
    row = mn_calloc(row_values, 1);
    if (mn_size_mul(row_values, (size_t)window->height, &values))
        sums = mn_calloc(values, sizeof *sums);
    if (!row || !sums) {
        status = mn_fail_memory(err, values * sizeof *sums, "resizing");
        goto done;
    }
    stream(view, &horizontal, &vertical, window, row, sums);
    finish(sums, values, output);
done:
    filters_free(&horizontal);
    filters_free(&vertical);
    free(row);
    free(sums);
    return status;
}
