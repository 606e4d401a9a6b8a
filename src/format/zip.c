#include "format/zip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/reader.h"

#define END_BYTES       22
#define ENTRY_BYTES     46
#define LOCAL_BYTES     30
#define COMMENT_MAX     65535
#define SIGNATURE_END   0x06054b50u
#define SIGNATURE_ENTRY 0x02014b50u
#define SIGNATURE_LOCAL 0x04034b50u

typedef struct zip_entry {
    size_t at; /* of the entry in the central directory */
    uint16_t flags, method;
    uint32_t crc, packed, unpacked, local;
    uint16_t name_length, extra_length, comment_length;
} zip_entry;

/* Position of the end-of-directory record: the last one whose comment reaches the end of the bytes. */
static bool find_end(const mn_reader *reader, size_t *end)
{
    if (reader->size < END_BYTES)
        return false;
    for (size_t back = 0; back <= COMMENT_MAX && back <= reader->size - END_BYTES; back++) {
        size_t at = reader->size - END_BYTES - back;
        uint32_t signature = 0;
        uint16_t comment = 0;
        mn_reader_u32(reader, at, &signature);
        mn_reader_u16(reader, at + 20, &comment);
        if (signature == SIGNATURE_END && comment == back) {
            *end = at;
            return true;
        }
    }
    return false;
}

static bool read_entry(const mn_reader *reader, size_t at, zip_entry *entry)
{
    uint32_t signature = 0;
    if (!mn_reader_has(reader, at, ENTRY_BYTES))
        return false;
    mn_reader_u32(reader, at, &signature);
    entry->at = at;
    mn_reader_u16(reader, at + 8, &entry->flags);
    mn_reader_u16(reader, at + 10, &entry->method);
    mn_reader_u32(reader, at + 16, &entry->crc);
    mn_reader_u32(reader, at + 20, &entry->packed);
    mn_reader_u32(reader, at + 24, &entry->unpacked);
    mn_reader_u16(reader, at + 28, &entry->name_length);
    mn_reader_u16(reader, at + 30, &entry->extra_length);
    mn_reader_u16(reader, at + 32, &entry->comment_length);
    mn_reader_u32(reader, at + 42, &entry->local);
    return signature == SIGNATURE_ENTRY && mn_reader_has(reader, at + ENTRY_BYTES, entry->name_length);
}

static mn_status inflate_entry(const uint8_t *packed, const zip_entry *entry, uint8_t *contents, mn_error *err)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed,
                       .avail_in = entry->packed,
                       .next_out = contents,
                       .avail_out = entry->unpacked};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return mn_fail(err, MN_ERROR_OUT_OF_MEMORY, "cannot allocate memory for inflating");
    int result = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    if (result != Z_STREAM_END || stream.avail_out != 0)
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)entry->at, "zip: the compressed data are damaged");
    return MN_OK;
}

/* The bytes of an entry; `base` is added to the offsets of the archive. */
static mn_status extract(const mn_reader *reader, const zip_entry *entry, size_t base, uint8_t **contents,
                         mn_error *err)
{
    size_t at = base + entry->local;
    uint32_t signature = 0;
    uint16_t name = 0, extra = 0;
    if (!mn_reader_u32(reader, at, &signature) || signature != SIGNATURE_LOCAL ||
        !mn_reader_u16(reader, at + 26, &name) || !mn_reader_u16(reader, at + 28, &extra) ||
        !mn_reader_has(reader, at + LOCAL_BYTES + name + extra, entry->packed))
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)entry->at, "zip: an entry lies outside the file");
    if ((entry->flags & 1) || (entry->method != 0 && entry->method != 8))
        return mn_fail_at(err, MN_ERROR_UNSUPPORTED, (int64_t)entry->at,
                          "zip: method %u, encrypted or not, is not read; stored and deflated are", entry->method);
    if (entry->method == 0 && entry->packed != entry->unpacked)
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)entry->at, "zip: a stored entry has two sizes");
    const uint8_t *packed = reader->bytes + at + LOCAL_BYTES + name + extra;
    uint8_t *result = mn_calloc(entry->unpacked, 1);
    if (!result)
        return mn_fail_memory(err, entry->unpacked, "a file in a zip archive");
    mn_status status = MN_OK;
    if (entry->method == 8)
        status = inflate_entry(packed, entry, result, err);
    else
        memcpy(result, packed, entry->unpacked);
    if (status == MN_OK && crc32(0, result, entry->unpacked) != entry->crc)
        status = mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)entry->at, "zip: the contents do not match their checksum");
    if (status == MN_OK)
        *contents = result;
    else
        free(result);
    return status;
}

mn_status mn_zip_read(const uint8_t *bytes, size_t size, const char *name, size_t most, bool *found, uint8_t **contents,
                      size_t *contents_size, mn_error *err)
{
    const mn_reader reader = {bytes, size};
    size_t end, name_length = strlen(name);
    uint16_t count = 0;
    uint32_t directory_bytes = 0, directory = 0;
    zip_entry entry;
    *found = false;
    if (!find_end(&reader, &end))
        return MN_OK;
    mn_reader_u16(&reader, end + 10, &count);
    mn_reader_u32(&reader, end + 12, &directory_bytes);
    mn_reader_u32(&reader, end + 16, &directory);
    if (directory_bytes > end || directory > end - directory_bytes)
        return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)end, "zip: the directory lies outside the file");
    /* Offsets may count from the start of the archive instead of the file. */
    size_t base = end - directory_bytes - directory, at = base + directory;
    for (uint16_t i = 0; i < count; i++) {
        if (!read_entry(&reader, at, &entry))
            return mn_fail_at(err, MN_ERROR_FORMAT, (int64_t)at, "zip: entry %u of the directory is damaged", i);
        if (entry.name_length == name_length && memcmp(bytes + at + ENTRY_BYTES, name, name_length) == 0) {
            if (entry.unpacked > most)
                return mn_fail_at(err, MN_ERROR_LIMIT, (int64_t)at, "zip: '%.80s' has %u bytes, at most %zu are read",
                                  name, entry.unpacked, most);
            mn_status status = extract(&reader, &entry, base, contents, err);
            if (status == MN_OK)
                *contents_size = entry.unpacked;
            *found = status == MN_OK;
            return status;
        }
        at += ENTRY_BYTES + entry.name_length + entry.extra_length + entry.comment_length;
    }
    return MN_OK;
}
