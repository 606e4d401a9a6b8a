/* A whole training run: data set in, model out.
 *
 *     split --> stores (train, held out) --> loader --> steps --> held-out accuracy after each epoch
 *                                                  \--> checkpoints, on a stop too
 *     at the end batch norm's statistics are taken anew from plain training images
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/locale.h"
#include "base/status.h"
#include "train/head.h"
#include "train/loader.h"
#include "train/split.h"
#include "train/trainer.h"

typedef struct run {
    const mn_train_options *options;
    int64_t *index; /* see mn_split_samples */
    mn_store *train, *held;
    mn_trainer *trainer;
    mn_loader *loader;              /* of images, or, where the head alone is learned, */
    mn_head *head, *held_embedding; /* embeddings */
    float *input, *logits;          /* one batch of plain images and its result */
    int64_t steps, steps_per_epoch;
    double best_accuracy, best_epoch;
    double loss_sum;          /* of this epoch */
    int64_t correct, counted; /* of this epoch */
} run;

mn_train_options mn_train_options_default(void)
{
    return (mn_train_options){
        .recipe = mn_recipe_default(), .loader_threads = 1, .validation = 0.1, .pixel_bytes = (size_t)1 << 30};
}

static void report(const run *r, mn_train_event *event)
{
    if (r->trainer) {
        event->step = mn_trainer_steps(r->trainer);
        event->epoch = (double)event->step / (double)r->steps_per_epoch;
    }
    event->steps = r->steps;
    if (r->options->report)
        r->options->report(r->options->context, event);
}

static void report_skip(void *context, const char *what, const char *why)
{
    mn_train_event event = {.kind = MN_TRAIN_SKIPPED, .what = what, .why = why};
    report(context, &event);
}

static mn_status open_stores(run *r, const mn_model *model, const mn_dataset *dataset, mn_error *err)
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
                          .context = r};
    status = mn_store_open(dataset, r->index, learned, &s, &r->train, err);
    if (status == MN_OK)
        status = mn_store_open(dataset, r->index + count, held, &s, &r->held, err);
    return status;
}

static mn_status open_trainer(run *r, const mn_model *model, mn_error *err)
{
    const mn_train_options *o = r->options;
    r->steps_per_epoch = mn_store_size(r->train) / o->recipe.batch;
    if (r->steps_per_epoch < 1)
        return mn_fail(err, MN_ERROR_ARGUMENT, "batch is %d, but there are only %lld images to learn from",
                       o->recipe.batch, (long long)mn_store_size(r->train));
    r->steps = (int64_t)ceil(o->recipe.epochs * (double)r->steps_per_epoch);
    mn_trainer_options t = {.threads = o->threads, .steps_per_epoch = r->steps_per_epoch, .head_only = o->head_only};
    mn_status status = mn_trainer_create(model, &o->recipe, &t, &r->trainer, err);
    if (status != MN_OK)
        return status;
    const mn_arch *arch = &mn_model_net(model)->arch;
    size_t image = (size_t)arch->height * (size_t)arch->width * (size_t)arch->channels;
    r->input = mn_calloc(image * (size_t)o->recipe.batch, sizeof *r->input);
    r->logits = mn_calloc((size_t)arch->classes * (size_t)o->recipe.batch, sizeof *r->logits);
    if (!r->input || !r->logits)
        return mn_fail_memory(err, image * (size_t)o->recipe.batch * sizeof *r->input, "a batch of images");
    return MN_OK;
}

static bool file_exists(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file)
        fclose(file);
    return file != NULL;
}

/* What is kept in a checkpoint beside the trainer: "images N\nbest A E\nepoch L C N\n". */
static mn_status save_checkpoint(run *r, mn_error *err)
{
    char note[256];
    if (!r->options->checkpoint)
        return MN_OK;
    locale_t old = mn_locale_begin();
    snprintf(note, sizeof note, "images %lld\nbest %.17g %.17g\nepoch %.17g %lld %lld\n",
             (long long)mn_store_size(r->train), r->best_accuracy, r->best_epoch, r->loss_sum, (long long)r->correct,
             (long long)r->counted);
    mn_locale_end(old);
    mn_status status = mn_trainer_save(r->trainer, note, r->options->checkpoint, err);
    mn_train_event event = {.kind = MN_TRAIN_CHECKPOINT, .what = r->options->checkpoint};
    if (status == MN_OK)
        report(r, &event);
    return status;
}

static mn_status load_checkpoint(run *r, mn_error *err)
{
    const char *path = r->options->checkpoint;
    if (!r->options->resume || !path || !file_exists(path))
        return MN_OK;
    char *note = NULL;
    mn_status status = mn_trainer_load(r->trainer, path, &note, err);
    if (status != MN_OK)
        return status;
    long long images = 0, correct = 0, counted = 0;
    locale_t old = mn_locale_begin();
    int fields = sscanf(note, "images %lld\nbest %lg %lg\nepoch %lg %lld %lld", &images, &r->best_accuracy,
                        &r->best_epoch, &r->loss_sum, &correct, &counted);
    mn_locale_end(old);
    if (fields != 6)
        status = mn_fail(err, MN_ERROR_FORMAT, "%s: the note of the run is damaged", path);
    else if (images != mn_store_size(r->train))
        status = mn_fail(err, MN_ERROR_ARGUMENT, "%s: the run had %lld training images, now there are %lld", path,
                         images, (long long)mn_store_size(r->train));
    r->correct = correct;
    r->counted = counted;
    free(note);
    return status;
}

/* Plain images first.. of a store into r->input (not wanted where embeddings are kept), and how many they are. */
static mn_status plain_batch(run *r, const mn_store *store, int64_t first, int32_t *count, mn_error *err)
{
    const mn_store_options *o = mn_store_get_options(store);
    size_t image = (size_t)o->height * (size_t)o->width * (size_t)o->channels;
    int64_t rest = mn_store_size(store) - first, batch = r->options->recipe.batch;
    *count = (int32_t)(rest < batch ? rest : batch);
    for (int32_t i = 0; i < *count && !r->head; i++) {
        mn_status status = mn_store_plain(store, first + i, r->input + (size_t)i * image, err);
        if (status != MN_OK)
            return status;
    }
    return MN_OK;
}

/* Loss and accuracy on the held-out images. */
static mn_status evaluate(run *r, double *loss, double *accuracy, mn_error *err)
{
    int64_t total = mn_store_size(r->held), correct = 0;
    int32_t classes = mn_store_get_options(r->held)->classes;
    double sum = 0;
    *loss = *accuracy = (double)NAN;
    for (int64_t first = 0; first < total;) {
        int32_t count, right, label[1];
        mn_status status = plain_batch(r, r->held, first, &count, err);
        if (status == MN_OK)
            status = r->head ? mn_trainer_predict_head(r->trainer, MN_WEIGHTS_EMA,
                                                       mn_head_rows(r->held_embedding, first), count, r->logits, err)
                             : mn_trainer_predict(r->trainer, MN_WEIGHTS_EMA, r->input, count, r->logits, err);
        if (status != MN_OK)
            return status;
        for (int32_t i = 0; i < count; i++) {
            label[0] = mn_store_label(r->held, first + i);
            mn_targets targets = {.label = label};
            sum += mn_loss(r->logits + (size_t)i * (size_t)classes, 1, classes, &targets, NULL, &right);
            correct += right;
        }
        first += count;
    }
    if (total > 0) {
        *loss = sum / (double)total;
        *accuracy = (double)correct / (double)total;
    }
    return MN_OK;
}

static mn_status finish_epoch(run *r, mn_error *err)
{
    mn_train_event event = {.kind = MN_TRAIN_EPOCH, .trainer = r->trainer};
    mn_status status = evaluate(r, &event.loss, &event.accuracy, err);
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
    report(r, &event);
    return MN_OK;
}

static mn_status one_step(run *r, mn_error *err)
{
    mn_batch batch;
    mn_train_event event = {.kind = MN_TRAIN_STEP};
    mn_status status = MN_OK;
    if (r->head)
        mn_head_batch(r->head, mn_trainer_steps(r->trainer), &batch);
    else
        status = mn_loader_next(r->loader, &batch, err);
    if (status == MN_OK)
        status = mn_trainer_step(r->trainer, &batch, &event.result, err);
    if (status != MN_OK)
        return status;
    r->loss_sum += event.result.loss * batch.count;
    r->correct += event.result.correct;
    r->counted += batch.count;
    report(r, &event);
    return MN_OK;
}

static bool out_of_patience(const run *r, double epoch)
{
    return r->options->patience > 0 && mn_store_size(r->held) > 0 && epoch - r->best_epoch >= r->options->patience;
}

static bool stopped(const run *r)
{
    return r->options->stop && *r->options->stop;
}

/* Steps until the end, a stop or an error. A step that fails leaves the trainer as it was: that is kept. */
static mn_status learn(run *r, mn_error *err)
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
        if (status == MN_OK && (every > 0 ? step % every == 0 : epoch_ends)) {
            status = save_checkpoint(r, err);
            saved = true;
        }
        if (epoch_ends && out_of_patience(r, (double)step / (double)r->steps_per_epoch))
            break;
    }
    if (!saved && status == MN_OK)
        status = save_checkpoint(r, err);
    else if (!saved && status == MN_ERROR_NUMERIC)
        save_checkpoint(r, NULL);
    return status;
}

/* Batch norm's statistics from the batches that would come next: images augmented as those learned from, since plain ones
 * have other statistics than the weights are used to. */
static mn_status reestimate(run *r, mn_error *err)
{
    int64_t wanted = r->options->recipe.reestimate_batches;
    if (wanted == 0 || r->options->head_only)
        return MN_OK;
    if (wanted > r->steps_per_epoch)
        wanted = r->steps_per_epoch;
    mn_trainer_reestimate_begin(r->trainer, MN_WEIGHTS_EMA);
    for (int64_t k = 0; k < wanted; k++) {
        mn_batch batch;
        mn_status status = mn_loader_next(r->loader, &batch, err);
        if (status != MN_OK)
            return status;
        mn_trainer_reestimate_batch(r->trainer, batch.input, batch.count);
    }
    mn_trainer_reestimate_end(r->trainer);
    return MN_OK;
}

static mn_status open_batches(run *r, mn_error *err)
{
    const mn_train_options *o = r->options;
    if (!o->head_only)
        return mn_loader_create(r->train, &o->recipe, mn_trainer_steps(r->trainer),
                                o->loader_threads > 0 ? o->loader_threads : 1, &r->loader, err);
    mn_head *head;
    mn_status status = mn_head_open(r->trainer, r->held, r->input, &r->held_embedding, err);
    if (status == MN_OK)
        status = mn_head_open(r->trainer, r->train, r->input, &head, err);
    if (status == MN_OK)
        r->head = head;
    return status;
}

static mn_status finish(run *r, mn_model **trained, mn_error *err)
{
    mn_train_event event = {.kind = MN_TRAIN_END, .trainer = r->trainer};
    double loss, accuracy;
    mn_status status = evaluate(r, &loss, &accuracy, err);
    if (status == MN_OK)
        status = reestimate(r, err);
    if (status == MN_OK)
        status = evaluate(r, &event.loss, &event.accuracy, err);
    /* Kept where the held-out images do not speak against them. */
    if (status == MN_OK && event.loss > loss) {
        mn_trainer_reestimate_drop(r->trainer);
        event.loss = loss;
        event.accuracy = accuracy;
    }
    if (status == MN_OK)
        report(r, &event);
    if (status == MN_OK)
        status = mn_trainer_export(r->trainer, MN_WEIGHTS_EMA, trained, err);
    return status;
}

mn_status mn_train_run(const mn_model *model, const mn_dataset *dataset, const mn_train_options *options,
                       mn_model **trained, mn_error *err)
{
    run r = {.options = options, .best_accuracy = -1};
    *trained = NULL;
    if (!(options->validation >= 0 && options->validation < 1))
        return mn_fail(err, MN_ERROR_ARGUMENT, "validation is %g, must be at least 0 and below 1", options->validation);
    mn_status status = open_stores(&r, model, dataset, err);
    if (status == MN_OK)
        status = open_trainer(&r, model, err);
    if (status == MN_OK)
        status = load_checkpoint(&r, err);
    if (status == MN_OK && mn_trainer_steps(r.trainer) == 0)
        status = save_checkpoint(&r, err); /* a place that cannot be written is found before an epoch is lost */
    if (status == MN_OK) {
        mn_train_event event = {.kind = MN_TRAIN_START,
                                .train_images = mn_store_size(r.train),
                                .held_out = mn_store_size(r.held),
                                .bytes = mn_trainer_bytes(r.trainer)};
        report(&r, &event);
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
    return status;
}
