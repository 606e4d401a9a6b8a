/* Weights in the layouts that the training kernels read. */
#include "train/pack.h"

#include <string.h>

#include "kernels/train_kernels.h"

typedef struct job {
    const float *w;
    int32_t n, k;
    float *packed;
} job;

/* Panel p: w rows 16p.. become its columns. */
static void plain_task(void *context, int32_t p, int32_t worker)
{
    (void)worker;
    const job *j = context;
    int32_t lanes = j->n - p * MN_PANEL < MN_PANEL ? j->n - p * MN_PANEL : MN_PANEL;
    float *out = j->packed + (size_t)p * (size_t)j->k * MN_PANEL;
    if (lanes < MN_PANEL)
        memset(out, 0, (size_t)j->k * MN_PANEL * sizeof *out);
    for (int32_t lane = 0; lane < lanes; lane++) {
        const float *row = j->w + (size_t)(p * MN_PANEL + lane) * (size_t)j->k;
        for (int32_t i = 0; i < j->k; i++)
            out[(size_t)i * MN_PANEL + (size_t)lane] = row[i];
    }
}

/* Panel p: w columns 16p.. stay columns. */
static void transposed_task(void *context, int32_t p, int32_t worker)
{
    (void)worker;
    const job *j = context;
    int32_t lanes = j->k - p * MN_PANEL < MN_PANEL ? j->k - p * MN_PANEL : MN_PANEL;
    float *out = j->packed + (size_t)p * (size_t)j->n * MN_PANEL;
    for (int32_t i = 0; i < j->n; i++, out += MN_PANEL) {
        memcpy(out, j->w + (size_t)i * (size_t)j->k + (size_t)p * MN_PANEL, (size_t)lanes * sizeof *out);
        memset(out + lanes, 0, (size_t)(MN_PANEL - lanes) * sizeof *out);
    }
}

void mn_pack_product(mn_pool *pool, const float *w, int32_t n, int32_t k, mn_pack_way way, float *packed)
{
    job j = {w, n, k, packed};
    if (way == MN_PACK_PLAIN)
        mn_pool_run(pool, mn_panel_up(n) / MN_PANEL, plain_task, &j);
    else
        mn_pool_run(pool, mn_panel_up(k) / MN_PANEL, transposed_task, &j);
}

void mn_pack_depthwise(const float *w, int32_t channels, mn_pack_way way, float *packed)
{
    memset(packed, 0, (size_t)mn_panel_up(channels) * 9 * sizeof *packed);
    for (int32_t t = 0; t < 9; t++) {
        const float *from = w + (size_t)(way == MN_PACK_PLAIN ? t : 8 - t) * (size_t)channels;
        for (int32_t c = 0; c < channels; c++)
            packed[((size_t)(c / MN_PANEL) * 9 + (size_t)t) * MN_PANEL + (size_t)(c % MN_PANEL)] = from[c];
    }
}
