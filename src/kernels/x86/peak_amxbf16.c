/* Independent tile products of AMX. */
#if (defined(__AMX_BF16__) || defined(__AMXBF16__)) && defined(__AVX512BF16__) /* clang 14 has the second name */
#include <immintrin.h>

#include "kernels/kernels.h"

static float run(int64_t rounds)
{
    _Alignas(64) volatile uint8_t config[64] = {1}; /* see gemm_amxbf16.c */
    _Alignas(64) float sums[16 * 16] = {0};
    for (int t = 0; t < 8; t++) {
        config[16 + 2 * t] = 64;
        config[48 + t] = 16;
    }
    _tile_loadconfig((const void *)config);
    _tile_loadd(4, sums, 64);
    _tile_loadd(5, sums, 64);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t r = 0; r < rounds; r++) {
        _tile_dpbf16ps(0, 4, 5);
        _tile_dpbf16ps(1, 4, 5);
        _tile_dpbf16ps(2, 4, 5);
        _tile_dpbf16ps(3, 4, 5);
    }
    _tile_stored(0, sums, 64);
    _tile_release();
    return sums[0];
}

extern const mn_peak_kernel mn_peak_bf16_amxbf16;
const mn_peak_kernel mn_peak_bf16_amxbf16 = {
    .name = "mn_peak_bf16_amxbf16", .flops_per_round = 4 * 2.0 * 16 * 16 * 32, .run = run};
#else
typedef int mn_empty;
#endif
