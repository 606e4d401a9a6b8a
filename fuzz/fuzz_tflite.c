/* TensorFlow Lite files: flatbuffer, network, quantisation, metadata, archive of labels. */
#include <math.h>

#include "format/readers.h"
#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mn_model *model = NULL;
    mn_error err = {.status = MN_OK};
    mn_status status = mn_tflite_read(data, size, &model, &err);
    if (status != MN_OK) {
        MN_FUZZ_CHECK(model == NULL);
        MN_FUZZ_CHECK(err.status == status && err.message[0] != '\0');
        return 0;
    }
    MN_FUZZ_CHECK(mn_preprocess_check(mn_model_preprocess(model), NULL) == MN_OK);
    MN_FUZZ_CHECK(mn_model_info(model, "assumed") != NULL);
    const mn_tensor *last = mn_model_tensor(model, "classifier.bias");
    MN_FUZZ_CHECK(last && last->elements == (size_t)mn_model_net(model)->arch.classes);
    mn_model_destroy(model);
    return 0;
}
