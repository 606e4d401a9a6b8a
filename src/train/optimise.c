/* Schedules and optimisers. */
#include "train/optimise.h"

#include <math.h>

double mn_schedule_rate(const mn_recipe *r, int64_t step, int64_t steps_per_epoch)
{
    const double pi = 3.14159265358979323846;
    double epoch = (double)step / (double)steps_per_epoch, warm = r->warmup_epochs;
    if (r->schedule == MN_SCHEDULE_ONE_CYCLE) {
        if (epoch < warm)
            return r->learning_rate * (0.04 + 0.96 * epoch / warm);
    } else if (epoch < warm) {
        return r->learning_rate * (double)(step + 1) / (warm * (double)steps_per_epoch + 1);
    }
    double span = r->epochs - warm, part = span > 0 ? (epoch - warm) / span : 1;
    part = part > 1 ? 1 : part;
    switch (r->schedule) {
    case MN_SCHEDULE_STEP:
        return r->learning_rate * pow(r->step_factor, floor(epoch / r->step_epochs));
    case MN_SCHEDULE_COSINE:
        return r->learning_rate * (r->final_rate + (1 - r->final_rate) * 0.5 * (1 + cos(pi * part)));
    case MN_SCHEDULE_ONE_CYCLE:
        return r->learning_rate * (1 + (r->final_rate - 1) * part);
    case MN_SCHEDULE_CONSTANT:
    default:
        return r->learning_rate;
    }
}

static void norm_task(void *context, int32_t task, int32_t worker)
{
    (void)worker;
    const mn_update *u = context;
    const mn_slice *s = &u->slices[task];
    const float *g = u->gradients + s->offset;
    double lanes[8] = {0}, sum = 0;
    for (size_t i = 0; i < s->count; i++)
        lanes[i % 8] += (double)g[i] * g[i];
    for (int i = 0; i < 8; i++)
        sum += lanes[i];
    u->norms[task] = s->trained ? sum : 0;
}

double mn_update_norm(const mn_update *update, mn_pool *pool)
{
    double sum = 0;
    mn_update copy = *update;
    mn_pool_run(pool, update->slice_count, norm_task, &copy);
    for (int32_t i = 0; i < update->slice_count; i++)
        sum += update->norms[i];
    return sqrt(sum);
}

static void sgd(const mn_update *u, const mn_slice *s, float wd)
{
    float *w = u->weights + s->offset, *v = u->first + s->offset;
    const float *gradient = u->gradients + s->offset;
    float mu = (float)u->recipe->momentum, rate = (float)u->rate, clip = (float)u->clip;
    for (size_t i = 0; i < s->count; i++) {
        float g = gradient[i] * clip + wd * w[i];
        v[i] = mu * v[i] + g;
        w[i] -= rate * (g + mu * v[i]);
    }
}

static void rmsprop(const mn_update *u, const mn_slice *s, float wd)
{
    float *w = u->weights + s->offset, *v = u->first + s->offset, *q = u->second + s->offset;
    const float *gradient = u->gradients + s->offset;
    float mu = (float)u->recipe->momentum, rho = (float)u->recipe->decay, rate = (float)u->rate;
    float eps = (float)u->recipe->epsilon, clip = (float)u->clip;
    for (size_t i = 0; i < s->count; i++) {
        float g = gradient[i] * clip + wd * w[i];
        q[i] = rho * q[i] + (1 - rho) * g * g;
        v[i] = mu * v[i] + rate * g / sqrtf(q[i] + eps);
        w[i] -= v[i];
    }
}

static void adamw(const mn_update *u, const mn_slice *s, float wd)
{
    float *w = u->weights + s->offset, *m = u->first + s->offset, *q = u->second + s->offset;
    const float *gradient = u->gradients + s->offset;
    double t = (double)u->step + 1;
    float b1 = (float)u->recipe->momentum, b2 = (float)u->recipe->decay, clip = (float)u->clip;
    float rate = (float)(u->rate / (1 - pow(u->recipe->momentum, t))), keep = (float)(1 - u->rate * wd);
    float root = (float)(1 / sqrt(1 - pow(u->recipe->decay, t))), eps = (float)u->recipe->epsilon;
    for (size_t i = 0; i < s->count; i++) {
        float g = gradient[i] * clip;
        m[i] = b1 * m[i] + (1 - b1) * g;
        q[i] = b2 * q[i] + (1 - b2) * g * g;
        w[i] = w[i] * keep - rate * m[i] / (sqrtf(q[i]) * root + eps);
    }
}

static void update_task(void *context, int32_t task, int32_t worker)
{
    (void)worker;
    const mn_update *u = context;
    const mn_slice *s = &u->slices[task];
    if (s->trained) {
        float wd = s->decays ? (float)u->recipe->weight_decay : 0.0f;
        switch (u->recipe->optimiser) {
        case MN_OPTIMISER_RMSPROP:
            rmsprop(u, s, wd);
            break;
        case MN_OPTIMISER_ADAMW:
            adamw(u, s, wd);
            break;
        case MN_OPTIMISER_SGD:
        default:
            sgd(u, s, wd);
        }
    }
    if (!u->ema)
        return;
    float d = (float)u->recipe->ema, *ema = u->ema + s->offset;
    const float *w = u->weights + s->offset;
    for (size_t i = 0; i < s->count; i++)
        ema[i] = d * ema[i] + (1 - d) * w[i];
}

void mn_update_apply(const mn_update *update, mn_pool *pool)
{
    mn_update copy = *update;
    mn_pool_run(pool, update->slice_count, update_task, &copy);
}
