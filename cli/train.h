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
/* What suits the data, for fields that the user did not give: few or many images (of which the share `validation` is held
 * out), small or large ones, digits or photographs. */
void cli_recipe_suit(const mn_dataset *data, const mn_arch *arch, double validation, mn_recipe *recipe);

/* A new model for the data: size, channels and classes are the data's where the user did not say. */
int cli_train_fresh(const cli_call *call, const cli_arch *values, double dropout, const mn_dataset *data, uint64_t seed,
                    mn_model **model);
/* The model of a file, with a classifier for the data: kept where the classes are as many, else a new one. resolution: of
 * the input from now on, or {0, 0}: as the file has it. */
int cli_train_from(const char *path, cli_extent resolution, const mn_dataset *data, uint64_t seed, mn_model **model);

#endif
