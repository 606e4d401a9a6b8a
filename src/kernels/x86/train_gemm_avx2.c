/* The two matrix products of training for AVX2 and FMA: tiles of up to 6 rows by 16 columns in 12 registers.
 *
 *     multiply    c [rows, n] = a [rows, k] * b [k, n]      a: panels, read 6 rows at a time; b: packed, in cache
 *     accumulate  sum [m, n] += a^T [m, rows] * b [rows, n]  a: 6 lanes of a panel; b: a panel
 *
 * A product of 16 rows of a panel is cut 6 + 5 + 5, so that at least ten sums are in flight.
 */
#if defined(__AVX2__) && defined(__FMA__)
#include <stdbool.h>

#include "kernels/x86/train_avx2.h"

#define ROWS1(X) X(0)
#define ROWS2(X) ROWS1(X) X(1)
#define ROWS3(X) ROWS2(X) X(2)
#define ROWS4(X) ROWS3(X) X(3)
#define ROWS5(X) ROWS4(X) X(4)
#define ROWS6(X) ROWS5(X) X(5)

#define ZERO(i) __m256 l##i = _mm256_setzero_ps(), h##i = _mm256_setzero_ps();
#define MULTIPLY(i)                                                                                                    \
    v = _mm256_broadcast_ss(a + i * MN_PANEL + j);                                                                     \
    l##i = _mm256_fmadd_ps(v, b0, l##i);                                                                               \
    h##i = _mm256_fmadd_ps(v, b1, h##i);
#define STORE(i) mn_store16(c + (size_t)i * stride, columns, l##i, h##i);
#define LOAD(i)  mn_load16(c + (size_t)i * stride, columns, &l##i, &h##i);
#define OUTER(i)                                                                                                       \
    v = _mm256_broadcast_ss(a + i);                                                                                    \
    l##i = _mm256_fmadd_ps(v, b0, l##i);                                                                               \
    h##i = _mm256_fmadd_ps(v, b1, h##i);
#define ADD(i)                                                                                                         \
    {                                                                                                                  \
        float *s = sum + (size_t)i * stride;                                                                           \
        _mm256_storeu_ps(s, add ? _mm256_add_ps(_mm256_loadu_ps(s), l##i) : l##i);                                     \
        _mm256_storeu_ps(s + 8, add ? _mm256_add_ps(_mm256_loadu_ps(s + 8), h##i) : h##i);                             \
    }

/* c [COUNT rows, columns <= 16] (+)= a b, rows `stride` apart. step: floats from one panel of a to the next. */
#define DEFINE_MULTIPLY(COUNT)                                                                                         \
    static void multiply_##COUNT(const float *restrict a, size_t step, int32_t k, const float *restrict b,             \
                                 float *restrict c, size_t stride, int32_t columns, bool add)                          \
    {                                                                                                                  \
        ROWS##COUNT(ZERO) if (add)                                                                                     \
        {                                                                                                              \
            ROWS##COUNT(LOAD)                                                                                          \
        }                                                                                                              \
        for (; k > 0; k -= MN_PANEL, a += step) {                                                                      \
            int32_t length = k < MN_PANEL ? k : MN_PANEL;                                                              \
            for (int32_t j = 0; j < length; j++, b += MN_PANEL) {                                                      \
                __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8), v;                                        \
                ROWS##COUNT(MULTIPLY)                                                                                  \
            }                                                                                                          \
        }                                                                                                              \
        ROWS##COUNT(STORE)                                                                                             \
    }

/* sum [COUNT, 16] (+)= lanes 0..COUNT-1 of panel a, times panel b. */
#define DEFINE_ACCUMULATE(COUNT)                                                                                       \
    static void accumulate_##COUNT(const float *restrict a, const float *restrict b, int32_t rows,                     \
                                   float *restrict sum, size_t stride, bool add)                                       \
    {                                                                                                                  \
        ROWS##COUNT(ZERO) for (int32_t r = 0; r < rows; r++, a += MN_PANEL, b += MN_PANEL)                             \
        {                                                                                                              \
            __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8), v;                                            \
            ROWS##COUNT(OUTER)                                                                                         \
        }                                                                                                              \
        ROWS##COUNT(ADD)                                                                                               \
    }

/* clang-format off */
DEFINE_MULTIPLY(1) DEFINE_MULTIPLY(2) DEFINE_MULTIPLY(3) DEFINE_MULTIPLY(4) DEFINE_MULTIPLY(5) DEFINE_MULTIPLY(6)
DEFINE_ACCUMULATE(1) DEFINE_ACCUMULATE(2) DEFINE_ACCUMULATE(3) DEFINE_ACCUMULATE(4) DEFINE_ACCUMULATE(5) DEFINE_ACCUMULATE(6)

typedef void multiply_tile(const float *restrict, size_t, int32_t, const float *restrict, float *restrict, size_t, int32_t, bool);
typedef void accumulate_tile(const float *restrict, const float *restrict, int32_t, float *restrict, size_t, bool);
static multiply_tile *const multiply_tiles[] = {NULL, multiply_1, multiply_2, multiply_3, multiply_4, multiply_5, multiply_6};
static accumulate_tile *const accumulate_tiles[] = {NULL, accumulate_1, accumulate_2, accumulate_3, accumulate_4, accumulate_5, accumulate_6};
/* clang-format on */

/* Rows of the next tile when `rest` are left: as even as can be, at most 6. */
static int32_t tile_rows(int32_t rest)
{
    int32_t tiles = (rest + 5) / 6;
    return (rest + tiles - 1) / tiles;
}

/* Inputs summed at once: a panel of b is then half of the first-level cache, a block of a half of the second-level. */
#define DEPTH 256

void mn_train_multiply_avx2(const float *a, int32_t pitch, int32_t rows, int32_t k, const float *b, int32_t n, float *c,
                            mn_ahead *ahead)
{
    size_t step = (size_t)pitch * MN_PANEL;
    int64_t tiles = (int64_t)((k + DEPTH - 1) / DEPTH) * (mn_panel_up(n) / MN_PANEL) * ((rows + 5) / 6);
    int32_t rate = mn_ahead_rate(ahead, tiles);
    for (int32_t first = 0; first < k; first += DEPTH) {
        int32_t depth = k - first < DEPTH ? k - first : DEPTH;
        const float *block = a + (size_t)(first / MN_PANEL) * step;
        for (int32_t j = 0; j < n; j += MN_PANEL) {
            const float *panel = b + ((size_t)j * (size_t)k) + (size_t)first * MN_PANEL;
            int32_t columns = n - j < MN_PANEL ? n - j : MN_PANEL;
            for (int32_t r = 0; r < rows;) {
                int32_t count = tile_rows(rows - r);
                mn_ahead_take(ahead, rate);
                multiply_tiles[count](block + (size_t)r * MN_PANEL, step, depth, panel, c + (size_t)r * (size_t)n + j,
                                      (size_t)n, columns, first > 0);
                r += count;
            }
        }
    }
}

void mn_train_accumulate_avx2(const float *a, const float *b, int32_t pitch, int32_t rows, int32_t m, int32_t n,
                              float *sum, bool add, mn_ahead *ahead)
{
    size_t step = (size_t)pitch * MN_PANEL, stride = (size_t)mn_panel_up(n);
    int32_t rate = mn_ahead_rate(ahead, (int64_t)((m + 5) / 6) * (mn_panel_up(n) / MN_PANEL));
    for (int32_t i = 0; i < m; i += MN_PANEL, a += step) {
        int32_t lanes = m - i < MN_PANEL ? m - i : MN_PANEL;
        for (int32_t j = 0; j < n; j += MN_PANEL)
            for (int32_t lane = 0; lane < lanes;) {
                int32_t count = tile_rows(lanes - lane);
                mn_ahead_take(ahead, rate);
                accumulate_tiles[count](a + lane, b + (size_t)(j / MN_PANEL) * step, rows,
                                        sum + (size_t)(i + lane) * stride + j, stride, add);
                lane += count;
            }
    }
}

#else
typedef int mn_train_gemm_avx2_is_empty; /* C wants a declaration */
#endif
