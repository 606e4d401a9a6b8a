/* Completion scripts for bash, zsh and fish, from the command tables. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "output.h"

typedef void option_printer(const cli_command *command, const cli_option *option);

static void each_option(const cli_command *command, option_printer *print)
{
    static const cli_option help = {"help", 'h', CLI_FLAG, NULL, NULL,
                                    NULL,   0,   0,        0,    "print what the command does and every option"};
    for (int g = 0; g < command->group_count; g++)
        for (int i = 0; i < command->groups[g].count; i++)
            print(command, &command->groups[g].options[i]);
    print(command, &help);
}

/* Text inside single quotes of a shell; `also` is one more character to put a backslash before. */
static void print_quoted(const char *text, const char *also)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else {
            if (strchr(also, *text))
                putchar('\\');
            putchar(*text);
        }
    }
}

static void print_words(const char *choices)
{
    for (; *choices; choices++)
        putchar(*choices == '|' ? ' ' : *choices);
}

static void print_operands(const cli_command *command)
{
    if (command->operand_words)
        print_words(command->operand_words);
    for (int i = 0; !command->operand_words && cli_commands[i]; i++)
        printf("%s%s", i == 0 ? "" : " ", cli_commands[i]->name);
}

/* ---- bash ---- */

static void bash_name(const cli_command *command, const cli_option *option)
{
    (void)command;
    printf(" --%s", option->name);
}

static void bash_value(const cli_command *command, const cli_option *option)
{
    if (option->kind == CLI_FLAG)
        return;
    printf("    %s:--%s", command->name, option->name);
    if (option->letter)
        printf("|%s:-%c", command->name, option->letter);
    fputs(") ", stdout);
    if (option->kind == CLI_CHOICE) {
        fputs("COMPREPLY=($(compgen -W '", stdout);
        print_words(option->choices);
        fputs("' -- \"$word\")); ", stdout);
    } else if (option->kind == CLI_FILE || option->kind == CLI_FOLDER) {
        printf("COMPREPLY=($(compgen -%c -- \"$word\")); ", option->kind == CLI_FILE ? 'f' : 'd');
    }
    puts("return ;;");
}

static void print_bash(void)
{
    puts("# Completion of mobilenet for bash: source this file, or put it into\n"
         "# ~/.local/share/bash-completion/completions/mobilenet\n"
         "_mobilenet()\n{\n"
         "    local word=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}\n"
         "    COMPREPLY=()\n"
         "    if [ \"$COMP_CWORD\" -eq 1 ]; then");
    fputs("        COMPREPLY=($(compgen -W '", stdout);
    for (int i = 0; cli_commands[i]; i++)
        printf("%s ", cli_commands[i]->name);
    puts("--help --version' -- \"$word\"))\n        return\n    fi\n    case $command:$last in");
    for (int i = 0; cli_commands[i]; i++)
        each_option(cli_commands[i], bash_value);
    puts("    esac\n    case $command:$word in");
    for (int i = 0; cli_commands[i]; i++) {
        printf("    %s:-*) COMPREPLY=($(compgen -W '", cli_commands[i]->name);
        each_option(cli_commands[i], bash_name);
        puts("' -- \"$word\")) ;;");
        if (cli_commands[i]->operand_kind == CLI_CHOICE) {
            printf("    %s:*) COMPREPLY=($(compgen -W '", cli_commands[i]->name);
            print_operands(cli_commands[i]);
            puts("' -- \"$word\")) ;;");
        }
    }
    puts("    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n    esac\n}\n"
         "complete -o filenames -F _mobilenet mobilenet");
}

/* ---- zsh ---- */

static void zsh_option(const cli_command *command, const cli_option *option)
{
    (void)command;
    fputs(" \\\n            ", stdout);
    if (option->letter)
        printf("'(-%c --%s)'{-%c,--%s}'", option->letter, option->name, option->letter, option->name);
    else
        printf("'%s--%s", option->kind == CLI_TEXTS ? "*" : "", option->name);
    putchar('[');
    print_quoted(option->help, "[]:\\");
    putchar(']');
    if (option->kind != CLI_FLAG) {
        putchar(':');
        print_quoted(option->argument, "[]:\\");
        putchar(':');
        if (option->kind == CLI_CHOICE) {
            putchar('(');
            print_words(option->choices);
            putchar(')');
        } else if (option->kind == CLI_FILE) {
            fputs("_files", stdout);
        } else if (option->kind == CLI_FOLDER) {
            fputs("_files -/", stdout);
        }
    }
    putchar('\'');
}

static void print_zsh(void)
{
    puts("#compdef mobilenet\n"
         "# Completion of mobilenet for zsh: put this file, as _mobilenet, into a folder of $fpath.\n"
         "_mobilenet() {\n"
         "    local -a commands\n"
         "    commands=(");
    for (int i = 0; cli_commands[i]; i++) {
        printf("        '%s:", cli_commands[i]->name);
        print_quoted(cli_commands[i]->summary, ":\\");
        puts("'");
    }
    puts("    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n        return\n    fi\n"
         "    local command=$words[2]\n    shift words\n    (( CURRENT-- ))\n    case $command in");
    for (int i = 0; cli_commands[i]; i++) {
        const cli_command *command = cli_commands[i];
        printf("        %s) _arguments -s", command->name);
        each_option(command, zsh_option);
        fputs(" \\\n            '*:", stdout);
        print_quoted(*command->operands ? command->operands : "nothing", "[]:\\");
        putchar(':');
        if (command->operand_kind == CLI_CHOICE) {
            putchar('(');
            print_operands(command);
            putchar(')');
        } else if (command->operand_kind == CLI_FILE) {
            fputs("_files", stdout);
        }
        puts("' ;;");
    }
    puts("    esac\n}\n"
         "if [ \"$funcstack[1]\" = _mobilenet ]; then _mobilenet \"$@\"; else compdef _mobilenet mobilenet; fi");
}

/* ---- fish ---- */

static void fish_option(const cli_command *command, const cli_option *option)
{
    printf("complete -c mobilenet -n '__fish_seen_subcommand_from %s' -l %s", command->name, option->name);
    if (option->letter)
        printf(" -s %c", option->letter);
    if (option->kind == CLI_CHOICE) {
        fputs(" -x -a '", stdout);
        print_words(option->choices);
        putchar('\'');
    } else if (option->kind == CLI_FILE) {
        fputs(" -r -F", stdout);
    } else if (option->kind == CLI_FOLDER) {
        fputs(" -x -a '(__fish_complete_directories)'", stdout);
    } else if (option->kind != CLI_FLAG) {
        fputs(" -x", stdout);
    }
    fputs(" -d '", stdout);
    for (const char *c = option->help; *c; c++)
        printf(*c == '\'' || *c == '\\' ? "\\%c" : "%c", *c);
    puts("'");
}

static void print_fish(void)
{
    puts("# Completion of mobilenet for fish: put this file into ~/.config/fish/completions/mobilenet.fish");
    for (int i = 0; cli_commands[i]; i++) {
        const cli_command *command = cli_commands[i];
        printf("complete -c mobilenet -n __fish_use_subcommand -f -a %s -d '%s'\n", command->name, command->summary);
        if (command->operand_kind == CLI_CHOICE) {
            printf("complete -c mobilenet -n '__fish_seen_subcommand_from %s' -f -a '", command->name);
            print_operands(command);
            puts("'");
        }
        each_option(command, fish_option);
    }
}

void cli_print_completion(const char *shell)
{
    if (strcmp(shell, "bash") == 0)
        print_bash();
    else if (strcmp(shell, "zsh") == 0)
        print_zsh();
    else
        print_fish();
}

static int run_completion(const cli_call *call)
{
    static const char *const shells[] = {"bash", "zsh", "fish"};
    for (int i = 0; i < CLI_COUNT(shells); i++)
        if (strcmp(call->operands[0], shells[i]) == 0) {
            cli_print_completion(shells[i]);
            return CLI_DONE;
        }
    return cli_misuse(call->command, "'%s' is none of bash, zsh, fish", cli_clean(call->operands[0]));
}

const cli_command cli_completion = {
    .name = "completion",
    .summary = "Print the completion script of a shell",
    .operands = "bash|zsh|fish",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_CHOICE,
    .operand_words = "bash|zsh|fish",
    .description = "Prints a script that makes a shell complete commands, options and their values.",
    .examples = "For this bash\nsource <(mobilenet completion bash)",
    .run = run_completion,
};
