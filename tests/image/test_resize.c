/* The four resize rules and the crops, against Pillow and against TensorFlow's formulas in numpy
 * (tools/golden/resizes.py); and that a resize reads and writes what it was given and no more. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden_numbers.h"
#include "mobilenet/image.h"
#include "support/assets.h"
#include "support/guard.h"

/* The same formula is in tools/golden/resizes.py. */
static void paint(int32_t height, int32_t width, int32_t channels, uint8_t *pixels)
{
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++)
            for (int32_t c = 0; c < channels; c++)
                *pixels++ = (uint8_t)((x * x * 3 + y * 37 + x * y * 5 + c * 71 + (x / 5 + y / 4) % 2 * 128) % 256);
}

/* A picture whose pixels end at a forbidden page. */
static mn_image guarded_picture(int32_t height, int32_t width, int32_t channels, guard *g)
{
    *g = guard_alloc((size_t)(height * width * channels));
    paint(height, width, channels, g->data);
    return (mn_image){height, width, channels, g->data};
}

static int32_t number(const golden_record *r, size_t word)
{
    return (int32_t)strtol(r->words[word], NULL, 10);
}

static mn_resize rule_of(const golden_record *r, size_t word)
{
    mn_resize rule;
    assert_true(mn_resize_parse(r->words[word], &rule));
    return rule;
}

/* Pillow's rules: the same bytes. TensorFlow's: float32 rounding apart. */
static void assert_close(const golden_record *r, mn_resize rule, const float *values, size_t count)
{
    float allowed = rule == MN_RESIZE_PIL_BILINEAR || rule == MN_RESIZE_PIL_BICUBIC ? 0.0f : 1e-4f;
    assert_int_equal(r->number_count, count);
    for (size_t i = 0; i < count; i++)
        if (!(fabsf(values[i] - r->numbers[i]) <= allowed))
            fail_msg("%s %s %s %s: value %zu is %.9g, wanted %.9g", r->words[0], r->words[1], r->words[2], r->words[3],
                     i, (double)values[i], (double)r->numbers[i]);
}

static void check_resize(const golden_record *r)
{
    guard in, out;
    mn_resize rule = rule_of(r, 1);
    mn_image image = guarded_picture(number(r, 2), number(r, 3), number(r, 4), &in);
    int32_t height = number(r, 5), width = number(r, 6);
    size_t count = (size_t)(height * width * image.channels);
    out = guard_alloc(count * sizeof(float));
    assert_int_equal(mn_image_resize(&image, rule, height, width, out.data, NULL), MN_OK);
    assert_close(r, rule, out.data, count);
    guard_free(&in);
    guard_free(&out);
}

static void check_crop(const golden_record *r)
{
    guard in, out;
    mn_preprocess p = {.crop_fraction = strtod(r->words[4], NULL), .resize = rule_of(r, 1)};
    assert_true(mn_crop_parse(r->words[0], &p.crop));
    for (int c = 0; c < MN_PREPROCESS_CHANNELS; c++)
        p.standard_deviation[c] = 1.0f;
    mn_image image = guarded_picture(number(r, 2), number(r, 3), 3, &in);
    int32_t height = p.crop == MN_CROP_CENTRAL ? 5 : 6, width = 6;
    size_t count = (size_t)(height * width * 3);
    out = guard_alloc(count * sizeof(float));
    assert_int_equal(mn_preprocess_apply(&p, &image, height, width, 3, out.data, NULL), MN_OK);
    assert_close(r, p.resize, out.data, count);
    guard_free(&in);
    guard_free(&out);
}

/* RGB to gray, at its own size. */
static void check_gray(const golden_record *r)
{
    guard in;
    float output[13 * 19];
    mn_preprocess p = {.crop_fraction = 1.0};
    for (int c = 0; c < MN_PREPROCESS_CHANNELS; c++)
        p.standard_deviation[c] = 1.0f;
    mn_image image = guarded_picture(13, 57, 1, &in);
    image.width = 19; /* values of neighbours become colours */
    image.channels = 3;
    assert_int_equal(mn_preprocess_apply(&p, &image, 13, 19, 1, output, NULL), MN_OK);
    assert_close(r, MN_RESIZE_PIL_BILINEAR, output, 13 * 19);
    guard_free(&in);
}

static void golden_numbers_are_met(void **state)
{
    (void)state;
    static golden_record record;
    int resizes = 0, crops = 0, grays = 0;
    FILE *file = fopen(test_source("tests/image/resize.golden"), "r");
    assert_non_null(file);
    while (golden_next(file, &record)) {
        if (strcmp(record.words[0], "resize") == 0) {
            check_resize(&record);
            resizes++;
        } else if (strcmp(record.words[0], "gray") == 0) {
            check_gray(&record);
            grays++;
        } else {
            check_crop(&record);
            crops++;
        }
    }
    fclose(file);
    print_message("%d resizes, %d crops\n", resizes, crops);
    assert_true(resizes >= 50 && crops >= 32 && grays == 1);
}

/* Every rule keeps a picture of one colour, whatever the sizes, and gives the picture itself at its own size. */
static void sizes_do_not_matter_to_a_flat_picture(void **state)
{
    (void)state;
    float *output = malloc(40 * 40 * sizeof *output);
    assert_non_null(output);
    for (int32_t in = 1; in <= 40; in += 3) {
        guard g;
        mn_image image = guarded_picture(in, 41 - in, 1, &g);
        for (int rule = 0; rule < 4; rule++) {
            assert_int_equal(mn_image_resize(&image, (mn_resize)rule, in, 41 - in, output, NULL), MN_OK);
            for (int32_t i = 0; i < in * (41 - in); i++)
                assert_true(output[i] == image.pixels[i]);
        }
        memset(image.pixels, 201, (size_t)(in * (41 - in)));
        for (int rule = 0; rule < 4; rule++)
            for (int32_t out = 1; out <= 40; out += 3) {
                assert_int_equal(mn_image_resize(&image, (mn_resize)rule, out, 41 - out, output, NULL), MN_OK);
                for (int32_t i = 0; i < out * (41 - out); i++)
                    assert_true(output[i] == 201.0f);
            }
        guard_free(&g);
    }
    free(output);
}

/* A sliver a million pixels tall takes memory for its result, not for its height times the result's width. */
static void slivers_are_resized(void **state)
{
    (void)state;
    mn_image *tall = NULL;
    float *output = malloc(8 * 8 * sizeof *output);
    assert_int_equal(mn_image_create(1000000, 1, 1, &tall, NULL), MN_OK);
    memset(tall->pixels + 500000, 200, 500000);
    for (int rule = 0; rule < 4; rule++) {
        assert_int_equal(mn_image_resize(tall, (mn_resize)rule, 8, 8, output, NULL), MN_OK);
        assert_true(output[0] == 0.0f && output[63] == 200.0f);
    }
    mn_preprocess p = mn_preprocess_default();
    p.crop = MN_CROP_RESIZE_SHORTER; /* the whole result would be 9 x 9000000 */
    assert_int_equal(mn_preprocess_apply(&p, tall, 8, 8, 1, output, NULL), MN_OK);
    mn_image_destroy(tall);
    free(output);
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    uint8_t pixels[12] = {0};
    float output[12];
    mn_image image = {2, 2, 3, pixels};
    mn_error err;
    assert_int_equal(mn_image_resize(&image, MN_RESIZE_PIL_BILINEAR, 0, 2, output, &err), MN_ERROR_ARGUMENT);
    assert_int_equal(mn_image_resize(&image, (mn_resize)4, 2, 2, output, &err), MN_ERROR_ARGUMENT);
    assert_int_equal(mn_image_resize(NULL, MN_RESIZE_TF1_BILINEAR, 2, 2, output, &err), MN_ERROR_ARGUMENT);
    assert_int_equal(mn_image_resize(&image, MN_RESIZE_TF1_BILINEAR, 2, 2, NULL, NULL), MN_ERROR_ARGUMENT);
    image.channels = 4;
    assert_int_equal(mn_image_resize(&image, MN_RESIZE_TF1_BILINEAR, 2, 2, output, &err), MN_ERROR_ARGUMENT);
    assert_non_null(strstr(err.message, "4 channels"));
    mn_image *made = NULL;
    assert_int_equal(mn_image_create(0, 2, 3, &made, &err), MN_ERROR_ARGUMENT);
    assert_int_equal(mn_image_create(2, 2, 2, &made, &err), MN_ERROR_ARGUMENT);
    assert_int_equal(mn_image_create(2, -2, 1, &made, &err), MN_ERROR_ARGUMENT);
    assert_int_not_equal(mn_image_create(INT32_MAX, INT32_MAX, 3, &made, &err), MN_OK);
    assert_null(made);
    mn_image_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_numbers_are_met),
        cmocka_unit_test(sizes_do_not_matter_to_a_flat_picture),
        cmocka_unit_test(slivers_are_resized),
        cmocka_unit_test(wrong_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
