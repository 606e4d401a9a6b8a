/* Depthwise 3x3: tiles of one or two output rows and up to eight pixels, channels innermost, so that memory is walked
 * along the channels. Each input vector is loaded once and goes into every sum of the tile that it belongs to:
 *
 *     stride 1, two rows of eight pixels: 4 x 10 loads for 16 sums of 9 taps      stride 2, one row: 3 x 17 for 8 sums
 *
 * Input rows outside the map, and one column outside it on either side, are left out by branches that go the same way
 * for the whole tile; windows further outside are computed a pixel at a time. Include dwconv_body.h before.
 */
#include <stddef.h>

#include "kernels/unroll.h"

typedef struct dwconv_tile {
    const float *in; /* corner of the first pixel's window: read inside the map only */
    float *out;
    int32_t h0, h1;           /* input rows of the tile that lie inside the map */
    bool left_out, right_out; /* the first, the last input column lies outside */
} dwconv_tile;

/* Adds input row h of the tile to the sums that it belongs to, channels from c on. */
VEC_INLINE void add_row(const mn_dwconv_args *d, const dwconv_tile *t, vec sum[2][8], int32_t c, vec_part part,
                        const int h, const int rows, const int pixels, const int stride)
{
    const ptrdiff_t channels = d->channels, pixel = dwconv_in_pixel(d);
    const int columns = (pixels - 1) * stride + 3;
    const bool upper = rows == 1 || h < 3, lower = rows == 2 && h >= stride; /* whose windows have this row */
    vec w[2][3];
    const float *weights = d->weights + c + (upper ? h : h - stride) * 3 * channels;
    if (upper)
        MN_UNROLL
    for (int k = 0; k < 3; k++)
        w[0][k] = vec_load_part(weights + k * channels, part);
    if (lower)
        MN_UNROLL
    for (int k = 0; k < 3; k++)
        w[1][k] = vec_load_part(weights + ((upper ? -stride : 0) * 3 + k) * channels, part);
    const float *in = t->in + h * (ptrdiff_t)d->in_width * pixel + c;
    MN_UNROLL
    for (int x = 0; x < columns; x++, in += pixel) {
        if ((x == 0 && t->left_out) || (x == columns - 1 && t->right_out))
            continue;
        vec v = vec_load_part(in, part);
        MN_UNROLL
        for (int p = 0; p < pixels; p++) {
            const int k = x - p * stride;
            if (upper && k >= 0 && k < 3)
                sum[0][p] = vec_fma(v, w[0][k], sum[0][p]);
            if (lower && k >= 0 && k < 3)
                sum[1][p] = vec_fma(v, w[1][k], sum[1][p]);
        }
    }
}

VEC_INLINE void tile(const mn_dwconv_args *d, const dwconv_tile *t, const int rows, const int pixels, const int stride)
{
    const ptrdiff_t pixel = dwconv_out_pixel(d), out_row = d->out_width * pixel;
    const int32_t end = VEC_PARTS_ARE_FREE ? d->channels : d->channels / VEC_LANES * VEC_LANES;
    const vec low = vec_all(d->low), high = vec_all(d->high);
    for (int32_t c = 0; c < end; c += VEC_LANES) {
        vec_part part = VEC_PARTS_ARE_FREE ? vec_first(d->channels - c) : vec_first(VEC_LANES);
        vec start = d->bias ? vec_load_part(d->bias + c, part) : vec_zero(), sum[2][8];
        MN_UNROLL
        for (int p = 0; p < pixels; p++) {
            sum[0][p] = start;
            sum[1][p] = start;
        }
        if (rows == 1) {
            for (int32_t h = t->h0; h < t->h1; h++)
                add_row(d, t, sum, c, part, h, 1, pixels, stride);
        } else {
            MN_UNROLL
            for (int h = 0; h < 4; h++)
                if (h >= t->h0 && h < t->h1)
                    add_row(d, t, sum, c, part, h, 2, pixels, stride);
        }
        float *out = t->out + c;
        MN_UNROLL
        for (int p = 0; p < pixels; p++, out += pixel) {
            vec_store_part(out, part, vec_at_most(vec_at_least(sum[0][p], low), high));
            if (rows == 2)
                vec_store_part(out + out_row, part, vec_at_most(vec_at_least(sum[1][p], low), high));
        }
    }
}

#define TILE(rows, pixels, stride)                                                                                     \
    static void tile_##rows##_##pixels##_##stride(const mn_dwconv_args *d, const dwconv_tile *t)                       \
    {                                                                                                                  \
        tile(d, t, rows, pixels, stride);                                                                              \
    }
#define TILES(rows, stride)                                                                                            \
    TILE(rows, 1, stride)                                                                                              \
    TILE(rows, 2, stride)                                                                                              \
    TILE(rows, 4, stride)                                                                                              \
    TILE(rows, 7, stride)                                                                                              \
    TILE(rows, 8, stride)
TILES(1, 1)
TILES(2, 1)
TILES(1, 2)

typedef void tile_function(const mn_dwconv_args *d, const dwconv_tile *t);
#define ROW_OF_TILES(rows, stride)                                                                                     \
    {                                                                                                                  \
        NULL, tile_##rows##_1_##stride, tile_##rows##_2_##stride, NULL, tile_##rows##_4_##stride, NULL, NULL,          \
            tile_##rows##_7_##stride, tile_##rows##_8_##stride                                                         \
    }
static tile_function *const stride1_tiles[][9] = {ROW_OF_TILES(1, 1), ROW_OF_TILES(2, 1)};
static tile_function *const stride2_tiles[][9] = {ROW_OF_TILES(1, 2)};

/* How wide the next tile is where `fit` pixels could be taken: the maps of 224 pixels are cut evenly by seven. */
static int32_t next_pixels(int32_t fit)
{
    if (fit % 8 != 0 && fit % 7 == 0)
        return 7;
    return fit >= 8 ? 8 : fit >= 7 ? 7 : fit >= 4 ? 4 : fit >= 2 ? 2 : 1;
}

/* Output rows y .. y + rows - 1. */
static void output_rows(const mn_dwconv_args *d, int32_t y, int32_t rows, int32_t stride, tile_function *const *tiles)
{
    int32_t top = y * stride - d->pad_top, in_rows = (rows - 1) * stride + 3;
    int32_t whole = VEC_PARTS_ARE_FREE ? d->channels : d->channels / VEC_LANES * VEC_LANES;
    dwconv_tile t = {.h0 = dwconv_limit(-top, 0, in_rows), .h1 = dwconv_limit(d->in_height - top, 0, in_rows)};
    for (int32_t x = 0; x < d->out_width;) {
        int32_t left = x * stride - d->pad_left, room = d->in_width - 2 - left; /* one column more than there is */
        int32_t fit = left < -1 || room < 0 ? 0 : dwconv_limit(room / stride + 1, 0, d->out_width - x);
        int32_t pixels = fit > 0 ? next_pixels(fit) : 1;
        if (fit > 0) {
            t.in = d->in + ((ptrdiff_t)top * d->in_width + left) * dwconv_in_pixel(d);
            t.out = d->out + ((ptrdiff_t)(y - d->row_begin) * d->out_width + x) * dwconv_out_pixel(d);
            t.left_out = left < 0;
            t.right_out = left + (pixels - 1) * stride + 3 > d->in_width;
            tiles[pixels](d, &t);
        }
        int32_t c = fit > 0 ? whole : 0;
        for (int32_t i = 0; c < d->channels && i < rows * pixels; i++)
            dwconv_at(d, y + i / pixels, x + i % pixels, c);
        x += pixels;
    }
}

static void run_stride1(const mn_dwconv_args *d)
{
    int32_t y = d->row_begin;
    for (; y + 2 <= d->row_end; y += 2)
        output_rows(d, y, 2, 1, stride1_tiles[1]);
    if (y < d->row_end)
        output_rows(d, y, 1, 1, stride1_tiles[0]);
}

static void run_stride2(const mn_dwconv_args *d)
{
    for (int32_t y = d->row_begin; y < d->row_end; y++)
        output_rows(d, y, 1, 2, stride2_tiles[0]);
}
