/* Whole runs on a small folder of pictures: the same bits for any number of threads and after a stop and resume; broken
 * pictures are left out by name or end the run; what cannot be learned is refused with a reason. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "train/runs.h"

static mn_status run(const mn_arch *arch, const mn_train_options *options, mn_model **trained, mn_error *err)
{
    mn_dataset *data;
    mn_model *model;
    *trained = NULL;
    mn_status status = mn_dataset_open(folder, MN_SPLIT_DEFAULT, NULL, 0, &data, err);
    if (status != MN_OK)
        return status;
    assert_int_equal(mn_model_create(arch, &model, err), MN_OK);
    mn_model_initialise(model, 1);
    status = mn_train_run(model, data, options, trained, err);
    mn_model_destroy(model);
    mn_dataset_close(data);
    return status;
}

static void assert_same(mn_model *a, mn_model *b)
{
    for (int32_t i = 0; i < mn_model_tensor_count(a); i++)
        assert_memory_equal(mn_model_tensor_at(a, i)->data, mn_model_tensor_at(b, i)->data,
                            mn_model_tensor_at(a, i)->elements * sizeof(float));
}

static void must_run(const mn_arch *arch, const mn_train_options *options, mn_model **trained)
{
    mn_error err;
    if (run(arch, options, trained, &err) != MN_OK)
        fail_msg("%s", err.message);
}

static void same_bits(void **state)
{
    (void)state;
    listener l;
    mn_arch arch = run_arch();
    mn_train_options o = run_options(&l);
    mn_model *whole, *other;
    must_run(&arch, &o, &whole);
    assert_non_null(whole);
    assert_int_equal(l.epochs, 4);
    assert_true(isfinite(l.accuracy) && isfinite(l.before));
    assert_true(l.end_best == l.best);

    o = run_options(&l); /* more threads, pixels not kept */
    o.threads = 2;
    o.loader_threads = 3;
    o.pixel_bytes = 2000;
    must_run(&arch, &o, &other);
    assert_same(whole, other);
    mn_model_destroy(other);

    for (int64_t stop = 1; stop < 24; stop += 7) { /* stopped, then resumed */
        remove(checkpoint);
        o = run_options(&l);
        l.stop_at = stop;
        must_run(&arch, &o, &other);
        assert_null(other);
        o = run_options(&l);
        o.resume = true;
        must_run(&arch, &o, &other);
        assert_same(whole, other);
        mn_model_destroy(other);
    }
    mn_model_destroy(whole);
}

/* A run that was stopped and not gone on with is not lost to the next; one that was over is. */
static void unfinished_runs_are_kept(void **state)
{
    (void)state;
    listener l;
    mn_arch arch = run_arch();
    mn_train_options o = run_options(&l);
    mn_model *whole, *other;
    char old[128];
    snprintf(old, sizeof old, "%s.old", checkpoint);
    remove(checkpoint);
    l.stop_at = 9;
    must_run(&arch, &o, &other);
    assert_null(other);
    o = run_options(&l);
    must_run(&arch, &o, &whole);
    assert_int_equal(l.kept, 1);
    assert_int_equal(rename(old, checkpoint), 0);
    o = run_options(&l);
    o.resume = true;
    must_run(&arch, &o, &other);
    assert_int_equal(l.kept, 0);
    assert_same(whole, other);
    mn_model_destroy(whole);
    mn_model_destroy(other);
    o = run_options(&l);
    l.stop_at = 1;
    must_run(&arch, &o, &other);
    assert_int_equal(l.kept, 0);
    assert_int_not_equal(access(old, F_OK), 0);
    remove(checkpoint);
}

/* A run does not go on with other pictures than it began with. */
static void other_data_are_refused(void **state)
{
    (void)state;
    listener l;
    mn_arch arch = run_arch();
    mn_train_options o = run_options(&l);
    mn_model *trained;
    mn_error err;
    char path[128];
    l.stop_at = 9;
    must_run(&arch, &o, &trained);
    picture_path(path, sizeof path, 1, 4);
    FILE *file = fopen(path, "ab"); /* the pixels stay */
    assert_non_null(file);
    fputc(0, file);
    fclose(file);
    o = run_options(&l);
    o.resume = true;
    assert_int_equal(run(&arch, &o, &trained, &err), MN_ERROR_ARGUMENT);
    assert_non_null(strstr(err.message, "the run learned from other data"));
    write_picture(1, 4, SIZE * SIZE * 3);
    o = run_options(&l);
    o.resume = true;
    must_run(&arch, &o, &trained);
    mn_model_destroy(trained);
    remove(checkpoint);
}

/* A run that ended for want of patience is over when it is resumed; with more patience it goes on. */
static void patience_ends(void **state)
{
    (void)state;
    listener l;
    mn_arch arch = run_arch();
    mn_train_options o = run_options(&l);
    mn_model *ended, *other;
    o.recipe.epochs = 50; /* six pictures are held out, so accuracy rises seven times at most */
    o.patience = 1;
    must_run(&arch, &o, &ended);
    int epochs = l.epochs;
    assert_in_range(epochs, 2, 8);
    for (int more = 0; more < 2; more++) {
        o = run_options(&l);
        o.recipe.epochs = 50;
        o.patience = more ? epochs : 1;
        o.resume = true;
        must_run(&arch, &o, &other);
        if (more)
            assert_in_range(l.epochs, 1, 50 - epochs);
        else {
            assert_int_equal(l.epochs, 0);
            assert_same(ended, other);
        }
        mn_model_destroy(other);
    }
    mn_model_destroy(ended);
    remove(checkpoint);
}

/* Embeddings of 6 held-out pictures and of two versions of 36 others are computed; a stop is heard between two batches. */
static void head_stops(void **state)
{
    (void)state;
    listener l;
    mn_arch arch = run_arch();
    mn_train_options o = run_options(&l);
    mn_model *trained;
    o.head_only = true;
    o.recipe.head_copies = 1;
    l.stop_at_features = 12;
    must_run(&arch, &o, &trained);
    assert_null(trained);
    assert_int_equal(l.features, 12);
    assert_int_equal(l.all_features, 6 + 2 * 36);
    o.context = &l;
    l = (listener){.stop_at = -1, .stop_at_features = INT64_MAX};
    must_run(&arch, &o, &trained);
    assert_non_null(trained);
    assert_int_equal(l.features, l.all_features);
    mn_model_destroy(trained);
    remove(checkpoint);
}

/* Colours are told apart after a few epochs without heavy augmentation. The best epoch counts: six pictures are held
 * out, and the last bit of a kernel's sums decides which of them is wrong at the end. */
static void learns(void **state)
{
    (void)state;
    listener l;
    mn_arch arch = run_arch();
    mn_train_options o = run_options(&l);
    o.checkpoint = NULL;
    o.recipe.mixup = o.recipe.cutmix = o.recipe.erase = 0;
    o.recipe.epochs = 12;
    mn_model *trained;
    must_run(&arch, &o, &trained);
    assert_true(l.best > 0.8);
    mn_model_destroy(trained);
}

static void broken_pictures(void **state)
{
    (void)state;
    listener l;
    mn_arch arch = run_arch();
    mn_train_options o = run_options(&l);
    o.checkpoint = NULL;
    o.recipe.epochs = 1;
    mn_model *trained;
    mn_error err;
    write_picture(1, 3, 100);
    write_picture(2, 0, 0);
    must_run(&arch, &o, &trained);
    mn_model_destroy(trained);
    assert_int_equal(l.skipped, 2);
    o = run_options(&l);
    o.strict = true;
    assert_int_not_equal(run(&arch, &o, &trained, &err), MN_OK);
    assert_non_null(strstr(err.message, ".ppm"));
    write_picture(1, 3, SIZE * SIZE * 3);
    write_picture(2, 0, SIZE * SIZE * 3);
}

static void refusals(void **state)
{
    (void)state;
    listener l;
    mn_arch arch = run_arch();
    mn_train_options o = run_options(&l);
    mn_model *trained;
    mn_error err;
    arch.classes = 2; /* labels beyond the classes */
    assert_int_equal(run(&arch, &o, &trained, &err), MN_ERROR_ARGUMENT);
    assert_non_null(strstr(err.message, "classes 0 to 1"));
    arch = run_arch();
    o.recipe.batch = 100; /* more than there are */
    assert_int_equal(run(&arch, &o, &trained, &err), MN_ERROR_ARGUMENT);
    o = run_options(&l);
    o.recipe.batch = 0;
    assert_int_equal(run(&arch, &o, &trained, &err), MN_ERROR_ARGUMENT);
    assert_non_null(strstr(err.message, "batch is '0'"));
    o = run_options(&l);
    o.recipe.epochs = (double)NAN;
    assert_int_equal(run(&arch, &o, &trained, &err), MN_ERROR_ARGUMENT);
    o = run_options(&l);
    o.recipe.schedule = (mn_schedule)9;
    assert_int_equal(run(&arch, &o, &trained, &err), MN_ERROR_ARGUMENT);
    o = run_options(&l);
    o.checkpoint = "/nonexistent/folder/file"; /* before any step is lost */
    assert_int_equal(run(&arch, &o, &trained, &err), MN_ERROR_IO);
    assert_int_equal(l.epochs, 0);
    o = run_options(&l);
    o.recipe.learning_rate = 1e3; /* diverges */
    o.recipe.warmup_epochs = 0;
    o.recipe.epochs = 50;
    o.recipe.weight_decay = 1;
    o.checkpoint = NULL;
    assert_int_equal(run(&arch, &o, &trained, &err), MN_ERROR_NUMERIC);
    assert_non_null(strstr(err.message, "layer"));
    char path[128];
    picture_path(path, sizeof path, 9, -1);
    assert_int_equal(mkdir(path, 0700), 0); /* a class with no images */
    o = run_options(&l);
    assert_int_equal(run(&arch, &o, &trained, &err), MN_ERROR_ARGUMENT);
    assert_non_null(strstr(err.message, "class9"));
    rmdir(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits),
        cmocka_unit_test(unfinished_runs_are_kept),
        cmocka_unit_test(other_data_are_refused),
        cmocka_unit_test(patience_ends),
        cmocka_unit_test(head_stops),
        cmocka_unit_test(learns),
        cmocka_unit_test(broken_pictures),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
