/* Descriptions, preprocessing records and model texts as words and as JSON. */
#include <stdio.h>
#include <string.h>

#include "describe.h"
#include "output.h"

json_t *cli_json_arch(const mn_arch *arch)
{
    json_t *object = json_object();
    cli_json_add(object, "family", cli_json_text("v1"));
    cli_json_add(object, "alpha", cli_json_real(arch->alpha));
    cli_json_add(object, "height", json_integer(arch->height));
    cli_json_add(object, "width", json_integer(arch->width));
    cli_json_add(object, "channels", json_integer(arch->channels));
    cli_json_add(object, "classes", json_integer(arch->classes));
    cli_json_add(object, "conv", cli_json_text(mn_conv_kind_name(arch->conv)));
    cli_json_add(object, "depth", cli_json_text(mn_depth_name(arch->depth)));
    cli_json_add(object, "output_stride", json_integer(arch->output_stride));
    cli_json_add(object, "rounding", cli_json_text(mn_rounding_name(arch->rounding)));
    cli_json_add(object, "padding", cli_json_text(mn_padding_name(arch->padding)));
    cli_json_add(object, "activation", cli_json_text(mn_activation_name(arch->activation)));
    cli_json_add(object, "batch_norm", json_boolean(arch->batch_norm));
    cli_json_add(object, "bn_epsilon", cli_json_real(arch->bn_epsilon));
    cli_json_add(object, "dropout", cli_json_real(arch->dropout));
    json_t *widths = json_array();
    for (int32_t i = 0; i < arch->width_count; i++)
        cli_json_append(widths, json_integer(arch->widths[i]));
    cli_json_add(object, "widths", widths);
    return object;
}

json_t *cli_json_preprocess(const mn_preprocess *record, int32_t channels)
{
    json_t *object = json_object(), *mean = json_array(), *deviation = json_array();
    cli_json_add(object, "crop", cli_json_text(mn_crop_name(record->crop)));
    cli_json_add(object, "crop_fraction", cli_json_real(record->crop_fraction));
    cli_json_add(object, "resize", cli_json_text(mn_resize_name(record->resize)));
    cli_json_add(object, "round_to_byte", json_boolean(record->round_to_byte));
    cli_json_add(object, "bgr", json_boolean(record->bgr));
    for (int32_t i = 0; i < channels && i < MN_PREPROCESS_CHANNELS; i++) {
        cli_json_append(mean, cli_json_real(record->mean[i]));
        cli_json_append(deviation, cli_json_real(record->standard_deviation[i]));
    }
    cli_json_add(object, "mean", mean);
    cli_json_add(object, "standard_deviation", deviation);
    return object;
}

json_t *cli_json_info(const mn_model *model)
{
    json_t *object = json_object();
    const char *key, *value;
    for (int32_t i = 0; mn_model_info_at(model, i, &key, &value); i++)
        cli_json_add(object, key, cli_json_text(value));
    return object;
}

/* One number where all channels agree, else all of them: "127.5" or "(123.7, 116.3, 103.5)". */
static void put_channels(char *text, size_t size, const float *values, int32_t count)
{
    bool same = true;
    for (int32_t i = 1; i < count; i++)
        same = same && values[i] == values[0];
    if (same) {
        snprintf(text, size, "%g", (double)values[0]);
        return;
    }
    size_t n = 0;
    for (int32_t i = 0; i < count && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%g%s", i == 0 ? "(" : ", ", (double)values[i],
                              i == count - 1 ? ")" : "");
}

const char *cli_preprocess_words(const mn_preprocess *record, int32_t channels)
{
    static char text[320];
    char mean[80], deviation[80], crop[48];
    int32_t count = channels < MN_PREPROCESS_CHANNELS ? channels : MN_PREPROCESS_CHANNELS;
    put_channels(mean, sizeof mean, record->mean, count);
    put_channels(deviation, sizeof deviation, record->standard_deviation, count);
    if (record->crop == MN_CROP_NONE)
        snprintf(crop, sizeof crop, "whole picture");
    else
        snprintf(crop, sizeof crop, "crop %s %g", mn_crop_name(record->crop), record->crop_fraction);
    snprintf(text, sizeof text, "%s, resize %s%s, %s(pixel - %s) / %s", crop, mn_resize_name(record->resize),
             record->round_to_byte ? " rounded to bytes" : "", record->bgr ? "blue first, " : "", mean, deviation);
    return text;
}
