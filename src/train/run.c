/* A whole training run: data set in, model out.
 *
 *     split --> stores (train, held out) --> loader --> steps --> held-out accuracy after each epoch
 *                                                  \--> checkpoints, on a stop too
 *     at the end batch norm's statistics are taken anew
 *
 * With ranks all of them walk through this together: run.h.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/status.h"
#include "train/run.h"
#include "train/split.h"

mn_train_options mn_train_options_default(void)
{
    return (mn_train_options){
        .recipe = mn_recipe_default(), .loader_threads = 1, .validation = 0.1, .pixel_bytes = (size_t)1 << 30};
}

void mn_run_report(const mn_run *r, mn_train_event *event)
{
    if (r->trainer) {
        event->step = mn_trainer_steps(r->trainer);
        event->epoch = (double)event->step / (double)r->steps_per_epoch;
    }
    event->steps = r->steps;
    if (r->options->report && r->group.rank == 0)
        r->options->report(r->options->context, event);
}

static void report_skip(void *context, const char *what, const char *why)
{
    mn_train_event event = {.kind = MN_TRAIN_SKIPPED, .what = what, .why = why};
    mn_run_report(context, &event);
}

static mn_status open_stores(mn_run *r, const mn_model *model, const mn_dataset *dataset, mn_error *err)
{
    const mn_train_options *o = r->options;
    const mn_arch *arch = &mn_model_net(model)->arch;
    int64_t count;
    mn_status status = mn_split_samples(dataset, o->validation, o->recipe.seed, &r->index, &count, err);
    if (status != MN_OK)
        return status;
    int64_t held = mn_dataset_size(dataset) - count, learned = count;
    if (o->limit > 0 && o->limit < count) {
        learned = o->limit;
        for (int64_t i = 0; i < learned; i++)
            r->index[i] = r->index[(int64_t)((double)i * (double)count / (double)learned)];
    }
    mn_store_options s = {.height = arch->height,
                          .width = arch->width,
                          .channels = arch->channels,
                          .classes = arch->classes,
                          .preprocess = *mn_model_preprocess(model),
                          .pixel_bytes = o->pixel_bytes ? o->pixel_bytes : (size_t)1 << 30,
                          .threads = o->threads > 0 ? o->threads : mn_cpu_count(),
                          .strict = o->strict,
                          .skip = report_skip,
                          .context = r,
                          .group = &r->group};
    status = mn_store_open(dataset, r->index, learned, &s, &r->train, err);
    if (status == MN_OK)
        status = mn_store_open(dataset, r->index + count, held, &s, &r->held, err);
    return status;
}

static mn_status open_trainer(mn_run *r, const mn_model *model, mn_error *err)
{
    const mn_train_options *o = r->options;
    r->steps_per_epoch = mn_store_size(r->train) / o->recipe.batch;
    if (r->steps_per_epoch < 1)
        return mn_fail(err, MN_ERROR_ARGUMENT, "batch is %d, but there are only %lld images to learn from",
                       o->recipe.batch, (long long)mn_store_size(r->train));
    r->steps = (int64_t)ceil(o->recipe.epochs * (double)r->steps_per_epoch);
    mn_trainer_options t = {.threads = o->threads,
                            .steps_per_epoch = r->steps_per_epoch,
                            .head_only = o->head_only,
                            .comm = o->comm,
                            .sync_bn = o->sync_bn};
    mn_status status = mn_trainer_create(model, &o->recipe, &t, &r->trainer, err);
    if (status != MN_OK)
        return status;
    const mn_arch *arch = &mn_model_net(model)->arch;
    size_t image = (size_t)arch->height * (size_t)arch->width * (size_t)arch->channels;
    size_t part = (size_t)r->trainer->step->batch, block = (size_t)mn_group_block(&r->group, mn_store_size(r->held));
    r->input = mn_calloc(image * part, sizeof *r->input);
    r->logits = mn_calloc((size_t)arch->classes * part, sizeof *r->logits);
    r->outcomes = mn_calloc(block * (size_t)r->group.size, sizeof *r->outcomes);
    if (!r->input || !r->logits || !r->outcomes)
        return mn_fail_memory(err, image * part * sizeof *r->input, "a batch of images");
    return MN_OK;
}

static mn_status finish_epoch(mn_run *r, mn_error *err)
{
    mn_train_event event = {.kind = MN_TRAIN_EPOCH, .trainer = r->trainer};
    mn_status status = mn_run_evaluate(r, &event.loss, &event.accuracy, err);
    if (status != MN_OK)
        return status;
    event.train_loss = r->loss_sum / (double)r->counted;
    event.train_accuracy = (double)r->correct / (double)r->counted;
    event.best = event.accuracy > r->best_accuracy;
    if (event.best) {
        r->best_accuracy = event.accuracy;
        r->best_epoch = (double)mn_trainer_steps(r->trainer) / (double)r->steps_per_epoch;
    }
    r->loss_sum = 0;
    r->correct = r->counted = 0;
    mn_run_report(r, &event);
    return MN_OK;
}

static bool stop_asked(const mn_run *r)
{
    return r->options->stop && *r->options->stop;
}

/* Tells the other ranks, with the next message, whether this one was asked to stop. */
static void pass_on_stop(mn_run *r)
{
    r->trainer->group.state.stop = stop_asked(r);
}

/* Ranks stop after the message in which all heard of it. */
static bool stopped(const mn_run *r)
{
    return mn_group_alone(&r->group) ? stop_asked(r) : r->trainer->group.stop_agreed;
}

static mn_status one_step(mn_run *r, mn_error *err)
{
    mn_batch batch;
    mn_error own;
    mn_train_event event = {.kind = MN_TRAIN_STEP};
    pass_on_stop(r);
    if (r->head)
        mn_head_batch(r->head, mn_trainer_steps(r->trainer), &batch);
    else if (mn_loader_next(r->loader, &batch, &own) != MN_OK)
        return mn_trainer_fail(r->trainer, &own, err);
    mn_status status = mn_trainer_step(r->trainer, &batch, &event.result, err);
    if (status != MN_OK)
        return status;
    r->loss_sum += event.result.loss * r->options->recipe.batch;
    r->correct += event.result.correct;
    r->counted += r->options->recipe.batch;
    mn_run_report(r, &event);
    return MN_OK;
}

/* The run is over at an epoch's end where patience is. A resumed run that was ended so is over already, unless it is
 * given more patience. */
static void heed_patience(mn_run *r)
{
    int64_t step = mn_trainer_steps(r->trainer);
    double epoch = (double)step / (double)r->steps_per_epoch, patience = r->options->patience;
    if (patience > 0 && mn_store_size(r->held) > 0 && step > 0 && step % r->steps_per_epoch == 0 &&
        epoch - r->best_epoch >= patience)
        r->steps = step;
}

/* Steps until the end, a stop or an error. A step that fails leaves the trainer as it was: that is kept. */
static mn_status learn(mn_run *r, mn_error *err)
{
    mn_status status = MN_OK;
    bool saved = true;
    while (status == MN_OK && mn_trainer_steps(r->trainer) < r->steps && !stopped(r)) {
        status = one_step(r, err);
        if (status != MN_OK)
            break;
        int64_t step = mn_trainer_steps(r->trainer), every = r->options->checkpoint_steps;
        bool epoch_ends = step % r->steps_per_epoch == 0 || step == r->steps;
        saved = false;
        if (epoch_ends)
            status = finish_epoch(r, err);
        heed_patience(r);
        if (status == MN_OK && (every > 0 ? step % every == 0 : epoch_ends)) {
            status = mn_run_save(r, err);
            saved = true;
        }
    }
    if (!saved && status == MN_OK)
        status = mn_run_save(r, err);
    else if (!saved && status == MN_ERROR_NUMERIC)
        mn_run_save(r, NULL);
    return status;
}

/* Embeddings of both stores, batch by batch, as long as nobody wants to stop. */
static mn_status open_heads(mn_run *r, mn_error *err)
{
    mn_train_event event = {.kind = MN_TRAIN_FEATURES};
    mn_status status = mn_head_open(r->trainer, r->held, 0, &r->held_embedding, err);
    if (status == MN_OK)
        status = mn_head_open(r->trainer, r->train, r->options->recipe.head_copies, &r->head, err);
    status = mn_group_agree(&r->trainer->group, status, err);
    if (status != MN_OK)
        return status;
    mn_head *heads[] = {r->held_embedding, r->head};
    event.total = mn_head_total(heads[0]) + mn_head_total(heads[1]);
    mn_run_report(r, &event);
    for (int k = 0; k < 2; k++)
        while (status == MN_OK && mn_head_done(heads[k]) < mn_head_total(heads[k]) && !stopped(r)) {
            pass_on_stop(r);
            status = mn_head_embed(heads[k], r->trainer, r->input, err);
            event.done = mn_head_done(heads[0]) + mn_head_done(heads[1]);
            if (status == MN_OK)
                mn_run_report(r, &event);
        }
    return status;
}

static mn_status open_batches(mn_run *r, mn_error *err)
{
    const mn_train_options *o = r->options;
    if (o->head_only)
        return open_heads(r, err);
    mn_loader_options l = {.recipe = &o->recipe,
                           .first = mn_trainer_steps(r->trainer),
                           .threads = o->loader_threads > 0 ? o->loader_threads : 1,
                           .rank = r->group.rank,
                           .ranks = r->group.size};
    return mn_group_agree(&r->group, mn_loader_create(r->train, &l, &r->loader, err), err);
}

static mn_status finish(mn_run *r, mn_model **trained, mn_error *err)
{
    mn_train_event event = {.kind = MN_TRAIN_END, .trainer = r->trainer, .best_accuracy = r->best_accuracy};
    double loss;
    mn_status status = mn_run_evaluate(r, &loss, &event.accuracy_before, err);
    if (status == MN_OK)
        status = mn_run_reestimate(r, err);
    if (status == MN_OK)
        status = mn_run_evaluate(r, &event.loss, &event.accuracy, err);
    /* Kept where the held-out images do not speak against them. */
    if (status == MN_OK && event.loss > loss) {
        mn_trainer_reestimate_drop(r->trainer);
        event.loss = loss;
        event.accuracy = event.accuracy_before;
    }
    if (status == MN_OK)
        mn_run_report(r, &event);
    if (status == MN_OK)
        status = mn_group_agree(&r->group, mn_trainer_export(r->trainer, MN_WEIGHTS_EMA, trained, err), err);
    if (status != MN_OK) {
        mn_model_destroy(*trained);
        *trained = NULL;
    }
    return status;
}

static mn_status check_options(const mn_train_options *o, mn_error *err)
{
    if (!(o->validation >= 0 && o->validation < 1))
        return mn_fail(err, MN_ERROR_ARGUMENT, "validation is %g, must be at least 0 and below 1", o->validation);
    return mn_recipe_check(&o->recipe, err);
}

mn_status mn_train_run(const mn_model *model, const mn_dataset *dataset, const mn_train_options *options,
                       mn_model **trained, mn_error *err)
{
    mn_run r = {.options = options, .data = mn_dataset_fingerprint(dataset), .best_accuracy = -1};
    *trained = NULL;
    mn_status status = mn_group_open(options->comm, 0, &r.group, err);
    if (status == MN_OK)
        status = mn_group_agree(&r.group, check_options(options, err), err);
    if (status == MN_OK)
        status = mn_run_compare_ranks(&r, model, err);
    if (status == MN_OK)
        status = open_stores(&r, model, dataset, err);
    if (status == MN_OK)
        status = mn_group_agree(&r.group, open_trainer(&r, model, err), err);
    if (status == MN_OK)
        status = mn_run_load(&r, err);
    if (status == MN_OK)
        heed_patience(&r);
    if (status == MN_OK && mn_trainer_steps(r.trainer) == 0)
        status = mn_run_save(&r, err); /* a place that cannot be written is found before an epoch is lost */
    if (status == MN_OK) {
        mn_train_event event = {.kind = MN_TRAIN_START,
                                .train_images = mn_store_size(r.train),
                                .held_out = mn_store_size(r.held),
                                .bytes = mn_trainer_bytes(r.trainer)};
        mn_run_report(&r, &event);
        status = open_batches(&r, err);
    }
    if (status == MN_OK)
        status = learn(&r, err);
    if (status == MN_OK && !stopped(&r))
        status = finish(&r, trained, err);
    mn_loader_destroy(r.loader);
    mn_head_close(r.head);
    mn_head_close(r.held_embedding);
    mn_trainer_destroy(r.trainer);
    mn_store_close(r.train);
    mn_store_close(r.held);
    free(r.index);
    free(r.input);
    free(r.logits);
    free(r.outcomes);
    mn_group_close(&r.group);
    return status;
}
