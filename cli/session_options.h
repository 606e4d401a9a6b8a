/* How a network is run, as options: shared by the commands that make sessions. */
#ifndef CLI_SESSION_OPTIONS_H
#define CLI_SESSION_OPTIONS_H

#include <jansson.h>

#include "command.h"
#include "mobilenet/session.h"

typedef struct cli_session {
    int64_t batch, threads;
    const char *level, *precision;
} cli_session;

extern const cli_option cli_session_options[];
#define CLI_SESSION_OPTION_COUNT 4
#define CLI_SESSION_GROUP(offset)                                                                                      \
    {                                                                                                                  \
        "Running", cli_session_options, CLI_SESSION_OPTION_COUNT, offset                                               \
    }

/* The values as session options; a level above this processor's is lowered to it, with a word on stderr. */
mn_session_options cli_session_get(const cli_session *values);
/* "1 thread", "2 threads", "all processors"; one static buffer. */
const char *cli_threads_words(const mn_session_options *options);
json_t *cli_json_session(const mn_session_options *options);

#endif
