/* Running a step: its tasks, cut by src/infer/cut.c, go to the pool; each calls kernels on its range. */
#include <math.h>

#include "infer/session_private.h"

#define PANEL_BYTES_MAX (256 << 10) /* of a convolution's weights: stays in L2 beside the strip */

/* What the tasks of a step share. A map's elements are floats or bfloat16, so addresses in it are counted in bytes. */
typedef struct job {
    const mn_session *session;
    const mn_step *step;
    const mn_layer *first, *last;
    const char *in;
    char *out;
    size_t in_stride, out_stride;         /* elements from a pixel to the next */
    size_t in_pixel, in_image;            /* bytes */
    size_t out_pixel, out_row, out_image; /* bytes */
    size_t out_element;                   /* bytes */
    int32_t rows;                         /* GEMM: of the whole batch */
    int32_t column_tasks;                 /* GEMM, CONV, SEPARABLE */
    int32_t strips;                       /* others: of one image */
} job;

static int32_t min32(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t parts(int32_t whole, int32_t part)
{
    return (int32_t)(((int64_t)whole + part - 1) / part);
}

static float low_of(const mn_layer *layer)
{
    return layer->activation == MN_ACTIVATION_NONE ? -INFINITY : 0;
}

static float high_of(const mn_layer *layer)
{
    return layer->activation == MN_ACTIVATION_RELU6 ? 6 : INFINITY;
}

static float *scratch_of(const job *j, int32_t worker)
{
    const mn_plan *plan = &j->session->plan;
    return mn_session_at(j->session, plan->scratch_offset + plan->scratch_stride * (uint64_t)worker);
}

/* Output rows row..row+rows-1 of an image. */
typedef struct strip {
    int32_t image, row, rows;
} strip;

/* Strip `number` of the batch: those of an image differ by one row at most. */
static strip strip_of(const job *j, int32_t number)
{
    int64_t height = j->first->out_height, s = number % j->strips;
    int32_t row = (int32_t)(s * height / j->strips), next = (int32_t)((s + 1) * height / j->strips);
    return (strip){.image = number / j->strips, .row = row, .rows = next - row};
}

/* What is brought into the cache while something else is computed. */
typedef struct ahead {
    const char *data;
    size_t bytes;
} ahead;

/* The input rows that the strip after `s` reads in addition; nothing where the weights are more than the map. */
static ahead rows_ahead(const job *j, strip s)
{
    const mn_layer *layer = j->first;
    if ((size_t)mn_layer_get_cost(j->last).weights * mn_plan_element_bytes(&j->session->plan) > j->in_image)
        return (ahead){0};
    int32_t last = (s.row + s.rows - 1) * layer->stride - layer->pad_top + layer->kernel_height;
    int32_t begin = min32(last, layer->in_height), rows = min32(s.rows * layer->stride, layer->in_height - begin);
    size_t row = (size_t)layer->in_width * j->in_pixel;
    return (ahead){j->in + (size_t)s.image * j->in_image + (size_t)begin * row, (size_t)rows * row};
}

/* The packed weights of the columns from `column` on, a panel's first. */
static const void *panel_of(const job *j, uint64_t weights, int32_t segments, int32_t k, int32_t column)
{
    const mn_gemm_kernel *gemm = j->session->plan.kernels->gemm;
    size_t panel = mn_panel_elements(gemm, segments, k) * mn_panel_element_bytes(gemm);
    return mn_session_at(j->session, weights + (uint64_t)(column / gemm->tile_columns) * panel);
}

/* `m` pixels from `a`, `a_stride` apart, through the pointwise layer or classifier `last`, to `c`: columns from
 * `column` on, at most `n`. */
static void pointwise(const job *j, const void *a, size_t a_stride, int32_t m, int32_t column, int32_t n, char *c,
                      ahead next)
{
    const mn_gemm_kernel *gemm = j->session->plan.kernels->gemm;
    int32_t k = j->last->in_channels;
    mn_gemm_args args = mn_gemm_plain(m, n, k, a, panel_of(j, j->step->last.weights, 1, k, column),
                                      mn_panel_elements(gemm, 1, k), (void *)(c + (size_t)column * j->out_element));
    args.float_c = j->out_element == sizeof(float);
    args.row_stride = (ptrdiff_t)a_stride;
    args.c_row_stride = (ptrdiff_t)j->out_stride;
    args.bias = mn_session_at(j->session, j->step->last.bias) + column;
    args.low = low_of(j->last);
    args.high = high_of(j->last);
    args.ahead = (const void *)next.data;
    args.ahead_floats = next.bytes / sizeof(float);
    gemm->run(&args);
}

/* A strip of the depthwise layer `first`, to `out`. */
static void depthwise(const job *j, strip s, void *out, size_t out_stride)
{
    const mn_layer *layer = j->first;
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
        .row_begin = s.row,
        .row_end = s.row + s.rows,
        .in_stride = (int32_t)j->in_stride,
        .out_stride = (int32_t)out_stride,
        .in = (const void *)(j->in + (size_t)s.image * j->in_image),
        .weights = mn_session_at(j->session, j->step->first.weights),
        .bias = mn_session_at(j->session, j->step->first.bias),
        .out = out,
        .low = low_of(layer),
        .high = high_of(layer),
    };
    mn_kernels_dwconv(j->session->plan.kernels, layer->kernel_height, layer->kernel_width, layer->stride)->run(&args);
}

static void gemm_task(void *context, int32_t task, int32_t worker)
{
    (void)worker;
    const job *j = context;
    int32_t row = task / j->column_tasks * j->step->rows_per_task;
    int32_t column = task % j->column_tasks * j->step->columns_per_task;
    pointwise(j, j->in + (size_t)row * j->in_pixel, j->in_stride, min32(j->step->rows_per_task, j->rows - row), column,
              min32(j->step->columns_per_task, j->last->out_channels - column), j->out + (size_t)row * j->out_pixel,
              (ahead){0});
}

static void depthwise_task(void *context, int32_t task, int32_t worker)
{
    (void)worker;
    const job *j = context;
    strip s = strip_of(j, task);
    depthwise(j, s, j->out + (size_t)s.image * j->out_image + (size_t)s.row * j->out_row, j->out_stride);
}

static void separable_task(void *context, int32_t task, int32_t worker)
{
    const job *j = context;
    const mn_layer *layer = j->first;
    int32_t column = task % j->column_tasks * j->step->columns_per_task;
    strip s = strip_of(j, task / j->column_tasks);
    size_t stride = (size_t)mn_plan_stride(&j->session->plan, layer->out_channels, 2);
    float *between = scratch_of(j, worker);
    depthwise(j, s, between, stride);
    pointwise(j, between, stride, s.rows * layer->out_width, column,
              min32(j->step->columns_per_task, j->last->out_channels - column),
              j->out + (size_t)s.image * j->out_image + (size_t)s.row * j->out_row, rows_ahead(j, s));
}

/* A product of floats whose panels would not stay in L2 between its tiles: in slices of a tap each, in the order in which
 * they lie. */
static void run_by_taps(const mn_gemm_kernel *gemm, mn_gemm_args whole, int32_t ic)
{
    mn_gemm_args args = whole;
    int32_t width = whole.k / ic, taps = whole.segments * width;
    args.segments = 1;
    args.k = ic;
    for (int32_t column = 0; column < whole.n; column += gemm->tile_columns) {
        args.n = min32(gemm->tile_columns, whole.n - column);
        args.b = whole.b + (size_t)(column / gemm->tile_columns) * whole.panel_stride;
        args.c = whole.c + column;
        args.bias = whole.bias + column;
        for (int32_t tap = 0; tap < taps; tap++, args.b += (size_t)gemm->tile_columns * (size_t)ic) {
            args.a = whole.a + tap / width * whole.segment_stride + (ptrdiff_t)(tap % width) * ic;
            args.accumulate = tap > 0;
            args.low = tap + 1 < taps ? -INFINITY : whole.low;
            args.high = tap + 1 < taps ? INFINITY : whole.high;
            gemm->run(&args);
        }
    }
}

static void conv_task(void *context, int32_t task, int32_t worker)
{
    const job *j = context;
    const mn_layer *layer = j->first;
    const mn_kernels *kernels = j->session->plan.kernels;
    int32_t column = task % j->column_tasks * j->step->columns_per_task;
    strip s = strip_of(j, task / j->column_tasks);
    int32_t ic = layer->in_channels, width = mn_plan_padded_width(layer), taps = layer->kernel_width * ic;
    void *padded = scratch_of(j, worker);
    mn_pad_rows(&(mn_pad_args){.in_height = layer->in_height,
                               .in_width = layer->in_width,
                               .channels = ic,
                               .pad_top = layer->pad_top,
                               .pad_left = layer->pad_left,
                               .row_begin = s.row * layer->stride,
                               .out_rows = mn_plan_padded_rows(layer, s.rows),
                               .out_width = width,
                               .in_stride = (int32_t)j->in_stride,
                               .narrow = layer->input < 0 ? kernels->narrow : NULL,
                               .element_bytes = mn_plan_element_bytes(&j->session->plan),
                               .in = j->in + (size_t)s.image * j->in_image,
                               .out = padded});
    char *out = j->out + (size_t)s.image * j->out_image + (size_t)s.row * j->out_row;
    mn_gemm_args args = mn_gemm_plain(
        s.rows * layer->out_width, min32(j->step->columns_per_task, layer->out_channels - column), taps, padded,
        panel_of(j, j->step->first.weights, layer->kernel_height, taps, column),
        mn_panel_elements(kernels->gemm, layer->kernel_height, taps), (void *)(out + (size_t)column * j->out_element));
    args.segments = layer->kernel_height;
    args.row_stride = (ptrdiff_t)layer->stride * ic;
    args.segment_stride = (ptrdiff_t)width * ic;
    args.group_rows = layer->out_width;
    args.group_stride = (ptrdiff_t)layer->stride * width * ic;
    args.c_row_stride = (ptrdiff_t)j->out_stride;
    args.bias = mn_session_at(j->session, j->step->first.bias) + column;
    args.low = low_of(layer);
    args.high = high_of(layer);
    if (!kernels->narrow && args.panel_stride * sizeof(float) > PANEL_BYTES_MAX) {
        run_by_taps(kernels->gemm, args, ic);
        return;
    }
    ahead next = rows_ahead(j, s);
    args.ahead = (const void *)next.data;
    args.ahead_floats = next.bytes / sizeof(float);
    kernels->gemm->run(&args);
}

static void stem_task(void *context, int32_t task, int32_t worker)
{
    const job *j = context;
    const mn_layer *layer = j->first;
    strip s = strip_of(j, task);
    j->session->plan.kernels->stem->run(&(mn_stem_args){
        .in_height = layer->in_height,
        .in_width = layer->in_width,
        .out_width = layer->out_width,
        .channels = layer->out_channels,
        .pad_top = layer->pad_top,
        .pad_left = layer->pad_left,
        .row_begin = s.row,
        .row_end = s.row + s.rows,
        .in = (const void *)(j->in + (size_t)s.image * j->in_image),
        .weights = mn_session_at(j->session, j->step->first.weights),
        .weight_stride = j->session->plan.kernels->gemm->tile_columns,
        .bias = mn_session_at(j->session, j->step->first.bias),
        .out = (void *)(j->out + (size_t)s.image * j->out_image + (size_t)s.row * j->out_row),
        .out_stride = (ptrdiff_t)j->out_stride,
        .low = low_of(layer),
        .high = high_of(layer),
        .scratch = scratch_of(j, worker),
    });
}

static void pool_task(void *context, int32_t task, int32_t worker)
{
    (void)worker;
    const job *j = context;
    const mn_layer *layer = j->first;
    j->session->plan.kernels->pool->run(&(mn_pool_args){.pixels = layer->in_height * layer->in_width,
                                                        .channels = layer->in_channels,
                                                        .channel_end = layer->in_channels,
                                                        .in_stride = (int32_t)j->in_stride,
                                                        .in = (const void *)(j->in + (size_t)task * j->in_image),
                                                        .out = (void *)(j->out + (size_t)task * j->out_image)});
}

static void softmax_task(void *context, int32_t task, int32_t worker)
{
    (void)worker;
    const job *j = context;
    j->session->plan.kernels->softmax->run((const void *)(j->in + (size_t)task * j->in_image),
                                           (void *)(j->out + (size_t)task * j->out_image), j->first->out_channels);
}

static job make_job(const mn_session *session, const mn_step *step, const float *input, float *output)
{
    const mn_plan *plan = &session->plan;
    const mn_layer *first = &plan->net->layers[step->first_layer], *last = &plan->net->layers[step->last_layer];
    uint64_t to = plan->buffer[step->last_layer];
    job j = {
        .session = session,
        .step = step,
        .first = first,
        .last = last,
        .in =
            (const void *)(first->input < 0 ? input
                                            : mn_session_at(session, plan->arena_offset + plan->buffer[first->input])),
        .out = (void *)(to == MN_NO_BUFFER ? output : mn_session_at(session, plan->arena_offset + to)),
        .in_stride = (size_t)mn_plan_in_stride(plan, first),
        .out_stride = (size_t)plan->pixel_stride[step->last_layer],
        .strips = parts(first->out_height, step->rows_per_task > 0 ? step->rows_per_task : 1),
    };
    size_t in_element = first->input < 0 ? sizeof *input : mn_plan_output_bytes(plan, &plan->net->layers[first->input]);
    j.out_element = mn_plan_output_bytes(plan, last);
    j.in_pixel = j.in_stride * in_element;
    j.in_image = (size_t)first->in_height * (size_t)first->in_width * j.in_pixel;
    j.out_pixel = j.out_stride * j.out_element;
    j.out_row = (size_t)last->out_width * j.out_pixel;
    j.out_image = (size_t)last->out_height * j.out_row;
    return j;
}

void mn_session_run_step(mn_session *session, mn_step *step, const float *input, int32_t image, int32_t count,
                         float *output)
{
    job j = make_job(session, step, input, output);
    j.out += (size_t)image * j.out_image;
    switch (step->kind) {
    case MN_STEP_GEMM:
        j.rows = count * j.last->out_height * j.last->out_width;
        j.column_tasks = parts(j.last->out_channels, step->columns_per_task);
        mn_pool_run(session->pool, parts(j.rows, step->rows_per_task) * j.column_tasks, gemm_task, &j);
        break;
    case MN_STEP_CONV:
        j.column_tasks = parts(j.last->out_channels, step->columns_per_task);
        mn_pool_run(session->pool, count * j.strips * j.column_tasks, conv_task, &j);
        break;
    case MN_STEP_STEM:
        mn_pool_run(session->pool, count * j.strips, stem_task, &j);
        break;
    case MN_STEP_WINOGRAD:
        mn_winograd_run(session, step, (const void *)j.in, (void *)j.out, count);
        break;
    case MN_STEP_DEPTHWISE:
        mn_pool_run(session->pool, count * j.strips, depthwise_task, &j);
        break;
    case MN_STEP_SEPARABLE:
        j.column_tasks = parts(j.last->out_channels, step->columns_per_task);
        mn_pool_run(session->pool, count * j.strips * j.column_tasks, separable_task, &j);
        break;
    case MN_STEP_POOL:
        mn_pool_run(session->pool, count, pool_task, &j);
        break;
    case MN_STEP_SOFTMAX:
        mn_pool_run(session->pool, count, softmax_task, &j);
        break;
    }
}
