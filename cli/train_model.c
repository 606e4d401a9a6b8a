/* The model that training starts from: a new one for the data, or a trained one with a classifier for the data. */
#include <stdlib.h>
#include <string.h>

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

/* Copies every tensor of the same name and shape. */
static void copy_tensors(const mn_model *from, mn_model *to)
{
    for (int32_t i = 0; i < mn_model_tensor_count(to); i++) {
        mn_tensor *tensor = mn_model_tensor_at(to, i);
        const mn_tensor *source = mn_model_tensor(from, tensor->name);
        if (source && source->elements == tensor->elements && source->rank == tensor->rank)
            memcpy(tensor->data, source->data, tensor->elements * sizeof(float));
    }
}

int cli_train_from(const char *path, cli_extent resolution, const mn_dataset *data, uint64_t seed, mn_model **model)
{
    mn_model *from;
    mn_error err;
    mn_status status = mn_model_import(path, &from, &err);
    if (status != MN_OK)
        return cli_fail_status(&err);
    mn_arch arch = mn_model_net(from)->arch;
    int32_t classes = mn_dataset_class_count(data);
    bool same = arch.classes == classes && mn_model_has_labels(from);
    arch.classes = classes;
    if (resolution.height > 0) {
        arch.height = resolution.height;
        arch.width = resolution.width;
    }
    status = mn_model_create(&arch, model, &err);
    if (status == MN_OK) {
        mn_model_initialise(*model, seed);
        copy_tensors(from, *model);
        status = mn_model_set_preprocess(*model, mn_model_preprocess(from), &err);
    }
    if (status == MN_OK && !same)
        status = label(*model, data, &err);
    if (status == MN_OK && same) {
        const char **names = cli_alloc((size_t)classes, sizeof *names);
        for (int32_t k = 0; k < classes; k++)
            names[k] = mn_model_label(from, k);
        status = mn_model_set_labels(*model, names, classes, &err);
        free(names);
    }
    const char *licence = mn_model_info(from, "licence"), *name = mn_model_info(from, "name");
    if (status == MN_OK && licence)
        status = mn_model_set_info(*model, "licence", licence, &err);
    if (status == MN_OK)
        status = mn_model_set_info(*model, "source", name ? name : path, &err);
    mn_model_destroy(from);
    return status == MN_OK ? CLI_DONE : cli_fail_status(&err);
}
