/* The order in which people expect names. */
#ifndef MN_BASE_NATURAL_H
#define MN_BASE_NATURAL_H

/* Below, equal to or above 0, as strcmp: digits count by their value, so that "2" comes before "10", and "conv" before
 * "conv_1". Equal only for equal texts. */
int mn_natural_compare(const char *a, const char *b);

#endif
