/* From the layers that a reader found in a foreign file to the architecture (mn_arch) that has exactly these layers,
 * or a message that names the first layer that fits none.
 *
 *     reader: mn_found_add() for every convolution, in the order of the network, then mn_match_arch()
 */
#ifndef MN_FORMAT_MATCH_H
#define MN_FORMAT_MATCH_H

#include "format/notes.h"
#include "mobilenet/image.h"
#include "mobilenet/model.h"

#define MN_FOUND_NAME_BYTES 64

typedef struct mn_found_layer {
    char name[MN_FOUND_NAME_BYTES]; /* in the file, for messages */
    mn_op op;                       /* CONV, DEPTHWISE, POINTWISE or CLASSIFIER */
    int32_t kernel_height, kernel_width, stride_height, stride_width;
    int32_t pad_top, pad_bottom, pad_left, pad_right;
    int32_t in_height, in_width, in_channels;
    int32_t out_height, out_width, out_channels; /* computed by mn_found_add */
    mn_activation activation;
    /* The activation is only known to be max(x, 0) cut at the top of a quantised range: 0, or that top. Values above
     * it cannot be told from ReLU6's, so the other layers decide (mn_match_arch). */
    float clamp;
} mn_found_layer;

typedef struct mn_found {
    int32_t height, width, channels; /* the input, set by the reader before the first layer */
    bool explicit_padding;           /* the file pads by a layer of its own (Keras) */
    bool batch_norm;
    double bn_epsilon;
    int32_t layer_count;
    mn_found_layer layers[MN_LAYERS_MAX];
} mn_found;

/* TensorFlow's SAME along one side. */
void mn_found_same(int32_t in, int32_t kernel, int32_t stride, int32_t *before, int32_t *after);

/* Appends `layer`, computing its input (the last layer's output; 1x1 for the classifier) and output size.
 * Errors: MN_ERROR_UNSUPPORTED, MN_ERROR_LIMIT. */
mn_status mn_found_add(mn_found *found, const mn_found_layer *layer, mn_error *err);

/* Size and channels of what the next layer will read. */
void mn_found_current(const mn_found *found, int32_t *height, int32_t *width, int32_t *channels);

/* The architecture of `found`: alpha and the rounding rule where they explain the widths, else per-layer widths.
 * Errors: MN_ERROR_UNSUPPORTED naming the layer that does not fit. */
mn_status mn_match_arch(const mn_found *found, mn_arch *arch, mn_error *err);

/* Where a file says nothing about preprocessing: what is assumed for a network of this shape, and in words. */
typedef struct mn_assumption {
    mn_preprocess preprocess;
    const char *range; /* of the input; where a file tells the range, only the crop is assumed */
    const char *crop;
} mn_assumption;
mn_assumption mn_assume_preprocess(const mn_arch *arch);
/* Names the classes of a model without labels, and notes it, where the network is one whose classes are known. */
mn_status mn_assume_labels(mn_model *model, mn_notes *notes, mn_error *err);

#endif
