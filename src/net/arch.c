/* From an architecture to its list of layers: the body of the paper's Table 1, with the two multipliers, the
 * paper's controls and the dialects of its implementations as data.
 *
 *     stem 3x3 s2 32 | 64 | s2 128, 128 | s2 256, 256 | s2 512, 5 x 512 | s2 1024, 1024 | pool | classifier | softmax
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "mobilenet/net.h"

/* Output channels and stride of the stem and the 13 blocks, at alpha 1 and output stride 32. The paper prints
 * stride 2 for the last depthwise; its own map sizes and TF-slim have 1. */
static const struct {
    int32_t width, stride;
    bool in_shallow; /* Table 5's shallow network leaves out the five 14x14x512 blocks */
} stages[MN_WIDTHS_MAX] = {
    {32, 2, true},   {64, 1, true},   {128, 2, true},  {128, 1, true},  {256, 2, true},
    {256, 1, true},  {512, 2, true},  {512, 1, false}, {512, 1, false}, {512, 1, false},
    {512, 1, false}, {512, 1, false}, {1024, 2, true}, {1024, 1, true},
};

mn_arch mn_arch_default(void)
{
    return (mn_arch){
        .family = MN_FAMILY_V1,
        .alpha = 1.0,
        .height = 224,
        .width = 224,
        .channels = 3,
        .classes = 1000,
        .conv = MN_CONV_SEPARABLE,
        .depth = MN_DEPTH_FULL,
        .output_stride = 32,
        .rounding = MN_ROUNDING_MIN8,
        .padding = MN_PADDING_SAME,
        .activation = MN_ACTIVATION_RELU6,
        .batch_norm = true,
        .bn_epsilon = 1e-3,
        .dropout = 1e-3,
    };
}

int32_t mn_round_width(int32_t channels, double alpha, mn_rounding rounding)
{
    double scaled = channels * alpha;
    if (!(scaled < MN_CHANNELS_MAX + 1.0))
        return MN_CHANNELS_MAX + 1; /* refused by mn_net_build */
    int32_t width;
    switch (rounding) {
    case MN_ROUNDING_FLOOR:
        width = (int32_t)scaled;
        return width < 1 ? 1 : width;
    case MN_ROUNDING_DIV8:
        width = (int32_t)((scaled + 4) / 8) * 8;
        if (width < 8)
            width = 8;
        return width < 0.9 * scaled ? width + 8 : width;
    case MN_ROUNDING_MIN8:
    default:
        width = (int32_t)scaled;
        return width < 8 ? 8 : width;
    }
}

int32_t mn_arch_width_count(const mn_arch *arch)
{
    int32_t count = 0;
    for (int32_t i = 0; i < MN_WIDTHS_MAX; i++)
        count += arch->depth == MN_DEPTH_FULL || stages[i].in_shallow;
    return count;
}

static mn_status check_range(const char *field, int64_t value, int64_t low, int64_t high, mn_error *err)
{
    if (value >= low && value <= high)
        return MN_OK;
    return mn_fail(err, MN_ERROR_ARGUMENT, "%s is %lld, must be %lld to %lld", field, (long long)value, (long long)low,
                   (long long)high);
}

static mn_status check_widths(const mn_arch *arch, mn_error *err)
{
    if (arch->width_count == 0)
        return MN_OK;
    int32_t wanted = mn_arch_width_count(arch);
    if (arch->width_count != wanted)
        return mn_fail(err, MN_ERROR_ARGUMENT, "%d widths are given, this architecture has %d (stem and blocks)",
                       arch->width_count, wanted);
    for (int32_t i = 0; i < wanted; i++) {
        char field[32];
        snprintf(field, sizeof field, "width %d", i);
        mn_status status = check_range(field, arch->widths[i], 1, MN_CHANNELS_MAX, err);
        if (status != MN_OK)
            return status;
    }
    return MN_OK;
}

static mn_status check_arch(const mn_arch *arch, mn_error *err)
{
    mn_status status;
    if (!(arch->alpha > 0) || !isfinite(arch->alpha))
        return mn_fail(err, MN_ERROR_ARGUMENT, "alpha is %g, must be above 0", arch->alpha);
    if (!(arch->bn_epsilon > 0) || !isfinite(arch->bn_epsilon))
        return mn_fail(err, MN_ERROR_ARGUMENT, "bn_epsilon is %g, must be above 0", arch->bn_epsilon);
    if (!(arch->dropout >= 0 && arch->dropout < 1))
        return mn_fail(err, MN_ERROR_ARGUMENT, "dropout is %g, must be at least 0 and below 1", arch->dropout);
    const struct {
        const char *name;
        int64_t value, low, high;
    } ranges[] = {
        {"family", arch->family, MN_FAMILY_V1, MN_FAMILY_V1},
        {"height", arch->height, 1, MN_EXTENT_MAX},
        {"width", arch->width, 1, MN_EXTENT_MAX},
        {"channels", arch->channels, 1, MN_CHANNELS_MAX},
        {"classes", arch->classes, 1, MN_CLASSES_MAX},
        {"conv", arch->conv, MN_CONV_SEPARABLE, MN_CONV_STANDARD},
        {"depth", arch->depth, MN_DEPTH_FULL, MN_DEPTH_SHALLOW},
        {"rounding", arch->rounding, MN_ROUNDING_MIN8, MN_ROUNDING_DIV8},
        {"padding", arch->padding, MN_PADDING_SAME, MN_PADDING_SYMMETRIC},
        {"activation", arch->activation, MN_ACTIVATION_NONE, MN_ACTIVATION_RELU6},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if ((status = check_range(ranges[i].name, ranges[i].value, ranges[i].low, ranges[i].high, err)) != MN_OK)
            return status;
    int32_t s = arch->output_stride;
    if (s < 1 || s > 32 || (s & (s - 1)) != 0)
        return mn_fail(err, MN_ERROR_ARGUMENT, "output_stride is %d, must be 32, 16, 8, 4, 2 or 1", s);
    return check_widths(arch, err);
}

/* The padding of a k-tap window along one side: `before` and `after`. */
static void pad_axis(mn_padding rule, int32_t in, int32_t kernel, int32_t stride, int32_t *before, int32_t *after)
{
    if (rule == MN_PADDING_SYMMETRIC) {
        *before = *after = (kernel - 1) / 2;
        return;
    }
    if (rule == MN_PADDING_KERAS && stride == 2) {
        *before = 0;
        *after = 1;
        return;
    }
    int32_t out = (in + stride - 1) / stride;
    int32_t total = (out - 1) * stride + kernel - in;
    if (total < 0)
        total = 0;
    *before = total / 2;
    *after = total - *before;
}

static int32_t conv_extent(int32_t in, int32_t before, int32_t after, int32_t kernel, int32_t stride)
{
    int32_t span = in + before + after - kernel;
    return span < 0 ? 0 : span / stride + 1;
}

/* Appends a layer that reads the last one; the caller fills in what is not a matter of shape. */
static mn_layer *append(mn_net *net, mn_op op, const char *name)
{
    mn_layer *layer = &net->layers[net->layer_count];
    *layer = (mn_layer){.op = op, .input = net->layer_count - 1, .kernel_height = 1, .kernel_width = 1, .stride = 1};
    snprintf(layer->name, sizeof layer->name, "%s", name);
    if (net->layer_count == 0) {
        layer->in_height = net->arch.height;
        layer->in_width = net->arch.width;
        layer->in_channels = net->arch.channels;
    } else {
        const mn_layer *last = layer - 1;
        layer->in_height = last->out_height;
        layer->in_width = last->out_width;
        layer->in_channels = last->out_channels;
    }
    layer->out_height = layer->in_height;
    layer->out_width = layer->in_width;
    layer->out_channels = layer->in_channels;
    net->layer_count++;
    return layer;
}

static mn_status append_conv(mn_net *net, mn_op op, const char *name, int32_t stride, int32_t width, mn_error *err)
{
    const mn_arch *arch = &net->arch;
    mn_layer *layer = append(net, op, name);
    if (op != MN_OP_POINTWISE) {
        layer->kernel_height = layer->kernel_width = 3;
        layer->stride = stride;
        pad_axis(arch->padding, layer->in_height, 3, stride, &layer->pad_top, &layer->pad_bottom);
        pad_axis(arch->padding, layer->in_width, 3, stride, &layer->pad_left, &layer->pad_right);
        layer->out_height = conv_extent(layer->in_height, layer->pad_top, layer->pad_bottom, 3, stride);
        layer->out_width = conv_extent(layer->in_width, layer->pad_left, layer->pad_right, 3, stride);
    }
    if (op != MN_OP_DEPTHWISE)
        layer->out_channels = width;
    layer->activation = arch->activation;
    layer->batch_norm = arch->batch_norm;
    layer->bias = !arch->batch_norm;
    if (layer->out_height < 1 || layer->out_width < 1)
        return mn_fail(err, MN_ERROR_ARGUMENT,
                       "input %dx%d is too small: layer %s would have no output (a smaller output_stride helps)",
                       arch->height, arch->width, name);
    return MN_OK;
}

/* The block number `block` (1..13): a separable pair, or one standard convolution. */
static mn_status append_block(mn_net *net, int32_t block, int32_t stride, int32_t width, mn_error *err)
{
    char name[MN_LAYER_NAME_BYTES];
    if (net->arch.conv == MN_CONV_STANDARD) {
        snprintf(name, sizeof name, "block%d.conv", block);
        return append_conv(net, MN_OP_CONV, name, stride, width, err);
    }
    snprintf(name, sizeof name, "block%d.depthwise", block);
    mn_status status = append_conv(net, MN_OP_DEPTHWISE, name, stride, width, err);
    if (status != MN_OK)
        return status;
    snprintf(name, sizeof name, "block%d.pointwise", block);
    return append_conv(net, MN_OP_POINTWISE, name, 1, width, err);
}

mn_status mn_net_build(const mn_arch *arch, mn_net *net, mn_error *err)
{
    mn_status status = check_arch(arch, err);
    if (status != MN_OK)
        return status;
    mn_net result = {.arch = *arch};
    for (int32_t i = arch->width_count; i < MN_WIDTHS_MAX; i++)
        result.arch.widths[i] = 0;

    /* Of the five stride-2 layers, the earliest become stride 1 until the product is output_stride. */
    int32_t to_remove = 5;
    for (int32_t s = arch->output_stride; s > 1; s /= 2)
        to_remove--;
    int32_t block = 0;
    for (int32_t i = 0; i < MN_WIDTHS_MAX; i++) {
        if (arch->depth == MN_DEPTH_SHALLOW && !stages[i].in_shallow)
            continue;
        int32_t stride = stages[i].stride;
        if (stride == 2 && to_remove > 0) {
            stride = 1;
            to_remove--;
        }
        int32_t width =
            arch->width_count > 0 ? arch->widths[block] : mn_round_width(stages[i].width, arch->alpha, arch->rounding);
        if ((status = check_range("channels of a layer", width, 1, MN_CHANNELS_MAX, err)) != MN_OK)
            return status;
        status = block == 0 ? append_conv(&result, MN_OP_CONV, "stem", stride, width, err)
                            : append_block(&result, block, stride, width, err);
        if (status != MN_OK)
            return status;
        block++;
    }
    mn_layer *pool = append(&result, MN_OP_POOL, "pool");
    pool->kernel_height = pool->in_height;
    pool->kernel_width = pool->in_width;
    pool->out_height = pool->out_width = 1;
    mn_layer *classifier = append(&result, MN_OP_CLASSIFIER, "classifier");
    classifier->out_channels = arch->classes;
    classifier->bias = true;
    append(&result, MN_OP_SOFTMAX, "softmax");
    *net = result;
    return MN_OK;
}

int32_t mn_net_find(const mn_net *net, const char *name)
{
    for (int32_t i = 0; i < net->layer_count; i++)
        if (strcmp(net->layers[i].name, name) == 0)
            return i;
    return -1;
}
