/* How a network is run, as options: shared by the commands that make sessions. */
#ifndef CLI_SESSION_OPTIONS_H
#define CLI_SESSION_OPTIONS_H

#include <jansson.h>

#include "command.h"
#include "mobilenet/session.h"

#define CLI_RUN_TITLE "Running"

/* For commands that run: threads, level, precision. */
typedef struct cli_run {
    int64_t threads;
    const char *level, *precision;
} cli_run;

/* For commands that describe and time sessions: a batch size too. */
typedef struct cli_session {
    cli_run run;
    int64_t batch;
} cli_session;

extern const cli_option cli_run_options[];     /* [3] */
extern const cli_option cli_session_options[]; /* [1] */
#define CLI_RUN_GROUP(offset)                                                                                          \
    {                                                                                                                  \
        CLI_RUN_TITLE, cli_run_options, 3, offset                                                                      \
    }
#define CLI_SESSION_GROUPS(at)                                                                                         \
    {CLI_RUN_TITLE, cli_run_options, 3, (at) + offsetof(cli_session, run)},                                            \
    {                                                                                                                  \
        "Batch", cli_session_options, 1, at                                                                            \
    }

/* The values as session options; a level above this processor's is lowered to it, with a word on stderr, and one
 * that only adds kernels of bfloat16 to that of float32's kernels where the precision is float32. */
mn_session_options cli_run_get(const cli_run *values);
mn_session_options cli_session_get(const cli_session *values);
const char *cli_precision_name(const mn_session_options *options); /* "float32", "bfloat16" */
/* "1 thread", "2 threads", "all processors"; one static buffer. */
const char *cli_threads_words(const mn_session_options *options);
json_t *cli_json_session(const mn_session_options *options);

#endif
