/* The parts of `mobilenet train`. */
#ifndef CLI_TRAIN_H
#define CLI_TRAIN_H

#include "arch_options.h"
#include "mobilenet/train.h"

/* Learning rate that suits a trained model, where the user gave none. */
#define CLI_FINE_TUNING_RATE 0.02

/* Options that are fields of a recipe, as text: mn_recipe_set checks them. */
#define CLI_RECIPE_COUNT 28
typedef struct cli_recipe {
    const char *values[CLI_RECIPE_COUNT];
} cli_recipe;
extern const cli_option cli_recipe_options[CLI_RECIPE_COUNT];
#define CLI_RECIPE_GROUP(offset)                                                                                       \
    {                                                                                                                  \
        "Recipe", cli_recipe_options, CLI_RECIPE_COUNT, offset                                                         \
    }
/* Puts what was typed into *recipe. Returns CLI_DONE or, having said why, CLI_MISUSE. */
int cli_recipe_get(const cli_call *call, const cli_recipe *values, mn_recipe *recipe);
/* The learning rate from scratch that suits a batch, where the user gave none. */
double cli_recipe_rate(int32_t batch);
/* What suits the data, but for the learning rate, for fields that the user did not give: few or many images (of which the
 * share `validation` is held out), small or large ones, digits or photographs. */
void cli_recipe_suit(const mn_dataset *data, const mn_arch *arch, double validation, mn_recipe *recipe);

/* Names an image that a run leaves out (MN_TRAIN_SKIPPED). */
void cli_train_skipped(const mn_train_event *event);

/* A new model for the data: size, channels and classes are the data's where the user did not say. */
int cli_train_fresh(const cli_call *call, const cli_arch *values, double dropout, const mn_dataset *data, uint64_t seed,
                    mn_model **model);

/* The model of a file, with a classifier for the data at `data_path`. The classifier is kept where the data's classes are
 * the model's: the same names (*data is opened anew then, so that folders and lists come in the model's order), or as many
 * where one of the two has no names. Else it starts anew. Of the architecture, what was given of these may change: */
typedef struct cli_train_change {
    cli_extent resolution; /* {0, 0}: as the file has it */
    double dropout;        /* below 0: as the file has it */
} cli_train_change;
int cli_train_from(const char *path, const cli_train_change *change, const char *data_path, mn_dataset **data,
                   uint64_t seed, mn_model **model);

#endif
