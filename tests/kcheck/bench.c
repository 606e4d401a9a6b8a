/* Rates of the kernels on MobileNet 1.0-224's layers, in isolation: the best of many runs. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "kcheck/kcheck.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Floats that are two usual numbers of bfloat16 as well. */
static void fill(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t half = mn_bf16_round(kcheck_value(1, i, false)), bits = half << 16 | half;
        memcpy(&values[i], &bits, sizeof bits);
    }
}

static void print(const char *name, const char *shape, double macs, double seconds)
{
    printf("%-32s %-24s %8.4f ms %8.2f GFLOP/s\n", name, shape, seconds * 1e3, 2e-9 * macs / seconds);
}

/* Sets `best` to the seconds of the fastest of many calls. */
#define TIME_BEST(best, call)                                                                                          \
    do {                                                                                                               \
        best = 1e9;                                                                                                    \
        for (double begin = now(), end = begin + 0.3; begin < end;) {                                                  \
            call;                                                                                                      \
            double after = now();                                                                                      \
            best = after - begin < best ? after - begin : best;                                                        \
            begin = after;                                                                                             \
        }                                                                                                              \
    } while (0)

static void bench_gemm(const mn_gemm_kernel *kernel)
{
    static const int32_t shapes[][3] = {{12544, 64, 32},  {3136, 128, 64}, {3136, 128, 128}, {784, 256, 128},
                                        {784, 256, 256},  {196, 512, 256}, {196, 512, 512},  {49, 1024, 512},
                                        {49, 1024, 1024}, {1, 1000, 1024}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        int32_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
        float *a = kcheck_floats(0, (size_t)m * (size_t)k), *c = kcheck_floats(1, (size_t)m * (size_t)n);
        float *b = kcheck_floats(2, mn_packed_floats(kernel, n, k)); /* enough for bfloat16, too */
        fill(a, (size_t)m * (size_t)k);
        fill(b, mn_packed_floats(kernel, n, k));
        mn_gemm_args args = mn_gemm_plain(m, n, k, a, b, (size_t)kernel->tile_columns * (size_t)k, c);
        double best;
        TIME_BEST(best, kernel->run(&args));
        char shape[64];
        snprintf(shape, sizeof shape, "%dx%d, k %d", m, n, k);
        print(kernel->name, shape, (double)m * n * k, best);
    }
}

static void bench_dwconv(const mn_dwconv_kernel *kernel)
{
    static const int32_t shapes[][3] = {{112, 32, 1}, {112, 64, 2}, {56, 128, 1}, {56, 128, 2}, {28, 256, 1},
                                        {28, 256, 2}, {14, 512, 1}, {14, 512, 2}, {7, 1024, 1}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        int32_t extent = shapes[s][0], channels = shapes[s][1], stride = shapes[s][2];
        if (kernel->stride > 0 && kernel->stride != stride)
            continue;
        int32_t out = extent / stride;
        int32_t pad = channels % 256 == 0 ? 16 : 0; /* as sessions lay their maps out */
        size_t in_floats = (size_t)extent * (size_t)extent * (size_t)(channels + pad);
        float *in = kcheck_floats(0, in_floats), *weights = kcheck_floats(1, 10 * (size_t)channels);
        fill(in, in_floats);
        fill(weights, 10 * (size_t)channels);
        mn_dwconv_args args = {.in_height = extent,
                               .in_width = extent,
                               .channels = channels,
                               .out_width = out,
                               .kernel_height = 3,
                               .kernel_width = 3,
                               .stride = stride,
                               .pad_top = stride == 1,
                               .pad_left = stride == 1,
                               .row_end = out,
                               .in_stride = channels + pad,
                               .out_stride = channels + pad,
                               .in = in,
                               .weights = weights,
                               .bias = weights + 9 * channels,
                               .out = kcheck_floats(2, (size_t)out * (size_t)out * (size_t)(channels + pad)),
                               .high = 6};
        double best;
        TIME_BEST(best, kernel->run(&args));
        char shape[64];
        snprintf(shape, sizeof shape, "%dx%dx%d stride %d", extent, extent, channels, stride);
        print(kernel->name, shape, 9.0 * out * out * channels, best);
    }
}

static void bench_stem(const mn_stem_kernel *kernel)
{
    static const int32_t extents[] = {128, 224};
    for (size_t s = 0; s < sizeof extents / sizeof *extents; s++) {
        int32_t extent = extents[s], out = extent / 2, channels = kernel->channels_max;
        size_t in_floats = (size_t)extent * (size_t)extent * 3, weight_floats = 27 * (size_t)channels;
        float *in = kcheck_floats(0, in_floats), *weights = kcheck_floats(1, weight_floats);
        fill(in, in_floats);
        fill(weights, weight_floats);
        mn_stem_args args = {.in_height = extent,
                             .in_width = extent,
                             .out_width = out,
                             .channels = channels,
                             .row_end = out,
                             .in = in,
                             .weights = weights,
                             .weight_stride = channels,
                             .out = kcheck_floats(2, (size_t)out * (size_t)out * (size_t)channels),
                             .out_stride = channels,
                             .high = 6,
                             .scratch = kcheck_floats(3, kernel->scratch_floats(out))};
        double best;
        TIME_BEST(best, kernel->run(&args));
        char shape[64];
        snprintf(shape, sizeof shape, "%dx%dx3 to %d channels", extent, extent, channels);
        print(kernel->name, shape, 27.0 * out * out * channels, best);
    }
}

void kcheck_bench(const mn_kernel_entry *entry)
{
    switch (entry->op) {
    case MN_KERNEL_gemm:
        bench_gemm(entry->kernel);
        break;
    case MN_KERNEL_dwconv:
    case MN_KERNEL_dwconv3x3s1:
    case MN_KERNEL_dwconv3x3s2:
        bench_dwconv(entry->kernel);
        break;
    case MN_KERNEL_peak:
        printf("%-32s %-24s             %8.2f GFLOP/s\n", entry->name, "peak", mn_peak_measure(entry->kernel));
        break;
    case MN_KERNEL_stem:
        bench_stem(entry->kernel);
        break;
    case MN_KERNEL_pool:
    case MN_KERNEL_softmax:
    case MN_KERNEL_winograd:
    case MN_KERNEL_narrow:
        break;
    }
}
