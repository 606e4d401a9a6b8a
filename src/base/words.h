/* Enumerations as words: a table of strings in the order of the enumerators gives the name and the parser. */
#ifndef MN_BASE_WORDS_H
#define MN_BASE_WORDS_H

#include <stdbool.h>
#include <string.h>

#define MN_DEFINE_WORD_NAME(function, type, table)                                                                     \
    const char *function(type value)                                                                                   \
    {                                                                                                                  \
        unsigned index = (unsigned)value;                                                                              \
        return index < sizeof table / sizeof *table ? table[index] : "unknown";                                        \
    }

#define MN_DEFINE_WORDS(type, table)                                                                                   \
    MN_DEFINE_WORD_NAME(type##_name, type, table)                                                                      \
    bool type##_parse(const char *word, type *value)                                                                   \
    {                                                                                                                  \
        for (unsigned i = 0; i < sizeof table / sizeof *table; i++)                                                    \
            if (strcmp(word, table[i]) == 0) {                                                                         \
                *value = (type)i;                                                                                      \
                return true;                                                                                           \
            }                                                                                                          \
        return false;                                                                                                  \
    }

#endif
