/* Wrong kernels of bfloat16, made from the references. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcheck/planted.h"

extern const mn_gemm_kernel mn_gemm_bf16_8x16_reference;
extern const mn_dwconv_kernel mn_dwconv_bf16_reference;
extern const mn_pool_kernel mn_pool_bf16_reference;

static volatile mn_bf16 sink;

static mn_bf16 truncate(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (mn_bf16)(bits >> 16);
}

static void check_gemm(void (*run)(const mn_gemm_args *args), kcheck_result *result)
{
    mn_gemm_kernel gemm = mn_gemm_bf16_8x16_reference;
    gemm.run = run;
    kcheck_gemm_bf16(&gemm, result);
}

static void truncating(const mn_gemm_args *args)
{
    mn_gemm_args wide = *args;
    if (args->float_c) {
        mn_gemm_bf16_8x16_reference.run(args);
        return;
    }
    wide.float_c = true;
    wide.c_row_stride = args->n;
    float *c = wide.c = malloc((size_t)args->m * (size_t)args->n * sizeof *c);
    mn_gemm_bf16_8x16_reference.run(&wide);
    for (int32_t i = 0; i < args->m; i++)
        for (int32_t j = 0; j < args->n; j++)
            args->c16[i * args->c_row_stride + j] = truncate(c[i * args->n + j]);
    free(c);
}

static void gemm_truncates(kcheck_result *result)
{
    check_gemm(truncating, result);
}

static void dropping(const mn_gemm_args *args)
{
    mn_gemm_args even = *args;
    if (args->segments == 1 && args->k > 1)
        even.k -= args->k % 2;
    mn_gemm_bf16_8x16_reference.run(&even);
}

static void gemm_drops_the_odd_k(kcheck_result *result)
{
    check_gemm(dropping, result);
}

static void pairing(const mn_gemm_args *args)
{
    mn_gemm_bf16_8x16_reference.run(args);
    int32_t i = args->m - 1;
    const mn_bf16 *row =
        args->a16 + i / args->group_rows * args->group_stride + i % args->group_rows * args->row_stride;
    sink = row[(args->segments - 1) * args->segment_stride + (args->k + 1) / 2 * 2 - 1];
}

static void gemm_reads_a_pair_past_a(kcheck_result *result)
{
    check_gemm(pairing, result);
}

static void narrowing_bias(const mn_gemm_args *args)
{
    mn_gemm_args other = *args;
    float bias[2048];
    for (int32_t j = 0; args->bias && j < args->n; j++)
        bias[j] = mn_bf16_widen(mn_bf16_round(args->bias[j]));
    other.bias = args->bias ? bias : NULL;
    mn_gemm_bf16_8x16_reference.run(&other);
}

static void gemm_rounds_the_bias(kcheck_result *result)
{
    check_gemm(narrowing_bias, result);
}

static void past_edge(const mn_dwconv_args *args)
{
    mn_dwconv_bf16_reference.run(args);
    size_t pixel = (size_t)(args->in_stride ? args->in_stride : args->channels);
    sink = args->in16[((size_t)args->in_height * (size_t)args->in_width - 1) * pixel + (size_t)args->channels];
}

static void dwconv_reads_past_the_map(kcheck_result *result)
{
    mn_dwconv_kernel dwconv = {.name = "planted", .run = past_edge};
    kcheck_dwconv_bf16(&dwconv, result);
}

static void rounding_weights(const mn_dwconv_args *args)
{
    mn_dwconv_args other = *args;
    size_t count = (size_t)args->kernel_height * (size_t)args->kernel_width * (size_t)args->channels;
    float *weights = malloc(count * sizeof *weights);
    for (size_t i = 0; i < count; i++)
        weights[i] = mn_bf16_widen(mn_bf16_round(args->weights[i]));
    other.weights = weights;
    mn_dwconv_bf16_reference.run(&other);
    free(weights);
}

static void dwconv_rounds_its_weights(kcheck_result *result)
{
    mn_dwconv_kernel dwconv = {.name = "planted", .run = rounding_weights};
    kcheck_dwconv_bf16(&dwconv, result);
}

static void summing_narrow(const mn_pool_args *args)
{
    size_t pixel = (size_t)(args->in_stride ? args->in_stride : args->channels);
    for (int32_t c = args->channel_begin; c < args->channel_end; c++) {
        mn_bf16 sum = 0;
        for (size_t p = 0; p < (size_t)args->pixels; p++)
            sum = mn_bf16_round(mn_bf16_widen(sum) + mn_bf16_widen(args->in16[p * pixel + (size_t)c]));
        args->out16[c] = mn_bf16_round(mn_bf16_widen(sum) / (float)args->pixels);
    }
}

static void pool_sums_in_bfloat16(kcheck_result *result)
{
    mn_pool_kernel pool = {.name = "planted", .run = summing_narrow};
    kcheck_pool_bf16(&pool, result);
}

static void halves_up(const float *in, mn_bf16 *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &in[i], sizeof bits);
        out[i] = (mn_bf16)(isnan(in[i]) ? 0x7fc0 : (bits + 0x8000u) >> 16);
    }
}

static void narrow_rounds_halves_up(kcheck_result *result)
{
    mn_narrow_kernel narrow = {.name = "planted", .run = halves_up};
    kcheck_narrow(&narrow, result);
}

const planted_check planted_bf16_faults[] = {
    {"a bfloat16 gemm that truncates", gemm_truncates},
    {"a bfloat16 gemm that drops the last of an odd k", gemm_drops_the_odd_k},
    {"a bfloat16 gemm that reads a pair past A", gemm_reads_a_pair_past_a},
    {"a bfloat16 gemm that rounds the bias", gemm_rounds_the_bias},
    {"a bfloat16 dwconv that reads past the map", dwconv_reads_past_the_map},
    {"a bfloat16 dwconv that rounds its weights", dwconv_rounds_its_weights},
    {"a bfloat16 pool that sums in bfloat16", pool_sums_in_bfloat16},
    {"a rounding of halves up", narrow_rounds_halves_up},
    {NULL, NULL},
};
