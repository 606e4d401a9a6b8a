/* CIFAR-10 and CIFAR-100 records. */
#include "target.h"
#include "train/dataset_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mn_cifar cifar = {0};
    mn_error err = {.status = MN_OK};
    mn_status status = mn_cifar_parse(data, size, &cifar, &err);
    if (status != MN_OK) {
        MN_FUZZ_CHECK(cifar.count == 0 && err.status == status);
        return 0;
    }
    MN_FUZZ_CHECK(cifar.count > 0 && (size_t)cifar.count * cifar.record_bytes == size);
    for (int64_t i = 0; i < cifar.count; i++)
        MN_FUZZ_CHECK(data[(size_t)i * cifar.record_bytes + cifar.label_at] < cifar.classes);
    return 0;
}
