/* The inside of a trainer. */
#ifndef MN_TRAIN_TRAINER_H
#define MN_TRAIN_TRAINER_H

#include "train/optimise.h"
#include "train/step.h"

/* What the next step depends on, beside the weights: written to a checkpoint as it is. */
typedef struct mn_trainer_position {
    int64_t step;             /* steps done */
    double statistics_weight; /* of the moving statistics so far, 1 - momentum^steps; they are divided by it */
    double ema_weight;        /* likewise for the moving average of the weights */
} mn_trainer_position;

struct mn_trainer {
    mn_model *model; /* where training started: net and record */
    mn_recipe recipe;
    mn_trainer_options options;
    mn_group group;
    mn_pool *pool;
    mn_step *step;
    int32_t first_layer; /* the first that is trained */

    mn_trainer_position position;
    /* [weight_count] each, in `block`; NULL where the recipe does not need it */
    float *first, *second, *ema;
    float *moving, *ema_moving; /* [statistic_count] */
    /* What prediction uses: weights and statistics with their bias taken off. */
    float *eval_weights, *eval_statistics;
    float *estimated[2]; /* [statistic_count] by mn_weights: statistics taken anew */
    bool has_estimated[2];
    double *sums; /* [statistic_count] of the re-estimation under way */
    int32_t sum_batches;
    mn_weights sum_of;

    mn_slice *slices;
    int32_t slice_count;
    double *norms;
    void *block;
    size_t block_bytes;
};

/* Ends the step at hand because of *own, which this rank met: returns it (or another rank's failure) in *err, having told
 * the others. */
mn_status mn_trainer_fail(mn_trainer *trainer, const mn_error *own, mn_error *err);

/* Everything that a checkpoint holds, from rank 0 to all. */
mn_status mn_trainer_share(mn_trainer *trainer, mn_error *err);

/* Offset of a trained tensor (weights and biases) or of a statistic. */
typedef enum mn_tensor_home { MN_HOME_WEIGHTS, MN_HOME_STATISTICS } mn_tensor_home;

/* Calls `visit` for every tensor of the model: where in the step's arrays it lives. */
typedef void mn_tensor_visit(void *context, mn_tensor *tensor, mn_tensor_home home, size_t offset);
void mn_trainer_visit(const mn_trainer *trainer, mn_model *model, mn_tensor_visit *visit, void *context);

/* The arrays of a checkpoint, in order; count of floats in *count; NULL past the last. Absent arrays are skipped. */
float *mn_trainer_array(const mn_trainer *trainer, int32_t k, size_t *count);

#endif
