/* kcheck: every kernel of every level against the reference, over all sizes and edges, in buffers that end at a
 * guard page; and the proof that it catches wrong kernels.
 *
 *     test_kcheck [--level NAME] [--bench] [--planted]
 *
 * The bound (docs/numerics.md): two sums of n products differ by at most 2 (n + 2) u S, where u = 2^-24 and S is the
 * sum of the products' magnitudes. Where the reference has a NaN or an infinity, so must the kernel.
 */
#ifndef TEST_KCHECK_H
#define TEST_KCHECK_H

#include "kernels/kernels.h"

/* Counts of one kernel's check. The first failure is described in `message`. */
typedef struct kcheck_result {
    int64_t cases, failures;
    char message[256];
} kcheck_result;

__attribute__((format(printf, 2, 3))) void kcheck_fail(kcheck_result *result, const char *format, ...);

void kcheck_gemm(const mn_gemm_kernel *kernel, kcheck_result *result);
void kcheck_dwconv(const mn_dwconv_kernel *kernel, kcheck_result *result);
void kcheck_pool(const mn_pool_kernel *kernel, kcheck_result *result);
void kcheck_softmax(const mn_softmax_kernel *kernel, kcheck_result *result);
void kcheck_winograd(const mn_winograd_kernel *kernel, kcheck_result *result);
void kcheck_stem(const mn_stem_kernel *kernel, kcheck_result *result);

/* Kernels of bfloat16 (check_bf16.c). */
void kcheck_gemm_bf16(const mn_gemm_kernel *kernel, kcheck_result *result);
void kcheck_dwconv_bf16(const mn_dwconv_kernel *kernel, kcheck_result *result);
void kcheck_pool_bf16(const mn_pool_kernel *kernel, kcheck_result *result);
void kcheck_narrow(const mn_narrow_kernel *kernel, kcheck_result *result);

/* Calls `check` for every map, padding and number of channels that a depthwise kernel is checked with; `rows` are those of
 * the output. */
void kcheck_each_dwconv(const mn_dwconv_kernel *kernel,
                        void (*check)(const mn_dwconv_kernel *kernel, mn_dwconv_args args, int32_t rows, bool special,
                                      kcheck_result *result),
                        kcheck_result *result);

/* Runs wrong kernels and returns how many were not caught; prints each verdict. */
int kcheck_planted(void);

/* Prints the rates of a kernel on MobileNet's layers. */
void kcheck_bench(const mn_kernel_entry *entry);

/* Bytes that end at a guard page, in slot 0..7; whatever was in the slot is gone. All ones as bits (NaN). */
void *kcheck_bytes(int slot, size_t bytes);
float *kcheck_floats(int slot, size_t count);
/* Whether nothing was written before what is in a slot. */
bool kcheck_front_is_whole(int slot);

/* Value number i of stream `stream`: in [-1, 1); with `special`, now and then a zero of either sign, a NaN, an
 * infinity, a denormal. */
float kcheck_value(uint64_t stream, uint64_t i, bool special);

/* Whether `got` may stand for `want`, given the bound on their difference. */
bool kcheck_close(float got, float want, double bound);

#endif
