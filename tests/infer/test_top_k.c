/* mn_top_k against a full sort: order, ties by the lower index, NaN last. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "mobilenet/session.h"

static void against_selection(void **state)
{
    (void)state;
    for (int32_t classes = 1; classes <= 40; classes++)
        for (int32_t k = 0; k <= classes + 2; k++) {
            float p[40];
            mn_prediction got[42];
            bool used[40] = {false};
            for (int32_t i = 0; i < classes; i++) {
                p[i] = (float)mn_rng_below(4, (uint64_t)classes, (uint64_t)i, 9); /* many ties */
                if (p[i] == 8)
                    p[i] = NAN;
            }
            int32_t count = mn_top_k(p, classes, k, got);
            assert_int_equal(count, k < classes ? k : classes);
            for (int32_t j = 0; j < count; j++) {
                int32_t best = -1;
                for (int32_t i = 0; i < classes; i++)
                    if (!used[i] && (best < 0 || p[i] > p[best] || (isnan(p[best]) && !isnan(p[i]))))
                        best = i;
                used[best] = true;
                assert_int_equal(got[j].class_index, best);
                assert_true(got[j].probability == p[best] || (isnan(got[j].probability) && isnan(p[best])));
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_selection)};
    return cmocka_run_group_tests_name("top_k", tests, NULL, NULL);
}
