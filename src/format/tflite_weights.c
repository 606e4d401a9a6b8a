/* Stored numbers of a TensorFlow Lite file to float: float32, float16, and integers with their scales. */
#include <math.h>
#include <stdint.h>

#include "base/alloc.h"
#include "format/half.h"
#include "format/tflite.h"

static size_t type_bytes(int32_t type)
{
    switch (type) {
    case MN_TFLITE_FLOAT32:
    case MN_TFLITE_INT32:
        return 4;
    case MN_TFLITE_FLOAT16:
        return 2;
    case MN_TFLITE_UINT8:
    case MN_TFLITE_INT8:
        return 1;
    default:
        return 0;
    }
}

static int32_t stored_integer(const mn_reader *reader, int32_t type, size_t i)
{
    uint8_t byte = 0;
    int32_t wide = 0;
    if (type == MN_TFLITE_INT32) {
        mn_reader_i32(reader, 4 * i, &wide);
        return wide;
    }
    mn_reader_u8(reader, i, &byte);
    return type == MN_TFLITE_INT8 ? (int8_t)byte : byte;
}

/* Scales by which element i is multiplied: number (i / inner) % count. */
typedef struct scales {
    size_t count, inner;
} scales;

static mn_status find_scales(const mn_tflite_tensor *tensor, size_t elements, scales *result, mn_error *err)
{
    const mn_tflite_quantisation *q = &tensor->quantisation;
    if (q->scale.count == 0)
        return mn_fail_at(err, MN_ERROR_UNSUPPORTED, (int64_t)tensor->data_offset,
                          "tensor '%.60s' holds integers without a scale", tensor->name);
    if (q->zero_point.count != 0 && q->zero_point.count != q->scale.count)
        return mn_fail(err, MN_ERROR_FORMAT, "tensor '%.60s' has %zu scales and %zu zero points", tensor->name,
                       q->scale.count, q->zero_point.count);
    *result = (scales){q->scale.count, 1};
    if (q->scale.count == 1)
        return MN_OK;
    /* Some writers give one-dimensional biases the dimension of their weights: there is but one it can mean. */
    int32_t dimension = tensor->rank == 1 ? 0 : q->dimension;
    if (dimension < 0 || dimension >= tensor->rank || (size_t)tensor->shape[dimension] != q->scale.count)
        return mn_fail(err, MN_ERROR_FORMAT, "tensor '%.60s' has %zu scales along dimension %d, which has another size",
                       tensor->name, q->scale.count, dimension);
    bool fits = true;
    for (int32_t i = dimension + 1; i < tensor->rank; i++)
        fits = fits && tensor->shape[i] > 0 && mn_size_mul(result->inner, (size_t)tensor->shape[i], &result->inner);
    if (!fits || elements % result->inner != 0)
        return mn_fail(err, MN_ERROR_FORMAT, "tensor '%.60s' has an impossible shape", tensor->name);
    return MN_OK;
}

static mn_status dequantise(mn_tflite *file, const mn_tflite_tensor *tensor, size_t elements, float *values,
                            mn_error *err)
{
    const mn_reader reader = {tensor->data, tensor->data_bytes};
    const mn_tflite_quantisation *q = &tensor->quantisation;
    scales layout;
    mn_status status = find_scales(tensor, elements, &layout, err);
    if (status != MN_OK)
        return status;
    for (size_t k = 0; k < layout.count; k++) {
        float scale = mn_fb_at_f32(&file->fb, q->scale, k);
        if (!(scale > 0) || !isfinite(scale))
            return mn_fail(err, MN_ERROR_FORMAT, "tensor '%.60s' has scale %g for channel %zu; it must be above 0",
                           tensor->name, (double)scale, k);
    }
    for (size_t i = 0; i < elements; i++) {
        size_t k = i / layout.inner % layout.count;
        int64_t zero = q->zero_point.count ? mn_fb_at_i64(&file->fb, q->zero_point, k) : 0;
        double difference = (double)stored_integer(&reader, tensor->type, i) - (double)zero;
        values[i] = (float)(difference * (double)mn_fb_at_f32(&file->fb, q->scale, k));
    }
    return MN_OK;
}

mn_status mn_tflite_dequantise(mn_tflite *file, int32_t index, size_t elements, float *values, mn_error *err)
{
    const mn_tflite_tensor *tensor = &file->tensors[index];
    size_t bytes = type_bytes(tensor->type);
    if (!tensor->data)
        return mn_fail(err, MN_ERROR_UNSUPPORTED, "tensor %d '%.60s' holds weights, but is not a constant", index,
                       tensor->name);
    if (bytes == 0)
        return mn_fail_at(err, MN_ERROR_UNSUPPORTED, (int64_t)tensor->data_offset,
                          "tensor %d '%.60s' has type number %d; float32, float16, int8, uint8 and int32 are read",
                          index, tensor->name, tensor->type);
    if (elements > SIZE_MAX / bytes || tensor->data_bytes != elements * bytes)
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)tensor->data_offset,
                          "tensor %d '%.60s' has %zu bytes, %zu elements of %zu bytes are wanted", index, tensor->name,
                          tensor->data_bytes, elements, bytes);
    const mn_reader reader = {tensor->data, tensor->data_bytes};
    for (size_t i = 0; tensor->type == MN_TFLITE_FLOAT32 && i < elements; i++)
        mn_reader_f32(&reader, 4 * i, &values[i]);
    for (size_t i = 0; tensor->type == MN_TFLITE_FLOAT16 && i < elements; i++) {
        uint16_t half = 0;
        mn_reader_u16(&reader, 2 * i, &half);
        values[i] = mn_float_from_f16(half);
    }
    if (tensor->type == MN_TFLITE_FLOAT32 || tensor->type == MN_TFLITE_FLOAT16)
        return MN_OK;
    return dequantise(file, tensor, elements, values, err);
}

bool mn_tflite_scale(mn_tflite *file, const mn_tflite_tensor *tensor, double *scale, double *zero_point)
{
    const mn_tflite_quantisation *q = &tensor->quantisation;
    if ((tensor->type != MN_TFLITE_UINT8 && tensor->type != MN_TFLITE_INT8) || q->scale.count != 1)
        return false;
    *scale = (double)mn_fb_at_f32(&file->fb, q->scale, 0);
    *zero_point = q->zero_point.count ? (double)mn_fb_at_i64(&file->fb, q->zero_point, 0) : 0;
    return *scale > 0 && isfinite(*scale) && fabs(*zero_point) <= 255;
}

bool mn_tflite_range(mn_tflite *file, const mn_tflite_tensor *tensor, double *low, double *high)
{
    double scale, zero_point;
    if (!mn_tflite_scale(file, tensor, &scale, &zero_point))
        return false;
    double first = tensor->type == MN_TFLITE_INT8 ? -128 : 0;
    *low = scale * (first - zero_point);
    *high = scale * (first + 255 - zero_point);
    return true;
}
