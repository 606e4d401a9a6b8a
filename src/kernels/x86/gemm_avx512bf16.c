/* The matrix product in bfloat16 with AVX512_BF16: tiles of 6 rows and 64 columns, 24 vectors of float sums. An
 * instruction adds two products a lane: a pair of neighbours in k of a row of A, broadcast from where it lies, and a pair
 * of each of 16 columns of B, which is packed in such pairs:
 *
 *     panel [k / 2][64 columns][2]      a segment of odd length ends with a pair whose second half is zero
 *
 * The sum of a pair is not rounded before it is added; numbers below the normal ones count as zero.
 */
#include "kernels/x86/vector_avx512bf16.h"
#if defined(MN_AVX512BF16)
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/unroll.h"

#define COLUMNS 64
#define VECTORS (COLUMNS / VEC_LANES)
#define ROWS    6

/* One tile: rows x (vectors * 16) sums over segments * k. */
typedef struct tile_args {
    const mn_bf16 *a[ROWS];
    ptrdiff_t segment_stride;
    int32_t segments, k;
    const mn_bf16 *b;
    float *c; /* one of the two */
    mn_bf16 *c16;
    ptrdiff_t c_row_stride;
    const float *bias; /* NULL: none */
    float low, high;
    vec_part part; /* of the last vector */
} tile_args;

/* Adds the products of a pair of k; of one k where it is the last of an odd segment. */
VEC_INLINE void add_pair(vec sum[ROWS][VECTORS], const mn_bf16 *const *a, ptrdiff_t offset, const mn_bf16 *b,
                         const bool whole, const int rows, const int vectors)
{
    __m512i y[VECTORS];
    MN_UNROLL
    for (int v = 0; v < vectors; v++)
        y[v] = _mm512_loadu_si512(b + 2 * v * VEC_LANES);
    MN_UNROLL
    for (int r = 0; r < rows; r++) {
        int32_t pair = a[r][offset];
        if (whole)
            memcpy(&pair, a[r] + offset, sizeof pair);
        __m512i x = _mm512_set1_epi32(pair);
        MN_UNROLL
        for (int v = 0; v < vectors; v++)
            sum[r][v] = vec_dot_bf16(x, y[v], sum[r][v]);
    }
}

/* Both counts are constants where this is inlined. */
VEC_INLINE void tile(const tile_args *t, const int rows, const int vectors)
{
    vec sum[ROWS][VECTORS];
    const vec_part whole = vec_first(VEC_LANES);
    MN_UNROLL
    for (int v = 0; v < vectors; v++) {
        vec start = t->bias ? vec_load_part(t->bias + v * VEC_LANES, v + 1 < vectors ? whole : t->part) : vec_zero();
        MN_UNROLL
        for (int r = 0; r < rows; r++)
            sum[r][v] = start;
    }
    const mn_bf16 *a[ROWS], *b = t->b;
    MN_UNROLL
    for (int r = 0; r < rows; r++)
        a[r] = t->a[r];
    for (int32_t s = 0; s < t->segments; s++) {
        ptrdiff_t offset = s * t->segment_stride;
        for (int32_t k = 0; k + 2 <= t->k; k += 2, offset += 2, b += 2 * COLUMNS)
            add_pair(sum, a, offset, b, true, rows, vectors);
        if (t->k % 2 != 0) {
            add_pair(sum, a, offset, b, false, rows, vectors);
            b += 2 * COLUMNS;
        }
    }
    vec low = vec_all(t->low), high = vec_all(t->high);
    MN_UNROLL
    for (int r = 0; r < rows; r++) {
        MN_UNROLL
        for (int v = 0; v < vectors; v++) {
            ptrdiff_t at = r * t->c_row_stride + v * VEC_LANES;
            vec value = vec_at_most(vec_at_least(sum[r][v], low), high);
            if (t->c)
                vec_store_part(t->c + at, v + 1 < vectors ? whole : t->part, value);
            else
                vec_store_bf16(t->c16 + at, v + 1 < vectors ? whole : t->part, value);
        }
    }
}

#define TILE(rows, vectors)                                                                                            \
    static void tile_##rows##_##vectors(const tile_args *t)                                                            \
    {                                                                                                                  \
        tile(t, rows, vectors);                                                                                        \
    }
#define TILES(vectors)                                                                                                 \
    TILE(1, vectors)                                                                                                   \
    TILE(2, vectors)                                                                                                   \
    TILE(3, vectors)                                                                                                   \
    TILE(4, vectors)                                                                                                   \
    TILE(5, vectors)                                                                                                   \
    TILE(6, vectors)
TILES(1)
TILES(2)
TILES(3)
TILES(4)

typedef void tile_function(const tile_args *t);
#define LINE(vectors)                                                                                                  \
    {                                                                                                                  \
        NULL, tile_1_##vectors, tile_2_##vectors, tile_3_##vectors, tile_4_##vectors, tile_5_##vectors,                \
            tile_6_##vectors                                                                                           \
    }
static tile_function *const tiles[VECTORS + 1][ROWS + 1] = {{NULL}, LINE(1), LINE(2), LINE(3), LINE(4)};

/* All rows of the columns from `first` on: one panel. */
static void columns_of(const mn_gemm_args *g, int32_t first, int32_t columns)
{
    tile_function *const *functions = tiles[(columns + VEC_LANES - 1) / VEC_LANES];
    tile_args t = {
        .segment_stride = g->segment_stride,
        .segments = g->segments,
        .k = g->k,
        .b = g->b16 + (size_t)(first / COLUMNS) * g->panel_stride,
        .c_row_stride = g->c_row_stride,
        .bias = g->bias ? g->bias + first : NULL,
        .low = g->low,
        .high = g->high,
        .part = vec_first((columns - 1) % VEC_LANES + 1),
    };
    ptrdiff_t group = 0, row = 0;
    for (int32_t i = 0, in_group = 0; i < g->m;) {
        int32_t rows = g->m - i < ROWS ? g->m - i : ROWS;
        for (int32_t r = 0; r < rows; r++) {
            t.a[r] = g->a16 + row;
            row += g->row_stride;
            if (++in_group == g->group_rows) {
                in_group = 0;
                row = group += g->group_stride;
            }
        }
        if (g->float_c)
            t.c = g->c + i * g->c_row_stride + first;
        else
            t.c16 = g->c16 + i * g->c_row_stride + first;
        functions[rows](&t);
        i += rows;
    }
}

static void run(const mn_gemm_args *g)
{
    for (int32_t first = 0; first < g->n; first += COLUMNS)
        columns_of(g, first, g->n - first < COLUMNS ? g->n - first : COLUMNS);
}

/* One panel's columns of a segment: k from `begin` to `end`. */
static mn_bf16 *pack_segment(const mn_pack_args *p, int32_t first, int32_t begin, int32_t end, mn_bf16 *packed)
{
    for (int32_t k = begin; k < end; k += 2)
        for (int32_t j = first; j < first + COLUMNS; j++)
            for (int32_t i = k; i < k + 2; i++) {
                float scale = p->scale && j < p->n ? p->scale[j] : 1;
                float value = j < p->n && i < end ? p->source[j * p->n_stride + i * p->k_stride] * scale : 0;
                *packed++ = mn_bf16_round(value);
            }
    return packed;
}

static void pack(const mn_pack_args *args)
{
    mn_bf16 *packed = args->packed16;
    for (int32_t first = 0; first < args->n; first += COLUMNS)
        for (int32_t k = 0; k < args->k; k += args->segment)
            packed = pack_segment(args, first, k, k + args->segment, packed);
}

extern const mn_gemm_kernel mn_gemm_bf16_6x64_avx512bf16;
const mn_gemm_kernel mn_gemm_bf16_6x64_avx512bf16 = {
    .name = "mn_gemm_bf16_6x64_avx512bf16",
    .tile_rows = ROWS,
    .tile_columns = COLUMNS,
    .segment_unit = 2,
    .k_unit = 1,
    .run = run,
    .pack = pack,
};
#else
typedef int mn_empty;
#endif
