/* The Keras reader: weights with unfolded batch norm into a model. A convolution's own bias before batch norm is taken
 * into the mean, which is the same function:
 *     gamma (conv + bias - mean) / sqrt(variance + epsilon) + beta  =  gamma (conv - (mean - bias)) / ... + beta
 */
#include "format/keras.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "format/readers.h"
#include "net/model.h"

const mn_hdf5_tensor *mn_keras_kernel(const mn_hdf5 *file, const char *name, bool depthwise)
{
    const mn_hdf5_tensor *kernel = depthwise ? mn_hdf5_find(file, name, "depthwise_kernel") : NULL;
    return kernel ? kernel : mn_hdf5_find(file, name, "kernel");
}

mn_status mn_keras_shape(const mn_hdf5 *file, const char *name, bool depthwise, int32_t input_channels,
                         mn_found_layer *layer, mn_error *err)
{
    const mn_hdf5_tensor *kernel = mn_keras_kernel(file, name, depthwise);
    if (!kernel)
        return mn_fail(err, MN_ERROR_FORMAT, "layer '%.60s' has no kernel in the file", name);
    const int32_t *shape = kernel->shape;
    snprintf(layer->name, sizeof layer->name, "%s", name);
    layer->kernel_height = layer->kernel_width = layer->stride_height = layer->stride_width = 1;
    if (kernel->rank == 2 && !depthwise) {
        layer->op = MN_OP_CLASSIFIER;
        layer->in_channels = shape[0];
        layer->out_channels = shape[1];
        return MN_OK;
    }
    if (kernel->rank != 4)
        return mn_fail(err, MN_ERROR_UNSUPPORTED, "'%s' has rank %d, 4 (convolution) and 2 (dense) are read",
                       kernel->path, kernel->rank);
    layer->kernel_height = shape[0];
    layer->kernel_width = shape[1];
    layer->in_channels = shape[2];
    layer->out_channels = depthwise ? shape[2] : shape[3];
    layer->op = depthwise ? MN_OP_DEPTHWISE : shape[0] == 1 && shape[1] == 1 ? MN_OP_POINTWISE : MN_OP_CONV;
    if (!depthwise || shape[3] == 1)
        return MN_OK;
    if (input_channels != 1 || shape[2] != 1)
        return mn_fail(err, MN_ERROR_UNSUPPORTED, "'%s' has depth multiplier %d; 1 is read", kernel->path, shape[3]);
    layer->op = MN_OP_CONV; /* one channel spread over many */
    layer->out_channels = shape[3];
    return MN_OK;
}

/* A tensor of the file called `leaf` in `group`, which must be there. */
static mn_status read_tensor(mn_hdf5 *file, const char *group, const char *leaf, size_t elements, float *values,
                             mn_error *err)
{
    const mn_hdf5_tensor *tensor = mn_hdf5_find(file, group, leaf);
    if (!tensor)
        return mn_fail(err, MN_ERROR_FORMAT, "layer '%s' has no %s in the file", group, leaf);
    return mn_hdf5_read(file, tensor, elements, values, err);
}

/* Kernels: the output channel, last in the file, becomes the first (a depthwise kernel keeps its order). */
static mn_status read_kernel(mn_hdf5 *file, const mn_keras_layer *source, const mn_layer *layer, mn_tensor *weight,
                             mn_error *err)
{
    const mn_hdf5_tensor *kernel = mn_keras_kernel(file, source->name, source->depthwise);
    if (!kernel)
        return mn_fail(err, MN_ERROR_FORMAT, "layer '%s' has no kernel in the file", source->name);
    if (layer->op == MN_OP_DEPTHWISE)
        return mn_hdf5_read(file, kernel, weight->elements, weight->data, err);
    size_t channels = (size_t)layer->out_channels, rest = weight->elements / channels;
    float *stored = mn_calloc(weight->elements, sizeof *stored);
    if (!stored)
        return mn_fail_memory(err, weight->elements * sizeof *stored, "a kernel");
    mn_status status = mn_hdf5_read(file, kernel, weight->elements, stored, err);
    for (size_t i = 0; status == MN_OK && i < weight->elements; i++)
        weight->data[i % channels * rest + i / channels] = stored[i];
    free(stored);
    return status;
}

static mn_status read_batch_norm(mn_hdf5 *file, const mn_keras_layer *source, const mn_layer *layer, mn_model *model,
                                 mn_error *err)
{
    const struct {
        const char *suffix, *leaf;
        bool absent; /* stays at what a new model has: 1 or 0 */
    } parts[] = {
        {"bn.gamma", "gamma", source->without_gamma},
        {"bn.beta", "beta", source->without_beta},
        {"bn.mean", "moving_mean", false},
        {"bn.variance", "moving_variance", false},
    };
    mn_status status = MN_OK;
    for (size_t i = 0; status == MN_OK && i < sizeof parts / sizeof *parts; i++) {
        mn_tensor *tensor = mn_model_layer_tensor(model, layer, parts[i].suffix);
        if (!parts[i].absent)
            status = read_tensor(file, source->batch_norm, parts[i].leaf, tensor->elements, tensor->data, err);
    }
    if (status != MN_OK || !source->bias)
        return status;
    mn_tensor *mean = mn_model_layer_tensor(model, layer, "bn.mean");
    float *bias = mn_calloc(mean->elements, sizeof *bias);
    if (!bias)
        return mn_fail_memory(err, mean->elements * sizeof *bias, "a bias");
    status = read_tensor(file, source->name, "bias", mean->elements, bias, err);
    for (size_t i = 0; status == MN_OK && i < mean->elements; i++)
        mean->data[i] -= bias[i];
    free(bias);
    return status;
}

static mn_status fill_layer(mn_hdf5 *file, const mn_keras_layer *source, const mn_layer *layer, mn_model *model,
                            mn_error *err)
{
    mn_status status = read_kernel(file, source, layer, mn_model_layer_tensor(model, layer, "weight"), err);
    mn_tensor *bias = mn_model_layer_tensor(model, layer, "bias");
    if (status == MN_OK && layer->batch_norm)
        status = read_batch_norm(file, source, layer, model, err);
    else if (status == MN_OK && bias && source->bias)
        status = read_tensor(file, source->name, "bias", bias->elements, bias->data, err);
    return status;
}

static mn_status fill(mn_hdf5 *file, const mn_keras_layers *layers, mn_model *model, mn_notes *notes, mn_error *err)
{
    bool moved = false;
    int32_t k = 0;
    for (int32_t i = 0; i < model->net.layer_count; i++) {
        const mn_layer *layer = &model->net.layers[i];
        if (!mn_model_layer_tensor(model, layer, "weight"))
            continue;
        moved |= layer->batch_norm && layers->at[k].bias;
        mn_status status = fill_layer(file, &layers->at[k++], layer, model, err);
        if (status != MN_OK)
            return mn_fail_prefix(err, status, layer->name);
    }
    if (moved)
        mn_note(notes, "biases of convolutions were taken into the means of their batch norms (the same function)");
    return MN_OK;
}

/* The kernels' shapes are claims: the file must be large enough for them before a model of that size is allocated. */
static mn_status check_size(const mn_arch *arch, size_t file_bytes, mn_error *err)
{
    mn_net net;
    mn_status status = mn_net_build(arch, &net, err);
    if (status != MN_OK)
        return status;
    mn_net_cost cost = mn_net_get_cost(&net);
    if ((uint64_t)cost.total.weights > (uint64_t)file_bytes / 2) /* a float takes two bytes or more */
        return mn_fail(err, MN_ERROR_FORMAT, "%lld weights are claimed by a file of %zu bytes",
                       (long long)cost.total.weights, file_bytes);
    return MN_OK;
}

bool mn_keras_probe(const uint8_t *bytes, size_t size)
{
    return mn_hdf5_probe(bytes, size) || mn_keras_archive_probe(bytes, size);
}

static mn_status describe(mn_hdf5 *file, const char *config, size_t size, mn_found *found, mn_keras_layers *layers,
                          mn_notes *notes, mn_error *err)
{
    bool archive = config != NULL;
    if (!archive)
        config = mn_hdf5_config(file, &size);
    return config ? mn_keras_read_config(file, archive, config, size, found, layers, notes, err)
                  : mn_keras_read_names(file, found, layers, notes, err);
}

mn_status mn_keras_read(const uint8_t *bytes, size_t size, mn_model **model, mn_error *err)
{
    return mn_hdf5_probe(bytes, size) ? mn_keras_read_parts(bytes, size, NULL, 0, model, err)
                                      : mn_keras_archive_read(bytes, size, model, err);
}

mn_status mn_keras_read_parts(const uint8_t *bytes, size_t size, const char *config, size_t config_size,
                              mn_model **model, mn_error *err)
{
    mn_hdf5 *file = NULL;
    mn_model *result = NULL;
    mn_found found = {0};
    mn_notes notes = {{0}};
    mn_arch arch;
    mn_keras_layers *layers = mn_calloc(1, sizeof *layers);
    if (!layers)
        return mn_fail_memory(err, sizeof *layers, "a list of layers");
    mn_status status;
    if ((status = mn_hdf5_open(bytes, size, &file, err)) != MN_OK ||
        (status = describe(file, config, config_size, &found, layers, &notes, err)) != MN_OK ||
        (status = mn_match_arch(&found, &arch, err)) != MN_OK || (status = check_size(&arch, size, err)) != MN_OK ||
        (status = mn_model_create(&arch, &result, err)) != MN_OK ||
        (status = fill(file, layers, result, &notes, err)) != MN_OK)
        goto done;
    mn_assumption assumed = mn_assume_preprocess(&arch);
    mn_note(&notes, "%s; %s", assumed.range, assumed.crop);
    if ((status = mn_model_set_preprocess(result, &assumed.preprocess, err)) == MN_OK &&
        (status = mn_assume_labels(result, &notes, err)) == MN_OK)
        status = mn_model_set_info(result, "assumed", notes.text, err);
done:
    mn_hdf5_close(file);
    free(layers);
    if (status == MN_OK)
        *model = result;
    else
        mn_model_destroy(result);
    return status;
}
