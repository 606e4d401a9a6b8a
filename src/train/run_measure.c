/* What a run measures between its steps: loss and accuracy on the held-out images, batch norm's statistics. Ranks have a
 * block of the held-out images each; every rank then has what came of all, and adds up in the images' order.
 */
#include <math.h>

#include "train/run.h"

/* Plain images first.. of the held-out store into r->input (not wanted where embeddings are kept). */
static mn_status plain_images(mn_run *r, int64_t first, int32_t count, mn_error *err)
{
    const mn_store_options *o = mn_store_get_options(r->held);
    size_t image = (size_t)o->height * (size_t)o->width * (size_t)o->channels;
    for (int32_t i = 0; i < count && !r->head; i++) {
        mn_status status = mn_store_plain(r->held, first + i, r->input + (size_t)i * image, err);
        if (status != MN_OK)
            return status;
    }
    return MN_OK;
}

/* Outcomes of this rank's block. */
static mn_status run_block(mn_run *r, mn_error *err)
{
    int64_t total = mn_store_size(r->held), end = mn_group_first(&r->group, total, r->group.rank + 1);
    int32_t classes = mn_store_get_options(r->held)->classes, batch = r->trainer->step->batch;
    for (int64_t first = mn_group_first(&r->group, total, r->group.rank); first < end; first += batch) {
        int32_t count = (int32_t)(end - first < batch ? end - first : batch);
        mn_status status = plain_images(r, first, count, err);
        if (status == MN_OK)
            status = r->head ? mn_trainer_predict_head(r->trainer, MN_WEIGHTS_EMA,
                                                       mn_head_rows(r->held_embedding, first), count, r->logits, err)
                             : mn_trainer_predict(r->trainer, MN_WEIGHTS_EMA, r->input, count, r->logits, err);
        if (status != MN_OK)
            return status;
        for (int32_t i = 0; i < count; i++) {
            int32_t label[1] = {mn_store_label(r->held, first + i)}, right;
            mn_targets targets = {.label = label};
            mn_run_outcome *o = &r->outcomes[first + i];
            o->loss = mn_loss(r->logits + (size_t)i * (size_t)classes, 1, classes, &targets, NULL, &right);
            o->right = right;
        }
    }
    return MN_OK;
}

mn_status mn_run_evaluate(mn_run *r, double *loss, double *accuracy, mn_error *err)
{
    int64_t total = mn_store_size(r->held), correct = 0;
    double sum = 0;
    *loss = *accuracy = (double)NAN;
    if (total == 0)
        return MN_OK;
    mn_status status = mn_group_agree(&r->group, run_block(r, err), err);
    size_t block = (size_t)mn_group_block(&r->group, total) * sizeof *r->outcomes;
    if (status == MN_OK)
        status = mn_group_collect(&r->group, block, r->outcomes, err);
    if (status != MN_OK)
        return status;
    for (int64_t i = 0; i < total; i++) {
        sum += r->outcomes[i].loss;
        correct += r->outcomes[i].right;
    }
    *loss = sum / (double)total;
    *accuracy = (double)correct / (double)total;
    return MN_OK;
}

/* Batch norm's statistics from the batches that would come next: images augmented as those learned from, since plain ones
 * have other statistics than the weights are used to. */
mn_status mn_run_reestimate(mn_run *r, mn_error *err)
{
    int64_t wanted = r->options->recipe.reestimate_batches;
    if (wanted == 0 || r->options->head_only)
        return MN_OK;
    if (wanted > r->steps_per_epoch)
        wanted = r->steps_per_epoch;
    mn_trainer_reestimate_begin(r->trainer, MN_WEIGHTS_EMA);
    for (int64_t k = 0; k < wanted; k++) {
        mn_batch batch;
        mn_error own;
        if (mn_loader_next(r->loader, &batch, &own) != MN_OK) {
            if (r->trainer->step->sync || mn_group_alone(&r->group))
                return mn_trainer_fail(r->trainer, &own, err);
            mn_group_fail(&r->trainer->group, &own); /* the next message is that of the end */
            break;
        }
        mn_trainer_reestimate_batch(r->trainer, batch.input, batch.count);
    }
    mn_trainer_reestimate_end(r->trainer);
    return mn_group_agree(&r->trainer->group, r->trainer->step->status, err);
}
