/* The matrix product with AVX-512: tiles of 6 rows and 64 columns, 24 sums in registers, four vectors of B, one
 * element of A at a time broadcast from where it lies. The panels are the outer loop, the rows the middle one, and the
 * whole sum the inner one.
 *
 * A step of k costs four loads of B and six broadcasts of A for 24 multiply-adds, so the multiply-add units are the
 * limit as long as a panel comes out of L2 at 22 bytes a cycle. The last panel takes as many vectors as it has, up to
 * three with seven rows (the maps of 224-pixel inputs have multiples of seven pixels), the last one masked. Row counts
 * that a tile does not divide are cut as evenly as the end allows: from eight sums on (two rows) a tile hides the
 * latency of its multiply-adds, and a single row (the classifier) waits for memory, not for sums.
 */
#include "kernels/x86/vector_avx512.h"
#if defined(MN_AVX512)
#include "kernels/kernels.h"
#include "kernels/unroll.h"

#define COLUMNS    64
#define VECTORS    (COLUMNS / VEC_LANES)
#define ROWS       6 /* of a tile of four vectors */
#define ROWS_MOST  7 /* of narrower tiles */
#define PACK_BLOCK 8 /* columns that pack() reads together: lines that stay in L1 whatever their stride */

/* One tile: rows x (vectors * 16) sums over segments * k. */
typedef struct tile_args {
    const float *a[ROWS_MOST];
    ptrdiff_t k_stride, segment_stride;
    int32_t segments, k;
    const float *b;
    float *c;
    ptrdiff_t c_row_stride;
    const float *bias; /* NULL: none */
    bool accumulate;
    float low, high;
    vec_part part; /* of the last vector */
} tile_args;

/* Both counts are constants where this is inlined. */
VEC_INLINE void tile(const tile_args *t, const int rows, const int vectors)
{
    vec sum[ROWS_MOST][VECTORS];
    const vec_part whole = vec_first(VEC_LANES);
    MN_UNROLL
    for (int r = 0; r < rows; r++) {
        MN_UNROLL
        for (int v = 0; v < vectors; v++)
            sum[r][v] = vec_zero();
    }
    if (t->accumulate) {
        MN_UNROLL
        for (int r = 0; r < rows; r++) {
            MN_UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] =
                    vec_load_part(t->c + r * t->c_row_stride + v * VEC_LANES, v + 1 < vectors ? whole : t->part);
        }
    } else if (t->bias) {
        MN_UNROLL
        for (int r = 0; r < rows; r++) {
            MN_UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] = vec_load_part(t->bias + v * VEC_LANES, v + 1 < vectors ? whole : t->part);
        }
    }
    const float *a[ROWS_MOST], *b = t->b;
    MN_UNROLL
    for (int r = 0; r < rows; r++)
        a[r] = t->a[r];
    for (int32_t s = 0; s < t->segments; s++) {
        ptrdiff_t offset = s * t->segment_stride;
        for (int32_t k = 0; k < t->k; k++) {
            vec y[VECTORS];
            MN_UNROLL
            for (int v = 0; v < vectors; v++)
                y[v] = vec_load(b + v * VEC_LANES);
            MN_UNROLL
            for (int r = 0; r < rows; r++) {
                vec x = vec_all(a[r][offset]);
                MN_UNROLL
                for (int v = 0; v < vectors; v++)
                    sum[r][v] = vec_fma(x, y[v], sum[r][v]);
            }
            offset += t->k_stride;
            b += COLUMNS;
        }
    }
    vec low = vec_all(t->low), high = vec_all(t->high);
    MN_UNROLL
    for (int r = 0; r < rows; r++) {
        MN_UNROLL
        for (int v = 0; v < vectors; v++)
            vec_store_part(t->c + r * t->c_row_stride + v * VEC_LANES, v + 1 < vectors ? whole : t->part,
                           vec_at_most(vec_at_least(sum[r][v], low), high));
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
TILE(7, 1)
TILE(7, 2)
TILE(7, 3)

typedef void tile_function(const tile_args *t);
#define LINE(vectors)                                                                                                  \
    NULL, tile_1_##vectors, tile_2_##vectors, tile_3_##vectors, tile_4_##vectors, tile_5_##vectors, tile_6_##vectors
static tile_function *const tiles[VECTORS + 1][ROWS_MOST + 1] = {
    {NULL}, {LINE(1), tile_7_1}, {LINE(2), tile_7_2}, {LINE(3), tile_7_3}, {LINE(4)},
};

/* How many rows the next tile takes of `left`, `most` at a time: as even as the end allows. */
static int32_t next_rows(int32_t left, int32_t most)
{
    if (left <= most || left >= 2 * most + 2)
        return left < most ? left : most;
    int32_t count = (left + most - 1) / most;
    return (left + count - 1) / count;
}

/* All rows of the columns from `first` on: one panel. */
static void columns_of(const mn_gemm_args *g, int32_t first, int32_t columns, tile_function *const *functions,
                       int32_t most)
{
    tile_args t = {
        .k_stride = g->k_stride,
        .segment_stride = g->segment_stride,
        .segments = g->segments,
        .k = g->k,
        .b = g->b + (size_t)(first / COLUMNS) * g->panel_stride,
        .c = g->c + first,
        .c_row_stride = g->c_row_stride,
        .bias = g->bias ? g->bias + first : NULL,
        .accumulate = g->accumulate,
        .low = g->low,
        .high = g->high,
        .part = vec_first((columns - 1) % VEC_LANES + 1),
    };
    ptrdiff_t group = 0, row = 0;
    for (int32_t i = 0, in_group = 0; i < g->m;) {
        int32_t rows = next_rows(g->m - i, most);
        for (int32_t r = 0; r < rows; r++) {
            t.a[r] = g->a + row;
            row += g->row_stride;
            if (++in_group == g->group_rows) {
                in_group = 0;
                row = group += g->group_stride;
            }
        }
        functions[rows](&t);
        t.c += rows * g->c_row_stride;
        i += rows;
    }
}

static void run(const mn_gemm_args *g)
{
    for (int32_t first = 0; first < g->n;) {
        int32_t left = g->n - first, columns = left < COLUMNS ? left : COLUMNS;
        int32_t vectors = (columns + VEC_LANES - 1) / VEC_LANES;
        columns_of(g, first, columns, tiles[vectors], vectors == VECTORS ? ROWS : ROWS_MOST);
        first += columns;
    }
}

static void pack(const mn_pack_args *args)
{
    size_t panel = (size_t)COLUMNS * (size_t)args->k;
    for (int32_t first = 0; first < args->n; first += PACK_BLOCK) {
        float *packed = args->packed + (size_t)(first / COLUMNS) * panel + first % COLUMNS;
        for (int32_t k = 0; k < args->k; k++, packed += COLUMNS)
            for (int32_t j = first; j < first + PACK_BLOCK; j++) {
                float scale = args->scale && j < args->n ? args->scale[j] : 1;
                packed[j - first] = j < args->n ? args->source[j * args->n_stride + k * args->k_stride] * scale : 0;
            }
    }
    int32_t used = args->n % COLUMNS, begin = (used + PACK_BLOCK - 1) / PACK_BLOCK * PACK_BLOCK;
    float *last = args->packed + (size_t)(args->n / COLUMNS) * panel;
    for (int32_t k = 0; used > 0 && k < args->k; k++, last += COLUMNS)
        for (int32_t j = begin; j < COLUMNS; j++)
            last[j] = 0;
}

extern const mn_gemm_kernel mn_gemm_f32_6x64_avx512;
const mn_gemm_kernel mn_gemm_f32_6x64_avx512 = {
    .name = "mn_gemm_f32_6x64_avx512",
    .tile_rows = ROWS,
    .tile_columns = COLUMNS,
    .run = run,
    .pack = pack,
};
#else
typedef int mn_empty;
#endif
