/* Measuring: bench_run.c and bench_cold.c do, bench.c prints. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include <stdbool.h>

#include "mobilenet/model.h"
#include "mobilenet/session.h"

typedef struct cli_bench {
    /* What is measured. */
    const mn_model *model;
    const char *model_path; /* NULL: made from an architecture */
    mn_session_options options;

    /* What came out. */
    const mn_net *net;
    int64_t macs; /* of one image */
    int32_t batch, threads, runs;
    mn_cpu_level level;
    double peak_gflops; /* of all threads at once */
    bool disturbed;     /* products ran faster than that: it was measured while other work ran */
    double
        peak_by_level[MN_CPU_LEVEL_COUNT]; /* of one thread; 0: not of this processor, or above the session's level */
    double median_ms, min_ms, low_ms, high_ms; /* of one run; low and high: 10th and 90th percentile */
    double create_ms, cold_ms;                 /* cold_ms 0: not measured */
    size_t session_bytes;
    int64_t peak_rss_bytes;
    mn_step_info *steps; /* [step_count], median seconds; NULL unless asked for */
    int32_t step_count, profile_runs;
    mn_session *profiled; /* owns the notes of the steps */
} cli_bench;

/* Each returns CLI_DONE or, having said why, CLI_FAILED. */
int cli_bench_run(cli_bench *b, double seconds, bool layers);
int cli_bench_cold(cli_bench *b, const char *program);
int cli_bench_once(const cli_bench *b);
void cli_bench_free(cli_bench *b);

/* GMAC/s of a step; 0 where it has no multiply-adds, or took no time that could be measured. */
double cli_bench_step_rate(const cli_bench *b, const mn_step_info *step);

/* GMAC/s of the median run; percent of the peak that it is; width of the middle 80 % in percent of the median. */
double cli_bench_rate(const cli_bench *b);
double cli_bench_percent(const cli_bench *b);
double cli_bench_spread(const cli_bench *b);

/* A short measurement, for tables of many networks. */
typedef struct cli_quick {
    mn_arch arch; /* with random weights */
    mn_session_options options;
    double seconds;                  /* session included; one run is always made */
    int32_t first_layer, last_layer; /* time these layers alone; first_layer below 0: the whole network */
} cli_quick;

/* Median milliseconds of a run; below zero, having said why, where it could not be made. */
double cli_bench_quick(const cli_quick *quick);

/* Sorts and returns the value below which `part` of them lie. */
double cli_percentile(double *values, int count, double part);

#endif
