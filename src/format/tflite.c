/* The TensorFlow Lite reader: a file of a MobileNet V1, float or integer, to a float model with folded batch norm. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/status.h"
#include "format/readers.h"
#include "format/tflite.h"

/* [KH, KW, OC] to [OC, KH, KW, 1]. */
static mn_status read_transposed(mn_tflite *file, int32_t index, mn_tensor *tensor, mn_error *err)
{
    size_t channels = (size_t)tensor->shape[0], taps = tensor->elements / channels;
    float *stored = mn_calloc(tensor->elements, sizeof *stored);
    if (!stored)
        return mn_fail_memory(err, tensor->elements * sizeof *stored, "weights");
    mn_status status = mn_tflite_dequantise(file, index, tensor->elements, stored, err);
    for (size_t i = 0; status == MN_OK && i < tensor->elements; i++)
        tensor->data[i % channels * taps + i / channels] = stored[i];
    free(stored);
    return status;
}

static mn_status fill(mn_tflite *file, const mn_tflite_weights *weights, mn_model *model, mn_error *err)
{
    mn_status status = MN_OK;
    int32_t k = 0;
    for (int32_t i = 0; status == MN_OK && i < model->net.layer_count; i++) {
        const mn_layer *layer = &model->net.layers[i];
        mn_tensor *weight = mn_model_layer_tensor(model, layer, "weight");
        mn_tensor *bias = mn_model_layer_tensor(model, layer, "bias");
        if (!weight || !bias)
            continue;
        status = weights->transposed[k]
                     ? read_transposed(file, weights->weight[k], weight, err)
                     : mn_tflite_dequantise(file, weights->weight[k], weight->elements, weight->data, err);
        if (status == MN_OK && weights->bias[k] >= 0) /* without one it stays zero */
            status = mn_tflite_dequantise(file, weights->bias[k], bias->elements, bias->data, err);
        if (status != MN_OK)
            mn_fail_prefix(err, status, layer->name);
        k++;
    }
    return status;
}

/* Every stored weight must be there in full before a model of that size is allocated. */
static mn_status check_sizes(const mn_tflite *file, const mn_tflite_weights *weights, const mn_arch *arch,
                             mn_error *err)
{
    mn_net net;
    int32_t k = 0;
    uint64_t wanted = 0;
    mn_status status = mn_net_build(arch, &net, err);
    for (int32_t i = 0; status == MN_OK && i < net.layer_count; i++) {
        mn_cost cost = mn_layer_get_cost(&net.layers[i]);
        if (cost.weights == 0)
            continue;
        const mn_tflite_tensor *tensor = &file->tensors[weights->weight[k++]];
        if (tensor->data_bytes < (uint64_t)cost.weights)
            status = mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)tensor->data_offset,
                                "%s: %lld weights are wanted, the file holds %zu bytes", net.layers[i].name,
                                (long long)cost.weights, tensor->data_bytes);
        wanted += (uint64_t)cost.weights;
    }
    if (status == MN_OK && wanted > file->fb.reader.size) /* layers that share their bytes */
        status = mn_fail(err, MN_ERROR_UNSUPPORTED, "%llu weights are wanted, the file has %zu bytes",
                         (unsigned long long)wanted, file->fb.reader.size);
    return status;
}

bool mn_tflite_probe(const uint8_t *bytes, size_t size)
{
    return size >= 8 && bytes[4] == 'T' && bytes[5] == 'F' && bytes[6] == 'L' && bytes[7] == '3';
}

mn_status mn_tflite_read(const uint8_t *bytes, size_t size, mn_model **model, mn_error *err)
{
    mn_tflite file = {0};
    mn_found found = {0};
    mn_tflite_weights weights = {0};
    mn_notes notes = {{0}};
    mn_arch arch;
    mn_model *result = NULL;
    mn_status status = mn_tflite_open(bytes, size, &file, err);
    if (status != MN_OK)
        return status;
    if ((status = mn_tflite_walk(&file, &found, &weights, &notes, err)) != MN_OK ||
        (status = mn_match_arch(&found, &arch, err)) != MN_OK ||
        (status = check_sizes(&file, &weights, &arch, err)) != MN_OK ||
        (status = mn_model_create(&arch, &result, err)) != MN_OK ||
        (status = fill(&file, &weights, result, err)) != MN_OK ||
        (status = mn_tflite_record(&file, &weights, result, &notes, err)) != MN_OK)
        goto done;
    if (weights.first_quantised >= 0)
        mn_note(&notes, "integer weights were turned into float32; the file's integer arithmetic is not used");
    status = mn_model_set_info(result, "assumed", notes.text, err);
done:
    mn_tflite_close(&file);
    if (status == MN_OK)
        *model = result;
    else
        mn_model_destroy(result);
    return status;
}
