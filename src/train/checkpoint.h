/* A checkpoint in memory: what mn_trainer_load does with a file's bytes. */
#ifndef MN_TRAIN_CHECKPOINT_H
#define MN_TRAIN_CHECKPOINT_H

#include "train/trainer.h"

/* As mn_trainer_load; the trainer is untouched where the bytes are refused. */
mn_status mn_checkpoint_read(mn_trainer *trainer, const uint8_t *bytes, size_t size, char **note, mn_error *err);

/* Puts the hash of the bytes into them, so that a test can damage what lies behind the hash. */
void mn_checkpoint_seal(uint8_t *bytes, size_t size);

#endif
