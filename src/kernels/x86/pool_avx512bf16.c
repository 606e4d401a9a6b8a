/* The global average pool and the rounding of maps for AVX512_BF16. Four chains of additions hide their latency. */
#include "kernels/x86/vector_avx512bf16.h"
#if defined(MN_AVX512BF16)
#include "kernels/kernels.h"
#include "kernels/unroll.h"

/* `vectors` vectors of channels from c on; the last of them has `part`. */
VEC_INLINE void pool_channels(const mn_pool_args *p, int32_t c, vec_part part, const int vectors)
{
    vec sum[4], pixels = vec_all((float)p->pixels);
    MN_UNROLL
    for (int v = 0; v < vectors; v++)
        sum[v] = vec_zero();
    const mn_bf16 *in = p->in16 + c;
    ptrdiff_t pixel = p->in_stride ? p->in_stride : p->channels;
    for (int32_t i = 0; i < p->pixels; i++, in += pixel) {
        MN_UNROLL
        for (int v = 0; v < vectors; v++)
            sum[v] = vec_add(sum[v], vec_load_bf16(in + v * VEC_LANES, v + 1 < vectors ? 0xffff : part));
    }
    MN_UNROLL
    for (int v = 0; v < vectors; v++)
        vec_store_bf16(p->out16 + c + v * VEC_LANES, v + 1 < vectors ? 0xffff : part, vec_div(sum[v], pixels));
}

static void pool(const mn_pool_args *p)
{
    int32_t c = p->channel_begin;
    for (; c + 4 * VEC_LANES <= p->channel_end; c += 4 * VEC_LANES)
        pool_channels(p, c, 0xffff, 4);
    for (; c < p->channel_end; c += VEC_LANES)
        pool_channels(p, c, vec_first(p->channel_end - c), 1);
}

static void narrow(const float *in, mn_bf16 *out, size_t count)
{
    size_t i = 0;
    for (; i + VEC_LANES <= count; i += VEC_LANES)
        vec_store_bf16(out + i, 0xffff, vec_load(in + i));
    if (i < count) {
        vec_part part = vec_first((int32_t)(count - i));
        vec_store_bf16(out + i, part, vec_load_part(in + i, part));
    }
}

extern const mn_pool_kernel mn_pool_bf16_avx512bf16;
extern const mn_narrow_kernel mn_narrow_bf16_avx512bf16;
const mn_pool_kernel mn_pool_bf16_avx512bf16 = {.name = "mn_pool_bf16_avx512bf16", .run = pool};
const mn_narrow_kernel mn_narrow_bf16_avx512bf16 = {.name = "mn_narrow_bf16_avx512bf16", .run = narrow};
#else
typedef int mn_empty;
#endif
