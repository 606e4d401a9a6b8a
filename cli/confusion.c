/* The confusion matrix, kept as the sorted list of pairs that occur: it is sparse where classes are many. */
#include "confusion.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

#define TABLE_CLASSES 20
#define WORST_PAIRS   20

typedef struct pair {
    int32_t wanted, predicted;
    int64_t count;
} pair;

typedef struct pairs {
    pair *list; /* by wanted, then predicted */
    int64_t count;
} pairs;

static int by_class(const void *a, const void *b)
{
    const pair *p = a, *q = b;
    if (p->wanted != q->wanted)
        return p->wanted < q->wanted ? -1 : 1;
    return (p->predicted > q->predicted) - (p->predicted < q->predicted);
}

static int by_count(const void *a, const void *b)
{
    const pair *p = a, *q = b;
    if (p->count != q->count)
        return p->count > q->count ? -1 : 1;
    return by_class(a, b);
}

static pairs collect(const cli_evaluation *e)
{
    pairs result = {cli_alloc((size_t)e->count, sizeof(pair)), 0};
    int64_t n = 0, kept = 0;
    for (int64_t i = 0; i < e->count; i++)
        if (e->outcomes[i].predicted >= 0)
            result.list[n++] = (pair){e->outcomes[i].wanted, e->outcomes[i].predicted, 1};
    qsort(result.list, (size_t)n, sizeof(pair), by_class);
    for (int64_t i = 0; i < n; i++)
        if (kept > 0 && by_class(&result.list[kept - 1], &result.list[i]) == 0)
            result.list[kept - 1].count++;
        else
            result.list[kept++] = result.list[i];
    result.count = kept;
    return result;
}

/* The label of a class, or its number; one of four static buffers. */
static const char *name_of(const cli_evaluation *e, int32_t k)
{
    static char buffers[4][40];
    static int next;
    const char *label = mn_model_label(e->model, k);
    if (label)
        return cli_clean(label);
    char *text = buffers[next++ % 4];
    snprintf(text, sizeof buffers[0], "class %d", k);
    return text;
}

static int64_t count_of(const pairs *p, int32_t wanted, int32_t predicted)
{
    const pair key = {wanted, predicted, 0};
    const pair *found = bsearch(&key, p->list, (size_t)p->count, sizeof key, by_class);
    return found ? found->count : 0;
}

static void print_table(const cli_evaluation *e, const pairs *p, int32_t classes)
{
    cli_column columns[TABLE_CLASSES + 2] = {{"true \\ taken for", CLI_LEFT}};
    char titles[TABLE_CLASSES][12];
    for (int32_t k = 0; k < classes; k++) {
        snprintf(titles[k], sizeof titles[k], "%d", k);
        columns[k + 1] = (cli_column){titles[k], CLI_RIGHT};
    }
    columns[classes + 1] = (cli_column){"right %", CLI_RIGHT};
    cli_table *table = cli_table_create(columns, classes + 2);
    for (int32_t k = 0; k < classes; k++) {
        int64_t all = 0;
        cli_table_cell(table, "%d %s", k, name_of(e, k));
        for (int32_t j = 0; j < classes; j++) {
            int64_t count = count_of(p, k, j);
            all += count;
            cli_table_cell(table, count ? "%lld" : ".", (long long)count);
        }
        if (all > 0)
            cli_table_cell(table, "%.1f", 100.0 * (double)count_of(p, k, k) / (double)all);
        else
            cli_table_cell(table, "-");
    }
    cli_table_print(table);
}

static void print_worst(const cli_evaluation *e, pairs *p)
{
    static const cli_column columns[] = {{"Times", CLI_RIGHT}, {"True class", CLI_LEFT}, {"Taken for", CLI_LEFT}};
    cli_table *table = cli_table_create(columns, CLI_COUNT(columns));
    int shown = 0;
    qsort(p->list, (size_t)p->count, sizeof(pair), by_count);
    for (int64_t i = 0; i < p->count && shown < WORST_PAIRS; i++) {
        if (p->list[i].wanted == p->list[i].predicted)
            continue;
        cli_table_cell(table, "%lld", (long long)p->list[i].count);
        cli_table_cell(table, "%s", name_of(e, p->list[i].wanted));
        cli_table_cell(table, "%s", name_of(e, p->list[i].predicted));
        shown++;
    }
    cli_table_print(table);
}

void cli_confusion_print(const cli_evaluation *e)
{
    int32_t classes = mn_model_net(e->model)->arch.classes;
    pairs p = collect(e);
    putchar('\n');
    if (classes <= TABLE_CLASSES)
        print_table(e, &p, classes);
    else
        print_worst(e, &p);
    free(p.list);
}

json_t *cli_confusion_json(const cli_evaluation *e)
{
    json_t *array = json_array();
    pairs p = collect(e);
    for (int64_t i = 0; i < p.count; i++) {
        json_t *object = json_object();
        cli_json_add(object, "class", json_integer(p.list[i].wanted));
        cli_json_add(object, "label", cli_json_text(mn_model_label(e->model, p.list[i].wanted)));
        cli_json_add(object, "predicted", json_integer(p.list[i].predicted));
        cli_json_add(object, "predicted_label", cli_json_text(mn_model_label(e->model, p.list[i].predicted)));
        cli_json_add(object, "count", json_integer(p.list[i].count));
        cli_json_append(array, object);
    }
    free(p.list);
    return array;
}

/* A field of CSV (RFC 4180): quoted, quotes doubled. */
static void put_field(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', file);
        fputc(*text, file);
    }
    fputc('"', file);
}

bool cli_confusion_write(const cli_evaluation *e, const char *path)
{
    int32_t classes = mn_model_net(e->model)->arch.classes;
    FILE *file = fopen(path, "w");
    if (!file)
        return false;
    pairs p = collect(e);
    int64_t at = 0;
    for (int32_t k = 0; k < classes; k++) {
        fputc(',', file);
        put_field(file, name_of(e, k));
    }
    for (int32_t k = 0; k < classes; k++) {
        fputc('\n', file);
        put_field(file, name_of(e, k));
        for (int32_t j = 0; j < classes; j++) {
            bool here = at < p.count && p.list[at].wanted == k && p.list[at].predicted == j;
            fprintf(file, ",%lld", here ? (long long)p.list[at].count : 0LL);
            at += here;
        }
    }
    fputc('\n', file);
    free(p.list);
    return cli_close(file);
}
