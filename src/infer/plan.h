/* The plan of a session: what mn_session_create will build, known before a byte is allocated.
 *
 *     net + options --mn_plan_make--> steps, places in one block, its size
 *
 * The block:  | mn_session | packed weights and biases | activations | scratch of thread 0 | 1 | ... |
 * Activations share one arena: a layer's output lives from the step that writes it to the last step that reads it.
 */
#ifndef MN_INFER_PLAN_H
#define MN_INFER_PLAN_H

#include "kernels/kernels.h"
#include "mobilenet/session.h"

typedef enum mn_step_kind {
    MN_STEP_CONV = 0,  /* a k x k convolution: padded rows in scratch, then a gemm over windows */
    MN_STEP_STEM,      /* the same of an image and few output channels, by a kernel of its own */
    MN_STEP_WINOGRAD,  /* the same of 3x3 and stride 1, by Winograd's algorithm (src/infer/winograd.c) */
    MN_STEP_DEPTHWISE, /* a depthwise layer */
    MN_STEP_GEMM,      /* a pointwise layer or the classifier */
    MN_STEP_SEPARABLE, /* a depthwise layer and its pointwise: strips of the first, in scratch, feed the second */
    MN_STEP_POOL,
    MN_STEP_SOFTMAX
} mn_step_kind;

#define MN_NOTE_BYTES 96

/* Where the weights of a layer lie: byte offsets in the block. */
typedef struct mn_weight_place {
    uint64_t weights; /* packed for the step's kernel; depthwise [KH, KW, C] */
    uint64_t bias;    /* [OC] */
} mn_weight_place;

typedef struct mn_step {
    mn_step_kind kind;
    int32_t first_layer, last_layer;
    mn_weight_place first, last; /* of those layers; the same where there is one */
    int32_t rows_per_task;    /* GEMM: rows of the matrix, pixels of the batch; WINOGRAD: tiles; others: output rows */
    int32_t columns_per_task; /* GEMM, CONV, SEPARABLE: output channels, a multiple of the panel width */
    uint64_t scratch_bytes;   /* of one thread */
    uint64_t shared_bytes;    /* of all threads together */
    const char *kernel;
    char note[MN_NOTE_BYTES];
    double seconds; /* of the last run, where profiled */
} mn_step;

#define MN_NO_BUFFER UINT64_MAX

typedef struct mn_plan {
    const mn_net *net;
    mn_session_options options; /* resolved: no zeros */
    const mn_kernels *kernels;
    int32_t step_count;
    int32_t single_steps; /* these first steps run for one image after another, the rest for the whole batch */
    mn_step steps[MN_LAYERS_MAX];
    int32_t pixel_stride[MN_LAYERS_MAX]; /* elements from a pixel of a layer's output to the next */
    uint64_t
        buffer[MN_LAYERS_MAX]; /* byte offset of each layer's output, or MN_NO_BUFFER: never stored, or the caller's */
    uint64_t kept[MN_LAYERS_MAX]; /* the same of its floats for the caller: those of `buffer`, or widened from there */
    uint64_t weights_offset, arena_offset, scratch_offset;
    uint64_t scratch_stride; /* bytes of a thread's scratch */
    uint64_t shared_offset;  /* scratch that the threads share, behind their own */
    uint64_t total_bytes;
} mn_plan;

/* `head_bytes` is what comes first in the block. Errors: MN_ERROR_ARGUMENT, MN_ERROR_LIMIT, MN_ERROR_UNSUPPORTED; the plan is
 * then worth nothing. */
mn_status mn_plan_make(const mn_net *net, const mn_session_options *options, uint64_t head_bytes, mn_plan *plan,
                       mn_error *err);

/* Bytes rounded up to MN_ALIGNMENT. */
uint64_t mn_plan_align(uint64_t bytes);

/* Cuts the step's work into tasks (src/infer/cut.c). */
void mn_plan_cut(const mn_plan *plan, mn_step *step);

/* Images whose output of step `s` is stored at once: 1, or the batch. */
int32_t mn_plan_images(const mn_plan *plan, int32_t s);

/* Bytes of an element of a map: of those between layers, and of the output of `layer`, which is float where a softmax
 * reads or writes it. */
size_t mn_plan_element_bytes(const mn_plan *plan);
size_t mn_plan_output_bytes(const mn_plan *plan, const mn_layer *layer);

/* Whether a layer's weights stay in L2 beside its maps, so that reading them again for every few rows costs nothing. */
bool mn_plan_weights_fit(const mn_plan *plan, const mn_layer *layer);

/* Gives each stored layer output its place (src/infer/place.c): fills plan->buffer with offsets from the arena's
 * start and returns the arena's size. */
uint64_t mn_plan_place(mn_plan *plan);

/* Elements from a pixel of the map that the step's first layer reads to the next. */
int32_t mn_plan_in_stride(const mn_plan *plan, const mn_layer *layer);
/* The same for a map of `channels` channels and `pixels` pixels that is stored for a later step. */
int32_t mn_plan_stride(const mn_plan *plan, int32_t channels, int64_t pixels);

bool mn_winograd_applies(const mn_plan *plan, const mn_layer *layer);
uint64_t mn_winograd_weight_bytes(const mn_plan *plan, const mn_layer *layer);
/* Tiles of 2x2 outputs of an image. */
int32_t mn_winograd_tiles(const mn_layer *layer);
/* What a tile takes on its way, before and after the products. */
uint64_t mn_winograd_tile_bytes(const mn_plan *plan, const mn_layer *layer);

/* The padded map under a convolution's windows: pixels a row. */
int32_t mn_plan_padded_width(const mn_layer *layer);
/* Rows of it that `rows` output rows read. */
int32_t mn_plan_padded_rows(const mn_layer *layer, int32_t rows);

#endif
