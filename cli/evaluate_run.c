/* Running a model over a data set. Every worker has a session of one thread and takes the next sample from a common
 * counter, decodes it, runs it and writes its outcome into the sample's own place: decoding, preprocessing and the
 * network of different samples go side by side, nothing waits, and the outcome does not depend on the workers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "evaluate.h"
#include "output.h"
#include "ranks.h"

#define TOP            5
#define REPORTS_MAX    20
#define PROGRESS_PAUSE 50 /* milliseconds */

/* What the workers share. */
typedef struct crew {
    cli_evaluation *e;
    long long end; /* samples next.. end are this rank's */
    atomic_llong next, done, skipped;
    atomic_int running;
    atomic_bool stop;
    pthread_mutex_t report; /* around stderr and `err` */
    mn_error err;           /* why everything stopped */
} crew;

typedef struct worker {
    crew *crew;
    pthread_t thread;
    mn_session *session;
    float *input, *probabilities;
} worker;

int64_t cli_evaluation_sample(const cli_evaluation *e, int64_t i)
{
    int64_t size = mn_dataset_size(e->data);
    return e->count == size ? i : (int64_t)((double)i * (double)size / (double)e->count);
}

static mn_status run_sample(worker *w, int64_t sample, cli_outcome *outcome, mn_error *err)
{
    const cli_evaluation *e = w->crew->e;
    const mn_arch *arch = &mn_model_net(e->model)->arch;
    mn_prediction top[TOP];
    mn_image *image = NULL;
    mn_status status = mn_dataset_image(e->data, sample, &image, err);
    if (status == MN_OK)
        status = mn_preprocess_apply(mn_model_preprocess(e->model), image, arch->height, arch->width, arch->channels,
                                     w->input, err);
    mn_image_destroy(image);
    if (status == MN_OK)
        status = mn_session_run(w->session, w->input, 1, w->probabilities, err);
    if (status != MN_OK)
        return status;
    int32_t found = mn_top_k(w->probabilities, arch->classes, TOP, top);
    outcome->predicted = top[0].class_index;
    for (int32_t i = 0; i < found; i++)
        outcome->in_top5 = outcome->in_top5 || top[i].class_index == outcome->wanted;
    return MN_OK;
}

/* A sample that could not be read: said once by name, later ones only counted. */
static void report(crew *c, int64_t sample, const mn_error *err)
{
    const char *path = mn_dataset_path(c->e->data, sample);
    pthread_mutex_lock(&c->report);
    long long before = atomic_fetch_add(&c->skipped, 1);
    if (before < REPORTS_MAX) {
        if (path && !strstr(err->message, path))
            cli_fail("%s: %s", cli_clean(path), cli_clean(err->message));
        else if (path)
            cli_fail_status(err);
        else
            cli_fail("sample %lld: %s", (long long)sample, cli_clean(err->message));
    } else if (before == REPORTS_MAX) {
        cli_say("mobilenet: further pictures that cannot be read are only counted");
    }
    pthread_mutex_unlock(&c->report);
}

static void *work(void *argument)
{
    worker *w = argument;
    crew *c = w->crew;
    while (!atomic_load(&c->stop)) {
        long long i = atomic_fetch_add(&c->next, 1);
        if (i >= c->end)
            break;
        int64_t sample = cli_evaluation_sample(c->e, i);
        cli_outcome *outcome = &c->e->outcomes[i];
        mn_error err = {.status = MN_OK};
        *outcome = (cli_outcome){mn_dataset_label(c->e->data, sample) + c->e->mapping.offset, -1, false};
        mn_status status = run_sample(w, sample, outcome, &err);
        if (status == MN_ERROR_OUT_OF_MEMORY) { /* not the picture's fault */
            pthread_mutex_lock(&c->report);
            c->err = err;
            pthread_mutex_unlock(&c->report);
            atomic_store(&c->stop, true);
        } else if (status != MN_OK) {
            report(c, sample, &err);
        }
        atomic_fetch_add(&c->done, 1);
    }
    atomic_fetch_sub(&c->running, 1);
    return NULL;
}

/* Shows progress until the workers are through. */
static void watch(crew *c)
{
    cli_progress progress = cli_progress_begin("evaluate", "images", c->end - atomic_load(&c->next));
    const struct timespec pause = {.tv_nsec = PROGRESS_PAUSE * 1000000L};
    while (atomic_load(&c->running) > 0) {
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&c->report);
        cli_progress_step(&progress, atomic_load(&c->done));
        pthread_mutex_unlock(&c->report);
    }
    cli_progress_end(&progress);
}

/* Makes the sessions first, so that what they lack is said before anything runs. */
static mn_status prepare(worker *workers, int32_t count, crew *c, mn_error *err)
{
    const mn_arch *arch = &mn_model_net(c->e->model)->arch;
    mn_session_options options = c->e->options;
    options.threads = 1;
    options.batch = 1;
    for (int32_t i = 0; i < count; i++) {
        workers[i].crew = c;
        mn_status status = mn_session_create(c->e->model, &options, &workers[i].session, err);
        if (status != MN_OK)
            return status;
        workers[i].input =
            cli_alloc((size_t)arch->height * (size_t)arch->width, (size_t)arch->channels * sizeof(float));
        workers[i].probabilities = cli_alloc((size_t)arch->classes, sizeof(float));
    }
    return MN_OK;
}

int64_t cli_evaluation_block(const cli_evaluation *e)
{
    return e->comm ? (e->count + e->comm->size - 1) / e->comm->size : e->count;
}

/* This rank runs its block of the samples. */
static int run_block(cli_evaluation *e, crew *c)
{
    int32_t count = e->options.threads, started = 0;
    long long samples = c->end - atomic_load(&c->next);
    if (count > samples)
        count = (int32_t)samples;
    worker *workers = cli_alloc((size_t)count, sizeof *workers);
    mn_error err;
    int code = CLI_DONE;
    if (prepare(workers, count, c, &err) != MN_OK) {
        code = cli_fail_status(&err);
        goto done;
    }
    atomic_store(&c->running, count);
    for (; started < count; started++)
        if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0)
            break;
    atomic_fetch_sub(&c->running, count - started);
    if (started == 0 && count > 0)
        code = cli_fail("no thread could be started");
    watch(c);
    for (int32_t i = 0; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    if (c->err.status != MN_OK)
        code = cli_fail_status(&c->err);
done:
    for (int32_t i = 0; i < count; i++) {
        free(workers[i].input);
        free(workers[i].probabilities);
        mn_session_destroy(workers[i].session);
    }
    free(workers);
    return code;
}

/* Rank 0 names the samples that others could not read: it tries them itself, for the reason. */
static void report_others(crew *c, long long first, long long end)
{
    for (long long i = 0; i < c->e->count; i++) {
        mn_error err = {.status = MN_ERROR_IO, .offset = -1, .message = "another rank could not read it"};
        mn_image *image = NULL;
        int64_t sample = cli_evaluation_sample(c->e, i);
        if ((i >= first && i < end) || c->e->outcomes[i].predicted >= 0)
            continue;
        if (atomic_load(&c->skipped) < REPORTS_MAX && mn_dataset_image(c->e->data, sample, &image, &err) == MN_OK)
            mn_image_destroy(image);
        report(c, sample, &err);
    }
}

int cli_evaluation_run(cli_evaluation *e)
{
    int64_t block = cli_evaluation_block(e), first = e->comm ? block * e->comm->rank : 0;
    first = first < e->count ? first : e->count;
    crew c = {.e = e, .end = e->count - first < block ? e->count : first + block, .err = {.status = MN_OK}};
    atomic_store(&c.next, first);
    pthread_mutex_init(&c.report, NULL);
    double start = cli_seconds();
    int code = cli_ranks_agree(e->comm, run_block(e, &c));
    mn_error err;
    if (code == CLI_DONE && e->comm) {
        if (e->comm->gather(e->comm->context, e->outcomes + e->comm->rank * block, (size_t)block * sizeof *e->outcomes,
                            e->outcomes, &err) != MN_OK)
            code = cli_fail_status(&err);
        else if (e->comm->rank == 0)
            report_others(&c, first, c.end);
    }
    e->seconds = cli_seconds() - start;
    pthread_mutex_destroy(&c.report);
    return code;
}
