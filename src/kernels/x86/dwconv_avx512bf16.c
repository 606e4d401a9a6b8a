/* Depthwise convolution in bfloat16: maps are widened as they are loaded, sums and weights are float, channels innermost.
 *
 * 3x3 goes by tiles of one or two output rows and up to eight pixels: each input vector is loaded and widened once and
 * goes into every sum of the tile that it belongs to. Input rows outside the map, and one column outside it on either
 * side, are left out by branches that go the same way for the whole tile; windows further outside, and other sizes, are
 * computed a pixel at a time.
 */
#include "kernels/x86/vector_avx512bf16.h"
#if defined(MN_AVX512BF16)
#include "kernels/kernels.h"
#include "kernels/unroll.h"

VEC_INLINE int32_t limit(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Elements from a pixel to the next, of the input and of the output. */
VEC_INLINE ptrdiff_t in_pixel(const mn_dwconv_args *d)
{
    return d->in_stride ? d->in_stride : d->channels;
}

VEC_INLINE ptrdiff_t out_pixel(const mn_dwconv_args *d)
{
    return d->out_stride ? d->out_stride : d->channels;
}

/* Output pixel (y, x). */
static void pixel_at(const mn_dwconv_args *d, int32_t y, int32_t x)
{
    int32_t top = y * d->stride - d->pad_top, left = x * d->stride - d->pad_left;
    int32_t h0 = limit(-top, 0, d->kernel_height), h1 = limit(d->in_height - top, 0, d->kernel_height);
    int32_t w0 = limit(-left, 0, d->kernel_width), w1 = limit(d->in_width - left, 0, d->kernel_width);
    mn_bf16 *out = d->out16 + ((ptrdiff_t)(y - d->row_begin) * d->out_width + x) * out_pixel(d);
    const vec low = vec_all(d->low), high = vec_all(d->high);
    for (int32_t c = 0; c < d->channels; c += VEC_LANES) {
        vec_part part = vec_first(d->channels - c);
        vec sum = d->bias ? vec_load_part(d->bias + c, part) : vec_zero();
        for (int32_t h = h0; h < h1; h++)
            for (int32_t w = w0; w < w1; w++) {
                const mn_bf16 *in = d->in16 + ((ptrdiff_t)(top + h) * d->in_width + left + w) * in_pixel(d) + c;
                const float *weights = d->weights + (ptrdiff_t)(h * d->kernel_width + w) * d->channels + c;
                sum = vec_fma(vec_load_bf16(in, part), vec_load_part(weights, part), sum);
            }
        vec_store_bf16(out + c, part, vec_at_most(vec_at_least(sum, low), high));
    }
}

static void run_any(const mn_dwconv_args *d)
{
    for (int32_t y = d->row_begin; y < d->row_end; y++)
        for (int32_t x = 0; x < d->out_width; x++)
            pixel_at(d, y, x);
}

typedef struct tile_args {
    const mn_bf16 *in; /* corner of the first pixel's window: read inside the map only */
    mn_bf16 *out;
    int32_t h0, h1;           /* input rows of the tile that lie inside the map */
    bool left_out, right_out; /* the first, the last input column lies outside */
} tile_args;

/* Adds input row h of the tile to the sums that it belongs to, channels from c on. */
VEC_INLINE void add_row(const mn_dwconv_args *d, const tile_args *t, vec sum[2][8], int32_t c, vec_part part,
                        const int h, const int rows, const int pixels, const int stride)
{
    const ptrdiff_t pixel = in_pixel(d);
    const int columns = (pixels - 1) * stride + 3;
    vec w[2][3];
    MN_UNROLL
    for (int r = 0; r < rows; r++) {
        const int tap =
            rows == 1 ? h : limit(h - r * stride, 0, 2); /* of output row r, where its window has this row */
        MN_UNROLL
        for (int k = 0; k < 3; k++)
            w[r][k] = vec_load_part(d->weights + (ptrdiff_t)(3 * tap + k) * d->channels + c, part);
    }
    const mn_bf16 *in = t->in + h * (ptrdiff_t)d->in_width * pixel + c;
    MN_UNROLL
    for (int x = 0; x < columns; x++, in += pixel) {
        if ((x == 0 && t->left_out) || (x == columns - 1 && t->right_out))
            continue;
        vec v = vec_load_bf16(in, part);
        MN_UNROLL
        for (int r = 0; r < rows; r++) {
            MN_UNROLL
            for (int p = 0; p < pixels; p++) {
                const int k = x - p * stride;
                if ((rows == 1 || (h >= r * stride && h < r * stride + 3)) && k >= 0 && k < 3)
                    sum[r][p] = vec_fma(v, w[r][k], sum[r][p]);
            }
        }
    }
}

VEC_INLINE void tile(const mn_dwconv_args *d, const tile_args *t, const int rows, const int pixels, const int stride)
{
    const ptrdiff_t pixel = out_pixel(d), out_row = d->out_width * pixel;
    const vec low = vec_all(d->low), high = vec_all(d->high);
    for (int32_t c = 0; c < d->channels; c += VEC_LANES) {
        vec_part part = vec_first(d->channels - c);
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
        mn_bf16 *out = t->out + c;
        MN_UNROLL
        for (int p = 0; p < pixels; p++, out += pixel) {
            vec_store_bf16(out, part, vec_at_most(vec_at_least(sum[0][p], low), high));
            if (rows == 2)
                vec_store_bf16(out + out_row, part, vec_at_most(vec_at_least(sum[1][p], low), high));
        }
    }
}

#define TILE(rows, pixels, stride)                                                                                     \
    static void tile_##rows##_##pixels##_##stride(const mn_dwconv_args *d, const tile_args *t)                         \
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

typedef void tile_function(const mn_dwconv_args *d, const tile_args *t);
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
    tile_args t = {.h0 = limit(-top, 0, in_rows), .h1 = limit(d->in_height - top, 0, in_rows)};
    for (int32_t x = 0; x < d->out_width;) {
        int32_t left = x * stride - d->pad_left, room = d->in_width - 2 - left; /* one column more than there is */
        int32_t fit = left < -1 || room < 0 ? 0 : limit(room / stride + 1, 0, d->out_width - x);
        if (fit == 0) {
            for (int32_t i = 0; i < rows; i++)
                pixel_at(d, y + i, x);
            x++;
            continue;
        }
        int32_t pixels = next_pixels(fit);
        t.in = d->in16 + ((ptrdiff_t)top * d->in_width + left) * in_pixel(d);
        t.out = d->out16 + ((ptrdiff_t)(y - d->row_begin) * d->out_width + x) * out_pixel(d);
        t.left_out = left < 0;
        t.right_out = left + (pixels - 1) * stride + 3 > d->in_width;
        tiles[pixels](d, &t);
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

extern const mn_dwconv_kernel mn_dwconv_bf16_avx512bf16, mn_dwconv3x3s1_bf16_2x8_avx512bf16,
    mn_dwconv3x3s2_bf16_1x8_avx512bf16;
const mn_dwconv_kernel mn_dwconv_bf16_avx512bf16 = {.name = "mn_dwconv_bf16_avx512bf16", .run = run_any};
const mn_dwconv_kernel mn_dwconv3x3s1_bf16_2x8_avx512bf16 = {
    .name = "mn_dwconv3x3s1_bf16_2x8_avx512bf16", .kernel = 3, .stride = 1, .run = run_stride1};
const mn_dwconv_kernel mn_dwconv3x3s2_bf16_1x8_avx512bf16 = {
    .name = "mn_dwconv3x3s2_bf16_1x8_avx512bf16", .kernel = 3, .stride = 2, .run = run_stride2};
#else
typedef int mn_empty;
#endif
