/* Reading the text records of tools/golden/resizes.py: a line of words, then a line of numbers. */
#ifndef TEST_IMAGE_GOLDEN_NUMBERS_H
#define TEST_IMAGE_GOLDEN_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { GOLDEN_WORDS = 8, GOLDEN_NUMBERS = 1024 };

typedef struct golden_record {
    char words[GOLDEN_WORDS][128];
    size_t word_count;
    float numbers[GOLDEN_NUMBERS];
    size_t number_count;
} golden_record;

/* False at the end of the file; ends the test where a record is malformed. */
bool golden_next(FILE *file, golden_record *record);

#endif
