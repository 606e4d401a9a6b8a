/* What happens to an image on its way into a training batch. Every choice is a function of the run's seed and of the
 * image's number in the run (step * batch + place), so any thread can make any image at any time. */
#ifndef MN_TRAIN_AUGMENT_H
#define MN_TRAIN_AUGMENT_H

#include "mobilenet/train.h"
#include "train/store.h"

/* input [height, width, channels] <- sample, augmented: random resized crop or the plain crop and resize, shifted crop,
 * flip, jitter, normalisation, erasing. number: of the image in the run. */
mn_status mn_augment(const mn_store *store, const mn_recipe *recipe, int64_t sample, uint64_t number, float *input,
                     mn_error *err);

/* Mixes the images of a batch in pairs (first with last, and so on): mixup or cutmix, one draw for the batch.
 * other[i], weight[i] get the second label and the share of the first. step: of the run. */
void mn_augment_mix(const mn_recipe *recipe, const mn_store_options *shape, uint64_t step, int32_t count, float *input,
                    const int32_t *label, int32_t *other, float *weight);

#endif
