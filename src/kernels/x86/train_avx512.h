/* What the AVX-512 training kernels share: a panel's 16 channels are one register, their tail a mask. */
#ifndef MN_KERNELS_X86_TRAIN_AVX512_H
#define MN_KERNELS_X86_TRAIN_AVX512_H

#include "kernels/x86/train_ahead.h"
#include "kernels/x86/vector_avx512.h"

void mn_train_multiply_avx512(const float *a, int32_t pitch, int32_t rows, int32_t k, const float *b, int32_t n,
                              float *c, mn_ahead *ahead);
void mn_train_accumulate_avx512(const float *a, const float *b, int32_t pitch, int32_t rows, int32_t m, int32_t n,
                                float *sum, bool add, mn_ahead *ahead);
void mn_train_activate_avx512(const float *y, int32_t stride, int32_t rows, int32_t channels, const mn_affine *affine,
                              float *panels, int32_t pitch);
void mn_train_gradient_avx512(const float *dz, const float *y, int32_t stride, int32_t rows, int32_t channels,
                              const mn_chain *chain, float *panels, int32_t pitch);
void mn_train_statistics_avx512(const float *y, int32_t stride, int32_t rows, int32_t channels, const float *origin,
                                float *first, float *second);
void mn_train_gradient_sums_avx512(const float *dz, const float *y, int32_t stride, int32_t rows, int32_t channels,
                                   const mn_affine *affine, const float *mean, const float *inverse_deviation,
                                   float *first, float *second);

#endif
