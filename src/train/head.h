/* Learning the classifier alone: what it reads (the pool's output of every image) never changes, so it is computed
 * once and kept; of augmented copies too, so that the classifier meets more than the images themselves. */
#ifndef MN_TRAIN_HEAD_H
#define MN_TRAIN_HEAD_H

#include "train/store.h"
#include "train/trainer.h"

typedef struct mn_head mn_head;

/* For the embeddings of every sample of the store, plain and in `copies` augmented copies; none is computed yet. */
mn_status mn_head_open(mn_trainer *trainer, const mn_store *store, int32_t copies, mn_head **head, mn_error *err);
void mn_head_close(mn_head *head); /* NULL is allowed */

/* Computes the next of them, a batch at most; ranks share the work, and agree after each call. input: room for a rank's
 * part of a batch of images. */
mn_status mn_head_embed(mn_head *head, mn_trainer *trainer, float *input, mn_error *err);
/* How many there are to be, and how many there are. */
int64_t mn_head_total(const mn_head *head);
int64_t mn_head_done(const mn_head *head);

/* The plain embeddings of samples first.., [.., C]. */
const float *mn_head_rows(const mn_head *head, int64_t first);

/* This rank's part of the batch of a step, in the same shuffled order as images would have, each epoch with the next of
 * a sample's embeddings; valid until the next call. */
void mn_head_batch(mn_head *head, int64_t step, mn_batch *batch);

#endif
