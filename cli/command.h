/* A command of the program, as data. main.c holds the table of them; everything a user can read about a command
 * (--help, the manual page, shell completion) is made from these structs and from nothing else.
 *
 *     main ──> find the command ──> cli_options_parse fills call->values ──> command->run(call) ──> exit code
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "options.h"

/* Exit codes. */
enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_MISUSE = 2 };

typedef struct cli_call cli_call;

typedef struct cli_command {
    const char *name;
    const char *summary;       /* one line, without a full stop */
    const char *operands;      /* as the usage line shows them, for instance "PHOTO..."; "" where there are none */
    int min_operands;          /* fewer are misuse */
    int max_operands;          /* more are misuse; -1: any number */
    cli_kind operand_kind;     /* what completion offers: CLI_FILE, CLI_FOLDER, CLI_TEXT (nothing), CLI_CHOICE */
    const char *operand_words; /* for CLI_CHOICE: "bash|zsh|fish"; NULL: the names of the commands */
    const char *description;   /* paragraphs, one a line, wrapped when shown */
    const char *examples;      /* pairs of lines: what it does, then what to type */
    const cli_group *groups;   /* [group_count] */
    int group_count;
    const char *const *by_data; /* options whose default is what the data have, whatever the table says; up to a NULL */
    size_t value_bytes;         /* size of the struct that the options fill */
    int (*run)(const cli_call *call);
} cli_command;

/* One call of a command: what was typed, parsed. */
struct cli_call {
    const cli_command *command;
    const char *program; /* argv[0] */
    void *values;        /* the command's own struct */
    char **operands;     /* [operand_count] */
    int operand_count;
    bool given[CLI_OPTIONS_MAX]; /* by position over all groups */
};

/* The commands in the order in which help shows them; NULL ends the list. */
extern const cli_command *const cli_commands[];
/* The command called `name`, or NULL. */
const cli_command *cli_find_command(const char *name);
/* Says on stderr that there is no such command, with the nearest; returns CLI_MISUSE. */
int cli_unknown_command(const char *name);

/* Whether the option was on the command line (rather than at its default). */
bool cli_given(const cli_call *call, const char *option);
/* The first option of the group called `title` that was on the command line, or NULL. */
const char *cli_given_in(const cli_call *call, const char *title);

/* Parses argv[0..argc-1] (without program and command name) into *call: values (allocated and defaulted by the caller
 * through cli_options_default), operands (argv is permuted) and given. Returns CLI_DONE or, having said why,
 * CLI_MISUSE. *help is set where --help was met. */
int cli_options_parse(cli_call *call, int argc, char **argv, bool *help);

/* Parses the default of every option into call->values: what help shows is what happens. */
void cli_options_default(const cli_call *call);

/* The default of an option as the user reads it, or NULL where it has none. */
const char *cli_default_words(const cli_command *command, const cli_option *option);
/* Text made from the tables, printed on stdout. */
void cli_print_program_help(void);
void cli_print_command_help(const cli_command *command);
void cli_print_manual(void);
void cli_print_completion(const char *shell);

/* The word of `words` nearest to `word`, or NULL where none is near. */
const char *cli_nearest(const char *word, const char *const *words, int count);

#endif
