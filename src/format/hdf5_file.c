#include "format/hdf5_file.h"

#include <hdf5.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define FILE_BYTES_MAX   ((size_t)1 << 30)
#define CONFIG_BYTES_MAX ((size_t)16 << 20)
#define CHUNK_BYTES_MAX  ((uint64_t)64 << 20)
#define TENSORS_MAX      2048
#define LINKS_MAX        1024
#define DEPTH_MAX        6
#define DEFLATE_RATIO    1032 /* the most that deflate can gain */

struct mn_hdf5 {
    hid_t file;
    size_t file_bytes;
    int32_t count;
    mn_hdf5_tensor *tensors; /* [TENSORS_MAX] */
    char *config;
    size_t config_size;
    H5E_auto2_t saved_report; /* the library's settings before us */
    void *saved_report_data;
    unsigned saved_plugins;
};

static pthread_mutex_t library = PTHREAD_MUTEX_INITIALIZER;

static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};

bool mn_hdf5_probe(const uint8_t *bytes, size_t size)
{
    return size >= sizeof signature && memcmp(bytes, signature, sizeof signature) == 0;
}

/* ---- listing ---- */

/* A group being listed: the walk keeps a stack of them instead of recursing. */
typedef struct open_group {
    hid_t id;
    hsize_t next, links;
    size_t path_length; /* of the group in the path buffer */
} open_group;

typedef struct listing {
    mn_hdf5 *file;
    open_group stack[DEPTH_MAX];
    int32_t depth;
    int64_t visited;
    char path[MN_HDF5_PATH_BYTES];
    mn_error *err;
} listing;

static mn_status push_group(listing *list, hid_t id, size_t path_length)
{
    H5G_info_t info;
    if (list->depth == DEPTH_MAX) {
        H5Gclose(id);
        return mn_fail(list->err, MN_ERROR_LIMIT, "group '%s' is nested deeper than %d", list->path, DEPTH_MAX);
    }
    if (H5Gget_info(id, &info) < 0 || info.nlinks > LINKS_MAX) {
        H5Gclose(id);
        return mn_fail(list->err, MN_ERROR_LIMIT, "group '%s' cannot be read or has more than %d members", list->path,
                       LINKS_MAX);
    }
    list->stack[list->depth++] = (open_group){id, 0, info.nlinks, path_length};
    return MN_OK;
}

/* The first component below the root of weights, and the last without ":0". */
static void name_tensor(mn_hdf5_tensor *tensor, size_t root_length)
{
    const char *below = tensor->path + root_length;
    size_t group = strcspn(below, "/");
    const char *last = strrchr(tensor->path, '/');
    last = last ? last + 1 : tensor->path;
    size_t leaf = strcspn(last, ":");
    snprintf(tensor->group, sizeof tensor->group, "%.*s", (int)group, below);
    snprintf(tensor->leaf, sizeof tensor->leaf, "%.*s", (int)leaf, last);
}

static mn_status add_tensor(listing *list, hid_t dataset, size_t root_length)
{
    mn_hdf5 *file = list->file;
    hsize_t shape[MN_HDF5_RANK_MAX];
    if (file->count == TENSORS_MAX)
        return mn_fail(list->err, MN_ERROR_LIMIT, "the file has more than %d data sets", TENSORS_MAX);
    mn_hdf5_tensor *tensor = &file->tensors[file->count];
    hid_t space = H5Dget_space(dataset);
    int rank = space >= 0 ? H5Sget_simple_extent_ndims(space) : -1;
    bool fits = rank >= 0 && rank <= MN_HDF5_RANK_MAX && H5Sget_simple_extent_dims(space, shape, NULL) == rank;
    for (int i = 0; fits && i < rank; i++) {
        fits = shape[i] <= INT32_MAX;
        tensor->shape[i] = fits ? (int32_t)shape[i] : 0;
    }
    if (space >= 0)
        H5Sclose(space);
    if (!fits)
        return MN_OK; /* no weight of a network: passed over */
    tensor->rank = rank;
    snprintf(tensor->path, sizeof tensor->path, "%s", list->path);
    name_tensor(tensor, root_length);
    file->count++;
    return MN_OK;
}

/* Looks at the next link of the group on top of the stack. */
static mn_status visit_link(listing *list, size_t root_length)
{
    open_group *top = &list->stack[list->depth - 1];
    hsize_t index = top->next++;
    H5L_info_t link;
    char *name = list->path + top->path_length;
    size_t room = sizeof list->path - top->path_length;
    if (++list->visited > 4 * TENSORS_MAX)
        return mn_fail(list->err, MN_ERROR_LIMIT, "the file has too many objects");
    *name = 0;
    if (H5Lget_info_by_idx(top->id, ".", H5_INDEX_NAME, H5_ITER_INC, index, &link, H5P_DEFAULT) < 0)
        return mn_fail(list->err, MN_ERROR_FORMAT, "member %llu of group '%s' cannot be read",
                       (unsigned long long)index, list->path);
    if (link.type != H5L_TYPE_HARD)
        return MN_OK; /* soft and external links are not followed */
    ssize_t length = H5Lget_name_by_idx(top->id, ".", H5_INDEX_NAME, H5_ITER_INC, index, name, room, H5P_DEFAULT);
    if (length < 1 || (size_t)length + 2 > room)
        return mn_fail(list->err, MN_ERROR_LIMIT,
                       "a member of group '%.100s' has a name that is too long or unreadable", list->path);
    hid_t object = H5Oopen(top->id, name, H5P_DEFAULT);
    H5I_type_t kind = object >= 0 ? H5Iget_type(object) : H5I_BADID;
    mn_status status = MN_OK;
    if (kind == H5I_GROUP) {
        name[length] = '/';
        name[length + 1] = 0;
        return push_group(list, object, top->path_length + (size_t)length + 1);
    }
    if (kind == H5I_DATASET)
        status = add_tensor(list, object, root_length);
    else if (kind == H5I_BADID)
        status = mn_fail(list->err, MN_ERROR_FORMAT, "'%s' cannot be opened", list->path);
    if (object >= 0)
        H5Oclose(object);
    return status;
}

static mn_status list_tensors(mn_hdf5 *file, mn_error *err)
{
    static const char weights[] = "model_weights";
    listing list = {.file = file, .err = err};
    H5L_info_t link;
    size_t root_length = 0;
    hid_t root;
    /* A whole model keeps its weights in a group of their own; a file of weights alone has them at the root. */
    if (H5Lexists(file->file, weights, H5P_DEFAULT) > 0 && H5Lget_info(file->file, weights, &link, H5P_DEFAULT) >= 0 &&
        link.type == H5L_TYPE_HARD) {
        root = H5Gopen2(file->file, weights, H5P_DEFAULT);
        root_length = (size_t)snprintf(list.path, sizeof list.path, "%s/", weights);
    } else {
        root = H5Gopen2(file->file, "/", H5P_DEFAULT);
    }
    if (root < 0)
        return mn_fail(err, MN_ERROR_FORMAT, "the group of weights cannot be opened");
    mn_status status = push_group(&list, root, root_length);
    while (status == MN_OK && list.depth > 0) {
        open_group *top = &list.stack[list.depth - 1];
        if (top->next < top->links) {
            status = visit_link(&list, root_length);
            continue;
        }
        H5Gclose(top->id);
        list.depth--;
    }
    while (list.depth > 0)
        H5Gclose(list.stack[--list.depth].id);
    return status;
}

/* ---- the configuration ---- */

static mn_status read_fixed_text(mn_hdf5 *file, hid_t attribute, hid_t type, mn_error *err)
{
    size_t size = H5Tget_size(type);
    if (size == 0 || size > CONFIG_BYTES_MAX)
        return mn_fail(err, MN_ERROR_LIMIT, "model_config has %zu bytes, at most %zu are read", size, CONFIG_BYTES_MAX);
    if (!(file->config = mn_calloc(size + 1, 1)))
        return mn_fail_memory(err, size + 1, "model_config");
    if (H5Aread(attribute, type, file->config) < 0)
        return mn_fail(err, MN_ERROR_FORMAT, "model_config cannot be read");
    return MN_OK;
}

static mn_status read_variable_text(mn_hdf5 *file, hid_t attribute, mn_error *err)
{
    char *text = NULL;
    mn_status status = MN_OK;
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type < 0 || H5Tset_size(type, H5T_VARIABLE) < 0 || H5Aread(attribute, type, &text) < 0)
        status = mn_fail(err, MN_ERROR_FORMAT, "model_config cannot be read");
    if (status == MN_OK && text && strlen(text) > CONFIG_BYTES_MAX)
        status = mn_fail(err, MN_ERROR_LIMIT, "model_config has more than %zu bytes", CONFIG_BYTES_MAX);
    if (status == MN_OK && text && !(file->config = mn_strdup(text)))
        status = mn_fail_memory(err, strlen(text) + 1, "model_config");
    H5free_memory(text);
    if (type >= 0)
        H5Tclose(type);
    return status;
}

static mn_status read_config(mn_hdf5 *file, mn_error *err)
{
    if (H5Aexists(file->file, "model_config") <= 0)
        return MN_OK;
    mn_status status = MN_ERROR_FORMAT;
    hid_t attribute = H5Aopen(file->file, "model_config", H5P_DEFAULT);
    hid_t type = attribute >= 0 ? H5Aget_type(attribute) : H5I_INVALID_HID;
    hid_t space = attribute >= 0 ? H5Aget_space(attribute) : H5I_INVALID_HID;
    if (type < 0 || space < 0 || H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1)
        mn_fail(err, status, "model_config is not one text");
    else if (H5Tis_variable_str(type) > 0)
        status = read_variable_text(file, attribute, err);
    else
        status = read_fixed_text(file, attribute, type, err);
    if (status == MN_OK && file->config)
        file->config_size = strlen(file->config);
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    if (attribute >= 0)
        H5Aclose(attribute);
    return status;
}

/* ---- opening ---- */

static hid_t open_image(const uint8_t *bytes, size_t size)
{
    hid_t file = H5I_INVALID_HID, access = H5Pcreate(H5P_FILE_ACCESS);
    if (access < 0)
        return file;
    /* The library copies the image and never touches a file. */
    if (H5Pset_fapl_core(access, 65536, 0) >= 0 && H5Pset_file_image(access, (void *)(uintptr_t)bytes, size) >= 0)
        file = H5Fopen("model.h5", H5F_ACC_RDONLY, access);
    H5Pclose(access);
    return file;
}

mn_status mn_hdf5_open(const uint8_t *bytes, size_t size, mn_hdf5 **file, mn_error *err)
{
    if (size > FILE_BYTES_MAX)
        return mn_fail(err, MN_ERROR_LIMIT, "the file has %zu bytes, at most %zu are read", size, FILE_BYTES_MAX);
    mn_hdf5 *result = mn_calloc(1, sizeof *result);
    if (!result)
        return mn_fail_memory(err, sizeof *result, "an HDF5 file");
    result->file = H5I_INVALID_HID;
    result->file_bytes = size;
    pthread_mutex_lock(&library);
    H5Eget_auto2(H5E_DEFAULT, &result->saved_report, &result->saved_report_data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLget_loading_state(&result->saved_plugins);
    H5PLset_loading_state(0);
    mn_status status = MN_OK;
    if (!(result->tensors = mn_calloc(TENSORS_MAX, sizeof *result->tensors)))
        status = mn_fail_memory(err, TENSORS_MAX * sizeof *result->tensors, "a list of tensors");
    else if ((result->file = open_image(bytes, size)) < 0)
        status = mn_fail(err, MN_ERROR_FORMAT, "the HDF5 file is damaged or of a kind that libhdf5 does not read");
    if (status == MN_OK)
        status = read_config(result, err);
    if (status == MN_OK)
        status = list_tensors(result, err);
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
    if (file->file >= 0)
        H5Fclose(file->file);
    H5Eclear2(H5E_DEFAULT); /* a thread that ends with errors on its list keeps the library from closing */
    H5Eset_auto2(H5E_DEFAULT, file->saved_report, file->saved_report_data);
    H5PLset_loading_state(file->saved_plugins);
    pthread_mutex_unlock(&library);
    free(file->config);
    free(file->tensors);
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

/* ---- reading ---- */

/* Chunks of a bearable size, filters that are harmless. */
static const char *check_chunks(hid_t properties, size_t type_bytes)
{
    hsize_t shape[H5S_MAX_RANK];
    uint64_t bytes = type_bytes;
    int rank = H5Pget_chunk(properties, H5S_MAX_RANK, shape), filters = H5Pget_nfilters(properties);
    if (rank < 0 || filters < 0 || filters > 4)
        return "its chunks or filters cannot be read";
    for (int i = 0; i < rank; i++) {
        if (shape[i] == 0 || shape[i] > CHUNK_BYTES_MAX / bytes)
            return "its chunks are too large";
        bytes *= shape[i];
    }
    for (int i = 0; i < filters; i++) {
        unsigned flags, info;
        size_t values = 0;
        H5Z_filter_t filter = H5Pget_filter2(properties, (unsigned)i, &flags, &values, NULL, 0, NULL, &info);
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32)
            return "it uses a filter other than deflate, shuffle and checksum";
    }
    return NULL;
}

/* Why the stored data cannot be read, or NULL. */
static const char *check_storage(const mn_hdf5 *file, hid_t dataset, hid_t type, size_t elements)
{
    size_t type_bytes = H5Tget_size(type);
    if (H5Tget_class(type) != H5T_FLOAT || (type_bytes != 2 && type_bytes != 4 && type_bytes != 8))
        return "its numbers are not floats of 2, 4 or 8 bytes";
    hid_t properties = H5Dget_create_plist(dataset);
    if (properties < 0)
        return "its properties cannot be read";
    const char *reason = NULL;
    uint64_t stored = H5Dget_storage_size(dataset), wanted = (uint64_t)elements * type_bytes;
    haddr_t offset = H5Dget_offset(dataset);
    H5D_layout_t layout = H5Pget_layout(properties);
    if (H5Pget_external_count(properties) != 0)
        reason = "its data lie in another file";
    else if (layout == H5D_CHUNKED)
        reason = check_chunks(properties, type_bytes);
    else if (layout != H5D_CONTIGUOUS && layout != H5D_COMPACT)
        reason = "its layout is virtual or unknown";
    if (!reason && layout == H5D_CONTIGUOUS &&
        (offset == HADDR_UNDEF || offset > file->file_bytes || wanted > file->file_bytes - offset))
        reason = "its data lie outside the file";
    if (!reason && (stored > file->file_bytes || stored < wanted / (layout == H5D_CHUNKED ? DEFLATE_RATIO : 1)))
        reason = "fewer data are stored than its shape wants";
    H5Pclose(properties);
    return reason;
}

mn_status mn_hdf5_read(mn_hdf5 *file, const mn_hdf5_tensor *tensor, size_t elements, float *values, mn_error *err)
{
    size_t stored = 1;
    for (int32_t i = 0; i < tensor->rank; i++)
        if (!mn_size_mul(stored, (size_t)tensor->shape[i], &stored))
            stored = SIZE_MAX;
    if (stored != elements)
        return mn_fail(err, MN_ERROR_FORMAT, "'%s' has %zu elements, %zu are wanted", tensor->path, stored, elements);
    mn_status status = MN_OK;
    hid_t dataset = H5Dopen2(file->file, tensor->path, H5P_DEFAULT);
    hid_t type = dataset >= 0 ? H5Dget_type(dataset) : H5I_INVALID_HID;
    hid_t space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
    if (type < 0 || space < 0 || H5Sget_simple_extent_npoints(space) != (hssize_t)elements) {
        status = mn_fail(err, MN_ERROR_FORMAT, "'%s' cannot be opened", tensor->path);
    } else {
        const char *reason = check_storage(file, dataset, type, elements);
        if (reason)
            status = mn_fail(err, MN_ERROR_UNSUPPORTED, "'%s': %s", tensor->path, reason);
        else if (H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
            status = mn_fail(err, MN_ERROR_FORMAT, "'%s': its data are damaged", tensor->path);
    }
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    if (dataset >= 0)
        H5Dclose(dataset);
    return status;
}
