/* Every kernel once: MN_KERNEL(level, op, symbol). The table, the checks and the benchmarks are made from this list;
 * include it with MN_KERNEL defined. Within an architecture levels ascend.
 */
MN_KERNEL(REFERENCE, gemm, mn_gemm_f32_8x16_reference)
MN_KERNEL(REFERENCE, dwconv, mn_dwconv_f32_reference)
MN_KERNEL(REFERENCE, dwconv3x3s1, mn_dwconv_f32_reference)
MN_KERNEL(REFERENCE, dwconv3x3s2, mn_dwconv_f32_reference)
MN_KERNEL(REFERENCE, pool, mn_pool_f32_reference)
MN_KERNEL(REFERENCE, softmax, mn_softmax_f32_reference)
MN_KERNEL(REFERENCE, peak, mn_peak_f32_reference)
#if defined(MN_HAVE_AVX2)
MN_KERNEL(AVX2, gemm, mn_gemm_f32_6x16_avx2)
MN_KERNEL(AVX2, dwconv, mn_dwconv_f32_avx2)
MN_KERNEL(AVX2, dwconv3x3s1, mn_dwconv3x3s1_f32_2x4_avx2)
MN_KERNEL(AVX2, dwconv3x3s2, mn_dwconv3x3s2_f32_2x4_avx2)
MN_KERNEL(AVX2, pool, mn_pool_f32_avx2)
MN_KERNEL(AVX2, softmax, mn_softmax_f32_avx2)
MN_KERNEL(AVX2, winograd, mn_winograd_f32_avx2)
MN_KERNEL(AVX2, peak, mn_peak_f32_avx2)
#endif
#if defined(MN_HAVE_AVX512)
MN_KERNEL(AVX512, gemm, mn_gemm_f32_6x64_avx512)
MN_KERNEL(AVX512, dwconv, mn_dwconv_f32_avx512)
MN_KERNEL(AVX512, dwconv3x3s1, mn_dwconv3x3s1_f32_2x8_avx512)
MN_KERNEL(AVX512, dwconv3x3s2, mn_dwconv3x3s2_f32_1x8_avx512)
MN_KERNEL(AVX512, pool, mn_pool_f32_avx512)
MN_KERNEL(AVX512, softmax, mn_softmax_f32_avx512)
MN_KERNEL(AVX512, peak, mn_peak_f32_avx512)
#endif
