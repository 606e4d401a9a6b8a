/* Any preprocessing record on a small picture of any shape: a refusal, or an input without NaN, in its buffer.
 *
 *     8 bytes height, width, channels, output height, width, channels, crop, resize | 1 byte flags |
 *     8 bytes crop_fraction | 4 bytes mean | 4 bytes deviation | pixels
 */
#include <math.h>
#include <string.h>

#include "mobilenet/image.h"
#include "target.h"

enum { HEADER = 25 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEADER)
        return 0;
    int32_t height = 1 + data[3] % 64, width = 1 + data[4] % 64, channels = data[5] % 2 ? 1 : 3;
    mn_preprocess p = {.crop = (mn_crop)(data[6] % 4), .resize = (mn_resize)(data[7] % 5)};
    p.round_to_byte = data[8] & 1;
    p.bgr = data[8] >> 1 & 1;
    memcpy(&p.crop_fraction, data + 9, 8);
    for (int c = 0; c < MN_PREPROCESS_CHANNELS; c++) {
        memcpy(&p.mean[c], data + 17, 4);
        memcpy(&p.standard_deviation[c], data + 21, 4);
    }
    mn_image *image = NULL;
    if (mn_image_create(1 + data[0], 1 + data[1], data[2] % 2 ? 1 : 3, &image, NULL) != MN_OK)
        return 0;
    for (int32_t i = 0; size > HEADER && i < image->height * image->width * image->channels; i++)
        image->pixels[i] = data[HEADER + (size_t)i % (size - HEADER)];
    size_t count = (size_t)(height * width * channels);
    float *input = malloc(count * sizeof *input);
    mn_error err = {.status = MN_OK};
    mn_status status = input ? mn_preprocess_apply(&p, image, height, width, channels, input, &err) : MN_OK;
    if (status != MN_OK)
        MN_FUZZ_CHECK(err.status == status && err.message[0] != '\0');
    else if (input)
        for (size_t i = 0; i < count; i++)
            MN_FUZZ_CHECK(!isnan(input[i]));
    free(input);
    mn_image_destroy(image);
    return 0;
}
