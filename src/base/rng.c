#include "base/rng.h"

#include <math.h>

void mn_rng_block(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4])
{
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    uint32_t c[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c[1] ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
        c[0] = n0;
        c[1] = (uint32_t)p1;
        c[2] = n2;
        c[3] = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int i = 0; i < 4; i++)
        out[i] = c[i];
}

uint32_t mn_rng_u32(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint32_t out[4];
    mn_rng_block(seed, stream, index / 4, out);
    return out[index % 4];
}

float mn_rng_uniform(uint64_t seed, uint64_t stream, uint64_t index)
{
    return (float)(mn_rng_u32(seed, stream, index) >> 8) * 0x1p-24f;
}

uint32_t mn_rng_below(uint64_t seed, uint64_t stream, uint64_t index, uint32_t bound)
{
    return (uint32_t)((uint64_t)mn_rng_u32(seed, stream, index) * bound >> 32);
}

/* Polynomial c[0] + c[1] x + ... + c[7] x^7. */
static double poly7(const double c[8], double x)
{
    double sum = c[7];
    for (int i = 6; i >= 0; i--)
        sum = sum * x + c[i];
    return sum;
}

/* Natural logarithm for 0.3 <= z <= 1.3 by the series of atanh; + - * / alone, so that every platform gives the
 * same bits, which libm does not promise. */
static double log_near_one(double z)
{
    double t = (z - 1) / (z + 1), square = t * t, power = t, sum = t;
    for (int k = 3; k < 60; k += 2) {
        power *= square;
        sum += power / k;
    }
    return 2 * sum;
}

/* Quantile of the standard normal at 0.5 + q for |q| <= 0.4773: Wichura's AS 241, PPND16 (Applied Statistics 37,
 * 1988), of which the far tail is not needed here. */
static double normal_quantile(double q)
{
    static const double a[8] = {3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3,
                                1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
                                3.3430575583588128105e+4, 2.5090809287301226727e+3};
    static const double b[8] = {1.0,
                                4.2313330701600911252e+1,
                                6.8718700749205790830e+2,
                                5.3941960214247511077e+3,
                                2.1213794301586595867e+4,
                                3.9307895800092710610e+4,
                                2.8729085735721942674e+4,
                                5.2264952788528545610e+3};
    static const double c[8] = {1.42343711074968357734e0,  4.63033784615654529590e0, 5.76949722146069140550e0,
                                3.64784832476320460504e0,  1.27045825245236838258e0, 2.41780725177450611770e-1,
                                2.27238449892691845833e-2, 7.74545014278341407640e-4};
    static const double d[8] = {1.0,
                                2.05319162663775882187e0,
                                1.67638483018380384940e0,
                                6.89767334985100004550e-1,
                                1.48103976427480074590e-1,
                                1.51986665636164571966e-2,
                                5.47593808499534494600e-4,
                                1.05075007164441684324e-9};
    if (fabs(q) <= 0.425) {
        double r = 0.180625 - q * q;
        return q * poly7(a, r) / poly7(b, r);
    }
    double tail = 0.5 - fabs(q); /* 0.0227 to 0.075; times 16: 0.36 to 1.2 */
    double r = sqrt(4 * 0.69314718055994530942 - log_near_one(16 * tail)) - 1.6;
    double x = poly7(c, r) / poly7(d, r);
    return q < 0 ? -x : x;
}

float mn_rng_truncated_normal(uint64_t seed, uint64_t stream, uint64_t index)
{
    double u = ((double)mn_rng_u32(seed, stream, index) + 0.5) * 0x1p-32;
    return (float)normal_quantile((2 * u - 1) * 0.47724986805182079); /* Phi(2) - 0.5 */
}
