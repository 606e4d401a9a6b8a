/* The samples of a run: which of a data set's images take part, their pixels (decoded once and kept where they fit),
 * and the plain way from pixels to input.
 */
#ifndef MN_TRAIN_STORE_H
#define MN_TRAIN_STORE_H

#include "mobilenet/dataset.h"
#include "mobilenet/net.h"
#include "train/group.h"

typedef struct mn_store mn_store;

/* What was wrong with an image that is left out. */
typedef void mn_store_skip(void *context, const char *what, const char *why);

typedef struct mn_store_options {
    int32_t height, width, channels; /* of the input */
    int32_t classes;
    mn_preprocess preprocess;
    size_t pixel_bytes; /* decoded images are kept up to about this many bytes; beyond, they are decoded at every use */
    int32_t threads;    /* for decoding */
    bool strict;        /* an image that cannot be decoded is an error, not left out */
    mn_store_skip *skip;
    void *context;
    mn_group *group; /* ranks that learn together: each decodes a part, all leave out the same; must outlive it */
} mn_store_options;

/* Decodes samples `index` [count] of the data set, which must outlive the store. Errors: those of decoding where
 * strict, MN_ERROR_OUT_OF_MEMORY, MN_ERROR_ARGUMENT where a label is beyond the classes; the same on all ranks. */
mn_status mn_store_open(const mn_dataset *dataset, const int64_t *index, int64_t count, const mn_store_options *options,
                        mn_store **store, mn_error *err);
void mn_store_close(mn_store *store);

int64_t mn_store_size(const mn_store *store);
int32_t mn_store_label(const mn_store *store, int64_t sample);
const mn_store_options *mn_store_get_options(const mn_store *store);

/* The pixels of a sample; *owned where the caller must destroy them. Thread-safe. */
mn_status mn_store_pixels(const mn_store *store, int64_t sample, mn_image **image, bool *owned, mn_error *err);

/* The input [height, width, channels] as mn_preprocess_apply makes it. Thread-safe. */
mn_status mn_store_plain(const mn_store *store, int64_t sample, float *input, mn_error *err);

#endif
