/* Batch norm's share of training for AVX2: activation and gradient into panels, and their sums by channel. */
#if defined(__AVX2__) && defined(__FMA__)
#include "kernels/x86/train_avx2.h"

static inline __m256 clamp(__m256 y, __m256 scale, __m256 shift, __m256 low, __m256 high)
{
    return _mm256_min_ps(_mm256_max_ps(_mm256_fmadd_ps(y, scale, shift), low), high);
}

/* dz where low < y * scale + shift < high, else 0. */
static inline __m256 passing(__m256 dz, __m256 y, __m256 scale, __m256 shift, __m256 low, __m256 high)
{
    __m256 z = _mm256_fmadd_ps(y, scale, shift);
    __m256 mask = _mm256_and_ps(_mm256_cmp_ps(z, low, _CMP_GT_OQ), _mm256_cmp_ps(z, high, _CMP_LT_OQ));
    return _mm256_and_ps(dz, mask);
}

/* Lanes past `count` of 16 become zero. */
static inline void cut(int32_t count, __m256 *a, __m256 *b)
{
    if (count < MN_PANEL) {
        *a = _mm256_and_ps(*a, _mm256_castsi256_ps(mn_mask8(count)));
        *b = _mm256_and_ps(*b, _mm256_castsi256_ps(mn_mask8(count - 8)));
    }
}

/* What a panel's 16 channels share, one half of it. */
typedef struct affine8 {
    __m256 scale, shift;
} affine8;

static inline affine8 affine_at(const mn_affine *affine, int32_t c)
{
    return (affine8){_mm256_loadu_ps(affine->scale + c), _mm256_loadu_ps(affine->shift + c)};
}

/* `rows` rows of one panel: y rows `channels` apart, the first `count` channels of a panel. Inlined with `count` known to
 * be at least 16 where it is. */
static inline void activate_panel(const float *y, int32_t rows, int32_t stride, int32_t count, affine8 f0, affine8 f1,
                                  __m256 low, __m256 high, float *out)
{
    for (int32_t r = 0; r < rows; r++, y += stride, out += MN_PANEL) {
        __m256 a, b;
        mn_load16(y, count, &a, &b);
        a = clamp(a, f0.scale, f0.shift, low, high);
        b = clamp(b, f1.scale, f1.shift, low, high);
        cut(count, &a, &b);
        _mm256_storeu_ps(out, a);
        _mm256_storeu_ps(out + 8, b);
    }
}

/* Rows that go through a panel together: the dense rows are read from front to back nearly, and a panel's vectors are
 * loaded once for all of them. */
#define ROWS 4

void mn_train_activate_avx2(const float *y, int32_t stride, int32_t rows, int32_t channels, const mn_affine *affine,
                            float *panels, int32_t pitch)
{
    __m256 low = _mm256_set1_ps(affine->low), high = _mm256_set1_ps(affine->high);
    for (int32_t r = 0; r < rows; r += ROWS, y += (size_t)ROWS * (size_t)stride) {
        float *out = panels + (size_t)r * MN_PANEL;
        int32_t some = rows - r < ROWS ? rows - r : ROWS, c = 0;
        for (; c + MN_PANEL <= channels; c += MN_PANEL, out += (size_t)pitch * MN_PANEL) {
            affine8 f0 = affine_at(affine, c), f1 = affine_at(affine, c + 8);
            if (some == ROWS)
                activate_panel(y + c, ROWS, stride, MN_PANEL, f0, f1, low, high, out);
            else
                activate_panel(y + c, some, stride, MN_PANEL, f0, f1, low, high, out);
        }
        if (c < channels)
            activate_panel(y + c, some, stride, channels - c, affine_at(affine, c), affine_at(affine, c + 8), low, high,
                           out);
    }
}

/* The same for dy = a * g + (b * y + c). */
typedef struct chain8 {
    affine8 f;
    __m256 a, b, c;
} chain8;

static inline chain8 chain_at(const mn_chain *chain, int32_t c)
{
    return (chain8){affine_at(&chain->affine, c), _mm256_loadu_ps(chain->a + c), _mm256_loadu_ps(chain->b + c),
                    _mm256_loadu_ps(chain->c + c)};
}

static inline __m256 chained(__m256 dz, __m256 y, const chain8 *k, __m256 low, __m256 high)
{
    __m256 g = passing(dz, y, k->f.scale, k->f.shift, low, high);
    return _mm256_fmadd_ps(k->a, g, _mm256_fmadd_ps(k->b, y, k->c));
}

/* One half of a panel, as its ten vectors would not fit the registers together. */
static inline void gradient_half(const float *dz, const float *y, int32_t rows, int32_t stride, chain8 k, __m256 low,
                                 __m256 high, float *out)
{
    for (int32_t r = 0; r < rows; r++, y += stride, dz += stride, out += MN_PANEL)
        _mm256_storeu_ps(out, chained(_mm256_loadu_ps(dz), _mm256_loadu_ps(y), &k, low, high));
}

static void gradient_tail(const float *dz, const float *y, int32_t rows, int32_t stride, int32_t count, chain8 k0,
                          chain8 k1, __m256 low, __m256 high, float *out)
{
    for (int32_t r = 0; r < rows; r++, y += stride, dz += stride, out += MN_PANEL) {
        __m256 y0, y1, d0, d1;
        mn_load16(y, count, &y0, &y1);
        mn_load16(dz, count, &d0, &d1);
        d0 = chained(d0, y0, &k0, low, high);
        d1 = chained(d1, y1, &k1, low, high);
        cut(count, &d0, &d1);
        _mm256_storeu_ps(out, d0);
        _mm256_storeu_ps(out + 8, d1);
    }
}

void mn_train_gradient_avx2(const float *dz, const float *y, int32_t stride, int32_t rows, int32_t channels,
                            const mn_chain *chain, float *panels, int32_t pitch)
{
    __m256 low = _mm256_set1_ps(chain->affine.low), high = _mm256_set1_ps(chain->affine.high);
    size_t step = (size_t)ROWS * (size_t)stride;
    for (int32_t r = 0; r < rows; r += ROWS, y += step, dz += step) {
        float *out = panels + (size_t)r * MN_PANEL;
        int32_t some = rows - r < ROWS ? rows - r : ROWS, c = 0;
        for (; c + MN_PANEL <= channels; c += MN_PANEL, out += (size_t)pitch * MN_PANEL)
            for (int32_t h = 0; h < MN_PANEL; h += 8) {
                chain8 k = chain_at(chain, c + h);
                if (some == ROWS)
                    gradient_half(dz + c + h, y + c + h, ROWS, stride, k, low, high, out + h);
                else
                    gradient_half(dz + c + h, y + c + h, some, stride, k, low, high, out + h);
            }
        if (c < channels)
            gradient_tail(dz + c, y + c, some, stride, channels - c, chain_at(chain, c), chain_at(chain, c + 8), low,
                          high, out);
    }
}

static inline void add8(float *sum, int32_t count, __m256 value)
{
    if (count >= 8) {
        _mm256_storeu_ps(sum, _mm256_add_ps(_mm256_loadu_ps(sum), value));
    } else if (count > 0) {
        __m256i mask = mn_mask8(count);
        _mm256_maskstore_ps(sum, mask, _mm256_add_ps(_mm256_maskload_ps(sum, mask), value));
    }
}

void mn_train_statistics_avx2(const float *y, int32_t stride, int32_t rows, int32_t channels, const float *origin,
                              float *first, float *second)
{
    for (int32_t c = 0; c < channels; c += MN_PANEL) {
        int32_t count = channels - c;
        __m256 o0, o1, zero = _mm256_setzero_ps();
        mn_load16(origin + c, count, &o0, &o1);
        __m256 s[4] = {zero, zero, zero, zero}, q[4] = {zero, zero, zero, zero};
        const float *p = y + c;
        int32_t r = 0;
        for (; r + 2 <= rows; r += 2, p += 2 * (size_t)stride) {
            __m256 a, b, d, e;
            mn_load16(p, count, &a, &b);
            mn_load16(p + stride, count, &d, &e);
            a = _mm256_sub_ps(a, o0);
            b = _mm256_sub_ps(b, o1);
            d = _mm256_sub_ps(d, o0);
            e = _mm256_sub_ps(e, o1);
            s[0] = _mm256_add_ps(s[0], a);
            s[1] = _mm256_add_ps(s[1], b);
            s[2] = _mm256_add_ps(s[2], d);
            s[3] = _mm256_add_ps(s[3], e);
            q[0] = _mm256_fmadd_ps(a, a, q[0]);
            q[1] = _mm256_fmadd_ps(b, b, q[1]);
            q[2] = _mm256_fmadd_ps(d, d, q[2]);
            q[3] = _mm256_fmadd_ps(e, e, q[3]);
        }
        if (r < rows) {
            __m256 a, b;
            mn_load16(p, count, &a, &b);
            a = _mm256_sub_ps(a, o0);
            b = _mm256_sub_ps(b, o1);
            s[0] = _mm256_add_ps(s[0], a);
            s[1] = _mm256_add_ps(s[1], b);
            q[0] = _mm256_fmadd_ps(a, a, q[0]);
            q[1] = _mm256_fmadd_ps(b, b, q[1]);
        }
        add8(first + c, count, _mm256_add_ps(s[0], s[2]));
        add8(first + c + 8, count - 8, _mm256_add_ps(s[1], s[3]));
        add8(second + c, count, _mm256_add_ps(q[0], q[2]));
        add8(second + c + 8, count - 8, _mm256_add_ps(q[1], q[3]));
    }
}

/* Sums of one group of 16 channels, one half of it at a time. */
typedef struct half {
    __m256 scale, shift, mean, inverse, first, second;
} half;

static inline void add_row(half *h, __m256 dz, __m256 y, __m256 low, __m256 high)
{
    __m256 g = passing(dz, y, h->scale, h->shift, low, high);
    h->first = _mm256_add_ps(h->first, g);
    h->second = _mm256_fmadd_ps(g, _mm256_mul_ps(_mm256_sub_ps(y, h->mean), h->inverse), h->second);
}

static inline half open_half(const mn_affine *affine, const float *mean, const float *inverse, int32_t c)
{
    return (half){_mm256_loadu_ps(affine->scale + c),
                  _mm256_loadu_ps(affine->shift + c),
                  _mm256_loadu_ps(mean + c),
                  _mm256_loadu_ps(inverse + c),
                  _mm256_setzero_ps(),
                  _mm256_setzero_ps()};
}

void mn_train_gradient_sums_avx2(const float *dz, const float *y, int32_t stride, int32_t rows, int32_t channels,
                                 const mn_affine *affine, const float *mean, const float *inverse_deviation,
                                 float *first, float *second)
{
    __m256 low = _mm256_set1_ps(affine->low), high = _mm256_set1_ps(affine->high);
    for (int32_t c = 0; c < channels; c += MN_PANEL) {
        int32_t count = channels - c;
        half h0 = open_half(affine, mean, inverse_deviation, c), h1 = open_half(affine, mean, inverse_deviation, c + 8);
        const float *p = y + c, *d = dz + c;
        for (int32_t r = 0; r < rows; r++, p += stride, d += stride) {
            __m256 y0, y1, d0, d1;
            mn_load16(p, count, &y0, &y1);
            mn_load16(d, count, &d0, &d1);
            add_row(&h0, d0, y0, low, high);
            add_row(&h1, d1, y1, low, high);
        }
        add8(first + c, count, h0.first);
        add8(first + c + 8, count - 8, h1.first);
        add8(second + c, count, h0.second);
        add8(second + c + 8, count - 8, h1.second);
    }
}

#else
typedef int mn_train_norm_avx2_is_empty; /* C wants a declaration */
#endif
