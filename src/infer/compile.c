/* Weights into a session: checked, batch norm folded, packed for the kernels that will read them. */
#include <string.h>

#include "base/status.h"
#include "infer/session_private.h"
#include "net/fold.h"
#include "net/model.h"

/* Whether every float is finite: adding one to the exponent of one that is not carries into the sign bit. Written so
 * that compilers make vectors of it. */
static bool all_finite(const float *values, size_t count)
{
    uint32_t carried = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        carried |= (bits & 0x7f800000u) + 0x00800000u;
    }
    return carried < 0x80000000u;
}

static mn_status check_tensors(const mn_model *model, mn_error *err)
{
    for (int32_t t = 0; t < model->tensor_count; t++) {
        const mn_tensor *tensor = &model->tensors[t];
        if (all_finite(tensor->data, tensor->elements))
            continue;
        size_t i = 0;
        while (all_finite(&tensor->data[i], 1))
            i++;
        return mn_fail(err, MN_ERROR_NUMERIC, "tensor %s has the value %g at element %zu; weights must be finite",
                       tensor->name, (double)tensor->data[i], i);
    }
    return MN_OK;
}

static void pack_depthwise(const mn_layer *layer, const mn_tensor *weight, const float *scale, float *packed)
{
    size_t channels = (size_t)layer->out_channels;
    for (size_t tap = 0; tap < weight->elements; tap += channels)
        for (size_t c = 0; c < channels; c++)
            packed[tap + c] = weight->data[tap + c] * scale[c];
}

static mn_status compile_layer(mn_session *session, const mn_model *model, const mn_layer *layer,
                               const mn_weight_place *place, mn_error *err)
{
    const mn_tensor *weight = mn_model_layer_tensor_const(model, layer, "weight");
    if (!weight)
        return MN_OK;
    const mn_gemm_kernel *gemm = session->plan.kernels->gemm;
    float *scale = mn_session_at(session, session->plan.arena_offset); /* free until the first run */
    float *packed = mn_session_at(session, place->weights);
    mn_status status = mn_fold_layer(model, layer, scale, mn_session_at(session, place->bias), err);
    if (status != MN_OK)
        return status;
    size_t floats = weight->elements;
    if (layer->op == MN_OP_DEPTHWISE) {
        pack_depthwise(layer, weight, scale, packed);
    } else if (mn_winograd_applies(&session->plan, layer)) {
        mn_winograd_pack(gemm, layer, weight->data, scale, packed);
        floats = 16 * mn_packed_floats(gemm, layer->out_channels, layer->in_channels);
    } else {
        int32_t k = (int32_t)(weight->elements / (size_t)layer->out_channels);
        gemm->pack(&(mn_pack_args){.n = layer->out_channels,
                                   .k = k,
                                   .source = weight->data,
                                   .n_stride = k,
                                   .k_stride = 1,
                                   .scale = scale,
                                   .packed = packed});
        floats = mn_packed_floats(gemm, layer->out_channels, k);
    }
    if (!all_finite(packed, floats))
        return mn_fail(err, MN_ERROR_NUMERIC, "tensor %s overflows when it is multiplied by its batch norm's scale",
                       weight->name);
    return MN_OK;
}

mn_status mn_session_compile(mn_session *session, const mn_model *model, mn_error *err)
{
    mn_status status = check_tensors(model, err);
    for (int32_t s = 0; status == MN_OK && s < session->plan.step_count; s++) {
        const mn_step *step = &session->plan.steps[s];
        status = compile_layer(session, model, &model->net.layers[step->first_layer], &step->first, err);
        if (status == MN_OK && step->last_layer != step->first_layer)
            status = compile_layer(session, model, &model->net.layers[step->last_layer], &step->last, err);
    }
    return status;
}
