/* The two matrix products of training for AVX-512: a panel's row of 16 channels is one register.
 *
 *     multiply    c [rows, n] = a [rows, k] * b [k, n]       tiles of up to 14 rows and two panels of b: 28 sums
 *     accumulate  sum [m, n] += a^T [m, rows] * b [rows, n]  tiles of 8 lanes of a panel and two panels of b: 16 sums
 */
#include "kernels/x86/train_avx512.h"
#if defined(MN_AVX512)
#include "kernels/unroll.h"

#define ROWS  14 /* divides the maps of 224 and 32 pixels */
#define LANES 8
#define STEP  48 /* rows of accumulate between two looks at what is wanted near */
#define NEAR  24 /* rows of accumulate from the second-level cache to the first, ahead of their use */

/* One tile of multiply: c [rows, panels * 16 columns, the last of `part`] (+)= a b. */
typedef struct product {
    const float *a, *b;
    float *c;
    size_t step, apart, stride; /* floats from one panel of a, of b, and from one row of c to the next */
    int32_t k;
    vec_part part;
    bool add;
    const float *next; /* panels of b that come next, or NULL: `next_rows` rows of them are brought near at a time */
    int32_t next_rows;
    mn_ahead *ahead;
    int32_t rate; /* of `ahead` */
} product;

/* What the caller wants near is asked for with every panel of a, a little at a time: the processor can wait for few lines
 * at once. */
MN_INLINE void multiply_tile(const product *t, const int count, const int panels)
{
    const float *a = t->a, *b = t->b, *next = t->next;
    vec sum[ROWS][2];
    MN_UNROLL
    for (int i = 0; i < count; i++) {
        MN_UNROLL
        for (int p = 0; p < panels; p++)
            sum[i][p] =
                t->add ? vec_load_part(t->c + (size_t)i * t->stride + p * MN_PANEL, p + 1 < panels ? 0xffff : t->part)
                       : vec_zero();
    }
    for (int32_t k = t->k; k > 0; k -= MN_PANEL, a += t->step) {
        int32_t length = k < MN_PANEL ? k : MN_PANEL;
        mn_ahead_take(t->ahead, t->rate);
        for (int32_t r = 0; r < t->next_rows; r++, next += MN_PANEL) {
            _mm_prefetch((const char *)next, _MM_HINT_T1);
            _mm_prefetch((const char *)(next + t->apart), _MM_HINT_T1);
        }
        for (int32_t j = 0; j < length; j++, b += MN_PANEL) {
            vec y[2];
            MN_UNROLL
            for (int p = 0; p < panels; p++)
                y[p] = vec_load(b + (size_t)p * t->apart);
            MN_UNROLL
            for (int i = 0; i < count; i++) {
                vec x = vec_all(a[i * MN_PANEL + j]);
                MN_UNROLL
                for (int p = 0; p < panels; p++)
                    sum[i][p] = vec_fma(x, y[p], sum[i][p]);
            }
        }
    }
    MN_UNROLL
    for (int i = 0; i < count; i++) {
        MN_UNROLL
        for (int p = 0; p < panels; p++)
            vec_store_part(t->c + (size_t)i * t->stride + p * MN_PANEL, p + 1 < panels ? 0xffff : t->part, sum[i][p]);
    }
}

/* One tile of accumulate: to [count, panels * 16] (+)= lanes 0..count-1 of panel a, times panels b. */
typedef struct outer {
    const float *a, *b;
    float *to;
    size_t apart, stride; /* floats from one panel of b, and from one row of `to` to the next */
    int32_t rows;
    bool add;
    mn_ahead *ahead;
    int32_t rate; /* of `ahead` */
} outer;

MN_INLINE void accumulate_tile(const outer *t, const int count, const int panels)
{
    const float *a = t->a, *b = t->b;
    vec sum[LANES][2];
    MN_UNROLL
    for (int i = 0; i < count; i++) {
        MN_UNROLL
        for (int p = 0; p < panels; p++) {
            _mm_prefetch((const char *)(t->to + (size_t)i * t->stride + p * MN_PANEL), _MM_HINT_T0);
            sum[i][p] = vec_zero();
        }
    }
    for (int32_t rows = t->rows; rows > 0; rows -= STEP) {
        mn_ahead_take(t->ahead, t->rate);
        for (int32_t r = rows < STEP ? rows : STEP; r > 0; r--, a += MN_PANEL, b += MN_PANEL) {
            _mm_prefetch((const char *)(a + NEAR * MN_PANEL), _MM_HINT_T0);
            vec y[2];
            MN_UNROLL
            for (int p = 0; p < panels; p++)
                y[p] = vec_load(b + (size_t)p * t->apart);
            MN_UNROLL
            for (int i = 0; i < count; i++) {
                vec x = vec_all(a[i]);
                MN_UNROLL
                for (int p = 0; p < panels; p++)
                    sum[i][p] = vec_fma(x, y[p], sum[i][p]);
            }
        }
    }
    MN_UNROLL
    for (int i = 0; i < count; i++) {
        MN_UNROLL
        for (int p = 0; p < panels; p++) {
            float *s = t->to + (size_t)i * t->stride + p * MN_PANEL;
            vec_store(s, t->add ? vec_add(vec_load(s), sum[i][p]) : sum[i][p]);
        }
    }
}

typedef void multiply_function(const product *t);
typedef void accumulate_function(const outer *t);
#define MULTIPLY(count, panels)                                                                                        \
    static void multiply_##count##_##panels(const product *t)                                                          \
    {                                                                                                                  \
        multiply_tile(t, count, panels);                                                                               \
    }
#define ACCUMULATE(count, panels)                                                                                      \
    static void accumulate_##count##_##panels(const outer *t)                                                          \
    {                                                                                                                  \
        accumulate_tile(t, count, panels);                                                                             \
    }
#define EACH8(X, panels)                                                                                               \
    X(1, panels) X(2, panels) X(3, panels) X(4, panels) X(5, panels) X(6, panels) X(7, panels) X(8, panels)
#define EACH14(X, panels)                                                                                              \
    EACH8(X, panels) X(9, panels) X(10, panels) X(11, panels) X(12, panels) X(13, panels) X(14, panels)
#define MULTIPLY_NAME(count, panels)   multiply_##count##_##panels,
#define ACCUMULATE_NAME(count, panels) accumulate_##count##_##panels,
/* clang-format off */
EACH14(MULTIPLY, 1) EACH14(MULTIPLY, 2) EACH8(ACCUMULATE, 1) EACH8(ACCUMULATE, 2)
static multiply_function *const multiply_tiles[3][ROWS + 1] = {
    {NULL}, {NULL, EACH14(MULTIPLY_NAME, 1)}, {NULL, EACH14(MULTIPLY_NAME, 2)}};
static accumulate_function *const accumulate_tiles[3][LANES + 1] = {
    {NULL}, {NULL, EACH8(ACCUMULATE_NAME, 1)}, {NULL, EACH8(ACCUMULATE_NAME, 2)}};
/* clang-format on */

/* How many of the `left` rows the next tile takes, at most `most`: as even as can be. */
static int32_t share(int32_t left, int32_t most)
{
    int32_t tiles = (left + most - 1) / most;
    return (left + tiles - 1) / tiles;
}

/* Inputs summed at once: two panels of b are then two thirds of the first-level cache of 48 KiB, a block of a a part of
 * the second-level. */
#define DEPTH 256

void mn_train_multiply_avx512(const float *a, int32_t pitch, int32_t rows, int32_t k, const float *b, int32_t n,
                              float *c, mn_ahead *ahead)
{
    product t = {.step = (size_t)pitch * MN_PANEL, .apart = (size_t)k * MN_PANEL, .stride = (size_t)n, .ahead = ahead};
    int32_t pairs = (mn_panel_up(n) / MN_PANEL + 1) / 2, tiles = (rows + ROWS - 1) / ROWS;
    t.rate = mn_ahead_rate(ahead, (int64_t)(mn_panel_up(k) / MN_PANEL) * pairs * tiles);
    for (int32_t first = 0; first < k; first += DEPTH) {
        t.k = k - first < DEPTH ? k - first : DEPTH;
        t.add = first > 0;
        for (int32_t j = 0; j < n; j += 2 * MN_PANEL) {
            int32_t columns = n - j < 2 * MN_PANEL ? n - j : 2 * MN_PANEL, panels = 1 + (columns > MN_PANEL);
            t.b = b + (size_t)j * (size_t)k + (size_t)first * MN_PANEL;
            t.part = vec_first(columns - (panels - 1) * MN_PANEL);
            t.next_rows = n - j >= 4 * MN_PANEL ? (MN_PANEL + tiles - 1) / tiles : 0;
            for (int32_t r = 0, tile = 0; r < rows; tile++) {
                int32_t count = share(rows - r, ROWS);
                t.a = a + (size_t)(first / MN_PANEL) * t.step + (size_t)r * MN_PANEL;
                t.c = c + (size_t)r * (size_t)n + j;
                t.next = t.b + 2 * t.apart + (size_t)(t.k / MN_PANEL * t.next_rows * tile) * MN_PANEL;
                multiply_tiles[panels][count](&t);
                r += count;
            }
        }
    }
}

void mn_train_accumulate_avx512(const float *a, const float *b, int32_t pitch, int32_t rows, int32_t m, int32_t n,
                                float *sum, bool add, mn_ahead *ahead)
{
    size_t step = (size_t)pitch * MN_PANEL, stride = (size_t)mn_panel_up(n);
    int32_t pairs = (mn_panel_up(n) / MN_PANEL + 1) / 2;
    outer t = {.apart = step, .stride = stride, .rows = rows, .add = add, .ahead = ahead};
    t.rate = mn_ahead_rate(ahead, (int64_t)((m + LANES - 1) / LANES) * pairs * ((rows + STEP - 1) / STEP));
    for (int32_t j = 0; j < n; j += 2 * MN_PANEL)
        for (int32_t i = 0; i < m;) {
            int32_t in_panel = i % MN_PANEL, left = m - i < MN_PANEL - in_panel ? m - i : MN_PANEL - in_panel;
            int32_t count = share(left, LANES);
            t.a = a + (size_t)(i / MN_PANEL) * step + in_panel;
            t.b = b + (size_t)(j / MN_PANEL) * step;
            t.to = sum + (size_t)i * stride + j;
            accumulate_tiles[1 + (n - j > MN_PANEL)][count](&t);
            i += count;
        }
}

#else
typedef int mn_train_gemm_avx512_is_empty; /* C wants a declaration */
#endif
