/* Every thread has a share of the job: a contiguous range of its tasks, the same range for the same count, so that a
 * thread works on the part of a map that it wrote one layer before and that lies in its own cache. Who has finished his
 * share takes tasks from the ends of the others'.
 *
 * A share is one 64-bit word: number of the job | first task | end. A task is taken by changing the word; who succeeds
 * owns a task of that job, so the job's other fields cannot change under him. The caller waits for tasks to be done, not
 * for workers: one that the system has put aside, and that took nothing, holds nobody up and finds no work when it
 * comes back. A share and the job's fields are one cache line, which is all that a handover moves.
 */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define relax() _mm_pause()
#elif defined(__aarch64__)
#define relax() __asm__ volatile("yield")
#else
#define relax() ((void)0)
#endif

/* About 50 microseconds on a current processor: longer than the gap between two layers, shorter than what a
 * second process on the same core would notice. */
#define SPINS 2000

#define INDEX_BITS 20 /* of first and end in a share: what is more is handed out in units of several tasks */
#define INDEX_MAX  ((1 << INDEX_BITS) - 1)

/* One thread's part of the job. The fields are written by the caller while nobody owns a task, published by `word`. */
typedef struct share {
    _Alignas(64) atomic_uint_least64_t word;
    mn_pool_task *function;
    void *context;
    int32_t count, unit;           /* tasks in all; tasks taken at a time */
    _Alignas(64) atomic_uint done; /* units that this thread has finished since the pool was made */
    pthread_t thread;
    mn_pool *pool;
    int32_t index;
} share;

struct mn_pool {
    int32_t threads;
    int32_t started; /* workers whose thread exists */
    share *shares;   /* [threads]; 0 is the caller's */
    unsigned done;   /* units of all jobs so far */

    _Alignas(64) atomic_int sleepers; /* workers that sleep, or are about to look once more and then sleep */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stop; /* under mutex */
};

static uint_least64_t pack(uint_least64_t number, int32_t first, int32_t end)
{
    return number << (2 * INDEX_BITS) | (uint_least64_t)first << INDEX_BITS | (uint_least64_t)end;
}

static int32_t first_of(uint_least64_t word)
{
    return (int32_t)(word >> INDEX_BITS & INDEX_MAX);
}

static int32_t end_of(uint_least64_t word)
{
    return (int32_t)(word & INDEX_MAX);
}

static bool is_empty(uint_least64_t word)
{
    return first_of(word) >= end_of(word);
}

static void run_unit(share *self, int32_t unit)
{
    int64_t end = ((int64_t)unit + 1) * self->unit;
    for (int64_t task = (int64_t)unit * self->unit; task < end && task < self->count; task++)
        self->function(self->context, (int32_t)task, self->index);
    atomic_fetch_add_explicit(&self->done, 1, memory_order_release);
}

/* Takes from the front of the own share until it is empty; returns the number of the job, whose fields are then to be
 * seen even if others took everything. */
static uint_least64_t work_own(share *self)
{
    uint_least64_t word = atomic_load_explicit(&self->word, memory_order_acquire);
    while (!is_empty(word)) {
        if (!atomic_compare_exchange_weak_explicit(&self->word, &word, word + (1 << INDEX_BITS), memory_order_acquire,
                                                   memory_order_acquire))
            continue;
        run_unit(self, first_of(word));
        word = atomic_load_explicit(&self->word, memory_order_acquire);
    }
    return word >> (2 * INDEX_BITS);
}

/* Takes from the ends of the others' shares of job `number`. */
static void work_others(share *self, uint_least64_t number)
{
    mn_pool *pool = self->pool;
    for (int32_t i = 1; i < pool->threads; i++) {
        share *other = &pool->shares[(self->index + i) % pool->threads];
        uint_least64_t word = atomic_load_explicit(&other->word, memory_order_relaxed);
        while (word >> (2 * INDEX_BITS) == number && !is_empty(word)) {
            if (!atomic_compare_exchange_weak_explicit(&other->word, &word, word - 1, memory_order_acquire,
                                                       memory_order_relaxed))
                continue;
            run_unit(self, end_of(word) - 1);
            word = atomic_load_explicit(&other->word, memory_order_relaxed);
        }
    }
}

/* Returns when the share may have tasks; false when the pool is being destroyed. */
static bool wait_for_job(share *self)
{
    mn_pool *pool = self->pool;
    for (int i = 0; i < SPINS; i++) {
        if (!is_empty(atomic_load_explicit(&self->word, memory_order_relaxed)))
            return true;
        relax();
    }
    pthread_mutex_lock(&pool->mutex);
    /* Either the caller sees this sleeper, or the sleeper sees the caller's job: both are sequentially consistent. */
    atomic_fetch_add(&pool->sleepers, 1);
    while (is_empty(atomic_load(&self->word)) && !pool->stop)
        pthread_cond_wait(&pool->wake, &pool->mutex);
    atomic_fetch_sub(&pool->sleepers, 1);
    bool stop = pool->stop;
    pthread_mutex_unlock(&pool->mutex);
    return !stop;
}

static void *worker_main(void *argument)
{
    share *self = argument;
    while (wait_for_job(self))
        work_others(self, work_own(self));
    return NULL;
}

mn_status mn_pool_create(int32_t threads, mn_pool **pool, mn_error *err)
{
    if (threads < 1 || threads > 256)
        return mn_fail(err, MN_ERROR_ARGUMENT, "threads is %d, must be 1 to 256", threads);
    size_t bytes = sizeof(mn_pool) + (size_t)threads * sizeof(share);
    mn_pool *p = mn_alloc_aligned(bytes); /* the shares follow the pool: both are multiples of a cache line */
    if (!p)
        return mn_fail_memory(err, bytes, "a thread pool");
    memset(p, 0, bytes);
    p->threads = threads;
    p->shares = (share *)(void *)(p + 1);
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->wake, NULL);
    for (int32_t i = 0; i < threads; i++) {
        p->shares[i].pool = p;
        p->shares[i].index = i;
    }
    for (int32_t i = 1; i < threads; i++) {
        if (pthread_create(&p->shares[i].thread, NULL, worker_main, &p->shares[i]) != 0) {
            mn_pool_destroy(p);
            return mn_fail(err, MN_ERROR_OUT_OF_MEMORY, "cannot start thread %d of %d", i + 1, threads);
        }
        p->started++;
    }
    *pool = p;
    return MN_OK;
}

void mn_pool_destroy(mn_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->stop = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    for (int32_t i = 1; i <= pool->started; i++)
        pthread_join(pool->shares[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

int32_t mn_pool_threads(const mn_pool *pool)
{
    return pool->threads;
}

/* Hands out the job's units; the caller's share comes last, so that the others start first. */
static void publish(mn_pool *pool, int32_t count, int32_t unit, int32_t units, mn_pool_task *function, void *context)
{
    uint_least64_t number = (atomic_load_explicit(&pool->shares[0].word, memory_order_relaxed) >> (2 * INDEX_BITS)) + 1;
    for (int32_t i = pool->threads - 1; i >= 0; i--) {
        share *s = &pool->shares[i];
        s->function = function;
        s->context = context;
        s->count = count;
        s->unit = unit;
        atomic_store(&s->word, pack(number, (int32_t)((int64_t)units * i / pool->threads),
                                    (int32_t)((int64_t)units * (i + 1) / pool->threads)));
    }
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->mutex);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->mutex);
    }
}

static unsigned finished(mn_pool *pool)
{
    unsigned done = 0;
    for (int32_t i = 0; i < pool->threads; i++)
        done += atomic_load_explicit(&pool->shares[i].done, memory_order_acquire);
    return done;
}

void mn_pool_run(mn_pool *pool, int32_t count, mn_pool_task *function, void *context)
{
    if (pool->threads == 1 || count <= 1) {
        for (int32_t task = 0; task < count; task++)
            function(context, task, 0);
        return;
    }
    int32_t unit = count / INDEX_MAX + 1, units = (int32_t)(((int64_t)count + unit - 1) / unit);
    publish(pool, count, unit, units, function, context);
    work_others(&pool->shares[0], work_own(&pool->shares[0]));
    pool->done += (unsigned)units;
    for (int i = 0; finished(pool) != pool->done; i++) {
        if (i < SPINS)
            relax();
        else
            sched_yield(); /* the owner of the last task may be waiting for this processor */
    }
}
