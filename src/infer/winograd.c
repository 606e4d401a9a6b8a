/* Standard 3x3 convolutions of stride 1 by Winograd's algorithm (src/kernels/kernels.h): 16 products an output tile of
 * four in place of 36, so 2.25 times fewer multiply-adds; weights take 16/9 of their memory.
 *
 * An image goes through in bands of tile rows, a band's planes staying in L3:
 *     input transform, tasks of tile rows | 16 products, a plane a task | output transform, tasks of tile rows
 */
#include <math.h>
#include <string.h>

#include "infer/session_private.h"

#define BAND_BYTES     (4 << 20)
#define BLOCK_CHANNELS 8  /* input channels whose filters are transformed together */
#define COLUMNS_MAX    64 /* the widest panel of any level */
#define LANES          8  /* filters that are transformed side by side: divides every panel's width */

static int32_t half(int32_t extent)
{
    return extent / 2 + extent % 2;
}

/* Maps of few tiles would wait for their weights, which are 16/9 of a direct convolution's. */
bool mn_winograd_applies(const mn_plan *plan, const mn_layer *layer)
{
    return plan->kernels->winograd && plan->kernels->gemm->tile_columns <= COLUMNS_MAX && layer->op == MN_OP_CONV &&
           layer->stride == 1 && layer->kernel_height == 3 && layer->kernel_width == 3 && layer->in_channels >= 16 &&
           layer->out_channels >= 16 &&
           half(layer->out_height) * half(layer->out_width) >= 2 * plan->kernels->gemm->tile_rows;
}

uint64_t mn_winograd_weight_bytes(const mn_plan *plan, const mn_layer *layer)
{
    return 16 * (uint64_t)mn_packed_floats(plan->kernels->gemm, layer->out_channels, layer->in_channels) *
           sizeof(float);
}

void mn_winograd_cut(const mn_plan *plan, const mn_layer *layer, mn_step *step)
{
    (void)plan;
    uint64_t row_bytes = 16 * (uint64_t)half(layer->out_width) *
                         ((uint64_t)layer->in_channels + (uint64_t)layer->out_channels) * sizeof(float);
    uint64_t rows = row_bytes < BAND_BYTES ? BAND_BYTES / row_bytes : 1;
    int32_t all = half(layer->out_height);
    int32_t bands = (int32_t)(((uint64_t)all + rows - 1) / rows);
    step->rows_per_task = (all + bands - 1) / bands;
    step->shared_bytes = (uint64_t)step->rows_per_task * row_bytes;
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

/* A band of one image. */
typedef struct band {
    const mn_session *session;
    const mn_step *step;
    const mn_layer *layer;
    const float *in;
    float *out, *planes, *products;
    int32_t in_stride, out_stride;
    int32_t row, rows, across; /* of tiles */
    int32_t rows_per_task;
    float low, high;
} band;

static mn_winograd_args rows_of_task(const band *b, int32_t task, int32_t channels)
{
    int32_t begin = task * b->rows_per_task;
    int32_t end = begin + b->rows_per_task < b->rows ? begin + b->rows_per_task : b->rows;
    return (mn_winograd_args){.channels = channels,
                              .tiles_across = b->across,
                              .row_begin = b->row + begin,
                              .row_end = b->row + end,
                              .plane_stride = (size_t)b->rows * (size_t)b->across * (size_t)channels};
}

static void input_task(void *context, int32_t task, int32_t worker)
{
    (void)worker;
    const band *b = context;
    mn_winograd_args args = rows_of_task(b, task, b->layer->in_channels);
    args.height = b->layer->in_height;
    args.width = b->layer->in_width;
    args.pad_top = b->layer->pad_top;
    args.pad_left = b->layer->pad_left;
    args.stride = b->in_stride;
    args.in = b->in;
    args.out = b->planes + (size_t)(args.row_begin - b->row) * (size_t)b->across * (size_t)args.channels;
    b->session->plan.kernels->winograd->input(&args);
}

static void product_task(void *context, int32_t task, int32_t worker)
{
    (void)worker;
    const band *b = context;
    const mn_gemm_kernel *gemm = b->session->plan.kernels->gemm;
    int32_t ic = b->layer->in_channels, oc = b->layer->out_channels, tiles = b->rows * b->across;
    const float *weights = mn_session_at(b->session, b->step->first.weights);
    mn_gemm_args args =
        mn_gemm_plain(tiles, oc, ic, b->planes + (size_t)task * (size_t)tiles * (size_t)ic,
                      weights + (size_t)task * mn_packed_floats(gemm, oc, ic), (size_t)gemm->tile_columns * (size_t)ic,
                      b->products + (size_t)task * (size_t)tiles * (size_t)oc);
    gemm->run(&args);
}

static void output_task(void *context, int32_t task, int32_t worker)
{
    (void)worker;
    const band *b = context;
    mn_winograd_args args = rows_of_task(b, task, b->layer->out_channels);
    args.height = b->layer->out_height;
    args.width = b->layer->out_width;
    args.stride = b->out_stride;
    args.in = b->products + (size_t)(args.row_begin - b->row) * (size_t)b->across * (size_t)args.channels;
    args.out = b->out;
    args.bias = mn_session_at(b->session, b->step->first.bias);
    args.low = b->low;
    args.high = b->high;
    b->session->plan.kernels->winograd->output(&args);
}

void mn_winograd_run(mn_session *session, const mn_step *step, const float *in, float *out)
{
    const mn_plan *plan = &session->plan;
    const mn_layer *layer = &plan->net->layers[step->first_layer];
    band b = {
        .session = session,
        .step = step,
        .layer = layer,
        .in = in,
        .out = out,
        .planes = mn_session_at(session, plan->shared_offset),
        .in_stride = mn_plan_in_stride(plan, layer),
        .out_stride = plan->pixel_stride[step->last_layer],
        .across = half(layer->out_width),
        .low = layer->activation == MN_ACTIVATION_NONE ? -INFINITY : 0,
        .high = layer->activation == MN_ACTIVATION_RELU6 ? 6 : INFINITY,
    };
    int32_t all = half(layer->out_height);
    for (b.row = 0; b.row < all; b.row += step->rows_per_task) {
        b.rows = all - b.row < step->rows_per_task ? all - b.row : step->rows_per_task;
        b.products = b.planes + 16 * (size_t)b.rows * (size_t)b.across * (size_t)layer->in_channels;
        b.rows_per_task = (b.rows + 7) / 8;
        int32_t tasks = (b.rows + b.rows_per_task - 1) / b.rows_per_task;
        mn_pool_run(session->pool, tasks, input_task, &b);
        mn_pool_run(session->pool, 16, product_task, &b);
        mn_pool_run(session->pool, tasks, output_task, &b);
    }
}
