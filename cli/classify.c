/* classify: what is in photographs. One session, one picture after the other; a picture that cannot be read is
 * reported and the others go on.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "inputs.h"
#include "mobilenet/session.h"
#include "npy.h"
#include "output.h"
#include "session_options.h"

typedef struct classify_values {
    const char *model, *dump;
    int64_t top;
    double min_confidence;
    bool json;
    cli_run run;
} classify_values;

typedef struct classifier {
    const classify_values *values;
    const mn_net *net;
    mn_model *model;
    mn_session *session;
    float *input;         /* [height, width, channels] */
    float *probabilities; /* [classes] */
    mn_prediction *top;   /* [values->top] */
    json_t *results;      /* array, with --json */
    bool warned;          /* of a picture that is in colour, or not */
} classifier;

static void print_result(const classifier *c, const char *path, int32_t count)
{
    int32_t shown = 0;
    printf("%s\n", cli_clean(path));
    for (int32_t i = 0; i < count; i++) {
        const char *label = mn_model_label(c->model, c->top[i].class_index);
        if (!(c->top[i].probability >= c->values->min_confidence))
            break;
        if (label)
            printf("  %6.2f %%  %s\n", 100.0 * (double)c->top[i].probability, cli_clean(label));
        else
            printf("  %6.2f %%  class %d\n", 100.0 * (double)c->top[i].probability, c->top[i].class_index);
        shown++;
    }
    if (shown == 0)
        printf("  none of the classes: the best reaches %.2f %%\n", 100.0 * (double)c->top[0].probability);
}

static void add_result(const classifier *c, const char *path, int32_t count)
{
    json_t *object = json_object(), *list = json_array();
    for (int32_t i = 0; i < count; i++) {
        if (!(c->top[i].probability >= c->values->min_confidence))
            break;
        json_t *entry = json_object();
        cli_json_add(entry, "class", json_integer(c->top[i].class_index));
        cli_json_add(entry, "label", cli_json_text(mn_model_label(c->model, c->top[i].class_index)));
        cli_json_add(entry, "probability", cli_json_real((double)c->top[i].probability));
        cli_json_append(list, entry);
    }
    cli_json_add(object, "image", cli_json_text(path));
    cli_json_add(object, "top", list);
    cli_json_append(c->results, object);
}

static void add_error(const classifier *c, const char *path, const mn_error *err)
{
    json_t *object = json_object();
    cli_json_add(object, "image", cli_json_text(path));
    cli_json_add(object, "top", json_array());
    cli_json_add(object, "error", cli_json_text(err->message));
    cli_json_append(c->results, object);
}

/* Runs one picture; false, having said why, where it cannot be. */
static bool classify_picture(classifier *c, const char *path)
{
    const mn_arch *arch = &c->net->arch;
    mn_image *image = NULL;
    mn_error err;
    mn_status status = cli_picture_load(path, &image, &err);
    if (status == MN_OK && image->channels != arch->channels && !c->warned) {
        cli_warn_channels(c->model, image);
        c->warned = true;
    }
    if (status == MN_OK)
        status = mn_preprocess_apply(mn_model_preprocess(c->model), image, arch->height, arch->width, arch->channels,
                                     c->input, &err);
    if (status == MN_OK)
        status = mn_session_run(c->session, c->input, 1, c->probabilities, &err);
    mn_image_destroy(image);
    if (status != MN_OK) {
        if (c->results)
            add_error(c, path, &err);
        cli_fail("%s%s%s", strstr(err.message, path) ? "" : cli_clean(path), strstr(err.message, path) ? "" : ": ",
                 cli_clean(err.message));
        return false;
    }
    int32_t count = mn_top_k(c->probabilities, arch->classes, (int32_t)c->values->top, c->top);
    if (c->results)
        add_result(c, path, count);
    else
        print_result(c, path, count);
    return true;
}

static bool dump_array(const char *folder, int number, const char *name, const float *data, const int32_t shape[3])
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%02d_%s.npy", folder, number, name) >= (int)sizeof path) {
        cli_fail("the name of the folder '%s' is too long", cli_clean(folder));
        return false;
    }
    if (!cli_npy_write(path, data, shape, 3)) {
        cli_fail_write(path);
        return false;
    }
    return true;
}

/* The input and the output of every layer in the last run: FOLDER/NN_NAME.npy, each [height, width, channels]. */
static bool dump_layers(const classifier *c, const char *folder)
{
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        cli_fail("cannot make the folder '%s': %s", cli_clean(folder), strerror(errno));
        return false;
    }
    const mn_arch *arch = &c->net->arch;
    const int32_t input_shape[] = {arch->height, arch->width, arch->channels};
    if (!dump_array(folder, 0, "input", c->input, input_shape))
        return false;
    for (int32_t i = 0; i < c->net->layer_count; i++) {
        const mn_layer *layer = &c->net->layers[i];
        const int32_t shape[] = {layer->out_height, layer->out_width, layer->out_channels};
        const float *data = mn_session_layer_output(c->session, i);
        if (!data) {
            cli_fail("the output of layer %s was not kept", layer->name);
            return false;
        }
        if (!dump_array(folder, i + 1, layer->name, data, shape))
            return false;
    }
    cli_say("%d arrays written to %s", c->net->layer_count + 1, cli_clean(folder));
    return true;
}

static int classify_all(classifier *c, const cli_paths *photos)
{
    int bad = 0;
    if (c->values->json)
        c->results = json_array();
    for (int i = 0; i < photos->count; i++) {
        bool good = classify_picture(c, photos->paths[i]);
        if (good && c->values->dump)
            good = dump_layers(c, c->values->dump);
        bad += !good;
    }
    if (c->results)
        cli_json_print(c->results);
    if (bad > 0 && photos->count > 1)
        cli_say("mobilenet: %d of %d pictures could not be classified", bad, photos->count);
    return bad > 0 ? CLI_FAILED : CLI_DONE;
}

static int run_classify(const cli_call *call)
{
    const classify_values *values = call->values;
    classifier c = {.values = values};
    cli_paths photos = {0};
    mn_error err;
    int code = CLI_FAILED;
    for (int i = 0; i < call->operand_count; i++)
        if (!cli_paths_expand(&photos, call->operands[i]))
            goto done;
    if (values->dump && photos.count > 1) {
        code = cli_misuse(call->command, "--dump takes one picture, %d are given", photos.count);
        goto done;
    }
    if ((code = cli_model_open(call, values->model, &c.model, NULL)) != CLI_DONE)
        goto done;
    c.net = mn_model_net(c.model);
    mn_session_options options = cli_run_get(&values->run);
    options.keep_layers = values->dump != NULL;
    if (mn_session_create(c.model, &options, &c.session, &err) != MN_OK) {
        code = cli_fail_status(&err);
        goto done;
    }
    const mn_arch *arch = &c.net->arch;
    c.input = cli_alloc((size_t)arch->height * (size_t)arch->width, (size_t)arch->channels * sizeof(float));
    c.probabilities = cli_alloc((size_t)arch->classes, sizeof(float));
    c.top = cli_alloc((size_t)values->top, sizeof *c.top);
    code = classify_all(&c, &photos);
done:
    free(c.top);
    free(c.probabilities);
    free(c.input);
    mn_session_destroy(c.session);
    mn_model_destroy(c.model);
    cli_paths_free(&photos);
    return code;
}

static const cli_option classify_options[] = {
    {"model", 'm', CLI_FILE, "FILE", NULL, NULL, 0, 0, offsetof(classify_values, model),
     "model file (native, TensorFlow Lite, Keras); otherwise the default model beside the program"},
    {"top", 'k', CLI_INTEGER, "K", "5", NULL, 1, 1000000, offsetof(classify_values, top),
     "how many classes to show for each picture"},
    {"min-confidence", 0, CLI_REAL, "P", "0", NULL, 0, 1, offsetof(classify_values, min_confidence),
     "leave out classes below this probability, 0 to 1"},
    {"dump", 0, CLI_FOLDER, "FOLDER", NULL, NULL, 0, 0, offsetof(classify_values, dump),
     "write the input and every layer's output, as NumPy files [height, width, channels]; one picture only"},
    {"json", 'j', CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(classify_values, json), "print JSON"},
};

static const cli_group classify_groups[] = {
    {"Options", classify_options, CLI_COUNT(classify_options), 0},
    CLI_RUN_GROUP(offsetof(classify_values, run)),
};

const cli_command cli_classify = {
    .name = "classify",
    .summary = "Say what is in photographs",
    .operands = "PHOTO...",
    .min_operands = 1,
    .max_operands = -1,
    .operand_kind = CLI_FILE,
    .description =
        "Prints the most probable classes of each photograph: JPEG, PNG, WebP, PPM, PGM or BMP, in any orientation. A "
        "folder stands for the pictures in it, '-' for one picture on stdin.\n"
        "How a picture is cut, resized and scaled is part of the model file. A picture that cannot be read is "
        "reported, "
        "the others are classified, and the exit code is 1.",
    .examples = "A photograph\nmobilenet classify --model model.tflite dog.jpg\n"
                "A whole folder, best class only, for machines\nmobilenet classify -m model.tflite -k 1 --json photos/",
    .groups = classify_groups,
    .group_count = CLI_COUNT(classify_groups),
    .value_bytes = sizeof(classify_values),
    .run = run_classify,
};
