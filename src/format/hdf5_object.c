#include "format/hdf5_object.h"

#include <string.h>

#define MESSAGES_MAX 4096

bool mn_h5_fail(mn_h5 *h5, mn_status status, size_t at, const char *what)
{
    if (h5->status == MN_OK)
        h5->status = mn_fail_at(h5->err, status, (int64_t)at, "HDF5: %s", what);
    return false;
}

uint64_t mn_h5_number(mn_h5 *h5, size_t at, size_t bytes)
{
    uint64_t value = 0;
    if (h5->status != MN_OK)
        return 0;
    if (!mn_reader_has(&h5->reader, at, bytes)) {
        mn_h5_fail(h5, MN_ERROR_FORMAT, at, "a number lies outside the file");
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)h5->reader.bytes[at + i] << (8 * i);
    return value;
}

/* Whether `length` bytes at an address of the file lie inside. */
static bool inside(mn_h5 *h5, uint64_t address, uint64_t length)
{
    return h5->status == MN_OK && address <= h5->reader.size && length <= h5->reader.size - address;
}

static bool has_signature(mn_h5 *h5, uint64_t address, const char *signature)
{
    return inside(h5, address, 4) && memcmp(h5->reader.bytes + address, signature, 4) == 0;
}

bool mn_h5_root(mn_h5 *h5, uint64_t *object)
{
    static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};
    if (!inside(h5, 0, sizeof signature) || memcmp(h5->reader.bytes, signature, sizeof signature) != 0)
        return mn_h5_fail(h5, MN_ERROR_FORMAT, 0, "the signature is missing");
    uint64_t version = mn_h5_number(h5, 8, 1);
    if (version > 3)
        return mn_h5_fail(h5, MN_ERROR_UNSUPPORTED, 8, "the superblock has a version above 3");
    bool old = version < 2;
    size_t sizes_at = old ? 13 : 9; /* bytes of an address and of a length */
    if (mn_h5_number(h5, sizes_at, 1) != 8 || mn_h5_number(h5, sizes_at + 1, 1) != 8)
        return mn_h5_fail(h5, MN_ERROR_UNSUPPORTED, sizes_at, "addresses or lengths are not of 8 bytes");
    size_t base_at = old ? (version == 1 ? 28 : 24) : 12;
    if (mn_h5_number(h5, base_at, 8) != 0)
        return mn_h5_fail(h5, MN_ERROR_UNSUPPORTED, base_at, "the file has a user block");
    *object = mn_h5_number(h5, old ? base_at + 40 : base_at + 24, 8);
    return h5->status == MN_OK;
}

/* ---- object headers ---- */

static bool add_block(mn_h5 *h5, mn_h5_header *header, uint64_t at, uint64_t size)
{
    if (!inside(h5, at, size))
        return mn_h5_fail(h5, MN_ERROR_FORMAT, (size_t)at, "an object header lies outside the file");
    if (header->block_count == MN_H5_BLOCKS_MAX)
        return mn_h5_fail(h5, MN_ERROR_LIMIT, (size_t)at, "an object header has too many blocks");
    header->blocks[header->block_count].at = (size_t)at;
    header->blocks[header->block_count].end = (size_t)(at + size);
    header->block_count++;
    return true;
}

bool mn_h5_header_open(mn_h5 *h5, uint64_t object, mn_h5_header *header)
{
    *header = (mn_h5_header){0};
    if (!inside(h5, object, 16))
        return mn_h5_fail(h5, MN_ERROR_FORMAT, (size_t)object, "an object lies outside the file");
    size_t at = (size_t)object, start;
    uint64_t size;
    if (has_signature(h5, object, "OHDR")) {
        uint64_t flags = mn_h5_number(h5, at + 5, 1);
        if (mn_h5_number(h5, at + 4, 1) != 2)
            return mn_h5_fail(h5, MN_ERROR_UNSUPPORTED, at, "an object header has an unknown version");
        size_t width = (size_t)1 << (flags & 3);
        start = at + 6 + (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0);
        size = mn_h5_number(h5, start, width);
        start += width;
        header->version = 2;
        header->head_bytes = flags & 4 ? 6 : 4;
    } else {
        if (mn_h5_number(h5, at, 1) != 1)
            return mn_h5_fail(h5, MN_ERROR_FORMAT, at, "an object header has an unknown version");
        size = mn_h5_number(h5, at + 8, 4);
        start = at + 16;
        header->version = 1;
        header->head_bytes = 8;
    }
    if (h5->status != MN_OK || !add_block(h5, header, start, size))
        return false;
    header->next = header->blocks[0].at;
    return true;
}

/* The block that a continuation message points to. */
static bool add_continuation(mn_h5 *h5, mn_h5_header *header, const mn_h5_message *message)
{
    uint64_t at = mn_h5_number(h5, message->at, 8), size = mn_h5_number(h5, message->at + 8, 8);
    if (message->size < 16 || h5->status != MN_OK)
        return mn_h5_fail(h5, MN_ERROR_FORMAT, message->at, "a continuation of an object header is cut off");
    if (header->version == 1)
        return add_block(h5, header, at, size);
    if (size < 8 || !has_signature(h5, at, "OCHK"))
        return mn_h5_fail(h5, MN_ERROR_FORMAT, (size_t)at, "a continuation of an object header is damaged");
    return add_block(h5, header, at + 4, size - 8); /* signature before, checksum behind */
}

bool mn_h5_header_next(mn_h5 *h5, mn_h5_header *header, mn_h5_message *message)
{
    while (h5->status == MN_OK && header->block < header->block_count) {
        size_t at = header->next, end = header->blocks[header->block].end;
        if (end - at < header->head_bytes) { /* what is left is padding */
            if (++header->block < header->block_count)
                header->next = header->blocks[header->block].at;
            continue;
        }
        bool old = header->version == 1;
        uint64_t flags = mn_h5_number(h5, at + (old ? 4 : 3), 1);
        message->type = (uint16_t)mn_h5_number(h5, at, old ? 2 : 1);
        message->size = (size_t)mn_h5_number(h5, at + (old ? 2 : 1), 2);
        message->at = at + header->head_bytes;
        message->shared = (flags & 2) != 0;
        if (message->size > end - message->at)
            return mn_h5_fail(h5, MN_ERROR_FORMAT, at, "a message is longer than its object header");
        if (++header->seen > MESSAGES_MAX)
            return mn_h5_fail(h5, MN_ERROR_LIMIT, at, "an object header has too many messages");
        header->next = message->at + message->size;
        if (message->type != MN_H5_CONTINUATION)
            return true;
        if (!add_continuation(h5, header, message))
            return false;
    }
    return false;
}
