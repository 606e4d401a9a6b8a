/* What tells models apart that a run could be started with. */
#include "train/hash.h"

#include <string.h>

#include "net/model.h"

/* Field by field: what lies between the fields of a struct is undefined. */
static uint64_t hash_arch(uint64_t hash, const mn_arch *a)
{
    const double reals[] = {a->alpha, a->bn_epsilon, a->dropout};
    const int32_t numbers[] = {a->family,     a->height,     a->width,         a->channels, a->classes,
                               a->conv,       a->depth,      a->output_stride, a->rounding, a->padding,
                               a->activation, a->batch_norm, a->width_count};
    hash = mn_hash_bytes(hash, reals, sizeof reals);
    hash = mn_hash_bytes(hash, numbers, sizeof numbers);
    return mn_hash_bytes(hash, a->widths, (size_t)a->width_count * sizeof *a->widths);
}

static uint64_t hash_preprocess(uint64_t hash, const mn_preprocess *p)
{
    const int32_t numbers[] = {p->crop, p->resize, p->round_to_byte, p->bgr};
    hash = mn_hash_bytes(hash, numbers, sizeof numbers);
    hash = mn_hash_bytes(hash, &p->crop_fraction, sizeof p->crop_fraction);
    hash = mn_hash_bytes(hash, p->mean, sizeof p->mean);
    return mn_hash_bytes(hash, p->standard_deviation, sizeof p->standard_deviation);
}

uint64_t mn_hash_shape(uint64_t hash, const mn_model *model)
{
    hash = hash_arch(hash, &mn_model_net(model)->arch);
    hash = hash_preprocess(hash, mn_model_preprocess(model));
    for (int32_t i = 0; i < model->tensor_count; i++) {
        const mn_tensor *tensor = &model->tensors[i];
        hash = mn_hash_bytes(hash, tensor->name, strlen(tensor->name) + 1);
        hash = mn_hash_bytes(hash, tensor->shape, sizeof tensor->shape);
    }
    return hash;
}
