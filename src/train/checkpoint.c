/* A trainer's state as a file: everything that the next step depends on.
 *
 *     offset  bytes
 *     0       8      "MNCKPT02"
 *     8       8      hash of all bytes from 16 on (FNV-1a, 64 bits, little-endian like all that follows)
 *     16      8      shape: hash of the architecture, the preprocessing, and the names and shapes of the tensors
 *     24      8      length of the recipe's text, r
 *     32      8      length of the note, n
 *     40      24     mn_trainer_position
 *     64      r + n  recipe, note
 *     ..             the arrays of mn_trainer_array, float32, in order
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/reader.h"
#include "base/status.h"
#include "net/model.h"
#include "train/checkpoint.h"
#include "train/hash.h"

#define HEADER_BYTES     64
#define RECIPE_BYTES_MAX 65536
#define STEPS_MAX        1000000000000000
#define MAGIC            "MNCKPT02" /* 01 had no data and knew less of the architecture */

static uint64_t hash_shape(const mn_trainer *t)
{
    return mn_hash_bytes(mn_hash_shape(MN_HASH_START, t->model), &t->options.head_only, sizeof t->options.head_only);
}

float *mn_trainer_array(const mn_trainer *t, int32_t k, size_t *count)
{
    float *arrays[] = {t->step->weights, t->first, t->second, t->ema, t->moving, t->ema_moving};
    int32_t next = 0;
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        if (!arrays[i] || next++ != k)
            continue;
        *count = i < 4 ? t->step->weight_count : t->step->statistic_count;
        return arrays[i];
    }
    return NULL;
}

static void put_u64(uint8_t *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

mn_status mn_trainer_save(const mn_trainer *t, const char *note, const char *path, mn_error *err)
{
    uint8_t header[HEADER_BYTES] = {0};
    size_t count;
    mn_writer *writer;
    char *text = mn_recipe_text(&t->recipe);
    if (!text)
        return mn_fail_memory(err, 1, "the text of a recipe");
    size_t text_bytes = strlen(text), note_bytes = note ? strlen(note) : 0;
    memcpy(header, MAGIC, 8);
    put_u64(header + 16, hash_shape(t));
    put_u64(header + 24, text_bytes);
    put_u64(header + 32, note_bytes);
    memcpy(header + 40, &t->position, sizeof t->position);
    uint64_t hash = mn_hash_bytes(MN_HASH_START, header + 16, HEADER_BYTES - 16);
    hash = mn_hash_bytes(hash, text, text_bytes);
    hash = mn_hash_bytes(hash, note ? note : "", note_bytes);
    for (int32_t k = 0; mn_trainer_array(t, k, &count); k++)
        hash = mn_hash_bytes(hash, mn_trainer_array(t, k, &count), count * sizeof(float));
    put_u64(header + 8, hash);
    mn_status status = mn_writer_open(path, &writer, err);
    if (status == MN_OK) {
        mn_writer_write(writer, header, sizeof header);
        mn_writer_write(writer, text, text_bytes);
        mn_writer_write(writer, note ? note : "", note_bytes);
        for (int32_t k = 0; mn_trainer_array(t, k, &count); k++)
            mn_writer_write(writer, mn_trainer_array(t, k, &count), count * sizeof(float));
        status = mn_writer_commit(writer, err);
    }
    free(text);
    return status;
}

/* Field by field, so that a checkpoint from before a field was there has its default. */
static mn_status compare_recipe(const mn_trainer *t, const uint8_t *bytes, size_t size, mn_error *err)
{
    mn_recipe stored;
    const char *name, *help;
    char was[64], is[64];
    if (size > RECIPE_BYTES_MAX)
        return mn_fail(err, MN_ERROR_FORMAT, "the checkpoint's recipe has %zu bytes, at most %d are allowed", size,
                       RECIPE_BYTES_MAX);
    char *text = mn_calloc(size + 1, 1);
    if (!text)
        return mn_fail_memory(err, size + 1, "the text of a recipe");
    memcpy(text, bytes, size);
    mn_status status = mn_recipe_parse(text, &stored, err);
    free(text);
    for (int32_t k = 0; status == MN_OK && mn_recipe_field(&t->recipe, k, &name, is, &help); k++) {
        mn_recipe_field(&stored, k, &name, was, &help);
        if (strcmp(was, is) != 0)
            status = mn_fail(err, MN_ERROR_ARGUMENT, "the checkpoint's run has %s=%s, this one asks for %s; %s", name,
                             was, is,
                             strcmp(name, "epochs") == 0
                                 ? "the learning rate follows the length of the run, so a longer one starts anew, for "
                                   "instance from the model that this one ends with"
                                 : "a run goes on with the recipe that it began with");
    }
    return status;
}

void mn_checkpoint_seal(const mn_trainer *t, uint8_t *bytes, size_t size)
{
    if (size < HEADER_BYTES)
        return;
    memcpy(bytes, MAGIC, 8);
    put_u64(bytes + 16, hash_shape(t));
    put_u64(bytes + 8, mn_hash_bytes(MN_HASH_START, bytes + 16, size - 16));
}

/* Whether a position is one that a run can be at. */
static bool is_position(const uint8_t *bytes)
{
    mn_trainer_position p;
    memcpy(&p, bytes, sizeof p);
    return p.step >= 0 && p.step <= STEPS_MAX && p.statistics_weight >= 0 && p.statistics_weight <= 1 &&
           p.ema_weight >= 0 && p.ema_weight <= 1.000001; /* its factors are floats */
}

static mn_status check_bytes(const mn_trainer *t, const uint8_t *bytes, size_t size, size_t *text, size_t *note,
                             mn_error *err)
{
    mn_reader reader = {bytes, size};
    uint64_t hash = 0, shape = 0, r = 0, n = 0;
    if (mn_reader_has(&reader, 0, HEADER_BYTES) && memcmp(bytes, "MNCKPT01", 8) == 0)
        return mn_fail_at(err, MN_ERROR_UNSUPPORTED, 0,
                          "a checkpoint of an earlier version of this program, which this "
                          "one cannot go on with; start anew without --resume");
    if (!mn_reader_has(&reader, 0, HEADER_BYTES) || memcmp(bytes, MAGIC, 8) != 0)
        return mn_fail_at(err, MN_ERROR_FORMAT, 0, "not a checkpoint of this program");
    mn_reader_u64(&reader, 8, &hash);
    mn_reader_u64(&reader, 16, &shape);
    mn_reader_u64(&reader, 24, &r);
    mn_reader_u64(&reader, 32, &n);
    if (hash != mn_hash_bytes(MN_HASH_START, bytes + 16, size - 16))
        return mn_fail_at(err, MN_ERROR_FORMAT, 8, "the checkpoint is damaged: its bytes do not give the stored hash");
    if (shape != hash_shape(t))
        return mn_fail_at(err, MN_ERROR_ARGUMENT, 16,
                          "the checkpoint is of another architecture or preprocessing: a run goes on with the options "
                          "that it began with");
    if (!is_position(bytes + 40))
        return mn_fail_at(err, MN_ERROR_FORMAT, 40, "the checkpoint's position is none that a run can be at");
    size_t total = HEADER_BYTES, count;
    if (r > size || n > size)
        return mn_fail_at(err, MN_ERROR_FORMAT, 24, "the checkpoint's texts are longer than the file");
    total += (size_t)r + (size_t)n;
    for (int32_t k = 0; mn_trainer_array(t, k, &count); k++)
        total += count * sizeof(float);
    if (r + HEADER_BYTES > size)
        return mn_fail_at(err, MN_ERROR_FORMAT, 24, "the checkpoint's texts are longer than the file");
    mn_status status = compare_recipe(t, bytes + HEADER_BYTES, (size_t)r, err);
    if (status != MN_OK)
        return status;
    if (total != size)
        return mn_fail_at(err, MN_ERROR_FORMAT, 24, "the checkpoint has %zu bytes, %zu were expected", size, total);
    *text = (size_t)r;
    *note = (size_t)n;
    return MN_OK;
}

mn_status mn_checkpoint_read(mn_trainer *t, const uint8_t *bytes, size_t size, char **note, mn_error *err)
{
    size_t text_bytes = 0, note_bytes = 0, count;
    mn_status status = check_bytes(t, bytes, size, &text_bytes, &note_bytes, err);
    if (status != MN_OK)
        return status;
    if (note) {
        *note = mn_calloc(note_bytes + 1, 1);
        if (!*note)
            return mn_fail_memory(err, note_bytes + 1, "the note of a checkpoint");
        memcpy(*note, bytes + HEADER_BYTES + text_bytes, note_bytes);
    }
    memcpy(&t->position, bytes + 40, sizeof t->position);
    const uint8_t *from = bytes + HEADER_BYTES + text_bytes + note_bytes;
    for (int32_t k = 0; mn_trainer_array(t, k, &count); k++) {
        memcpy(mn_trainer_array(t, k, &count), from, count * sizeof(float));
        from += count * sizeof(float);
    }
    t->has_estimated[0] = t->has_estimated[1] = false;
    return MN_OK;
}

mn_status mn_trainer_load(mn_trainer *t, const char *path, char **note, mn_error *err)
{
    mn_mapping file;
    mn_status status = mn_file_map(path, &file, err);
    if (status != MN_OK)
        return status;
    status = mn_checkpoint_read(t, file.bytes, file.size, note, err);
    if (status != MN_OK)
        status = mn_fail_prefix(err, status, path);
    mn_file_unmap(&file);
    return status;
}

bool mn_checkpoint_peek(const char *path, int64_t *step, char **note)
{
    mn_mapping file;
    mn_trainer_position position;
    uint64_t r = 0, n = 0;
    if (mn_file_map(path, &file, NULL) != MN_OK)
        return false;
    mn_reader reader = {file.bytes, file.size};
    *note = NULL;
    if (mn_reader_has(&reader, 0, HEADER_BYTES) && memcmp(file.bytes, MAGIC, 7) == 0 && is_position(file.bytes + 40)) {
        mn_reader_u64(&reader, 24, &r);
        mn_reader_u64(&reader, 32, &n);
        memcpy(&position, file.bytes + 40, sizeof position);
        *step = position.step;
        size_t texts = file.size - HEADER_BYTES;
        if (r <= texts && n <= texts - r && (*note = mn_calloc((size_t)n + 1, 1)) != NULL)
            memcpy(*note, file.bytes + HEADER_BYTES + r, (size_t)n);
    }
    mn_file_unmap(&file);
    return *note != NULL;
}

mn_status mn_trainer_share(mn_trainer *t, mn_error *err)
{
    size_t count;
    mn_status status = mn_group_share(&t->group, &t->position, sizeof t->position, err);
    for (int32_t k = 0; status == MN_OK && mn_trainer_array(t, k, &count); k++)
        status = mn_group_share(&t->group, mn_trainer_array(t, k, &count), count * sizeof(float), err);
    t->has_estimated[0] = t->has_estimated[1] = false;
    return status;
}
