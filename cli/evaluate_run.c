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

#define TOP            5
#define REPORTS_MAX    20
#define PROGRESS_PAUSE 50 /* milliseconds */

/* What the workers share. */
typedef struct crew {
    cli_evaluation *e;
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
        if (i >= c->e->count)
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
    cli_progress progress = cli_progress_begin("evaluate", "images", c->e->count);
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

int cli_evaluation_run(cli_evaluation *e)
{
    crew c = {.e = e, .err = {.status = MN_OK}};
    int32_t count = e->options.threads, started = 0;
    if (count > e->count)
        count = (int32_t)e->count;
    worker *workers = cli_alloc((size_t)count, sizeof *workers);
    mn_error err;
    int code = CLI_DONE;
    pthread_mutex_init(&c.report, NULL);
    if (prepare(workers, count, &c, &err) != MN_OK) {
        code = cli_fail_status(&err);
        goto done;
    }
    double start = cli_seconds();
    atomic_store(&c.running, count);
    for (; started < count; started++)
        if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0)
            break;
    atomic_fetch_sub(&c.running, count - started);
    if (started == 0)
        code = cli_fail("no thread could be started");
    watch(&c);
    for (int32_t i = 0; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    e->seconds = cli_seconds() - start;
    if (c.err.status != MN_OK)
        code = cli_fail_status(&c.err);
done:
    for (int32_t i = 0; i < count; i++) {
        free(workers[i].input);
        free(workers[i].probabilities);
        mn_session_destroy(workers[i].session);
    }
    free(workers);
    pthread_mutex_destroy(&c.report);
    return code;
}
