/* The job is one 64-bit word: its number in the upper half, the tasks that nobody has taken in the lower. A task is taken
 * by counting that half down; who succeeds owns a task of the current job, so the job's other fields cannot change
 * under him. The caller waits for tasks to be done, not for workers: one that the system has put aside, and that took
 * nothing, holds nobody up and finds no work when it comes back.
 */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

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

typedef struct worker {
    pthread_t thread;
    mn_pool *pool;
    int32_t index;
} worker;

struct mn_pool {
    int32_t threads;
    int32_t started; /* workers whose thread exists */
    worker *workers; /* [threads - 1] */

    /* The job: written by the caller while no task is owned, published by `word`. */
    mn_pool_task *function;
    void *context;
    int32_t count;
    _Alignas(64) atomic_uint_least64_t word; /* number of the job << 32 | tasks left to take */
    _Alignas(64) atomic_int done;            /* tasks of the job that are finished */

    _Alignas(64) atomic_int sleepers; /* workers that sleep, or are about to look once more and then sleep */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stop; /* under mutex */
};

static void take_tasks(mn_pool *pool, int32_t worker_index)
{
    uint_least64_t word = atomic_load_explicit(&pool->word, memory_order_relaxed);
    while ((uint32_t)word != 0) {
        if (!atomic_compare_exchange_weak_explicit(&pool->word, &word, word - 1, memory_order_acquire,
                                                   memory_order_relaxed))
            continue;
        pool->function(pool->context, pool->count - (int32_t)(uint32_t)word, worker_index);
        atomic_fetch_add_explicit(&pool->done, 1, memory_order_release);
        word = atomic_load_explicit(&pool->word, memory_order_relaxed);
    }
}

/* Returns when there may be tasks; false when the pool is being destroyed. */
static bool wait_for_job(mn_pool *pool)
{
    for (int i = 0; i < SPINS; i++) {
        if ((uint32_t)atomic_load_explicit(&pool->word, memory_order_relaxed) != 0)
            return true;
        relax();
    }
    pthread_mutex_lock(&pool->mutex);
    /* Either the caller sees this sleeper, or the sleeper sees the caller's job: both are sequentially consistent. */
    atomic_fetch_add(&pool->sleepers, 1);
    while ((uint32_t)atomic_load(&pool->word) == 0 && !pool->stop)
        pthread_cond_wait(&pool->wake, &pool->mutex);
    atomic_fetch_sub(&pool->sleepers, 1);
    bool stop = pool->stop;
    pthread_mutex_unlock(&pool->mutex);
    return !stop;
}

static void *worker_main(void *argument)
{
    worker *self = argument;
    while (wait_for_job(self->pool))
        take_tasks(self->pool, self->index);
    return NULL;
}

mn_status mn_pool_create(int32_t threads, mn_pool **pool, mn_error *err)
{
    if (threads < 1 || threads > 256)
        return mn_fail(err, MN_ERROR_ARGUMENT, "threads is %d, must be 1 to 256", threads);
    mn_pool *p = mn_alloc_aligned(sizeof *p);
    if (!p)
        return mn_fail_memory(err, sizeof *p, "a thread pool");
    *p = (mn_pool){.threads = threads};
    p->workers = mn_calloc((size_t)threads, sizeof *p->workers);
    if (!p->workers) {
        free(p);
        return mn_fail_memory(err, (size_t)threads * sizeof *p->workers, "a thread pool");
    }
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->wake, NULL);
    for (int32_t i = 0; i + 1 < threads; i++) {
        p->workers[i] = (worker){.pool = p, .index = i + 1};
        if (pthread_create(&p->workers[i].thread, NULL, worker_main, &p->workers[i]) != 0) {
            mn_pool_destroy(p);
            return mn_fail(err, MN_ERROR_OUT_OF_MEMORY, "cannot start thread %d of %d", i + 2, threads);
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
    for (int32_t i = 0; i < pool->started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->workers);
    free(pool);
}

int32_t mn_pool_threads(const mn_pool *pool)
{
    return pool->threads;
}

void mn_pool_run(mn_pool *pool, int32_t count, mn_pool_task *function, void *context)
{
    if (pool->threads == 1 || count <= 1) {
        for (int32_t task = 0; task < count; task++)
            function(context, task, 0);
        return;
    }
    uint_least64_t number = (atomic_load_explicit(&pool->word, memory_order_relaxed) >> 32) + 1;
    pool->function = function;
    pool->context = context;
    pool->count = count;
    atomic_store_explicit(&pool->done, 0, memory_order_relaxed);
    atomic_store(&pool->word, number << 32 | (uint32_t)count);
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->mutex);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->mutex);
    }
    take_tasks(pool, 0);
    for (int i = 0; atomic_load_explicit(&pool->done, memory_order_acquire) < count; i++) {
        if (i < SPINS)
            relax();
        else
            sched_yield(); /* the owner of the last task may be waiting for this processor */
    }
}
