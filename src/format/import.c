/* Opens a model file of any known kind: the kinds in one table, found by looking at the bytes. */
#include "mobilenet/import.h"

#include "base/file.h"
#include "base/reader.h"
#include "base/status.h"
#include "format/readers.h"

static bool native_probe(const uint8_t *bytes, size_t size)
{
    const mn_reader reader = {bytes, size};
    uint64_t length;
    uint8_t brace;
    return mn_reader_u64(&reader, 0, &length) && mn_reader_u8(&reader, 8, &brace) && length <= size - 8 && brace == '{';
}

static mn_status native_read(const uint8_t *bytes, size_t size, mn_model **model, mn_error *err)
{
    return mn_model_load_memory(bytes, size, model, err);
}

static const struct {
    const char *name;
    bool (*probe)(const uint8_t *bytes, size_t size);
    mn_status (*read)(const uint8_t *bytes, size_t size, mn_model **model, mn_error *err);
} formats[] = {
    {"native", native_probe, native_read},
    {"tflite", mn_tflite_probe, mn_tflite_read},
    {"keras", mn_keras_probe, mn_keras_read},
};
#define FORMAT_COUNT  ((int32_t)(sizeof formats / sizeof *formats))
#define FORMAT_NATIVE 0

const char *mn_import_format_name(int32_t k)
{
    return k >= 0 && k < FORMAT_COUNT ? formats[k].name : NULL;
}

static mn_status find_format(const uint8_t *bytes, size_t size, int32_t *format, mn_error *err)
{
    for (*format = 0; *format < FORMAT_COUNT; ++*format)
        if (formats[*format].probe(bytes, size))
            return MN_OK;
    return mn_fail_at(
        err, MN_ERROR_FORMAT, 0,
        "%zu bytes that are no model file known here: native (safetensors), TensorFlow Lite or Keras (.h5, .keras)",
        size);
}

mn_status mn_model_import_memory(const void *bytes, size_t size, const char *name, mn_model **model, mn_error *err)
{
    int32_t format;
    mn_status status = find_format(bytes, size, &format, err);
    if (status == MN_OK)
        status = formats[format].read(bytes, size, model, err);
    return status == MN_OK ? MN_OK : mn_fail_prefix(err, status, name ? name : "model");
}

mn_status mn_model_import(const char *path, mn_model **model, mn_error *err)
{
    mn_mapping file;
    int32_t format;
    mn_status status = mn_file_map(path, &file, err);
    if (status != MN_OK)
        return status;
    status = find_format(file.bytes, file.size, &format, err);
    if (status == MN_OK && format == FORMAT_NATIVE) {
        mn_file_unmap(&file);
        return mn_model_load(path, model, err); /* maps the file for the model's life */
    }
    if (status == MN_OK)
        status = formats[format].read(file.bytes, file.size, model, err);
    mn_file_unmap(&file);
    return status == MN_OK ? MN_OK : mn_fail_prefix(err, status, path);
}
