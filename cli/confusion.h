/* What was taken for what. */
#ifndef CLI_CONFUSION_H
#define CLI_CONFUSION_H

#include <jansson.h>

#include "evaluate.h"

/* A table for up to 20 classes, else the most frequent confusions; on stdout. */
void cli_confusion_print(const cli_evaluation *e);
/* [{"class", "label", "predicted", "predicted_label", "count"}, ...]: every pair that occurs, right ones too, by class. */
json_t *cli_confusion_json(const cli_evaluation *e);
/* The matrix as CSV, with labels in the first row and column; false, with errno, on failure. */
bool cli_confusion_write(const cli_evaluation *e, const char *path);

#endif
