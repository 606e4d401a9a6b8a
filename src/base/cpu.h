/* What this processor can do, and how large its caches are. */
#ifndef MN_BASE_CPU_H
#define MN_BASE_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mn_cpu_features {
    bool avx2_fma; /* AVX2 and FMA, registers saved by the system */
    bool avx512;   /* F, BW, DQ, VL */
    bool avx512_bf16;
    bool amx_bf16; /* with avx512_bf16; before use, mn_cpu_request_tiles */
    bool avx512_vnni;
    bool neon;
    bool neon_dotprod;
} mn_cpu_features;

/* Found once, then remembered. Thread-safe. */
const mn_cpu_features *mn_cpu_get_features(void);

/* Asks the system for the tile registers, once for the process, which cannot give them back: from then on a signal stack
 * must have room for them (8 KiB more). Whether they were granted. Thread-safe. */
bool mn_cpu_request_tiles(void);

/* Processors that this process may run on, at least 1. */
int32_t mn_cpu_count(void);

/* Bytes of data cache of one core at level 1, 2, 3; a usual value where the system does not say. */
size_t mn_cpu_cache_bytes(int level);

#endif
