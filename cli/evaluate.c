/* evaluate: top-1, top-5 and the confusion matrix of a model on labelled data. */
#include "evaluate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch_options.h"
#include "commands.h"
#include "confusion.h"
#include "inputs.h"
#include "output.h"
#include "ranks.h"
#include "session_options.h"

typedef struct evaluate_values {
    const char *model, *split, *csv;
    int64_t limit;
    bool confusion, json;
    cli_run run;
} evaluate_values;

typedef struct totals {
    int64_t images, skipped, top1, top5;
} totals;

/* Whether the data are a list of numbers, which may leave classes out. */
static bool is_numbered(const mn_dataset *data)
{
    return strcmp(mn_dataset_kind(data), "list") == 0 && !mn_dataset_class_name(data, 0);
}

/* The rule: names decide where the data have them and the model knows all of them; otherwise the class number does, and
 * then the numbers of classes must be equal (a list of numbers may leave the last ones out). ImageNet's background
 * class, first of 1001, is stepped over. `hint` ends the message where they do not fit. */
static int map_classes(const mn_model *model, const mn_dataset *data, const char *hint, cli_mapping *mapping)
{
    int32_t classes = mn_model_net(model)->arch.classes, offset = mn_model_class_offset(model);
    int32_t have = mn_dataset_class_count(data);
    if (cli_same_names(model, data)) {
        *mapping = (cli_mapping){0, "by name"};
        return CLI_DONE;
    }
    const char *first = mn_dataset_class_name(data, 0), *label = mn_model_label(model, offset);
    if (first && label && have == classes - offset)
        cli_say("mobilenet: the names of the data ('%s', ...) are not those of the model ('%s', ...): classes are "
                "matched by number",
                cli_clean(first), cli_clean(label));
    if (have == classes - offset || (is_numbered(data) && have < classes - offset)) {
        *mapping = (cli_mapping){offset, offset ? "by number, after the model's background class" : "by number"};
        return CLI_DONE;
    }
    if (have == classes) {
        *mapping = (cli_mapping){0, "by number, background class included"};
        return CLI_DONE;
    }
    if (is_numbered(data))
        return cli_fail("the class numbers of the data go up to %d, the model has %d class%s: they do not fit%s",
                        have - 1, classes - offset, classes - offset == 1 ? "" : "es", hint);
    return cli_fail("the data have %d class%s%s%s%s, the model has %d%s%s%s: they do not fit%s", have,
                    have == 1 ? "" : "es", first ? " (the first is '" : "", first ? cli_clean(first) : "",
                    first ? "')" : "", classes - offset, label ? " (the first is '" : "", label ? cli_clean(label) : "",
                    label ? "')" : "", hint);
}

static totals count_outcomes(const cli_evaluation *e)
{
    totals t = {0};
    for (int64_t i = 0; i < e->count; i++) {
        const cli_outcome *o = &e->outcomes[i];
        if (o->predicted < 0) {
            t.skipped++;
            continue;
        }
        t.images++;
        t.top1 += o->predicted == o->wanted;
        t.top5 += o->in_top5;
    }
    return t;
}

static double percent(int64_t part, int64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0.0;
}

static const char *part_name(const mn_dataset *data)
{
    mn_split part = mn_dataset_part(data);
    return part == MN_SPLIT_TEST ? "test" : part == MN_SPLIT_TRAIN ? "train" : "all";
}

static void print_text(const cli_evaluation *e, const totals *t, const char *model, const char *data, bool confusion)
{
    const mn_arch *arch = &mn_model_net(e->model)->arch;
    printf("model   %s: %s\n", cli_clean(model), cli_arch_title(arch));
    printf("data    %s: %s, part %s, %lld image%s", cli_clean(data), mn_dataset_kind(e->data), part_name(e->data),
           (long long)t->images, t->images == 1 ? "" : "s");
    if (e->count < mn_dataset_size(e->data))
        printf(" spread over %lld", (long long)mn_dataset_size(e->data));
    if (t->skipped > 0)
        printf(", %lld could not be read", (long long)t->skipped);
    if (is_numbered(e->data))
        printf("\nclasses 0 to %d, matched %s\n", mn_dataset_class_count(e->data) - 1, e->mapping.words);
    else
        printf("\nclasses %d, matched %s\n", mn_dataset_class_count(e->data), e->mapping.words);
    printf("top-1   %6.2f %%  (%lld right)\n", percent(t->top1, t->images), (long long)t->top1);
    if (arch->classes > 5)
        printf("top-5   %6.2f %%  (%lld right)\n", percent(t->top5, t->images), (long long)t->top5);
    printf("speed   %.1f images a second (%s, ", (double)e->count / e->seconds, cli_duration(e->seconds));
    if (e->comm)
        printf("%d ranks of ", e->comm->size);
    printf("%d %s, %s, level %s)\n", e->options.threads, e->options.threads == 1 ? "thread" : "threads",
           cli_precision_name(&e->options), mn_cpu_level_name(e->options.max_level));
    if (confusion)
        cli_confusion_print(e);
}

static void print_json(const cli_evaluation *e, const totals *t, const char *model, const char *data, bool confusion)
{
    json_t *object = json_object();
    cli_json_add(object, "model", cli_json_text(model));
    cli_json_add(object, "data", cli_json_text(data));
    cli_json_add(object, "kind", cli_json_text(mn_dataset_kind(e->data)));
    cli_json_add(object, "split", cli_json_text(part_name(e->data)));
    cli_json_add(object, "classes", json_integer(mn_dataset_class_count(e->data)));
    cli_json_add(object, "class_mapping", cli_json_text(e->mapping.words));
    cli_json_add(object, "images", json_integer(t->images));
    cli_json_add(object, "skipped", json_integer(t->skipped));
    cli_json_add(object, "top1", cli_json_real(percent(t->top1, t->images)));
    cli_json_add(object, "top5", cli_json_real(percent(t->top5, t->images)));
    cli_json_add(object, "top1_right", json_integer(t->top1));
    cli_json_add(object, "top5_right", json_integer(t->top5));
    cli_json_add(object, "seconds", cli_json_real(e->seconds));
    cli_json_add(object, "images_per_second", cli_json_real((double)e->count / e->seconds));
    cli_json_add(object, "ranks", json_integer(e->comm ? e->comm->size : 1));
    cli_json_add(object, "threads", json_integer(e->options.threads));
    cli_json_add(object, "cpu_level", cli_json_text(mn_cpu_level_name(e->options.max_level)));
    cli_json_add(object, "precision", cli_json_text(cli_precision_name(&e->options)));
    if (confusion)
        cli_json_add(object, "confusion", cli_confusion_json(e));
    cli_json_print(object);
}

static int finish(const cli_evaluation *e, const evaluate_values *values, const char *model, const char *data)
{
    totals t = count_outcomes(e);
    if (values->json)
        print_json(e, &t, model, data, values->confusion);
    else
        print_text(e, &t, model, data, values->confusion);
    if (values->csv && !cli_confusion_write(e, values->csv))
        return cli_fail_write(values->csv);
    if (t.skipped > 0)
        return cli_fail("%lld of %lld pictures could not be read and are not counted", (long long)t.skipped,
                        (long long)e->count);
    return CLI_DONE;
}

/* Words of warning where the first image is of another kind than the model's. */
static void warn_channels(const mn_model *model, const mn_dataset *data)
{
    mn_image *image = NULL;
    if (mn_dataset_size(data) > 0 && mn_dataset_image(data, 0, &image, NULL) == MN_OK)
        cli_warn_channels(model, image);
    mn_image_destroy(image);
}

/* Words of warning where nobody named a model and the one that comes with the program is none for these data. */
static void warn_default(const mn_model *model, const mn_dataset *data)
{
    if (!cli_same_names(model, data))
        cli_say("mobilenet: the classes of the data are not known to be this model's, so the result may mean nothing; "
                "--model FILE names another");
}

/* What every rank reads for itself; `labels` are the model's, which the data set is given. */
static int prepare(const cli_call *call, cli_evaluation *e, mn_model **model, mn_dataset **data,
                   const char **model_path, const char ***labels)
{
    const evaluate_values *values = call->values;
    mn_split split = !values->split                        ? MN_SPLIT_DEFAULT
                     : strcmp(values->split, "train") == 0 ? MN_SPLIT_TRAIN
                                                           : MN_SPLIT_TEST;
    mn_error err;
    int code = cli_model_open(call, values->model, model, model_path);
    if (code != CLI_DONE)
        return code;
    *labels = cli_model_labels(*model);
    if (mn_dataset_open(call->operands[0], split, *labels, mn_model_net(*model)->arch.classes, data, &err) != MN_OK)
        return cli_fail_status(&err);
    *e = (cli_evaluation){.model = *model, .data = *data, .comm = e->comm, .options = cli_run_get(&values->run)};
    e->options.threads = cli_ranks_threads(e->options.threads);
    if (e->options.threads == 0)
        e->options.threads = mn_cpu_processors();
    const char *kinds;
    int64_t others = mn_dataset_passed_over(*data, &kinds);
    cli_say_passed_over(others, kinds);
    warn_channels(*model, *data);
    const char *hint = values->model ? "" : "; --model FILE names another model";
    if ((code = map_classes(*model, *data, hint, &e->mapping)) != CLI_DONE)
        return code;
    if (!values->model)
        warn_default(*model, *data);
    int64_t size = mn_dataset_size(*data);
    e->count = values->limit > 0 && values->limit < size ? values->limit : size;
    int64_t places = cli_evaluation_block(e) * (e->comm ? e->comm->size : 1);
    e->outcomes = cli_alloc((size_t)places, sizeof *e->outcomes);
    return CLI_DONE;
}

static int run_evaluate(const cli_call *call)
{
    const char *model_path = NULL;
    mn_model *model = NULL;
    mn_dataset *data = NULL;
    const char **labels = NULL;
    cli_evaluation e = {0};
    int code = cli_ranks_open(call, &e.comm);
    if (code != CLI_DONE)
        return code;
    code = cli_ranks_agree(e.comm, prepare(call, &e, &model, &data, &model_path, &labels));
    if (code == CLI_DONE)
        code = cli_evaluation_run(&e);
    if (code == CLI_DONE && !cli_output_muted())
        code = finish(&e, call->values, model_path, call->operands[0]);
    free(e.outcomes);
    free(labels);
    mn_dataset_close(data);
    mn_model_destroy(model);
    cli_ranks_close();
    return code;
}

static const cli_option evaluate_options[] = {
    {"model", 'm', CLI_FILE, "FILE", NULL, NULL, 0, 0, offsetof(evaluate_values, model),
     "model file; otherwise the default model beside the program"},
    {"split", 's', CLI_CHOICE, "PART", NULL, "train|test", 0, 0, offsetof(evaluate_values, split),
     "which part of the data; otherwise test where there are two parts, everything where there are not"},
    {"limit", 'n', CLI_INTEGER, "N", NULL, NULL, 1, 1e15, offsetof(evaluate_values, limit),
     "evaluate N images, spread evenly over the data; otherwise all"},
    {"confusion", 'c', CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(evaluate_values, confusion),
     "show what was taken for what: a table up to 20 classes, the most frequent confusions above"},
    {"confusion-csv", 0, CLI_FILE, "FILE", NULL, NULL, 0, 0, offsetof(evaluate_values, csv),
     "write the whole confusion matrix as CSV: a row a true class, a column a predicted class"},
    {"json", 'j', CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(evaluate_values, json),
     "print JSON; top1 and top5 are percents"},
};

static const cli_group evaluate_groups[] = {
    {"Options", evaluate_options, CLI_COUNT(evaluate_options), 0},
    CLI_RUN_GROUP(offsetof(evaluate_values, run)),
};

const cli_command cli_evaluate = {
    .name = "evaluate",
    .summary = "Measure the accuracy of a model on labelled pictures",
    .operands = "DATA",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_FILE,
    .description =
        "Runs a model over labelled pictures and prints how often the right class comes first (top-1) and among the "
        "first five (top-5).\n"
        "DATA is a folder of class folders (with train and test, val, valid or validation inside, if there are parts); "
        "or a list file "
        "with "
        "lines 'PATH CLASS', or the folder that holds it as labels.txt; or a folder with IDX files, gzip or not; or "
        "CIFAR-10 or CIFAR-100 binary files.\n"
        "Classes are matched by name where the data name them and the model knows every name, otherwise by number "
        "(a list that names an unknown class is refused); "
        "ImageNet's background class, first of 1001, is stepped over. Where the numbers of classes do not fit, nothing "
        "is run.\n"
        "mpirun -n N shares the pictures among N processes; the result is the same.",
    .examples = "A folder of class folders\nmobilenet evaluate --model flowers.safetensors flowers/\n"
                "Fashion-MNIST as Debian packages it\n"
                "mobilenet evaluate -m fashion.safetensors /usr/share/datasets/fashion-mnist",
    .groups = evaluate_groups,
    .group_count = CLI_COUNT(evaluate_groups),
    .value_bytes = sizeof(evaluate_values),
    .run = run_evaluate,
};
