/* Which samples are learned from and which are held out. */
#ifndef MN_TRAIN_SPLIT_H
#define MN_TRAIN_SPLIT_H

#include "mobilenet/dataset.h"

/* Holds out the same share of every class (rounded down, at least one image of a class that has two), chosen by seed.
 * *index is one block to be given to free(): the *train_count samples to learn from, then the rest, both in the data
 * set's order. */
mn_status mn_split_samples(const mn_dataset *dataset, double share, uint64_t seed, int64_t **index,
                           int64_t *train_count, mn_error *err);

#endif
