/* Every task runs exactly once, whatever the number of threads, also when workers have gone to sleep. */
#include "support/test.h"

#include <stdatomic.h>
#include <time.h>

#include "base/cpu.h"
#include "base/pool.h"

#define TASKS_MAX 1000

typedef struct tally {
    int32_t threads;
    atomic_int seen[TASKS_MAX];
    atomic_int bad_workers;
} tally;

static void count_task(void *context, int32_t task, int32_t worker)
{
    tally *t = context;
    atomic_fetch_add(&t->seen[task], 1);
    if (worker < 0 || worker >= t->threads)
        atomic_fetch_add(&t->bad_workers, 1);
}

static void check_run(mn_pool *pool, int32_t count)
{
    static tally t;
    t.threads = mn_pool_threads(pool);
    t.bad_workers = 0;
    for (int32_t i = 0; i < TASKS_MAX; i++)
        t.seen[i] = 0;
    mn_pool_run(pool, count, count_task, &t);
    for (int32_t i = 0; i < TASKS_MAX; i++)
        assert_int_equal(t.seen[i], i < count);
    assert_int_equal(t.bad_workers, 0);
}

static void each_task_once(void **state)
{
    (void)state;
    for (int32_t threads = 1; threads <= 5; threads++) {
        mn_pool *pool;
        assert_int_equal(mn_pool_create(threads, &pool, NULL), MN_OK);
        assert_int_equal(mn_pool_threads(pool), threads);
        for (int32_t count = 0; count <= 40; count++)
            check_run(pool, count);
        check_run(pool, TASKS_MAX);
        mn_pool_destroy(pool);
    }
}

static void sleeping_workers_wake(void **state)
{
    (void)state;
    mn_pool *pool;
    assert_int_equal(mn_pool_create(3, &pool, NULL), MN_OK);
    for (int i = 0; i < 5; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL); /* long past the spin */
        check_run(pool, 100);
    }
    nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    mn_pool_destroy(pool); /* while they sleep */
}

static void thread_counts_are_checked(void **state)
{
    (void)state;
    mn_pool *pool = NULL;
    assert_int_equal(mn_pool_create(0, &pool, NULL), MN_ERROR_ARGUMENT);
    assert_int_equal(mn_pool_create(-1, &pool, NULL), MN_ERROR_ARGUMENT);
    assert_int_equal(mn_pool_create(257, &pool, NULL), MN_ERROR_ARGUMENT);
    assert_null(pool);
    mn_pool_destroy(NULL);
    assert_true(mn_cpu_count() >= 1);
    for (int level = 1; level <= 3; level++)
        assert_true(mn_cpu_cache_bytes(level) >= 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_task_once),
        cmocka_unit_test(sleeping_workers_wake),
        cmocka_unit_test(thread_counts_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
