/* Help from the command tables: `mobilenet help`, `mobilenet help COMMAND`, `mobilenet COMMAND --help`. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "mobilenet/mobilenet.h"
#include "output.h"

#define PAGE_WIDTH 80
#define TEXT_FROM  28 /* column at which the help text of an option begins */

/* Prints words of `text` (a paragraph a line) wrapped into PAGE_WIDTH, from column `at`, later lines from `indent`. */
static void print_wrapped(const char *text, int at, int indent)
{
    bool fresh = true; /* nothing on this line yet but indentation */
    while (*text) {
        size_t length = strcspn(text, " \n");
        if (!fresh && at + 1 + (int)length > PAGE_WIDTH) {
            printf("\n%*s", indent, "");
            at = indent;
            fresh = true;
        }
        printf("%s%.*s", fresh ? "" : " ", (int)length, text);
        at += (int)length + !fresh;
        fresh = false;
        text += length;
        if (*text == '\n') {
            printf("\n\n%*s", text[1] ? indent : 0, "");
            at = indent;
            fresh = true;
        }
        text += *text != '\0';
    }
}

const char *cli_default_words(const cli_command *command, const cli_option *option)
{
    for (int i = 0; command->by_data && command->by_data[i]; i++)
        if (strcmp(command->by_data[i], option->name) == 0)
            return "as the data";
    return option->fallback;
}

static void print_option(const cli_command *command, const cli_option *option)
{
    char left[80], letter[6] = "    ", text[640];
    if (option->letter)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    int width = snprintf(left, sizeof left, "  %s--%s%s%s", letter, option->name, option->argument ? " " : "",
                         option->argument ? option->argument : "");
    printf("%s", left);
    if (width > TEXT_FROM - 2)
        printf("\n%*s", TEXT_FROM, "");
    else
        printf("%*s", TEXT_FROM - width, "");
    int n = snprintf(text, sizeof text, "%s", option->help);
    if (option->choices)
        n += snprintf(text + n, sizeof text - (size_t)n, "; %s", option->choices);
    const char *fallback = cli_default_words(command, option);
    if (fallback)
        snprintf(text + n, sizeof text - (size_t)n, " [%s]", fallback);
    print_wrapped(text, TEXT_FROM, TEXT_FROM);
    putchar('\n');
}

static void print_examples(const char *examples)
{
    puts("\nExamples:");
    while (*examples) {
        size_t length = strcspn(examples, "\n");
        printf("  # %.*s\n", (int)length, examples);
        examples += length + (examples[length] != '\0');
        length = strcspn(examples, "\n");
        printf("  %.*s\n", (int)length, examples);
        examples += length + (examples[length] != '\0');
    }
}

void cli_print_command_help(const cli_command *command)
{
    printf("Usage: mobilenet %s [OPTION...]%s%s\n\n", command->name, *command->operands ? " " : "", command->operands);
    print_wrapped(command->description, 0, 0);
    putchar('\n');
    static const cli_option help = {"help", 'h', CLI_FLAG, NULL, NULL, NULL, 0, 0, 0, "print this and do nothing else"};
    for (int g = 0; g < command->group_count; g++) {
        const cli_group *group = &command->groups[g];
        printf("\n%s:\n", group->title);
        for (int i = 0; i < group->count; i++)
            print_option(command, &group->options[i]);
        if (g == command->group_count - 1)
            print_option(command, &help);
    }
    if (command->group_count == 0) {
        puts("\nOptions:");
        print_option(command, &help);
    }
    if (command->examples)
        print_examples(command->examples);
}

void cli_print_program_help(void)
{
    printf("mobilenet %s: count, train, run, convert and time MobileNets on a CPU.\n\n", mn_version());
    puts("Usage: mobilenet COMMAND [OPTION...] [ARGUMENT...]\n\nCommands:");
    for (int i = 0; cli_commands[i]; i++)
        printf("  %-12s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    puts("\nmobilenet COMMAND --help explains a command; mobilenet help --man prints the\n"
         "manual page, mobilenet --version the version. The result goes to stdout,\n"
         "messages to stderr; the exit code is 0 where the work is done, 1 where it\n"
         "failed, 2 where the command line cannot be understood. The environment variable\n"
         "MOBILENET_CPU names the highest kernel level that is used: reference, avx2,\n"
         "avx512, avx512bf16, amxbf16, neon.");
}

typedef struct help_values {
    bool man;
} help_values;

static int run_help(const cli_call *call)
{
    const help_values *values = call->values;
    if (values->man) {
        if (call->operand_count > 0)
            return cli_misuse(call->command, "--man prints the whole manual page and takes no command");
        cli_print_manual();
        return CLI_DONE;
    }
    if (call->operand_count == 0) {
        cli_print_program_help();
        return CLI_DONE;
    }
    const cli_command *command = cli_find_command(call->operands[0]);
    if (!command)
        return cli_unknown_command(call->operands[0]);
    cli_print_command_help(command);
    return CLI_DONE;
}

static const cli_option help_options[] = {
    {"man", 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(help_values, man),
     "print the manual page of the program, to be read with man -l -"},
};
static const cli_group help_groups[] = {{"Options", help_options, CLI_COUNT(help_options), 0}};

const cli_command cli_help = {
    .name = "help",
    .summary = "Explain a command, or print the manual page",
    .operands = "[COMMAND]",
    .max_operands = 1,
    .operand_kind = CLI_CHOICE,
    .description = "Prints what a command does and every option that it takes, or the list of commands.",
    .examples = "The options of describe\nmobilenet help describe\nThe manual page\nmobilenet help --man | man -l -",
    .groups = help_groups,
    .group_count = CLI_COUNT(help_groups),
    .value_bytes = sizeof(help_values),
    .run = run_help,
};
