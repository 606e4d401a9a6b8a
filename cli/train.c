/* mobilenet train: a data set in, a model out. */
#include "train.h"

#include <errno.h>
#include <libgen.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "output.h"
#include "ranks.h"
#include "train_events.h"

typedef struct train_values {
    cli_arch arch;
    cli_recipe recipe;
    const char *output, *log, *tensorboard, *from;
    double validation, patience, dropout;
    int64_t checkpoint_steps, threads, loader_threads, pixel_mib;
    bool resume, strict, head_only, no_checkpoint, sync_bn, json;
} train_values;

static volatile int stop_asked;

static void ask_stop(int signal_number)
{
    (void)signal_number;
    stop_asked = 1;
}

/* What the reports of a run are written to. */
typedef struct listener {
    const train_values *values;
    FILE *log; /* JSON lines, or NULL */
    const mn_recipe *recipe;
    const mn_comm *comm; /* or NULL */
    cli_events *events;  /* for TensorBoard, or NULL */
    cli_progress progress;
    double start;
    int64_t skipped, first_step, shown_step, steps;
    bool finished;   /* the run that --resume found was over: nothing is logged */
    double accuracy; /* the last on held-out images */
    char best_path[4096];
} listener;

static void log_line(listener *l, json_t *object)
{
    char *text = l->log && !l->finished ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(8)) : NULL;
    if (text && fprintf(l->log, "%s\n", text) > 0)
        fflush(l->log); /* what fails is said when the file is closed */
    free(text);
    json_decref(object);
}

static json_t *log_object(const char *event, const mn_train_event *e)
{
    json_t *object = json_object();
    cli_json_add(object, "event", cli_json_text(event));
    cli_json_add(object, "step", json_integer(e->step));
    cli_json_add(object, "epoch", cli_json_real(e->epoch));
    return object;
}

static void begin_steps(listener *l, const mn_train_event *e)
{
    l->start = cli_seconds();
    l->shown_step = l->first_step = e->step;
    l->progress = cli_progress_begin("train", "steps", e->steps - e->step);
}

static void on_start(listener *l, const mn_train_event *e)
{
    cli_say("%s images to learn from, %s held out%s, %s steps, %s of memory", cli_count(e->train_images),
            cli_count(e->held_out), l->skipped ? " (some were left out)" : "", cli_count(e->steps),
            cli_bytes((int64_t)e->bytes));
    l->finished = e->step > 0 && e->step >= e->steps;
    if (l->finished)
        cli_say("this run is finished already, with step %s; its model is written once more", cli_count(e->step));
    else if (e->step > 0)
        cli_say("going on after step %s", cli_count(e->step));
    json_t *object = log_object("start", e);
    cli_json_add(object, "steps", json_integer(e->steps));
    cli_json_add(object, "train_images", json_integer(e->train_images));
    cli_json_add(object, "held_out", json_integer(e->held_out));
    cli_json_add(object, "skipped", json_integer(l->skipped));
    log_line(l, object);
    if (e->step == 0 && e->held_out > 0 && access(l->best_path, F_OK) == 0)
        cli_say("%s is there; the first epoch replaces it", cli_clean(l->best_path));
    begin_steps(l, e);
}

/* The first of these events is at 0; the clock of the steps starts after the last. */
static void on_features(listener *l, const mn_train_event *e)
{
    if (e->done == 0)
        l->progress = cli_progress_begin("features", "images", e->total);
    cli_progress_step(&l->progress, e->done);
    if (e->done < e->total)
        return;
    cli_progress_end(&l->progress);
    begin_steps(l, e);
}

/* Another run's checkpoint was put aside: its best model goes with it. */
static void on_kept(listener *l, const mn_train_event *e)
{
    char best[sizeof l->best_path + 16], of[48] = "";
    snprintf(best, sizeof best, "%s%.15s", l->best_path, strrchr(e->what, '.')); /* the same ending */
    if (e->total > 0)
        snprintf(of, sizeof of, " of %s", cli_count(e->total));
    bool with_best = rename(l->best_path, best) == 0;
    cli_say("without --resume this run starts anew; an earlier one came to step %s%s, its checkpoint is kept as %s%s%s "
            "(rename it back "
            "and give --resume to go on with it)",
            cli_count(e->done), of, cli_clean(e->what), with_best ? ", its best model as " : "",
            with_best ? cli_clean(best) : "");
}

static void on_step(listener *l, const mn_train_event *e)
{
    cli_progress_step(&l->progress, e->step - l->first_step);
    if (l->events) {
        cli_events_scalar(l->events, "train/loss", e->step, e->result.loss);
        cli_events_scalar(l->events, "train/rate", e->step, e->result.rate);
        cli_events_scalar(l->events, "train/gradient_norm", e->step, e->result.gradient_norm);
    }
    if (!l->log)
        return;
    json_t *object = log_object("step", e);
    cli_json_add(object, "loss", cli_json_real(e->result.loss));
    cli_json_add(object, "rate", cli_json_real(e->result.rate));
    cli_json_add(object, "gradient_norm", cli_json_real(e->result.gradient_norm));
    log_line(l, object);
}

/* What a model's file says of the run. accuracy: share of the held-out images, or NaN. */
static mn_status describe_run(mn_model *model, const listener *l, double accuracy, mn_error *err)
{
    char words[64];
    char *text = mn_recipe_text(l->recipe);
    mn_status status = MN_OK;
    if (!text)
        cli_die("memory is short");
    status = mn_model_set_info(model, "recipe", text, err);
    free(text);
    if (status == MN_OK && !isnan(accuracy)) {
        snprintf(words, sizeof words, "%.2f %% of the images held out from training", 100 * accuracy);
        status = mn_model_set_info(model, "accuracy", words, err);
    }
    /* What the recipe does not say and the weights depend on. */
    if (status == MN_OK && l->comm && !l->values->sync_bn) {
        snprintf(words, sizeof words, "%d, each with batch norm of its own", l->comm->size);
        status = mn_model_set_info(model, "ranks", words, err);
    }
    return status;
}

static void save_best(listener *l, const mn_train_event *e)
{
    mn_model *model = NULL;
    mn_error err;
    if (mn_trainer_export(e->trainer, MN_WEIGHTS_EMA, &model, &err) != MN_OK ||
        describe_run(model, l, e->accuracy, &err) != MN_OK || mn_model_save(model, l->best_path, &err) != MN_OK)
        cli_say("the best model so far could not be kept: %s", err.message);
    mn_model_destroy(model);
}

static void on_epoch(listener *l, const mn_train_event *e)
{
    int64_t steps = e->step - l->shown_step;
    double seconds = cli_seconds() - l->start;
    double rate = seconds > 0 ? (double)steps * mn_trainer_recipe(e->trainer)->batch / seconds : 0;
    char held[64] = "";
    if (!isnan(e->accuracy))
        snprintf(held, sizeof held, "; held out: loss %.4f, %.2f %%%s", e->loss, 100 * e->accuracy,
                 e->best ? " (best)" : "");
    cli_progress_end(&l->progress);
    cli_say("epoch %.4g: loss %.4f, %.2f %%%s; %s images a second", e->epoch, e->train_loss, 100 * e->train_accuracy,
            held, cli_rate(rate));
    l->start = cli_seconds();
    l->shown_step = e->step;
    json_t *object = log_object("epoch", e);
    cli_json_add(object, "train_loss", cli_json_real(e->train_loss));
    cli_json_add(object, "train_accuracy", cli_json_real(e->train_accuracy));
    cli_json_add(object, "loss", cli_json_real(e->loss));
    cli_json_add(object, "accuracy", cli_json_real(e->accuracy));
    cli_json_add(object, "images_per_second", cli_json_real(rate));
    log_line(l, object);
    if (l->events) {
        cli_events_scalar(l->events, "epoch/train_accuracy", e->step, e->train_accuracy);
        cli_events_scalar(l->events, "epoch/loss", e->step, e->loss);
        cli_events_scalar(l->events, "epoch/accuracy", e->step, e->accuracy);
    }
    if (e->best)
        save_best(l, e);
}

static void on_end(listener *l, const mn_train_event *e)
{
    l->accuracy = e->accuracy;
    l->steps = e->step;
    cli_progress_end(&l->progress);
    if (!isnan(e->accuracy) && e->accuracy != e->accuracy_before)
        cli_say("with statistics of batch norm taken anew: held out %.2f %% (%.2f %% before)", 100 * e->accuracy,
                100 * e->accuracy_before);
    if (e->best_accuracy > e->accuracy)
        cli_say("the best epoch had %.2f %%: %s", 100 * e->best_accuracy, cli_clean(l->best_path));
    json_t *object = log_object("end", e);
    cli_json_add(object, "loss", cli_json_real(e->loss));
    cli_json_add(object, "accuracy", cli_json_real(e->accuracy));
    log_line(l, object);
}

void cli_train_skipped(const mn_train_event *e)
{
    bool named = strstr(e->why, e->what) != NULL;
    cli_say("left out: %s%s%s", named ? "" : cli_clean(e->what), named ? "" : ": ", cli_clean(e->why));
}

static void on_event(void *context, const mn_train_event *e)
{
    listener *l = context;
    switch (e->kind) {
    case MN_TRAIN_SKIPPED:
        l->skipped++;
        cli_train_skipped(e);
        break;
    case MN_TRAIN_KEPT:
        on_kept(l, e);
        break;
    case MN_TRAIN_START:
        on_start(l, e);
        break;
    case MN_TRAIN_FEATURES:
        on_features(l, e);
        break;
    case MN_TRAIN_STEP:
        on_step(l, e);
        break;
    case MN_TRAIN_EPOCH:
        on_epoch(l, e);
        break;
    case MN_TRAIN_CHECKPOINT:
        log_line(l, log_object("checkpoint", e));
        break;
    case MN_TRAIN_END:
        on_end(l, e);
        break;
    }
}

static void print_result(const listener *l)
{
    const train_values *v = l->values;
    if (v->json) {
        json_t *object = json_object();
        cli_json_add(object, "model", cli_json_text(v->output));
        cli_json_add(object, "steps", json_integer(l->steps));
        cli_json_add(object, "skipped", json_integer(l->skipped));
        cli_json_add(object, "accuracy", isnan(l->accuracy) ? json_null() : cli_json_real(100 * l->accuracy));
        cli_json_print(object);
    } else if (!isnan(l->accuracy)) {
        printf("%s: %.2f %% of the held-out images right\n", v->output, 100 * l->accuracy);
    } else {
        printf("%s\n", v->output);
    }
}

/* A folder that cannot be written is found before any work. */
static int check_place(const char *path)
{
    char copy[4096];
    snprintf(copy, sizeof copy, "%s", path);
    return access(dirname(copy), W_OK | X_OK) == 0 ? CLI_DONE : cli_fail_write(path);
}

/* Opens what the reports are written to; rank 0 alone does. */
static int open_listener(const cli_call *call, listener *l, char *checkpoint, size_t size)
{
    const train_values *v = l->values;
    struct stat info = {0};
    if (snprintf(checkpoint, size, "%s.checkpoint", v->output) >= (int)size ||
        snprintf(l->best_path, sizeof l->best_path, "%s.best", v->output) >= (int)sizeof l->best_path)
        return cli_misuse(call->command, "the name of the output is too long");
    if (cli_output_muted())
        return CLI_DONE;
    if (stat(v->output, &info) == 0 && S_ISDIR(info.st_mode))
        return cli_fail("%s is a folder; --output wants the name of a file, for instance %s/model.safetensors",
                        v->output, v->output);
    bool missing = v->resume && access(checkpoint, F_OK) != 0;
    if (missing)
        cli_say("--resume: there is no %s; this run starts anew", cli_clean(checkpoint));
    if (S_ISREG(info.st_mode) && (!v->resume || missing))
        cli_say("%s is there; it stays until this run ends, and is replaced then", cli_clean(v->output));
    if (check_place(v->output) != CLI_DONE)
        return CLI_FAILED;
    if (v->log && !(l->log = fopen(v->log, v->resume ? "a" : "w")))
        return cli_fail_write(v->log);
    if (v->tensorboard && !(l->events = cli_events_open(v->tensorboard, v->resume)))
        return cli_fail_write(v->tensorboard);
    return CLI_DONE;
}

static int close_listener(listener *l, int code)
{
    cli_progress_end(&l->progress);
    if (l->log && !cli_close(l->log))
        code = cli_fail_write(l->values->log);
    if (!cli_events_close(l->events))
        code = cli_fail_write(l->values->tensorboard);
    return code;
}

/* Rank 0 writes the model and prints the result. */
static int finish(listener *l, mn_model *trained)
{
    mn_error err;
    if (!trained) {
        cli_say(l->values->no_checkpoint ? "stopped; nothing is kept to go on from, as --no-checkpoint asks"
                                         : "stopped; go on with --resume and the same options");
        return CLI_FAILED;
    }
    if (cli_output_muted())
        return CLI_DONE;
    mn_status status = describe_run(trained, l, l->accuracy, &err);
    if (status == MN_OK)
        status = mn_model_save(trained, l->values->output, &err);
    if (status != MN_OK)
        return cli_fail_status(&err);
    print_result(l);
    return CLI_DONE;
}

static int learn(const cli_call *call, const mn_dataset *data, const mn_model *model, const mn_recipe *recipe,
                 const mn_comm *comm)
{
    const train_values *v = call->values;
    char checkpoint[4096];
    listener l = {.values = v, .recipe = recipe, .comm = comm, .accuracy = (double)NAN};
    mn_error err;
    mn_model *trained = NULL;
    int code = cli_ranks_agree(comm, open_listener(call, &l, checkpoint, sizeof checkpoint));
    if (code != CLI_DONE)
        return close_listener(&l, code);
    mn_train_options options = mn_train_options_default();
    options.recipe = *recipe;
    options.threads = cli_ranks_threads(v->threads);
    options.comm = comm;
    options.sync_bn = v->sync_bn;
    options.loader_threads = (int32_t)v->loader_threads;
    options.head_only = v->head_only;
    options.validation = v->validation;
    options.patience = v->patience;
    options.strict = v->strict;
    options.pixel_bytes = (size_t)v->pixel_mib << 20;
    options.checkpoint = v->no_checkpoint ? NULL : checkpoint;
    options.checkpoint_steps = v->checkpoint_steps;
    options.resume = v->resume;
    options.stop = &stop_asked;
    options.report = on_event;
    options.context = &l;
    mn_status status = mn_train_run(model, data, &options, &trained, &err);
    cli_progress_end(&l.progress);
    if (status == MN_OK) {
        code = finish(&l, trained);
        code = cli_ranks_agree(comm, close_listener(&l, code));
    } else { /* the ranks' agreed error: they talk no more */
        code = close_listener(&l, cli_fail_status(&err));
        if (comm && options.checkpoint && l.progress.total > 0)
            cli_say("the last checkpoint is %s; go on with --resume and the same options", checkpoint);
    }
    mn_model_destroy(trained);
    return code;
}

/* What every rank makes for itself: the data set, the model to start from, the recipe. */
static int prepare(const cli_call *call, mn_dataset **data, mn_model **model, mn_recipe *recipe)
{
    const train_values *v = call->values;
    mn_error err;
    *recipe = mn_recipe_default();
    int code = cli_recipe_get(call, &v->recipe, recipe);
    if (code != CLI_DONE)
        return code;
    if (v->head_only && (recipe->mixup > 0 || recipe->cutmix > 0))
        return cli_misuse(call->command, "--mixup and --cutmix mix whole images, which --head-only does not see");
    if (mn_dataset_open(call->operands[0], MN_SPLIT_LEARN, NULL, 0, data, &err) != MN_OK)
        return cli_fail_status(&err);
    if (mn_dataset_class_count(*data) < 2)
        return cli_fail("%s has one class only: nothing to tell apart; DATA wants a folder for each class",
                        cli_clean(call->operands[0]));
    const char *kinds;
    int64_t others = mn_dataset_passed_over(*data, &kinds);
    cli_say_passed_over(others, kinds);
    uint64_t seed = recipe->seed;
    cli_train_change change = {.dropout = cli_given(call, "dropout") ? v->dropout : -1};
    if (cli_given(call, "resolution"))
        change.resolution = v->arch.resolution;
    code = v->from ? cli_train_from(v->from, &change, call->operands[0], data, seed, model)
                   : cli_train_fresh(call, &v->arch, v->dropout, *data, seed, model);
    if (code != CLI_DONE)
        return code;
    *recipe = mn_recipe_default();
    cli_recipe_suit(*data, &mn_model_net(*model)->arch, v->validation, recipe);
    code = cli_recipe_get(call, &v->recipe, recipe);
    if (code == CLI_DONE && !cli_given(call, "learning-rate"))
        recipe->learning_rate = v->from ? CLI_FINE_TUNING_RATE : cli_recipe_rate(recipe->batch);
    return code;
}

static int run_train(const cli_call *call)
{
    const train_values *v = call->values;
    mn_dataset *data = NULL;
    mn_model *model = NULL;
    mn_recipe recipe;
    const mn_comm *comm;
    for (int i = 0; v->from && i < CLI_ARCH_OPTION_COUNT; i++)
        if (cli_given(call, cli_arch_options[i].name) && strcmp(cli_arch_options[i].name, "resolution") != 0)
            return cli_misuse(call->command,
                              "--%s goes with a new model; of --from's architecture only --resolution "
                              "and --dropout can change",
                              cli_arch_options[i].name);
    if (v->head_only && !v->from)
        return cli_misuse(call->command, "--head-only wants a trained model: --from MODEL");
    if (v->resume && v->no_checkpoint)
        return cli_misuse(call->command, "--resume goes on from a checkpoint, --no-checkpoint wants none");
    int code = cli_ranks_open(call, &comm);
    if (code != CLI_DONE)
        return code;
    code = cli_ranks_agree(comm, prepare(call, &data, &model, &recipe));
    if (code == CLI_DONE) {
        struct sigaction action = {.sa_handler = ask_stop};
        sigaction(SIGTERM, &action, NULL);
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGUSR1, &action, NULL);
        cli_say("%s\n%s", cli_arch_title(&mn_model_net(model)->arch), cli_arch_details(&mn_model_net(model)->arch));
        cli_say("batch %d, learning rate %g, %g epoch%s", recipe.batch, recipe.learning_rate, recipe.epochs,
                recipe.epochs == 1 ? "" : "s");
        if (comm)
            cli_say("%d ranks share every batch of %d; batch norm's statistics are %s", comm->size, recipe.batch,
                    v->sync_bn ? "of the whole batch" : "of each rank's part (--sync-bn: of the whole batch)");
        code = learn(call, data, model, &recipe, comm);
    }
    mn_model_destroy(model);
    mn_dataset_close(data);
    cli_ranks_close();
    return code;
}

static const cli_option train_options[] = {
    {"output", 'o', CLI_FILE, "MODEL", "model.safetensors", NULL, 0, 0, offsetof(train_values, output),
     "where the trained model goes; MODEL.best keeps the best epoch so far (with moving statistics of batch "
     "norm), MODEL.checkpoint the state"},
    {"from", 'f', CLI_FILE, "MODEL", NULL, NULL, 0, 0, offsetof(train_values, from),
     "start from this trained model (its --resolution may be another); otherwise from random weights"},
    {"head-only", 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(train_values, head_only),
     "learn the classifier alone, the rest stays as --from has it"},
    {"validation", 0, CLI_REAL, "X", "0.1", NULL, 0, 0.9, offsetof(train_values, validation),
     "share of the training images that is held out to measure accuracy"},
    {"patience", 0, CLI_REAL, "X", "0", NULL, 0, 1e6, offsetof(train_values, patience),
     "stop after this many epochs without a better accuracy; 0: never"},
    {"dropout", 0, CLI_REAL, "X", "0.001", NULL, 0, 0.99, offsetof(train_values, dropout),
     "share of the classifier's inputs that is dropped while learning; with --from otherwise as the model has it"},
    {"resume", 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(train_values, resume),
     "go on from MODEL.checkpoint where it exists; give the same options again"},
    {"checkpoint-steps", 0, CLI_INTEGER, "N", "0", NULL, 0, 1e12, offsetof(train_values, checkpoint_steps),
     "write the checkpoint every N steps; 0: after every epoch. SIGTERM, SIGINT and SIGUSR1 write one, too, and stop"},
    {"no-checkpoint", 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(train_values, no_checkpoint),
     "write no checkpoint"},
    {"log", 0, CLI_FILE, "FILE", NULL, NULL, 0, 0, offsetof(train_values, log),
     "write every step and epoch as a line of JSON, accuracies as shares from 0 to 1; otherwise no log"},
    {"tensorboard", 0, CLI_FOLDER, "FOLDER", NULL, NULL, 0, 0, offsetof(train_values, tensorboard),
     "write TensorBoard events there; otherwise none"},
    {"strict", 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(train_values, strict),
     "an image that cannot be decoded ends the run; otherwise it is named and left out"},
    {"threads", 't', CLI_INTEGER, "N", NULL, NULL, 1, 256, offsetof(train_values, threads),
     "threads that compute; otherwise every processor of this process. The result is the same"},
    {"sync-bn", 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(train_values, sync_bn),
     "under mpirun: take batch norm's statistics of the whole batch, so that 2 or 4 processes give the result of one; "
     "otherwise of each rank's part"},
    {"loader-threads", 0, CLI_INTEGER, "N", "1", NULL, 1, 64, offsetof(train_values, loader_threads),
     "threads that decode and augment ahead. The result is the same"},
    {"pixel-memory", 0, CLI_INTEGER, "MIB", "1024", NULL, 1, 1 << 20, offsetof(train_values, pixel_mib),
     "decoded images are kept up to this size, the rest is decoded again in every epoch"},
    {"json", 'j', CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(train_values, json),
     "print the result as JSON; accuracy is in percent"},
};

static const char *const by_data[] = {"resolution", "channels", "classes", "output-stride", NULL};

static const cli_group train_groups[] = {
    {"Training", train_options, CLI_COUNT(train_options), 0},
    CLI_ARCH_GROUP(offsetof(train_values, arch)),
    CLI_RECIPE_GROUP(offsetof(train_values, recipe)),
};

const cli_command cli_train = {
    .name = "train",
    .summary = "Learn a model from labelled images",
    .operands = "DATA",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_FOLDER,
    .description =
        "Learns a MobileNet from a folder of class folders, a list file, IDX files (MNIST family) or "
        "CIFAR binaries, laid out as evaluate --help says; where there are a train and a test part, from the train "
        "part.\n"
        "Small images (64 pixels at most) are learned at their own size with output stride 8, larger ones "
        "at 224x224; --resolution and --output-stride say otherwise.\n"
        "The same seed gives the same bits for any number of threads, and after a stop and --resume. "
        "The recipe is stored in the model.\n"
        "mpirun -n N shares every batch among N processes, on one machine or several; each reads its part of "
        "the data, the first alone writes files.",
    .examples = "A classifier from folders of photographs, half the width\nmobilenet train photos --alpha 0.5\n"
                "Fine-tune a trained model on them\nmobilenet train photos --from mobilenet.safetensors\n"
                "Its classifier alone, in seconds, at a larger input\nmobilenet train photos --from mobilenet.tflite "
                "--head-only --resolution 224\n"
                "Go on after a stop\nmobilenet train photos --alpha 0.5 --resume\n"
                "On four machines, with the same result as on one\n"
                "mpirun -n 4 --hostfile machines mobilenet train photos --alpha 0.5 --sync-bn",
    .groups = train_groups,
    .group_count = CLI_COUNT(train_groups),
    .by_data = by_data,
    .value_bytes = sizeof(train_values),
    .run = run_train,
};
