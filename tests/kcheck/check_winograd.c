/* Winograd's transforms against their matrices in double, and the whole algorithm against a direct convolution of one
 * channel: every channel count of 1..67, maps from 1x1 up, every padding, any range of tiles, gaps between them.
 */
#include <math.h>
#include <string.h>

#include "kcheck/kcheck.h"

enum { SLOT_MAP, SLOT_PLANES, SLOT_BIAS };

static const double b_transposed[4][4] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
static const double a_transposed[2][4] = {{1, 1, 1, 0}, {0, 1, -1, -1}};

static double pixel(const mn_winograd_args *a, int32_t y, int32_t x, int32_t c)
{
    bool inside = y >= 0 && y < a->height && x >= 0 && x < a->width;
    return inside ? a->in[((ptrdiff_t)y * a->width + x) * a->stride + c] : 0;
}

static void check_input(const mn_winograd_kernel *kernel, mn_winograd_args a, kcheck_result *result)
{
    size_t tiles = (size_t)(a.tile_end - a.tile_begin), channels = (size_t)a.channels;
    size_t tile_stride = (size_t)a.tile_stride, plane_floats = (tiles - 1) * tile_stride + channels;
    size_t floats = (size_t)(a.height * a.width - 1) * (size_t)a.stride + channels;
    float *map = kcheck_floats(SLOT_MAP, floats);
    for (size_t i = 0; i < floats; i++)
        map[i] = kcheck_value(1, i, false);
    a.plane_stride = tiles * tile_stride;
    a.in = map;
    a.out = kcheck_floats(SLOT_PLANES, 15 * a.plane_stride + plane_floats);
    kernel->input(&a);
    result->cases++;
    for (size_t t = 0; t < tiles; t++)
        for (int p = 0; p < 16; p++)
            for (int32_t c = 0; c < a.channels; c++) {
                int32_t tile = a.tile_begin + (int32_t)t;
                int32_t y = 2 * (tile / a.tiles_across) - a.pad_top;
                int32_t x = 2 * (tile % a.tiles_across) - a.pad_left;
                double want = 0;
                for (int i = 0; i < 16; i++)
                    want +=
                        b_transposed[p / 4][i / 4] * b_transposed[p % 4][i % 4] * pixel(&a, y + i / 4, x + i % 4, c);
                float got = a.out[(size_t)p * a.plane_stride + t * tile_stride + (size_t)c];
                if (!kcheck_close(got, (float)want, 4 * 4 * 0x1p-24))
                    kcheck_fail(result, "map %dx%d, %d channels: plane %d of tile %zu is %.9g, must be %.9g", a.height,
                                a.width, a.channels, p, t, (double)got, want);
            }
    for (size_t i = 0; i < 15 * a.plane_stride + plane_floats; i++)
        if (i % tile_stride >= channels && !isnan(a.out[i]))
            kcheck_fail(result, "map %dx%d, %d channels: wrote between two tiles", a.height, a.width, a.channels);
    if (!kcheck_front_is_whole(SLOT_PLANES))
        kcheck_fail(result, "map %dx%d, %d channels: wrote before the start", a.height, a.width, a.channels);
}

static void check_output(const mn_winograd_kernel *kernel, mn_winograd_args a, kcheck_result *result)
{
    size_t tiles = (size_t)(a.tile_end - a.tile_begin), channels = (size_t)a.channels;
    size_t tile_stride = (size_t)a.tile_stride, plane_floats = (tiles - 1) * tile_stride + channels;
    size_t map_floats = (size_t)(a.height * a.width - 1) * (size_t)a.stride + channels;
    a.plane_stride = tiles * tile_stride;
    size_t planes_floats = 15 * a.plane_stride + plane_floats;
    float *planes = kcheck_floats(SLOT_PLANES, planes_floats), *bias = kcheck_floats(SLOT_BIAS, channels);
    for (size_t i = 0; i < planes_floats; i++)
        planes[i] = kcheck_value(2, i, false);
    for (size_t c = 0; c < channels; c++)
        bias[c] = kcheck_value(3, c, false);
    a.in = planes;
    a.bias = bias;
    a.out = kcheck_floats(SLOT_MAP, map_floats);
    a.low = a.channels % 2 ? -INFINITY : -0.5f;
    a.high = a.channels % 2 ? INFINITY : 2;
    kernel->output(&a);
    result->cases++;
    if (!kcheck_front_is_whole(SLOT_MAP))
        kcheck_fail(result, "map %dx%d, %d channels: wrote before the map", a.height, a.width, a.channels);
    for (int32_t y = 0; y < a.height; y++)
        for (int32_t x = 0; x < a.width; x++)
            for (int32_t c = 0; c < a.stride; c++) {
                ptrdiff_t at = ((ptrdiff_t)y * a.width + x) * a.stride + c;
                if (at >= (ptrdiff_t)map_floats)
                    continue;
                int32_t tile = y / 2 * a.tiles_across + x / 2;
                if (c >= a.channels || tile < a.tile_begin || tile >= a.tile_end) { /* not to be written */
                    if (!isnan(a.out[at]))
                        kcheck_fail(result, "map %dx%d, %d channels: wrote where nothing belongs", a.height, a.width,
                                    a.channels);
                    continue;
                }
                size_t t = (size_t)(tile - a.tile_begin);
                double want = bias[c];
                for (int p = 0; p < 16; p++)
                    want += a_transposed[y % 2][p / 4] * a_transposed[x % 2][p % 4] *
                            planes[(size_t)p * a.plane_stride + t * tile_stride + (size_t)c];
                want = want < a.low ? a.low : want > a.high ? a.high : want;
                if (!kcheck_close(a.out[at], (float)want, 10 * 10 * 0x1p-24))
                    kcheck_fail(result, "map %dx%d, %d channels: output [%d, %d, %d] is %.9g, must be %.9g", a.height,
                                a.width, a.channels, y, x, c, (double)a.out[at], want);
            }
}

void kcheck_winograd(const mn_winograd_kernel *kernel, kcheck_result *result)
{
    for (int32_t channels = 1; channels <= 67; channels++)
        for (int32_t shape = 0; shape < 12; shape++) {
            mn_winograd_args a = {.height = 1 + shape % 7,
                                  .width = 1 + (shape + channels) % 6,
                                  .channels = channels,
                                  .pad_top = shape % 3,
                                  .pad_left = (shape + channels) % 3,
                                  .stride = channels + shape % 2 * 3};
            a.tiles_across = (a.width + 1) / 2;
            a.tile_stride = channels + shape % 3 * 5;
            int32_t tiles = (a.height + 1) / 2 * a.tiles_across;
            a.tile_begin = tiles > 1 ? shape % 2 : 0;
            a.tile_end = tiles > 2 ? tiles - (shape + channels) % 2 : tiles;
            check_input(kernel, a, result);
            check_output(kernel, a, result);
        }
}
