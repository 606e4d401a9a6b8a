/* The kernels: the inner loops of inference and training, one table of them for each CPU level.
 *
 *     const mn_kernels *kernels = mn_kernels_get(level);
 *     kernels->gemm->pack(&(mn_pack_args){...});
 *     kernels->gemm->run(&(mn_gemm_args){...});
 *
 * Every kernel computes a range of its output, so that callers cut work by shape. An output element is one chain of
 * additions in a fixed order (that of the loops written beside each argument struct), whatever the range, the tile
 * edges or the rows beside it: its bits depend on the level alone. No kernel allocates; none reads or writes beyond
 * what is stated here; pointers need the alignment of their elements only. Inputs and outputs never overlap.
 *
 * There is a table for each precision too. The kernels of bfloat16 read and write maps of bfloat16 (the members with 16
 * in their names; strides count elements of either kind), keep sums, biases and depthwise weights in float, and round
 * once, to nearest even, where a map is written.
 */
#ifndef MN_KERNELS_KERNELS_H
#define MN_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/bfloat16.h"
#include "mobilenet/session.h"

/* C[m, n] = clamp(start + sum over s, k of A[m, s, k] * B[s, k, n], low, high), s outermost, then k, ascending.
 * start is C's old value where accumulate is set, else bias[n], else 0.
 *
 * Element (i, s, k) of A is a[i / group_rows * group_stride + i % group_rows * row_stride + s * segment_stride +
 * k * k_stride]: a plain matrix has one group and one segment; its transpose swaps row_stride and k_stride; the
 * windows of a k x k convolution over a padded map have a group for each output row and a segment for each row of the
 * window. A NaN passes through the clamp.
 *
 * In bfloat16 k_stride is 1, accumulate is false, and C is float where float_c is set (what a softmax reads). A kernel may
 * add up to 32 neighbours of the sum in an order of its own, and the start last. */
typedef struct mn_gemm_args {
    int32_t m, n;        /* rows and columns of C, each >= 0 */
    int32_t segments, k; /* length of the sum: segments * k, each >= 0 */
    union {
        const float *a; /* as above */
        const mn_bf16 *a16;
    };
    ptrdiff_t row_stride;     /* floats from a row of A to the next of its group */
    ptrdiff_t k_stride;       /* floats from a k to the next */
    ptrdiff_t segment_stride; /* floats from a segment to the next */
    int32_t group_rows;       /* rows of a group, >= 1 (>= m: there is one group) */
    ptrdiff_t group_stride;   /* floats from a group to the next */
    union {
        const float *b; /* packed panels, see mn_pack_args: starts at a panel */
        const mn_bf16 *b16;
    };
    size_t panel_stride; /* floats from a panel to the next: mn_panel_elements */
    union {
        float *c; /* [m, n], rows c_row_stride apart */
        mn_bf16 *c16;
    };
    ptrdiff_t c_row_stride; /* floats, >= n */
    const float *bias;      /* [n], or NULL; not read where accumulate is set */
    float low, high;        /* -INFINITY, INFINITY: no clamp */
    bool accumulate;        /* C += rather than C = */
    bool float_c;           /* bfloat16 only */
    const float *ahead;     /* [ahead_floats], what is read next: a kernel may bring it into L2 meanwhile */
    size_t ahead_floats;    /* of four bytes each; 0: the kernel may think of its own panels */
} mn_gemm_args;

/* Packs B[k, n] = source[n * n_stride + k * k_stride] * scale[n] into panels of tile_columns columns,
 *     packed [ceil(n / tile_columns)][k][tile_columns], missing columns zero.
 * Weights [OC, K] have n_stride K, k_stride 1; a matrix [K, N] has n_stride 1, k_stride N.
 * In bfloat16 products are rounded, pairs of k lie together, packed [..][k / 2][tile_columns][2] (the reference has no
 * pairs), each segment is filled up to a multiple of segment_unit with zeros, and then the whole to one of k_unit. */
typedef struct mn_pack_args {
    int32_t n, k;    /* k: of all segments */
    int32_t segment; /* bfloat16 only: length of a segment */
    const float *source;
    ptrdiff_t n_stride, k_stride;
    const float *scale; /* [n], or NULL for 1 */
    union {
        float *packed; /* ceil(n / tile_columns) panels of mn_panel_elements */
        mn_bf16 *packed16;
    };
} mn_pack_args;

typedef struct mn_gemm_kernel {
    const char *name;
    int32_t tile_rows, tile_columns; /* rows and columns that give full speed; columns is the panel width */
    int32_t segment_unit, k_unit;    /* bfloat16 only, see mn_pack_args; 0: a kernel of floats */
    void (*run)(const mn_gemm_args *args);
    void (*pack)(const mn_pack_args *args);
} mn_gemm_kernel;

/* Depthwise convolution, output rows row_begin..row_end-1 of one image:
 * out[y, x, c] = clamp(bias[c] + sum over kh, kw of in[y * stride - pad_top + kh, x * stride - pad_left + kw, c] *
 * weights[kh, kw, c], low, high), kh outermost; taps outside the map are left out. */
typedef struct mn_dwconv_args {
    int32_t in_height, in_width, channels;
    int32_t out_width;
    int32_t kernel_height, kernel_width;
    int32_t stride; /* >= 1 */
    int32_t pad_top, pad_left;
    int32_t row_begin, row_end;
    int32_t in_stride, out_stride; /* floats from a pixel to the next, >= channels; 0: channels */
    union {
        const float *in; /* [in_height, in_width, channels] */
        const mn_bf16 *in16;
    };
    const float *weights; /* [kernel_height, kernel_width, channels] */
    const float *bias;    /* [channels], or NULL */
    union {
        float *out; /* [row_end - row_begin, out_width, channels]: starts at row row_begin */
        mn_bf16 *out16;
    };
    float low, high;
} mn_dwconv_args;

typedef struct mn_dwconv_kernel {
    const char *name;
    int32_t kernel, stride; /* the only ones it computes; 0: any */
    void (*run)(const mn_dwconv_args *args);
} mn_dwconv_kernel;

/* out[c] = (sum over pixels, ascending, of in[p, c]) / pixels, for channels channel_begin..channel_end-1. */
typedef struct mn_pool_args {
    int32_t pixels, channels; /* each >= 1 */
    int32_t channel_begin, channel_end;
    int32_t in_stride; /* floats from a pixel to the next, >= channels; 0: channels */
    union {
        const float *in; /* [pixels, channels] */
        const mn_bf16 *in16;
    };
    union {
        float *out; /* [channels] */
        mn_bf16 *out16;
    };
} mn_pool_args;

typedef struct mn_pool_kernel {
    const char *name;
    void (*run)(const mn_pool_args *args);
} mn_pool_kernel;

/* out[i] = exp(in[i] - max) / sum: one image. A NaN or an infinity anywhere makes every output NaN, but for -inf,
 * whose probability is 0. */
typedef struct mn_softmax_kernel {
    const char *name;
    void (*run)(const float *in, float *out, int32_t count); /* in, out [count]; may be the same; count >= 1 */
} mn_softmax_kernel;

/* Winograd's convolution F(2x2, 3x3) (Lavin and Gray 2016, arXiv 1509.09308), stride 1: the map is cut into tiles of 2x2
 * outputs, each from 4x4 inputs d; with 16 products in place of 36,
 *     Y = A^T [ (G g G^T) * (B^T d B) ] A
 * `input` makes plane p = 4 i + j of B^T d B for all channels of some tiles; a gemm a plane multiplies it by the
 * transformed weights; `output` makes the 2x2 outputs, with bias and clamp, and leaves out what lies beyond the map. */
typedef struct mn_winograd_args {
    int32_t height, width, channels; /* of the map: the input's, or the output's */
    int32_t pad_top, pad_left;       /* input only */
    int32_t stride;                  /* floats from a pixel of the map to the next, >= channels */
    int32_t tiles_across;            /* ceil(output width / 2) */
    int32_t tile_begin, tile_end;    /* tiles of the map, row by row */
    int32_t tile_stride;             /* floats from a tile of a plane to the next, >= channels */
    size_t plane_stride;             /* floats from a plane to the next */
    const float *in;                 /* input: the map; output: plane 0 of tile_begin */
    float *out;                      /* input: plane 0 of tile_begin; output: the map */
    const float *bias;               /* output only: [channels] */
    float low, high;                 /* output only */
} mn_winograd_args;

typedef struct mn_winograd_kernel {
    const char *name;
    void (*input)(const mn_winograd_args *args);
    void (*output)(const mn_winograd_args *args);
} mn_winograd_kernel;

/* The first convolution of a network whose output has few channels: 3x3, stride 2, three channels in; output rows
 * row_begin..row_end-1:
 * out[y, x, n] = clamp(bias[n] + sum over kh, kw, c of in[2 y - pad_top + kh, 2 x - pad_left + kw, c] *
 * weights[(3 kh + kw) * 3 + c][n], low, high), in this order; outside the image is zero. */
typedef struct mn_stem_args {
    int32_t in_height, in_width;
    int32_t out_width, channels; /* of the output: 1..channels_max */
    int32_t pad_top, pad_left;   /* 0..2 */
    int32_t row_begin, row_end;
    const float *in;         /* [in_height, in_width, 3] */
    const float *weights;    /* [27] rows of channels_max floats, zero from `channels` on */
    ptrdiff_t weight_stride; /* floats from a row to the next, >= channels_max */
    const float *bias;       /* [channels], or NULL */
    float *out;              /* [row_end - row_begin, out_width]: starts at row row_begin */
    ptrdiff_t out_stride;    /* floats from a pixel to the next, >= channels */
    float low, high;
    float *scratch; /* [scratch_floats(out_width)] */
} mn_stem_args;

typedef struct mn_stem_kernel {
    const char *name;
    int32_t channels_max;
    size_t (*scratch_floats)(int32_t out_width);
    void (*run)(const mn_stem_args *args);
} mn_stem_kernel;

/* Floats rounded to bfloat16, to nearest even; those below the normal numbers to a zero of their sign. */
typedef struct mn_narrow_kernel {
    const char *name;
    void (*run)(const float *in, mn_bf16 *out, size_t count);
} mn_narrow_kernel;

/* Independent multiply-adds in registers, for measuring the peak. */
typedef struct mn_peak_kernel {
    const char *name;
    double flops_per_round; /* a multiply-add is two */
    float (*run)(int64_t rounds);
} mn_peak_kernel;

/* GFLOP/s of one core, measured now. Takes about 0.2 s. */
double mn_peak_measure(const mn_peak_kernel *kernel);

/* The kernels of a level and precision: those it has, and below them those of lower levels. Softmax is that of floats. */
typedef struct mn_kernels {
    mn_cpu_level level;
    mn_precision precision;
    const mn_gemm_kernel *gemm;
    const mn_dwconv_kernel *dwconv;      /* any size and stride */
    const mn_dwconv_kernel *dwconv3x3s1; /* 3x3, stride 1 */
    const mn_dwconv_kernel *dwconv3x3s2; /* 3x3, stride 2 */
    const mn_pool_kernel *pool;
    const mn_softmax_kernel *softmax;
    const mn_winograd_kernel *winograd; /* NULL: this level convolves directly */
    const mn_stem_kernel *stem;         /* NULL: the stem is a gemm, whatever its channels */
    const mn_narrow_kernel *narrow;     /* NULL in float32 */
    const mn_peak_kernel *peak;
} mn_kernels;

/* The table of `level`, which must be at most mn_kernels_cap(level). Thread-safe. */
const mn_kernels *mn_kernels_get(mn_cpu_level level, mn_precision precision);

/* Whether sessions of `precision` are made at `level`: not where it has nothing but the reference for it, unless it is
 * itself the reference. */
bool mn_kernels_serve(mn_cpu_level level, mn_precision precision);

/* The highest level that is at most `level`, that this processor has and that this build has. */
mn_cpu_level mn_kernels_cap(mn_cpu_level level);

/* The depthwise kernel of a table for a size and stride. */
const mn_dwconv_kernel *mn_kernels_dwconv(const mn_kernels *kernels, int32_t kernel_height, int32_t kernel_width,
                                          int32_t stride);

/* Floats of a packed B[k, n]; for kernels of floats. */
size_t mn_packed_floats(const mn_gemm_kernel *kernel, int32_t n, int32_t k);

/* Elements of one panel of segments * k rows, and bytes of an element. */
size_t mn_panel_elements(const mn_gemm_kernel *kernel, int32_t segments, int32_t k);
size_t mn_panel_element_bytes(const mn_gemm_kernel *kernel);

/* A plain product: A [m, k] and C [m, n] without gaps, no bias, no clamp. Change the fields that differ. */
mn_gemm_args mn_gemm_plain(int32_t m, int32_t n, int32_t k, const float *a, const float *packed_b, size_t panel_stride,
                           float *c);

/* Copies rows of a map with zeros around, so that the windows of a convolution become segments of a gemm:
 * out[y, x] = in[row_begin - pad_top + y, x - pad_left], zero outside the map. Elements are copied, or rounded. */
typedef struct mn_pad_args {
    int32_t in_height, in_width, channels;
    int32_t pad_top, pad_left;
    int32_t row_begin;              /* of the padded map */
    int32_t out_rows, out_width;    /* rows and pixels to write */
    int32_t in_stride;              /* elements from a pixel of `in` to the next, >= channels; 0: channels */
    const mn_narrow_kernel *narrow; /* NULL: `in` and `out` are of the same kind; otherwise float and bfloat16 */
    size_t element_bytes;           /* of `out` */
    const void *in;                 /* [in_height, in_width, channels] */
    void *out;                      /* [out_rows, out_width, channels] */
} mn_pad_args;
void mn_pad_rows(const mn_pad_args *args);

/* Every kernel of this build, in the order of kernel_list.h. */
typedef enum mn_kernel_op {
    MN_KERNEL_gemm = 0,
    MN_KERNEL_dwconv,
    MN_KERNEL_dwconv3x3s1,
    MN_KERNEL_dwconv3x3s2,
    MN_KERNEL_pool,
    MN_KERNEL_softmax,
    MN_KERNEL_winograd,
    MN_KERNEL_stem,
    MN_KERNEL_narrow,
    MN_KERNEL_peak
} mn_kernel_op;

typedef struct mn_kernel_entry {
    mn_precision precision;
    mn_cpu_level level;
    mn_kernel_op op;
    const char *name;
    const void *kernel; /* the struct that belongs to `op` */
} mn_kernel_entry;
const mn_kernel_entry *mn_kernel_entries(int32_t *count);

#endif
