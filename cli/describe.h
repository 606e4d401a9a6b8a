/* Parts of a description that other commands print too. */
#ifndef CLI_DESCRIBE_H
#define CLI_DESCRIBE_H

#include <jansson.h>

#include "mobilenet/model.h"

/* {"family", "alpha", "height", ...}: the fields of the description. */
json_t *cli_json_arch(const mn_arch *arch);
/* {"crop", "resize", "mean", ...}. */
json_t *cli_json_preprocess(const mn_preprocess *record, int32_t channels);
/* {"name": ..., ...}: the free texts of a model. */
json_t *cli_json_info(const mn_model *model);

/* "central crop 0.875, tf1-bilinear, (pixel - 127.5) / 127.5". One static buffer. */
const char *cli_preprocess_words(const mn_preprocess *record, int32_t channels);

#endif
