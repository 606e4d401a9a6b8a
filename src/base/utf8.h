/* Whether bytes are UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF, no NUL. */
#ifndef MN_BASE_UTF8_H
#define MN_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool mn_utf8_is_valid(const char *text, size_t length);

#endif
