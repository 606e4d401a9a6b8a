/* Finding, loading and leaving the module that talks MPI: see ranks.h. */
#include "ranks.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inputs.h"
#include "mobilenet/session.h"
#include "output.h"

#ifndef CLI_LIBDIR
#define CLI_LIBDIR "lib"
#endif

static const cli_ranks_module *module;
static mn_comm joined;

/* A number of the environment, or `missing`. */
static int32_t number_of(const char *name, int32_t missing)
{
    const char *text = getenv(name);
    char *end;
    long value = text ? strtol(text, &end, 10) : missing;
    return text && (end == text || *end || value < 0 || value > 1000000) ? missing : (int32_t)value;
}

int32_t cli_ranks_started(void)
{
    return number_of("OMPI_COMM_WORLD_SIZE", 1);
}

bool cli_ranks_other(void)
{
    return cli_ranks_started() > 1 && number_of("OMPI_COMM_WORLD_RANK", 0) > 0;
}

static const cli_ranks_module *load(const char *program, char *why, size_t size)
{
    static const char *const places[] = {"", "/../" CLI_LIBDIR "/mobilenet", "/../lib/mobilenet"};
    char folder[PATH_MAX], path[PATH_MAX + 128];
    cli_program_folder(program, folder, sizeof folder);
    for (int i = 0; i < CLI_COUNT(places); i++) {
        snprintf(path, sizeof path, "%s%s/mobilenet-mpi.so", folder, places[i]);
        if (access(path, R_OK) != 0)
            continue;
        void *handle = dlopen(path, RTLD_NOW | RTLD_GLOBAL); /* Open MPI's own modules look for its symbols */
        const cli_ranks_module *found = handle ? dlsym(handle, CLI_RANKS_SYMBOL) : NULL;
        if (found && found->version == CLI_RANKS_VERSION)
            return found;
        const char *reason = found ? "it is of another version of the program" : dlerror();
        snprintf(why, size, "%s: %s", path, reason ? reason : "it cannot be loaded");
        return NULL;
    }
    snprintf(why, size,
             "mobilenet-mpi.so is not beside the program: it was built without MPI (Debian: libopenmpi-dev)");
    return NULL;
}

int cli_ranks_open(const cli_call *call, const mn_comm **comm)
{
    char why[PATH_MAX + 512];
    mn_error err;
    *comm = NULL;
    if (cli_ranks_started() < 2)
        return CLI_DONE;
    if (cli_ranks_other())
        cli_output_mute();
    module = load(call->program, why, sizeof why);
    if (!module)
        return cli_fail("%d processes were started together, but they cannot share the work: %s", cli_ranks_started(),
                        cli_clean(why));
    if (module->open(&joined, &err) != MN_OK) {
        module = NULL;
        return cli_fail_status(&err);
    }
    if (joined.size > 1)
        *comm = &joined;
    return CLI_DONE;
}

void cli_ranks_close(void)
{
    if (module)
        module->close();
    module = NULL;
}

/* What a rank says to the others. */
typedef struct verdict {
    int32_t code;
    char words[1020];
} verdict;

int cli_ranks_agree(const mn_comm *comm, int code)
{
    mn_error err;
    if (!comm)
        return code;
    verdict *all = cli_alloc((size_t)comm->size, sizeof *all), own = {.code = code};
    snprintf(own.words, sizeof own.words, "%s", cli_output_last());
    if (comm->gather(comm->context, &own, sizeof own, all, &err) != MN_OK)
        code = cli_fail_status(&err);
    for (int32_t r = 0; r < comm->size && code == CLI_DONE; r++) {
        code = all[r].code;
        all[r].words[sizeof all[r].words - 1] = '\0';
        if (code != CLI_DONE && comm->rank == 0)
            cli_fail("rank %d: %s", r, cli_clean(all[r].words));
    }
    free(all);
    return code;
}

int32_t cli_ranks_threads(int64_t threads)
{
    int32_t here = number_of("OMPI_COMM_WORLD_LOCAL_SIZE", 1), own = mn_cpu_processors();
    if (threads > 0 || cli_ranks_started() < 2)
        return (int32_t)threads;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    int32_t share = online > 0 && here > 0 ? (int32_t)online / here : 1;
    share = share < 1 ? 1 : share;
    return own < share ? own : share;
}
