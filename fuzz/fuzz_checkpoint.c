/* Checkpoints of a training run. A trainer of a tiny net reads the bytes as they are, and with a head that is this
 * trainer's, so that damage gets past it; what it accepts must be a state that it can step on from. */
#include <string.h>

#include "target.h"
#include "train/checkpoint.h"

enum { EDGE = 8, BATCH = 2 };

/* The seed corpus/checkpoint/sgd was saved by such a trainer. */
static mn_trainer *make_trainer(void)
{
    mn_arch arch = mn_arch_default();
    mn_recipe recipe = mn_recipe_default();
    mn_trainer_options options = {.threads = 1, .steps_per_epoch = 1, .reference = true};
    mn_model *model = NULL;
    mn_trainer *trainer = NULL;
    arch.height = arch.width = EDGE;
    arch.channels = 1;
    arch.classes = 2;
    arch.depth = MN_DEPTH_SHALLOW;
    arch.output_stride = 8;
    arch.width_count = 9;
    for (int i = 0; i < 9; i++)
        arch.widths[i] = 2;
    recipe.batch = BATCH;
    recipe.ema = 0.5;
    MN_FUZZ_CHECK(mn_model_create(&arch, &model, NULL) == MN_OK);
    mn_model_initialise(model, 1);
    MN_FUZZ_CHECK(mn_trainer_create(model, &recipe, &options, &trainer, NULL) == MN_OK);
    mn_model_destroy(model);
    return trainer;
}

static void read_and_step(mn_trainer *trainer, const uint8_t *bytes, size_t size)
{
    static const float input[BATCH * EDGE * EDGE] = {0.5f, -0.5f, 1.0f};
    static const int32_t label[BATCH] = {0, 1};
    char *note = NULL;
    mn_error err = {.status = MN_OK};
    mn_step_result result;
    int64_t before = mn_trainer_steps(trainer);
    mn_status status = mn_checkpoint_read(trainer, bytes, size, &note, &err);
    if (status != MN_OK) {
        MN_FUZZ_CHECK(note == NULL && err.status == status && err.message[0] != '\0');
        MN_FUZZ_CHECK(mn_trainer_steps(trainer) == before);
        return;
    }
    MN_FUZZ_CHECK(note != NULL && strlen(note) <= size);
    free(note);
    mn_batch batch = {.count = BATCH, .input = input, .label = label};
    before = mn_trainer_steps(trainer);
    status = mn_trainer_step(trainer, &batch, &result, &err);
    MN_FUZZ_CHECK(status == MN_OK || status == MN_ERROR_NUMERIC);
    MN_FUZZ_CHECK(mn_trainer_steps(trainer) == before + (status == MN_OK));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mn_trainer *trainer;
    if (!trainer)
        trainer = make_trainer();
    read_and_step(trainer, data, size);
    uint8_t *copy = malloc(size + 1);
    MN_FUZZ_CHECK(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    mn_checkpoint_seal(trainer, copy, size);
    read_and_step(trainer, copy, size);
    free(copy);
    return 0;
}
