/* Ten training steps against PyTorch (tools/golden/train_steps.py): losses within 1e-4, every gradient within 1e-3 of
 * the largest of its tensor; with the reference kernels and with this processor's. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mobilenet/train.h"
#include "support/assets.h"
#include "train/noise.h"

enum { STEPS = 10, BATCH = 8, SIZE = 24, CLASSES = 5 };

static mn_arch golden_arch(mn_conv_kind conv, mn_padding padding, mn_activation activation)
{
    static const int32_t full[14] = {5, 8, 9, 12, 12, 16, 17, 12, 10, 12, 9, 12, 20, 18};
    static const int32_t shallow[9] = {5, 8, 9, 12, 12, 16, 17, 20, 18};
    bool deep = conv == MN_CONV_STANDARD;
    mn_arch arch = mn_arch_default();
    arch.height = arch.width = SIZE;
    arch.classes = CLASSES;
    arch.conv = conv;
    arch.padding = padding;
    arch.activation = activation;
    arch.output_stride = 8; /* strides 1, 1, 2, 2, 2 */
    arch.dropout = 0;
    arch.depth = deep ? MN_DEPTH_FULL : MN_DEPTH_SHALLOW;
    arch.width_count = deep ? 14 : 9;
    memcpy(arch.widths, deep ? full : shallow, deep ? sizeof full : sizeof shallow);
    return arch;
}

/* The script's weights: tensor number k is noise of stream 100 + k, scaled. Statistics are no tensors there. */
static void fill(mn_model *model)
{
    uint32_t stream = 100;
    for (int32_t i = 0; i < mn_model_tensor_count(model); i++) {
        mn_tensor *t = mn_model_tensor_at(model, i);
        if (strstr(t->name, ".mean") || strstr(t->name, ".variance"))
            continue;
        double fan = t->rank == 4 ? 9.0 * t->shape[3] : t->rank == 3 ? 9.0 : t->rank == 2 ? t->shape[1] : 100.0;
        for (size_t k = 0; k < t->elements; k++) {
            float v = noise_at(stream, (uint32_t)k);
            if (strstr(t->name, ".gamma"))
                t->data[k] = 1 + 0.25f * v;
            else if (strstr(t->name, ".beta"))
                t->data[k] = 0.25f * v;
            else
                t->data[k] = (float)(v * sqrt(6.0 / fan));
        }
        stream++;
    }
}

static float *read_golden(const char *name, size_t *count)
{
    FILE *file = fopen(test_source(name), "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *count = (size_t)ftell(file) / sizeof(float);
    rewind(file);
    float *data = malloc(*count * sizeof(float));
    assert_non_null(data);
    assert_int_equal(fread(data, sizeof(float), *count, file), *count);
    fclose(file);
    return data;
}

/* Compares the gradients of all tensors with `golden`; returns how many floats were used. */
static size_t compare_gradients(const mn_trainer *trainer, mn_model *model, const float *golden)
{
    size_t used = 0;
    for (int32_t i = 0; i < mn_model_tensor_count(model); i++) {
        const mn_tensor *t = mn_model_tensor_at(model, i);
        const float *g = mn_trainer_gradient(trainer, t->name);
        if (!g)
            continue;
        double top = 0, worst = 0;
        for (size_t k = 0; k < t->elements; k++) {
            top = fmax(top, fabs(golden[used + k]));
            worst = fmax(worst, fabs((double)g[k] - golden[used + k]));
        }
        if (!(worst <= 1e-3 * top))
            fail_msg("step %lld: gradient of %s is off by %g, its largest is %g", (long long)mn_trainer_steps(trainer),
                     t->name, worst, top);
        used += t->elements;
    }
    return used;
}

static void run(const char *file, const mn_arch *arch, const mn_recipe *recipe, int32_t reference)
{
    mn_model *model;
    mn_trainer *trainer;
    mn_error err;
    size_t count, used = STEPS;
    float *golden = read_golden(file, &count);
    static float input[BATCH * SIZE * SIZE * 3], teacher[BATCH * CLASSES];
    assert_int_equal(mn_model_create(arch, &model, &err), MN_OK);
    fill(model);
    mn_trainer_options options = {.threads = 1, .steps_per_epoch = 100, .reference = reference};
    assert_int_equal(mn_trainer_create(model, recipe, &options, &trainer, &err), MN_OK);
    for (uint32_t step = 0; step < STEPS; step++) {
        int32_t label[BATCH];
        noise_fill(input, 1000 + step, sizeof input / sizeof *input);
        noise_fill(teacher, 3000 + step, BATCH * CLASSES);
        for (uint32_t i = 0; i < BATCH; i++)
            label[i] = (int32_t)((noise_at(2000 + step, i) + 1.0f) * 0.5f * CLASSES);
        for (size_t i = 0; i < BATCH * CLASSES; i++)
            teacher[i] *= 3;
        mn_batch batch = {.count = BATCH, .input = input, .label = label};
        batch.teacher = recipe->distil_weight > 0 ? teacher : NULL;
        mn_step_result result;
        if (mn_trainer_step(trainer, &batch, &result, &err) != MN_OK)
            fail_msg("%s", err.message);
        if (!(fabs(result.loss - golden[step]) <= 1e-4 * golden[step]))
            fail_msg("step %u: loss %.7f, PyTorch %.7f", step, result.loss, golden[step]);
        if (step == 0 || step == 4 || step == 9)
            used += compare_gradients(trainer, model, golden + used);
    }
    assert_int_equal(used, count);
    mn_trainer_destroy(trainer);
    mn_model_destroy(model);
    free(golden);
}

static void separable_sgd(void **state)
{
    (void)state;
    mn_arch arch = golden_arch(MN_CONV_SEPARABLE, MN_PADDING_SYMMETRIC, MN_ACTIVATION_RELU6);
    mn_recipe recipe = mn_recipe_default();
    recipe.batch = BATCH;
    recipe.schedule = MN_SCHEDULE_CONSTANT;
    recipe.warmup_epochs = 0;
    recipe.learning_rate = 0.0002;
    recipe.weight_decay = 1e-3;
    recipe.decay_all = true;
    recipe.label_smoothing = 0.1;
    run("tests/train/golden/separable_sgd.f32", &arch, &recipe, true);
    run("tests/train/golden/separable_sgd.f32", &arch, &recipe, false);
}

static void standard_adamw(void **state)
{
    (void)state;
    mn_arch arch = golden_arch(MN_CONV_STANDARD, MN_PADDING_SAME, MN_ACTIVATION_RELU);
    mn_recipe recipe = mn_recipe_default();
    recipe.batch = BATCH;
    recipe.schedule = MN_SCHEDULE_CONSTANT;
    recipe.warmup_epochs = 0;
    recipe.optimiser = MN_OPTIMISER_ADAMW;
    recipe.learning_rate = 0.002;
    recipe.weight_decay = 0.05;
    recipe.decay_all = true;
    recipe.distil_weight = 0.75;
    recipe.temperature = 2;
    run("tests/train/golden/standard_adamw.f32", &arch, &recipe, true);
    run("tests/train/golden/standard_adamw.f32", &arch, &recipe, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separable_sgd),
        cmocka_unit_test(standard_adamw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
