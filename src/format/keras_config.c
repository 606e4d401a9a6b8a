/* Keras's model_config to found layers: a chain of layers, each read by one entry of a table. What cannot be a part of
 * a MobileNet V1 (branches, Lambda layers, nested models) is refused by name; nothing of the file is ever run.
 */
#include <string.h>

#include "format/json_guard.h"
#include "format/keras.h"

#define KINDS_MAX 16

typedef struct config_walk {
    mn_hdf5 *file;
    bool archive;
    int32_t numbers[KINDS_MAX]; /* of an archive: layers met, by kind */
    mn_found *found;
    mn_keras_layers *layers;
    mn_notes *notes;
    mn_error *err;
    const char *name; /* of the layer being read */
    json_t *config;   /* its parameters */
    int32_t pads[4];  /* of a ZeroPadding2D before the next convolution: top, bottom, left, right */
    bool depthwise;   /* the layer being read is a DepthwiseConv2D */
    bool padded, pooled, ended;
} config_walk;

static mn_status refuse(const config_walk *w, const char *what)
{
    return mn_fail(w->err, MN_ERROR_UNSUPPORTED, "layer '%.60s': %s", w->name, what);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* Two equal or different integers of [a, b]; false where they are not that. */
static bool pair_of(const json_t *array, int32_t *first, int32_t *second)
{
    const json_t *a = json_array_get(array, 0), *b = json_array_get(array, 1);
    int64_t x = json_integer_value(a), y = json_integer_value(b);
    if (json_array_size(array) != 2 || !json_is_integer(a) || !json_is_integer(b) || x < 0 || y < 0 || x > 8192 ||
        y > 8192)
        return false;
    *first = (int32_t)x;
    *second = (int32_t)y;
    return true;
}

/* ---- one function a kind of layer ---- */

static mn_status read_input(config_walk *w)
{
    json_t *shape = json_object_get(w->config, "batch_input_shape");
    if (!shape)
        shape = json_object_get(w->config, "batch_shape");
    if (json_array_size(shape) != 4 || w->found->layer_count > 0)
        return refuse(w, "the input is not [batch, height, width, channels]");
    int32_t *const sizes[] = {&w->found->height, &w->found->width, &w->found->channels};
    for (size_t i = 0; i < 3; i++) {
        const json_t *size = json_array_get(shape, i + 1);
        int64_t value = json_integer_value(size);
        if (json_is_null(size) && i < 2) {
            value = 224;
            mn_note(w->notes, "input %s 224, which the file leaves open", i == 0 ? "height" : "width");
        }
        if (value < 1 || value > MN_EXTENT_MAX)
            return refuse(w, "a size of the input lies outside 1 to 8192");
        *sizes[i] = (int32_t)value;
    }
    return MN_OK;
}

static mn_status set_padding(config_walk *w, mn_found_layer *layer)
{
    int32_t height, width, channels, before = 0, after = 0;
    const char *padding = text_of(w->config, "padding");
    bool same = strcmp(padding, "same") == 0;
    if (!same && strcmp(padding, "valid") != 0)
        return refuse(w, "padding is neither 'same' nor 'valid'");
    mn_found_current(w->found, &height, &width, &channels);
    layer->pad_top = w->pads[0];
    layer->pad_bottom = w->pads[1];
    layer->pad_left = w->pads[2];
    layer->pad_right = w->pads[3];
    if (same) {
        mn_found_same(height + w->pads[0] + w->pads[1], layer->kernel_height, layer->stride_height, &before, &after);
        layer->pad_top += before;
        layer->pad_bottom += after;
        mn_found_same(width + w->pads[2] + w->pads[3], layer->kernel_width, layer->stride_width, &before, &after);
        layer->pad_left += before;
        layer->pad_right += after;
    }
    memset(w->pads, 0, sizeof w->pads);
    w->padded = false;
    return MN_OK;
}

static mn_status set_activation(config_walk *w, const char *word)
{
    mn_found_layer *last = &w->found->layers[w->found->layer_count - 1];
    if (strcmp(word, "linear") == 0 || *word == 0)
        return MN_OK;
    if (strcmp(word, "softmax") == 0 && last->op == MN_OP_CLASSIFIER && !w->ended) {
        w->ended = true;
        return MN_OK;
    }
    if (last->op == MN_OP_CLASSIFIER || last->activation != MN_ACTIVATION_NONE)
        return refuse(w, "an activation where none is expected");
    if (strcmp(word, "relu") == 0)
        last->activation = MN_ACTIVATION_RELU;
    else if (strcmp(word, "relu6") == 0)
        last->activation = MN_ACTIVATION_RELU6;
    else
        return refuse(w, "the activation is neither relu nor relu6");
    return MN_OK;
}

/* A word; a layer or a function of the user's own is written as an object. */
static mn_status read_activation_member(config_walk *w)
{
    const json_t *value = json_object_get(w->config, "activation");
    if (value && !json_is_null(value) && !json_is_string(value))
        return refuse(w, "the activation is a layer or a function of its own, not relu or relu6");
    return set_activation(w, text_of(w->config, "activation"));
}

static mn_status add_layer(config_walk *w, const mn_found_layer *layer)
{
    mn_keras_layer *names = &w->layers->at[w->found->layer_count]; /* found_add refuses when it is full */
    mn_status status = mn_found_add(w->found, layer, w->err);
    if (status != MN_OK)
        return status;
    snprintf(names->name, sizeof names->name, "%s", w->name);
    names->bias = json_is_true(json_object_get(w->config, "use_bias"));
    names->depthwise = w->depthwise;
    return read_activation_member(w);
}

static bool is_one_or_absent(const json_t *value)
{
    int32_t a, b;
    return !value || (json_is_integer(value) && json_integer_value(value) == 1) ||
           (pair_of(value, &a, &b) && a == 1 && b == 1);
}

static mn_status read_conv(config_walk *w)
{
    mn_found_layer layer = {0};
    if (w->found->channels == 0)
        return refuse(w, "stands before an input layer");
    if (w->found->layer_count == MN_LAYERS_MAX)
        return refuse(w, "there are too many convolutions");
    mn_status status = mn_keras_shape(w->file, w->name, w->depthwise,
                                      w->found->layer_count == 0 ? w->found->channels : 0, &layer, w->err);
    if (status != MN_OK)
        return status;
    const char *format = text_of(w->config, "data_format");
    if ((*format && strcmp(format, "channels_last") != 0) ||
        !is_one_or_absent(json_object_get(w->config, "dilation_rate")) ||
        !is_one_or_absent(json_object_get(w->config, "groups")))
        return refuse(w, "is grouped, dilated or has its channels first");
    if (!pair_of(json_object_get(w->config, "strides"), &layer.stride_height, &layer.stride_width) ||
        layer.stride_height < 1 || layer.stride_width < 1)
        return refuse(w, "strides are not two integers above 0");
    if (w->pooled && layer.op == MN_OP_POINTWISE)
        layer.op = MN_OP_CLASSIFIER;
    else if (w->pooled)
        return refuse(w, "a convolution after the pool that is no 1x1 classifier");
    if ((status = set_padding(w, &layer)) != MN_OK)
        return status;
    return add_layer(w, &layer);
}

static mn_status read_dense(config_walk *w)
{
    mn_found_layer layer = {0};
    if (!w->pooled || w->found->layer_count == MN_LAYERS_MAX)
        return refuse(w, "a dense layer elsewhere than after the pool");
    mn_status status = mn_keras_shape(w->file, w->name, false, 0, &layer, w->err);
    if (status == MN_OK && layer.op != MN_OP_CLASSIFIER)
        status = refuse(w, "the kernel of a dense layer is not a matrix");
    return status == MN_OK ? add_layer(w, &layer) : status;
}

static mn_status read_batch_norm(config_walk *w)
{
    double epsilon;
    if (w->found->layer_count == 0 || w->pooled || w->padded)
        return refuse(w, "a batch norm that follows no convolution");
    const mn_found_layer *last = &w->found->layers[w->found->layer_count - 1];
    mn_keras_layer *names = &w->layers->at[w->found->layer_count - 1];
    if (last->activation != MN_ACTIVATION_NONE || names->batch_norm[0])
        return refuse(w, "a batch norm after the activation, or a second one");
    mn_status status = mn_json_get_number(w->config, "epsilon", w->name, &epsilon, w->err);
    if (status != MN_OK)
        return status;
    if (w->found->batch_norm && epsilon != w->found->bn_epsilon)
        return refuse(w, "its epsilon is not that of the other batch norms");
    w->found->batch_norm = true;
    w->found->bn_epsilon = epsilon;
    snprintf(names->batch_norm, sizeof names->batch_norm, "%s", w->name);
    names->without_gamma = json_is_false(json_object_get(w->config, "scale"));
    names->without_beta = json_is_false(json_object_get(w->config, "center"));
    return MN_OK;
}

static bool is_zero_or_absent(const json_t *value)
{
    return !value || json_is_null(value) || json_number_value(value) == 0;
}

static mn_status read_relu(config_walk *w)
{
    const json_t *most = json_object_get(w->config, "max_value");
    if (w->found->layer_count == 0 || w->padded || w->pooled)
        return refuse(w, "an activation that follows no convolution");
    if (!is_zero_or_absent(json_object_get(w->config, "negative_slope")) ||
        !is_zero_or_absent(json_object_get(w->config, "threshold")))
        return refuse(w, "has a slope or a threshold");
    if (most && !json_is_null(most) && json_number_value(most) != 6)
        return refuse(w, "is cut at another value than 6");
    return set_activation(w, most && !json_is_null(most) ? "relu6" : "relu");
}

static mn_status read_activation(config_walk *w)
{
    if (w->found->layer_count == 0 || w->padded)
        return refuse(w, "an activation that follows no layer");
    return read_activation_member(w);
}

static mn_status read_softmax(config_walk *w)
{
    return w->found->layer_count > 0 ? set_activation(w, "softmax") : refuse(w, "follows no layer");
}

static mn_status read_padding(config_walk *w)
{
    const json_t *padding = json_object_get(w->config, "padding");
    if (w->padded || w->pooled || json_array_size(padding) != 2 ||
        !pair_of(json_array_get(padding, 0), &w->pads[0], &w->pads[1]) ||
        !pair_of(json_array_get(padding, 1), &w->pads[2], &w->pads[3]))
        return refuse(w, "the padding is not [[top, bottom], [left, right]]");
    w->padded = w->found->explicit_padding = true;
    return MN_OK;
}

static mn_status read_pool(config_walk *w)
{
    int32_t height, width, channels, pool_height, pool_width;
    mn_found_current(w->found, &height, &width, &channels);
    if (w->found->layer_count == 0 || w->pooled || w->padded)
        return refuse(w, "a pool elsewhere than after the convolutions");
    const json_t *size = json_object_get(w->config, "pool_size"); /* absent: a global pool */
    if (size && (!pair_of(size, &pool_height, &pool_width) || pool_height != height || pool_width != width ||
                 strcmp(text_of(w->config, "padding"), "valid") != 0))
        return refuse(w, "the pool is not over the whole map");
    w->pooled = true;
    return MN_OK;
}

static mn_status read_shape(config_walk *w)
{
    return w->pooled ? MN_OK : refuse(w, "changes the shape before the pool");
}

static mn_status pass_over(config_walk *w)
{
    return w->padded ? refuse(w, "stands between a padding and its convolution") : MN_OK;
}

static const struct {
    const char *class_name;
    mn_status (*read)(config_walk *w);
    const char *group; /* of its weights in an archive; NULL: it has none */
} kinds[] = {
    {"InputLayer", read_input, NULL},
    {"Conv2D", read_conv, "conv2d"},
    {"DepthwiseConv2D", read_conv, "depthwise_conv2d"},
    {"Dense", read_dense, "dense"},
    {"BatchNormalization", read_batch_norm, "batch_normalization"},
    {"ReLU", read_relu, NULL},
    {"Activation", read_activation, NULL},
    {"Softmax", read_softmax, NULL},
    {"ZeroPadding2D", read_padding, NULL},
    {"GlobalAveragePooling2D", read_pool, NULL},
    {"AveragePooling2D", read_pool, NULL},
    {"Reshape", read_shape, NULL},
    {"Flatten", read_shape, NULL},
    {"Dropout", pass_over, NULL},
};
_Static_assert(sizeof kinds / sizeof *kinds <= KINDS_MAX, "numbers[] has one for each kind");

/* ---- the chain ---- */

/* The one layer that feeds `layer`: in Keras 2 inbound_nodes is [[[NAME, ...]]], in Keras 3 [{"args": [TENSOR]}] with
 * the name first in the tensor's history. NULL: none or several. */
static const char *predecessor(const json_t *layer)
{
    const json_t *nodes = json_object_get(layer, "inbound_nodes"), *node = json_array_get(nodes, 0);
    if (json_array_size(nodes) != 1)
        return NULL;
    if (json_is_array(node))
        return json_array_size(node) == 1 ? json_string_value(json_array_get(json_array_get(node, 0), 0)) : NULL;
    const json_t *args = json_object_get(node, "args");
    const json_t *history = json_object_get(json_object_get(json_array_get(args, 0), "config"), "keras_history");
    return json_array_size(args) == 1 ? json_string_value(json_array_get(history, 0)) : NULL;
}

static mn_status read_layer(config_walk *w, const json_t *layer, const char *previous, bool sequential)
{
    const char *class_name = text_of(layer, "class_name");
    w->config = json_object_get(layer, "config");
    const char *name = json_string_value(json_object_get(w->config, "name"));
    if (!name || strlen(name) >= MN_HDF5_NAME_BYTES)
        return mn_fail(w->err, MN_ERROR_FORMAT,
                       "model_config: a layer without a name, or with one of %d characters or more",
                       MN_HDF5_NAME_BYTES);
    w->name = name;
    w->depthwise = strcmp(class_name, "DepthwiseConv2D") == 0;
    if (!sequential && previous) {
        const char *feeds = predecessor(layer);
        if (!feeds || strcmp(feeds, previous) != 0)
            return refuse(w, "is not fed by the layer before it alone: the network branches");
    }
    if (sequential && w->found->channels == 0 && strcmp(class_name, "InputLayer") != 0) {
        mn_status status = read_input(w); /* a Sequential may give the input's shape to its first layer */
        if (status != MN_OK)
            return status;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(class_name, kinds[i].class_name) == 0) {
            if (w->archive && kinds[i].group)
                mn_keras_archive_name(w->file, kinds[i].group, w->numbers[i]++, name, w->config);
            return kinds[i].read(w);
        }
    return mn_fail(w->err, MN_ERROR_UNSUPPORTED, "layer '%.60s' is a %.40s, which is no part of a MobileNet V1", name,
                   *class_name ? class_name : "layer of no class");
}

static mn_status read_chain(config_walk *w, const json_t *root)
{
    const char *class_name = text_of(root, "class_name"), *previous = NULL;
    bool sequential = strcmp(class_name, "Sequential") == 0;
    const json_t *config = json_object_get(root, "config");
    const json_t *layers = sequential && json_is_array(config) ? config : json_object_get(config, "layers");
    size_t count = json_array_size(layers);
    if (!sequential && strcmp(class_name, "Functional") != 0 && strcmp(class_name, "Model") != 0)
        return mn_fail(w->err, MN_ERROR_UNSUPPORTED, "model_config describes a '%.40s', not a Functional or Sequential",
                       class_name);
    if (count == 0)
        return mn_fail(w->err, MN_ERROR_FORMAT, "model_config has no layers");
    for (size_t i = 0; i < count; i++) {
        mn_status status = read_layer(w, json_array_get(layers, i), previous, sequential);
        if (status != MN_OK)
            return status;
        previous = w->name;
    }
    return MN_OK;
}

mn_status mn_keras_read_config(mn_hdf5 *file, bool archive, const char *text, size_t size, mn_found *found,
                               mn_keras_layers *layers, mn_notes *notes, mn_error *err)
{
    config_walk w = {.file = file, .archive = archive, .found = found, .layers = layers, .notes = notes, .err = err};
    json_t *root = NULL;
    mn_status status =
        mn_json_parse(text, size, (mn_json_limits){.depth = 24, .values = 100000}, "model_config", -1, &root, err);
    if (status == MN_OK)
        status = read_chain(&w, root);
    if (status == MN_OK && !w.ended)
        mn_note(notes, "the file ends without softmax; here the output is the softmax of its output");
    for (int32_t i = 0; status == MN_OK && found->batch_norm && i < found->layer_count; i++)
        if (found->layers[i].op != MN_OP_CLASSIFIER && !layers->at[i].batch_norm[0])
            status =
                mn_fail(err, MN_ERROR_UNSUPPORTED, "layer '%s' has no batch norm, others have", layers->at[i].name);
    json_decref(root);
    return status;
}
