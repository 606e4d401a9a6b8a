#include "golden_numbers.h"

#include <stdlib.h>
#include <string.h>

bool golden_next(FILE *file, golden_record *record)
{
    static char line[64 * 1024];
    if (!fgets(line, sizeof line, file))
        return false;
    record->word_count = 0;
    for (char *word = strtok(line, " \n"); word && record->word_count < GOLDEN_WORDS; word = strtok(NULL, " \n"))
        snprintf(record->words[record->word_count++], sizeof record->words[0], "%s", word);
    record->number_count = 0;
    if (fgets(line, sizeof line, file)) {
        char *at = line, *end;
        for (;; at = end) {
            float value = strtof(at, &end);
            if (end == at || record->number_count == GOLDEN_NUMBERS)
                break;
            record->numbers[record->number_count++] = value;
        }
    }
    if (record->word_count == 0 || record->number_count == 0) {
        fprintf(stderr, "malformed record after '%s'\n", record->words[0]);
        exit(1);
    }
    return true;
}
