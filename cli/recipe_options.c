/* The recipe's fields as options. Ranges and defaults are the library's. */
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "train.h"

#define OPTION(k, name, argument, help)                                                                                \
    {                                                                                                                  \
        name, 0, CLI_TEXT, argument, NULL, NULL, 0, 0, offsetof(cli_recipe, values[k]), help                           \
    }

#define CHOICE(k, name, argument, choices, help)                                                                       \
    {                                                                                                                  \
        name, 0, CLI_CHOICE, argument, NULL, choices, 0, 0, offsetof(cli_recipe, values[k]), help                      \
    }

const cli_option cli_recipe_options[CLI_RECIPE_COUNT] = {
    OPTION(0, "seed", "N", "where all randomness comes from; otherwise 1"),
    {"batch", 'b', CLI_TEXT, "N", NULL, NULL, 0, 0, offsetof(cli_recipe, values[1]),
     "images a step; otherwise 128, or as many as suit a small data set"},
    {"epochs", 'e', CLI_TEXT, "X", NULL, NULL, 0, 0, offsetof(cli_recipe, values[2]),
     "passes over the training images; otherwise 30"},
    CHOICE(3, "optimiser", "KIND", "sgd|rmsprop|adamw",
           "Nesterov's sgd, rmsprop as in the paper, or adamw; otherwise sgd"),
    OPTION(4, "learning-rate", "X",
           "learning rate at its highest; otherwise 0.02 with --from, else 0.1 at batch 128 and in proportion below"),
    OPTION(5, "momentum", "X", "momentum, and beta1 of adamw; otherwise 0.9"),
    OPTION(6, "decay", "X", "decay of the mean square of rmsprop, beta2 of adamw; otherwise 0.999"),
    OPTION(7, "epsilon", "X", "added to the mean square of rmsprop and adamw; otherwise 1e-8"),
    OPTION(8, "weight-decay", "X", "weight decay of convolutions and classifier; otherwise 0.0005"),
    CHOICE(9, "decay-all", "WHETHER", "yes|no",
           "weight decay on depthwise filters, batch norm and biases too; otherwise no"),
    OPTION(10, "clip-norm", "X", "largest norm of the gradient; otherwise any"),
    CHOICE(11, "schedule", "KIND", "constant|step|cosine|one-cycle",
           "how the learning rate changes in the course of the run; otherwise cosine"),
    OPTION(12, "warmup-epochs", "X", "epochs of linear warm-up, the way up of one-cycle; otherwise 1"),
    OPTION(13, "step-epochs", "X", "schedule step: epochs between drops; otherwise 30"),
    OPTION(14, "step-factor", "X", "schedule step: factor of a drop; otherwise 0.1"),
    OPTION(15, "final-rate", "X", "share of the learning rate at the end of cosine and one-cycle; otherwise 0"),
    OPTION(16, "label-smoothing", "X", "share of the target that is spread over all classes; otherwise 0"),
    OPTION(17, "ema", "X", "moving average of the weights, decay a step, for instance 0.999; otherwise none"),
    OPTION(18, "statistics-momentum", "X", "momentum of batch norm's moving statistics; otherwise 0.9"),
    OPTION(19, "reestimate-batches", "N",
           "batches for batch norm's statistics at the end, 0: keep the moving ones; otherwise 100"),
    OPTION(20, "pad-crop", "N", "shifted crops: pixels of border; otherwise an eighth of the height for small images"),
    CHOICE(21, "flip", "WHETHER", "yes|no", "mirror one image in two; otherwise yes for photographs"),
    OPTION(22, "crop-area", "X", "random resized crop: least share of the area; otherwise 0.35 for large images"),
    OPTION(23, "jitter", "X", "brightness, contrast and saturation within 1 +- X; otherwise none"),
    OPTION(24, "erase", "X", "probability of random erasing; otherwise 0"),
    OPTION(25, "mixup", "X", "mixup with Beta(X, X); otherwise none"),
    OPTION(26, "cutmix", "X", "cutmix with Beta(X, X); otherwise none"),
    OPTION(27, "head-copies", "N",
           "with --head-only: augmented copies of each image to learn from beside the plain one; otherwise 4 for "
           "fewer than 5000 images"),
};

int cli_recipe_get(const cli_call *call, const cli_recipe *values, mn_recipe *recipe)
{
    for (int i = 0; i < CLI_RECIPE_COUNT; i++) {
        char name[32];
        mn_error err;
        if (!values->values[i])
            continue;
        snprintf(name, sizeof name, "%s", cli_recipe_options[i].name);
        for (char *p = name; *p; p++)
            if (*p == '-')
                *p = '_';
        if (mn_recipe_set(recipe, name, values->values[i], &err) != MN_OK)
            return cli_misuse(call->command, "--%s: %s", cli_recipe_options[i].name, err.message);
    }
    return CLI_DONE;
}

double cli_recipe_rate(int32_t batch)
{
    return 0.1 * (batch < 128 ? batch : 128) / 128.0;
}

void cli_recipe_suit(const mn_dataset *data, const mn_arch *arch, double validation, mn_recipe *recipe)
{
    bool small = arch->height <= 64 && arch->width <= 64, digits = strcmp(mn_dataset_kind(data), "idx") == 0;
    int64_t images = mn_dataset_size(data);
    double learned = (1 - validation) * (double)images;
    while (recipe->batch > 1 &&
           (recipe->batch > 8 ? (double)images < 10.0 * recipe->batch : learned < 2.0 * recipe->batch))
        recipe->batch /= 2;
    recipe->pad_crop = small ? (arch->height + 7) / 8 : 0;
    recipe->crop_area = small ? 1 : 0.35;
    recipe->flip = !digits;
    recipe->head_copies = images < 5000 ? 4 : 0;
}
