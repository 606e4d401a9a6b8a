/* Which kernels a training run uses. */
#include "kernels/train_kernels.h"

const mn_train_kernels *mn_train_kernels_get(mn_cpu_level level)
{
#if defined(__x86_64__)
    if (level >= MN_CPU_AVX512)
        return &mn_train_kernels_avx512;
    if (level >= MN_CPU_AVX2)
        return &mn_train_kernels_avx2;
#endif
    (void)level;
    return &mn_train_kernels_reference;
}
