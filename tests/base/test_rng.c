/* Random numbers: the published test vectors of Philox, and the moments of the distributions. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"

/* Known answers of Random123 1.14 (kat_vectors): philox4x32 10, counter, key -> result. */
static void philox_known_answers(void **state)
{
    (void)state;
    uint32_t out[4];
    mn_rng_block(0, 0, 0, out);
    const uint32_t zeros[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    assert_memory_equal(out, zeros, sizeof out);
    mn_rng_block(UINT64_MAX, UINT64_MAX, UINT64_MAX, out);
    const uint32_t ones[4] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
    assert_memory_equal(out, ones, sizeof out);
}

static void uniform_range_and_mean(void **state)
{
    (void)state;
    double sum = 0;
    const int n = 100000;
    for (int i = 0; i < n; i++) {
        float u = mn_rng_uniform(7, 3, (uint64_t)i);
        assert_true(u >= 0.0f && u < 1.0f);
        sum += u;
    }
    assert_true(fabs(sum / n - 0.5) < 5 * 0.2887 / sqrt(n));
}

static void below_is_even(void **state)
{
    (void)state;
    int counts[7] = {0};
    const int n = 70000;
    for (int i = 0; i < n; i++)
        counts[mn_rng_below(1, 2, (uint64_t)i, 7)]++;
    for (int k = 0; k < 7; k++)
        assert_true(abs(counts[k] - n / 7) < 5 * 93); /* five deviations */
    assert_int_equal(mn_rng_below(1, 2, 3, 1), 0);
}

/* Moments of a normal truncated at 2: variance 1 - 4 phi(2) / (2 Phi(2) - 1) = 0.773741, kurtosis below 3; and the
 * quantiles by counting. */
static void truncated_normal_moments(void **state)
{
    (void)state;
    const int n = 400000;
    double sum = 0, squares = 0;
    int below_one = 0;
    for (int i = 0; i < n; i++) {
        double x = mn_rng_truncated_normal(11, 5, (uint64_t)i);
        assert_true(fabs(x) <= 2.0);
        sum += x;
        squares += x * x;
        below_one += fabs(x) < 1.0;
    }
    assert_true(fabs(sum / n) < 5 * 0.88 / sqrt(n));
    assert_true(fabs(squares / n - 0.773741) < 0.006);
    assert_true(fabs((double)below_one / n - 0.682689 / 0.954500) < 0.004);
}

static void streams_differ(void **state)
{
    (void)state;
    int equal = 0;
    for (uint64_t i = 0; i < 1000; i++)
        equal += mn_rng_u32(1, 0, i) == mn_rng_u32(1, 1, i) || mn_rng_u32(1, 0, i) == mn_rng_u32(2, 0, i);
    assert_int_equal(equal, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers), cmocka_unit_test(uniform_range_and_mean),
        cmocka_unit_test(below_is_even),        cmocka_unit_test(truncated_normal_moments),
        cmocka_unit_test(streams_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
