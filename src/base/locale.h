/* Numbers in files have a decimal point, whatever the locale of the program that uses the library. */
#ifndef MN_BASE_LOCALE_H
#define MN_BASE_LOCALE_H

#include <locale.h>

/* From begin to end, printf and strtod of this thread take the "C" locale's decimal point:
 *     locale_t old = mn_locale_begin();  ...  mn_locale_end(old); */
locale_t mn_locale_begin(void);
void mn_locale_end(locale_t old);

#endif
