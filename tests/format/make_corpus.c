/* Writes the seeds of the fuzz targets that read model files: format_corpus FOLDER fills FOLDER/native, tflite, keras.
 *     cmake --build build --target format_corpus && build/tests/format_corpus fuzz/corpus
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "format/native_file.h"
#include "format/tflite_file.h"
#ifdef MN_HAVE_HDF5
#include "format/keras_file.h"
#endif

static void make_folder(char *path, size_t bytes, const char *folder, const char *name)
{
    snprintf(path, bytes, "%s/%s", folder, name);
    mkdir(path, 0777);
}

static void write_file(const char *folder, const char *name, const uint8_t *bytes, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static void make_native(const char *folder)
{
    char path[512], name[600];
    mn_model *model = NULL;
    const char *const labels[] = {"no", "yes"};
    make_folder(path, sizeof path, folder, "native");
    for (int batch_norm = 0; batch_norm < 2; batch_norm++) {
        mn_arch arch = small_arch();
        arch.batch_norm = batch_norm;
        snprintf(name, sizeof name, "%s/%s", path, batch_norm ? "batch_norm" : "labels");
        if (mn_model_create(&arch, &model, NULL) != MN_OK)
            exit(1);
        mn_model_initialise(model, 1);
        if ((!batch_norm && (mn_model_set_labels(model, labels, 2, NULL) != MN_OK ||
                             mn_model_set_info(model, "licence", "CC0-1.0", NULL) != MN_OK)) ||
            mn_model_save(model, name, NULL) != MN_OK)
            exit(1);
        mn_model_destroy(model);
    }
}

static void make_tflite(const char *folder)
{
    char path[512], name[32];
    const float normalisation[2] = {127.5f, 127.5f};
    make_folder(path, sizeof path, folder, "tflite");
    for (int kind = KIND_FLOAT; kind <= KIND_INT8; kind++) {
        tflite_spec spec = tflite_default();
        spec.kind = (tflite_kind)kind;
        spec.width = 1;
        spec.size = 32;
        spec.per_channel = kind == KIND_INT8;
        spec.explicit_pad = spec.mean = kind % 2;
        spec.fully_connected = spec.unfused = kind / 2;
        spec.softmax = kind != KIND_FLOAT16;
        spec.labels = kind != KIND_FLOAT16 ? "no\nyes\n" : NULL;
        spec.deflated = kind == KIND_UINT8;
        spec.mean_deviation = kind == KIND_FLOAT ? normalisation : NULL;
        tflite_file file = tflite_make(&spec);
        snprintf(name, sizeof name, "kind%d", kind);
        write_file(path, name, file.bytes, file.size);
        tflite_free(&file);
    }
}

#ifdef MN_HAVE_HDF5
static void make_keras(const char *folder)
{
    char path[512];
    size_t size;
    make_folder(path, sizeof path, folder, "keras");
    keras_spec spec = keras_default();
    spec.width = 1;
    spec.variable_text = true;
    spec.batch_norm = false;
    spec.bias = true;
    uint8_t *bytes = keras_make(&spec, &size);
    write_file(path, "config", bytes, size);
    free(bytes);
    spec.config = false;
    spec.dense = true;
    bytes = keras_make(&spec, &size);
    write_file(path, "weights", bytes, size);
    free(bytes);
    spec.config = spec.keras3 = spec.archive = true;
    spec.variable_text = false;
    bytes = keras_make(&spec, &size);
    write_file(path, "archive", bytes, size);
    free(bytes);
}
#endif

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: format_corpus FOLDER\n");
        return 2;
    }
    make_native(argv[1]);
    make_tflite(argv[1]);
#ifdef MN_HAVE_HDF5
    make_keras(argv[1]);
#endif
    return 0;
}
