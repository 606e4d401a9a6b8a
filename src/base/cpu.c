#if defined(__linux__)
#define _GNU_SOURCE /* sched_getaffinity, syscall */
#endif
#include "base/cpu.h"

#include <pthread.h>
#include <unistd.h>

#if defined(__linux__)
#include <sched.h>
#include <sys/syscall.h>
#endif
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#endif

static mn_cpu_features features;
static pthread_once_t features_once = PTHREAD_ONCE_INIT;

#if defined(__x86_64__)
/* XCR0: which registers the operating system saves. */
static uint64_t read_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static void detect(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return;
    bool fma = (c & bit_FMA) != 0;
    uint64_t xcr0 = read_xcr0();
    bool ymm = (xcr0 & 0x6) == 0x6, zmm = (xcr0 & 0xe6) == 0xe6;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return;
    features.avx2_fma = ymm && fma && (b & bit_AVX2);
    features.avx512 =
        features.avx2_fma && zmm && (b & bit_AVX512F) && (b & bit_AVX512BW) && (b & bit_AVX512DQ) && (b & bit_AVX512VL);
    features.avx512_vnni = features.avx512 && (c & bit_AVX512VNNI);
    bool tiles = (xcr0 & 0x60000) == 0x60000 && (d & (1u << 22)) && (d & (1u << 24)); /* AMX_BF16, AMX_TILE */
    if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d))
        features.avx512_bf16 = features.avx512 && (a & (1u << 5));
    features.amx_bf16 = tiles && features.avx512_bf16;
}
#elif defined(__aarch64__)
static void detect(void)
{
    features.neon = true;
#if defined(__linux__)
    features.neon_dotprod = (getauxval(AT_HWCAP) & (1ul << 20)) != 0; /* HWCAP_ASIMDDP */
#endif
}
#else
static void detect(void)
{
}
#endif

const mn_cpu_features *mn_cpu_get_features(void)
{
    pthread_once(&features_once, detect);
    return &features;
}

static bool tiles_granted;
static pthread_once_t tiles_once = PTHREAD_ONCE_INIT;

static void request_tiles(void)
{
#if defined(__x86_64__) && defined(__linux__)
    const long arch_req_xcomp_perm = 0x1023, xfeature_xtiledata = 18;
    tiles_granted = syscall(SYS_arch_prctl, arch_req_xcomp_perm, xfeature_xtiledata) == 0;
#endif
}

bool mn_cpu_request_tiles(void)
{
    pthread_once(&tiles_once, request_tiles);
    return tiles_granted;
}

int32_t mn_cpu_count(void)
{
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        int count = CPU_COUNT(&set);
        if (count > 0)
            return count;
    }
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int32_t)online : 1;
}

size_t mn_cpu_cache_bytes(int level)
{
    long bytes = 0;
#if defined(_SC_LEVEL1_DCACHE_SIZE)
    if (level == 1)
        bytes = sysconf(_SC_LEVEL1_DCACHE_SIZE);
    else if (level == 2)
        bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
    else
        bytes = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
    if (bytes > 0)
        return (size_t)bytes;
    return level == 1 ? 32768 : level == 2 ? 524288 : 8388608;
}
