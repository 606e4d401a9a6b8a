/* IDX arrays, plain and gzip. */
#include "target.h"
#include "train/dataset_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mn_idx idx = {0};
    mn_error err = {.status = MN_OK};
    mn_status status = mn_idx_parse(data, size, &idx, &err);
    if (status != MN_OK) {
        MN_FUZZ_CHECK(idx.data == NULL && idx.inflated == NULL);
        MN_FUZZ_CHECK(err.status == status && err.message[0] != '\0');
        return 0;
    }
    int64_t bytes = idx.shape[0] * idx.shape[1] * idx.shape[2] * idx.shape[3];
    MN_FUZZ_CHECK(idx.rank >= 1 && idx.rank <= 4 && bytes > 0);
    unsigned sum = 0; /* every byte is there to be read */
    for (int64_t i = 0; i < bytes; i++)
        sum += idx.data[i];
    MN_FUZZ_CHECK(sum <= 255u * (uint64_t)bytes);
    free(idx.inflated);
    return 0;
}
