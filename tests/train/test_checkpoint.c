/* Checkpoints: a run that goes on from one ends in the same bits; damage and strangers are refused; a disk that is
 * full leaves the old file whole. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "train/checkpoint.h"
#include "train/small.h"
#include "train/trainer.h"

enum { BATCH = 8, PIXELS = 21 * 18 * 3 };

static float input[BATCH * PIXELS];
static int32_t label[BATCH];
static char path[64];

static mn_recipe rich_recipe(void)
{
    mn_recipe recipe = mn_recipe_default();
    recipe.batch = BATCH;
    recipe.optimiser = MN_OPTIMISER_ADAMW;
    recipe.ema = 0.9;
    return recipe;
}

static mn_trainer *make_trainer(const mn_arch *arch, const mn_recipe *recipe)
{
    mn_model *model;
    mn_trainer *trainer;
    mn_trainer_options options = {.threads = 1, .steps_per_epoch = 10};
    assert_int_equal(mn_model_create(arch, &model, NULL), MN_OK);
    mn_model_initialise(model, 3);
    assert_int_equal(mn_trainer_create(model, recipe, &options, &trainer, NULL), MN_OK);
    mn_model_destroy(model);
    return trainer;
}

static void steps(mn_trainer *t, const mn_arch *arch, uint32_t from, uint32_t to)
{
    for (uint32_t k = from; k < to; k++) {
        mn_step_result result;
        small_batch(arch, k, BATCH, input, label);
        mn_batch batch = {.count = BATCH, .input = input, .label = label};
        assert_int_equal(mn_trainer_step(t, &batch, &result, NULL), MN_OK);
    }
}

static void assert_same(const mn_trainer *a, const mn_trainer *b)
{
    size_t count;
    for (int32_t k = 0; mn_trainer_array(a, k, &count); k++)
        assert_memory_equal(mn_trainer_array(a, k, &count), mn_trainer_array(b, k, &count), count * sizeof(float));
    assert_memory_equal(&a->position, &b->position, sizeof a->position);
}

static void check_resume(bool batch_norm, mn_recipe recipe)
{
    mn_arch arch = small_arch();
    arch.dropout = 0.2;
    arch.batch_norm = batch_norm;
    mn_trainer *whole = make_trainer(&arch, &recipe), *first = make_trainer(&arch, &recipe),
               *second = make_trainer(&arch, &recipe);
    assert_true((first->second != NULL) == (recipe.optimiser != MN_OPTIMISER_SGD)); /* no room, no pointer */
    assert_true((first->ema != NULL) == (recipe.ema > 0));
    char *note = NULL;
    steps(whole, &arch, 0, 6);
    steps(first, &arch, 0, 3);
    assert_int_equal(mn_trainer_save(first, "a note", path, NULL), MN_OK);
    assert_int_equal(mn_trainer_load(second, path, &note, NULL), MN_OK);
    assert_string_equal(note, "a note");
    steps(second, &arch, 3, 6);
    assert_same(whole, second);
    free(note);
    mn_trainer_destroy(whole);
    mn_trainer_destroy(first);
    mn_trainer_destroy(second);
}

static void goes_on_with_the_same_bits(void **state)
{
    (void)state;
    check_resume(true, rich_recipe());
}

/* A net without batch norm has no statistics; what the recipe does not keep has no room either. */
static void goes_on_without_batch_norm(void **state)
{
    (void)state;
    mn_recipe plain = mn_recipe_default();
    plain.batch = BATCH;
    check_resume(false, plain);
    check_resume(false, rich_recipe());
}

static void refuses_strangers(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_recipe recipe = rich_recipe();
    mn_error err;
    mn_trainer *t = make_trainer(&arch, &recipe);
    assert_int_equal(mn_trainer_save(t, NULL, path, NULL), MN_OK);
    mn_recipe other = recipe;
    other.weight_decay = 0.25;
    mn_trainer *b = make_trainer(&arch, &other);
    assert_int_equal(mn_trainer_load(b, path, NULL, &err), MN_ERROR_ARGUMENT);
    assert_non_null(strstr(err.message, "weight_decay=0.0005, this one asks for 0.25"));
    mn_trainer_destroy(b);
    for (int k = 0; k < 5; k++) { /* the first alone changes a tensor's shape */
        mn_arch changed = arch;
        changed.classes += k == 0;
        changed.height += k == 1;
        changed.activation = k == 2 ? MN_ACTIVATION_RELU : arch.activation;
        changed.dropout = k == 3 ? 0.5 : arch.dropout;
        changed.output_stride = k == 4 ? 16 : arch.output_stride;
        b = make_trainer(&changed, &recipe);
        assert_int_equal(mn_trainer_load(b, path, NULL, &err), MN_ERROR_ARGUMENT);
        assert_non_null(strstr(err.message, "another architecture"));
        mn_trainer_destroy(b);
    }
    mn_trainer_destroy(t);
}

/* The averages' weight is a sum of rounded factors: 1 and a little after 19 steps with this decay. */
static void quick_average_is_read_back(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_recipe recipe = rich_recipe();
    recipe.ema = 0.4;
    mn_trainer *t = make_trainer(&arch, &recipe);
    steps(t, &arch, 0, 25);
    assert_int_equal(mn_trainer_save(t, NULL, path, NULL), MN_OK);
    assert_int_equal(mn_trainer_load(t, path, NULL, NULL), MN_OK);
    mn_trainer_destroy(t);
}

/* A model that was never trained has variances of one, before the first step too. */
static void untrained_statistics_stay(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_recipe recipe = rich_recipe();
    mn_trainer *t = make_trainer(&arch, &recipe);
    mn_model *model;
    assert_int_equal(mn_trainer_export(t, MN_WEIGHTS_EMA, &model, NULL), MN_OK);
    const mn_tensor *variance = mn_model_tensor(model, "stem.bn.variance");
    assert_non_null(variance);
    for (size_t i = 0; i < variance->elements; i++)
        assert_true(variance->data[i] == 1);
    mn_model_destroy(model);
    mn_trainer_destroy(t);
}

/* The average of weights that do not change is the weights, however slow it is. */
static void slow_average_has_no_bias(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_recipe recipe = rich_recipe();
    recipe.learning_rate = 0;
    recipe.optimiser = MN_OPTIMISER_SGD;
    recipe.ema = 0.999999;
    mn_trainer *t = make_trainer(&arch, &recipe);
    mn_model *models[2];
    steps(t, &arch, 0, 5);
    assert_int_equal(mn_trainer_export(t, MN_WEIGHTS_LAST, &models[0], NULL), MN_OK);
    assert_int_equal(mn_trainer_export(t, MN_WEIGHTS_EMA, &models[1], NULL), MN_OK);
    const mn_tensor *last = mn_model_tensor(models[0], "classifier.weight"), *average;
    average = mn_model_tensor(models[1], "classifier.weight");
    assert_non_null(last);
    for (size_t i = 0; i < last->elements; i++)
        assert_float_equal(average->data[i], last->data[i], 1e-5);
    mn_model_destroy(models[0]);
    mn_model_destroy(models[1]);
    mn_trainer_destroy(t);
}

/* A checkpoint of an earlier version says that it is one. */
static void refuses_earlier_versions(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_recipe recipe = rich_recipe();
    mn_error err;
    char *note = NULL;
    int64_t step = -1;
    mn_trainer *t = make_trainer(&arch, &recipe);
    assert_int_equal(mn_trainer_save(t, "n", path, NULL), MN_OK);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, 7, SEEK_SET);
    fputc('1', file);
    fclose(file);
    assert_int_equal(mn_trainer_load(t, path, NULL, &err), MN_ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "earlier version"));
    assert_true(mn_checkpoint_peek(path, &step, &note)); /* so that it can be put aside */
    assert_int_equal(step, 0);
    free(note);
    mn_trainer_destroy(t);
}

/* Every cut and a flip in every 97th byte. */
static void refuses_damage(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_recipe recipe = rich_recipe();
    mn_trainer *t = make_trainer(&arch, &recipe);
    assert_int_equal(mn_trainer_save(t, "n", path, NULL), MN_OK);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    static uint8_t bytes[1 << 20];
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_true(size > 1000 && size < sizeof bytes);
    for (size_t k = 0; k < size; k += k < 100 ? 1 : size / 50) {
        for (int flip = 0; flip < 2; flip++) {
            file = fopen(path, "wb");
            assert_non_null(file);
            bytes[k] ^= flip ? 0x10 : 0;
            fwrite(bytes, 1, flip ? size : k, file);
            fclose(file);
            bytes[k] ^= flip ? 0x10 : 0;
            mn_error err;
            mn_status status = mn_trainer_load(t, path, NULL, &err);
            assert_true(status == MN_ERROR_FORMAT || status == MN_ERROR_ARGUMENT);
        }
    }
    mn_trainer_destroy(t);
}

static void full_disk_keeps_the_old(void **state)
{
    (void)state;
    mn_arch arch = small_arch();
    mn_recipe recipe = rich_recipe();
    mn_trainer *t = make_trainer(&arch, &recipe), *b = make_trainer(&arch, &recipe);
    mn_error err;
    assert_int_equal(mn_trainer_save(t, NULL, path, NULL), MN_OK);
    struct rlimit old, small = {4096, 4096};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    steps(t, &arch, 0, 1);
    mn_status status = mn_trainer_save(t, NULL, path, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(status, MN_ERROR_IO);
    assert_int_equal(mn_trainer_load(b, path, NULL, &err), MN_OK);
    assert_int_equal(mn_trainer_steps(b), 0);
    mn_trainer_destroy(t);
    mn_trainer_destroy(b);
}

static int open_path(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/test_checkpoint_%ld", (long)getpid());
    return 0;
}

static int close_path(void **state)
{
    (void)state;
    remove(path);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_with_the_same_bits),
        cmocka_unit_test(goes_on_without_batch_norm),
        cmocka_unit_test(refuses_strangers),
        cmocka_unit_test(refuses_earlier_versions),
        cmocka_unit_test(refuses_damage),
        cmocka_unit_test(full_disk_keeps_the_old),
        cmocka_unit_test(quick_average_is_read_back),
        cmocka_unit_test(untrained_statistics_stay),
        cmocka_unit_test(slow_average_has_no_bias),
    };
    return cmocka_run_group_tests(tests, open_path, close_path);
}
