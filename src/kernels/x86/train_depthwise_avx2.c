/* 3x3 depthwise convolution of training for AVX2, forward and both backward passes, a band of rows at a time, 8 channels
 * in a register. Rows come as panels, so a walk along x is a walk through memory.
 *
 * Several outputs of a row are made together: neighbours share their inputs, and the filter is loaded once for all of
 * them. The two halves of a panel follow each other at once, while its cache lines are near. */
#if defined(__AVX2__) && defined(__FMA__)
#include "kernels/x86/train_avx2.h"

#define AT(row, column) _mm256_loadu_ps((row) + (ptrdiff_t)(column)*MN_PANEL)
#define INLINE          static inline __attribute__((always_inline))

static inline void store8(float *p, int32_t count, __m256 value)
{
    if (count >= 8)
        _mm256_storeu_ps(p, value);
    else if (count > 0)
        _mm256_maskstore_ps(p, mn_mask8(count), value);
}

/* `columns` (1 to 4) outputs of 8 channels: nine taps each, in one order for all. r: the inputs of the first. */
INLINE void outputs8(const float *const r[3], const float *w, int stride, int columns, float *out, int32_t out_stride,
                     int32_t count)
{
    __m256 s[4];
#pragma GCC unroll 3
    for (int kh = 0; kh < 3; kh++) {
        const float *p = r[kh];
        __m256 w0 = AT(w, 3 * kh), w1 = AT(w, 3 * kh + 1), w2 = AT(w, 3 * kh + 2);
#pragma GCC unroll 4
        for (int i = 0; i < columns; i++) {
            __m256 x = AT(p, i * stride);
            s[i] = kh == 0 ? _mm256_mul_ps(x, w0) : _mm256_fmadd_ps(x, w0, s[i]);
            s[i] = _mm256_fmadd_ps(AT(p, i * stride + 1), w1, s[i]);
            s[i] = _mm256_fmadd_ps(AT(p, i * stride + 2), w2, s[i]);
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < columns; i++)
        store8(out + (size_t)i * (size_t)out_stride, count, s[i]);
}

/* The same for a whole panel, of which `count` channels exist. */
INLINE void outputs16(const float *const r[3], size_t at, const float *w, int stride, int columns, float *out,
                      int32_t out_stride, int32_t count)
{
    const float *low[3] = {r[0] + at, r[1] + at, r[2] + at}, *high[3] = {low[0] + 8, low[1] + 8, low[2] + 8};
    outputs8(low, w, stride, columns, out, out_stride, count);
    if (count > 8)
        outputs8(high, w + 8, stride, columns, out + 8, out_stride, count - 8);
}

INLINE void row_outputs(const float *const r[3], size_t panel, const float *w, int stride, int32_t width, float *out,
                        int32_t out_stride, int32_t count, int32_t rate, mn_ahead *ahead)
{
    int32_t x = 0;
    size_t step = (size_t)(4 * stride) * MN_PANEL;
    for (; x + 4 <= width; x += 4, panel += step, out += 4 * (size_t)out_stride) {
        mn_ahead_take(ahead, rate);
        outputs16(r, panel, w, stride, 4, out, out_stride, count);
    }
    if (width - x == 3)
        outputs16(r, panel, w, stride, 3, out, out_stride, count);
    else if (width - x == 2)
        outputs16(r, panel, w, stride, 2, out, out_stride, count);
    else if (width - x == 1)
        outputs16(r, panel, w, stride, 1, out, out_stride, count);
}

INLINE void band_outputs(const float *const *rows, int32_t pitch, const float *w, int stride, int32_t out_rows,
                         int32_t out_width, int32_t channels, float *out, int32_t out_stride, mn_ahead *ahead)
{
    int32_t rate = mn_ahead_rate(ahead, (int64_t)(mn_panel_up(channels) / MN_PANEL) * out_rows * (out_width / 4));
    for (int32_t c = 0; c < channels; c += MN_PANEL, w += (size_t)9 * MN_PANEL) {
        size_t panel = (size_t)c * (size_t)pitch;
        for (int32_t y = 0; y < out_rows; y++) {
            float *to = out + (size_t)y * (size_t)out_width * (size_t)out_stride + c;
            if (channels - c >= MN_PANEL)
                row_outputs(rows + y * stride, panel, w, stride, out_width, to, out_stride, MN_PANEL, rate, ahead);
            else
                row_outputs(rows + y * stride, panel, w, stride, out_width, to, out_stride, channels - c, rate, ahead);
        }
    }
}

void mn_train_depthwise_avx2(const float *const *rows, int32_t pitch, const float *w, int32_t stride, int32_t out_rows,
                             int32_t out_width, int32_t channels, float *out, int32_t out_stride, mn_ahead *ahead)
{
    if (stride == 1)
        band_outputs(rows, pitch, w, 1, out_rows, out_width, channels, out, out_stride, ahead);
    else
        band_outputs(rows, pitch, w, 2, out_rows, out_width, channels, out, out_stride, ahead);
}

/* Adds one row's part to the nine sums of 8 channels. */
INLINE void row_weights(const float *const r[3], const float *d, int stride, int32_t out_width, __m256 s[9],
                        int32_t rate, mn_ahead *ahead)
{
    const float *r0 = r[0], *r1 = r[1], *r2 = r[2];
    for (int32_t x = 0; x < out_width; x++, d += MN_PANEL) {
        __m256 g = AT(d, 0);
        if (x % 4 == 0)
            mn_ahead_take(ahead, rate);
        s[0] = _mm256_fmadd_ps(AT(r0, 0), g, s[0]);
        s[1] = _mm256_fmadd_ps(AT(r0, 1), g, s[1]);
        s[2] = _mm256_fmadd_ps(AT(r0, 2), g, s[2]);
        s[3] = _mm256_fmadd_ps(AT(r1, 0), g, s[3]);
        s[4] = _mm256_fmadd_ps(AT(r1, 1), g, s[4]);
        s[5] = _mm256_fmadd_ps(AT(r1, 2), g, s[5]);
        s[6] = _mm256_fmadd_ps(AT(r2, 0), g, s[6]);
        s[7] = _mm256_fmadd_ps(AT(r2, 1), g, s[7]);
        s[8] = _mm256_fmadd_ps(AT(r2, 2), g, s[8]);
        r0 += stride * MN_PANEL;
        r1 += stride * MN_PANEL;
        r2 += stride * MN_PANEL;
    }
}

/* Columns that one half of a panel is gone through before the other: few enough to stay in the first-level cache, many
 * enough that fetching the sums does not count. */
#define COLUMNS 28

INLINE void panel_weights(const float *const *rows, size_t x_at, const float *const *dy, size_t dy_at, int stride,
                          int32_t out_rows, int32_t out_width, float *dw, int32_t rate, mn_ahead *ahead)
{
    __m256 sums[2][9];
    for (int t = 0; t < 9; t++)
        sums[0][t] = sums[1][t] = _mm256_setzero_ps();
    int32_t group = out_width < COLUMNS ? COLUMNS / out_width : 1;
    for (int32_t first = 0; first < out_rows; first += group)
        for (size_t h = 0; h < 2; h++) {
            __m256 s[9];
            for (int t = 0; t < 9; t++)
                s[t] = sums[h][t];
            for (int32_t y = first; y < out_rows && y < first + group; y++) {
                size_t at = x_at + 8 * h;
                const float *r[3] = {rows[y * stride] + at, rows[y * stride + 1] + at, rows[y * stride + 2] + at};
                row_weights(r, dy[y] + dy_at + 8 * h, stride, out_width, s, rate, ahead);
            }
            for (int t = 0; t < 9; t++)
                sums[h][t] = s[t];
        }
    for (size_t t = 0; t < 9; t++)
        for (size_t h = 0; h < 2; h++) {
            float *to = dw + t * MN_PANEL + 8 * h;
            _mm256_storeu_ps(to, _mm256_add_ps(_mm256_loadu_ps(to), sums[h][t]));
        }
}

void mn_train_depthwise_weights_avx2(const float *const *rows, int32_t pitch, const float *const *dy, int32_t dy_pitch,
                                     int32_t stride, int32_t out_rows, int32_t out_width, int32_t channels, float *dw,
                                     mn_ahead *ahead)
{
    int32_t rate = mn_ahead_rate(ahead, (int64_t)(mn_panel_up(channels) / 8) * out_rows * ((out_width + 3) / 4));
    for (int32_t c = 0; c < channels; c += MN_PANEL, dw += (size_t)9 * MN_PANEL) {
        size_t x_at = (size_t)c * (size_t)pitch, dy_at = (size_t)c * (size_t)dy_pitch;
        if (stride == 1)
            panel_weights(rows, x_at, dy, dy_at, 1, out_rows, out_width, dw, rate, ahead);
        else
            panel_weights(rows, x_at, dy, dy_at, 2, out_rows, out_width, dw, rate, ahead);
    }
}

/* Where the column plus padding is odd, one column of dy takes part; where it is even, that and the one before it. d: the
 * column of dy; w: the first tap of each filter row. One row of dy takes part, or two. */
INLINE __m256 odd8(const float *const d[2], const float *const w[2], int taps)
{
    __m256 s = _mm256_mul_ps(AT(d[0], 0), AT(w[0], 1));
    return taps == 2 ? _mm256_fmadd_ps(AT(d[1], 0), AT(w[1], 1), s) : s;
}

INLINE __m256 even8(const float *const d[2], const float *const w[2], int taps)
{
    __m256 s = _mm256_mul_ps(AT(d[0], 0), AT(w[0], 0));
    s = _mm256_fmadd_ps(AT(d[0], -1), AT(w[0], 2), s);
    if (taps == 2) {
        s = _mm256_fmadd_ps(AT(d[1], 0), AT(w[1], 0), s);
        s = _mm256_fmadd_ps(AT(d[1], -1), AT(w[1], 2), s);
    }
    return s;
}

/* One row of dx, 8 channels. */
INLINE void row_data8(const float *const rows[2], const float *const w[2], int taps, int32_t pad_left, int32_t width,
                      int32_t out_stride, int32_t count, float *dx, int32_t rate, mn_ahead *ahead)
{
    const float *d[2] = {rows[0], rows[1]};
    int32_t x = 0, i = pad_left / 2;
    d[0] += (ptrdiff_t)i * MN_PANEL;
    d[1] += (ptrdiff_t)i * MN_PANEL;
    if (pad_left % 2 != 0) {
        store8(dx, count, odd8(d, w, taps));
        d[0] += MN_PANEL;
        d[1] += MN_PANEL;
        x = 1;
    }
    for (; x + 2 <= width; x += 2) {
        float *out = dx + (size_t)x * (size_t)out_stride;
        mn_ahead_take(ahead, rate);
        store8(out, count, even8(d, w, taps));
        store8(out + out_stride, count, odd8(d, w, taps));
        d[0] += MN_PANEL;
        d[1] += MN_PANEL;
    }
    if (x < width)
        store8(dx + (size_t)x * (size_t)out_stride, count, even8(d, w, taps));
}

void mn_train_depthwise_data_s2_avx2(const float *const *dy, int32_t pitch, const float *w, bool odd, int32_t rows,
                                     int32_t pad_left, int32_t width, int32_t channels, float *dx, int32_t dx_stride,
                                     mn_ahead *ahead)
{
    int32_t rate = mn_ahead_rate(ahead, (int64_t)(mn_panel_up(channels) / 8) * rows * (width / 2));
    for (int32_t c = 0; c < channels; c += MN_PANEL, w += (size_t)9 * MN_PANEL)
        for (int32_t y = 0; y < rows; y++)
            for (int32_t h = 0; h < MN_PANEL && c + h < channels; h += 8) {
                int32_t i = y + odd;
                size_t at = (size_t)c * (size_t)pitch + (size_t)h;
                const float *d[2] = {dy[i / 2 + 1] + at, dy[i / 2] + at}, *f = w + h;
                const float *one[2] = {f + 3 * MN_PANEL, NULL}, *two[2] = {f, f + 6 * MN_PANEL};
                float *out = dx + (size_t)y * (size_t)width * (size_t)dx_stride + c + h;
                if (i % 2 != 0)
                    row_data8(d, one, 1, pad_left, width, dx_stride, channels - c - h, out, rate, ahead);
                else
                    row_data8(d, two, 2, pad_left, width, dx_stride, channels - c - h, out, rate, ahead);
            }
}

const mn_train_kernels mn_train_kernels_avx2 = {
    .name = "avx2",
    .activate = mn_train_activate_avx2,
    .gradient = mn_train_gradient_avx2,
    .multiply = mn_train_multiply_avx2,
    .accumulate = mn_train_accumulate_avx2,
    .statistics = mn_train_statistics_avx2,
    .gradient_sums = mn_train_gradient_sums_avx2,
    .depthwise = mn_train_depthwise_avx2,
    .depthwise_weights = mn_train_depthwise_weights_avx2,
    .depthwise_data_s2 = mn_train_depthwise_data_s2_avx2,
};

#else
typedef int mn_train_depthwise_avx2_is_empty; /* C wants a declaration */
#endif
