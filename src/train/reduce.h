/* Sums over the batch: the one place where what chunks computed apart becomes a number of the whole batch.
 *
 * A batch is cut into a power of two of chunks of whole images (mn_step_layer: chunks, back_chunks). Chunks are added as a
 * binary tree by their numbers, each node left + right:
 *
 *     0   1   2   3   4   5   6   7
 *      \ /     \ /     \ /     \ /
 *       +-------+       +-------+
 *            +--------------+
 *
 * so a sum does not depend on who computed which chunk, or when. Where ranks share a batch, each owns a part of the chunks
 * that is one node, and the tree goes on over the ranks.
 */
#ifndef MN_TRAIN_REDUCE_H
#define MN_TRAIN_REDUCE_H

#include "train/step.h"

/* batch_mean and batch_variance of layer `index` from the chunks' sums about their origins. */
void mn_reduce_statistics(mn_step *step, int32_t index);

/* The chunks' sums of gradients of layer `index` become the gradients of gamma and beta, and the factors a, b, c of its
 * mn_chain; without batch norm, the gradient of the bias. */
void mn_reduce_gradient_sums(mn_step *step, int32_t index, int32_t chunks);

/* The chunks' weight gradients of layer `index` in step->partial become its gradient. */
void mn_reduce_weights(mn_step *step, int32_t index, int32_t chunks);

/* The gradient of the classifier's bias, from step->logit_gradient. */
void mn_reduce_classifier_bias(mn_step *step);

/* The sum of `count` numbers as a tree. */
double mn_reduce_doubles(const double *values, int32_t count);

/* out [count] <- the sum of `parts` arrays, `stride` floats apart, as a tree; count <= MN_REDUCE_BLOCK. */
#define MN_REDUCE_BLOCK 512 /* floats of a sum that is made at once: a tree's nodes stay in the first-level cache */
void mn_reduce_floats(const float *from, size_t stride, int32_t parts, size_t count, float *restrict out);

/* Adds up over the ranks (reduce_ranks.c), after the backward pass: gradients of the layers from `first_layer` on,
 * where batch norm is not synchronised the ranks' mean statistics, and what the ranks' states say of the loss. */
mn_status mn_reduce_ranks(mn_step *step, int32_t first_layer, double *loss, int32_t *correct, mn_error *err);
/* The largest payload of a message between ranks. */
size_t mn_reduce_payload(size_t weight_count, size_t statistic_count, int32_t widest, int32_t ranks);
/* Takes part in the first message of a step only, to tell of a failure that mn_group_fail was given. */
mn_status mn_reduce_failure(mn_step *step, mn_error *err);

/* Bytes of the sums of one layer in a message. */
static inline size_t mn_reduce_pair_bytes(int32_t channels)
{
    return 2 * (size_t)mn_panel_up(channels) * sizeof(double);
}

#endif
