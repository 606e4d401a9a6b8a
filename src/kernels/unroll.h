/* MN_UNROLL before a loop of constant length: the loop disappears, so that arrays indexed by it live in registers.
 * gcc and clang each understand only a pragma of their own. MN_INLINE: counts that are arguments become constants.
 */
#ifndef MN_KERNELS_UNROLL_H
#define MN_KERNELS_UNROLL_H

#if defined(__clang__)
#define MN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define MN_UNROLL _Pragma("GCC unroll 32")
#endif
#define MN_INLINE static inline __attribute__((always_inline))

#endif
