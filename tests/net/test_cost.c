/* Multiply-adds and weights to the digit, against figures that were computed independently (two of them also stand
 * in TF-slim's source: 567716352 and 106002432 multiply-adds without the classifier). */
#include "support/test.h"

#include <string.h>

#include "mobilenet/net.h"

/* alpha, resolution, channels, classes, convolution, depth, output stride; then with the classifier and without:
 * multiply-adds, weights; then batch norm channels. */
static const struct row {
    double alpha;
    int32_t resolution, channels, classes;
    mn_conv_kind conv;
    mn_depth depth;
    int32_t output_stride;
    int64_t macs, macs_body, weights, weights_body, bn_channels;
} rows[] = {
    {1, 224, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 568740352, 567716352, 4209088, 3185088, 10944},
    {1, 192, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 418121728, 417097728, 4209088, 3185088, 10944},
    {1, 160, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 290675200, 289651200, 4209088, 3185088, 10944},
    {1, 128, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 186400768, 185376768, 4209088, 3185088, 10944},
    {0.75, 224, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 325400448, 324632448, 2568144, 1800144, 8208},
    {0.75, 192, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 239273472, 238505472, 2568144, 1800144, 8208},
    {0.75, 160, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 166396800, 165628800, 2568144, 1800144, 8208},
    {0.75, 128, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 106770432, 106002432, 2568144, 1800144, 8208},
    {0.5, 224, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 149497088, 148985088, 1319648, 807648, 5472},
    {0.5, 192, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 109970432, 109458432, 1319648, 807648, 5472},
    {0.5, 160, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 76524800, 76012800, 1319648, 807648, 5472},
    {0.5, 128, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 49160192, 48648192, 1319648, 807648, 5472},
    {0.25, 224, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 41030272, 40774272, 463600, 207600, 2736},
    {0.25, 192, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 30212608, 29956608, 463600, 207600, 2736},
    {0.25, 160, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 21059200, 20803200, 463600, 207600, 2736},
    {0.25, 128, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 13570048, 13314048, 463600, 207600, 2736},
    {1, 224, 3, 1000, MN_CONV_STANDARD, MN_DEPTH_FULL, 32, 4867293184, 4866269184, 29281120, 28257120, 5984},
    {1, 224, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_SHALLOW, 32, 307323392, 306299392, 2875328, 1851328, 5824},
    {1, 224, 3, 1001, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 568741376, 567716352, 4210112, 3185088, 10944},
    {0.75, 224, 3, 1001, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 325401216, 324632448, 2568912, 1800144, 8208},
    {0.5, 224, 3, 1001, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 149497600, 148985088, 1320160, 807648, 5472},
    {0.25, 224, 3, 1001, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 41030528, 40774272, 463856, 207600, 2736},
    {1.25, 224, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 879516800, 878236800, 6242480, 4962480, 13680},
    {1.25, 256, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 1148364800, 1147084800, 6242480, 4962480, 13680},
    {1, 256, 3, 1000, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 742531072, 741507072, 4209088, 3185088, 10944},
    {1, 32, 3, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 16, 46354432, 46344192, 3195328, 3185088, 10944},
    {1, 32, 3, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 8, 175556608, 175546368, 3195328, 3185088, 10944},
    {1, 32, 3, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 4, 611559424, 611549184, 3195328, 3185088, 10944},
    {1, 32, 3, 100, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 16, 46446592, 46344192, 3287488, 3185088, 10944},
    {1, 28, 1, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 16, 42030208, 42019968, 3194752, 3184512, 10944},
    {1, 28, 1, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 8, 139911424, 139901184, 3194752, 3184512, 10944},
    {0.75, 32, 3, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 16, 26508288, 26500608, 1807824, 1800144, 8208},
    {0.75, 32, 3, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 8, 99816960, 99809280, 1807824, 1800144, 8208},
    {0.75, 32, 3, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 4, 346603008, 346595328, 1807824, 1800144, 8208},
    {0.75, 32, 3, 100, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 16, 26577408, 26500608, 1876944, 1800144, 8208},
    {0.75, 28, 1, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 16, 23910240, 23902560, 1807392, 1799712, 8208},
    {0.75, 28, 1, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 8, 79442112, 79434432, 1807392, 1799712, 8208},
    {0.5, 32, 3, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 16, 12167168, 12162048, 812768, 807648, 5472},
    {0.5, 32, 3, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 8, 45310976, 45305856, 812768, 807648, 5472},
    {0.5, 32, 3, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 4, 156357632, 156352512, 812768, 807648, 5472},
    {0.5, 32, 3, 100, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 16, 12213248, 12162048, 858848, 807648, 5472},
    {0.5, 28, 1, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 16, 10865216, 10860096, 812480, 807360, 5472},
    {0.5, 28, 1, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 8, 35967104, 35961984, 812480, 807360, 5472},
    {0.25, 32, 3, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 16, 3331072, 3328512, 210160, 207600, 2736},
    {0.25, 32, 3, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 8, 12038656, 12036096, 210160, 207600, 2736},
    {0.25, 32, 3, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 4, 40823296, 40820736, 210160, 207600, 2736},
    {0.25, 32, 3, 100, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 16, 3354112, 3328512, 233200, 207600, 2736},
    {0.25, 28, 1, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 16, 2895136, 2892576, 210016, 207456, 2736},
    {0.25, 28, 1, 10, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 8, 9486400, 9483840, 210016, 207456, 2736},
    {0.25, 96, 3, 2, MN_CONV_SEPARABLE, MN_DEPTH_FULL, 32, 7489664, 7489152, 208112, 207600, 2736},
};

static void assert_same(const char *what, size_t row, int64_t got, int64_t wanted)
{
    if (got != wanted)
        fail_msg("row %zu: %s is %lld, wanted %lld", row, what, (long long)got, (long long)wanted);
}

static mn_net build_row(const struct row *r)
{
    mn_arch arch = mn_arch_default();
    mn_net net;
    arch.alpha = r->alpha;
    arch.height = arch.width = r->resolution;
    arch.channels = r->channels;
    arch.classes = r->classes;
    arch.conv = r->conv;
    arch.depth = r->depth;
    arch.output_stride = r->output_stride;
    assert_int_equal(mn_net_build(&arch, &net, NULL), MN_OK);
    return net;
}

static void counts_to_the_digit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        mn_net net = build_row(r);
        mn_net_cost cost = mn_net_get_cost(&net);
        assert_same("macs", i, cost.total.macs, r->macs);
        assert_same("macs without classifier", i, cost.without_classifier.macs, r->macs_body);
        assert_same("weights", i, cost.total.weights, r->weights);
        assert_same("weights without classifier", i, cost.without_classifier.weights, r->weights_body);
        assert_same("trainable batch norm", i, cost.total.bn_trainable, 2 * r->bn_channels);
        assert_same("batch norm statistics", i, cost.total.bn_statistics, 2 * r->bn_channels);
        assert_same("biases", i, cost.total.biases, r->classes);
    }
}

/* The kinds add up, and their shares are the paper's Table 2 (with the two digits that its print swapped). */
static void shares_of_table_2(void **state)
{
    (void)state;
    mn_net net = build_row(&rows[0]);
    mn_net_cost cost = mn_net_get_cost(&net);
    int64_t macs = 0, weights = 0;
    for (int k = 0; k < MN_KIND_COUNT; k++) {
        macs += cost.by_kind[k].macs;
        weights += cost.by_kind[k].weights;
    }
    assert_int_equal(macs, cost.total.macs);
    assert_int_equal(weights, cost.total.weights);
    const struct {
        mn_layer_kind kind;
        double macs_percent, weights_percent;
    } table[] = {
        {MN_KIND_POINTWISE, 94.86, 74.59},
        {MN_KIND_DEPTHWISE, 3.06, 1.06},
        {MN_KIND_CONV, 1.91, 0.02},
        {MN_KIND_CLASSIFIER, 0.18, 24.33},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        double m = 100.0 * (double)cost.by_kind[table[i].kind].macs / (double)cost.total.macs;
        double w = 100.0 * (double)cost.by_kind[table[i].kind].weights / (double)cost.total.weights;
        assert_float_equal(m, table[i].macs_percent, 0.006);
        assert_float_equal(w, table[i].weights_percent, 0.006);
    }
}

static void folding_moves_batch_norm_to_biases(void **state)
{
    (void)state;
    mn_arch arch = mn_arch_default();
    mn_net net;
    arch.batch_norm = false;
    assert_int_equal(mn_net_build(&arch, &net, NULL), MN_OK);
    mn_cost total = mn_net_get_cost(&net).total;
    assert_int_equal(total.bn_trainable, 0);
    assert_int_equal(total.weights + total.biases, 4221032);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_to_the_digit),
        cmocka_unit_test(shares_of_table_2),
        cmocka_unit_test(folding_moves_batch_norm_to_biases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
