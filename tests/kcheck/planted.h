/* Winograd's transforms as plain loops, which are right, and wrong ones made from them. */
#ifndef TEST_PLANTED_H
#define TEST_PLANTED_H

#include "kcheck/kcheck.h"

void planted_plain_input(const mn_winograd_args *args);
void planted_plain_output(const mn_winograd_args *args);

void planted_input_swaps_planes(const mn_winograd_args *args);
void planted_input_reads_past_the_map(const mn_winograd_args *args);
void planted_input_ignores_padding(const mn_winograd_args *args);
void planted_output_ignores_bias(const mn_winograd_args *args);
void planted_output_writes_past_edge(const mn_winograd_args *args);
void planted_output_with_wrong_sign(const mn_winograd_args *args);

/* A kernel with its check. Lists of wrong ones end with a NULL. */
typedef struct planted_check {
    const char *name;
    void (*check)(kcheck_result *result);
} planted_check;
extern const planted_check planted_bf16_faults[], planted_stem_faults[];
extern const planted_check planted_stem_plain; /* a right one, which the wrong ones are made from */

#endif
