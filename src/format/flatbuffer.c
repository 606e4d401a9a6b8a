#include "format/flatbuffer.h"

#include <string.h>

mn_flatbuffer mn_fb_open(const uint8_t *bytes, size_t size, size_t origin, mn_error *err)
{
    return (mn_flatbuffer){.reader = {bytes, size}, .origin = origin, .err = err};
}

static void fault(mn_flatbuffer *fb, size_t at, const char *what)
{
    if (fb->status == MN_OK)
        fb->status = mn_fail_at(fb->err, MN_ERROR_FORMAT, (int64_t)(fb->origin + at), "flatbuffer: %s", what);
}

static bool check(mn_flatbuffer *fb, size_t at, size_t length, const char *what)
{
    if (fb->status == MN_OK && !mn_reader_has(&fb->reader, at, length))
        fault(fb, at, what);
    return fb->status == MN_OK;
}

/* The table at `at`, with its vtable checked. */
static mn_fb_table open_table(mn_flatbuffer *fb, size_t at)
{
    const mn_fb_table none = {0};
    int32_t back = 0;
    if (!check(fb, at, 4, "a table lies outside the file"))
        return none;
    mn_reader_i32(&fb->reader, at, &back);
    int64_t vtable = (int64_t)at - back;
    if (vtable < 0 || !mn_reader_has(&fb->reader, (size_t)vtable, 4)) {
        fault(fb, at, "a table's list of fields lies outside the file");
        return none;
    }
    mn_fb_table table = {.at = at, .vtable = (size_t)vtable};
    mn_reader_u16(&fb->reader, table.vtable, &table.vtable_bytes);
    mn_reader_u16(&fb->reader, table.vtable + 2, &table.table_bytes);
    if (table.vtable_bytes < 4 || table.vtable_bytes % 2 != 0 || table.table_bytes < 4) {
        fault(fb, table.vtable, "a table's list of fields has an impossible size");
        return none;
    }
    if (!check(fb, table.vtable, table.vtable_bytes, "a table's list of fields is cut off") ||
        !check(fb, at, table.table_bytes, "a table is cut off"))
        return none;
    return table;
}

mn_fb_table mn_fb_root(mn_flatbuffer *fb, const char *identifier)
{
    uint32_t root = 0;
    if (!check(fb, 0, 8, "the file is too short for a root table"))
        return (mn_fb_table){0};
    if (memcmp(fb->reader.bytes + 4, identifier, 4) != 0) {
        fault(fb, 4, "another file identifier than expected");
        return (mn_fb_table){0};
    }
    mn_reader_u32(&fb->reader, 0, &root);
    return open_table(fb, root);
}

/* Position of a field of `bytes` bytes, or 0 where it is absent. */
static size_t find_field(mn_flatbuffer *fb, mn_fb_table table, int32_t slot, size_t bytes)
{
    uint16_t offset = 0;
    size_t entry = 4 + 2 * (size_t)slot;
    if (fb->status != MN_OK || table.at == 0 || entry + 2 > table.vtable_bytes)
        return 0;
    mn_reader_u16(&fb->reader, table.vtable + entry, &offset);
    if (offset == 0)
        return 0;
    if (offset < 4 || offset + bytes > table.table_bytes) {
        fault(fb, table.vtable + entry, "a field lies outside its table");
        return 0;
    }
    return table.at + offset;
}

/* Position that the offset stored at `at` leads to. */
static bool follow(mn_flatbuffer *fb, size_t at, size_t *target)
{
    uint32_t distance = 0;
    if (!check(fb, at, 4, "an offset lies outside the file"))
        return false;
    mn_reader_u32(&fb->reader, at, &distance);
    if (!check(fb, at, distance, "an offset leads outside the file"))
        return false;
    if (distance == 0) {
        fault(fb, at, "an offset leads to itself");
        return false;
    }
    *target = at + distance;
    return true;
}

bool mn_fb_has(mn_flatbuffer *fb, mn_fb_table table, int32_t slot)
{
    return find_field(fb, table, slot, 1) != 0;
}

uint8_t mn_fb_u8(mn_flatbuffer *fb, mn_fb_table table, int32_t slot, uint8_t otherwise)
{
    size_t at = find_field(fb, table, slot, 1);
    uint8_t value = otherwise;
    if (at)
        mn_reader_u8(&fb->reader, at, &value);
    return value;
}

int32_t mn_fb_i32(mn_flatbuffer *fb, mn_fb_table table, int32_t slot, int32_t otherwise)
{
    size_t at = find_field(fb, table, slot, 4);
    int32_t value = otherwise;
    if (at)
        mn_reader_i32(&fb->reader, at, &value);
    return value;
}

uint64_t mn_fb_u64(mn_flatbuffer *fb, mn_fb_table table, int32_t slot, uint64_t otherwise)
{
    size_t at = find_field(fb, table, slot, 8);
    uint64_t value = otherwise;
    if (at)
        mn_reader_u64(&fb->reader, at, &value);
    return value;
}

float mn_fb_f32(mn_flatbuffer *fb, mn_fb_table table, int32_t slot, float otherwise)
{
    size_t at = find_field(fb, table, slot, 4);
    float value = otherwise;
    if (at)
        mn_reader_f32(&fb->reader, at, &value);
    return value;
}

mn_fb_table mn_fb_child(mn_flatbuffer *fb, mn_fb_table table, int32_t slot)
{
    size_t at = find_field(fb, table, slot, 4), target = 0;
    if (!at || !follow(fb, at, &target))
        return (mn_fb_table){0};
    return open_table(fb, target);
}

mn_fb_vector mn_fb_vector_of(mn_flatbuffer *fb, mn_fb_table table, int32_t slot, size_t element_bytes)
{
    size_t at = find_field(fb, table, slot, 4), target = 0;
    uint32_t count = 0;
    if (!at || !follow(fb, at, &target) || !check(fb, target, 4, "a vector lies outside the file"))
        return (mn_fb_vector){0};
    mn_reader_u32(&fb->reader, target, &count);
    if (count > (fb->reader.size - target - 4) / element_bytes) {
        fault(fb, target, "a vector is longer than the file");
        return (mn_fb_vector){0};
    }
    return (mn_fb_vector){target + 4, count};
}

const char *mn_fb_string(mn_flatbuffer *fb, mn_fb_table table, int32_t slot)
{
    mn_fb_vector vector = mn_fb_vector_of(fb, table, slot, 1);
    uint8_t end = 1;
    if (vector.at == 0)
        return NULL;
    if (!mn_reader_u8(&fb->reader, vector.at + vector.count, &end) || end != 0) {
        fault(fb, vector.at, "a string is not terminated");
        return NULL;
    }
    return (const char *)fb->reader.bytes + vector.at;
}

int32_t mn_fb_at_i32(mn_flatbuffer *fb, mn_fb_vector vector, size_t index)
{
    int32_t value = 0;
    mn_reader_i32(&fb->reader, vector.at + 4 * index, &value);
    return value;
}

int64_t mn_fb_at_i64(mn_flatbuffer *fb, mn_fb_vector vector, size_t index)
{
    uint64_t bits = 0;
    int64_t value;
    mn_reader_u64(&fb->reader, vector.at + 8 * index, &bits);
    memcpy(&value, &bits, sizeof value);
    return value;
}

float mn_fb_at_f32(mn_flatbuffer *fb, mn_fb_vector vector, size_t index)
{
    float value = 0;
    mn_reader_f32(&fb->reader, vector.at + 4 * index, &value);
    return value;
}

mn_fb_table mn_fb_at_table(mn_flatbuffer *fb, mn_fb_vector vector, size_t index)
{
    size_t target = 0;
    if (index >= vector.count || !follow(fb, vector.at + 4 * index, &target))
        return (mn_fb_table){0};
    return open_table(fb, target);
}
