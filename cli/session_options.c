/* How a network is run, as options. */
#include "session_options.h"

#include <stdio.h>
#include <string.h>

#include "output.h"

const cli_option cli_run_options[3] = {
    {"threads", 't', CLI_INTEGER, "N", NULL, NULL, 1, 256, offsetof(cli_run, threads),
     "threads to compute with; otherwise every processor of this process"},
    {"level", 0, CLI_CHOICE, "LEVEL", NULL, "reference|avx2|avx512|avx512bf16|amxbf16|neon", 0, 0,
     offsetof(cli_run, level),
     "highest kernel level to use; otherwise the best of this processor, or the one that MOBILENET_CPU names"},
    {"precision", 0, CLI_CHOICE, "KIND", "float32", "float32|bfloat16", 0, 0, offsetof(cli_run, precision),
     "numbers between layers; bfloat16 needs the level avx512bf16, or, slowly, reference"},
};

const cli_option cli_session_options[1] = {
    {"batch", 'b', CLI_INTEGER, "N", "1", NULL, 1, 4096, offsetof(cli_session, batch), "images in one run"},
};

mn_session_options cli_run_get(const cli_run *values)
{
    mn_session_options options = mn_session_options_default();
    options.threads = (int32_t)values->threads;
    options.max_level = mn_cpu_best_level();
    if (strcmp(values->precision, "bfloat16") == 0)
        options.precision = MN_PRECISION_BFLOAT16;
    mn_cpu_level level;
    if (values->level && !mn_cpu_level_parse(values->level, &level))
        cli_die("the library does not know the level %s", values->level);
    if (values->level && level <= options.max_level)
        options.max_level = level;
    else if (values->level)
        cli_say("mobilenet: this processor and build have no %s; %s is used", values->level,
                mn_cpu_level_name(options.max_level));
    if (options.precision == MN_PRECISION_FLOAT32 &&
        (options.max_level == MN_CPU_AVX512_BF16 || options.max_level == MN_CPU_AMX_BF16))
        options.max_level = MN_CPU_AVX512; /* whose kernels serve float32 there: it is the level to name */
    return options;
}

const char *cli_precision_name(const mn_session_options *options)
{
    return options->precision == MN_PRECISION_BFLOAT16 ? "bfloat16" : "float32";
}

mn_session_options cli_session_get(const cli_session *values)
{
    mn_session_options options = cli_run_get(&values->run);
    options.batch = (int32_t)values->batch;
    return options;
}

const char *cli_threads_words(const mn_session_options *options)
{
    static char text[32];
    if (options->threads == 0)
        return "all processors";
    snprintf(text, sizeof text, "%d thread%s", options->threads, options->threads == 1 ? "" : "s");
    return text;
}

json_t *cli_json_session(const mn_session_options *options)
{
    json_t *object = json_object();
    cli_json_add(object, "batch", json_integer(options->batch));
    cli_json_add(object, "threads", json_integer(options->threads > 0 ? options->threads : mn_cpu_processors()));
    cli_json_add(object, "cpu_level", cli_json_text(mn_cpu_level_name(options->max_level)));
    cli_json_add(object, "precision", cli_json_text(cli_precision_name(options)));
    return object;
}
