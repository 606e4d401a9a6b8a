/* Stands in for base/cpu.c where the kernels of a level are emulated (the object library kernels_emulated of
 * CMakeLists.txt): every processor that runs the emulation "has" the level.
 */
#include "base/cpu.h"

const mn_cpu_features *kcheck_emulated_features(void);

const mn_cpu_features *kcheck_emulated_features(void)
{
    static const mn_cpu_features features = {.avx2_fma = true, .avx512 = true, .avx512_bf16 = true};
    return &features;
}
