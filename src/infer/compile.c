/* Weights into a session: batch norm folded, packed for the kernels that will read them, and found finite.
 *
 * Weights go piece by piece, some panels at a time. Those of a mapped file are read beside the mapping, whose pages then
 * take no memory: no more than a piece of a model is in memory twice.
 */
#include <string.h>

#include "base/status.h"
#include "infer/session_private.h"
#include "net/fold.h"
#include "net/model.h"

/* Whether every float is finite: adding one to the exponent of one that is not carries into the sign bit. Written so
 * that compilers make vectors of it. */
bool mn_all_finite(const float *values, size_t count)
{
    uint32_t carried = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        carried |= (bits & 0x7f800000u) + 0x00800000u;
    }
    return carried < 0x80000000u;
}

bool mn_all_finite_bf16(const mn_bf16 *values, size_t count)
{
    uint32_t carried = 0;
    for (size_t i = 0; i < count; i++)
        carried |= (values[i] & 0x7f80u) + 0x0080u;
    return carried < 0x8000u;
}

/* values: those of the tensor from number `first` on. */
static mn_status check_values(const mn_tensor *tensor, const float *values, size_t first, size_t count, mn_error *err)
{
    if (mn_all_finite(values, count))
        return MN_OK;
    size_t i = 0;
    while (mn_all_finite(&values[i], 1))
        i++;
    return mn_fail(err, MN_ERROR_NUMERIC, "tensor %s has the value %g at element %zu; weights must be finite",
                   tensor->name, (double)values[i], first + i);
}

/* The layer's tensors beside its weights. */
static mn_status check_others(const mn_model *model, const mn_layer *layer, mn_error *err)
{
    static const char *const suffixes[] = {"bias", "bn.gamma", "bn.beta", "bn.mean", "bn.variance"};
    mn_status status = MN_OK;
    for (size_t i = 0; status == MN_OK && i < sizeof suffixes / sizeof *suffixes; i++) {
        const mn_tensor *tensor = mn_model_layer_tensor_const(model, layer, suffixes[i]);
        if (tensor)
            status = check_values(tensor, tensor->data, 0, tensor->elements, err);
    }
    return status;
}

/* Why packed weights are not finite: the weights are not (no scale makes such a one finite), or a product overflowed. */
static mn_status fail_packed(const mn_tensor *weight, const float *values, size_t first, size_t count, mn_error *err)
{
    mn_status status = check_values(weight, values, first, count, err);
    if (status == MN_OK)
        status = mn_fail(
            err, MN_ERROR_NUMERIC,
            "tensor %s overflows when it is packed: multiplied by its batch norm's scale, transformed, or rounded",
            weight->name);
    return status;
}

static mn_status pack_depthwise(const mn_layer *layer, const mn_tensor *weight, const float *scale, float *packed,
                                mn_error *err)
{
    size_t channels = (size_t)layer->out_channels;
    for (size_t tap = 0; tap < weight->elements; tap += channels)
        for (size_t c = 0; c < channels; c++)
            packed[tap + c] = weight->data[tap + c] * scale[c];
    return mn_all_finite(packed, weight->elements) ? MN_OK
                                                   : fail_packed(weight, weight->data, 0, weight->elements, err);
}

#define PIECE_BYTES (128 << 10) /* of weights in the file: stays in L2 while it is packed */

/* Output channels a piece: whole panels. */
static int32_t piece_channels(const mn_gemm_kernel *gemm, const mn_layer *layer, size_t inner)
{
    size_t panel_bytes = (size_t)gemm->tile_columns * inner * sizeof(float);
    size_t panels = panel_bytes < PIECE_BYTES ? PIECE_BYTES / panel_bytes : 1;
    size_t channels = panels * (size_t)gemm->tile_columns;
    return channels < (size_t)layer->out_channels ? (int32_t)channels : layer->out_channels;
}

/* `source`: the weights of `count` output channels from `begin`. */
static bool pack_piece(const mn_plan *plan, const mn_layer *layer, int32_t begin, int32_t count, size_t inner,
                       const float *source, const float *scale, float *packed)
{
    const mn_gemm_kernel *gemm = plan->kernels->gemm;
    if (mn_winograd_applies(plan, layer))
        return mn_winograd_pack(gemm, layer, begin, count, source, scale + begin, packed);
    int32_t segment = layer->kernel_width * layer->in_channels;
    size_t panel = mn_panel_elements(gemm, layer->kernel_height, segment);
    size_t before = (size_t)(begin / gemm->tile_columns) * panel;
    size_t panels = (size_t)((count + gemm->tile_columns - 1) / gemm->tile_columns);
    mn_pack_args args = {.n = count,
                         .k = (int32_t)inner,
                         .segment = segment,
                         .source = source,
                         .n_stride = (ptrdiff_t)inner,
                         .k_stride = 1,
                         .scale = scale + begin,
                         .packed = (void *)((char *)packed + before * mn_panel_element_bytes(gemm))};
    gemm->pack(&args);
    return plan->options.precision == MN_PRECISION_BFLOAT16 ? mn_all_finite_bf16(args.packed16, panels * panel)
                                                            : mn_all_finite(args.packed, panels * panel);
}

/* `buffer` has room for `buffer_floats`; where a piece is longer, it is read where it lies. */
static mn_status pack_panels(const mn_plan *plan, const mn_model *model, const mn_layer *layer, const mn_tensor *weight,
                             const float *scale, float *packed, float *buffer, size_t buffer_floats, mn_error *err)
{
    size_t inner = mn_weight_inner(layer, weight);
    int32_t piece = piece_channels(plan->kernels->gemm, layer, inner);
    mn_status status = MN_OK;
    for (int32_t begin = 0; status == MN_OK && begin < layer->out_channels; begin += piece) {
        int32_t count = layer->out_channels - begin < piece ? layer->out_channels - begin : piece;
        size_t first = (size_t)begin * inner, floats = (size_t)count * inner;
        const float *source = weight->data + first;
        if (floats <= buffer_floats)
            source = mn_model_read(model, source, floats, buffer);
        if (!pack_piece(plan, layer, begin, count, inner, source, scale, packed))
            status = fail_packed(weight, source, first, floats, err);
    }
    return status;
}

static mn_status compile_layer(const mn_session *session, const mn_model *model, const mn_layer *layer,
                               const mn_weight_place *place, mn_error *err)
{
    const mn_tensor *weight = mn_model_layer_tensor_const(model, layer, "weight");
    if (!weight)
        return MN_OK;
    /* Free until the first run: the scale of each channel, and behind it a piece of the weights. */
    float *scale = mn_session_at(session, session->plan.arena_offset);
    float *buffer = scale + mn_plan_align((uint64_t)layer->out_channels * sizeof(float)) / sizeof(float);
    float *end = mn_session_at(session, session->plan.total_bytes);
    float *packed = mn_session_at(session, place->weights);
    mn_status status = check_others(model, layer, err);
    if (status == MN_OK)
        status = mn_fold_layer(model, layer, scale, mn_session_at(session, place->bias), err);
    if (status == MN_OK && layer->op == MN_OP_DEPTHWISE)
        status = pack_depthwise(layer, weight, scale, packed, err);
    else if (status == MN_OK)
        status = pack_panels(&session->plan, model, layer, weight, scale, packed, buffer, (size_t)(end - buffer), err);
    mn_model_forget(model);
    return status;
}

mn_status mn_session_compile(mn_session *session, const mn_model *model, mn_error *err)
{
    mn_status status = MN_OK;
    for (int32_t s = 0; status == MN_OK && s < session->plan.step_count; s++) {
        const mn_step *step = &session->plan.steps[s];
        status = compile_layer(session, model, &model->net.layers[step->first_layer], &step->first, err);
        if (status == MN_OK && step->last_layer != step->first_layer)
            status = compile_layer(session, model, &model->net.layers[step->last_layer], &step->last, err);
    }
    return status;
}
