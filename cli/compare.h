/* The paper's tables: paper_tables.c holds what is printed and recomputes it, compare.c prints both. */
#ifndef CLI_COMPARE_H
#define CLI_COMPARE_H

#include <stdbool.h>

#include "mobilenet/net.h"

/* A row as the paper prints it. */
typedef struct cli_paper_row {
    int table;
    const char *name;
    double top1;         /* ImageNet top-1 in percent; 0: not printed */
    const char *macs;    /* million multiply-adds, as printed */
    const char *weights; /* million parameters, as printed */
    double alpha;        /* what it stands for */
    int32_t resolution;
    mn_conv_kind conv;
    mn_depth depth;
    bool one_layer; /* Table 3: the 14x14x512 layer alone (block 8), not the network */
} cli_paper_row;

extern const cli_paper_row cli_paper_rows[];
extern const int cli_paper_row_count;

/* What a row's figures are by our count. */
typedef struct cli_recount {
    mn_net net;
    int32_t first_layer, last_layer; /* what the row counts; first -1: everything */
    int64_t macs, macs_body;         /* with and without the classifier; the same in Table 3 */
    int64_t weights, weights_body;
    const char *macs_convention, *weights_convention; /* by which the print follows from the count; NULL: by none */
} cli_recount;

/* Dies where a row of the table cannot be built, which is a fault of the table. */
cli_recount cli_paper_recount(const cli_paper_row *row);

/* Table 2: share of multiply-adds and of parameters by kind of layer, in percent as printed. */
typedef struct cli_paper_share {
    mn_layer_kind kind;
    const char *macs, *weights;
} cli_paper_share;
extern const cli_paper_share cli_paper_shares[4];

/* Million multiply-adds of 1.0-224 if the last depthwise layer had the stride of 2 that Table 1 prints. */
double cli_paper_misprinted_stride(void);

#endif
