/* Depthwise 3x3 with AVX2: tiles of four pixels in one or two rows, eight channels innermost, so that memory is walked
 * along its channels; input columns that neighbouring pixels share are loaded once, weights once a tile.
 *
 *     stride 1, two rows:  4 x 6 columns of input, 72 multiply-adds for 42 loads
 *     stride 2, one row:   3 x 9 columns of input, 36 multiply-adds for 36 loads
 *
 * Tiles at the left or right border leave out the column that does not exist; rows at the top or bottom leave out
 * kernel rows. Whatever does not fit (narrow maps, other paddings) goes pixel by pixel. Tiles may overlap: the same
 * sums are then written twice.
 */
#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/unroll.h"

#define PIXELS 4

/* The arguments with the strides resolved. */
typedef struct map {
    const mn_dwconv_args *d;
    ptrdiff_t channels, in_pixel, in_row, out_pixel, out_row;
    int32_t h0, h1; /* kernel rows of the current output row that lie inside */
    /* `count` neighbouring tiles of two rows; NULL: those of any number of channels */
    void (*middle)(const struct map *m, const float *in, float *out, int32_t count);
} map;

MN_INLINE __m256 clamp8(__m256 x, __m256 low, __m256 high)
{
    return _mm256_min_ps(high, _mm256_max_ps(low, x)); /* a NaN in x passes */
}

/* One pixel, channels from c on, taps [h0, h1) x [w0, w1): the same chain as everywhere. */
static void one_pixel(const map *m, const float *in, float *out, int32_t c, int32_t w0, int32_t w1)
{
    const mn_dwconv_args *d = m->d;
    __m256 low = _mm256_set1_ps(d->low), high = _mm256_set1_ps(d->high);
    for (; c + 8 <= d->channels; c += 8) {
        __m256 sum = d->bias ? _mm256_loadu_ps(d->bias + c) : _mm256_setzero_ps();
        for (int32_t h = m->h0; h < m->h1; h++)
            for (int32_t w = w0; w < w1; w++)
                sum = _mm256_fmadd_ps(_mm256_loadu_ps(in + h * m->in_row + w * m->in_pixel + c),
                                      _mm256_loadu_ps(d->weights + (h * 3 + w) * m->channels + c), sum);
        _mm256_storeu_ps(out + c, clamp8(sum, low, high));
    }
    for (; c < d->channels; c++) {
        float sum = d->bias ? d->bias[c] : 0;
        for (int32_t h = m->h0; h < m->h1; h++)
            for (int32_t w = w0; w < w1; w++)
                sum = __builtin_fmaf(in[h * m->in_row + w * m->in_pixel + c], d->weights[(h * 3 + w) * m->channels + c],
                                     sum);
        out[c] = sum < d->low ? d->low : sum > d->high ? d->high : sum;
    }
}

/* One row of input, column by column: kernel row `upper` goes to the sums of the first output row, `lower` to those of
 * the second; either may be NULL. */
MN_INLINE void add_row(__m256 (*sum)[PIXELS], const float *row, ptrdiff_t pixel, const float *upper, const float *lower,
                       ptrdiff_t channels, const int stride, const int skip_left, const int skip_right)
{
    const int columns = (PIXELS - 1) * stride + 3;
    __m256 taps[2][3];
    MN_UNROLL
    for (int kw = 0; kw < 3; kw++) {
        if (upper)
            taps[0][kw] = _mm256_loadu_ps(upper + kw * channels);
        if (lower)
            taps[1][kw] = _mm256_loadu_ps(lower + kw * channels);
    }
    MN_UNROLL
    for (int i = skip_left; i < columns - skip_right; i++) {
        __m256 x = _mm256_loadu_ps(row + i / 3 * (3 * pixel) + i % 3 * pixel);
        MN_UNROLL
        for (int p = 0; p < PIXELS; p++) {
            const int kw = i - p * stride;
            if (kw >= 0 && kw < 3 && upper)
                sum[0][p] = _mm256_fmadd_ps(x, taps[0][kw], sum[0][p]);
            if (kw >= 0 && kw < 3 && lower)
                sum[1][p] = _mm256_fmadd_ps(x, taps[1][kw], sum[1][p]);
        }
    }
}

/* A tile of rows x PIXELS; `in` is the corner of the first window, whose first column does not exist where skip_left is
 * 1, as the last window's last column where skip_right is 1. Two rows have all their kernel rows. Where `width` is not 0,
 * it is the number of channels and the distance of pixels: with constants for addresses, a tile takes three quarters of
 * the time. */
MN_INLINE void tile(const map *m, const float *in, float *out, const int rows, const int stride, const int skip_left,
                    const int skip_right, const ptrdiff_t width)
{
    const mn_dwconv_args *d = m->d;
    const float *weights = d->weights, *bias = d->bias;
    const ptrdiff_t pixel = width ? width : m->in_pixel, in_row = m->in_row, channels = width ? width : m->channels;
    const ptrdiff_t out_pixel = m->out_pixel, out_row = m->out_row, whole = width ? 0 : d->channels;
    const int32_t h0 = m->h0, h1 = m->h1;
    __m256 low = _mm256_set1_ps(d->low), high = _mm256_set1_ps(d->high);
    int32_t c = 0;
    for (; c + 8 <= channels; c += 8) {
        __m256 sum[2][PIXELS], start = bias ? _mm256_loadu_ps(bias + c) : _mm256_setzero_ps();
        MN_UNROLL
        for (int p = 0; p < PIXELS; p++)
            sum[0][p] = sum[1][p] = start;
        const float *row = in + c, *taps = weights + c;
        const ptrdiff_t tap = 3 * channels;
        if (rows == 1) {
            for (int32_t h = h0; h < h1; h++)
                add_row(sum, row + h * in_row, pixel, taps + h * tap, NULL, channels, stride, skip_left, skip_right);
        } else {
            MN_UNROLL
            for (int h = 0; h < stride + 3; h++)
                add_row(sum, row + h * in_row, pixel, h < 3 ? taps + h * tap : NULL,
                        h >= stride ? taps + (h - stride) * tap : NULL, channels, stride, skip_left, skip_right);
        }
        MN_UNROLL
        for (int o = 0; o < rows; o++) {
            MN_UNROLL
            for (int p = 0; p < PIXELS; p++)
                _mm256_storeu_ps(out + o * out_row + p * out_pixel + c, clamp8(sum[o][p], low, high));
        }
    }
    if (c >= whole)
        return;
    for (int o = 0; o < rows; o++)
        for (int p = 0; p < PIXELS; p++)
            one_pixel(m, in + o * stride * in_row + p * stride * pixel, out + o * m->out_row + p * m->out_pixel, c,
                      p == 0 ? skip_left : 0, p == PIXELS - 1 ? 3 - skip_right : 3);
}

/* `count` neighbouring tiles. */
typedef void tile_function(const map *m, const float *in, float *out, int32_t count);

#define TILE(name, rows, stride, skip_left, skip_right)                                                                \
    static void name(const map *m, const float *in, float *out, int32_t count)                                         \
    {                                                                                                                  \
        for (; count > 0; count--, in += PIXELS * stride * m->in_pixel, out += PIXELS * m->out_pixel)                  \
            tile(m, in, out, rows, stride, skip_left, skip_right, 0);                                                  \
    }
TILE(s1_row_middle, 1, 1, 0, 0)
TILE(s1_row_left, 1, 1, 1, 0)
TILE(s1_row_right, 1, 1, 0, 1)
TILE(s1_row_both, 1, 1, 1, 1)
TILE(s1_pair_middle, 2, 1, 0, 0)
TILE(s1_pair_left, 2, 1, 1, 0)
TILE(s1_pair_right, 2, 1, 0, 1)
TILE(s1_pair_both, 2, 1, 1, 1)
TILE(s2_row_middle, 1, 2, 0, 0)
TILE(s2_row_left, 1, 2, 1, 0)
TILE(s2_row_right, 1, 2, 0, 1)
TILE(s2_row_both, 1, 2, 1, 1)
TILE(s2_pair_middle, 2, 2, 0, 0)
TILE(s2_pair_left, 2, 2, 1, 0)
TILE(s2_pair_right, 2, 2, 0, 1)
TILE(s2_pair_both, 2, 2, 1, 1)

/* [stride - 1][rows - 1][the left column is missing + 2 * the right one] */
static tile_function *const tiles[2][2][4] = {
    {{s1_row_middle, s1_row_left, s1_row_right, s1_row_both},
     {s1_pair_middle, s1_pair_left, s1_pair_right, s1_pair_both}},
    {{s2_row_middle, s2_row_left, s2_row_right, s2_row_both},
     {s2_pair_middle, s2_pair_left, s2_pair_right, s2_pair_both}},
};

#define WIDTH(stride, width)                                                                                           \
    static void s##stride##_pair_##width(const map *m, const float *in, float *out, int32_t count)                     \
    {                                                                                                                  \
        for (; count > 0; count--, in += PIXELS * (stride) * (width), out += PIXELS * m->out_pixel)                    \
            tile(m, in, out, 2, stride, 0, 0, width);                                                                  \
    }
WIDTH(1, 8)
WIDTH(1, 16)
WIDTH(1, 32)
WIDTH(1, 64)
WIDTH(1, 128)
WIDTH(2, 8)
WIDTH(2, 16)
WIDTH(2, 32)
WIDTH(2, 64)
WIDTH(2, 128)

/* [stride - 1][log2(channels) - 3] */
static tile_function *const widths[2][5] = {
    {s1_pair_8, s1_pair_16, s1_pair_32, s1_pair_64, s1_pair_128},
    {s2_pair_8, s2_pair_16, s2_pair_32, s2_pair_64, s2_pair_128},
};

static int32_t clamp32(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

static int32_t min32(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* One or two output rows whose first window row is `in` (the map's column 0). */
static void output_rows(const map *m, const float *in, float *out, int rows, int32_t stride)
{
    const mn_dwconv_args *d = m->d;
    tile_function *const *kinds = tiles[stride - 1][rows - 1];
    for (int32_t x = 0; x < d->out_width;) {
        int32_t left = x * stride - d->pad_left, span = (PIXELS - 1) * stride + 3;
        /* The tile from x on, or, at the end, one that ends with the row. */
        int32_t from = d->out_width - x < PIXELS && d->out_width >= PIXELS ? d->out_width - PIXELS : x;
        int32_t first = from * stride - d->pad_left, over = first + span - d->in_width;
        const float *at = in + first * m->in_pixel;
        float *to = out + from * m->out_pixel;
        if (from + PIXELS <= d->out_width && first >= -1 && over <= 1) {
            int32_t count = 1;
            if (first >= 0 && over <= 0) /* as many as have all their columns */
                count = min32((d->out_width - from) / PIXELS, -over / (PIXELS * stride) + 1);
            int kind = (first == -1) + 2 * (over == 1);
            (rows == 2 && kind == 0 && m->middle ? m->middle : kinds[kind])(m, at, to, count);
            x = from + count * PIXELS;
            continue;
        }
        for (int o = 0; o < rows; o++)
            one_pixel(m, in + o * stride * m->in_row + left * m->in_pixel, out + o * m->out_row + x * m->out_pixel, 0,
                      clamp32(-left, 0, 3), clamp32(d->in_width - left, 0, 3));
        x++;
    }
}

MN_INLINE void run(const mn_dwconv_args *d, const int stride)
{
    map m = {.d = d,
             .channels = d->channels,
             .in_pixel = d->in_stride ? d->in_stride : d->channels,
             .out_pixel = d->out_stride ? d->out_stride : d->channels};
    for (int i = 0; i < 5; i++)
        if (d->channels == 8 << i && m.in_pixel == d->channels)
            m.middle = widths[stride - 1][i];
    m.in_row = d->in_width * m.in_pixel;
    m.out_row = d->out_width * m.out_pixel;
    float *out = d->out;
    for (int32_t y = d->row_begin; y < d->row_end;) {
        int32_t top = y * stride - d->pad_top;
        bool pair = y + 2 <= d->row_end && top >= 0 && top + stride + 3 <= d->in_height;
        m.h0 = clamp32(-top, 0, 3);
        m.h1 = clamp32(d->in_height - top, 0, 3);
        output_rows(&m, d->in + top * m.in_row, out, pair ? 2 : 1, stride);
        y += pair ? 2 : 1;
        out += (pair ? 2 : 1) * m.out_row;
    }
}

static void run_stride1(const mn_dwconv_args *d)
{
    run(d, 1);
}

static void run_stride2(const mn_dwconv_args *d)
{
    run(d, 2);
}

extern const mn_dwconv_kernel mn_dwconv3x3s1_f32_2x4_avx2, mn_dwconv3x3s2_f32_2x4_avx2;
const mn_dwconv_kernel mn_dwconv3x3s1_f32_2x4_avx2 = {
    .name = "mn_dwconv3x3s1_f32_2x4_avx2", .kernel = 3, .stride = 1, .run = run_stride1};
const mn_dwconv_kernel mn_dwconv3x3s2_f32_2x4_avx2 = {
    .name = "mn_dwconv3x3s2_f32_2x4_avx2", .kernel = 3, .stride = 2, .run = run_stride2};
#else
typedef int mn_empty;
#endif
