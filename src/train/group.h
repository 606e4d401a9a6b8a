/* A rank among those that share a run. Every message carries its sender's state, so that a failure or the wish to stop is
 * known to all ranks from the same message on, and all leave at the same point: agreement costs no message of its own.
 *
 * With one process (comm NULL or of size 1) nothing is sent and every function is immediate.
 */
#ifndef MN_TRAIN_GROUP_H
#define MN_TRAIN_GROUP_H

#include <stdbool.h>

#include "base/status.h"
#include "mobilenet/comm.h"

/* What precedes the payload of every message. */
typedef struct mn_group_state {
    double loss; /* of the sender's part of the batch */
    int32_t correct;
    int32_t status; /* mn_status of what the sender has met so far */
    int32_t stop;   /* whether it was asked to stop */
    int32_t unused[11];
} mn_group_state; /* 64 bytes: payloads stay aligned */

typedef struct mn_group {
    const mn_comm *comm; /* NULL: alone */
    int32_t rank, size;
    mn_group_state state;   /* what this rank says next */
    mn_error err;           /* where state.status is not MN_OK: why */
    bool stop_agreed;       /* a rank was asked to stop, and all know */
    bool ended;             /* all know of a failure, or the others are lost: nothing is sent any more */
    char *send, *receive;   /* [size][sizeof(mn_group_state) + capacity] each */
    size_t capacity, bytes; /* of a payload: at most, and in the message at hand */
} mn_group;

/* comm may be NULL. `capacity`: bytes of the largest payload. */
mn_status mn_group_open(const mn_comm *comm, size_t capacity, mn_group *group, mn_error *err);
void mn_group_close(mn_group *group);
/* Bytes that mn_group_open allocates. */
size_t mn_group_bytes(const mn_comm *comm, size_t capacity);

static inline bool mn_group_alone(const mn_group *group)
{
    return group->size == 1;
}

/* Remembers a failure of this rank, to be told with its next message. The first one counts. */
void mn_group_fail(mn_group *group, const mn_error *err);

/* Payload that this rank sends next: to all (part 0) or to rank `part`. */
void *mn_group_payload(mn_group *group, int32_t part, size_t bytes);
/* Sends payload 0 to all, or payload r to rank r. Returns MN_OK, or the failure that ends the run: the same on all ranks,
 * with the words of the lowest rank that failed. */
mn_status mn_group_gather(mn_group *group, size_t bytes, mn_error *err);
mn_status mn_group_exchange(mn_group *group, size_t bytes, mn_error *err);
/* What came from a rank in the last message. */
const mn_group_state *mn_group_state_of(const mn_group *group, int32_t rank);
const void *mn_group_received(const mn_group *group, int32_t rank);

/* Where ranks did work of their own: `status` (and *err) of this rank in, what all agree on out. */
mn_status mn_group_agree(mn_group *group, mn_status status, mn_error *err);
/* `data` of rank 0 replaces that of the others; any size. */
mn_status mn_group_share(mn_group *group, void *data, size_t bytes, mn_error *err);
/* `all` [size][bytes]: each rank has filled its own place, then all of it is everywhere. */
mn_status mn_group_collect(mn_group *group, size_t bytes, void *all, mn_error *err);

/* `count` things are shared in blocks of mn_group_block: rank r has those from mn_group_first(r) to mn_group_first(r + 1).
 * An array of size * mn_group_block of them is what mn_group_collect fills. */
static inline int64_t mn_group_block(const mn_group *group, int64_t count)
{
    return (count + group->size - 1) / group->size;
}
static inline int64_t mn_group_first(const mn_group *group, int64_t count, int32_t rank)
{
    int64_t first = mn_group_block(group, count) * rank;
    return first < count ? first : count;
}

#endif
