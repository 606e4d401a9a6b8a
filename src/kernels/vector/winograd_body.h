/* The transforms of Winograd's convolution F(2x2, 3x3): additions only, a vector of channels of one tile at a time. */
#include "kernels/kernels.h"
#include "kernels/unroll.h"

/* B^T along one axis: four values `step` apart, in place. */
VEC_INLINE void winograd_into(vec *d, const int step)
{
    vec d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
    d[0] = vec_sub(d0, d2);
    d[step] = vec_add(d1, d2);
    d[2 * step] = vec_sub(d2, d1);
    d[3 * step] = vec_sub(d1, d3);
}

/* One tile whose corner is at (y, x) of the map, which may lie outside. */
static void winograd_input_tile(const mn_winograd_args *a, int32_t y, int32_t x, float *out)
{
    const float *at[16]; /* NULL: outside */
    for (int i = 0; i < 16; i++) {
        int32_t h = y + i / 4, w = x + i % 4;
        bool inside = h >= 0 && h < a->height && w >= 0 && w < a->width;
        at[i] = inside ? a->in + ((ptrdiff_t)h * a->width + w) * a->stride : NULL;
    }
    for (int32_t c = 0; c < a->channels; c += VEC_LANES) {
        vec_part part = vec_first(a->channels - c);
        vec d[16];
        MN_UNROLL
        for (int i = 0; i < 16; i++)
            d[i] = at[i] ? vec_load_part(at[i] + c, part) : vec_zero();
        MN_UNROLL
        for (int i = 0; i < 4; i++)
            winograd_into(d + i, 4);
        MN_UNROLL
        for (int i = 0; i < 4; i++)
            winograd_into(d + 4 * i, 1);
        MN_UNROLL
        for (int i = 0; i < 16; i++)
            vec_store_part(out + (size_t)i * a->plane_stride + c, part, d[i]);
    }
}

static void winograd_input(const mn_winograd_args *a)
{
    float *out = a->out;
    for (int32_t tile = a->tile_begin; tile < a->tile_end; tile++, out += a->tile_stride)
        winograd_input_tile(a, 2 * (tile / a->tiles_across) - a->pad_top, 2 * (tile % a->tiles_across) - a->pad_left,
                            out);
}

/* The tile whose first output is (y, x) of the map. */
static void winograd_output_tile(const mn_winograd_args *a, const float *in, int32_t y, int32_t x)
{
    float *out = a->out + ((ptrdiff_t)y * a->width + x) * a->stride;
    bool below = y + 1 < a->height, right = x + 1 < a->width;
    vec low = vec_all(a->low), high = vec_all(a->high);
    for (int32_t c = 0; c < a->channels; c += VEC_LANES) {
        vec_part part = vec_first(a->channels - c);
        vec bias = vec_load_part(a->bias + c, part), sum[2][4];
        MN_UNROLL
        for (int j = 0; j < 4; j++) {
            vec m[4];
            MN_UNROLL
            for (int i = 0; i < 4; i++)
                m[i] = vec_load_part(in + (size_t)(4 * i + j) * a->plane_stride + c, part);
            sum[0][j] = vec_add(vec_add(m[0], m[1]), m[2]);
            sum[1][j] = vec_sub(vec_sub(m[1], m[2]), m[3]);
        }
        MN_UNROLL
        for (int i = 0; i < 2; i++) {
            if (i == 1 && !below)
                break;
            vec *s = sum[i];
            vec left_sum = vec_add(vec_add(vec_add(s[0], s[1]), s[2]), bias);
            vec right_sum = vec_add(vec_sub(vec_sub(s[1], s[2]), s[3]), bias);
            float *to = out + (ptrdiff_t)i * a->width * a->stride + c;
            vec_store_part(to, part, vec_at_most(vec_at_least(left_sum, low), high));
            if (right)
                vec_store_part(to + a->stride, part, vec_at_most(vec_at_least(right_sum, low), high));
        }
    }
}

static void winograd_output(const mn_winograd_args *a)
{
    const float *in = a->in;
    for (int32_t tile = a->tile_begin; tile < a->tile_end; tile++, in += a->tile_stride)
        winograd_output_tile(a, in, 2 * (tile / a->tiles_across), 2 * (tile % a->tiles_across));
}
