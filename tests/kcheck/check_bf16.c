/* The kernels of bfloat16, their references among them. Products of two bfloat16 are exact in float, so a sum is within the
 * bound of float sums of that in double; what is written must be one of the roundings of the numbers within the bound.
 * Where there are special values, the reference says what comes out.
 */
#include <math.h>
#include <string.h>

#include "kcheck/kcheck.h"

extern const mn_gemm_kernel mn_gemm_bf16_8x16_reference;
extern const mn_dwconv_kernel mn_dwconv_bf16_reference, mn_dwconv_f32_reference;
extern const mn_pool_kernel mn_pool_bf16_reference;
extern const mn_narrow_kernel mn_narrow_bf16_reference;

#define STEP 0x1p-7 /* of bfloat16, relative, at most */

enum { SLOT_A, SLOT_B, SLOT_PACKED, SLOT_PACKED_REFERENCE, SLOT_C, SLOT_C_REFERENCE, SLOT_BIAS, SLOT_CUT };

static mn_bf16 *numbers(int slot, size_t count)
{
    return kcheck_bytes(slot, count * sizeof(mn_bf16));
}

/* Like kcheck_value, with numbers below the normal ones among the special. */
static mn_bf16 value(uint64_t stream, uint64_t i, bool special)
{
    return special && i % 61 == 0 ? (mn_bf16)(1 + i % 100) : mn_bf16_round(kcheck_value(stream, i, special));
}

static mn_bf16 *fill(int slot, size_t count, uint64_t stream, bool special)
{
    mn_bf16 *values = numbers(slot, count);
    for (size_t i = 0; i < count; i++)
        values[i] = value(stream, i, special);
    return values;
}

typedef struct problem {
    int32_t m, n, segments, k;
    bool groups, bias, clamp, float_c, wide_c, special;
} problem;

/* Whether `got` is what a number within `bound` of `want` may be rounded to. */
static bool rounded(float got, double want, double bound)
{
    return got >= mn_bf16_widen(mn_bf16_round((float)(want - bound))) &&
           got <= mn_bf16_widen(mn_bf16_round((float)(want + bound)));
}

/* A's strides for the problem, and how many elements it spans. */
static size_t lay_out_a(const problem *p, mn_gemm_args *g)
{
    g->k_stride = 1;
    g->group_rows = p->m;
    if (p->groups && p->m > 1) { /* windows that overlap, as a convolution's do */
        g->group_rows = (p->m + 2) / 3;
        g->row_stride = (p->k + 1) / 2;
        g->segment_stride = (g->group_rows - 1) * g->row_stride + p->k;
        g->group_stride = g->segment_stride;
        int32_t groups = (p->m + g->group_rows - 1) / g->group_rows;
        return (size_t)(groups - 1 + p->segments) * (size_t)g->segment_stride;
    }
    g->row_stride = (ptrdiff_t)p->segments * p->k + 3;
    g->segment_stride = p->k;
    return (size_t)(p->m - 1) * (size_t)g->row_stride + (size_t)p->segments * (size_t)p->k;
}

static double exact(const mn_gemm_args *g, const float *b, int32_t i, int32_t j, double *magnitude)
{
    double sum = g->bias ? g->bias[j] : 0, total = fabs(sum);
    const mn_bf16 *row = g->a16 + i / g->group_rows * g->group_stride + i % g->group_rows * g->row_stride;
    for (int32_t s = 0; s < g->segments; s++)
        for (int32_t k = 0; k < g->k; k++) {
            float y = mn_bf16_widen(mn_bf16_round(b[(s * g->k + k) * g->n + j]));
            double product = (double)mn_bf16_widen(row[s * g->segment_stride + k]) * y;
            sum += product;
            total += fabs(product);
        }
    *magnitude = total;
    return sum < g->low ? g->low : sum > g->high ? g->high : sum;
}

/* Packs B [segments * k, n] for a kernel and gives its product C, in a slot that ends with its last element. */
static void pack(const mn_gemm_kernel *kernel, const problem *p, const float *b, int slot, mn_gemm_args *g)
{
    size_t panels = (size_t)((p->n + kernel->tile_columns - 1) / kernel->tile_columns);
    g->panel_stride = mn_panel_elements(kernel, p->segments, p->k);
    mn_bf16 *packed = numbers(slot, panels * g->panel_stride);
    kernel->pack(&(mn_pack_args){.n = p->n,
                                 .k = p->segments * p->k,
                                 .segment = p->k,
                                 .source = b,
                                 .n_stride = 1,
                                 .k_stride = p->n,
                                 .packed16 = packed});
    g->b16 = packed;
}

static void make_c(const problem *p, int slot, mn_gemm_args *g)
{
    size_t count = (size_t)(p->m - 1) * (size_t)g->c_row_stride + (size_t)p->n;
    g->c = kcheck_bytes(slot, count * (p->float_c ? sizeof(float) : sizeof(mn_bf16)));
}

static float c_at(const mn_gemm_args *g, ptrdiff_t at)
{
    return g->float_c ? g->c[at] : mn_bf16_widen(g->c16[at]);
}

static void compare(const mn_gemm_args *g, const mn_gemm_args *r, const problem *p, const float *b,
                    kcheck_result *result)
{
    for (int32_t i = 0; i < p->m; i++) {
        for (int32_t j = 0; j < p->n; j++) {
            float got = c_at(g, i * g->c_row_stride + j), reference = c_at(r, i * g->c_row_stride + j);
            double magnitude, want = exact(g, b, i, j, &magnitude);
            double bound = 0x1p-24 * ((double)p->segments * p->k + 2) * magnitude + 1e-30;
            bool right = p->special   ? kcheck_close(got, reference,
                                                     2 * (isfinite(bound) ? bound : 0) + STEP * fabs((double)reference))
                         : p->float_c ? kcheck_close(got, (float)want, bound)
                                      : rounded(got, want, bound);
            if (!right)
                kcheck_fail(result, "m %d n %d segments %d k %d: %.9g, must be %.9g, reference %.9g, at [%d, %d]", p->m,
                            p->n, p->segments, p->k, (double)got, want, (double)reference, i, j);
        }
        for (ptrdiff_t j = p->n; i + 1 < p->m && j < g->c_row_stride; j++)
            if (!isnan(c_at(g, i * g->c_row_stride + j)))
                kcheck_fail(result, "m %d n %d: wrote past the end of row %d", p->m, p->n, i);
    }
    if (!kcheck_front_is_whole(SLOT_C) || !kcheck_front_is_whole(SLOT_PACKED))
        kcheck_fail(result, "m %d n %d: wrote before the start", p->m, p->n);
}

/* Row by row and panel by panel: the bits must be those of the whole. */
static void check_cuts(const mn_gemm_kernel *kernel, const mn_gemm_args *whole, const problem *p, kcheck_result *result)
{
    mn_gemm_args cut = *whole;
    make_c(p, SLOT_CUT, &cut);
    for (int32_t j = 0; j < p->n; j += kernel->tile_columns)
        for (int32_t i = 0; i < p->m; i++) {
            mn_gemm_args part = cut;
            part.m = 1;
            part.n = p->n - j < kernel->tile_columns ? p->n - j : kernel->tile_columns;
            part.a16 += i / cut.group_rows * cut.group_stride + i % cut.group_rows * cut.row_stride;
            part.b16 += (size_t)(j / kernel->tile_columns) * cut.panel_stride;
            part.bias = cut.bias ? cut.bias + j : NULL;
            if (p->float_c)
                part.c = cut.c + i * cut.c_row_stride + j;
            else
                part.c16 = cut.c16 + i * cut.c_row_stride + j;
            kernel->run(&part);
        }
    for (int32_t i = 0; i < p->m; i++)
        for (int32_t j = 0; j < p->n; j++) {
            float one = c_at(&cut, i * cut.c_row_stride + j), all = c_at(whole, i * cut.c_row_stride + j);
            if (memcmp(&one, &all, sizeof one) != 0) {
                kcheck_fail(result, "m %d n %d k %d: other bits when cut into rows and panels", p->m, p->n, p->k);
                return;
            }
        }
}

static void check_gemm(const mn_gemm_kernel *kernel, const problem *p, kcheck_result *result)
{
    mn_gemm_args g = {
        .m = p->m,
        .n = p->n,
        .segments = p->segments,
        .k = p->k,
        .c_row_stride = p->n + (p->wide_c ? 5 : 0),
        .low = p->clamp ? -0.25f : -INFINITY,
        .high = p->clamp ? 0.5f : INFINITY,
        .float_c = p->float_c,
    };
    g.a16 = fill(SLOT_A, lay_out_a(p, &g), 1, p->special);
    size_t length = (size_t)p->segments * (size_t)p->k;
    float *b = kcheck_floats(SLOT_B, length * (size_t)p->n), *bias = kcheck_floats(SLOT_BIAS, (size_t)p->n);
    for (size_t i = 0; i < length * (size_t)p->n; i++)
        b[i] = kcheck_value(2, i, false);
    for (int32_t j = 0; j < p->n; j++)
        bias[j] = kcheck_value(3, (uint64_t)j, false);
    g.bias = p->bias ? bias : NULL;
    mn_gemm_args r = g;
    pack(kernel, p, b, SLOT_PACKED, &g);
    make_c(p, SLOT_C, &g);
    pack(&mn_gemm_bf16_8x16_reference, p, b, SLOT_PACKED_REFERENCE, &r);
    make_c(p, SLOT_C_REFERENCE, &r);
    kernel->run(&g);
    mn_gemm_bf16_8x16_reference.run(&r);
    compare(&g, &r, p, b, result);
    if (!p->special)
        check_cuts(kernel, &g, p, result);
    result->cases++;
}

static problem flagged(int32_t m, int32_t n, int32_t segments, int32_t k, uint32_t flags)
{
    return (problem){
        .m = m,
        .n = n,
        .segments = segments,
        .k = k,
        .bias = (flags & 1) != 0,
        .clamp = (flags & 2) != 0,
        .float_c = (flags & 4) != 0,
        .wide_c = (flags & 8) != 0,
        .groups = (flags & 32) != 0,
        .special = (flags & 0xc0) == 0xc0,
    };
}

void kcheck_gemm_bf16(const mn_gemm_kernel *kernel, kcheck_result *result)
{
    static const int32_t lengths[] = {1, 2, 9, 27};
    uint32_t flags = 0;
    for (int32_t n = 1; n <= 67; n++)
        for (int32_t m = 1; m <= 15; m++)
            for (size_t l = 0; l < 4; l++, flags += 37) {
                problem p = flagged(m, n, (int32_t)(flags % 3) + 1, lengths[l], flags);
                check_gemm(kernel, &p, result);
            }
    for (int32_t k = 1; k <= 67; k++)
        for (int32_t m = 1; m <= 37; m += 6)
            for (int32_t n = 7; n <= 155; n += 37, flags += 37) {
                problem p = flagged(m, n, 1, k, flags);
                check_gemm(kernel, &p, result);
            }
    for (int32_t m = 1; m <= 67; m++, flags += 37) {
        problem p = flagged(m, 70, 2, 64, flags);
        check_gemm(kernel, &p, result);
    }
    if (result->failures > 0) /* the layers of MobileNets take longest */
        return;
    for (int32_t k = 8; k <= 1024; k *= 2)
        for (int32_t n = k; n <= 2 * k && n <= 1024; n *= 2)
            for (int32_t m = 1; m <= 49; m += k * n <= 32768 ? 12 : 48, flags += 37) {
                problem p = flagged(k * n <= 32768 || m == 1 ? m : 13, n, 1, k, flags & 0xf);
                check_gemm(kernel, &p, result);
            }
    problem classifier = {.m = 8, .n = 1000, .segments = 1, .k = 256, .bias = true, .float_c = true};
    check_gemm(kernel, &classifier, result);
    for (int32_t channels = 8; channels <= 128; channels *= 4) {
        problem stem = {.m = 37, .n = channels, .segments = 3, .k = 9, .groups = true, .bias = true, .clamp = true};
        problem conv = {.m = 7, .n = channels, .segments = 3, .k = 3 * channels, .groups = true, .bias = true};
        check_gemm(kernel, &stem, result);
        check_gemm(kernel, &conv, result);
    }
}

static void check_dwconv(const mn_dwconv_kernel *kernel, mn_dwconv_args d, int32_t rows, bool special,
                         kcheck_result *result)
{
    bool gaps = (d.channels + d.pad_top) % 2 == 0; /* between pixels */
    d.in_stride = gaps ? d.channels + 3 : 0;
    d.out_stride = gaps ? d.channels + 5 : 0;
    size_t in_pixel = (size_t)(gaps ? d.in_stride : d.channels), out_pixel = (size_t)(gaps ? d.out_stride : d.channels);
    size_t taps = (size_t)d.kernel_height * (size_t)d.kernel_width, row = (size_t)d.out_width * out_pixel;
    float *weights = kcheck_floats(SLOT_B, taps * (size_t)d.channels), *bias;
    for (size_t i = 0; i < taps * (size_t)d.channels; i++)
        weights[i] = kcheck_value(2, i, false);
    if (d.channels % 3 != 0) {
        d.bias = bias = kcheck_floats(SLOT_BIAS, (size_t)d.channels);
        for (int32_t c = 0; c < d.channels; c++)
            bias[c] = kcheck_value(3, (uint64_t)c, false);
    }
    bool clamped = d.channels % 2 == 0;
    d.low = clamped ? -0.25f : -INFINITY;
    d.high = clamped ? 0.5f : INFINITY;
    size_t in_count = ((size_t)d.in_height * (size_t)d.in_width - 1) * in_pixel + (size_t)d.channels;
    d.in16 = fill(SLOT_A, in_count, 1, special);
    d.weights = weights;
    d.row_begin = rows > 2 ? 1 : 0;
    d.row_end = rows;
    size_t count = (size_t)(d.row_end - d.row_begin) * row - out_pixel + (size_t)d.channels;
    mn_dwconv_args r = d, sums = d, cut = d;
    d.out16 = numbers(SLOT_C, count);
    r.out16 = numbers(SLOT_C_REFERENCE, count);
    kernel->run(&d);
    mn_dwconv_bf16_reference.run(&r);
    float *wide = kcheck_floats(SLOT_PACKED, in_count);
    for (size_t i = 0; i < in_count; i++)
        wide[i] = mn_bf16_widen(d.in16[i]);
    sums.in = wide;
    sums.out = kcheck_floats(SLOT_PACKED_REFERENCE, count);
    mn_dwconv_f32_reference.run(&sums);
    result->cases++;
    double bound = 2 * ((double)taps + 2) * 0x1p-24 * ((double)taps + 1);
    for (size_t i = 0; i < count; i++) {
        float got = mn_bf16_widen(d.out16[i]), want = mn_bf16_widen(r.out16[i]);
        bool gap = i % out_pixel >= (size_t)d.channels;
        if (gap || special ? !kcheck_close(got, want, bound + STEP * fabs((double)want))
                           : !rounded(got, sums.out[i], bound)) {
            kcheck_fail(result,
                        "map %dx%d, %d channels, kernel %dx%d, stride %d, pads %d %d: %.9g, reference %.9g, at %zu",
                        d.in_height, d.in_width, d.channels, d.kernel_height, d.kernel_width, d.stride, d.pad_top,
                        d.pad_left, (double)got, (double)want, i);
            return;
        }
    }
    if (!kcheck_front_is_whole(SLOT_C))
        kcheck_fail(result, "map %dx%d, %d channels: wrote before the start", d.in_height, d.in_width, d.channels);
    mn_bf16 *all = numbers(SLOT_CUT, count);
    for (int32_t y = d.row_begin; y < d.row_end; y++) {
        cut.row_begin = y;
        cut.row_end = y + 1;
        cut.out16 = all + (size_t)(y - d.row_begin) * row;
        kernel->run(&cut);
    }
    if (!special && memcmp(all, d.out16, count * sizeof *all) != 0)
        kcheck_fail(result, "map %dx%d, %d channels: other bits row by row", d.in_height, d.in_width, d.channels);
}

void kcheck_dwconv_bf16(const mn_dwconv_kernel *kernel, kcheck_result *result)
{
    kcheck_each_dwconv(kernel, check_dwconv, result);
}

void kcheck_pool_bf16(const mn_pool_kernel *kernel, kcheck_result *result)
{
    static const int32_t pixels[] = {1, 2, 7, 49, 50};
    for (int32_t channels = 1; channels <= 131; channels += channels < 67 ? 1 : 16)
        for (size_t i = 0; i < 15; i++) {
            bool special = i % 3 == 0, part = i % 3 == 1;
            mn_pool_args p = {.pixels = pixels[i / 3], .channels = channels};
            p.channel_begin = part ? channels / 3 : 0;
            p.channel_end = part ? channels - channels / 4 : channels;
            p.in_stride = special ? 0 : channels + p.pixels % 3;
            size_t pixel = (size_t)(special ? channels : p.in_stride);
            p.in16 = fill(SLOT_A, (size_t)(p.pixels - 1) * pixel + (size_t)channels, 1, special);
            mn_pool_args r = p;
            p.out16 = numbers(SLOT_C, (size_t)channels);
            r.out16 = numbers(SLOT_C_REFERENCE, (size_t)channels);
            kernel->run(&p);
            mn_pool_bf16_reference.run(&r);
            result->cases++;
            for (int32_t c = 0; c < channels; c++) {
                float got = mn_bf16_widen(p.out16[c]), want = mn_bf16_widen(r.out16[c]);
                double mean = 0, bound = (p.pixels + 2) * 0x1p-24;
                for (size_t x = 0; x < (size_t)p.pixels; x++)
                    mean += (double)mn_bf16_widen(p.in16[x * pixel + (size_t)c]) / p.pixels;
                bool written = c >= p.channel_begin && c < p.channel_end;
                if (!written || special ? !kcheck_close(got, want, 2 * bound + STEP * fabs((double)want))
                                        : !rounded(got, mean, bound))
                    kcheck_fail(result, "%d pixels, %d channels: %.9g, must be %.9g, reference %.9g, at %d", p.pixels,
                                channels, (double)got, mean, (double)want, c);
            }
            if (!kcheck_front_is_whole(SLOT_C))
                kcheck_fail(result, "%d pixels, %d channels: wrote before the start", p.pixels, channels);
        }
}

/* The reference's bits, which are also held to the definition: no bfloat16 is nearer. */
void kcheck_narrow(const mn_narrow_kernel *kernel, kcheck_result *result)
{
    static const float ties[] = {0x1.01p0f,        0x1.03p0f,   -0x1.01p0f,      0x1.010002p0f,
                                 0x1.fep127f,      0x1.ffp127f, 0x1.fefffep127f, 0x1p-126f,
                                 0x1.fffffcp-127f, 0x1p-149f,   -0x1p-130f,      0x1.fffffep-1f};
    for (size_t count = 1; count <= 67; count++) {
        float *in = kcheck_floats(SLOT_A, count);
        mn_bf16 *out = numbers(SLOT_C, count), *want = numbers(SLOT_C_REFERENCE, count);
        for (size_t i = 0; i < count; i++)
            in[i] = i < sizeof ties / sizeof *ties ? ties[i] : kcheck_value(count, i, true);
        kernel->run(in, out, count);
        mn_narrow_bf16_reference.run(in, want, count);
        result->cases++;
        for (size_t i = 0; i < count; i++) {
            double below = mn_bf16_widen((mn_bf16)(want[i] - 1)), above = mn_bf16_widen((mn_bf16)(want[i] + 1));
            double error = fabs(mn_bf16_widen(want[i]) - (double)in[i]);
            if (isfinite(in[i]) && fabsf(in[i]) >= 0x1p-126f && isfinite(mn_bf16_widen(want[i])) &&
                (error > fabs(below - (double)in[i]) || error > fabs(above - (double)in[i])))
                kcheck_fail(result, "the reference does not round %a to nearest", (double)in[i]);
            if (out[i] != want[i] && !(isnan(in[i]) && isnan(mn_bf16_widen(out[i]))))
                kcheck_fail(result, "%a becomes %04x, reference %04x, of %zu", (double)in[i], out[i], want[i], count);
        }
        if (!kcheck_front_is_whole(SLOT_C))
            kcheck_fail(result, "%zu values: wrote before the start", count);
    }
}
