/* Streams, messages and numbers as text. Tables are in table.c, JSON in json.c, progress in progress.c. */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ranks.h"

void cli_output_begin(void)
{
    /* A file opened later must not become stdin, stdout or stderr; a write to a closed one must still fail. */
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
            exit(CLI_FAILED);
    signal(SIGPIPE, SIG_IGN);
}

int cli_output_end(int code)
{
    bool failed = ferror(stdout) != 0;
    errno = 0;
    if (failed) { /* an earlier write failed: once more, for the reason */
        clearerr(stdout);
        putchar('\n');
    }
    if (fflush(stdout) == 0 && fclose(stdout) == 0)
        return failed ? CLI_FAILED : code;
    if (errno != EPIPE) /* a reader that has seen enough (head, a pager) needs no message */
        fprintf(stderr, "mobilenet: the result could not be written: %s\n", strerror(errno));
    return CLI_FAILED;
}

static bool muted;
static char last[1024];

void cli_output_mute(void)
{
    muted = true;
}

bool cli_output_muted(void)
{
    return muted;
}

const char *cli_output_last(void)
{
    return last;
}

void cli_say(const char *format, ...)
{
    va_list args;
    if (muted)
        return;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

int cli_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(last, sizeof last, format, args);
    va_end(args);
    if (muted)
        return CLI_FAILED;
    va_start(args, format);
    fputs("mobilenet: ", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return CLI_FAILED;
}

int cli_fail_status(const mn_error *err)
{
    return cli_fail("%s", cli_clean(err->message));
}

int cli_fail_write(const char *path)
{
    return cli_fail("cannot write '%s': %s", cli_clean(path), strerror(errno));
}

bool cli_close(FILE *file)
{
    int reason = 0;
    if (ferror(file)) { /* an earlier write failed: once more, for the reason */
        fputc('\n', file);
        reason = EIO;
    }
    if (fflush(file) != 0)
        reason = errno;
    if (fclose(file) != 0 && reason == 0)
        reason = errno;
    errno = reason;
    return reason == 0;
}

int cli_misuse(const cli_command *command, const char *format, ...)
{
    va_list args;
    if (cli_ranks_other()) /* all were called alike */
        return CLI_MISUSE;
    va_start(args, format);
    fprintf(stderr, "mobilenet%s%s: ", command ? " " : "", command ? command->name : "");
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nTry: mobilenet%s%s --help\n", command ? " " : "", command ? command->name : "");
    return CLI_MISUSE;
}

void cli_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("mobilenet: ", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(CLI_FAILED);
}

void *cli_alloc(size_t count, size_t size)
{
    void *block = calloc(count ? count : 1, size ? size : 1);
    if (!block)
        cli_die("out of memory: %zu x %zu bytes could not be had", count, size);
    return block;
}

const char *cli_clean(const char *text)
{
    static char buffers[8][1024];
    static int next;
    char *out = buffers[next++ % 8];
    size_t n = 0;
    while (*text && n + 1 < sizeof buffers[0]) {
        const unsigned char c = (unsigned char)*text, next_c = (unsigned char)text[1];
        bool c1 = c == 0xc2 && next_c >= 0x80 && next_c < 0xa0; /* U+0080 to U+009F; terminals obey them, too */
        out[n++] = c == '\n' || c == '\t' ? ' ' : c < 0x20 || c == 0x7f || c1 ? '?' : *text;
        text += c1 ? 2 : 1;
    }
    out[n] = '\0';
    return out;
}

/* Short texts made in turn in one of sixteen places. */
static char *scratch(void)
{
    static char buffers[16][32];
    static int next;
    return buffers[next++ % 16];
}

const char *cli_count(int64_t number)
{
    char digits[24], *out = scratch();
    int length = snprintf(digits, sizeof digits, "%lld", (long long)number), n = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
            out[n++] = ',';
        out[n++] = digits[i];
    }
    out[n] = '\0';
    return out;
}

const char *cli_rate(double rate)
{
    if (rate >= 100)
        return cli_count((int64_t)(rate + 0.5));
    char *out = scratch();
    snprintf(out, 32, "%.3g", rate);
    return out;
}

const char *cli_bytes(int64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    int unit = 0;
    while (value >= 1024 && unit < CLI_COUNT(units) - 1) {
        value /= 1024;
        unit++;
    }
    char *out = scratch();
    snprintf(out, 32, unit == 0 ? "%.0f %s" : "%.2f %s", value, units[unit]);
    return out;
}

const char *cli_duration(double seconds)
{
    char *out = scratch();
    int64_t whole = (int64_t)(seconds + 0.5);
    if (seconds < 10)
        snprintf(out, 32, "%.1f s", seconds);
    else if (whole < 60)
        snprintf(out, 32, "%d s", (int)whole);
    else if (whole < 3600)
        snprintf(out, 32, "%d min %d s", (int)(whole / 60), (int)(whole % 60));
    else
        snprintf(out, 32, "%lld h %02d min", (long long)(whole / 3600), (int)(whole / 60 % 60));
    return out;
}

void cli_say_passed_over(int64_t count, const char *kinds)
{
    if (count > 0)
        cli_say("%s %s%s%s%s %s not looked at", cli_count(count),
                count == 1 ? "file of another kind" : "files of other kinds", *kinds ? " (" : "", cli_clean(kinds),
                *kinds ? ")" : "", count == 1 ? "was" : "were");
}

double cli_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
