#include "format/labels.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/utf8.h"
#include "mobilenet/import.h"

#define FILE_BYTES_MAX (64u << 20)

typedef struct line_reader {
    const char *text;
    size_t size, at;
} line_reader;

/* The next line without its end; false past the last. */
static bool next_line(line_reader *reader, const char **line, size_t *length)
{
    if (reader->at >= reader->size)
        return false;
    const char *start = reader->text + reader->at;
    const char *end = memchr(start, '\n', reader->size - reader->at);
    *line = start;
    *length = end ? (size_t)(end - start) : reader->size - reader->at;
    reader->at += *length + 1;
    if (*length > 0 && start[*length - 1] == '\r')
        --*length;
    return true;
}

/* Number of lines up to the last that is not blank; every one is checked. */
static mn_status count_lines(line_reader reader, size_t *count, mn_error *err)
{
    const char *line;
    size_t length, number = 0;
    *count = 0;
    while (next_line(&reader, &line, &length)) {
        number++;
        if (!mn_utf8_is_valid(line, length))
            return mn_fail_at(err, MN_ERROR_FORMAT, line - reader.text, "line %zu of the labels is not UTF-8 text",
                              number);
        if (length > 0)
            *count = number;
    }
    return MN_OK;
}

mn_status mn_labels_parse(const uint8_t *bytes, size_t size, char ***labels, int32_t *count, mn_error *err)
{
    static const char mark[] = "\xEF\xBB\xBF";
    line_reader reader = {(const char *)bytes, size, 0};
    size_t lines, length;
    const char *line;
    if (size > FILE_BYTES_MAX)
        return mn_fail(err, MN_ERROR_LIMIT, "the labels take %zu bytes, at most %u are read", size, FILE_BYTES_MAX);
    if (size >= 3 && memcmp(bytes, mark, 3) == 0)
        reader.at = 3;
    mn_status status = count_lines(reader, &lines, err);
    if (status != MN_OK)
        return status;
    if (lines > MN_CLASSES_MAX)
        return mn_fail(err, MN_ERROR_LIMIT, "%zu labels, at most %d are read", lines, MN_CLASSES_MAX);
    if (lines == 0) {
        *labels = NULL;
        *count = 0;
        return MN_OK;
    }
    size_t block_bytes = lines * sizeof(char *) + size + lines; /* line ends may be missing: one terminator a line */
    char **block = malloc(block_bytes);
    if (!block)
        return mn_fail_memory(err, block_bytes, "labels");
    char *text = (char *)(block + lines);
    for (size_t i = 0; i < lines && next_line(&reader, &line, &length); i++) {
        block[i] = text;
        memcpy(text, line, length);
        text[length] = 0;
        text += length + 1;
    }
    *labels = block;
    *count = (int32_t)lines;
    return MN_OK;
}

mn_status mn_labels_load(const char *path, char ***labels, int32_t *count, mn_error *err)
{
    mn_mapping file;
    mn_status status = mn_file_map(path, &file, err);
    if (status != MN_OK)
        return status;
    char **found = NULL;
    int32_t found_count = 0;
    status = mn_labels_parse(file.bytes, file.size, &found, &found_count, err);
    if (status == MN_OK && found_count == 0)
        status = mn_fail(err, MN_ERROR_FORMAT, "the file holds no labels");
    mn_file_unmap(&file);
    if (status != MN_OK)
        return mn_fail_prefix(err, status, path);
    *labels = found;
    *count = found_count;
    return MN_OK;
}
