/* The figures of Howard et al. 2017 (arXiv 1704.04861), Tables 2 to 7, as printed, and the same by our count.
 *
 * The paper does not say by which convention its multiply-adds are rounded, and no single one gives every figure;
 * each is tried in turn: with the fully connected layer (fc) or without, rounded or cut off.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "output.h"

#define SEPARABLE MN_CONV_SEPARABLE
#define STANDARD  MN_CONV_STANDARD
#define FULL      MN_DEPTH_FULL
#define SHALLOW   MN_DEPTH_SHALLOW

const cli_paper_row cli_paper_rows[] = {
    {3, "Convolution", 0, "462", "2.36", 1, 224, STANDARD, FULL, true},
    {3, "Depthwise separable convolution", 0, "52.3", "0.27", 1, 224, SEPARABLE, FULL, true},
    {3, "alpha = 0.75", 0, "29.6", "0.15", 0.75, 224, SEPARABLE, FULL, true},
    {3, "rho = 0.714", 0, "15.1", "0.15", 0.75, 160, SEPARABLE, FULL, true},
    {4, "Conv MobileNet", 71.7, "4866", "29.3", 1, 224, STANDARD, FULL, false},
    {4, "MobileNet", 70.6, "569", "4.2", 1, 224, SEPARABLE, FULL, false},
    {5, "0.75 MobileNet", 68.4, "325", "2.6", 0.75, 224, SEPARABLE, FULL, false},
    {5, "Shallow MobileNet", 65.3, "307", "2.9", 1, 224, SEPARABLE, SHALLOW, false},
    {6, "1.0 MobileNet-224", 70.6, "569", "4.2", 1, 224, SEPARABLE, FULL, false},
    {6, "0.75 MobileNet-224", 68.4, "325", "2.6", 0.75, 224, SEPARABLE, FULL, false},
    {6, "0.5 MobileNet-224", 63.7, "149", "1.3", 0.5, 224, SEPARABLE, FULL, false},
    {6, "0.25 MobileNet-224", 50.6, "41", "0.5", 0.25, 224, SEPARABLE, FULL, false},
    {7, "1.0 MobileNet-224", 70.6, "569", "4.2", 1, 224, SEPARABLE, FULL, false},
    {7, "1.0 MobileNet-192", 69.1, "418", "4.2", 1, 192, SEPARABLE, FULL, false},
    {7, "1.0 MobileNet-160", 67.2, "290", "4.2", 1, 160, SEPARABLE, FULL, false},
    {7, "1.0 MobileNet-128", 64.4, "186", "4.2", 1, 128, SEPARABLE, FULL, false},
};
const int cli_paper_row_count = CLI_COUNT(cli_paper_rows);

const cli_paper_share cli_paper_shares[4] = {
    {MN_KIND_POINTWISE, "94.86", "74.59"},
    {MN_KIND_DEPTHWISE, "3.06", "1.06"},
    {MN_KIND_CONV, "1.19", "0.02"},
    {MN_KIND_CLASSIFIER, "0.18", "24.33"},
};

/* Whether `value` millions, rounded or cut off to as many decimals as `printed` has, is `printed`. */
static bool prints_as(int64_t value, const char *printed, bool cut)
{
    const char *point = strchr(printed, '.');
    int decimals = point ? (int)strlen(point + 1) : 0;
    double scale = pow(10, decimals), scaled = (double)value / 1e6 * scale;
    char text[32];
    snprintf(text, sizeof text, "%.*f", decimals, (cut ? floor(scaled) : round(scaled)) / scale);
    return strcmp(text, printed) == 0;
}

/* The convention by which `printed` follows; NULL where none does. */
static const char *convention(int64_t with, int64_t without, const char *printed)
{
    if (prints_as(with, printed, false))
        return with == without ? "rounded" : "with fc";
    if (prints_as(without, printed, false))
        return "without fc";
    if (prints_as(with, printed, true))
        return "with fc, cut off";
    return prints_as(without, printed, true) ? "without fc, cut off" : NULL;
}

cli_recount cli_paper_recount(const cli_paper_row *row)
{
    cli_recount r = {.first_layer = -1};
    mn_arch arch = mn_arch_default();
    mn_error err;
    arch.alpha = row->alpha;
    arch.height = arch.width = row->resolution;
    arch.conv = row->conv;
    arch.depth = row->depth;
    if (mn_net_build(&arch, &r.net, &err) != MN_OK)
        cli_die("the row '%s' of Table %d cannot be built: %s", row->name, row->table, err.message);
    if (row->one_layer) {
        bool standard = row->conv == MN_CONV_STANDARD;
        r.first_layer = mn_net_find(&r.net, standard ? "block8.conv" : "block8.depthwise");
        r.last_layer = standard ? r.first_layer : r.first_layer + 1;
        for (int32_t i = r.first_layer; i <= r.last_layer; i++) {
            mn_cost cost = mn_layer_get_cost(&r.net.layers[i]);
            r.macs += cost.macs;
            r.weights += cost.weights;
        }
        r.macs_body = r.macs;
        r.weights_body = r.weights;
    } else {
        mn_net_cost cost = mn_net_get_cost(&r.net);
        r.macs = cost.total.macs;
        r.weights = cost.total.weights;
        r.macs_body = cost.without_classifier.macs;
        r.weights_body = cost.without_classifier.weights;
    }
    r.macs_convention = convention(r.macs, r.macs_body, row->macs);
    r.weights_convention = convention(r.weights, r.weights_body, row->weights);
    return r;
}

double cli_paper_misprinted_stride(void)
{
    mn_arch arch = mn_arch_default();
    mn_net net;
    if (mn_net_build(&arch, &net, NULL) != MN_OK)
        cli_die("the default network cannot be built");
    int64_t macs = mn_net_get_cost(&net).total.macs;
    static const char *const names[] = {"block13.depthwise", "block13.pointwise"};
    for (int i = 0; i < 2; i++) {
        mn_layer layer = net.layers[mn_net_find(&net, names[i])];
        macs -= mn_layer_get_cost(&layer).macs;
        layer.out_height = (layer.out_height + 1) / 2;
        layer.out_width = (layer.out_width + 1) / 2;
        macs += mn_layer_get_cost(&layer).macs;
    }
    return (double)macs / 1e6;
}
