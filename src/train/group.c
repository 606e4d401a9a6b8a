/* Messages between ranks, each with its sender's state in front: see train/group.h. */
#include "train/group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define STATE_BYTES sizeof(mn_group_state)
_Static_assert(sizeof(mn_group_state) == 64, "payloads are aligned");

static size_t message_bytes(size_t payload)
{
    return STATE_BYTES + mn_size_align(payload);
}

size_t mn_group_bytes(const mn_comm *comm, size_t capacity)
{
    return comm && comm->size > 1 ? 2 * (size_t)comm->size * message_bytes(capacity) : 0;
}

mn_status mn_group_open(const mn_comm *comm, size_t capacity, mn_group *group, mn_error *err)
{
    *group = (mn_group){.size = 1, .capacity = capacity};
    if (!comm || comm->size == 1)
        return MN_OK;
    if (comm->size < 1 || comm->size > 4096 || comm->rank < 0 || comm->rank >= comm->size)
        return mn_fail(err, MN_ERROR_ARGUMENT, "rank %d of %d ranks; there may be 1 to 4096", comm->rank, comm->size);
    group->comm = comm;
    group->rank = comm->rank;
    group->size = comm->size;
    size_t bytes = mn_group_bytes(comm, capacity) / 2;
    group->send = mn_alloc_aligned(bytes);
    group->receive = mn_alloc_aligned(bytes);
    if (!group->send || !group->receive) {
        mn_group_close(group);
        return mn_fail_memory(err, 2 * bytes, "messages between ranks");
    }
    memset(group->send, 0, bytes);
    return MN_OK;
}

void mn_group_close(mn_group *group)
{
    free(group->send);
    free(group->receive);
    group->send = group->receive = NULL;
}

void mn_group_fail(mn_group *group, const mn_error *err)
{
    if (group->state.status != MN_OK)
        return;
    group->err = *err;
    group->state.status = err->status != MN_OK ? (int32_t)err->status : MN_ERROR_ARGUMENT;
}

void *mn_group_payload(mn_group *group, int32_t part, size_t bytes)
{
    return group->send + (size_t)part * message_bytes(bytes) + STATE_BYTES;
}

const mn_group_state *mn_group_state_of(const mn_group *group, int32_t rank)
{
    return (const mn_group_state *)(const void *)(group->receive + (size_t)rank * message_bytes(group->bytes));
}

const void *mn_group_received(const mn_group *group, int32_t rank)
{
    return group->receive + (size_t)rank * message_bytes(group->bytes) + STATE_BYTES;
}

/* Nothing is sent any more; *err says why. */
static mn_status end(mn_group *group, mn_status status, const mn_error *why, mn_error *err)
{
    group->ended = true;
    if (why != &group->err)
        group->err = *why;
    group->state.status = (int32_t)status;
    if (err)
        *err = group->err;
    return status;
}

/* All know that a rank has failed: its words go to all. */
static mn_status settle(mn_group *group, int32_t failed, mn_error *err)
{
    mn_error *all = mn_calloc((size_t)group->size, sizeof *all), own = group->err, lost;
    if (!all) {
        mn_fail_memory(&own, (size_t)group->size * sizeof *all, "the words of other ranks");
        return end(group, MN_ERROR_OUT_OF_MEMORY, &own, err);
    }
    mn_status status = group->comm->gather(group->comm->context, &own, sizeof own, all, &lost);
    if (status == MN_OK) {
        own = all[failed];
        own.message[sizeof own.message - 1] = 0;
        status = own.status;
        if (failed > 0) {
            char prefix[32];
            snprintf(prefix, sizeof prefix, "rank %d", failed);
            mn_fail_prefix(&own, status, prefix);
        }
    } else {
        own = lost;
    }
    free(all);
    return end(group, status, &own, err);
}

/* Reads the states of the message that came. */
static mn_status hear(mn_group *group, mn_status status, const mn_error *lost, mn_error *err)
{
    if (status != MN_OK)
        return end(group, status, lost, err);
    for (int32_t r = 0; r < group->size; r++)
        group->stop_agreed = group->stop_agreed || mn_group_state_of(group, r)->stop;
    for (int32_t r = 0; r < group->size; r++)
        if (mn_group_state_of(group, r)->status != MN_OK)
            return settle(group, r, err);
    return MN_OK;
}

static mn_status ended(const mn_group *group, mn_error *err)
{
    if (err)
        *err = group->err;
    return (mn_status)group->state.status;
}

mn_status mn_group_gather(mn_group *group, size_t bytes, mn_error *err)
{
    mn_error lost;
    if (group->ended)
        return ended(group, err);
    group->bytes = bytes;
    memcpy(group->send, &group->state, STATE_BYTES);
    mn_status status =
        group->comm->gather(group->comm->context, group->send, message_bytes(bytes), group->receive, &lost);
    return hear(group, status, &lost, err);
}

mn_status mn_group_exchange(mn_group *group, size_t bytes, mn_error *err)
{
    mn_error lost;
    if (group->ended)
        return ended(group, err);
    group->bytes = bytes;
    for (int32_t r = 0; r < group->size; r++)
        memcpy(group->send + (size_t)r * message_bytes(bytes), &group->state, STATE_BYTES);
    mn_status status =
        group->comm->exchange(group->comm->context, group->send, message_bytes(bytes), group->receive, &lost);
    return hear(group, status, &lost, err);
}

mn_status mn_group_agree(mn_group *group, mn_status status, mn_error *err)
{
    if (mn_group_alone(group))
        return status;
    if (status != MN_OK && !group->ended) {
        mn_error own = {.status = status, .offset = -1};
        mn_group_fail(group, err ? err : &own);
    }
    return mn_group_gather(group, 0, err);
}

mn_status mn_group_share(mn_group *group, void *data, size_t bytes, mn_error *err)
{
    mn_error lost;
    if (mn_group_alone(group))
        return MN_OK;
    if (group->ended)
        return ended(group, err);
    mn_status status = group->comm->share(group->comm->context, data, bytes, &lost);
    return status == MN_OK ? MN_OK : end(group, status, &lost, err);
}

mn_status mn_group_collect(mn_group *group, size_t bytes, void *all, mn_error *err)
{
    mn_error lost;
    if (mn_group_alone(group))
        return MN_OK;
    if (group->ended)
        return ended(group, err);
    const char *mine = (const char *)all + (size_t)group->rank * bytes;
    mn_status status = group->comm->gather(group->comm->context, mine, bytes, all, &lost);
    return status == MN_OK ? MN_OK : end(group, status, &lost, err);
}
