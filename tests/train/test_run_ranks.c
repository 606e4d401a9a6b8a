/* Whole runs by several ranks: with synchronised batch norm the model and the checkpoint have the same bytes for 1, 2 and 4
 * of them, also where the run was stopped and went on with another number; one rank's trouble ends all with its words; rank
 * 0 alone reports. The ranks are threads here, each with its own view of the data. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "train/crew.h"
#include "train/runs.h"

enum { BATCH = 8 };

/* A run, and what came of it on each rank. */
typedef struct task {
    mn_train_options options[CREW_MAX];
    listener listeners[CREW_MAX];
    const char *folders[CREW_MAX]; /* of the data */
    mn_status status[CREW_MAX];
    mn_error err[CREW_MAX];
    mn_model *trained[CREW_MAX];
} task;

static void work(void *context, const mn_comm *comm)
{
    task *t = context;
    int32_t r = comm->rank;
    mn_arch arch = run_arch();
    mn_dataset *data = NULL;
    mn_model *model = NULL;
    t->options[r].comm = comm;
    t->status[r] = mn_dataset_open(t->folders[r], MN_SPLIT_DEFAULT, NULL, 0, &data, &t->err[r]);
    if (t->status[r] == MN_OK)
        t->status[r] = mn_model_create(&arch, &model, &t->err[r]);
    if (t->status[r] == MN_OK) {
        mn_model_initialise(model, 1);
        t->status[r] = mn_train_run(model, data, &t->options[r], &t->trained[r], &t->err[r]);
    } else {
        crew_leave(comm);
    }
    mn_model_destroy(model);
    mn_dataset_close(data);
}

static task make_task(bool sync)
{
    task t = {0};
    for (int32_t r = 0; r < CREW_MAX; r++) {
        t.options[r] = run_options(&t.listeners[r]);
        t.options[r].recipe.batch = BATCH;
        t.options[r].recipe.epochs = 3;
        t.options[r].sync_bn = sync;
        t.folders[r] = folder;
    }
    return t;
}

static void run_task(task *t, int32_t size)
{
    for (int32_t r = 0; r < CREW_MAX; r++) { /* the task may have moved */
        t->options[r].context = &t->listeners[r];
        t->options[r].stop = &t->listeners[r].stop;
    }
    crew_run(size, work, t);
}

static void must_run(task *t, int32_t size)
{
    run_task(t, size);
    for (int32_t r = 0; r < size; r++)
        if (t->status[r] != MN_OK)
            fail_msg("rank %d of %d: %s", r, size, t->err[r].message);
}

static void drop_models(task *t)
{
    for (int32_t r = 0; r < CREW_MAX; r++)
        mn_model_destroy(t->trained[r]);
}

static void assert_same(mn_model *a, mn_model *b)
{
    for (int32_t i = 0; i < mn_model_tensor_count(a); i++)
        assert_memory_equal(mn_model_tensor_at(a, i)->data, mn_model_tensor_at(b, i)->data,
                            mn_model_tensor_at(a, i)->elements * sizeof(float));
}

static char *read_checkpoint(size_t *size)
{
    FILE *file = fopen(checkpoint, "rb");
    assert_non_null(file);
    char *bytes = malloc(1 << 20);
    assert_non_null(bytes);
    *size = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static void same_bytes_for_1_2_4_ranks(void **state)
{
    (void)state;
    task one = make_task(true);
    size_t size, other_size;
    must_run(&one, 1);
    char *bytes = read_checkpoint(&size);
    for (int32_t ranks = 2; ranks <= 4; ranks *= 2) {
        task t = make_task(true);
        for (int32_t r = 0; r < ranks; r++) { /* nothing of this changes a bit */
            t.options[r].threads = 1 + r % 2;
            t.options[r].loader_threads = 1 + (r + 1) % 2;
            t.options[r].pixel_bytes = r == 0 ? 2000 : (size_t)1 << 20;
        }
        must_run(&t, ranks);
        for (int32_t r = 0; r < ranks; r++)
            assert_same(t.trained[r], one.trained[0]);
        char *other = read_checkpoint(&other_size);
        assert_int_equal(other_size, size);
        assert_memory_equal(other, bytes, size);
        assert_int_equal(t.listeners[0].epochs, 3);
        assert_int_equal(t.listeners[1].epochs, 0); /* rank 0 alone reports */
        assert_true(t.listeners[0].accuracy == one.listeners[0].accuracy);
        free(other);
        drop_models(&t);
    }
    free(bytes);
    drop_models(&one);
}

/* Stopped on one rank's wish, all at the same step; then on with another number of ranks. */
static void goes_on_with_other_ranks(void **state)
{
    (void)state;
    task one = make_task(true);
    must_run(&one, 1);
    static const int32_t before[] = {1, 2, 4}, after[] = {4, 1, 2};
    for (int k = 0; k < 3; k++) {
        remove(checkpoint);
        task t = make_task(true), rest = make_task(true);
        if (before[k] == 1)
            t.listeners[0].stop_at = 5;
        else
            t.listeners[before[k] - 1].stop = 1; /* heard of in the first step */
        must_run(&t, before[k]);
        for (int32_t r = 0; r < before[k]; r++)
            assert_null(t.trained[r]);
        for (int32_t r = 0; r < after[k]; r++)
            rest.options[r].resume = true;
        must_run(&rest, after[k]);
        for (int32_t r = 0; r < after[k]; r++)
            assert_same(rest.trained[r], one.trained[0]);
        drop_models(&rest);
    }
    drop_models(&one);
}

static void per_rank_statistics_repeat(void **state)
{
    (void)state;
    task a = make_task(false), b = make_task(false);
    b.options[1].threads = 2;
    must_run(&a, 2);
    must_run(&b, 2);
    assert_same(a.trained[0], a.trained[1]);
    assert_same(a.trained[0], b.trained[1]);
    drop_models(&a);
    drop_models(&b);
}

static void head_only(void **state)
{
    (void)state;
    task one = make_task(true), two = make_task(true), four = make_task(false);
    for (int32_t r = 0; r < 4; r++)
        one.options[r].head_only = two.options[r].head_only = four.options[r].head_only = true;
    must_run(&one, 1);
    must_run(&two, 2);
    must_run(&four, 4);
    assert_same(one.trained[0], two.trained[1]);
    assert_same(one.trained[0], four.trained[3]); /* no statistics are taken, so there is nothing to synchronise */
    drop_models(&one);
    drop_models(&two);
    drop_models(&four);
}

/* One rank's wish to stop is heard by all after the first part of the embeddings. */
static void head_only_stops(void **state)
{
    (void)state;
    task t = make_task(true);
    for (int32_t r = 0; r < 4; r++)
        t.options[r].head_only = true;
    t.listeners[3].stop = 1;
    remove(checkpoint);
    must_run(&t, 4);
    assert_int_equal(t.listeners[0].features, 6); /* the held-out pictures, fewer than a batch */
    for (int32_t r = 0; r < 4; r++)
        assert_null(t.trained[r]);
    remove(checkpoint);
}

static void assert_all_fail(const task *t, int32_t size, mn_status status, const char *words)
{
    for (int32_t r = 0; r < size; r++) {
        assert_int_equal(t->status[r], status);
        assert_null(t->trained[r]);
        if (!strstr(t->err[r].message, words))
            fail_msg("rank %d: '%s' was expected in: %s", r, words, t->err[r].message);
    }
}

/* The same pictures under another name, which goes away in the middle of a run. */
static char other_folder[96];

static void other_path(char *text, size_t size, int k)
{
    snprintf(text, size, "%s/class%d", other_folder, k);
}

static void make_other_folder(void)
{
    char path[128], target[128];
    snprintf(other_folder, sizeof other_folder, "%s-other", folder);
    assert_int_equal(mkdir(other_folder, 0700), 0);
    for (int k = 0; k < CLASSES; k++) {
        other_path(path, sizeof path, k);
        picture_path(target, sizeof target, k, -1);
        assert_int_equal(symlink(target, path), 0);
    }
}

static void remove_other_folder(void)
{
    char path[128];
    for (int k = 0; k < CLASSES; k++) {
        other_path(path, sizeof path, k);
        unlink(path);
    }
    rmdir(other_folder);
}

static void trouble_is_shared(void **state)
{
    (void)state;
    task t = make_task(true);
    write_picture(1, 3, 100); /* broken pictures are left out by all, and named once */
    write_picture(2, 13, 0);
    must_run(&t, 4);
    assert_int_equal(t.listeners[0].skipped, 2);
    assert_int_equal(t.listeners[3].skipped, 0);
    drop_models(&t);
    t = make_task(true);
    for (int32_t r = 0; r < CREW_MAX; r++)
        t.options[r].strict = true;
    run_task(&t, 4);
    assert_all_fail(&t, 4, MN_ERROR_FORMAT, "class");
    write_picture(1, 3, SIZE * SIZE * 3);
    write_picture(2, 13, SIZE * SIZE * 3);

    t = make_task(false); /* only rank 0 writes; all hear that it cannot */
    t.options[0].checkpoint = "/nonexistent/folder/file";
    run_task(&t, 2);
    assert_all_fail(&t, 2, MN_ERROR_IO, "/nonexistent/folder/file");

    t = make_task(false);
    run_task(&t, 3);
    assert_all_fail(&t, 3, MN_ERROR_ARGUMENT, "batch is 8, must be a multiple of the 3 ranks");

    t = make_task(false);
    t.options[1].recipe.learning_rate = 0.5;
    run_task(&t, 2);
    assert_all_fail(&t, 2, MN_ERROR_ARGUMENT, "rank 1 was started with other options than rank 0");

    t = make_task(false);
    t.options[1].recipe.batch = 0;
    run_task(&t, 2);
    assert_all_fail(&t, 2, MN_ERROR_ARGUMENT, "batch is '0'");

    char path[128]; /* a class less */
    make_other_folder();
    other_path(path, sizeof path, CLASSES - 1);
    unlink(path);
    t = make_task(false);
    t.folders[1] = other_folder;
    run_task(&t, 2);
    remove_other_folder();
    assert_all_fail(&t, 2, MN_ERROR_ARGUMENT, "rank 1 was started with other data than rank 0");
}

static void not_finite_is_shared(void **state)
{
    (void)state;
    for (int sync = 0; sync < 2; sync++) {
        task t = make_task(sync);
        for (int32_t r = 0; r < 2; r++) {
            t.options[r].recipe.learning_rate = 1e3;
            t.options[r].recipe.warmup_epochs = 0;
            t.options[r].recipe.epochs = 50;
            t.options[r].recipe.weight_decay = 1;
        }
        run_task(&t, 2);
        assert_all_fail(&t, 2, MN_ERROR_NUMERIC, "is not finite; first seen in layer");
        assert_string_equal(t.err[0].message, t.err[1].message);
    }
}

static void lose_data(void *context, const mn_train_event *e)
{
    (void)context;
    if (e->kind == MN_TRAIN_STEP && e->step == e->steps)
        remove_other_folder();
}

/* Rank 1 loses its pictures after the last step, when batch norm's statistics are taken anew. */
static void trouble_at_the_end_is_shared(void **state)
{
    (void)state;
    for (int sync = 0; sync < 2; sync++) {
        make_other_folder();
        task t = make_task(sync);
        for (int32_t r = 0; r < 2; r++) {
            t.options[r].recipe.batch = 4;
            t.options[r].recipe.epochs = 1;
            t.options[r].recipe.reestimate_batches = 10; /* more than are made ahead */
            t.options[r].validation = 0;
            t.options[r].pixel_bytes = 1;
            t.options[r].report = lose_data;
        }
        t.folders[1] = other_folder;
        run_task(&t, 2);
        remove_other_folder();
        assert_all_fail(&t, 2, MN_ERROR_IO, other_folder);
        remove(checkpoint);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bytes_for_1_2_4_ranks),
        cmocka_unit_test(goes_on_with_other_ranks),
        cmocka_unit_test(per_rank_statistics_repeat),
        cmocka_unit_test(head_only),
        cmocka_unit_test(head_only_stops),
        cmocka_unit_test(trouble_is_shared),
        cmocka_unit_test(not_finite_is_shared),
        cmocka_unit_test(trouble_at_the_end_is_shared),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
