/* Native files made by hand, byte by byte, so that the reader is tested against the format and not against the
 * writer. The network is small: gray 8x8, alpha 0.01 (channels 1), shallow, 2 classes, no batch norm. */
#ifndef TEST_NATIVE_FILE_H
#define TEST_NATIVE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "mobilenet/model.h"

mn_arch small_arch(void);

/* A growing text; ends the test where memory is short. */
typedef struct text_buffer {
    char *bytes;
    size_t size;
} text_buffer;
void text_add(text_buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* 8-byte length, header, `data_size` bytes of data (value i % 251). free() it. */
uint8_t *native_file(const char *header, size_t data_size, size_t *size);

/* The text of a file that was saved, with `from` replaced once by `to`, and the length field adjusted. free() it. */
uint8_t *native_edit(const uint8_t *file, size_t file_size, const char *from, const char *to, size_t *size);

#endif
