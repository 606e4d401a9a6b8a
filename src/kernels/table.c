/* The kernel tables: filled from kernel_list.h, lowest level first, each higher level overwriting what it has. */
#include <pthread.h>
#include <stdlib.h>

#include "base/cpu.h"
#include "base/words.h"
#include "kernels/kernels.h"

#define TYPE_gemm        mn_gemm_kernel
#define TYPE_dwconv      mn_dwconv_kernel
#define TYPE_dwconv3x3s1 mn_dwconv_kernel
#define TYPE_dwconv3x3s2 mn_dwconv_kernel
#define TYPE_pool        mn_pool_kernel
#define TYPE_softmax     mn_softmax_kernel
#define TYPE_winograd    mn_winograd_kernel
#define TYPE_stem        mn_stem_kernel
#define TYPE_narrow      mn_narrow_kernel
#define TYPE_peak        mn_peak_kernel

#define MN_KERNEL(level, op, symbol) extern const TYPE_##op symbol;
#define MN_KERNEL_BF16               MN_KERNEL
#include "kernels/kernel_list.h"
#undef MN_KERNEL
#undef MN_KERNEL_BF16

#define MN_KERNEL(level, op, symbol)      {MN_PRECISION_FLOAT32, MN_CPU_##level, MN_KERNEL_##op, #symbol, &symbol},
#define MN_KERNEL_BF16(level, op, symbol) {MN_PRECISION_BFLOAT16, MN_CPU_##level, MN_KERNEL_##op, #symbol, &symbol},
static const mn_kernel_entry entries[] = {
#include "kernels/kernel_list.h"
};
#undef MN_KERNEL
#undef MN_KERNEL_BF16

static mn_kernels tables[MN_PRECISION_BFLOAT16 + 1][MN_CPU_LEVEL_COUNT];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static const char *const level_words[] = {"reference", "avx2", "avx512", "avx512bf16", "amxbf16", "neon"};
MN_DEFINE_WORD_NAME(mn_cpu_level_name, mn_cpu_level, level_words)

bool mn_cpu_level_parse(const char *word, mn_cpu_level *level)
{
    for (int i = 0; i < MN_CPU_LEVEL_COUNT; i++)
        if (strcmp(word, level_words[i]) == 0) {
            *level = (mn_cpu_level)i;
            return true;
        }
    return false;
}

const mn_kernel_entry *mn_kernel_entries(int32_t *count)
{
    *count = (int32_t)(sizeof entries / sizeof *entries);
    return entries;
}

/* Whether code of level `low` runs wherever code of `high` does. */
static bool contains(mn_cpu_level high, mn_cpu_level low)
{
    return low == MN_CPU_REFERENCE || (low <= high && (low == MN_CPU_NEON) == (high == MN_CPU_NEON));
}

static void put(mn_kernels *table, const mn_kernel_entry *entry)
{
    switch (entry->op) {
    case MN_KERNEL_gemm:
        table->gemm = entry->kernel;
        break;
    case MN_KERNEL_dwconv:
        table->dwconv = entry->kernel;
        break;
    case MN_KERNEL_dwconv3x3s1:
        table->dwconv3x3s1 = entry->kernel;
        break;
    case MN_KERNEL_dwconv3x3s2:
        table->dwconv3x3s2 = entry->kernel;
        break;
    case MN_KERNEL_pool:
        table->pool = entry->kernel;
        break;
    case MN_KERNEL_softmax:
        table->softmax = entry->kernel;
        break;
    case MN_KERNEL_winograd:
        table->winograd = entry->kernel;
        break;
    case MN_KERNEL_stem:
        table->stem = entry->kernel;
        break;
    case MN_KERNEL_narrow:
        table->narrow = entry->kernel;
        break;
    case MN_KERNEL_peak:
        table->peak = entry->kernel;
        break;
    }
}

/* The kernels of `precision` at `level` over what `table` has. */
static void put_all(mn_kernels *table, mn_precision precision, mn_cpu_level level)
{
    table->level = level;
    table->precision = precision;
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        if (entries[i].precision == precision && contains(level, entries[i].level))
            put(table, &entries[i]);
}

static void fill(void)
{
    for (int level = 0; level < MN_CPU_LEVEL_COUNT; level++) {
        mn_kernels *wide = &tables[MN_PRECISION_FLOAT32][level], *narrow = &tables[MN_PRECISION_BFLOAT16][level];
        put_all(wide, MN_PRECISION_FLOAT32, (mn_cpu_level)level);
        *narrow = *wide; /* the softmax stays */
        narrow->winograd = NULL;
        narrow->stem = NULL;
        put_all(narrow, MN_PRECISION_BFLOAT16, (mn_cpu_level)level);
    }
}

const mn_kernels *mn_kernels_get(mn_cpu_level level, mn_precision precision)
{
    pthread_once(&tables_once, fill);
    if (level == MN_CPU_AMX_BF16 && precision == MN_PRECISION_BFLOAT16 && !mn_cpu_request_tiles())
        level = MN_CPU_AVX512_BF16;
    return &tables[precision][level];
}

bool mn_kernels_serve(mn_cpu_level level, mn_precision precision)
{
    return level == MN_CPU_REFERENCE ||
           mn_kernels_get(level, precision)->gemm != mn_kernels_get(MN_CPU_REFERENCE, precision)->gemm;
}

static bool processor_has(mn_cpu_level level)
{
    const mn_cpu_features *features = mn_cpu_get_features();
    switch (level) {
    case MN_CPU_REFERENCE:
        return true;
    case MN_CPU_AVX2:
        return features->avx2_fma;
    case MN_CPU_AVX512:
        return features->avx512;
    case MN_CPU_AVX512_BF16:
        return features->avx512_bf16;
    case MN_CPU_AMX_BF16:
        return features->amx_bf16;
    case MN_CPU_NEON:
        return features->neon;
    default:
        return false;
    }
}

static bool build_has(mn_cpu_level level)
{
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        if (entries[i].level == level)
            return true;
    return false;
}

mn_cpu_level mn_kernels_cap(mn_cpu_level level)
{
    int capped = (unsigned)level < MN_CPU_LEVEL_COUNT ? (int)level : MN_CPU_LEVEL_COUNT - 1;
    while (capped > 0 && !(processor_has((mn_cpu_level)capped) && build_has((mn_cpu_level)capped)))
        capped--;
    return (mn_cpu_level)capped;
}

mn_cpu_level mn_cpu_best_level(void)
{
    mn_cpu_level cap = MN_CPU_LEVEL_COUNT - 1;
    const char *word = getenv("MOBILENET_CPU");
    if (word)
        mn_cpu_level_parse(word, &cap); /* an unknown word caps nothing */
    return mn_kernels_cap(cap);
}

const mn_dwconv_kernel *mn_kernels_dwconv(const mn_kernels *kernels, int32_t kernel_height, int32_t kernel_width,
                                          int32_t stride)
{
    if (kernel_height == 3 && kernel_width == 3 && stride == 1)
        return kernels->dwconv3x3s1;
    if (kernel_height == 3 && kernel_width == 3 && stride == 2)
        return kernels->dwconv3x3s2;
    return kernels->dwconv;
}
