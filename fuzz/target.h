/* What a fuzz target defines. It must return 0 for any bytes, without a crash, a leak or a hang; facts that must
 * hold for an accepted input are checked with MN_FUZZ_CHECK. */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MN_FUZZ_CHECK(fact)                                                                                            \
    do {                                                                                                               \
        if (!(fact)) {                                                                                                 \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #fact);                                       \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#endif
