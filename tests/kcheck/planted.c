/* Wrong kernels, each wrong in one way that has been seen in the wild; kcheck must catch every one. Those that touch
 * memory beyond the contract die at the guard page, in a child process.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kcheck/kcheck.h"
#include "kcheck/planted.h"

extern const mn_gemm_kernel mn_gemm_f32_8x16_reference;
extern const mn_dwconv_kernel mn_dwconv_f32_reference;
extern const mn_pool_kernel mn_pool_f32_reference;
extern const mn_softmax_kernel mn_softmax_f32_reference;

static volatile float sink;

static void gemm_forgets_last_row(const mn_gemm_args *args)
{
    mn_gemm_args less = *args;
    less.m = args->m > 8 ? args->m - args->m % 8 : args->m;
    mn_gemm_f32_8x16_reference.run(&less);
}

static void gemm_ignores_bias(const mn_gemm_args *args)
{
    mn_gemm_args other = *args;
    other.bias = NULL;
    mn_gemm_f32_8x16_reference.run(&other);
}

static void gemm_slightly_off(const mn_gemm_args *args)
{
    mn_gemm_f32_8x16_reference.run(args);
    for (int32_t i = 0; i < args->m; i++)
        args->c[i * args->c_row_stride + args->n - 1] *= 1 + 1e-4f;
}

static void gemm_reads_a_vector_of_a(const mn_gemm_args *args)
{
    mn_gemm_f32_8x16_reference.run(args);
    const float *last = args->a + (args->m - 1) / args->group_rows * args->group_stride +
                        (args->m - 1) % args->group_rows * args->row_stride +
                        (args->segments - 1) * args->segment_stride + (args->k - 1) * args->k_stride;
    sink = last[7];
}

static void gemm_writes_whole_vectors(const mn_gemm_args *args)
{
    mn_gemm_f32_8x16_reference.run(args);
    float *end = args->c + (args->m - 1) * args->c_row_stride + args->n;
    *(volatile float *)end = 0;
}

static void gemm_turns_nan_to_zero(const mn_gemm_args *args)
{
    mn_gemm_f32_8x16_reference.run(args);
    for (int32_t i = 0; i < args->m; i++)
        for (int32_t j = 0; j < args->n; j++) {
            float *c = &args->c[i * args->c_row_stride + j];
            *c = *c == *c ? *c : args->low;
        }
}

static void gemm_depends_on_the_cut(const mn_gemm_args *args)
{
    mn_gemm_f32_8x16_reference.run(args);
    if (args->m > 1)
        args->c[0] += args->c[0] * 0x1p-23f;
}

static void dwconv_pads_wrong_side(const mn_dwconv_args *args)
{
    mn_dwconv_args other = *args;
    other.pad_left = args->pad_left == 1 ? 0 : args->pad_left;
    mn_dwconv_f32_reference.run(&other);
}

static void dwconv_forgets_channel_tail(const mn_dwconv_args *args)
{
    mn_dwconv_f32_reference.run(args);
    if (args->channels % 8 != 0)
        args->out[args->channels - 1] = 0;
}

static void dwconv_reads_past_the_map(const mn_dwconv_args *args)
{
    mn_dwconv_f32_reference.run(args);
    sink = args->in[(size_t)args->in_height * (size_t)args->in_width * (size_t)args->channels + 1];
}

static void pool_forgets_last_pixel(const mn_pool_args *args)
{
    mn_pool_args less = *args;
    less.pixels = args->pixels > 1 ? args->pixels - 1 : 1;
    mn_pool_f32_reference.run(&less);
}

static void softmax_without_maximum(const float *in, float *out, int32_t count)
{
    float shifted[2048];
    for (int32_t i = 0; i < count; i++)
        shifted[i] = in[i] < 80 ? in[i] : 80;
    mn_softmax_f32_reference.run(shifted, out, count);
}

static const struct planted {
    const char *name;
    mn_kernel_op op;
    void (*gemm)(const mn_gemm_args *args);
    void (*dwconv)(const mn_dwconv_args *args);
    void (*winograd)(const mn_winograd_args *args); /* input or output, as `input` says */
    bool input;
    void (*check)(kcheck_result *result); /* checks a wrong kernel of its own */
} faults[] = {
    {"a gemm that forgets the last rows", MN_KERNEL_gemm, .gemm = gemm_forgets_last_row},
    {"a gemm that ignores the bias", MN_KERNEL_gemm, .gemm = gemm_ignores_bias},
    {"a gemm whose last column is off by 1e-4", MN_KERNEL_gemm, .gemm = gemm_slightly_off},
    {"a gemm that reads a vector past A", MN_KERNEL_gemm, .gemm = gemm_reads_a_vector_of_a},
    {"a gemm that writes past C", MN_KERNEL_gemm, .gemm = gemm_writes_whole_vectors},
    {"a gemm that turns NaN into a number", MN_KERNEL_gemm, .gemm = gemm_turns_nan_to_zero},
    {"a gemm whose bits depend on the cut", MN_KERNEL_gemm, .gemm = gemm_depends_on_the_cut},
    {"a dwconv that pads the wrong side", MN_KERNEL_dwconv, .dwconv = dwconv_pads_wrong_side},
    {"a dwconv that forgets the channel tail", MN_KERNEL_dwconv, .dwconv = dwconv_forgets_channel_tail},
    {"a dwconv that reads past the map", MN_KERNEL_dwconv, .dwconv = dwconv_reads_past_the_map},
    {"a pool that forgets the last pixel", MN_KERNEL_pool, .gemm = NULL},
    {"a softmax without the maximum", MN_KERNEL_softmax, .gemm = NULL},
    {"a Winograd input with two planes swapped", MN_KERNEL_winograd, .winograd = planted_input_swaps_planes,
     .input = true},
    {"a Winograd input that reads past the map", MN_KERNEL_winograd, .winograd = planted_input_reads_past_the_map,
     .input = true},
    {"a Winograd input that ignores the padding", MN_KERNEL_winograd, .winograd = planted_input_ignores_padding,
     .input = true},
    {"a Winograd output that forgets the bias", MN_KERNEL_winograd, .winograd = planted_output_ignores_bias},
    {"a Winograd output that writes whole tiles at the edge", MN_KERNEL_winograd,
     .winograd = planted_output_writes_past_edge},
    {"a Winograd output with the wrong sign in A", MN_KERNEL_winograd, .winograd = planted_output_with_wrong_sign},
};

static int64_t failures_of(const struct planted *fault)
{
    kcheck_result result = {0};
    mn_gemm_kernel gemm = mn_gemm_f32_8x16_reference;
    mn_dwconv_kernel dwconv = mn_dwconv_f32_reference;
    mn_pool_kernel pool = {.name = "planted", .run = pool_forgets_last_pixel};
    mn_softmax_kernel softmax = {.name = "planted", .run = softmax_without_maximum};
    mn_winograd_kernel winograd = {.name = "planted", .input = planted_plain_input, .output = planted_plain_output};
    if (fault->check) {
        fault->check(&result);
        return result.failures;
    }
    switch (fault->op) {
    case MN_KERNEL_gemm:
        gemm.run = fault->gemm;
        kcheck_gemm(&gemm, &result);
        break;
    case MN_KERNEL_pool:
        kcheck_pool(&pool, &result);
        break;
    case MN_KERNEL_softmax:
        kcheck_softmax(&softmax, &result);
        break;
    case MN_KERNEL_winograd:
        if (fault->input)
            winograd.input = fault->winograd;
        else if (fault->winograd)
            winograd.output = fault->winograd;
        kcheck_winograd(&winograd, &result);
        break;
    default:
        dwconv.run = fault->dwconv;
        kcheck_dwconv(&dwconv, &result);
        break;
    }
    return result.failures;
}

/* Whether the check sees the fault: fails, or dies in its child process. */
static bool catches(const struct planted *fault)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr)) /* a sanitizer's report would only confuse */
            _exit(2);
        _exit(failures_of(fault) > 0 ? 1 : 0);
    }
    int status = 0;
    bool caught = child > 0 && waitpid(child, &status, 0) == child && status != 0 &&
                  !(WIFEXITED(status) && WEXITSTATUS(status) == 2);
    printf("%s  %s\n", caught ? "caught " : "ESCAPED", fault->name);
    return caught;
}

int kcheck_planted(void)
{
    int escaped = 0;
    const struct planted plain[] = {{"the plain Winograd", .op = MN_KERNEL_winograd},
                                    {planted_stem_plain.name, .check = planted_stem_plain.check}};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (failures_of(&plain[i]) > 0) {
            printf("WRONG    %s, which the wrong ones are made from\n", plain[i].name);
            escaped++;
        }
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        escaped += !catches(&faults[i]);
    const planted_check *const lists[] = {planted_bf16_faults, planted_stem_faults};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (const planted_check *f = lists[i]; f->name; f++)
            escaped += !catches(&(struct planted){.name = f->name, .check = f->check});
    return escaped;
}
