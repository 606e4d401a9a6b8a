/* A bounded, little-endian view of bytes: every read is checked, offsets count from the start of the file. */
#ifndef MN_BASE_READER_H
#define MN_BASE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mn_reader {
    const uint8_t *bytes;
    size_t size;
} mn_reader;

/* Whether [offset, offset + length) lies inside. */
bool mn_reader_has(const mn_reader *reader, size_t offset, size_t length);

/* Each returns false, and leaves *value alone, where the bytes are not there. Any alignment. */
bool mn_reader_u8(const mn_reader *reader, size_t offset, uint8_t *value);
bool mn_reader_u16(const mn_reader *reader, size_t offset, uint16_t *value);
bool mn_reader_u32(const mn_reader *reader, size_t offset, uint32_t *value);
bool mn_reader_u64(const mn_reader *reader, size_t offset, uint64_t *value);
bool mn_reader_i32(const mn_reader *reader, size_t offset, int32_t *value);
bool mn_reader_f32(const mn_reader *reader, size_t offset, float *value);

#endif
