/* The global average pool: eight vectors of channels at a time, so that eight chains of additions hide their latency;
 * each chain goes over the pixels in order.
 */
#include "kernels/kernels.h"
#include "kernels/unroll.h"

/* `vectors` vectors of channels from c on; the last of them has `part`. */
VEC_INLINE void pool_channels(const mn_pool_args *p, int32_t c, vec_part part, const int vectors)
{
    vec sum[8];
    MN_UNROLL
    for (int v = 0; v < vectors; v++)
        sum[v] = vec_zero();
    const float *in = p->in + c;
    ptrdiff_t pixel = p->in_stride ? p->in_stride : p->channels;
    for (int32_t i = 0; i < p->pixels; i++, in += pixel) {
        MN_UNROLL
        for (int v = 0; v < vectors; v++)
            sum[v] = vec_add(sum[v],
                             v + 1 < vectors ? vec_load(in + v * VEC_LANES) : vec_load_part(in + v * VEC_LANES, part));
    }
    vec pixels = vec_all((float)p->pixels);
    MN_UNROLL
    for (int v = 0; v < vectors; v++)
        vec_store_part(p->out + c + v * VEC_LANES, v + 1 < vectors ? vec_first(VEC_LANES) : part,
                       vec_div(sum[v], pixels));
}

static void run(const mn_pool_args *p)
{
    int32_t c = p->channel_begin;
    for (; c + 8 * VEC_LANES <= p->channel_end; c += 8 * VEC_LANES)
        pool_channels(p, c, vec_first(VEC_LANES), 8);
    for (; c < p->channel_end; c += VEC_LANES)
        pool_channels(p, c, vec_first(p->channel_end - c), 1);
}
