/* The backward pass of a training step. See train/step.h for how work is cut.
 *
 * dz[side] holds the gradient of the activation of the layer at hand; its tasks write that of the layer before into
 * dz[1 - side] and, while it is in cache, sum what batch norm's backward pass needs of it.
 */
#include <math.h>
#include <string.h>

#include "train/pack.h"
#include "train/reduce.h"
#include "train/step.h"
#include "train/streams.h"

/* The sums of one chunk of the layer before. */
typedef struct gather {
    mn_step *step;
    const mn_step_layer *layer;
    float *first, *second;
    const float *pending_dz, *pending_y;
    int32_t pending_rows;
} gather;

static gather gather_open(mn_step *s, int32_t index, int32_t chunk)
{
    size_t at = (size_t)chunk * s->sums_stride;
    gather g = {s, &s->layers[index], s->sums[1] + at, s->sums[2] + at, NULL, NULL, 0};
    memset(g.first, 0, (size_t)g.layer->n * sizeof(float));
    memset(g.second, 0, (size_t)g.layer->n * sizeof(float));
    return g;
}

static void gather_flush(gather *g)
{
    const mn_step_layer *l = g->layer;
    mn_affine affine = {l->scale, l->shift, l->low, l->high};
    if (g->pending_rows > 0)
        g->step->kernels->gradient_sums(g->pending_dz, g->pending_y, l->n, g->pending_rows, l->n, &affine,
                                        l->batch_mean, l->inverse, g->first, g->second);
    g->pending_rows = 0;
}

/* Rows first.. of the batch are made. */
static void gather_rows(gather *g, const float *dz, size_t first, int32_t rows)
{
    size_t n = (size_t)g->layer->n;
    if (g->pending_rows == 0) {
        g->pending_dz = dz + first * n;
        g->pending_y = g->layer->y + first * n;
    }
    g->pending_rows += rows;
    if (g->pending_rows >= 128 || (int64_t)g->pending_rows * g->layer->n >= 16384)
        gather_flush(g);
}

/* Adds the patches' gradients [rows, k] to the image's dx. */
static void scatter(const mn_step_layer *l, const float *patch, int32_t first, int32_t rows, float *dx)
{
    const mn_layer *layer = l->layer;
    int32_t ic = layer->in_channels;
    for (int32_t r = 0; r < rows; r++) {
        int32_t y0 = (first + r) / layer->out_width * layer->stride - layer->pad_top;
        int32_t x0 = (first + r) % layer->out_width * layer->stride - layer->pad_left;
        for (int32_t t = 0; t < layer->kernel_height * layer->kernel_width; t++, patch += ic) {
            int32_t y = y0 + t / layer->kernel_width, x = x0 + t % layer->kernel_width;
            if (y < 0 || y >= layer->in_height || x < 0 || x >= layer->in_width)
                continue;
            float *out = dx + ((size_t)y * (size_t)layer->in_width + (size_t)x) * (size_t)ic;
            for (int32_t c = 0; c < ic; c++)
                out[c] += patch[c];
        }
    }
}

static int32_t chunk_start(const mn_step *s, const mn_step_layer *l, int32_t chunk)
{
    return mn_step_chunk_start(s, l->back_chunks, chunk);
}

/* Standard convolution: patches, one image at a time. */
static void conv_task(void *context, int32_t chunk, int32_t worker)
{
    const mn_step_job *j = context;
    mn_step *s = j->step;
    const mn_step_layer *l = &s->layers[j->index];
    mn_step_source source = mn_step_source_of(s, j->index);
    mn_chain chain = mn_step_chain_of(l);
    size_t k = (size_t)mn_panel_up(l->k), n = (size_t)l->n, block = (size_t)l->row_block;
    float *x = s->scratch + (size_t)worker * s->scratch_count, *dy = x + block * k;
    float *patch = dy + block * (size_t)mn_panel_up(l->n);
    float *sum = s->partial + (size_t)chunk * s->partial_stride;
    gather g = {0};
    if (j->data)
        g = gather_open(s, j->index - 1, chunk);
    size_t image_floats = (size_t)l->in_rows * (size_t)l->layer->in_channels;
    int32_t start = chunk_start(s, l, chunk);
    for (int32_t i = start; i < chunk_start(s, l, chunk + 1); i++) {
        float *dx = s->dz[1 - j->side] + (size_t)i * image_floats;
        if (j->data)
            memset(dx, 0, image_floats * sizeof *dx);
        for (int32_t r = 0, rows; r < l->out_rows; r += rows) {
            rows = mn_step_block(l, (size_t)(l->out_rows - r));
            size_t first = (size_t)i * (size_t)l->out_rows + (size_t)r;
            s->kernels->gradient(s->dz[j->side] + first * n, l->y + first * n, l->n, rows, l->n, &chain, dy,
                                 l->row_block);
            mn_step_patches(l, &source, i, r, rows, patch, x, l->row_block);
            s->kernels->accumulate(dy, x, l->row_block, rows, l->n, l->k, sum, i > start || r > 0, NULL);
            if (j->data) {
                s->kernels->multiply(dy, l->row_block, rows, l->n, s->packed, l->k, patch, NULL);
                scatter(l, patch, r, rows, dx);
            }
        }
        if (j->data)
            gather_rows(&g, s->dz[1 - j->side], (size_t)i * (size_t)l->in_rows, l->in_rows);
    }
    if (j->data)
        gather_flush(&g);
}

/* Pointwise convolution and classifier. */
static void product_task(void *context, int32_t chunk, int32_t worker)
{
    const mn_step_job *j = context;
    mn_step *s = j->step;
    const mn_step_layer *l = &s->layers[j->index];
    mn_step_source source = mn_step_source_of(s, j->index);
    bool classifier = l->layer->op == MN_OP_CLASSIFIER;
    const float *dz = classifier ? s->logit_gradient : s->dz[j->side];
    float *dx = classifier ? s->pooled_gradient : s->dz[1 - j->side];
    mn_chain chain = mn_step_chain_of(l);
    size_t k = (size_t)l->k, n = (size_t)l->n, block = (size_t)l->row_block;
    float *x = s->scratch + (size_t)worker * s->scratch_count, *dy = x + block * (size_t)mn_panel_up(l->k);
    float *sum = s->partial + (size_t)chunk * s->partial_stride;
    gather g = {0};
    if (j->data && !classifier)
        g = gather_open(s, j->index - 1, chunk);
    size_t start = (size_t)chunk_start(s, l, chunk) * (size_t)l->out_rows;
    size_t end = (size_t)chunk_start(s, l, chunk + 1) * (size_t)l->out_rows;
    for (size_t r = start, after; r < end; r = after) {
        int32_t rows = mn_step_block(l, end - r);
        s->kernels->gradient(dz + r * n, l->y + r * n, l->n, rows, l->n, &chain, dy, l->row_block);
        s->kernels->activate(source.data + r * k, l->k, rows, l->k, &source.affine, x, l->row_block);
        after = r + (size_t)rows;
        int32_t next = after < end ? mn_step_block(l, end - after) : 0;
        mn_ahead ahead[2] = {0};
        mn_ahead_add(&ahead[0], dz + after * n, l->n, l->n, next);
        mn_ahead_add(&ahead[0], l->y + after * n, l->n, l->n, next);
        mn_ahead_add(&ahead[1], source.data + after * k, l->k, l->k, next);
        mn_ahead_add(&ahead[1], dx + after * k, l->k, l->k, next);
        if (j->data) {
            s->kernels->multiply(dy, l->row_block, rows, l->n, s->packed, l->k, dx + r * k, &ahead[0]);
            if (!classifier)
                gather_rows(&g, dx, r, rows);
        }
        s->kernels->accumulate(dy, x, l->row_block, rows, l->n, l->k, sum, r > start, &ahead[1]);
    }
    if (j->data && !classifier)
        gather_flush(&g);
}

/* From the gradient of the pool's output to that of the last convolution's activation, in dz[0]. */
static void pool_task(void *context, int32_t chunk, int32_t worker)
{
    (void)worker;
    const mn_step_job *j = context;
    mn_step *s = j->step;
    const mn_step_layer *l = &s->layers[s->layer_count - 2];
    size_t n = (size_t)l->n;
    float keep = 1.0f - (float)s->net.arch.dropout, factor = 1.0f / (keep * (float)l->out_rows);
    gather g = gather_open(s, s->layer_count - 2, chunk);
    for (int32_t i = chunk_start(s, l, chunk); i < chunk_start(s, l, chunk + 1); i++) {
        float *dp = s->pooled_gradient + (size_t)i * n;
        for (size_t c = 0; c < n; c++)
            dp[c] = keep < 1 && mn_step_dropped(s, i, (int32_t)c) ? 0.0f : dp[c] * factor;
        float *dz = s->dz[0] + (size_t)i * (size_t)l->out_rows * n;
        for (int32_t r = 0; r < l->out_rows; r++)
            memcpy(dz + (size_t)r * n, dp, n * sizeof *dp);
        gather_rows(&g, s->dz[0], (size_t)i * (size_t)l->out_rows, l->out_rows);
    }
    gather_flush(&g);
}

static void backward_layer(mn_step *s, int32_t index, int32_t side, bool data)
{
    mn_step_layer *l = &s->layers[index];
    bool depthwise = l->layer->op == MN_OP_DEPTHWISE;
    int32_t chunks = mn_step_chunks(s, l->back_chunks);
    size_t wide = (size_t)mn_panel_up(l->n);
    s->partial_stride = depthwise ? 9 * wide : wide * (size_t)mn_panel_up(l->k);
    const float *w = s->weights + l->weight;
    if (depthwise)
        mn_pack_depthwise(w, l->n, l->layer->stride == 1 ? MN_PACK_TRANSPOSED : MN_PACK_PLAIN, s->packed);
    else if (data)
        mn_pack_product(s->pool, w, l->n, l->k, MN_PACK_TRANSPOSED, s->packed);
    mn_step_job j = {s, index, side, data};
    mn_pool_task *task = depthwise ? mn_step_depthwise_backward : l->layer->op == MN_OP_CONV ? conv_task : product_task;
    mn_pool_run(s->pool, chunks, task, &j);
    mn_reduce_weights(s, index, chunks);
    if (data && l->layer->op != MN_OP_CLASSIFIER)
        mn_reduce_gradient_sums(s, index - 1, chunks);
}

void mn_step_backward(mn_step *s, int32_t first_layer)
{
    int32_t last = s->layer_count - 1;
    mn_reduce_classifier_bias(s);
    backward_layer(s, last, 0, first_layer < last);
    if (first_layer >= last)
        return;
    const mn_step_layer *top = &s->layers[last - 1];
    mn_step_job j = {s, last - 1, 0, true};
    int32_t chunks = mn_step_chunks(s, top->back_chunks);
    mn_pool_run(s->pool, chunks, pool_task, &j);
    mn_reduce_gradient_sums(s, last - 1, chunks);
    for (int32_t i = last - 1, side = 0; i >= first_layer && s->status == MN_OK; i--, side = 1 - side)
        backward_layer(s, i, side, i > first_layer);
}
