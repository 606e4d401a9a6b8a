/* The module that talks MPI (Open MPI): three collective functions of mn_comm. It moves bytes and never adds: sums are
 * made by the library, in one order.
 *
 * Waiting is a loop over MPI_Test, not a blocking call: it lets go of the processor, since loader threads want it, and
 * looks now and then whether the other processes of this machine are alive, so that the loss of one ends all with a
 * message. The loss of a process of another machine is noticed by mpirun, which ends the job.
 */
#include <errno.h>
#include <limits.h>
#include <mpi.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ranks.h"

#define SPIN_SECONDS  50e-6 /* how long a wait keeps the processor */
#define PAUSE_NANO    20000
#define ALIVE_SECONDS 0.1 /* between two looks at the others */

/* Where a process is found: same machine and same numbering of processes. */
typedef struct identity {
    char place[248];
    int64_t process;
} identity;

static identity *others; /* [size] */
static int32_t rank, size;
static bool lost;

static mn_status fail(mn_error *err, const char *what, int code)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    lost = true;
    *err = (mn_error){.status = MN_ERROR_IO, .offset = -1};
    snprintf(err->message, sizeof err->message, "the ranks cannot talk to each other (%s): %s", what, text);
    return MN_ERROR_IO;
}

/* Whether a process of this machine is gone. */
static bool find_gone(mn_error *err)
{
    for (int32_t r = 0; r < size; r++) {
        if (strcmp(others[r].place, others[rank].place) != 0 || kill((pid_t)others[r].process, 0) == 0 ||
            errno != ESRCH)
            continue;
        lost = true;
        *err = (mn_error){.status = MN_ERROR_IO, .offset = -1};
        snprintf(err->message, sizeof err->message, "rank %d (process %lld) is gone, so the others end too", r,
                 (long long)others[r].process);
        return true;
    }
    return false;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static mn_status wait_for(MPI_Request *request, const char *what, mn_error *err)
{
    double start = seconds(), looked = start;
    for (;;) {
        int done = 0, code = MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (code != MPI_SUCCESS)
            return fail(err, what, code);
        if (done)
            return MN_OK;
        double now = seconds();
        if (now - start < SPIN_SECONDS) {
            sched_yield();
            continue;
        }
        if (now - looked > ALIVE_SECONDS) {
            if (find_gone(err))
                return MN_ERROR_IO;
            looked = now;
        }
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NANO}, NULL);
    }
}

static bool fits(size_t bytes, mn_error *err)
{
    if (bytes <= INT_MAX)
        return true;
    *err = (mn_error){.status = MN_ERROR_LIMIT, .offset = -1};
    snprintf(err->message, sizeof err->message, "a message between ranks has %zu bytes, at most %d can be sent", bytes,
             INT_MAX);
    return false;
}

static mn_status gather(void *context, const void *mine, size_t bytes, void *all, mn_error *err)
{
    (void)context;
    MPI_Request request;
    const void *own = (const char *)all + (size_t)rank * bytes == mine ? MPI_IN_PLACE : mine;
    if (!fits(bytes, err))
        return MN_ERROR_LIMIT;
    int code = MPI_Iallgather(own, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, MPI_COMM_WORLD, &request);
    return code == MPI_SUCCESS ? wait_for(&request, "gather", err) : fail(err, "gather", code);
}

static mn_status exchange(void *context, const void *parts, size_t bytes, void *received, mn_error *err)
{
    (void)context;
    MPI_Request request;
    if (!fits(bytes, err))
        return MN_ERROR_LIMIT;
    int code = MPI_Ialltoall(parts, (int)bytes, MPI_BYTE, received, (int)bytes, MPI_BYTE, MPI_COMM_WORLD, &request);
    return code == MPI_SUCCESS ? wait_for(&request, "exchange", err) : fail(err, "exchange", code);
}

static mn_status share(void *context, void *data, size_t bytes, mn_error *err)
{
    (void)context;
    mn_status status = MN_OK;
    for (size_t done = 0, part; done < bytes && status == MN_OK; done += part) {
        MPI_Request request;
        part = bytes - done < ((size_t)1 << 30) ? bytes - done : (size_t)1 << 30;
        int code = MPI_Ibcast((char *)data + done, (int)part, MPI_BYTE, 0, MPI_COMM_WORLD, &request);
        status = code == MPI_SUCCESS ? wait_for(&request, "share", err) : fail(err, "share", code);
    }
    return status;
}

static mn_status introduce(mn_error *err)
{
    char name[128] = "", numbering[64] = "";
    others = calloc((size_t)size, sizeof *others);
    if (!others) {
        *err = (mn_error){.status = MN_ERROR_OUT_OF_MEMORY, .offset = -1, .message = "memory is short"};
        return MN_ERROR_OUT_OF_MEMORY;
    }
    if (gethostname(name, sizeof name - 1) != 0 || readlink("/proc/self/ns/pid", numbering, sizeof numbering - 1) < 0)
        snprintf(name, sizeof name, "unknown place of rank %d", rank);
    identity *own = &others[rank];
    snprintf(own->place, sizeof own->place, "%s %s", name, numbering);
    own->process = getpid();
    identity mine = *own;
    int code = MPI_Allgather(&mine, (int)sizeof mine, MPI_BYTE, others, (int)sizeof mine, MPI_BYTE, MPI_COMM_WORLD);
    return code == MPI_SUCCESS ? MN_OK : fail(err, "introduction", code);
}

static mn_status open_ranks(mn_comm *comm, mn_error *err)
{
    int level, number, count, code = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
    if (code != MPI_SUCCESS)
        return fail(err, "start", code);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &number);
    MPI_Comm_size(MPI_COMM_WORLD, &count);
    rank = number;
    size = count;
    *comm = (mn_comm){.rank = rank, .size = size, .gather = gather, .exchange = exchange, .share = share};
    return introduce(err);
}

/* Where ranks are lost there is nothing to take leave of: mpirun ends those that still run. */
static void close_ranks(void)
{
    if (!lost)
        MPI_Finalize();
    free(others);
    others = NULL;
}

extern const cli_ranks_module mobilenet_ranks;
__attribute__((visibility("default")))
const cli_ranks_module mobilenet_ranks = {CLI_RANKS_VERSION, open_ranks, close_ranks};
