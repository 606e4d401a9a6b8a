#include "format/native_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/test.h"

mn_arch small_arch(void)
{
    mn_arch arch = mn_arch_default();
    arch.height = arch.width = 8;
    arch.channels = 1;
    arch.classes = 2;
    arch.alpha = 0.01;
    arch.rounding = MN_ROUNDING_FLOOR;
    arch.depth = MN_DEPTH_SHALLOW;
    arch.batch_norm = false;
    return arch;
}

void text_add(text_buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int needed = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert_true(needed >= 0);
    buffer->bytes = realloc(buffer->bytes, buffer->size + (size_t)needed + 1);
    assert_non_null(buffer->bytes);
    va_start(args, format);
    vsnprintf(buffer->bytes + buffer->size, (size_t)needed + 1, format, args);
    va_end(args);
    buffer->size += (size_t)needed;
}

static void put_length(uint8_t *file, uint64_t length)
{
    for (int i = 0; i < 8; i++)
        file[i] = (uint8_t)(length >> (8 * i));
}

uint8_t *native_file(const char *header, size_t data_size, size_t *size)
{
    size_t length = strlen(header);
    uint8_t *file = malloc(8 + length + data_size);
    assert_non_null(file);
    put_length(file, length);
    memcpy(file + 8, header, length);
    for (size_t i = 0; i < data_size; i++)
        file[8 + length + i] = (uint8_t)(i % 251);
    *size = 8 + length + data_size;
    return file;
}

uint8_t *native_edit(const uint8_t *file, size_t file_size, const char *from, const char *to, size_t *size)
{
    size_t header = 0, a = strlen(from), b = strlen(to), at = 8;
    for (int i = 0; i < 8; i++)
        header |= (size_t)file[i] << (8 * i);
    while (at + a <= 8 + header && memcmp(file + at, from, a) != 0)
        at++;
    assert_true(at + a <= 8 + header); /* the edit must find its place */
    uint8_t *edited = malloc(file_size - a + b);
    assert_non_null(edited);
    memcpy(edited, file, at);
    memcpy(edited + at, to, b);
    memcpy(edited + at + b, file + at + a, file_size - at - a);
    put_length(edited, header - a + b);
    *size = file_size - a + b;
    return edited;
}
