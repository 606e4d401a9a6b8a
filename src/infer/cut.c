/* How a step's work is cut into tasks: by the layer's shape and the caches, never by the number of threads. Every
 * cut gives the same bits (src/kernels/kernels.h); cuts decide speed only.
 *
 * A gemm task is a block of rows times a group of panels: the rows of A stay in half of L2 while the panels pass by.
 * A convolution's or depthwise's task is a strip of output rows of one image.
 */
#include <stdio.h>

#include "base/cpu.h"
#include "infer/plan.h"

#define TASK_MACS             200000 /* a smaller task is not worth handing to another thread: some 4 microseconds */
#define CONV_PIXELS_MIN       96
#define CONV_COLUMN_PARTS_MAX 4   /* each part pads its strip anew */
#define STRIP_PIXELS_MIN      96  /* rows of a fused product: fewer would load the weights too often */
#define FEW_PIXELS_MIN        32  /* the same where the weights stay in L2 */
#define AGAIN_COLUMNS_MIN     128 /* of a part that computes its depthwise strip anew: 9 steps a value more, of 128 */
#define BLOCK_BYTES_MAX       (4 << 20) /* of the planes that all threads share */
#define TASKS_MAX             16        /* of one image: enough for a fair split among the threads of a small machine */

static int32_t round_up(int64_t value, int32_t unit)
{
    return (int32_t)((value + unit - 1) / unit * unit);
}

static int64_t clamp64(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Parts in which a layer of `macs` multiply-adds an image is worth cutting: an even number, or one. */
static int32_t parts_wanted(int64_t macs)
{
    return (int32_t)clamp64(macs / (2 * TASK_MACS) * 2, 1, TASKS_MAX);
}

/* Units of `whole` a part, for about `parts` parts of at least `least` and at most `most` units; an even number of parts
 * where the limits allow, since odd ones leave a thread of two idle. */
static int32_t units_of_part(int64_t whole, int64_t parts, int64_t least, int64_t most)
{
    int64_t units = clamp64((whole + parts - 1) / parts, least < whole ? least : whole, most > least ? most : least);
    int64_t count = (whole + units - 1) / units;
    if (count > 1 && count % 2 != 0 && (whole + count - 2) / (count - 1) <= most)
        count--;
    return (int32_t)((whole + count - 1) / count);
}

bool mn_plan_weights_fit(const mn_plan *plan, const mn_layer *layer)
{
    return (size_t)mn_layer_get_cost(layer).weights * mn_plan_element_bytes(plan) <= mn_cpu_cache_bytes(2) / 2;
}

static void cut_gemm(const mn_plan *plan, const mn_layer *layer, mn_step *step)
{
    const mn_gemm_kernel *gemm = plan->kernels->gemm;
    int64_t rows = (int64_t)layer->out_height * layer->out_width;
    int64_t l2_rows =
        (int64_t)(mn_cpu_cache_bytes(2) / 2) / ((int64_t)layer->in_channels * (int64_t)mn_plan_element_bytes(plan));
    int64_t most = clamp64(l2_rows, 8 * gemm->tile_rows, INT32_MAX / 2);
    int64_t macs = mn_layer_get_cost(layer).macs;
    int32_t parts = parts_wanted(rows == 1 ? 2 * macs : macs); /* a classifier waits for its weights */
    int64_t row_parts = (rows + most - 1) / most;
    int64_t least = mn_plan_weights_fit(plan, layer) ? FEW_PIXELS_MIN : STRIP_PIXELS_MIN;
    if (rows >= 2 * least && row_parts < parts)
        row_parts = clamp64(parts, row_parts, rows / least);
    if (rows == 1) /* the classifier: all images of a batch share each weight */
        step->rows_per_task = plan->options.batch < 64 ? plan->options.batch : 64;
    else
        step->rows_per_task = round_up((rows + row_parts - 1) / row_parts, gemm->tile_rows);
    int64_t column_parts = row_parts < parts ? (parts + row_parts - 1) / row_parts : 1;
    int32_t columns = layer->out_channels;
    step->columns_per_task = round_up((columns + column_parts - 1) / column_parts, gemm->tile_columns);
    snprintf(step->note, sizeof step->note, "%d row%s x %d columns a task", step->rows_per_task,
             step->rows_per_task == 1 ? "" : "s", step->columns_per_task);
}

/* Few weights: strips of rows. Where the weights outweigh the caches, strips are as high as half of L2 allows, at least
 * CONV_PIXELS_MIN pixels, so that each reading of the weights serves many rows; then the columns are cut. */
static void cut_conv(const mn_plan *plan, const mn_layer *layer, mn_step *step)
{
    int64_t row_bytes =
        (int64_t)mn_plan_padded_width(layer) * layer->in_channels * (int64_t)mn_plan_element_bytes(plan);
    int64_t rows_in_l2 = (int64_t)(mn_cpu_cache_bytes(2) / 2) / row_bytes;
    int64_t least = clamp64((CONV_PIXELS_MIN + layer->out_width - 1) / layer->out_width, 1, layer->out_height);
    int64_t most = clamp64((rows_in_l2 - layer->kernel_height) / layer->stride + 1, least, layer->out_height);
    int64_t parts = parts_wanted(mn_layer_get_cost(layer).macs);
    step->rows_per_task = units_of_part(layer->out_height, parts, least, most);
    int64_t strips = (layer->out_height + step->rows_per_task - 1) / step->rows_per_task;
    int64_t column_parts = clamp64(parts / strips, 1, CONV_COLUMN_PARTS_MAX);
    step->columns_per_task =
        round_up((layer->out_channels + column_parts - 1) / column_parts, plan->kernels->gemm->tile_columns);
    step->scratch_bytes = (uint64_t)mn_plan_padded_rows(layer, step->rows_per_task) * (uint64_t)row_bytes;
    snprintf(step->note, sizeof step->note, "windows of a padded strip, %d output row%s x %d columns a task",
             step->rows_per_task, step->rows_per_task == 1 ? "" : "s", step->columns_per_task);
}

static void cut_stem(const mn_plan *plan, const mn_layer *layer, mn_step *step)
{
    step->rows_per_task =
        units_of_part(layer->out_height, parts_wanted(mn_layer_get_cost(layer).macs), 1, layer->out_height);
    step->scratch_bytes = plan->kernels->stem->scratch_floats(layer->out_width) * sizeof(float);
    snprintf(step->note, sizeof step->note, "lanes are pixels, %d output row%s a task", step->rows_per_task,
             step->rows_per_task == 1 ? "" : "s");
}

/* Weights that stay in L2: blocks whose planes do too, a task each. Others: blocks of all threads, as large as memory
 * should be, so that each reading of the weights serves many tiles. */
static void cut_winograd(const mn_plan *plan, const mn_layer *layer, mn_step *step)
{
    int64_t tile_bytes = (int64_t)mn_winograd_tile_bytes(plan, layer), rows = plan->kernels->gemm->tile_rows;
    int64_t l2_bytes = (int64_t)mn_cpu_cache_bytes(2), tiles = mn_winograd_tiles(layer);
    if ((int64_t)mn_winograd_weight_bytes(plan, layer) <= l2_bytes / 2) {
        int64_t most = clamp64(l2_bytes / 4 / tile_bytes / rows * rows, rows, tiles);
        step->rows_per_task = units_of_part(tiles, parts_wanted(mn_layer_get_cost(layer).macs), rows, most);
        step->scratch_bytes = (uint64_t)(step->rows_per_task * tile_bytes);
    } else {
        tiles *= plan->options.batch;
        int64_t blocks = (tiles * tile_bytes + BLOCK_BYTES_MAX - 1) / BLOCK_BYTES_MAX;
        step->rows_per_task = (int32_t)((tiles + blocks - 1) / blocks);
        step->shared_bytes = (uint64_t)(step->rows_per_task * tile_bytes);
    }
    snprintf(step->note, sizeof step->note, "Winograd F(2x2, 3x3), %d tiles %s", step->rows_per_task,
             step->shared_bytes == 0 ? "a task" : "at once");
}

/* Strips; where there is one, columns, as long as computing the strip again for each part costs little. */
static void cut_separable(const mn_plan *plan, const mn_layer *depthwise, const mn_layer *pointwise, mn_step *step)
{
    int64_t row_bytes = (int64_t)mn_plan_stride(plan, depthwise->out_channels, 2) * depthwise->out_width *
                        (int64_t)mn_plan_element_bytes(plan);
    int64_t rows = depthwise->out_height, most = (int64_t)(mn_cpu_cache_bytes(2) / 2) / row_bytes;
    int64_t pixels = mn_plan_weights_fit(plan, pointwise) ? FEW_PIXELS_MIN : STRIP_PIXELS_MIN;
    int64_t least = (pixels + depthwise->out_width - 1) / depthwise->out_width;
    int64_t parts = parts_wanted(mn_layer_get_cost(depthwise).macs + mn_layer_get_cost(pointwise).macs);
    step->rows_per_task = units_of_part(rows, parts, least, most);
    step->scratch_bytes = (uint64_t)(step->rows_per_task * row_bytes);
    int64_t strips = (rows + step->rows_per_task - 1) / step->rows_per_task, columns = pointwise->out_channels;
    int64_t column_parts = strips == 1 ? clamp64(columns / AGAIN_COLUMNS_MIN, 1, parts) : 1;
    step->columns_per_task = round_up((columns + column_parts - 1) / column_parts, plan->kernels->gemm->tile_columns);
    snprintf(step->note, sizeof step->note, "fused with its depthwise, %d output row%s x %d columns a task",
             step->rows_per_task, step->rows_per_task == 1 ? "" : "s", step->columns_per_task);
}

void mn_plan_cut(const mn_plan *plan, mn_step *step)
{
    const mn_layer *layer = &plan->net->layers[step->first_layer];
    switch (step->kind) {
    case MN_STEP_GEMM:
        cut_gemm(plan, layer, step);
        break;
    case MN_STEP_SEPARABLE:
        cut_separable(plan, layer, &plan->net->layers[step->last_layer], step);
        break;
    case MN_STEP_WINOGRAD:
        cut_winograd(plan, layer, step);
        break;
    case MN_STEP_STEM:
        cut_stem(plan, layer, step);
        break;
    case MN_STEP_CONV:
        cut_conv(plan, layer, step);
        break;
    case MN_STEP_DEPTHWISE: {
        int32_t parts = parts_wanted(4 * mn_layer_get_cost(layer).macs); /* bound by memory, not by arithmetic */
        step->rows_per_task = (layer->out_height + parts - 1) / parts;
        snprintf(step->note, sizeof step->note, "%d output rows a task", step->rows_per_task);
        break;
    }
    case MN_STEP_POOL:
    case MN_STEP_SOFTMAX:
        snprintf(step->note, sizeof step->note, "an image a task");
        break;
    }
}
