#include "kcheck/planted.h"

#include <stddef.h>

static volatile float sink;

/* Winograd's transforms as their definition: the right ones that the wrong ones below are made from. */
void planted_plain_input(const mn_winograd_args *a)
{
    for (int32_t tile = 0; tile < a->tile_end - a->tile_begin; tile++)
        for (int32_t c = 0; c < a->channels; c++) {
            float d[4][4], t[4][4];
            int32_t y = 2 * ((a->tile_begin + tile) / a->tiles_across) - a->pad_top;
            int32_t x = 2 * ((a->tile_begin + tile) % a->tiles_across) - a->pad_left;
            for (int32_t i = 0; i < 4; i++)
                for (int32_t j = 0; j < 4; j++) {
                    bool inside = y + i >= 0 && y + i < a->height && x + j >= 0 && x + j < a->width;
                    d[i][j] = inside ? a->in[((ptrdiff_t)(y + i) * a->width + x + j) * a->stride + c] : 0;
                }
            for (int32_t j = 0; j < 4; j++) {
                t[0][j] = d[0][j] - d[2][j];
                t[1][j] = d[1][j] + d[2][j];
                t[2][j] = d[2][j] - d[1][j];
                t[3][j] = d[1][j] - d[3][j];
            }
            float *out = a->out + (ptrdiff_t)tile * a->tile_stride + c;
            for (size_t i = 0; i < 4; i++) {
                out[(4 * i) * a->plane_stride] = t[i][0] - t[i][2];
                out[(4 * i + 1) * a->plane_stride] = t[i][1] + t[i][2];
                out[(4 * i + 2) * a->plane_stride] = t[i][2] - t[i][1];
                out[(4 * i + 3) * a->plane_stride] = t[i][1] - t[i][3];
            }
        }
}

/* sign: that of the last row of A; clip: leave out what lies beyond the map. */
static void any_output(const mn_winograd_args *a, float sign, bool clip)
{
    for (int32_t tile = 0; tile < a->tile_end - a->tile_begin; tile++)
        for (int32_t c = 0; c < a->channels; c++) {
            const float *in = a->in + (ptrdiff_t)tile * a->tile_stride + c;
            float t[2][4];
            for (size_t j = 0; j < 4; j++) {
                float p[4];
                for (size_t i = 0; i < 4; i++)
                    p[i] = in[(4 * i + j) * a->plane_stride];
                t[0][j] = p[0] + p[1] + p[2];
                t[1][j] = p[1] - p[2] + sign * p[3];
            }
            int32_t y = 2 * ((a->tile_begin + tile) / a->tiles_across),
                    x = 2 * ((a->tile_begin + tile) % a->tiles_across);
            for (int32_t i = 0; i < 4; i++) {
                const float *u = t[i / 2];
                float sum = a->bias[c] + (i % 2 ? u[1] - u[2] + sign * u[3] : u[0] + u[1] + u[2]);
                if (!clip || (y + i / 2 < a->height && x + i % 2 < a->width))
                    a->out[((ptrdiff_t)(y + i / 2) * a->width + x + i % 2) * a->stride + c] = sum < a->low    ? a->low
                                                                                              : sum > a->high ? a->high
                                                                                                              : sum;
            }
        }
}

void planted_plain_output(const mn_winograd_args *args)
{
    any_output(args, -1, true);
}

void planted_input_swaps_planes(const mn_winograd_args *args)
{
    planted_plain_input(args);
    float first = args->out[args->plane_stride];
    args->out[args->plane_stride] = args->out[4 * args->plane_stride];
    args->out[4 * args->plane_stride] = first;
}

void planted_input_reads_past_the_map(const mn_winograd_args *args)
{
    planted_plain_input(args);
    sink = args->in[((ptrdiff_t)args->height * args->width - 1) * args->stride + args->channels];
}

void planted_input_ignores_padding(const mn_winograd_args *args)
{
    mn_winograd_args other = *args;
    other.pad_left = 0;
    planted_plain_input(&other);
}

void planted_output_ignores_bias(const mn_winograd_args *args)
{
    static const float zeros[128];
    mn_winograd_args other = *args;
    other.bias = zeros;
    planted_plain_output(&other);
}

void planted_output_writes_past_edge(const mn_winograd_args *args)
{
    any_output(args, -1, false);
}

void planted_output_with_wrong_sign(const mn_winograd_args *args)
{
    any_output(args, 1, true);
}
