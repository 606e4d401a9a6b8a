/* 3x3 depthwise convolution of training for AVX-512, forward and both backward passes, a band of rows at a time. Rows
 * come as panels, so a walk along x is a walk through memory, 16 channels in a register.
 *
 * Several outputs of a row are made together: the filter stays in nine registers, and an input is loaded once for all
 * outputs of its row that it belongs to. */
#include "kernels/x86/train_avx512.h"
#if defined(MN_AVX512)
#include "kernels/unroll.h"

#define COLUMNS         8 /* outputs of a row that are made together */
#define AT(row, column) vec_load((row) + (ptrdiff_t)(column)*MN_PANEL)

/* `columns` outputs: nine taps each, in one order for all. r: the inputs of the first. */
MN_INLINE void outputs(const float *const r[3], size_t at, const vec w[9], const int stride, const int columns,
                       float *out, int32_t out_stride, vec_part part)
{
    vec s[COLUMNS];
    MN_UNROLL
    for (int kh = 0; kh < 3; kh++) {
        const float *p = r[kh] + at;
        MN_UNROLL
        for (int x = 0; x < (columns - 1) * stride + 3; x++) {
            vec in = AT(p, x);
            MN_UNROLL
            for (int i = 0; i < columns; i++) {
                int kw = x - i * stride;
                if (kh == 0 && kw == 0)
                    s[i] = vec_mul(in, w[0]);
                else if (kw >= 0 && kw < 3)
                    s[i] = vec_fma(in, w[3 * kh + kw], s[i]);
            }
        }
    }
    MN_UNROLL
    for (int i = 0; i < columns; i++)
        vec_store_part(out + (size_t)i * (size_t)out_stride, part, s[i]);
}

MN_INLINE void row_outputs(const float *const r[3], size_t at, const vec w[9], const int stride, int32_t width,
                           float *out, int32_t out_stride, vec_part part, int32_t rate, mn_ahead *ahead)
{
    int32_t x = 0;
    for (; x + COLUMNS <= width; x += COLUMNS) {
        mn_ahead_take(ahead, 2 * rate);
        outputs(r, at, w, stride, COLUMNS, out, out_stride, part);
        at += (size_t)(COLUMNS * stride) * MN_PANEL;
        out += COLUMNS * (size_t)out_stride;
    }
    if (x + 4 <= width) {
        mn_ahead_take(ahead, rate);
        outputs(r, at, w, stride, 4, out, out_stride, part);
        at += (size_t)(4 * stride) * MN_PANEL;
        out += 4 * (size_t)out_stride;
        x += 4;
    }
    for (; x < width; x++, at += (size_t)stride * MN_PANEL, out += out_stride)
        outputs(r, at, w, stride, 1, out, out_stride, part);
}

MN_INLINE void band_outputs(const float *const *rows, int32_t pitch, const float *w, const int stride, int32_t out_rows,
                            int32_t out_width, int32_t channels, float *out, int32_t out_stride, mn_ahead *ahead)
{
    int32_t rate = mn_ahead_rate(ahead, (int64_t)(mn_panel_up(channels) / MN_PANEL) * out_rows * (out_width / 4));
    for (int32_t c = 0; c < channels; c += MN_PANEL, w += (size_t)9 * MN_PANEL) {
        vec filter[9];
        MN_UNROLL
        for (int t = 0; t < 9; t++)
            filter[t] = AT(w, t);
        for (int32_t y = 0; y < out_rows; y++) {
            float *to = out + (size_t)y * (size_t)out_width * (size_t)out_stride + c;
            row_outputs(rows + y * stride, (size_t)c * (size_t)pitch, filter, stride, out_width, to, out_stride,
                        vec_first(channels - c), rate, ahead);
        }
    }
}

static void depthwise(const float *const *rows, int32_t pitch, const float *w, int32_t stride, int32_t out_rows,
                      int32_t out_width, int32_t channels, float *out, int32_t out_stride, mn_ahead *ahead)
{
    if (stride == 1)
        band_outputs(rows, pitch, w, 1, out_rows, out_width, channels, out, out_stride, ahead);
    else
        band_outputs(rows, pitch, w, 2, out_rows, out_width, channels, out, out_stride, ahead);
}

/* Adds `columns` outputs' part of one row to the nine sums. */
MN_INLINE void add_weights(const float *const r[3], const float *d, const int stride, const int columns, vec s[9])
{
    vec g[4];
    MN_UNROLL
    for (int i = 0; i < columns; i++)
        g[i] = AT(d, i);
    MN_UNROLL
    for (int x = 0; x < (columns - 1) * stride + 3; x++) {
        MN_UNROLL
        for (int kh = 0; kh < 3; kh++) {
            vec in = AT(r[kh], x);
            MN_UNROLL
            for (int i = 0; i < columns; i++) {
                int kw = x - i * stride;
                if (kw >= 0 && kw < 3)
                    s[3 * kh + kw] = vec_fma(in, g[i], s[3 * kh + kw]);
            }
        }
    }
}

MN_INLINE void panel_weights(const float *const *rows, size_t x_at, const float *const *dy, size_t dy_at,
                             const int stride, int32_t out_rows, int32_t out_width, float *dw, int32_t rate,
                             mn_ahead *ahead)
{
    vec s[9];
    MN_UNROLL
    for (int t = 0; t < 9; t++)
        s[t] = vec_zero();
    for (int32_t y = 0; y < out_rows; y++) {
        const float *r[3] = {rows[y * stride] + x_at, rows[y * stride + 1] + x_at, rows[y * stride + 2] + x_at};
        const float *d = dy[y] + dy_at;
        int32_t x = 0;
        for (; x + 4 <= out_width; x += 4, d += (ptrdiff_t)4 * MN_PANEL) {
            mn_ahead_take(ahead, rate);
            add_weights(r, d, stride, 4, s);
            MN_UNROLL
            for (int kh = 0; kh < 3; kh++)
                r[kh] += (ptrdiff_t)(4 * stride) * MN_PANEL;
        }
        for (; x < out_width; x++, d += MN_PANEL) {
            add_weights(r, d, stride, 1, s);
            MN_UNROLL
            for (int kh = 0; kh < 3; kh++)
                r[kh] += (ptrdiff_t)stride * MN_PANEL;
        }
    }
    MN_UNROLL
    for (int t = 0; t < 9; t++)
        vec_store(dw + t * MN_PANEL, vec_add(AT(dw, t), s[t]));
}

static void depthwise_weights(const float *const *rows, int32_t pitch, const float *const *dy, int32_t dy_pitch,
                              int32_t stride, int32_t out_rows, int32_t out_width, int32_t channels, float *dw,
                              mn_ahead *ahead)
{
    int32_t rate = mn_ahead_rate(ahead, (int64_t)(mn_panel_up(channels) / MN_PANEL) * out_rows * (out_width / 4));
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
MN_INLINE vec odd_column(const float *const d[2], const float *const w[2], const int taps)
{
    vec s = vec_mul(AT(d[0], 0), AT(w[0], 1));
    return taps == 2 ? vec_fma(AT(d[1], 0), AT(w[1], 1), s) : s;
}

MN_INLINE vec even_column(const float *const d[2], const float *const w[2], const int taps)
{
    vec s = vec_mul(AT(d[0], 0), AT(w[0], 0));
    s = vec_fma(AT(d[0], -1), AT(w[0], 2), s);
    if (taps == 2) {
        s = vec_fma(AT(d[1], 0), AT(w[1], 0), s);
        s = vec_fma(AT(d[1], -1), AT(w[1], 2), s);
    }
    return s;
}

/* One row of dx. */
MN_INLINE void row_data(const float *const rows[2], const float *const w[2], const int taps, int32_t pad_left,
                        int32_t width, int32_t out_stride, vec_part part, float *dx, int32_t rate, mn_ahead *ahead)
{
    ptrdiff_t begin = (ptrdiff_t)(pad_left / 2) * MN_PANEL;
    const float *d[2] = {rows[0] + begin, taps == 2 ? rows[1] + begin : NULL};
    int32_t x = 0;
    if (pad_left % 2 != 0) {
        vec_store_part(dx, part, odd_column(d, w, taps));
        d[0] += MN_PANEL;
        if (taps == 2)
            d[1] += MN_PANEL;
        x = 1;
    }
    for (; x + 2 <= width; x += 2) {
        float *out = dx + (size_t)x * (size_t)out_stride;
        mn_ahead_take(ahead, rate);
        vec_store_part(out, part, even_column(d, w, taps));
        vec_store_part(out + out_stride, part, odd_column(d, w, taps));
        d[0] += MN_PANEL;
        if (taps == 2)
            d[1] += MN_PANEL;
    }
    if (x < width)
        vec_store_part(dx + (size_t)x * (size_t)out_stride, part, even_column(d, w, taps));
}

static void depthwise_data_s2(const float *const *dy, int32_t pitch, const float *w, bool odd, int32_t rows,
                              int32_t pad_left, int32_t width, int32_t channels, float *dx, int32_t dx_stride,
                              mn_ahead *ahead)
{
    int32_t rate = mn_ahead_rate(ahead, (int64_t)(mn_panel_up(channels) / MN_PANEL) * rows * (width / 2));
    for (int32_t c = 0; c < channels; c += MN_PANEL, w += (size_t)9 * MN_PANEL)
        for (int32_t y = 0; y < rows; y++) {
            int32_t i = y + odd;
            size_t at = (size_t)c * (size_t)pitch;
            const float *d[2] = {dy[i / 2 + 1] + at, dy[i / 2] + at};
            const float *one[2] = {w + 3 * MN_PANEL, NULL}, *two[2] = {w, w + 6 * MN_PANEL};
            float *out = dx + (size_t)y * (size_t)width * (size_t)dx_stride + c;
            if (i % 2 != 0)
                row_data(d, one, 1, pad_left, width, dx_stride, vec_first(channels - c), out, rate, ahead);
            else
                row_data(d, two, 2, pad_left, width, dx_stride, vec_first(channels - c), out, rate, ahead);
        }
}

const mn_train_kernels mn_train_kernels_avx512 = {
    .name = "avx512",
    .activate = mn_train_activate_avx512,
    .gradient = mn_train_gradient_avx512,
    .multiply = mn_train_multiply_avx512,
    .accumulate = mn_train_accumulate_avx512,
    .statistics = mn_train_statistics_avx512,
    .gradient_sums = mn_train_gradient_sums_avx512,
    .depthwise = depthwise,
    .depthwise_weights = depthwise_weights,
    .depthwise_data_s2 = depthwise_data_s2,
};

#else
typedef int mn_train_depthwise_avx512_is_empty; /* C wants a declaration */
#endif
