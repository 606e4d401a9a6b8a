/* TensorBoard event files: scalars by step. */
#ifndef CLI_TRAIN_EVENTS_H
#define CLI_TRAIN_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct cli_events cli_events;

/* Opens FOLDER/events.out.tfevents.mobilenet, making the folder where it is absent; `append` goes on with the file. NULL
 * where it cannot be written. */
cli_events *cli_events_open(const char *folder, bool append);
/* One scalar. A failure to write is remembered. */
void cli_events_scalar(cli_events *events, const char *tag, int64_t step, double value);
/* Returns false, with errno, where anything could not be written. NULL is allowed. */
bool cli_events_close(cli_events *events);

#endif
