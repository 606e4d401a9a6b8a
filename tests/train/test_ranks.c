/* Ranks that share a batch: with synchronised batch norm the same bits for 1, 2 and 4 of them; without, the same state on
 * all; a failure of one, or its loss, ends all alike. The ranks are threads here. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "train/crew.h"
#include "train/small.h"
#include "train/trainer.h"

enum { BATCH = 20, STEPS = 3, PIXELS = 21 * 18 * 3 };

/* What the ranks do, and what each came to. */
typedef struct task {
    mn_model *model;
    const mn_recipe *recipe;
    bool sync;
    int32_t threads;
    int32_t bad_rank; /* this one meets `bad` at step 1; -1: none */
    enum { BAD_LABEL, BAD_INPUT, LOST } bad;

    mn_status status[CREW_MAX];
    mn_error err[CREW_MAX];
    double loss[CREW_MAX];
    int32_t correct[CREW_MAX];
    float *state[CREW_MAX]; /* all arrays of a checkpoint, one after the other */
    size_t floats;
} task;

static void keep_state(task *t, const mn_trainer *trainer, int32_t rank)
{
    size_t count, used = 0, total = 0;
    for (int32_t k = 0; mn_trainer_array(trainer, k, &count); k++)
        total += count;
    t->state[rank] = malloc(total * sizeof(float));
    if (rank == 0)
        t->floats = total;
    for (int32_t k = 0; t->state[rank] && mn_trainer_array(trainer, k, &count); k++) {
        memcpy(t->state[rank] + used, mn_trainer_array(trainer, k, &count), count * sizeof(float));
        used += count;
    }
}

static void work(void *context, const mn_comm *comm)
{
    task *t = context;
    int32_t r = comm->rank, part = BATCH / comm->size, first = r * part;
    const mn_arch *arch = &mn_model_net(t->model)->arch;
    mn_trainer_options options = {.threads = t->threads, .steps_per_epoch = 10, .comm = comm, .sync_bn = t->sync};
    mn_trainer *trainer = NULL;
    float *input = malloc(sizeof(float) * BATCH * PIXELS);
    t->status[r] = mn_trainer_create(t->model, t->recipe, &options, &trainer, &t->err[r]);
    for (uint32_t step = 0; step < STEPS && input && t->status[r] == MN_OK; step++) {
        int32_t label[BATCH];
        mn_step_result result = {0};
        bool bad = step == 1 && r == t->bad_rank;
        small_batch(arch, step, BATCH, input, label);
        if (bad && t->bad == LOST) {
            t->status[r] = MN_ERROR_IO;
            crew_leave(comm);
            break;
        }
        if (bad && t->bad == BAD_LABEL)
            label[first] = 99;
        if (bad && t->bad == BAD_INPUT)
            input[(size_t)first * PIXELS + 7] = NAN;
        mn_batch batch = {.count = part, .input = input + (size_t)first * PIXELS, .label = label + first};
        t->status[r] = mn_trainer_step(trainer, &batch, &result, &t->err[r]);
        if (t->status[r] == MN_OK) {
            t->loss[r] = result.loss;
            t->correct[r] = result.correct;
        }
    }
    if (trainer)
        keep_state(t, trainer, r);
    free(input);
    mn_trainer_destroy(trainer);
}

static task run_task(int32_t size, mn_model *model, const mn_recipe *recipe, bool sync, int32_t threads)
{
    task t = {.model = model, .recipe = recipe, .sync = sync, .threads = threads, .bad_rank = -1};
    crew_run(size, work, &t);
    for (int32_t r = 0; r < size; r++)
        if (t.status[r] != MN_OK)
            fail_msg("rank %d of %d: %s", r, size, t.err[r].message);
    return t;
}

static void drop_task(task *t)
{
    for (int32_t r = 0; r < CREW_MAX; r++)
        free(t->state[r]);
}

static mn_model *make_model(const mn_arch *arch)
{
    mn_model *model;
    mn_error err;
    if (mn_model_create(arch, &model, &err) != MN_OK)
        fail_msg("%s", err.message);
    mn_model_initialise(model, 3);
    return model;
}

static mn_recipe make_recipe(void)
{
    mn_recipe recipe = mn_recipe_default();
    recipe.batch = BATCH;
    recipe.ema = 0.9;
    recipe.clip_norm = 1;
    return recipe;
}

static void assert_all_same(const task *t, int32_t size)
{
    for (int32_t r = 1; r < size; r++) {
        assert_memory_equal(t->state[r], t->state[0], t->floats * sizeof(float));
        assert_true(t->loss[r] == t->loss[0]);
        assert_int_equal(t->correct[r], t->correct[0]);
    }
}

static void check_same_bits(const mn_arch *arch)
{
    mn_model *model = make_model(arch);
    mn_recipe recipe = make_recipe();
    task one = run_task(1, model, &recipe, true, 1);
    for (int32_t size = 2; size <= 4; size *= 2) {
        task t = run_task(size, model, &recipe, true, size == 2 ? 2 : 1);
        assert_all_same(&t, size);
        assert_int_equal(t.floats, one.floats);
        assert_memory_equal(t.state[0], one.state[0], one.floats * sizeof(float));
        assert_true(t.loss[0] == one.loss[0]);
        assert_int_equal(t.correct[0], one.correct[0]);
        drop_task(&t);
    }
    drop_task(&one);
    mn_model_destroy(model);
}

/* Every kind of layer, with a batch that leaves chunks of two sizes. */
static void same_bits_for_1_2_4_ranks(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    arch.dropout = 0.3;
    check_same_bits(&arch);
    arch.conv = MN_CONV_STANDARD;
    check_same_bits(&arch);
    arch = small_arch();
    arch.batch_norm = false;
    check_same_bits(&arch);
}

/* Any number of ranks: all hold the same state, run after run. */
static void per_rank_statistics(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_model *model = make_model(&arch);
    mn_recipe recipe = make_recipe();
    static const int32_t sizes[] = {2, 4, 5};
    for (int k = 0; k < 6; k++) {
        bool sync = k >= 3;
        task a = run_task(sizes[k % 3], model, &recipe, sync, 1), b = run_task(sizes[k % 3], model, &recipe, sync, 2);
        assert_all_same(&a, sizes[k % 3]);
        assert_all_same(&b, sizes[k % 3]);
        assert_memory_equal(a.state[0], b.state[0], a.floats * sizeof(float));
        drop_task(&a);
        drop_task(&b);
    }
    mn_model_destroy(model);
}

/* The gradient of per-rank statistics is that of training on each part alone, averaged. */
static void per_rank_gradients_are_the_mean(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_model *model = make_model(&arch);
    mn_recipe recipe = mn_recipe_default();
    recipe.batch = BATCH;
    recipe.momentum = 0;
    recipe.weight_decay = 0;
    recipe.warmup_epochs = 0;
    recipe.schedule = MN_SCHEDULE_CONSTANT;
    recipe.learning_rate = 0.125;
    task two = {.model = model, .recipe = &recipe, .threads = 1, .bad_rank = 0, .bad = BAD_LABEL};
    crew_run(2, work, &two); /* ends after one step */
    float *mean = calloc(two.floats, sizeof *mean);
    assert_non_null(mean);
    recipe.batch = BATCH / 2;
    static float input[BATCH * PIXELS];
    int32_t label[BATCH];
    small_batch(&arch, 0, BATCH, input, label);
    for (int32_t half = 0; half < 2; half++) {
        mn_trainer *t;
        mn_step_result result;
        size_t count;
        mn_trainer_options options = {.threads = 1, .steps_per_epoch = 10};
        assert_int_equal(mn_trainer_create(model, &recipe, &options, &t, NULL), MN_OK);
        mn_batch batch = {
            .count = BATCH / 2, .input = input + half * (BATCH / 2) * PIXELS, .label = label + half * (BATCH / 2)};
        assert_int_equal(mn_trainer_step(t, &batch, &result, NULL), MN_OK);
        const float *w = mn_trainer_array(t, 0, &count);
        for (size_t i = 0; i < count; i++)
            mean[i] += w[i] / 2;
        mn_trainer_destroy(t);
        for (size_t i = 0; half == 1 && i < count; i++)
            assert_true(fabsf(mean[i] - two.state[0][i]) <= 1e-5f * fmaxf(1, fabsf(mean[i])));
    }
    free(mean);
    drop_task(&two);
    mn_model_destroy(model);
}

/* A failure on rank 2 of 4 is everyone's, in its words, and changes nothing after the step before. */
static void failures_are_shared(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_model *model = make_model(&arch);
    mn_recipe recipe = make_recipe();
    for (int k = 0; k < 4; k++) {
        task t = {.model = model, .recipe = &recipe, .sync = k % 2, .threads = 1, .bad_rank = 2};
        t.bad = k < 2 ? BAD_LABEL : BAD_INPUT;
        crew_run(4, work, &t);
        for (int32_t r = 0; r < 4; r++) {
            assert_int_equal(t.status[r], k < 2 ? MN_ERROR_ARGUMENT : MN_ERROR_NUMERIC);
            assert_string_equal(t.err[r].message, t.err[0].message);
        }
        if (k < 2)
            assert_non_null(strstr(t.err[0].message, "rank 2: image 0 of a batch has label 99"));
        else
            assert_non_null(strstr(t.err[0].message, "is not finite"));
        assert_all_same(&t, 4);
        drop_task(&t);
    }
    mn_model_destroy(model);
}

static void a_lost_rank_ends_the_others(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_model *model = make_model(&arch);
    mn_recipe recipe = make_recipe();
    for (int k = 0; k < 2; k++) {
        task t = {.model = model, .recipe = &recipe, .sync = k, .threads = 1, .bad_rank = 1, .bad = LOST};
        crew_run(4, work, &t);
        for (int32_t r = 0; r < 4; r++)
            assert_int_equal(t.status[r], MN_ERROR_IO);
        assert_string_equal(t.err[0].message, "a rank is lost");
        drop_task(&t);
    }
    mn_model_destroy(model);
}

static void batches_must_divide(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_model *model = make_model(&arch);
    mn_recipe recipe = make_recipe();
    task t = {.model = model, .recipe = &recipe, .threads = 1, .bad_rank = -1};
    crew_run(3, work, &t);
    for (int32_t r = 0; r < 3; r++) {
        assert_int_equal(t.status[r], MN_ERROR_ARGUMENT);
        assert_string_equal(t.err[r].message, "batch is 20, must be a multiple of the 3 ranks that share it");
    }
    mn_model_destroy(model);
}

static void size_work(void *context, const mn_comm *comm)
{
    task *t = context;
    size_t bytes = 0;
    mn_trainer *trainer = NULL;
    mn_trainer_options options = {.threads = 1, .steps_per_epoch = 10, .comm = comm};
    t->status[comm->rank] = mn_trainer_size(mn_model_net(t->model), t->recipe, &options, &bytes, NULL);
    if (t->status[comm->rank] == MN_OK)
        t->status[comm->rank] = mn_trainer_create(t->model, t->recipe, &options, &trainer, NULL);
    if (t->status[comm->rank] == MN_OK && bytes != mn_trainer_bytes(trainer))
        t->status[comm->rank] = MN_ERROR_LIMIT;
    mn_trainer_destroy(trainer);
}

static void size_is_exact(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_model *model = make_model(&arch);
    mn_recipe recipe = make_recipe();
    task t = {.model = model, .recipe = &recipe};
    crew_run(2, size_work, &t);
    assert_int_equal(t.status[0], MN_OK);
    assert_int_equal(t.status[1], MN_OK);
    mn_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits_for_1_2_4_ranks),
        cmocka_unit_test(per_rank_statistics),
        cmocka_unit_test(per_rank_gradients_are_the_mean),
        cmocka_unit_test(failures_are_shared),
        cmocka_unit_test(a_lost_rank_ends_the_others),
        cmocka_unit_test(batches_must_divide),
        cmocka_unit_test(size_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
