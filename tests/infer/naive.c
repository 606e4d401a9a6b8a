#include "infer/naive.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

static void *need(void *memory)
{
    if (!memory) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

static const float *tensor(const mn_model *model, const mn_layer *layer, const char *suffix)
{
    char name[MN_TENSOR_NAME_BYTES];
    snprintf(name, sizeof name, "%s.%s", layer->name, suffix);
    const mn_tensor *t = mn_model_tensor(model, name);
    return t ? t->data : NULL;
}

/* Bias, batch norm and activation of one value of channel c. */
static double finish(const mn_model *model, const mn_layer *layer, int32_t c, double v)
{
    const float *bias = tensor(model, layer, "bias"), *gamma = tensor(model, layer, "bn.gamma");
    if (bias)
        v += bias[c];
    if (gamma) {
        double mean = tensor(model, layer, "bn.mean")[c], variance = tensor(model, layer, "bn.variance")[c];
        v = gamma[c] * (v - mean) / sqrt(variance + mn_model_net(model)->arch.bn_epsilon) +
            tensor(model, layer, "bn.beta")[c];
    }
    if (layer->activation != MN_ACTIVATION_NONE && v < 0)
        v = 0;
    if (layer->activation == MN_ACTIVATION_RELU6 && v > 6)
        v = 6;
    return v;
}

/* The weight of one tap for input channel ic and output channel oc. */
static double weight_at(const mn_layer *layer, const float *w, int32_t kh, int32_t kw, int32_t ic, int32_t oc)
{
    int32_t tap = kh * layer->kernel_width + kw, taps = layer->kernel_height * layer->kernel_width;
    if (layer->op == MN_OP_DEPTHWISE)
        return w[(size_t)tap * (size_t)layer->out_channels + (size_t)oc];
    return w[((size_t)oc * (size_t)taps + (size_t)tap) * (size_t)layer->in_channels + (size_t)ic];
}

static double conv_at(const mn_layer *layer, const double *in, const float *w, int32_t y, int32_t x, int32_t oc)
{
    double sum = 0;
    for (int32_t kh = 0; kh < layer->kernel_height; kh++)
        for (int32_t kw = 0; kw < layer->kernel_width; kw++) {
            int32_t ih = y * layer->stride + kh - layer->pad_top, iw = x * layer->stride + kw - layer->pad_left;
            if (ih < 0 || iw < 0 || ih >= layer->in_height || iw >= layer->in_width)
                continue;
            const double *pixel = in + ((size_t)ih * (size_t)layer->in_width + (size_t)iw) * (size_t)layer->in_channels;
            if (layer->op == MN_OP_DEPTHWISE)
                sum += pixel[oc] * weight_at(layer, w, kh, kw, 0, oc);
            else
                for (int32_t ic = 0; ic < layer->in_channels; ic++)
                    sum += pixel[ic] * weight_at(layer, w, kh, kw, ic, oc);
        }
    return sum;
}

static void conv(const mn_model *model, const mn_layer *layer, const double *in, double *out)
{
    const float *w = tensor(model, layer, "weight");
    for (int32_t y = 0; y < layer->out_height; y++)
        for (int32_t x = 0; x < layer->out_width; x++)
            for (int32_t oc = 0; oc < layer->out_channels; oc++)
                *out++ = finish(model, layer, oc, conv_at(layer, in, w, y, x, oc));
}

static void pool(const mn_layer *layer, const double *in, double *out)
{
    int32_t pixels = layer->in_height * layer->in_width;
    for (int32_t c = 0; c < layer->out_channels; c++) {
        out[c] = 0;
        for (int32_t p = 0; p < pixels; p++)
            out[c] += in[p * layer->in_channels + c] / pixels;
    }
}

static void softmax(const mn_layer *layer, const double *in, double *out)
{
    double largest = in[0], sum = 0;
    for (int32_t c = 1; c < layer->out_channels; c++)
        largest = fmax(largest, in[c]);
    for (int32_t c = 0; c < layer->out_channels; c++)
        sum += out[c] = exp(in[c] - largest);
    for (int32_t c = 0; c < layer->out_channels; c++)
        out[c] /= sum;
}

naive_run naive_forward(const mn_model *model, const float *image)
{
    const mn_net *net = mn_model_net(model);
    naive_run run = {.count = net->layer_count};
    size_t pixels = (size_t)net->arch.height * (size_t)net->arch.width * (size_t)net->arch.channels;
    double *first = need(malloc(pixels * sizeof *first));
    for (size_t i = 0; i < pixels; i++)
        first[i] = image[i];
    for (int32_t i = 0; i < net->layer_count; i++) {
        const mn_layer *layer = &net->layers[i];
        const double *in = layer->input < 0 ? first : run.outputs[layer->input];
        size_t count = (size_t)layer->out_height * (size_t)layer->out_width * (size_t)layer->out_channels;
        double *out = run.outputs[i] = need(malloc(count * sizeof *out));
        if (layer->op == MN_OP_POOL)
            pool(layer, in, out);
        else if (layer->op == MN_OP_SOFTMAX)
            softmax(layer, in, out);
        else
            conv(model, layer, in, out);
    }
    free(first);
    return run;
}

void naive_free(naive_run *run)
{
    for (int32_t i = 0; i < run->count; i++)
        free(run->outputs[i]);
}

mn_model *naive_model(const mn_arch *arch, uint64_t seed)
{
    mn_model *model = NULL;
    mn_error err;
    if (mn_model_create(arch, &model, &err) != MN_OK) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    mn_model_initialise(model, seed);
    for (int32_t t = 0; t < mn_model_tensor_count(model); t++) {
        mn_tensor *tensor = mn_model_tensor_at(model, t);
        const char *dot = strrchr(tensor->name, '.');
        for (size_t i = 0; i < tensor->elements; i++) {
            float u = mn_rng_uniform(seed, 1000 + (uint64_t)t, i);
            if (strcmp(dot, ".variance") == 0 || strcmp(dot, ".gamma") == 0)
                tensor->data[i] = 0.5f + u;
            else if (strcmp(dot, ".weight") != 0)
                tensor->data[i] = u - 0.5f;
        }
    }
    return model;
}

float *naive_input(size_t count, uint64_t seed)
{
    float *input = need(malloc(count * sizeof *input));
    for (size_t i = 0; i < count; i++)
        input[i] = 2 * mn_rng_uniform(seed, 7, i) - 1;
    return input;
}
