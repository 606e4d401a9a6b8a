/* Standard 3x3 convolutions of stride 1 by Winograd's algorithm (src/kernels/kernels.h): 16 products an output tile of
 * four in place of 36, so 2.25 times fewer multiply-adds; weights take 16/9 of their memory.
 *
 * Tiles go through in blocks:
 *     input transform | 16 products, a plane each | output transform
 * Where the weights fit in L2, a block is a task, so small that its planes stay there too. Larger weights are read once
 * a block: its planes stay in L3, and each of the three phases is cut into tasks.
 */
#include <math.h>
#include <string.h>

#include "infer/session_private.h"

#define BLOCK_CHANNELS  8  /* input channels whose filters are transformed together */
#define COLUMNS_MAX     64 /* the widest panel of any level */
#define LANES           8  /* filters that are transformed side by side: divides every panel's width */
#define TRANSFORM_TASKS 8  /* of a block that all threads share */

static int32_t half(int32_t extent)
{
    return extent / 2 + extent % 2;
}

int32_t mn_winograd_tiles(const mn_layer *layer)
{
    return half(layer->out_height) * half(layer->out_width);
}

/* Floats from a tile of a plane to the next. */
static int32_t tile_stride(const mn_plan *plan, int32_t channels)
{
    return mn_plan_stride(plan, channels, 2);
}

/* Maps of few tiles would wait for their weights, which are 16/9 of a direct convolution's. */
bool mn_winograd_applies(const mn_plan *plan, const mn_layer *layer)
{
    return plan->kernels->winograd && plan->kernels->gemm->tile_columns <= COLUMNS_MAX && layer->op == MN_OP_CONV &&
           layer->stride == 1 && layer->kernel_height == 3 && layer->kernel_width == 3 && layer->in_channels >= 16 &&
           layer->out_channels >= 16 && mn_winograd_tiles(layer) >= 2 * plan->kernels->gemm->tile_rows;
}

uint64_t mn_winograd_weight_bytes(const mn_plan *plan, const mn_layer *layer)
{
    return 16 * (uint64_t)mn_packed_floats(plan->kernels->gemm, layer->out_channels, layer->in_channels) *
           sizeof(float);
}

uint64_t mn_winograd_tile_bytes(const mn_plan *plan, const mn_layer *layer)
{
    return 16 * ((uint64_t)tile_stride(plan, layer->in_channels) + (uint64_t)tile_stride(plan, layer->out_channels)) *
           sizeof(float);
}

/* G g G^T of LANES filters; g is [3, 3][stride]. Planes lie a large power of two apart, where a cache holds few of them:
 * each gets its LANES values at once. Returns false where a result is infinite or NaN. */
static bool transform_filters(const float *g, size_t stride, float *packed, size_t plane)
{
    bool finite = true;
    float rows[4][3][LANES], out[4][LANES]; /* G g: along the height */
    for (size_t w = 0; w < 3; w++)
        for (size_t n = 0; n < LANES; n++) {
            float a = g[w * stride + n], b = 0.5f * g[(3 + w) * stride + n], d = g[(6 + w) * stride + n];
            float outer = 0.5f * (a + d);
            rows[0][w][n] = a;
            rows[1][w][n] = outer + b;
            rows[2][w][n] = outer - b;
            rows[3][w][n] = d;
        }
    for (size_t i = 0; i < 4; i++) {
        for (size_t n = 0; n < LANES; n++) {
            float a = rows[i][0][n], b = 0.5f * rows[i][1][n], d = rows[i][2][n], outer = 0.5f * (a + d);
            out[0][n] = a;
            out[1][n] = outer + b;
            out[2][n] = outer - b;
            out[3][n] = d;
        }
        finite &= mn_all_finite(out[0], 4 * LANES);
        for (size_t j = 0; j < 4; j++)
            memcpy(packed + (4 * i + j) * plane, out[j], sizeof out[j]);
    }
    return finite;
}

bool mn_winograd_pack(const mn_gemm_kernel *gemm, const mn_layer *layer, int32_t begin, int32_t count,
                      const float *weights, const float *scale, float *packed)
{
    bool finite = true;
    float taps[9 * BLOCK_CHANNELS * COLUMNS_MAX]; /* [3, 3][channels][columns of a panel]: the weights, packed */
    int32_t ic = layer->in_channels, width = gemm->tile_columns, end = begin + count;
    size_t plane = mn_packed_floats(gemm, layer->out_channels, ic), stride = (size_t)(BLOCK_CHANNELS * width);
    for (int32_t oc = begin; oc < end; oc += width)
        for (int32_t c = 0; c < ic; c += BLOCK_CHANNELS) {
            int32_t channels = ic - c < BLOCK_CHANNELS ? ic - c : BLOCK_CHANNELS;
            for (int32_t tap = 0; tap < 9; tap++)
                gemm->pack(
                    &(mn_pack_args){.n = end - oc < width ? end - oc : width,
                                    .k = channels,
                                    .source = weights + ((size_t)(oc - begin) * 9 + (size_t)tap) * (size_t)ic + c,
                                    .n_stride = 9 * (ptrdiff_t)ic,
                                    .k_stride = 1,
                                    .scale = scale + (oc - begin),
                                    .packed = taps + (size_t)tap * stride});
            float *to = packed + (size_t)oc * (size_t)ic + (size_t)(c * width);
            for (size_t n = 0; n < (size_t)(channels * width); n += LANES)
                finite &= transform_filters(taps + n, stride, to + n, plane);
        }
    return finite;
}

/* A step for all images of a run, whose tiles are counted through. */
typedef struct work {
    mn_session *session;
    const mn_step *step;
    const mn_layer *layer;
    const float *in;
    float *out;
    size_t in_image, out_image; /* floats */
    int32_t in_stride, out_stride;
    int32_t tiles; /* of an image */
    int32_t end;   /* of all images */
    float low, high;
} work;

/* Tiles begin..end-1 on their way: 16 planes of [tiles, channels with a gap]. */
typedef struct block {
    const work *work;
    int32_t begin, end;
    int32_t tiles_per_task; /* of a transform */
    int32_t in_stride, out_stride;
    float *planes, *products;
} block;

static int32_t min32(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static block block_at(const work *w, int32_t begin, float *memory)
{
    block b = {.work = w,
               .begin = begin,
               .end = min32(begin + w->step->rows_per_task, w->end),
               .in_stride = tile_stride(&w->session->plan, w->layer->in_channels),
               .out_stride = tile_stride(&w->session->plan, w->layer->out_channels),
               .planes = memory};
    b.products = memory + 16 * (size_t)(b.end - begin) * (size_t)b.in_stride;
    return b;
}

/* Tiles begin..end-1 of the block, of one image or more. */
static void transform_input(const block *b, int32_t begin, int32_t end)
{
    const work *w = b->work;
    while (begin < end) {
        int32_t image = begin / w->tiles, stop = min32(end, (image + 1) * w->tiles);
        mn_winograd_args args = {.height = w->layer->in_height,
                                 .width = w->layer->in_width,
                                 .channels = w->layer->in_channels,
                                 .pad_top = w->layer->pad_top,
                                 .pad_left = w->layer->pad_left,
                                 .stride = w->in_stride,
                                 .tiles_across = half(w->layer->out_width),
                                 .tile_begin = begin - image * w->tiles,
                                 .tile_end = stop - image * w->tiles,
                                 .tile_stride = b->in_stride,
                                 .plane_stride = (size_t)(b->end - b->begin) * (size_t)b->in_stride,
                                 .in = w->in + (size_t)image * w->in_image,
                                 .out = b->planes + (size_t)(begin - b->begin) * (size_t)b->in_stride};
        w->session->plan.kernels->winograd->input(&args);
        begin = stop;
    }
}

static void transform_output(const block *b, int32_t begin, int32_t end)
{
    const work *w = b->work;
    while (begin < end) {
        int32_t image = begin / w->tiles, stop = min32(end, (image + 1) * w->tiles);
        mn_winograd_args args = {.height = w->layer->out_height,
                                 .width = w->layer->out_width,
                                 .channels = w->layer->out_channels,
                                 .stride = w->out_stride,
                                 .tiles_across = half(w->layer->out_width),
                                 .tile_begin = begin - image * w->tiles,
                                 .tile_end = stop - image * w->tiles,
                                 .tile_stride = b->out_stride,
                                 .plane_stride = (size_t)(b->end - b->begin) * (size_t)b->out_stride,
                                 .in = b->products + (size_t)(begin - b->begin) * (size_t)b->out_stride,
                                 .out = w->out + (size_t)image * w->out_image,
                                 .bias = mn_session_at(w->session, w->step->first.bias),
                                 .low = w->low,
                                 .high = w->high};
        w->session->plan.kernels->winograd->output(&args);
        begin = stop;
    }
}

static void multiply(const block *b, int32_t plane)
{
    const work *w = b->work;
    const mn_gemm_kernel *gemm = w->session->plan.kernels->gemm;
    int32_t ic = w->layer->in_channels, oc = w->layer->out_channels, tiles = b->end - b->begin;
    size_t before = (size_t)plane * (size_t)tiles;
    const float *weights = mn_session_at(w->session, w->step->first.weights);
    mn_gemm_args args =
        mn_gemm_plain(tiles, oc, ic, b->planes + before * (size_t)b->in_stride,
                      weights + (size_t)plane * mn_packed_floats(gemm, oc, ic), (size_t)gemm->tile_columns * (size_t)ic,
                      b->products + before * (size_t)b->out_stride);
    args.row_stride = b->in_stride;
    args.c_row_stride = b->out_stride;
    gemm->run(&args);
}

static void input_task(void *context, int32_t task, int32_t worker)
{
    (void)worker;
    const block *b = context;
    int32_t begin = b->begin + task * b->tiles_per_task;
    transform_input(b, begin, min32(begin + b->tiles_per_task, b->end));
}

static void product_task(void *context, int32_t task, int32_t worker)
{
    (void)worker;
    multiply(context, task);
}

static void output_task(void *context, int32_t task, int32_t worker)
{
    (void)worker;
    const block *b = context;
    int32_t begin = b->begin + task * b->tiles_per_task;
    transform_output(b, begin, min32(begin + b->tiles_per_task, b->end));
}

/* A block by one thread, in its own scratch. */
static void block_task(void *context, int32_t task, int32_t worker)
{
    const work *w = context;
    const mn_plan *plan = &w->session->plan;
    float *scratch = mn_session_at(w->session, plan->scratch_offset + plan->scratch_stride * (uint64_t)worker);
    block b = block_at(w, task * w->step->rows_per_task, scratch);
    transform_input(&b, b.begin, b.end);
    for (int32_t plane = 0; plane < 16; plane++)
        multiply(&b, plane);
    transform_output(&b, b.begin, b.end);
}

/* A block by all threads. */
static void run_block(const work *w, int32_t begin)
{
    mn_session *session = w->session;
    block b = block_at(w, begin, mn_session_at(w->session, session->plan.shared_offset));
    b.tiles_per_task = (b.end - b.begin + TRANSFORM_TASKS - 1) / TRANSFORM_TASKS;
    int32_t tasks = (b.end - b.begin + b.tiles_per_task - 1) / b.tiles_per_task;
    mn_pool_run(session->pool, tasks, input_task, &b);
    mn_pool_run(session->pool, 16, product_task, &b);
    mn_pool_run(session->pool, tasks, output_task, &b);
}

void mn_winograd_run(mn_session *session, const mn_step *step, const float *in, float *out, int32_t count)
{
    const mn_plan *plan = &session->plan;
    const mn_layer *layer = &plan->net->layers[step->first_layer];
    work w = {
        .session = session,
        .step = step,
        .layer = layer,
        .in = in,
        .out = out,
        .in_stride = mn_plan_in_stride(plan, layer),
        .out_stride = plan->pixel_stride[step->last_layer],
        .tiles = mn_winograd_tiles(layer),
        .end = count * mn_winograd_tiles(layer),
        .low = layer->activation == MN_ACTIVATION_NONE ? -INFINITY : 0,
        .high = layer->activation == MN_ACTIVATION_RELU6 ? 6 : INFINITY,
    };
    w.in_image = (size_t)layer->in_height * (size_t)layer->in_width * (size_t)w.in_stride;
    w.out_image = (size_t)layer->out_height * (size_t)layer->out_width * (size_t)w.out_stride;
    if (step->shared_bytes == 0)
        mn_pool_run(session->pool, (w.end + step->rows_per_task - 1) / step->rows_per_task, block_task, &w);
    else
        for (int32_t begin = 0; begin < w.end; begin += step->rows_per_task)
            run_block(&w, begin);
}
