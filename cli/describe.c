/* describe: what a MobileNet consists of and what it costs, for an architecture or a model file.
 *
 * The body table is the paper's Table 1, the shares are its Table 2; the counts come from mn_layer_get_cost.
 */
#include "describe.h"

#include <stdio.h>
#include <string.h>

#include "arch_options.h"
#include "commands.h"
#include "mobilenet/import.h"
#include "mobilenet/session.h"
#include "output.h"
#include "session_options.h"

typedef struct describe_values {
    cli_arch arch;
    cli_session session;
    const char *model;
    bool json;
} describe_values;

/* What is described. */
typedef struct subject {
    mn_net net;
    mn_net_cost cost;
    mn_model *model; /* NULL where an architecture is described */
    mn_session_options options;
    size_t session_bytes;
} subject;

static const char *type_words(const mn_layer *layer)
{
    static char text[32];
    static const char *const words[] = {"Conv", "Conv dw", "Conv", "Avg Pool", "FC", "Softmax"};
    snprintf(text, sizeof text, "%s / s%d", words[layer->op], layer->stride);
    return text;
}

static const char *filter_words(const mn_layer *layer)
{
    static char text[64];
    switch (layer->op) {
    case MN_OP_CONV:
    case MN_OP_POINTWISE:
        snprintf(text, sizeof text, "%dx%dx%dx%d", layer->kernel_height, layer->kernel_width, layer->in_channels,
                 layer->out_channels);
        break;
    case MN_OP_DEPTHWISE:
        snprintf(text, sizeof text, "%dx%dx%d dw", layer->kernel_height, layer->kernel_width, layer->out_channels);
        break;
    case MN_OP_POOL:
        snprintf(text, sizeof text, "Pool %dx%d", layer->kernel_height, layer->kernel_width);
        break;
    case MN_OP_CLASSIFIER:
        snprintf(text, sizeof text, "%dx%d", layer->in_channels, layer->out_channels);
        break;
    default:
        snprintf(text, sizeof text, "Classifier");
    }
    return text;
}

static void print_body(const mn_net *net)
{
    static const cli_column columns[] = {{"Layer", CLI_LEFT},        {"Type / stride", CLI_LEFT},
                                         {"Filter shape", CLI_LEFT}, {"Input size", CLI_LEFT},
                                         {"MACs", CLI_RIGHT},        {"Weights", CLI_RIGHT}};
    cli_table *table = cli_table_create(columns, CLI_COUNT(columns));
    for (int32_t i = 0; i < net->layer_count; i++) {
        const mn_layer *layer = &net->layers[i];
        mn_cost cost = mn_layer_get_cost(layer);
        cli_table_cell(table, "%s", layer->name);
        cli_table_cell(table, "%s", type_words(layer));
        cli_table_cell(table, "%s", filter_words(layer));
        cli_table_cell(table, "%dx%dx%d", layer->in_height, layer->in_width, layer->in_channels);
        cli_table_cell(table, "%s", cost.macs ? cli_count(cost.macs) : "-");
        cli_table_cell(table, "%s", cost.weights ? cli_count(cost.weights) : "-");
    }
    cli_table_print(table);
}

static double percent(int64_t part, int64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0.0;
}

static void print_shares(const mn_net_cost *cost)
{
    static const cli_column columns[] = {
        {"Share by kind", CLI_LEFT}, {"MACs", CLI_RIGHT}, {"%", CLI_RIGHT}, {"Weights", CLI_RIGHT}, {"%", CLI_RIGHT}};
    cli_table *table = cli_table_create(columns, CLI_COUNT(columns));
    for (int kind = 0; kind < MN_KIND_OTHER; kind++) {
        const mn_cost *part = &cost->by_kind[kind];
        if (part->macs == 0)
            continue;
        cli_table_cell(table, "%s", mn_layer_kind_name((mn_layer_kind)kind));
        cli_table_cell(table, "%s", cli_count(part->macs));
        cli_table_cell(table, "%.2f", percent(part->macs, cost->total.macs));
        cli_table_cell(table, "%s", cli_count(part->weights));
        cli_table_cell(table, "%.2f", percent(part->weights, cost->total.weights));
    }
    cli_table_rule(table);
    const mn_cost *sums[] = {&cost->total, &cost->without_classifier};
    static const char *const titles[] = {"total", "without classifier"};
    for (int i = 0; i < 2; i++) {
        cli_table_cell(table, "%s", titles[i]);
        cli_table_cell(table, "%s", cli_count(sums[i]->macs));
        cli_table_cell(table, "%.2f", percent(sums[i]->macs, cost->total.macs));
        cli_table_cell(table, "%s", cli_count(sums[i]->weights));
        cli_table_cell(table, "%.2f", percent(sums[i]->weights, cost->total.weights));
    }
    cli_table_print(table);
}

static int64_t trainable(const mn_cost *cost)
{
    return cost->weights + cost->biases + cost->bn_trainable;
}

static void print_totals(const subject *s)
{
    const mn_cost *total = &s->cost.total;
    printf("MACs are multiply-adds, padded taps included; weights are those of convolutions and\n"
           "classifier, without biases and batch norm (the paper's count).\n\n");
    printf("Parameters   %s trainable (weights, %s biases, %s of batch norm), %s with running statistics\n",
           cli_count(trainable(total)), cli_count(total->biases), cli_count(total->bn_trainable),
           cli_count(trainable(total) + total->bn_statistics));
    printf("Activations  %s values, %s; largest input and output of one layer %s\n", cli_count(total->activations),
           cli_bytes(total->activations * 4), cli_bytes(s->cost.activation_peak_bytes));
    printf("Session      %s bytes (%s) in one block: batch %d, %s, %s, level %s\n",
           cli_count((int64_t)s->session_bytes), cli_bytes((int64_t)s->session_bytes), s->options.batch,
           cli_threads_words(&s->options), cli_precision_name(&s->options), mn_cpu_level_name(s->options.max_level));
}

static void print_record(const mn_model *model)
{
    const mn_net *net = mn_model_net(model);
    const char *key, *value;
    printf("Input        %s\n", cli_preprocess_words(mn_model_preprocess(model), net->arch.channels));
    const char *first = mn_model_label(model, 0), *last = mn_model_label(model, net->arch.classes - 1);
    if (first && last)
        printf("Labels       %s ... %s%s\n", cli_clean(first), cli_clean(last),
               mn_model_has_labels(model) ? "" : " (ImageNet's, assumed from the number of classes)");
    else
        puts("Labels       none");
    for (int32_t i = 0; mn_model_info_at(model, i, &key, &value); i++)
        printf("%-12s %s\n", cli_clean(key), cli_clean(value));
}

static json_t *json_shape(int32_t height, int32_t width, int32_t channels)
{
    json_t *shape = json_array();
    cli_json_append(shape, json_integer(height));
    cli_json_append(shape, json_integer(width));
    cli_json_append(shape, json_integer(channels));
    return shape;
}

static json_t *json_layer(const mn_layer *layer)
{
    json_t *object = json_object(), *kernel = json_array(), *padding = json_array();
    mn_cost cost = mn_layer_get_cost(layer);
    cli_json_append(kernel, json_integer(layer->kernel_height));
    cli_json_append(kernel, json_integer(layer->kernel_width));
    const int32_t pads[] = {layer->pad_top, layer->pad_bottom, layer->pad_left, layer->pad_right};
    for (int i = 0; i < 4; i++)
        cli_json_append(padding, json_integer(pads[i]));
    cli_json_add(object, "name", cli_json_text(layer->name));
    cli_json_add(object, "op", cli_json_text(mn_op_name(layer->op)));
    cli_json_add(object, "kernel", kernel);
    cli_json_add(object, "stride", json_integer(layer->stride));
    cli_json_add(object, "padding", padding);
    cli_json_add(object, "activation", cli_json_text(mn_activation_name(layer->activation)));
    cli_json_add(object, "batch_norm", json_boolean(layer->batch_norm));
    cli_json_add(object, "bias", json_boolean(layer->bias));
    cli_json_add(object, "input", json_shape(layer->in_height, layer->in_width, layer->in_channels));
    cli_json_add(object, "output", json_shape(layer->out_height, layer->out_width, layer->out_channels));
    cli_json_add(object, "macs", json_integer(cost.macs));
    cli_json_add(object, "weights", json_integer(cost.weights));
    cli_json_add(object, "activations", json_integer(cost.activations));
    return object;
}

static json_t *json_kinds(const mn_net_cost *cost)
{
    json_t *array = json_array();
    for (int kind = 0; kind < MN_KIND_OTHER; kind++) {
        json_t *object = json_object();
        const mn_cost *part = &cost->by_kind[kind];
        cli_json_add(object, "kind", cli_json_text(mn_layer_kind_name((mn_layer_kind)kind)));
        cli_json_add(object, "macs", json_integer(part->macs));
        cli_json_add(object, "macs_percent", cli_json_real(percent(part->macs, cost->total.macs)));
        cli_json_add(object, "weights", json_integer(part->weights));
        cli_json_add(object, "weights_percent", cli_json_real(percent(part->weights, cost->total.weights)));
        cli_json_append(array, object);
    }
    return array;
}

static json_t *json_model(const mn_model *model)
{
    json_t *object = json_object(), *labels = json_array();
    const mn_net *net = mn_model_net(model);
    cli_json_add(object, "preprocess", cli_json_preprocess(mn_model_preprocess(model), net->arch.channels));
    for (int32_t k = 0; k < net->arch.classes && mn_model_label(model, k); k++)
        cli_json_append(labels, cli_json_text(mn_model_label(model, k)));
    cli_json_add(object, "labels", labels);
    cli_json_add(object, "labels_attached", json_boolean(mn_model_has_labels(model)));
    cli_json_add(object, "info", cli_json_info(model));
    return object;
}

static void print_json(const subject *s)
{
    const mn_cost *total = &s->cost.total, *body = &s->cost.without_classifier;
    json_t *object = json_object(), *layers = json_array();
    cli_json_add(object, "arch", cli_json_arch(&s->net.arch));
    cli_json_add(object, "macs", json_integer(total->macs));
    cli_json_add(object, "macs_without_classifier", json_integer(body->macs));
    cli_json_add(object, "weights", json_integer(total->weights));
    cli_json_add(object, "weights_without_classifier", json_integer(body->weights));
    cli_json_add(object, "biases", json_integer(total->biases));
    cli_json_add(object, "batch_norm_trainable", json_integer(total->bn_trainable));
    cli_json_add(object, "batch_norm_statistics", json_integer(total->bn_statistics));
    cli_json_add(object, "parameters_trainable", json_integer(trainable(total)));
    cli_json_add(object, "parameters", json_integer(trainable(total) + total->bn_statistics));
    cli_json_add(object, "activations", json_integer(total->activations));
    cli_json_add(object, "activation_peak_bytes", json_integer(s->cost.activation_peak_bytes));
    cli_json_add(object, "session_bytes", json_integer((json_int_t)s->session_bytes));
    cli_json_add(object, "session", cli_json_session(&s->options));
    cli_json_add(object, "by_kind", json_kinds(&s->cost));
    for (int32_t i = 0; i < s->net.layer_count; i++)
        cli_json_append(layers, json_layer(&s->net.layers[i]));
    cli_json_add(object, "layers", layers);
    if (s->model)
        cli_json_add(object, "model", json_model(s->model));
    cli_json_print(object);
}

#define SMALL 96 /* pixels: below, a stride of 32 is known to score badly */

static int run_describe(const cli_call *call)
{
    const describe_values *values = call->values;
    const char *clash = cli_given_in(call, CLI_ARCH_TITLE);
    subject s = {.model = NULL};
    mn_error err;
    mn_status status;
    int code = CLI_DONE;
    if (values->model && clash)
        return cli_misuse(call->command, "--%s cannot be combined with --model: the file says what it is", clash);
    if (values->model) {
        if (mn_model_import(values->model, &s.model, &err) != MN_OK)
            return cli_fail_status(&err);
        s.net = *mn_model_net(s.model);
    } else {
        mn_arch arch = cli_arch_get(&values->arch);
        if ((status = mn_net_build(&arch, &s.net, &err)) != MN_OK)
            return cli_misuse(call->command, "%s", err.message);
    }
    s.cost = mn_net_get_cost(&s.net);
    s.options = cli_session_get(&values->session);
    if (mn_session_size(&s.net, &s.options, &s.session_bytes, &err) != MN_OK) {
        code = cli_fail_status(&err);
    } else if (values->json) {
        print_json(&s);
    } else {
        printf("%s\n%s\n\n", cli_arch_title(&s.net.arch), cli_arch_details(&s.net.arch));
        print_body(&s.net);
        putchar('\n');
        print_shares(&s.cost);
        print_totals(&s);
        if (s.model)
            print_record(s.model);
        const mn_arch *arch = &s.net.arch;
        if (!s.model && arch->output_stride == 32 && arch->height < SMALL && arch->width < SMALL)
            cli_say("Images this small leave a last map of %dx%d pixels, which costs accuracy; --output-stride 16 or 8 "
                    "keeps more.",
                    (int)s.net.layers[s.net.layer_count - 3].in_height,
                    (int)s.net.layers[s.net.layer_count - 3].in_width);
    }
    mn_model_destroy(s.model);
    return code;
}

static const cli_option describe_options[] = {
    {"model", 'm', CLI_FILE, "FILE", NULL, NULL, 0, 0, offsetof(describe_values, model),
     "describe this model file instead of an architecture"},
    {"json", 'j', CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(describe_values, json), "print JSON"},
};

static const cli_group describe_groups[] = {
    CLI_ARCH_GROUP(offsetof(describe_values, arch)),
    CLI_SESSION_GROUPS(offsetof(describe_values, session)),
    {"Options", describe_options, CLI_COUNT(describe_options), 0},
};

const cli_command cli_describe = {
    .name = "describe",
    .summary = "Print the layers of a MobileNet and what it costs",
    .operands = "",
    .operand_kind = CLI_TEXT,
    .description = "Prints the layers of a MobileNet with their multiply-adds and weights (the paper's Table 1), the "
                   "share of each kind of layer (Table 2), and the memory that running it takes.\n"
                   "The network is given by the architecture options, or by a model file.",
    .examples = "The paper's network\nmobilenet describe\n"
                "Half the width, at 160x160, for machines\nmobilenet describe --alpha 0.5 --resolution 160 --json\n"
                "A network for 32x32 pictures of ten classes\n"
                "mobilenet describe --resolution 32 --classes 10 --output-stride 8\n"
                "What is in a file\nmobilenet describe --model mobilenet_v1.tflite",
    .groups = describe_groups,
    .group_count = CLI_COUNT(describe_groups),
    .value_bytes = sizeof(describe_values),
    .run = run_describe,
};
