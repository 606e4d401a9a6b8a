/* The names of the 1000 ImageNet (ILSVRC 2012) classes, in the order of the data set. Used where a model has 1000
 * or 1001 outputs and brings no labels. imagenet_labels.inc is the table of data: LABEL(text) a line.
 *
 * The texts lie one behind the other, found by their offsets: a table of pointers would cost a relocation each, 32 KB
 * of a library in all (the C library keeps the names of its errors the same way). */
#include <stddef.h>
#include <stdint.h>

#include "net/model.h"

#define LABELS       "net/imagenet_labels.inc"
#define FIELD_(line) at_line_##line
#define FIELD(line)  FIELD_(line)

typedef struct texts {
#define LABEL(text) char FIELD(__LINE__)[sizeof text];
#include LABELS
#undef LABEL
} texts;

static const texts names = {
#define LABEL(text) text,
#include LABELS
#undef LABEL
};

static const uint16_t offsets[1000] = {
#define LABEL(text) offsetof(texts, FIELD(__LINE__)),
#include LABELS
#undef LABEL
};

const char *mn_imagenet_label(int32_t k)
{
    return k >= 0 && k < 1000 ? (const char *)&names + offsets[k] : NULL;
}
