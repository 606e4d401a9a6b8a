/* Two facts about this machine at this moment, as one JSON line: the multiply-add peak of one core at our kernel
 * level, and the time in which a cache line goes from one processor to another and back ("handover"). On a shared
 * host the second changes by a factor of ten with where the host runs the processors, and with it all times
 * of more than one thread.
 */
#define _GNU_SOURCE
#include <mobilenet/mobilenet.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include "host.h"

enum { TRIPS = 20000 };

static _Atomic int ball;
static pthread_barrier_t both_placed;

static bool pin(int processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    return pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0;
}

static void *partner(void *unused)
{
    pin(1);
    pthread_barrier_wait(&both_placed);
    for (int i = 0; i < TRIPS; i++) {
        while (atomic_load(&ball) != 2 * i + 1) {
        }
        atomic_store(&ball, 2 * i + 2);
    }
    return unused;
}

/* Seconds of one round trip between processors 0 and 1; 0 where there is only one. */
static double handover(void)
{
    pthread_t thread;
    if (!pin(1) || !pin(0) || pthread_barrier_init(&both_placed, NULL, 2) != 0)
        return 0;
    if (pthread_create(&thread, NULL, partner, NULL) != 0)
        return 0;
    pthread_barrier_wait(&both_placed);
    double begin = host_now();
    for (int i = 0; i < TRIPS; i++) {
        atomic_store(&ball, 2 * i + 1);
        while (atomic_load(&ball) != 2 * i + 2) {
        }
    }
    double seconds = (host_now() - begin) / TRIPS;
    pthread_join(thread, NULL);
    return seconds;
}

int main(void)
{
    mn_cpu_level level = mn_cpu_best_level();
    double peak = mn_cpu_measure_peak(level, MN_PRECISION_FLOAT32);
    printf("{\"level\": \"%s\", \"gflops\": %.2f, \"handover_ns\": %.0f}\n", mn_cpu_level_name(level), peak,
           1e9 * handover());
    return 0;
}
