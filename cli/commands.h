/* The commands, one file each, named after the command. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "command.h"

extern const cli_command cli_bench_command;
extern const cli_command cli_classify;
extern const cli_command cli_evaluate;
extern const cli_command cli_compare;
extern const cli_command cli_convert;
extern const cli_command cli_describe;
extern const cli_command cli_train;
extern const cli_command cli_reproduce;
extern const cli_command cli_help;
extern const cli_command cli_completion;

#endif
