/* The memory of a training step: every array's place in one block, computed once to know the size and once more to
 * hand out the pointers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "train/step.h"

#define PARTIAL_FLOATS ((size_t)6 << 20) /* of the weight gradients of all chunks together */
#define CHUNKS_LEAST   4                 /* all the same: as many ranks can share a batch without changing a bit */
#define HEAD_IMAGES    32                /* of a chunk of the classifier, which has one row an image */
#define BLOCK_BYTES    (640 << 10)       /* the two blocks of a product together, and their rows: */
#define BLOCK_LEAST    98
#define BLOCK_ROWS     196 /* 14 x 14 */

/* Hands out parts of a block; with base NULL it only counts. */
typedef struct bump {
    char *base;
    size_t used;
    bool overflow;
} bump;

static float *take(bump *b, size_t count)
{
    size_t bytes;
    if (count > SIZE_MAX / 8 || !mn_size_add(b->used, mn_size_align(count * sizeof(float)), &bytes)) {
        b->overflow = true;
        return NULL;
    }
    float *place = b->base ? (float *)(void *)(b->base + b->used) : NULL;
    b->used = bytes;
    return place;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t up(int32_t channels)
{
    return (size_t)mn_panel_up(channels);
}

static void set_bounds(mn_step_layer *l)
{
    l->low = l->layer->activation == MN_ACTIVATION_NONE ? -INFINITY : 0.0f;
    l->high = l->layer->activation == MN_ACTIVATION_RELU6 ? 6.0f : INFINITY;
}

/* The largest power of two that is neither above `most` nor above the batch, at least 1. */
static int32_t chunks_for(int32_t batch, size_t most)
{
    int32_t chunks = 1;
    while (chunks < MN_CHUNKS_MAX && 2 * chunks <= batch && 2 * (size_t)chunks <= most)
        chunks *= 2;
    return chunks;
}

/* Of `chunks` of a whole batch, those of one rank. */
static int32_t part_of(const mn_step *s, int32_t chunks)
{
    return chunks_for(s->batch, chunks > s->ranks ? (size_t)(chunks / s->ranks) : 1);
}

static void set_shape(const mn_step *s, mn_step_layer *l)
{
    int32_t batch = s->batch * s->ranks;
    const mn_layer *layer = l->layer;
    l->n = layer->out_channels;
    l->k = layer->op == MN_OP_DEPTHWISE ? 9 : layer->kernel_height * layer->kernel_width * layer->in_channels;
    l->in_rows = layer->in_height * layer->in_width;
    l->out_rows = layer->out_height * layer->out_width;
    if (layer->op == MN_OP_CLASSIFIER)
        l->in_rows = l->out_rows = 1;
    if (layer->op == MN_OP_DEPTHWISE)
        mn_step_depthwise_plan(l);
    size_t rows = (size_t)BLOCK_BYTES / sizeof(float) / (up(l->k) + up(l->n));
    l->row_block = rows < BLOCK_LEAST ? BLOCK_LEAST : rows > BLOCK_ROWS ? BLOCK_ROWS : (int32_t)rows;
    l->chunks = part_of(s, chunks_for(batch, MN_CHUNKS_MAX));
    size_t chunks = PARTIAL_FLOATS / larger(1, up(l->n) * up(l->k));
    if (layer->op == MN_OP_CLASSIFIER && chunks > (size_t)batch / HEAD_IMAGES)
        chunks = (size_t)batch / HEAD_IMAGES;
    l->back_chunks = part_of(s, chunks_for(batch, larger(chunks, CHUNKS_LEAST)));
}

/* The trainable tensors in the order of the model's, then the statistics. */
static void set_offsets(mn_step *s)
{
    for (int32_t i = 0; i < s->layer_count; i++) {
        mn_step_layer *l = &s->layers[i];
        size_t n = (size_t)l->n;
        l->weight = s->weight_count;
        s->weight_count += n * (size_t)l->k;
        l->bias = l->gamma = l->beta = l->mean = l->variance = MN_ABSENT;
        if (l->layer->bias) {
            l->bias = s->weight_count;
            s->weight_count += n;
        }
        if (l->layer->batch_norm) {
            l->gamma = s->weight_count;
            l->beta = l->gamma + n;
            s->weight_count += 2 * n;
            l->mean = s->statistic_count;
            l->variance = l->mean + n;
            s->statistic_count += 2 * n;
        }
    }
}

/* Floats of scratch that one task of this layer needs. */
static size_t scratch_for(const mn_step_layer *l)
{
    const mn_layer *layer = l->layer;
    if (layer->op == MN_OP_DEPTHWISE)
        return mn_step_depthwise_scratch(l);
    size_t rows = (size_t)l->row_block, patch = layer->op == MN_OP_CONV ? up(l->k) * (rows + 1) : 0;
    return rows * (up(l->k) + up(l->n)) + patch;
}

static void place(mn_step *s, bump *b, int32_t threads)
{
    size_t batch = (size_t)s->batch, widest = 0, dz = 0, packed = 0, partial = 0;
    bool head = s->reach == MN_REACH_HEAD;
    s->weights = take(b, s->weight_count);
    s->gradients = take(b, s->weight_count);
    s->statistics = take(b, s->statistic_count);
    s->scratch_count = 0;
    for (int32_t i = 0; i < s->layer_count; i++) {
        mn_step_layer *l = &s->layers[i];
        size_t wide = up(l->n), out = (size_t)l->out_rows * (size_t)l->n * batch;
        l->y = head ? NULL : take(b, out);
        float **vectors[] = {&l->scale,   &l->shift, &l->batch_mean, &l->batch_variance,
                             &l->inverse, &l->a,     &l->b,          &l->c};
        for (size_t v = 0; v < sizeof vectors / sizeof *vectors; v++)
            *vectors[v] = take(b, wide);
        widest = larger(widest, larger(wide, up(l->layer->in_channels)));
        if (l->layer->op != MN_OP_CLASSIFIER || head)
            dz = larger(dz, out);
        size_t matrix = l->layer->op == MN_OP_DEPTHWISE ? 9 * wide : up(l->k) * wide;
        packed = larger(packed, matrix);
        if (!head || l->layer->op == MN_OP_CLASSIFIER)
            partial = larger(partial, matrix * (size_t)l->back_chunks);
        s->scratch_count = larger(s->scratch_count, scratch_for(l));
    }
    s->scratch_count = mn_size_align(s->scratch_count * sizeof(float)) / sizeof(float);
    const mn_layer *classifier = s->layers[s->layer_count - 1].layer;
    s->pooled = take(b, batch * (size_t)classifier->in_channels);
    s->pooled_gradient = take(b, batch * (size_t)classifier->in_channels);
    s->logit_gradient = take(b, batch * (size_t)classifier->out_channels);
    s->dz[0] = take(b, dz);
    s->dz[1] = take(b, dz);
    for (int32_t i = 0; head && i < s->layer_count; i++)
        s->layers[i].y = s->dz[i % 2]; /* a layer reads the one before and nothing else */
    s->packed = take(b, packed);
    s->partial = take(b, partial);
    s->sums_stride = widest;
    for (int32_t i = 0; i < 3; i++)
        s->sums[i] = take(b, widest * MN_CHUNKS_MAX);
    s->scratch = take(b, s->scratch_count * (size_t)threads);
    s->identity_scale = take(b, widest);
    s->identity_shift = take(b, widest);
}

static mn_status describe(mn_step *s, const mn_net *net, const mn_step_options *options, mn_error *err)
{
    if (options->batch < 1 || options->ranks < 1 || options->batch > 65536 / options->ranks)
        return mn_fail(err, MN_ERROR_ARGUMENT, "batch is %d times %d, must be 1 to 65536", options->batch,
                       options->ranks);
    s->net = *net;
    s->reach = options->reach;
    s->batch = options->batch;
    s->ranks = options->ranks;
    for (int32_t i = 0; i < net->layer_count; i++) {
        const mn_layer *layer = &s->net.layers[i];
        if (layer->op == MN_OP_POOL || layer->op == MN_OP_SOFTMAX)
            continue;
        if ((layer->op == MN_OP_DEPTHWISE && (layer->kernel_height != 3 || layer->kernel_width != 3)) ||
            layer->input != i - 1)
            return mn_fail(err, MN_ERROR_UNSUPPORTED, "layer %s: training handles chains with 3x3 depthwise filters",
                           layer->name);
        mn_step_layer *l = &s->layers[s->layer_count++];
        l->layer = layer;
        set_shape(s, l);
        set_bounds(l);
    }
    if (s->layer_count < 2 || s->layers[s->layer_count - 1].layer->op != MN_OP_CLASSIFIER)
        return mn_fail(err, MN_ERROR_UNSUPPORTED, "the net does not end in a classifier");
    set_offsets(s);
    return MN_OK;
}

static mn_status measure(mn_step *s, const mn_net *net, const mn_step_options *options, int32_t threads, size_t *bytes,
                         mn_error *err)
{
    mn_status status = describe(s, net, options, err);
    if (status != MN_OK)
        return status;
    bump counter = {0};
    place(s, &counter, threads);
    if (counter.overflow)
        return mn_fail(err, MN_ERROR_LIMIT, "training with batch %d needs more memory than can be addressed",
                       options->batch);
    *bytes = counter.used;
    return MN_OK;
}

mn_status mn_step_size(const mn_net *net, const mn_step_options *options, int32_t threads, size_t *bytes, mn_error *err)
{
    mn_step *s = mn_calloc(1, sizeof *s);
    if (!s)
        return mn_fail_memory(err, sizeof *s, "a training plan");
    mn_status status = measure(s, net, options, threads, bytes, err);
    free(s);
    return status;
}

static void fill_vectors(mn_step *s)
{
    for (size_t i = 0; i < s->sums_stride; i++)
        s->identity_scale[i] = 1.0f;
    for (int32_t i = 0; i < s->layer_count; i++) {
        mn_step_layer *l = &s->layers[i];
        for (int32_t c = 0; c < l->n; c++)
            l->scale[c] = l->inverse[c] = l->a[c] = 1.0f;
    }
}

mn_status mn_step_create(const mn_net *net, const mn_step_options *options, const mn_train_kernels *kernels,
                         mn_pool *pool, mn_step **step, mn_error *err)
{
    mn_step *s = mn_calloc(1, sizeof *s);
    if (!s)
        return mn_fail_memory(err, sizeof *s, "a training plan");
    mn_status status = measure(s, net, options, mn_pool_threads(pool), &s->block_bytes, err);
    if (status == MN_OK) {
        s->block = mn_alloc_large(s->block_bytes);
        if (!s->block)
            status = mn_fail_memory(err, s->block_bytes, "a training step (a smaller batch needs less)");
    }
    if (status != MN_OK) {
        mn_step_destroy(s);
        return status;
    }
    memset(s->block, 0, s->block_bytes);
    bump hand = {.base = s->block};
    place(s, &hand, mn_pool_threads(pool));
    s->kernels = kernels;
    s->pool = pool;
    fill_vectors(s);
    *step = s;
    return MN_OK;
}

void mn_step_destroy(mn_step *step)
{
    if (!step)
        return;
    free(step->block);
    free(step);
}
