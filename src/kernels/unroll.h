/* MN_UNROLL before a loop of constant length: the loop disappears, so that arrays indexed by it live in registers.
 * gcc and clang each understand only a pragma of their own. MN_UNROLL_4:
 * four rounds at a time, of a loop of any length. MN_INLINE: counts that are arguments become constants.
 */
#ifndef MN_KERNELS_UNROLL_H
#define MN_KERNELS_UNROLL_H

#if defined(__clang__)
#define MN_UNROLL   _Pragma("clang loop unroll(full)")
#define MN_UNROLL_4 _Pragma("clang loop unroll_count(4)")
#else
#define MN_UNROLL   _Pragma("GCC unroll 32")
#define MN_UNROLL_4 _Pragma("GCC unroll 4")
#endif
#define MN_INLINE static inline __attribute__((always_inline))

#endif
