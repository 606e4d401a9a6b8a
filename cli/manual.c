/* The manual page, mobilenet(1), from the command tables. CMake installs what `mobilenet help --man` prints. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "mobilenet/mobilenet.h"

/* Text for troff: a hyphen is a minus, a backslash is escaped, no line begins with a control character. */
static void print_roff(const char *text, size_t length)
{
    bool start = true;
    for (size_t i = 0; i < length; i++) {
        if (start && (text[i] == '.' || text[i] == '\''))
            fputs("\\&", stdout);
        if (text[i] == '-')
            fputs("\\-", stdout);
        else if (text[i] == '\\')
            fputs("\\e", stdout);
        else if (text[i] == '\n')
            fputs("\n.PP", stdout), putchar('\n');
        else
            putchar(text[i]);
        start = text[i] == '\n';
    }
}

static void print_text(const char *text)
{
    print_roff(text, strlen(text));
}

static void print_option(const cli_command *command, const cli_option *option)
{
    puts(".TP");
    fputs("\\fB", stdout);
    if (option->letter)
        printf("\\-%c\\fR, \\fB", option->letter);
    fputs("\\-\\-", stdout);
    print_text(option->name);
    fputs("\\fR", stdout);
    if (option->argument) {
        fputs(" \\fI", stdout);
        print_text(option->argument);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    print_text(option->help);
    if (option->choices) {
        fputs("; one of ", stdout);
        print_text(option->choices);
    }
    const char *fallback = cli_default_words(command, option);
    if (fallback) {
        fputs(" (default: ", stdout);
        print_text(fallback);
        putchar(')');
    }
    puts(".");
}

static void print_examples(const char *examples)
{
    while (*examples) {
        size_t length = strcspn(examples, "\n");
        puts(".PP");
        print_roff(examples, length);
        examples += length + (examples[length] != '\0');
        length = strcspn(examples, "\n");
        fputs(":\n.RS 4\n", stdout);
        print_roff(examples, length);
        puts("\n.RE");
        examples += length + (examples[length] != '\0');
    }
}

static void print_command(const cli_command *command)
{
    printf(".SS mobilenet %s [OPTION...]%s%s\n", command->name, *command->operands ? " " : "", command->operands);
    print_text(command->description);
    putchar('\n');
    for (int g = 0; g < command->group_count; g++)
        for (int i = 0; i < command->groups[g].count; i++)
            print_option(command, &command->groups[g].options[i]);
    if (command->examples)
        print_examples(command->examples);
}

void cli_print_manual(void)
{
    printf(".TH MOBILENET 1 \"\" \"mobilenet %s\" \"User Commands\"\n", mn_version());
    puts(".SH NAME\nmobilenet \\- count, train, run, convert and time MobileNets on a CPU\n.SH SYNOPSIS\n"
         ".B mobilenet\n\\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n.SH DESCRIPTION");
    puts("MobileNets are small convolutional networks made of depthwise separable convolutions, with two\n"
         "multipliers (of width and of resolution) that trade accuracy for speed: Howard et al. 2017,\n"
         "arXiv 1704.04861. This program describes them, trains them, runs them on photographs, measures their\n"
         "accuracy and their speed, and converts their files.\n.PP\n"
         "Options and arguments may be mixed; \\fB\\-\\-\\fR ends the options. Every command takes\n"
         "\\fB\\-h\\fR, \\fB\\-\\-help\\fR. \\fBmobilenet \\-\\-version\\fR prints the version.\n.SH COMMANDS");
    for (int i = 0; cli_commands[i]; i++)
        print_command(cli_commands[i]);
    puts(
        ".SH EXIT STATUS\n0 where the work is done, 1 where it failed, 2 where the command line cannot be understood.\n"
        ".SH ENVIRONMENT\n.TP\n\\fBMOBILENET_CPU\\fR\nThe highest kernel level that may be used: reference, avx2,\n"
        "avx512, avx512bf16, amxbf16, neon. Another word is ignored, with a warning.\n"
        ".SH FILES\nWithout \\fB\\-\\-model\\fR, default.safetensors is looked for beside the program, then, from\n"
        "there, in \\fImodels\\fR, \\fI../models\\fR, \\fI../../models\\fR and \\fI../share/mobilenet\\fR.");
}
