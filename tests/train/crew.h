/* Ranks as threads of one process: a communicator for tests. A rank that is lost is lost to all, as with MPI; ranks that
 * call different functions, or with different sizes, end the test: with MPI they would wait for ever. */
#ifndef TEST_TRAIN_CREW_H
#define TEST_TRAIN_CREW_H

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mobilenet/comm.h"

#define CREW_MAX 8

typedef struct crew {
    int32_t size;
    pthread_mutex_t lock;
    pthread_cond_t turned;
    int32_t arrived;
    int64_t turn;
    bool lost;
    struct crew_call {
        const char *function;
        const void *in;
        size_t bytes;
    } calls[CREW_MAX];
    void (*work)(void *context, const mn_comm *comm);
    void *context;
} crew;

typedef struct crew_member {
    crew *crew;
    mn_comm comm;
    pthread_t thread;
} crew_member;

static inline mn_status crew_wait(crew *c)
{
    pthread_mutex_lock(&c->lock);
    int64_t turn = c->turn;
    if (++c->arrived == c->size) {
        c->arrived = 0;
        c->turn++;
        pthread_cond_broadcast(&c->turned);
    }
    while (c->turn == turn && !c->lost)
        pthread_cond_wait(&c->turned, &c->lock);
    bool lost = c->lost;
    pthread_mutex_unlock(&c->lock);
    return lost ? MN_ERROR_IO : MN_OK;
}

/* This rank takes part no more; the others are told so where they wait. */
static inline void crew_leave(const mn_comm *comm)
{
    crew *c = ((crew_member *)comm->context)->crew;
    pthread_mutex_lock(&c->lock);
    c->lost = true;
    pthread_cond_broadcast(&c->turned);
    pthread_mutex_unlock(&c->lock);
}

static inline mn_status crew_fail(mn_error *err)
{
    *err = (mn_error){.status = MN_ERROR_IO, .offset = -1};
    snprintf(err->message, sizeof err->message, "a rank is lost");
    return MN_ERROR_IO;
}

/* Meets the others, who must have made the same call. */
static inline mn_status crew_meet(crew_member *m, const char *function, const void *in, size_t bytes, mn_error *err)
{
    crew *c = m->crew;
    c->calls[m->comm.rank] = (struct crew_call){function, in, bytes};
    if (crew_wait(c) != MN_OK)
        return crew_fail(err);
    for (int32_t r = 0; r < c->size; r++)
        if (strcmp(c->calls[r].function, function) != 0 || c->calls[r].bytes != bytes) {
            fprintf(stderr, "rank %d: %s of %zu bytes, rank %d: %s of %zu bytes\n", m->comm.rank, function, bytes, r,
                    c->calls[r].function, c->calls[r].bytes);
            abort();
        }
    return MN_OK;
}

/* Places of `bytes` in the ranks' arrays, from `offset` on, into out. */
static inline mn_status crew_move(crew_member *m, size_t offset, size_t bytes, void *out, mn_error *err)
{
    crew *c = m->crew;
    for (int32_t r = 0; r < c->size; r++) {
        char *to = (char *)out + (size_t)r * bytes;
        const char *from = (const char *)c->calls[r].in + offset;
        if (to != from && bytes > 0)
            memcpy(to, from, bytes);
    }
    return crew_wait(c) == MN_OK ? MN_OK : crew_fail(err);
}

static inline mn_status crew_gather(void *context, const void *mine, size_t bytes, void *all, mn_error *err)
{
    mn_status status = crew_meet(context, "gather", mine, bytes, err);
    return status == MN_OK ? crew_move(context, 0, bytes, all, err) : status;
}

static inline mn_status crew_exchange(void *context, const void *parts, size_t bytes, void *received, mn_error *err)
{
    crew_member *m = context;
    mn_status status = crew_meet(m, "exchange", parts, bytes, err);
    return status == MN_OK ? crew_move(m, (size_t)m->comm.rank * bytes, bytes, received, err) : status;
}

static inline mn_status crew_share(void *context, void *data, size_t bytes, mn_error *err)
{
    crew_member *m = context;
    mn_status status = crew_meet(m, "share", data, bytes, err);
    if (status != MN_OK)
        return status;
    if (m->comm.rank > 0)
        memcpy(data, m->crew->calls[0].in, bytes);
    return crew_wait(m->crew) == MN_OK ? MN_OK : crew_fail(err);
}

static inline void *crew_thread(void *argument)
{
    crew_member *m = argument;
    m->crew->work(m->crew->context, &m->comm);
    return NULL;
}

/* Runs `work` on `size` ranks at once, which must all come back. */
static inline void crew_run(int32_t size, void (*work)(void *context, const mn_comm *comm), void *context)
{
    crew c = {.size = size, .work = work, .context = context};
    crew_member members[CREW_MAX];
    pthread_mutex_init(&c.lock, NULL);
    pthread_cond_init(&c.turned, NULL);
    for (int32_t r = 0; r < size; r++) {
        members[r] = (crew_member){.crew = &c};
        members[r].comm = (mn_comm){.rank = r,
                                    .size = size,
                                    .context = &members[r],
                                    .gather = crew_gather,
                                    .exchange = crew_exchange,
                                    .share = crew_share};
    }
    for (int32_t r = 1; r < size; r++)
        if (pthread_create(&members[r].thread, NULL, crew_thread, &members[r]) != 0)
            fail_msg("a rank could not be started");
    crew_thread(&members[0]);
    for (int32_t r = 1; r < size; r++)
        pthread_join(members[r].thread, NULL);
    pthread_cond_destroy(&c.turned);
    pthread_mutex_destroy(&c.lock);
}

#endif
