/* A bounds-checked reader of FlatBuffers (https://flatbuffers.dev/internals), enough for TensorFlow Lite.
 *
 *     table:  [int32 distance back to its vtable][fields...]
 *     vtable: [uint16 bytes of vtable][uint16 bytes of table][uint16 offset of field 0 in the table, 0: absent]...
 *     vector: [uint32 count][elements...]      string: a vector of bytes, then a zero byte
 *
 * The first fault is kept in the reader (status, *err) and every later access gives the default, so that a caller
 * checks once after a group of accesses. Nothing is followed by recursion; every offset is checked where it is used.
 */
#ifndef MN_FORMAT_FLATBUFFER_H
#define MN_FORMAT_FLATBUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reader.h"
#include "base/status.h"

typedef struct mn_flatbuffer {
    mn_reader reader;
    size_t origin; /* of these bytes in the file, for messages */
    mn_status status;
    mn_error *err;
} mn_flatbuffer;

typedef struct mn_fb_table {
    size_t at; /* 0: absent */
    size_t vtable;
    uint16_t vtable_bytes, table_bytes;
} mn_fb_table;

typedef struct mn_fb_vector {
    size_t at; /* of element 0 */
    size_t count;
} mn_fb_vector;

mn_flatbuffer mn_fb_open(const uint8_t *bytes, size_t size, size_t origin, mn_error *err);

/* The root table. `identifier` (4 characters) must stand at byte 4. */
mn_fb_table mn_fb_root(mn_flatbuffer *fb, const char *identifier);

/* Fields by slot (their number in the schema). An absent table or field gives the default. */
bool mn_fb_has(mn_flatbuffer *fb, mn_fb_table table, int32_t slot);
uint8_t mn_fb_u8(mn_flatbuffer *fb, mn_fb_table table, int32_t slot, uint8_t otherwise);
int32_t mn_fb_i32(mn_flatbuffer *fb, mn_fb_table table, int32_t slot, int32_t otherwise);
uint64_t mn_fb_u64(mn_flatbuffer *fb, mn_fb_table table, int32_t slot, uint64_t otherwise);
float mn_fb_f32(mn_flatbuffer *fb, mn_fb_table table, int32_t slot, float otherwise);
mn_fb_table mn_fb_child(mn_flatbuffer *fb, mn_fb_table table, int32_t slot);
/* A vector of elements of `element_bytes`; all of it lies inside the buffer. */
mn_fb_vector mn_fb_vector_of(mn_flatbuffer *fb, mn_fb_table table, int32_t slot, size_t element_bytes);
/* A string, zero-terminated, in the buffer; NULL where absent. */
const char *mn_fb_string(mn_flatbuffer *fb, mn_fb_table table, int32_t slot);

/* Elements; index must be below count. */
int32_t mn_fb_at_i32(mn_flatbuffer *fb, mn_fb_vector vector, size_t index);
int64_t mn_fb_at_i64(mn_flatbuffer *fb, mn_fb_vector vector, size_t index);
float mn_fb_at_f32(mn_flatbuffer *fb, mn_fb_vector vector, size_t index);
/* Table number `index` of a vector of tables (elements of 4 bytes). */
mn_fb_table mn_fb_at_table(mn_flatbuffer *fb, mn_fb_vector vector, size_t index);

#endif
