/* The peak of one core: independent multiply-adds for about 0.2 s, the best of several slices. */
#include <time.h>

#include "kernels/kernels.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double mn_cpu_measure_peak(mn_cpu_level level, mn_precision precision)
{
    if ((unsigned)precision > MN_PRECISION_BFLOAT16)
        return 0;
    return mn_peak_measure(mn_kernels_get(mn_kernels_cap(level), precision)->peak);
}

double mn_peak_measure(const mn_peak_kernel *kernel)
{
    volatile float sink = 0;
    int64_t rounds = 1000;
    double best = 0, start = now(), seconds = 0;
    while (now() - start < 0.2) {
        double begin = now();
        sink = sink + kernel->run(rounds);
        seconds = now() - begin;
        double rate = kernel->flops_per_round * (double)rounds / seconds * 1e-9;
        if (seconds < 0.005) {
            rounds *= 2;
            continue;
        }
        if (rate > best)
            best = rate;
    }
    return best;
}
