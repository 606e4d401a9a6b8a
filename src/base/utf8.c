#include "base/utf8.h"

#include <stdint.h>

/* Length of the sequence at text[0..left), or 0 where there is none. */
static size_t sequence(const uint8_t *text, size_t left)
{
    uint8_t lead = text[0];
    if (lead < 0x80)
        return lead != 0;
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || length > left)
        return 0;
    /* The second byte decides overlong forms, surrogates and the upper end. */
    uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

bool mn_utf8_is_valid(const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        size_t step = sequence((const uint8_t *)text + i, length - i);
        if (step == 0)
            return false;
        i += step;
    }
    return true;
}
