/* Tables on stdout: cells first, widths found at the end. Width counts code points, which is right for all but wide
 * scripts.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

#define COLUMNS_MAX 32

struct cli_table {
    cli_column columns[COLUMNS_MAX];
    int column_count;
    char **cells; /* [cell_count], row by row; NULL: a whole row that is a rule */
    int cell_count, capacity;
};

cli_table *cli_table_create(const cli_column *columns, int count)
{
    cli_table *table = cli_alloc(1, sizeof *table);
    if (count > COLUMNS_MAX)
        cli_die("a table of %d columns is too wide", count);
    memcpy(table->columns, columns, (size_t)count * sizeof *columns);
    table->column_count = count;
    return table;
}

static void add(cli_table *table, char *cell)
{
    if (table->cell_count == table->capacity) {
        table->capacity = table->capacity ? 2 * table->capacity : 64;
        char **cells = realloc(table->cells, (size_t)table->capacity * sizeof *cells);
        if (!cells)
            cli_die("out of memory for a table");
        table->cells = cells;
    }
    table->cells[table->cell_count++] = cell;
}

void cli_table_cell(cli_table *table, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *cell = cli_alloc((size_t)(length < 0 ? 0 : length) + 1, 1);
    va_start(args, format);
    vsnprintf(cell, (size_t)(length < 0 ? 0 : length) + 1, format, args);
    va_end(args);
    add(table, cell);
}

void cli_table_rule(cli_table *table)
{
    for (int i = 0; i < table->column_count; i++)
        add(table, NULL);
}

static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static void print_cell(const cli_table *table, int column, const char *text, int width)
{
    bool last = column == table->column_count - 1;
    int space = width - width_of(text);
    if (last && *text == '\0') { /* no blanks at the end of a line */
        putchar('\n');
        return;
    }
    if (column > 0)
        fputs("  ", stdout);
    if (table->columns[column].align == CLI_RIGHT)
        printf("%*s%s", space, "", text);
    else
        printf("%s%*s", text, last ? 0 : space, "");
    if (last)
        putchar('\n');
}

static void print_rule(const int *widths, int count)
{
    for (int i = 0; i < count; i++) {
        if (i > 0)
            fputs("  ", stdout);
        for (int k = 0; k < widths[i]; k++)
            putchar('-');
    }
    putchar('\n');
}

void cli_table_print(cli_table *table)
{
    int widths[COLUMNS_MAX], count = table->column_count;
    for (int i = 0; i < count; i++)
        widths[i] = width_of(table->columns[i].title);
    for (int i = 0; i < table->cell_count; i++)
        if (table->cells[i] && width_of(table->cells[i]) > widths[i % count])
            widths[i % count] = width_of(table->cells[i]);
    for (int i = 0; i < count; i++)
        print_cell(table, i, table->columns[i].title, widths[i]);
    print_rule(widths, count);
    for (int i = 0; i < table->cell_count; i++) {
        if (table->cells[i])
            print_cell(table, i % count, table->cells[i], widths[i % count]);
        else if (i % count == 0)
            print_rule(widths, count);
        free(table->cells[i]);
    }
    free(table->cells);
    free(table);
}
