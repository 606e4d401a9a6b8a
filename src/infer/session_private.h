/* The inside of a session, shared by the files of this room. */
#ifndef MN_INFER_SESSION_PRIVATE_H
#define MN_INFER_SESSION_PRIVATE_H

#include "base/pool.h"
#include "infer/plan.h"

struct mn_session {
    mn_plan plan;
    mn_pool *pool;
    int32_t last_count; /* images of the last run */
};

/* Folds, packs and checks the weights of every step into the session's block (src/infer/compile.c). */
mn_status mn_session_compile(mn_session *session, const mn_model *model, mn_error *err);

/* Whether every number is finite. */
bool mn_all_finite(const float *values, size_t count);
bool mn_all_finite_bf16(const mn_bf16 *values, size_t count);

/* Runs one step for `count` images, whose outputs are numbers image..image+count-1 of the stored map (src/infer/run.c). */
void mn_session_run_step(mn_session *session, mn_step *step, const float *input, int32_t image, int32_t count,
                         float *output);

/* Transforms weights [count, 3, 3, IC] times scale [count], those of the output channels from `begin`, a panel's first,
 * into their panels of 16 packed planes, and says whether all are finite; runs a WINOGRAD step for `count`
 * images (src/infer/winograd.c). */
bool mn_winograd_pack(const mn_gemm_kernel *gemm, const mn_layer *layer, int32_t begin, int32_t count,
                      const float *weights, const float *scale, float *packed);
void mn_winograd_run(mn_session *session, const mn_step *step, const float *in, float *out, int32_t count);

/* The float at a byte offset of the block, which starts with the session itself. */
static inline float *mn_session_at(const mn_session *session, uint64_t offset)
{
    return (float *)(void *)((char *)(uintptr_t)session + offset);
}

#endif
