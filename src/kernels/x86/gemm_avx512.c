/* The matrix product with AVX-512: tiles of 14 rows and 32 columns, 28 sums in registers, two vectors of B, one element
 * of A at a time broadcast from where it lies. The panels are the outer loop, the rows the middle one, and the whole
 * sum the inner one.
 *
 * A step of k costs two loads of B and 14 broadcasts of A for 28 multiply-adds, so the multiply-add units are the limit.
 * A panel of long sums comes from L2, 128 bytes every 14 cycles, and is asked for some steps ahead; the next panel, or
 * what the caller names, is brought into L2 meanwhile, a little with each step. The rows of A are addressed from two of
 * them, the first and the eighth, so that their distances (1 to 6 rows) are the same and stay in registers; groups of
 * seven go in pairs. Rows are cut into tiles as evenly as can be: the maps of 224-pixel inputs have multiples of seven
 * pixels.
 *
 * The panel of a short sum stays in L1, and what takes time is that each tile begins with rows that are not there: so these
 * are asked for a tile ahead in its place.
 */
#include "kernels/x86/vector_avx512.h"
#if defined(MN_AVX512)
#include "kernels/kernels.h"
#include "kernels/unroll.h"
#include "kernels/x86/pack_avx2.h"

#define COLUMNS     32
#define VECTORS     (COLUMNS / VEC_LANES)
#define ROWS        14
#define HALF        (ROWS / 2)
#define STEPS_AHEAD 8   /* of k: how early a panel is brought into L1 */
#define SHORT       128 /* the longest sum whose panel stays in L1: 16 KiB */

/* Tiles below one another: rows x (vectors * 16) sums over segments * k each. */
typedef struct tile_args {
    const float *a; /* of the next tile, as `c` and `ahead` */
    ptrdiff_t row_stride, k_stride, segment_stride;
    ptrdiff_t half_stride; /* from the first row to the eighth */
    int32_t segments, k;
    const float *b;
    float *c;
    ptrdiff_t c_row_stride;
    const float *bias; /* NULL: none */
    bool accumulate;
    float low, high;
    vec_part part;      /* of the last vector */
    const float *ahead; /* what to bring into L2 meanwhile, `ahead_step` floats a step of k */
    ptrdiff_t ahead_step;
} tile_args;

VEC_INLINE void start_sums(const tile_args *t, vec (*sum)[VECTORS], const int rows, const int vectors)
{
    const vec_part whole = vec_first(VEC_LANES);
    if (t->accumulate) {
        MN_UNROLL
        for (int r = 0; r < rows; r++) {
            MN_UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] =
                    vec_load_part(t->c + r * t->c_row_stride + v * VEC_LANES, v + 1 < vectors ? whole : t->part);
        }
        return;
    }
    MN_UNROLL
    for (int v = 0; v < vectors; v++)
        sum[0][v] = t->bias ? vec_load_part(t->bias + v * VEC_LANES, v + 1 < vectors ? whole : t->part) : vec_zero();
    MN_UNROLL
    for (int r = 1; r < rows; r++) {
        MN_UNROLL
        for (int v = 0; v < vectors; v++)
            sum[r][v] = sum[0][v];
    }
}

/* One step of k; `lower` is HALF rows below `upper`. */
VEC_INLINE void add_step(vec (*sum)[VECTORS], const float *upper, const float *lower, ptrdiff_t row, const float *b,
                         const int rows, const int vectors)
{
    vec y[VECTORS];
    MN_UNROLL
    for (int v = 0; v < vectors; v++)
        y[v] = vec_load(b + v * VEC_LANES);
    MN_UNROLL
    for (int r = 0; r < rows; r++) {
        vec x = vec_all(*((r < HALF ? upper : lower) + r % HALF * row));
        MN_UNROLL
        for (int v = 0; v < vectors; v++)
            sum[r][v] = vec_fma(x, y[v], sum[r][v]);
    }
}

VEC_INLINE void store_sums(const tile_args *t, vec (*sum)[VECTORS], const int rows, const int vectors, vec_part part)
{
    const vec low = vec_all(t->low), high = vec_all(t->high);
    float *c = t->c;
    MN_UNROLL
    for (int r = 0; r < rows; r++, c += t->c_row_stride) {
        MN_UNROLL
        for (int v = 0; v < vectors; v++)
            vec_store_part(c + v * VEC_LANES, v + 1 < vectors ? vec_first(VEC_LANES) : part,
                           vec_at_most(vec_at_least(sum[r][v], low), high));
    }
}

/* `count` tiles; both sizes are constants where this is inlined. The loop over them is here, so that the processor
 * begins a tile while it ends the one before. */
VEC_INLINE void tiles(tile_args *t, int32_t count, const int rows, const int vectors, const bool is_short)
{
    const ptrdiff_t row = t->row_stride, k_stride = t->k_stride, ahead_step = t->ahead_step;
    const float *ahead = t->ahead;
    for (; count > 0; count--) {
        vec sum[ROWS][VECTORS];
        start_sums(t, sum, rows, vectors);
        const float *b = t->b;
        for (int32_t s = 0; s < t->segments; s++) {
            const float *upper = t->a + s * t->segment_stride, *lower = upper + t->half_stride,
                        *next = upper + rows * row;
            for (int32_t k = 0; k < t->k; k++) {
                add_step(sum, upper, lower, row, b, rows, vectors);
                upper += k_stride;
                lower += k_stride;
                b += COLUMNS;
                _mm_prefetch((const char *)ahead, _MM_HINT_T1);
                ahead += ahead_step;
                if (is_short) { /* a line a step: enough where rows touch; groups and windows ask for some lines in vain */
                    _mm_prefetch((const char *)next, _MM_HINT_T0);
                    next += VEC_LANES;
                    continue;
                }
                MN_UNROLL
                for (int v = 0; v < vectors; v++)
                    _mm_prefetch((const char *)(b + STEPS_AHEAD * COLUMNS + v * VEC_LANES), _MM_HINT_T0);
            }
        }
        if (t->part == vec_first(VEC_LANES))
            store_sums(t, sum, rows, vectors, vec_first(VEC_LANES));
        else
            store_sums(t, sum, rows, vectors, t->part);
        t->a += rows * row;
        t->c += rows * t->c_row_stride;
    }
    t->ahead = ahead;
}

#define TILES(rows, vectors)                                                                                           \
    static void tiles_##rows##_##vectors(tile_args *t, int32_t count)                                                  \
    {                                                                                                                  \
        tiles(t, count, rows, vectors, false);                                                                         \
    }
TILES(1, 1)
TILES(2, 1)
TILES(3, 1)
TILES(4, 1)
TILES(5, 1)
TILES(6, 1)
TILES(7, 1)
TILES(8, 1)
TILES(9, 1)
TILES(10, 1)
TILES(11, 1)
TILES(12, 1)
TILES(13, 1)
TILES(14, 1)
TILES(1, 2)
TILES(2, 2)
TILES(3, 2)
TILES(4, 2)
TILES(5, 2)
TILES(6, 2)
TILES(7, 2)
TILES(8, 2)
TILES(9, 2)
TILES(10, 2)
TILES(11, 2)
TILES(12, 2)
TILES(13, 2)
TILES(14, 2)

static void short_tiles_14_2(tile_args *t, int32_t count)
{
    tiles(t, count, ROWS, VECTORS, true);
}

typedef void tile_function(tile_args *t, int32_t count);
static tile_function *const functions[VECTORS][ROWS + 1] = {
    {NULL, tiles_1_1, tiles_2_1, tiles_3_1, tiles_4_1, tiles_5_1, tiles_6_1, tiles_7_1, tiles_8_1, tiles_9_1,
     tiles_10_1, tiles_11_1, tiles_12_1, tiles_13_1, tiles_14_1},
    {NULL, tiles_1_2, tiles_2_2, tiles_3_2, tiles_4_2, tiles_5_2, tiles_6_2, tiles_7_2, tiles_8_2, tiles_9_2,
     tiles_10_2, tiles_11_2, tiles_12_2, tiles_13_2, tiles_14_2},
};

static int32_t parts(int32_t whole, int32_t part)
{
    return (whole + part - 1) / part;
}

#define FEW 8 /* steps of k whose B stays in registers */

/* A plain product of FEW steps and one vector of columns: a tile of so short a sum takes longer to begin and to end than
 * to add, so here B stays in registers and the rows follow one another without a break. */
static void few_steps(const mn_gemm_args *g, int32_t first, vec_part part)
{
    const float *a = g->a, *b = g->b + (size_t)(first / COLUMNS) * g->panel_stride;
    const vec low = vec_all(g->low), high = vec_all(g->high);
    const vec start = g->bias ? vec_load_part(g->bias + first, part) : vec_zero();
    vec y[FEW];
    MN_UNROLL
    for (int k = 0; k < FEW; k++)
        y[k] = vec_load(b + k * COLUMNS);
    float *c = g->c + first;
    for (int32_t i = 0; i < g->m; i++, a += g->row_stride, c += g->c_row_stride) {
        vec sum = start;
        MN_UNROLL
        for (int k = 0; k < FEW; k++)
            sum = vec_fma(vec_all(a[k]), y[k], sum);
        vec_store_part(c, part, vec_at_most(vec_at_least(sum, low), high));
    }
}

/* All rows of the columns from `first` on: one panel. Tiles end where a group of rows does. */
static void panel(const mn_gemm_args *g, int32_t first, int32_t columns)
{
    tile_function *const *function = functions[parts(columns, VEC_LANES) - 1];
    tile_args t = {
        .row_stride = g->row_stride,
        .k_stride = g->k_stride,
        .segment_stride = g->segment_stride,
        .half_stride = HALF * g->row_stride,
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
    if (columns <= VEC_LANES && g->segments == 1 && g->k == FEW && g->k_stride == 1 && g->m <= g->group_rows &&
        !g->accumulate) {
        few_steps(g, first, t.part);
        return;
    }
    const bool is_short = columns > VEC_LANES && (int64_t)g->segments * g->k <= SHORT;
    int32_t group_rows = g->m < g->group_rows ? g->m : g->group_rows;
    ptrdiff_t group_stride = g->group_stride;
    if (group_rows == HALF) {
        t.half_stride = group_stride;
        group_rows = ROWS;
        group_stride *= 2;
    }
    int64_t panels = parts(g->n, COLUMNS), tiles = (int64_t)parts(g->m, group_rows) * parts(group_rows, ROWS);
    int64_t steps = tiles * g->segments * g->k, floats = (int64_t)g->segments * g->k * COLUMNS;
    t.ahead = t.b + floats;    /* the next panel */
    if (g->ahead_floats > 0) { /* or a part of what the caller reads next */
        floats = ((int64_t)g->ahead_floats + panels - 1) / panels;
        t.ahead = g->ahead + first / COLUMNS * floats;
    }
    t.ahead_step = steps > 0 ? (floats + steps - 1) / steps : 0;
    for (int32_t i = 0; i < g->m; i += group_rows) {
        int32_t rows = g->m - i < group_rows ? g->m - i : group_rows, count = parts(rows, ROWS), higher = rows % count;
        t.a = g->a + i / group_rows * group_stride;
        if (higher > 0)
            function[rows / count + 1](&t, higher);
        if (is_short && rows == count * ROWS)
            short_tiles_14_2(&t, count);
        else
            function[rows / count](&t, count - higher);
    }
}

static void run(const mn_gemm_args *g)
{
    for (int32_t first = 0; g->m > 0 && first < g->n; first += COLUMNS)
        panel(g, first, g->n - first < COLUMNS ? g->n - first : COLUMNS);
}

static void pack(const mn_pack_args *args)
{
    mn_pack_panels(args, COLUMNS);
}

extern const mn_gemm_kernel mn_gemm_f32_14x32_avx512;
const mn_gemm_kernel mn_gemm_f32_14x32_avx512 = {
    .name = "mn_gemm_f32_14x32_avx512",
    .tile_rows = ROWS,
    .tile_columns = COLUMNS,
    .run = run,
    .pack = pack,
};
#else
typedef int mn_empty;
#endif
