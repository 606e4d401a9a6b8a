/* The processes ("ranks") that mpirun started together. What talks MPI is a module of its own (ranks_mpi.c), loaded only
 * where a launcher started the program: everything else neither links MPI nor waits for it.
 */
#ifndef CLI_RANKS_H
#define CLI_RANKS_H

#include <stdbool.h>

#include "command.h"
#include "mobilenet/comm.h"

/* What the module offers: a symbol called CLI_RANKS_SYMBOL. */
#define CLI_RANKS_SYMBOL  "mobilenet_ranks"
#define CLI_RANKS_VERSION 1
typedef struct cli_ranks_module {
    int version; /* CLI_RANKS_VERSION */
    /* Joins the others; *comm stays valid until `close`, which leaves them. */
    mn_status (*open)(mn_comm *comm, mn_error *err);
    void (*close)(void);
} cli_ranks_module;

/* How many ranks the launcher started, by its environment; 1 where there is none. */
int32_t cli_ranks_started(void);
/* Whether this is one of several, and not the first, so that another speaks. */
bool cli_ranks_other(void);

/* Joins the others: *comm, or NULL where this process is alone. From here on rank 0 alone speaks. CLI_DONE or, having said
 * why, CLI_FAILED. */
int cli_ranks_open(const cli_call *call, const mn_comm **comm);
void cli_ranks_close(void);

/* The exit code that all agree on: CLI_DONE where all have that; else that of the lowest rank with another, whose last
 * words rank 0 says. comm NULL: `code`. */
int cli_ranks_agree(const mn_comm *comm, int code);

/* Threads of this rank where the user gave none (0): the processors of this process, or its share of the machine's. */
int32_t cli_ranks_threads(int64_t threads);

#endif
