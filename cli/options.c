/* Reading a command line by the tables of options.h. Options and operands may be mixed; `--` ends the options; a value
 * comes after `=`, after a space, or right behind a short letter (-k5). Numbers are read whole or refused.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "output.h"

/* A walk over all options of a command: option number `index` and the place of its value. */
static const cli_option *option_at(const cli_command *command, int index, size_t *offset)
{
    for (int g = 0; g < command->group_count; g++) {
        const cli_group *group = &command->groups[g];
        if (index < group->count) {
            *offset = group->offset + group->options[index].offset;
            return &group->options[index];
        }
        index -= group->count;
    }
    return NULL;
}

bool cli_given(const cli_call *call, const char *option)
{
    const cli_option *o;
    size_t offset;
    for (int i = 0; (o = option_at(call->command, i, &offset)) != NULL; i++)
        if (strcmp(o->name, option) == 0)
            return call->given[i];
    return false;
}

const char *cli_given_in(const cli_call *call, const char *title)
{
    int index = 0;
    for (int g = 0; g < call->command->group_count; g++) {
        const cli_group *group = &call->command->groups[g];
        for (int i = 0; i < group->count; i++, index++)
            if (strcmp(group->title, title) == 0 && call->given[index])
                return group->options[i].name;
    }
    return NULL;
}

/* Why a value was refused; the caller puts the option's name before it. */
typedef char reason[160];

static bool parse_integer(const char *text, size_t length, const cli_option *option, int64_t *value, reason why)
{
    char digits[24], *end;
    if (length == 0 || length >= sizeof digits || strspn(text, "+-0123456789") < length) {
        snprintf(why, sizeof(reason), "'%.*s' is not a whole number", length > 40 ? 40 : (int)length, text);
        return false;
    }
    memcpy(digits, text, length);
    digits[length] = '\0';
    errno = 0;
    long long number = strtoll(digits, &end, 10);
    if (*end != '\0' || end == digits) {
        snprintf(why, sizeof(reason), "'%s' is not a whole number", digits);
        return false;
    }
    if (errno == ERANGE || (double)number < option->low || (double)number > option->high) {
        snprintf(why, sizeof(reason), "%s is outside %.0f to %.0f", digits, option->low, option->high);
        return false;
    }
    *value = number;
    return true;
}

static bool parse_real(const char *text, const cli_option *option, double *value, reason why)
{
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || strspn(text, "+-.0123456789eE") != strlen(text)) {
        snprintf(why, sizeof(reason), "'%.40s' is not a number%s", text,
                 strchr(text, ',') ? " (the decimal mark is a point)" : "");
        return false;
    }
    if (!isfinite(number) || number < option->low || number > option->high) {
        snprintf(why, sizeof(reason), "%.20s is outside %g to %g", text, option->low, option->high);
        return false;
    }
    *value = number;
    return true;
}

static bool parse_extent(const char *text, const cli_option *option, cli_extent *value, reason why)
{
    size_t first = strcspn(text, "xX");
    int64_t height, width;
    if (first == 0 || (text[first] != '\0' && text[first + 1] == '\0')) {
        snprintf(why, sizeof(reason), "'%.40s' is no size: wanted is N or HxW", text);
        return false;
    }
    if (!parse_integer(text, first, option, &height, why))
        return false;
    width = height;
    if (text[first] != '\0' && !parse_integer(text + first + 1, strlen(text + first + 1), option, &width, why))
        return false;
    *value = (cli_extent){(int32_t)height, (int32_t)width};
    return true;
}

static bool parse_integers(const char *text, const cli_option *option, cli_integers *list, reason why)
{
    cli_integers result = {0};
    for (;;) {
        size_t length = strcspn(text, ",");
        int64_t number;
        if (result.count == CLI_LIST_MAX) {
            snprintf(why, sizeof(reason), "more than %d numbers", CLI_LIST_MAX);
            return false;
        }
        if (!parse_integer(text, length, option, &number, why))
            return false;
        result.values[result.count++] = (int32_t)number;
        if (text[length] == '\0')
            break;
        text += length + 1;
    }
    *list = result;
    return true;
}

static bool parse_choice(const char *text, const cli_option *option, const char **value, reason why)
{
    for (const char *word = option->choices;; word++) {
        size_t length = strcspn(word, "|");
        if (strlen(text) == length && strncmp(word, text, length) == 0) {
            *value = text;
            return true;
        }
        word += length;
        if (*word == '\0')
            break;
    }
    snprintf(why, sizeof(reason), "'%.40s' is none of %s", text, option->choices);
    return false;
}

static bool parse_value(const cli_option *option, const char *text, void *target, reason why)
{
    switch (option->kind) {
    case CLI_FLAG:
        *(bool *)target = true;
        return true;
    case CLI_INTEGER:
        return parse_integer(text, strlen(text), option, target, why);
    case CLI_REAL:
        return parse_real(text, option, target, why);
    case CLI_CHOICE:
        return parse_choice(text, option, target, why);
    case CLI_EXTENT:
        return parse_extent(text, option, target, why);
    case CLI_INTEGERS:
        return parse_integers(text, option, target, why);
    default:
        break;
    }
    if (*text == '\0') {
        snprintf(why, sizeof(reason), "the value is empty");
        return false;
    }
    if (option->kind != CLI_TEXTS) {
        *(const char **)target = text;
        return true;
    }
    cli_texts *list = target;
    if (list->count == CLI_LIST_MAX) {
        snprintf(why, sizeof(reason), "given more than %d times", CLI_LIST_MAX);
        return false;
    }
    list->values[list->count++] = text;
    return true;
}

void cli_options_default(const cli_call *call)
{
    const cli_option *option;
    size_t offset;
    reason why;
    for (int i = 0; (option = option_at(call->command, i, &offset)) != NULL; i++)
        if (option->fallback && !parse_value(option, option->fallback, (char *)call->values + offset, why))
            cli_die("the default of --%s is broken: %s", option->name, why);
}

/* Says that --NAME is unknown, with the nearest that there is. */
static int unknown_option(const cli_command *command, const char *typed, size_t length)
{
    const char *names[CLI_OPTIONS_MAX + 1] = {"help"};
    const cli_option *option;
    size_t offset;
    int count = 1;
    for (int i = 0; i < CLI_OPTIONS_MAX && (option = option_at(command, i, &offset)) != NULL; i++)
        names[count++] = option->name;
    char name[64];
    snprintf(name, sizeof name, "%.*s", length > 60 ? 60 : (int)length, typed);
    const char *near = cli_nearest(name, names, count);
    if (near)
        return cli_misuse(command, "there is no option --%s; did you mean --%s?", name, near);
    return cli_misuse(command, "there is no option --%s", name);
}

typedef struct scan {
    cli_call *call;
    int argc, next;
    char **argv;
    bool *help;
} scan;

/* Takes the value of `option`: `attached` (behind = or the letter) or the next argument. */
static int take_value(scan *s, int index, const char *attached)
{
    const cli_command *command = s->call->command;
    size_t offset;
    const cli_option *option = option_at(command, index, &offset);
    if (option->kind == CLI_FLAG) {
        if (attached)
            return cli_misuse(command, "--%s takes no value", option->name);
    } else if (!attached) {
        if (s->next >= s->argc || strncmp(s->argv[s->next], "--", 2) == 0)
            return cli_misuse(command, "--%s needs a value: --%s %s", option->name, option->name, option->argument);
        attached = s->argv[s->next++];
    }
    if (s->call->given[index] && option->kind != CLI_TEXTS && option->kind != CLI_FLAG)
        return cli_misuse(command, "--%s is given twice", option->name);
    reason why;
    if (!parse_value(option, attached, (char *)s->call->values + offset, why))
        return cli_misuse(command, "--%s: %s", option->name, why);
    s->call->given[index] = true;
    return CLI_DONE;
}

static int take_long(scan *s, const char *typed)
{
    size_t length = strcspn(typed, "="), offset;
    const cli_option *option;
    if (length == 4 && strncmp(typed, "help", 4) == 0) {
        *s->help = true;
        return CLI_DONE;
    }
    for (int i = 0; (option = option_at(s->call->command, i, &offset)) != NULL; i++)
        if (strlen(option->name) == length && strncmp(option->name, typed, length) == 0)
            return take_value(s, i, typed[length] == '=' ? typed + length + 1 : NULL);
    return unknown_option(s->call->command, typed, length);
}

static int take_letters(scan *s, const char *letters)
{
    for (; *letters; letters++) {
        const cli_option *option;
        size_t offset;
        int i = 0;
        if (*letters == 'h') {
            *s->help = true;
            continue;
        }
        while ((option = option_at(s->call->command, i, &offset)) != NULL && option->letter != *letters)
            i++;
        if (!option)
            return cli_misuse(s->call->command, "there is no option -%c", *letters);
        bool flag = option->kind == CLI_FLAG;
        int code = take_value(s, i, !flag && letters[1] ? letters + 1 : NULL);
        if (code != CLI_DONE || !flag)
            return code;
    }
    return CLI_DONE;
}

/* Whether `word` is a file, and the command takes one by --model. */
static bool is_model(const cli_command *command, const char *word)
{
    const cli_option *option;
    size_t offset;
    struct stat info;
    int i = 0;
    while ((option = option_at(command, i, &offset)) != NULL && strcmp(option->name, "model") != 0)
        i++;
    return option && stat(word, &info) == 0 && S_ISREG(info.st_mode);
}

static int check_operands(const cli_call *call)
{
    const cli_command *command = call->command;
    if (call->operand_count < command->min_operands) {
        const char *missing = command->operands;
        for (int i = 0; i < call->operand_count; i++)
            missing += strcspn(missing, " ") + 1;
        return cli_misuse(command, "%s is missing", missing);
    }
    if (command->max_operands >= 0 && call->operand_count > command->max_operands) {
        const char *extra = call->operands[command->max_operands];
        if (command->max_operands == 0)
            return cli_misuse(command, "'%s' is one argument too many: only options are taken%s%s", extra,
                              is_model(command, extra) ? "; a model file is named by --model " : "",
                              is_model(command, extra) ? extra : "");
        return cli_misuse(command, "'%s' is one argument too many: %s is wanted", extra, command->operands);
    }
    return CLI_DONE;
}

int cli_options_parse(cli_call *call, int argc, char **argv, bool *help)
{
    scan s = {call, argc, 0, argv, help};
    bool only_operands = false;
    call->operands = argv;
    call->operand_count = 0;
    while (s.next < argc) {
        char *word = argv[s.next++];
        int code = CLI_DONE;
        if (only_operands || word[0] != '-' || word[1] == '\0')
            argv[call->operand_count++] = word; /* never overtakes s.next */
        else if (strcmp(word, "--") == 0)
            only_operands = true;
        else
            code = word[1] == '-' ? take_long(&s, word + 2) : take_letters(&s, word + 1);
        if (code != CLI_DONE)
            return code;
    }
    return *help ? CLI_DONE : check_operands(call);
}
