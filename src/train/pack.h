/* Weights in the layouts that the training kernels read. */
#ifndef MN_TRAIN_PACK_H
#define MN_TRAIN_PACK_H

#include "base/pool.h"

typedef enum mn_pack_way {
    MN_PACK_PLAIN,     /* for the forward pass */
    MN_PACK_TRANSPOSED /* for the data gradient: product and inputs change places, a filter is turned by 180 degrees */
} mn_pack_way;

/* w [n, k] as the right factor of a product: plain [n / 16 up][k][16], transposed [k / 16 up][n][16]; pads zero. */
void mn_pack_product(mn_pool *pool, const float *w, int32_t n, int32_t k, mn_pack_way way, float *packed);

/* w [3, 3, C] as [C / 16 up][9][16]; pads zero. */
void mn_pack_depthwise(const float *w, int32_t channels, mn_pack_way way, float *packed);

#endif
