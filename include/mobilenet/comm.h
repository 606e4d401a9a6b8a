/* How processes ("ranks") that share one training run talk to each other. The library calls these functions and knows
 * nothing of what is behind them: MPI in the command, threads in the tests.
 *
 * All are collective: every rank calls the same function with the same number of bytes, in the same order. They are called
 * by one thread at a time, the one that called into the library. An error means that the others cannot be reached any
 * more; nothing is called after it.
 */
#ifndef MOBILENET_COMM_H
#define MOBILENET_COMM_H

#include <stddef.h>
#include <stdint.h>

#include "mobilenet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mn_comm {
    int32_t rank, size; /* 0..size-1, at least 1 */
    void *context;      /* handed to the functions */

    /* `all` [size][bytes] gets the `mine` [bytes] of every rank, by rank; mine may be its own place in `all`. */
    mn_status (*gather)(void *context, const void *mine, size_t bytes, void *all, mn_error *err);
    /* Part r of `parts` [size][bytes] goes to rank r; `received` [size][bytes] gets one part from each rank, by rank. */
    mn_status (*exchange)(void *context, const void *parts, size_t bytes, void *received, mn_error *err);
    /* `data` [bytes] of rank 0 replaces that of the others. */
    mn_status (*share)(void *context, void *data, size_t bytes, mn_error *err);
} mn_comm;

#ifdef __cplusplus
}
#endif

#endif
