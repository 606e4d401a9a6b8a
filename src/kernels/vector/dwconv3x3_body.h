/* Depthwise 3x3: tiles of one or two output rows and up to eight pixels, channels innermost, so that memory is walked
 * along the channels. The nine weights of a vector of channels stay in registers; each input vector is loaded once and
 * goes into every sum of the tile that it belongs to:
 *
 *     stride 1, two rows of eight pixels: 4 x 10 loads for 16 sums of 9 taps      stride 2, two rows: 5 x 17 for 16 sums
 *
 * Input rows outside the map, and one column outside it on either side, are left out by branches that go the same way
 * for the whole tile; windows further outside are computed a pixel at a time. Include dwconv_body.h before.
 */
#include <stddef.h>

#include "kernels/unroll.h"

/* Tiles beside one another; distances in floats. */
typedef struct dwconv_tiles {
    const float *in; /* corner of the first pixel's window: read inside the map only */
    float *out;
    ptrdiff_t in_pixel, in_row, out_pixel, out_row;
    int32_t h0, h1;           /* input rows of a tile that lie inside the map */
    bool left_out, right_out; /* the first input column of the first tile, the last of the last, lies outside */
} dwconv_tiles;

/* Adds row h of a tile's input, which starts at `in`, to the sums that it belongs to. */
VEC_INLINE void add_row(vec sum[2][8], const float *in, ptrdiff_t pixel, vec w[3][3], vec_part part, bool left_out,
                        bool right_out, const int h, const int rows, const int pixels, const int stride)
{
    const int columns = (pixels - 1) * stride + 3;
    MN_UNROLL
    for (int x = 0; x < columns; x++) {
        if (x > 0 && x % 4 == 0)
            in += 4 * pixel; /* few distances, so that they stay in registers */
        if ((x == 0 && left_out) || (x == columns - 1 && right_out))
            continue;
        vec v = vec_load_part(in + x % 4 * pixel, part);
        MN_UNROLL
        for (int o = 0; o < rows; o++) {
            MN_UNROLL
            for (int p = 0; p < pixels; p++) {
                const int kh = h - o * stride, kw = x - p * stride;
                if (kh >= 0 && kh < 3 && kw >= 0 && kw < 3)
                    sum[o][p] = vec_fma(v, w[kh][kw], sum[o][p]);
            }
        }
    }
}

/* One vector of channels of a tile. */
VEC_INLINE void tile(const dwconv_tiles *t, const float *in, float *out, const float *weights, ptrdiff_t tap, vec start,
                     vec low, vec high, vec_part part, bool left_out, bool right_out, const int rows, const int pixels,
                     const int stride)
{
    const ptrdiff_t in_row = t->in_row, in_pixel = t->in_pixel, out_pixel = t->out_pixel;
    vec sum[2][8], w[3][3];
    MN_UNROLL
    for (int i = 0; i < 9; i++)
        w[i / 3][i % 3] = vec_load_part(weights + i * tap, part);
    MN_UNROLL
    for (int p = 0; p < pixels; p++)
        sum[0][p] = sum[1][p] = start;
    MN_UNROLL
    for (int h = 0; h < (rows - 1) * stride + 3; h++, in += in_row)
        if (h >= t->h0 && h < t->h1)
            add_row(sum, in, in_pixel, w, part, left_out, right_out, h, rows, pixels, stride);
    MN_UNROLL
    for (int o = 0; o < rows; o++) {
        float *to = out + o * t->out_row;
        MN_UNROLL
        for (int p = 0; p < pixels; p++, to += out_pixel)
            vec_store_part(to, part, vec_at_most(vec_at_least(sum[o][p], low), high));
    }
}

/* The whole vectors of channels of `count` tiles. */
VEC_INLINE void tiles(const mn_dwconv_args *d, const dwconv_tiles *t, int32_t count, const int rows, const int pixels,
                      const int stride)
{
    const int32_t channels = d->channels;
    const float *in = t->in;
    float *out = t->out;
    const vec low = vec_all(d->low), high = vec_all(d->high);
    bool left_out = t->left_out;
    for (; count > 0; count--) {
        const bool right_out = count == 1 && t->right_out;
        for (int32_t c = 0; c + VEC_LANES <= channels; c += VEC_LANES) {
            vec start = d->bias ? vec_load(d->bias + c) : vec_zero();
            tile(t, in + c, out + c, d->weights + c, channels, start, low, high, vec_first(VEC_LANES), left_out,
                 right_out, rows, pixels, stride);
        }
        in += pixels * stride * t->in_pixel;
        out += pixels * t->out_pixel;
        left_out = false;
    }
}

#define TAIL_PIXELS 4

/* The channels from c on, less than a vector, of one tile of two rows. */
VEC_INLINE void tail(const mn_dwconv_args *d, const dwconv_tiles *t, int32_t c, const int stride)
{
    const vec_part part = vec_first(d->channels - c);
    vec start = d->bias ? vec_load_part(d->bias + c, part) : vec_zero();
    tile(t, t->in + c, t->out + c, d->weights + c, d->channels, start, vec_all(d->low), vec_all(d->high), part,
         t->left_out, t->right_out, 2, TAIL_PIXELS, stride);
}

#define TILE(rows, pixels, stride)                                                                                     \
    static void tile_##rows##_##pixels##_##stride(const mn_dwconv_args *d, const dwconv_tiles *t, int32_t count)       \
    {                                                                                                                  \
        tiles(d, t, count, rows, pixels, stride);                                                                      \
    }
#define TAIL(stride)                                                                                                   \
    static void tail_##stride(const mn_dwconv_args *d, const dwconv_tiles *t, int32_t c)                               \
    {                                                                                                                  \
        tail(d, t, c, stride);                                                                                         \
    }
TILE(1, 1, 1)
TILE(1, 4, 1)
TILE(2, 1, 1)
TILE(2, 4, 1)
TILE(2, 7, 1)
TILE(2, 8, 1)
TILE(1, 1, 2)
TILE(1, 4, 2)
TILE(2, 1, 2)
TILE(2, 4, 2)
TILE(2, 7, 2)
TILE(2, 8, 2)
TAIL(1)
TAIL(2)

typedef void tile_function(const mn_dwconv_args *d, const dwconv_tiles *t, int32_t count);
typedef void tail_function(const mn_dwconv_args *d, const dwconv_tiles *t, int32_t c);
#define ONE_ROW(stride)                                                                                                \
    {                                                                                                                  \
        [1] = tile_1_1_##stride, [4] = tile_1_4_##stride                                                               \
    }
#define TWO_ROWS(stride)                                                                                               \
    {                                                                                                                  \
        [1] = tile_2_1_##stride, [4] = tile_2_4_##stride, [7] = tile_2_7_##stride, [8] = tile_2_8_##stride             \
    }
/* [stride - 1][rows - 1][pixels] */
static tile_function *const tile_functions[2][2][9] = {{ONE_ROW(1), TWO_ROWS(1)}, {ONE_ROW(2), TWO_ROWS(2)}};
static tail_function *const tail_functions[2] = {tail_1, tail_2};

/* How wide the next tile is where `fit` pixels could be taken: the maps of 224 pixels are cut evenly by seven. */
static int32_t next_pixels(int32_t fit, int32_t rows)
{
    if (rows == 1)
        return fit >= 4 ? 4 : 1;
    if (fit % 8 != 0 && fit % 7 == 0)
        return 7;
    return fit >= 8 ? 8 : fit >= 7 ? 7 : fit >= 4 ? 4 : 1;
}

/* The tiles of `rows` rows from output pixel (y, x) on. */
static dwconv_tiles tiles_at(const mn_dwconv_args *d, int32_t y, int32_t x, int32_t rows)
{
    int32_t top = y * d->stride - d->pad_top, left = x * d->stride - d->pad_left, in_rows = (rows - 1) * d->stride + 3;
    dwconv_tiles t = {.in_pixel = dwconv_in_pixel(d),
                      .out_pixel = dwconv_out_pixel(d),
                      .h0 = dwconv_limit(-top, 0, in_rows),
                      .h1 = dwconv_limit(d->in_height - top, 0, in_rows)};
    t.in_row = d->in_width * t.in_pixel;
    t.out_row = d->out_width * t.out_pixel;
    t.in = d->in + top * t.in_row + left * t.in_pixel;
    t.out = d->out + (y - d->row_begin) * t.out_row + x * t.out_pixel;
    return t;
}

/* Says whether the windows of `pixels` output pixels from x on have columns outside the map. */
static void find_borders(const mn_dwconv_args *d, int32_t x, int32_t pixels, dwconv_tiles *t)
{
    int32_t left = x * d->stride - d->pad_left;
    t->left_out = left < 0;
    t->right_out = left + (pixels - 1) * d->stride + 3 > d->in_width;
}

/* `rows` x `pixels` outputs from (y, x) on, channels from c on. */
static void tails(const mn_dwconv_args *d, dwconv_tiles t, int32_t y, int32_t x, int32_t rows, int32_t pixels,
                  int32_t c)
{
    int32_t i = 0;
    for (; VEC_PARTS_ARE_FREE && rows == 2 && i + TAIL_PIXELS <= pixels; i += TAIL_PIXELS) {
        find_borders(d, x + i, TAIL_PIXELS, &t);
        tail_functions[d->stride - 1](d, &t, c);
        t.in += TAIL_PIXELS * d->stride * t.in_pixel;
        t.out += TAIL_PIXELS * t.out_pixel;
    }
    for (; i < pixels; i++)
        for (int32_t o = 0; o < rows; o++)
            dwconv_at(d, y + o, x + i, c);
}

/* Output rows y .. y + rows - 1. */
static void output_rows(const mn_dwconv_args *d, int32_t y, int32_t rows)
{
    const int32_t stride = d->stride, whole = d->channels / VEC_LANES * VEC_LANES;
    for (int32_t x = 0; x < d->out_width;) {
        int32_t left = x * stride - d->pad_left, room = d->in_width - 2 - left; /* one column more than there is */
        int32_t fit = left < -1 || room < 0 ? 0 : dwconv_limit(room / stride + 1, 0, d->out_width - x);
        if (fit == 0) {
            for (int32_t o = 0; o < rows; o++)
                dwconv_at(d, y + o, x, 0);
            x++;
            continue;
        }
        int32_t pixels = next_pixels(fit, rows), count = 1;
        while ((count + 1) * pixels <= fit && next_pixels(fit - count * pixels, rows) == pixels)
            count++;
        dwconv_tiles t = tiles_at(d, y, x, rows);
        find_borders(d, x, count * pixels, &t);
        tile_functions[stride - 1][rows - 1][pixels](d, &t, count);
        if (whole < d->channels)
            tails(d, t, y, x, rows, count * pixels, whole);
        x += count * pixels;
    }
}

static void run(const mn_dwconv_args *d)
{
    int32_t y = d->row_begin;
    for (; y + 2 <= d->row_end; y += 2)
        output_rows(d, y, 2);
    if (y < d->row_end)
        output_rows(d, y, 1);
}
