/* A cold start: this program again, as a new process, with `bench --once --model FILE`; timed from before the fork to
 * the first byte of its answer. The file is in the page cache, as it is for a program that is used often.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "output.h"

#define STARTS 9

int cli_bench_once(const cli_bench *b)
{
    const mn_arch *arch = &mn_model_net(b->model)->arch;
    size_t elements = (size_t)arch->height * (size_t)arch->width * (size_t)arch->channels;
    mn_session_options options = b->options;
    mn_session *session = NULL;
    mn_prediction best;
    mn_error err;
    float *input = cli_alloc(elements, sizeof(float)), *output = cli_alloc((size_t)arch->classes, sizeof(float));
    int code = CLI_DONE;
    options.batch = 1;
    if (mn_session_create(b->model, &options, &session, &err) != MN_OK ||
        mn_session_run(session, input, 1, output, &err) != MN_OK) {
        code = cli_fail_status(&err);
    } else {
        const char *label;
        mn_top_k(output, arch->classes, 1, &best);
        label = mn_model_label(b->model, best.class_index);
        printf("%d %s\n", best.class_index, label ? cli_clean(label) : "");
        fflush(stdout);
    }
    mn_session_destroy(session);
    free(input);
    free(output);
    return code;
}

static _Noreturn void become_child(const cli_bench *b, const char *program, const char *model, int out)
{
    char threads[16];
    const char *argv[16] = {program,     "bench", "--once", "--model", model, "--level", mn_cpu_level_name(b->level),
                            "--threads", threads, NULL};
    snprintf(threads, sizeof threads, "%d", b->threads);
    if (b->options.precision == MN_PRECISION_BFLOAT16) {
        argv[9] = "--precision";
        argv[10] = "bfloat16";
        argv[11] = NULL;
    }
    int quiet = open("/dev/null", O_WRONLY); /* what there is to say, this process has said */
    if (dup2(quiet, STDERR_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0) {
        execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
        execvp(program, (char *const *)(uintptr_t)argv);
    }
    _exit(127);
}

/* Seconds from before the fork to the first byte; below zero where the child said nothing. */
static double time_start(const cli_bench *b, const char *program, const char *model)
{
    int pipes[2], status;
    char byte;
    if (pipe(pipes) != 0)
        return -1;
    double start = cli_seconds(), seconds = -1;
    pid_t child = fork();
    if (child == 0) {
        close(pipes[0]);
        become_child(b, program, model, pipes[1]);
    }
    close(pipes[1]);
    if (child > 0) {
        ssize_t got;
        do
            got = read(pipes[0], &byte, 1);
        while (got < 0 && errno == EINTR);
        seconds = cli_seconds() - start;
        while (read(pipes[0], &byte, 1) > 0)
            continue;
        if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0 || got != 1)
            seconds = -1;
    }
    close(pipes[0]);
    return seconds;
}

/* A file of the model where there is none yet; false, having said why, where it cannot be written. */
static bool write_model(const mn_model *model, char *path, size_t size)
{
    const char *folder = getenv("TMPDIR");
    mn_error err;
    snprintf(path, size, "%s/mobilenet-bench-XXXXXX", folder && *folder ? folder : "/tmp");
    int fd = mkstemp(path);
    if (fd < 0) {
        cli_fail("cannot make a file for the cold start, '%s': %s", path, strerror(errno));
        return false;
    }
    close(fd);
    if (mn_model_save(model, path, &err) == MN_OK)
        return true;
    cli_fail_status(&err);
    unlink(path);
    return false;
}

int cli_bench_cold(cli_bench *b, const char *program)
{
    char made[512] = "";
    double times[STARTS];
    const char *path = b->model_path;
    int code = CLI_DONE;
    if (!path) {
        if (!write_model(b->model, made, sizeof made))
            return CLI_FAILED;
        path = made;
    }
    for (int i = 0; i < STARTS && code == CLI_DONE; i++) {
        times[i] = time_start(b, program, path);
        if (times[i] < 0)
            code = cli_fail(
                "the process for the cold start gave no answer; bench --once with the same options may say why");
    }
    if (code == CLI_DONE)
        b->cold_ms = 1e3 * cli_percentile(times, STARTS, 0.5);
    if (*made)
        unlink(made);
    return code;
}
