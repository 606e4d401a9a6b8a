#include "format/native_record.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "format/json_guard.h"

#define KEY_VERSION    "mobilenet.version"
#define KEY_ARCH       "mobilenet.arch"
#define KEY_PREPROCESS "mobilenet.preprocess"
#define KEY_LABELS     "mobilenet.labels"
#define INFO_PREFIX    "info."

/* ---- reading ---- */

/* A metadata string that holds JSON. The string was copied out of the header, so there is no offset to name. */
static mn_status parse_member(const json_t *metadata, const char *key, mn_json_limits limits, json_t **root,
                              mn_error *err)
{
    const json_t *text = json_object_get(metadata, key);
    if (!text)
        return mn_fail(err, MN_ERROR_FORMAT, "__metadata__ lacks '%s'", key);
    return mn_json_parse(json_string_value(text), json_string_length(text), limits, key, -1, root, err);
}

/* A word of an enumeration: value is an enum of the size of int, parse one of the mn_..._parse functions. */
#define READ_WORD(object, key, parse, field)                                                                           \
    do {                                                                                                               \
        const char *word;                                                                                              \
        status = mn_json_get_string(object, key, what, &word, err);                                                    \
        if (status == MN_OK && !parse(word, field))                                                                    \
            status = mn_fail(err, MN_ERROR_UNSUPPORTED, "%s: '%s' is the unknown word '%.40s'", what, key, word);      \
        if (status != MN_OK)                                                                                           \
            return status;                                                                                             \
    } while (0)

static mn_status check_version(const json_t *metadata, mn_error *err)
{
    const char *version = json_string_value(json_object_get(metadata, KEY_VERSION));
    if (!version)
        return mn_fail(err, MN_ERROR_UNSUPPORTED,
                       "a safetensors file without '" KEY_VERSION
                       "' in its __metadata__ is not a model of this project");
    if (strcmp(version, MN_NATIVE_VERSION) != 0)
        return mn_fail(err, MN_ERROR_UNSUPPORTED, "the file has version '%.20s', this program reads version %s",
                       version, MN_NATIVE_VERSION);
    return MN_OK;
}

static mn_status read_widths(const json_t *object, const char *what, mn_arch *arch, mn_error *err)
{
    const json_t *widths = json_object_get(object, "widths");
    if (!widths)
        return MN_OK;
    size_t count = json_array_size(widths);
    if (!json_is_array(widths) || count > MN_WIDTHS_MAX)
        return mn_fail(err, MN_ERROR_FORMAT, "%s: 'widths' must be an array of at most %d integers", what,
                       MN_WIDTHS_MAX);
    arch->width_count = (int32_t)count;
    for (size_t i = 0; i < count; i++) {
        const json_t *width = json_array_get(widths, i);
        int64_t value = json_integer_value(width);
        if (!json_is_integer(width) || value < 1 || value > MN_CHANNELS_MAX)
            return mn_fail(err, MN_ERROR_FORMAT, "%s: width %zu must be an integer, 1 to %d", what, i, MN_CHANNELS_MAX);
        arch->widths[i] = (int32_t)value;
    }
    return MN_OK;
}

static mn_status read_arch_object(json_t *object, mn_arch *arch, mn_error *err)
{
    static const char *const known[] = {
        "family",   "alpha",   "height",     "width",      "channels",   "classes", "conv",   "depth", "output_stride",
        "rounding", "padding", "activation", "batch_norm", "bn_epsilon", "dropout", "widths", NULL};
    const char *what = KEY_ARCH, *family;
    if (!json_is_object(object))
        return mn_fail(err, MN_ERROR_FORMAT, "%s is not a JSON object", what);
    mn_status status = mn_json_only(object, known, what, err);
    if (status == MN_OK)
        status = mn_json_get_string(object, "family", what, &family, err);
    if (status == MN_OK && strcmp(family, "v1") != 0)
        status = mn_fail(err, MN_ERROR_UNSUPPORTED, "%s: 'family' is '%.40s', 'v1' is read", what, family);
    const struct {
        const char *key;
        int32_t *field;
        int64_t high;
    } integers[] = {
        {"height", &arch->height, MN_EXTENT_MAX},       {"width", &arch->width, MN_EXTENT_MAX},
        {"channels", &arch->channels, MN_CHANNELS_MAX}, {"classes", &arch->classes, MN_CLASSES_MAX},
        {"output_stride", &arch->output_stride, 32},
    };
    for (size_t i = 0; status == MN_OK && i < sizeof integers / sizeof *integers; i++) {
        int64_t value = 0;
        status = mn_json_get_int(object, integers[i].key, 1, integers[i].high, what, &value, err);
        *integers[i].field = (int32_t)value;
    }
    int batch_norm = 0;
    if (status == MN_OK)
        status = mn_json_get_number(object, "alpha", what, &arch->alpha, err);
    if (status == MN_OK)
        status = mn_json_get_number(object, "bn_epsilon", what, &arch->bn_epsilon, err);
    if (status == MN_OK)
        status = mn_json_get_number(object, "dropout", what, &arch->dropout, err);
    if (status == MN_OK)
        status = mn_json_get_bool(object, "batch_norm", what, &batch_norm, err);
    if (status != MN_OK)
        return status;
    arch->batch_norm = batch_norm;
    READ_WORD(object, "conv", mn_conv_kind_parse, &arch->conv);
    READ_WORD(object, "depth", mn_depth_parse, &arch->depth);
    READ_WORD(object, "rounding", mn_rounding_parse, &arch->rounding);
    READ_WORD(object, "padding", mn_padding_parse, &arch->padding);
    READ_WORD(object, "activation", mn_activation_parse, &arch->activation);
    return read_widths(object, what, arch, err);
}

mn_status mn_native_read_arch(const json_t *metadata, mn_arch *arch, mn_error *err)
{
    json_t *object = NULL;
    mn_arch found = {.family = MN_FAMILY_V1};
    mn_status status = check_version(metadata, err);
    if (status == MN_OK)
        status = parse_member(metadata, KEY_ARCH, (mn_json_limits){3, 64}, &object, err);
    if (status == MN_OK)
        status = read_arch_object(object, &found, err);
    json_decref(object);
    if (status == MN_OK)
        *arch = found;
    return status;
}

static mn_status read_floats(const json_t *object, const char *key, int32_t count, const char *what, float *values,
                             mn_error *err)
{
    const json_t *array = json_object_get(object, key);
    if (!json_is_array(array) || json_array_size(array) != (size_t)count)
        return mn_fail(err, MN_ERROR_FORMAT, "%s: '%s' must be an array of %d numbers", what, key, count);
    for (int32_t i = 0; i < count; i++) {
        const json_t *number = json_array_get(array, (size_t)i);
        double value = json_number_value(number);
        if (!json_is_number(number) || !(fabs(value) <= 1e30))
            return mn_fail(err, MN_ERROR_FORMAT, "%s: '%s' number %d is not a finite number", what, key, i);
        values[i] = (float)value;
    }
    return MN_OK;
}

static mn_status read_preprocess_object(json_t *object, mn_preprocess *preprocess, mn_error *err)
{
    static const char *const known[] = {"crop", "crop_fraction",      "resize", "round_to_byte", "bgr",
                                        "mean", "standard_deviation", NULL};
    const char *what = KEY_PREPROCESS;
    int round_to_byte = 0, bgr = 0;
    if (!json_is_object(object))
        return mn_fail(err, MN_ERROR_FORMAT, "%s is not a JSON object", what);
    mn_status status = mn_json_only(object, known, what, err);
    if (status == MN_OK)
        status = mn_json_get_number(object, "crop_fraction", what, &preprocess->crop_fraction, err);
    if (status == MN_OK)
        status = mn_json_get_bool(object, "round_to_byte", what, &round_to_byte, err);
    if (status == MN_OK)
        status = mn_json_get_bool(object, "bgr", what, &bgr, err);
    if (status == MN_OK)
        status = read_floats(object, "mean", MN_PREPROCESS_CHANNELS, what, preprocess->mean, err);
    if (status == MN_OK)
        status = read_floats(object, "standard_deviation", MN_PREPROCESS_CHANNELS, what, preprocess->standard_deviation,
                             err);
    if (status != MN_OK)
        return status;
    preprocess->round_to_byte = round_to_byte;
    preprocess->bgr = bgr;
    READ_WORD(object, "crop", mn_crop_parse, &preprocess->crop);
    READ_WORD(object, "resize", mn_resize_parse, &preprocess->resize);
    return MN_OK;
}

static mn_status read_preprocess(const json_t *metadata, mn_model *model, mn_error *err)
{
    json_t *object = NULL;
    mn_preprocess preprocess = {0};
    mn_status status = parse_member(metadata, KEY_PREPROCESS, (mn_json_limits){3, 64}, &object, err);
    if (status == MN_OK)
        status = read_preprocess_object(object, &preprocess, err);
    json_decref(object);
    if (status == MN_OK && mn_model_set_preprocess(model, &preprocess, err) != MN_OK) {
        mn_fail_prefix(err, MN_ERROR_FORMAT, KEY_PREPROCESS);
        status = MN_ERROR_FORMAT;
    }
    return status;
}

static mn_status read_labels(const json_t *metadata, mn_model *model, mn_error *err)
{
    if (!json_object_get(metadata, KEY_LABELS))
        return MN_OK;
    json_t *array = NULL;
    const char **labels = NULL;
    int32_t classes = model->net.arch.classes;
    mn_status status = parse_member(metadata, KEY_LABELS, (mn_json_limits){1, (int64_t)classes + 2}, &array, err);
    if (status != MN_OK)
        goto done;
    if (!json_is_array(array) || json_array_size(array) != (size_t)classes) {
        status = mn_fail(err, MN_ERROR_FORMAT, "%s: %zu labels for a network of %d classes", KEY_LABELS,
                         json_array_size(array), classes);
        goto done;
    }
    labels = mn_calloc((size_t)classes, sizeof *labels);
    if (!labels) {
        status = mn_fail_memory(err, (size_t)classes * sizeof *labels, "labels");
        goto done;
    }
    for (int32_t k = 0; k < classes; k++) {
        labels[k] = json_string_value(json_array_get(array, (size_t)k));
        if (!labels[k]) {
            status = mn_fail(err, MN_ERROR_FORMAT, "%s: label %d is not a string", KEY_LABELS, k);
            goto done;
        }
    }
    status = mn_model_set_labels(model, labels, classes, err);
done:
    free(labels);
    json_decref(array);
    return status;
}

static mn_status read_infos(json_t *metadata, mn_model *model, mn_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(metadata, key, value)
    {
        if (strncmp(key, INFO_PREFIX, strlen(INFO_PREFIX)) != 0)
            continue;
        mn_status status = mn_model_set_info(model, key + strlen(INFO_PREFIX), json_string_value(value), err);
        if (status == MN_ERROR_ARGUMENT) {
            mn_fail_prefix(err, MN_ERROR_FORMAT, key);
            status = MN_ERROR_FORMAT;
        }
        if (status != MN_OK)
            return status;
    }
    return MN_OK;
}

mn_status mn_native_read_record(json_t *metadata, mn_model *model, mn_error *err)
{
    mn_status status = read_preprocess(metadata, model, err);
    if (status == MN_OK)
        status = read_labels(metadata, model, err);
    if (status == MN_OK)
        status = read_infos(metadata, model, err);
    return status;
}

/* ---- writing ---- */

/* A file that was written by this code is read by this code: floats are widened to double exactly, and printed with
 * 17 digits by jansson. */
static json_t *floats(const float *values, int32_t count)
{
    json_t *array = json_array();
    for (int32_t i = 0; i < count; i++)
        json_array_append_new(array, json_real(values[i])); /* a NULL is refused by json_array_append_new */
    if (json_array_size(array) == (size_t)count)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *arch_object(const mn_arch *arch)
{
    json_t *object = json_pack(
        "{s:s, s:f, s:i, s:i, s:i, s:i, s:s, s:s, s:i, s:s, s:s, s:s, s:b, s:f, s:f}", "family", "v1", "alpha",
        arch->alpha, "height", (int)arch->height, "width", (int)arch->width, "channels", (int)arch->channels, "classes",
        (int)arch->classes, "conv", mn_conv_kind_name(arch->conv), "depth", mn_depth_name(arch->depth), "output_stride",
        (int)arch->output_stride, "rounding", mn_rounding_name(arch->rounding), "padding",
        mn_padding_name(arch->padding), "activation", mn_activation_name(arch->activation), "batch_norm",
        (int)arch->batch_norm, "bn_epsilon", arch->bn_epsilon, "dropout", arch->dropout);
    if (!object || arch->width_count == 0)
        return object;
    json_t *widths = json_array();
    for (int32_t i = 0; i < arch->width_count; i++)
        json_array_append_new(widths, json_integer(arch->widths[i]));
    if (json_array_size(widths) == (size_t)arch->width_count && json_object_set(object, "widths", widths) == 0) {
        json_decref(widths);
        return object;
    }
    json_decref(widths);
    json_decref(object);
    return NULL;
}

static json_t *preprocess_object(const mn_preprocess *preprocess)
{
    return json_pack("{s:s, s:f, s:s, s:b, s:b, s:o, s:o}", "crop", mn_crop_name(preprocess->crop), "crop_fraction",
                     preprocess->crop_fraction, "resize", mn_resize_name(preprocess->resize), "round_to_byte",
                     (int)preprocess->round_to_byte, "bgr", (int)preprocess->bgr, "mean",
                     floats(preprocess->mean, MN_PREPROCESS_CHANNELS), "standard_deviation",
                     floats(preprocess->standard_deviation, MN_PREPROCESS_CHANNELS));
}

static json_t *labels_array(char *const *labels, int32_t count)
{
    json_t *array = json_array();
    for (int32_t k = 0; k < count; k++)
        if (json_array_append_new(array, json_string(labels[k])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

/* Takes `value` (NULL: memory was short) and stores it as JSON text. */
static mn_status set_json(json_t *metadata, const char *key, json_t *value, mn_error *err)
{
    size_t length = 0;
    char *text = value ? mn_json_text(value, 0, &length) : NULL;
    bool done = text && json_object_set_new(metadata, key, json_stringn(text, length)) == 0;
    free(text);
    json_decref(value);
    return done ? MN_OK : mn_fail(err, MN_ERROR_OUT_OF_MEMORY, "cannot allocate '%s' of a model file", key);
}

static mn_status set_infos(json_t *metadata, const mn_model *model, mn_error *err)
{
    for (int32_t i = 0; i < model->info_count; i++) {
        char key[128];
        snprintf(key, sizeof key, INFO_PREFIX "%s", model->infos[i].key);
        if (json_object_set_new(metadata, key, json_string(model->infos[i].value)) != 0)
            return mn_fail(err, MN_ERROR_OUT_OF_MEMORY, "cannot allocate '%s' of a model file", key);
    }
    return MN_OK;
}

mn_status mn_native_write_metadata(const mn_model *model, json_t **metadata, mn_error *err)
{
    json_t *result = json_pack("{s:s}", KEY_VERSION, MN_NATIVE_VERSION);
    if (!result)
        return mn_fail(err, MN_ERROR_OUT_OF_MEMORY, "cannot allocate the header of a model file");
    mn_status status = set_json(result, KEY_ARCH, arch_object(&model->net.arch), err);
    if (status == MN_OK)
        status = set_json(result, KEY_PREPROCESS, preprocess_object(&model->preprocess), err);
    if (status == MN_OK && model->labels)
        status = set_json(result, KEY_LABELS, labels_array(model->labels, model->net.arch.classes), err);
    if (status == MN_OK)
        status = set_infos(result, model, err);
    if (status == MN_OK)
        *metadata = result;
    else
        json_decref(result);
    return status;
}
