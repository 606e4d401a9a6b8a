#include "base/locale.h"

#include <pthread.h>

static locale_t plain;
static pthread_once_t plain_once = PTHREAD_ONCE_INIT;

static void make_plain(void)
{
    plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
}

locale_t mn_locale_begin(void)
{
    pthread_once(&plain_once, make_plain);
    return uselocale(plain); /* without memory for one, the thread's locale stays */
}

void mn_locale_end(locale_t old)
{
    uselocale(old);
}
