#include "format/match.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"

void mn_found_same(int32_t in, int32_t kernel, int32_t stride, int32_t *before, int32_t *after)
{
    int32_t out = in / stride + (in % stride != 0);
    int64_t total = (int64_t)(out - 1) * stride + kernel - in;
    if (total < 0)
        total = 0;
    *before = (int32_t)(total / 2);
    *after = (int32_t)(total - total / 2);
}

void mn_found_current(const mn_found *found, int32_t *height, int32_t *width, int32_t *channels)
{
    const mn_found_layer *last = found->layer_count > 0 ? &found->layers[found->layer_count - 1] : NULL;
    *height = last ? last->out_height : found->height;
    *width = last ? last->out_width : found->width;
    *channels = last ? last->out_channels : found->channels;
}

static bool in_range(int32_t value, int32_t low, int32_t high)
{
    return value >= low && value <= high;
}

/* Output size along one side, or 0 where there is none. */
static int32_t out_extent(int32_t in, int32_t before, int32_t after, int32_t kernel, int32_t stride)
{
    int32_t span = in + before + after - kernel;
    return span < 0 ? 0 : span / stride + 1;
}

mn_status mn_found_add(mn_found *found, const mn_found_layer *layer, mn_error *err)
{
    const int32_t small = 64; /* kernels, strides and pads beyond this are no MobileNet's, and could overflow */
    if (found->layer_count == MN_LAYERS_MAX)
        return mn_fail(err, MN_ERROR_UNSUPPORTED, "%s: more than %d layers", layer->name, MN_LAYERS_MAX);
    if (!in_range(layer->kernel_height, 1, small) || !in_range(layer->kernel_width, 1, small) ||
        !in_range(layer->stride_height, 1, small) || !in_range(layer->stride_width, 1, small) ||
        !in_range(layer->pad_top, 0, small) || !in_range(layer->pad_bottom, 0, small) ||
        !in_range(layer->pad_left, 0, small) || !in_range(layer->pad_right, 0, small))
        return mn_fail(err, MN_ERROR_UNSUPPORTED, "%s: kernel, stride or padding lies outside 1 to %d (padding: 0)",
                       layer->name, small);
    mn_found_layer *added = &found->layers[found->layer_count];
    *added = *layer;
    mn_found_current(found, &added->in_height, &added->in_width, &added->in_channels);
    if (layer->op == MN_OP_CLASSIFIER)
        added->in_height = added->in_width = 1;
    if (layer->in_channels != added->in_channels)
        return mn_fail(err, MN_ERROR_UNSUPPORTED, "%s: has weights for %d input channels, but is fed %d", layer->name,
                       layer->in_channels, added->in_channels);
    added->out_height =
        out_extent(added->in_height, layer->pad_top, layer->pad_bottom, layer->kernel_height, layer->stride_height);
    added->out_width =
        out_extent(added->in_width, layer->pad_left, layer->pad_right, layer->kernel_width, layer->stride_width);
    if (added->out_height < 1 || added->out_width < 1)
        return mn_fail(err, MN_ERROR_UNSUPPORTED, "%s: has no output for an input of %dx%d", layer->name,
                       added->in_height, added->in_width);
    found->layer_count++;
    return MN_OK;
}

/* ---- matching ---- */

/* Depth and kind from the number of layers and the second one: 27 + classifier or 17 + classifier convolutions where
 * separable, 14 or 9 + classifier where standard. */
static mn_status match_kind(const mn_found *found, mn_arch *arch, mn_error *err)
{
    int32_t convolutions = found->layer_count - 1;
    bool separable = found->layer_count > 1 && found->layers[1].op == MN_OP_DEPTHWISE;
    arch->conv = separable ? MN_CONV_SEPARABLE : MN_CONV_STANDARD;
    for (int depth = MN_DEPTH_FULL; depth <= MN_DEPTH_SHALLOW; depth++) {
        arch->depth = (mn_depth)depth;
        int32_t blocks = mn_arch_width_count(arch) - 1;
        if (convolutions == 1 + blocks * (separable ? 2 : 1))
            return MN_OK;
    }
    return mn_fail(err, MN_ERROR_UNSUPPORTED,
                   "%d convolutions before the classifier; a MobileNet V1 has 27 (shallow 17), with standard "
                   "convolutions 14 (shallow 9)",
                   convolutions);
}

static mn_status match_stride(const mn_found *found, mn_arch *arch, mn_error *err)
{
    int32_t product = 1;
    for (int32_t i = 0; i < found->layer_count; i++) {
        const mn_found_layer *layer = &found->layers[i];
        if (layer->stride_height != layer->stride_width || layer->stride_height > 2)
            return mn_fail(err, MN_ERROR_UNSUPPORTED, "%s: has stride %dx%d; 1 and 2 in both directions are read",
                           layer->name, layer->stride_height, layer->stride_width);
        product *= layer->stride_height;
        if (product > 32)
            return mn_fail(err, MN_ERROR_UNSUPPORTED, "%s: is the sixth layer of stride 2; a MobileNet has five",
                           layer->name);
    }
    arch->output_stride = product;
    return MN_OK;
}

static mn_status match_activation(const mn_found *found, mn_arch *arch, mn_error *err)
{
    bool relu6 = false;
    for (int32_t i = 0; i < found->layer_count; i++)
        relu6 |= found->layers[i].activation == MN_ACTIVATION_RELU6;
    arch->activation = relu6 ? MN_ACTIVATION_RELU6 : found->layers[0].activation;
    for (int32_t i = 0; i < found->layer_count; i++) {
        const mn_found_layer *layer = &found->layers[i];
        mn_activation wanted = layer->op == MN_OP_CLASSIFIER ? MN_ACTIVATION_NONE : arch->activation;
        bool clamp_fits = wanted == MN_ACTIVATION_RELU6 && layer->clamp > 0 && layer->clamp <= 6.05f;
        if (layer->activation != wanted && !clamp_fits)
            return mn_fail(err, MN_ERROR_UNSUPPORTED, "%s: has activation %s, the other layers want %s", layer->name,
                           mn_activation_name(layer->activation), mn_activation_name(wanted));
    }
    return MN_OK;
}

static bool explains(const mn_arch *arch, const int32_t *widths, int32_t count)
{
    mn_arch plain = *arch;
    mn_net net;
    plain.width_count = 0;
    if (mn_net_build(&plain, &net, NULL) != MN_OK)
        return false;
    int32_t k = 0;
    for (int32_t i = 0; i < net.layer_count && k < count; i++)
        if ((net.layers[i].op == MN_OP_CONV || net.layers[i].op == MN_OP_POINTWISE) &&
            net.layers[i].out_channels != widths[k++])
            return false;
    return k == count;
}

/* The multiplier that gives these widths, tried in the order: usual ones, then each width over 1024, 512, ... */
static bool find_alpha(mn_arch *arch, const int32_t *widths, int32_t count)
{
    static const double usual[] = {1.0, 0.75, 0.5, 0.25, 1.25, 1.5, 2.0, 0.125};
    const mn_rounding order[] = {arch->padding == MN_PADDING_KERAS ? MN_ROUNDING_FLOOR : MN_ROUNDING_MIN8,
                                 MN_ROUNDING_MIN8, MN_ROUNDING_FLOOR, MN_ROUNDING_DIV8};
    const size_t usual_count = sizeof usual / sizeof *usual;
    for (size_t a = 0; a < usual_count + 1; a++) {
        arch->alpha = a < usual_count ? usual[a] : widths[count - 1] / 1024.0;
        for (size_t r = 0; r < sizeof order / sizeof *order; r++) {
            arch->rounding = order[r];
            if (explains(arch, widths, count))
                return true;
        }
    }
    return false;
}

static void match_widths(const mn_found *found, mn_arch *arch)
{
    int32_t widths[MN_LAYERS_MAX], count = 0;
    for (int32_t i = 0; i < found->layer_count; i++)
        if (found->layers[i].op == MN_OP_CONV || found->layers[i].op == MN_OP_POINTWISE)
            widths[count++] = found->layers[i].out_channels;
    arch->width_count = 0;
    if (count != mn_arch_width_count(arch) || find_alpha(arch, widths, count))
        return; /* another count is reported by compare_layers */
    arch->alpha = 1.0;
    arch->rounding = MN_ROUNDING_MIN8;
    arch->width_count = count;
    memcpy(arch->widths, widths, (size_t)count * sizeof *widths);
}

/* The first difference between the layers found and those of `net`. */
static mn_status compare_layers(const mn_found *found, const mn_net *net, mn_error *err)
{
    int32_t k = 0;
    for (int32_t i = 0; i < net->layer_count; i++) {
        const mn_layer *want = &net->layers[i];
        if (want->op == MN_OP_POOL || want->op == MN_OP_SOFTMAX)
            continue;
        const mn_found_layer *met = &found->layers[k++];
        if (met->op != want->op || met->kernel_height != want->kernel_height ||
            met->kernel_width != want->kernel_width || met->stride_height != want->stride)
            return mn_fail(err, MN_ERROR_UNSUPPORTED,
                           "%s: is a %s %dx%d stride %d, a MobileNet V1 has a %s %dx%d stride %d there (%s)", met->name,
                           mn_op_name(met->op), met->kernel_height, met->kernel_width, met->stride_height,
                           mn_op_name(want->op), want->kernel_height, want->kernel_width, want->stride, want->name);
        if (met->in_channels != want->in_channels || met->out_channels != want->out_channels)
            return mn_fail(err, MN_ERROR_UNSUPPORTED, "%s: has %d to %d channels, %s wants %d to %d", met->name,
                           met->in_channels, met->out_channels, want->name, want->in_channels, want->out_channels);
        if (met->pad_top != want->pad_top || met->pad_bottom != want->pad_bottom || met->pad_left != want->pad_left ||
            met->pad_right != want->pad_right)
            return mn_fail(err, MN_ERROR_UNSUPPORTED,
                           "%s: is padded by %d %d %d %d (top, bottom, left, right); the rule '%s' gives %d %d %d %d, "
                           "and no other rule fits",
                           met->name, met->pad_top, met->pad_bottom, met->pad_left, met->pad_right,
                           mn_padding_name(net->arch.padding), want->pad_top, want->pad_bottom, want->pad_left,
                           want->pad_right);
    }
    return MN_OK;
}

mn_status mn_match_arch(const mn_found *found, mn_arch *arch, mn_error *err)
{
    mn_arch result = mn_arch_default();
    if (found->layer_count < 2 || found->layers[found->layer_count - 1].op != MN_OP_CLASSIFIER)
        return mn_fail(err, MN_ERROR_UNSUPPORTED, "no classifier after the convolutions");
    result.height = found->height;
    result.width = found->width;
    result.channels = found->channels;
    result.classes = found->layers[found->layer_count - 1].out_channels;
    result.batch_norm = found->batch_norm;
    if (found->batch_norm)
        result.bn_epsilon = found->bn_epsilon;
    mn_status status = match_kind(found, &result, err);
    if (status == MN_OK)
        status = match_stride(found, &result, err);
    if (status == MN_OK)
        status = match_activation(found, &result, err);
    if (status != MN_OK)
        return status;
    const mn_padding order[] = {found->explicit_padding ? MN_PADDING_KERAS : MN_PADDING_SAME, MN_PADDING_SAME,
                                MN_PADDING_KERAS, MN_PADDING_SYMMETRIC};
    mn_error first, *report = &first; /* the message is about the likeliest rule */
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        mn_net net;
        result.padding = order[i];
        match_widths(found, &result);
        status = mn_net_build(&result, &net, report);
        if (status == MN_ERROR_ARGUMENT) /* the caller passed nothing wrong: the file is beyond the limits */
            status = MN_ERROR_UNSUPPORTED;
        if (status == MN_OK)
            status = compare_layers(found, &net, report);
        if (status == MN_OK) {
            *arch = result;
            return MN_OK;
        }
        report = NULL;
    }
    return mn_fail(err, MN_ERROR_UNSUPPORTED, "%s", first.message);
}

/* MLPerf Tiny's visual wake words. */
static bool is_wake_words(const mn_arch *arch)
{
    return arch->activation == MN_ACTIVATION_RELU && arch->height == 96 && arch->width == 96 && arch->classes == 2;
}

mn_status mn_assume_labels(mn_model *model, mn_notes *notes, mn_error *err)
{
    static const char *const labels[] = {"no person", "person"};
    if (mn_model_has_labels(model) || !is_wake_words(&mn_model_net(model)->arch))
        return MN_OK;
    mn_note(notes, "classes '%s' and '%s', as of MLPerf Tiny's visual wake words", labels[0], labels[1]);
    return mn_model_set_labels(model, labels, 2, err);
}

mn_assumption mn_assume_preprocess(const mn_arch *arch)
{
    mn_assumption result = {
        .preprocess = mn_preprocess_default(),
        .range = "input in [-1, 1]",
        .crop = "central crop 0.875 and TensorFlow 1 bilinear resize, as TF-slim evaluates its MobileNets",
    };
    if (!is_wake_words(arch))
        return result;
    for (int32_t i = 0; i < MN_PREPROCESS_CHANNELS; i++) {
        result.preprocess.mean[i] = 0;
        result.preprocess.standard_deviation[i] = 255;
    }
    result.preprocess.crop = MN_CROP_NONE;
    result.preprocess.crop_fraction = 1;
    result.preprocess.resize = MN_RESIZE_TF2_BILINEAR;
    result.range = "input in [0, 1], since a two-class 96x96 network with plain ReLU is taken for MLPerf Tiny's visual "
                   "wake words";
    result.crop = "the whole picture, TensorFlow 2 bilinear resize";
    return result;
}
