/* Batch norm's share of training for AVX-512: activation and gradient into panels, and their sums by channel. */
#include "kernels/x86/train_avx512.h"
#if defined(MN_AVX512)
#include "kernels/unroll.h"

/* Rows that go through a panel together: the dense rows are read from front to back nearly, and a panel's vectors are
 * loaded once for all of them. */
#define ROWS 4

typedef struct affine16 {
    vec scale, shift, low, high;
} affine16;

static inline affine16 affine_at(const mn_affine *affine, int32_t c)
{
    return (affine16){vec_load(affine->scale + c), vec_load(affine->shift + c), vec_all(affine->low),
                      vec_all(affine->high)};
}

/* dz where low < y * scale + shift < high, else 0. */
static inline vec passing(vec dz, vec y, const affine16 *f)
{
    vec z = vec_fma(y, f->scale, f->shift);
    __mmask16 above = _mm512_cmp_ps_mask(z, f->low, _CMP_GT_OQ);
    return _mm512_maskz_mov_ps(above & _mm512_cmp_ps_mask(z, f->high, _CMP_LT_OQ), dz);
}

/* Lanes past the part are zero: every one of them is read as zero, and clamped only where it exists. */
MN_INLINE void activate_panel(const float *y, int32_t rows, int32_t stride, vec_part part, affine16 f, float *out)
{
    for (int32_t r = 0; r < rows; r++, y += stride, out += MN_PANEL) {
        vec z = vec_at_most(vec_at_least(vec_fma(vec_load_part(y, part), f.scale, f.shift), f.low), f.high);
        vec_store(out, _mm512_maskz_mov_ps(part, z));
    }
}

void mn_train_activate_avx512(const float *y, int32_t stride, int32_t rows, int32_t channels, const mn_affine *affine,
                              float *panels, int32_t pitch)
{
    for (int32_t r = 0; r < rows; r += ROWS, y += (size_t)ROWS * (size_t)stride) {
        float *out = panels + (size_t)r * MN_PANEL;
        int32_t some = rows - r < ROWS ? rows - r : ROWS;
        for (int32_t c = 0; c < channels; c += MN_PANEL, out += (size_t)pitch * MN_PANEL) {
            affine16 f = affine_at(affine, c);
            if (some == ROWS && channels - c >= MN_PANEL)
                activate_panel(y + c, ROWS, stride, 0xffff, f, out);
            else
                activate_panel(y + c, some, stride, vec_first(channels - c), f, out);
        }
    }
}

/* The same for dy = a * g + (b * y + c). */
typedef struct chain16 {
    affine16 f;
    vec a, b, c;
} chain16;

MN_INLINE void gradient_panel(const float *dz, const float *y, int32_t rows, int32_t stride, vec_part part,
                              const chain16 *k, float *out)
{
    for (int32_t r = 0; r < rows; r++, y += stride, dz += stride, out += MN_PANEL) {
        vec value = vec_load_part(y, part), g = passing(vec_load_part(dz, part), value, &k->f);
        vec_store(out, _mm512_maskz_mov_ps(part, vec_fma(k->a, g, vec_fma(k->b, value, k->c))));
    }
}

void mn_train_gradient_avx512(const float *dz, const float *y, int32_t stride, int32_t rows, int32_t channels,
                              const mn_chain *chain, float *panels, int32_t pitch)
{
    size_t step = (size_t)ROWS * (size_t)stride;
    for (int32_t r = 0; r < rows; r += ROWS, y += step, dz += step) {
        float *out = panels + (size_t)r * MN_PANEL;
        int32_t some = rows - r < ROWS ? rows - r : ROWS;
        for (int32_t c = 0; c < channels; c += MN_PANEL, out += (size_t)pitch * MN_PANEL) {
            chain16 k = {affine_at(&chain->affine, c), vec_load(chain->a + c), vec_load(chain->b + c),
                         vec_load(chain->c + c)};
            if (some == ROWS && channels - c >= MN_PANEL)
                gradient_panel(dz + c, y + c, ROWS, stride, 0xffff, &k, out);
            else
                gradient_panel(dz + c, y + c, some, stride, vec_first(channels - c), &k, out);
        }
    }
}

static inline void add_part(float *sum, vec_part part, vec value)
{
    vec_store_part(sum, part, vec_add(vec_load_part(sum, part), value));
}

void mn_train_statistics_avx512(const float *y, int32_t stride, int32_t rows, int32_t channels, const float *origin,
                                float *first, float *second)
{
    for (int32_t c = 0; c < channels; c += MN_PANEL) {
        vec_part part = vec_first(channels - c);
        vec from = vec_load_part(origin + c, part), s[4], q[4];
        for (int i = 0; i < 4; i++)
            s[i] = q[i] = vec_zero();
        const float *p = y + c;
        int32_t r = 0;
        for (; r + 4 <= rows; r += 4) {
            MN_UNROLL
            for (int i = 0; i < 4; i++, p += stride) {
                vec d = vec_sub(vec_load_part(p, part), from);
                s[i] = vec_add(s[i], d);
                q[i] = vec_fma(d, d, q[i]);
            }
        }
        for (; r < rows; r++, p += stride) {
            vec d = vec_sub(vec_load_part(p, part), from);
            s[0] = vec_add(s[0], d);
            q[0] = vec_fma(d, d, q[0]);
        }
        add_part(first + c, part, vec_add(vec_add(s[0], s[1]), vec_add(s[2], s[3])));
        add_part(second + c, part, vec_add(vec_add(q[0], q[1]), vec_add(q[2], q[3])));
    }
}

void mn_train_gradient_sums_avx512(const float *dz, const float *y, int32_t stride, int32_t rows, int32_t channels,
                                   const mn_affine *affine, const float *mean, const float *inverse_deviation,
                                   float *first, float *second)
{
    for (int32_t c = 0; c < channels; c += MN_PANEL) {
        vec_part part = vec_first(channels - c);
        affine16 f = affine_at(affine, c);
        vec middle = vec_load(mean + c), inverse = vec_load(inverse_deviation + c), s[2], q[2];
        s[0] = s[1] = q[0] = q[1] = vec_zero();
        const float *p = y + c, *d = dz + c;
        int32_t r = 0;
        for (; r + 2 <= rows; r += 2) {
            MN_UNROLL
            for (int i = 0; i < 2; i++, p += stride, d += stride) {
                vec value = vec_load_part(p, part), g = passing(vec_load_part(d, part), value, &f);
                s[i] = vec_add(s[i], g);
                q[i] = vec_fma(g, vec_mul(vec_sub(value, middle), inverse), q[i]);
            }
        }
        if (r < rows) {
            vec value = vec_load_part(p, part), g = passing(vec_load_part(d, part), value, &f);
            s[0] = vec_add(s[0], g);
            q[0] = vec_fma(g, vec_mul(vec_sub(value, middle), inverse), q[0]);
        }
        add_part(first + c, part, vec_add(s[0], s[1]));
        add_part(second + c, part, vec_add(q[0], q[1]));
    }
}

#else
typedef int mn_train_norm_avx512_is_empty; /* C wants a declaration */
#endif
