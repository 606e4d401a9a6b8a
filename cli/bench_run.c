/* Timing a session: rounds in which the peak is measured and the network runs, in turn. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench.h"
#include "output.h"

#define ROUNDS       5
#define RUNS_MAX     200000
#define WARM_UP_RUNS 3
#define WARM_UP_MIN  0.2 /* seconds: the clock has settled by then */
#define PROFILE_MIN  7
#define PROFILE_MAX  101
#define QUICK_RUNS   1001
#define TRUST        110 /* percent of the peak: what is faster was measured against too low a peak */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double cli_percentile(double *values, int count, double part)
{
    qsort(values, (size_t)count, sizeof *values, compare_doubles);
    return values[(int)(part * (count - 1) + 0.5)];
}

double cli_bench_rate(const cli_bench *b)
{
    return (double)b->macs * b->batch / (b->median_ms * 1e6);
}

double cli_bench_step_rate(const cli_bench *b, const mn_step_info *step)
{
    return step->seconds > 0 ? (double)step->macs * b->batch / step->seconds / 1e9 : 0;
}

double cli_bench_percent(const cli_bench *b)
{
    return b->peak_gflops > 0 ? 200.0 * cli_bench_rate(b) / b->peak_gflops : 0;
}

double cli_bench_spread(const cli_bench *b)
{
    return 100.0 * (b->high_ms - b->low_ms) / b->median_ms;
}

/* ---- the peak of several threads at once ---- */

typedef struct peak_task {
    pthread_t thread;
    const cli_bench *bench;
    double gflops;
} peak_task;

static void *measure_peak(void *argument)
{
    peak_task *task = argument;
    task->gflops = mn_cpu_measure_peak(task->bench->level, task->bench->options.precision);
    return NULL;
}

static double peak_of(const cli_bench *b)
{
    int32_t threads = b->threads;
    peak_task *tasks = cli_alloc((size_t)threads, sizeof *tasks);
    double sum = 0;
    int32_t started = 1;
    tasks[0].bench = b;
    for (; started < threads; started++) {
        tasks[started].bench = b;
        if (pthread_create(&tasks[started].thread, NULL, measure_peak, &tasks[started]) != 0)
            break;
    }
    measure_peak(&tasks[0]);
    for (int32_t i = 0; i < started; i++) {
        if (i > 0)
            pthread_join(tasks[i].thread, NULL);
        sum += tasks[i].gflops;
    }
    free(tasks);
    return sum;
}

/* Whether the instructions that a level adds are for this precision. */
static bool adds_to(mn_cpu_level level, mn_precision precision)
{
    return (level == MN_CPU_AVX512_BF16 || level == MN_CPU_AMX_BF16) == (precision == MN_PRECISION_BFLOAT16);
}

/* One thread's peak at the session's level and those below, where they have multiply-adds of their own. */
static void measure_levels(cli_bench *b)
{
    for (int level = MN_CPU_REFERENCE; level <= (int)b->level; level++)
        if ((b->level == MN_CPU_REFERENCE || adds_to((mn_cpu_level)level, b->options.precision)) &&
            (b->level != MN_CPU_NEON || level == MN_CPU_REFERENCE || level == MN_CPU_NEON))
            b->peak_by_level[level] = mn_cpu_measure_peak((mn_cpu_level)level, b->options.precision);
}

/* Winograd's products do the work of more multiply-adds than they make. */
static bool has_winograd(const mn_session *session)
{
    mn_step_info step;
    for (int32_t i = 0; i < mn_session_step_count(session); i++)
        if (mn_session_step(session, i, &step, NULL) == MN_OK && strstr(step.kernel, "winograd"))
            return true;
    return false;
}

/* The peak is at least what one thread showed. Where the network was faster still (`trusted`: its multiply-adds are
 * counted as they are made), other work ran while the peak was measured: it is measured again, and then taken to be that
 * of one thread for each. */
static void mend_peak(cli_bench *b, bool trusted)
{
    double one = 0;
    for (int level = 0; level < MN_CPU_LEVEL_COUNT; level++)
        one = b->peak_by_level[level] > one ? b->peak_by_level[level] : one;
    b->peak_gflops = one > b->peak_gflops ? one : b->peak_gflops;
    for (int round = 0; trusted && round < ROUNDS && cli_bench_percent(b) > TRUST; round++) {
        double again = peak_of(b);
        b->peak_gflops = again > b->peak_gflops ? again : b->peak_gflops;
    }
    int32_t processors = b->threads < mn_cpu_processors() ? b->threads : mn_cpu_processors();
    if (trusted && cli_bench_percent(b) > TRUST && one * processors > b->peak_gflops)
        b->peak_gflops = one * processors;
}

static bool faster_than_peak(const cli_bench *b)
{
    bool faster = cli_bench_percent(b) > TRUST;
    for (int32_t i = 0; i < b->step_count; i++)
        faster = faster || 200 * cli_bench_step_rate(b, &b->steps[i]) > TRUST * b->peak_gflops;
    return faster;
}

/* ---- runs ---- */

typedef struct stage {
    mn_session *session;
    float *input, *output;
    int32_t batch;
} stage;

/* Makes the session, which takes *create_ms (may be NULL), and an input that is neither zero nor constant. */
static int stage_open(stage *s, const mn_model *model, const mn_session_options *options, double *create_ms)
{
    const mn_arch *arch = &mn_model_net(model)->arch;
    size_t elements = (size_t)arch->height * (size_t)arch->width * (size_t)arch->channels;
    mn_error err;
    double start = cli_seconds();
    s->batch = options->batch;
    if (mn_session_create(model, options, &s->session, &err) != MN_OK)
        return cli_fail_status(&err);
    if (create_ms)
        *create_ms = 1e3 * (cli_seconds() - start);
    s->input = cli_alloc((size_t)s->batch * elements, sizeof(float));
    s->output = cli_alloc((size_t)s->batch * (size_t)arch->classes, sizeof(float));
    for (size_t i = 0; i < (size_t)s->batch * elements; i++)
        s->input[i] = (float)(i * 7919 % 511) / 255.5f - 1.0f;
    return CLI_DONE;
}

static void stage_close(stage *s)
{
    mn_session_destroy(s->session);
    free(s->input);
    free(s->output);
    *s = (stage){0};
}

/* Seconds of one run; below zero, having said why, where it failed. */
static double time_run(stage *s)
{
    mn_error err;
    double start = cli_seconds();
    if (mn_session_run(s->session, s->input, s->batch, s->output, &err) != MN_OK) {
        cli_fail_status(&err);
        return -1;
    }
    return cli_seconds() - start;
}

/* Runs until `seconds` are over, at least once; returns the new number of times, or -1. */
static int time_runs(stage *s, double seconds, double *times, int count)
{
    double start = cli_seconds();
    do {
        double t = time_run(s);
        if (t < 0)
            return -1;
        if (count < RUNS_MAX)
            times[count++] = t;
    } while (cli_seconds() - start < seconds);
    return count;
}

static int warm_up(stage *s)
{
    double start = cli_seconds();
    for (int i = 0; i < WARM_UP_RUNS || cli_seconds() - start < WARM_UP_MIN; i++) {
        if (time_run(s) < 0)
            return CLI_FAILED;
        if (cli_seconds() - start > 5 * WARM_UP_MIN)
            break; /* slow networks need no more */
    }
    return CLI_DONE;
}

/* A second session that times its steps; medians by step. */
static int profile(cli_bench *b, double seconds)
{
    mn_session_options options = b->options;
    stage s = {0};
    int32_t runs = 0;
    options.profile = true;
    if (stage_open(&s, b->model, &options, NULL) != CLI_DONE || warm_up(&s) != CLI_DONE) {
        stage_close(&s);
        return CLI_FAILED;
    }
    b->step_count = mn_session_step_count(s.session);
    b->steps = cli_alloc((size_t)b->step_count, sizeof *b->steps);
    double *times = cli_alloc((size_t)b->step_count * PROFILE_MAX, sizeof *times); /* [step_count, PROFILE_MAX] */
    double start = cli_seconds();
    int code = CLI_DONE;
    mn_error err;
    while (code == CLI_DONE && runs < PROFILE_MAX && (runs < PROFILE_MIN || cli_seconds() - start < seconds)) {
        code = time_run(&s) < 0 ? CLI_FAILED : CLI_DONE;
        for (int32_t i = 0; i < b->step_count && code == CLI_DONE; i++) {
            if (mn_session_step(s.session, i, &b->steps[i], &err) != MN_OK)
                code = cli_fail_status(&err);
            times[i * PROFILE_MAX + runs] = b->steps[i].seconds;
        }
        runs++;
    }
    for (int32_t i = 0; i < b->step_count && code == CLI_DONE; i++)
        b->steps[i].seconds = cli_percentile(times + i * PROFILE_MAX, runs, 0.5);
    b->profile_runs = runs;
    free(times);
    b->profiled = s.session; /* the notes live as long as it does */
    s.session = NULL;
    stage_close(&s);
    return code;
}

static int64_t peak_rss(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_maxrss * 1024 : 0;
}

int cli_bench_run(cli_bench *b, double seconds, bool layers)
{
    stage s = {0};
    double peaks[ROUNDS];
    double *times = cli_alloc(RUNS_MAX, sizeof *times);
    int count = 0, code = stage_open(&s, b->model, &b->options, &b->create_ms);
    if (code != CLI_DONE || (code = warm_up(&s)) != CLI_DONE)
        goto done;
    b->net = mn_model_net(b->model);
    b->macs = mn_net_get_cost(b->net).total.macs;
    b->batch = s.batch;
    b->threads = mn_session_threads(s.session);
    b->level = mn_session_level(s.session);
    b->session_bytes = mn_session_bytes(s.session);
    b->peak_rss_bytes = peak_rss(); /* before the table of times grows */
    measure_levels(b);
    for (int round = 0; round < ROUNDS; round++) {
        peaks[round] = peak_of(b);
        if ((count = time_runs(&s, seconds / ROUNDS, times, count)) < 0) {
            code = CLI_FAILED;
            goto done;
        }
    }
    b->runs = count;
    b->peak_gflops = cli_percentile(peaks, ROUNDS, 1); /* what disturbs a round only lowers it */
    b->median_ms = 1e3 * cli_percentile(times, count, 0.5);
    b->min_ms = 1e3 * times[0]; /* sorted by now */
    b->low_ms = 1e3 * cli_percentile(times, count, 0.1);
    b->high_ms = 1e3 * cli_percentile(times, count, 0.9);
    bool trusted = !has_winograd(s.session) && b->level != MN_CPU_REFERENCE; /* there the compiler may use vectors */
    mend_peak(b, trusted);
    if (layers)
        code = profile(b, seconds);
    b->disturbed = trusted && faster_than_peak(b);
done:
    free(times);
    stage_close(&s);
    return code;
}

/* Milliseconds of the steps of the last run that lie within layers first..last. */
static double steps_ms(const mn_session *session, int32_t first, int32_t last)
{
    double sum = 0;
    mn_step_info step;
    for (int32_t i = 0; i < mn_session_step_count(session); i++)
        if (mn_session_step(session, i, &step, NULL) == MN_OK && step.first_layer >= first && step.last_layer <= last)
            sum += step.seconds;
    return 1e3 * sum;
}

double cli_bench_quick(const cli_quick *q)
{
    stage s = {0};
    mn_model *model = NULL;
    mn_error err;
    double result = -1, *times = cli_alloc(QUICK_RUNS, sizeof *times), start = cli_seconds();
    mn_session_options options = q->options;
    int count = 0;
    options.profile = q->first_layer >= 0;
    if (mn_model_create(&q->arch, &model, &err) != MN_OK) {
        cli_fail_status(&err);
        goto done;
    }
    mn_model_initialise(model, 1);
    if (stage_open(&s, model, &options, NULL) != CLI_DONE)
        goto done;
    do { /* the median passes over the first run, which wakes caches and threads */
        double t = 1e3 * time_run(&s);
        if (t < 0)
            goto done;
        times[count++] = options.profile ? steps_ms(s.session, q->first_layer, q->last_layer) : t;
    } while (count < QUICK_RUNS && cli_seconds() - start < q->seconds);
    result = cli_percentile(times, count, 0.5);
done:
    free(times);
    stage_close(&s);
    mn_model_destroy(model);
    return result;
}

void cli_bench_free(cli_bench *b)
{
    free(b->steps);
    mn_session_destroy(b->profiled);
}
