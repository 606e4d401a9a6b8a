/* The one place that prints: tables and JSON on stdout (the result), messages and progress on stderr (the talk).
 * No colour is used, so NO_COLOR has nothing to switch off.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "command.h"
#include "mobilenet/status.h"

#define CLI_PRINTF(text, first) __attribute__((format(printf, text, first)))

/* Before anything else: closed standard streams are made harmless, a closed pipe becomes an error of write. */
void cli_output_begin(void);
/* After everything else: flushes stdout. Returns `code`, or CLI_FAILED where the result could not be written. */
int cli_output_end(int code);

/* Messages on stderr. */
CLI_PRINTF(1, 2) void cli_say(const char *format, ...);                               /* as it is, with a line feed */
CLI_PRINTF(1, 2) int cli_fail(const char *format, ...);                               /* returns CLI_FAILED */
CLI_PRINTF(2, 3) int cli_misuse(const cli_command *command, const char *format, ...); /* returns CLI_MISUSE */
int cli_fail_status(const mn_error *err);                         /* a library's error; CLI_FAILED */
int cli_fail_write(const char *path);                             /* with the reason in errno; CLI_FAILED */
bool cli_close(FILE *file);                                       /* false, with errno, where a write failed */
CLI_PRINTF(1, 2) _Noreturn void cli_die(const char *format, ...); /* for what cannot be gone on from: exit code 1 */
/* From now on another process speaks: messages are kept, the last for cli_output_last, and nothing is printed but by
 * cli_die. */
void cli_output_mute(void);
bool cli_output_muted(void);
const char *cli_output_last(void);
void *cli_alloc(size_t count, size_t size); /* zeroed; dies where memory is short */

/* Text that came from outside, fit for a terminal: line feeds and tabs become blanks, other control characters '?' (C0, C1).
 * Valid until the eighth next call. */
const char *cli_clean(const char *text);
/* "568,740,352"; valid until the 16th next call. */
const char *cli_count(int64_t number);
/* Things a second: "0.018", "12.3", "15,360"; valid until the 16th next call. */
const char *cli_rate(double rate);
/* "1.5 MiB"; valid until the 16th next call. */
const char *cli_bytes(int64_t bytes);
/* "3.2 s", "4 min 10 s", "2 h 05 min"; valid until the 16th next call. */
const char *cli_duration(double seconds);
/* Says that `count` files, with these endings, were not looked at; nothing where that is 0. */
void cli_say_passed_over(int64_t count, const char *kinds);
double cli_seconds(void); /* a monotonic clock */

/* Tables: cells are added row by row, then everything is printed with aligned columns. */
typedef struct cli_table cli_table;
typedef enum cli_align { CLI_LEFT = 0, CLI_RIGHT } cli_align;
typedef struct cli_column {
    const char *title;
    cli_align align;
} cli_column;
cli_table *cli_table_create(const cli_column *columns, int count);
CLI_PRINTF(2, 3) void cli_table_cell(cli_table *table, const char *format, ...);
void cli_table_rule(cli_table *table);  /* a line between the rows before and after; the row must be full */
void cli_table_print(cli_table *table); /* on stdout; destroys the table */

/* JSON. */
json_t *cli_json_text(const char *text); /* any bytes: what is not UTF-8 is replaced; NULL becomes null */
json_t *cli_json_real(double value);     /* what is not finite becomes null */
void cli_json_add(json_t *object, const char *key, json_t *value); /* takes over `value`; dies where memory is short */
void cli_json_append(json_t *array, json_t *value);
void cli_json_print(json_t *value); /* on stdout, seven digits for reals; destroys it */

/* Progress on stderr: a bar with rate and time left on a terminal, a plain line now and then otherwise. The rate is that of
 * the last half minute or minute: a run that was paused, or whose machine was busy, soon says what is so now. */
typedef struct cli_progress {
    const char *what, *unit; /* "evaluate", "images" */
    int64_t total, done;
    double shown;
    struct cli_progress_mark {
        double time;
        int64_t done;
    } from, mark; /* the rate is counted from the first; the second takes its place half a minute later */
    bool terminal, drawn;
} cli_progress;
cli_progress cli_progress_begin(const char *what, const char *unit, int64_t total);
void cli_progress_step(cli_progress *progress, int64_t done); /* how many are done by now */
void cli_progress_end(cli_progress *progress);                /* wipes the bar */

#endif
