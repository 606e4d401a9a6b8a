/* Weights without a model_config: which layer is which follows from the names and shapes, the rest is assumed.
 *
 *     conv1, conv_dw_1, conv_pw_1, ..., conv_preds; batch norms NAME_bn          tf.keras.applications
 *     conv2d, depthwise_conv2d, conv2d_1, ..., dense; batch_normalization_N      Keras's own numbering
 * In both, the depthwise and the other convolutions alternate after the first, each kind counting upwards.
 */
#include <stdlib.h>
#include <string.h>

#include "base/natural.h"
#include "format/keras.h"

#define NAMES_MAX 256

typedef struct name_list {
    const char *names[NAMES_MAX];
    int32_t count;
} name_list;

static int compare_names(const void *a, const void *b)
{
    return mn_natural_compare(*(const char *const *)a, *(const char *const *)b);
}

static mn_status add_name(name_list *list, const char *name, mn_error *err)
{
    if (list->count == NAMES_MAX)
        return mn_fail(err, MN_ERROR_UNSUPPORTED, "more than %d layers of one kind", NAMES_MAX);
    list->names[list->count++] = name;
    return MN_OK;
}

typedef struct sorted_layers {
    name_list convolutions, depthwise, dense, batch_norms;
} sorted_layers;

/* The groups by kind, each kind in natural order. */
static mn_status sort_layers(const mn_hdf5 *file, sorted_layers *sorted, mn_error *err)
{
    mn_status status = MN_OK;
    for (int32_t i = 0; status == MN_OK && i < mn_hdf5_count(file); i++) {
        const mn_hdf5_tensor *tensor = mn_hdf5_at(file, i);
        if (strcmp(tensor->leaf, "depthwise_kernel") == 0)
            status = add_name(&sorted->depthwise, tensor->group, err);
        else if (strcmp(tensor->leaf, "moving_variance") == 0)
            status = add_name(&sorted->batch_norms, tensor->group, err);
        else if (strcmp(tensor->leaf, "kernel") == 0 && tensor->rank == 2)
            status = add_name(&sorted->dense, tensor->group, err);
        else if (strcmp(tensor->leaf, "kernel") == 0)
            status = add_name(&sorted->convolutions, tensor->group, err);
    }
    name_list *const lists[] = {&sorted->convolutions, &sorted->depthwise, &sorted->dense, &sorted->batch_norms};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        qsort(lists[i]->names, (size_t)lists[i]->count, sizeof *lists[i]->names, compare_names);
    return status;
}

/* The classifier: the dense layer, or the convolution that is one too many. "conv_preds" sorts between conv_dw and
 * conv_pw, so it is taken out by name first. */
static const char *take_classifier(sorted_layers *sorted)
{
    name_list *list = &sorted->convolutions;
    if (sorted->dense.count == 1)
        return sorted->dense.names[0];
    int32_t index = list->count - 1;
    for (int32_t i = 0; i < list->count; i++)
        if (strstr(list->names[i], "pred"))
            index = i;
    if (sorted->dense.count != 0 || list->count != sorted->depthwise.count + 2)
        return NULL;
    const char *name = list->names[index];
    memmove(&list->names[index], &list->names[index + 1], (size_t)(list->count - index - 1) * sizeof *list->names);
    list->count--;
    return name;
}

/* NAME_bn where there is such a group, else the batch norm of the same number. */
static const char *find_batch_norm(const mn_hdf5 *file, const sorted_layers *sorted, const char *name, int32_t number)
{
    char wanted[MN_HDF5_NAME_BYTES + 8];
    snprintf(wanted, sizeof wanted, "%s_bn", name);
    const mn_hdf5_tensor *tensor = mn_hdf5_find(file, wanted, "moving_variance");
    if (tensor)
        return tensor->group;
    return number < sorted->batch_norms.count ? sorted->batch_norms.names[number] : NULL;
}

/* Appends the layer in group `name`; shape gives stride and kind as a plain MobileNet has them there. */
static mn_status add_layer(const mn_hdf5 *file, const sorted_layers *sorted, const char *name, const mn_layer *plain,
                           mn_found *found, mn_keras_layers *layers, mn_error *err)
{
    mn_found_layer layer = {0};
    int32_t k = found->layer_count;
    mn_keras_layer *names = &layers->at[k];
    names->depthwise = mn_hdf5_find(file, name, "depthwise_kernel") != NULL;
    mn_status status = mn_keras_shape(file, name, names->depthwise, k == 0 ? found->channels : 0, &layer, err);
    if (status != MN_OK)
        return status;
    layer.op = plain->op == MN_OP_CLASSIFIER ? MN_OP_CLASSIFIER : layer.op;
    layer.activation = plain->activation;
    layer.stride_height = layer.stride_width = plain->stride;
    layer.pad_top = plain->pad_top;
    layer.pad_bottom = plain->pad_bottom;
    layer.pad_left = plain->pad_left;
    layer.pad_right = plain->pad_right;
    snprintf(names->name, sizeof names->name, "%s", name);
    names->bias = mn_hdf5_find(file, name, "bias") != NULL;
    if (found->batch_norm && plain->op != MN_OP_CLASSIFIER) {
        const char *batch_norm = find_batch_norm(file, sorted, name, k);
        if (!batch_norm)
            return mn_fail(err, MN_ERROR_UNSUPPORTED, "layer '%s' has no batch norm, others have", name);
        snprintf(names->batch_norm, sizeof names->batch_norm, "%s", batch_norm);
    }
    return mn_found_add(found, &layer, err);
}

/* The network that is assumed around the weights: strides, padding and activation of Keras's MobileNet. */
static mn_status assumed_net(const mn_hdf5 *file, const sorted_layers *sorted, mn_net *net, mn_error *err)
{
    mn_arch arch = mn_arch_default();
    const mn_hdf5_tensor *stem = mn_hdf5_find(file, sorted->convolutions.names[0], "kernel");
    arch.padding = MN_PADDING_KERAS;
    arch.depth = sorted->depthwise.count == 8 ? MN_DEPTH_SHALLOW : MN_DEPTH_FULL;
    arch.channels = stem && stem->rank == 4 ? stem->shape[2] : 0;
    mn_status status = mn_net_build(&arch, net, err);
    return status == MN_ERROR_ARGUMENT ? mn_fail_prefix(err, MN_ERROR_UNSUPPORTED, "the first kernel") : status;
}

mn_status mn_keras_read_names(const mn_hdf5 *file, mn_found *found, mn_keras_layers *layers, mn_notes *notes,
                              mn_error *err)
{
    sorted_layers sorted = {0};
    mn_net net;
    mn_status status = sort_layers(file, &sorted, err);
    if (status != MN_OK)
        return status;
    const char *classifier = take_classifier(&sorted);
    int32_t pairs = sorted.depthwise.count;
    if (!classifier || sorted.convolutions.count != pairs + 1 || (pairs != 13 && pairs != 8))
        return mn_fail(err, MN_ERROR_UNSUPPORTED,
                       "the file has no model_config, and %d convolutions, %d depthwise and %d dense layers; a "
                       "MobileNet V1 with its classifier has 14 (or a 15th for the classes), 13 and 1 or 0%s",
                       sorted.convolutions.count, pairs, sorted.dense.count,
                       mn_hdf5_find(file, "conv2d", "0") ? "; of Keras 3 save the whole model as .keras" : "");
    if ((status = assumed_net(file, &sorted, &net, err)) != MN_OK)
        return status;
    found->height = net.arch.height;
    found->width = net.arch.width;
    found->channels = net.arch.channels;
    found->explicit_padding = true;
    found->batch_norm = sorted.batch_norms.count > 0;
    found->bn_epsilon = 1e-3;
    for (int32_t k = 0; status == MN_OK && k < 2 * pairs + 1; k++) {
        const char *name = k % 2 ? sorted.depthwise.names[k / 2] : sorted.convolutions.names[k / 2];
        status = add_layer(file, &sorted, name, &net.layers[k], found, layers, err);
    }
    if (status == MN_OK)
        status = add_layer(file, &sorted, classifier, &net.layers[mn_net_find(&net, "classifier")], found, layers, err);
    mn_note(notes, "the file holds weights alone: input 224x224, Keras padding, ReLU6 and batch norm epsilon 0.001 are "
                   "assumed");
    return status;
}
