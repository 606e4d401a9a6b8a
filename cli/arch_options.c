/* The architecture as options: the paper's two multipliers, its controls, and the dialects of implementations. */
#include "arch_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

const cli_option cli_arch_options[CLI_ARCH_OPTION_COUNT] = {
    {"alpha", 'a', CLI_REAL, "X", "1", NULL, 0.001, 64, offsetof(cli_arch, alpha),
     "width multiplier: every layer has X times as many channels"},
    {"resolution", 'r', CLI_EXTENT, "N|HxW", "224", NULL, 1, MN_EXTENT_MAX, offsetof(cli_arch, resolution),
     "input size in pixels, square or height x width"},
    {"channels", 0, CLI_INTEGER, "N", "3", NULL, 1, MN_CHANNELS_MAX, offsetof(cli_arch, channels),
     "input channels: 3 for colour, 1 for gray"},
    {"classes", 0, CLI_INTEGER, "N", "1000", NULL, 1, MN_CLASSES_MAX, offsetof(cli_arch, classes),
     "outputs of the classifier"},
    {"conv", 0, CLI_CHOICE, "KIND", "separable", "separable|standard", 0, 0, offsetof(cli_arch, conv),
     "depthwise separable convolutions, or the paper's control with standard ones"},
    {"depth", 0, CLI_CHOICE, "KIND", "full", "full|shallow", 0, 0, offsetof(cli_arch, depth),
     "13 blocks, or the paper's control without the five 14x14x512 blocks"},
    {"output-stride", 0, CLI_CHOICE, "N", "32", "32|16|8|4|2|1", 0, 0, offsetof(cli_arch, output_stride),
     "input size over the size of the last map; the earliest stride-2 layers become stride 1 (for small images)"},
    {"rounding", 0, CLI_CHOICE, "RULE", "min8", "min8|floor|div8", 0, 0, offsetof(cli_arch, rounding),
     "how alpha times channels becomes whole: TF-slim's, Keras's, torchvision's"},
    {"padding", 0, CLI_CHOICE, "RULE", "same", "same|keras|symmetric", 0, 0, offsetof(cli_arch, padding),
     "where the zeros around a map go: TensorFlow's, Keras's, PyTorch's"},
    {"activation", 0, CLI_CHOICE, "KIND", "relu6", "relu6|relu", 0, 0, offsetof(cli_arch, activation),
     "what follows each convolution"},
    {"widths", 0, CLI_INTEGERS, "N,N,...", NULL, NULL, 1, MN_CHANNELS_MAX, offsetof(cli_arch, widths),
     "output channels of the stem and of each block, 14 numbers (9 where shallow); otherwise alpha says"},
    {"no-batch-norm", 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(cli_arch, no_batch_norm),
     "batch norm folded away: every convolution carries a bias instead"},
    {"bn-epsilon", 0, CLI_REAL, "X", "0.001", NULL, 1e-12, 1, offsetof(cli_arch, bn_epsilon),
     "added to the variance in batch norm"},
};

mn_arch cli_arch_get(const cli_arch *values)
{
    mn_arch arch = mn_arch_default();
    arch.alpha = values->alpha;
    arch.height = values->resolution.height;
    arch.width = values->resolution.width;
    arch.channels = (int32_t)values->channels;
    arch.classes = (int32_t)values->classes;
    arch.output_stride = (int32_t)strtol(values->output_stride, NULL, 10);
    arch.batch_norm = !values->no_batch_norm;
    arch.bn_epsilon = values->bn_epsilon;
    if (!mn_conv_kind_parse(values->conv, &arch.conv) || !mn_depth_parse(values->depth, &arch.depth) ||
        !mn_rounding_parse(values->rounding, &arch.rounding) || !mn_padding_parse(values->padding, &arch.padding) ||
        !mn_activation_parse(values->activation, &arch.activation))
        cli_die("the words of the architecture options differ from the library's");
    arch.width_count = values->widths.count < MN_WIDTHS_MAX ? values->widths.count : MN_WIDTHS_MAX;
    for (int32_t i = 0; i < arch.width_count; i++)
        arch.widths[i] = values->widths.values[i];
    if (values->widths.count > MN_WIDTHS_MAX)
        arch.width_count = values->widths.count; /* refused with its number by mn_net_build */
    return arch;
}

const char *cli_arch_title(const mn_arch *arch)
{
    static char text[160];
    char width[40];
    if (arch->width_count > 0)
        snprintf(width, sizeof width, "widths of its own");
    else
        snprintf(width, sizeof width, "alpha %g", arch->alpha);
    snprintf(text, sizeof text, "MobileNet V1, %s, input %dx%dx%d, %d %s", width, arch->height, arch->width,
             arch->channels, arch->classes, arch->classes == 1 ? "class" : "classes");
    return text;
}

const char *cli_arch_details(const mn_arch *arch)
{
    static char text[240];
    char norm[48] = "no batch norm";
    if (arch->batch_norm)
        snprintf(norm, sizeof norm, "batch norm (epsilon %g)", arch->bn_epsilon);
    snprintf(text, sizeof text, "%s convolutions, %s depth, output stride %d, rounding %s, padding %s, %s, %s",
             mn_conv_kind_name(arch->conv), mn_depth_name(arch->depth), arch->output_stride,
             mn_rounding_name(arch->rounding), mn_padding_name(arch->padding), mn_activation_name(arch->activation),
             norm);
    return text;
}
