/* Batches made ahead of the trainer by threads of their own. Batch `step` of a run is a function of the seed alone:
 * which thread makes it, and when, does not matter. */
#ifndef MN_TRAIN_LOADER_H
#define MN_TRAIN_LOADER_H

#include "mobilenet/train.h"
#include "train/store.h"

typedef struct mn_loader mn_loader;

typedef struct mn_loader_options {
    const mn_recipe *recipe;
    int64_t first; /* step to begin with */
    int32_t threads;
    int32_t rank, ranks; /* images [rank, rank + 1) * batch / ranks of every batch are made; 0, 1: all */
} mn_loader_options;

/* Parts of batches of recipe->batch images; the store must outlive the loader and have at least one batch of samples.
 * Of each epoch's shuffled samples, those past the last whole batch are left out. */
mn_status mn_loader_create(const mn_store *store, const mn_loader_options *options, mn_loader **loader, mn_error *err);
void mn_loader_destroy(mn_loader *loader); /* NULL is allowed */

/* The shuffled order of an epoch's samples 0..n-1. */
void mn_epoch_order(uint64_t seed, int64_t epoch, int64_t n, int64_t *order);

/* The next batch, valid until the next call. */
mn_status mn_loader_next(mn_loader *loader, mn_batch *batch, mn_error *err);

#endif
