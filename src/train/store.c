/* The samples of a run. Decoding is shared among threads and ranks; what is left out does not depend on their number. An
 * image that another rank has decoded is kept here once it is needed here. */
#include "train/store.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/pool.h"
#include "base/status.h"

typedef struct sample {
    int64_t index;             /* in the data set */
    _Atomic(mn_image *) image; /* NULL: not kept, or not decoded yet */
} sample;

struct mn_store {
    const mn_dataset *dataset;
    mn_store_options options;
    sample *samples;
    int64_t count;
    atomic_size_t *used; /* bytes of the images that are kept */
};

#define GROUP 256 /* samples decoded between two looks at what came of them */

static size_t image_bytes(const mn_image *image)
{
    return (size_t)image->height * (size_t)image->width * (size_t)image->channels + sizeof *image;
}

static const char *sample_name(const mn_store *store, int64_t index, char text[32])
{
    const char *path = mn_dataset_path(store->dataset, index);
    if (path)
        return path;
    snprintf(text, 32, "sample %lld", (long long)index);
    return text;
}

/* Keeps an image where it fits and no other thread was first; returns whether it did. */
static bool keep(const mn_store *store, sample *s, mn_image *image)
{
    size_t bytes = image_bytes(image);
    mn_image *none = NULL;
    if (atomic_fetch_add(store->used, bytes) + bytes <= store->options.pixel_bytes &&
        atomic_compare_exchange_strong(&s->image, &none, image))
        return true;
    atomic_fetch_sub(store->used, bytes);
    return false;
}

typedef struct decode_job {
    const mn_store *store;
    int64_t first;
    uint8_t *bad; /* [count] the status of decoding */
} decode_job;

static void decode_task(void *context, int32_t task, int32_t worker)
{
    (void)worker;
    const decode_job *j = context;
    int64_t i = j->first + task;
    mn_image *image;
    j->bad[i] = (uint8_t)mn_dataset_image(j->store->dataset, j->store->samples[i].index, &image, NULL);
    if (!j->bad[i] && !keep(j->store, &j->store->samples[i], image))
        mn_image_destroy(image);
}

/* Decodes this rank's part of the samples, to the first that cannot be where strict. Want of memory is not the picture's
 * fault. */
static mn_status decode_part(const mn_store *store, uint8_t *bad, mn_error *err)
{
    const mn_group *g = store->options.group;
    int64_t first = mn_group_first(g, store->count, g->rank), end = mn_group_first(g, store->count, g->rank + 1);
    mn_pool *pool;
    mn_status status = mn_pool_create(store->options.threads, &pool, err);
    if (status != MN_OK)
        return status;
    bool met = false;
    for (; first < end && status == MN_OK && !(met && store->options.strict); first += GROUP) {
        int64_t n = end - first < GROUP ? end - first : GROUP;
        decode_job j = {store, first, bad};
        mn_pool_run(pool, (int32_t)n, decode_task, &j);
        for (int64_t i = first; i < first + n && status == MN_OK; i++) {
            met = met || bad[i];
            if (bad[i] == MN_ERROR_OUT_OF_MEMORY)
                status = mn_fail(err, MN_ERROR_OUT_OF_MEMORY, "memory is too short to decode the images");
        }
    }
    mn_pool_destroy(pool);
    return status;
}

/* Why a sample cannot be decoded: it is decoded again to know, which few are. */
static void find_reason(const mn_store *store, int64_t index, mn_error *why)
{
    mn_image *image;
    *why = (mn_error){.status = MN_ERROR_FORMAT, .offset = -1};
    if (mn_dataset_image(store->dataset, index, &image, why) != MN_OK)
        return;
    mn_image_destroy(image);
    snprintf(why->message, sizeof why->message, "another rank could not decode it");
}

/* Drops the bad samples, with a word for each; where strict the first is an error. */
static mn_status sift(mn_store *store, const uint8_t *bad, mn_error *err)
{
    char text[32];
    int64_t good = 0;
    mn_error why;
    for (int64_t i = 0; i < store->count; i++) {
        sample *s = &store->samples[i];
        if (!bad[i]) {
            store->samples[good].index = s->index;
            mn_image *image = atomic_exchange(&s->image, NULL);
            atomic_store(&store->samples[good++].image, image);
            continue;
        }
        bool speaks = store->options.skip && store->options.group->rank == 0;
        if (!speaks && !store->options.strict)
            continue;
        find_reason(store, s->index, &why);
        const char *name = sample_name(store, s->index, text);
        bool named = strstr(why.message, name) != NULL;
        if (store->options.strict)
            return mn_fail(err, (mn_status)bad[i], "%s%s%s", named ? "" : name, named ? "" : ": ", why.message);
        store->options.skip(store->options.context, name, why.message);
    }
    store->count = good;
    return MN_OK;
}

static mn_status decode_all(mn_store *store, mn_error *err)
{
    mn_group *g = store->options.group;
    size_t block = (size_t)mn_group_block(g, store->count);
    uint8_t *bad = mn_calloc(block * (size_t)g->size, 1);
    mn_status status = bad ? decode_part(store, bad, err) : mn_fail_memory(err, block, "what can be decoded");
    status = mn_group_agree(g, status, err);
    if (status == MN_OK)
        status = mn_group_collect(g, block, bad, err);
    if (status == MN_OK)
        status = sift(store, bad, err);
    free(bad);
    return status;
}

static mn_status check_labels(const mn_store *store, mn_error *err)
{
    char text[32];
    int32_t classes = store->options.classes;
    for (int64_t i = 0; i < store->count; i++) {
        int32_t label = mn_store_label(store, i);
        if (label < 0 || label >= classes)
            return mn_fail(err, MN_ERROR_ARGUMENT, "%s has label %d, the model has classes 0 to %d",
                           sample_name(store, store->samples[i].index, text), label, classes - 1);
    }
    return MN_OK;
}

mn_status mn_store_open(const mn_dataset *dataset, const int64_t *index, int64_t count, const mn_store_options *options,
                        mn_store **store, mn_error *err)
{
    mn_store *s = mn_calloc(1, sizeof *s);
    if (!s)
        return mn_fail_memory(err, sizeof *s, "the samples of a run");
    *s = (mn_store){dataset, *options, mn_calloc((size_t)count, sizeof *s->samples), count,
                    mn_calloc(1, sizeof *s->used)};
    mn_status status = MN_OK;
    if (!s->samples || !s->used)
        status = mn_fail_memory(err, (size_t)count * sizeof *s->samples, "the samples of a run");
    for (int64_t i = 0; status == MN_OK && i < count; i++)
        s->samples[i].index = index[i];
    if (status == MN_OK)
        status = check_labels(s, err);
    status = mn_group_agree(options->group, status, err);
    if (status == MN_OK)
        status = decode_all(s, err);
    if (status == MN_OK && s->count == 0 && count > 0)
        status = mn_fail(err, MN_ERROR_FORMAT, "none of the %lld images could be decoded", (long long)count);
    if (status != MN_OK) {
        mn_store_close(s);
        return status;
    }
    *store = s;
    return MN_OK;
}

void mn_store_close(mn_store *store)
{
    if (!store)
        return;
    for (int64_t i = 0; store->samples && i < store->count; i++)
        mn_image_destroy(store->samples[i].image);
    free(store->samples);
    free(store->used);
    free(store);
}

int64_t mn_store_size(const mn_store *store)
{
    return store->count;
}

int32_t mn_store_label(const mn_store *store, int64_t i)
{
    return mn_dataset_label(store->dataset, store->samples[i].index);
}

const mn_store_options *mn_store_get_options(const mn_store *store)
{
    return &store->options;
}

mn_status mn_store_pixels(const mn_store *store, int64_t i, mn_image **image, bool *owned, mn_error *err)
{
    sample *s = &store->samples[i];
    *image = atomic_load(&s->image);
    *owned = *image == NULL;
    if (*image)
        return MN_OK;
    mn_status status = mn_dataset_image(store->dataset, s->index, image, err);
    if (status == MN_OK)
        *owned = !keep(store, s, *image);
    return status;
}

mn_status mn_store_plain(const mn_store *store, int64_t i, float *input, mn_error *err)
{
    const mn_store_options *o = &store->options;
    mn_image *image;
    bool owned;
    mn_status status = mn_store_pixels(store, i, &image, &owned, err);
    if (status != MN_OK)
        return status;
    status = mn_preprocess_apply(&o->preprocess, image, o->height, o->width, o->channels, input, err);
    if (owned)
        mn_image_destroy(image);
    return status;
}
