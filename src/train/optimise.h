/* From gradients to new weights: schedule, clipping, the optimisers' formulas. */
#ifndef MN_TRAIN_OPTIMISE_H
#define MN_TRAIN_OPTIMISE_H

#include "base/pool.h"
#include "mobilenet/train.h"

/* Learning rate of step `step` (0, 1, ...) of a run of recipe->epochs * steps_per_epoch steps. */
double mn_schedule_rate(const mn_recipe *recipe, int64_t step, int64_t steps_per_epoch);

/* A run of weights that are treated alike: at most MN_SLICE of one tensor. */
#define MN_SLICE 32768
typedef struct mn_slice {
    size_t offset, count;
    bool decays, trained;
} mn_slice;

typedef struct mn_update {
    const mn_recipe *recipe;
    const mn_slice *slices;
    int32_t slice_count;
    double *norms; /* [slice_count] scratch */
    float *weights;
    const float *gradients;
    float *first, *second; /* the optimiser's memory: momentum; mean square (RMSprop, AdamW) */
    float *ema;            /* or NULL */
    int64_t step;          /* 0 for the first */
    double rate, clip;     /* clip: factor on the gradient */
} mn_update;

/* Square root of the sum of squares of all trained gradients; not finite where one is not. */
double mn_update_norm(const mn_update *update, mn_pool *pool);

/* SGD, Nesterov:  g += wd w, v = mu v + g, w -= rate (g + mu v)
 * RMSprop:        g += wd w, s = rho s + (1 - rho) g^2, v = mu v + rate g / sqrt(s + eps), w -= v
 * AdamW:          w -= rate wd w, m = b1 m + (1 - b1) g, s = b2 s + (1 - b2) g^2,
 *                 w -= rate (m / (1 - b1^t)) / (sqrt(s / (1 - b2^t)) + eps)
 * then ema = d ema + (1 - d) w. */
void mn_update_apply(const mn_update *update, mn_pool *pool);

#endif
