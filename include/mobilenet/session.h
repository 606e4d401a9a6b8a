/* A session: a model compiled for a batch size, a CPU level and a number of threads. All its memory is one
 * block whose size is known before it is made; running it allocates nothing.
 *
 * A session is used by one thread at a time; sessions in different threads may share a model.
 */
#ifndef MOBILENET_SESSION_H
#define MOBILENET_SESSION_H

#include "mobilenet/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mn_session mn_session;

/* Kernel levels, lowest first; a level contains those below it on the same architecture. */
typedef enum mn_cpu_level {
    MN_CPU_REFERENCE = 0, /* plain C: the definition of every result */
    MN_CPU_AVX2,          /* x86-64 with AVX2 and FMA */
    MN_CPU_AVX512,        /* F, BW, DQ, VL */
    MN_CPU_AVX512_BF16,   /* AVX512_BF16 as well: kernels of bfloat16; float32 is that of the level below */
    MN_CPU_AMX_BF16,      /* AMX tiles of bfloat16, which the system must grant (Linux) */
    MN_CPU_NEON,          /* aarch64 */
    MN_CPU_LEVEL_COUNT
} mn_cpu_level;

/* The best level of this processor that this build has, capped by the environment variable MOBILENET_CPU. */
MN_API mn_cpu_level mn_cpu_best_level(void);
/* Processors that this process may run on, at least 1: what `threads` 0 stands for. */
MN_API int32_t mn_cpu_processors(void);
MN_API const char *mn_cpu_level_name(mn_cpu_level level); /* "reference", "avx2", ... */
MN_API bool mn_cpu_level_parse(const char *word, mn_cpu_level *level);

typedef enum mn_precision {
    MN_PRECISION_FLOAT32 = 0,
    MN_PRECISION_BFLOAT16 /* weights and activations in bfloat16, sums in float32: from MN_CPU_AVX512_BF16 on, and at
                             MN_CPU_REFERENCE, slowly; MN_ERROR_UNSUPPORTED at other levels */
} mn_precision;

typedef struct mn_session_options {
    int32_t batch;          /* images a run, 1..4096; 0 means 1 */
    int32_t threads;        /* 1..256; 0 means the processors available to this process */
    mn_cpu_level max_level; /* capped further by mn_cpu_best_level() */
    mn_precision precision;
    bool keep_layers; /* every layer's output stays readable (mn_session_layer_output): more memory, no fusion */
    bool profile;     /* time every step (mn_session_profile) */
} mn_session_options;

/* batch 1, all processors, best level, float32. */
MN_API mn_session_options mn_session_options_default(void);

/* Bytes of the block that mn_session_create will allocate for a net of this shape: exact. */
MN_API mn_status mn_session_size(const mn_net *net, const mn_session_options *options, size_t *bytes, mn_error *err);

/* Compiles. options may be NULL. The model must outlive the session.
 * Errors: MN_ERROR_ARGUMENT, MN_ERROR_OUT_OF_MEMORY, MN_ERROR_NUMERIC (NaN or infinite weights, bad variance;
 * the message names the tensor), MN_ERROR_UNSUPPORTED, MN_ERROR_LIMIT. */
MN_API mn_status mn_session_create(const mn_model *model, const mn_session_options *options, mn_session **session,
                                   mn_error *err);
MN_API void mn_session_destroy(mn_session *session); /* NULL is allowed */

/* Runs `count` images, 1..batch. input [count, H, W, C] as mn_preprocess_apply makes it; output
 * [count, classes] gets the probabilities (softmax). The two must not overlap. The bits of an image's result
 * do not depend on threads, batch or its place in the batch. */
MN_API mn_status mn_session_run(mn_session *session, const float *input, int32_t count, float *output, mn_error *err);

/* What was compiled. */
MN_API size_t mn_session_bytes(const mn_session *session);
MN_API int32_t mn_session_threads(const mn_session *session);
MN_API mn_cpu_level mn_session_level(const mn_session *session);

/* The output [count, out_h, out_w, out_c] of layer `layer` in the last run; NULL unless keep_layers was set.
 * Valid until the next run. */
MN_API const float *mn_session_layer_output(const mn_session *session, int32_t layer);

/* One step of the compiled program, for `bench --layers`. */
typedef struct mn_step_info {
    int32_t first_layer, last_layer; /* the layers of the net that this step computes */
    const char *kernel;              /* for instance "mn_gemm_f32_6x16_avx2"; static storage */
    const char *note;                /* blocking and fusion in words; owned by the session; never NULL */
    int64_t macs;                    /* of one image */
    double seconds;                  /* of the last run; 0 unless profile was set */
} mn_step_info;
MN_API int32_t mn_session_step_count(const mn_session *session);
MN_API mn_status mn_session_step(const mn_session *session, int32_t index, mn_step_info *info, mn_error *err);

typedef struct mn_prediction {
    int32_t class_index;
    float probability;
} mn_prediction;

/* The k most probable classes, most probable first, ties by lower index; NaN sorts last. Writes min(k, classes)
 * predictions and returns how many. */
MN_API int32_t mn_top_k(const float *probabilities, int32_t classes, int32_t k, mn_prediction *predictions);

/* Peak multiply-add rate of one core with the instructions that `level` has for `precision`, measured now, in GFLOP/s (a
 * multiply-add is two); where it has none for bfloat16, with those for float32. 0 for an unknown precision. Takes about 0.2 s. */
MN_API double mn_cpu_measure_peak(mn_cpu_level level, mn_precision precision);

#ifdef __cplusplus
}
#endif

#endif
