/* Sums over the batch as binary trees over its chunks: see train/reduce.h. Channels are independent of each other, so
 * they are handled a panel of MN_PANEL at a time, as tasks of the pool.
 */
#include "train/reduce.h"

#include <string.h>

#define BLOCK 512 /* floats of a sum that is made at once: a tree's nodes stay in the first-level cache */

/* Where a tree of `count` leaves parts: the largest power of two below. */
static int32_t half_of(int32_t count)
{
    int32_t half = 1;
    while (2 * half < count)
        half *= 2;
    return half;
}

/* out [count] <- the sum of `chunks` arrays, `stride` floats apart; count <= BLOCK. */
static void add_tree(const float *from, size_t stride, int32_t chunks, size_t count, float *restrict out)
{
    if (chunks == 1) {
        memcpy(out, from, count * sizeof *out);
    } else if (chunks == 2) {
        const float *second = from + stride;
        for (size_t i = 0; i < count; i++)
            out[i] = from[i] + second[i];
    } else if (chunks == 4) {
        const float *second = from + stride, *third = second + stride, *fourth = third + stride;
        for (size_t i = 0; i < count; i++)
            out[i] = (from[i] + second[i]) + (third[i] + fourth[i]);
    } else {
        float right[BLOCK];
        int32_t half = half_of(chunks);
        add_tree(from, stride, half, count, out);
        add_tree(from + (size_t)half * stride, stride, chunks - half, count, right);
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

/* What a task sees. */
typedef struct job {
    mn_step *step;
    int32_t index, chunks;
} job;

/* Two numbers of each channel of a panel: mean and sum of squares about it, or two sums. */
typedef struct pair {
    double first[MN_PANEL], second[MN_PANEL], count;
} pair;

static void run_panels(mn_step *s, int32_t index, int32_t chunks, mn_pool_task *task)
{
    job j = {s, index, chunks};
    mn_pool_run(s->pool, mn_panel_up(s->layers[index].n) / MN_PANEL, task, &j);
}

static int32_t lanes_of(const mn_step_layer *l, int32_t panel)
{
    return l->n - panel * MN_PANEL < MN_PANEL ? l->n - panel * MN_PANEL : MN_PANEL;
}

/* Mean and squares of both parts together (Chan, Golub, LeVeque 1979). */
static void merge_statistics(pair *a, const pair *b)
{
    double total = a->count + b->count, share = b->count / total, weight = a->count * share;
    for (int32_t c = 0; c < MN_PANEL; c++) {
        double delta = b->first[c] - a->first[c];
        a->first[c] += delta * share;
        a->second[c] += b->second[c] + delta * delta * weight;
    }
    a->count = total;
}

static void chunk_statistics(const job *j, int32_t panel, int32_t first, int32_t chunks, pair *out)
{
    const mn_step *s = j->step;
    const mn_step_layer *l = &s->layers[j->index];
    if (chunks > 1) {
        pair right;
        int32_t half = half_of(chunks);
        chunk_statistics(j, panel, first, half, out);
        chunk_statistics(j, panel, first + half, chunks - half, &right);
        merge_statistics(out, &right);
        return;
    }
    int32_t images = mn_step_chunk_start(s, l->chunks, first + 1) - mn_step_chunk_start(s, l->chunks, first);
    double n = (double)images * l->out_rows;
    size_t at = (size_t)first * s->sums_stride + (size_t)panel * MN_PANEL;
    *out = (pair){.count = n};
    for (int32_t c = 0; c < lanes_of(l, panel); c++) {
        double sum = s->sums[1][at + (size_t)c];
        out->first[c] = s->sums[0][at + (size_t)c] + sum / n;
        out->second[c] = s->sums[2][at + (size_t)c] - sum * sum / n;
    }
}

static void statistics_task(void *context, int32_t panel, int32_t worker)
{
    (void)worker;
    const job *j = context;
    mn_step_layer *l = &j->step->layers[j->index];
    pair all;
    chunk_statistics(j, panel, 0, j->chunks, &all);
    for (int32_t i = 0; i < lanes_of(l, panel); i++) {
        int32_t c = panel * MN_PANEL + i;
        l->batch_mean[c] = (float)all.first[i];
        l->batch_variance[c] = all.second[i] < 0 ? 0 : (float)(all.second[i] / all.count); /* a NaN stays */
    }
}

void mn_reduce_statistics(mn_step *s, int32_t index)
{
    run_panels(s, index, mn_step_chunks(s, s->layers[index].chunks), statistics_task);
}

static void chunk_sums(const job *j, int32_t panel, int32_t first, int32_t chunks, pair *out)
{
    const mn_step *s = j->step;
    if (chunks > 1) {
        pair right;
        int32_t half = half_of(chunks);
        chunk_sums(j, panel, first, half, out);
        chunk_sums(j, panel, first + half, chunks - half, &right);
        for (int32_t c = 0; c < MN_PANEL; c++) {
            out->first[c] += right.first[c];
            out->second[c] += right.second[c];
        }
        return;
    }
    size_t at = (size_t)first * s->sums_stride + (size_t)panel * MN_PANEL;
    *out = (pair){.count = 0};
    for (int32_t c = 0; c < lanes_of(&s->layers[j->index], panel); c++) {
        out->first[c] = s->sums[1][at + (size_t)c];
        out->second[c] = s->sums[2][at + (size_t)c];
    }
}

static void sums_task(void *context, int32_t panel, int32_t worker)
{
    (void)worker;
    const job *j = context;
    mn_step *s = j->step;
    mn_step_layer *l = &s->layers[j->index];
    pair all;
    double count = (double)s->count * l->out_rows;
    chunk_sums(j, panel, 0, j->chunks, &all);
    for (int32_t i = 0; i < lanes_of(l, panel); i++) {
        int32_t c = panel * MN_PANEL + i;
        double first = all.first[i], second = all.second[i];
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
    add_tree(s->sums[1] + at, s->sums_stride, j->chunks, (size_t)lanes_of(l, panel), s->gradients + l->bias + at);
}

void mn_reduce_gradient_sums(mn_step *s, int32_t index, int32_t chunks)
{
    run_panels(s, index, chunks, s->layers[index].layer->batch_norm ? sums_task : bias_task);
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
        for (size_t at = 0; at < k; at += BLOCK)
            add_tree(s->partial + row * pitch + at, s->partial_stride, j->chunks, k - at < BLOCK ? k - at : BLOCK,
                     out + at);
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
    add_tree(s->partial + (size_t)panel * 9 * MN_PANEL, s->partial_stride, j->chunks, 9 * MN_PANEL, sum);
    float *out = s->gradients + l->weight + (size_t)panel * MN_PANEL;
    for (int32_t t = 0; t < 9; t++, out += l->n)
        memcpy(out, sum + (size_t)t * MN_PANEL, (size_t)lanes_of(l, panel) * sizeof *out);
}

void mn_reduce_weights(mn_step *s, int32_t index, int32_t chunks)
{
    run_panels(s, index, chunks, s->layers[index].layer->op == MN_OP_DEPTHWISE ? depthwise_task : weights_task);
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
        for (int32_t k = 0; k < j->chunks; k++) {
            double sum = 0;
            for (int32_t i = mn_step_chunk_start(s, l->back_chunks, k);
                 i < mn_step_chunk_start(s, l->back_chunks, k + 1); i++)
                sum += s->logit_gradient[(size_t)i * (size_t)l->n + (size_t)c];
            sums[k] = (float)sum;
        }
        add_tree(sums, 1, j->chunks, 1, s->gradients + l->bias + (size_t)c);
    }
}

void mn_reduce_classifier_bias(mn_step *s)
{
    int32_t last = s->layer_count - 1;
    run_panels(s, last, mn_step_chunks(s, s->layers[last].back_chunks), classifier_bias_task);
}
