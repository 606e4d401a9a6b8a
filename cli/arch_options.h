/* The architecture as options, shared by every command that describes, times or trains a network. */
#ifndef CLI_ARCH_OPTIONS_H
#define CLI_ARCH_OPTIONS_H

#include "command.h"
#include "mobilenet/net.h"

#define CLI_ARCH_TITLE "Architecture"

/* What the options fill. */
typedef struct cli_arch {
    double alpha;
    cli_extent resolution;
    int64_t channels, classes;
    const char *conv, *depth, *output_stride, *rounding, *padding, *activation;
    cli_integers widths;
    bool no_batch_norm;
    double bn_epsilon;
} cli_arch;

extern const cli_option cli_arch_options[];
#define CLI_ARCH_OPTION_COUNT 13
#define CLI_ARCH_GROUP(offset)                                                                                         \
    {                                                                                                                  \
        CLI_ARCH_TITLE, cli_arch_options, CLI_ARCH_OPTION_COUNT, offset                                                \
    }

/* The values as a description. It is checked by mn_net_build, not here. */
mn_arch cli_arch_get(const cli_arch *values);

/* The description in one line of words, for a heading: "MobileNet V1, alpha 1, 224x224x3, 1000 classes". */
const char *cli_arch_title(const mn_arch *arch);
/* What follows: "separable convolutions, full depth, output stride 32, ...". One static buffer each. */
const char *cli_arch_details(const mn_arch *arch);

#endif
