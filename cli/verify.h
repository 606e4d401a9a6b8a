/* Whether two models compute the same. */
#ifndef CLI_VERIFY_H
#define CLI_VERIFY_H

#include <jansson.h>

#include "mobilenet/model.h"

typedef struct cli_verdict {
    int inputs, agreed; /* pictures run; pictures with the same best class */
    double largest;     /* largest difference between two probabilities */
    bool photos;        /* real pictures, or made-up ones */
} cli_verdict;

/* Runs `original` and the file at `path` on the pictures of folder `photos`, or on made-up ones where it is NULL.
 * CLI_DONE where they agree; CLI_FAILED where they do not, or, having said why and with verdict->inputs 0, where they
 * could not be run. */
int cli_verify(const mn_model *original, const char *path, const char *photos, cli_verdict *verdict);

void cli_verdict_print(const cli_verdict *verdict);
json_t *cli_verdict_json(const cli_verdict *verdict);

#endif
