/* The samples of a run. Decoding is shared among threads; what is kept and what is left out does not depend on their
 * number. */
#include "train/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/pool.h"
#include "base/status.h"

typedef struct sample {
    int64_t index; /* in the data set */
    mn_image *image;
    char *why; /* not decodable, and why */
} sample;

struct mn_store {
    const mn_dataset *dataset;
    mn_store_options options;
    sample *samples;
    int64_t count;
};

#define GROUP 256 /* samples decoded between two looks at the memory used */

typedef struct decode_job {
    mn_store *store;
    int64_t first;
} decode_job;

static void decode_task(void *context, int32_t task, int32_t worker)
{
    (void)worker;
    const decode_job *j = context;
    sample *s = &j->store->samples[j->first + task];
    mn_error err;
    if (mn_dataset_image(j->store->dataset, s->index, &s->image, &err) != MN_OK)
        s->why = mn_strdup(err.message);
}

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

/* Drops what could not be decoded in samples [first, end); keeps pixels while they fit. Moves the good ones to `to`. */
static mn_status sift(mn_store *store, int64_t first, int64_t end, int64_t *to, size_t *used, mn_error *err)
{
    char text[32];
    mn_status status = MN_OK;
    for (int64_t i = first; i < end; i++) {
        sample s = store->samples[i];
        store->samples[i] = (sample){0};
        if (!s.image) {
            const char *name = sample_name(store, s.index, text), *why = s.why ? s.why : "out of memory";
            if (store->options.strict && status == MN_OK)
                status = mn_fail(err, MN_ERROR_FORMAT, "%s: %s", name, why);
            else if (store->options.skip)
                store->options.skip(store->options.context, name, why);
            free(s.why);
            continue;
        }
        *used += image_bytes(s.image);
        if (*used > store->options.pixel_bytes) {
            mn_image_destroy(s.image);
            s.image = NULL;
        }
        store->samples[(*to)++] = s;
    }
    return status;
}

static mn_status decode_all(mn_store *store, mn_error *err)
{
    mn_pool *pool;
    mn_status status = mn_pool_create(store->options.threads, &pool, err);
    if (status != MN_OK)
        return status;
    int64_t good = 0, count = store->count;
    size_t used = 0;
    for (int64_t first = 0; first < count && status == MN_OK; first += GROUP) {
        int64_t end = first + GROUP < count ? first + GROUP : count;
        decode_job j = {store, first};
        mn_pool_run(pool, (int32_t)(end - first), decode_task, &j);
        status = sift(store, first, end, &good, &used, err);
    }
    mn_pool_destroy(pool);
    if (status == MN_OK)
        store->count = good;
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
    *s = (mn_store){dataset, *options, mn_calloc((size_t)count, sizeof *s->samples), count};
    mn_status status = MN_OK;
    if (!s->samples)
        status = mn_fail_memory(err, (size_t)count * sizeof *s->samples, "the samples of a run");
    for (int64_t i = 0; status == MN_OK && i < count; i++)
        s->samples[i].index = index[i];
    if (status == MN_OK)
        status = check_labels(s, err);
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
    for (int64_t i = 0; store->samples && i < store->count; i++) {
        mn_image_destroy(store->samples[i].image);
        free(store->samples[i].why);
    }
    free(store->samples);
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
    const sample *s = &store->samples[i];
    *owned = s->image == NULL;
    if (s->image) {
        *image = s->image;
        return MN_OK;
    }
    return mn_dataset_image(store->dataset, s->index, image, err);
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
