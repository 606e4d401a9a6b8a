#include "net/fold.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/model.h"

#include <stdlib.h>

size_t mn_weight_inner(const mn_layer *layer, const mn_tensor *weight)
{
    return layer->op == MN_OP_DEPTHWISE ? 1 : weight->elements / (size_t)layer->out_channels;
}

mn_status mn_fold_layer(const mn_model *model, const mn_layer *layer, float *scale, float *bias, mn_error *err)
{
    const mn_tensor *own_bias = mn_model_layer_tensor_const(model, layer, "bias");
    const mn_tensor *gamma = mn_model_layer_tensor_const(model, layer, "bn.gamma");
    const mn_tensor *beta = mn_model_layer_tensor_const(model, layer, "bn.beta");
    const mn_tensor *mean = mn_model_layer_tensor_const(model, layer, "bn.mean");
    const mn_tensor *variance = mn_model_layer_tensor_const(model, layer, "bn.variance");
    for (int32_t c = 0; c < layer->out_channels; c++) {
        double s = 1.0, b = own_bias ? own_bias->data[c] : 0.0;
        if (gamma) {
            double v = variance->data[c];
            if (!(v >= 0) || !isfinite(v))
                return mn_fail(err, MN_ERROR_NUMERIC,
                               "tensor %s has variance %g at channel %d; it must be finite and "
                               "not negative",
                               variance->name, v, c);
            s = gamma->data[c] / sqrt(v + model->net.arch.bn_epsilon);
            b = beta->data[c] + s * (b - mean->data[c]);
        }
        scale[c] = (float)s;
        bias[c] = (float)b;
        if (!isfinite(scale[c]) || !isfinite(bias[c]))
            return mn_fail(err, MN_ERROR_NUMERIC, "layer %s has a scale or bias that is not finite at channel %d",
                           layer->name, c);
    }
    return MN_OK;
}

static mn_status copy_record(const mn_model *from, mn_model *to, mn_error *err)
{
    mn_status status = mn_model_set_preprocess(to, &from->preprocess, err);
    if (status == MN_OK && from->labels)
        status = mn_model_set_labels(to, (const char *const *)from->labels, from->net.arch.classes, err);
    for (int32_t i = 0; status == MN_OK && i < from->info_count; i++)
        status = mn_model_set_info(to, from->infos[i].key, from->infos[i].value, err);
    return status;
}

static mn_status fold_weights(const mn_model *from, const mn_layer *layer, mn_model *to, float *scale, mn_error *err)
{
    const mn_tensor *weight = mn_model_layer_tensor_const(from, layer, "weight");
    if (!weight)
        return MN_OK;
    mn_tensor *out = mn_model_layer_tensor(to, layer, "weight");
    mn_tensor *bias = mn_model_layer_tensor(to, layer, "bias");
    mn_status status = mn_fold_layer(from, layer, scale, bias->data, err);
    if (status != MN_OK)
        return status;
    size_t inner = mn_weight_inner(layer, weight);
    for (size_t i = 0; i < weight->elements; i++)
        out->data[i] = weight->data[i] * scale[i / inner % (size_t)layer->out_channels];
    return MN_OK;
}

mn_status mn_model_fold(const mn_model *model, mn_model **folded, mn_error *err)
{
    mn_arch arch = model->net.arch;
    mn_model *result = NULL;
    float *scale = NULL;
    arch.batch_norm = false;
    mn_status status = mn_model_create(&arch, &result, err);
    if (status != MN_OK)
        return status;
    int32_t widest = 1;
    for (int32_t i = 0; i < model->net.layer_count; i++)
        if (model->net.layers[i].out_channels > widest)
            widest = model->net.layers[i].out_channels;
    scale = mn_calloc((size_t)widest, sizeof *scale);
    if (!scale) {
        status = mn_fail_memory(err, (size_t)widest * sizeof *scale, "folding batch norm");
        goto done;
    }
    for (int32_t i = 0; status == MN_OK && i < model->net.layer_count; i++)
        status = fold_weights(model, &model->net.layers[i], result, scale, err);
    if (status == MN_OK)
        status = copy_record(model, result, err);
done:
    free(scale);
    if (status == MN_OK)
        *folded = result;
    else
        mn_model_destroy(result);
    return status;
}
