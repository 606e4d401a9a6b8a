/* compare: the paper's tables beside our count of the same networks, and the time that each takes on this machine. */
#include "compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "commands.h"
#include "output.h"
#include "session_options.h"

#define SECONDS_A_ROW 0.3

typedef struct compare_values {
    bool no_time, json;
    cli_run run;
} compare_values;

/* One row of the paper, counted and timed. */
typedef struct entry {
    const cli_paper_row *row;
    cli_recount count;
    double ms; /* below 0: not timed */
} entry;

static const char *const titles[] = {
    [3] = "Table 3: one layer of 14x14x512, its multiply-adds and parameters",
    [4] = "Table 4: depthwise separable against full convolutions",
    [5] = "Table 5: narrow against shallow",
    [6] = "Table 6: width multiplier",
    [7] = "Table 7: resolution",
};

/* Two rows may stand for the same network: it is timed once. */
static const entry *find_same(const entry *entries, int count, const cli_paper_row *row)
{
    for (int i = 0; i < count; i++) {
        const cli_paper_row *other = entries[i].row;
        if (other->alpha == row->alpha && other->resolution == row->resolution && other->conv == row->conv &&
            other->depth == row->depth && other->one_layer == row->one_layer)
            return &entries[i];
    }
    return NULL;
}

static int measure(entry *entries, const mn_session_options *options, bool timed)
{
    cli_progress progress = cli_progress_begin("compare", "rows", cli_paper_row_count);
    for (int i = 0; i < cli_paper_row_count; i++) {
        const entry *same = find_same(entries, i, &cli_paper_rows[i]);
        entries[i] = (entry){&cli_paper_rows[i], cli_paper_recount(&cli_paper_rows[i]), -1};
        if (!timed)
            continue;
        if (same) {
            entries[i].ms = same->ms;
            continue;
        }
        cli_quick quick = {entries[i].count.net.arch, *options, SECONDS_A_ROW, entries[i].count.first_layer,
                           entries[i].count.last_layer};
        if ((entries[i].ms = cli_bench_quick(&quick)) < 0)
            return CLI_FAILED;
        cli_progress_step(&progress, i + 1);
    }
    cli_progress_end(&progress);
    return CLI_DONE;
}

/* ---- text ---- */

static void print_shares(void)
{
    static const cli_column columns[] = {{"Kind of layer", CLI_LEFT}, {"MACs %, paper", CLI_RIGHT},
                                         {"ours", CLI_RIGHT},         {"Parameters %, paper", CLI_RIGHT},
                                         {"ours", CLI_RIGHT},         {"", CLI_LEFT}};
    cli_recount count = cli_paper_recount(&cli_paper_rows[5]);
    mn_net_cost cost = mn_net_get_cost(&count.net);
    cli_table *table = cli_table_create(columns, CLI_COUNT(columns));
    puts("Table 2: share of each kind of layer in 1.0 MobileNet-224");
    for (int i = 0; i < CLI_COUNT(cli_paper_shares); i++) {
        const cli_paper_share *share = &cli_paper_shares[i];
        const mn_cost *kind = &cost.by_kind[share->kind];
        char macs[16], weights[16];
        snprintf(macs, sizeof macs, "%.2f", 100.0 * (double)kind->macs / (double)cost.total.macs);
        snprintf(weights, sizeof weights, "%.2f", 100.0 * (double)kind->weights / (double)cost.total.weights);
        bool same = strcmp(macs, share->macs) == 0 && strcmp(weights, share->weights) == 0;
        cli_table_cell(table, "%s", mn_layer_kind_name(share->kind));
        cli_table_cell(table, "%s", share->macs);
        cli_table_cell(table, "%s", macs);
        cli_table_cell(table, "%s", share->weights);
        cli_table_cell(table, "%s", weights);
        cli_table_cell(table, "%s", same ? "" : "misprint (1)");
    }
    cli_table_print(table);
}

static void print_table(const entry *entries, int number, bool timed)
{
    static const cli_column columns[] = {{"", CLI_LEFT},
                                         {"Top-1 %", CLI_RIGHT},
                                         {"MACs M, paper", CLI_RIGHT},
                                         {"ours", CLI_RIGHT},
                                         {"without fc", CLI_RIGHT},
                                         {"paper counts", CLI_LEFT},
                                         {"Params M, paper", CLI_RIGHT},
                                         {"ours", CLI_RIGHT},
                                         {"ms here", CLI_RIGHT}};
    cli_table *table = cli_table_create(columns, CLI_COUNT(columns) - !timed);
    printf("\n%s\n", titles[number]);
    for (int i = 0; i < cli_paper_row_count; i++) {
        const entry *e = &entries[i];
        if (e->row->table != number)
            continue;
        cli_table_cell(table, "%s", e->row->name);
        if (e->row->top1 > 0)
            cli_table_cell(table, "%.1f", e->row->top1);
        else
            cli_table_cell(table, "-");
        cli_table_cell(table, "%s", e->row->macs);
        cli_table_cell(table, "%.2f", (double)e->count.macs / 1e6);
        if (e->row->one_layer)
            cli_table_cell(table, "-");
        else
            cli_table_cell(table, "%.2f", (double)e->count.macs_body / 1e6);
        cli_table_cell(table, "%s", e->count.macs_convention ? e->count.macs_convention : "differs");
        cli_table_cell(table, "%s", e->row->weights);
        cli_table_cell(table, "%.2f%s", (double)e->count.weights / 1e6, e->count.weights_convention ? "" : " differs");
        if (timed)
            cli_table_cell(table, "%.3f", e->ms);
    }
    cli_table_print(table);
}

/* Multiply-adds of the standard convolution that block `dw` (with the pointwise after it) stands for. */
static int64_t standard_macs(const mn_layer *dw, const mn_layer *pw)
{
    return (int64_t)dw->kernel_height * dw->kernel_width * dw->in_channels * pw->out_channels * pw->out_height *
           pw->out_width;
}

static void print_ratios(const mn_net *net)
{
    static const cli_column columns[] = {{"Block", CLI_LEFT},  {"M", CLI_RIGHT},         {"N", CLI_RIGHT},
                                         {"Map", CLI_RIGHT},   {"Standard", CLI_RIGHT},  {"Separable", CLI_RIGHT},
                                         {"Ratio", CLI_RIGHT}, {"1/N + 1/9", CLI_RIGHT}, {"Times fewer", CLI_RIGHT}};
    cli_table *table = cli_table_create(columns, CLI_COUNT(columns));
    puts("\nSection 3.1: cost of a separable block over the cost of a standard convolution, 1/N + 1/Dk^2 with Dk = 3");
    for (int32_t i = 0; i + 1 < net->layer_count; i++) {
        const mn_layer *dw = &net->layers[i], *pw = dw + 1;
        if (dw->op != MN_OP_DEPTHWISE)
            continue;
        int64_t separable = mn_layer_get_cost(dw).macs + mn_layer_get_cost(pw).macs, standard = standard_macs(dw, pw);
        double ratio = (double)separable / (double)standard;
        cli_table_cell(table, "%.*s", (int)strcspn(dw->name, "."), dw->name);
        cli_table_cell(table, "%d", dw->in_channels);
        cli_table_cell(table, "%d", pw->out_channels);
        cli_table_cell(table, "%dx%d", pw->out_height, pw->out_width);
        cli_table_cell(table, "%s", cli_count(standard));
        cli_table_cell(table, "%s", cli_count(separable));
        cli_table_cell(table, "%.6f", ratio);
        cli_table_cell(table, "%.6f", 1.0 / pw->out_channels + 1.0 / 9);
        cli_table_cell(table, "%.2f", 1 / ratio);
    }
    cli_table_print(table);
}

static void print_notes(const mn_session_options *options, bool timed)
{
    puts("\nParameters are weights without biases and batch norm, with fc (the fully connected layer). Multiply-adds:\n"
         "no single convention gives every printed figure; 'paper counts' names the one that gives this figure.");
    puts("Misprints of the paper:");
    puts("  (1) Table 2 prints 1.19 % for the multiply-adds of the standard convolution; it is 1.91 (with 1.19 the\n"
         "      column adds up to 99.29).");
    printf("  (2) Table 1 prints stride 2 for the last depthwise layer; its own next row (7x7x1024) and the count of\n"
           "      569 million need stride 1: with stride 2 it would be %.0f million.\n",
           cli_paper_misprinted_stride());
    puts("Table 3 takes each line on top of the one before: rho = 0.714 is 10x10x384.");
    if (timed)
        printf("Times: median of runs for %.1f s, one image, %s, level %s, random weights; in Table 3 the layer alone\n"
               "(block 8, within its network).\n",
               SECONDS_A_ROW, cli_threads_words(options), mn_cpu_level_name(options->max_level));
}

static void print_text(const entry *entries, const mn_session_options *options, bool timed)
{
    puts("Howard et al. 2017, \"MobileNets\", arXiv 1704.04861: what is printed, and our count.\n");
    print_shares();
    for (int number = 3; number <= 7; number++)
        print_table(entries, number, timed);
    print_ratios(&entries[5].count.net);
    print_notes(options, timed);
}

/* ---- JSON ---- */

static json_t *json_row(const entry *e)
{
    json_t *object = json_object();
    cli_json_add(object, "name", cli_json_text(e->row->name));
    cli_json_add(object, "top1_printed", e->row->top1 > 0 ? cli_json_real(e->row->top1) : json_null());
    cli_json_add(object, "macs_printed_millions", cli_json_text(e->row->macs));
    cli_json_add(object, "macs", json_integer(e->count.macs));
    cli_json_add(object, "macs_without_classifier", json_integer(e->count.macs_body));
    cli_json_add(object, "macs_convention", cli_json_text(e->count.macs_convention));
    cli_json_add(object, "weights_printed_millions", cli_json_text(e->row->weights));
    cli_json_add(object, "weights", json_integer(e->count.weights));
    cli_json_add(object, "weights_without_classifier", json_integer(e->count.weights_body));
    cli_json_add(object, "weights_convention", cli_json_text(e->count.weights_convention));
    cli_json_add(object, "ms", e->ms >= 0 ? cli_json_real(e->ms) : json_null());
    return object;
}

static json_t *json_shares(const mn_net *net)
{
    json_t *array = json_array();
    mn_net_cost cost = mn_net_get_cost(net);
    for (int i = 0; i < CLI_COUNT(cli_paper_shares); i++) {
        const cli_paper_share *share = &cli_paper_shares[i];
        const mn_cost *kind = &cost.by_kind[share->kind];
        json_t *object = json_object();
        cli_json_add(object, "kind", cli_json_text(mn_layer_kind_name(share->kind)));
        cli_json_add(object, "macs_percent_printed", cli_json_text(share->macs));
        cli_json_add(object, "macs_percent", cli_json_real(100.0 * (double)kind->macs / (double)cost.total.macs));
        cli_json_add(object, "weights_percent_printed", cli_json_text(share->weights));
        cli_json_add(object, "weights_percent",
                     cli_json_real(100.0 * (double)kind->weights / (double)cost.total.weights));
        cli_json_append(array, object);
    }
    return array;
}

static json_t *json_ratios(const mn_net *net)
{
    json_t *array = json_array();
    for (int32_t i = 0; i + 1 < net->layer_count; i++) {
        const mn_layer *dw = &net->layers[i], *pw = dw + 1;
        if (dw->op != MN_OP_DEPTHWISE)
            continue;
        json_t *object = json_object();
        int64_t separable = mn_layer_get_cost(dw).macs + mn_layer_get_cost(pw).macs, standard = standard_macs(dw, pw);
        cli_json_add(object, "layer", cli_json_text(pw->name));
        cli_json_add(object, "standard_macs", json_integer(standard));
        cli_json_add(object, "separable_macs", json_integer(separable));
        cli_json_add(object, "ratio", cli_json_real((double)separable / (double)standard));
        cli_json_add(object, "formula", cli_json_real(1.0 / pw->out_channels + 1.0 / 9));
        cli_json_append(array, object);
    }
    return array;
}

static json_t *json_misprints(void)
{
    json_t *array = json_array();
    static const struct {
        int table;
        const char *what, *printed, *recomputed;
    } list[] = {
        {1, "stride of the last depthwise layer", "2", "1"},
        {2, "share of multiply-adds of the standard convolution, percent", "1.19", "1.91"},
    };
    for (int i = 0; i < CLI_COUNT(list); i++) {
        json_t *object = json_object();
        cli_json_add(object, "table", json_integer(list[i].table));
        cli_json_add(object, "what", cli_json_text(list[i].what));
        cli_json_add(object, "printed", cli_json_text(list[i].printed));
        cli_json_add(object, "recomputed", cli_json_text(list[i].recomputed));
        cli_json_append(array, object);
    }
    return array;
}

static void print_json(const entry *entries, const mn_session_options *options)
{
    json_t *object = json_object(), *tables = json_array();
    for (int number = 3; number <= 7; number++) {
        json_t *table = json_object(), *rows = json_array();
        for (int i = 0; i < cli_paper_row_count; i++)
            if (entries[i].row->table == number)
                cli_json_append(rows, json_row(&entries[i]));
        cli_json_add(table, "table", json_integer(number));
        cli_json_add(table, "rows", rows);
        cli_json_append(tables, table);
    }
    cli_json_add(object, "tables", tables);
    cli_json_add(object, "shares", json_shares(&entries[5].count.net));
    cli_json_add(object, "cost_ratios", json_ratios(&entries[5].count.net));
    cli_json_add(object, "misprints", json_misprints());
    cli_json_add(object, "session", cli_json_session(options));
    cli_json_print(object);
}

static int run_compare(const cli_call *call)
{
    const compare_values *values = call->values;
    mn_session_options options = cli_run_get(&values->run);
    entry *entries = cli_alloc((size_t)cli_paper_row_count, sizeof *entries);
    int code = measure(entries, &options, !values->no_time);
    if (code == CLI_DONE && values->json)
        print_json(entries, &options);
    else if (code == CLI_DONE)
        print_text(entries, &options, !values->no_time);
    free(entries);
    return code;
}

static const cli_option compare_options[] = {
    {"no-time", 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(compare_values, no_time),
     "count only; otherwise each network is also timed here, a few seconds in all"},
    {"json", 'j', CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(compare_values, json), "print JSON"},
};

static const cli_group compare_groups[] = {
    {"Options", compare_options, CLI_COUNT(compare_options), 0},
    CLI_RUN_GROUP(offsetof(compare_values, run)),
};

const cli_command cli_compare = {
    .name = "compare",
    .summary = "Print the paper's tables beside our count, with times",
    .operands = "",
    .operand_kind = CLI_TEXT,
    .description =
        "Prints Tables 2 to 7 of the MobileNets paper: each printed figure beside the one that follows from the "
        "architecture, the convention by which they agree, and the time that the network takes on this machine; the "
        "cost ratio 1/N + 1/Dk^2 of every layer; and the paper's misprints. Top-1 figures are the paper's.",
    .examples = "Counts only\nmobilenet compare --no-time\nTimes on one thread\nmobilenet compare --threads 1",
    .groups = compare_groups,
    .group_count = CLI_COUNT(compare_groups),
    .value_bytes = sizeof(compare_values),
    .run = run_compare,
};
