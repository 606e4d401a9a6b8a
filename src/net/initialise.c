/* Random weights: He et al. 2015 (arXiv 1502.01852), normal with variance 2 / fan_in, truncated at two deviations
 * and rescaled so that the variance is that of the formula. */
#include <math.h>

#include "base/rng.h"
#include "net/model.h"

/* Standard deviation of a standard normal truncated at two deviations. */
#define TRUNCATED_DEVIATION 0.87962566103423978

static double fan_in(const mn_layer *layer)
{
    double taps = (double)layer->kernel_height * layer->kernel_width;
    return layer->op == MN_OP_DEPTHWISE ? taps : taps * layer->in_channels;
}

static void fill(mn_tensor *tensor, float value)
{
    for (size_t i = 0; tensor && i < tensor->elements; i++)
        tensor->data[i] = value;
}

void mn_model_initialise(mn_model *model, uint64_t seed)
{
    const mn_net *net = &model->net;
    for (int32_t l = 0; l < net->layer_count; l++) {
        const mn_layer *layer = &net->layers[l];
        mn_tensor *weight = mn_model_layer_tensor(model, layer, "weight");
        if (!weight)
            continue;
        double variance = (layer->op == MN_OP_CLASSIFIER ? 1.0 : 2.0) / fan_in(layer);
        float scale = (float)(sqrt(variance) / TRUNCATED_DEVIATION);
        for (size_t i = 0; i < weight->elements; i++)
            weight->data[i] = scale * mn_rng_truncated_normal(seed, (uint64_t)l, i);
        fill(mn_model_layer_tensor(model, layer, "bias"), 0.0f);
        fill(mn_model_layer_tensor(model, layer, "bn.gamma"), 1.0f);
        fill(mn_model_layer_tensor(model, layer, "bn.beta"), 0.0f);
        fill(mn_model_layer_tensor(model, layer, "bn.mean"), 0.0f);
        fill(mn_model_layer_tensor(model, layer, "bn.variance"), 1.0f);
    }
}
