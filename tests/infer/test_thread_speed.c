/* Two threads are never slower than one: medians of runs that alternate, for the models of the comparison with other
 * engines (bench/peers). A verdict counts only where both processors were this program's: the processor time of the
 * runs says so. Elsewhere (one processor, other work, an emulator, a sanitizer) the test is skipped.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "mobilenet/mobilenet.h"
#include "support/models.h"

#define TOLERANCE   1.03
#define ATTEMPTS    4
#define RUNS        31
#define RUN_SECONDS 0.02 /* one sample: as many images as take about this long */

static bool measured = true; /* every case */

typedef struct runner {
    mn_session *session;
    float *input, *output;
    int32_t batch, repeats;
    double samples[RUNS];
    double wall, processor; /* seconds of all samples */
} runner;

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double sample(runner *r)
{
    double wall = seconds_of(CLOCK_MONOTONIC), processor = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    for (int32_t i = 0; i < r->repeats; i++)
        assert_int_equal(mn_session_run(r->session, r->input, r->batch, r->output, NULL), MN_OK);
    wall = seconds_of(CLOCK_MONOTONIC) - wall;
    r->processor += seconds_of(CLOCK_PROCESS_CPUTIME_ID) - processor;
    r->wall += wall;
    return wall / r->repeats;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const runner *r)
{
    double sorted[RUNS];
    for (int i = 0; i < RUNS; i++)
        sorted[i] = r->samples[i];
    qsort(sorted, RUNS, sizeof *sorted, by_value);
    return sorted[RUNS / 2];
}

/* Median of two threads over that of one; *ours: whether the processors were this program's. While one session runs, the
 * workers of the other sleep, after some 50 microseconds. */
static double ratio_of(runner one_two[2], bool *ours)
{
    for (int t = 0; t < 2; t++)
        one_two[t].wall = one_two[t].processor = 0;
    for (int i = 0; i < RUNS; i++)
        for (int t = 0; t < 2; t++)
            one_two[t].samples[i] = sample(&one_two[t]);
    *ours = one_two[0].processor > 0.98 * one_two[0].wall && one_two[1].processor > 1.93 * one_two[1].wall;
    return median(&one_two[1]) / median(&one_two[0]);
}

typedef enum verdict { NO_SLOWER, SLOWER, NOT_MEASURABLE } verdict;

static verdict compare(double alpha, int32_t resolution, mn_conv_kind conv, int32_t batch)
{
    mn_model *model = test_model(alpha, resolution, conv, 1000, 3);
    runner runners[2] = {{.batch = batch, .repeats = 1}, {.batch = batch, .repeats = 1}};
    for (int t = 0; t < 2; t++) {
        runner *r = &runners[t];
        mn_session_options options = mn_session_options_default();
        options.batch = batch;
        options.threads = t + 1;
        assert_int_equal(mn_session_create(model, &options, &r->session, NULL), MN_OK);
        r->input = calloc((size_t)batch * (size_t)resolution * (size_t)resolution * 3, sizeof *r->input);
        r->output = calloc((size_t)batch * 1000, sizeof *r->output);
        assert_true(r->input && r->output);
        sample(r);
        double once = sample(r);
        r->repeats = once < RUN_SECONDS ? (int32_t)(RUN_SECONDS / once) + 1 : 1;
    }
    verdict found = NOT_MEASURABLE;
    for (int i = 0; i < ATTEMPTS && found != NO_SLOWER; i++) {
        bool ours;
        double ratio = ratio_of(runners, &ours);
        print_message("%s %.2f-%d, batch %d: two threads take %.3f of one's time%s\n",
                      conv == MN_CONV_STANDARD ? "standard" : "separable", alpha, resolution, batch, ratio,
                      ours ? "" : ", but other work was on the processors");
        if (ratio <= TOLERANCE)
            found = NO_SLOWER;
        else if (ours)
            found = SLOWER;
    }
    for (int t = 0; t < 2; t++) {
        mn_session_destroy(runners[t].session);
        free(runners[t].input);
        free(runners[t].output);
    }
    mn_model_destroy(model);
    return found;
}

static void two_threads_are_no_slower(void **state)
{
    (void)state;
    static const struct {
        double alpha;
        int32_t resolution;
        mn_conv_kind conv;
        int32_t batch;
    } cases[] = {
        {0.25, 128, MN_CONV_SEPARABLE, 1}, {0.25, 128, MN_CONV_SEPARABLE, 8}, {0.5, 160, MN_CONV_SEPARABLE, 1},
        {0.5, 160, MN_CONV_SEPARABLE, 8},  {1.0, 224, MN_CONV_SEPARABLE, 1},  {1.0, 224, MN_CONV_SEPARABLE, 8},
        {1.0, 224, MN_CONV_STANDARD, 1},
    };
    int unknown = 0, slower = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        verdict found = compare(cases[i].alpha, cases[i].resolution, cases[i].conv, cases[i].batch);
        unknown += found == NOT_MEASURABLE;
        slower += found == SLOWER;
    }
    measured = unknown == 0;
    assert_int_equal(slower, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_threads_are_no_slower)};
#if defined(MN_SLOWED)
    bool can = false;
#else
    bool can = mn_cpu_processors() >= 2;
#endif
    int failed = can ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
    if (can && measured)
        return failed;
    printf("skipped: two processors without other work, and a program of full speed, are wanted\n");
    return failed ? failed : 77;
}
