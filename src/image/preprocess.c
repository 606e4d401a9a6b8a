#include "mobilenet/image.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/words.h"

static const char *const resize_words[] = {"tf1-bilinear", "tf2-bilinear", "pil-bilinear", "pil-bicubic"};
static const char *const crop_words[] = {"none", "central", "resize-shorter"};
MN_DEFINE_WORDS(mn_resize, resize_words)
MN_DEFINE_WORDS(mn_crop, crop_words)

mn_preprocess mn_preprocess_default(void)
{
    return (mn_preprocess){
        .crop = MN_CROP_CENTRAL,
        .crop_fraction = 0.875,
        .resize = MN_RESIZE_TF1_BILINEAR,
        .mean = {127.5f, 127.5f, 127.5f, 127.5f},
        .standard_deviation = {127.5f, 127.5f, 127.5f, 127.5f},
    };
}

mn_status mn_preprocess_check(const mn_preprocess *preprocess, mn_error *err)
{
    (void)preprocess, (void)err;
    return MN_OK;
}
