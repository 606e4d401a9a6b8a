/* One network of the study with one seed: trained, measured on the test part, kept.
 *
 * The file FOLDER/NAME.seedN.safetensors holds the model, the recipe and the result ("test_right", "test_images"), so
 * a run that goes on neither trains nor measures again. A file of another recipe is refused, not taken for ours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "evaluate.h"
#include "output.h"
#include "reproduce.h"
#include "train.h"

#define SETTING_KEY "study"

typedef struct listener {
    cli_progress progress;
    int64_t first_step;
} listener;

static void listen(void *context, const mn_train_event *e)
{
    listener *l = context;
    if (e->kind == MN_TRAIN_START) {
        l->first_step = e->step;
        l->progress = cli_progress_begin("train", "steps", e->steps - e->step);
    } else if (e->kind == MN_TRAIN_STEP) {
        cli_progress_step(&l->progress, e->step - l->first_step);
    } else if (e->kind == MN_TRAIN_SKIPPED) {
        cli_train_skipped(e);
    } else if (e->kind == MN_TRAIN_END) {
        cli_progress_end(&l->progress);
    }
}

static mn_recipe recipe_of(const cli_reproduce_study *s, const mn_arch *arch, int64_t seed)
{
    mn_recipe recipe = mn_recipe_default();
    cli_recipe_suit(s->train, arch, 0, &recipe);
    recipe.seed = (uint64_t)seed;
    recipe.batch = s->setting.batch;
    recipe.learning_rate = s->setting.learning_rate;
    if (!s->setting.shifts)
        recipe.pad_crop = 0;
    recipe.warmup_epochs = 0.25;
    recipe.epochs = s->setting.epochs;
    return recipe;
}

/* What a result depends on, beside the network: equal texts, equal results. To be given to free(). */
static char *describe(const cli_reproduce_study *s, const mn_recipe *recipe)
{
    char *text = mn_recipe_text(recipe);
    if (!text)
        cli_die("memory is short");
    size_t size = strlen(text) + 192;
    char *all = cli_alloc(size, 1);
    snprintf(all, size, "%sdata=%016llx %016llx\nimages=%lld of %lld\ntest=%lld\n", text,
             (unsigned long long)mn_dataset_fingerprint(s->train), (unsigned long long)mn_dataset_fingerprint(s->test),
             (long long)(s->setting.images > 0 ? s->setting.images : mn_dataset_size(s->train)),
             (long long)mn_dataset_size(s->train), (long long)mn_dataset_size(s->test));
    free(text);
    return all;
}

static mn_status start_model(const mn_arch *arch, uint64_t seed, mn_model **model, mn_error *err)
{
    mn_preprocess record = mn_preprocess_default();
    record.crop = MN_CROP_NONE;
    record.resize = MN_RESIZE_PIL_BILINEAR;
    mn_status status = mn_model_create(arch, model, err);
    if (status != MN_OK)
        return status;
    mn_model_initialise(*model, seed);
    return mn_model_set_preprocess(*model, &record, err);
}

/* *trained stays NULL where the run was stopped. */
static mn_status train(const cli_reproduce_study *s, const mn_arch *arch, const mn_recipe *recipe,
                       const char *checkpoint, mn_model **trained, mn_error *err)
{
    mn_model *model = NULL;
    listener l = {0};
    mn_train_options o = mn_train_options_default();
    o.recipe = *recipe;
    o.limit = s->setting.images;
    o.threads = (int32_t)s->values->threads;
    o.validation = 0;
    o.checkpoint = checkpoint;
    o.resume = true;
    o.stop = &cli_reproduce_stop;
    o.report = listen;
    o.context = &l;
    mn_status status = start_model(arch, recipe->seed, &model, err);
    if (status == MN_OK)
        status = mn_train_run(model, s->train, &o, trained, err);
    cli_progress_end(&l.progress);
    mn_model_destroy(model);
    return status;
}

static int measure(const cli_reproduce_study *s, const mn_model *model, int64_t *right)
{
    int64_t count = mn_dataset_size(s->test);
    cli_evaluation e = {.model = model, .data = s->test, .options = mn_session_options_default(), .count = count};
    e.options.threads = s->values->threads > 0 ? (int32_t)s->values->threads : mn_cpu_processors();
    e.options.max_level = mn_cpu_best_level();
    e.outcomes = cli_alloc((size_t)count, sizeof *e.outcomes);
    int code = cli_evaluation_run(&e);
    int64_t unread = 0;
    *right = 0;
    for (int64_t i = 0; i < count && code == CLI_DONE; i++) {
        *right += e.outcomes[i].predicted == e.outcomes[i].wanted;
        unread += e.outcomes[i].predicted < 0;
    }
    free(e.outcomes);
    if (unread > 0)
        return cli_fail(
            "%lld of the %lld pictures of the test part could not be read: mend or remove them, and give the "
            "same command again",
            (long long)unread, (long long)count);
    return code;
}

static mn_status keep(mn_model *model, const char *setting, int64_t right, int64_t images, const char *path,
                      mn_error *err)
{
    char text[32];
    mn_status status = mn_model_set_info(model, SETTING_KEY, setting, err);
    snprintf(text, sizeof text, "%lld", (long long)right);
    if (status == MN_OK)
        status = mn_model_set_info(model, "test_right", text, err);
    snprintf(text, sizeof text, "%lld", (long long)images);
    if (status == MN_OK)
        status = mn_model_set_info(model, "test_images", text, err);
    return status == MN_OK ? mn_model_save(model, path, err) : status;
}

/* The first line in which two texts of settings differ. */
static void difference(const char *a, const char *b, char *text, size_t size)
{
    while (*a && *b) {
        int la = (int)strcspn(a, "\n"), lb = (int)strcspn(b, "\n");
        if (la != lb || memcmp(a, b, (size_t)la) != 0) {
            snprintf(text, size, "%.*s, now %.*s", la, a, lb, b);
            return;
        }
        a += la + (a[la] == '\n');
        b += lb + (b[lb] == '\n');
    }
    snprintf(text, size, "another recipe");
}

/* The result of a file that is there. */
static int take(const char *path, const char *setting, double *accuracy)
{
    mn_model *model = NULL;
    mn_error err;
    if (mn_model_load(path, &model, &err) != MN_OK)
        return cli_fail_status(&err);
    const char *theirs = mn_model_info(model, SETTING_KEY), *right = mn_model_info(model, "test_right");
    const char *images = mn_model_info(model, "test_images");
    double count = images ? strtod(images, NULL) : 0;
    int code = CLI_DONE;
    if (!theirs || !right || !(count > 0)) {
        code = cli_fail("%s is no result of this command; give another --output", path);
    } else if (strcmp(theirs, setting) != 0) {
        char text[256];
        difference(theirs, setting, text, sizeof text);
        code = cli_fail("%s was trained otherwise (%s); give another --output", path, cli_clean(text));
    } else {
        *accuracy = 100 * strtod(right, NULL) / count;
    }
    mn_model_destroy(model);
    return code;
}

/* Trains, measures, and keeps the model. */
static int make(const cli_reproduce_study *s, const mn_arch *arch, const mn_recipe *recipe, const char *path,
                double *accuracy)
{
    char checkpoint[4096];
    mn_model *model = NULL;
    mn_error err;
    int64_t right, images = mn_dataset_size(s->test);
    snprintf(checkpoint, sizeof checkpoint, "%.4080s.checkpoint", path);
    if (train(s, arch, recipe, checkpoint, &model, &err) != MN_OK)
        return cli_fail_status(&err);
    if (!model) {
        cli_say("stopped; the same command goes on from here");
        return CLI_FAILED;
    }
    char *setting = describe(s, recipe);
    int code = measure(s, model, &right);
    if (code == CLI_DONE && keep(model, setting, right, images, path, &err) != MN_OK)
        code = cli_fail_status(&err);
    if (code == CLI_DONE)
        remove(checkpoint);
    *accuracy = 100 * (double)right / (double)images;
    free(setting);
    mn_model_destroy(model);
    return code;
}

/* The file of training number `at`; whether it is there. */
static bool find(const cli_reproduce_study *s, int at, char *path, size_t size)
{
    struct stat info;
    snprintf(path, size, "%.3900s/%s.seed%lld.safetensors", s->values->output, s->networks[at % s->network_count].name,
             (long long)s->values->seed + at / s->network_count);
    return stat(path, &info) == 0;
}

/* "; about 1 h 20 min to the end", by the multiply-adds of what this run has trained so far; nothing where that is none. */
static const char *time_left(const cli_reproduce_study *s)
{
    static char text[64];
    char path[4096];
    double macs = 0;
    for (int at = s->at; at < (int)s->values->seeds * s->network_count; at++)
        if (!find(s, at, path, sizeof path))
            macs += (double)s->networks[at % s->network_count].cost.total.macs;
    snprintf(text, sizeof text, "; about %s to the end", s->macs > 0 ? cli_duration(macs * s->seconds / s->macs) : "");
    return s->macs > 0 ? text : "";
}

int cli_reproduce_train(cli_reproduce_study *s)
{
    char path[4096];
    double accuracy = 0, start = cli_seconds();
    cli_reproduce_network *n = &s->networks[s->at % s->network_count];
    long long seed = (long long)s->values->seed + s->at / s->network_count;
    mn_recipe recipe = recipe_of(s, &n->arch, seed);
    bool there = find(s, s->at, path, sizeof path);
    char *setting = describe(s, &recipe);
    cli_say("network %d of %d: %s, seed %lld: %s%s", s->at + 1, (int)s->values->seeds * s->network_count, n->name, seed,
            there ? "there" : "training", there ? "" : time_left(s));
    int code = there ? take(path, setting, &accuracy) : make(s, &n->arch, &recipe, path, &accuracy);
    free(setting);
    if (code != CLI_DONE)
        return code;
    cli_say("%s, seed %lld: %.2f %%", n->name, seed, accuracy);
    n->accuracy[n->count++] = accuracy;
    if (!there) {
        s->macs += (double)n->cost.total.macs;
        s->seconds += cli_seconds() - start;
    }
    return CLI_DONE;
}
