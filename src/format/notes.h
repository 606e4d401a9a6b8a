/* What a reader had to assume, collected as sentences for mn_model_info(model, "assumed"). */
#ifndef MN_FORMAT_NOTES_H
#define MN_FORMAT_NOTES_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct mn_notes {
    char text[2048]; /* sentences joined by "; "; cut at the end */
} mn_notes;

__attribute__((format(printf, 2, 3))) static inline void mn_note(mn_notes *notes, const char *format, ...)
{
    size_t used = strlen(notes->text);
    va_list args;
    if (used > 0 && used + 2 < sizeof notes->text) {
        memcpy(notes->text + used, "; ", 3);
        used += 2;
    }
    va_start(args, format);
    vsnprintf(notes->text + used, sizeof notes->text - used, format, args);
    va_end(args);
}

#endif
