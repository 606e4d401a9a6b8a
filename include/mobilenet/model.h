/* A model: a net, its weights as named tensors, and the record that is needed to use it
 * (preprocessing, labels, provenance, licence).
 *
 * Tensors are float32, NHWC order of dimensions, named after their layer:
 *     stem.weight [OC, KH, KW, IC]              block1.depthwise.weight [KH, KW, C]
 *     block1.pointwise.weight [OC, IC]          classifier.weight [classes, IC], classifier.bias [classes]
 *     LAYER.bn.gamma, .beta, .mean, .variance [C]   where the net has batch norm
 *     LAYER.bias [C]                            where it is folded
 *
 * A model is filled once and then only read: any number of sessions and threads may share it.
 */
#ifndef MOBILENET_MODEL_H
#define MOBILENET_MODEL_H

#include "mobilenet/image.h"
#include "mobilenet/net.h"
#include "mobilenet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mn_model mn_model;

#define MN_TENSOR_NAME_BYTES 64

typedef struct mn_tensor {
    char name[MN_TENSOR_NAME_BYTES];
    int32_t rank;     /* 1..4 */
    int32_t shape[4]; /* unused dimensions are 1 */
    size_t elements;
    float *data; /* [shape[0], ...]; owned by the model */
} mn_tensor;

/* Makes a model of `arch` with every weight zero, gamma and variance one; the default preprocessing record,
 * no labels. Errors: those of mn_net_build, MN_ERROR_OUT_OF_MEMORY. */
MN_API mn_status mn_model_create(const mn_arch *arch, mn_model **model, mn_error *err);

/* Fills the weights at random: normal, truncated at two deviations, variance 2 / fan_in (He et al. 2015; the classifier,
 * which no ReLU follows, 1 / fan_in); biases and beta 0, gamma 1,
 * mean 0, variance 1. The same numbers for the same seed on every platform. */
MN_API void mn_model_initialise(mn_model *model, uint64_t seed);

/* Reads a native model file (docs/format.md). The file is mapped and must not be changed while the model lives.
 * Errors: MN_ERROR_IO, MN_ERROR_FORMAT (with an offset where there is one), MN_ERROR_UNSUPPORTED, MN_ERROR_LIMIT,
 * MN_ERROR_OUT_OF_MEMORY. */
MN_API mn_status mn_model_load(const char *path, mn_model **model, mn_error *err);

/* The same from memory, at any alignment. The bytes are copied. */
MN_API mn_status mn_model_load_memory(const void *bytes, size_t size, mn_model **model, mn_error *err);

/* Writes a native file, atomically: on failure the old file, if any, is whole. */
MN_API mn_status mn_model_save(const mn_model *model, const char *path, mn_error *err);

MN_API void mn_model_destroy(mn_model *model); /* NULL is allowed; sessions made from it must be gone */

MN_API const mn_net *mn_model_net(const mn_model *model);
MN_API int32_t mn_model_tensor_count(const mn_model *model);
/* Tensors in the order of the layers; data may be written only while no session uses the model. */
MN_API mn_tensor *mn_model_tensor_at(mn_model *model, int32_t index);
MN_API const mn_tensor *mn_model_tensor(const mn_model *model, const char *name); /* NULL: no such tensor */

MN_API const mn_preprocess *mn_model_preprocess(const mn_model *model);
MN_API mn_status mn_model_set_preprocess(mn_model *model, const mn_preprocess *preprocess, mn_error *err);

/* The label of class k, or NULL where the model has none. Zero-terminated UTF-8, owned by the model.
 * Where no labels were attached and the classifier has 1000 or 1001 outputs, the ImageNet names are given
 * (1001: class 0 is "background"). */
MN_API const char *mn_model_label(const mn_model *model, int32_t k);
/* Whether labels were attached, rather than assumed. */
MN_API bool mn_model_has_labels(const mn_model *model);
/* Attaches labels (copied), UTF-8. count must equal the number of classes. */
MN_API mn_status mn_model_set_labels(mn_model *model, const char *const *labels, int32_t count, mn_error *err);

/* 1 where the first class is ImageNet's background (1001 outputs, and no labels or a first label "background"), 0
 * otherwise: subtract it from a class to get the data set's class. */
MN_API int32_t mn_model_class_offset(const mn_model *model);

/* Free text about the model: "name", "source", "licence", "recipe", "assumed" (what a reader had to assume),
 * "accuracy". NULL where absent. Keys: letters, digits and '_', at most 63. Values: UTF-8, at most 1 MiB. */
MN_API const char *mn_model_info(const mn_model *model, const char *key);
MN_API mn_status mn_model_set_info(mn_model *model, const char *key, const char *value, mn_error *err);
/* Key and value number `index`; false past the last. */
MN_API bool mn_model_info_at(const mn_model *model, int32_t index, const char **key, const char **value);

/* A new model in which every batch norm is folded into the weights and a bias of its convolution.
 * The record is copied. Errors: MN_ERROR_NUMERIC where a variance is negative or not finite. */
MN_API mn_status mn_model_fold(const mn_model *model, mn_model **folded, mn_error *err);

#ifdef __cplusplus
}
#endif

#endif
