/* Ranks that were started with different models, data or options would learn different things, or wait for each other for
 * ever: their fingerprints are compared before anything else. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "net/model.h"
#include "train/hash.h"
#include "train/run.h"

typedef struct fingerprint {
    uint64_t model, data, options;
} fingerprint;

static uint64_t hash_model(const mn_model *model)
{
    uint64_t hash = mn_hash_shape(MN_HASH_START, model);
    for (int32_t i = 0; i < model->tensor_count; i++)
        hash = mn_hash_bytes(hash, model->tensors[i].data, model->tensors[i].elements * sizeof(float));
    return hash;
}

/* 0 where memory is short. */
static uint64_t hash_options(const mn_train_options *o)
{
    char *text = mn_recipe_text(&o->recipe);
    if (!text)
        return 0;
    uint64_t hash = mn_hash_bytes(MN_HASH_START, text, strlen(text));
    double reals[] = {o->validation, o->patience};
    int64_t numbers[] = {o->head_only,        o->limit,  o->strict, o->checkpoint != NULL,
                         o->checkpoint_steps, o->resume, o->sync_bn};
    free(text);
    hash = mn_hash_bytes(hash, reals, sizeof reals);
    return mn_hash_bytes(hash, numbers, sizeof numbers);
}

mn_status mn_run_compare_ranks(mn_run *r, const mn_model *model, mn_error *err)
{
    mn_group *g = &r->group;
    if (mn_group_alone(g))
        return MN_OK;
    fingerprint *all = mn_calloc((size_t)g->size, sizeof *all);
    mn_status status = all ? MN_OK : mn_fail_memory(err, (size_t)g->size * sizeof *all, "the ranks' fingerprints");
    status = mn_group_agree(g, status, err);
    if (status == MN_OK) {
        all[g->rank] = (fingerprint){hash_model(model), r->data, hash_options(r->options)};
        status = mn_group_collect(g, sizeof *all, all, err);
    }
    for (int32_t k = 1; k < g->size && status == MN_OK; k++) {
        const char *what = all[k].options != all[0].options ? "options"
                           : all[k].data != all[0].data     ? "data"
                           : all[k].model != all[0].model   ? "model"
                                                            : NULL;
        if (what)
            status = mn_fail(err, MN_ERROR_ARGUMENT, "rank %d was started with other %s than rank 0%s", k, what,
                             what[0] == 'd' ? " (classes, labels, names or sizes of files differ)" : "");
    }
    free(all);
    return status;
}
