/* Memory that a training kernel asks for ahead (mn_ahead in train_kernels.h). */
#ifndef MN_KERNELS_X86_TRAIN_AHEAD_H
#define MN_KERNELS_X86_TRAIN_AHEAD_H

#include <immintrin.h>

#include "kernels/train_kernels.h"
#include "kernels/unroll.h"

/* Asks for the next `count` lines, into the second-level cache: what fills the first is in use. */
/* A call here would cost a product its registers, so it is always inlined. */
MN_INLINE void mn_ahead_take(mn_ahead *ahead, int32_t count)
{
    while (count > 0 && ahead->part < ahead->count) {
        struct mn_ahead_part *part = &ahead->parts[ahead->part];
        int32_t rest = part->run - ahead->line, some = count < rest ? count : rest;
        const char *at = part->at + (size_t)ahead->line * 64;
        for (int32_t i = 0; i < some; i++)
            _mm_prefetch(at + (size_t)i * 64, _MM_HINT_T1);
        count -= some;
        ahead->line += some;
        if (ahead->line == part->run) {
            ahead->line = 0;
            part->at += part->stride;
            if (--part->runs == 0)
                ahead->part++;
        }
    }
}

/* Lines to ask for in each of `steps` steps so that all have been. */
static inline int32_t mn_ahead_rate(const mn_ahead *ahead, int64_t steps)
{
    return ahead && steps > 0 ? (int32_t)((ahead->lines + steps - 1) / steps) : 0;
}

#endif
