/* Which kernels a training run uses. */
#include "kernels/train_kernels.h"

#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"

const mn_train_kernels *mn_train_kernels_get(bool fast)
{
    const char *cap = getenv("MOBILENET_CPU");
    if (!fast || (cap && strcmp(cap, "reference") == 0))
        return &mn_train_kernels_reference;
#if defined(__x86_64__)
    if (mn_cpu_get_features()->avx2_fma)
        return &mn_train_kernels_avx2;
#endif
    return &mn_train_kernels_reference;
}
