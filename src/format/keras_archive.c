/* The .keras file of Keras 3: a ZIP archive of config.json, which is a model_config, and model.weights.h5. There the
 * weights of a layer lie in layers/CLASS_N/vars/0, 1, ...: the n-th layer of its class in the configuration's order (the
 * first has no number), its weights in the order in which its class makes them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/keras.h"
#include "format/zip.h"

#define CONFIG_BYTES_MAX (16u << 20)

bool mn_keras_archive_probe(const uint8_t *bytes, size_t size)
{
    return size >= 4 && memcmp(bytes, "PK\3\4", 4) == 0;
}

/* A file of the archive. Keras stores them as they are; where somebody packed them, floats shrink by little. */
static mn_status extract(const uint8_t *bytes, size_t size, const char *name, size_t most, uint8_t **contents,
                         size_t *contents_size, mn_error *err)
{
    bool found;
    mn_status status =
        mn_zip_read(bytes, size, name, most / 4 < size ? most : 4 * size, &found, contents, contents_size, err);
    if (status == MN_OK && !found)
        status = mn_fail_at(err, MN_ERROR_FORMAT, 0,
                            "a ZIP archive without %s, or one that is cut short, is no model file of Keras (those of "
                            "PyTorch are not read)",
                            name);
    return status;
}

mn_status mn_keras_archive_read(const uint8_t *bytes, size_t size, mn_model **model, mn_error *err)
{
    uint8_t *config = NULL, *weights = NULL;
    size_t config_size = 0, weights_size = 0;
    mn_status status = extract(bytes, size, "config.json", CONFIG_BYTES_MAX, &config, &config_size, err);
    if (status == MN_OK)
        status = extract(bytes, size, "model.weights.h5", SIZE_MAX, &weights, &weights_size, err);
    if (status == MN_OK)
        status = mn_keras_read_parts(weights, weights_size, (const char *)config, config_size, model, err);
    free(config);
    free(weights);
    return status;
}

/* The leaves of a layer, in the order in which it makes them. */
static int32_t leaves_of(const char *group, const json_t *config, const char *leaves[4])
{
    int32_t count = 0;
    if (strcmp(group, "batch_normalization") != 0) {
        leaves[0] = "kernel";
        leaves[1] = "bias";
        return 2;
    }
    if (!json_is_false(json_object_get(config, "scale")))
        leaves[count++] = "gamma";
    if (!json_is_false(json_object_get(config, "center")))
        leaves[count++] = "beta";
    leaves[count++] = "moving_mean";
    leaves[count++] = "moving_variance";
    return count;
}

void mn_keras_archive_name(mn_hdf5 *file, const char *group, int32_t number, const char *name, const json_t *config)
{
    char numbered[MN_HDF5_NAME_BYTES], leaf[16];
    const char *leaves[4];
    int32_t count = leaves_of(group, config, leaves);
    snprintf(numbered, sizeof numbered, number > 0 ? "%s_%d" : "%s", group, number);
    for (int32_t i = 0; i < count; i++) {
        snprintf(leaf, sizeof leaf, "%d", i);
        mn_hdf5_rename(file, numbered, leaf, name, leaves[i]);
    }
}
