/* Learning a MobileNet. Part of libmobilenet-train.
 *
 *     mn_recipe   how to learn: optimiser, schedule, regularisation, augmentation, seed; plain text in and out
 *     mn_trainer  a model being learned: weights, gradients, optimiser state, moving averages, position
 *     mn_train    the whole run: data set in, model out, with progress, checkpoints and resume (mn_train_run)
 *
 * The same seed gives the same bits for any number of threads, and for a run that was stopped and resumed.
 * docs/training.md explains how.
 */
#ifndef MOBILENET_TRAIN_H
#define MOBILENET_TRAIN_H

#include "mobilenet/comm.h"
#include "mobilenet/dataset.h"
#include "mobilenet/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mn_optimiser {
    MN_OPTIMISER_SGD = 0, /* momentum, Nesterov's form */
    MN_OPTIMISER_RMSPROP, /* with momentum, as the paper trains (TensorFlow's form) */
    MN_OPTIMISER_ADAMW    /* weight decay apart from the gradient (Loshchilov, Hutter 2019) */
} mn_optimiser;

typedef enum mn_schedule {
    MN_SCHEDULE_CONSTANT = 0,
    MN_SCHEDULE_STEP,   /* times step_factor every step_epochs */
    MN_SCHEDULE_COSINE, /* half a cosine, down to final_rate * learning_rate */
    MN_SCHEDULE_ONE_CYCLE /* up and down in straight lines: from 1/25 to the rate over warmup_epochs, then to final_rate */
} mn_schedule;

/* Every field is also a line `name=value` of the recipe's text and has a range (mn_recipe_check). All but distil_weight and
 * temperature, which only mn_trainer_step with a teacher's logits uses, are options of `mobilenet train`. */
typedef struct mn_recipe {
    uint64_t seed;
    int32_t batch; /* images a step */
    double epochs;

    mn_optimiser optimiser;
    double learning_rate; /* at its highest, for the batch as given */
    double momentum;      /* SGD, RMSprop; beta1 of AdamW */
    double decay;         /* of the mean square: RMSprop's rho, beta2 of AdamW */
    double epsilon;       /* RMSprop, AdamW */
    double weight_decay;  /* L2 of SGD and RMSprop, decoupled for AdamW */
    bool decay_all;       /* also depthwise filters, batch norm and biases; the paper advises little or none there */
    double clip_norm;     /* gradients are scaled down to this norm; 0: never */

    mn_schedule schedule;
    double warmup_epochs; /* linear, before the schedule */
    double step_epochs;   /* MN_SCHEDULE_STEP */
    double step_factor;
    double final_rate; /* share of learning_rate at the end of cosine and one-cycle */

    double label_smoothing;
    double ema;                 /* moving average of weights per step, for instance 0.999; 0: none */
    double statistics_momentum; /* of batch norm's moving statistics */
    int32_t reestimate_batches; /* batches from which batch norm's statistics are taken anew at the end; 0: keep */
    double distil_weight;       /* share of the distillation term where a teacher is given */
    double temperature;

    int32_t pad_crop; /* pixels of border from which a shifted crop is cut */
    bool flip;        /* left-right, one in two */
    double crop_area; /* random resized crop: least share of the area; 1: none */
    double jitter;    /* brightness, contrast, saturation each scaled within 1 +- this */
    double erase;     /* probability of random erasing */
    double mixup;     /* alpha of the Beta distribution; 0: none */
    double cutmix;    /* alpha of the Beta distribution; 0: none; with mixup, one of the two a batch */

    int32_t head_copies; /* learning the head alone: augmented copies of each image whose embeddings are kept too */
} mn_recipe;

/* The defaults, for small images from scratch: SGD 0.1 at batch 128, Nesterov 0.9, weight decay 5e-4, cosine. */
MN_API mn_recipe mn_recipe_default(void);
/* Sets one field from text. Errors: MN_ERROR_ARGUMENT names the field, the value and what is allowed. */
MN_API mn_status mn_recipe_set(mn_recipe *recipe, const char *name, const char *value, mn_error *err);
/* Whether every field is in its range, as a run and a trainer want it. Errors: MN_ERROR_ARGUMENT names the first that is
 * not. */
MN_API mn_status mn_recipe_check(const mn_recipe *recipe, mn_error *err);
/* Name, value as text and explanation of field number k; false past the last. text has room for 64 bytes. */
MN_API bool mn_recipe_field(const mn_recipe *recipe, int32_t k, const char **name, char text[64], const char **help);
/* The whole recipe as lines `name=value`, to be given to free(), or NULL where memory is short; and back. */
MN_API char *mn_recipe_text(const mn_recipe *recipe);
MN_API mn_status mn_recipe_parse(const char *text, mn_recipe *recipe, mn_error *err);

typedef struct mn_trainer mn_trainer;

/* A batch for the trainer. */
typedef struct mn_batch {
    int32_t count;          /* images, 1..recipe.batch; with ranks recipe.batch / ranks: this rank's part */
    const float *input;     /* [count, H, W, C] as mn_preprocess_apply makes it */
    const int32_t *label;   /* [count] 0..classes-1 */
    const int32_t *other;   /* [count] second label of mixed images, or NULL */
    const float *weight;    /* [count] share of `label`, the rest is `other`'s; NULL: 1 */
    const float *teacher;   /* [count, classes] logits of a teacher, or NULL */
    const float *embedding; /* head_only: [count, C] from mn_trainer_embed, in place of input; else NULL */
} mn_batch;

typedef struct mn_step_result {
    double loss;          /* mean over the batch */
    int32_t correct;      /* images whose most probable class is `label` */
    double rate;          /* learning rate of this step */
    double gradient_norm; /* before clipping */
} mn_step_result;

typedef struct mn_trainer_options {
    int32_t threads;         /* 1..256; 0: the processors available */
    int64_t steps_per_epoch; /* the schedule's unit, at least 1 */
    bool head_only;          /* learn the classifier alone, from embeddings; takes the memory of inference */
    bool reference;          /* plain C kernels */
    const mn_comm *comm; /* ranks that share every batch, this one among them; NULL: alone. Must outlive the trainer */
    bool sync_bn;        /* batch norm's statistics are of the whole batch, not of each rank's part */
} mn_trainer_options;

/* Bytes that a trainer needs for this net and recipe: exact, but for some KB. */
MN_API mn_status mn_trainer_size(const mn_net *net, const mn_recipe *recipe, const mn_trainer_options *options,
                                 size_t *bytes, mn_error *err);
/* Starts from the weights of `model`, which is copied. Errors: MN_ERROR_ARGUMENT, MN_ERROR_OUT_OF_MEMORY,
 * MN_ERROR_UNSUPPORTED, MN_ERROR_NUMERIC (a weight that is not finite). */
MN_API mn_status mn_trainer_create(const mn_model *model, const mn_recipe *recipe, const mn_trainer_options *options,
                                   mn_trainer **trainer, mn_error *err);
MN_API void mn_trainer_destroy(mn_trainer *trainer); /* NULL is allowed */

/* One step: forward, loss, backward, update. Errors: MN_ERROR_NUMERIC names the layer that made a NaN or an infinity;
 * the trainer is then as it was before the step. MN_ERROR_ARGUMENT: a label out of range. */
MN_API mn_status mn_trainer_step(mn_trainer *trainer, const mn_batch *batch, mn_step_result *result, mn_error *err);

typedef enum mn_weights {
    MN_WEIGHTS_LAST = 0, /* after the last step */
    MN_WEIGHTS_EMA       /* the moving average; the last where the recipe has none */
} mn_weights;

/* Logits [count, classes] with batch norm's moving statistics and no dropout. */
MN_API mn_status mn_trainer_predict(mn_trainer *trainer, mn_weights which, const float *input, int32_t count,
                                    float *logits, mn_error *err);

/* What the classifier reads: the pool's output [count, C], C the channels of the last convolution. Of use with head_only,
 * where it does not change while learning. mn_trainer_predict_head goes on from it. */
MN_API mn_status mn_trainer_embed(mn_trainer *trainer, const float *input, int32_t count, float *embedding,
                                  mn_error *err);
MN_API mn_status mn_trainer_predict_head(mn_trainer *trainer, mn_weights which, const float *embedding, int32_t count,
                                         float *logits, mn_error *err);

/* Takes batch norm's statistics of the weights `which` anew: begin, then every batch, then end. */
MN_API void mn_trainer_reestimate_begin(mn_trainer *trainer, mn_weights which);
MN_API void mn_trainer_reestimate_batch(mn_trainer *trainer, const float *input, int32_t count);
MN_API void mn_trainer_reestimate_end(mn_trainer *trainer);
/* Goes back to the moving statistics. */
MN_API void mn_trainer_reestimate_drop(mn_trainer *trainer);

/* A copy of the weights as a model, with the record of the model that training started from. */
MN_API mn_status mn_trainer_export(const mn_trainer *trainer, mn_weights which, mn_model **model, mn_error *err);

MN_API int64_t mn_trainer_steps(const mn_trainer *trainer);
MN_API size_t mn_trainer_bytes(const mn_trainer *trainer);
MN_API const mn_recipe *mn_trainer_recipe(const mn_trainer *trainer);
/* Gradient of the tensor called `name` in the last step, in the tensor's layout, or NULL where it is not trained. */
MN_API const float *mn_trainer_gradient(const mn_trainer *trainer, const char *name);

/* Everything that the next step depends on, written atomically; and back. `note` (may be NULL) is kept with it.
 * Loading wants a trainer made from a model of the same arch and preprocessing and the same recipe. *note is to be given
 * to free().
 * Errors: MN_ERROR_IO, MN_ERROR_FORMAT, MN_ERROR_ARGUMENT (another arch, preprocessing or recipe), MN_ERROR_UNSUPPORTED (a
 * checkpoint of an earlier version). */
MN_API mn_status mn_trainer_save(const mn_trainer *trainer, const char *note, const char *path, mn_error *err);
MN_API mn_status mn_trainer_load(mn_trainer *trainer, const char *path, char **note, mn_error *err);

/* What happens during a run, in this order: SKIPPED images while the data are decoded, KEPT where the checkpoint of a run
 * that was not over is put aside, CHECKPOINT of step 0 where a run begins, START, FEATURES where the head alone is learned,
 * then STEP after each step, EPOCH after each epoch, CHECKPOINT after each further one written, and END. */
typedef enum mn_train_event_kind {
    MN_TRAIN_SKIPPED = 0,
    MN_TRAIN_KEPT,
    MN_TRAIN_START,
    MN_TRAIN_FEATURES,
    MN_TRAIN_STEP,
    MN_TRAIN_EPOCH,
    MN_TRAIN_CHECKPOINT,
    MN_TRAIN_END
} mn_train_event_kind;

typedef struct mn_train_event {
    mn_train_event_kind kind;
    const char *what, *why;            /* SKIPPED: image and reason; CHECKPOINT: path; KEPT: new path */
    int64_t step, steps;               /* done, and of the whole run */
    double epoch;                      /* epochs done */
    int64_t train_images, held_out;    /* START */
    size_t bytes;                      /* START: memory of the trainer */
    int64_t done, total;               /* FEATURES: images, from 0 on; KEPT: steps of that run (total 0: not known) */
    mn_step_result result;             /* STEP */
    double train_loss, train_accuracy; /* EPOCH: means over the epoch's (augmented) batches */
    double loss, accuracy;             /* EPOCH, END: on the held-out images; NaN where there are none */
    bool best;                         /* EPOCH: the best so far */
    double best_accuracy;              /* END: of the best epoch; below 0 where nothing was held out */
    double accuracy_before;            /* END: with the moving statistics, where they were taken anew */
    const mn_trainer *trainer;         /* EPOCH, END: for mn_trainer_export */
} mn_train_event;

typedef struct mn_train_options {
    mn_recipe recipe;
    int32_t threads;          /* of the trainer; 0: the processors available */
    int32_t loader_threads;   /* that make batches ahead; 0: 1 */
    bool head_only;           /* see mn_trainer_options */
    const mn_comm *comm;      /* ranks that learn together, each in a call of its own; NULL: alone */
    bool sync_bn;             /* see mn_trainer_options */
    double validation;        /* share of the images that is held out, chosen by seed, class by class; 0: none */
    int64_t limit;            /* learn from at most this many of the images, spread evenly over them; 0: all */
    double patience;          /* epochs without a better held-out accuracy after which to stop; 0: never */
    bool strict;              /* an image that cannot be decoded is an error */
    size_t pixel_bytes;       /* decoded images are kept up to this size; 0: 1 GiB */
    const char *checkpoint;   /* file for the trainer's state, or NULL; an unfinished run's becomes .old, .old-2, ... */
    int64_t checkpoint_steps; /* how often it is written; 0: after every epoch */
    bool resume;              /* go on from the checkpoint where it exists */
    const volatile int *stop; /* set to non-zero (by a signal handler) to write a checkpoint and return; may be NULL */
    void (*report)(void *context, const mn_train_event *event); /* may be NULL; called on rank 0 alone */
    void *context;
} mn_train_options;

MN_API mn_train_options mn_train_options_default(void);

/* Learns `model` on all samples of `dataset`. *trained gets the moving average's weights (or the last, where the recipe
 * has no moving average); it is NULL where the run was stopped before its end. With ranks, rank 0 reads and writes the
 * checkpoint; what happens to one (an error, a stop) happens to all, and all get the same model or error.
 * Errors: those of decoding and of mn_trainer_step; MN_ERROR_ARGUMENT where data and model do not fit together. */
MN_API mn_status mn_train_run(const mn_model *model, const mn_dataset *dataset, const mn_train_options *options,
                              mn_model **trained, mn_error *err);

#ifdef __cplusplus
}
#endif

#endif
