/* TensorBoard event files, from their public formats: a file of records, each a protocol buffer of type Event.
 *
 *     record  u64 length | u32 masked CRC-32C of the length | bytes | u32 masked CRC-32C of the bytes
 *     Event   1: double wall_time, 2: int64 step, 3: string file_version or 5: Summary { 1: Value { 1: tag, 2: float } }
 */
#include "train_events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "output.h"

struct cli_events {
    FILE *file;
    uint32_t table[256]; /* of CRC-32C, polynomial 0x1EDC6F41 reflected */
};

/* Bytes of a message being put together. */
typedef struct message {
    uint8_t bytes[256];
    size_t size;
} message;

static void put(message *m, const void *bytes, size_t size)
{
    if (size <= sizeof m->bytes - m->size) {
        memcpy(m->bytes + m->size, bytes, size);
        m->size += size;
    }
}

static void put_varint(message *m, uint64_t value)
{
    do {
        uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        put(m, &byte, 1);
        value >>= 7;
    } while (value > 0);
}

/* Little-endian, whatever the machine. */
static void put_fixed(message *m, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * i));
        put(m, &byte, 1);
    }
}

static void put_bytes(message *m, unsigned field, const void *bytes, size_t size)
{
    put_varint(m, field << 3 | 2);
    put_varint(m, size);
    put(m, bytes, size);
}

static uint32_t masked_crc(const cli_events *e, const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < size; i++)
        crc = e->table[(crc ^ bytes[i]) & 0xff] ^ crc >> 8;
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static message begin_event(int64_t step)
{
    message m = {.size = 0};
    struct timespec now;
    uint64_t bits;
    clock_gettime(CLOCK_REALTIME, &now);
    double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    memcpy(&bits, &seconds, sizeof bits);
    put_varint(&m, 1 << 3 | 1);
    put_fixed(&m, bits, 8);
    put_varint(&m, 2 << 3);
    put_varint(&m, (uint64_t)step);
    return m;
}

static void write_record(cli_events *e, const message *m)
{
    message head = {.size = 0}, tail = {.size = 0};
    put_fixed(&head, m->size, 8);
    put_fixed(&head, masked_crc(e, head.bytes, 8), 4);
    put_fixed(&tail, masked_crc(e, m->bytes, m->size), 4);
    fwrite(head.bytes, 1, head.size, e->file);
    fwrite(m->bytes, 1, m->size, e->file);
    fwrite(tail.bytes, 1, tail.size, e->file);
}

cli_events *cli_events_open(const char *folder, bool append)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/events.out.tfevents.mobilenet", folder) >= (int)sizeof path ||
        (mkdir(folder, 0777) != 0 && errno != EEXIST))
        return NULL;
    FILE *file = fopen(path, append ? "ab" : "wb");
    if (!file)
        return NULL;
    cli_events *e = cli_alloc(1, sizeof *e);
    e->file = file;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
        e->table[i] = crc;
    }
    if (fseek(file, 0, SEEK_END) == 0 && ftell(file) == 0) {
        message m = begin_event(0);
        put_bytes(&m, 3, "brain.Event:2", 13);
        write_record(e, &m);
    }
    return e;
}

void cli_events_scalar(cli_events *e, const char *tag, int64_t step, double value)
{
    message m = begin_event(step), entry = {.size = 0}, summary = {.size = 0};
    float number = (float)value;
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    put_bytes(&entry, 1, tag, strlen(tag));
    put_varint(&entry, 2 << 3 | 5);
    put_fixed(&entry, bits, 4);
    put_bytes(&summary, 1, entry.bytes, entry.size);
    put_bytes(&m, 5, summary.bytes, summary.size);
    write_record(e, &m);
}

bool cli_events_close(cli_events *e)
{
    if (!e)
        return true;
    bool good = cli_close(e->file);
    free(e);
    return good;
}
