/* Training kernels in plain C: the definition of every result, never tuned. See kernels/train_kernels.h. */
#include <string.h>

#include "kernels/train_kernels.h"

static bool passes(float y, const mn_affine *affine, int32_t c)
{
    float z = y * affine->scale[c] + affine->shift[c];
    return z > affine->low && z < affine->high;
}

/* Element (row, channel) of panels. */
static size_t at(int32_t pitch, int32_t row, int32_t channel)
{
    return ((size_t)(channel / MN_PANEL) * (size_t)pitch + (size_t)row) * MN_PANEL + (size_t)(channel % MN_PANEL);
}

static void activate(const float *y, int32_t stride, int32_t rows, int32_t channels, const mn_affine *affine,
                     float *panels, int32_t pitch)
{
    for (int32_t r = 0; r < rows; r++)
        for (int32_t c = 0; c < mn_panel_up(channels); c++) {
            float z = 0;
            if (c < channels) {
                z = y[(size_t)r * (size_t)stride + (size_t)c] * affine->scale[c] + affine->shift[c];
                z = z > affine->low ? z : affine->low;
                z = z < affine->high ? z : affine->high;
            }
            panels[at(pitch, r, c)] = z;
        }
}

static void gradient(const float *dz, const float *y, int32_t stride, int32_t rows, int32_t channels,
                     const mn_chain *chain, float *panels, int32_t pitch)
{
    for (int32_t r = 0; r < rows; r++)
        for (int32_t c = 0; c < mn_panel_up(channels); c++) {
            float dy = 0;
            if (c < channels) {
                size_t i = (size_t)r * (size_t)stride + (size_t)c;
                float g = passes(y[i], &chain->affine, c) ? dz[i] : 0;
                dy = chain->a[c] * g + (chain->b[c] * y[i] + chain->c[c]);
            }
            panels[at(pitch, r, c)] = dy;
        }
}

static void multiply(const float *a, int32_t pitch, int32_t rows, int32_t k, const float *b, int32_t n, float *c,
                     mn_ahead *ahead)
{
    (void)ahead;
    for (int32_t r = 0; r < rows; r++)
        for (int32_t j = 0; j < n; j++) {
            float sum = 0;
            for (int32_t i = 0; i < k; i++)
                sum += a[at(pitch, r, i)] * b[at(k, i, j)];
            c[(size_t)r * (size_t)n + (size_t)j] = sum;
        }
}

static void accumulate(const float *a, const float *b, int32_t pitch, int32_t rows, int32_t m, int32_t n, float *sum,
                       bool add, mn_ahead *ahead)
{
    (void)ahead;
    int32_t stride = mn_panel_up(n);
    for (int32_t i = 0; i < m; i++)
        for (int32_t j = 0; j < stride; j++) {
            float s = 0;
            for (int32_t r = 0; r < rows; r++)
                s += a[at(pitch, r, i)] * b[at(pitch, r, j)];
            float *to = sum + (size_t)i * (size_t)stride + (size_t)j;
            *to = add ? *to + s : s;
        }
}

static void statistics(const float *y, int32_t stride, int32_t rows, int32_t channels, const float *origin,
                       float *first, float *second)
{
    for (int32_t c = 0; c < channels; c++) {
        float s = 0, q = 0;
        for (int32_t r = 0; r < rows; r++) {
            float d = y[(size_t)r * (size_t)stride + (size_t)c] - origin[c];
            s += d;
            q += d * d;
        }
        first[c] += s;
        second[c] += q;
    }
}

static void gradient_sums(const float *dz, const float *y, int32_t stride, int32_t rows, int32_t channels,
                          const mn_affine *affine, const float *mean, const float *inverse_deviation, float *first,
                          float *second)
{
    for (int32_t c = 0; c < channels; c++) {
        float s = 0, q = 0;
        for (int32_t r = 0; r < rows; r++) {
            size_t i = (size_t)r * (size_t)stride + (size_t)c;
            float g = passes(y[i], affine, c) ? dz[i] : 0;
            s += g;
            q += g * ((y[i] - mean[c]) * inverse_deviation[c]);
        }
        first[c] += s;
        second[c] += q;
    }
}

static void depthwise(const float *const *rows, int32_t pitch, const float *w, int32_t stride, int32_t out_rows,
                      int32_t out_width, int32_t channels, float *out, int32_t out_stride, mn_ahead *ahead)
{
    (void)ahead;
    for (int32_t y = 0; y < out_rows; y++)
        for (int32_t x = 0; x < out_width; x++, out += out_stride)
            for (int32_t c = 0; c < channels; c++) {
                float sum = 0;
                for (int32_t t = 0; t < 9; t++)
                    sum += rows[y * stride + t / 3][at(pitch, x * stride + t % 3, c)] * w[at(9, t, c)];
                out[c] = sum;
            }
}

static void depthwise_weights(const float *const *rows, int32_t pitch, const float *const *dy, int32_t dy_pitch,
                              int32_t stride, int32_t out_rows, int32_t out_width, int32_t channels, float *dw,
                              mn_ahead *ahead)
{
    (void)ahead;
    for (int32_t c = 0; c < channels; c++)
        for (int32_t t = 0; t < 9; t++) {
            float sum = 0;
            for (int32_t y = 0; y < out_rows; y++)
                for (int32_t x = 0; x < out_width; x++)
                    sum += rows[y * stride + t / 3][at(pitch, x * stride + t % 3, c)] * dy[y][at(dy_pitch, x, c)];
            dw[at(9, t, c)] += sum;
        }
}

static float data_s2(const float *const *dy, int32_t pitch, const float *w, int32_t i, int32_t j, int32_t c)
{
    const size_t panel = (size_t)(c / MN_PANEL) * (size_t)pitch * MN_PANEL + (size_t)(c % MN_PANEL);
    float sum = 0;
    for (int32_t kh = i % 2; kh < 3; kh += 2)
        for (int32_t kw = j % 2; kw < 3; kw += 2) {
            const float *row = dy[(i - kh + 2) / 2] + panel;
            sum += row[(ptrdiff_t)((j - kw) / 2) * MN_PANEL] * w[at(9, kh * 3 + kw, c)]; /* -2 / 2 is -1 */
        }
    return sum;
}

static void depthwise_data_s2(const float *const *dy, int32_t pitch, const float *w, bool odd, int32_t rows,
                              int32_t pad_left, int32_t width, int32_t channels, float *dx, int32_t dx_stride,
                              mn_ahead *ahead)
{
    (void)ahead;
    for (int32_t y = 0; y < rows; y++)
        for (int32_t x = 0; x < width; x++, dx += dx_stride)
            for (int32_t c = 0; c < channels; c++)
                dx[c] = data_s2(dy, pitch, w, y + odd, x + pad_left, c);
}

const mn_train_kernels mn_train_kernels_reference = {
    .name = "reference",
    .activate = activate,
    .gradient = gradient,
    .multiply = multiply,
    .accumulate = accumulate,
    .statistics = statistics,
    .gradient_sums = gradient_sums,
    .depthwise = depthwise,
    .depthwise_weights = depthwise_weights,
    .depthwise_data_s2 = depthwise_data_s2,
};
