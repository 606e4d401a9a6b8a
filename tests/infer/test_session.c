/* Sessions against direct loops in double, and what a session promises: the same bits for any threads, batch and
 * place, its size known beforehand, kept layers, refused weights. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "infer/naive.h"
#include "mobilenet/session.h"

static mn_arch small_arch(int32_t height, int32_t width)
{
    mn_arch arch = mn_arch_default();
    arch.alpha = 0.25;
    arch.height = height;
    arch.width = width;
    arch.classes = 13;
    return arch;
}

static mn_session *make(const mn_model *model, mn_session_options options)
{
    mn_session *session = NULL;
    mn_error err;
    if (mn_session_create(model, &options, &session, &err) != MN_OK)
        fail_msg("%s", err.message);
    size_t promised = 0;
    assert_int_equal(mn_session_size(mn_model_net(model), &options, &promised, NULL), MN_OK);
    assert_int_equal(promised, mn_session_bytes(session));
    return session;
}

static mn_session_options options_at(mn_cpu_level level)
{
    mn_session_options options = mn_session_options_default();
    options.max_level = level;
    options.threads = 1;
    return options;
}

static void assert_close(const char *what, const float *got, const double *want, size_t count)
{
    double scale = 0;
    for (size_t i = 0; i < count; i++)
        scale = fmax(scale, fabs(want[i]));
    for (size_t i = 0; i < count; i++)
        if (!(fabs(got[i] - want[i]) <= 2e-5 * scale + 1e-6))
            fail_msg("%s: element %zu is %.9g, must be %.9g", what, i, (double)got[i], want[i]);
}

/* Every layer of one net, and the plain session's output, at every level that this machine has. */
static void check_net(const mn_arch *arch)
{
    mn_model *model = naive_model(arch, 5);
    const mn_net *net = mn_model_net(model);
    size_t pixels = (size_t)arch->height * (size_t)arch->width * (size_t)arch->channels;
    float *input = naive_input(pixels, 9), *output = calloc((size_t)arch->classes, sizeof *output);
    naive_run want = naive_forward(model, input);
    for (int level = 0; level <= (int)mn_cpu_best_level(); level++) {
        mn_session_options options = options_at((mn_cpu_level)level);
        mn_session *session = make(model, options);
        assert_int_equal(mn_session_run(session, input, 1, output, NULL), MN_OK);
        assert_close("output", output, want.outputs[net->layer_count - 1], (size_t)arch->classes);
        assert_null(mn_session_layer_output(session, 0));
        mn_session_destroy(session);
        options.keep_layers = true;
        session = make(model, options);
        float *kept = calloc((size_t)arch->classes, sizeof *kept);
        assert_int_equal(mn_session_run(session, input, 1, kept, NULL), MN_OK);
        assert_memory_equal(output, kept, (size_t)arch->classes * sizeof *kept);
        for (int32_t i = 0; i < net->layer_count; i++) {
            const mn_layer *l = &net->layers[i];
            assert_close(l->name, mn_session_layer_output(session, i), want.outputs[i],
                         (size_t)l->out_height * (size_t)l->out_width * (size_t)l->out_channels);
        }
        free(kept);
        mn_session_destroy(session);
    }
    naive_free(&want);
    free(input);
    free(output);
    mn_model_destroy(model);
}

static void sizes_and_dialects(void **state)
{
    (void)state;
    static const int32_t sizes[][2] = {{33, 33}, {64, 40}, {37, 61}, {96, 16}, {1, 3}};
    static const mn_padding pads[] = {MN_PADDING_SAME, MN_PADDING_KERAS, MN_PADDING_SYMMETRIC};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t p = 0; p < 3; p++) {
            mn_arch arch = small_arch(sizes[i][0], sizes[i][1]);
            mn_net net;
            arch.padding = pads[p];
            arch.activation = (mn_activation)p;
            if (mn_net_build(&arch, &net, NULL) == MN_OK)
                check_net(&arch);
            else
                assert_int_equal(pads[p], MN_PADDING_KERAS); /* 1x3 vanishes without a pixel above */
        }
}

static void controls(void **state)
{
    (void)state;
    static const int32_t strides[] = {32, 16, 4, 1};
    for (size_t i = 0; i < 4; i++) {
        mn_arch arch = small_arch(17, 14);
        arch.output_stride = strides[i];
        arch.depth = i % 2 ? MN_DEPTH_SHALLOW : MN_DEPTH_FULL;
        check_net(&arch);
        arch.conv = MN_CONV_STANDARD;
        arch.channels = 1 + (int32_t)i;
        arch.batch_norm = i > 1;
        check_net(&arch);
    }
}

static void odd_widths(void **state)
{
    (void)state;
    mn_arch arch = small_arch(31, 21);
    static const int32_t widths[] = {5, 7, 17, 1, 33, 66, 3, 19, 48, 2, 65, 23, 31, 67};
    arch.width_count = MN_WIDTHS_MAX;
    memcpy(arch.widths, widths, sizeof widths);
    check_net(&arch);
    arch.conv = MN_CONV_STANDARD;
    check_net(&arch);
}

/* Levels that make sessions of bfloat16; the others refuse, and say so. */
static bool has_bf16(const mn_model *model, mn_cpu_level level)
{
    mn_session_options options = options_at(level);
    mn_session *session = make(model, options);
    level = mn_session_level(session); /* what this build has of it */
    mn_session_destroy(session);
    session = NULL;
    options.precision = MN_PRECISION_BFLOAT16;
    mn_error err;
    mn_status status = mn_session_create(model, &options, &session, &err);
    bool wanted = level == MN_CPU_REFERENCE || (level >= MN_CPU_AVX512_BF16 && level < MN_CPU_NEON);
    assert_int_equal(status, wanted ? MN_OK : MN_ERROR_UNSUPPORTED);
    if (!wanted)
        assert_non_null(strstr(err.message, "AVX512_BF16"));
    mn_session_destroy(session);
    return wanted;
}

/* Root of the mean square of the differences over that of the values. */
static double relative_error(const float *got, const double *want, size_t count)
{
    double errors = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        errors += (got[i] - want[i]) * (got[i] - want[i]);
        squares += want[i] * want[i];
    }
    return squares > 0 ? sqrt(errors / squares) : sqrt(errors);
}

/* Every layer in bfloat16 against double: each layer rounds its map and its weights by 2^-9 at most, so errors stay within
 * a few 2^-9, growing with the depth. Kept and fused sessions give the same bits. */
static void check_bf16(const mn_arch *arch)
{
    mn_model *model = naive_model(arch, 5);
    const mn_net *net = mn_model_net(model);
    float *input = naive_input((size_t)arch->height * (size_t)arch->width * (size_t)arch->channels, 9);
    float *output = calloc((size_t)arch->classes, sizeof *output), *kept = calloc((size_t)arch->classes, sizeof *kept);
    naive_run want = naive_forward(model, input);
    for (int level = 0; level <= (int)mn_cpu_best_level(); level++) {
        if (!has_bf16(model, (mn_cpu_level)level))
            continue;
        mn_session_options options = options_at((mn_cpu_level)level);
        options.precision = MN_PRECISION_BFLOAT16;
        mn_session *session = make(model, options);
        assert_int_equal(mn_session_run(session, input, 1, output, NULL), MN_OK);
        mn_session_destroy(session);
        options.keep_layers = true;
        session = make(model, options);
        assert_int_equal(mn_session_run(session, input, 1, kept, NULL), MN_OK);
        assert_memory_equal(output, kept, (size_t)arch->classes * sizeof *kept);
        for (int32_t i = 0; i < net->layer_count; i++) {
            const mn_layer *l = &net->layers[i];
            double error = relative_error(mn_session_layer_output(session, i), want.outputs[i],
                                          (size_t)l->out_height * (size_t)l->out_width * (size_t)l->out_channels);
            if (error > 0x1p-9 * (3 + i))
                fail_msg("%s at level %s: off by %.4g", l->name, mn_cpu_level_name((mn_cpu_level)level), error);
        }
        mn_session_destroy(session);
    }
    naive_free(&want);
    free(input);
    free(output);
    free(kept);
    mn_model_destroy(model);
}

static void bfloat16(void **state)
{
    (void)state;
    static const int32_t sizes[][2] = {{33, 33}, {64, 40}, {1, 3}};
    for (size_t i = 0; i < 3; i++) {
        mn_arch arch = small_arch(sizes[i][0], sizes[i][1]);
        check_bf16(&arch);
        arch.conv = MN_CONV_STANDARD;
        arch.channels = 1 + (int32_t)i;
        check_bf16(&arch);
    }
    mn_arch odd = small_arch(31, 21);
    static const int32_t widths[] = {5, 7, 17, 1, 33, 66, 3, 19, 48, 2, 65, 23, 31, 67};
    odd.width_count = MN_WIDTHS_MAX;
    memcpy(odd.widths, widths, sizeof widths);
    check_bf16(&odd);
    odd.conv = MN_CONV_STANDARD;
    check_bf16(&odd);
}

/* The same bits for 1, 2, 3 threads, for batch 1 and 8, and for every place in a batch. */
static void check_same_bits(mn_precision precision, mn_cpu_level level)
{
    for (int variant = 0; variant < 3; variant++) {
        mn_arch arch = mn_arch_default();
        arch.alpha = variant == 2 ? 0.25 : 0.5;
        arch.height = arch.width = variant == 0 ? 96 : variant == 1 ? 61 : 40;
        arch.classes = 100;
        arch.conv = variant == 2 ? MN_CONV_STANDARD : MN_CONV_SEPARABLE;
        mn_model *model = naive_model(&arch, 3);
        size_t pixels = (size_t)arch.height * (size_t)arch.width * 3;
        float *input = naive_input(8 * pixels, 2), want[8 * 100], got[8 * 100];
        mn_session_options options = options_at(level);
        options.precision = precision;
        mn_session *single = make(model, options);
        for (int32_t i = 0; i < 8; i++)
            assert_int_equal(mn_session_run(single, input + (size_t)i * pixels, 1, want + i * 100, NULL), MN_OK);
        mn_session_destroy(single);
        for (int32_t threads = 1; threads <= 3; threads++)
            for (int32_t batch = 1; batch <= 8; batch += 7) {
                options.threads = threads;
                options.batch = batch;
                mn_session *session = make(model, options);
                for (int32_t i = 0; i < 8; i += batch)
                    assert_int_equal(mn_session_run(session, input + (size_t)i * pixels, batch, got + i * 100, NULL),
                                     MN_OK);
                assert_memory_equal(want, got, sizeof want);
                if (batch == 8) { /* fewer images than the batch */
                    assert_int_equal(mn_session_run(session, input + pixels, 3, got, NULL), MN_OK);
                    assert_memory_equal(want + 100, got, 300 * sizeof *got);
                }
                mn_session_destroy(session);
            }
        free(input);
        mn_model_destroy(model);
    }
}

static void same_bits(void **state)
{
    (void)state;
    mn_cpu_level best = mn_cpu_best_level();
    check_same_bits(MN_PRECISION_FLOAT32, best);
    check_same_bits(MN_PRECISION_BFLOAT16, best >= MN_CPU_AVX512_BF16 && best < MN_CPU_NEON ? best : MN_CPU_REFERENCE);
}

static void bad_weights(void **state)
{
    (void)state;
    static const struct {
        const char *tensor;
        float value;
    } faults[] = {
        {"block3.pointwise.weight", NAN},       {"stem.weight", INFINITY},
        {"block2.depthwise.weight", -INFINITY}, {"classifier.bias", NAN},
        {"block1.pointwise.bn.variance", -1},   {"block1.pointwise.bn.mean", NAN},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        mn_arch arch = small_arch(32, 32);
        mn_model *model = naive_model(&arch, 1);
        for (int32_t t = 0; t < mn_model_tensor_count(model); t++)
            if (strcmp(mn_model_tensor_at(model, t)->name, faults[i].tensor) == 0)
                mn_model_tensor_at(model, t)->data[1] = faults[i].value;
        mn_session *session = NULL;
        mn_error err;
        assert_int_equal(mn_session_create(model, NULL, &session, &err), MN_ERROR_NUMERIC);
        assert_null(session);
        assert_non_null(strstr(err.message, faults[i].tensor));
        mn_model_destroy(model);
    }
}

static void bad_arguments(void **state)
{
    (void)state;
    mn_arch arch = small_arch(32, 32);
    mn_model *model = naive_model(&arch, 1);
    mn_session *session = NULL;
    size_t bytes = 0;
    mn_error err;
    static const mn_session_options wrong[] = {
        {.batch = -1},
        {.batch = 4097},
        {.threads = -1},
        {.threads = 257},
        {.max_level = (mn_cpu_level)99},
        {.precision = (mn_precision)7},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(mn_session_size(mn_model_net(model), &wrong[i], &bytes, &err), MN_ERROR_ARGUMENT);
        assert_int_equal(mn_session_create(model, &wrong[i], &session, &err), MN_ERROR_ARGUMENT);
    }
    assert_int_equal(mn_session_create(model, NULL, &session, &err), MN_OK);
    float input[32 * 32 * 3] = {0}, output[13];
    assert_int_equal(mn_session_run(session, input, 0, output, &err), MN_ERROR_ARGUMENT);
    assert_int_equal(mn_session_run(session, input, 2, output, &err), MN_ERROR_ARGUMENT);
    assert_int_equal(mn_session_run(session, NULL, 1, output, &err), MN_ERROR_ARGUMENT);
    mn_session_destroy(session);
    mn_session_destroy(NULL);
    mn_model_destroy(model);
    arch.height = arch.width = MN_EXTENT_MAX;
    mn_net net;
    assert_int_equal(mn_net_build(&arch, &net, NULL), MN_OK);
    assert_int_equal(mn_session_size(&net, &(mn_session_options){.batch = 4096}, &bytes, &err), MN_ERROR_LIMIT);
}

static void steps_cover_the_net(void **state)
{
    (void)state;
    mn_arch arch = small_arch(64, 64);
    mn_model *model = naive_model(&arch, 1);
    mn_session_options options = mn_session_options_default();
    options.profile = true;
    mn_session *session = make(model, options);
    float *input = naive_input(64 * 64 * 3, 1), output[13];
    assert_int_equal(mn_session_run(session, input, 1, output, NULL), MN_OK);
    int64_t macs = 0;
    int32_t next = 0;
    for (int32_t s = 0; s < mn_session_step_count(session); s++) {
        mn_step_info info;
        assert_int_equal(mn_session_step(session, s, &info, NULL), MN_OK);
        assert_int_equal(info.first_layer, next);
        next = info.last_layer + 1;
        macs += info.macs;
        assert_true(info.seconds > 0);
        assert_non_null(info.kernel);
        assert_non_null(info.note);
    }
    assert_int_equal(next, mn_model_net(model)->layer_count);
    assert_int_equal(macs, mn_net_get_cost(mn_model_net(model)).total.macs);
    mn_step_info info;
    assert_int_equal(mn_session_step(session, mn_session_step_count(session), &info, NULL), MN_ERROR_ARGUMENT);
    free(input);
    mn_session_destroy(session);
    mn_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_and_dialects),  cmocka_unit_test(controls),    cmocka_unit_test(odd_widths),
        cmocka_unit_test(same_bits),           cmocka_unit_test(bad_weights), cmocka_unit_test(bad_arguments),
        cmocka_unit_test(steps_cover_the_net), cmocka_unit_test(bfloat16),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
