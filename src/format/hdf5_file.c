#include "format/hdf5_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "format/half.h"

#define TENSORS_MAX 2048
#define GROUPS_MAX  2048
#define LINKS_MAX   1024
#define OBJECTS_MAX 4096
#define DEPTH_MAX   6

/* A group that is yet to be listed. */
typedef struct pending_group {
    uint64_t object;
    int32_t depth;
    char path[MN_HDF5_PATH_BYTES]; /* "" or ending in '/' */
} pending_group;

struct mn_hdf5 {
    mn_h5 h5;
    int32_t count, group_count, visited;
    mn_hdf5_tensor *tensors; /* [TENSORS_MAX] */
    pending_group *groups;   /* [GROUPS_MAX] */
    mn_h5_link *links;       /* [LINKS_MAX] of the group being listed */
    const char *config;
    size_t config_size;
    size_t root_length; /* of the path of the group of weights */
};

bool mn_hdf5_probe(const uint8_t *bytes, size_t size)
{
    static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};
    return size >= sizeof signature && memcmp(bytes, signature, sizeof signature) == 0;
}

/* ---- data sets ---- */

bool mn_h5_dataspace(mn_h5 *h5, size_t at, size_t size, int32_t most, int32_t *rank, int32_t *shape, bool *fits)
{
    uint64_t version = mn_h5_number(h5, at, 1), dimensions = mn_h5_number(h5, at + 1, 1);
    size_t first = at + (version == 1 ? 8 : 4);
    if (h5->status != MN_OK || (version != 1 && version != 2) || size < first - at + 8 * dimensions)
        return mn_h5_fail(h5, MN_ERROR_FORMAT, at, "a dataspace is damaged");
    *rank = (int32_t)dimensions;
    *fits = *rank <= most;
    for (int32_t i = 0; *fits && i < *rank; i++) {
        uint64_t extent = mn_h5_number(h5, first + 8 * (size_t)i, 8);
        *fits = extent <= INT32_MAX;
        shape[i] = (int32_t)(*fits ? extent : 0);
    }
    return h5->status == MN_OK;
}

/* Datatype: class and version, 3 bytes of flags, size, and for floats where sign, exponent and fraction lie. */
static const char *read_datatype(mn_h5 *h5, const mn_h5_message *message, mn_hdf5_tensor *tensor)
{
    static const struct {
        mn_hdf5_number number;
        uint8_t size, precision, exponent_at, exponent, fraction;
        uint32_t bias;
    } known[] = {
        {MN_HDF5_F16, 2, 16, 10, 5, 10, 15},
        {MN_HDF5_BF16, 2, 16, 7, 8, 7, 127},
        {MN_HDF5_F32, 4, 32, 23, 8, 23, 127},
        {MN_HDF5_F64, 8, 64, 52, 11, 52, 1023},
    };
    if (message->shared)
        return "its type is stored elsewhere";
    if (message->size < 20 || (mn_h5_number(h5, message->at, 1) & 15) != 1)
        return "its numbers are not floats";
    if (mn_h5_number(h5, message->at + 1, 1) & 0x41)
        return "its numbers are not little-endian";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (mn_h5_number(h5, message->at + 4, 4) == known[i].size && mn_h5_number(h5, message->at + 8, 2) == 0 &&
            mn_h5_number(h5, message->at + 10, 2) == known[i].precision &&
            mn_h5_number(h5, message->at + 12, 1) == known[i].exponent_at &&
            mn_h5_number(h5, message->at + 13, 1) == known[i].exponent && mn_h5_number(h5, message->at + 14, 1) == 0 &&
            mn_h5_number(h5, message->at + 15, 1) == known[i].fraction &&
            mn_h5_number(h5, message->at + 16, 4) == known[i].bias) {
            tensor->number = known[i].number;
            return NULL;
        }
    return "its numbers are not IEEE floats of 2, 4 or 8 bytes";
}

/* Data layout, versions 1 to 4: where the numbers are. */
static const char *read_layout(mn_h5 *h5, const mn_h5_message *message, mn_hdf5_tensor *tensor)
{
    uint64_t version = mn_h5_number(h5, message->at, 1), address, bytes;
    bool old = version < 3;
    uint64_t layout = mn_h5_number(h5, message->at + (old ? 2 : 1), 1);
    if (version < 1 || version > 4)
        return "its layout has an unknown version";
    if (layout > 1)
        return layout == 2 ? "its numbers are stored in chunks (compressed or extendible)" : "its layout is virtual";
    if (old) {
        size_t dimensions = (size_t)mn_h5_number(h5, message->at + 1, 1);
        if (layout == 0)
            return "its layout is of an old kind";
        address = mn_h5_number(h5, message->at + 8, 8);
        bytes = 1;
        for (size_t i = 0; i < dimensions && bytes <= h5->reader.size; i++)
            bytes *= mn_h5_number(h5, message->at + 16 + 4 * i, 4);
    } else if (layout == 0) {
        address = message->at + 4;
        bytes = mn_h5_number(h5, message->at + 2, 2);
        if (message->size < 4 || bytes > message->size - 4)
            return "its layout is damaged";
    } else {
        address = mn_h5_number(h5, message->at + 2, 8);
        bytes = mn_h5_number(h5, message->at + 10, 8);
    }
    if (address > h5->reader.size || bytes > h5->reader.size - address)
        return "its numbers lie outside the file, or were never written";
    tensor->at = (size_t)address;
    tensor->bytes = (size_t)bytes;
    return NULL;
}

/* What an object is, and where its numbers lie if it is a data set. */
static bool read_object(mn_h5 *h5, uint64_t object, bool *is_dataset, bool *fits, mn_hdf5_tensor *tensor)
{
    mn_h5_header header;
    mn_h5_message message;
    bool space = false, type = false, layout = false;
    const char *refusal = NULL, *reason;
    if (!mn_h5_header_open(h5, object, &header))
        return false;
    while (mn_h5_header_next(h5, &header, &message)) {
        reason = NULL;
        if (message.type == MN_H5_DATASPACE && !message.shared) {
            mn_h5_dataspace(h5, message.at, message.size, MN_HDF5_RANK_MAX, &tensor->rank, tensor->shape, fits);
            space = true;
        } else if (message.type == MN_H5_DATATYPE) {
            reason = read_datatype(h5, &message, tensor);
            type = true;
        } else if (message.type == MN_H5_LAYOUT) {
            reason = read_layout(h5, &message, tensor);
            layout = true;
        } else if (message.type == MN_H5_EXTERNAL) {
            reason = "its numbers lie in another file";
        } else if (message.type == MN_H5_FILTERS) {
            reason = "its numbers went through a filter (compression)";
        }
        if (reason && !refusal)
            refusal = reason;
    }
    *is_dataset = space && layout;
    tensor->refusal = refusal ? refusal : type ? NULL : "it has no type";
    return h5->status == MN_OK;
}

/* ---- listing ---- */

/* The first component below the root of weights, and the last without ":0". */
static void name_tensor(mn_hdf5_tensor *tensor, const char *path, size_t root_length)
{
    snprintf(tensor->path, sizeof tensor->path, "%s", path);
    const char *below = tensor->path + root_length, *last = strrchr(tensor->path, '/');
    last = last ? last + 1 : tensor->path;
    snprintf(tensor->group, sizeof tensor->group, "%.*s", (int)strcspn(below, "/"), below);
    snprintf(tensor->leaf, sizeof tensor->leaf, "%.*s", (int)strcspn(last, ":"), last);
}

static bool list_link(mn_hdf5 *file, const pending_group *group, const mn_h5_link *link)
{
    mn_h5 *h5 = &file->h5;
    char path[MN_HDF5_PATH_BYTES - 1]; /* room for a '/' behind */
    mn_hdf5_tensor tensor = {0};
    bool is_dataset = false, fits = false;
    size_t at = (size_t)(link->name - (const char *)h5->reader.bytes);
    int length =
        snprintf(path, sizeof path, "%s%.*s", group->path, (int)(link->name_length % MN_HDF5_PATH_BYTES), link->name);
    if (link->name_length >= MN_HDF5_PATH_BYTES || (size_t)length >= sizeof path)
        return mn_h5_fail(h5, MN_ERROR_LIMIT, at, "a name is too long");
    if (++file->visited > OBJECTS_MAX)
        return mn_h5_fail(h5, MN_ERROR_LIMIT, at, "the file has too many objects");
    if (!read_object(h5, link->object, &is_dataset, &fits, &tensor))
        return false;
    if (is_dataset) {
        if (file->count == TENSORS_MAX)
            return mn_h5_fail(h5, MN_ERROR_LIMIT, at, "the file has too many data sets");
        name_tensor(&tensor, path, file->root_length);
        if (fits) /* others are no weights of a network: passed over */
            file->tensors[file->count++] = tensor;
        return true;
    }
    if (file->group_count == GROUPS_MAX || group->depth == DEPTH_MAX)
        return mn_h5_fail(h5, MN_ERROR_LIMIT, at, "the file has too many groups, or groups nested too deeply");
    pending_group *next = &file->groups[file->group_count++];
    next->object = link->object;
    next->depth = group->depth + 1;
    snprintf(next->path, sizeof next->path, "%s/", path);
    return true;
}

static bool list_groups(mn_hdf5 *file)
{
    for (int32_t g = 0; g < file->group_count; g++) {
        int32_t count = 0;
        if (!mn_h5_links(&file->h5, file->groups[g].object, file->links, LINKS_MAX, &count))
            return false;
        for (int32_t i = 0; i < count; i++)
            if (!list_link(file, &file->groups[g], &file->links[i]))
                return false;
    }
    return true;
}

/* A whole model keeps its weights in a group of their own, Keras 3 those of an archive in another; Keras 2's files
 * of weights alone have them at the root. */
static bool find_weights(mn_hdf5 *file, uint64_t root)
{
    static const char *const names[] = {"layers", "model_weights"}; /* the last that is there */
    int32_t count = 0;
    if (!mn_h5_links(&file->h5, root, file->links, LINKS_MAX, &count))
        return false;
    pending_group *first = &file->groups[file->group_count++];
    *first = (pending_group){.object = root};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        for (int32_t i = 0; i < count; i++) {
            const mn_h5_link *link = &file->links[i];
            if (link->name_length != strlen(names[k]) || memcmp(link->name, names[k], link->name_length) != 0)
                continue;
            first->object = link->object;
            file->root_length = (size_t)snprintf(first->path, sizeof first->path, "%s/", names[k]);
        }
    return true;
}

/* ---- the public part ---- */

mn_status mn_hdf5_open(const uint8_t *bytes, size_t size, mn_hdf5 **file, mn_error *err)
{
    uint64_t root = 0;
    mn_hdf5 *result = mn_calloc(1, sizeof *result);
    if (!result)
        return mn_fail_memory(err, sizeof *result, "an HDF5 file");
    result->h5 = (mn_h5){.reader = {bytes, size}, .err = err};
    result->tensors = mn_calloc(TENSORS_MAX, sizeof *result->tensors);
    result->groups = mn_calloc(GROUPS_MAX, sizeof *result->groups);
    result->links = mn_calloc(LINKS_MAX, sizeof *result->links);
    mn_status status = MN_OK;
    if (!result->tensors || !result->groups || !result->links)
        status = mn_fail_memory(err, TENSORS_MAX * sizeof *result->tensors, "a list of tensors");
    else if (!mn_h5_root(&result->h5, &root) ||
             !mn_h5_text(&result->h5, root, "model_config", &result->config, &result->config_size) ||
             !find_weights(result, root) || !list_groups(result))
        status = result->h5.status;
    if (status == MN_OK)
        *file = result;
    else
        mn_hdf5_close(result);
    return status;
}

void mn_hdf5_close(mn_hdf5 *file)
{
    if (!file)
        return;
    free(file->tensors);
    free(file->groups);
    free(file->links);
    free(file);
}

const char *mn_hdf5_config(const mn_hdf5 *file, size_t *size)
{
    *size = file->config_size;
    return file->config;
}

int32_t mn_hdf5_count(const mn_hdf5 *file)
{
    return file->count;
}

const mn_hdf5_tensor *mn_hdf5_at(const mn_hdf5 *file, int32_t index)
{
    return index >= 0 && index < file->count ? &file->tensors[index] : NULL;
}

const mn_hdf5_tensor *mn_hdf5_find(const mn_hdf5 *file, const char *group, const char *leaf)
{
    for (int32_t i = 0; i < file->count; i++)
        if (strcmp(file->tensors[i].group, group) == 0 && strcmp(file->tensors[i].leaf, leaf) == 0)
            return &file->tensors[i];
    return NULL;
}

void mn_hdf5_rename(mn_hdf5 *file, const char *group, const char *leaf, const char *new_group, const char *new_leaf)
{
    for (int32_t i = 0; i < file->count; i++) {
        mn_hdf5_tensor *tensor = &file->tensors[i];
        if (strcmp(tensor->group, group) != 0 || strcmp(tensor->leaf, leaf) != 0)
            continue;
        snprintf(tensor->group, sizeof tensor->group, "%s", new_group);
        snprintf(tensor->leaf, sizeof tensor->leaf, "%s", new_leaf);
        return;
    }
}

static float number_at(const mn_reader *reader, mn_hdf5_number number, size_t i)
{
    uint16_t half = 0;
    uint64_t bits = 0;
    float narrow = 0;
    double wide;
    switch (number) {
    case MN_HDF5_F32:
        mn_reader_f32(reader, 4 * i, &narrow);
        return narrow;
    case MN_HDF5_F64:
        mn_reader_u64(reader, 8 * i, &bits);
        memcpy(&wide, &bits, sizeof wide);
        return (float)wide;
    case MN_HDF5_F16:
    case MN_HDF5_BF16:
    default:
        mn_reader_u16(reader, 2 * i, &half);
        return number == MN_HDF5_F16 ? mn_float_from_f16(half) : mn_float_from_bf16(half);
    }
}

mn_status mn_hdf5_read(const mn_hdf5 *file, const mn_hdf5_tensor *tensor, size_t elements, float *values, mn_error *err)
{
    static const size_t number_bytes[] = {2, 2, 4, 8};
    size_t stored = 1;
    for (int32_t i = 0; i < tensor->rank; i++)
        if (!mn_size_mul(stored, (size_t)tensor->shape[i], &stored))
            stored = SIZE_MAX;
    if (stored != elements)
        return mn_fail(err, MN_ERROR_FORMAT, "'%s' has %zu elements, %zu are wanted", tensor->path, stored, elements);
    if (tensor->refusal)
        return mn_fail(err, MN_ERROR_UNSUPPORTED, "'%s': %s", tensor->path, tensor->refusal);
    if (tensor->bytes / number_bytes[tensor->number] < elements)
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)tensor->at, "'%s' has %zu bytes, too few for %zu numbers",
                          tensor->path, tensor->bytes, elements);
    const mn_reader reader = {file->h5.reader.bytes + tensor->at, tensor->bytes};
    for (size_t i = 0; i < elements; i++)
        values[i] = number_at(&reader, tensor->number, i);
    return MN_OK;
}
