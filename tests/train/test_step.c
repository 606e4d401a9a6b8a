/* Gradients of every kind of layer against finite differences; the fast kernels against the reference; the same bits
 * for any number of threads; a NaN is named and changes nothing. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/pool.h"
#include "net/model.h"
#include "train/small.h"
#include "train/step.h"
#include "train/trainer.h"

enum { BATCH = 37, PIXELS = 21 * 18 * 3 };

static float input[BATCH * PIXELS];
static int32_t label[BATCH];

static mn_trainer *make_trainer(const mn_arch *arch, const mn_recipe *recipe, int32_t threads, bool reference)
{
    mn_model *model;
    mn_trainer *trainer;
    mn_error err;
    if (mn_model_create(arch, &model, &err) != MN_OK)
        fail_msg("%s", err.message);
    mn_model_initialise(model, 3);
    for (int32_t i = 0; i < mn_model_tensor_count(model); i++) { /* biases and batch norm off their start values */
        mn_tensor *t = mn_model_tensor_at(model, i);
        if (t->rank == 1 && !strstr(t->name, ".mean") && !strstr(t->name, ".variance"))
            for (size_t k = 0; k < t->elements; k++)
                t->data[k] += 0.2f * noise_at(77 + (uint32_t)i, (uint32_t)k);
    }
    mn_trainer_options options = {.threads = threads, .steps_per_epoch = 10, .reference = reference};
    if (mn_trainer_create(model, recipe, &options, &trainer, &err) != MN_OK)
        fail_msg("%s", err.message);
    mn_model_destroy(model);
    return trainer;
}

static double loss_of(mn_step *s, const mn_targets *targets, int32_t count)
{
    int32_t correct;
    const float *logits = mn_step_forward(s, MN_STEP_TRAIN, input, count);
    return mn_loss(logits, count, s->net.arch.classes, targets, s->logit_gradient, &correct);
}

/* Along the gradient of one tensor the loss must change by the gradient's norm. */
static void check_tensor(mn_step *s, const mn_targets *targets, int32_t count, const char *layer, size_t offset,
                         size_t elements)
{
    if (offset == MN_ABSENT)
        return;
    float *w = s->weights + offset;
    double norm = 0;
    float *direction = malloc(elements * sizeof *direction), *saved = malloc(elements * sizeof *saved);
    assert_non_null(direction);
    assert_non_null(saved);
    memcpy(saved, w, elements * sizeof *saved);
    for (size_t i = 0; i < elements; i++)
        norm += (double)s->gradients[offset + i] * s->gradients[offset + i];
    norm = sqrt(norm);
    /* A step so long that the loss moves by about 0.002: far above rounding, short against its curvature. */
    double step = norm > 1e-3 ? 0.001 / norm : 0.001, loss[2];
    for (size_t i = 0; i < elements; i++)
        direction[i] = norm > 0 ? (float)(s->gradients[offset + i] / norm) : 0;
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < elements; i++)
            w[i] = saved[i] + (side ? -1.0f : 1.0f) * (float)step * direction[i];
        loss[side] = loss_of(s, targets, count);
    }
    memcpy(w, saved, elements * sizeof *saved);
    double slope = (loss[0] - loss[1]) / (2 * step);
    if (!(fabs(slope - norm) <= 0.02 * norm + 3e-4))
        fail_msg("layer %s, tensor at %zu: slope %.6f, gradient's norm %.6f", layer, offset, slope, norm);
    free(direction);
    free(saved);
}

/* Without activation, whose kinks finite differences cannot follow: test_golden.c has those. */
static void check_arch(const mn_arch *shape, int32_t count)
{
    mn_arch smooth = *shape, *arch = &smooth;
    smooth.activation = MN_ACTIVATION_NONE;
    static float teacher[BATCH * 7];
    mn_recipe recipe = mn_recipe_default();
    recipe.batch = count;
    mn_trainer *t = make_trainer(arch, &recipe, 1, true);
    mn_step *s = t->step;
    int32_t other[BATCH];
    float weight[BATCH];
    small_batch(arch, 0, count, input, label);
    noise_fill(teacher, 5, BATCH * 7);
    for (int32_t i = 0; i < count; i++) {
        other[i] = label[count - 1 - i];
        weight[i] = 0.7f;
    }
    mn_targets targets = {label, other, weight, 0.1f, teacher, 0.4f, 3, 0};
    loss_of(s, &targets, count);
    mn_step_backward(s, 0);
    for (int32_t i = 0; i < s->layer_count; i++) {
        const mn_step_layer *l = &s->layers[i];
        size_t n = (size_t)l->n;
        check_tensor(s, &targets, count, l->layer->name, l->weight, n * (size_t)l->k);
        check_tensor(s, &targets, count, l->layer->name, l->bias, n);
        check_tensor(s, &targets, count, l->layer->name, l->gamma, n);
        check_tensor(s, &targets, count, l->layer->name, l->beta, n);
    }
    mn_trainer_destroy(t);
}

static void separable_gradients(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    check_arch(&arch, 8);
    arch.padding = MN_PADDING_SYMMETRIC;
    arch.dropout = 0.3;
    check_arch(&arch, 8);
}

static void bias_gradients(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    arch.batch_norm = false;
    arch.padding = MN_PADDING_KERAS;
    check_arch(&arch, 8);
}

static void standard_gradients(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    arch.conv = MN_CONV_STANDARD;
    check_arch(&arch, 5);
}

/* The largest difference of two gradients, as a share of the largest of each tensor's slice. */
static double gradient_distance(const mn_trainer *slow, const mn_trainer *fast)
{
    double most = 0;
    for (int32_t i = 0; i < slow->slice_count; i++) {
        const float *x = slow->step->gradients + slow->slices[i].offset,
                    *y = fast->step->gradients + slow->slices[i].offset;
        double top = 1e-3, worst = 0;
        for (size_t j = 0; j < slow->slices[i].count; j++) {
            top = fmax(top, fabs(x[j]));
            worst = fmax(worst, fabs((double)x[j] - y[j]));
        }
        most = fmax(most, worst / top);
    }
    return most;
}

/* One step's gradients by the fast kernels are within 1e-4 of the largest of each tensor. A value that lies within
 * rounding of a kink of ReLU passes its gradient here and not there, which happens in about one batch of three; a wrong
 * kernel is wrong in every batch, so one of eight must agree. */
static void fast_equals_reference(void **state)
{
    (void)state;
    static const mn_padding paddings[] = {MN_PADDING_SAME, MN_PADDING_KERAS, MN_PADDING_SYMMETRIC};
    for (int k = 0; k < 6; k++) {
        mn_arch arch = small_arch();
        arch.padding = paddings[k % 3];
        arch.conv = k < 3 ? MN_CONV_SEPARABLE : MN_CONV_STANDARD;
        mn_recipe recipe = mn_recipe_default();
        recipe.batch = BATCH;
        double least = INFINITY;
        for (uint32_t attempt = 0; attempt < 8 && least > 1e-4; attempt++) {
            small_batch(&arch, (uint32_t)k + 100 * attempt, BATCH, input, label);
            mn_batch batch = {.count = BATCH, .input = input, .label = label};
            mn_trainer *slow = make_trainer(&arch, &recipe, 1, true), *fast = make_trainer(&arch, &recipe, 2, false);
            mn_step_result a, b;
            assert_int_equal(mn_trainer_step(slow, &batch, &a, NULL), MN_OK);
            assert_int_equal(mn_trainer_step(fast, &batch, &b, NULL), MN_OK);
            assert_true(fabs(a.loss - b.loss) < 1e-5);
            least = fmin(least, gradient_distance(slow, fast));
            mn_trainer_destroy(slow);
            mn_trainer_destroy(fast);
        }
        if (!(least <= 1e-4))
            fail_msg("padding %d, %s: off by %g of the largest", k % 3, k < 3 ? "separable" : "standard", least);
    }
}

static void any_threads_same_bits(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    arch.dropout = 0.2;
    mn_recipe recipe = mn_recipe_default();
    recipe.batch = BATCH;
    recipe.ema = 0.9;
    recipe.optimiser = MN_OPTIMISER_RMSPROP;
    recipe.epsilon = 1;
    recipe.clip_norm = 1;
    mn_trainer *one = make_trainer(&arch, &recipe, 1, false);
    for (uint32_t k = 0; k < 3; k++) {
        small_batch(&arch, k, BATCH, input, label);
        mn_batch batch = {.count = BATCH, .input = input, .label = label};
        mn_step_result result;
        assert_int_equal(mn_trainer_step(one, &batch, &result, NULL), MN_OK);
    }
    for (int32_t threads = 2; threads <= 5; threads += 3) {
        mn_trainer *many = make_trainer(&arch, &recipe, threads, false);
        for (uint32_t k = 0; k < 3; k++) {
            small_batch(&arch, k, BATCH, input, label);
            mn_batch batch = {.count = BATCH, .input = input, .label = label};
            mn_step_result result;
            assert_int_equal(mn_trainer_step(many, &batch, &result, NULL), MN_OK);
        }
        size_t count;
        for (int32_t k = 0; mn_trainer_array(one, k, &count); k++)
            assert_memory_equal(mn_trainer_array(one, k, &count), mn_trainer_array(many, k, &count),
                                count * sizeof(float));
        mn_trainer_destroy(many);
    }
    mn_trainer_destroy(one);
}

/* A NaN in a layer's weights is found there, and the failed step leaves every array as it was. */
static void nan_is_named(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_recipe recipe = mn_recipe_default();
    recipe.batch = 8;
    mn_trainer *t = make_trainer(&arch, &recipe, 1, false);
    small_batch(&arch, 0, 8, input, label);
    mn_batch batch = {.count = 8, .input = input, .label = label};
    mn_step_result result;
    mn_error err;
    assert_int_equal(mn_trainer_step(t, &batch, &result, &err), MN_OK);
    t->step->weights[t->step->layers[3].weight] = (float)NAN;
    size_t count = t->step->weight_count;
    float *before = malloc(count * sizeof *before);
    assert_non_null(before);
    memcpy(before, t->step->weights, count * sizeof *before);
    assert_int_equal(mn_trainer_step(t, &batch, &result, &err), MN_ERROR_NUMERIC);
    assert_non_null(strstr(err.message, t->step->layers[3].layer->name));
    assert_memory_equal(before, t->step->weights, count * sizeof *before);
    assert_int_equal(mn_trainer_steps(t), 1);
    free(before);
    mn_trainer_destroy(t);
}

static void refuses_bad_batches(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_recipe recipe = mn_recipe_default();
    recipe.batch = 8;
    mn_trainer *t = make_trainer(&arch, &recipe, 1, false);
    small_batch(&arch, 0, 8, input, label);
    mn_batch batch = {.count = 9, .input = input, .label = label};
    mn_step_result result;
    mn_error err;
    assert_int_equal(mn_trainer_step(t, &batch, &result, &err), MN_ERROR_ARGUMENT);
    batch.count = 8;
    label[5] = 7;
    assert_int_equal(mn_trainer_step(t, &batch, &result, &err), MN_ERROR_ARGUMENT);
    assert_non_null(strstr(err.message, "0 to 6"));
    assert_int_equal(mn_trainer_steps(t), 0);
    mn_trainer_destroy(t);
}

/* The size that is promised is the size that is taken. */
static void size_is_exact(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_recipe recipe = mn_recipe_default();
    recipe.batch = 8;
    recipe.ema = 0.9;
    mn_net net;
    size_t bytes;
    assert_int_equal(mn_net_build(&arch, &net, NULL), MN_OK);
    mn_trainer_options options = {.threads = 2, .steps_per_epoch = 10};
    assert_int_equal(mn_trainer_size(&net, &recipe, &options, &bytes, NULL), MN_OK);
    mn_trainer *t = make_trainer(&arch, &recipe, 2, false);
    assert_int_equal(bytes, mn_trainer_bytes(t));
    mn_trainer_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separable_gradients),   cmocka_unit_test(bias_gradients),
        cmocka_unit_test(standard_gradients),    cmocka_unit_test(fast_equals_reference),
        cmocka_unit_test(any_threads_same_bits), cmocka_unit_test(nan_is_named),
        cmocka_unit_test(refuses_bad_batches),   cmocka_unit_test(size_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
