#include "base/reader.h"

#include <string.h>

bool mn_reader_has(const mn_reader *reader, size_t offset, size_t length)
{
    return offset <= reader->size && length <= reader->size - offset;
}

/* Little-endian by arithmetic, so that the host's byte order does not matter. */
static bool read_le(const mn_reader *reader, size_t offset, size_t count, uint64_t *value)
{
    if (!mn_reader_has(reader, offset, count))
        return false;
    uint64_t result = 0;
    for (size_t i = 0; i < count; i++)
        result |= (uint64_t)reader->bytes[offset + i] << (8 * i);
    *value = result;
    return true;
}

bool mn_reader_u8(const mn_reader *reader, size_t offset, uint8_t *value)
{
    uint64_t wide;
    if (!read_le(reader, offset, 1, &wide))
        return false;
    *value = (uint8_t)wide;
    return true;
}

bool mn_reader_u16(const mn_reader *reader, size_t offset, uint16_t *value)
{
    uint64_t wide;
    if (!read_le(reader, offset, 2, &wide))
        return false;
    *value = (uint16_t)wide;
    return true;
}

bool mn_reader_u32(const mn_reader *reader, size_t offset, uint32_t *value)
{
    uint64_t wide;
    if (!read_le(reader, offset, 4, &wide))
        return false;
    *value = (uint32_t)wide;
    return true;
}

bool mn_reader_u64(const mn_reader *reader, size_t offset, uint64_t *value)
{
    return read_le(reader, offset, 8, value);
}

bool mn_reader_i32(const mn_reader *reader, size_t offset, int32_t *value)
{
    uint32_t bits;
    if (!mn_reader_u32(reader, offset, &bits))
        return false;
    memcpy(value, &bits, sizeof bits);
    return true;
}

bool mn_reader_f32(const mn_reader *reader, size_t offset, float *value)
{
    uint32_t bits;
    if (!mn_reader_u32(reader, offset, &bits))
        return false;
    memcpy(value, &bits, sizeof bits);
    return true;
}
