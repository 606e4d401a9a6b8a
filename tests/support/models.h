/* Models with random weights, as tests want them. */
#ifndef TEST_SUPPORT_MODELS_H
#define TEST_SUPPORT_MODELS_H

#include "mobilenet/mobilenet.h"
#include "support/test.h"

/* A model of that description with weights drawn from `seed`; to be destroyed by the caller. */
static inline mn_model *test_model(double alpha, int32_t resolution, mn_conv_kind conv, int32_t classes, uint64_t seed)
{
    mn_arch arch = mn_arch_default();
    arch.alpha = alpha;
    arch.height = arch.width = resolution;
    arch.conv = conv;
    arch.classes = classes;
    mn_model *model = NULL;
    assert_int_equal(mn_model_create(&arch, &model, NULL), MN_OK);
    mn_model_initialise(model, seed);
    return model;
}

#endif
