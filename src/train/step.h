/* One training step of a net: forward, loss, backward. Weights, gradients, activations and scratch are one block of
 * memory whose size is known before it is made.
 *
 * Of every convolution only the output y before batch norm is kept; activations and gradients of y are made again
 * where they are used (kernels/train_kernels.h), so a layer is read twice and written once in each direction.
 *
 * Work is cut into chunks of whole images, by shape alone. Every sum over the batch (batch norm's statistics, the
 * gradients of weights) is a sum inside each chunk, then a binary tree over the chunks (train/reduce.h): the same bits
 * for any number of threads.
 */
#ifndef MN_TRAIN_STEP_H
#define MN_TRAIN_STEP_H

#include "base/pool.h"
#include "kernels/train_kernels.h"
#include "mobilenet/net.h"
#include "train/group.h"

typedef enum mn_step_mode {
    MN_STEP_TRAIN, /* statistics of the batch, dropout */
    MN_STEP_INFER  /* the statistics in step->statistics, no dropout */
} mn_step_mode;

#define MN_ABSENT     SIZE_MAX
#define MN_CHUNKS_MAX 32
#define MN_BAND_MAX   16 /* rows of a depthwise layer's output handled at once */

/* A layer with weights. Offsets count floats from the start of step->weights and step->gradients (weight, bias, gamma,
 * beta) or of step->statistics (mean, variance); MN_ABSENT where the layer has none. */
typedef struct mn_step_layer {
    const mn_layer *layer;
    int32_t k, n;              /* a product's shape: inputs of one output, outputs; depthwise: 9, channels */
    int32_t in_rows, out_rows; /* pixels of one image */
    int32_t row_block;         /* rows of a product handled at once, at most */
    int32_t band;              /* rows of a depthwise layer's output handled at once, 1 to MN_BAND_MAX */
    int32_t chunks;            /* tasks of this rank's part of a batch, forward: a power of two, as is */
    int32_t back_chunks;       /* backward; fewer where the weights are large */
    size_t weight, bias, gamma, beta, mean, variance;
    float low, high;                    /* the activation's bounds */
    float *y;                           /* [batch, out_height, out_width, out_channels] */
    float *scale, *shift;               /* [C up] z = clamp(y * scale + shift) */
    float *batch_mean, *batch_variance; /* [C up] of the last batch, the variance biased */
    float *inverse;                     /* [C up] 1 / sqrt(variance + epsilon) */
    float *a, *b, *c;                   /* [C up] see mn_chain */
} mn_step_layer;

/* What a step is able to do, and so the memory it takes. */
typedef enum mn_step_reach {
    MN_REACH_ALL, /* learn every layer */
    MN_REACH_HEAD /* learn the classifier alone: two layers' outputs at a time, as in inference */
} mn_step_reach;

typedef struct mn_step_options {
    mn_step_reach reach;
    int32_t batch; /* images that fit: this rank's part of a batch */
    int32_t ranks; /* that share a batch; 1: alone */
} mn_step_options;

typedef struct mn_step {
    mn_net net;
    mn_step_reach reach;
    int32_t batch, ranks; /* see mn_step_options */
    int32_t count;        /* images of the step at hand */
    mn_group *group;      /* the ranks; NULL: alone */
    bool sync;            /* statistics of batch norm are of the whole batch, not of this rank's part */
    mn_status status;     /* not MN_OK: the ranks agreed to end, see mn_group; nothing is computed any more */
    mn_step_mode mode;
    const mn_train_kernels *kernels;
    mn_pool *pool;
    uint64_t seed, dropout_index; /* which dropout mask: mn_rng stream MN_STREAM_DROPOUT */

    int32_t layer_count;
    mn_step_layer layers[MN_LAYERS_MAX]; /* convolutions, then the classifier */

    size_t weight_count, statistic_count;
    float *weights, *gradients; /* [weight_count] */
    float *statistics;          /* [statistic_count] means and variances for MN_STEP_INFER */

    const float *input;     /* [count, height, width, channels], the caller's */
    float *pooled;          /* [batch, C] after dropout */
    float *pooled_gradient; /* [batch, C] */
    float *logit_gradient;  /* [batch, classes] */
    float *dz[2];           /* gradients of the activations of this layer and of the one before */
    float *packed;          /* weights of the layer at hand, packed for a product */
    float *partial;         /* weight gradients of each chunk */
    size_t partial_stride;  /* floats between chunks */
    float *sums[3];         /* per chunk and channel: origin, first, second */
    size_t sums_stride;     /* floats between chunks */
    float *scratch;         /* [threads][scratch_count] */
    size_t scratch_count;
    float *identity_scale, *identity_shift; /* ones and zeros [widest up] */

    void *block;
    size_t block_bytes;
} mn_step;

/* Bytes that mn_step_create will allocate for this batch and number of threads: exact. */
mn_status mn_step_size(const mn_net *net, const mn_step_options *options, int32_t threads, size_t *bytes,
                       mn_error *err);

/* The pool must outlive the step. Weights, statistics and gradients are zero. */
mn_status mn_step_create(const mn_net *net, const mn_step_options *options, const mn_train_kernels *kernels,
                         mn_pool *pool, mn_step **step, mn_error *err);
void mn_step_destroy(mn_step *step);

/* Runs `count` images, input [count, H, W, C] as the preprocessing makes it; returns the logits [count, classes],
 * valid until the next call. In MN_STEP_TRAIN batch_mean and batch_variance of each layer are filled. NULL where the
 * ranks agreed to end (step->status). */
const float *mn_step_forward(mn_step *step, mn_step_mode mode, const float *input, int32_t count);

/* The same in two halves, with the statistics of MN_STEP_INFER: the pool's output [count, C], valid until the next call;
 * then, from embeddings [count, C], the logits, with dropout in MN_STEP_TRAIN. */
const float *mn_step_embed(mn_step *step, const float *input, int32_t count);
const float *mn_step_head(mn_step *step, mn_step_mode mode, const float *embedding, int32_t count);

/* After a forward pass in MN_STEP_TRAIN and with step->logit_gradient filled: fills step->gradients. `first_layer`: layers
 * before it get no gradient (0: all; layer_count - 1: the classifier alone, also after mn_step_head). */
void mn_step_backward(mn_step *step, int32_t first_layer);

/* Name of the first layer whose output is not finite, looking at the last forward pass, or NULL. */
const char *mn_step_find_not_finite(const mn_step *step);

/* The wanted outputs of a batch, and what the loss is made of. */
typedef struct mn_targets {
    const int32_t *label; /* [count] */
    const int32_t *other; /* [count] the mixed-in label, or NULL */
    const float *weight;  /* [count] share of `label`, the rest is `other`'s; NULL: 1 */
    float smoothing;      /* this share is spread over all classes */
    const float *teacher; /* [count, classes] logits of a teacher, or NULL */
    float teacher_weight; /* share of the distillation term, 0..1 */
    float temperature;    /* of the distillation term */
    int32_t total;        /* images that the mean is over, of which `count` are here; 0: count */
} mn_targets;

/* Softmax cross-entropy, these images' share of the mean, and its gradient by the logits:
 *     (1 - w) * CE(target, softmax(s)) + w * T^2 * KL(softmax(t / T), softmax(s / T))      (Hinton et al. 2015)
 * *correct: images whose largest logit is `label`. gradient may be NULL. */
double mn_loss(const float *logits, int32_t count, int32_t classes, const mn_targets *targets, float *gradient,
               int32_t *correct);

/* Inside the step: what a layer reads, and cutting work into chunks (step_forward.c, step_backward.c). */
typedef struct mn_step_source {
    const float *data; /* [count, in_rows, in_channels] */
    mn_affine affine;
    bool plain; /* the data are the input already: the affine changes nothing */
} mn_step_source;
mn_step_source mn_step_source_of(const mn_step *step, int32_t index);
/* First image of chunk number `chunk` where a whole batch has `chunks` of them: chunks of two sizes at most. */
static inline int32_t mn_step_chunk_start(const mn_step *step, int32_t chunks, int32_t chunk)
{
    int32_t image = (int32_t)((int64_t)chunk * step->batch / chunks);
    return image < step->count ? image : step->count;
}
/* Chunks that have images in the step at hand, which may be less than a whole batch. */
static inline int32_t mn_step_chunks(const mn_step *step, int32_t chunks)
{
    int32_t used = 0;
    while (used < chunks && mn_step_chunk_start(step, chunks, used) < step->count)
        used++;
    return used;
}
/* Rows of the next block of a product where `rest` are left: blocks as even as can be, since a short one costs as many passes
 * over the weights as a long one. */
static inline int32_t mn_step_block(const mn_step_layer *layer, size_t rest)
{
    size_t most = (size_t)layer->row_block, blocks = (rest + most - 1) / most;
    return (int32_t)((rest + blocks - 1) / blocks);
}
/* Fills panels (pitch rows) with the patches of output pixels [first, first + rows) of one image. */
void mn_step_patches(const mn_step_layer *layer, const mn_step_source *source, int32_t image, int32_t first,
                     int32_t rows, float *row, float *panels, int32_t pitch);
/* What every task of a layer sees. */
typedef struct mn_step_job {
    mn_step *step;
    int32_t index;
    int32_t side; /* backward: which dz holds the gradient of the layer's activation */
    bool data;    /* backward: whether the layer before wants a gradient */
} mn_step_job;

static inline mn_chain mn_step_chain_of(const mn_step_layer *l)
{
    return (mn_chain){{l->scale, l->shift, l->low, l->high}, l->a, l->b, l->c};
}

/* Depthwise layers (step_depthwise.c): tasks of a pool, and what the plan wants to know. */
void mn_step_depthwise_forward(void *job, int32_t chunk, int32_t worker);
void mn_step_depthwise_backward(void *job, int32_t chunk, int32_t worker);
void mn_step_depthwise_plan(mn_step_layer *layer);            /* sets `band` */
size_t mn_step_depthwise_scratch(const mn_step_layer *layer); /* floats */

#endif
