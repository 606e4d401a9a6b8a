/* evaluate in two parts: evaluate_run.c runs the model over the samples, evaluate.c reads options and prints. */
#ifndef CLI_EVALUATE_H
#define CLI_EVALUATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "mobilenet/comm.h"
#include "mobilenet/dataset.h"
#include "mobilenet/session.h"

/* What came of one sample. */
typedef struct cli_outcome {
    int32_t wanted;    /* class of the model */
    int32_t predicted; /* -1: the sample could not be read */
    bool in_top5;
} cli_outcome;

/* How labels of the data become classes of the model. */
typedef struct cli_mapping {
    int32_t offset;    /* added to a label */
    const char *words; /* "by name", "by number", ... */
} cli_mapping;

typedef struct cli_evaluation {
    const mn_model *model;
    const mn_dataset *data;
    cli_mapping mapping;
    mn_session_options options; /* threads: workers, each with a session of one thread */
    int64_t count;              /* samples to run */
    const mn_comm *comm;        /* ranks that share the samples; NULL: alone */
    cli_outcome
        *outcomes; /* [count, rounded up to a multiple of the ranks]; the same for any number of threads and ranks */
    double seconds;
} cli_evaluation;

/* Index in the data of sample `i` of `count`: spread evenly where fewer are run than there are. */
int64_t cli_evaluation_sample(const cli_evaluation *e, int64_t i);

/* Samples of one rank: rank r has those from r times this many on. */
int64_t cli_evaluation_block(const cli_evaluation *e);

/* Fills outcomes and seconds, with progress on stderr; samples that cannot be read are reported there, the first
 * twenty by name. CLI_DONE or, having said why, CLI_FAILED. */
int cli_evaluation_run(cli_evaluation *e);

#endif
