/* A checkpoint in memory: what mn_trainer_load does with a file's bytes. */
#ifndef MN_TRAIN_CHECKPOINT_H
#define MN_TRAIN_CHECKPOINT_H

#include "train/trainer.h"

/* As mn_trainer_load; the trainer is untouched where the bytes are refused. */
mn_status mn_checkpoint_read(mn_trainer *trainer, const uint8_t *bytes, size_t size, char **note, mn_error *err);

/* How far the run came whose checkpoint lies at `path`, whatever it learned: the steps done and the note, to be given to
 * free(). False where there is none that can be read. */
bool mn_checkpoint_peek(const char *path, int64_t *step, char **note);

/* Makes the bytes' head that of a checkpoint of this trainer, hash and all, so that a test can damage what lies behind. */
void mn_checkpoint_seal(const mn_trainer *trainer, uint8_t *bytes, size_t size);

#endif
