/* make_model OUT RESOLUTION CHANNELS CLASSES SEED [LABEL...]: a native model with random weights, alpha 0.25, output
 * stride 8, that takes the whole picture. For tests of the command that need a model and no trained one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "mobilenet/mobilenet.h"

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    mn_arch arch = mn_arch_default();
    mn_model *model = NULL;
    mn_error err;
    arch.alpha = 0.25;
    arch.output_stride = 8;
    arch.height = arch.width = (int32_t)strtol(argv[2], NULL, 10);
    arch.channels = (int32_t)strtol(argv[3], NULL, 10);
    arch.classes = (int32_t)strtol(argv[4], NULL, 10);
    mn_status status = mn_model_create(&arch, &model, &err);
    if (status == MN_OK) {
        mn_preprocess record = mn_preprocess_default();
        record.crop = MN_CROP_NONE;
        mn_model_initialise(model, strtoull(argv[5], NULL, 10));
        status = mn_model_set_preprocess(model, &record, &err);
    }
    if (status == MN_OK && argc > 6)
        status = mn_model_set_labels(model, (const char *const *)argv + 6, argc - 6, &err);
    if (status == MN_OK)
        status = mn_model_save(model, argv[1], &err);
    if (status != MN_OK)
        fprintf(stderr, "make_model: %s\n", err.message);
    mn_model_destroy(model);
    return status == MN_OK ? 0 : 1;
}
