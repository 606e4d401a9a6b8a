/* Every picture decoder, under limits tight enough for thousands of runs a second. */
#include "mobilenet/decode.h"
#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const mn_decode_limits limits = {
        .pixels = 256 * 256, .file_bytes = 1 << 20, .memory_bytes = 8 << 20, .scans = 16};
    mn_image *image = NULL;
    mn_error err = {.status = MN_OK};
    mn_status status = mn_image_decode(data, size, &limits, &image, &err);
    if (status != MN_OK) {
        MN_FUZZ_CHECK(image == NULL);
        MN_FUZZ_CHECK(err.status == status && err.message[0] != '\0');
        return 0;
    }
    MN_FUZZ_CHECK(image->height > 0 && image->width > 0);
    MN_FUZZ_CHECK((int64_t)image->height * image->width <= limits.pixels);
    MN_FUZZ_CHECK(image->channels == 1 || image->channels == 3);
    unsigned sum = 0; /* every pixel is there to be read */
    for (int64_t i = 0; i < (int64_t)image->height * image->width * image->channels; i++)
        sum += image->pixels[i];
    MN_FUZZ_CHECK(sum <= 255u * 3 * 256 * 256);
    mn_image_destroy(image);
    return 0;
}
