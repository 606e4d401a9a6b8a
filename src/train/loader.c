/* Batches made ahead: a ring of slots, batch `step` in slot step % SLOTS.
 *
 *     free --a worker takes the next step--> being made --> ready --mn_loader_next--> lent --next call--> free
 */
#include "train/loader.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "train/augment.h"
#include "train/streams.h"

#define SLOTS   4
#define WORKERS 64

typedef struct slot {
    float *input;
    int32_t *label, *other;
    float *weight;
    bool ready;
    mn_status status;
    mn_error err;
} slot;

struct mn_loader {
    const mn_store *store;
    mn_recipe recipe;
    int32_t first, part; /* this rank's images of a batch */
    int32_t images;      /* of a slot: where images are mixed among ranks, those that they are mixed with too */
    int64_t steps_per_epoch;
    pthread_mutex_t lock;
    pthread_cond_t made, freed;
    pthread_t workers[WORKERS];
    int32_t worker_count;
    slot slots[SLOTS];
    int64_t next_made, next_lent; /* steps; slots of next_lent .. next_lent + SLOTS - 1 may be filled */
    bool lent;                    /* next_lent is in the caller's hands */
    bool closing;
    /* The orders of two epochs in a row, under `lock`. */
    int64_t *order[2];
    int64_t order_epoch[2];
    void *block;
};

/* Fisher and Yates's shuffle. */
void mn_epoch_order(uint64_t seed, int64_t epoch, int64_t n, int64_t *order)
{
    uint64_t stream = MN_STREAM_ORDER | (uint64_t)epoch << 16;
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t k = mn_rng_below(seed, stream, (uint64_t)i, (uint32_t)(i + 1)), t = order[i];
        order[i] = order[k];
        order[k] = t;
    }
}

static bool mixes(const mn_recipe *recipe)
{
    return recipe->mixup > 0 || recipe->cutmix > 0;
}

/* Number in the whole batch of image i of a slot. An image is mixed with its mirror image in the batch; the second half
 * of a slot is the first one's, mirrored, so that a slot mirrors itself as a batch does. */
static int32_t number_of(const mn_loader *l, int32_t i)
{
    return i < l->part ? l->first + i : l->recipe.batch - 1 - (l->first + l->images - 1 - i);
}

/* The samples of a batch, copied out under the lock. */
static void samples_of(mn_loader *l, int64_t step, int64_t *samples)
{
    int64_t epoch = step / l->steps_per_epoch, place = step % l->steps_per_epoch;
    int which = (int)(epoch % 2);
    if (l->order_epoch[which] != epoch) {
        mn_epoch_order(l->recipe.seed, epoch, mn_store_size(l->store), l->order[which]);
        l->order_epoch[which] = epoch;
    }
    memcpy(samples, l->order[which] + place * l->recipe.batch, (size_t)l->recipe.batch * sizeof *samples);
}

static void make(mn_loader *l, int64_t step, const int64_t *samples, slot *s)
{
    const mn_store_options *o = mn_store_get_options(l->store);
    size_t image = (size_t)o->height * (size_t)o->width * (size_t)o->channels;
    s->status = MN_OK;
    for (int32_t i = 0; i < l->images && s->status == MN_OK; i++) {
        int32_t number = number_of(l, i);
        s->label[i] = mn_store_label(l->store, samples[number]);
        s->status = mn_augment(l->store, &l->recipe, samples[number],
                               (uint64_t)step * (uint64_t)l->recipe.batch + (uint64_t)number,
                               s->input + (size_t)i * image, &s->err);
    }
    if (s->status == MN_OK && mixes(&l->recipe))
        mn_augment_mix(&l->recipe, o, (uint64_t)step, l->images, s->input, s->label, s->other, s->weight);
}

static void *work(void *context)
{
    mn_loader *l = context;
    int64_t *samples = malloc((size_t)l->recipe.batch * sizeof *samples);
    pthread_mutex_lock(&l->lock);
    for (;;) {
        while (!l->closing && l->next_made >= l->next_lent + SLOTS)
            pthread_cond_wait(&l->freed, &l->lock);
        if (l->closing)
            break;
        int64_t step = l->next_made++;
        slot *s = &l->slots[step % SLOTS];
        if (samples) {
            samples_of(l, step, samples);
            pthread_mutex_unlock(&l->lock);
            make(l, step, samples, s);
            pthread_mutex_lock(&l->lock);
        } else {
            s->status = mn_fail_memory(&s->err, (size_t)l->recipe.batch * sizeof *samples, "the samples of a batch");
        }
        s->ready = true;
        pthread_cond_broadcast(&l->made);
    }
    pthread_mutex_unlock(&l->lock);
    free(samples);
    return NULL;
}

/* Memory of all slots and both orders in one block. */
static mn_status allocate(mn_loader *l, mn_error *err)
{
    const mn_store_options *o = mn_store_get_options(l->store);
    size_t batch = (size_t)l->images, n = (size_t)mn_store_size(l->store);
    size_t input = mn_size_align(batch * (size_t)o->height * (size_t)o->width * (size_t)o->channels * sizeof(float));
    size_t row = mn_size_align(batch * sizeof(float)), order = mn_size_align(n * sizeof(int64_t));
    size_t bytes = SLOTS * (input + 3 * row) + 2 * order;
    char *next = l->block = mn_alloc_aligned(bytes);
    if (!next)
        return mn_fail_memory(err, bytes, "batches made ahead");
    for (int i = 0; i < SLOTS; i++) {
        slot *s = &l->slots[i];
        s->input = (float *)(void *)next;
        s->label = (int32_t *)(void *)(next + input);
        s->other = (int32_t *)(void *)(next + input + row);
        s->weight = (float *)(void *)(next + input + 2 * row);
        next += input + 3 * row;
    }
    for (int i = 0; i < 2; i++, next += order) {
        l->order[i] = (int64_t *)(void *)next;
        l->order_epoch[i] = -1;
    }
    return MN_OK;
}

mn_status mn_loader_create(const mn_store *store, const mn_loader_options *options, mn_loader **loader, mn_error *err)
{
    const mn_recipe *recipe = options->recipe;
    int32_t threads = options->threads, ranks = options->ranks > 1 ? options->ranks : 1;
    mn_loader *l = mn_calloc(1, sizeof *l);
    if (!l)
        return mn_fail_memory(err, sizeof *l, "a loader");
    l->store = store;
    l->recipe = *recipe;
    l->steps_per_epoch = mn_store_size(store) / recipe->batch;
    l->next_made = l->next_lent = options->first;
    l->part = recipe->batch / ranks;
    l->first = options->rank * l->part;
    l->images = ranks > 1 && mixes(recipe) ? 2 * l->part : l->part;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->made, NULL);
    pthread_cond_init(&l->freed, NULL);
    mn_status status = allocate(l, err);
    if (status == MN_OK && l->steps_per_epoch < 1)
        status = mn_fail(err, MN_ERROR_ARGUMENT, "batch is %d, there are only %lld training images", recipe->batch,
                         (long long)mn_store_size(store));
    for (int32_t i = 0; status == MN_OK && i < threads && i < WORKERS; i++) {
        if (pthread_create(&l->workers[i], NULL, work, l) == 0)
            l->worker_count++;
        else if (i == 0)
            status = mn_fail(err, MN_ERROR_OUT_OF_MEMORY, "a loader's thread could not be started");
    }
    if (status != MN_OK) {
        mn_loader_destroy(l);
        return status;
    }
    *loader = l;
    return MN_OK;
}

void mn_loader_destroy(mn_loader *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    l->closing = true;
    pthread_cond_broadcast(&l->freed);
    pthread_mutex_unlock(&l->lock);
    for (int32_t i = 0; i < l->worker_count; i++)
        pthread_join(l->workers[i], NULL);
    pthread_cond_destroy(&l->freed);
    pthread_cond_destroy(&l->made);
    pthread_mutex_destroy(&l->lock);
    free(l->block);
    free(l);
}

mn_status mn_loader_next(mn_loader *l, mn_batch *batch, mn_error *err)
{
    pthread_mutex_lock(&l->lock);
    if (l->lent) { /* that slot is free again: one more step may be made */
        l->slots[l->next_lent++ % SLOTS].ready = false;
        l->lent = false;
        pthread_cond_broadcast(&l->freed);
    }
    slot *s = &l->slots[l->next_lent % SLOTS];
    while (!s->ready)
        pthread_cond_wait(&l->made, &l->lock);
    pthread_mutex_unlock(&l->lock);
    if (s->status != MN_OK) {
        if (err)
            *err = s->err;
        return s->status;
    }
    l->lent = true;
    *batch = (mn_batch){.count = l->part, .input = s->input, .label = s->label};
    batch->other = mixes(&l->recipe) ? s->other : NULL;
    batch->weight = mixes(&l->recipe) ? s->weight : NULL;
    return MN_OK;
}
