/* The matrix product with NEON: tiles of 8 rows and 8 columns, 16 sums in registers. Where the elements of a row of A
 * lie side by side, four of them are loaded at once and multiply-adds pick one each:
 *
 *     four steps of k: 8 loads of A, 8 of B, 64 multiply-adds        else, a step: 8 loads of A to all lanes, 2 of B, 16
 *
 * Both ways make the same chain. Products of one to three rows take several panels at once, so that there are enough
 * sums to hide the latency of a multiply-add. Edges of fewer than eight columns are computed beside C and copied.
 */
#include "kernels/arm/vector_neon.h"
#if defined(MN_NEON)
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/unroll.h"

#define ROWS    8
#define COLUMNS 8
#define VECTORS (COLUMNS / VEC_LANES)
#define SUMS    16 /* vectors of sums in a tile, at most */

/* One tile: rows x (panels * 8) sums over segments * k. */
typedef struct tile_args {
    const float *a[ROWS];
    ptrdiff_t k_stride, segment_stride;
    int32_t segments, k;
    const float *b;
    size_t panel_stride;
    float *c;
    ptrdiff_t c_row_stride;
    const float *bias; /* NULL: none */
    bool accumulate;
    float low, high;
} tile_args;

/* One step of k; x[r] holds the elements of A, and lane `lane` of it is meant. */
VEC_INLINE void step(vec *sum, const vec *x, const int lane, const float *b, size_t panel_stride, const int rows,
                     const int panels)
{
    const int vectors = panels * VECTORS;
    MN_UNROLL
    for (int v = 0; v < vectors; v++) {
        vec y = vec_load(b + (size_t)(v / VECTORS) * panel_stride + v % VECTORS * VEC_LANES);
        MN_UNROLL
        for (int r = 0; r < rows; r++) {
            vec *s = &sum[r * vectors + v];
            *s = lane == 0   ? vfmaq_laneq_f32(*s, y, x[r], 0)
                 : lane == 1 ? vfmaq_laneq_f32(*s, y, x[r], 1)
                 : lane == 2 ? vfmaq_laneq_f32(*s, y, x[r], 2)
                             : vfmaq_laneq_f32(*s, y, x[r], 3);
        }
    }
}

/* Both counts are constants where this is inlined. */
VEC_INLINE void tile(const tile_args *t, const int rows, const int panels)
{
    const int vectors = panels * VECTORS;
    vec sum[SUMS];
    MN_UNROLL
    for (int i = 0; i < rows * vectors; i++)
        sum[i] = vec_zero();
    if (t->accumulate) {
        MN_UNROLL
        for (int i = 0; i < rows * vectors; i++)
            sum[i] = vec_load(t->c + i / vectors * t->c_row_stride + i % vectors * VEC_LANES);
    } else if (t->bias) {
        MN_UNROLL
        for (int i = 0; i < rows * vectors; i++)
            sum[i] = vec_load(t->bias + i % vectors * VEC_LANES);
    }
    const float *b = t->b;
    for (int32_t s = 0; s < t->segments; s++) {
        const float *a[ROWS];
        vec x[ROWS];
        MN_UNROLL
        for (int r = 0; r < rows; r++)
            a[r] = t->a[r] + s * t->segment_stride;
        int32_t k = 0;
        for (; t->k_stride == 1 && k + 4 <= t->k; k += 4, b += (ptrdiff_t)4 * COLUMNS) {
            MN_UNROLL
            for (int r = 0; r < rows; r++, a[r - 1] += 4)
                x[r] = vec_load(a[r]);
            step(sum, x, 0, b, t->panel_stride, rows, panels);
            step(sum, x, 1, b + COLUMNS, t->panel_stride, rows, panels);
            step(sum, x, 2, b + (ptrdiff_t)2 * COLUMNS, t->panel_stride, rows, panels);
            step(sum, x, 3, b + (ptrdiff_t)3 * COLUMNS, t->panel_stride, rows, panels);
        }
        for (; k < t->k; k++, b += COLUMNS) {
            MN_UNROLL
            for (int r = 0; r < rows; r++, a[r - 1] += t->k_stride)
                x[r] = vec_all(*a[r]);
            step(sum, x, 0, b, t->panel_stride, rows, panels);
        }
    }
    vec low = vec_all(t->low), high = vec_all(t->high);
    MN_UNROLL
    for (int i = 0; i < rows * vectors; i++)
        vec_store(t->c + i / vectors * t->c_row_stride + i % vectors * VEC_LANES,
                  vec_at_most(vec_at_least(sum[i], low), high));
}

#define TILE(rows, panels)                                                                                             \
    static void tile_##rows##_##panels(const tile_args *t)                                                             \
    {                                                                                                                  \
        tile(t, rows, panels);                                                                                         \
    }
TILE(1, 1)
TILE(2, 1)
TILE(3, 1)
TILE(4, 1)
TILE(5, 1)
TILE(6, 1)
TILE(7, 1)
TILE(8, 1)
TILE(1, 4)
TILE(2, 4)
TILE(3, 2)

typedef void tile_function(const tile_args *t);
static tile_function *const one_panel[ROWS + 1] = {NULL,     tile_1_1, tile_2_1, tile_3_1, tile_4_1,
                                                   tile_5_1, tile_6_1, tile_7_1, tile_8_1};
/* Several panels at once, for products of so many rows. */
static tile_function *const many_panels[4] = {NULL, tile_1_4, tile_2_4, tile_3_2};
static const int32_t many_panels_count[4] = {0, 4, 4, 2};

/* How many rows the next tile takes of `left`: as even as the end allows. */
static int32_t next_rows(int32_t left)
{
    if (left <= ROWS || left >= 2 * ROWS)
        return left < ROWS ? left : ROWS;
    return (left + 1) / 2;
}

/* All rows of `columns` columns from `first` on; fewer than COLUMNS are computed in a copy of the tile. */
static void columns_of(const mn_gemm_args *g, int32_t first, int32_t columns, tile_function *const *functions)
{
    float edge[ROWS * COLUMNS], edge_bias[COLUMNS] = {0};
    const bool whole = columns % COLUMNS == 0;
    tile_args t = {
        .k_stride = g->k_stride,
        .segment_stride = g->segment_stride,
        .segments = g->segments,
        .k = g->k,
        .b = g->b + (size_t)(first / COLUMNS) * g->panel_stride,
        .panel_stride = g->panel_stride,
        .c_row_stride = whole ? g->c_row_stride : COLUMNS,
        .bias = g->bias ? g->bias + first : NULL,
        .accumulate = g->accumulate,
        .low = g->low,
        .high = g->high,
    };
    size_t bytes = (size_t)columns * sizeof(float);
    if (!whole && g->bias && !g->accumulate) {
        memcpy(edge_bias, g->bias + first, bytes);
        t.bias = edge_bias;
    }
    ptrdiff_t group = 0, row = 0;
    for (int32_t i = 0, in_group = 0; i < g->m;) {
        int32_t rows = next_rows(g->m - i);
        for (int32_t r = 0; r < rows; r++) {
            t.a[r] = g->a + row;
            row += g->row_stride;
            if (++in_group == g->group_rows) {
                in_group = 0;
                row = group += g->group_stride;
            }
        }
        float *c = g->c + i * g->c_row_stride + first;
        t.c = whole ? c : edge;
        for (int32_t r = 0; !whole && r < rows; r++) {
            memset(edge + r * COLUMNS, 0, COLUMNS * sizeof *edge);
            if (g->accumulate)
                memcpy(edge + r * COLUMNS, c + r * g->c_row_stride, bytes);
        }
        functions[rows](&t);
        for (int32_t r = 0; !whole && r < rows; r++)
            memcpy(c + r * g->c_row_stride, edge + r * COLUMNS, bytes);
        i += rows;
    }
}

static void run(const mn_gemm_args *g)
{
    int32_t many = g->m > 0 && g->m < 4 ? many_panels_count[g->m] * COLUMNS : 0;
    for (int32_t first = 0; first < g->n;) {
        int32_t left = g->n - first, columns = left < COLUMNS ? left : COLUMNS;
        if (many > 0 && left >= many)
            columns = many;
        columns_of(g, first, columns, columns > COLUMNS ? many_panels : one_panel);
        first += columns;
    }
}

static void pack(const mn_pack_args *args)
{
    float *packed = args->packed;
    for (int32_t first = 0; first < args->n; first += COLUMNS)
        for (int32_t k = 0; k < args->k; k++)
            for (int32_t j = first; j < first + COLUMNS; j++) {
                float scale = args->scale && j < args->n ? args->scale[j] : 1;
                *packed++ = j < args->n ? args->source[j * args->n_stride + k * args->k_stride] * scale : 0;
            }
}

extern const mn_gemm_kernel mn_gemm_f32_8x8_neon;
const mn_gemm_kernel mn_gemm_f32_8x8_neon = {
    .name = "mn_gemm_f32_8x8_neon",
    .tile_rows = ROWS,
    .tile_columns = COLUMNS,
    .run = run,
    .pack = pack,
};
#else
typedef int mn_empty;
#endif
