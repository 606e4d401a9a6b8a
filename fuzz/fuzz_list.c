/* List files of a data set, and the matching of names. */
#include <string.h>

#include "base/natural.h"
#include "target.h"
#include "train/dataset_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"background", "tench, Tinca tinca", "sea_lion"};
    mn_list list = {0};
    mn_error err = {.status = MN_OK};
    mn_status status = mn_list_parse(data, size, &list, &err);
    if (status != MN_OK) {
        MN_FUZZ_CHECK(list.lines == NULL && err.status == status);
        return 0;
    }
    for (int64_t i = 0; i < list.count; i++) {
        const mn_list_line *line = &list.lines[i];
        MN_FUZZ_CHECK(line->path_size > 0 && line->label_size > 0);
        MN_FUZZ_CHECK(line->path + line->path_size < line->label && line->label + line->label_size <= size);
        char word[64] = "";
        memcpy(word, data + line->label, line->label_size < 63 ? line->label_size : 63);
        MN_FUZZ_CHECK(mn_names_find((mn_wanted_names){names, 3}, word) < 3);
        MN_FUZZ_CHECK(mn_natural_compare(word, word) == 0);
    }
    free(list.lines);
    return 0;
}
