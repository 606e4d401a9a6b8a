/* Real photographs, decoded and resized, against numbers that Pillow and numpy gave for them
 * (tools/golden/resizes.py --photos): at most one gray level apart. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden_numbers.h"
#include "mobilenet/decode.h"
#include "support/assets.h"

enum { SIDE = 224, GRID = 5 };

static float worst, *input;
static int compared;

static void compare(float value, float wanted, const char *photo, const char *what)
{
    float difference = fabsf(value - wanted);
    worst = difference > worst ? difference : worst;
    compared++;
    if (difference > 1.0f)
        fail_msg("%s, %s: %g, wanted %g", photo, what, (double)value, (double)wanted);
}

static int32_t step(int32_t size)
{
    return size / 4 > 1 ? size / 4 : 1;
}

/* Every fourth of the height and width, four by four. */
static void compare_pixels(const golden_record *r, const mn_image *image)
{
    const float *wanted = r->numbers;
    assert_int_equal(image->height, strtol(r->words[2], NULL, 10));
    assert_int_equal(image->width, strtol(r->words[3], NULL, 10));
    int32_t channels = image->channels; /* one of them is gray; the numbers have it three times */
    for (int32_t y = 0; y < 4; y++)
        for (int32_t x = 0; x < 4; x++)
            for (int32_t c = 0; c < 3; c++) {
                int32_t pixel = y * step(image->height) * image->width + x * step(image->width);
                compare(image->pixels[pixel * channels + (channels == 3 ? c : 0)], *wanted++, r->words[1], "decoded");
            }
}

static void compare_input(const golden_record *r, const mn_image *image, const char *photo)
{
    const float *wanted = r->numbers;
    mn_preprocess p = {.crop_fraction = 0.875, .round_to_byte = true};
    assert_true(mn_crop_parse(r->words[0], &p.crop) && mn_resize_parse(r->words[1], &p.resize));
    for (int c = 0; c < MN_PREPROCESS_CHANNELS; c++)
        p.standard_deviation[c] = 1.0f;
    assert_int_equal(mn_preprocess_apply(&p, image, SIDE, SIDE, 3, input, NULL), MN_OK);
    assert_int_equal(r->number_count, GRID * GRID * 3);
    for (int32_t y = 0; y < GRID; y++)
        for (int32_t x = 0; x < GRID; x++)
            for (int32_t c = 0; c < 3; c++)
                compare(input[((y * 44 + 23) * SIDE + x * 44 + 23) * 3 + c], *wanted++, photo, r->words[1]);
}

static void photographs_agree(void **state)
{
    (void)state;
    static golden_record record;
    mn_image *image = NULL;
    mn_error err;
    char photo[128] = "";
    int photos = 0;
    FILE *file = fopen(test_source("tests/image/photos.golden"), "r");
    assert_non_null(file);
    while (golden_next(file, &record)) {
        if (strcmp(record.words[0], "photo") != 0) {
            compare_input(&record, image, photo);
            continue;
        }
        mn_image_destroy(image);
        image = NULL;
        snprintf(photo, sizeof photo, "%s", record.words[1]);
        const char *path = test_asset(photo);
        if (!path)
            fail_msg("%s is not in the assets folder, though others are", photo);
        if (mn_image_load(path, NULL, &image, &err) != MN_OK)
            fail_msg("%s", err.message);
        compare_pixels(&record, image);
        photos++;
    }
    mn_image_destroy(image);
    fclose(file);
    print_message("%d photographs, %d numbers, at most %g gray levels apart\n", photos, compared, (double)worst);
    assert_true(photos >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(photographs_agree)};
    test_require_asset("images/photos/labels.txt");
    input = malloc(SIDE * SIDE * 3 * sizeof *input);
    int failed = input ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    free(input);
    return failed;
}
