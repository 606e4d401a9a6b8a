/* The inside of a model, for the rooms that fill one (format, train). */
#ifndef MN_NET_MODEL_H
#define MN_NET_MODEL_H

#include <stdatomic.h>

#include "base/file.h"
#include "mobilenet/model.h"

/* Where the tensors' bytes come from. */
typedef enum mn_model_storage {
    MN_STORAGE_OWNED,   /* one block, allocated here and zeroed */
    MN_STORAGE_EXTERNAL /* data pointers are NULL until the caller sets them, into `mapping` or `block` */
} mn_model_storage;

typedef struct mn_info {
    char *key, *value;
} mn_info;

struct mn_model {
    mn_net net;
    mn_preprocess preprocess;
    int32_t tensor_count;
    mn_tensor *tensors; /* [tensor_count] */
    float *block;       /* owned tensor data, or NULL */
    mn_mapping mapping; /* the file under external tensor data, or empty; unmapped on destroy */
    atomic_bool lent;   /* a caller has had a pointer through which tensors are written: the mapping may differ from
                           the file */
    char **labels;      /* [arch.classes], one block; or NULL */
    int32_t info_count;
    mn_info *infos;
};

/* mn_model_create with a choice of storage. */
mn_status mn_model_make(const mn_arch *arch, mn_model_storage storage, mn_model **model, mn_error *err);

/* The tensor NAME of layer LAYER ("weight", "bias", "bn.gamma", ...), or NULL. */
mn_tensor *mn_model_layer_tensor(mn_model *model, const mn_layer *layer, const char *suffix);
const mn_tensor *mn_model_layer_tensor_const(const mn_model *model, const mn_layer *layer, const char *suffix);

/* For who copies weights out of a model: `floats` values of a tensor from `begin`, read into `buffer` where they lie in a
 * mapped file and are as the file is, so that the mapping's pages take no memory; else `begin` itself. Thread-safe. */
const float *mn_model_read(const mn_model *model, const float *begin, size_t floats, float *buffer);
/* Gives back the memory under a mapped file that is as the file is: it is read again when it is asked for. Thread-safe. */
void mn_model_forget(const mn_model *model);

/* Built-in ImageNet name of class k, 0..999. */
const char *mn_imagenet_label(int32_t k);

#endif
