/* The definition of the kernels of bfloat16: maps widened as they are read, sums in float in the order of the loops of
 * kernels.h, one rounding where a map is written.
 */
#include "kernels/kernels.h"

#define COLUMNS 16

static float clamp(float value, float low, float high)
{
    return value < low ? low : value > high ? high : value; /* a NaN stays */
}

/* One row of one panel: `columns` <= COLUMNS elements of C, from element number `at` on. */
static void row_of_panel(const mn_gemm_args *args, const mn_bf16 *a, const mn_bf16 *panel, int32_t first,
                         int32_t columns, ptrdiff_t at)
{
    float sum[COLUMNS] = {0};
    for (int32_t j = 0; args->bias && j < columns; j++)
        sum[j] = args->bias[first + j];
    for (int32_t s = 0; s < args->segments; s++)
        for (int32_t k = 0; k < args->k; k++) {
            float x = mn_bf16_widen(a[s * args->segment_stride + k]);
            for (int j = 0; j < COLUMNS; j++)
                sum[j] += x * mn_bf16_widen(panel[j]);
            panel += COLUMNS;
        }
    for (int32_t j = 0; j < columns; j++) {
        float value = clamp(sum[j], args->low, args->high);
        if (args->float_c)
            args->c[at + j] = value;
        else
            args->c16[at + j] = mn_bf16_round(value);
    }
}

static void gemm(const mn_gemm_args *args)
{
    for (int32_t first = 0; first < args->n; first += COLUMNS) {
        int32_t columns = args->n - first < COLUMNS ? args->n - first : COLUMNS;
        const mn_bf16 *panel = args->b16 + (size_t)(first / COLUMNS) * args->panel_stride;
        for (int32_t i = 0; i < args->m; i++)
            row_of_panel(
                args, args->a16 + i / args->group_rows * args->group_stride + i % args->group_rows * args->row_stride,
                panel, first, columns, i * args->c_row_stride + first);
    }
}

static void pack(const mn_pack_args *args)
{
    mn_bf16 *packed = args->packed16;
    for (int32_t first = 0; first < args->n; first += COLUMNS)
        for (int32_t k = 0; k < args->k; k++)
            for (int32_t j = first; j < first + COLUMNS; j++) {
                float scale = args->scale && j < args->n ? args->scale[j] : 1;
                float value = j < args->n ? args->source[j * args->n_stride + k * args->k_stride] * scale : 0;
                *packed++ = mn_bf16_round(value);
            }
}

static void dwconv_pixel(const mn_dwconv_args *args, int32_t y, int32_t x, mn_bf16 *out)
{
    size_t stride = (size_t)(args->in_stride ? args->in_stride : args->channels);
    for (int32_t c = 0; c < args->channels; c++) {
        float sum = args->bias ? args->bias[c] : 0;
        for (int32_t kh = 0; kh < args->kernel_height; kh++)
            for (int32_t kw = 0; kw < args->kernel_width; kw++) {
                int32_t ih = y * args->stride - args->pad_top + kh, iw = x * args->stride - args->pad_left + kw;
                if (ih < 0 || ih >= args->in_height || iw < 0 || iw >= args->in_width)
                    continue;
                const mn_bf16 *in = args->in16 + ((size_t)ih * (size_t)args->in_width + (size_t)iw) * stride;
                sum += mn_bf16_widen(in[c]) * args->weights[(kh * args->kernel_width + kw) * args->channels + c];
            }
        out[c] = mn_bf16_round(clamp(sum, args->low, args->high));
    }
}

static void dwconv(const mn_dwconv_args *args)
{
    mn_bf16 *out = args->out16;
    for (int32_t y = args->row_begin; y < args->row_end; y++)
        for (int32_t x = 0; x < args->out_width; x++, out += args->out_stride ? args->out_stride : args->channels)
            dwconv_pixel(args, y, x, out);
}

static void pool(const mn_pool_args *args)
{
    size_t stride = (size_t)(args->in_stride ? args->in_stride : args->channels);
    for (int32_t c = args->channel_begin; c < args->channel_end; c++) {
        float sum = 0;
        for (size_t p = 0; p < (size_t)args->pixels; p++)
            sum += mn_bf16_widen(args->in16[p * stride + (size_t)c]);
        args->out16[c] = mn_bf16_round(sum / (float)args->pixels);
    }
}

static void narrow(const float *in, mn_bf16 *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = mn_bf16_round(in[i]);
}

extern const mn_gemm_kernel mn_gemm_bf16_8x16_reference;
extern const mn_dwconv_kernel mn_dwconv_bf16_reference;
extern const mn_pool_kernel mn_pool_bf16_reference;
extern const mn_narrow_kernel mn_narrow_bf16_reference;
const mn_gemm_kernel mn_gemm_bf16_8x16_reference = {
    .name = "mn_gemm_bf16_8x16_reference",
    .tile_rows = 8,
    .tile_columns = COLUMNS,
    .segment_unit = 1,
    .k_unit = 1,
    .run = gemm,
    .pack = pack,
};
const mn_dwconv_kernel mn_dwconv_bf16_reference = {.name = "mn_dwconv_bf16_reference", .run = dwconv};
const mn_pool_kernel mn_pool_bf16_reference = {.name = "mn_pool_bf16_reference", .run = pool};
const mn_narrow_kernel mn_narrow_bf16_reference = {.name = "mn_narrow_bf16_reference", .run = narrow};
