/* 3x3 depthwise convolution of training for AVX2, forward and both backward passes, one row at a time, 8 channels in a
 * register. Rows come as panels, so a walk along x is a walk through memory. */
#if defined(__AVX2__) && defined(__FMA__)
#include "kernels/x86/train_avx2.h"

#define AT(row, column) _mm256_loadu_ps((row) + (size_t)(column)*MN_PANEL)

/* Sum of the nine taps at column x, one order for all. */
static inline __m256 taps9(const float *r0, const float *r1, const float *r2, int32_t x, const __m256 w[9])
{
    __m256 s = _mm256_mul_ps(AT(r0, x), w[0]);
    s = _mm256_fmadd_ps(AT(r0, x + 1), w[1], s);
    s = _mm256_fmadd_ps(AT(r0, x + 2), w[2], s);
    s = _mm256_fmadd_ps(AT(r1, x), w[3], s);
    s = _mm256_fmadd_ps(AT(r1, x + 1), w[4], s);
    s = _mm256_fmadd_ps(AT(r1, x + 2), w[5], s);
    s = _mm256_fmadd_ps(AT(r2, x), w[6], s);
    s = _mm256_fmadd_ps(AT(r2, x + 1), w[7], s);
    return _mm256_fmadd_ps(AT(r2, x + 2), w[8], s);
}

static inline void store8(float *p, int32_t count, __m256 value)
{
    if (count >= 8)
        _mm256_storeu_ps(p, value);
    else
        _mm256_maskstore_ps(p, mn_mask8(count), value);
}

void mn_train_depthwise_avx2(const float *const rows[3], int32_t pitch, const float *w, int32_t stride,
                             int32_t out_width, int32_t channels, float *out)
{
    for (int32_t c = 0; c < channels; c += 8) {
        size_t panel = (size_t)(c / MN_PANEL) * (size_t)pitch * MN_PANEL + (size_t)(c % MN_PANEL);
        const float *r0 = rows[0] + panel, *r1 = rows[1] + panel, *r2 = rows[2] + panel;
        const float *p = w + (size_t)(c / MN_PANEL) * 9 * MN_PANEL + c % MN_PANEL;
        __m256 v[9];
        for (int32_t t = 0; t < 9; t++)
            v[t] = _mm256_loadu_ps(p + t * MN_PANEL);
        float *o = out + c;
        for (int32_t x = 0; x < out_width; x++, o += channels)
            store8(o, channels - c, taps9(r0, r1, r2, x * stride, v));
    }
}

void mn_train_depthwise_weights_avx2(const float *const rows[3], int32_t pitch, const float *dy, int32_t dy_pitch,
                                     int32_t stride, int32_t out_width, int32_t channels, float *dw)
{
    for (int32_t c = 0; c < channels; c += 8) {
        size_t panel = (size_t)(c / MN_PANEL) * MN_PANEL, lane = (size_t)(c % MN_PANEL);
        const float *r0 = rows[0] + panel * (size_t)pitch + lane, *r1 = rows[1] + panel * (size_t)pitch + lane,
                    *r2 = rows[2] + panel * (size_t)pitch + lane, *d = dy + panel * (size_t)dy_pitch + lane;
        float *p = dw + panel * 9 + lane;
        __m256 s[9];
        for (int32_t t = 0; t < 9; t++)
            s[t] = _mm256_setzero_ps();
        for (int32_t x = 0; x < out_width; x++) {
            __m256 g = AT(d, x);
            int32_t i = x * stride;
            s[0] = _mm256_fmadd_ps(AT(r0, i), g, s[0]);
            s[1] = _mm256_fmadd_ps(AT(r0, i + 1), g, s[1]);
            s[2] = _mm256_fmadd_ps(AT(r0, i + 2), g, s[2]);
            s[3] = _mm256_fmadd_ps(AT(r1, i), g, s[3]);
            s[4] = _mm256_fmadd_ps(AT(r1, i + 1), g, s[4]);
            s[5] = _mm256_fmadd_ps(AT(r1, i + 2), g, s[5]);
            s[6] = _mm256_fmadd_ps(AT(r2, i), g, s[6]);
            s[7] = _mm256_fmadd_ps(AT(r2, i + 1), g, s[7]);
            s[8] = _mm256_fmadd_ps(AT(r2, i + 2), g, s[8]);
        }
        for (int32_t t = 0; t < 9; t++)
            _mm256_storeu_ps(p + t * MN_PANEL, _mm256_add_ps(_mm256_loadu_ps(p + t * MN_PANEL), s[t]));
    }
}

void mn_train_depthwise_data_s2_avx2(const float *const dy[2], const int32_t kh[2], int32_t taps, int32_t pitch,
                                     const float *w, int32_t pad_left, int32_t width, int32_t channels, float *dx)
{
    for (int32_t c = 0; c < channels; c += 8) {
        size_t panel = (size_t)(c / MN_PANEL) * MN_PANEL, lane = (size_t)(c % MN_PANEL);
        const float *p = w + panel * 9 + lane;
        const float *d0 = dy[0] + panel * (size_t)pitch + lane, *d1 = dy[taps - 1] + panel * (size_t)pitch + lane;
        __m256 v[6]; /* the filter rows that take part; a row that does not is zero */
        for (int32_t t = 0; t < 3; t++) {
            v[t] = _mm256_loadu_ps(p + (kh[0] * 3 + t) * MN_PANEL);
            v[3 + t] = taps == 2 ? _mm256_loadu_ps(p + (kh[1] * 3 + t) * MN_PANEL) : _mm256_setzero_ps();
        }
        float *o = dx + c;
        for (int32_t x = 0; x < width; x++, o += channels) {
            int32_t i = x + pad_left;
            __m256 s;
            if (i % 2 == 0) {
                ptrdiff_t a = i / 2 * MN_PANEL, b = a - MN_PANEL;
                s = _mm256_mul_ps(_mm256_loadu_ps(d0 + a), v[0]);
                s = _mm256_fmadd_ps(_mm256_loadu_ps(d0 + b), v[2], s);
                s = _mm256_fmadd_ps(_mm256_loadu_ps(d1 + a), v[3], s);
                s = _mm256_fmadd_ps(_mm256_loadu_ps(d1 + b), v[5], s);
            } else {
                ptrdiff_t a = i / 2 * MN_PANEL;
                s = _mm256_mul_ps(_mm256_loadu_ps(d0 + a), v[1]);
                s = _mm256_fmadd_ps(_mm256_loadu_ps(d1 + a), v[4], s);
            }
            store8(o, channels - c, s);
        }
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
