/* Embeddings of a store's samples, and batches of them. */
#include "train/head.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "train/augment.h"
#include "train/loader.h"

struct mn_head {
    const mn_store *store;
    size_t width;        /* floats of an embedding */
    int32_t batch;       /* samples of a step */
    int32_t first, part; /* this rank's of them */
    uint64_t seed;
    int32_t copies; /* beside the plain one */
    size_t samples; /* rows of a copy */
    int64_t block;  /* of them, one rank's */
    int32_t copy;   /* that is being embedded, */
    int64_t at;     /* from this sample of the block on */
    float *rows;    /* [copies + 1, samples, width] */
    float *chosen;  /* [batch, width] */
    int32_t *label; /* [batch] */
    int64_t *order; /* of epoch `epoch` */
    int64_t epoch;
};

/* The input of one sample: plain as copy 0, augmented as the others, each by draws of its own. */
static mn_status make_input(const mn_head *h, const mn_recipe *recipe, int64_t sample, int32_t copy, float *input,
                            mn_error *err)
{
    if (copy == 0)
        return mn_store_plain(h->store, sample, input, err);
    return mn_augment(h->store, recipe, sample, (uint64_t)sample * (uint64_t)h->copies + (uint64_t)(copy - 1), input,
                      err);
}

mn_status mn_head_open(mn_trainer *trainer, const mn_store *store, int32_t copies, mn_head **head, mn_error *err)
{
    mn_head *h = mn_calloc(1, sizeof *h);
    if (!h)
        return mn_fail_memory(err, sizeof *h, "embeddings");
    size_t samples = (size_t)mn_store_size(store);
    h->store = store;
    h->width = (size_t)trainer->step->layers[trainer->step->layer_count - 1].k;
    h->batch = trainer->recipe.batch;
    h->part = trainer->step->batch;
    h->first = trainer->group.rank * h->part;
    h->seed = trainer->recipe.seed;
    h->epoch = -1;
    h->block = mn_group_block(&trainer->group, (int64_t)samples);
    h->copies = copies;
    h->samples = (size_t)h->block * (size_t)trainer->group.size;
    h->rows = mn_calloc(h->samples * (size_t)(copies + 1), h->width * sizeof *h->rows);
    h->chosen = mn_calloc((size_t)h->part, h->width * sizeof *h->chosen);
    h->label = mn_calloc((size_t)h->part, sizeof *h->label);
    h->order = mn_calloc(samples, sizeof *h->order);
    if (!h->rows || !h->chosen || !h->label || !h->order) {
        mn_status status =
            mn_fail_memory(err, h->samples * (size_t)(copies + 1) * h->width * sizeof *h->rows, "embeddings");
        mn_head_close(h);
        return status;
    }
    *head = h;
    return MN_OK;
}

static mn_status embed(const mn_head *h, mn_trainer *trainer, int64_t first, int32_t count, float *input, mn_error *err)
{
    const mn_store_options *o = mn_store_get_options(h->store);
    size_t image = (size_t)o->height * (size_t)o->width * (size_t)o->channels;
    mn_status status = MN_OK;
    for (int32_t i = 0; i < count && status == MN_OK; i++)
        status = make_input(h, &trainer->recipe, first + i, h->copy, input + (size_t)i * image, err);
    if (status != MN_OK || count == 0)
        return status;
    return mn_trainer_embed(trainer, input, count, h->rows + ((size_t)h->copy * h->samples + (size_t)first) * h->width,
                            err);
}

mn_status mn_head_embed(mn_head *h, mn_trainer *trainer, float *input, mn_error *err)
{
    mn_group *g = &trainer->group;
    int64_t all = mn_store_size(h->store), left = mn_group_first(g, all, g->rank + 1);
    int64_t first = mn_group_first(g, all, g->rank) + h->at;
    left = left > first ? left - first : 0;
    int32_t count = (int32_t)(left < h->part ? left : h->part);
    mn_status status = mn_group_agree(g, embed(h, trainer, first, count, input, err), err);
    h->at += h->part;
    if (status != MN_OK || h->at < h->block)
        return status;
    status = mn_group_collect(g, (size_t)h->block * h->width * sizeof *h->rows,
                              h->rows + (size_t)h->copy * h->samples * h->width, err);
    h->at = 0;
    h->copy++;
    return status;
}

int64_t mn_head_total(const mn_head *h)
{
    return mn_store_size(h->store) * (h->copies + 1);
}

int64_t mn_head_done(const mn_head *h)
{
    int64_t all = mn_store_size(h->store), ranks = h->block > 0 ? (int64_t)h->samples / h->block : 1;
    return all * h->copy + (h->at * ranks < all ? h->at * ranks : all);
}

void mn_head_close(mn_head *h)
{
    if (!h)
        return;
    free(h->rows);
    free(h->chosen);
    free(h->label);
    free(h->order);
    free(h);
}

const float *mn_head_rows(const mn_head *h, int64_t first)
{
    return h->rows + (size_t)first * h->width;
}

void mn_head_batch(mn_head *h, int64_t step, mn_batch *batch)
{
    int64_t steps = mn_store_size(h->store) / h->batch, epoch = step / steps, place = step % steps;
    if (h->epoch != epoch) {
        mn_epoch_order(h->seed, epoch, mn_store_size(h->store), h->order);
        h->epoch = epoch;
    }
    for (int32_t i = 0; i < h->part; i++) {
        int64_t sample = h->order[place * h->batch + h->first + i];
        size_t copy = (size_t)((epoch + sample) % (h->copies + 1));
        memcpy(h->chosen + (size_t)i * h->width, mn_head_rows(h, sample) + copy * h->samples * h->width,
               h->width * sizeof *h->chosen);
        h->label[i] = mn_store_label(h->store, sample);
    }
    *batch = (mn_batch){.count = h->part, .label = h->label, .embedding = h->chosen};
}
