/* The serving loop of the C workers; host.h tells the language. */
#include "host.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TIMES_MAX = 1 << 20, WARM_RUNS = 3 };

static double times[TIMES_MAX];

double host_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The peak of resident memory so far, in KiB; 0 where the system does not tell. */
static long peak_kb(void)
{
    char line[256];
    long kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, "VmHWM:", 6))
            kb = strtol(line + 6, NULL, 10);
    if (f)
        fclose(f);
    return kb;
}

static float *read_floats(const char *path, size_t *elements)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0)
        return NULL;
    long bytes = ftell(f);
    rewind(f);
    float *data = bytes > 0 ? aligned_alloc(64, ((size_t)bytes + 63) / 64 * 64) : NULL;
    *elements = (size_t)bytes / sizeof *data;
    if (data && fread(data, sizeof *data, *elements, f) != *elements) {
        free(data);
        data = NULL;
    }
    fclose(f);
    return data;
}

int host_bfloat16(void)
{
    const char *word = getenv("PEERS_PRECISION");
    return word && strcmp(word, "bfloat16") == 0;
}

int host_read_arguments(int argc, char **argv, host_arguments *a)
{
    if (argc != 5) {
        fprintf(stderr, "usage: %s MODEL_STEM THREADS BATCH INPUT\n", argv[0]);
        return 1;
    }
    a->stem = argv[1];
    a->threads = (int)strtol(argv[2], NULL, 10);
    a->batch = (int)strtol(argv[3], NULL, 10);
    a->input = read_floats(argv[4], &a->input_elements);
    if (a->threads < 1 || a->batch < 1 || !a->input) {
        fprintf(stderr, "%s: bad threads, batch or input file %s\n", argv[0], argv[4]);
        return 1;
    }
    a->started = host_now();
    return 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void answer_time(const host_engine *e, double seconds)
{
    size_t count = 0;
    for (int i = 0; i < WARM_RUNS; i++)
        e->run(e->state);
    double begin = host_now(), end = begin + seconds;
    while (count < TIMES_MAX && begin < end) {
        e->run(e->state);
        double now = host_now();
        times[count++] = now - begin;
        begin = now;
    }
    qsort(times, count, sizeof times[0], by_value);
    printf("{\"runs\": %zu, \"median\": %.9f, \"min\": %.9f}\n", count, count ? times[count / 2] : 0.0,
           count ? times[0] : 0.0);
}

static void answer_output(const host_engine *e, const char *path)
{
    FILE *f = fopen(path, "wb");
    size_t written = f ? fwrite(e->output(e->state), sizeof(float), e->output_elements, f) : 0;
    if (f)
        fclose(f);
    printf("{\"count\": %zu}\n", written);
}

static size_t top(const float *p, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (p[i] > p[best])
            best = i;
    return best;
}

int host_serve(const host_arguments *a, const host_engine *e)
{
    char line[4096];
    if (e->run(e->state) != 0)
        return 1;
    size_t label = top(e->output(e->state), e->output_elements / (size_t)a->batch);
    double first = host_now();
    printf("{\"version\": \"%s\", \"label\": %zu, \"import_s\": 0, \"load_s\": %.6f, \"first_s\": %.6f}\n", e->version,
           label, e->loaded - a->started, first - e->loaded);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (!strncmp(line, "time ", 5))
            answer_time(e, strtod(line + 5, NULL));
        else if (!strncmp(line, "output ", 7))
            answer_output(e, line + 7);
        else if (!strcmp(line, "memory"))
            printf("{\"base_kb\": 0, \"peak_kb\": %ld}\n", peak_kb());
        else
            break;
        fflush(stdout);
    }
    return 0;
}
