#include "base/pool.h"

#include <pthread.h>
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

    /* The job: written by the caller, published by `generation`. */
    mn_pool_task *function;
    void *context;
    int32_t count;
    _Alignas(64) atomic_int next;        /* the next task to take */
    _Alignas(64) atomic_uint generation; /* counts jobs */
    _Alignas(64) atomic_int busy;        /* workers that have not finished the job */

    pthread_mutex_t mutex;
    pthread_cond_t wake;
    int32_t sleepers; /* under mutex */
    bool stop;        /* under mutex */
};

static void take_tasks(mn_pool *pool, int32_t worker_index)
{
    for (;;) {
        int task = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (task >= pool->count)
            return;
        pool->function(pool->context, task, worker_index);
    }
}

/* Returns the new generation, or `seen` when the pool is being destroyed. */
static unsigned wait_for_job(mn_pool *pool, unsigned seen)
{
    for (int i = 0; i < SPINS; i++) {
        unsigned now = atomic_load_explicit(&pool->generation, memory_order_acquire);
        if (now != seen)
            return now;
        relax();
    }
    pthread_mutex_lock(&pool->mutex);
    pool->sleepers++;
    unsigned now;
    while ((now = atomic_load_explicit(&pool->generation, memory_order_acquire)) == seen && !pool->stop)
        pthread_cond_wait(&pool->wake, &pool->mutex);
    pool->sleepers--;
    pthread_mutex_unlock(&pool->mutex);
    return now;
}

static void *worker_main(void *argument)
{
    worker *self = argument;
    mn_pool *pool = self->pool;
    unsigned seen = 0;
    for (;;) {
        unsigned now = wait_for_job(pool, seen);
        if (now == seen)
            return NULL;
        seen = now;
        take_tasks(pool, self->index);
        atomic_fetch_sub_explicit(&pool->busy, 1, memory_order_release);
    }
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
    pool->function = function;
    pool->context = context;
    pool->count = count;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->busy, pool->threads - 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&pool->generation, 1, memory_order_release);
    /* A worker that read the old generation either sees the new one under the mutex, or is counted here. */
    pthread_mutex_lock(&pool->mutex);
    if (pool->sleepers > 0)
        pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    take_tasks(pool, 0);
    while (atomic_load_explicit(&pool->busy, memory_order_acquire) > 0)
        relax();
}
