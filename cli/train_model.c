/* The model that training starts from: a new one for the data, or a trained one with a classifier for the data. */
#include <stdlib.h>
#include <string.h>

#include "inputs.h"
#include "mobilenet/import.h"
#include "output.h"
#include "train.h"

#define LOOKS 32 /* images, spread over the data */

/* Size of the first image that can be decoded; 3 channels where any of those looked at is in colour, so that one gray
 * photograph does not make the model gray. */
static int look(const mn_dataset *data, int32_t *height, int32_t *width, int32_t *channels)
{
    mn_error err = {0};
    int64_t size = mn_dataset_size(data), step = size > LOOKS ? size / LOOKS : 1;
    *channels = 0;
    for (int64_t i = 0; i < size; i += step) {
        mn_image *image;
        if (mn_dataset_image(data, i, &image, &err) != MN_OK)
            continue;
        if (*channels == 0) {
            *height = image->height;
            *width = image->width;
        }
        if (image->channels > *channels)
            *channels = image->channels;
        mn_image_destroy(image);
    }
    return *channels > 0 ? CLI_DONE
                         : cli_fail("none of the images looked at can be decoded; the last: %s", err.message);
}

/* The names of the data's classes become the model's labels. */
static mn_status label(mn_model *model, const mn_dataset *data, mn_error *err)
{
    int32_t count = mn_dataset_class_count(data);
    const char **names = cli_alloc((size_t)count, sizeof *names);
    mn_status status = MN_OK;
    bool named = true;
    for (int32_t k = 0; k < count; k++) {
        names[k] = mn_dataset_class_name(data, k);
        named = named && names[k];
    }
    if (named)
        status = mn_model_set_labels(model, names, count, err);
    free(names);
    return status;
}

int cli_train_fresh(const cli_call *call, const cli_arch *values, double dropout, const mn_dataset *data, uint64_t seed,
                    mn_model **model)
{
    mn_arch arch = cli_arch_get(values);
    int32_t height = 0, width = 0, channels = 0;
    mn_error err;
    int code = look(data, &height, &width, &channels);
    if (code != CLI_DONE)
        return code;
    bool small = height <= 64 && width <= 64;
    if (!cli_given(call, "resolution") && small) {
        arch.height = height;
        arch.width = width;
    }
    if (!cli_given(call, "output-stride") && arch.height <= 64 && arch.width <= 64)
        arch.output_stride = 8;
    if (!cli_given(call, "channels"))
        arch.channels = channels;
    if (!cli_given(call, "classes"))
        arch.classes = mn_dataset_class_count(data);
    if (arch.channels != 1 && arch.channels != 3)
        return cli_misuse(call->command, "--channels is %d; images have 1 (gray) or 3 (colour)", arch.channels);
    if (arch.classes > mn_dataset_class_count(data))
        cli_say(
            "mobilenet: --classes is %d, the data have %d classes: the others are never met, and no class has a name",
            arch.classes, mn_dataset_class_count(data));
    arch.dropout = dropout;
    mn_status status = mn_model_create(&arch, model, &err);
    if (status == MN_ERROR_ARGUMENT)
        return cli_misuse(call->command, "%s", err.message);
    if (status == MN_OK) {
        mn_preprocess record = mn_preprocess_default();
        record.resize = MN_RESIZE_PIL_BILINEAR;
        if (small)
            record.crop = MN_CROP_NONE;
        mn_model_initialise(*model, seed);
        status = mn_model_set_preprocess(*model, &record, &err);
    }
    if (status == MN_OK && arch.classes == mn_dataset_class_count(data))
        status = label(*model, data, &err);
    return status == MN_OK ? CLI_DONE : cli_fail_status(&err);
}

/* Copies every tensor of the same name and shape; those of the classifier where it is kept. */
static void copy_tensors(const mn_model *from, mn_model *to, bool keep_classifier)
{
    for (int32_t i = 0; i < mn_model_tensor_count(to); i++) {
        mn_tensor *tensor = mn_model_tensor_at(to, i);
        const mn_tensor *source = mn_model_tensor(from, tensor->name);
        if (strncmp(tensor->name, "classifier.", 11) == 0 && !keep_classifier)
            continue;
        if (source && source->elements == tensor->elements && source->rank == tensor->rank)
            memcpy(tensor->data, source->data, tensor->elements * sizeof(float));
    }
}

/* Whether the data's classes are the model's; *data is in the model's order then. */
static mn_status match_classes(const mn_model *from, const char *path, mn_dataset **data, bool *same, mn_error *err)
{
    int32_t classes = mn_model_net(from)->arch.classes;
    const char **labels = cli_model_labels(from);
    mn_status status = MN_OK;
    *same = mn_dataset_class_count(*data) == classes;
    if (*same && labels && mn_dataset_class_name(*data, 0)) {
        mn_dataset *ordered = NULL;
        status = mn_dataset_open(path, MN_SPLIT_LEARN, labels, classes, &ordered, err);
        bool named = status == MN_OK && cli_same_names(from, ordered);
        mn_dataset_close(named ? *data : ordered);
        if (named)
            *data = ordered;
        if (status == MN_ERROR_ARGUMENT || status == MN_ERROR_FORMAT) /* names that the model does not know */
            status = MN_OK;
        *same = named || !mn_model_has_labels(from); /* ImageNet's names, which were assumed, do not speak against it */
    }
    free(labels);
    return status;
}

/* A start from `from` whose classifier is kept where `same`. */
static mn_status adapt(const mn_model *from, const mn_arch *arch, const mn_dataset *data, bool same, uint64_t seed,
                       mn_model **model, mn_error *err)
{
    mn_status status = mn_model_create(arch, model, err);
    if (status != MN_OK)
        return status;
    mn_model_initialise(*model, seed);
    copy_tensors(from, *model, same);
    status = mn_model_set_preprocess(*model, mn_model_preprocess(from), err);
    const char **labels = same && mn_model_has_labels(from) ? cli_model_labels(from) : NULL;
    if (status == MN_OK)
        status = labels ? mn_model_set_labels(*model, labels, arch->classes, err) : label(*model, data, err);
    free(labels);
    return status;
}

int cli_train_from(const char *path, const cli_train_change *change, const char *data_path, mn_dataset **data,
                   uint64_t seed, mn_model **model)
{
    mn_model *from;
    mn_error err;
    bool same;
    mn_status status = mn_model_import(path, &from, &err);
    if (status != MN_OK)
        return cli_fail_status(&err);
    mn_arch arch = mn_model_net(from)->arch;
    status = match_classes(from, data_path, data, &same, &err);
    arch.classes = mn_dataset_class_count(*data);
    if (change->resolution.height > 0) {
        arch.height = change->resolution.height;
        arch.width = change->resolution.width;
    }
    if (change->dropout >= 0)
        arch.dropout = change->dropout;
    if (status == MN_OK)
        status = adapt(from, &arch, *data, same, seed, model, &err);
    if (status == MN_OK)
        cli_say(!same ? "the data's classes are not the model's: its classifier starts anew"
                : cli_same_names(from, *data)
                    ? "the data's classes are the model's: its classifier is kept"
                    : "the data have as many classes as the model, and no names to tell them by: "
                      "its classifier is kept, by number");
    const char *licence = mn_model_info(from, "licence"), *name = mn_model_info(from, "name");
    if (status == MN_OK && licence)
        status = mn_model_set_info(*model, "licence", licence, &err);
    if (status == MN_OK)
        status = mn_model_set_info(*model, "source", name ? name : path, &err);
    mn_model_destroy(from);
    return status == MN_OK ? CLI_DONE : cli_fail_status(&err);
}
