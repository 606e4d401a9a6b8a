/* From an architecture to its layers: map sizes, paddings, roundings, and what is refused. */
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "mobilenet/net.h"

static mn_net build(const mn_arch *arch)
{
    mn_net net;
    mn_error err = {0};
    if (mn_net_build(arch, &net, &err) != MN_OK)
        fail_msg("%s", err.message);
    return net;
}

static const mn_layer *find(const mn_net *net, const char *name)
{
    int32_t index = mn_net_find(net, name);
    if (index < 0)
        fail_msg("no layer %s", name);
    return &net->layers[index];
}

static void table_1_maps(void **state)
{
    (void)state;
    mn_arch arch = mn_arch_default();
    mn_net net = build(&arch);
    assert_int_equal(net.layer_count, 1 + 26 + 3);
    static const int32_t maps[14] = {112, 112, 56, 56, 28, 28, 14, 14, 14, 14, 14, 14, 7, 7};
    static const int32_t widths[14] = {32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024};
    for (int32_t i = 0; i < 14; i++) {
        const mn_layer *layer = &net.layers[2 * i];
        assert_int_equal(layer->out_height, maps[i]);
        assert_int_equal(layer->out_width, maps[i]);
        assert_int_equal(layer->out_channels, widths[i]);
    }
    assert_int_equal(find(&net, "pool")->kernel_height, 7);
    assert_int_equal(find(&net, "classifier")->out_channels, 1000);
    assert_int_equal(mn_net_find(&net, "block14.depthwise"), -1);
    for (int32_t i = 0; i < net.layer_count; i++)
        assert_int_equal(net.layers[i].input, i - 1);
}

static void assert_pads(const mn_layer *l, int32_t top, int32_t bottom, int32_t left, int32_t right)
{
    assert_int_equal(l->pad_top, top);
    assert_int_equal(l->pad_bottom, bottom);
    assert_int_equal(l->pad_left, left);
    assert_int_equal(l->pad_right, right);
}

/* Stride 2 on even and odd inputs: the three dialects differ just there. */
static void stride_2_padding(void **state)
{
    (void)state;
    mn_arch arch = mn_arch_default();
    arch.height = 224;
    arch.width = 225;
    arch.padding = MN_PADDING_SAME;
    mn_net net = build(&arch);
    assert_pads(find(&net, "stem"), 0, 1, 1, 1);
    assert_int_equal(find(&net, "stem")->out_height, 112);
    assert_int_equal(find(&net, "stem")->out_width, 113);
    assert_pads(find(&net, "block1.depthwise"), 1, 1, 1, 1);
    arch.padding = MN_PADDING_KERAS;
    net = build(&arch);
    assert_pads(find(&net, "stem"), 0, 1, 0, 1);
    assert_int_equal(find(&net, "stem")->out_width, 112);
    assert_pads(find(&net, "block1.depthwise"), 1, 1, 1, 1);
    arch.padding = MN_PADDING_SYMMETRIC;
    net = build(&arch);
    assert_pads(find(&net, "stem"), 1, 1, 1, 1);
    assert_int_equal(find(&net, "stem")->out_height, 112);
    assert_int_equal(find(&net, "stem")->out_width, 113);
}

/* Earliest strides go first: 32x32 input keeps 32, 16, 8, 4 (stride 8) or 32, 16, 8, 4, 2 (stride 16). */
static void output_stride_removes_the_earliest(void **state)
{
    (void)state;
    static const struct {
        int32_t output_stride, strides[5];
    } cases[] = {
        {32, {2, 2, 2, 2, 2}}, {16, {1, 2, 2, 2, 2}}, {8, {1, 1, 2, 2, 2}},
        {4, {1, 1, 1, 2, 2}},  {2, {1, 1, 1, 1, 2}},  {1, {1, 1, 1, 1, 1}},
    };
    static const char *const names[5] = {"stem", "block2.depthwise", "block4.depthwise", "block6.depthwise",
                                         "block12.depthwise"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mn_arch arch = mn_arch_default();
        arch.height = arch.width = 32;
        arch.output_stride = cases[i].output_stride;
        mn_net net = build(&arch);
        for (int k = 0; k < 5; k++)
            assert_int_equal(find(&net, names[k])->stride, cases[i].strides[k]);
        assert_int_equal(find(&net, "pool")->in_height, 32 / cases[i].output_stride);
    }
}

static void rounding_rules(void **state)
{
    (void)state;
    assert_int_equal(mn_round_width(32, 0.75, MN_ROUNDING_MIN8), 24);
    assert_int_equal(mn_round_width(32, 0.1, MN_ROUNDING_MIN8), 8);
    assert_int_equal(mn_round_width(32, 0.1, MN_ROUNDING_FLOOR), 3);
    assert_int_equal(mn_round_width(32, 0.001, MN_ROUNDING_FLOOR), 1);
    assert_int_equal(mn_round_width(64, 0.3, MN_ROUNDING_DIV8), 24);  /* 19.2 rounds to 16, below 90 %: 24 */
    assert_int_equal(mn_round_width(128, 0.3, MN_ROUNDING_DIV8), 40); /* 38.4 */
    assert_int_equal(mn_round_width(32, 0.01, MN_ROUNDING_DIV8), 8);
    assert_true(mn_round_width(1024, 1e300, MN_ROUNDING_DIV8) > MN_CHANNELS_MAX);
}

static void controls_and_pruned_widths(void **state)
{
    (void)state;
    mn_arch arch = mn_arch_default();
    arch.conv = MN_CONV_STANDARD;
    mn_net net = build(&arch);
    assert_int_equal(net.layer_count, 14 + 3);
    assert_int_equal(find(&net, "block13.conv")->out_channels, 1024);
    assert_int_equal(find(&net, "block2.conv")->stride, 2);
    arch = mn_arch_default();
    arch.depth = MN_DEPTH_SHALLOW;
    net = build(&arch);
    assert_int_equal(mn_arch_width_count(&arch), 9);
    assert_int_equal(net.layer_count, 1 + 16 + 3);
    arch = mn_arch_default();
    arch.width_count = 14;
    for (int32_t i = 0; i < 14; i++)
        arch.widths[i] = 3 + i;
    net = build(&arch);
    assert_int_equal(find(&net, "stem")->out_channels, 3);
    assert_int_equal(find(&net, "block13.pointwise")->in_channels, 15);
    assert_int_equal(find(&net, "block13.pointwise")->out_channels, 16);
}

static void tiny_and_odd_inputs(void **state)
{
    (void)state;
    mn_arch arch = mn_arch_default();
    arch.height = 1;
    arch.width = 7;
    arch.channels = 5;
    arch.classes = 1;
    mn_net net = build(&arch);
    assert_int_equal(find(&net, "pool")->in_height, 1);
    arch.padding = MN_PADDING_KERAS; /* 1 + 0 + 1 rows hold no 3-row window */
    mn_error err;
    assert_int_equal(mn_net_build(&arch, &net, &err), MN_ERROR_ARGUMENT);
    assert_non_null(strstr(err.message, "stem"));
}

/* Every field out of range is refused by name, and *net stays as it was. */
static void ranges_are_checked(void **state)
{
    (void)state;
    mn_net net = {.layer_count = -5};
    mn_error err;
#define REFUSED(field, value, word)                                                                                    \
    do {                                                                                                               \
        mn_arch arch = mn_arch_default();                                                                              \
        arch.field = value;                                                                                            \
        assert_int_equal(mn_net_build(&arch, &net, &err), MN_ERROR_ARGUMENT);                                          \
        assert_non_null(strstr(err.message, word));                                                                    \
        assert_int_equal(net.layer_count, -5);                                                                         \
    } while (0)
    REFUSED(alpha, 0, "alpha");
    REFUSED(alpha, -1, "alpha");
    REFUSED(alpha, NAN, "alpha");
    REFUSED(alpha, INFINITY, "alpha");
    REFUSED(alpha, 1e9, "channels");
    REFUSED(height, 0, "height");
    REFUSED(width, MN_EXTENT_MAX + 1, "width");
    REFUSED(channels, 0, "channels");
    REFUSED(classes, 0, "classes");
    REFUSED(classes, MN_CLASSES_MAX + 1, "classes");
    REFUSED(conv, (mn_conv_kind)9, "conv");
    REFUSED(depth, (mn_depth)-1, "depth");
    REFUSED(rounding, (mn_rounding)3, "rounding");
    REFUSED(padding, (mn_padding)3, "padding");
    REFUSED(activation, (mn_activation)7, "activation");
    REFUSED(output_stride, 0, "output_stride");
    REFUSED(output_stride, 12, "output_stride");
    REFUSED(output_stride, 64, "output_stride");
    REFUSED(bn_epsilon, 0, "bn_epsilon");
    REFUSED(dropout, 1, "dropout");
    REFUSED(dropout, NAN, "dropout");
    REFUSED(width_count, 13, "widths");
    REFUSED(width_count, 14, "width 0");
#undef REFUSED
}

static void words_go_both_ways(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        mn_padding padding;
        mn_rounding rounding;
        mn_activation activation;
        assert_true(mn_padding_parse(mn_padding_name((mn_padding)i), &padding));
        assert_int_equal(padding, i);
        assert_true(mn_rounding_parse(mn_rounding_name((mn_rounding)i), &rounding));
        assert_int_equal(rounding, i);
        assert_true(mn_activation_parse(mn_activation_name((mn_activation)i), &activation));
        assert_int_equal(activation, i);
    }
    mn_depth depth = MN_DEPTH_SHALLOW;
    assert_false(mn_depth_parse("deep", &depth));
    assert_int_equal(depth, MN_DEPTH_SHALLOW);
    assert_string_equal(mn_conv_kind_name((mn_conv_kind)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_1_maps),
        cmocka_unit_test(stride_2_padding),
        cmocka_unit_test(output_stride_removes_the_earliest),
        cmocka_unit_test(rounding_rules),
        cmocka_unit_test(controls_and_pruned_widths),
        cmocka_unit_test(tiny_and_odd_inputs),
        cmocka_unit_test(ranges_are_checked),
        cmocka_unit_test(words_go_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
