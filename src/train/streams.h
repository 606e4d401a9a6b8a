/* The random streams of a training run; every number is a function of the run's seed, a stream and an index. */
#ifndef MN_TRAIN_STREAMS_H
#define MN_TRAIN_STREAMS_H

#include "base/rng.h"
#include "train/step.h"

enum {
    MN_STREAM_DROPOUT = 0x6470, /* + the step in the upper bits */
    MN_STREAM_ORDER,            /* the order of samples of an epoch */
    MN_STREAM_SPLIT,            /* which samples are held out for validation */
    MN_STREAM_AUGMENT,          /* what happens to one image */
    MN_STREAM_MIX               /* mixup and cutmix of a batch */
};

/* Whether channel c of an image of this rank's part of the step at hand is dropped. */
static inline bool mn_step_dropped(const mn_step *s, int32_t image, int32_t c)
{
    uint64_t stream = MN_STREAM_DROPOUT | s->dropout_index << 16;
    int64_t number = image + (s->group ? (int64_t)s->group->rank * s->batch : 0); /* in the whole batch */
    uint64_t index = (uint64_t)number * (uint64_t)s->layers[s->layer_count - 1].k + (uint64_t)c;
    return mn_rng_uniform(s->seed, stream, index) < (float)s->net.arch.dropout;
}

#endif
