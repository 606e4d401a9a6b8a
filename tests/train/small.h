/* Small nets and batches that the training tests share. */
#ifndef TEST_TRAIN_SMALL_H
#define TEST_TRAIN_SMALL_H

#include <string.h>

#include "mobilenet/train.h"
#include "train/noise.h"

/* Shallow, odd widths, an odd and uneven input. */
static inline mn_arch small_arch(void)
{
    static const int32_t widths[9] = {5, 8, 17, 12, 9, 16, 23, 20, 33};
    mn_arch arch = mn_arch_default();
    arch.height = 21;
    arch.width = 18;
    arch.classes = 7;
    arch.depth = MN_DEPTH_SHALLOW;
    arch.output_stride = 8;
    arch.dropout = 0;
    arch.width_count = 9;
    memcpy(arch.widths, widths, sizeof widths);
    return arch;
}

/* Images and labels of batch `k`. */
static inline void small_batch(const mn_arch *arch, uint32_t k, int32_t count, float *input, int32_t *label)
{
    noise_fill(input, 10 + k, (size_t)count * (size_t)arch->height * (size_t)arch->width * (size_t)arch->channels);
    for (int32_t i = 0; i < count; i++)
        label[i] = (int32_t)((noise_at(1000 + k, (uint32_t)i) + 1.0f) * 0.5f * (float)arch->classes);
}

#endif
