/* What a TensorFlow Lite file says about how to use it: the quantisation of its input, and the metadata that TFLite's
 * task library defines (metadata_schema.fbs, a flatbuffer "M001" in a buffer; label files in an appended ZIP archive).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/labels.h"
#include "format/tflite.h"
#include "format/zip.h"

#define LABEL_BYTES_MAX (16u << 20)

enum { MODEL_DESCRIPTION = 3, MODEL_METADATA = 6, METADATA_NAME = 0, METADATA_BUFFER = 1 };
enum { META_NAME = 0, META_SUBGRAPHS = 3, META_LICENCE = 5 };
enum { SUBGRAPH_INPUTS = 2, SUBGRAPH_OUTPUTS = 3 };
enum { TENSOR_UNITS = 4, TENSOR_FILES = 6 };
enum { UNIT_TYPE = 0, UNIT_OPTIONS = 1, UNIT_NORMALISATION = 1 };
enum { NORMALISATION_MEAN = 0, NORMALISATION_DEVIATION = 1 };
enum { FILE_NAME = 0, FILE_TYPE = 2, FILE_AXIS_LABELS = 2 };

/* The metadata flatbuffer, its root table absent where there is none. */
typedef struct metadata {
    mn_flatbuffer fb;
    mn_fb_table root;
} metadata;

static mn_status find_metadata(mn_tflite *file, metadata *meta)
{
    mn_flatbuffer *fb = &file->fb;
    mn_fb_vector list = mn_fb_vector_of(fb, file->model, MODEL_METADATA, 4);
    *meta = (metadata){0};
    for (size_t i = 0; fb->status == MN_OK && i < list.count; i++) {
        const uint8_t *data;
        size_t size, offset;
        mn_fb_table entry = mn_fb_at_table(fb, list, i);
        const char *name = mn_fb_string(fb, entry, METADATA_NAME);
        uint32_t buffer = (uint32_t)mn_fb_i32(fb, entry, METADATA_BUFFER, 0);
        if (!name || strcmp(name, "TFLITE_METADATA") != 0)
            continue;
        if (!mn_tflite_buffer(file, buffer, &data, &size, &offset) || !data)
            return fb->status != MN_OK
                       ? fb->status
                       : mn_fail_at(fb->err, MN_ERROR_FORMAT, (int64_t)entry.at, "the metadata lie in buffer %u of %zu",
                                    buffer, file->buffers.count);
        meta->fb = mn_fb_open(data, size, offset, fb->err);
        meta->root = mn_fb_root(&meta->fb, "M001");
        return meta->fb.status;
    }
    return fb->status;
}

/* The description of the only input or output. */
static mn_fb_table tensor_metadata(metadata *meta, int32_t slot)
{
    mn_fb_vector graphs = mn_fb_vector_of(&meta->fb, meta->root, META_SUBGRAPHS, 4);
    if (graphs.count == 0)
        return (mn_fb_table){0};
    mn_fb_vector tensors = mn_fb_vector_of(&meta->fb, mn_fb_at_table(&meta->fb, graphs, 0), slot, 4);
    return tensors.count > 0 ? mn_fb_at_table(&meta->fb, tensors, 0) : (mn_fb_table){0};
}

/* ---- preprocessing ---- */

/* Mean and deviation of the input, in pixel units; one of each, or one a channel. */
static bool find_normalisation(metadata *meta, int32_t channels, mn_preprocess *preprocess)
{
    mn_flatbuffer *fb = &meta->fb;
    mn_fb_vector units = mn_fb_vector_of(fb, tensor_metadata(meta, SUBGRAPH_INPUTS), TENSOR_UNITS, 4);
    for (size_t i = 0; fb->status == MN_OK && i < units.count; i++) {
        mn_fb_table unit = mn_fb_at_table(fb, units, i);
        if (mn_fb_u8(fb, unit, UNIT_TYPE, 0) != UNIT_NORMALISATION)
            continue;
        mn_fb_table options = mn_fb_child(fb, unit, UNIT_OPTIONS);
        mn_fb_vector mean = mn_fb_vector_of(fb, options, NORMALISATION_MEAN, 4);
        mn_fb_vector deviation = mn_fb_vector_of(fb, options, NORMALISATION_DEVIATION, 4);
        size_t wanted = (size_t)channels;
        if ((mean.count != 1 && mean.count != wanted) || (deviation.count != 1 && deviation.count != wanted))
            return false;
        for (int32_t c = 0; c < MN_PREPROCESS_CHANNELS; c++) {
            size_t k = c < channels ? (size_t)c : 0;
            preprocess->mean[c] = mn_fb_at_f32(fb, mean, mean.count > 1 ? k : 0);
            preprocess->standard_deviation[c] = mn_fb_at_f32(fb, deviation, deviation.count > 1 ? k : 0);
        }
        return fb->status == MN_OK;
    }
    return false;
}

/* A byte b stands for scale * (b - zero), zero counted in unsigned bytes: (b - zero) / (1 / scale). */
static bool quantised_normalisation(mn_tflite *file, int32_t tensor, mn_preprocess *preprocess)
{
    double scale, zero;
    if (tensor < 0 || !mn_tflite_scale(file, &file->tensors[tensor], &scale, &zero))
        return false;
    if (file->tensors[tensor].type == MN_TFLITE_INT8)
        zero += 128;
    for (int32_t c = 0; c < MN_PREPROCESS_CHANNELS; c++) {
        preprocess->mean[c] = (float)zero;
        preprocess->standard_deviation[c] = (float)(1 / scale);
    }
    return true;
}

static mn_status set_preprocess(mn_tflite *file, metadata *meta, const mn_tflite_weights *weights, mn_model *model,
                                mn_notes *notes, mn_error *err)
{
    int32_t channels = model->net.arch.channels;
    mn_assumption assumed = mn_assume_preprocess(&model->net.arch);
    mn_preprocess *preprocess = &assumed.preprocess;
    int32_t type = file->tensors[file->input].type;
    bool integer = type == MN_TFLITE_UINT8 || type == MN_TFLITE_INT8;
    int32_t stored = integer ? file->input : weights->first_quantised;
    /* A uint8 input takes the pixels as they are; of others the metadata know better than the range that was stored. */
    bool quantised = type == MN_TFLITE_UINT8 && quantised_normalisation(file, stored, preprocess);
    preprocess->round_to_byte = integer;
    if (!quantised && channels <= MN_PREPROCESS_CHANNELS && find_normalisation(meta, channels, preprocess)) {
        mn_note(notes, "%s (mean and standard deviation are the file's)", assumed.crop);
    } else if (quantised || quantised_normalisation(file, stored, preprocess)) {
        mn_note(notes,
                "%s (the range of the input is that of its quantisation; a network trained on another loses accuracy, "
                "which labelled pictures show)",
                assumed.crop);
    } else {
        mn_note(notes, "%s; %s", assumed.range, assumed.crop);
    }
    if (meta->fb.status != MN_OK)
        return meta->fb.status;
    mn_status status = mn_model_set_preprocess(model, preprocess, err);
    return status == MN_ERROR_ARGUMENT ? mn_fail_prefix(err, MN_ERROR_FORMAT, "preprocessing in the file") : status;
}

/* ---- labels ---- */

/* The file that labels the classes, or NULL. */
static const char *label_file(metadata *meta)
{
    mn_flatbuffer *fb = &meta->fb;
    mn_fb_vector files = mn_fb_vector_of(fb, tensor_metadata(meta, SUBGRAPH_OUTPUTS), TENSOR_FILES, 4);
    for (size_t i = 0; fb->status == MN_OK && i < files.count; i++) {
        mn_fb_table entry = mn_fb_at_table(fb, files, i);
        if (mn_fb_u8(fb, entry, FILE_TYPE, 0) == FILE_AXIS_LABELS)
            return mn_fb_string(fb, entry, FILE_NAME);
    }
    return NULL;
}

static mn_status set_labels(mn_tflite *file, metadata *meta, mn_model *model, mn_error *err)
{
    const mn_reader *bytes = &file->fb.reader;
    const char *name = label_file(meta);
    uint8_t *contents = NULL;
    char **labels = NULL;
    size_t size = 0;
    int32_t count = 0;
    bool found = false;
    if (meta->fb.status != MN_OK || !name)
        return meta->fb.status;
    mn_status status = mn_zip_read(bytes->bytes, bytes->size, name, LABEL_BYTES_MAX, &found, &contents, &size, err);
    if (status != MN_OK || !found)
        return status;
    status = mn_labels_parse(contents, size, &labels, &count, err);
    if (status == MN_OK && count != model->net.arch.classes)
        status = mn_fail(err, MN_ERROR_FORMAT, "%d labels for a network of %d classes", count, model->net.arch.classes);
    if (status == MN_OK)
        status = mn_model_set_labels(model, (const char *const *)labels, count, err);
    free(labels);
    free(contents);
    if (status == MN_ERROR_FORMAT)
        mn_fail_prefix(err, status, name);
    return status;
}

/* ---- the rest ---- */

/* Texts that the file may hold or not: what cannot be an info text is left out. */
static mn_status set_text(mn_model *model, const char *key, const char *text, mn_error *err)
{
    if (!text || !*text)
        return MN_OK;
    mn_status status = mn_model_set_info(model, key, text, err);
    return status == MN_ERROR_ARGUMENT ? MN_OK : status;
}

mn_status mn_tflite_record(mn_tflite *file, const mn_tflite_weights *weights, mn_model *model, mn_notes *notes,
                           mn_error *err)
{
    metadata meta;
    mn_status status = find_metadata(file, &meta);
    if (status == MN_OK)
        status = set_preprocess(file, &meta, weights, model, notes, err);
    if (status == MN_OK)
        status = set_labels(file, &meta, model, err);
    if (status == MN_OK)
        status = mn_assume_labels(model, notes, err);
    if (status != MN_OK)
        return status;
    const char *name = mn_fb_string(&meta.fb, meta.root, META_NAME);
    const char *licence = mn_fb_string(&meta.fb, meta.root, META_LICENCE);
    const char *description = mn_fb_string(&file->fb, file->model, MODEL_DESCRIPTION);
    status = meta.fb.status != MN_OK ? meta.fb.status : file->fb.status;
    if (status == MN_OK)
        status = set_text(model, "name", name, err);
    if (status == MN_OK)
        status = set_text(model, "licence", licence, err);
    if (status == MN_OK)
        status = set_text(model, "converter", description, err);
    return status;
}
