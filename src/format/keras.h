/* A MobileNet V1 of Keras: an HDF5 file, or an archive with one in it.
 *
 *     hdf5_file.c      tensors and the model_config text out of the container
 *     keras_config.c   model_config (JSON) to found layers        } one of the two, by whether the file has a
 *     keras_names.c    names of weights alone to found layers     } model_config
 *     keras.c          weights into the model
 *     keras_archive.c  the .keras file
 */
#ifndef MN_FORMAT_KERAS_H
#define MN_FORMAT_KERAS_H

#include <jansson.h>

#include "format/hdf5_file.h"
#include "format/match.h"
#include "format/notes.h"
#include "mobilenet/model.h"

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

/* Both need the file for the shapes of the kernels. archive: the file is that of an archive, whose tensors are named
 * as they are met. Errors: MN_ERROR_FORMAT, MN_ERROR_UNSUPPORTED with the layer. */
mn_status mn_keras_read_config(mn_hdf5 *file, bool archive, const char *text, size_t size, mn_found *found,
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

/* A model from an HDF5 file; config: the configuration of an archive, or NULL: what the file has. */
mn_status mn_keras_read_parts(const uint8_t *bytes, size_t size, const char *config, size_t config_size,
                              mn_model **model, mn_error *err);

/* keras_archive.c */
bool mn_keras_archive_probe(const uint8_t *bytes, size_t size);
mn_status mn_keras_archive_read(const uint8_t *bytes, size_t size, mn_model **model, mn_error *err);

/* Gives the weights of layer `number` (from 0) of the class whose groups are called `group` the names that they have in other
 * files: `name`, "kernel", ... */
void mn_keras_archive_name(mn_hdf5 *file, const char *group, int32_t number, const char *name, const json_t *config);

#endif
