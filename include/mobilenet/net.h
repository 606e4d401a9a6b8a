/* The description of a MobileNet: its architecture (mn_arch), the list of layers that follows
 * from it (mn_net), and what it costs (mn_cost). Nothing here holds weights.
 *
 *     mn_arch  --mn_net_build-->  mn_net  --mn_net_cost-->  mn_cost
 *
 * The paper's two knobs are plain fields: the width multiplier is `alpha`, the resolution multiplier
 * is the input size. The paper's controls (standard convolutions, a shallow network) are values of
 * `conv` and `depth`. Source: Howard et al. 2017, arXiv 1704.04861, Table 1 and section 3.
 */
#ifndef MOBILENET_NET_H
#define MOBILENET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mobilenet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mn_family { MN_FAMILY_V1 = 0 } mn_family;

typedef enum mn_conv_kind {
    MN_CONV_SEPARABLE = 0, /* depthwise 3x3 followed by pointwise 1x1 (the paper's network) */
    MN_CONV_STANDARD       /* full 3x3 convolutions (the paper's control, Table 4) */
} mn_conv_kind;

typedef enum mn_depth {
    MN_DEPTH_FULL = 0, /* 13 blocks */
    MN_DEPTH_SHALLOW   /* without the five 14x14x512 blocks (Table 5): 8 blocks */
} mn_depth;

/* How alpha * channels becomes an integer. */
typedef enum mn_rounding {
    MN_ROUNDING_MIN8 = 0, /* int(channels * alpha), at least 8 (TF-slim) */
    MN_ROUNDING_FLOOR,    /* int(channels * alpha), at least 1 (Keras) */
    MN_ROUNDING_DIV8      /* nearest multiple of 8, at least 8, never below 90 % (torchvision, timm) */
} mn_rounding;

/* How the zero padding of a 3x3 convolution is chosen. Layers always carry four explicit numbers. */
typedef enum mn_padding {
    MN_PADDING_SAME = 0, /* TensorFlow SAME: out = ceil(in / stride), the odd pixel goes below and right */
    MN_PADDING_KERAS,    /* stride 1: SAME; stride 2: one row below and one column right, always */
    MN_PADDING_SYMMETRIC /* (k - 1) / 2 on every side (PyTorch) */
} mn_padding;

typedef enum mn_activation {
    MN_ACTIVATION_NONE = 0,
    MN_ACTIVATION_RELU, /* max(x, 0) */
    MN_ACTIVATION_RELU6 /* min(max(x, 0), 6) */
} mn_activation;

#define MN_WIDTHS_MAX       14 /* stem + 13 blocks */
#define MN_LAYERS_MAX       64
#define MN_LAYER_NAME_BYTES 32

/* Limits of a description; mn_net_build refuses anything beyond. */
#define MN_EXTENT_MAX   8192 /* input height, width */
#define MN_CHANNELS_MAX 8192 /* channels of any layer, classes excepted */
#define MN_CLASSES_MAX  1000000

/* A MobileNet in one plain struct; owns nothing, copy it freely. Start from mn_arch_default(). */
typedef struct mn_arch {
    mn_family family;
    double alpha;          /* width multiplier, > 0 */
    int32_t height, width; /* input size in pixels, 1..MN_EXTENT_MAX */
    int32_t channels;      /* input channels, 1..MN_CHANNELS_MAX */
    int32_t classes;       /* outputs of the classifier, 1..MN_CLASSES_MAX */
    mn_conv_kind conv;
    mn_depth depth;
    int32_t output_stride; /* 32, 16, 8, 4, 2 or 1: the earliest stride-2 layers become stride 1 */
    mn_rounding rounding;
    mn_padding padding;
    mn_activation activation;
    bool batch_norm;               /* true: every convolution is followed by batch norm; false: it carries a bias */
    double bn_epsilon;             /* > 0 */
    double dropout;                /* fraction dropped before the classifier while training, 0 <= d < 1 */
    int32_t width_count;           /* 0: widths follow from alpha; otherwise 14 (full) or 9 (shallow) */
    int32_t widths[MN_WIDTHS_MAX]; /* output channels of the stem and of each block, where pruned */
} mn_arch;

typedef enum mn_op {
    MN_OP_CONV = 0,   /* standard convolution, weights [OC, KH, KW, IC] */
    MN_OP_DEPTHWISE,  /* one filter a channel, weights [KH, KW, C] */
    MN_OP_POINTWISE,  /* 1x1 convolution, weights [OC, IC] */
    MN_OP_POOL,       /* global average over height and width */
    MN_OP_CLASSIFIER, /* fully connected, weights [classes, IC], bias [classes] */
    MN_OP_SOFTMAX
} mn_op;

/* One layer. Shapes are of one image, height x width x channels, channels last. */
typedef struct mn_layer {
    char name[MN_LAYER_NAME_BYTES]; /* "stem", "block1.depthwise", "block1.pointwise", "pool", ... */
    mn_op op;
    int32_t input; /* index of the layer whose output is read, -1: the image */
    int32_t in_height, in_width, in_channels;
    int32_t out_height, out_width, out_channels;
    int32_t kernel_height, kernel_width;
    int32_t stride; /* the same in both directions, 1 or 2 */
    int32_t pad_top, pad_bottom, pad_left, pad_right;
    mn_activation activation;
    bool batch_norm; /* tensors NAME.bn.gamma, .beta, .mean, .variance, each [out_channels] */
    bool bias;       /* tensor NAME.bias [out_channels] */
} mn_layer;

/* The layers in the order in which they run; owns nothing. */
typedef struct mn_net {
    mn_arch arch;
    int32_t layer_count;
    mn_layer layers[MN_LAYERS_MAX];
} mn_net;

/* MobileNet V1, alpha 1, 224x224x3, 1000 classes, SAME padding, ReLU6, batch norm with epsilon 0.001. */
MN_API mn_arch mn_arch_default(void);

/* Lists the layers of `arch`. Errors: MN_ERROR_ARGUMENT names the field, its value and its range. */
MN_API mn_status mn_net_build(const mn_arch *arch, mn_net *net, mn_error *err);

/* Number of convolutions whose width is free (stem + blocks): 14, or 9 where shallow. */
MN_API int32_t mn_arch_width_count(const mn_arch *arch);

/* alpha * channels by `rounding`. */
MN_API int32_t mn_round_width(int32_t channels, double alpha, mn_rounding rounding);

/* Index of the layer called `name`, or -1. */
MN_API int32_t mn_net_find(const mn_net *net, const char *name);

/* The kinds by which the paper's Table 2 splits the cost. */
typedef enum mn_layer_kind {
    MN_KIND_POINTWISE = 0, /* "Conv 1x1" */
    MN_KIND_DEPTHWISE,     /* "Conv DW 3x3" */
    MN_KIND_CONV,          /* "Conv 3x3" */
    MN_KIND_CLASSIFIER,    /* "Fully connected" */
    MN_KIND_OTHER,         /* pool, softmax */
    MN_KIND_COUNT
} mn_layer_kind;

/* Counts of one layer, or of a sum of layers, for one image. */
typedef struct mn_cost {
    int64_t macs;          /* multiply-adds of convolutions and classifier; a padded tap counts like any other */
    int64_t weights;       /* convolution and classifier weights; no bias, no batch norm (the paper's count) */
    int64_t biases;        /* biases of convolutions and classifier */
    int64_t bn_trainable;  /* gamma and beta */
    int64_t bn_statistics; /* moving mean and variance */
    int64_t activations;   /* output elements */
} mn_cost;

typedef struct mn_net_cost {
    mn_cost total;
    mn_cost by_kind[MN_KIND_COUNT];
    mn_cost without_classifier;
    int64_t activation_peak_bytes; /* the largest input + output of one layer, float32, one image */
} mn_net_cost;

MN_API mn_layer_kind mn_layer_get_kind(const mn_layer *layer);
MN_API mn_cost mn_layer_get_cost(const mn_layer *layer);
MN_API mn_net_cost mn_net_get_cost(const mn_net *net);

/* Words for the enumerations, as the command line and the native file write them; parse returns false
 * and leaves *value alone where the word is unknown. */
MN_API const char *mn_op_name(mn_op op);
MN_API const char *mn_layer_kind_name(mn_layer_kind kind);
MN_API const char *mn_conv_kind_name(mn_conv_kind value);
MN_API bool mn_conv_kind_parse(const char *word, mn_conv_kind *value);
MN_API const char *mn_depth_name(mn_depth value);
MN_API bool mn_depth_parse(const char *word, mn_depth *value);
MN_API const char *mn_rounding_name(mn_rounding value);
MN_API bool mn_rounding_parse(const char *word, mn_rounding *value);
MN_API const char *mn_padding_name(mn_padding value);
MN_API bool mn_padding_parse(const char *word, mn_padding *value);
MN_API const char *mn_activation_name(mn_activation value);
MN_API bool mn_activation_parse(const char *word, mn_activation *value);

#ifdef __cplusplus
}
#endif

#endif
