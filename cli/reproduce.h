/* The parts of `mobilenet reproduce`: the paper's training experiments at small scale.
 *
 *     reproduce.c           options; which networks the chosen tables need, each once
 *     reproduce_train.c     FOLDER/NAME.seedN.safetensors <- one network, trained and measured, or found there
 *     reproduce_report.c    tables beside the paper's with what follows from them, results.tsv, JSON
 *     reproduce_conclude.c  that in sentences, computed from the results
 *     reproduce_figures.c   accuracy against multiply-adds and against parameters, drawn by gnuplot
 */
#ifndef CLI_REPRODUCE_H
#define CLI_REPRODUCE_H

#include <jansson.h>

#include "command.h"
#include "compare.h"
#include "mobilenet/train.h"

#define CLI_SEEDS_MAX 9

/* What the options fill. */
typedef struct cli_reproduce_values {
    cli_integers tables;
    const char *setting, *output, *grid;
    double base, epochs;
    int64_t limit, threads, seed, seeds;
    bool json;
} cli_reproduce_values;

/* How much is trained. */
typedef struct cli_reproduce_setting {
    const char *name;
    int64_t images; /* 0: all */
    double epochs, learning_rate;
    int32_t batch;
    bool shifts; /* learn from shifted crops, which a short run has no use for */
    bool grid;   /* also every width at every resolution */
} cli_reproduce_setting;

/* One network of the study. Rows of the paper that are the same network share it. */
typedef struct cli_reproduce_network {
    mn_arch arch;
    char name[80];
    double alpha;       /* the paper's, which our base stands for */
    int32_t resolution; /* the paper's, which the data's size stands for */
    mn_net_cost cost;
    int32_t count;                  /* seeds trained */
    double accuracy[CLI_SEEDS_MAX]; /* percent of the test part, one a seed */
} cli_reproduce_network;

typedef struct cli_reproduce_study {
    const cli_reproduce_values *values;
    cli_reproduce_setting setting; /* with what --epochs and --limit change */
    const char *data;
    mn_dataset *train, *test;
    int32_t height, width, channels; /* of the images */
    cli_reproduce_network *networks;
    int network_count;
    int *row_network; /* [cli_paper_row_count] the network of each row, -1 where its table was not asked for */
    bool grid;
    int at;               /* number of the training at hand: every network with the first seed, then with the next */
    double macs, seconds; /* of the networks that this run has trained and measured */
} cli_reproduce_study;

/* Set by a signal: the run ends after the step at hand. */
extern volatile int cli_reproduce_stop;

/* Trains and measures the network at hand, or takes the result from the file that an earlier run left. CLI_DONE or, having
 * said why, CLI_FAILED; also where the run was stopped. */
int cli_reproduce_train(cli_reproduce_study *study);

double cli_reproduce_mean(const cli_reproduce_network *network);
/* Standard deviation over the seeds (of a sample); 0 where there is one. */
double cli_reproduce_spread(const cli_reproduce_network *network);

/* One to three sentences on a table, 0 for the grid, into text; empty where there is nothing to say. */
void cli_reproduce_conclude(const cli_reproduce_study *study, int table, char *text, size_t size);

/* Tables or JSON on stdout. */
void cli_reproduce_print(const cli_reproduce_study *study);
/* FOLDER/results.tsv: a line a row of the paper, then a line a network of the grid. */
int cli_reproduce_write(const cli_reproduce_study *study);

/* FOLDER/figures.gnuplot, and what gnuplot makes of it: macs.svg, macs.png, parameters.svg, parameters.png. Without
 * gnuplot the script is written, and a message says how to draw it later. */
int cli_reproduce_draw(const cli_reproduce_study *study);

#endif
