/* What the C workers of this comparison share: reading their arguments and input, and answering the driver.
 *
 *     WORKER MODEL_STEM THREADS BATCH INPUT      INPUT: raw float32 [batch, H, W, 3]
 *
 * A worker loads, runs once, prints one JSON line (that line is the end of a cold start), then answers lines
 * on stdin: "time SECONDS", "output PATH", "memory", "quit". worker.py speaks the same language.
 */
#ifndef PEERS_HOST_H
#define PEERS_HOST_H

#include <stddef.h>

typedef struct host_arguments {
    const char *stem; /* path of the model without its ending */
    int threads, batch;
    float *input; /* [batch, H, W, 3], freed by the process's end */
    size_t input_elements;
    double started; /* host_now() when the arguments had been read */
} host_arguments;

typedef struct host_engine {
    const char *version;
    void *state;
    int (*run)(void *state);             /* 0: done */
    const float *(*output)(void *state); /* [batch, classes] of the last run */
    size_t output_elements;
    double loaded; /* host_now() when the engine was ready for its first run */
} host_engine;

/* Whether PEERS_PRECISION is bfloat16, in which an engine then computes; otherwise float32. */
int host_bfloat16(void);

double host_now(void); /* seconds, monotonic */

/* Returns 0, or prints why not and returns 1. */
int host_read_arguments(int argc, char **argv, host_arguments *arguments);

/* Runs once, reports, serves until "quit" or the end of stdin. Returns the process's exit code. */
int host_serve(const host_arguments *arguments, const host_engine *engine);

#endif
