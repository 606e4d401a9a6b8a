/* The public face of a session: its size, its making, its running, what it tells about itself. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/status.h"
#include "infer/session_private.h"
#include "net/model.h"

mn_status mn_session_size(const mn_net *net, const mn_session_options *options, size_t *bytes, mn_error *err)
{
    mn_plan plan;
    mn_status status = mn_plan_make(net, options, sizeof(mn_session), &plan, err);
    if (status == MN_OK)
        *bytes = (size_t)plan.total_bytes;
    return status;
}

mn_status mn_session_create(const mn_model *model, const mn_session_options *options, mn_session **session,
                            mn_error *err)
{
    mn_plan plan;
    mn_status status = mn_plan_make(&model->net, options, sizeof(mn_session), &plan, err);
    if (status != MN_OK)
        return status;
    mn_session *s = mn_alloc_large((size_t)plan.total_bytes);
    if (!s)
        return mn_fail_memory(err, (size_t)plan.total_bytes, "a session");
    s->plan = plan; /* 13 KB: no second one on the stack */
    s->pool = NULL;
    s->last_count = 0;
    status = mn_session_compile(s, model, err);
    if (status == MN_OK)
        status = mn_pool_create(plan.options.threads, &s->pool, err);
    if (status == MN_OK)
        *session = s;
    else
        mn_session_destroy(s);
    return status;
}

void mn_session_destroy(mn_session *session)
{
    if (!session)
        return;
    mn_pool_destroy(session->pool);
    free(session);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* `count` images through step s; their outputs are those from `image` on. */
static void run_step(mn_session *session, int32_t s, const float *input, int32_t image, int32_t count, float *output)
{
    mn_step *step = &session->plan.steps[s];
    double before = session->plan.options.profile ? now() : 0;
    mn_session_run_step(session, step, input, image, count, output);
    if (session->plan.options.profile)
        step->seconds += now() - before;
}

/* The kept layers of `count` images as floats. */
static void widen_layers(mn_session *session, int32_t count)
{
    const mn_plan *plan = &session->plan;
    for (int32_t i = 0; i < plan->net->layer_count; i++) {
        const mn_layer *layer = &plan->net->layers[i];
        size_t elements =
            (size_t)count * (size_t)layer->out_height * (size_t)layer->out_width * (size_t)layer->out_channels;
        const mn_bf16 *from = (const void *)mn_session_at(session, plan->arena_offset + plan->buffer[i]);
        float *to = mn_session_at(session, plan->kept[i]);
        for (size_t e = 0; mn_plan_output_bytes(plan, layer) == sizeof *from && e < elements; e++)
            to[e] = mn_bf16_widen(from[e]);
    }
}

mn_status mn_session_run(mn_session *session, const float *input, int32_t count, float *output, mn_error *err)
{
    mn_plan *plan = &session->plan;
    if (!input || !output)
        return mn_fail(err, MN_ERROR_ARGUMENT, "input and output must be given");
    if (count < 1 || count > plan->options.batch)
        return mn_fail(err, MN_ERROR_ARGUMENT, "%d images are given, must be 1 to %d (the session's batch)", count,
                       plan->options.batch);
    if (plan->options.profile)
        for (int32_t s = 0; s < plan->step_count; s++)
            plan->steps[s].seconds = 0;
    const mn_layer *first = &plan->net->layers[0];
    size_t pixels = (size_t)first->in_height * (size_t)first->in_width * (size_t)first->in_channels;
    for (int32_t image = 0; plan->single_steps > 0 && image < count; image++)
        for (int32_t s = 0; s < plan->single_steps; s++)
            run_step(session, s, input + (size_t)image * pixels, s == plan->single_steps - 1 ? image : 0, 1, output);
    for (int32_t s = plan->single_steps; s < plan->step_count; s++)
        run_step(session, s, input, 0, count, output);
    session->last_count = count;
    if (plan->options.keep_layers) {
        int32_t last = plan->net->layer_count - 1;
        widen_layers(session, count);
        memcpy(output, mn_session_at(session, plan->kept[last]),
               (size_t)count * (size_t)plan->net->layers[last].out_channels * sizeof *output);
    }
    return MN_OK;
}

size_t mn_session_bytes(const mn_session *session)
{
    return (size_t)session->plan.total_bytes;
}

int32_t mn_session_threads(const mn_session *session)
{
    return session->plan.options.threads;
}

mn_cpu_level mn_session_level(const mn_session *session)
{
    return session->plan.kernels->level;
}

const float *mn_session_layer_output(const mn_session *session, int32_t layer)
{
    const mn_plan *plan = &session->plan;
    if (!plan->options.keep_layers || session->last_count == 0 || layer < 0 || layer >= plan->net->layer_count)
        return NULL;
    return mn_session_at(session, plan->kept[layer]);
}

int32_t mn_session_step_count(const mn_session *session)
{
    return session->plan.step_count;
}

mn_status mn_session_step(const mn_session *session, int32_t index, mn_step_info *info, mn_error *err)
{
    const mn_plan *plan = &session->plan;
    if (index < 0 || index >= plan->step_count)
        return mn_fail(err, MN_ERROR_ARGUMENT, "step %d is asked for, there are %d", index, plan->step_count);
    const mn_step *step = &plan->steps[index];
    int64_t macs = 0;
    for (int32_t i = step->first_layer; i <= step->last_layer; i++)
        macs += mn_layer_get_cost(&plan->net->layers[i]).macs;
    *info = (mn_step_info){
        .first_layer = step->first_layer,
        .last_layer = step->last_layer,
        .kernel = step->kernel,
        .note = step->note,
        .macs = macs,
        .seconds = step->seconds,
    };
    return MN_OK;
}

int32_t mn_cpu_processors(void)
{
    return mn_cpu_count();
}
