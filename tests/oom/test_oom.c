/* A sweep in which allocation k fails, for k = 1, 2, ... until an operation succeeds untouched: each failure is
 * reported as MN_ERROR_OUT_OF_MEMORY (or the operation needs that block so little that it succeeds), nothing leaks,
 * and the file that was there stays whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mobilenet/decode.h"
#include "mobilenet/import.h"
#include "mobilenet/mobilenet.h"
#include "oom/counting_malloc.h"
#include "support/assets.h"

static char path[64];
static mn_model *shared; /* a model for the operations that start from one */

static mn_arch small_arch(void)
{
    mn_arch arch = mn_arch_default();
    arch.alpha = 0.25;
    arch.height = arch.width = 32;
    arch.classes = 3;
    return arch;
}

static mn_status create_model(mn_error *err)
{
    mn_arch arch = small_arch();
    mn_model *model = NULL;
    const char *labels[3] = {"cat", "dog", "bird"};
    mn_status status = mn_model_create(&arch, &model, err);
    if (status == MN_OK)
        status = mn_model_set_labels(model, labels, 3, err);
    if (status == MN_OK)
        status = mn_model_set_info(model, "name", "small", err);
    mn_model_destroy(model);
    return status;
}

static mn_status fold_model(mn_error *err)
{
    mn_model *folded = NULL;
    mn_status status = mn_model_fold(shared, &folded, err);
    mn_model_destroy(folded);
    return status;
}

/* A save that reports success has written a file that loads. */
static mn_status save_model(mn_error *err)
{
    mn_status status = mn_model_save(shared, path, err);
    if (status == MN_OK && counting_failed()) {
        mn_model *model = NULL;
        mn_status loaded = mn_model_load(path, &model, err);
        mn_model_destroy(model);
        if (loaded != MN_OK)
            return MN_ERROR_FORMAT;
    }
    return status;
}

static mn_status load_model(mn_error *err)
{
    mn_model *model = NULL;
    mn_status status = mn_model_load(path, &model, err);
    mn_model_destroy(model);
    return status;
}

static mn_status session_of(int32_t threads, mn_error *err)
{
    mn_session_options options = mn_session_options_default();
    options.threads = threads;
    options.batch = 2;
    mn_session *session = NULL;
    static float input[2 * 32 * 32 * 3];
    float output[6];
    mn_status status = mn_session_create(shared, &options, &session, err);
    if (status == MN_OK)
        status = mn_session_run(session, input, 2, output, err);
    mn_session_destroy(session);
    return status;
}

static mn_status session_one_thread(mn_error *err)
{
    return session_of(1, err);
}

static mn_status session_three_threads(mn_error *err)
{
    return session_of(3, err);
}

static mn_status resize_image(mn_error *err)
{
    mn_image *image = NULL;
    static float input[32 * 32 * 3];
    mn_status status = mn_image_create(50, 40, 3, &image, err);
    mn_preprocess preprocess = mn_preprocess_default();
    for (int rule = MN_RESIZE_TF1_BILINEAR; status == MN_OK && rule <= MN_RESIZE_PIL_BICUBIC; rule++) {
        preprocess.resize = (mn_resize)rule;
        status = mn_preprocess_apply(&preprocess, image, 32, 32, 3, input, err);
    }
    mn_image_destroy(image);
    return status;
}

/* A gray picture of 4 x 2 as PGM. */
static mn_status decode_image(mn_error *err)
{
    static const char pgm[] = "P5 4 2 255\n01234567";
    mn_image *image = NULL;
    mn_status status = mn_image_decode(pgm, sizeof pgm - 1, NULL, &image, err);
    mn_image_destroy(image);
    return status;
}

/* The seeds of the fuzz targets are small models of every kind. */
static mn_status import_seed(const char *seed, mn_error *err)
{
    mn_model *model = NULL;
    mn_status status = mn_model_import(test_source(seed), &model, err);
    mn_model_destroy(model);
    return status;
}

static mn_status import_tflite(mn_error *err)
{
    return import_seed("fuzz/corpus/tflite/kind2", err); /* deflated labels */
}

static mn_status import_tflite_half(mn_error *err)
{
    return import_seed("fuzz/corpus/tflite/kind1", err);
}

static mn_status import_keras(mn_error *err)
{
    return import_seed("fuzz/corpus/keras/config", err);
}

static mn_status import_keras_weights(mn_error *err)
{
    return import_seed("fuzz/corpus/keras/weights", err);
}

static mn_status load_labels(mn_error *err)
{
    char **labels = NULL;
    int32_t count = 0;
    mn_status status = mn_labels_load(test_source("fuzz/corpus/labels/crlf"), &labels, &count, err);
    free(labels);
    return status;
}

/* spare_jansson: allocations inside jansson do not fail. Its parser does not survive that; src/format/json_guard.c makes
 * sure beforehand that they will not. */
typedef struct operation {
    const char *name;
    mn_status (*run)(mn_error *err);
    bool spare_jansson;
} operation;

static const operation operations[] = {
    {"create a model", create_model, false},
    {"fold a model", fold_model, false},
    {"save a model", save_model, false},
    {"load a model", load_model, true},
    {"session, one thread", session_one_thread, false},
    {"session, three threads", session_three_threads, false},
    {"preprocess", resize_image, false},
    {"decode", decode_image, false},
    {"import TensorFlow Lite, uint8", import_tflite, false},
    {"import TensorFlow Lite, float16", import_tflite_half, false},
    {"import Keras", import_keras, true},
    {"import Keras weights", import_keras_weights, false},
    {"load labels", load_labels, false},
};

static int sweep(const operation *op)
{
    const char *name = op->name;
    mn_error err = {0};
    if (op->run(&err) != MN_OK) { /* also warms what libraries allocate once and keep */
        printf("%s: fails without help: %s\n", name, err.message);
        return 1;
    }
    long failures = 0;
    for (long k = 1; k < 100000; k++) {
        long before = counting_live();
        counting_start(k, op->spare_jansson);
        mn_status status = op->run(&err);
        counting_stop();
        if (!counting_failed()) {
            printf("%s: %ld allocations, each failed once, %ld reported\n", name, k - 1, failures);
            return status == MN_OK && failures > 0 ? 0 : 1;
        }
        failures += status != MN_OK;
        if (status != MN_OK && status != MN_ERROR_OUT_OF_MEMORY) {
            printf("%s: allocation %ld fails, and the error is '%s: %s'\n", name, k, mn_status_name(status),
                   err.message);
            return 1;
        }
        if (counting_live() != before) {
            printf("%s: allocation %ld fails, and %ld blocks leak\n", name, k, counting_live() - before);
            return 1;
        }
    }
    printf("%s: no end\n", name);
    return 1;
}

int main(void)
{
    mn_arch arch = small_arch();
    int failed = 0;
    snprintf(path, sizeof path, "/tmp/mn-test-oom-%ld.safetensors", (long)getpid());
    if (mn_model_create(&arch, &shared, NULL) != MN_OK)
        return 1;
    mn_model_initialise(shared, 1);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        failed |= sweep(&operations[i]);
    unlink(path);
    mn_model_destroy(shared);
    return failed;
}
