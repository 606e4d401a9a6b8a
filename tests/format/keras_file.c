#include "format/keras_file.h"

#include "support/test.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/native_file.h" /* text_add */
#include "format/zip_file.h"

keras_spec keras_default(void)
{
    return (keras_spec){.size = 64, .channels = 3, .width = 2, .classes = 2, .config = true, .batch_norm = true};
}

float keras_value(const char *leaf, size_t k)
{
    if (strncmp(leaf, "moving_variance", 15) == 0)
        return 0.5f + (float)(k % 3);
    if (strncmp(leaf, "gamma", 5) == 0)
        return 1 + (float)(k % 5) / 8;
    return (float)(k % 11) / 8 - 0.5f;
}

/* ---- data sets ---- */

typedef struct builder {
    const keras_spec *spec;
    hid_t file;
    text_buffer layers; /* of the configuration, joined by commas */
    char previous[64];
    char layer[64];                             /* of an archive: the last whose weights were put */
    int32_t conv, depthwise, dense, batch_norm; /* of an archive: layers with weights so far */
    char group[64];                             /* of an archive: of the last layer */
} builder;

/* Creates the groups on the way. */
static hid_t create_dataset(builder *b, const char *path, hid_t type, hid_t space, hid_t creation)
{
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    hid_t dataset = H5Dcreate2(b->file, path, type, space, links, creation, H5P_DEFAULT);
    H5Pclose(links);
    assert_true(dataset >= 0);
    return dataset;
}

/* In an archive: the group of a layer's class and number, and the number of the weights. */
static void archive_path(builder *b, char path[256], const char *layer, const char *leaf, int rank)
{
    static const char *const leaves[2][4] = {{"kernel:0", "bias:0"},
                                             {"gamma:0", "beta:0", "moving_mean:0", "moving_variance:0"}};
    bool norm = strcmp(leaf, b->spec->without_gamma ? "beta:0" : "gamma:0") == 0,
         depthwise = strcmp(leaf, "depthwise_kernel:0") == 0;
    int index = 0;
    if (strcmp(b->layer, layer) != 0) {
        const char *base = norm        ? "batch_normalization"
                           : depthwise ? "depthwise_conv2d"
                           : rank == 2 ? "dense"
                                       : "conv2d";
        int32_t *count = norm ? &b->batch_norm : depthwise ? &b->depthwise : rank == 2 ? &b->dense : &b->conv;
        snprintf(b->layer, sizeof b->layer, "%s", layer);
        snprintf(b->group, sizeof b->group, *count > 0 ? "%s_%d" : "%s", base, *count);
        ++*count;
    }
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 4 && leaves[k][i]; i++)
            index = strcmp(leaf, leaves[k][i]) == 0 ? i : index;
    if (b->spec->without_gamma && strncmp(b->group, "batch", 5) == 0)
        index--; /* the others move up */
    snprintf(path, 256, "layers/%s/vars/%d", b->group, index);
}

/* Where a data set lies. Keras 3 has no ":0", and one name for all kernels. */
static void path_of(builder *b, char path[256], const char *layer, const char *leaf, int rank)
{
    const char *folder = b->spec->config ? "model_weights/" : "";
    if (b->spec->archive)
        archive_path(b, path, layer, leaf, rank);
    else if (b->spec->keras3 && strstr(leaf, "kernel"))
        snprintf(path, 256, "%s%s/%s/kernel", folder, layer, layer);
    else
        snprintf(path, 256, "%s%s/%s/%.*s", folder, layer, layer, (int)strcspn(leaf, b->spec->keras3 ? ":" : ""), leaf);
}

static void put_dataset(builder *b, const char *layer, const char *leaf, int rank, const int32_t *shape)
{
    char path[256];
    hsize_t extent[4], chunk[4] = {1, 1, 1, 1};
    size_t elements = 1;
    path_of(b, path, layer, leaf, rank);
    keras_storage storage =
        b->spec->odd_path && strcmp(path, b->spec->odd_path) == 0 ? b->spec->odd_storage : STORE_PLAIN;
    for (int i = 0; i < rank; i++) {
        extent[i] = (hsize_t)shape[i] + (storage == STORE_OTHER_SHAPE && i == rank - 1);
        elements *= (size_t)extent[i];
    }
    float *values = calloc(elements, sizeof *values);
    assert_non_null(values);
    for (size_t k = 0; k < elements; k++)
        values[k] = keras_value(leaf, k);
    if (storage == STORE_ABSENT)
        goto done;
    if (storage == STORE_SOFT_LINK) {
        hid_t links = H5Pcreate(H5P_LINK_CREATE);
        H5Pset_create_intermediate_group(links, 1);
        H5Lcreate_soft("/elsewhere", b->file, path, links, H5P_DEFAULT);
        H5Pclose(links);
        goto done;
    }
    hid_t type = H5Tcopy(storage == STORE_DOUBLE     ? H5T_IEEE_F64LE
                         : storage == STORE_INTEGERS ? H5T_STD_I32LE
                                                     : H5T_IEEE_F32LE);
    if (storage == STORE_HALF) { /* sign 15, exponent 10..14, fraction 0..9 */
        H5Tset_fields(type, 15, 10, 5, 0, 10);
        H5Tset_ebias(type, 15);
        H5Tset_size(type, 2);
    }
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    if (storage == STORE_DEFLATED || storage == STORE_SZIP_LIKE || storage == STORE_BIG_CHUNK) {
        if (storage == STORE_BIG_CHUNK) { /* extendible, so that a chunk may be larger than the data */
            chunk[0] = 1 << 29;
        }
        H5Pset_chunk(creation, rank, chunk);
    }
    if (storage == STORE_DEFLATED) {
        H5Pset_shuffle(creation);
        H5Pset_deflate(creation, 9);
    }
    if (storage == STORE_SZIP_LIKE)
        H5Pset_filter(creation, 32000, H5Z_FLAG_OPTIONAL, 0, NULL);
    if (storage == STORE_EXTERNAL)
        H5Pset_external(creation, "/etc/passwd", 0, elements * 4);
    hsize_t most[4] = {H5S_UNLIMITED, H5S_UNLIMITED, H5S_UNLIMITED, H5S_UNLIMITED};
    hid_t space = H5Screate_simple(rank, extent, storage == STORE_BIG_CHUNK ? most : NULL);
    hid_t dataset = create_dataset(b, path, type, space, creation);
    if (storage != STORE_UNWRITTEN && storage != STORE_EXTERNAL && storage != STORE_BIG_CHUNK)
        assert_true(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(dataset);
    H5Sclose(space);
    H5Pclose(creation);
    H5Tclose(type);
done:
    free(values);
}

/* ---- layers: configuration and weights ---- */

/* One layer of the configuration; the rest of its parameters are in `parameters`. */
static void put_layer(builder *b, const char *class_name, const char *name, const char *parameters)
{
    text_add(&b->layers, "%s{\"class_name\":\"%s\",\"config\":{\"name\":\"%s\"%s%s}", b->layers.size ? "," : "",
             class_name, name, *parameters ? "," : "", parameters);
    if (!b->spec->sequential) {
        text_add(&b->layers, ",\"name\":\"%s\",\"inbound_nodes\":", name);
        if (!b->previous[0])
            text_add(&b->layers, "[]");
        else if (b->spec->keras3)
            text_add(&b->layers,
                     "[{\"args\":[{\"class_name\":\"__keras_tensor__\",\"config\":{\"shape\":[null,1],\"dtype\":"
                     "\"float32\",\"keras_history\":[\"%s\",0,0]}}],\"kwargs\":{}}]",
                     b->previous);
        else
            text_add(&b->layers, "[[[\"%s\",0,0,{}]]]", b->previous);
    }
    text_add(&b->layers, "}");
    snprintf(b->previous, sizeof b->previous, "%s", name);
}

/* The n-th of a kind in Keras's own numbering: the first has no number. */
static void number_name(char *name, size_t bytes, const char *base, int32_t n)
{
    if (n == 0)
        snprintf(name, bytes, "%s", base);
    else
        snprintf(name, bytes, "%s_%d", base, n);
}

static void put_batch_norm(builder *b, const char *conv, int32_t number, int32_t channels)
{
    static const char *const leaves[] = {"gamma:0", "beta:0", "moving_mean:0", "moving_variance:0"};
    char name[80];
    if (b->spec->numbered)
        number_name(name, sizeof name, "batch_normalization", number);
    else
        snprintf(name, sizeof name, "%s_bn", conv);
    for (int i = b->spec->without_gamma; i < 4; i++)
        put_dataset(b, name, leaves[i], 1, &channels);
    put_layer(b, "BatchNormalization", name,
              b->spec->without_gamma ? "\"axis\":[3],\"epsilon\":0.001,\"scale\":false,\"center\":true"
                                     : "\"axis\":[3],\"epsilon\":0.001,\"scale\":true,\"center\":true");
}

/* Convolution number k of the network (0: the stem), with its batch norm and ReLU6. */
static void put_conv(builder *b, int32_t k, int32_t stride)
{
    char name[64], relu[80], parameters[256];
    bool depthwise = k % 2 == 1, stem = k == 0;
    int32_t block = (k + 1) / 2, in = stem ? b->spec->channels : b->spec->width, out = b->spec->width;
    int32_t kernel = stem || depthwise ? 3 : 1;
    if (b->spec->numbered)
        number_name(name, sizeof name, depthwise ? "depthwise_conv2d" : "conv2d", depthwise ? block - 1 : block);
    else if (stem)
        snprintf(name, sizeof name, "conv1");
    else
        snprintf(name, sizeof name, "conv_%s_%d", depthwise ? "dw" : "pw", block);
    bool pad = stride == 2 && !stem;
    if (pad) {
        snprintf(relu, sizeof relu, "%s_pad", name);
        put_layer(b, "ZeroPadding2D", relu, "\"padding\":[[0,1],[0,1]]");
    }
    snprintf(parameters, sizeof parameters,
             "\"strides\":[%d,%d],\"padding\":\"%s\",\"use_bias\":%s,\"activation\":\"linear\",\"data_format\":"
             "\"channels_last\",\"dilation_rate\":[1,1]",
             stride, stride, pad ? "valid" : "same", b->spec->bias ? "true" : "false");
    put_layer(b, depthwise ? "DepthwiseConv2D" : "Conv2D", name, parameters);
    put_dataset(b, name, depthwise ? "depthwise_kernel:0" : "kernel:0", 4,
                (int32_t[]){kernel, kernel, depthwise ? out : in, depthwise ? 1 : out});
    if (b->spec->bias)
        put_dataset(b, name, "bias:0", 1, &out);
    if (b->spec->batch_norm)
        put_batch_norm(b, name, k, out);
    snprintf(relu, sizeof relu, "%s_relu", name);
    put_layer(b, "ReLU", relu, "\"max_value\":6.0,\"negative_slope\":0.0,\"threshold\":0.0");
}

static void put_network(builder *b)
{
    static const int32_t strides[] = {1, 2, 1, 2, 1, 2, 2, 1}; /* of the shallow network's blocks */
    const keras_spec *spec = b->spec;
    char text[256];
    snprintf(text, sizeof text, "\"%s\":[null,%d,%d,%d]", spec->keras3 ? "batch_shape" : "batch_input_shape",
             spec->size, spec->size, spec->channels);
    put_layer(b, "InputLayer", "input_1", text);
    put_conv(b, 0, 2);
    for (int32_t i = 0; i < 8; i++) {
        put_conv(b, 2 * i + 1, strides[i]);
        put_conv(b, 2 * i + 2, 1);
    }
    put_layer(b, "GlobalAveragePooling2D", "pool", "\"keepdims\":true");
    put_layer(b, "Dropout", "dropout", "\"rate\":0.001");
    int32_t matrix[2] = {spec->width, spec->classes}, kernel[4] = {1, 1, spec->width, spec->classes};
    if (spec->dense) {
        put_layer(b, "Dense", "dense", "\"use_bias\":true,\"activation\":\"softmax\"");
        put_dataset(b, "dense", "kernel:0", 2, matrix);
        put_dataset(b, "dense", "bias:0", 1, &matrix[1]);
        return;
    }
    put_layer(b, "Conv2D", "conv_preds", "\"strides\":[1,1],\"padding\":\"same\",\"use_bias\":true");
    put_dataset(b, "conv_preds", "kernel:0", 4, kernel);
    put_dataset(b, "conv_preds", "bias:0", 1, &matrix[1]);
    put_layer(b, "Reshape", "reshape_2", "\"target_shape\":[2]");
    put_layer(b, "Activation", "predictions", "\"activation\":\"softmax\"");
}

/* ---- the file ---- */

static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    assert_non_null(at); /* the edit must find its place */
    size_t size = strlen(text) + strlen(to) + 1;
    char *result = malloc(size);
    assert_non_null(result);
    snprintf(result, size, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return result;
}

/* free() it. */
static char *config_text(const builder *b)
{
    text_buffer whole = {0};
    text_add(&whole, "{\"class_name\":\"%s\",\"config\":{\"name\":\"model\",\"layers\":[%s]}}",
             b->spec->sequential ? "Sequential" : "Functional", b->layers.bytes);
    if (!b->spec->edit_from)
        return whole.bytes;
    char *text = replaced(whole.bytes, b->spec->edit_from, b->spec->edit_to);
    free(whole.bytes);
    return text;
}

static void put_config(builder *b)
{
    char *text = config_text(b);
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, b->spec->variable_text ? H5T_VARIABLE : strlen(text));
    hid_t attribute = H5Acreate2(b->file, "model_config", type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(attribute >= 0);
    assert_true(H5Awrite(attribute, type, b->spec->variable_text ? (const void *)&text : text) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    free(text);
}

/* The .keras file of the weights, which are freed. */
static uint8_t *archive_of(const builder *b, uint8_t *weights, size_t *size)
{
    char *text = config_text(b);
    zip_member members[] = {{"metadata.json", "{\"keras_version\": \"3.15.1\"}", 27},
                            {"config.json", text, strlen(text)},
                            {"model.weights.h5", weights, *size}};
    uint8_t *archive = zip_make(members, 3, size);
    assert_non_null(archive);
    free(text);
    free(weights);
    return archive;
}

uint8_t *keras_make(const keras_spec *spec, size_t *size)
{
    builder b = {.spec = spec};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 65536, 0);
    hid_t creation = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_sym_k(creation, 1, 1); /* small groups: small files */
    b.file = H5Fcreate("keras.h5", H5F_ACC_TRUNC, creation, access);
    H5Pclose(creation);
    assert_true(b.file >= 0);
    put_network(&b);
    if (spec->config && !spec->archive)
        put_config(&b);
    H5Fflush(b.file, H5F_SCOPE_GLOBAL);
    ssize_t bytes = H5Fget_file_image(b.file, NULL, 0);
    assert_true(bytes > 0);
    uint8_t *image = malloc((size_t)bytes);
    assert_non_null(image);
    assert_true(H5Fget_file_image(b.file, image, (size_t)bytes) == bytes);
    H5Fclose(b.file);
    H5Pclose(access);
    *size = (size_t)bytes;
    if (spec->archive)
        image = archive_of(&b, image, size);
    free(b.layers.bytes);
    return image;
}
