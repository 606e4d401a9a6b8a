/* The definition of the matrix product, and of its packed panels (drawn in ../README.md). */
#include "kernels/kernels.h"

#define COLUMNS 16

static float clamp(float value, float low, float high)
{
    return value < low ? low : value > high ? high : value; /* a NaN stays */
}

/* One row of one panel: `columns` <= COLUMNS elements of C. */
static void row_of_panel(const mn_gemm_args *args, const float *a, const float *panel, int32_t first, int32_t columns,
                         float *c)
{
    float sum[COLUMNS] = {0};
    for (int32_t j = 0; j < columns; j++)
        sum[j] = args->accumulate ? c[j] : args->bias ? args->bias[first + j] : 0;
    for (int32_t s = 0; s < args->segments; s++)
        for (int32_t k = 0; k < args->k; k++) {
            float x = a[s * args->segment_stride + k * args->k_stride];
            for (int j = 0; j < COLUMNS; j++)
                sum[j] += x * panel[j];
            panel += COLUMNS;
        }
    for (int32_t j = 0; j < columns; j++)
        c[j] = clamp(sum[j], args->low, args->high);
}

static void run(const mn_gemm_args *args)
{
    for (int32_t first = 0; first < args->n; first += COLUMNS) {
        int32_t columns = args->n - first < COLUMNS ? args->n - first : COLUMNS;
        const float *panel = args->b + (size_t)(first / COLUMNS) * args->panel_stride;
        for (int32_t i = 0; i < args->m; i++)
            row_of_panel(args,
                         args->a + i / args->group_rows * args->group_stride + i % args->group_rows * args->row_stride,
                         panel, first, columns, args->c + i * args->c_row_stride + first);
    }
}

static void pack(const mn_pack_args *args)
{
    float *packed = args->packed;
    for (int32_t first = 0; first < args->n; first += COLUMNS)
        for (int32_t k = 0; k < args->k; k++)
            for (int32_t j = first; j < first + COLUMNS; j++) {
                float scale = args->scale && j < args->n ? args->scale[j] : 1;
                *packed++ = j < args->n ? args->source[j * args->n_stride + k * args->k_stride] * scale : 0;
            }
}

extern const mn_gemm_kernel mn_gemm_f32_8x16_reference;
const mn_gemm_kernel mn_gemm_f32_8x16_reference = {
    .name = "mn_gemm_f32_8x16_reference",
    .tile_rows = 8,
    .tile_columns = COLUMNS,
    .run = run,
    .pack = pack,
};
