/* The program: a table of commands, one file each. Everything below is finding the command that was typed, letting
 * options.c fill its values, and running it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "mobilenet/mobilenet.h"
#include "output.h"

const cli_command *const cli_commands[] = {
    &cli_classify, &cli_evaluate,      &cli_describe, &cli_train,      &cli_reproduce, &cli_convert,
    &cli_compare,  &cli_bench_command, &cli_help,     &cli_completion, NULL,
};

const cli_command *cli_find_command(const char *name)
{
    for (int i = 0; cli_commands[i]; i++)
        if (strcmp(cli_commands[i]->name, name) == 0)
            return cli_commands[i];
    return NULL;
}

int cli_unknown_command(const char *name)
{
    const char *names[64];
    int count = 0;
    while (count < CLI_COUNT(names) && cli_commands[count]) {
        names[count] = cli_commands[count]->name;
        count++;
    }
    const char *near = cli_nearest(name, names, count);
    if (near)
        return cli_misuse(NULL, "there is no command '%s'; did you mean %s?", cli_clean(name), near);
    return cli_misuse(NULL, "there is no command '%s'", cli_clean(name));
}

/* An unknown name caps nothing, so that who mistyped it would measure another level than meant. */
static void warn_level(void)
{
    const char *word = getenv("MOBILENET_CPU");
    mn_cpu_level level;
    if (word && *word && !mn_cpu_level_parse(word, &level))
        cli_say("mobilenet: MOBILENET_CPU: there is no level '%s'; it is ignored", cli_clean(word));
}

static int run_command(const cli_command *command, int argc, char **argv)
{
    cli_call call = {.command = command, .program = argv[0]};
    bool help = false;
    call.values = cli_alloc(1, command->value_bytes);
    cli_options_default(&call);
    int code = cli_options_parse(&call, argc - 2, argv + 2, &help);
    if (code == CLI_DONE && help) {
        cli_print_command_help(command);
    } else if (code == CLI_DONE) {
        warn_level();
        code = command->run(&call);
    }
    free(call.values);
    return code;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        cli_say("mobilenet: a command is missing\nTry: mobilenet help");
        return CLI_MISUSE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        cli_print_program_help();
        return CLI_DONE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("mobilenet %s\n", mn_version());
        return CLI_DONE;
    }
    if (argv[1][0] == '-')
        return cli_misuse(NULL, "there is no option %s before the command", cli_clean(argv[1]));
    const cli_command *command = cli_find_command(argv[1]);
    return command ? run_command(command, argc, argv) : cli_unknown_command(argv[1]);
}

int main(int argc, char **argv)
{
    cli_output_begin();
    return cli_output_end(run(argc, argv));
}
