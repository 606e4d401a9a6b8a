/* bench: how fast this machine runs a network, against what its arithmetic allows.
 *
 *     warm up, then rounds of { measure the peak of multiply-adds; run the network }, so that both meet the same
 *     clock and the same neighbours; medians over all of it
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch_options.h"
#include "commands.h"
#include "describe.h"
#include "inputs.h"
#include "output.h"
#include "session_options.h"

typedef struct bench_values {
    cli_arch arch;
    cli_session session;
    const char *model;
    double seconds;
    bool layers, cold, once, json;
} bench_values;

static const char *layer_range(const mn_net *net, const mn_step_info *step)
{
    static char text[2 * MN_LAYER_NAME_BYTES + 4];
    if (step->first_layer == step->last_layer)
        snprintf(text, sizeof text, "%s", net->layers[step->first_layer].name);
    else
        snprintf(text, sizeof text, "%s .. %s", net->layers[step->first_layer].name,
                 net->layers[step->last_layer].name);
    return text;
}

static void print_steps(const cli_bench *b)
{
    static const cli_column columns[] = {{"Layers", CLI_LEFT}, {"Kernel", CLI_LEFT},  {"ms", CLI_RIGHT},
                                         {"%", CLI_RIGHT},     {"GMAC/s", CLI_RIGHT}, {"% of peak", CLI_RIGHT},
                                         {"Note", CLI_LEFT}};
    cli_table *table = cli_table_create(columns, CLI_COUNT(columns));
    double total = 0;
    for (int32_t i = 0; i < b->step_count; i++)
        total += b->steps[i].seconds;
    for (int32_t i = 0; i < b->step_count; i++) {
        const mn_step_info *step = &b->steps[i];
        double rate = cli_bench_step_rate(b, step);
        cli_table_cell(table, "%s", layer_range(b->net, step));
        cli_table_cell(table, "%s", step->kernel);
        cli_table_cell(table, "%.4f", 1e3 * step->seconds);
        cli_table_cell(table, "%.1f", total > 0 ? 100 * step->seconds / total : 0);
        if (step->macs > 0) {
            cli_table_cell(table, "%.2f", rate);
            cli_table_cell(table, "%.1f", 200 * rate / b->peak_gflops);
        } else {
            cli_table_cell(table, "-");
            cli_table_cell(table, "-");
        }
        cli_table_cell(table, "%s", step->note);
    }
    cli_table_print(table);
    printf("ms is the median of each step over %d runs that time every step; %% is its share of their sum.\n",
           b->profile_runs);
}

static void print_text(const cli_bench *b)
{
    const char *plural = b->threads == 1 ? "" : "s";
    printf("%s\n%s\n\n", cli_arch_title(&b->net->arch), cli_arch_details(&b->net->arch));
    printf("peak      %.1f GFLOP/s of %s multiply-adds, %d thread%s at level %s (one multiply-add is two FLOP)%s\n",
           b->peak_gflops, cli_precision_name(&b->options), b->threads, plural, mn_cpu_level_name(b->level),
           b->level == MN_CPU_AMX_BF16 ? "; of zeros: out of reach with real numbers" : "");
    fputs("by level ", stdout);
    for (int level = 0; level < MN_CPU_LEVEL_COUNT; level++)
        if (b->peak_by_level[level] > 0)
            printf(" %s %.1f", mn_cpu_level_name((mn_cpu_level)level), b->peak_by_level[level]);
    puts(" (one thread)");
    printf("median    %.3f ms for %d image%s\n", b->median_ms, b->batch, b->batch == 1 ? "" : "s");
    printf("minimum   %.3f ms\n", b->min_ms);
    printf("spread    %.3f to %.3f ms hold 80 %% of %d runs (%.1f %% of the median)\n", b->low_ms, b->high_ms, b->runs,
           cli_bench_spread(b));
    printf("rate      %.2f GMAC/s, %.1f images a second, %.1f %% of the peak\n", cli_bench_rate(b),
           1e3 * b->batch / b->median_ms, cli_bench_percent(b));
    printf("memory    session %s bytes; process at its peak %s (this program with %s)\n",
           cli_count((int64_t)b->session_bytes), cli_bytes(b->peak_rss_bytes),
           b->model_path ? "the model of the file" : "the random model that it made");
    printf("making    %.2f ms to make the session from the model\n", b->create_ms);
    if (b->cold_ms > 0)
        printf("cold      %.2f ms from process start, over model file and session, to the first output\n", b->cold_ms);
    if (b->steps) {
        putchar('\n');
        print_steps(b);
    }
    if (b->disturbed)
        puts("disturbed: something ran faster than the measured peak, so other work disturbed the measurement; do not "
             "trust the shares of the peak");
}

static json_t *json_steps(const cli_bench *b)
{
    json_t *array = json_array();
    for (int32_t i = 0; i < b->step_count; i++) {
        const mn_step_info *step = &b->steps[i];
        json_t *object = json_object();
        double rate = cli_bench_step_rate(b, step);
        cli_json_add(object, "first_layer", cli_json_text(b->net->layers[step->first_layer].name));
        cli_json_add(object, "last_layer", cli_json_text(b->net->layers[step->last_layer].name));
        cli_json_add(object, "kernel", cli_json_text(step->kernel));
        cli_json_add(object, "note", cli_json_text(step->note));
        cli_json_add(object, "macs", json_integer(step->macs));
        cli_json_add(object, "ms", cli_json_real(1e3 * step->seconds));
        cli_json_add(object, "gmacs_per_s", rate > 0 ? cli_json_real(rate) : json_null());
        cli_json_add(object, "percent_of_peak", rate > 0 ? cli_json_real(200 * rate / b->peak_gflops) : json_null());
        cli_json_append(array, object);
    }
    return array;
}

static json_t *json_levels(const cli_bench *b)
{
    json_t *object = json_object();
    for (int level = 0; level < MN_CPU_LEVEL_COUNT; level++)
        if (b->peak_by_level[level] > 0)
            cli_json_add(object, mn_cpu_level_name((mn_cpu_level)level), cli_json_real(b->peak_by_level[level]));
    return object;
}

/* "Intel(R) Xeon(R) ...", where Linux says so; NULL elsewhere. */
static const char *processor_name(void)
{
    static char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    const char *name = NULL;
    while (file && !name && fgets(line, sizeof line, file))
        if (strncmp(line, "model name", 10) == 0 && (name = strstr(line, ": ")) != NULL) {
            name += 2;
            line[strcspn(line, "\n")] = '\0';
        }
    if (file)
        fclose(file);
    return name;
}

static void print_json(const cli_bench *b)
{
    json_t *object = json_object();
    cli_json_add(object, "version", cli_json_text(mn_version()));
    cli_json_add(object, "cpu", cli_json_text(processor_name()));
    cli_json_add(object, "model", cli_json_text(b->model_path));
    cli_json_add(object, "arch", cli_json_arch(&b->net->arch));
    cli_json_add(object, "macs", json_integer(b->macs));
    cli_json_add(object, "batch", json_integer(b->batch));
    cli_json_add(object, "threads", json_integer(b->threads));
    cli_json_add(object, "cpu_level", cli_json_text(mn_cpu_level_name(b->level)));
    cli_json_add(object, "precision", cli_json_text(cli_precision_name(&b->options)));
    cli_json_add(object, "runs", json_integer(b->runs));
    cli_json_add(object, "median_ms", cli_json_real(b->median_ms));
    cli_json_add(object, "min_ms", cli_json_real(b->min_ms));
    cli_json_add(object, "p10_ms", cli_json_real(b->low_ms));
    cli_json_add(object, "p90_ms", cli_json_real(b->high_ms));
    cli_json_add(object, "spread_percent", cli_json_real(cli_bench_spread(b)));
    cli_json_add(object, "images_per_second", cli_json_real(1e3 * b->batch / b->median_ms));
    cli_json_add(object, "gmacs_per_s", cli_json_real(cli_bench_rate(b)));
    cli_json_add(object, "peak_gflops", cli_json_real(b->peak_gflops));
    cli_json_add(object, "percent_of_peak", cli_json_real(cli_bench_percent(b)));
    cli_json_add(object, "disturbed", json_boolean(b->disturbed));
    cli_json_add(object, "peak_gflops_by_level", json_levels(b));
    cli_json_add(object, "session_bytes", json_integer((json_int_t)b->session_bytes));
    cli_json_add(object, "peak_rss_bytes", json_integer(b->peak_rss_bytes));
    cli_json_add(object, "create_ms", cli_json_real(b->create_ms));
    cli_json_add(object, "cold_start_ms", b->cold_ms > 0 ? cli_json_real(b->cold_ms) : json_null());
    if (b->steps)
        cli_json_add(object, "layers", json_steps(b));
    cli_json_print(object);
}

/* A model with random weights of the architecture that the options describe. */
static int make_model(const cli_call *call, const cli_arch *values, mn_model **model)
{
    mn_arch arch = cli_arch_get(values);
    mn_net net;
    mn_error err;
    if (mn_net_build(&arch, &net, &err) != MN_OK)
        return cli_misuse(call->command, "%s", err.message);
    if (mn_model_create(&arch, model, &err) != MN_OK)
        return cli_fail_status(&err);
    mn_model_initialise(*model, 1);
    return CLI_DONE;
}

static int run_bench(const cli_call *call)
{
    const bench_values *values = call->values;
    const char *clash = cli_given_in(call, CLI_ARCH_TITLE);
    mn_model *model = NULL;
    cli_bench b = {0};
    int code;
    if (values->model && clash)
        return cli_misuse(call->command, "--%s cannot be combined with --model: the file says what it is", clash);
    if (values->once && values->json)
        return cli_misuse(call->command, "--once prints a class alone, no JSON");
    code = values->model ? cli_model_open(call, values->model, &model, NULL) : make_model(call, &values->arch, &model);
    if (code != CLI_DONE)
        return code;
    b.options = cli_session_get(&values->session);
    if (b.options.threads > mn_cpu_processors())
        cli_say(
            "mobilenet: %d threads share the %d processor%s of this process: they wait for each other, and the peak "
            "is that of all of them",
            b.options.threads, mn_cpu_processors(), mn_cpu_processors() == 1 ? "" : "s");
    b.model = model;
    b.model_path = values->model;
    if (values->once) {
        code = cli_bench_once(&b);
    } else if ((code = cli_bench_run(&b, values->seconds, values->layers)) == CLI_DONE) {
        if (values->cold)
            code = cli_bench_cold(&b, call->program);
        if (code == CLI_DONE && values->json)
            print_json(&b);
        else if (code == CLI_DONE)
            print_text(&b);
    }
    cli_bench_free(&b);
    mn_model_destroy(model);
    return code;
}

static const cli_option bench_options[] = {
    {"model", 'm', CLI_FILE, "FILE", NULL, NULL, 0, 0, offsetof(bench_values, model),
     "time this model instead of random weights"},
    {"seconds", 's', CLI_REAL, "S", "3", NULL, 0.01, 3600, offsetof(bench_values, seconds),
     "how long to run the network in all"},
    {"layers", 'l', CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(bench_values, layers),
     "show every step: kernel, time (the median of its runs), rate, blocking"},
    {"cold", 'c', CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(bench_values, cold),
     "time a cold start too: a new process of this program that reads the model file and runs it once"},
    {"once", 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(bench_values, once),
     "run once and print the best class: what --cold starts"},
    {"json", 'j', CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(bench_values, json),
     "print JSON; keys end in their unit, percent_of_peak and spread_percent are percents"},
};

static const cli_group bench_groups[] = {
    CLI_ARCH_GROUP(offsetof(bench_values, arch)),
    CLI_SESSION_GROUPS(offsetof(bench_values, session)),
    {"Options", bench_options, CLI_COUNT(bench_options), 0},
};

const cli_command cli_bench_command = {
    .name = "bench",
    .summary = "Time a network against the peak of this processor",
    .operands = "",
    .operand_kind = CLI_TEXT,
    .description =
        "Measures the peak rate of multiply-adds of this processor and, in turn with it, the time that a network "
        "takes; "
        "prints the median, the minimum and the spread, the rate, and how much of the peak it is. Without --model the "
        "weights are random, which takes the same time.\n"
        "The peak is that of as many threads as the session has, all at once, in the precision of the session. AMX's "
        "is measured with zeros; with real numbers the clock falls, so it is out of reach. Where the network was "
        "clearly "
        "faster than the peak, other work disturbed the measurement, which is said (not with Winograd's products, "
        "which stand for more multiply-adds than they make).\n"
        "The memory of the process is all that this program had by then: code, model and session. Without --model "
        "the random weights that it made are in it; a program that maps a model file takes less.",
    .examples = "The paper's network on one thread\nmobilenet bench --threads 1\n"
                "Where the time goes\nmobilenet bench --alpha 0.25 --resolution 128 --threads 1 --layers",
    .groups = bench_groups,
    .group_count = CLI_COUNT(bench_groups),
    .value_bytes = sizeof(bench_values),
    .run = run_bench,
};
