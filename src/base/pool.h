/* A small thread pool. Work is a numbered list of tasks, cut by shape and never by the number of threads, so
 * that results have the same bits for any number of threads; which thread takes which task is left open.
 *
 * Workers spin for a short while after a run, since the next layer comes within microseconds, then sleep.
 */
#ifndef MN_BASE_POOL_H
#define MN_BASE_POOL_H

#include <stdint.h>

#include "base/status.h"

typedef struct mn_pool mn_pool;

/* task: 0..count-1; worker: 0..threads-1, for scratch memory that belongs to a thread. */
typedef void mn_pool_task(void *context, int32_t task, int32_t worker);

/* threads >= 1, the caller included: threads - 1 are started. */
mn_status mn_pool_create(int32_t threads, mn_pool **pool, mn_error *err);
void mn_pool_destroy(mn_pool *pool); /* NULL is allowed */
int32_t mn_pool_threads(const mn_pool *pool);

/* Runs every task and returns when all are done. One caller at a time. A pool of one thread, and a list of
 * one task, run in the caller without waking anybody. */
void mn_pool_run(mn_pool *pool, int32_t count, mn_pool_task *function, void *context);

#endif
