/* A model's tensors: which ones a net has, their shapes, and the memory under them. */
#include "net/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"

/* Calls for every tensor of a layer, in file order. */
typedef void tensor_visitor(void *context, const char *layer, const char *suffix, int32_t rank, const int32_t *shape);

static void visit_layer(const mn_layer *layer, tensor_visitor *visit, void *context)
{
    int32_t oc = layer->out_channels;
    switch (layer->op) {
    case MN_OP_CONV:
        visit(context, layer->name, "weight", 4,
              (int32_t[]){oc, layer->kernel_height, layer->kernel_width, layer->in_channels});
        break;
    case MN_OP_DEPTHWISE:
        visit(context, layer->name, "weight", 3, (int32_t[]){layer->kernel_height, layer->kernel_width, oc});
        break;
    case MN_OP_POINTWISE:
    case MN_OP_CLASSIFIER:
        visit(context, layer->name, "weight", 2, (int32_t[]){oc, layer->in_channels});
        break;
    case MN_OP_POOL:
    case MN_OP_SOFTMAX:
        return;
    }
    if (layer->bias)
        visit(context, layer->name, "bias", 1, &oc);
    if (layer->batch_norm) {
        static const char *const parts[] = {"bn.gamma", "bn.beta", "bn.mean", "bn.variance"};
        for (int i = 0; i < 4; i++)
            visit(context, layer->name, parts[i], 1, &oc);
    }
}

static void count_tensor(void *context, const char *layer, const char *suffix, int32_t rank, const int32_t *shape)
{
    (void)layer, (void)suffix, (void)rank, (void)shape;
    ++*(int32_t *)context;
}

static void fill_tensor(void *context, const char *layer, const char *suffix, int32_t rank, const int32_t *shape)
{
    mn_tensor **next = context;
    mn_tensor *tensor = (*next)++;
    *tensor = (mn_tensor){.rank = rank, .shape = {1, 1, 1, 1}, .elements = 1};
    snprintf(tensor->name, sizeof tensor->name, "%s.%s", layer, suffix);
    for (int32_t i = 0; i < rank; i++) {
        tensor->shape[i] = shape[i];
        tensor->elements *= (size_t)shape[i]; /* bounded by check_size */
    }
}

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

static mn_status allocate_block(mn_model *model, mn_error *err)
{
    size_t bytes = 0;
    for (int32_t i = 0; i < model->tensor_count; i++)
        bytes += mn_size_align(model->tensors[i].elements * sizeof(float));
    model->block = mn_alloc_aligned(bytes);
    if (!model->block)
        return mn_fail_memory(err, bytes, "the weights of a model");
    memset(model->block, 0, bytes);
    float *next = model->block;
    for (int32_t i = 0; i < model->tensor_count; i++) {
        mn_tensor *tensor = &model->tensors[i];
        tensor->data = next;
        next += mn_size_align(tensor->elements * sizeof(float)) / sizeof(float);
        if (ends_with(tensor->name, ".bn.gamma") || ends_with(tensor->name, ".bn.variance"))
            for (size_t k = 0; k < tensor->elements; k++)
                tensor->data[k] = 1.0f;
    }
    return MN_OK;
}

/* The net's limits allow more weights than a machine of 32 bits can count the bytes of. */
static mn_status check_size(const mn_net *net, mn_error *err)
{
    mn_cost cost = mn_net_get_cost(net).total;
    int64_t values = cost.weights + cost.biases + cost.bn_trainable + cost.bn_statistics;
    if ((uint64_t)values > SIZE_MAX / (2 * sizeof(float)))
        return mn_fail(err, MN_ERROR_LIMIT, "a model of %lld values is too large for this machine", (long long)values);
    return MN_OK;
}

mn_status mn_model_make(const mn_arch *arch, mn_model_storage storage, mn_model **model, mn_error *err)
{
    mn_status status;
    mn_model *m = mn_calloc(1, sizeof *m);
    if (!m)
        return mn_fail_memory(err, sizeof *m, "a model");
    if ((status = mn_net_build(arch, &m->net, err)) != MN_OK || (status = check_size(&m->net, err)) != MN_OK)
        goto done;
    m->preprocess = mn_preprocess_default();
    for (int32_t i = 0; i < m->net.layer_count; i++)
        visit_layer(&m->net.layers[i], count_tensor, &m->tensor_count);
    m->tensors = mn_calloc((size_t)m->tensor_count, sizeof *m->tensors);
    if (!m->tensors) {
        status = mn_fail_memory(err, (size_t)m->tensor_count * sizeof *m->tensors, "the tensors of a model");
        goto done;
    }
    mn_tensor *next = m->tensors;
    for (int32_t i = 0; i < m->net.layer_count; i++)
        visit_layer(&m->net.layers[i], fill_tensor, &next);
    if (storage == MN_STORAGE_OWNED && (status = allocate_block(m, err)) != MN_OK)
        goto done;
    *model = m;
done:
    if (status != MN_OK)
        mn_model_destroy(m);
    return status;
}

mn_status mn_model_create(const mn_arch *arch, mn_model **model, mn_error *err)
{
    return mn_model_make(arch, MN_STORAGE_OWNED, model, err);
}

void mn_model_destroy(mn_model *model)
{
    if (!model)
        return;
    for (int32_t i = 0; i < model->info_count; i++) {
        free(model->infos[i].key);
        free(model->infos[i].value);
    }
    free(model->infos);
    free(model->labels);
    free(model->tensors);
    free(model->block);
    mn_file_unmap(&model->mapping);
    free(model);
}

const mn_net *mn_model_net(const mn_model *model)
{
    return &model->net;
}

int32_t mn_model_tensor_count(const mn_model *model)
{
    return model->tensor_count;
}

mn_tensor *mn_model_tensor_at(mn_model *model, int32_t index)
{
    if (index < 0 || index >= model->tensor_count)
        return NULL;
    atomic_store_explicit(&model->lent, true, memory_order_relaxed);
    return &model->tensors[index];
}

const mn_tensor *mn_model_tensor(const mn_model *model, const char *name)
{
    for (int32_t i = 0; i < model->tensor_count; i++)
        if (strcmp(model->tensors[i].name, name) == 0)
            return &model->tensors[i];
    return NULL;
}

/* The index of tensor LAYER.SUFFIX, or -1. */
static int32_t find(const mn_model *model, const mn_layer *layer, const char *suffix)
{
    size_t length = strlen(layer->name);
    if (length + 1 >= MN_TENSOR_NAME_BYTES)
        return -1;
    for (int32_t i = 0; i < model->tensor_count; i++) {
        const char *name = model->tensors[i].name;
        if (name[length] == '.' && memcmp(name, layer->name, length) == 0 && strcmp(name + length + 1, suffix) == 0)
            return i;
    }
    return -1;
}

const mn_tensor *mn_model_layer_tensor_const(const mn_model *model, const mn_layer *layer, const char *suffix)
{
    int32_t index = find(model, layer, suffix);
    return index < 0 ? NULL : &model->tensors[index];
}

mn_tensor *mn_model_layer_tensor(mn_model *model, const mn_layer *layer, const char *suffix)
{
    return mn_model_tensor_at(model, find(model, layer, suffix));
}

static bool is_as_the_file(const mn_model *model)
{
    return model->mapping.bytes && !atomic_load_explicit(&model->lent, memory_order_relaxed);
}

const float *mn_model_read(const mn_model *model, const float *begin, size_t floats, float *buffer)
{
    bool read = is_as_the_file(model) && mn_file_read(&model->mapping, begin, buffer, floats * sizeof *begin);
    return read ? buffer : begin;
}

void mn_model_forget(const mn_model *model)
{
    if (is_as_the_file(model))
        mn_file_forget(&model->mapping);
}
