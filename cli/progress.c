/* Progress on stderr. On a terminal one line is redrawn ten times a second at most; elsewhere (a log, a pipe) a plain
 * line is written every ten seconds, so that short work leaves none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

#define BAR_CELLS        24
#define TERMINAL_SECONDS 0.1
#define PLAIN_SECONDS    10.0
#define RATE_SECONDS     30.0

cli_progress cli_progress_begin(const char *what, const char *unit, int64_t total)
{
    const char *term = getenv("TERM");
    double now = cli_seconds();
    bool terminal = isatty(STDERR_FILENO) == 1 && !(term && strcmp(term, "dumb") == 0);
    return (cli_progress){.what = what,
                          .unit = unit,
                          .total = total,
                          .shown = now,
                          .from = {now, 0},
                          .mark = {now, 0},
                          .terminal = terminal};
}

static void draw(cli_progress *p, double now)
{
    if (now - p->mark.time >= RATE_SECONDS) {
        p->from = p->mark;
        p->mark = (struct cli_progress_mark){now, p->done};
    }
    double seconds = now - p->from.time, rate = seconds > 0 ? (double)(p->done - p->from.done) / seconds : 0;
    double left = rate > 0 ? (double)(p->total - p->done) / rate : 0;
    if (p->terminal) {
        int filled = p->total > 0 ? (int)(p->done * BAR_CELLS / p->total) : 0;
        fprintf(stderr, "\r%s [", p->what);
        for (int i = 0; i < BAR_CELLS; i++)
            fputc(i < filled ? '#' : '.', stderr);
        fprintf(stderr, "] ");
    } else {
        fprintf(stderr, "%s: ", p->what);
    }
    fprintf(stderr, "%lld of %lld %s, %s a second, %s left%s", (long long)p->done, (long long)p->total, p->unit,
            cli_rate(rate), rate > 0 ? cli_duration(left) : "?", p->terminal ? "\033[K" : "\n");
    fflush(stderr);
    p->shown = now;
    p->drawn = true;
}

void cli_progress_step(cli_progress *p, int64_t done)
{
    double now = cli_seconds();
    p->done = done;
    if (cli_output_muted())
        return;
    if (now - p->shown >= (p->terminal ? TERMINAL_SECONDS : PLAIN_SECONDS))
        draw(p, now);
}

void cli_progress_end(cli_progress *p)
{
    if (p->terminal && p->drawn)
        fputs("\r\033[K", stderr);
    p->drawn = false;
}
