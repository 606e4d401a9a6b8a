/* Keras files: the HDF5 container, the configuration, the names of weights. */
#include "format/readers.h"
#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mn_model *model = NULL;
    mn_error err = {.status = MN_OK};
    mn_status status = mn_keras_read(data, size, &model, &err);
    if (status != MN_OK) {
        MN_FUZZ_CHECK(model == NULL);
        MN_FUZZ_CHECK(err.status == status && err.message[0] != '\0');
        return 0;
    }
    MN_FUZZ_CHECK(mn_model_info(model, "assumed") != NULL);
    mn_model_destroy(model);
    return 0;
}
