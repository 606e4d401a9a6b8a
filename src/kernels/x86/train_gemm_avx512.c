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

/* c [count rows, panels * 16 columns, the last of `part`] (+)= a b, rows `stride` apart. step: floats from one panel of
 * a to the next; apart: from one panel of b to the next. */
MN_INLINE void multiply_tile(const float *a, size_t step, int32_t k, const float *b, size_t apart, float *c,
                             size_t stride, vec_part part, bool add, const int count, const int panels)
{
    vec sum[ROWS][2];
    MN_UNROLL
    for (int i = 0; i < count; i++) {
        MN_UNROLL
        for (int p = 0; p < panels; p++)
            sum[i][p] =
                add ? vec_load_part(c + (size_t)i * stride + p * MN_PANEL, p + 1 < panels ? 0xffff : part) : vec_zero();
    }
    for (; k > 0; k -= MN_PANEL, a += step) {
        int32_t length = k < MN_PANEL ? k : MN_PANEL;
        for (int32_t j = 0; j < length; j++, b += MN_PANEL) {
            vec y[2];
            MN_UNROLL
            for (int p = 0; p < panels; p++)
                y[p] = vec_load(b + (size_t)p * apart);
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
            vec_store_part(c + (size_t)i * stride + p * MN_PANEL, p + 1 < panels ? 0xffff : part, sum[i][p]);
    }
}

/* sum [count, panels * 16] += lanes 0..count-1 of panel a, times panels b. */
MN_INLINE void accumulate_tile(const float *a, const float *b, size_t apart, int32_t rows, float *to, size_t stride,
                               const int count, const int panels)
{
    vec sum[LANES][2];
    MN_UNROLL
    for (int i = 0; i < count; i++) {
        MN_UNROLL
        for (int p = 0; p < panels; p++)
            sum[i][p] = vec_zero();
    }
    for (int32_t r = 0; r < rows; r++, a += MN_PANEL, b += MN_PANEL) {
        vec y[2];
        MN_UNROLL
        for (int p = 0; p < panels; p++)
            y[p] = vec_load(b + (size_t)p * apart);
        MN_UNROLL
        for (int i = 0; i < count; i++) {
            vec x = vec_all(a[i]);
            MN_UNROLL
            for (int p = 0; p < panels; p++)
                sum[i][p] = vec_fma(x, y[p], sum[i][p]);
        }
    }
    MN_UNROLL
    for (int i = 0; i < count; i++) {
        MN_UNROLL
        for (int p = 0; p < panels; p++) {
            float *s = to + (size_t)i * stride + p * MN_PANEL;
            vec_store(s, vec_add(vec_load(s), sum[i][p]));
        }
    }
}

typedef void multiply_function(const float *a, size_t step, int32_t k, const float *b, size_t apart, float *c,
                               size_t stride, vec_part part, bool add);
typedef void accumulate_function(const float *a, const float *b, size_t apart, int32_t rows, float *to, size_t stride);
#define MULTIPLY(count, panels)                                                                                        \
    static void multiply_##count##_##panels(const float *a, size_t step, int32_t k, const float *b, size_t apart,      \
                                            float *c, size_t stride, vec_part part, bool add)                          \
    {                                                                                                                  \
        multiply_tile(a, step, k, b, apart, c, stride, part, add, count, panels);                                      \
    }
#define ACCUMULATE(count, panels)                                                                                      \
    static void accumulate_##count##_##panels(const float *a, const float *b, size_t apart, int32_t rows, float *to,   \
                                              size_t stride)                                                           \
    {                                                                                                                  \
        accumulate_tile(a, b, apart, rows, to, stride, count, panels);                                                 \
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
    size_t step = (size_t)pitch * MN_PANEL, apart = (size_t)k * MN_PANEL;
    int32_t pairs = (mn_panel_up(n) / MN_PANEL + 1) / 2;
    int32_t rate = mn_ahead_rate(ahead, (int64_t)((k + DEPTH - 1) / DEPTH) * pairs * ((rows + ROWS - 1) / ROWS));
    for (int32_t first = 0; first < k; first += DEPTH) {
        int32_t depth = k - first < DEPTH ? k - first : DEPTH;
        const float *block = a + (size_t)(first / MN_PANEL) * step;
        for (int32_t j = 0; j < n; j += 2 * MN_PANEL) {
            const float *panel = b + (size_t)j * (size_t)k + (size_t)first * MN_PANEL;
            int32_t columns = n - j < 2 * MN_PANEL ? n - j : 2 * MN_PANEL, panels = 1 + (columns > MN_PANEL);
            vec_part part = vec_first(columns - (panels - 1) * MN_PANEL);
            for (int32_t r = 0; r < rows;) {
                int32_t count = share(rows - r, ROWS);
                mn_ahead_take(ahead, rate);
                multiply_tiles[panels][count](block + (size_t)r * MN_PANEL, step, depth, panel, apart,
                                              c + (size_t)r * (size_t)n + j, (size_t)n, part, first > 0);
                r += count;
            }
        }
    }
}

void mn_train_accumulate_avx512(const float *a, const float *b, int32_t pitch, int32_t rows, int32_t m, int32_t n,
                                float *sum, mn_ahead *ahead)
{
    size_t step = (size_t)pitch * MN_PANEL, stride = (size_t)mn_panel_up(n);
    int32_t pairs = (mn_panel_up(n) / MN_PANEL + 1) / 2;
    int32_t rate = mn_ahead_rate(ahead, (int64_t)((m + LANES - 1) / LANES) * pairs);
    for (int32_t j = 0; j < n; j += 2 * MN_PANEL, b += 2 * step)
        for (int32_t i = 0; i < m;) {
            int32_t in_panel = i % MN_PANEL, left = m - i < MN_PANEL - in_panel ? m - i : MN_PANEL - in_panel;
            int32_t count = share(left, LANES);
            mn_ahead_take(ahead, rate);
            accumulate_tiles[1 + (n - j > MN_PANEL)][count](a + (size_t)(i / MN_PANEL) * step + in_panel, b, step, rows,
                                                            sum + (size_t)i * stride + j, stride);
            i += count;
        }
}

#else
typedef int mn_train_gemm_avx512_is_empty; /* C wants a declaration */
#endif
