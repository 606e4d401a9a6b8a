/* Numbers keep their decimal point in a program whose locale has a comma. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/locale.h"

static void point_in_every_locale(void **state)
{
    (void)state;
    static const char *const with_comma[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8", "fr_FR.utf8"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof with_comma / sizeof *with_comma && !found; i++)
        found = setlocale(LC_ALL, with_comma[i]);
    char text[16];
    locale_t old = mn_locale_begin();
    snprintf(text, sizeof text, "%g", 1.5);
    double value = strtod("2.5", NULL);
    mn_locale_end(old);
    assert_string_equal(text, "1.5");
    assert_true(value == 2.5);
    snprintf(text, sizeof text, "%g", 1.5); /* the program has its own again */
    assert_string_equal(text, found ? "1,5" : "1.5");
    print_message("locale with a comma: %s\n", found ? found : "none is installed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(point_in_every_locale)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
