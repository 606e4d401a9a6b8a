/* Ranks as threads of one process: a communicator for tests. A rank that is lost is lost to all, as with MPI. */
#ifndef TEST_TRAIN_CREW_H
#define TEST_TRAIN_CREW_H

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
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
    const void *in[CREW_MAX];
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

/* Places of `step` bytes in the ranks' arrays, from `offset` on, into out. */
static inline mn_status crew_move(void *context, const void *in, size_t offset, size_t bytes, void *out, mn_error *err)
{
    crew_member *m = context;
    crew *c = m->crew;
    c->in[m->comm.rank] = in;
    if (crew_wait(c) != MN_OK)
        return crew_fail(err);
    for (int32_t r = 0; r < c->size; r++) {
        char *to = (char *)out + (size_t)r * bytes;
        const char *from = (const char *)c->in[r] + offset;
        if (to != from && bytes > 0)
            memcpy(to, from, bytes);
    }
    return crew_wait(c) == MN_OK ? MN_OK : crew_fail(err);
}

static inline mn_status crew_gather(void *context, const void *mine, size_t bytes, void *all, mn_error *err)
{
    return crew_move(context, mine, 0, bytes, all, err);
}

static inline mn_status crew_exchange(void *context, const void *parts, size_t bytes, void *received, mn_error *err)
{
    return crew_move(context, parts, (size_t)((crew_member *)context)->comm.rank * bytes, bytes, received, err);
}

static inline mn_status crew_share(void *context, void *data, size_t bytes, mn_error *err)
{
    crew_member *m = context;
    crew *c = m->crew;
    c->in[m->comm.rank] = data;
    if (crew_wait(c) != MN_OK)
        return crew_fail(err);
    if (m->comm.rank > 0)
        memcpy(data, c->in[0], bytes);
    return crew_wait(c) == MN_OK ? MN_OK : crew_fail(err);
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
