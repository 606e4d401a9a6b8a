/* convert: any model file that can be read, written as a native one, with labels and texts attached on request and
 * batch norm folded on request. --verify reads the new file back and runs both on the same pictures.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch_options.h"
#include "commands.h"
#include "describe.h"
#include "inputs.h"
#include "mobilenet/import.h"
#include "output.h"
#include "verify.h"

typedef struct convert_values {
    const char *labels, *photos;
    cli_texts info;
    double mean, deviation;
    bool fold, verify, json;
} convert_values;

/* Attaches a label file. A file of 1000 names for a model of 1001 classes gets "background" in front. */
static int attach_labels(mn_model *model, const char *path)
{
    char **labels = NULL;
    int32_t count, classes = mn_model_net(model)->arch.classes;
    mn_error err;
    if (mn_labels_load(path, &labels, &count, &err) != MN_OK)
        return cli_fail_status(&err);
    const char **list = cli_alloc((size_t)count + 1, sizeof *list);
    bool add = classes == 1001 && count == 1000 && strcmp(labels[0], "background") != 0;
    list[0] = "background";
    for (int32_t i = 0; i < count; i++)
        list[i + add] = labels[i];
    mn_status status = mn_model_set_labels(model, list, count + add, &err);
    if (status == MN_OK && add)
        cli_say("labels: 1000 names for 1001 classes; 'background' was put first");
    free(list);
    free(labels);
    return status == MN_OK ? CLI_DONE : cli_fail("%s: %s", cli_clean(path), cli_clean(err.message));
}

static int attach_info(const cli_call *call, mn_model *model, const cli_texts *info)
{
    for (int32_t i = 0; i < info->count; i++) {
        const char *equals = strchr(info->values[i], '=');
        char key[64];
        mn_error err;
        size_t length = equals ? (size_t)(equals - info->values[i]) : 0;
        if (!equals || length >= sizeof key)
            return cli_misuse(call->command, "--info: '%s' is not KEY=TEXT", cli_clean(info->values[i]));
        memcpy(key, info->values[i], length);
        key[length] = '\0';
        if (mn_model_set_info(model, key, equals + 1, &err) != MN_OK)
            return cli_misuse(call->command, "--info: %s", err.message);
    }
    return CLI_DONE;
}

/* The range of the input that --mean and --deviation give, in place of the file's. */
static int attach_range(const cli_call *call, mn_model *model)
{
    const convert_values *values = call->values;
    mn_preprocess preprocess = *mn_model_preprocess(model);
    mn_error err;
    if (!cli_given(call, "mean") && !cli_given(call, "deviation"))
        return CLI_DONE;
    for (int i = 0; i < MN_PREPROCESS_CHANNELS; i++) {
        if (cli_given(call, "mean"))
            preprocess.mean[i] = (float)values->mean;
        if (cli_given(call, "deviation"))
            preprocess.standard_deviation[i] = (float)values->deviation;
    }
    const char *assumed = mn_model_info(model, "assumed"), *given = "the range of the input was given to convert";
    size_t size = (assumed ? strlen(assumed) : 0) + strlen(given) + 3;
    char *text = cli_alloc(size, 1);
    snprintf(text, size, "%s%s%s", assumed ? assumed : "", assumed ? "; " : "", given);
    mn_status status = mn_model_set_preprocess(model, &preprocess, &err);
    if (status == MN_OK)
        status = mn_model_set_info(model, "assumed", text, &err);
    free(text);
    return status == MN_OK ? CLI_DONE : cli_fail_status(&err);
}

static int check_output_name(const cli_call *call, const char *path)
{
    static const char *const others[] = {".tflite", ".h5", ".keras", ".onnx", ".pb", ".pt", ".pth"};
    const char *dot = strrchr(path, '.');
    for (int i = 0; dot && i < CLI_COUNT(others); i++)
        if (strcmp(dot, others[i]) == 0)
            return cli_misuse(call->command, "'%s' ends in %s, but only native files (.safetensors) can be written",
                              cli_clean(path), others[i]);
    return CLI_DONE;
}

static void say_result(const mn_model *model, const char *in, const char *out)
{
    const mn_arch *arch = &mn_model_net(model)->arch;
    const char *assumed = mn_model_info(model, "assumed");
    printf("%s\n  -> %s\n", cli_clean(in), cli_clean(out));
    printf("%s\n%s\n", cli_arch_title(arch), cli_arch_details(arch));
    printf("input   %s\n", cli_preprocess_words(mn_model_preprocess(model), arch->channels));
    if (mn_model_has_labels(model))
        printf("labels  %d\n", arch->classes);
    else
        printf("labels  none in the file%s\n",
               mn_model_label(model, 0) ? "; ImageNet's names are used for this number of classes" : "");
    if (assumed)
        printf("assumed %s\n", cli_clean(assumed));
}

static json_t *json_result(const mn_model *model, const char *in, const char *out)
{
    json_t *object = json_object();
    const mn_arch *arch = &mn_model_net(model)->arch;
    cli_json_add(object, "input", cli_json_text(in));
    cli_json_add(object, "output", cli_json_text(out));
    cli_json_add(object, "arch", cli_json_arch(arch));
    cli_json_add(object, "preprocess", cli_json_preprocess(mn_model_preprocess(model), arch->channels));
    cli_json_add(object, "labels_attached", json_boolean(mn_model_has_labels(model)));
    cli_json_add(object, "info", cli_json_info(model));
    return object;
}

static int finish(const convert_values *values, const mn_model *original, const mn_model *written, const char *in,
                  const char *out)
{
    cli_verdict verdict = {0};
    int code = CLI_DONE;
    if (values->verify)
        code = cli_verify(original, out, values->photos, &verdict);
    if (code == CLI_FAILED && verdict.inputs == 0)
        return code;
    if (values->json) {
        json_t *object = json_result(written, in, out);
        if (values->verify)
            cli_json_add(object, "verify", cli_verdict_json(&verdict));
        cli_json_print(object);
    } else {
        say_result(written, in, out);
        if (values->verify)
            cli_verdict_print(&verdict);
    }
    return code;
}

static int run_convert(const cli_call *call)
{
    const convert_values *values = call->values;
    const char *in = call->operands[0], *out = call->operands[1];
    mn_model *original = NULL, *model = NULL, *folded = NULL;
    mn_error err;
    int code = check_output_name(call, out);
    if (values->photos && !values->verify)
        return cli_misuse(call->command, "--photos is for --verify");
    if (code != CLI_DONE)
        return code;
    /* Two copies, so that what is attached to one cannot hide in the comparison. */
    if (mn_model_import(in, &model, &err) != MN_OK || mn_model_import(in, &original, &err) != MN_OK) {
        code = cli_fail_status(&err);
        goto done;
    }
    if (values->labels && (code = attach_labels(model, values->labels)) != CLI_DONE)
        goto done;
    if ((code = attach_range(call, model)) != CLI_DONE || (code = attach_range(call, original)) != CLI_DONE)
        goto done;
    if ((code = attach_info(call, model, &values->info)) != CLI_DONE)
        goto done;
    if (values->fold && mn_model_fold(model, &folded, &err) != MN_OK) {
        code = cli_fail_status(&err);
        goto done;
    }
    const mn_model *result = folded ? folded : model;
    if (mn_model_save(result, out, &err) != MN_OK)
        code = cli_fail_status(&err);
    else
        code = finish(values, original, result, in, out);
done:
    mn_model_destroy(folded);
    mn_model_destroy(model);
    mn_model_destroy(original);
    return code;
}

static const cli_option convert_options[] = {
    {"labels", 'l', CLI_FILE, "FILE", NULL, NULL, 0, 0, offsetof(convert_values, labels),
     "attach the class names in this file, one a line"},
    {"info", 'i', CLI_TEXTS, "KEY=TEXT", NULL, NULL, 0, 0, offsetof(convert_values, info),
     "attach a text (name, source, licence, ...); may be given several times"},
    {"mean", 0, CLI_REAL, "X", NULL, NULL, -1000, 1000, offsetof(convert_values, mean),
     "subtracted from pixels of 0 to 255 before the network, in all channels; otherwise as the file says"},
    {"deviation", 0, CLI_REAL, "X", NULL, NULL, 0.001, 1000, offsetof(convert_values, deviation),
     "what is left is divided by this; otherwise as the file says"},
    {"fold", 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(convert_values, fold),
     "fold batch norm into the convolutions: a smaller file that cannot be trained further as it was"},
    {"verify", 'v', CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(convert_values, verify),
     "run both files on the same pictures; exit code 1 where an output differs by more than 0.0001 or a best class "
     "differs"},
    {"photos", 0, CLI_FOLDER, "FOLDER", NULL, NULL, 0, 0, offsetof(convert_values, photos),
     "pictures to verify with; otherwise 16 that are made up"},
    {"json", 'j', CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(convert_values, json), "print JSON"},
};

static const cli_group convert_groups[] = {{"Options", convert_options, CLI_COUNT(convert_options), 0}};

const cli_command cli_convert = {
    .name = "convert",
    .summary = "Write a model of TensorFlow Lite or Keras as a native file",
    .operands = "IN OUT",
    .min_operands = 2,
    .max_operands = 2,
    .operand_kind = CLI_FILE,
    .description =
        "Reads a model file (TensorFlow Lite, Keras .h5 or .keras, native) and writes a native one (safetensors), "
        "which holds the weights and all that is needed to use them: architecture, preprocessing, labels. What the "
        "reader had to assume is printed and stored.\n"
        "Of an integer model the range of the input is that of its quantisation; where it was trained on "
        "another, accuracy suffers: evaluate it on pictures with labels, and where that disappoints, "
        "convert with the --mean and --deviation of its training.\n"
        "OUT is replaced only once the new file is whole.",
    .examples = "Convert and compare\nmobilenet convert --verify mobilenet_v1.tflite mobilenet_v1.safetensors\n"
                "With names and a licence\n"
                "mobilenet convert --labels names.txt --info licence=Apache-2.0 in.h5 out.safetensors\n"
                "An integer model that was trained on pixels from -1 to 1\n"
                "mobilenet convert --mean 127.5 --deviation 127.5 in.tflite out.safetensors",
    .groups = convert_groups,
    .group_count = CLI_COUNT(convert_groups),
    .value_bytes = sizeof(convert_values),
    .run = run_convert,
};
