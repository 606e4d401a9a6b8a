/* A MobileNet V1 in Keras's HDF5 format.
 *
 *     hdf5_file.c      tensors and the model_config text out of the container
 *     keras_config.c   model_config (JSON) to found layers        } one of the two, by whether the file has a
 *     keras_names.c    names of weights alone to found layers     } model_config
 *     keras.c          weights into the model
 */
#ifndef MN_FORMAT_KERAS_H
#define MN_FORMAT_KERAS_H

#include "format/hdf5_file.h"
#include "format/match.h"
#include "format/notes.h"

/* For each found layer: the groups that hold its weights. */
typedef struct mn_keras_layer {
    char name[MN_HDF5_NAME_BYTES];       /* of the convolution or the dense layer */
    char batch_norm[MN_HDF5_NAME_BYTES]; /* "": none */
    bool depthwise;                      /* a DepthwiseConv2D */
    bool bias;
    bool without_gamma, without_beta; /* scale=False, center=False */
} mn_keras_layer;

typedef struct mn_keras_layers {
    mn_keras_layer at[MN_LAYERS_MAX]; /* [found.layer_count] */
} mn_keras_layers;

/* Both need the file for the shapes of the kernels. Errors: MN_ERROR_FORMAT, MN_ERROR_UNSUPPORTED with the layer. */
mn_status mn_keras_read_config(const mn_hdf5 *file, const char *text, size_t size, mn_found *found,
                               mn_keras_layers *layers, mn_notes *notes, mn_error *err);
mn_status mn_keras_read_names(const mn_hdf5 *file, mn_found *found, mn_keras_layers *layers, mn_notes *notes,
                              mn_error *err);

/* Kernel and channels of the layer whose weights are in group `name`: a depthwise convolution [KH, KW, C, 1], or another
 * one [KH, KW, IC, OC] or a dense layer [IC, OC], which is told from the tensor. Fills op, kernel_*, *_channels and the
 * name. */
mn_status mn_keras_shape(const mn_hdf5 *file, const char *name, bool depthwise, int32_t input_channels,
                         mn_found_layer *layer, mn_error *err);

/* The kernel of a layer, or NULL. A depthwise one is called `depthwise_kernel` by Keras 2, `kernel` by Keras 3. */
const mn_hdf5_tensor *mn_keras_kernel(const mn_hdf5 *file, const char *name, bool depthwise);

#endif
