#include "base/natural.h"

#include <string.h>

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

int mn_natural_compare(const char *a, const char *b)
{
    const char *first = a, *second = b;
    while (*a && *b) {
        if (digits(a) && digits(b)) {
            while (*a == '0')
                a++;
            while (*b == '0')
                b++;
            size_t a_digits = digits(a), b_digits = digits(b);
            if (a_digits != b_digits)
                return a_digits < b_digits ? -1 : 1;
            int order = memcmp(a, b, a_digits);
            if (order != 0)
                return order;
            a += a_digits;
            b += b_digits;
        } else {
            if (*a != *b)
                return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
            a++;
            b++;
        }
    }
    if (*a || *b)
        return *a ? 1 : -1;
    return strcmp(first, second); /* "1" and "01" */
}
