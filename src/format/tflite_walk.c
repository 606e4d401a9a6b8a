/* Follows a TensorFlow Lite network from its input to its output and writes down its convolutions.
 *
 * Every operator on the way reads the tensor that the last one wrote; operators beside the way (the computation of a
 * Reshape's target) are passed over, since their results are known from the shapes. What is met must be, in order:
 *     [QUANTIZE] ([PAD] CONV_2D | DEPTHWISE_CONV_2D [RELU | RELU6])... MEAN | AVERAGE_POOL_2D
 *     CONV_2D 1x1 | FULLY_CONNECTED [SOFTMAX] [DEQUANTIZE], with RESHAPE or SQUEEZE anywhere after the pool
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "format/tflite.h"

/* Option tables: field slots. Padding: 0 SAME, 1 VALID. */
enum {
    CONV_PADDING = 0,
    CONV_STRIDE_W = 1,
    CONV_STRIDE_H = 2,
    CONV_ACTIVATION = 3,
    CONV_DILATION_W = 4,
    CONV_DILATION_H = 5
};
enum { DW_ACTIVATION = 4, DW_DILATION_W = 5, DW_DILATION_H = 6 };
enum { POOL_PADDING = 0, POOL_STRIDE_W = 1, POOL_STRIDE_H = 2, POOL_WIDTH = 3, POOL_HEIGHT = 4, POOL_ACTIVATION = 5 };
enum { FC_ACTIVATION = 0, FC_FORMAT = 1 };
enum { SOFTMAX_BETA = 0 };

typedef enum stage { STAGE_CONVOLUTIONS, STAGE_POOLED, STAGE_CLASSIFIED, STAGE_SOFTMAX } stage;

typedef struct walk {
    mn_tflite *file;
    mn_found *found;
    mn_tflite_weights *weights;
    mn_notes *notes;
    mn_error *err;
    stage stage;
    int32_t op;         /* index of the operator being read */
    int32_t current;    /* tensor that the next operator must read */
    bool padded;        /* a PAD stands before the next convolution */
    int32_t pads[4];    /* top, bottom, left, right */
    bool guessed_relu6; /* the clamp of a quantised range was taken for ReLU6 */
} walk;

static const mn_tflite_op *current_op(const walk *w)
{
    return &w->file->ops[w->op];
}

static mn_status unsupported(const walk *w, const char *what)
{
    const mn_tflite_op *op = current_op(w);
    return mn_fail(w->err, MN_ERROR_UNSUPPORTED, "operator %d (%s, code %d): %s", w->op, mn_tflite_code_name(op->code),
                   op->code, what);
}

static void name_layer(const walk *w, mn_found_layer *layer)
{
    snprintf(layer->name, sizeof layer->name, "operator %d (%s)", w->op, mn_tflite_code_name(current_op(w)->code));
}

/* Constant integers (int32 or int64) of an input, at most `most`; returns how many, or -1. */
static int32_t constant_integers(const walk *w, size_t input, int64_t *values, int32_t most)
{
    const mn_tflite_tensor *tensor = mn_tflite_input(w->file, current_op(w), input);
    if (!tensor || !tensor->data || (tensor->type != MN_TFLITE_INT32 && tensor->type != MN_TFLITE_INT64))
        return -1;
    size_t bytes = tensor->type == MN_TFLITE_INT32 ? 4 : 8, count = tensor->data_bytes / bytes;
    const mn_reader reader = {tensor->data, tensor->data_bytes};
    if (count > (size_t)most || tensor->data_bytes % bytes != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        int32_t narrow = 0;
        uint64_t wide = 0;
        mn_reader_i32(&reader, bytes * i, &narrow);
        mn_reader_u64(&reader, bytes * i, &wide);
        values[i] = bytes == 4 ? narrow : (int64_t)wide;
    }
    return (int32_t)count;
}

static mn_status walk_pad(walk *w)
{
    int64_t values[8] = {0};
    if (w->stage != STAGE_CONVOLUTIONS || w->padded)
        return unsupported(w, "stands where no padding is expected");
    if (constant_integers(w, 1, values, 8) != 8)
        return unsupported(w, "the amounts are not eight constant integers");
    for (int i = 0; i < 8; i++)
        if (values[i] < 0 || values[i] > 64 || ((i < 2 || i > 5) && values[i] != 0))
            return unsupported(w, "pads batch or channels, or by less than 0 or more than 64");
    for (int i = 0; i < 4; i++)
        w->pads[i] = (int32_t)values[2 + i];
    w->padded = w->found->explicit_padding = true;
    return MN_OK;
}

/* Padding of one side: the PAD before, and SAME of the padded input. */
static void resolve_padding(walk *w, bool same, mn_found_layer *layer)
{
    int32_t height, width, channels, before, after;
    mn_found_current(w->found, &height, &width, &channels);
    layer->pad_top = w->pads[0];
    layer->pad_bottom = w->pads[1];
    layer->pad_left = w->pads[2];
    layer->pad_right = w->pads[3];
    if (same && layer->stride_height > 0 && layer->stride_width > 0) {
        mn_found_same(height + w->pads[0] + w->pads[1], layer->kernel_height, layer->stride_height, &before, &after);
        layer->pad_top += before;
        layer->pad_bottom += after;
        mn_found_same(width + w->pads[2] + w->pads[3], layer->kernel_width, layer->stride_width, &before, &after);
        layer->pad_left += before;
        layer->pad_right += after;
    }
    memset(w->pads, 0, sizeof w->pads);
    w->padded = false;
}

/* The fused activation; in quantised networks the range of the output may hold it instead. */
static mn_status resolve_activation(walk *w, uint8_t fused, mn_found_layer *layer)
{
    const mn_tflite_op *op = current_op(w);
    double low, high;
    switch (fused) {
    case 0:
        layer->activation = MN_ACTIVATION_NONE;
        break;
    case 1:
        layer->activation = MN_ACTIVATION_RELU;
        return MN_OK;
    case 3:
        layer->activation = MN_ACTIVATION_RELU6;
        return MN_OK;
    default:
        return unsupported(w, "the fused activation is neither none, ReLU nor ReLU6");
    }
    const mn_tflite_tensor *output = &w->file->tensors[mn_fb_at_i32(&w->file->fb, op->outputs, 0)];
    if (layer->op == MN_OP_CLASSIFIER || !mn_tflite_range(w->file, output, &low, &high) || low != 0)
        return MN_OK;
    /* Nothing below 0 can be stored: the range is the activation. */
    layer->clamp = (float)high;
    layer->activation = fabs(high - 6) <= 0.05 ? MN_ACTIVATION_RELU6 : MN_ACTIVATION_RELU;
    w->guessed_relu6 |= layer->activation == MN_ACTIVATION_RELU6;
    return MN_OK;
}

/* Where the file gives the output's shape, it must be the computed one. */
static mn_status check_output(walk *w, const mn_found_layer *layer)
{
    const mn_tflite_tensor *output = &w->file->tensors[mn_fb_at_i32(&w->file->fb, current_op(w)->outputs, 0)];
    if (output->rank != 4 || (output->shape[1] == layer->out_height && output->shape[2] == layer->out_width &&
                              output->shape[3] == layer->out_channels))
        return MN_OK;
    return mn_fail(w->err, MN_ERROR_FORMAT, "%s: the file says output %dx%dx%d, weights and strides give %dx%dx%d",
                   layer->name, output->shape[1], output->shape[2], output->shape[3], layer->out_height,
                   layer->out_width, layer->out_channels);
}

static mn_status add_layer(walk *w, const mn_found_layer *layer, bool transposed)
{
    int32_t k = w->found->layer_count;
    mn_status status = mn_found_add(w->found, layer, w->err);
    if (status != MN_OK)
        return status;
    w->weights->weight[k] = mn_tflite_input_index(w->file, current_op(w), 1);
    w->weights->bias[k] = mn_tflite_input_index(w->file, current_op(w), 2);
    w->weights->transposed[k] = transposed;
    return check_output(w, &w->found->layers[k]);
}

static mn_status walk_conv(walk *w)
{
    const mn_tflite_op *op = current_op(w);
    mn_flatbuffer *fb = &w->file->fb;
    const mn_tflite_tensor *weight = mn_tflite_input(w->file, op, 1);
    bool depthwise = op->code == MN_TFLITE_DEPTHWISE_CONV_2D;
    if (!weight || weight->rank != 4)
        return unsupported(w, "the weights are not of four dimensions");
    if (op->options_type != (depthwise ? 2 : 1))
        return unsupported(w, "the options are of another operator");
    if (mn_fb_i32(fb, op->options, depthwise ? DW_DILATION_W : CONV_DILATION_W, 1) != 1 ||
        mn_fb_i32(fb, op->options, depthwise ? DW_DILATION_H : CONV_DILATION_H, 1) != 1)
        return unsupported(w, "is dilated");
    mn_found_layer layer = {
        .kernel_height = weight->shape[1],
        .kernel_width = weight->shape[2],
        .stride_height = mn_fb_i32(fb, op->options, CONV_STRIDE_H, 0),
        .stride_width = mn_fb_i32(fb, op->options, CONV_STRIDE_W, 0),
        .in_channels = weight->shape[3],
        .out_channels = depthwise ? weight->shape[3] : weight->shape[0],
    };
    name_layer(w, &layer);
    bool pointwise = layer.kernel_height == 1 && layer.kernel_width == 1;
    layer.op = depthwise ? MN_OP_DEPTHWISE : pointwise ? MN_OP_POINTWISE : MN_OP_CONV;
    /* One channel spread over many is a standard convolution of one input channel. */
    bool spread = depthwise && w->found->channels == 1 && w->found->layer_count == 0;
    if (spread) {
        layer.op = MN_OP_CONV;
        layer.in_channels = 1;
    } else if (depthwise && weight->shape[0] != 1) {
        return unsupported(w, "depthwise weights are not [1, height, width, channels]");
    }
    if (w->stage == STAGE_POOLED && layer.op == MN_OP_POINTWISE)
        layer.op = MN_OP_CLASSIFIER;
    else if (w->stage != STAGE_CONVOLUTIONS)
        return unsupported(w, "a convolution after the pool that is no 1x1 classifier");
    resolve_padding(w, mn_fb_u8(fb, op->options, CONV_PADDING, 0) == 0, &layer);
    mn_status status =
        resolve_activation(w, mn_fb_u8(fb, op->options, depthwise ? DW_ACTIVATION : CONV_ACTIVATION, 0), &layer);
    if (status == MN_OK)
        status = add_layer(w, &layer, spread);
    if (layer.op == MN_OP_CLASSIFIER)
        w->stage = STAGE_CLASSIFIED;
    return status;
}

static mn_status walk_fully_connected(walk *w)
{
    const mn_tflite_op *op = current_op(w);
    const mn_tflite_tensor *weight = mn_tflite_input(w->file, op, 1);
    if (w->stage != STAGE_POOLED)
        return unsupported(w, "stands elsewhere than after the pool");
    if (op->options_type != 8 || !weight || weight->rank != 2 || mn_fb_u8(&w->file->fb, op->options, FC_FORMAT, 0) != 0)
        return unsupported(w, "the weights are not a plain matrix");
    mn_found_layer layer = {
        .op = MN_OP_CLASSIFIER,
        .kernel_height = 1,
        .kernel_width = 1,
        .stride_height = 1,
        .stride_width = 1,
        .in_channels = weight->shape[1],
        .out_channels = weight->shape[0],
    };
    name_layer(w, &layer);
    mn_status status = resolve_activation(w, mn_fb_u8(&w->file->fb, op->options, FC_ACTIVATION, 0), &layer);
    if (status == MN_OK)
        status = add_layer(w, &layer, false);
    w->stage = STAGE_CLASSIFIED;
    return status;
}

static mn_status walk_activation(walk *w, mn_activation activation)
{
    if (w->found->layer_count == 0 || w->stage != STAGE_CONVOLUTIONS || w->padded)
        return unsupported(w, "an activation that follows no convolution");
    mn_found_layer *last = &w->found->layers[w->found->layer_count - 1];
    if (activation == MN_ACTIVATION_RELU && last->activation == MN_ACTIVATION_RELU6 && last->clamp == 0)
        return MN_OK; /* what ReLU6 gives, ReLU leaves */
    last->activation = activation;
    return MN_OK;
}

static mn_status walk_pool(walk *w)
{
    const mn_tflite_op *op = current_op(w);
    mn_flatbuffer *fb = &w->file->fb;
    int32_t height, width, channels;
    mn_found_current(w->found, &height, &width, &channels);
    if (w->stage != STAGE_CONVOLUTIONS || w->found->layer_count == 0 || w->padded)
        return unsupported(w, "stands elsewhere than after the convolutions");
    if (op->code == MN_TFLITE_MEAN) {
        int64_t axes[4];
        if (constant_integers(w, 1, axes, 4) != 2 || axes[0] + axes[1] != 3 || (axes[0] != 1 && axes[0] != 2))
            return unsupported(w, "the mean is not over height and width");
    } else {
        int32_t stride_h = mn_fb_i32(fb, op->options, POOL_STRIDE_H, 0);
        int32_t stride_w = mn_fb_i32(fb, op->options, POOL_STRIDE_W, 0);
        bool same = mn_fb_u8(fb, op->options, POOL_PADDING, 0) == 0;
        if (op->options_type != 5 || mn_fb_i32(fb, op->options, POOL_HEIGHT, 0) != height ||
            mn_fb_i32(fb, op->options, POOL_WIDTH, 0) != width || (same && (stride_h < height || stride_w < width)) ||
            mn_fb_u8(fb, op->options, POOL_ACTIVATION, 0) != 0)
            return unsupported(w, "the pool is not over the whole map");
    }
    w->stage = STAGE_POOLED;
    return MN_OK;
}

static mn_status walk_softmax(walk *w)
{
    float beta = mn_fb_f32(&w->file->fb, current_op(w)->options, SOFTMAX_BETA, 0);
    if (w->stage != STAGE_CLASSIFIED || current_op(w)->options_type != 9 || beta != 1.0f)
        return unsupported(w, "stands elsewhere than after the classifier, or has a beta other than 1");
    w->stage = STAGE_SOFTMAX;
    return MN_OK;
}

static mn_status walk_op(walk *w)
{
    switch (current_op(w)->code) {
    case MN_TFLITE_PAD:
        return walk_pad(w);
    case MN_TFLITE_CONV_2D:
    case MN_TFLITE_DEPTHWISE_CONV_2D:
        if (w->found->layer_count == 0) {
            double low, high;
            if (mn_tflite_range(w->file, &w->file->tensors[w->current], &low, &high))
                w->weights->first_quantised = w->current;
        }
        return walk_conv(w);
    case MN_TFLITE_FULLY_CONNECTED:
        return walk_fully_connected(w);
    case MN_TFLITE_RELU:
        return walk_activation(w, MN_ACTIVATION_RELU);
    case MN_TFLITE_RELU6:
        return walk_activation(w, MN_ACTIVATION_RELU6);
    case MN_TFLITE_MEAN:
    case MN_TFLITE_AVERAGE_POOL_2D:
        return walk_pool(w);
    case MN_TFLITE_RESHAPE:
    case MN_TFLITE_SQUEEZE:
        return w->stage == STAGE_CONVOLUTIONS ? unsupported(w, "stands before the pool") : MN_OK;
    case MN_TFLITE_SOFTMAX:
        return walk_softmax(w);
    case MN_TFLITE_QUANTIZE:
    case MN_TFLITE_DEQUANTIZE:
        return w->padded ? unsupported(w, "stands between a pad and its convolution") : MN_OK;
    default:
        return unsupported(w, "is no part of a MobileNet V1");
    }
}

/* Operators beside the way. A constant that is dequantised is read where it was stored. */
static bool is_beside(walk *w)
{
    const mn_tflite_op *op = current_op(w);
    int32_t input = mn_tflite_input_index(w->file, op, 0);
    if (op->code == MN_TFLITE_SHAPE || op->code == MN_TFLITE_STRIDED_SLICE || op->code == MN_TFLITE_PACK)
        return true;
    if (op->code != MN_TFLITE_DEQUANTIZE || input < 0 || !w->file->tensors[input].data || op->outputs.count != 1)
        return false;
    int32_t output = mn_fb_at_i32(&w->file->fb, op->outputs, 0);
    if (output < 0 || output == w->file->input)
        return false;
    w->file->tensors[output] = w->file->tensors[input];
    return true;
}

static mn_status check_input(walk *w)
{
    const mn_tflite_tensor *input = &w->file->tensors[w->file->input];
    for (int i = 1; i < 4; i++)
        if (input->rank != 4 || input->shape[i] < 1 || input->shape[i] > MN_EXTENT_MAX)
            return mn_fail(w->err, MN_ERROR_UNSUPPORTED,
                           "the input '%.60s' is not [1, height, width, channels] with sizes 1 to %d", input->name,
                           MN_EXTENT_MAX);
    if (input->open)
        return mn_fail(
            w->err, MN_ERROR_UNSUPPORTED,
            "the input '%.60s' has no fixed height, width or channels; convert the network with a fixed input size",
            input->name);
    w->found->height = input->shape[1];
    w->found->width = input->shape[2];
    w->found->channels = input->shape[3];
    return MN_OK;
}

static mn_status check_end(walk *w)
{
    if (w->current != w->file->output)
        return mn_fail(w->err, MN_ERROR_UNSUPPORTED, "the operators end in tensor %d, the output is tensor %d",
                       w->current, w->file->output);
    if (w->stage < STAGE_CLASSIFIED)
        return mn_fail(w->err, MN_ERROR_UNSUPPORTED, "the network ends before a classifier");
    if (w->stage == STAGE_CLASSIFIED)
        mn_note(w->notes, "the file ends without softmax; here the output is the softmax of its output");
    if (w->guessed_relu6)
        mn_note(w->notes, "ReLU6 where a quantised range ends at 0 and 6 and no activation is named");
    return MN_OK;
}

mn_status mn_tflite_walk(mn_tflite *file, mn_found *found, mn_tflite_weights *weights, mn_notes *notes, mn_error *err)
{
    walk w = {.file = file, .found = found, .weights = weights, .notes = notes, .err = err, .current = file->input};
    weights->first_quantised = -1;
    mn_status status = check_input(&w);
    for (w.op = 0; status == MN_OK && w.op < file->op_count; w.op++) {
        const mn_tflite_op *op = current_op(&w);
        if (is_beside(&w))
            continue;
        if (op->outputs.count != 1 || mn_fb_at_i32(&file->fb, op->outputs, 0) < 0)
            return unsupported(&w, "has no output, or several");
        if (mn_tflite_input_index(file, op, 0) != w.current)
            return unsupported(&w, "does not read the output of the operator before it: the network branches");
        status = walk_op(&w);
        w.current = mn_fb_at_i32(&file->fb, op->outputs, 0);
    }
    if (status == MN_OK && file->fb.status != MN_OK)
        status = file->fb.status;
    return status == MN_OK ? check_end(&w) : status;
}
