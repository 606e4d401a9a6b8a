/* IDX files, the format of the MNIST family (LeCun, "The MNIST database"), plain or gzip:
 *
 *     0 0 TYPE RANK | RANK sizes, 32 bits, high byte first | the bytes        TYPE 8: unsigned bytes
 *
 * A folder holds up to four of them: images and labels of a train and a test part, the latter called t10k.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/status.h"
#include "train/dataset_index.h"

#define TYPE_BYTE     8
#define HEADER_MAX    20 /* four sizes */
#define INFLATED_MAX  ((uint64_t)4 << 30)
#define DEFLATE_RATIO 1032 /* no deflate stream grows by more (zlib's technical notes) */

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Reads magic and sizes from the first bytes of a file; *total is what the whole file must hold. */
static mn_status parse_header(const uint8_t *bytes, size_t size, mn_idx *idx, uint64_t *total, mn_error *err)
{
    if (size < 4 || bytes[0] != 0 || bytes[1] != 0)
        return mn_fail_at(err, MN_ERROR_FORMAT, 0, "not an IDX file: it does not begin with two zero bytes");
    if (bytes[2] != TYPE_BYTE)
        return mn_fail_at(err, MN_ERROR_UNSUPPORTED, 2, "IDX type 0x%02x is met, only 0x08 (bytes) can be read",
                          bytes[2]);
    if (bytes[3] < 1 || bytes[3] > 4)
        return mn_fail_at(err, MN_ERROR_UNSUPPORTED, 3, "IDX rank %d is met, wanted is 1 to 4", bytes[3]);
    idx->rank = bytes[3];
    size_t header = 4 + 4 * (size_t)idx->rank;
    if (size < header)
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)size, "the file ends within its %zu bytes of header", header);
    uint64_t product = 1;
    for (int32_t i = 0; i < 4; i++) {
        idx->shape[i] = i < idx->rank ? big_endian(bytes + 4 + 4 * i) : 1;
        if (idx->shape[i] == 0 || product > INFLATED_MAX / (uint64_t)idx->shape[i])
            return mn_fail_at(err, MN_ERROR_LIMIT, 4 + 4 * i,
                              "size %d is %lld: the array would be empty or above 4 GiB", i, (long long)idx->shape[i]);
        product *= (uint64_t)idx->shape[i];
    }
    *total = header + product;
    return MN_OK;
}

/* Inflates exactly `size` bytes from the start of a gzip stream; with `whole`, nothing may follow. */
static mn_status inflate_bytes(const uint8_t *bytes, size_t size, uint8_t *out, size_t wanted, bool whole, size_t *got,
                               mn_error *err)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)bytes};
    uint8_t extra;
    size_t in_left = size, done = 0;
    int code = inflateInit2(&stream, 16 + MAX_WBITS);
    if (code != Z_OK)
        return mn_fail(err, MN_ERROR_OUT_OF_MEMORY, "zlib could not be started");
    while (code == Z_OK && done <= wanted) { /* by pieces: avail_in and avail_out are 32 bits */
        size_t piece = wanted - done < (1u << 30) ? wanted - done : 1u << 30;
        if (piece == 0 && !whole)
            break;
        stream.next_out = piece ? out + done : &extra;
        stream.avail_out = (uInt)(piece ? piece : 1);
        if (stream.avail_in == 0) {
            stream.avail_in = (uInt)(in_left < (1u << 30) ? in_left : 1u << 30);
            in_left -= stream.avail_in;
        }
        uInt before = stream.avail_out;
        code = inflate(&stream, Z_NO_FLUSH);
        done += before - stream.avail_out;
    }
    *got = done;
    int64_t offset = (int64_t)(size - in_left - stream.avail_in);
    inflateEnd(&stream);
    if (code == Z_MEM_ERROR)
        return mn_fail(err, MN_ERROR_OUT_OF_MEMORY, "zlib ran out of memory");
    if (code == Z_DATA_ERROR || code == Z_NEED_DICT)
        return mn_fail_at(err, MN_ERROR_FORMAT, offset, "the gzip stream is damaged");
    if (done > wanted)
        return mn_fail(err, MN_ERROR_FORMAT, "the gzip stream holds more than the %zu bytes that its header promises",
                       wanted);
    if (whole && (done < wanted || code != Z_STREAM_END))
        return mn_fail_at(err, MN_ERROR_FORMAT, offset, "the gzip stream ends after %zu bytes of %zu", done, wanted);
    return MN_OK;
}

static mn_status inflate_idx(const uint8_t *bytes, size_t size, mn_idx *idx, mn_error *err)
{
    uint8_t header[HEADER_MAX];
    size_t got;
    uint64_t total = 0;
    mn_status status = inflate_bytes(bytes, size, header, sizeof header, false, &got, err);
    if (status == MN_OK)
        status = parse_header(header, got, idx, &total, err);
    if (status != MN_OK)
        return status;
    if (total > ((uint64_t)size + 1) * DEFLATE_RATIO)
        return mn_fail_at(err, MN_ERROR_FORMAT, 4,
                          "the header promises %llu bytes, which %zu bytes of gzip cannot hold",
                          (unsigned long long)total, size);
    uint8_t *block = total <= SIZE_MAX ? malloc((size_t)total) : NULL;
    if (!block)
        return mn_fail_memory(err, (size_t)total, "an inflated IDX file");
    status = inflate_bytes(bytes, size, block, (size_t)total, true, &got, err);
    if (status != MN_OK) {
        free(block);
        return status;
    }
    idx->inflated = block;
    idx->data = block + 4 + 4 * idx->rank;
    return MN_OK;
}

mn_status mn_idx_parse(const uint8_t *bytes, size_t size, mn_idx *idx, mn_error *err)
{
    mn_idx result = {0};
    uint64_t total = 0;
    mn_status status;
    if (size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b) {
        status = inflate_idx(bytes, size, &result, err);
    } else if ((status = parse_header(bytes, size, &result, &total, err)) == MN_OK) {
        if (total != size)
            return mn_fail_at(err, MN_ERROR_FORMAT, 4, "the header promises a file of %llu bytes, it has %zu",
                              (unsigned long long)total, size);
        result.data = bytes + 4 + 4 * result.rank;
    }
    if (status == MN_OK)
        *idx = result;
    return status;
}

/* PREFIX-images-idx3-ubyte[.gz] in the folder, or the labels; false where there is none. */
static bool find_file(const char *folder, const char *const *prefixes, bool labels, mn_path path)
{
    static const char *const endings[] = {"", ".gz"};
    char name[64];
    for (; *prefixes; prefixes++)
        for (int dot = 0; dot < 2; dot++)
            for (int i = 0; i < 2; i++) {
                snprintf(name, sizeof name, "%s-%s%cidx%d-ubyte%s", *prefixes, labels ? "labels" : "images",
                         dot ? '.' : '-', labels ? 1 : 3, endings[i]);
                if (mn_path_join(path, folder, name) && mn_path_is_file(path))
                    return true;
            }
    return false;
}

static const char *const train_prefixes[] = {"train", NULL};
static const char *const test_prefixes[] = {"t10k", "test", NULL};

bool mn_dataset_is_idx(const char *path)
{
    mn_path file;
    return find_file(path, train_prefixes, false, file) || find_file(path, test_prefixes, false, file);
}

/* Maps and parses one file into slot `slot` of the set. */
static mn_status read_array(mn_dataset *set, const char *path, int slot, mn_idx *idx, mn_error *err)
{
    mn_status status = mn_file_map(path, &set->files[slot], err);
    if (status != MN_OK)
        return status;
    set->file_count = slot + 1;
    status = mn_idx_parse(set->files[slot].bytes, set->files[slot].size, idx, err);
    if (status != MN_OK)
        return mn_fail_prefix(err, status, path);
    set->inflated[slot] = idx->inflated;
    return MN_OK;
}

static mn_status index_records(mn_dataset *set, const mn_idx *images, const mn_idx *labels, mn_error *err)
{
    int64_t count = images->shape[0], channels = images->shape[3];
    if (images->rank < 3 || (channels != 1 && channels != 3) || images->shape[1] > MN_EXTENT_MAX ||
        images->shape[2] > MN_EXTENT_MAX)
        return mn_fail(err, MN_ERROR_FORMAT,
                       "images of rank %d, %lldx%lldx%lld are met, wanted are images x height x width, at most %d each",
                       images->rank, (long long)images->shape[1], (long long)images->shape[2], (long long)channels,
                       MN_EXTENT_MAX);
    if (labels->rank != 1 || labels->shape[0] != count)
        return mn_fail(err, MN_ERROR_FORMAT, "%lld labels (rank %d) are met for %lld images",
                       (long long)labels->shape[0], labels->rank, (long long)count);
    set->height = (int32_t)images->shape[1];
    set->width = (int32_t)images->shape[2];
    set->channels = (int32_t)channels;
    set->records = mn_calloc((size_t)count, sizeof *set->records);
    set->labels = mn_calloc((size_t)count, sizeof *set->labels);
    if (!set->records || !set->labels)
        return mn_fail_memory(err, (size_t)count * sizeof *set->records, "the index of a data set");
    size_t bytes = (size_t)set->height * (size_t)set->width * (size_t)channels;
    for (int64_t i = 0; i < count; i++) {
        set->records[i] = images->data + (size_t)i * bytes;
        set->labels[i] = labels->data[i];
        if (labels->data[i] >= set->class_count)
            set->class_count = labels->data[i] + 1;
    }
    set->count = count;
    return MN_OK;
}

mn_status mn_dataset_read_idx(mn_dataset *set, const char *path, mn_split split, mn_error *err)
{
    mn_status status;
    mn_idx images, labels;
    mn_path images_path, labels_path;
    bool use_test =
        split == MN_SPLIT_TEST || (split == MN_SPLIT_DEFAULT && find_file(path, test_prefixes, false, images_path));
    const char *const *prefixes = use_test ? test_prefixes : train_prefixes;
    if (!find_file(path, prefixes, false, images_path))
        return mn_fail(err, MN_ERROR_ARGUMENT, "'%s' has no %s-images-idx3-ubyte", path, prefixes[0]);
    if (!find_file(path, prefixes, true, labels_path))
        return mn_fail(err, MN_ERROR_FORMAT, "'%s' has no %s-labels-idx1-ubyte", path, prefixes[0]);
    set->kind = "idx";
    set->part = use_test ? MN_SPLIT_TEST : MN_SPLIT_TRAIN;
    if ((status = read_array(set, images_path, 0, &images, err)) == MN_OK &&
        (status = read_array(set, labels_path, 1, &labels, err)) == MN_OK &&
        (status = index_records(set, &images, &labels, err)) != MN_OK)
        mn_fail_prefix(err, status, images_path);
    return status;
}
