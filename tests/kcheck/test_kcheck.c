/* The program: see kcheck.h. Exit 0 all well, 1 a kernel is wrong, 77 nothing could be run (the level is absent). */
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "kcheck/kcheck.h"

static kcheck_result check(const mn_kernel_entry *entry)
{
    kcheck_result result = {0};
    bool bf16 = entry->precision == MN_PRECISION_BFLOAT16;
    switch (entry->op) {
    case MN_KERNEL_gemm:
        (bf16 ? kcheck_gemm_bf16 : kcheck_gemm)(entry->kernel, &result);
        break;
    case MN_KERNEL_dwconv:
    case MN_KERNEL_dwconv3x3s1:
    case MN_KERNEL_dwconv3x3s2:
        (bf16 ? kcheck_dwconv_bf16 : kcheck_dwconv)(entry->kernel, &result);
        break;
    case MN_KERNEL_pool:
        (bf16 ? kcheck_pool_bf16 : kcheck_pool)(entry->kernel, &result);
        break;
    case MN_KERNEL_narrow:
        kcheck_narrow(entry->kernel, &result);
        break;
    case MN_KERNEL_softmax:
        kcheck_softmax(entry->kernel, &result);
        break;
    case MN_KERNEL_winograd:
        kcheck_winograd(entry->kernel, &result);
        break;
    case MN_KERNEL_stem:
        kcheck_stem(entry->kernel, &result);
        break;
    case MN_KERNEL_peak:
        if (!(((const mn_peak_kernel *)entry->kernel)->run(10) < 1e9f))
            kcheck_fail(&result, "no number came back");
        result.cases++;
        break;
    }
    return result;
}

static bool seen_before(const mn_kernel_entry *entries, int32_t index)
{
    for (int32_t i = 0; i < index; i++)
        if (entries[i].kernel == entries[index].kernel)
            return true;
    return false;
}

int main(int count, char **words)
{
    bool bench = false, planted = false, any_level = true;
    mn_cpu_level level = MN_CPU_REFERENCE;
    for (int i = 1; i < count; i++) {
        if (strcmp(words[i], "--bench") == 0) {
            bench = true;
        } else if (strcmp(words[i], "--planted") == 0) {
            planted = true;
        } else if (strcmp(words[i], "--level") == 0 && i + 1 < count && mn_cpu_level_parse(words[i + 1], &level)) {
            any_level = false;
            i++;
        } else {
            fprintf(
                stderr,
                "usage: test_kcheck [--level reference|avx2|avx512|avx512bf16|amxbf16|neon] [--bench] [--planted]\n");
            return 2;
        }
    }
    if (planted)
        return kcheck_planted() > 0;
    int32_t entry_count, run = 0, wrong = 0;
    const mn_kernel_entry *entries = mn_kernel_entries(&entry_count);
    for (int32_t i = 0; i < entry_count; i++) {
        const mn_kernel_entry *entry = &entries[i];
        if ((!any_level && entry->level != level) || seen_before(entries, i))
            continue;
        if (mn_kernels_cap(entry->level) != entry->level ||
            (entry->level == MN_CPU_AMX_BF16 && !mn_cpu_request_tiles())) {
            printf("skipped  %-32s this processor lacks %s\n", entry->name, mn_cpu_level_name(entry->level));
            continue;
        }
        run++;
        if (bench) {
            kcheck_bench(entry);
            continue;
        }
        kcheck_result result = check(entry);
        bool good = result.failures == 0 && result.cases > 0;
        wrong += !good;
        printf("%s  %-32s %lld cases%s%s\n", good ? "right  " : "WRONG  ", entry->name, (long long)result.cases,
               good ? "" : ": ", result.message);
    }
    if (run == 0) {
        printf("skipped: no kernel of level %s can run here\n", mn_cpu_level_name(level));
        return 77;
    }
    return wrong > 0;
}
