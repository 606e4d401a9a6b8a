/* FNV-1a, 64 bits: tells apart what was meant to be the same, and is no defence against intent. */
#ifndef MN_TRAIN_HASH_H
#define MN_TRAIN_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "mobilenet/model.h"

#define MN_HASH_START 0xcbf29ce484222325u

static inline uint64_t mn_hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ p[i]) * 0x100000001b3u;
    return hash;
}

/* What a net computes, apart from its weights: architecture, preprocessing, names and shapes of the tensors. */
uint64_t mn_hash_shape(uint64_t hash, const mn_model *model);

#endif
