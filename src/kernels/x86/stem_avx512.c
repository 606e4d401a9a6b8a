/* The stem of a narrow network with AVX-512: 3x3, stride 2, three channels in and at most eight out. As a product it would
 * use half of each vector or less, so here lanes are pixels.
 *
 * A row of the image is first taken apart into six planes, one for each channel of the even and of the odd pixels: tap
 * (kh, kw, c) of sixteen neighbouring outputs is then sixteen neighbours of a plane. A plane is read again for every tap
 * and output row that meets it; those of three rows, a ring, stay in L1 (of images up to some 1000 pixels wide). Thirty-two
 * pixels of eight channels are sixteen sums in registers, turned into pixels of eight channels where they are stored.
 */
#include "kernels/x86/vector_avx512.h"
#if defined(MN_AVX512)
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/unroll.h"

#define CHANNELS 8
#define PLANES   6
#define ROWS     3 /* of planes, in a ring */
#define VECTORS  2 /* of pixels, in a tile */

/* Floats of a plane: whole tiles, and the pixel to the right of the last. */
static int32_t plane_floats(int32_t out_width)
{
    return (out_width + VECTORS * VEC_LANES - 1) / (VECTORS * VEC_LANES) * VECTORS * VEC_LANES + VEC_LANES;
}

static size_t scratch_floats(int32_t out_width)
{
    return (size_t)ROWS * PLANES * (size_t)plane_floats(out_width);
}

/* row[at .. at + 15], zeros outside row[0 .. count - 1]. */
VEC_INLINE vec load_within(const float *row, int32_t at, int32_t count)
{
    int32_t end = count - at;
    vec_part part = end > 0 ? vec_first(end) : 0;
    if (at < 0)
        part &= at > -VEC_LANES ? (vec_part)(0xffffu << -at) : 0;
    return vec_load_part(row + at, part);
}

/* Row y of the image into its planes: plane 3 p + c has channel c of pixels p - pad_left, p - pad_left + 2, ... */
static void take_apart(const mn_stem_args *s, int32_t y, float *planes)
{
    const int32_t length = plane_floats(s->out_width), count = 3 * s->in_width;
    const float *row = s->in + (ptrdiff_t)y * count;
    const int32_t present = y >= 0 && y < s->in_height ? count : 0;
    const __m512i sixes = _mm512_setr_epi32(0, 6, 12, 18, 24, 30, 36, 42, 48, 54, 60, 66, 72, 78, 84, 90);
    for (int32_t x = 0; x < length; x += VEC_LANES) {
        vec v[PLANES];
        const int32_t at = 6 * x - 3 * s->pad_left;
        if (at >= present) {
            MN_UNROLL
            for (int q = 0; q < PLANES; q++)
                vec_store(planes + q * length + x, vec_zero());
            continue;
        }
        if (at >= 0 && at + PLANES * VEC_LANES <= present) {
            MN_UNROLL
            for (int i = 0; i < PLANES; i++)
                v[i] = vec_load(row + at + i * VEC_LANES);
        } else {
            MN_UNROLL
            for (int i = 0; i < PLANES; i++)
                v[i] = load_within(row, at + i * VEC_LANES, present);
        }
        /* Lane i of plane q is number 6 i + q of the 96; each pair of vectors has a third of them. */
        MN_UNROLL
        for (int q = 0; q < PLANES; q++) {
            __m512i index = _mm512_add_epi32(sixes, _mm512_set1_epi32(q));
            vec first = _mm512_permutex2var_ps(v[0], index, v[1]);
            vec second = _mm512_permutex2var_ps(v[2], index, v[3]);
            vec third = _mm512_permutex2var_ps(v[4], index, v[5]);
            first = _mm512_mask_blend_ps((vec_part)(0xffffu << (37 - q) / 6), first, second);
            first = _mm512_mask_blend_ps((vec_part)(0xffffu << (69 - q) / 6), first, third);
            vec_store(planes + q * length + x, first);
        }
    }
}

/* One vector of pixels of each of eight channels, to `pixels` pixels from `out` on, `channels` of each. */
VEC_INLINE void store_turned(const vec *sum, float *out, ptrdiff_t stride, int32_t pixels, int32_t channels)
{
    float part[VEC_LANES * CHANNELS]; /* where only some of the pixels and channels are wanted */
    const bool whole = pixels >= VEC_LANES && channels == CHANNELS;
    float *to = whole ? out : part;
    const ptrdiff_t to_stride = whole ? stride : CHANNELS;
    vec pairs[CHANNELS], quads[CHANNELS]; /* channels 2i, 2i + 1; pixels of channels 0 to 3, then of 4 to 7 */
    MN_UNROLL
    for (int i = 0; i < CHANNELS; i += 2) {
        pairs[i] = _mm512_unpacklo_ps(sum[i], sum[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_ps(sum[i], sum[i + 1]);
    }
    MN_UNROLL
    for (int i = 0; i < CHANNELS; i += 4) {
        quads[i] = _mm512_shuffle_ps(pairs[i], pairs[i + 2], 0x44);
        quads[i + 1] = _mm512_shuffle_ps(pairs[i], pairs[i + 2], 0xee);
        quads[i + 2] = _mm512_shuffle_ps(pairs[i + 1], pairs[i + 3], 0x44);
        quads[i + 3] = _mm512_shuffle_ps(pairs[i + 1], pairs[i + 3], 0xee);
    }
    const __m512i halves = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 0, 0, 0, 0, 0, 0, 0, 0);
    MN_UNROLL
    for (int p = 0; p < VEC_LANES; p++) {
        __m512i index = _mm512_add_epi32(halves, _mm512_set1_epi32(p / 4 * 4));
        vec pixel = _mm512_permutex2var_ps(quads[p % 4], index, quads[p % 4 + 4]);
        _mm256_storeu_ps(to + p * to_stride, _mm512_castps512_ps256(pixel));
    }
    for (int32_t p = 0; !whole && p < pixels && p < VEC_LANES; p++)
        memcpy(out + p * stride, part + (ptrdiff_t)p * CHANNELS, (size_t)channels * sizeof *out);
}

/* Outputs of one row from pixel x on. `planes` are those of the three input rows. */
static void tile(const mn_stem_args *s, const float *const *planes, int32_t length, int32_t x, float *out)
{
    vec sum[VECTORS][CHANNELS];
    MN_UNROLL
    for (int n = 0; n < CHANNELS; n++)
        sum[0][n] = sum[1][n] = vec_all(n < s->channels && s->bias ? s->bias[n] : 0);
    const float *weights = s->weights;
    for (int kh = 0; kh < 3; kh++) {
        const float *row = planes[kh] + x;
        for (int kw = 0; kw < 3; kw++) {
            const float *in = row + kw % 2 * 3 * length + kw / 2;
            for (int c = 0; c < 3; c++, weights += s->weight_stride, in += length) {
                vec left = vec_load(in), right = vec_load(in + VEC_LANES);
                MN_UNROLL
                for (int n = 0; n < CHANNELS; n++) {
                    vec weight = vec_all(weights[n]);
                    sum[0][n] = vec_fma(left, weight, sum[0][n]);
                    sum[1][n] = vec_fma(right, weight, sum[1][n]);
                }
            }
        }
    }
    const vec low = vec_all(s->low), high = vec_all(s->high);
    MN_UNROLL
    for (int v = 0; v < VECTORS; v++) {
        MN_UNROLL
        for (int n = 0; n < CHANNELS; n++)
            sum[v][n] = vec_at_most(vec_at_least(sum[v][n], low), high);
        int32_t first = x + v * VEC_LANES;
        store_turned(sum[v], out + (ptrdiff_t)first * s->out_stride, s->out_stride, s->out_width - first, s->channels);
    }
}

static void run(const mn_stem_args *s)
{
    const int32_t length = plane_floats(s->out_width);
    float *const ring = s->scratch;
    int32_t next = s->row_begin * 2 - s->pad_top; /* the first row that the ring has not had */
    for (int32_t y = s->row_begin; y < s->row_end; y++) {
        const int32_t top = y * 2 - s->pad_top;
        const float *planes[3];
        for (; next < top + 3; next++)
            take_apart(s, next, ring + (next + ROWS) % ROWS * PLANES * length);
        for (int kh = 0; kh < 3; kh++)
            planes[kh] = ring + (top + kh + ROWS) % ROWS * PLANES * length;
        float *out = s->out + (ptrdiff_t)(y - s->row_begin) * s->out_width * s->out_stride;
        for (int32_t x = 0; x < s->out_width; x += VECTORS * VEC_LANES)
            tile(s, planes, length, x, out);
    }
}

extern const mn_stem_kernel mn_stem_f32_avx512;
const mn_stem_kernel mn_stem_f32_avx512 = {
    .name = "mn_stem_f32_32x8_avx512", .channels_max = CHANNELS, .scratch_floats = scratch_floats, .run = run};
#else
typedef int mn_empty;
#endif
