/* The matrix product with AVX2: tiles of 6 rows and 16 columns, 12 sums in registers, A broadcast from where it lies.
 *
 * A step of k costs two loads of B and six broadcasts of A for twelve multiply-adds, so the multiply-add units are the
 * limit. Row counts that six does not divide are cut into tiles of 4, 5 and 6 rows, which run at the same rate (eight
 * sums hide the latency); products of one to three rows take several panels at once for the same reason. Where the sum
 * is long, it is cut so that a panel and a tile of A stay in L1; the sums wait in C, and their chain goes on where it
 * stopped.
 */
#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/unroll.h"
#include "kernels/x86/pack_avx2.h"

#define ROWS    6
#define COLUMNS 16
#ifndef LONG_K
#define LONG_K 1024 /* a panel slice of 24 KB */
#endif

/* One tile: rows x (panels * vectors * 8) sums over segments * k. */
typedef struct tile_args {
    const float *a[8];
    ptrdiff_t k_stride, segment_stride;
    int32_t segments, k;
    const float *b;
    size_t panel_stride;
    float *c;
    ptrdiff_t c_row_stride;
    const float *bias; /* NULL: none */
    bool accumulate;
    float low, high;
    const float *ahead; /* what to bring into L2 meanwhile, `ahead_step` floats a step of k */
    ptrdiff_t ahead_step;
} tile_args;

/* `steps` steps of k. */
MN_INLINE void add_steps(__m256 (*sum)[8], const float *const *a, ptrdiff_t offset, ptrdiff_t k_stride, const float *b,
                         size_t panel_stride, const int rows, const int panels, const int vectors, const int steps)
{
    const int width = panels * vectors;
    MN_UNROLL
    for (int k = 0; k < steps; k++) {
        __m256 y[8];
        MN_UNROLL
        for (int v = 0; v < width; v++)
            y[v] = _mm256_loadu_ps(b + (size_t)(v / vectors) * panel_stride + 8 * (v % vectors) + k * COLUMNS);
        MN_UNROLL
        for (int r = 0; r < rows; r++) {
            __m256 x = _mm256_broadcast_ss(a[r] + offset + k * k_stride);
            MN_UNROLL
            for (int v = 0; v < width; v++)
                sum[r][v] = _mm256_fmadd_ps(x, y[v], sum[r][v]);
        }
    }
}

/* `vectors` are those of one panel (1 or 2). Where `stem` is 1, the sum is that of a 3x3 window of 3 channels: three
 * segments of nine, unrolled. All counts are constants where this is inlined. */
MN_INLINE void tile(const tile_args *t, const int rows, const int panels, const int vectors, const int stem)
{
    __m256 sum[8][8];
    const int width = panels * vectors;
    if (t->accumulate) {
        MN_UNROLL
        for (int r = 0; r < rows; r++) {
            MN_UNROLL
            for (int v = 0; v < width; v++)
                sum[r][v] = _mm256_loadu_ps(t->c + r * t->c_row_stride + 8 * v);
        }
    } else {
        MN_UNROLL
        for (int v = 0; v < width; v++)
            sum[0][v] = t->bias ? _mm256_loadu_ps(t->bias + 8 * v) : _mm256_setzero_ps();
        MN_UNROLL
        for (int r = 1; r < rows; r++) {
            MN_UNROLL
            for (int v = 0; v < width; v++)
                sum[r][v] = sum[0][v];
        }
    }
    __m256 low = _mm256_set1_ps(t->low), high = _mm256_set1_ps(t->high);
    const float *a[8], *b = t->b, *ahead = t->ahead;
    const size_t panel_stride = t->panel_stride;
    const ptrdiff_t k_stride = t->k_stride, ahead_step = t->ahead_step;
    MN_UNROLL
    for (int r = 0; r < rows; r++)
        a[r] = t->a[r];
    if (stem) {
        MN_UNROLL
        for (int s = 0; s < 3; s++)
            add_steps(sum, a, s * t->segment_stride, 1, b + s * 9 * COLUMNS, panel_stride, rows, panels, vectors, 9);
    } else {
        for (int32_t s = 0; s < t->segments; s++) {
            ptrdiff_t offset = s * t->segment_stride;
            MN_UNROLL_4
            for (int32_t k = 0; k < t->k; k++) {
                add_steps(sum, a, offset, k_stride, b, panel_stride, rows, panels, vectors, 1);
                _mm_prefetch((const char *)ahead, _MM_HINT_T1);
                ahead += ahead_step;
                offset += k_stride;
                b += COLUMNS;
            }
        }
    }
    MN_UNROLL
    for (int r = 0; r < rows; r++) {
        MN_UNROLL
        for (int v = 0; v < width; v++) {
            __m256 x = _mm256_min_ps(high, _mm256_max_ps(low, sum[r][v])); /* a NaN passes */
            _mm256_storeu_ps(t->c + r * t->c_row_stride + 8 * v, x);
        }
    }
}

#define TILE(rows, panels, vectors)                                                                                    \
    static void tile_##rows##_##panels##_##vectors(const tile_args *t)                                                 \
    {                                                                                                                  \
        tile(t, rows, panels, vectors, 0);                                                                             \
    }
#define STEM(rows, vectors)                                                                                            \
    static void stem_##rows##_##vectors(const tile_args *t)                                                            \
    {                                                                                                                  \
        tile(t, rows, 1, vectors, 1);                                                                                  \
    }
TILE(1, 1, 2)
TILE(2, 1, 2)
TILE(3, 1, 2)
TILE(4, 1, 2)
TILE(5, 1, 2)
TILE(6, 1, 2)
TILE(1, 1, 1)
TILE(2, 1, 1)
TILE(3, 1, 1)
TILE(4, 1, 1)
TILE(5, 1, 1)
TILE(6, 1, 1)
TILE(7, 1, 1)
TILE(8, 1, 1)
TILE(1, 4, 2)
TILE(2, 2, 2)
TILE(3, 2, 2)
STEM(4, 2)
STEM(5, 2)
STEM(6, 2)
STEM(7, 1)
STEM(8, 1)

typedef void tile_function(const tile_args *t);
/* [is a stem][rows] */
static tile_function *const two_vectors[2][7] = {
    {NULL, tile_1_1_2, tile_2_1_2, tile_3_1_2, tile_4_1_2, tile_5_1_2, tile_6_1_2},
    {NULL, tile_1_1_2, tile_2_1_2, tile_3_1_2, stem_4_2, stem_5_2, stem_6_2},
};
static tile_function *const one_vector[2][9] = {
    {NULL, tile_1_1_1, tile_2_1_1, tile_3_1_1, tile_4_1_1, tile_5_1_1, tile_6_1_1, tile_7_1_1, tile_8_1_1},
    {NULL, tile_1_1_1, tile_2_1_1, tile_3_1_1, tile_4_1_1, tile_5_1_1, tile_6_1_1, stem_7_1, stem_8_1},
};

/* How many rows the next tile takes of `left`, `most` at a time: as even as the end allows. */
static int32_t next_rows(int32_t left, int32_t most)
{
    if (left <= most)
        return left;
    if (left >= 2 * most + 2)
        return most;
    int32_t tiles = (left + most - 1) / most;
    return (left + tiles - 1) / tiles;
}

/* Walks the rows of A: where row i starts. */
typedef struct row_walk {
    const float *row, *group;
    int32_t left; /* rows of the group that are still to come */
} row_walk;

static inline const float *next_row(row_walk *walk, const mn_gemm_args *g)
{
    const float *row = walk->row;
    walk->row += g->row_stride;
    if (--walk->left == 0) {
        walk->left = g->group_rows;
        walk->group += g->group_stride;
        walk->row = walk->group;
    }
    return row;
}

/* A tile whose columns end within a vector: computed beside, then copied. */
static void edge_tile(tile_args *t, int32_t rows, int32_t columns, tile_function *function)
{
    float edge[8 * COLUMNS], edge_bias[COLUMNS] = {0}, *c = t->c;
    const float *bias = t->bias;
    ptrdiff_t stride = t->c_row_stride;
    if (bias) {
        memcpy(edge_bias, bias, (size_t)columns * sizeof *bias);
        t->bias = edge_bias;
    }
    if (t->accumulate)
        for (int32_t r = 0; r < rows; r++)
            memcpy(edge + r * COLUMNS, c + r * stride, (size_t)columns * sizeof *c);
    t->c = edge;
    t->c_row_stride = COLUMNS;
    function(t);
    for (int32_t r = 0; r < rows; r++)
        memcpy(c + r * stride, edge + r * COLUMNS, (size_t)columns * sizeof *c);
    t->c = c;
    t->c_row_stride = stride;
    t->bias = bias;
}

/* The rows of one panel (or of several, where few), one slice of the sum that starts at `a`. */
static void rows_of_panel(const mn_gemm_args *g, tile_args *t, const float *a, int32_t columns, tile_function *wide)
{
    int32_t most = columns <= 8 ? 8 : ROWS;
    int stem = g->segments == 3 && g->k == 9 && g->k_stride == 1;
    tile_function *const *narrow = columns <= 8 ? one_vector[stem] : two_vectors[stem];
    bool whole = wide || columns == 8 || columns == COLUMNS;
    row_walk walk = {.row = a, .group = a, .left = g->group_rows};
    int32_t tiles = (g->m + most - 1) / most;
    ptrdiff_t length = (ptrdiff_t)t->segments * t->k;
    t->ahead = t->b + length * COLUMNS;
    t->ahead_step = (COLUMNS + tiles - 1) / tiles;
    for (int32_t i = 0; i < g->m;) {
        int32_t rows = next_rows(g->m - i, most);
        if (walk.left > rows) { /* all in one group */
            for (int32_t r = 0; r < rows; r++)
                t->a[r] = walk.row + r * g->row_stride;
            walk.row += rows * g->row_stride;
            walk.left -= rows;
        } else {
            for (int32_t r = 0; r < rows; r++)
                t->a[r] = next_row(&walk, g);
        }
        if (wide)
            wide(t);
        else if (whole)
            narrow[rows](t);
        else
            edge_tile(t, rows, columns, narrow[rows]);
        t->c += rows * g->c_row_stride;
        t->ahead += length * t->ahead_step;
        i += rows;
    }
}

/* All rows of the columns from `first`, the sum cut into slices. */
static void panel_slices(const mn_gemm_args *g, int32_t first, int32_t columns, tile_function *wide)
{
    bool cut = (int64_t)g->segments * g->k > LONG_K && g->m > ROWS;
    int32_t segments = cut ? 1 : g->segments, slices = cut && g->k > LONG_K ? (g->k + LONG_K - 1) / LONG_K : 1;
    int32_t slice = (g->k + slices - 1) / slices;
    int32_t s = 0, k = 0;
    do {
        int32_t length = g->k - k < slice ? g->k - k : slice;
        bool begin = s == 0 && k == 0, end = s + segments >= g->segments && k + length >= g->k;
        tile_args t = {
            .k_stride = g->k_stride,
            .segment_stride = g->segment_stride,
            .segments = segments,
            .k = length,
            .b = g->b + (size_t)(first / COLUMNS) * g->panel_stride + ((size_t)s * (size_t)g->k + (size_t)k) * COLUMNS,
            .panel_stride = g->panel_stride,
            .c = g->c + first,
            .c_row_stride = g->c_row_stride,
            .bias = g->bias ? g->bias + first : NULL,
            .accumulate = g->accumulate || !begin,
            .low = end ? g->low : -INFINITY,
            .high = end ? g->high : INFINITY,
        };
        rows_of_panel(g, &t, g->a + s * g->segment_stride + k * g->k_stride, columns, wide);
        k += length;
        if (k >= g->k) {
            k = 0;
            s += segments;
        }
    } while (s < g->segments);
}

/* Many tiles of ROWS x COLUMNS below one another whose sums are short: what a tile costs beside its sums counts. The loop
 * over them is here, with rows at fixed distances, so that the processor begins the next tile while it ends this one. */
MN_INLINE void strip(const mn_gemm_args *g, const float *b, const float *bias, float *c, int32_t tiles,
                     const int32_t k_count)
{
    const ptrdiff_t row = g->row_stride, c_row = g->c_row_stride;
    const float *a = g->a;
    __m256 low = _mm256_set1_ps(g->low), high = _mm256_set1_ps(g->high);
    for (; tiles > 0; tiles--) {
        __m256 sum[ROWS][2];
        MN_UNROLL
        for (int r = 0; r < ROWS; r++) {
            sum[r][0] = bias ? _mm256_loadu_ps(bias) : _mm256_setzero_ps();
            sum[r][1] = bias ? _mm256_loadu_ps(bias + 8) : _mm256_setzero_ps();
        }
        const float *upper = a, *lower = a + 3 * row, *panel = b;
        for (int32_t k = 0; k < k_count; k += 8) {
            MN_UNROLL
            for (int i = 0; i < 8; i++) {
                __m256 y0 = _mm256_loadu_ps(panel + i * COLUMNS), y1 = _mm256_loadu_ps(panel + i * COLUMNS + 8);
                MN_UNROLL
                for (int r = 0; r < ROWS; r++) {
                    __m256 x = _mm256_broadcast_ss((r < 3 ? upper : lower) + r % 3 * row + i);
                    sum[r][0] = _mm256_fmadd_ps(x, y0, sum[r][0]);
                    sum[r][1] = _mm256_fmadd_ps(x, y1, sum[r][1]);
                }
            }
            upper += 8;
            lower += 8;
            panel += 8 * COLUMNS;
        }
        float *c_lower = c + 3 * c_row;
        MN_UNROLL
        for (int r = 0; r < ROWS; r++) {
            float *to = (r < 3 ? c : c_lower) + r % 3 * c_row;
            _mm256_storeu_ps(to, _mm256_min_ps(high, _mm256_max_ps(low, sum[r][0])));
            _mm256_storeu_ps(to + 8, _mm256_min_ps(high, _mm256_max_ps(low, sum[r][1])));
        }
        a += ROWS * row;
        c += ROWS * c_row;
    }
}

#define SHORT_K 64

/* The whole tiles of a panel of short sums; returns how many rows that were. */
static int32_t short_rows(const mn_gemm_args *g, int32_t first)
{
    if (g->segments != 1 || g->k_stride != 1 || g->accumulate || g->group_rows < g->m || g->k % 8 != 0 ||
        g->k > SHORT_K || g->k == 0)
        return 0;
    int32_t tiles = g->m / ROWS - 1; /* what is left is cut evenly */
    const float *b = g->b + (size_t)(first / COLUMNS) * g->panel_stride, *bias = g->bias ? g->bias + first : NULL;
    if (tiles <= 0)
        return 0;
    if (g->k == 8)
        strip(g, b, bias, g->c + first, tiles, 8);
    else if (g->k == 16)
        strip(g, b, bias, g->c + first, tiles, 16);
    else
        strip(g, b, bias, g->c + first, tiles, g->k);
    return tiles * ROWS;
}

static void run(const mn_gemm_args *g)
{
    tile_function *wide = g->m == 1 ? tile_1_4_2 : g->m == 2 ? tile_2_2_2 : g->m == 3 ? tile_3_2_2 : NULL;
    int32_t wide_columns = (g->m == 1 ? 4 : 2) * COLUMNS;
    if (g->m <= 0)
        return;
    for (int32_t first = 0; first < g->n;) {
        int32_t left = g->n - first;
        if (wide && left >= wide_columns) {
            panel_slices(g, first, wide_columns, wide);
            first += wide_columns;
        } else {
            mn_gemm_args rest = *g;
            int32_t done = left >= COLUMNS ? short_rows(g, first) : 0;
            rest.a += done * g->row_stride;
            rest.c += done * g->c_row_stride;
            rest.m -= done;
            rest.group_rows -= done;
            panel_slices(&rest, first, left < COLUMNS ? left : COLUMNS, NULL);
            first += COLUMNS;
        }
    }
}

static void pack(const mn_pack_args *args)
{
    mn_pack_panels(args, COLUMNS);
}

extern const mn_gemm_kernel mn_gemm_f32_6x16_avx2;
const mn_gemm_kernel mn_gemm_f32_6x16_avx2 = {
    .name = "mn_gemm_f32_6x16_avx2",
    .tile_rows = ROWS,
    .tile_columns = COLUMNS,
    .run = run,
    .pack = pack,
};
#else
typedef int mn_empty;
#endif
