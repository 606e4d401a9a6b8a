/* mobilenet reproduce: the paper's Tables 4 to 7 at small scale, on data of this machine's size. Every network of those
 * tables is trained with one recipe and measured on the data's test part.
 *
 *     row of the paper --scaled--> description --train--> FOLDER/NAME.safetensors --evaluate--> table, results.tsv
 *
 * A network whose file is there is not trained again, one with a checkpoint goes on: a long run may be stopped.
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "compare.h"
#include "evaluate.h"
#include "output.h"
#include "train.h"

typedef struct reproduce_values {
    cli_integers tables;
    const char *setting, *output;
    double base, epochs;
    int64_t limit, threads, seed;
} reproduce_values;

static volatile int stop_asked;

static void ask_stop(int signal_number)
{
    (void)signal_number;
    stop_asked = 1;
}

/* What is the same for all rows. */
typedef struct study {
    const reproduce_values *v;
    mn_dataset *train, *test;
    int32_t height, width, channels;
    cli_progress progress;
    int64_t first_step;
} study;

typedef struct result {
    mn_net_cost cost;
    double accuracy;
    char name[80];
} result;

static bool in_tables(const study *s, int table)
{
    for (int i = 0; i < s->v->tables.count; i++)
        if (s->v->tables.values[i] == table)
            return true;
    return false;
}

/* The paper's row with our base in place of alpha 1 and the data's size in place of 224. */
static mn_arch scale(const study *s, const cli_paper_row *row)
{
    mn_arch arch = mn_arch_default();
    arch.alpha = row->alpha * s->v->base;
    arch.rounding = MN_ROUNDING_FLOOR;
    arch.height = (int32_t)lround((double)s->height * row->resolution / 224);
    arch.width = (int32_t)lround((double)s->width * row->resolution / 224);
    arch.channels = s->channels;
    arch.classes = mn_dataset_class_count(s->train);
    arch.conv = row->conv;
    arch.depth = row->depth;
    arch.output_stride = 8;
    return arch;
}

static void listen(void *context, const mn_train_event *e)
{
    study *s = context;
    if (e->kind == MN_TRAIN_START) {
        s->first_step = e->step;
        s->progress = cli_progress_begin("train", "steps", e->steps - e->step);
    } else if (e->kind == MN_TRAIN_STEP) {
        cli_progress_step(&s->progress, e->step - s->first_step);
    } else if (e->kind == MN_TRAIN_END) {
        cli_progress_end(&s->progress);
    }
}

static mn_status start_model(const study *s, const mn_arch *arch, mn_model **model, mn_error *err)
{
    mn_preprocess record = mn_preprocess_default();
    record.crop = MN_CROP_NONE;
    record.resize = MN_RESIZE_PIL_BILINEAR;
    mn_status status = mn_model_create(arch, model, err);
    if (status != MN_OK)
        return status;
    mn_model_initialise(*model, (uint64_t)s->v->seed);
    return mn_model_set_preprocess(*model, &record, err);
}

static mn_status train_one(study *s, const mn_arch *arch, const char *path, mn_model **trained, mn_error *err)
{
    bool quick = strcmp(s->v->setting, "quick") == 0;
    char checkpoint[4096];
    mn_model *model = NULL;
    snprintf(checkpoint, sizeof checkpoint, "%.4080s.checkpoint", path);
    mn_train_options o = mn_train_options_default();
    cli_recipe_suit(s->train, arch, &o.recipe);
    o.recipe.seed = (uint64_t)s->v->seed;
    o.recipe.batch = quick ? 32 : 128;
    o.recipe.learning_rate = quick ? 0.05 : 0.1;
    o.recipe.warmup_epochs = 0.25;
    o.recipe.epochs = s->v->epochs > 0 ? s->v->epochs : quick ? 3 : 60;
    o.limit = s->v->limit > 0 ? s->v->limit : quick ? 6000 : 0;
    o.threads = (int32_t)s->v->threads;
    o.validation = 0;
    o.checkpoint = checkpoint;
    o.resume = true;
    o.stop = &stop_asked;
    o.report = listen;
    o.context = s;
    mn_status status = start_model(s, arch, &model, err);
    if (status == MN_OK)
        status = mn_train_run(model, s->train, &o, trained, err);
    mn_model_destroy(model);
    if (status == MN_OK && *trained) {
        char *text = mn_recipe_text(&o.recipe);
        status = text ? mn_model_set_info(*trained, "recipe", text, err) : MN_OK;
        free(text);
        if (status == MN_OK)
            status = mn_model_save(*trained, path, err);
        if (status == MN_OK)
            remove(checkpoint);
    }
    return status;
}

/* Share of the test part that is right. */
static int measure(const study *s, const mn_model *model, double *accuracy)
{
    int64_t right = 0, count = mn_dataset_size(s->test);
    cli_evaluation e = {.model = model, .data = s->test, .options = mn_session_options_default(), .count = count};
    e.options.threads = s->v->threads > 0 ? (int32_t)s->v->threads : 1;
    e.options.max_level = mn_cpu_best_level();
    e.outcomes = cli_alloc((size_t)count, sizeof *e.outcomes);
    int code = cli_evaluation_run(&e);
    for (int64_t i = 0; i < count; i++)
        right += e.outcomes[i].predicted == e.outcomes[i].wanted;
    free(e.outcomes);
    *accuracy = 100.0 * (double)right / (double)count;
    return code;
}

/* The file of a description; equal descriptions, which the tables share, have one. */
static void name_of(const mn_arch *arch, char *name, size_t size)
{
    snprintf(name, size, "%s-%s-%g-%dx%d", mn_conv_kind_name(arch->conv), mn_depth_name(arch->depth), arch->alpha,
             arch->height, arch->width);
}

static bool exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

/* Trains (or finds) and measures one row. CLI_FAILED, having said why, also where the run was stopped. */
static int run_row(study *s, const cli_paper_row *row, result *r)
{
    char path[4096];
    mn_arch arch = scale(s, row);
    mn_model *model = NULL;
    mn_error err;
    name_of(&arch, r->name, sizeof r->name);
    snprintf(path, sizeof path, "%.3900s/%s.safetensors", s->v->output, r->name);
    bool there = exists(path);
    cli_say("table %d, %s: %s%s", row->table, row->name, r->name, there ? " (there)" : "");
    mn_status status = there ? mn_model_load(path, &model, &err) : train_one(s, &arch, path, &model, &err);
    if (status != MN_OK)
        return cli_fail_status(&err);
    if (!model) {
        cli_say("stopped; the same command goes on from here");
        return CLI_FAILED;
    }
    r->cost = mn_net_get_cost(mn_model_net(model));
    int code = measure(s, model, &r->accuracy);
    mn_model_destroy(model);
    return code;
}

static int write_results(const study *s, const result *results)
{
    char path[4096];
    snprintf(path, sizeof path, "%.4000s/results.tsv", s->v->output);
    FILE *file = fopen(path, "w");
    if (!file)
        return cli_fail("%s cannot be opened for writing", path);
    fprintf(file, "table\tpaper\tnetwork\tmacs\tparameters\taccuracy\tpaper_accuracy\n");
    for (int i = 0; i < cli_paper_row_count; i++)
        if (results[i].name[0])
            fprintf(file, "%d\t%s\t%s\t%lld\t%lld\t%.2f\t%.1f\n", cli_paper_rows[i].table, cli_paper_rows[i].name,
                    results[i].name, (long long)results[i].cost.total.macs, (long long)results[i].cost.total.weights,
                    results[i].accuracy, cli_paper_rows[i].top1);
    return fclose(file) == 0 ? CLI_DONE : cli_fail("%s could not be written", path);
}

static void print_results(const result *results)
{
    static const cli_column columns[] = {
        {"Table", CLI_RIGHT},    {"Paper's network", CLI_LEFT}, {"Million MACs", CLI_RIGHT}, {"Parameters", CLI_RIGHT},
        {"Accuracy", CLI_RIGHT}, {"Paper's MACs", CLI_RIGHT},   {"Paper's top-1", CLI_RIGHT}};
    cli_table *table = cli_table_create(columns, CLI_COUNT(columns));
    for (int i = 0; i < cli_paper_row_count; i++) {
        if (!results[i].name[0])
            continue;
        cli_table_cell(table, "%d", cli_paper_rows[i].table);
        cli_table_cell(table, "%s", cli_paper_rows[i].name);
        cli_table_cell(table, "%.2f", (double)results[i].cost.total.macs / 1e6);
        cli_table_cell(table, "%s", cli_count(results[i].cost.total.weights));
        cli_table_cell(table, "%.2f %%", results[i].accuracy);
        cli_table_cell(table, "%s", cli_paper_rows[i].macs);
        cli_table_cell(table, "%.1f %%", cli_paper_rows[i].top1);
    }
    cli_table_print(table);
}

static int open_study(const cli_call *call, study *s)
{
    mn_error err;
    mn_image *image = NULL;
    const char *data = call->operands[0];
    mn_status status = mn_dataset_open(data, MN_SPLIT_TRAIN, NULL, 0, &s->train, &err);
    if (status == MN_OK)
        status = mn_dataset_open(data, MN_SPLIT_TEST, NULL, 0, &s->test, &err);
    if (status == MN_OK)
        status = mn_dataset_image(s->train, 0, &image, &err);
    if (status != MN_OK)
        return cli_fail_status(&err);
    s->height = image->height;
    s->width = image->width;
    s->channels = image->channels;
    mn_image_destroy(image);
    if (s->height > 64 || s->width > 64)
        return cli_misuse(call->command, "the images are %dx%d; this wants small ones, 64x64 at most", s->height,
                          s->width);
    if (mkdir(s->v->output, 0777) != 0 && !exists(s->v->output))
        return cli_fail("the folder %s cannot be made", s->v->output);
    return CLI_DONE;
}

static int run_reproduce(const cli_call *call)
{
    study s = {.v = call->values};
    result *results = cli_alloc((size_t)cli_paper_row_count, sizeof *results);
    struct sigaction action = {.sa_handler = ask_stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    int code = open_study(call, &s);
    for (int i = 0; code == CLI_DONE && i < cli_paper_row_count; i++)
        if (in_tables(&s, cli_paper_rows[i].table))
            code = run_row(&s, &cli_paper_rows[i], &results[i]);
    if (code == CLI_DONE)
        code = write_results(&s, results);
    if (code == CLI_DONE)
        print_results(results);
    free(results);
    mn_dataset_close(s.train);
    mn_dataset_close(s.test);
    return code;
}

static const cli_option reproduce_options[] = {
    {"tables", 0, CLI_INTEGERS, "N,N,...", "4,5,6,7", NULL, 4, 7, offsetof(reproduce_values, tables),
     "tables of the paper to repeat"},
    {"setting", 's', CLI_CHOICE, "KIND", "quick", "quick|full", 0, 0, offsetof(reproduce_values, setting),
     "quick: 6000 images, 3 epochs, batch 32; full: all images, 60 epochs, batch 128"},
    {"base", 0, CLI_REAL, "X", "0.25", NULL, 0.03, 1, offsetof(reproduce_values, base),
     "width multiplier that stands for the paper's alpha 1"},
    {"epochs", 'e', CLI_REAL, "X", "0", NULL, 0, 1e6, offsetof(reproduce_values, epochs),
     "passes over the training images; 0: the setting's"},
    {"limit", 'n', CLI_INTEGER, "N", "0", NULL, 0, 1e9, offsetof(reproduce_values, limit),
     "learn from N images, spread evenly over the data; 0: the setting's"},
    {"seed", 0, CLI_INTEGER, "N", "1", NULL, 0, 1e9, offsetof(reproduce_values, seed),
     "where all randomness comes from"},
    {"threads", 't', CLI_INTEGER, "N", NULL, NULL, 1, 256, offsetof(reproduce_values, threads),
     "threads that compute; otherwise every processor of this process"},
    {"output", 'o', CLI_FOLDER, "FOLDER", "reproduce", NULL, 0, 0, offsetof(reproduce_values, output),
     "where models, checkpoints and results.tsv go"},
};

static const cli_group reproduce_groups[] = {{"Options", reproduce_options, CLI_COUNT(reproduce_options), 0}};

const cli_command cli_reproduce = {
    .name = "reproduce",
    .summary = "Repeat the paper's training experiments on small images",
    .operands = "DATA",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_FOLDER,
    .description = "Trains the networks of the paper's Tables 4 to 7 (separable against standard convolution, thin "
                   "against shallow, four widths, four resolutions) on DATA with one recipe, measures each on the test "
                   "part, and prints the results beside the paper's.\n"
                   "The images' own size stands for 224, --base for alpha 1. Networks whose file is in the output "
                   "folder are measured again but not trained again, so a long run can be stopped and goes on with "
                   "the same command.",
    .examples = "In minutes, on Fashion-MNIST\nmobilenet reproduce /usr/share/datasets/fashion-mnist\n"
                "Table 4 alone, properly\nmobilenet reproduce cifar10 --tables 4 --setting full --base 1",
    .groups = reproduce_groups,
    .group_count = CLI_COUNT(reproduce_groups),
    .value_bytes = sizeof(reproduce_values),
    .run = run_reproduce,
};
