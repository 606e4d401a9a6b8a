/* The native file: container, header, record. An accepted file is a whole model. */
#include <math.h>
#include <string.h>

#include "mobilenet/model.h"
#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mn_model *model = NULL;
    mn_error err = {.status = MN_OK};
    mn_status status = mn_model_load_memory(data, size, &model, &err);
    if (status != MN_OK) {
        MN_FUZZ_CHECK(model == NULL);
        MN_FUZZ_CHECK(err.status == status && err.message[0] != '\0');
        return 0;
    }
    MN_FUZZ_CHECK(mn_preprocess_check(mn_model_preprocess(model), NULL) == MN_OK);
    for (int32_t k = 0; k < mn_model_net(model)->arch.classes; k++)
        MN_FUZZ_CHECK(!mn_model_has_labels(model) || mn_model_label(model, k) != NULL);
    double sum = 0; /* every weight is there to be read */
    for (int32_t i = 0; i < mn_model_tensor_count(model); i++) {
        const mn_tensor *tensor = mn_model_tensor_at(model, i);
        for (size_t k = 0; k < tensor->elements; k++)
            sum += isfinite(tensor->data[k]) ? tensor->data[k] : 0;
    }
    MN_FUZZ_CHECK(isfinite(sum));
    mn_model_destroy(model);
    return 0;
}
