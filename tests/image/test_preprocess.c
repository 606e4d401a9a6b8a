/* What stands between resized pixels and the network: channel count and order, rounding, mean and deviation. */
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "mobilenet/image.h"

/* Two pixels: (10, 20, 30), (200, 100, 50). */
static uint8_t two_pixels[6] = {10, 20, 30, 200, 100, 50};
static const mn_image two = {1, 2, 3, two_pixels};

static mn_preprocess plain(void)
{
    mn_preprocess p = {.crop_fraction = 1.0};
    for (int c = 0; c < MN_PREPROCESS_CHANNELS; c++)
        p.standard_deviation[c] = 1.0f;
    return p;
}

static void assert_floats(const float *values, const float *wanted, int count)
{
    for (int i = 0; i < count; i++)
        if (values[i] != wanted[i])
            fail_msg("value %d is %.9g, wanted %.9g", i, (double)values[i], (double)wanted[i]);
}

static void default_is_tf_slim(void **state)
{
    (void)state;
    uint8_t pixels[3 * 64];
    float input[3 * 16];
    memset(pixels, 255, sizeof pixels);
    pixels[3 * 9] = 0; /* never looked at: the margin is int(0.5), and TF1 takes rows and columns 0, 2, 4, 6 */
    mn_image image = {8, 8, 3, pixels};
    mn_preprocess p = mn_preprocess_default();
    assert_int_equal(mn_preprocess_check(&p, NULL), MN_OK);
    assert_int_equal(mn_preprocess_apply(&p, &image, 4, 4, 3, input, NULL), MN_OK);
    for (int i = 0; i < 48; i++)
        assert_true(input[i] == 1.0f);
    memset(pixels, 0, sizeof pixels);
    assert_int_equal(mn_preprocess_apply(&p, &image, 4, 4, 3, input, NULL), MN_OK);
    assert_true(input[0] == -1.0f);
}

static void mean_and_deviation_are_in_feeding_order(void **state)
{
    (void)state;
    mn_preprocess p = plain();
    float input[6];
    for (int c = 0; c < 3; c++) {
        p.mean[c] = (float)c;
        p.standard_deviation[c] = (float)(c + 2);
    }
    assert_int_equal(mn_preprocess_apply(&p, &two, 1, 2, 3, input, NULL), MN_OK);
    assert_floats(input, (const float[]){10 / 2.0f, 19 / 3.0f, 28 / 4.0f, 200 / 2.0f, 99 / 3.0f, 48 / 4.0f}, 6);
    p.bgr = true;
    assert_int_equal(mn_preprocess_apply(&p, &two, 1, 2, 3, input, NULL), MN_OK);
    assert_floats(input, (const float[]){30 / 2.0f, 19 / 3.0f, 8 / 4.0f, 50 / 2.0f, 99 / 3.0f, 198 / 4.0f}, 6);
}

static void channels_are_converted(void **state)
{
    (void)state;
    mn_preprocess p = plain();
    float input[6];
    assert_int_equal(mn_preprocess_apply(&p, &two, 1, 2, 1, input, NULL), MN_OK);
    /* 0.299 R + 0.587 G + 0.114 B: 18.15 and 124.2, rounded to a byte */
    assert_floats(input, (const float[]){18, 124}, 2);
    uint8_t gray_pixels[2] = {7, 9};
    mn_image gray = {1, 2, 1, gray_pixels};
    p.mean[1] = 1.0f;
    p.mean[2] = 2.0f;
    p.bgr = true; /* means nothing to gray */
    assert_int_equal(mn_preprocess_apply(&p, &gray, 1, 2, 3, input, NULL), MN_OK);
    assert_floats(input, (const float[]){7, 6, 5, 9, 8, 7}, 6);
    assert_int_equal(mn_preprocess_apply(&p, &gray, 1, 2, 1, input, NULL), MN_OK);
    assert_floats(input, (const float[]){7, 9}, 2);
}

/* 1 x 2 to 1 x 4 by TF1: 0, half, 1, 1. Ties go to the even byte. */
static void rounding_comes_before_the_mean(void **state)
{
    (void)state;
    mn_preprocess p = plain();
    uint8_t pixels[2] = {4, 5};
    mn_image image = {1, 2, 1, pixels};
    float input[4];
    p.mean[0] = 0.25f;
    assert_int_equal(mn_preprocess_apply(&p, &image, 1, 4, 1, input, NULL), MN_OK);
    assert_floats(input, (const float[]){3.75f, 4.25f, 4.75f, 4.75f}, 4);
    p.round_to_byte = true;
    assert_int_equal(mn_preprocess_apply(&p, &image, 1, 4, 1, input, NULL), MN_OK);
    assert_floats(input, (const float[]){3.75f, 3.75f, 4.75f, 4.75f}, 4);
    pixels[0] = 6;
    assert_int_equal(mn_preprocess_apply(&p, &image, 1, 4, 1, input, NULL), MN_OK);
    assert_floats(input, (const float[]){5.75f, 5.75f, 4.75f, 4.75f}, 4);
}

static void bad_records_are_refused(void **state)
{
    (void)state;
    float input[6] = {42};
    mn_error err;
    for (int fault = 0; fault < 11; fault++) {
        mn_preprocess p = plain();
        switch (fault) {
        case 0:
            p.crop = (mn_crop)3;
            break;
        case 1:
            p.resize = (mn_resize)-1;
            break;
        case 2:
            p.crop_fraction = 0.0;
            break;
        case 3:
            p.crop_fraction = 1.0001;
            break;
        case 4:
            p.crop_fraction = NAN;
            break;
        case 5:
            p.mean[2] = INFINITY;
            break;
        case 6:
            p.mean[0] = NAN;
            break;
        case 7:
            p.standard_deviation[1] = 0.0f;
            break;
        case 8:
            p.standard_deviation[1] = -1.0f;
            break;
        case 9:
            p.standard_deviation[3] = INFINITY;
            break;
        default: /* in range, but asks for a resize to more pixels than an int counts */
            p.crop = MN_CROP_RESIZE_SHORTER;
            p.crop_fraction = 1e-300;
        }
        assert_int_equal(mn_preprocess_check(&p, &err), fault == 10 ? MN_OK : MN_ERROR_ARGUMENT);
        assert_int_equal(mn_preprocess_apply(&p, &two, 1, 2, 3, input, &err), MN_ERROR_ARGUMENT);
        assert_true(input[0] == 42.0f);
    }
    mn_preprocess p = plain();
    assert_int_equal(mn_preprocess_check(NULL, &err), MN_ERROR_ARGUMENT);
    assert_int_equal(mn_preprocess_apply(&p, &two, 1, 2, 2, input, &err), MN_ERROR_ARGUMENT);
    assert_int_equal(mn_preprocess_apply(&p, &two, 0, 2, 3, input, &err), MN_ERROR_ARGUMENT);
    assert_int_equal(mn_preprocess_apply(&p, NULL, 1, 2, 3, input, NULL), MN_ERROR_ARGUMENT);
}

/* However little of each side is asked for, a pixel or two of it stay. */
static void the_smallest_central_crop_is_not_empty(void **state)
{
    (void)state;
    uint8_t pixels[4] = {10, 20, 30, 40};
    const mn_image row = {1, 4, 1, pixels};
    mn_preprocess p = plain();
    p.crop = MN_CROP_CENTRAL;
    p.crop_fraction = 1e-300;
    for (int rule = MN_RESIZE_TF1_BILINEAR; rule <= MN_RESIZE_PIL_BICUBIC; rule++) {
        float input[2];
        p.resize = (mn_resize)rule;
        assert_int_equal(mn_preprocess_apply(&p, &row, 1, 2, 1, input, NULL), MN_OK);
        assert_floats(input, (float[]){20, 30}, 2);
    }
}

static void words_name_the_rules(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        mn_resize rule;
        assert_true(mn_resize_parse(mn_resize_name((mn_resize)i), &rule));
        assert_int_equal(rule, i);
    }
    for (int i = 0; i < 3; i++) {
        mn_crop crop;
        assert_true(mn_crop_parse(mn_crop_name((mn_crop)i), &crop));
        assert_int_equal(crop, i);
    }
    mn_resize rule;
    assert_false(mn_resize_parse("nearest", &rule));
    assert_string_equal(mn_resize_name(MN_RESIZE_TF1_BILINEAR), "tf1-bilinear");
    assert_string_equal(mn_crop_name(MN_CROP_CENTRAL), "central");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_is_tf_slim),      cmocka_unit_test(mean_and_deviation_are_in_feeding_order),
        cmocka_unit_test(channels_are_converted),  cmocka_unit_test(rounding_comes_before_the_mean),
        cmocka_unit_test(bad_records_are_refused), cmocka_unit_test(the_smallest_central_crop_is_not_empty),
        cmocka_unit_test(words_name_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
