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
 * Per-channel vectors (scale, shift, mean, ...) have room for a multiple of 16 channels, and all are finite.
 * Dense arrays are exact: nothing past their end is read or written. Sums are in a fixed order.
 */
#ifndef MN_KERNELS_TRAIN_KERNELS_H
#define MN_KERNELS_TRAIN_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

typedef struct mn_train_kernels {
    const char *name;

    /* panels <- z of dense y [rows, channels]. */
    void (*activate)(const float *y, int32_t rows, int32_t channels, const mn_affine *affine, float *panels,
                     int32_t pitch);
    /* panels <- dy of dense dz, y [rows, channels]. */
    void (*gradient)(const float *dz, const float *y, int32_t rows, int32_t channels, const mn_chain *chain,
                     float *panels, int32_t pitch);
    /* c [rows, n] dense <- a (panels of k channels) * b, b packed [n / 16 up][k][16]. */
    void (*multiply)(const float *a, int32_t pitch, int32_t rows, int32_t k, const float *b, int32_t n, float *c);
    /* sum [m, n up] += a^T * b over the rows, a and b panels of m and n channels with the same pitch. */
    void (*accumulate)(const float *a, const float *b, int32_t pitch, int32_t rows, int32_t m, int32_t n, float *sum);
    /* first[c] += sum of (y - origin), second[c] += sum of its square, over dense y [rows, channels]. */
    void (*statistics)(const float *y, int32_t rows, int32_t channels, const float *origin, float *first,
                       float *second);
    /* first[c] += sum of g, second[c] += sum of g * (y - mean) * inverse_deviation; g is dz where it passes, else 0. */
    void (*gradient_sums)(const float *dz, const float *y, int32_t rows, int32_t channels, const mn_affine *affine,
                          const float *mean, const float *inverse_deviation, float *first, float *second);
    /* One row of a 3x3 depthwise convolution: out[x, c] <- sum of rows[kh][x * stride + kw, c] * w[kh, kw, c].
     * rows: panels of `pitch` columns; w [channels / 16 up][9][16]; out dense [out_width, channels]. */
    void (*depthwise)(const float *const rows[3], int32_t pitch, const float *w, int32_t stride, int32_t out_width,
                      int32_t channels, float *out);
    /* dw [channels / 16 up][9][16] += sum over x of rows[kh][x * stride + kw, c] * dy[x, c]. */
    void (*depthwise_weights)(const float *const rows[3], int32_t pitch, const float *dy, int32_t dy_pitch,
                              int32_t stride, int32_t out_width, int32_t channels, float *dw);
    /* One row of the data gradient of a stride-2 depthwise convolution. `taps` (1 or 2) rows of dy take part, with
     * rows kh[t] of the filter: dx[x, c] <- sum of dy[t][(x + pad_left - kw) / 2, c] * w[kh[t], kw, c] over the kw that
     * divide. dy[t] points at column 0 of panels whose column -1, and those past the last up to width / 2, are zero. */
    void (*depthwise_data_s2)(const float *const dy[2], const int32_t kh[2], int32_t taps, int32_t pitch,
                              const float *w, int32_t pad_left, int32_t width, int32_t channels, float *dx);
} mn_train_kernels;

/* The plain C kernels: the definition. */
extern const mn_train_kernels mn_train_kernels_reference;
#if defined(__x86_64__)
extern const mn_train_kernels mn_train_kernels_avx2;
#endif

/* The best kernels of this processor; the reference where `fast` is false or MOBILENET_CPU is "reference". */
const mn_train_kernels *mn_train_kernels_get(bool fast);

#endif
