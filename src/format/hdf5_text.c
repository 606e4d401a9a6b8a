/* The text of an HDF5 attribute: of fixed length, in the attribute itself, or of variable length, in a global heap.
 *
 *     attribute: version, [reserved], lengths of name, type and space, name, type, space, data
 *     data of variable length: bytes (4), address of a heap (8), number of an object in it (4)
 *     heap: "GCOL", version, size (8), then objects: number (2), references (2), reserved (4), size (8), data
 */
#include <string.h>

#include "format/hdf5_file.h"

#define TEXT_BYTES_MAX (16u << 20)
#define CLASS_STRING   3
#define CLASS_VARIABLE 9
#define HEAP_HEAD      16
#define HEAP_OBJECT    16

/* A part of the attribute, padded to 8 bytes in version 1. */
static size_t take(size_t *at, uint64_t bytes, uint64_t version)
{
    size_t start = *at;
    *at += (size_t)(version == 1 ? (bytes + 7) / 8 * 8 : bytes);
    return start;
}

static bool read_heap(mn_h5 *h5, size_t at, uint64_t bytes, const char **text)
{
    uint64_t heap = mn_h5_number(h5, at + 4, 8), wanted = mn_h5_number(h5, at + 12, 4);
    const mn_reader *reader = &h5->reader;
    if (h5->status != MN_OK || heap > reader->size || !mn_reader_has(reader, (size_t)heap, HEAP_HEAD) ||
        memcmp(reader->bytes + heap, "GCOL", 4) != 0)
        return mn_h5_fail(h5, MN_ERROR_FORMAT, at, "a text lies in a heap that is not there");
    uint64_t size = mn_h5_number(h5, (size_t)heap + 8, 8);
    if (size < HEAP_HEAD || size > reader->size - heap)
        return mn_h5_fail(h5, MN_ERROR_FORMAT, (size_t)heap, "a heap of texts lies outside the file");
    size_t next = (size_t)heap + HEAP_HEAD, end = (size_t)(heap + size);
    while (end - next >= HEAP_OBJECT) { /* every step is of 16 bytes or more */
        uint64_t number = mn_h5_number(h5, next, 2), length = mn_h5_number(h5, next + 8, 8);
        if (number == 0 || length > end - next - HEAP_OBJECT)
            break;
        if (number == wanted) {
            if (bytes > length)
                break;
            *text = (const char *)reader->bytes + next + HEAP_OBJECT;
            return true;
        }
        uint64_t padded = (length + 7) / 8 * 8;
        if (padded > end - next - HEAP_OBJECT)
            break;
        next += HEAP_OBJECT + (size_t)padded;
    }
    return mn_h5_fail(h5, MN_ERROR_FORMAT, (size_t)heap, "a text is not in its heap, or longer than it is there");
}

/* The value of an attribute message whose name has been found to fit. */
static bool read_value(mn_h5 *h5, const mn_h5_message *message, size_t type, size_t space, size_t space_bytes,
                       size_t data, const char **text, size_t *length)
{
    size_t end = message->at + message->size;
    uint64_t class_number = mn_h5_number(h5, type, 1) & 15, kind = mn_h5_number(h5, type + 1, 1) & 15;
    uint64_t bytes = mn_h5_number(h5, type + 4, 4);
    int32_t rank = 0, shape[1] = {1};
    bool fits = false;
    if (!mn_h5_dataspace(h5, space, space_bytes, 1, &rank, shape, &fits))
        return false;
    if (!fits || shape[0] != 1)
        return mn_h5_fail(h5, MN_ERROR_UNSUPPORTED, space, "an attribute is not a single text");
    if (class_number == CLASS_STRING) {
        if (data > end || bytes > end - data)
            return mn_h5_fail(h5, MN_ERROR_FORMAT, data, "a text is cut off");
        *text = (const char *)h5->reader.bytes + data;
    } else if (class_number == CLASS_VARIABLE && kind == 1) {
        if (data > end || end - data < 16)
            return mn_h5_fail(h5, MN_ERROR_FORMAT, data, "a text is cut off");
        bytes = mn_h5_number(h5, data, 4);
        if (!read_heap(h5, data, bytes, text))
            return false;
    } else {
        return mn_h5_fail(h5, MN_ERROR_UNSUPPORTED, type, "an attribute is not a text");
    }
    if (bytes > TEXT_BYTES_MAX)
        return mn_h5_fail(h5, MN_ERROR_LIMIT, data, "a text is longer than 16 MiB");
    const char *zero = memchr(*text, 0, (size_t)bytes); /* texts may be padded with zeros */
    *length = zero ? (size_t)(zero - *text) : (size_t)bytes;
    return true;
}

static bool read_attribute(mn_h5 *h5, const mn_h5_message *message, const char *name, const char **text, size_t *length)
{
    uint64_t version = mn_h5_number(h5, message->at, 1), flags = mn_h5_number(h5, message->at + 1, 1);
    uint64_t name_bytes = mn_h5_number(h5, message->at + 2, 2), type_bytes = mn_h5_number(h5, message->at + 4, 2);
    uint64_t space_bytes = mn_h5_number(h5, message->at + 6, 2);
    if (h5->status != MN_OK || version < 1 || version > 3)
        return mn_h5_fail(h5, MN_ERROR_FORMAT, message->at, "an attribute is damaged");
    size_t at = message->at + (version == 3 ? 9 : 8), end = message->at + message->size;
    size_t name_at = take(&at, name_bytes, version), type = take(&at, type_bytes, version);
    size_t space = take(&at, space_bytes, version);
    if (at > end || type_bytes < 8)
        return mn_h5_fail(h5, MN_ERROR_FORMAT, message->at, "an attribute is cut off");
    if (name_bytes != strlen(name) + 1 || memcmp(h5->reader.bytes + name_at, name, (size_t)name_bytes) != 0)
        return true;
    if (version > 1 && (flags & 3))
        return mn_h5_fail(h5, MN_ERROR_UNSUPPORTED, message->at, "an attribute has its type stored elsewhere");
    return read_value(h5, message, type, space, (size_t)space_bytes, at, text, length);
}

bool mn_h5_text(mn_h5 *h5, uint64_t object, const char *name, const char **text, size_t *length)
{
    mn_h5_header header;
    mn_h5_message message;
    *text = NULL;
    *length = 0;
    if (!mn_h5_header_open(h5, object, &header))
        return false;
    while (mn_h5_header_next(h5, &header, &message)) {
        if (message.type == MN_H5_ATTRIBUTE && !message.shared)
            read_attribute(h5, &message, name, text, length);
        if (message.type != MN_H5_ATTRIBUTE_INFO)
            continue;
        uint64_t flags = mn_h5_number(h5, message.at + 1, 1);
        if (mn_h5_number(h5, message.at + 2 + (flags & 1 ? 2 : 0), 8) != MN_H5_UNDEFINED)
            mn_h5_fail(h5, MN_ERROR_UNSUPPORTED, message.at,
                       "attributes are kept in a fractal heap (libver 'latest'); write the file with h5py's default, "
                       "libver 'earliest'");
    }
    return h5->status == MN_OK;
}
