/* The results beside the paper's: tables with conclusions, a file of tab-separated values, JSON. */
#include <stdio.h>
#include <stdlib.h>

#include "output.h"
#include "reproduce.h"

static const char *const titles[] = {"Depthwise separable against standard convolutions", "Thin against shallow",
                                     "Width", "Resolution"};

/* "88.12 %", with several seeds "88.12 +- 0.31 %"; valid until the next call. */
static const char *accuracy_words(const cli_reproduce_network *n)
{
    static char text[64];
    if (n->count > 1)
        snprintf(text, sizeof text, "%.2f +- %.2f %%", cli_reproduce_mean(n), cli_reproduce_spread(n));
    else
        snprintf(text, sizeof text, "%.2f %%", cli_reproduce_mean(n));
    return text;
}

/* Lines of at most 100 columns. */
static void print_wrapped(const char *text)
{
    int column = 0;
    while (*text) {
        int word = 0;
        while (text[word] && text[word] != ' ')
            word++;
        if (column > 0 && column + 1 + word > 100) {
            putchar('\n');
            column = 0;
        } else if (column > 0) {
            putchar(' ');
            column++;
        }
        printf("%.*s", word, text);
        column += word;
        text += word;
        while (*text == ' ')
            text++;
    }
    putchar('\n');
}

static void print_conclusion(const cli_reproduce_study *s, int table)
{
    char text[1024];
    cli_reproduce_conclude(s, table, text, sizeof text);
    if (text[0])
        print_wrapped(text);
    putchar('\n');
}

static void print_table(const cli_reproduce_study *s, int number)
{
    static const cli_column columns[] = {{"Paper's network", CLI_LEFT}, {"Million MACs", CLI_RIGHT},
                                         {"Parameters", CLI_RIGHT},     {"Accuracy", CLI_RIGHT},
                                         {"Paper's MACs", CLI_RIGHT},   {"Paper's top-1", CLI_RIGHT}};
    cli_table *table = NULL;
    for (int i = 0; i < cli_paper_row_count; i++) {
        const cli_paper_row *row = &cli_paper_rows[i];
        if (row->table != number || s->row_network[i] < 0)
            continue;
        const cli_reproduce_network *n = &s->networks[s->row_network[i]];
        if (!table)
            table = cli_table_create(columns, CLI_COUNT(columns));
        cli_table_cell(table, "%s", row->name);
        cli_table_cell(table, "%.2f", (double)n->cost.total.macs / 1e6);
        cli_table_cell(table, "%s", cli_count(n->cost.total.weights));
        cli_table_cell(table, "%s", accuracy_words(n));
        cli_table_cell(table, "%s", row->macs);
        cli_table_cell(table, "%.1f %%", row->top1);
    }
    if (!table)
        return;
    printf("Table %d: %s\n", number, titles[number - 4]);
    cli_table_print(table);
    print_conclusion(s, number);
}

static void print_grid(const cli_reproduce_study *s)
{
    static const cli_column columns[] = {{"Width", CLI_RIGHT},
                                         {"Input", CLI_RIGHT},
                                         {"Million MACs", CLI_RIGHT},
                                         {"Parameters", CLI_RIGHT},
                                         {"Accuracy", CLI_RIGHT}};
    cli_table *table = cli_table_create(columns, CLI_COUNT(columns));
    for (int i = 0; i < s->network_count; i++) {
        const cli_reproduce_network *n = &s->networks[i];
        if (n->arch.conv != MN_CONV_SEPARABLE || n->arch.depth != MN_DEPTH_FULL)
            continue;
        cli_table_cell(table, "%g", n->alpha);
        cli_table_cell(table, "%dx%d", n->arch.height, n->arch.width);
        cli_table_cell(table, "%.2f", (double)n->cost.total.macs / 1e6);
        cli_table_cell(table, "%s", cli_count(n->cost.total.weights));
        cli_table_cell(table, "%s", accuracy_words(n));
    }
    printf("Figures 4 and 5: widths and resolutions\n");
    cli_table_print(table);
    print_conclusion(s, 0);
}

static json_t *json_network(const cli_reproduce_network *n)
{
    json_t *object = json_object(), *accuracies = json_array();
    cli_json_add(object, "name", cli_json_text(n->name));
    cli_json_add(object, "convolution", cli_json_text(mn_conv_kind_name(n->arch.conv)));
    cli_json_add(object, "depth", cli_json_text(mn_depth_name(n->arch.depth)));
    cli_json_add(object, "paper_alpha", cli_json_real(n->alpha));
    cli_json_add(object, "paper_resolution", json_integer(n->resolution));
    cli_json_add(object, "alpha", cli_json_real(n->arch.alpha));
    cli_json_add(object, "height", json_integer(n->arch.height));
    cli_json_add(object, "width", json_integer(n->arch.width));
    cli_json_add(object, "macs", json_integer(n->cost.total.macs));
    cli_json_add(object, "parameters", json_integer(n->cost.total.weights));
    for (int i = 0; i < n->count; i++)
        cli_json_append(accuracies, cli_json_real(n->accuracy[i]));
    cli_json_add(object, "accuracies", accuracies);
    cli_json_add(object, "accuracy", cli_json_real(cli_reproduce_mean(n)));
    cli_json_add(object, "spread", n->count > 1 ? cli_json_real(cli_reproduce_spread(n)) : json_null());
    return object;
}

static json_t *json_table(const cli_reproduce_study *s, int number)
{
    char text[1024];
    json_t *object = json_object(), *rows = json_array();
    for (int i = 0; i < cli_paper_row_count; i++) {
        if (cli_paper_rows[i].table != number || s->row_network[i] < 0)
            continue;
        json_t *row = json_object();
        cli_json_add(row, "paper", cli_json_text(cli_paper_rows[i].name));
        cli_json_add(row, "network", cli_json_text(s->networks[s->row_network[i]].name));
        cli_json_add(row, "paper_accuracy", cli_json_real(cli_paper_rows[i].top1));
        cli_json_append(rows, row);
    }
    if (json_array_size(rows) == 0) {
        json_decref(rows);
        json_decref(object);
        return NULL;
    }
    cli_reproduce_conclude(s, number, text, sizeof text);
    cli_json_add(object, "table", json_integer(number));
    cli_json_add(object, "rows", rows);
    cli_json_add(object, "conclusion", cli_json_text(text));
    return object;
}

static void print_json(const cli_reproduce_study *s)
{
    char text[1024];
    json_t *object = json_object(), *networks = json_array(), *tables = json_array();
    int64_t images = s->setting.images > 0 ? s->setting.images : mn_dataset_size(s->train);
    cli_json_add(object, "data", cli_json_text(s->data));
    cli_json_add(object, "setting", cli_json_text(s->setting.name));
    cli_json_add(object, "images", json_integer(images));
    cli_json_add(object, "epochs", cli_json_real(s->setting.epochs));
    cli_json_add(object, "batch", json_integer(s->setting.batch));
    cli_json_add(object, "test_images", json_integer(mn_dataset_size(s->test)));
    for (int i = 0; i < s->network_count; i++)
        cli_json_append(networks, json_network(&s->networks[i]));
    cli_json_add(object, "networks", networks);
    for (int number = 4; number <= 7; number++) {
        json_t *table = json_table(s, number);
        if (table)
            cli_json_append(tables, table);
    }
    cli_json_add(object, "tables", tables);
    cli_reproduce_conclude(s, 0, text, sizeof text);
    cli_json_add(object, "grid_conclusion", s->grid ? cli_json_text(text) : json_null());
    cli_json_print(object);
}

void cli_reproduce_print(const cli_reproduce_study *s)
{
    if (s->values->json) {
        print_json(s);
        return;
    }
    for (int number = 4; number <= 7; number++)
        print_table(s, number);
    if (s->grid)
        print_grid(s);
}

static void write_line(FILE *file, const char *table, const char *paper, const cli_reproduce_network *n, double top1)
{
    fprintf(file, "%s\t%s\t%s\t%g\t%d\t%lld\t%lld\t%.2f\t%.2f\t%d\t", table, paper, n->name, n->alpha, n->resolution,
            (long long)n->cost.total.macs, (long long)n->cost.total.weights, cli_reproduce_mean(n),
            cli_reproduce_spread(n), n->count);
    if (top1 > 0)
        fprintf(file, "%.1f", top1);
    fputc('\n', file);
}

int cli_reproduce_write(const cli_reproduce_study *s)
{
    char path[4096], table[16];
    snprintf(path, sizeof path, "%.4000s/results.tsv", s->values->output);
    FILE *file = fopen(path, "w");
    if (!file)
        return cli_fail_write(path);
    fprintf(file, "table\tpaper\tnetwork\tpaper_alpha\tpaper_resolution\tmacs\tparameters\taccuracy\tspread\tseeds\t"
                  "paper_accuracy\n");
    for (int i = 0; i < cli_paper_row_count; i++) {
        if (s->row_network[i] < 0)
            continue;
        snprintf(table, sizeof table, "%d", cli_paper_rows[i].table);
        write_line(file, table, cli_paper_rows[i].name, &s->networks[s->row_network[i]], cli_paper_rows[i].top1);
    }
    for (int i = 0; s->grid && i < s->network_count; i++)
        if (s->networks[i].arch.conv == MN_CONV_SEPARABLE && s->networks[i].arch.depth == MN_DEPTH_FULL)
            write_line(file, "grid", "", &s->networks[i], 0);
    return cli_close(file) ? CLI_DONE : cli_fail_write(path);
}
