/* The training kernels of this processor against the reference, over sizes with every kind of tail, in buffers that
 * end at a page that may not be touched. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/train_kernels.h"
#include "support/guard.h"
#include "train/noise.h"

static const mn_train_kernels *fast;

/* An array of noise that ends at a forbidden page. */
typedef struct array {
    guard guard;
    float *data;
    size_t count;
} array;

static array make(uint32_t stream, size_t count)
{
    array a = {guard_alloc(count * sizeof(float)), NULL, count};
    a.data = a.guard.data;
    noise_fill(a.data, stream, count);
    return a;
}

static void check_near(const array *a, const array *b, double scale, const char *what, int32_t n)
{
    for (size_t i = 0; i < a->count; i++)
        if (!(fabs((double)a->data[i] - b->data[i]) <= 1e-5 * scale))
            fail_msg("%s, size %d: element %zu is %g, the reference has %g", what, n, i, b->data[i], a->data[i]);
}

static void free_all(array *arrays, size_t count)
{
    for (size_t i = 0; i < count; i++)
        guard_free(&arrays[i].guard);
}

static size_t up(int32_t channels)
{
    return (size_t)mn_panel_up(channels);
}

/* Per-channel vectors: scale, shift, mean, inverse, a, b, c; and an affine that clips on both sides. */
static mn_affine affine_of(const array *v)
{
    return (mn_affine){v[0].data, v[1].data, 0, 0.4f};
}

static void norms(void **state)
{
    (void)state;
    for (int32_t c = 1; c <= 67; c++)
        for (int32_t rows = 1; rows <= 9; rows += 2) {
            /* A group of the channels of a layer: the last row ends with the group. */
            int32_t stride = c + (rows % 4 == 1 ? 0 : 5);
            size_t size = (size_t)((rows - 1) * stride + c);
            array v[7], y = make(1, size), dz = make(2, size);
            for (uint32_t i = 0; i < 7; i++)
                v[i] = make(10 + i, up(c));
            mn_affine affine = affine_of(v);
            mn_chain chain = {affine, v[4].data, v[5].data, v[6].data};
            int32_t pitch = rows + 2;
            array out[4];
            for (int k = 0; k < 4; k++)
                out[k] = make(3, up(c) * (size_t)pitch);
            mn_train_kernels_reference.activate(y.data, stride, rows, c, &affine, out[0].data, pitch);
            fast->activate(y.data, stride, rows, c, &affine, out[1].data, pitch);
            mn_train_kernels_reference.gradient(dz.data, y.data, stride, rows, c, &chain, out[2].data, pitch);
            fast->gradient(dz.data, y.data, stride, rows, c, &chain, out[3].data, pitch);
            check_near(&out[0], &out[1], 1, "activate", c);
            check_near(&out[2], &out[3], 4, "gradient", c);
            array sums[8];
            for (int k = 0; k < 8; k++)
                sums[k] = make(4, (size_t)c);
            mn_train_kernels_reference.statistics(y.data, stride, rows, c, v[2].data, sums[0].data, sums[2].data);
            fast->statistics(y.data, stride, rows, c, v[2].data, sums[1].data, sums[3].data);
            mn_train_kernels_reference.gradient_sums(dz.data, y.data, stride, rows, c, &affine, v[2].data, v[3].data,
                                                     sums[4].data, sums[6].data);
            fast->gradient_sums(dz.data, y.data, stride, rows, c, &affine, v[2].data, v[3].data, sums[5].data,
                                sums[7].data);
            for (int k = 0; k < 8; k += 2)
                check_near(&sums[k], &sums[k + 1], 20, "sums", c);
            free_all(v, 7);
            free_all(out, 4);
            free_all(sums, 8);
            guard_free(&y.guard);
            guard_free(&dz.guard);
        }
}

/* What a kernel asks for ahead changes nothing, wherever it lies. */
static mn_ahead ahead_of(const array *a)
{
    mn_ahead ahead = {0};
    mn_ahead_add(&ahead, a->data, 5, 40, 7);
    mn_ahead_add(&ahead, a->data, 33, 33, 9);
    return ahead;
}

static void product(int32_t rows, int32_t k, int32_t n)
{
    int32_t pitch = rows + 1;
    array v[7] = {make(1, (size_t)pitch * up(k)), make(2, up(n) * (size_t)k),     make(3, (size_t)(rows * n)),
                  make(3, (size_t)(rows * n)),    make(5, (size_t)pitch * up(n)), make(6, (size_t)k * up(n)),
                  make(6, (size_t)k * up(n))};
    mn_ahead ahead[2] = {ahead_of(&v[0]), ahead_of(&v[0])};
    mn_train_kernels_reference.multiply(v[0].data, pitch, rows, k, v[1].data, n, v[2].data, NULL);
    fast->multiply(v[0].data, pitch, rows, k, v[1].data, n, v[3].data, &ahead[0]);
    check_near(&v[2], &v[3], 10 + k, "multiply", k);
    /* Lanes past n are zero in a factor of a weight gradient, as activate and gradient leave them. */
    for (int32_t r = 0; r < pitch; r++)
        for (int32_t j = n; j < mn_panel_up(n); j++)
            v[4].data[((size_t)(j / MN_PANEL) * (size_t)pitch + (size_t)r) * MN_PANEL + (size_t)(j % MN_PANEL)] = 0;
    for (int add = 1; add >= 0; add--) {
        mn_train_kernels_reference.accumulate(v[0].data, v[4].data, pitch, rows, k, n, v[5].data, add != 0, NULL);
        fast->accumulate(v[0].data, v[4].data, pitch, rows, k, n, v[6].data, add != 0, &ahead[1]);
        check_near(&v[5], &v[6], 10 + rows, add ? "accumulate" : "accumulate anew", k);
    }
    free_all(v, 7);
}

static void products(void **state)
{
    (void)state;
    for (int32_t k = 1; k <= 67; k += 1 + k / 20)
        for (int32_t n = 1; n <= 50; n += 1 + n / 5)
            for (int32_t rows = 1; rows <= 14; rows += 1 + rows / 3)
                product(rows, k, n);
    static const int32_t deep[] = {255, 256, 257, 300, 512, 770};
    for (size_t i = 0; i < sizeof deep / sizeof *deep; i++)
        product(13, deep[i], 21);
}

/* Forward, and the gradient of the filter, of a band of `rows` rows of `width` outputs. */
static void depthwise_band(int32_t c, int32_t rows, int32_t width, int32_t stride)
{
    int32_t pitch = (width - 1) * stride + 3, dy_pitch = width + 3, out_stride = c + (width % 2 ? 0 : 3);
    size_t out = (size_t)((rows * width - 1) * out_stride + c);
    array x[7], dy[3];
    array v[5] = {make(4, up(c) * 9), make(5, out), make(5, out), make(7, up(c) * 9), make(7, up(c) * 9)};
    const float *in[7], *from[3];
    for (int32_t i = 0; i < (rows - 1) * stride + 3; i++) {
        x[i] = make(20 + (uint32_t)i, up(c) * (size_t)pitch);
        in[i] = x[i].data;
    }
    for (int32_t i = 0; i < rows; i++) {
        dy[i] = make(30 + (uint32_t)i, up(c) * (size_t)dy_pitch);
        from[i] = dy[i].data;
    }
    mn_ahead ahead[2] = {ahead_of(&v[0]), ahead_of(&v[0])};
    mn_train_kernels_reference.depthwise(in, pitch, v[0].data, stride, rows, width, c, v[1].data, out_stride, NULL);
    fast->depthwise(in, pitch, v[0].data, stride, rows, width, c, v[2].data, out_stride, &ahead[0]);
    check_near(&v[1], &v[2], 9, "depthwise", c);
    mn_train_kernels_reference.depthwise_weights(in, pitch, from, dy_pitch, stride, rows, width, c, v[3].data, NULL);
    fast->depthwise_weights(in, pitch, from, dy_pitch, stride, rows, width, c, v[4].data, &ahead[1]);
    for (int32_t lane = c; lane < mn_panel_up(c); lane++) /* what lies past the last channel is free */
        for (int32_t t = 0; t < 9; t++) {
            size_t at = ((size_t)(lane / MN_PANEL) * 9 + (size_t)t) * MN_PANEL + (size_t)(lane % MN_PANEL);
            v[4].data[at] = v[3].data[at];
        }
    check_near(&v[3], &v[4], 10 * rows, "depthwise_weights", c);
    free_all(v, 5);
    free_all(x, (size_t)((rows - 1) * stride + 3));
    free_all(dy, (size_t)rows);
}

static void depthwise(void **state)
{
    (void)state;
    for (int32_t c = 1; c <= 67; c += 1 + c / 20)
        for (int32_t width = 1; width <= 9; width++)
            for (int32_t stride = 1; stride <= 2; stride++)
                depthwise_band(c, 1 + (c + width) % 3, width, stride);
    depthwise_band(16, 3, 30, 1); /* more columns than go through one half of a panel at a time */
}

static void depthwise_data_band(int32_t c, int32_t rows, int32_t width, int32_t pad, bool odd)
{
    int32_t pitch = (width + pad) / 2 + 3, stride = c + (width % 2 ? 0 : 3);
    size_t out = (size_t)((rows * width - 1) * stride + c);
    array dy[4], v[3] = {make(3, up(c) * 9), make(4, out), make(4, out)};
    const float *from[4];
    for (int32_t i = 0; i < 4; i++) {
        dy[i] = make(20 + (uint32_t)i, up(c) * (size_t)pitch);
        from[i] = dy[i].data + MN_PANEL;
    }
    mn_ahead ahead = ahead_of(&v[0]);
    mn_train_kernels_reference.depthwise_data_s2(from, pitch, v[0].data, odd, rows, pad, width, c, v[1].data, stride,
                                                 NULL);
    fast->depthwise_data_s2(from, pitch, v[0].data, odd, rows, pad, width, c, v[2].data, stride, &ahead);
    check_near(&v[1], &v[2], 9, "depthwise_data_s2", c);
    free_all(v, 3);
    free_all(dy, 4);
}

static void depthwise_data(void **state)
{
    (void)state;
    for (int32_t c = 1; c <= 40; c += 1 + c / 12)
        for (int32_t width = 1; width <= 9; width++)
            for (int32_t pad = 0; pad <= 1; pad++)
                for (int32_t rows = 1; rows <= 4; rows++)
                    depthwise_data_band(c, rows, width, pad, (c + rows / 2) % 2 != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms),
        cmocka_unit_test(products),
        cmocka_unit_test(depthwise),
        cmocka_unit_test(depthwise_data),
    };
    int failed = 0;
    for (int level = MN_CPU_AVX2; level <= (int)mn_cpu_best_level(); level++) {
        const mn_train_kernels *kernels = mn_train_kernels_get((mn_cpu_level)level);
        if (kernels == fast || kernels == &mn_train_kernels_reference)
            continue;
        fast = kernels;
        failed += cmocka_run_group_tests_name(fast->name, tests, NULL, NULL);
    }
    return fast ? failed : 77; /* 77: nothing to compare */
}
