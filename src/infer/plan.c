/* From a net and options to steps and sizes. Everything that decides memory is decided here. */
#include "infer/plan.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/status.h"

uint64_t mn_plan_align(uint64_t bytes)
{
    return (bytes + MN_ALIGNMENT - 1) / MN_ALIGNMENT * MN_ALIGNMENT;
}

int32_t mn_plan_padded_width(const mn_layer *layer)
{
    return (layer->out_width - 1) * layer->stride + layer->kernel_width;
}

int32_t mn_plan_padded_rows(const mn_layer *layer, int32_t rows)
{
    return (rows - 1) * layer->stride + layer->kernel_height;
}

size_t mn_plan_element_bytes(const mn_plan *plan)
{
    return plan->options.precision == MN_PRECISION_BFLOAT16 ? sizeof(mn_bf16) : sizeof(float);
}

size_t mn_plan_output_bytes(const mn_plan *plan, const mn_layer *layer)
{
    bool wide = layer->op == MN_OP_CLASSIFIER || layer->op == MN_OP_SOFTMAX;
    return wide ? sizeof(float) : mn_plan_element_bytes(plan);
}

/* Pixels a large power of two apart would fall into the same few sets of the L1 cache: such maps get a gap of one
 * cache line a pixel. */
int32_t mn_plan_stride(const mn_plan *plan, int32_t channels, int64_t pixels)
{
    size_t bytes = mn_plan_element_bytes(plan);
    bool gap = (size_t)channels * bytes % 1024 == 0 && pixels > 1;
    return channels + (gap ? (int32_t)(MN_ALIGNMENT / bytes) : 0);
}

int32_t mn_plan_in_stride(const mn_plan *plan, const mn_layer *layer)
{
    return layer->input < 0 ? layer->in_channels : plan->pixel_stride[layer->input];
}

mn_session_options mn_session_options_default(void)
{
    return (mn_session_options){.batch = 1, .max_level = MN_CPU_LEVEL_COUNT - 1};
}

static mn_status resolve(const mn_session_options *options, mn_session_options *resolved, mn_error *err)
{
    mn_session_options o = options ? *options : mn_session_options_default();
    if (o.batch == 0)
        o.batch = 1;
    if (o.batch < 1 || o.batch > 4096)
        return mn_fail(err, MN_ERROR_ARGUMENT, "batch is %d, must be 1 to 4096 (0 means 1)", o.batch);
    if (o.threads == 0)
        o.threads = mn_cpu_count() < 256 ? mn_cpu_count() : 256;
    if (o.threads < 1 || o.threads > 256)
        return mn_fail(err, MN_ERROR_ARGUMENT, "threads is %d, must be 1 to 256 (0 means all)", o.threads);
    if ((unsigned)o.max_level >= MN_CPU_LEVEL_COUNT)
        return mn_fail(err, MN_ERROR_ARGUMENT, "max_level is %d, must be 0 to %d", (int)o.max_level,
                       MN_CPU_LEVEL_COUNT - 1);
    mn_cpu_level best = mn_cpu_best_level();
    o.max_level = mn_kernels_cap(o.max_level < best ? o.max_level : best);
    if ((unsigned)o.precision > MN_PRECISION_BFLOAT16)
        return mn_fail(err, MN_ERROR_ARGUMENT, "precision is %d, must be 0 (float32) or 1 (bfloat16)",
                       (int)o.precision);
    if (!mn_kernels_serve(o.max_level, o.precision))
        return mn_fail(err, MN_ERROR_UNSUPPORTED,
                       "bfloat16 needs a processor with AVX512_BF16; this session's level is %s (the level reference "
                       "computes in bfloat16 on any processor, slowly)",
                       mn_cpu_level_name(o.max_level));
    *resolved = o;
    return MN_OK;
}

/* Pixels are counted in int32_t while running. */
static mn_status check_extent(const mn_net *net, int32_t batch, mn_error *err)
{
    for (int32_t i = 0; i < net->layer_count; i++) {
        const mn_layer *layer = &net->layers[i];
        int64_t in = (int64_t)layer->in_height * layer->in_width, out = (int64_t)layer->out_height * layer->out_width;
        int64_t most = in > out ? in : out;
        if (most * batch > INT32_MAX)
            return mn_fail(err, MN_ERROR_LIMIT,
                           "layer %s has %lld pixels in a batch of %d, at most 2147483647 are handled", layer->name,
                           (long long)(most * batch), batch);
    }
    return MN_OK;
}

static bool stem_applies(const mn_plan *plan, const mn_layer *layer)
{
    const mn_stem_kernel *stem = plan->kernels->stem;
    return stem && layer->input < 0 && layer->kernel_height == 3 && layer->kernel_width == 3 && layer->stride == 2 &&
           layer->in_channels == 3 && layer->out_channels <= stem->channels_max;
}

static mn_step_kind kind_of(const mn_plan *plan, const mn_layer *layer)
{
    switch (layer->op) {
    case MN_OP_CONV:
        return stem_applies(plan, layer)          ? MN_STEP_STEM
               : mn_winograd_applies(plan, layer) ? MN_STEP_WINOGRAD
                                                  : MN_STEP_CONV;
    case MN_OP_DEPTHWISE:
        return MN_STEP_DEPTHWISE;
    case MN_OP_POOL:
        return MN_STEP_POOL;
    case MN_OP_SOFTMAX:
        return MN_STEP_SOFTMAX;
    case MN_OP_POINTWISE:
    case MN_OP_CLASSIFIER:
        break;
    }
    return MN_STEP_GEMM;
}

static void name_kernel(const mn_plan *plan, mn_step *step)
{
    const mn_kernels *kernels = plan->kernels;
    const mn_layer *layer = &plan->net->layers[step->first_layer];
    switch (step->kind) {
    case MN_STEP_CONV:
    case MN_STEP_GEMM:
        step->kernel = kernels->gemm->name;
        break;
    case MN_STEP_STEM:
        step->kernel = kernels->stem->name;
        break;
    case MN_STEP_WINOGRAD:
        step->kernel = kernels->winograd->name;
        break;
    case MN_STEP_DEPTHWISE:
        step->kernel = mn_kernels_dwconv(kernels, layer->kernel_height, layer->kernel_width, layer->stride)->name;
        break;
    case MN_STEP_SEPARABLE:
        step->kernel = kernels->gemm->name; /* nearly all of its time */
        break;
    case MN_STEP_POOL:
        step->kernel = kernels->pool->name;
        break;
    case MN_STEP_SOFTMAX:
        step->kernel = kernels->softmax->name;
        break;
    }
}

/* Bytes of a layer's weights as the kernels read them; 0 where it has none. */
static uint64_t weight_bytes(const mn_plan *plan, const mn_layer *layer)
{
    uint64_t k = (uint64_t)layer->kernel_height * (uint64_t)layer->kernel_width;
    if (mn_winograd_applies(plan, layer))
        return mn_winograd_weight_bytes(plan, layer);
    switch (layer->op) {
    case MN_OP_DEPTHWISE:
        return k * (uint64_t)layer->out_channels * sizeof(float);
    case MN_OP_CONV:
    case MN_OP_POINTWISE:
    case MN_OP_CLASSIFIER: {
        const mn_gemm_kernel *gemm = plan->kernels->gemm;
        uint64_t columns = (uint64_t)gemm->tile_columns;
        uint64_t panels = ((uint64_t)layer->out_channels + columns - 1) / columns;
        return panels * mn_panel_element_bytes(gemm) *
               mn_panel_elements(gemm, layer->kernel_height, layer->kernel_width * layer->in_channels);
    }
    case MN_OP_POOL:
    case MN_OP_SOFTMAX:
        break;
    }
    return 0;
}

static uint64_t place_weights(const mn_plan *plan, const mn_layer *layer, mn_weight_place *place, uint64_t offset)
{
    uint64_t bytes = weight_bytes(plan, layer);
    if (bytes == 0)
        return offset;
    place->weights = offset;
    offset = mn_plan_align(offset + bytes);
    place->bias = offset;
    return mn_plan_align(offset + (uint64_t)layer->out_channels * sizeof(float));
}

/* Whether a depthwise layer and the pointwise after it are run strip by strip, the strip staying in the cache. Small maps
 * make strips too short to feed a product whose weights do not fit in L2 (docs/performance.md). */
#define FUSED_PIXELS_MIN 96

static bool fuses(const mn_plan *plan, int32_t i)
{
    const mn_net *net = plan->net;
    const mn_layer *layer = &net->layers[i];
    if (plan->options.keep_layers || layer->op != MN_OP_DEPTHWISE || i + 1 >= net->layer_count ||
        (layer->out_height * layer->out_width < FUSED_PIXELS_MIN && !mn_plan_weights_fit(plan, &net->layers[i + 1])))
        return false;
    for (int32_t j = i + 2; j < net->layer_count; j++)
        if (net->layers[j].input == i)
            return false;
    return net->layers[i + 1].op == MN_OP_POINTWISE && net->layers[i + 1].input == i;
}

static void list_steps(mn_plan *plan)
{
    const mn_net *net = plan->net;
    for (int32_t i = 0; i < net->layer_count; i++) {
        mn_step *step = &plan->steps[plan->step_count++];
        step->kind = kind_of(plan, &net->layers[i]);
        step->first_layer = i;
        if (fuses(plan, i)) {
            step->kind = MN_STEP_SEPARABLE;
            i++;
        }
        step->last_layer = i;
    }
    for (int32_t i = 0; i < net->layer_count; i++) {
        const mn_layer *layer = &net->layers[i];
        plan->pixel_stride[i] =
            plan->options.keep_layers
                ? layer->out_channels
                : mn_plan_stride(plan, layer->out_channels, (int64_t)layer->out_height * layer->out_width);
    }
}

/* Early layers have large maps and few weights: a batch goes through them image by image, so that maps stay in the
 * caches and take memory once. From the first layer on whose weights outweigh an image's maps, the images of a batch
 * share each reading of the weights. */
static int32_t count_single_steps(const mn_plan *plan)
{
    if (plan->options.keep_layers || plan->options.batch == 1)
        return 0;
    int32_t s = 0;
    for (; s + 1 < plan->step_count; s++) {
        const mn_layer *layer = &plan->net->layers[plan->steps[s].last_layer];
        int64_t in = (int64_t)layer->in_height * layer->in_width * layer->in_channels;
        int64_t out = (int64_t)layer->out_height * layer->out_width * layer->out_channels;
        if (mn_layer_get_cost(layer).weights > 2 * (in + out))
            break;
    }
    /* What is read on both sides of the border must be the border's own map. */
    for (int32_t t = s; t < plan->step_count; t++)
        if (s > 0 && plan->net->layers[plan->steps[t].first_layer].input < plan->steps[s - 1].last_layer)
            return 0;
    return s;
}

int32_t mn_plan_images(const mn_plan *plan, int32_t s)
{
    return s < plan->single_steps - 1 ? 1 : plan->options.batch;
}

static uint64_t max64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

mn_status mn_plan_make(const mn_net *net, const mn_session_options *options, uint64_t head_bytes, mn_plan *p,
                       mn_error *err)
{
    mn_session_options resolved;
    mn_status status = resolve(options, &resolved, err);
    if (status == MN_OK)
        status = check_extent(net, resolved.batch, err);
    if (status != MN_OK)
        return status;
    *p = (mn_plan){.net = net, .options = resolved};
    p->kernels = mn_kernels_get(p->options.max_level, p->options.precision);
    list_steps(p);
    p->single_steps = count_single_steps(p);
    uint64_t offset = p->weights_offset = mn_plan_align(head_bytes), widest = 0, shared = 0;
    for (int32_t i = 0; i < p->step_count; i++) {
        mn_step *step = &p->steps[i];
        const mn_layer *first = &net->layers[step->first_layer], *last = &net->layers[step->last_layer];
        offset = place_weights(p, first, &step->first, offset);
        step->last = step->first;
        if (last != first)
            offset = place_weights(p, last, &step->last, offset);
        name_kernel(p, step);
        mn_plan_cut(p, step);
        p->scratch_stride = max64(p->scratch_stride, step->scratch_bytes);
        shared = max64(shared, step->shared_bytes);
        widest = max64(widest, max64((uint64_t)first->out_channels, (uint64_t)last->out_channels) * sizeof(float));
    }
    p->arena_offset = offset;
    uint64_t arena = mn_plan_place(p);
    if (arena < mn_plan_align(widest))
        arena = mn_plan_align(widest); /* compiling borrows it for the scales of a layer */
    p->scratch_offset = p->arena_offset + arena;
    p->scratch_stride = mn_plan_align(p->scratch_stride);
    p->shared_offset = p->scratch_offset + p->scratch_stride * (uint64_t)p->options.threads;
    p->total_bytes = p->shared_offset + mn_plan_align(shared);
    for (int32_t i = 0; p->options.keep_layers && i < net->layer_count; i++) {
        const mn_layer *layer = &net->layers[i];
        p->kept[i] = p->arena_offset + p->buffer[i];
        if (mn_plan_output_bytes(p, layer) == sizeof(float))
            continue;
        p->kept[i] = p->total_bytes;
        p->total_bytes += mn_plan_align((uint64_t)p->options.batch * (uint64_t)layer->out_height *
                                        (uint64_t)layer->out_width * (uint64_t)layer->out_channels * sizeof(float));
    }
    if (p->total_bytes > SIZE_MAX / 2)
        return mn_fail(err, MN_ERROR_LIMIT, "a session would take %llu bytes", (unsigned long long)p->total_bytes);
    return MN_OK;
}
