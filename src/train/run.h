/* The inside of mn_train_run: its state, and the parts in files of their own. With ranks every function below is called by
 * all of them, and they agree on what it returns.
 */
#ifndef MN_TRAIN_RUN_H
#define MN_TRAIN_RUN_H

#include "train/head.h"
#include "train/loader.h"
#include "train/trainer.h"

/* What came of one held-out image. */
typedef struct mn_run_outcome {
    double loss;
    int64_t right;
} mn_run_outcome;

typedef struct mn_run {
    const mn_train_options *options;
    mn_group group; /* for what is not a step's */
    int64_t *index; /* see mn_split_samples */
    mn_store *train, *held;
    mn_trainer *trainer;
    mn_loader *loader;              /* of images, or, where the head alone is learned, */
    mn_head *head, *held_embedding; /* embeddings */
    float *input, *logits;          /* plain images, as many as this rank has of a batch, and their result */
    mn_run_outcome *outcomes;       /* of the held-out images */
    int64_t steps, steps_per_epoch;
    uint64_t data; /* fingerprint of the data set */
    double best_accuracy, best_epoch;
    double loss_sum;          /* of this epoch */
    int64_t correct, counted; /* of this epoch */
} mn_run;

/* Rank 0 alone reports. Fills in step, epoch and steps. */
void mn_run_report(const mn_run *run, mn_train_event *event);

/* All ranks must have been started with the same model, data and options (run_ranks.c). */
mn_status mn_run_compare_ranks(mn_run *run, const mn_model *model, mn_error *err);

/* run_checkpoint.c: rank 0 reads and writes. Where the run does not go on with the checkpoint that is there, loading puts
 * one of an unfinished run aside. */
mn_status mn_run_save(mn_run *run, mn_error *err);
mn_status mn_run_load(mn_run *run, mn_error *err);

/* run_measure.c: loss and accuracy on the held-out images, each rank running a part; NaN where there are none. */
mn_status mn_run_evaluate(mn_run *run, double *loss, double *accuracy, mn_error *err);
/* Batch norm's statistics anew. */
mn_status mn_run_reestimate(mn_run *run, mn_error *err);

#endif
