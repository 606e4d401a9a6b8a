/* The matrix product: every n of 1..67 with all small m, every k of 1..67, long sums, transposed A, convolution
 * windows, bias, clamp, accumulation, special values; the sizes of MobileNet's layers; and the same bits however the work
 * is cut.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kcheck/kcheck.h"

extern const mn_gemm_kernel mn_gemm_f32_8x16_reference;

typedef struct problem {
    int32_t m, n, segments, k;
    bool transposed, groups, bias, clamp, accumulate, special, wide_c;
} problem;

enum { SLOT_A, SLOT_B, SLOT_PACKED, SLOT_PACKED_REFERENCE, SLOT_C, SLOT_C_REFERENCE, SLOT_BIAS, SLOT_CUT };

/* A's strides for the problem, and how many floats it spans. */
static size_t lay_out_a(const problem *p, mn_gemm_args *args)
{
    int32_t k = p->k;
    args->group_rows = p->m;
    if (p->transposed) { /* A^T of a plain matrix [segments * k, m] */
        args->row_stride = 1;
        args->k_stride = p->m;
        args->segment_stride = (ptrdiff_t)k * p->m;
        return (size_t)p->segments * (size_t)k * (size_t)p->m;
    }
    if (p->groups && p->m > 1) { /* windows that overlap, as a convolution's do */
        args->group_rows = (p->m + 2) / 3;
        args->row_stride = (k + 1) / 2;
        args->k_stride = 1;
        int32_t width = (args->group_rows - 1) * (int32_t)args->row_stride + k;
        args->segment_stride = width;
        args->group_stride = width;
        int32_t groups = (p->m + args->group_rows - 1) / args->group_rows;
        return (size_t)(groups - 1 + p->segments) * (size_t)width;
    }
    args->row_stride = (ptrdiff_t)p->segments * k + 3;
    args->k_stride = 1;
    args->segment_stride = k;
    return (size_t)(p->m - 1) * (size_t)args->row_stride + (size_t)p->segments * (size_t)k;
}

static size_t a_index(const mn_gemm_args *g, int32_t i, int32_t s, int32_t k)
{
    return (size_t)(i / g->group_rows * g->group_stride + i % g->group_rows * g->row_stride + s * g->segment_stride +
                    k * g->k_stride);
}

/* The sum in double, and the sum of magnitudes. */
static double exact(const mn_gemm_args *g, const float *b, float start, int32_t i, int32_t j, double *magnitude)
{
    double sum = start, total = fabs((double)start);
    for (int32_t s = 0; s < g->segments; s++)
        for (int32_t k = 0; k < g->k; k++) {
            double product = (double)g->a[a_index(g, i, s, k)] * b[(size_t)(s * g->k + k) * (size_t)g->n + (size_t)j];
            sum += product;
            total += fabs(product);
        }
    *magnitude = total;
    return sum < g->low ? g->low : sum > g->high ? g->high : sum;
}

static const float *pack(const mn_gemm_kernel *kernel, int slot, const problem *p, const float *b, bool transposed)
{
    int32_t length = p->segments * p->k;
    float *packed = kcheck_floats(slot, mn_packed_floats(kernel, p->n, length));
    kernel->pack(&(mn_pack_args){.n = p->n,
                                 .k = length,
                                 .source = b,
                                 .n_stride = transposed ? length : 1,
                                 .k_stride = transposed ? 1 : p->n,
                                 .packed = packed});
    return packed;
}

static void fill_c(float *c, const problem *p, size_t stride)
{
    for (int32_t i = 0; i < p->m; i++)
        for (int32_t j = 0; j < p->n; j++)
            c[(size_t)i * stride + (size_t)j] = p->accumulate ? kcheck_value(4, (uint64_t)(i * p->n + j), false) : NAN;
}

/* The same product cut into rows, panels and parts of the sum: the bits must be those of the whole. */
static void check_cuts(const mn_gemm_kernel *kernel, const mn_gemm_args *whole, const problem *p, const float *want,
                       kcheck_result *result)
{
    size_t stride = (size_t)whole->c_row_stride;
    float *c = kcheck_floats(SLOT_CUT, (size_t)(p->m - 1) * stride + (size_t)p->n);
    fill_c(c, p, stride);
    int32_t step = kernel->tile_columns;
    for (int32_t j = 0; j < p->n; j += step)
        for (int32_t i = 0; i < p->m; i++) {
            mn_gemm_args part = *whole;
            part.m = 1;
            part.n = p->n - j < step ? p->n - j : step;
            part.a = whole->a + a_index(whole, i, 0, 0);
            part.b = whole->b + (size_t)(j / step) * whole->panel_stride;
            part.c = c + (size_t)i * stride + (size_t)j;
            part.bias = whole->bias ? whole->bias + j : NULL;
            int32_t cut = p->segments == 1 ? p->k / 2 : 0;
            if (cut > 0) {
                part.k = cut;
                part.low = -INFINITY;
                part.high = INFINITY;
                kernel->run(&part);
                part.a += cut * part.k_stride;
                part.b += (size_t)cut * (size_t)step;
                part.k = p->k - cut;
                part.accumulate = true;
                part.low = whole->low;
                part.high = whole->high;
            }
            kernel->run(&part);
        }
    for (int32_t i = 0; i < p->m; i++)
        if (memcmp(c + (size_t)i * stride, want + (size_t)i * stride, (size_t)p->n * sizeof *c) != 0) {
            kcheck_fail(result, "m %d n %d k %d: other bits when cut into rows, panels and half sums", p->m, p->n,
                        p->k);
            return;
        }
}

static void compare(const mn_gemm_args *g, const problem *p, const float *b, const float *reference,
                    kcheck_result *result)
{
    double n = (double)p->segments * p->k + 2;
    size_t stride = (size_t)g->c_row_stride;
    for (int32_t i = 0; i < p->m; i++)
        for (int32_t j = 0; j < p->n; j++) {
            size_t at = (size_t)i * stride + (size_t)j;
            float start = p->accumulate ? kcheck_value(4, (uint64_t)(i * p->n + j), false) : g->bias ? g->bias[j] : 0;
            double magnitude, want = exact(g, b, start, i, j, &magnitude), bound = 0x1p-24 * n * magnitude;
            if (!p->special && !kcheck_close(reference[at], (float)want, bound + 1e-30))
                kcheck_fail(result, "m %d n %d k %d: the reference has %.9g, not %.9g, at [%d, %d]", p->m, p->n, p->k,
                            (double)reference[at], want, i, j);
            if (!kcheck_close(g->c[at], reference[at], isfinite(bound) ? 2 * bound + 1e-30 : 0))
                kcheck_fail(result, "m %d n %d segments %d k %d: %.9g, reference %.9g, at [%d, %d]", p->m, p->n,
                            p->segments, p->k, (double)g->c[at], (double)reference[at], i, j);
        }
    /* Between rows of C nothing is written. */
    for (int32_t i = 0; i + 1 < p->m; i++)
        for (size_t j = (size_t)p->n; j < stride; j++)
            if (!isnan(g->c[(size_t)i * stride + j]))
                kcheck_fail(result, "m %d n %d: wrote past the end of row %d", p->m, p->n, i);
    if (!kcheck_front_is_whole(SLOT_C) || !kcheck_front_is_whole(SLOT_PACKED))
        kcheck_fail(result, "m %d n %d: wrote before the start", p->m, p->n);
}

static void check(const mn_gemm_kernel *kernel, const problem *p, kcheck_result *result)
{
    size_t length = (size_t)p->segments * (size_t)p->k, stride = (size_t)p->n + (p->wide_c ? 5 : 0);
    mn_gemm_args g = {.m = p->m, .n = p->n, .segments = p->segments, .k = p->k, .accumulate = p->accumulate};
    size_t a_floats = lay_out_a(p, &g);
    float *a = kcheck_floats(SLOT_A, a_floats), *b = kcheck_floats(SLOT_B, length * (size_t)p->n);
    for (size_t i = 0; i < a_floats; i++)
        a[i] = kcheck_value(1, i, p->special);
    bool pack_transposed = p->n % 2 == 0;
    for (size_t i = 0; i < length; i++)
        for (size_t j = 0; j < (size_t)p->n; j++)
            b[pack_transposed ? j * length + i : i * (size_t)p->n + j] = kcheck_value(2, i * (size_t)p->n + j, false);
    g.a = a;
    g.low = p->clamp ? -0.25f : -INFINITY;
    g.high = p->clamp ? 0.5f : INFINITY;
    if (p->bias) {
        float *bias = kcheck_floats(SLOT_BIAS, (size_t)p->n);
        for (int32_t j = 0; j < p->n; j++)
            bias[j] = kcheck_value(3, (uint64_t)j, false);
        g.bias = bias;
    }
    g.c_row_stride = (ptrdiff_t)stride;
    g.b = pack(kernel, SLOT_PACKED, p, b, pack_transposed);
    g.panel_stride = (size_t)kernel->tile_columns * length;
    g.c = kcheck_floats(SLOT_C, (size_t)(p->m - 1) * stride + (size_t)p->n);
    fill_c(g.c, p, stride);
    mn_gemm_args r = g;
    r.b = pack(&mn_gemm_f32_8x16_reference, SLOT_PACKED_REFERENCE, p, b, pack_transposed);
    r.panel_stride = (size_t)mn_gemm_f32_8x16_reference.tile_columns * length;
    r.c = kcheck_floats(SLOT_C_REFERENCE, (size_t)(p->m - 1) * stride + (size_t)p->n);
    fill_c(r.c, p, stride);
    kernel->run(&g);
    mn_gemm_f32_8x16_reference.run(&r);
    for (size_t i = 0; i < length; i++) /* back to [k, n] for the exact sum */
        for (size_t j = 0; j < (size_t)p->n; j++)
            b[i * (size_t)p->n + j] = kcheck_value(2, i * (size_t)p->n + j, false);
    compare(&g, p, b, r.c, result);
    if (!p->special)
        check_cuts(kernel, &g, p, g.c, result);
    result->cases++;
}

/* A problem whose flags are the bits of `flags`. */
static problem flagged(int32_t m, int32_t n, int32_t segments, int32_t k, uint32_t flags)
{
    return (problem){
        .m = m,
        .n = n,
        .segments = segments,
        .k = k,
        .bias = (flags & 1) != 0,
        .clamp = (flags & 2) != 0,
        .accumulate = (flags & 4) != 0,
        .wide_c = (flags & 8) != 0,
        .transposed = (flags & 16) != 0,
        .groups = (flags & 32) != 0,
        .special = (flags & 0xc0) == 0xc0,
    };
}

/* The layers of MobileNets of alpha 0.25 to 1: pointwise ones of K to K or 2 K channels, the classifier, the stem, and the
 * paper's standard convolutions; few rows each. */
static void check_layers(const mn_gemm_kernel *kernel, uint32_t flags, kcheck_result *result)
{
    for (int32_t k = 8; k <= 1024; k *= 2)
        for (int32_t n = k; n <= 2 * k && n <= 1024; n *= 2)
            for (int32_t m = 1; m <= 49; m += k * n <= 32768 ? 12 : 48, flags += 37) {
                problem p = flagged(k * n <= 32768 || m == 1 ? m : 13, n, 1, k, flags & 0xf);
                check(kernel, &p, result);
            }
    for (int32_t k = 256; k <= 1024; k *= 2) {
        problem p = {.m = k == 256 ? 8 : 1, .n = 1000, .segments = 1, .k = k, .bias = true};
        check(kernel, &p, result);
    }
    for (int32_t channels = 8; channels <= 512; channels *= 4) {
        problem stem = {.m = 37, .n = channels, .segments = 3, .k = 9, .groups = true, .bias = true, .clamp = true};
        problem conv = {.m = 7, .n = channels, .segments = 3, .k = 3 * channels, .groups = true, .bias = true};
        check(kernel, &stem, result);
        check(kernel, &conv, result);
    }
}

void kcheck_gemm(const mn_gemm_kernel *kernel, kcheck_result *result)
{
    static const int32_t lengths[] = {0, 1, 2, 9, 27};
    uint32_t flags = 0;
    for (int32_t n = 1; n <= 67; n++)
        for (int32_t m = 1; m <= 15; m++)
            for (size_t l = 0; l < 5; l++, flags += 37) {
                problem p = flagged(m, n, flags % 3 + 1, lengths[l], flags);
                check(kernel, &p, result);
            }
    for (int32_t k = 1; k <= 67; k++)
        for (int32_t m = 1; m <= 25; m += 6)
            for (int32_t n = 7; n <= 81; n += 37, flags += 37) {
                problem p = flagged(m, n, 1, k, flags);
                check(kernel, &p, result);
            }
    static const int32_t longer[] = {383, 384, 385, 512, 777, 1100};
    for (size_t l = 0; l < 6; l++)
        for (int32_t m = 1; m <= 49; m += 8, flags += 37) {
            problem p = flagged(m, 40, 1 + (int32_t)(l & 1), longer[l], flags);
            check(kernel, &p, result);
        }
    if (result->failures == 0) /* they take longest */
        check_layers(kernel, flags, result);
}
