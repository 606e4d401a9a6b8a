/* The record that travels with a model: preprocessing, labels, and free text about where it comes from. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/utf8.h"
#include "net/model.h"

#define INFO_KEY_MAX   63
#define INFO_VALUE_MAX (1 << 20)
#define INFO_COUNT_MAX 64

const mn_preprocess *mn_model_preprocess(const mn_model *model)
{
    return &model->preprocess;
}

mn_status mn_model_set_preprocess(mn_model *model, const mn_preprocess *preprocess, mn_error *err)
{
    mn_status status = mn_preprocess_check(preprocess, err);
    if (status == MN_OK)
        model->preprocess = *preprocess;
    return status;
}

bool mn_model_has_labels(const mn_model *model)
{
    return model->labels != NULL;
}

const char *mn_model_label(const mn_model *model, int32_t k)
{
    int32_t classes = model->net.arch.classes;
    if (k < 0 || k >= classes)
        return NULL;
    if (model->labels)
        return model->labels[k];
    if (classes == 1000)
        return mn_imagenet_label(k);
    if (classes == 1001)
        return k == 0 ? "background" : mn_imagenet_label(k - 1);
    return NULL;
}

int32_t mn_model_class_offset(const mn_model *model)
{
    const char *first = mn_model_net(model)->arch.classes == 1001 ? mn_model_label(model, 0) : NULL;
    return first && strcmp(first, "background") == 0 ? 1 : 0;
}

mn_status mn_model_set_labels(mn_model *model, const char *const *labels, int32_t count, mn_error *err)
{
    int32_t classes = model->net.arch.classes;
    if (count != classes)
        return mn_fail(err, MN_ERROR_ARGUMENT, "%d labels are given, the model has %d classes", count, classes);
    size_t bytes = (size_t)count * sizeof(char *);
    for (int32_t i = 0; i < count; i++) {
        size_t length = strlen(labels[i]);
        if (!mn_utf8_is_valid(labels[i], length))
            return mn_fail(err, MN_ERROR_ARGUMENT, "label %d is not UTF-8", i);
        bytes += length + 1;
    }
    char **block = malloc(bytes);
    if (!block)
        return mn_fail_memory(err, bytes, "labels");
    char *text = (char *)(block + count);
    for (int32_t i = 0; i < count; i++) {
        size_t length = strlen(labels[i]) + 1;
        memcpy(text, labels[i], length);
        block[i] = text;
        text += length;
    }
    free(model->labels);
    model->labels = block;
    return MN_OK;
}

const char *mn_model_info(const mn_model *model, const char *key)
{
    for (int32_t i = 0; i < model->info_count; i++)
        if (strcmp(model->infos[i].key, key) == 0)
            return model->infos[i].value;
    return NULL;
}

bool mn_model_info_at(const mn_model *model, int32_t index, const char **key, const char **value)
{
    if (index < 0 || index >= model->info_count)
        return false;
    *key = model->infos[index].key;
    *value = model->infos[index].value;
    return true;
}

static bool key_is_valid(const char *key)
{
    size_t length = strlen(key);
    if (length < 1 || length > INFO_KEY_MAX)
        return false;
    /* Not isalnum: what it takes for a letter depends on the host program's locale. */
    return strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

mn_status mn_model_set_info(mn_model *model, const char *key, const char *value, mn_error *err)
{
    if (!key_is_valid(key))
        return mn_fail(err, MN_ERROR_ARGUMENT, "info key must be 1 to %d letters, digits or '_'", INFO_KEY_MAX);
    if (strlen(value) > INFO_VALUE_MAX)
        return mn_fail(err, MN_ERROR_ARGUMENT, "info '%s' is longer than %d bytes", key, INFO_VALUE_MAX);
    if (!mn_utf8_is_valid(value, strlen(value)))
        return mn_fail(err, MN_ERROR_ARGUMENT, "info '%s' is not UTF-8", key);
    char *new_value = mn_strdup(value);
    if (!new_value)
        return mn_fail_memory(err, strlen(value) + 1, "model info");
    for (int32_t i = 0; i < model->info_count; i++)
        if (strcmp(model->infos[i].key, key) == 0) {
            free(model->infos[i].value);
            model->infos[i].value = new_value;
            return MN_OK;
        }
    if (model->info_count == INFO_COUNT_MAX) {
        free(new_value);
        return mn_fail(err, MN_ERROR_LIMIT, "a model holds at most %d info texts", INFO_COUNT_MAX);
    }
    char *new_key = mn_strdup(key);
    size_t bytes = (size_t)(model->info_count + 1) * sizeof *model->infos;
    mn_info *infos = new_key ? realloc(model->infos, bytes) : NULL;
    if (!infos) {
        free(new_key);
        free(new_value);
        return mn_fail_memory(err, bytes, "model info");
    }
    infos[model->info_count++] = (mn_info){new_key, new_value};
    model->infos = infos;
    return MN_OK;
}
