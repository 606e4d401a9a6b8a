/* Sums over the batch as binary trees over its chunks: see train/reduce.h. Channels are independent of each other, so
 * they are handled a panel of MN_PANEL at a time, as tasks of the pool.
 */
#include "train/reduce.h"

#include <string.h>

/* Where a tree of `count` leaves parts: the largest power of two below. */
static int32_t half_of(int32_t count)
{
    int32_t half = 1;
    while (2 * half < count)
        half *= 2;
    return half;
}

void mn_reduce_floats(const float *from, size_t stride, int32_t parts, size_t count, float *restrict out)
{
    if (parts == 1) {
        memcpy(out, from, count * sizeof *out);
    } else if (parts == 2) {
        const float *second = from + stride;
        for (size_t i = 0; i < count; i++)
            out[i] = from[i] + second[i];
    } else if (parts == 4) {
        const float *second = from + stride, *third = second + stride, *fourth = third + stride;
        for (size_t i = 0; i < count; i++)
            out[i] = (from[i] + second[i]) + (third[i] + fourth[i]);
    } else {
        float right[MN_REDUCE_BLOCK];
        int32_t half = half_of(parts);
        mn_reduce_floats(from, stride, half, count, out);
        mn_reduce_floats(from + (size_t)half * stride, stride, parts - half, count, right);
        for (size_t i = 0; i < count; i++)
            out[i] += right[i];
    }
}

double mn_reduce_doubles(const double *values, int32_t count)
{
    if (count <= 1)
        return count == 1 ? values[0] : 0;
    int32_t half = half_of(count);
    return mn_reduce_doubles(values, half) + mn_reduce_doubles(values + half, count - half);
}

/* Two numbers of each channel of a panel: mean and sum of squares about it, or two sums. */
typedef struct pair {
    double first[MN_PANEL], second[MN_PANEL], count;
} pair;

/* What a task sees. */
typedef struct job job;
struct job {
    mn_step *step;
    int32_t index, leaves; /* layer; chunks or ranks */
    void (*leaf)(const job *j, int32_t panel, int32_t number, pair *out);
    void (*merge)(pair *left, const pair *right);
    void (*finish)(const job *j, int32_t panel, const pair *all);
};

static void run_panels(job *j, mn_pool_task *task)
{
    mn_pool_run(j->step->pool, mn_panel_up(j->step->layers[j->index].n) / MN_PANEL, task, j);
}

static int32_t lanes_of(const mn_step_layer *l, int32_t panel)
{
    return l->n - panel * MN_PANEL < MN_PANEL ? l->n - panel * MN_PANEL : MN_PANEL;
}

static void tree(const job *j, int32_t panel, int32_t first, int32_t leaves, pair *out)
{
    if (leaves == 1) {
        j->leaf(j, panel, first, out);
        return;
    }
    pair right;
    int32_t half = half_of(leaves);
    tree(j, panel, first, half, out);
    tree(j, panel, first + half, leaves - half, &right);
    j->merge(out, &right);
}

/* Whether sums of batch norm are of the whole batch, of which this rank has a part. */
static bool is_shared(const mn_step *s)
{
    return s->group && s->sync;
}

/* The panel's sums in the message of a rank. */
static size_t panel_at(int32_t panel)
{
    return 2 * (size_t)panel * MN_PANEL;
}

static void chunks_task(void *context, int32_t panel, int32_t worker)
{
    (void)worker;
    const job *j = context;
    pair all;
    tree(j, panel, 0, j->leaves, &all);
    if (!is_shared(j->step)) {
        j->finish(j, panel, &all);
        return;
    }
    double *to = mn_group_payload(j->step->group, 0, mn_reduce_pair_bytes(j->step->layers[j->index].n));
    memcpy(to + panel_at(panel), all.first, sizeof all.first);
    memcpy(to + panel_at(panel) + MN_PANEL, all.second, sizeof all.second);
}

static void rank_leaf(const job *j, int32_t panel, int32_t rank, pair *out)
{
    const double *from = (const double *)mn_group_received(j->step->group, rank) + panel_at(panel);
    memcpy(out->first, from, sizeof out->first);
    memcpy(out->second, from + MN_PANEL, sizeof out->second);
    out->count = (double)j->step->count * j->step->layers[j->index].out_rows;
}

static void ranks_task(void *context, int32_t panel, int32_t worker)
{
    (void)worker;
    const job *j = context;
    pair all;
    tree(j, panel, 0, j->leaves, &all);
    j->finish(j, panel, &all);
}

static void reduce_pairs(job *j)
{
    mn_step *s = j->step;
    run_panels(j, chunks_task);
    if (!is_shared(s))
        return;
    s->status = mn_group_gather(s->group, mn_reduce_pair_bytes(s->layers[j->index].n), NULL);
    if (s->status != MN_OK)
        return;
    j->leaf = rank_leaf;
    j->leaves = s->group->size;
    run_panels(j, ranks_task);
}

/* Pixels that a layer's statistics are of. */
static double pixels_of(const mn_step *s, const mn_step_layer *l)
{
    return (double)s->count * l->out_rows * (is_shared(s) ? s->ranks : 1);
}

static void statistics_leaf(const job *j, int32_t panel, int32_t chunk, pair *out)
{
    const mn_step *s = j->step;
    const mn_step_layer *l = &s->layers[j->index];
    int32_t images = mn_step_chunk_start(s, l->chunks, chunk + 1) - mn_step_chunk_start(s, l->chunks, chunk);
    double n = (double)images * l->out_rows;
    size_t at = (size_t)chunk * s->sums_stride + (size_t)panel * MN_PANEL;
    *out = (pair){.count = n};
    for (int32_t c = 0; c < lanes_of(l, panel); c++) {
        double sum = s->sums[1][at + (size_t)c];
        out->first[c] = s->sums[0][at + (size_t)c] + sum / n;
        out->second[c] = s->sums[2][at + (size_t)c] - sum * sum / n;
    }
}

/* Mean and squares of both parts together (Chan, Golub, LeVeque 1979). */
static void statistics_merge(pair *a, const pair *b)
{
    double total = a->count + b->count, share = b->count / total, weight = a->count * share;
    for (int32_t c = 0; c < MN_PANEL; c++) {
        double delta = b->first[c] - a->first[c];
        a->first[c] += delta * share;
        a->second[c] += b->second[c] + delta * delta * weight;
    }
    a->count = total;
}

static void statistics_finish(const job *j, int32_t panel, const pair *all)
{
    mn_step_layer *l = &j->step->layers[j->index];
    for (int32_t i = 0; i < lanes_of(l, panel); i++) {
        int32_t c = panel * MN_PANEL + i;
        l->batch_mean[c] = (float)all->first[i];
        l->batch_variance[c] = all->second[i] < 0 ? 0 : (float)(all->second[i] / all->count); /* a NaN stays */
    }
}

void mn_reduce_statistics(mn_step *s, int32_t index)
{
    job j = {
        s, index, mn_step_chunks(s, s->layers[index].chunks), statistics_leaf, statistics_merge, statistics_finish};
    reduce_pairs(&j);
}

static void sums_leaf(const job *j, int32_t panel, int32_t chunk, pair *out)
{
    const mn_step *s = j->step;
    size_t at = (size_t)chunk * s->sums_stride + (size_t)panel * MN_PANEL;
    *out = (pair){.count = 0};
    for (int32_t c = 0; c < lanes_of(&s->layers[j->index], panel); c++) {
        out->first[c] = s->sums[1][at + (size_t)c];
        out->second[c] = s->sums[2][at + (size_t)c];
    }
}

static void sums_merge(pair *a, const pair *b)
{
    for (int32_t c = 0; c < MN_PANEL; c++) {
        a->first[c] += b->first[c];
        a->second[c] += b->second[c];
    }
}

static void sums_finish(const job *j, int32_t panel, const pair *all)
{
    mn_step *s = j->step;
    mn_step_layer *l = &s->layers[j->index];
    double count = pixels_of(s, l);
    for (int32_t i = 0; i < lanes_of(l, panel); i++) {
        int32_t c = panel * MN_PANEL + i;
        double first = all->first[i], second = all->second[i];
        s->gradients[l->beta + (size_t)c] = (float)first;
        s->gradients[l->gamma + (size_t)c] = (float)second;
        double a = (double)s->weights[l->gamma + (size_t)c] * l->inverse[c], m = l->batch_mean[c];
        double b = -a * second / count * l->inverse[c];
        l->a[c] = (float)a;
        l->b[c] = (float)b;
        l->c[c] = (float)(-a * first / count - b * m);
    }
}

static void bias_task(void *context, int32_t panel, int32_t worker)
{
    (void)worker;
    const job *j = context;
    const mn_step *s = j->step;
    const mn_step_layer *l = &s->layers[j->index];
    size_t at = (size_t)panel * MN_PANEL;
    mn_reduce_floats(s->sums[1] + at, s->sums_stride, j->leaves, (size_t)lanes_of(l, panel),
                     s->gradients + l->bias + at);
}

void mn_reduce_gradient_sums(mn_step *s, int32_t index, int32_t chunks)
{
    job j = {s, index, chunks, sums_leaf, sums_merge, sums_finish};
    if (s->layers[index].layer->batch_norm)
        reduce_pairs(&j);
    else
        run_panels(&j, bias_task);
}

/* Output channels of one panel; rows of s->partial are padded to whole panels. */
static void weights_task(void *context, int32_t panel, int32_t worker)
{
    (void)worker;
    const job *j = context;
    mn_step *s = j->step;
    const mn_step_layer *l = &s->layers[j->index];
    size_t k = (size_t)l->k, pitch = (size_t)mn_panel_up(l->k);
    for (int32_t i = 0; i < lanes_of(l, panel); i++) {
        size_t row = (size_t)panel * MN_PANEL + (size_t)i;
        float *out = s->gradients + l->weight + row * k;
        for (size_t at = 0; at < k; at += MN_REDUCE_BLOCK)
            mn_reduce_floats(s->partial + row * pitch + at, s->partial_stride, j->leaves,
                             k - at < MN_REDUCE_BLOCK ? k - at : MN_REDUCE_BLOCK, out + at);
    }
}

/* s->partial is [panel][9][16], the gradient [9][channels]. */
static void depthwise_task(void *context, int32_t panel, int32_t worker)
{
    (void)worker;
    const job *j = context;
    mn_step *s = j->step;
    const mn_step_layer *l = &s->layers[j->index];
    float sum[9 * MN_PANEL];
    mn_reduce_floats(s->partial + (size_t)panel * 9 * MN_PANEL, s->partial_stride, j->leaves, 9 * MN_PANEL, sum);
    float *out = s->gradients + l->weight + (size_t)panel * MN_PANEL;
    for (int32_t t = 0; t < 9; t++, out += l->n)
        memcpy(out, sum + (size_t)t * MN_PANEL, (size_t)lanes_of(l, panel) * sizeof *out);
}

void mn_reduce_weights(mn_step *s, int32_t index, int32_t chunks)
{
    job j = {.step = s, .index = index, .leaves = chunks};
    run_panels(&j, s->layers[index].layer->op == MN_OP_DEPTHWISE ? depthwise_task : weights_task);
}

/* Of one class: the sum over the images of each chunk in double precision, then the tree. */
static void classifier_bias_task(void *context, int32_t panel, int32_t worker)
{
    (void)worker;
    const job *j = context;
    mn_step *s = j->step;
    const mn_step_layer *l = &s->layers[j->index];
    float sums[MN_CHUNKS_MAX];
    for (int32_t c = panel * MN_PANEL; c < panel * MN_PANEL + lanes_of(l, panel); c++) {
        for (int32_t k = 0; k < j->leaves; k++) {
            double sum = 0;
            for (int32_t i = mn_step_chunk_start(s, l->back_chunks, k);
                 i < mn_step_chunk_start(s, l->back_chunks, k + 1); i++)
                sum += s->logit_gradient[(size_t)i * (size_t)l->n + (size_t)c];
            sums[k] = (float)sum;
        }
        mn_reduce_floats(sums, 1, j->leaves, 1, s->gradients + l->bias + (size_t)c);
    }
}

void mn_reduce_classifier_bias(mn_step *s)
{
    int32_t last = s->layer_count - 1;
    job j = {.step = s, .index = last, .leaves = mn_step_chunks(s, s->layers[last].back_chunks)};
    run_panels(&j, classifier_bias_task);
}
