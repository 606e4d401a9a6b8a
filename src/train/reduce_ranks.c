/* The sum of gradients over the ranks: each rank gets its slice from all, adds up in the tree's order, and hands the sum
 * to all. Twice the gradient's size goes over the wire, whatever the number of ranks.
 *
 *     gradients --pack--> slices --exchange--> this rank's slice of every rank --tree--> sum --gather--> gradients
 */
#include <string.h>

#include "base/alloc.h"
#include "train/reduce.h"

/* A run of floats that is added up. */
typedef struct range {
    float *at;
    size_t count;
} range;

#define RANGES_MAX (4 * MN_LAYERS_MAX)

typedef struct plan {
    range ranges[RANGES_MAX];
    int32_t count, gradients; /* ranges; those of them that are gradients, the rest are statistics */
    size_t slice;             /* floats of a slice */
} plan;

static void add_range(plan *p, float *at, size_t count)
{
    p->ranges[p->count++] = (range){at, count};
}

static size_t slice_of(size_t floats, int32_t ranks)
{
    return mn_size_align((floats + (size_t)ranks - 1) / (size_t)ranks * sizeof(float)) / sizeof(float);
}

/* With synchronised batch norm the gradients of gamma and beta are those of the whole batch already. */
static plan plan_of(const mn_step *s, int32_t first_layer)
{
    plan p = {.count = 0};
    size_t floats = 0;
    for (int32_t i = first_layer; i < s->layer_count; i++) {
        const mn_step_layer *l = &s->layers[i];
        size_t n = (size_t)l->n, weights = n * (size_t)l->k;
        add_range(&p, s->gradients + l->weight, weights + (l->bias != MN_ABSENT ? n : 0));
        if (l->gamma != MN_ABSENT && !s->sync)
            add_range(&p, s->gradients + l->gamma, 2 * n);
    }
    p.gradients = p.count;
    for (int32_t i = first_layer; i < s->layer_count && !s->sync; i++) {
        const mn_step_layer *l = &s->layers[i];
        if (l->mean == MN_ABSENT)
            continue;
        add_range(&p, l->batch_mean, (size_t)l->n);
        add_range(&p, l->batch_variance, (size_t)l->n);
    }
    for (int32_t i = 0; i < p.count; i++)
        floats += p.ranges[i].count;
    p.slice = slice_of(floats, s->group->size);
    return p;
}

size_t mn_reduce_payload(size_t weight_count, size_t statistic_count, int32_t widest, int32_t ranks)
{
    size_t slice = slice_of(weight_count + statistic_count, ranks) * sizeof(float), pair = mn_reduce_pair_bytes(widest);
    size_t statistics = statistic_count * sizeof(double), most = slice > pair ? slice : pair;
    return statistics > most ? statistics : most;
}

typedef enum direction { PACK, UNPACK } direction;

/* Copies the ranges into the slices to send, or back from those received. */
static void copy_slices(mn_group *g, const plan *p, direction way)
{
    size_t place = 0, bytes = p->slice * sizeof(float);
    for (int32_t i = 0; i < p->count; i++) {
        float *at = p->ranges[i].at;
        for (size_t left = p->ranges[i].count, n; left > 0; left -= n, at += n, place += n) {
            int32_t part = (int32_t)(place / p->slice);
            size_t offset = place % p->slice;
            n = p->slice - offset < left ? p->slice - offset : left;
            if (way == PACK)
                memcpy((float *)mn_group_payload(g, part, bytes) + offset, at, n * sizeof *at);
            else
                memcpy(at, (const float *)mn_group_received(g, part) + offset, n * sizeof *at);
        }
    }
}

typedef struct sum_job {
    mn_group *group;
    size_t slice;
} sum_job;

static void sum_task(void *context, int32_t block, int32_t worker)
{
    (void)worker;
    const sum_job *j = context;
    const float *from = mn_group_received(j->group, 0), *second = mn_group_received(j->group, 1);
    float *to = mn_group_payload(j->group, 0, j->slice * sizeof(float));
    size_t at = (size_t)block * MN_REDUCE_BLOCK;
    mn_reduce_floats(from + at, (size_t)(second - from), j->group->size,
                     j->slice - at < MN_REDUCE_BLOCK ? j->slice - at : MN_REDUCE_BLOCK, to + at);
}

/* The whole batch's loss and right answers from the states of the message that came. */
static void sum_states(const mn_group *g, double *loss, int32_t *correct)
{
    double sums[MN_CHUNKS_MAX], done = 0;
    int32_t right = 0;
    for (int32_t first = 0; first < g->size; first += MN_CHUNKS_MAX) {
        int32_t n = g->size - first < MN_CHUNKS_MAX ? g->size - first : MN_CHUNKS_MAX;
        for (int32_t r = 0; r < n; r++) {
            sums[r] = mn_group_state_of(g, first + r)->loss;
            right += mn_group_state_of(g, first + r)->correct;
        }
        done = first == 0 ? mn_reduce_doubles(sums, n) : done + mn_reduce_doubles(sums, n);
    }
    *loss = done;
    *correct = right;
}

mn_status mn_reduce_ranks(mn_step *s, int32_t first_layer, double *loss, int32_t *correct, mn_error *err)
{
    mn_group *g = s->group;
    plan p = plan_of(s, first_layer);
    size_t bytes = p.slice * sizeof(float);
    copy_slices(g, &p, PACK);
    s->status = mn_group_exchange(g, bytes, err);
    if (s->status != MN_OK)
        return s->status;
    sum_states(g, loss, correct);
    sum_job j = {g, p.slice};
    mn_pool_run(s->pool, (int32_t)((p.slice + MN_REDUCE_BLOCK - 1) / MN_REDUCE_BLOCK), sum_task, &j);
    s->status = mn_group_gather(g, bytes, err);
    if (s->status != MN_OK)
        return s->status;
    copy_slices(g, &p, UNPACK);
    for (int32_t i = p.gradients; i < p.count; i++)
        for (size_t k = 0; k < p.ranges[i].count; k++)
            p.ranges[i].at[k] /= (float)g->size;
    return MN_OK;
}

mn_status mn_reduce_failure(mn_step *s, mn_error *err)
{
    for (int32_t i = 0; i < s->layer_count && s->sync && s->reach == MN_REACH_ALL; i++)
        if (s->layers[i].layer->batch_norm)
            return s->status = mn_group_gather(s->group, mn_reduce_pair_bytes(s->layers[i].n), err);
    int32_t first_layer = s->reach == MN_REACH_HEAD ? s->layer_count - 1 : 0;
    return s->status = mn_group_exchange(s->group, plan_of(s, first_layer).slice * sizeof(float), err);
}
