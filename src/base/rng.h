/* Counter-based random numbers: Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as
 * 1, 2, 3"). A number depends on (seed, stream, index) alone, so any part of any sequence can be made in any
 * order by any thread, and a resumed run goes on with the same numbers. The same bits on every platform.
 */
#ifndef MN_BASE_RNG_H
#define MN_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* Four 32-bit numbers. */
void mn_rng_block(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4]);

/* 32 random bits. */
uint32_t mn_rng_u32(uint64_t seed, uint64_t stream, uint64_t index);
/* Uniform in [0, 1), 24 bits. */
float mn_rng_uniform(uint64_t seed, uint64_t stream, uint64_t index);
/* Uniform in 0..bound-1 without bias worth noting (64-bit multiply); bound >= 1. */
uint32_t mn_rng_below(uint64_t seed, uint64_t stream, uint64_t index, uint32_t bound);
/* Standard normal, truncated at two deviations (TensorFlow's truncated_normal). */
float mn_rng_truncated_normal(uint64_t seed, uint64_t stream, uint64_t index);

#endif
