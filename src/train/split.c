/* The held-out part: of each class, the images with the smallest random numbers. */
#include "train/split.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/status.h"
#include "train/streams.h"

typedef struct ticket {
    uint32_t number;
    int64_t index;
    int32_t label;
} ticket;

static int by_class_then_number(const void *a, const void *b)
{
    const ticket *x = a, *y = b;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

/* Marks the held-out samples. tickets are sorted. */
static void mark(const ticket *tickets, int64_t count, double share, bool *held)
{
    for (int64_t first = 0, end; first < count; first = end) {
        for (end = first; end < count && tickets[end].label == tickets[first].label; end++)
            continue;
        int64_t n = end - first, out = (int64_t)((double)n * share);
        if (share > 0 && out == 0 && n > 1)
            out = 1;
        for (int64_t i = first; i < first + out; i++)
            held[tickets[i].index] = true;
    }
}

mn_status mn_split_samples(const mn_dataset *dataset, double share, uint64_t seed, int64_t **index,
                           int64_t *train_count, mn_error *err)
{
    int64_t count = mn_dataset_size(dataset), next = 0;
    ticket *tickets = mn_calloc((size_t)count, sizeof *tickets);
    bool *held = mn_calloc((size_t)count, sizeof *held);
    int64_t *result = mn_calloc((size_t)count, sizeof *result);
    mn_status status = MN_OK;
    if (!tickets || !held || !result) {
        status = mn_fail_memory(err, (size_t)count * sizeof *tickets, "the choice of held-out samples");
        goto done;
    }
    for (int64_t i = 0; i < count; i++)
        tickets[i] = (ticket){mn_rng_u32(seed, MN_STREAM_SPLIT, (uint64_t)i), i, mn_dataset_label(dataset, i)};
    qsort(tickets, (size_t)count, sizeof *tickets, by_class_then_number);
    mark(tickets, count, share, held);
    for (int part = 0; part < 2; part++) {
        for (int64_t i = 0; i < count; i++)
            if (held[i] == (part == 1))
                result[next++] = i;
        if (part == 0)
            *train_count = next;
    }
    *index = result;
    result = NULL;
done:
    free(result);
    free(held);
    free(tickets);
    return status;
}
