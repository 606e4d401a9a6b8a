/* A ZIP archive of stored files, for tests. */
#ifndef TEST_ZIP_FILE_H
#define TEST_ZIP_FILE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

typedef struct zip_member {
    const char *name;
    const void *bytes;
    size_t size;
} zip_member;

static inline uint8_t *zip_put(uint8_t *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *at++ = (uint8_t)(i < 8 ? value >> (8 * i) : 0);
    return at;
}

/* What local header and directory entry share: flags to the lengths of name and extra field. */
static inline uint8_t *zip_put_common(uint8_t *at, const zip_member *m)
{
    at = zip_put(at, 0, 8); /* flags, stored, time, date */
    at = zip_put(at, crc32(0, m->bytes, (uInt)m->size), 4);
    at = zip_put(at, m->size, 4);
    at = zip_put(at, m->size, 4);
    at = zip_put(at, strlen(m->name), 2);
    return zip_put(at, 0, 2);
}

/* The archive; free() it. NULL where memory is short. */
static inline uint8_t *zip_make(const zip_member *members, int count, size_t *size)
{
    size_t room = 22;
    for (int i = 0; i < count; i++)
        room += 30 + 46 + 2 * strlen(members[i].name) + members[i].size;
    uint8_t *archive = malloc(room), *at = archive;
    size_t places[8];
    if (!archive || count > 8)
        return NULL;
    for (int i = 0; i < count; i++) {
        const zip_member *m = &members[i];
        places[i] = (size_t)(at - archive);
        at = zip_put(zip_put(at, 0x04034b50, 4), 20, 2);
        at = zip_put_common(at, m);
        memcpy(at, m->name, strlen(m->name));
        memcpy(at + strlen(m->name), m->bytes, m->size);
        at += strlen(m->name) + m->size;
    }
    uint8_t *directory = at;
    for (int i = 0; i < count; i++) {
        const zip_member *m = &members[i];
        at = zip_put(zip_put(at, 0x02014b50, 4), 20 | 20 << 16, 4);
        at = zip_put_common(at, m);
        at = zip_put(zip_put(at, 0, 10), places[i], 4); /* comment, disk, attributes; where it lies */
        memcpy(at, m->name, strlen(m->name));
        at += strlen(m->name);
    }
    size_t directory_size = (size_t)(at - directory);
    at = zip_put(zip_put(at, 0x06054b50, 4), 0, 4);
    at = zip_put(at, (uint64_t)count | (uint64_t)count << 16, 4);
    at = zip_put(at, directory_size, 4);
    at = zip_put(at, (uint64_t)(directory - archive), 4);
    at = zip_put(at, 0, 2);
    *size = (size_t)(at - archive);
    return archive;
}

#endif
