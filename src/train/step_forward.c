/* The forward pass of a training step: convolutions with batch norm's statistics gathered on the way, pool, classifier.
 * See train/step.h for how work is cut. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "train/pack.h"
#include "train/reduce.h"
#include "train/step.h"
#include "train/streams.h"

mn_step_source mn_step_source_of(const mn_step *step, int32_t index)
{
    mn_affine identity = {step->identity_scale, step->identity_shift, -INFINITY, INFINITY};
    if (index == 0)
        return (mn_step_source){step->input, identity, true};
    if (index == step->layer_count - 1)
        return (mn_step_source){step->pooled, identity, true};
    const mn_step_layer *before = &step->layers[index - 1];
    return (mn_step_source){before->y, {before->scale, before->shift, before->low, before->high}, false};
}

/* The patch whose first pixel is (y0, x0), in the order of the weights [KH, KW, IC]: taps outside are zero. */
static void copy_patch(const mn_step_layer *l, const mn_step_source *source, const float *image, int32_t y0, int32_t x0,
                       float *out)
{
    const mn_layer *layer = l->layer;
    const mn_affine *affine = &source->affine;
    int32_t ic = layer->in_channels, kw_count = layer->kernel_width;
    for (int32_t kh = 0; kh < layer->kernel_height; kh++) {
        int32_t y = y0 + kh;
        if (y < 0 || y >= layer->in_height) {
            memset(out, 0, (size_t)(kw_count * ic) * sizeof *out);
            out += kw_count * ic;
            continue;
        }
        for (int32_t kw = 0; kw < kw_count; kw++, out += ic) {
            int32_t x = x0 + kw;
            if (x < 0 || x >= layer->in_width) {
                memset(out, 0, (size_t)ic * sizeof *out);
                continue;
            }
            const float *in = image + ((size_t)y * (size_t)layer->in_width + (size_t)x) * (size_t)ic;
            for (int32_t c = 0; c < ic; c++) {
                float z = source->plain ? in[c] : in[c] * affine->scale[c] + affine->shift[c];
                z = z > affine->low ? z : affine->low;
                out[c] = z < affine->high ? z : affine->high;
            }
        }
    }
}

/* A patch of 3x3 pixels of three channels, all inside: rows of nine neighbours, straight into two panels. */
static inline void copy_stem(const float *top, size_t row, float *first, float *second)
{
    const float *middle = top + row, *bottom = middle + row;
    memcpy(first, top, 9 * sizeof *first);
    memcpy(first + 9, middle, 7 * sizeof *first);
    memcpy(second, middle + 7, 2 * sizeof *first);
    memcpy(second + 2, bottom, 9 * sizeof *first);
    memset(second + 11, 0, 5 * sizeof *first);
}

void mn_step_patches(const mn_step_layer *l, const mn_step_source *source, int32_t image, int32_t first, int32_t rows,
                     float *row, float *panels, int32_t pitch)
{
    const mn_layer *layer = l->layer;
    const float *pixels = source->data + (size_t)image * (size_t)l->in_rows * (size_t)layer->in_channels;
    int32_t k = l->k, wide = mn_panel_up(k), oh = first / layer->out_width, ow = first % layer->out_width;
    bool stem = source->plain && layer->kernel_height == 3 && layer->kernel_width == 3 && layer->in_channels == 3;
    memset(row + k, 0, (size_t)(wide - k) * sizeof *row);
    for (int32_t r = 0; r < rows; r++) {
        int32_t y = oh * layer->stride - layer->pad_top, x = ow * layer->stride - layer->pad_left;
        float *out = panels + (size_t)r * MN_PANEL;
        if (stem && y >= 0 && x >= 0 && y + 3 <= layer->in_height && x + 3 <= layer->in_width) {
            size_t width = (size_t)layer->in_width;
            copy_stem(pixels + ((size_t)y * width + (size_t)x) * 3, 3 * width, out, out + (size_t)pitch * MN_PANEL);
        } else {
            copy_patch(l, source, pixels, y, x, row);
            for (int32_t p = 0; p < wide; p += MN_PANEL)
                memcpy(out + (size_t)p * (size_t)pitch, row + p, MN_PANEL * sizeof *row);
        }
        if (++ow == layer->out_width) {
            ow = 0;
            oh++;
        }
    }
}

/* The statistics of a chunk while it is being made. */
typedef struct gather {
    mn_step *step;
    const mn_step_layer *layer;
    float *origin, *first, *second;
    const float *pending; /* rows of y that are made but not counted */
    int32_t pending_rows;
    bool wanted, started;
} gather;

static gather gather_open(mn_step *step, const mn_step_layer *layer, int32_t chunk)
{
    size_t at = (size_t)chunk * step->sums_stride;
    gather g = {step, layer, step->sums[0] + at, step->sums[1] + at, step->sums[2] + at, NULL, 0, false, false};
    g.wanted = layer->layer->batch_norm && step->mode == MN_STEP_TRAIN;
    return g;
}

static void gather_flush(gather *g)
{
    if (!g->wanted || g->pending_rows == 0)
        return;
    size_t n = (size_t)g->layer->n;
    if (!g->started) { /* sums are taken about the chunk's first row: no cancellation where the mean is large */
        memcpy(g->origin, g->pending, n * sizeof(float));
        memset(g->first, 0, n * sizeof(float));
        memset(g->second, 0, n * sizeof(float));
        g->started = true;
    }
    g->step->kernels->statistics(g->pending, g->layer->n, g->pending_rows, g->layer->n, g->origin, g->first, g->second);
    g->pending_rows = 0;
}

static void gather_rows(gather *g, const float *y, int32_t rows)
{
    if (g->pending_rows == 0)
        g->pending = y;
    g->pending_rows += rows;
    if (g->pending_rows >= 128 || (int64_t)g->pending_rows * g->layer->n >= 16384)
        gather_flush(g);
}

static void product_task(void *context, int32_t chunk, int32_t worker)
{
    const mn_step_job *j = context;
    mn_step *s = j->step;
    const mn_step_layer *l = &s->layers[j->index];
    mn_step_source source = mn_step_source_of(s, j->index);
    float *panels = s->scratch + (size_t)worker * s->scratch_count;
    float *row = panels + (size_t)l->row_block * (size_t)mn_panel_up(l->k);
    gather g = gather_open(s, l, chunk);
    int32_t image = mn_step_chunk_start(s, l->chunks, chunk), end = mn_step_chunk_start(s, l->chunks, chunk + 1);
    bool patches = l->layer->op == MN_OP_CONV;
    /* A product may run across images, patches are cut from one at a time. */
    int32_t group = patches ? 1 : end - image;
    for (; image < end; image += group)
        for (int32_t r = 0, rest = group * l->out_rows, rows; rest > 0; r += rows) {
            rows = mn_step_block(l, (size_t)rest);
            rest -= rows;
            size_t first = (size_t)image * (size_t)l->out_rows + (size_t)r;
            if (patches)
                mn_step_patches(l, &source, image, r, rows, row, panels, l->row_block);
            else
                s->kernels->activate(source.data + first * (size_t)l->k, l->k, rows, l->k, &source.affine, panels,
                                     l->row_block);
            float *y = l->y + first * (size_t)l->n;
            mn_ahead ahead = {0};
            int32_t next = rest > 0 ? mn_step_block(l, (size_t)rest) : 0;
            if (!patches)
                mn_ahead_add(&ahead, source.data + (first + (size_t)rows) * (size_t)l->k, l->k, l->k, next);
            mn_ahead_add(&ahead, y + (size_t)rows * (size_t)l->n, l->n, l->n, next);
            s->kernels->multiply(panels, l->row_block, rows, l->k, s->packed, l->n, y, &ahead);
            gather_rows(&g, y, rows);
        }
    gather_flush(&g);
}

/* scale and shift of the layer's activation. */
static void set_affine(const mn_step *s, mn_step_layer *l)
{
    if (!l->layer->batch_norm) {
        if (l->bias != MN_ABSENT)
            memcpy(l->shift, s->weights + l->bias, (size_t)l->n * sizeof(float));
        return;
    }
    bool train = s->mode == MN_STEP_TRAIN;
    const float *mean = train ? l->batch_mean : s->statistics + l->mean;
    const float *variance = train ? l->batch_variance : s->statistics + l->variance;
    for (int32_t c = 0; c < l->n; c++) {
        l->inverse[c] = (float)(1.0 / sqrt((double)variance[c] + s->net.arch.bn_epsilon));
        l->scale[c] = s->weights[l->gamma + (size_t)c] * l->inverse[c];
        l->shift[c] = s->weights[l->beta + (size_t)c] - mean[c] * l->scale[c];
    }
}

/* Sets dropped elements of an image's embedding to zero, the others times `factor`. */
static void drop(const mn_step *s, int32_t image, float factor, float *embedding)
{
    int32_t n = s->layers[s->layer_count - 1].k;
    float keep = s->mode == MN_STEP_TRAIN ? 1.0f - (float)s->net.arch.dropout : 1.0f;
    for (int32_t c = 0; c < n; c++)
        embedding[c] = keep < 1 && mn_step_dropped(s, image, c) ? 0.0f : embedding[c] * (factor / keep);
}

static void pool_task(void *context, int32_t image, int32_t worker)
{
    (void)worker;
    mn_step *s = ((const mn_step_job *)context)->step;
    const mn_step_layer *l = &s->layers[s->layer_count - 2];
    size_t n = (size_t)l->n;
    float *out = s->pooled + (size_t)image * n;
    const float *y = l->y + (size_t)image * (size_t)l->out_rows * n;
    memset(out, 0, n * sizeof *out);
    for (int32_t r = 0; r < l->out_rows; r++, y += n)
        for (size_t c = 0; c < n; c++) {
            float z = y[c] * l->scale[c] + l->shift[c];
            z = z > l->low ? z : l->low;
            out[c] += z < l->high ? z : l->high;
        }
    drop(s, image, 1.0f / (float)l->out_rows, out);
}

static void run_layer(mn_step *step, int32_t index)
{
    mn_step_layer *l = &step->layers[index];
    mn_step_job j = {.step = step, .index = index};
    bool depthwise = l->layer->op == MN_OP_DEPTHWISE;
    if (depthwise)
        mn_pack_depthwise(step->weights + l->weight, l->n, MN_PACK_PLAIN, step->packed);
    else
        mn_pack_product(step->pool, step->weights + l->weight, l->n, l->k, MN_PACK_PLAIN, step->packed);
    mn_pool_run(step->pool, mn_step_chunks(step, l->chunks), depthwise ? mn_step_depthwise_forward : product_task, &j);
    if (step->mode == MN_STEP_TRAIN && l->layer->batch_norm)
        mn_reduce_statistics(step, index);
    set_affine(step, l);
}

/* From the input to the pool's output. */
static void run_body(mn_step *step, mn_step_mode mode, const float *input, int32_t count)
{
    step->mode = mode;
    step->count = count;
    step->input = input;
    for (int32_t i = 0; i < step->layer_count - 1; i++) {
        run_layer(step, i);
        if (step->status != MN_OK)
            return;
    }
    mn_step_job j = {.step = step, .index = step->layer_count - 2};
    mn_pool_run(step->pool, count, pool_task, &j);
}

static const float *run_classifier(mn_step *step)
{
    mn_step_layer *last = &step->layers[step->layer_count - 1];
    run_layer(step, step->layer_count - 1);
    for (int32_t i = 0; i < step->count; i++)
        for (int32_t c = 0; c < last->n; c++)
            last->y[(size_t)i * (size_t)last->n + (size_t)c] += last->shift[c];
    return last->y;
}

const float *mn_step_forward(mn_step *step, mn_step_mode mode, const float *input, int32_t count)
{
    run_body(step, mode, input, count);
    return step->status == MN_OK ? run_classifier(step) : NULL;
}

const float *mn_step_embed(mn_step *step, const float *input, int32_t count)
{
    run_body(step, MN_STEP_INFER, input, count);
    return step->pooled;
}

const float *mn_step_head(mn_step *step, mn_step_mode mode, const float *embedding, int32_t count)
{
    size_t n = (size_t)step->layers[step->layer_count - 1].k;
    step->mode = mode;
    step->count = count;
    memcpy(step->pooled, embedding, (size_t)count * n * sizeof *embedding);
    for (int32_t i = 0; i < count; i++)
        drop(step, i, 1, step->pooled + (size_t)i * n);
    return run_classifier(step);
}

/* Batch norm carries a NaN into its layer's scale; without it, only the output itself shows one. */
static bool finite_layer(const mn_step *s, const mn_step_layer *l)
{
    bool normed = l->layer->batch_norm;
    size_t count = normed ? (size_t)l->n : (size_t)s->count * (size_t)l->out_rows * (size_t)l->n;
    for (size_t i = 0; i < count; i++)
        if (normed ? !isfinite(l->scale[i]) || !isfinite(l->shift[i]) || !isfinite(l->batch_variance[i])
                   : !isfinite(l->y[i]))
            return false;
    return true;
}

const char *mn_step_find_not_finite(const mn_step *step)
{
    for (int32_t i = 0; i < step->layer_count; i++)
        if (!finite_layer(step, &step->layers[i]))
            return step->layers[i].layer->name;
    return NULL;
}
