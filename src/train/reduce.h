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
 * so a sum does not depend on who computed which chunk, or when.
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

#endif
