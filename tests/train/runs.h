/* A small folder of pictures, and runs over it, that the tests of whole runs share. */
#ifndef TEST_TRAIN_RUNS_H
#define TEST_TRAIN_RUNS_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "train/small.h"

enum { CLASSES = 3, EACH = 14, SIZE = 16 };

static char folder[64], checkpoint[96];

static inline void picture_path(char *text, size_t size, int k, int i)
{
    if (i < 0)
        snprintf(text, size, "%s/class%d", folder, k);
    else
        snprintf(text, size, "%s/class%d/%d.ppm", folder, k, i);
}

/* Class k is bright in channel k. */
static inline void write_picture(int k, int i, size_t bytes)
{
    char path[128];
    uint8_t pixels[SIZE * SIZE * 3];
    picture_path(path, sizeof path, k, i);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (int p = 0; p < SIZE * SIZE * 3; p++)
        pixels[p] = (uint8_t)(60 + 50 * (p % 3 == k) + 40 * noise_at((uint32_t)(100 * k + i), (uint32_t)p));
    fprintf(file, "P6\n%d %d\n255\n", SIZE, SIZE);
    assert_int_equal(fwrite(pixels, 1, bytes, file), bytes);
    fclose(file);
}

static inline int make_folder(void **state)
{
    (void)state;
    char path[128];
    snprintf(folder, sizeof folder, "/tmp/test_run_%ld", (long)getpid());
    snprintf(checkpoint, sizeof checkpoint, "%s.checkpoint", folder);
    if (mkdir(folder, 0700) != 0)
        return 1;
    for (int k = 0; k < CLASSES; k++) {
        picture_path(path, sizeof path, k, -1);
        if (mkdir(path, 0700) != 0)
            return 1;
        for (int i = 0; i < EACH; i++)
            write_picture(k, i, SIZE * SIZE * 3);
    }
    return 0;
}

static inline int remove_folder(void **state)
{
    (void)state;
    char path[128];
    for (int k = 0; k < CLASSES; k++) {
        for (int i = 0; i < EACH; i++) {
            picture_path(path, sizeof path, k, i);
            remove(path);
        }
        picture_path(path, sizeof path, k, -1);
        rmdir(path);
    }
    remove(checkpoint);
    snprintf(path, sizeof path, "%s.old", checkpoint);
    remove(path);
    rmdir(folder);
    return 0;
}

/* What the reports said, and when to stop. */
typedef struct listener {
    int skipped, epochs, kept;
    int64_t stop_at, stop_at_features;
    int64_t features, all_features; /* embedded, and to be */
    volatile int stop;
    double accuracy, before; /* at the end, and with the moving statistics */
    double best, end_best;   /* of the best epoch; the same as it was said at the end */
} listener;

static inline void listen(void *context, const mn_train_event *e)
{
    listener *l = context;
    l->skipped += e->kind == MN_TRAIN_SKIPPED;
    l->epochs += e->kind == MN_TRAIN_EPOCH;
    if (e->kind == MN_TRAIN_EPOCH && e->accuracy > l->best)
        l->best = e->accuracy;
    l->kept += e->kind == MN_TRAIN_KEPT;
    if (e->kind == MN_TRAIN_FEATURES) {
        l->features = e->done;
        l->all_features = e->total;
        l->stop = l->stop || e->done >= l->stop_at_features;
    }
    if (e->kind == MN_TRAIN_STEP && e->step == l->stop_at)
        l->stop = 1;
    if (e->kind == MN_TRAIN_END) {
        l->accuracy = e->accuracy;
        l->before = e->accuracy_before;
        l->end_best = e->best_accuracy;
    }
}

static inline mn_arch run_arch(void)
{
    mn_arch arch = small_arch();
    arch.height = arch.width = SIZE;
    arch.classes = CLASSES;
    return arch;
}

static inline mn_train_options run_options(listener *l)
{
    mn_train_options o = mn_train_options_default();
    *l = (listener){.stop_at = -1, .stop_at_features = INT64_MAX};
    o.recipe.batch = 6;
    o.recipe.epochs = 4;
    o.recipe.learning_rate = 0.02;
    o.recipe.ema = 0.8;
    o.recipe.pad_crop = 2;
    o.recipe.flip = true;
    o.recipe.jitter = 0.2;
    o.recipe.erase = 0.3;
    o.recipe.mixup = 0.2;
    o.recipe.cutmix = 1;
    o.recipe.reestimate_batches = 2;
    o.threads = 1;
    o.validation = 0.2;
    o.checkpoint = checkpoint;
    o.stop = &l->stop;
    o.report = listen;
    o.context = l;
    return o;
}

#endif
