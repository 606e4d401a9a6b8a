/* The kernels of training: what a step does to one block of rows that fits in a core's cache.
 *
 * A layer keeps only its convolution's output y (before batch norm). Its activation z = clamp(y * scale + shift)
 * and the gradient dy are made again, block by block, where they are used:
 *
 *     forward   y_prev --activate--> panels --multiply / depthwise--> y --statistics-->
 *     backward  dz, y --gradient--> panels --multiply / depthwise--> dz_prev --gradient_sums-->
 *                                     \--accumulate--> dW
 *
 * Panels hold rows x channels in groups of 16 channels: panels[channels / 16 up][pitch][16], lanes past the last
 * channel zero. The same block is then the left factor of a product (rows x channels), the right factor of the
 * weight gradient, and a row of a depthwise convolution.
 *
 * Where an array has a stride, its rows are that many floats apart and only `channels` of each are touched: a group of
 * the channels of a layer.
 *
 * Per-channel vectors (scale, shift, mean, ...) have room for a multiple of 16 channels, and all are finite.
 * `ahead` may be NULL.
 * Dense arrays are exact: nothing past their end is read or written. Sums are in a fixed order.
 */
#ifndef MN_KERNELS_TRAIN_KERNELS_H
#define MN_KERNELS_TRAIN_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mobilenet/session.h"

#define MN_PANEL 16

/* Channels rounded up to whole panels. */
static inline int32_t mn_panel_up(int32_t channels)
{
    return (channels + MN_PANEL - 1) / MN_PANEL * MN_PANEL;
}

/* z = min(max(y * scale + shift, low), high); the gradient passes where low < z < high (low or high infinite: always). */
typedef struct mn_affine {
    const float *scale, *shift; /* [C up] */
    float low, high;
} mn_affine;

/* dy = a * (dz where it passes, else 0) + b * y + c: batch norm's backward pass with its sums folded in. */
typedef struct mn_chain {
    mn_affine affine;
    const float *a, *b, *c; /* [C up] */
} mn_chain;

/* The same from channel `c` on. */
static inline mn_affine mn_affine_from(const mn_affine *f, int32_t c)
{
    return (mn_affine){f->scale + c, f->shift + c, f->low, f->high};
}
static inline mn_chain mn_chain_from(const mn_chain *k, int32_t c)
{
    return (mn_chain){mn_affine_from(&k->affine, c), k->a + c, k->b + c, k->c + c};
}

/* Memory that will be read or written soon. A kernel that computes more than it moves asks for it on the way, a cache line
 * at a time, so that the kernels that move more than they compute find it near. It changes no result. */
#define MN_AHEAD_MAX 5
typedef struct mn_ahead {
    struct mn_ahead_part {
        const char *at;
        size_t stride;     /* bytes from one run to the next */
        int32_t run, runs; /* cache lines of a run; runs */
    } parts[MN_AHEAD_MAX];
    int32_t count, part, line; /* parts; where the next line is */
    int32_t lines;             /* of all parts together */
} mn_ahead;
/* rows of `floats` floats, `stride` floats apart. */
static inline void mn_ahead_add(mn_ahead *ahead, const float *rows, int32_t floats, int32_t stride, int32_t count)
{
    if (count <= 0 || ahead->count == MN_AHEAD_MAX)
        return;
    if (floats == stride) { /* one run */
        int64_t all = (int64_t)floats * count;
        floats = all < INT32_MAX ? (int32_t)all : INT32_MAX;
        count = 1;
    }
    struct mn_ahead_part part = {(const char *)rows, (size_t)stride * sizeof(float), floats / 16 + (floats % 16 != 0),
                                 count};
    ahead->parts[ahead->count++] = part;
    ahead->lines += part.run * count;
}

typedef struct mn_train_kernels {
    const char *name;

    /* panels <- z of y [rows, channels]. */
    void (*activate)(const float *y, int32_t stride, int32_t rows, int32_t channels, const mn_affine *affine,
                     float *panels, int32_t pitch);
    /* panels <- dy of dz, y [rows, channels]. */
    void (*gradient)(const float *dz, const float *y, int32_t stride, int32_t rows, int32_t channels,
                     const mn_chain *chain, float *panels, int32_t pitch);
    /* c [rows, n] dense <- a (panels of k channels) * b, b packed [n / 16 up][k][16]. */
    void (*multiply)(const float *a, int32_t pitch, int32_t rows, int32_t k, const float *b, int32_t n, float *c,
                     mn_ahead *ahead);
    /* sum [m, n up] = a^T * b over the rows, or += where `add`; a and b: panels of m and n channels with the same pitch. */
    void (*accumulate)(const float *a, const float *b, int32_t pitch, int32_t rows, int32_t m, int32_t n, float *sum,
                       bool add, mn_ahead *ahead);
    /* first[c] += sum of (y - origin), second[c] += sum of its square, over y [rows, channels]. */
    void (*statistics)(const float *y, int32_t stride, int32_t rows, int32_t channels, const float *origin,
                       float *first, float *second);
    /* first[c] += sum of g, second[c] += sum of g * (y - mean) * inverse_deviation; g is dz where it passes, else 0. */
    void (*gradient_sums)(const float *dz, const float *y, int32_t stride, int32_t rows, int32_t channels,
                          const mn_affine *affine, const float *mean, const float *inverse_deviation, float *first,
                          float *second);
    /* A band of rows of a 3x3 depthwise convolution: out[y, x, c] <- sum of rows[y * stride + kh][x * stride + kw, c] *
     * w[kh, kw, c]. rows: (out_rows - 1) * stride + 3 rows, panels of `pitch` columns; w [channels / 16 up][9][16];
     * out [out_rows, out_width] pixels of `channels`, out_stride floats apart. stride: 1 or 2. */
    void (*depthwise)(const float *const *rows, int32_t pitch, const float *w, int32_t stride, int32_t out_rows,
                      int32_t out_width, int32_t channels, float *out, int32_t out_stride, mn_ahead *ahead);
    /* dw [channels / 16 up][9][16] += sum over y, x of rows[y * stride + kh][x * stride + kw, c] * dy[y][x, c]. */
    void (*depthwise_weights)(const float *const *rows, int32_t pitch, const float *const *dy, int32_t dy_pitch,
                              int32_t stride, int32_t out_rows, int32_t out_width, int32_t channels, float *dw,
                              mn_ahead *ahead);
    /* A band of rows of the data gradient of a stride-2 depthwise convolution: row y of the band lies at row
     * 2 * n + odd + y of the padded input, and dy[1 + j] is row n + j of the output's gradient:
     *     dx[y, x, c] <- sum of dy[1 + (odd + y - kh) / 2][(x + pad_left - kw) / 2, c] * w[kh, kw, c]
     * over the kh and kw that divide. A row dy[j] points at column 0 of panels whose column -1, and those past the last up
     * to width / 2, are zero. Pixels of dx are dx_stride floats apart. */
    void (*depthwise_data_s2)(const float *const *dy, int32_t pitch, const float *w, bool odd, int32_t rows,
                              int32_t pad_left, int32_t width, int32_t channels, float *dx, int32_t dx_stride,
                              mn_ahead *ahead);
} mn_train_kernels;

/* The plain C kernels: the definition. */
extern const mn_train_kernels mn_train_kernels_reference;
#if defined(__x86_64__)
extern const mn_train_kernels mn_train_kernels_avx2, mn_train_kernels_avx512;
#endif

/* The best kernels up to `level`, which this processor must have (mn_cpu_best_level). */
const mn_train_kernels *mn_train_kernels_get(mn_cpu_level level);

#endif
