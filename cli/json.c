/* JSON on stdout. Keys keep the order in which they were added; integers are printed whole, reals with seven
 * significant digits, which is what a float holds.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

static json_t *need(json_t *value)
{
    if (!value)
        cli_die("out of memory for the JSON output");
    return value;
}

/* Bytes of the UTF-8 sequence at `text`, or 0 where there is none: no overlong form, no surrogate, no value past
 * U+10FFFF. */
static size_t utf8_length(const unsigned char *text)
{
    size_t length = text[0] < 0x80 ? 1 : text[0] < 0xC2 ? 0 : text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : 4;
    if (text[0] > 0xF4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    if ((text[0] == 0xE0 && text[1] < 0xA0) || (text[0] == 0xED && text[1] > 0x9F) ||
        (text[0] == 0xF0 && text[1] < 0x90) || (text[0] == 0xF4 && text[1] > 0x8F))
        return 0;
    return length;
}

json_t *cli_json_text(const char *text)
{
    if (!text)
        return need(json_null());
    size_t size = strlen(text), n = 0;
    char *clean = cli_alloc(size + 1, 3); /* a bad byte becomes the three of U+FFFD */
    for (size_t i = 0; i < size;) {
        size_t length = utf8_length((const unsigned char *)text + i);
        memcpy(clean + n, length ? text + i : "\xEF\xBF\xBD", length ? length : 3);
        n += length ? length : 3;
        i += length ? length : 1;
    }
    json_t *value = need(json_stringn(clean, n));
    free(clean);
    return value;
}

json_t *cli_json_real(double value)
{
    return need(isfinite(value) ? json_real(value) : json_null());
}

void cli_json_add(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(need(object), key, need(value)) != 0)
        cli_die("out of memory for the JSON output");
}

void cli_json_append(json_t *array, json_t *value)
{
    if (json_array_append_new(need(array), need(value)) != 0)
        cli_die("out of memory for the JSON output");
}

void cli_json_print(json_t *value)
{
    json_dumpf(need(value), stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(7)); /* a failed write shows in ferror */
    putchar('\n');
    json_decref(value);
}
