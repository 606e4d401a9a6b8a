#include "format/tflite_plan.h"

#include "support/test.h"

#include <string.h>

#include "format/tflite.h"

size_t plan_elements(const plan_tensor *tensor)
{
    size_t count = 1;
    for (int32_t i = 0; i < tensor->rank; i++)
        count *= (size_t)tensor->shape[i];
    return count;
}

static bool is_quantised(const tflite_spec *spec)
{
    return spec->kind == KIND_UINT8 || spec->kind == KIND_INT8;
}

static int32_t activation_type(const tflite_spec *spec)
{
    return spec->kind == KIND_UINT8 ? MN_TFLITE_UINT8 : spec->kind == KIND_INT8 ? MN_TFLITE_INT8 : MN_TFLITE_FLOAT32;
}

static int32_t add_tensor(plan *p, plan_tensor tensor)
{
    assert_true(p->tensor_count < PLAN_TENSORS_MAX);
    p->tensors[p->tensor_count] = tensor;
    return p->tensor_count++;
}

/* What flows between operators; quantised, its range is [0, 6]. */
static int32_t add_activation(plan *p, int32_t height, int32_t channels)
{
    plan_tensor tensor = {4, {1, height, height, channels}, activation_type(p->spec), 0, 0, 0, 0, 0, NULL, false};
    if (is_quantised(p->spec)) {
        tensor.scales = 1;
        tensor.scale = 6.0f / 255;
        tensor.zero_point = p->spec->kind == KIND_INT8 ? -128 : 0;
    }
    p->height = height;
    p->channels = channels;
    return add_tensor(p, tensor);
}

static int32_t add_weights(plan *p, int32_t rank, const int32_t *shape, int32_t dimension)
{
    plan_tensor tensor = {.rank = rank, .shape = {1, 1, 1, 1}, .type = activation_type(p->spec)};
    memcpy(tensor.shape, shape, (size_t)rank * sizeof *shape);
    if (p->spec->kind == KIND_FLOAT16)
        tensor.type = MN_TFLITE_FLOAT16;
    size_t bytes = is_quantised(p->spec) ? 1 : tensor.type == MN_TFLITE_FLOAT16 ? 2 : 4;
    tensor.data_bytes = plan_elements(&tensor) * bytes;
    if (is_quantised(p->spec)) {
        tensor.scales = p->spec->per_channel ? (size_t)shape[dimension] : 1;
        tensor.dimension = dimension;
        tensor.scale = 0.01f;
        tensor.zero_point = p->spec->kind == KIND_UINT8 ? 7 : 0;
    }
    return add_tensor(p, tensor);
}

static int32_t add_bias(plan *p, int32_t channels)
{
    plan_tensor tensor = {.rank = 1, .shape = {channels, 1, 1, 1}, .data_bytes = 4 * (size_t)channels};
    tensor.type = MN_TFLITE_FLOAT32;
    if (is_quantised(p->spec)) {
        tensor.type = MN_TFLITE_INT32;
        tensor.scales = p->spec->per_channel ? (size_t)channels : 1;
        tensor.scale = 0.01f / 128;
        tensor.dimension = 3; /* as some converters write it */
    }
    return add_tensor(p, tensor);
}

static plan_op *add_op(plan *p, int32_t code)
{
    assert_true(p->op_count < PLAN_OPS_MAX);
    plan_op *op = &p->ops[p->op_count++];
    *op = (plan_op){.code = code, .inputs = {p->current, -1, -1}, .input_count = 1, .sizes = ""};
    return op;
}

/* Half-precision constants are turned into float32 by operators, which must come before their use. */
static int32_t widened(plan *p, int32_t tensor)
{
    if (p->spec->kind != KIND_FLOAT16)
        return tensor;
    plan_tensor wide = p->tensors[tensor];
    wide.type = MN_TFLITE_FLOAT32;
    wide.data_bytes = 0;
    plan_op *op = add_op(p, MN_TFLITE_DEQUANTIZE);
    op->inputs[0] = tensor;
    op->output = add_tensor(p, wide);
    return op->output;
}

static const int32_t keras_pads[8] = {0, 0, 0, 1, 0, 1, 0, 0};
static const int32_t mean_axes[2] = {1, 2};
static const int32_t flat_shape[2] = {-1, 2};

static int32_t add_integers(plan *p, const int32_t *values, int32_t count)
{
    return add_tensor(p, (plan_tensor){.rank = 1,
                                       .shape = {count, 1, 1, 1},
                                       .type = MN_TFLITE_INT32,
                                       .data_bytes = 4 * (size_t)count,
                                       .integers = values});
}

static void plan_pad(plan *p)
{
    int32_t pads = add_integers(p, keras_pads, 8);
    p->tensors[pads].rank = 2;
    p->tensors[pads].shape[0] = 4;
    p->tensors[pads].shape[1] = 2;
    plan_op *op = add_op(p, MN_TFLITE_PAD);
    op->inputs[1] = pads;
    op->input_count = 2;
    op->output = p->current = add_activation(p, p->height + 1, p->channels);
}

static void plan_conv(plan *p, bool depthwise, int32_t kernel, int32_t stride, int32_t width, bool classifier)
{
    int32_t in = p->channels, out_height = (p->height + stride - 1) / stride;
    bool pad = p->spec->explicit_pad && stride == 2 && p->op_count > 0;
    if (pad)
        plan_pad(p);
    const int32_t conv_shape[4] = {width, kernel, kernel, in}, dw_shape[4] = {1, kernel, kernel, width};
    int32_t weight = widened(p, add_weights(p, 4, depthwise ? dw_shape : conv_shape, depthwise ? 3 : 0));
    int32_t bias = add_bias(p, width);
    plan_op *op = add_op(p, depthwise ? MN_TFLITE_DEPTHWISE_CONV_2D : MN_TFLITE_CONV_2D);
    op->inputs[1] = weight;
    op->inputs[2] = bias;
    op->input_count = 3;
    op->options_type = depthwise ? 2 : 1;
    int32_t fused = classifier || p->spec->unfused ? 0 : 3;
    op->sizes = depthwise ? "1444144" : "144144";
    op->options[0] = pad;
    op->options[1] = op->options[2] = stride;
    if (depthwise) {
        op->options[3] = width / in;
        op->options[4] = fused;
        op->options[5] = op->options[6] = 1;
    } else {
        op->options[3] = fused;
        op->options[4] = op->options[5] = 1;
    }
    op->output = p->current = add_activation(p, out_height, width);
    if (p->spec->unfused && !classifier && !is_quantised(p->spec)) {
        op = add_op(p, MN_TFLITE_RELU6);
        op->output = p->current = add_activation(p, out_height, width);
    }
}

static void plan_pool(plan *p)
{
    plan_op *op = add_op(p, p->spec->mean ? MN_TFLITE_MEAN : MN_TFLITE_AVERAGE_POOL_2D);
    if (p->spec->mean) {
        int32_t axes = add_integers(p, mean_axes, 2);
        op->inputs[1] = axes;
        op->input_count = 2;
        op->options_type = 27;
        op->sizes = "1";
        op->options[0] = 1;
    } else {
        op->options_type = 5;
        op->sizes = "144441";
        op->options[0] = 1;
        for (int i = 1; i < 5; i++)
            op->options[i] = p->height;
    }
    op->output = p->current = add_activation(p, 1, p->channels);
}

static void plan_classifier(plan *p)
{
    int32_t classes = p->spec->classes;
    if (!p->spec->fully_connected) {
        plan_conv(p, false, 1, 1, classes, true);
        plan_op *op = add_op(p, MN_TFLITE_RESHAPE);
        op->inputs[1] = add_integers(p, flat_shape, 2);
        op->input_count = 2;
        op->output = p->current = add_activation(p, 1, classes);
        return;
    }
    int32_t weight = widened(p, add_weights(p, 2, (int32_t[]){classes, p->channels}, 0));
    int32_t bias = add_bias(p, classes);
    plan_op *op = add_op(p, MN_TFLITE_FULLY_CONNECTED);
    op->inputs[1] = weight;
    op->inputs[2] = bias;
    op->input_count = 3;
    op->options_type = 8;
    op->sizes = "11";
    op->output = p->current = add_activation(p, 1, classes);
}

void plan_network(plan *p)
{
    static const int32_t strides[] = {1, 2, 1, 2, 1, 2, 2, 1}; /* of the shallow network's blocks */
    p->current = add_activation(p, p->spec->size, p->spec->channels);
    p->tensors[0].open = p->spec->open_input;
    if (is_quantised(p->spec)) {
        p->tensors[0].scale = 1.0f / 128;
        p->tensors[0].zero_point = p->spec->kind == KIND_INT8 ? 0 : 128;
    }
    plan_conv(p, p->spec->spread_stem, 3, 2, p->spec->width, false);
    for (size_t i = 0; i < sizeof strides / sizeof *strides; i++) {
        plan_conv(p, true, 3, strides[i], p->spec->width, false);
        plan_conv(p, false, 1, 1, p->spec->width, false);
    }
    plan_pool(p);
    plan_classifier(p);
    if (p->spec->softmax) {
        plan_op *op = add_op(p, MN_TFLITE_SOFTMAX);
        op->options_type = 9;
        op->sizes = "4";
        op->options[0] = 0x3F800000 /* 1.0f */;
        op->output = p->current = add_activation(p, 1, p->spec->classes);
    }
}
