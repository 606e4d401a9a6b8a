/* The matrix product in bfloat16 with AMX: blocks of up to 32 rows and 32 columns, four tiles of float sums. TDPBF16PS
 * multiplies a tile of up to 16 rows of A, 32 of k, by one of 32 of k and 16 columns of B:
 *
 *     panel [k / 2][32 columns][2]                tmm6 tmm7      B
 *     the whole sum is filled up to 32      tmm4  tmm0 tmm1
 *     with zeros                       A    tmm5  tmm2 tmm3      C
 *
 * Rows are shared evenly among tiles, and the last tiles of a product begin early enough to end with its last row: rows
 * that two tiles have are computed twice, to the same bits. A block's sums are rounded while the tiles work on the next one.
 * Tiles of A are read where they lie, past L1, which a panel needs; where rows or runs of k are not that regular, at the
 * end of a sum and for the windows of convolutions, they are gathered first.
 */
#if (defined(__AMX_BF16__) || defined(__AMXBF16__)) && defined(__AVX512BF16__) /* clang 14 has the second name */
#include "kernels/kernels.h"
#include "kernels/x86/vector_avx512bf16.h"

#define COLUMNS   32
#define TILE_ROWS 16
#define STEP      32 /* of k */

/* What LDTILECFG reads. */
typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t column_bytes[16];
    uint8_t rows[16];
} tile_config;

/* volatile, because gcc's _tile_loadconfig does not say that it reads all 64 bytes: the stores must stay. */
static void configure(int32_t rows)
{
    volatile tile_config config = {.palette = 1};
    for (int t = 0; t < 8; t++) {
        config.column_bytes[t] = 64;
        config.rows[t] = t < 6 ? (uint8_t)rows : 16;
    }
    _tile_loadconfig((const void *)&config);
}

/* k .. k + 31 of some rows of A, all segments in one, with zeros beyond the end, to `to` [rows][STEP]. */
static void gather(const mn_gemm_args *g, int32_t row, int32_t rows, int32_t k, mn_bf16 *to)
{
    const mn_bf16 *group = g->a16 + row / g->group_rows * g->group_stride;
    int32_t in_group = row % g->group_rows, count = 0;
    ptrdiff_t offset[STEP + 1]; /* of lane 0, elements from the row's first */
    uint32_t mask[STEP + 1];    /* the lanes of each segment that has some here */
    for (int32_t s = k / g->k, from = s * g->k - k; s < g->segments && from < STEP; s++, from += g->k, count++) {
        mask[count] = from + g->k >= STEP ? 0xffffffffu : (1u << (from + g->k)) - 1;
        mask[count] &= from > 0 ? 0xffffffffu << from : 0xffffffffu;
        offset[count] = s * g->segment_stride - from;
    }
    for (int32_t r = 0; r < rows; r++) {
        uintptr_t a = (uintptr_t)(group + in_group * g->row_stride);
        __m512i x = _mm512_setzero_si512();
        for (int32_t i = 0; i < count; i++)
            x = _mm512_mask_loadu_epi16(x, mask[i], (const void *)(a + (uintptr_t)offset[i] * sizeof *to));
        _mm512_store_si512(to + r * STEP, x);
        if (++in_group == g->group_rows) {
            in_group = 0;
            group += g->group_stride;
        }
    }
}

/* Rows row0.. and row1.. (where there are two tiles of rows) of one panel, and where their products start. */
typedef struct block {
    int32_t row0, row1, rows, first, columns;
    bool two_rows;
    const float *bias; /* [COLUMNS] */
    const mn_bf16 *b;
} block;

/* Clamp and rounding of a tile's rows. */
VEC_INLINE void finish_rows(const mn_gemm_args *g, const block *k, const float *sums, int32_t row)
{
    const vec_part left = vec_first(k->columns), right = vec_first(k->columns > VEC_LANES ? k->columns - VEC_LANES : 0);
    const __mmask32 both = left | (__mmask32)right << VEC_LANES;
    const vec low = vec_all(g->low), high = vec_all(g->high);
    const vec b0 = vec_load(k->bias), b1 = vec_load(k->bias + VEC_LANES);
    for (int32_t r = 0; r < k->rows; r++, sums += COLUMNS) {
        ptrdiff_t at = (row + r) * g->c_row_stride + k->first;
        vec x0 = vec_at_most(vec_at_least(vec_add(vec_load(sums), b0), low), high);
        vec x1 = vec_at_most(vec_at_least(vec_add(vec_load(sums + VEC_LANES), b1), low), high);
        __m512i narrow = (__m512i)_mm512_cvtne2ps_pbh(x1, x0);
        if (g->float_c) {
            vec_store_part(g->c + at, left, x0);
            vec_store_part(g->c + at + VEC_LANES, right, x1);
        } else if (k->columns == COLUMNS) {
            _mm512_storeu_si512(g->c16 + at, narrow);
        } else {
            _mm512_mask_storeu_epi16(g->c16 + at, both, narrow);
        }
    }
}

/* sums: [2][TILE_ROWS][COLUMNS]. */
static void finish(const mn_gemm_args *g, const block *k, const float *sums)
{
    finish_rows(g, k, sums, k->row0);
    if (k->two_rows)
        finish_rows(g, k, sums + TILE_ROWS * COLUMNS, k->row1);
}

/* The tiles of C. */
static void store(float *sums)
{
    _tile_stored(0, sums, COLUMNS * sizeof *sums);
    _tile_stored(1, sums + VEC_LANES, COLUMNS * sizeof *sums);
    sums += TILE_ROWS * COLUMNS;
    _tile_stored(2, sums, COLUMNS * sizeof *sums);
    _tile_stored(3, sums + VEC_LANES, COLUMNS * sizeof *sums);
}

/* The sums of a block, into the tiles of C. */
VEC_INLINE void add_products(const mn_gemm_args *g, const block *t, const bool two_rows, const bool two_columns)
{
    _Alignas(64) mn_bf16 gathered[2 * TILE_ROWS * STEP];
    int32_t length = g->segments * g->k, direct = g->segments == 1 && g->group_rows >= g->m ? length / STEP * STEP : 0;
    const mn_bf16 *a0 = g->a16 + t->row0 * g->row_stride, *a1 = g->a16 + t->row1 * g->row_stride, *b = t->b;
    size_t stride = (size_t)g->row_stride * sizeof *a0;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int32_t k = 0; k < length; k += STEP, b += STEP * COLUMNS) {
        if (k == direct) {
            a0 = gathered;
            a1 = gathered + TILE_ROWS * STEP;
            stride = STEP * sizeof *a0;
        }
        if (k >= direct) {
            gather(g, t->row0, t->rows, k, gathered);
            if (two_rows)
                gather(g, t->row1, t->rows, k, gathered + TILE_ROWS * STEP);
            __asm__ volatile("" ::: "memory"); /* gcc's tile loads do not say that they read memory */
        }
        _tile_loadd(6, b, 2 * COLUMNS * sizeof *b);
        _tile_stream_loadd(4, a0, stride);
        _tile_dpbf16ps(0, 4, 6);
        if (two_columns) {
            _tile_loadd(7, b + COLUMNS, 2 * COLUMNS * sizeof *b);
            _tile_dpbf16ps(1, 4, 7);
        }
        if (two_rows) {
            _tile_stream_loadd(5, a1, stride);
            _tile_dpbf16ps(2, 5, 6);
            if (two_columns)
                _tile_dpbf16ps(3, 5, 7);
        }
        if (k < direct) {
            a0 += STEP;
            a1 += STEP;
        }
    }
}

static void compute(const mn_gemm_args *g, const block *t)
{
    if (t->two_rows && t->columns > VEC_LANES)
        add_products(g, t, true, true);
    else if (t->two_rows)
        add_products(g, t, true, false);
    else
        add_products(g, t, false, true);
}

static void run(const mn_gemm_args *g)
{
    _Alignas(64) float sums[2 * TILE_ROWS * COLUMNS], bias[2][COLUMNS] = {{0}};
    if (g->m == 0 || g->n == 0)
        return;
    int32_t tiles = (g->m + TILE_ROWS - 1) / TILE_ROWS;
    if (tiles > 1)
        tiles += tiles % 2;
    int32_t rows = (g->m + tiles - 1) / tiles, last = g->m - rows, turn = 0;
    block t[2] = {{.rows = 0}};
    configure(rows);
    for (int32_t first = 0, p = 0; first < g->n; first += COLUMNS, p ^= 1) {
        int32_t columns = g->n - first < COLUMNS ? g->n - first : COLUMNS;
        for (int32_t j = 0; g->bias && j < columns; j++)
            bias[p][j] = g->bias[first + j];
        for (int32_t row = 0; row < g->m; row += 2 * rows, turn ^= 1) {
            t[turn] = (block){
                .row0 = row < last ? row : last,
                .row1 = row + rows < last ? row + rows : last,
                .rows = rows,
                .first = first,
                .columns = columns,
                .two_rows = tiles > 1,
                .bias = bias[p],
                .b = g->b16 + (size_t)(first / COLUMNS) * g->panel_stride,
            };
            compute(g, &t[turn]);
            if (t[turn ^ 1].rows > 0) /* the block before, while the tiles work on this one */
                finish(g, &t[turn ^ 1], sums);
            store(sums);
        }
    }
    finish(g, &t[turn ^ 1], sums);
    _tile_release();
}

static void pack(const mn_pack_args *p)
{
    mn_bf16 *packed = p->packed16;
    for (int32_t first = 0; first < p->n; first += COLUMNS)
        for (int32_t k = 0; k < (p->k + STEP - 1) / STEP * STEP; k += 2)
            for (int32_t j = first; j < first + COLUMNS; j++)
                for (int32_t i = k; i < k + 2; i++) {
                    float scale = p->scale && j < p->n ? p->scale[j] : 1;
                    float value = j < p->n && i < p->k ? p->source[j * p->n_stride + i * p->k_stride] * scale : 0;
                    *packed++ = mn_bf16_round(value);
                }
}

extern const mn_gemm_kernel mn_gemm_bf16_32x32_amxbf16;
const mn_gemm_kernel mn_gemm_bf16_32x32_amxbf16 = {
    .name = "mn_gemm_bf16_32x32_amxbf16",
    .tile_rows = 2 * TILE_ROWS,
    .tile_columns = COLUMNS,
    .segment_unit = 1,
    .k_unit = STEP,
    .run = run,
    .pack = pack,
};
#else
typedef int mn_empty;
#endif
