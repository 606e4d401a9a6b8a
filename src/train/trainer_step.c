/* One step of a trainer: forward, loss, backward, the sum over the ranks, update, moving averages. */
#include <math.h>

#include "net/model.h"
#include "train/reduce.h"
#include "train/trainer.h"

static mn_status check_batch(const mn_trainer *t, const mn_batch *batch, mn_error *err)
{
    int32_t classes = t->model->net.arch.classes;
    int32_t most = t->step->batch, least = mn_group_alone(&t->group) ? 1 : most;
    if (batch->count < least || batch->count > most)
        return mn_fail(err, MN_ERROR_ARGUMENT, "a batch has %d images, must be %d to %d", batch->count, least, most);
    for (int32_t i = 0; i < batch->count; i++) {
        int32_t other = batch->other ? batch->other[i] : 0;
        if (batch->label[i] < 0 || batch->label[i] >= classes || other < 0 || other >= classes)
            return mn_fail(err, MN_ERROR_ARGUMENT, "image %d of a batch has label %d, the model's classes are 0 to %d",
                           i, batch->label[i], classes - 1);
    }
    return MN_OK;
}

/* The moving statistics follow those of the batch, from zero where the model brought none; the variance unbiased, as
 * PyTorch has it. */
static void follow_statistics(mn_trainer *t)
{
    double momentum = t->recipe.statistics_momentum, keep = t->position.statistics_weight > 0 ? momentum : 0;
    for (int32_t i = t->first_layer; i < t->step->layer_count; i++) {
        const mn_step_layer *l = &t->step->layers[i];
        if (l->mean == MN_ABSENT)
            continue;
        double count = (double)t->step->count * l->out_rows * (t->step->sync ? t->step->ranks : 1);
        double unbias = count > 1 ? count / (count - 1) : 1;
        for (int32_t c = 0; c < l->n; c++) {
            float *mean = t->moving + l->mean + c, *variance = t->moving + l->variance + c;
            *mean = (float)(keep * *mean + (1 - momentum) * l->batch_mean[c]);
            *variance = (float)(keep * *variance + (1 - momentum) * unbias * l->batch_variance[c]);
        }
    }
    t->position.statistics_weight = momentum * t->position.statistics_weight + (1 - momentum);
}

static void follow_ema(mn_trainer *t)
{
    float decay = (float)t->recipe.ema, rest = 1 - decay; /* as the weights' average has them */
    double weight = t->position.statistics_weight;
    for (size_t i = 0; i < t->step->statistic_count; i++)
        t->ema_moving[i] = (float)(decay * t->ema_moving[i] + rest * t->moving[i] / weight);
    t->position.ema_weight = decay * t->position.ema_weight + rest;
}

static mn_status fail_not_finite(const mn_trainer *t, const char *what, mn_error *err)
{
    const char *layer = mn_step_find_not_finite(t->step);
    return mn_fail(err, MN_ERROR_NUMERIC, "step %lld: %s is not finite; first seen in layer %s",
                   (long long)t->position.step, what, layer ? layer : "classifier (its gradient)");
}

mn_status mn_trainer_fail(mn_trainer *t, const mn_error *own, mn_error *err)
{
    if (!mn_group_alone(&t->group)) {
        mn_group_fail(&t->group, own);
        return mn_reduce_failure(t->step, err);
    }
    if (err)
        *err = *own;
    return own->status;
}

/* Loss and logit_gradient, chunk by chunk: sums over the batch are trees over its chunks. */
static double loss_of(mn_trainer *t, const mn_batch *batch, const float *logits, int32_t *correct)
{
    mn_step *s = t->step;
    const mn_recipe *r = &t->recipe;
    double loss[MN_CHUNKS_MAX];
    int32_t used = mn_step_chunks(s, s->layers[0].chunks), classes = t->model->net.arch.classes;
    *correct = 0;
    for (int32_t k = 0; k < used; k++) {
        int32_t first = mn_step_chunk_start(s, s->layers[0].chunks, k), right;
        int32_t count = mn_step_chunk_start(s, s->layers[0].chunks, k + 1) - first;
        size_t at = (size_t)first * (size_t)classes;
        mn_targets targets = {.label = batch->label + first,
                              .other = batch->other ? batch->other + first : NULL,
                              .weight = batch->weight ? batch->weight + first : NULL,
                              .smoothing = (float)r->label_smoothing,
                              .teacher = batch->teacher ? batch->teacher + at : NULL,
                              .teacher_weight = (float)r->distil_weight,
                              .temperature = (float)r->temperature,
                              .total = batch->count * s->ranks};
        loss[k] = mn_loss(logits + at, count, classes, &targets, s->logit_gradient + at, &right);
        *correct += right;
    }
    return mn_reduce_doubles(loss, used);
}

/* Forward and backward. Ranks go on with what is not finite until their next message has told the others. */
static mn_status find_gradients(mn_trainer *t, const mn_batch *batch, mn_step_result *out, mn_error *err)
{
    mn_step *s = t->step;
    mn_error own;
    bool alone = mn_group_alone(&t->group);
    s->dropout_index = (uint64_t)t->position.step;
    const float *logits = t->options.head_only ? mn_step_head(s, MN_STEP_TRAIN, batch->embedding, batch->count)
                                               : mn_step_forward(s, MN_STEP_TRAIN, batch->input, batch->count);
    if (s->status == MN_OK) {
        out->loss = loss_of(t, batch, logits, &out->correct);
        if (!isfinite(out->loss)) {
            fail_not_finite(t, "the loss", &own);
            if (alone)
                return mn_trainer_fail(t, &own, err);
            mn_group_fail(&t->group, &own);
        }
        mn_step_backward(s, t->first_layer);
    }
    if (s->status != MN_OK) {
        if (err)
            *err = t->group.err;
        return s->status;
    }
    if (alone)
        return MN_OK;
    if (!t->options.head_only && mn_step_find_not_finite(s)) {
        fail_not_finite(t, "the gradient", &own);
        mn_group_fail(&t->group, &own);
    }
    t->group.state.loss = out->loss;
    t->group.state.correct = out->correct;
    return mn_reduce_ranks(s, t->first_layer, &out->loss, &out->correct, err);
}

mn_status mn_trainer_step(mn_trainer *t, const mn_batch *batch, mn_step_result *result, mn_error *err)
{
    mn_error own;
    if (check_batch(t, batch, &own) != MN_OK)
        return mn_trainer_fail(t, &own, err);
    mn_step *s = t->step;
    const mn_recipe *r = &t->recipe;
    mn_step_result out = {0};
    mn_status status = find_gradients(t, batch, &out, err);
    if (status != MN_OK)
        return status;
    mn_update u = {.recipe = r,
                   .slices = t->slices,
                   .slice_count = t->slice_count,
                   .norms = t->norms,
                   .weights = s->weights,
                   .gradients = s->gradients,
                   .first = t->first,
                   .second = t->second,
                   .ema = r->ema > 0 ? t->ema : NULL,
                   .step = t->position.step,
                   .clip = 1};
    u.rate = out.rate = mn_schedule_rate(r, t->position.step, t->options.steps_per_epoch);
    out.gradient_norm = mn_update_norm(&u, t->pool);
    if (!isfinite(out.gradient_norm) || (!t->options.head_only && mn_step_find_not_finite(s)))
        return fail_not_finite(t, "the gradient", err); /* on all ranks alike */
    if (r->clip_norm > 0 && out.gradient_norm > r->clip_norm)
        u.clip = r->clip_norm / out.gradient_norm;
    mn_update_apply(&u, t->pool);
    if (!t->options.head_only)
        follow_statistics(t);
    if (r->ema > 0)
        follow_ema(t);
    t->has_estimated[0] = t->has_estimated[1] = false;
    t->position.step++;
    *result = out;
    return MN_OK;
}
