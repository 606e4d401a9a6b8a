/* A run's checkpoint: the trainer's state and, as a note, where the run stands. Rank 0 reads and writes it, so it does not
 * depend on the number of ranks.
 *
 *     images N            training images
 *     best A E            best accuracy and its epoch
 *     epoch L C N         of this epoch: sum of losses, right answers, images
 *     steps N             of the whole run
 *     data H              fingerprint of the data set
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/locale.h"
#include "base/status.h"
#include "train/checkpoint.h"
#include "train/run.h"

static bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static mn_status save(const mn_run *r, mn_error *err)
{
    char note[320];
    locale_t old = mn_locale_begin();
    snprintf(note, sizeof note, "images %lld\nbest %.17g %.17g\nepoch %.17g %lld %lld\nsteps %lld\ndata %016llx\n",
             (long long)mn_store_size(r->train), r->best_accuracy, r->best_epoch, r->loss_sum, (long long)r->correct,
             (long long)r->counted, (long long)r->steps, (unsigned long long)r->data);
    mn_locale_end(old);
    return mn_trainer_save(r->trainer, note, r->options->checkpoint, err);
}

mn_status mn_run_save(mn_run *r, mn_error *err)
{
    if (!r->options->checkpoint)
        return MN_OK;
    mn_status status = mn_group_agree(&r->group, r->group.rank == 0 ? save(r, err) : MN_OK, err);
    mn_train_event event = {.kind = MN_TRAIN_CHECKPOINT, .what = r->options->checkpoint};
    if (status == MN_OK)
        mn_run_report(r, &event);
    return status;
}

/* *found: whether there was one. */
static mn_status load(mn_run *r, bool *found, mn_error *err)
{
    const char *path = r->options->checkpoint;
    *found = file_exists(path);
    if (!*found)
        return MN_OK;
    char *note = NULL;
    mn_status status = mn_trainer_load(r->trainer, path, &note, err);
    if (status != MN_OK)
        return status;
    long long images = 0, correct = 0, counted = 0;
    unsigned long long data = 0;
    locale_t old = mn_locale_begin();
    int fields = sscanf(note, "images %lld\nbest %lg %lg\nepoch %lg %lld %lld\nsteps %*d\ndata %llx", &images,
                        &r->best_accuracy, &r->best_epoch, &r->loss_sum, &correct, &counted, &data);
    mn_locale_end(old);
    if (fields != 7)
        status = mn_fail(err, MN_ERROR_FORMAT, "%s: the note of the run is damaged", path);
    else if (data != r->data)
        status = mn_fail(
            err, MN_ERROR_ARGUMENT,
            "%s: the run learned from other data (classes, labels, names or sizes of files differ); give it those, "
            "or start anew without --resume",
            path);
    else if (images != mn_store_size(r->train))
        status = mn_fail(err, MN_ERROR_ARGUMENT, "%s: the run had %lld training images, now there are %lld", path,
                         images, (long long)mn_store_size(r->train));
    r->correct = correct;
    r->counted = counted;
    free(note);
    return status;
}

/* The checkpoint of another run that had begun and was not over gets a name of its own, so that this run's does not
 * replace it. */
static mn_status set_aside(mn_run *r, mn_error *err)
{
    const char *path = r->options->checkpoint;
    char *note;
    mn_train_event event = {.kind = MN_TRAIN_KEPT};
    if (!mn_checkpoint_peek(path, &event.done, &note))
        return !file_exists(path) ? MN_OK
                                  : mn_fail(err, MN_ERROR_FORMAT,
                                            "%s: is no checkpoint that can be read; move it away, or give --resume to "
                                            "hear more",
                                            path);
    long long steps = 0;
    const char *line = strstr(note, "\nsteps ");
    if (line && sscanf(line, "\nsteps %lld", &steps) == 1)
        event.total = steps;
    free(note);
    if (event.done == 0 || event.done == event.total)
        return MN_OK;
    size_t bytes = strlen(path) + sizeof ".old-2147483647";
    char *old = mn_calloc(bytes, 1);
    if (!old)
        return mn_fail_memory(err, bytes, "a file name");
    snprintf(old, bytes, "%s.old", path);
    for (int i = 2; file_exists(old); i++) /* an earlier one stays */
        snprintf(old, bytes, "%s.old-%d", path, i);
    mn_status status = MN_OK;
    event.what = old;
    if (rename(path, old) == 0)
        mn_run_report(r, &event);
    else
        status = mn_fail(err, MN_ERROR_IO, "'%s' is of a run that was not over, and cannot be renamed to '%s': %s",
                         path, old, strerror(errno));
    free(old);
    return status;
}

mn_status mn_run_load(mn_run *r, mn_error *err)
{
    bool found = false;
    if (!r->options->checkpoint)
        return MN_OK;
    if (!r->options->resume)
        return mn_group_agree(&r->group, r->group.rank == 0 ? set_aside(r, err) : MN_OK, err);
    mn_status status = mn_group_agree(&r->group, r->group.rank == 0 ? load(r, &found, err) : MN_OK, err);
    if (status == MN_OK)
        status = mn_group_share(&r->group, &found, sizeof found, err);
    if (status != MN_OK || !found)
        return status;
    struct {
        double accuracy, epoch, loss;
        int64_t correct, counted;
    } place = {r->best_accuracy, r->best_epoch, r->loss_sum, r->correct, r->counted};
    status = mn_group_share(&r->group, &place, sizeof place, err);
    r->best_accuracy = place.accuracy;
    r->best_epoch = place.epoch;
    r->loss_sum = place.loss;
    r->correct = place.correct;
    r->counted = place.counted;
    return status == MN_OK ? mn_trainer_share(r->trainer, err) : status;
}
