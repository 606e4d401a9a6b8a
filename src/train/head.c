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

static mn_status embed(mn_head *h, mn_trainer *trainer, int32_t copy, float *input, mn_error *err)
{
    const mn_store_options *o = mn_store_get_options(h->store);
    size_t image = (size_t)o->height * (size_t)o->width * (size_t)o->channels;
    mn_group *g = &trainer->group;
    float *rows = h->rows + (size_t)copy * h->samples * h->width;
    int64_t total = mn_store_size(h->store), end = mn_group_first(g, total, g->rank + 1);
    for (int64_t first = mn_group_first(g, total, g->rank); first < end; first += h->part) {
        int32_t count = (int32_t)(end - first < h->part ? end - first : h->part);
        mn_status status = MN_OK;
        for (int32_t i = 0; i < count && status == MN_OK; i++)
            status = make_input(h, &trainer->recipe, first + i, copy, input + (size_t)i * image, err);
        if (status == MN_OK)
            status = mn_trainer_embed(trainer, input, count, rows + (size_t)first * h->width, err);
        if (status != MN_OK)
            return status;
    }
    return MN_OK;
}

mn_status mn_head_open(mn_trainer *trainer, const mn_store *store, int32_t copies, float *input, mn_head **head,
                       mn_error *err)
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
    size_t block = (size_t)mn_group_block(&trainer->group, (int64_t)samples); /* of one rank */
    h->copies = copies;
    h->samples = block * (size_t)trainer->group.size;
    h->rows = mn_calloc(h->samples * (size_t)(copies + 1), h->width * sizeof *h->rows);
    h->chosen = mn_calloc((size_t)h->part, h->width * sizeof *h->chosen);
    h->label = mn_calloc((size_t)h->part, sizeof *h->label);
    h->order = mn_calloc(samples, sizeof *h->order);
    mn_status status = MN_OK;
    if (!h->rows || !h->chosen || !h->label || !h->order)
        status = mn_fail_memory(err, h->samples * (size_t)(copies + 1) * h->width * sizeof *h->rows, "embeddings");
    for (int32_t copy = 0; copy <= copies; copy++) {
        if (status == MN_OK)
            status = embed(h, trainer, copy, input, err);
        status = mn_group_agree(&trainer->group, status, err);
        if (status != MN_OK)
            break;
        status = mn_group_collect(&trainer->group, block * h->width * sizeof *h->rows,
                                  h->rows + (size_t)copy * h->samples * h->width, err);
    }
    if (status != MN_OK) {
        mn_head_close(h);
        return status;
    }
    *head = h;
    return MN_OK;
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
