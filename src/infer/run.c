/* Running a step: its tasks, cut by src/infer/cut.c, go to the pool; each calls a kernel on its range. */
#include <math.h>

#include "infer/session_private.h"

/* What the tasks of a step share. */
typedef struct job {
    const mn_session *session;
    const mn_step *step;
    const mn_layer *layer;
    const float *in;
    float *out;
    int32_t rows;         /* GEMM: of the whole batch */
    int32_t column_tasks; /* GEMM */
    int32_t strips;       /* CONV, DEPTHWISE: of one image */
    float low, high;
} job;

static int32_t min32(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static size_t in_image(const mn_layer *layer)
{
    return (size_t)layer->in_height * (size_t)layer->in_width * (size_t)layer->in_channels;
}

static size_t out_row(const mn_layer *layer)
{
    return (size_t)layer->out_width * (size_t)layer->out_channels;
}

static size_t out_image(const mn_layer *layer)
{
    return (size_t)layer->out_height * out_row(layer);
}

static void gemm_task(void *context, int32_t task, int32_t worker)
{
    (void)worker;
    const job *j = context;
    const mn_step *step = j->step;
    const mn_gemm_kernel *gemm = j->session->plan.kernels->gemm;
    int32_t k = j->layer->in_channels, n = j->layer->out_channels;
    int32_t row = task / j->column_tasks * step->rows_per_task,
            column = task % j->column_tasks * step->columns_per_task;
    size_t panel_stride = (size_t)gemm->tile_columns * (size_t)k;
    mn_gemm_args args = mn_gemm_plain(min32(step->rows_per_task, j->rows - row),
                                      min32(step->columns_per_task, n - column), k, j->in + (size_t)row * (size_t)k,
                                      mn_session_at(j->session, step->place.weights) +
                                          (size_t)(column / gemm->tile_columns) * panel_stride,
                                      panel_stride, j->out + (size_t)row * (size_t)n + column);
    args.c_row_stride = n;
    args.bias = mn_session_at(j->session, step->place.bias) + column;
    args.low = j->low;
    args.high = j->high;
    gemm->run(&args);
}

static void conv_task(void *context, int32_t task, int32_t worker)
{
    const job *j = context;
    const mn_layer *layer = j->layer;
    const mn_plan *plan = &j->session->plan;
    int32_t image = task / j->strips, row = task % j->strips * j->step->rows_per_task;
    int32_t rows = min32(j->step->rows_per_task, layer->out_height - row);
    int32_t ic = layer->in_channels, width = mn_plan_padded_width(layer), taps = layer->kernel_width * ic;
    float *padded = mn_session_at(j->session, plan->scratch_offset + plan->scratch_stride * (uint64_t)worker);
    mn_pad_rows(&(mn_pad_args){.in_height = layer->in_height,
                               .in_width = layer->in_width,
                               .channels = ic,
                               .pad_top = layer->pad_top,
                               .pad_left = layer->pad_left,
                               .row_begin = row * layer->stride,
                               .out_rows = mn_plan_padded_rows(layer, rows),
                               .out_width = width,
                               .in = j->in + (size_t)image * in_image(layer),
                               .out = padded});
    int32_t k = layer->kernel_height * taps;
    mn_gemm_args args = mn_gemm_plain(rows * layer->out_width, layer->out_channels, taps, padded,
                                      mn_session_at(j->session, j->step->place.weights),
                                      (size_t)plan->kernels->gemm->tile_columns * (size_t)k,
                                      j->out + (size_t)image * out_image(layer) + (size_t)row * out_row(layer));
    args.segments = layer->kernel_height;
    args.row_stride = layer->stride * ic;
    args.segment_stride = (ptrdiff_t)width * ic;
    args.group_rows = layer->out_width;
    args.group_stride = (ptrdiff_t)layer->stride * width * ic;
    args.bias = mn_session_at(j->session, j->step->place.bias);
    args.low = j->low;
    args.high = j->high;
    plan->kernels->gemm->run(&args);
}

static void depthwise_task(void *context, int32_t task, int32_t worker)
{
    (void)worker;
    const job *j = context;
    const mn_layer *layer = j->layer;
    int32_t image = task / j->strips, row = task % j->strips * j->step->rows_per_task;
    mn_dwconv_args args = {
        .in_height = layer->in_height,
        .in_width = layer->in_width,
        .channels = layer->in_channels,
        .out_width = layer->out_width,
        .kernel_height = layer->kernel_height,
        .kernel_width = layer->kernel_width,
        .stride = layer->stride,
        .pad_top = layer->pad_top,
        .pad_left = layer->pad_left,
        .row_begin = row,
        .row_end = min32(row + j->step->rows_per_task, layer->out_height),
        .in = j->in + (size_t)image * in_image(layer),
        .weights = mn_session_at(j->session, j->step->place.weights),
        .bias = mn_session_at(j->session, j->step->place.bias),
        .out = j->out + (size_t)image * out_image(layer) + (size_t)row * out_row(layer),
        .low = j->low,
        .high = j->high,
    };
    mn_kernels_dwconv(j->session->plan.kernels, layer->kernel_height, layer->kernel_width, layer->stride)->run(&args);
}

static void pool_task(void *context, int32_t task, int32_t worker)
{
    (void)worker;
    const job *j = context;
    const mn_layer *layer = j->layer;
    j->session->plan.kernels->pool->run(&(mn_pool_args){.pixels = layer->in_height * layer->in_width,
                                                        .channels = layer->in_channels,
                                                        .channel_end = layer->in_channels,
                                                        .in = j->in + (size_t)task * in_image(layer),
                                                        .out = j->out + (size_t)task * out_image(layer)});
}

static void softmax_task(void *context, int32_t task, int32_t worker)
{
    (void)worker;
    const job *j = context;
    size_t classes = (size_t)j->layer->out_channels;
    j->session->plan.kernels->softmax->run(j->in + (size_t)task * classes, j->out + (size_t)task * classes,
                                           (int32_t)classes);
}

static int32_t parts(int32_t whole, int32_t part)
{
    return (int32_t)(((int64_t)whole + part - 1) / part);
}

void mn_session_run_step(mn_session *session, mn_step *step, const float *input, int32_t count, float *output)
{
    const mn_plan *plan = &session->plan;
    const mn_layer *layer = &plan->net->layers[step->first_layer];
    uint64_t to = plan->buffer[step->last_layer];
    job j = {
        .session = session,
        .step = step,
        .layer = layer,
        .in = layer->input < 0 ? input : mn_session_at(session, plan->arena_offset + plan->buffer[layer->input]),
        .out = to == MN_NO_BUFFER ? output : mn_session_at(session, plan->arena_offset + to),
        .low = layer->activation == MN_ACTIVATION_NONE ? -INFINITY : 0,
        .high = layer->activation == MN_ACTIVATION_RELU6 ? 6 : INFINITY,
    };
    switch (step->kind) {
    case MN_STEP_GEMM:
        j.rows = count * layer->out_height * layer->out_width;
        j.column_tasks = parts(layer->out_channels, step->columns_per_task);
        mn_pool_run(session->pool, parts(j.rows, step->rows_per_task) * j.column_tasks, gemm_task, &j);
        break;
    case MN_STEP_CONV:
        j.strips = parts(layer->out_height, step->rows_per_task);
        mn_pool_run(session->pool, count * j.strips, conv_task, &j);
        break;
    case MN_STEP_DEPTHWISE:
        j.strips = parts(layer->out_height, step->rows_per_task);
        mn_pool_run(session->pool, count * j.strips, depthwise_task, &j);
        break;
    case MN_STEP_POOL:
        mn_pool_run(session->pool, count, pool_task, &j);
        break;
    case MN_STEP_SOFTMAX:
        mn_pool_run(session->pool, count, softmax_task, &j);
        break;
    }
}
