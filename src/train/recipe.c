/* The recipe as a table: every field once, with its name, kind, range and explanation. Text, options of the command
 * and checks all come from it. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/locale.h"
#include "base/status.h"
#include "base/words.h"
#include "mobilenet/train.h"

static const char *const optimiser_words[] = {"sgd", "rmsprop", "adamw"};
static const char *const schedule_words[] = {"constant", "step", "cosine", "one-cycle"};

typedef enum kind { KIND_SEED, KIND_INT, KIND_REAL, KIND_BOOL, KIND_OPTIMISER, KIND_SCHEDULE } kind;

typedef struct field {
    const char *name;
    kind kind;
    size_t offset;
    double low, high;
    const char *help;
} field;

#define FIELD(name, kind, low, high, help)                                                                             \
    {                                                                                                                  \
#name, kind, offsetof(mn_recipe, name), low, high, help                                                        \
    }

static const field fields[] = {
    FIELD(seed, KIND_SEED, 0, 0, "where all randomness comes from"),
    FIELD(batch, KIND_INT, 1, 65536, "images a step"),
    FIELD(epochs, KIND_REAL, 0.001, 1e6, "passes over the training data"),
    FIELD(optimiser, KIND_OPTIMISER, 0, 2, "sgd, rmsprop or adamw"),
    FIELD(learning_rate, KIND_REAL, 0, 1e3, "learning rate at its highest"),
    FIELD(momentum, KIND_REAL, 0, 0.9999, "momentum; beta1 of adamw"),
    FIELD(decay, KIND_REAL, 0, 0.999999, "decay of the mean square: rmsprop, beta2 of adamw"),
    FIELD(epsilon, KIND_REAL, 1e-16, 10, "added to the mean square: rmsprop, adamw"),
    FIELD(weight_decay, KIND_REAL, 0, 10, "weight decay"),
    FIELD(decay_all, KIND_BOOL, 0, 1, "weight decay also on depthwise filters, batch norm and biases"),
    FIELD(clip_norm, KIND_REAL, 0, 1e9, "largest norm of the gradient, 0: any"),
    FIELD(schedule, KIND_SCHEDULE, 0, 3, "constant, step, cosine or one-cycle"),
    FIELD(warmup_epochs, KIND_REAL, 0, 1e6, "epochs of linear warm-up (the way up of one-cycle)"),
    FIELD(step_epochs, KIND_REAL, 0.001, 1e6, "schedule step: epochs between drops"),
    FIELD(step_factor, KIND_REAL, 0, 1, "schedule step: factor of a drop"),
    FIELD(final_rate, KIND_REAL, 0, 1, "share of the learning rate at the end of cosine and one-cycle"),
    FIELD(label_smoothing, KIND_REAL, 0, 0.99, "share of the target spread over all classes"),
    FIELD(ema, KIND_REAL, 0, 0.999999, "moving average of the weights per step, 0: none"),
    FIELD(statistics_momentum, KIND_REAL, 0, 0.999999, "momentum of batch norm's moving statistics"),
    FIELD(reestimate_batches, KIND_INT, 0, 1000000,
          "batches for batch norm's statistics at the end, 0: keep the moving ones"),
    FIELD(distil_weight, KIND_REAL, 0, 1, "share of the distillation term"),
    FIELD(temperature, KIND_REAL, 0.01, 1000, "temperature of the distillation term"),
    FIELD(pad_crop, KIND_INT, 0, 1024, "pixels of border for shifted crops"),
    FIELD(flip, KIND_BOOL, 0, 1, "mirror one image in two"),
    FIELD(crop_area, KIND_REAL, 0.01, 1, "random resized crop: least share of the area, 1: none"),
    FIELD(jitter, KIND_REAL, 0, 0.9, "brightness, contrast and saturation within 1 +- this"),
    FIELD(erase, KIND_REAL, 0, 1, "probability of random erasing"),
    FIELD(mixup, KIND_REAL, 0, 2, "mixup: alpha of the Beta distribution, 0: none"),
    FIELD(cutmix, KIND_REAL, 0, 2, "cutmix: alpha of the Beta distribution, 0: none"),
    FIELD(head_copies, KIND_INT, 0, 1000, "head alone: augmented copies of each image beside the plain one"),
};
#define FIELD_COUNT ((int32_t)(sizeof fields / sizeof *fields))

mn_recipe mn_recipe_default(void)
{
    return (mn_recipe){
        .seed = 1,
        .batch = 128,
        .epochs = 30,
        .optimiser = MN_OPTIMISER_SGD,
        .learning_rate = 0.1,
        .momentum = 0.9,
        .decay = 0.999,
        .epsilon = 1e-8,
        .weight_decay = 5e-4,
        .schedule = MN_SCHEDULE_COSINE,
        .warmup_epochs = 1,
        .step_epochs = 30,
        .step_factor = 0.1,
        .statistics_momentum = 0.9,
        .reestimate_batches = 100,
        .temperature = 2,
        .crop_area = 1,
    };
}

static void *place(mn_recipe *recipe, const field *f)
{
    return (char *)recipe + f->offset;
}

static mn_status bad_value(const field *f, const char *value, mn_error *err)
{
    if (f->kind == KIND_SEED)
        return mn_fail(err, MN_ERROR_ARGUMENT, "%s is '%s', must be a whole number", f->name, value);
    if (f->kind == KIND_OPTIMISER || f->kind == KIND_SCHEDULE)
        return mn_fail(err, MN_ERROR_ARGUMENT, "%s is '%s', must be %s", f->name, value, f->help);
    if (f->kind == KIND_BOOL)
        return mn_fail(err, MN_ERROR_ARGUMENT, "%s is '%s', must be yes or no", f->name, value);
    return mn_fail(err, MN_ERROR_ARGUMENT, "%s is '%s', must be %g to %g", f->name, value, f->low, f->high);
}

static bool find_word(const char *word, const char *const *words, int32_t count, int32_t *value)
{
    for (int32_t i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0) {
            *value = i;
            return true;
        }
    return false;
}

static mn_status set_field(mn_recipe *recipe, const field *f, const char *value, mn_error *err)
{
    char *end = NULL;
    int32_t word = 0;
    void *to = place(recipe, f);
    errno = 0;
    if (f->kind == KIND_SEED) {
        uint64_t seed = strtoull(value, &end, 10);
        if (end == value || *end || errno || *value == '-')
            return bad_value(f, value, err);
        *(uint64_t *)to = seed;
    } else if (f->kind == KIND_INT || f->kind == KIND_REAL) {
        locale_t old = mn_locale_begin();
        double number = strtod(value, &end);
        mn_locale_end(old);
        if (end == value || *end || !isfinite(number) || number < f->low || number > f->high ||
            (f->kind == KIND_INT && number != floor(number)))
            return bad_value(f, value, err);
        if (f->kind == KIND_INT)
            *(int32_t *)to = (int32_t)number;
        else
            *(double *)to = number;
    } else if (f->kind == KIND_BOOL) {
        static const char *const words[] = {"false", "true", "no", "yes", "0", "1"};
        if (!find_word(value, words, 6, &word))
            return bad_value(f, value, err);
        *(bool *)to = word % 2 == 1;
    } else if (f->kind == KIND_OPTIMISER) {
        if (!find_word(value, optimiser_words, 3, &word))
            return bad_value(f, value, err);
        *(mn_optimiser *)to = (mn_optimiser)word;
    } else {
        if (!find_word(value, schedule_words, 4, &word))
            return bad_value(f, value, err);
        *(mn_schedule *)to = (mn_schedule)word;
    }
    return MN_OK;
}

mn_status mn_recipe_set(mn_recipe *recipe, const char *name, const char *value, mn_error *err)
{
    for (int32_t i = 0; i < FIELD_COUNT; i++)
        if (strcmp(fields[i].name, name) == 0)
            return set_field(recipe, &fields[i], value, err);
    return mn_fail(err, MN_ERROR_ARGUMENT, "a recipe has no field '%s'", name);
}

/* The word of a value, or one that none has. */
static const char *word_at(unsigned value, const char *const *words, unsigned count)
{
    return value < count ? words[value] : "?";
}

mn_status mn_recipe_check(const mn_recipe *recipe, mn_error *err)
{
    mn_recipe copy = *recipe;
    const char *name, *help;
    char text[64];
    mn_status status = MN_OK;
    for (int32_t k = 0; status == MN_OK && mn_recipe_field(recipe, k, &name, text, &help); k++)
        status = set_field(&copy, &fields[k], text, err);
    return status;
}

bool mn_recipe_field(const mn_recipe *recipe, int32_t k, const char **name, char text[64], const char **help)
{
    if (k < 0 || k >= FIELD_COUNT)
        return false;
    const field *f = &fields[k];
    mn_recipe copy = *recipe;
    const void *from = place(&copy, f);
    *name = f->name;
    *help = f->help;
    switch (f->kind) {
    case KIND_SEED:
        snprintf(text, 64, "%llu", (unsigned long long)*(const uint64_t *)from);
        break;
    case KIND_INT:
        snprintf(text, 64, "%d", *(const int32_t *)from);
        break;
    case KIND_REAL: {
        locale_t old = mn_locale_begin();
        snprintf(text, 64, "%.9g", *(const double *)from);
        mn_locale_end(old);
        break;
    }
    case KIND_BOOL:
        snprintf(text, 64, "%s", *(const bool *)from ? "true" : "false");
        break;
    case KIND_OPTIMISER:
        snprintf(text, 64, "%s", word_at(*(const mn_optimiser *)from, optimiser_words, 3));
        break;
    case KIND_SCHEDULE:
        snprintf(text, 64, "%s", word_at(*(const mn_schedule *)from, schedule_words, 4));
        break;
    }
    return true;
}

char *mn_recipe_text(const mn_recipe *recipe)
{
    size_t size = (size_t)FIELD_COUNT * 128, used = 0;
    char *text = mn_calloc(size, 1);
    if (!text)
        return NULL;
    const char *name, *help;
    char value[64];
    for (int32_t k = 0; mn_recipe_field(recipe, k, &name, value, &help); k++)
        used += (size_t)snprintf(text + used, size - used, "%s=%s\n", name, value);
    return text;
}

mn_status mn_recipe_parse(const char *text, mn_recipe *recipe, mn_error *err)
{
    mn_recipe result = mn_recipe_default();
    while (*text) {
        size_t length = strcspn(text, "\n");
        char line[160];
        if (length >= sizeof line)
            return mn_fail(err, MN_ERROR_FORMAT, "a line of a recipe has %zu bytes, at most %zu are allowed", length,
                           sizeof line - 1);
        memcpy(line, text, length);
        line[length] = 0;
        text += length + (text[length] == '\n');
        char *equals = strchr(line, '=');
        if (length == 0)
            continue;
        if (!equals)
            return mn_fail(err, MN_ERROR_FORMAT, "a line of a recipe is '%s', wanted name=value", line);
        *equals = 0;
        mn_status status = mn_recipe_set(&result, line, equals + 1, err);
        if (status != MN_OK)
            return status;
    }
    *recipe = result;
    return MN_OK;
}
