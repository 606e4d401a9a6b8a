/* Options as tables. A command lists groups of options; a group can be shared by several commands (the architecture
 * is one), and fills a struct that lies at `offset` inside the command's own.
 *
 *     typedef struct { cli_arch arch; int64_t batch; } values;
 *     static const cli_option options[] = {
 *         {"batch", 'b', CLI_INTEGER, "N", "1", NULL, 1, 4096, offsetof(values, batch), "images a run"},
 *     };
 *     static const cli_group groups[] = {
 *         {"Architecture", cli_arch_options, CLI_ARCH_OPTION_COUNT, offsetof(values, arch)},
 *         {"Running", options, 1, 0},
 *     };
 *
 * The default is written once, as the text that help shows; it is parsed like any other value.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLI_OPTIONS_MAX 96 /* options of one command */
#define CLI_LIST_MAX    64 /* members of one list */

typedef enum cli_kind {
    CLI_FLAG = 0, /* bool: no argument */
    CLI_INTEGER,  /* int64_t, low..high */
    CLI_REAL,     /* double, low..high */
    CLI_CHOICE,   /* const char *, one of `choices` */
    CLI_TEXT,     /* const char *, anything but nothing */
    CLI_FILE,     /* const char *; completion offers files */
    CLI_FOLDER,   /* const char *; completion offers folders */
    CLI_EXTENT,   /* cli_extent: N or HxW, each low..high */
    CLI_INTEGERS, /* cli_integers: N,N,..., each low..high */
    CLI_TEXTS     /* cli_texts: the option may be given several times */
} cli_kind;

typedef struct cli_extent {
    int32_t height, width;
} cli_extent;

typedef struct cli_integers {
    int32_t count;
    int32_t values[CLI_LIST_MAX];
} cli_integers;

typedef struct cli_texts {
    int32_t count;
    const char *values[CLI_LIST_MAX];
} cli_texts;

typedef struct cli_option {
    const char *name; /* without the dashes */
    char letter;      /* 0: no short form */
    cli_kind kind;
    const char *argument; /* as help shows it, for instance "N"; NULL for a flag */
    const char *fallback; /* the default, as typed; NULL: the value starts as zero */
    const char *choices;  /* CLI_CHOICE: "same|keras|symmetric" */
    double low, high;     /* numbers: the range that is accepted */
    size_t offset;        /* where the value lies in the group's struct */
    const char *help;     /* one sentence without a full stop; ends with what happens by default if fallback is NULL */
} cli_option;

typedef struct cli_group {
    const char *title;
    const cli_option *options;
    int count;
    size_t offset; /* where the group's struct lies in the command's */
} cli_group;

#define CLI_COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

#endif
