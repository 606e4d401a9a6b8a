/* TensorFlow's bilinear resize without antialias, in its float32 arithmetic.
 *
 *     TF1 (legacy):       source = destination * in / out
 *     TF2 (half pixel):   source = (destination + 0.5) * in / out - 0.5
 *
 * Each result is the mean of two neighbours across and two down: first across, then down:
 *     top = a + (b - a) * fx,  bottom = c + (d - c) * fx,  result = top + (bottom - top) * fy
 */
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "image/resize.h"

/* Where one result comes from: source[low] and source[high], the latter with weight `fraction`. */
typedef struct tap {
    ptrdiff_t low, high;
    float fraction;
} tap;

static float within(float value, float last)
{
    return value < 0 ? 0 : value > last ? last : value;
}

static tap find_tap(int64_t destination, int32_t in, int64_t out, bool half_pixel)
{
    float scale = (float)in / (float)out;
    float source = half_pixel ? ((float)destination + 0.5f) * scale - 0.5f : (float)destination * scale;
    float floor_source = floorf(source);
    float last = (float)(in - 1);
    float low = within(floor_source, last), high = within(half_pixel ? ceilf(source) : floor_source + 1.0f, last);
    tap result = {(ptrdiff_t)low, (ptrdiff_t)high, source - floor_source};
    result.low = result.low < in ? result.low : in - 1; /* (float)(in - 1) may round up above 2^24 */
    result.high = result.high < in ? result.high : in - 1;
    return result;
}

/* One source row resized across: out [width, channels]. Offsets of the taps are in bytes here. */
static void across(const uint8_t *restrict row, const tap *restrict taps, int32_t width, int32_t channels,
                   float *restrict out)
{
    if (channels == 3) {
        for (int32_t x = 0; x < width; x++, out += 3) {
            const uint8_t *a = row + taps[x].low, *b = row + taps[x].high;
            float fraction = taps[x].fraction;
            float a0 = a[0], a1 = a[1], a2 = a[2], b0 = b[0], b1 = b[1], b2 = b[2];
            out[0] = a0 + (b0 - a0) * fraction;
            out[1] = a1 + (b1 - a1) * fraction;
            out[2] = a2 + (b2 - a2) * fraction;
        }
        return;
    }
    for (int32_t x = 0; x < width; x++) {
        float a = row[taps[x].low], b = row[taps[x].high];
        out[x] = a + (b - a) * taps[x].fraction;
    }
}

static void down(const float *restrict top, const float *restrict bottom, float fraction, size_t count,
                 float *restrict out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = top[i] + (bottom[i] - top[i]) * fraction;
}

/* The last two rows that were resized across: the next result often needs one of them again. */
typedef struct row_cache {
    ptrdiff_t number[2]; /* source row held, or -1 */
    float *row[2];
} row_cache;

static const float *cached_row(row_cache *cache, ptrdiff_t wanted, ptrdiff_t keep, const mn_view *view, const tap *taps,
                               int32_t width)
{
    for (int i = 0; i < 2; i++)
        if (cache->number[i] == wanted)
            return cache->row[i];
    int slot = cache->number[0] == keep ? 1 : 0;
    across(view->pixels + wanted * view->stride, taps, width, view->channels, cache->row[slot]);
    cache->number[slot] = wanted;
    return cache->row[slot];
}

mn_status mn_resize_tensorflow(const mn_view *view, mn_resize rule, const mn_window *window, float *output,
                               mn_error *err)
{
    bool half_pixel = rule == MN_RESIZE_TF2_BILINEAR;
    size_t row = (size_t)window->width * (size_t)view->channels, bytes;
    if (!mn_size_mul(row, 2 * sizeof(float), &bytes))
        return mn_fail_memory(err, SIZE_MAX, "two rows");
    tap *taps = mn_calloc((size_t)window->width, sizeof *taps);
    float *rows = mn_calloc(bytes, 1);
    mn_status status = MN_OK;
    if (!taps || !rows) {
        status = mn_fail_memory(err, bytes + (size_t)window->width * sizeof *taps, "resizing");
        goto done;
    }
    for (int32_t x = 0; x < window->width; x++) {
        taps[x] = find_tap(window->left + x, view->width, window->full_width, half_pixel);
        taps[x].low *= view->channels;
        taps[x].high *= view->channels;
    }
    row_cache cache = {{-1, -1}, {rows, rows + row}};
    for (int32_t y = 0; y < window->height; y++) {
        tap t = find_tap(window->top + y, view->height, window->full_height, half_pixel);
        const float *top = cached_row(&cache, t.low, t.high, view, taps, window->width);
        const float *bottom = cached_row(&cache, t.high, t.low, view, taps, window->width);
        down(top, bottom, t.fraction, row, output + (size_t)y * row);
    }
done:
    free(taps);
    free(rows);
    return status;
}
