/* What a network costs: multiply-adds, parameters and activations, by layer and by kind.
 *
 * Convention (docs/cost.md): one multiply-add (MAC) is one multiplication and one addition; every tap of a window
 * counts, padded or not; weights are those of convolutions and classifier, without biases and batch norm. This is
 * how the paper counts.
 */
#include "mobilenet/net.h"

mn_layer_kind mn_layer_get_kind(const mn_layer *layer)
{
    switch (layer->op) {
    case MN_OP_POINTWISE:
        return MN_KIND_POINTWISE;
    case MN_OP_DEPTHWISE:
        return MN_KIND_DEPTHWISE;
    case MN_OP_CONV:
        return MN_KIND_CONV;
    case MN_OP_CLASSIFIER:
        return MN_KIND_CLASSIFIER;
    default:
        return MN_KIND_OTHER;
    }
}

mn_cost mn_layer_get_cost(const mn_layer *layer)
{
    int64_t pixels = (int64_t)layer->out_height * layer->out_width;
    int64_t taps = (int64_t)layer->kernel_height * layer->kernel_width;
    int64_t oc = layer->out_channels, ic = layer->in_channels;
    mn_cost cost = {.activations = pixels * oc};
    switch (layer->op) {
    case MN_OP_CONV:
    case MN_OP_POINTWISE:
        cost.weights = taps * ic * oc;
        cost.macs = cost.weights * pixels;
        break;
    case MN_OP_DEPTHWISE:
        cost.weights = taps * oc;
        cost.macs = cost.weights * pixels;
        break;
    case MN_OP_CLASSIFIER:
        cost.weights = cost.macs = ic * oc;
        break;
    case MN_OP_POOL:
    case MN_OP_SOFTMAX:
        break;
    }
    if (layer->bias)
        cost.biases = oc;
    if (layer->batch_norm)
        cost.bn_trainable = cost.bn_statistics = 2 * oc;
    return cost;
}

static void add(mn_cost *sum, const mn_cost *cost)
{
    sum->macs += cost->macs;
    sum->weights += cost->weights;
    sum->biases += cost->biases;
    sum->bn_trainable += cost->bn_trainable;
    sum->bn_statistics += cost->bn_statistics;
    sum->activations += cost->activations;
}

mn_net_cost mn_net_get_cost(const mn_net *net)
{
    mn_net_cost result = {0};
    for (int32_t i = 0; i < net->layer_count; i++) {
        const mn_layer *layer = &net->layers[i];
        mn_cost cost = mn_layer_get_cost(layer);
        add(&result.total, &cost);
        add(&result.by_kind[mn_layer_get_kind(layer)], &cost);
        if (layer->op != MN_OP_CLASSIFIER)
            add(&result.without_classifier, &cost);
        int64_t in = (int64_t)layer->in_height * layer->in_width * layer->in_channels;
        int64_t bytes = (in + cost.activations) * (int64_t)sizeof(float);
        if (bytes > result.activation_peak_bytes)
            result.activation_peak_bytes = bytes;
    }
    return result;
}
