/* The one switch between the processor's AVX-512 and an emulation of it. MN_AVX512 is defined where either is there.
 *
 * The library is built with the instruction-set flags and gets <immintrin.h>. The tests build the same sources a second
 * time with MN_EMULATE_AVX512 and AVX2 alone, and get SIMDe's portable versions of the intrinsics, so that a processor
 * without AVX-512 runs every line. SIMDe 0.7.4 lacks a few of them: those are here, and its masked loads and stores
 * are replaced, for the processor's never touch what the mask leaves out and that is what the guard pages check.
 */
#ifndef MN_KERNELS_X86_AVX512_INTRINSICS_H
#define MN_KERNELS_X86_AVX512_INTRINSICS_H

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define MN_AVX512
#include <immintrin.h>

#elif defined(MN_EMULATE_AVX512)
#define MN_AVX512
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

static inline __m512 mn_emulated_maskz_loadu_ps(unsigned mask, const float *p)
{
    float lanes[16] = {0};
    for (int i = 0; i < 16; i++)
        if (mask >> i & 1)
            lanes[i] = p[i];
    return _mm512_loadu_ps(lanes);
}

static inline void mn_emulated_mask_storeu_ps(float *p, unsigned mask, __m512 x)
{
    float lanes[16];
    _mm512_storeu_ps(lanes, x);
    for (int i = 0; i < 16; i++)
        if (mask >> i & 1)
            p[i] = lanes[i];
}

static inline __m512i mn_emulated_srai_epi32(__m512i x, int shift)
{
    int lanes[16];
    _mm512_storeu_si512(lanes, x);
    for (int i = 0; i < 16; i++)
        lanes[i] >>= shift; /* of a negative number: arithmetic with gcc and clang */
    return _mm512_loadu_si512(lanes);
}

#undef _mm512_srai_epi32
#define _mm512_srai_epi32(x, shift) mn_emulated_srai_epi32(x, shift)
#undef _mm512_maskz_loadu_ps
#undef _mm512_mask_storeu_ps
#define _mm512_maskz_loadu_ps(mask, p)    mn_emulated_maskz_loadu_ps(mask, p)
#define _mm512_mask_storeu_ps(p, mask, x) mn_emulated_mask_storeu_ps(p, mask, x)
#endif

#endif
