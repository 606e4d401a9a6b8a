/* Label files: every label is a line of the file, in order. */
#include <string.h>

#include "format/labels.h"
#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char **labels = NULL;
    int32_t count = 0;
    mn_error err = {.status = MN_OK};
    mn_status status = mn_labels_parse(data, size, &labels, &count, &err);
    if (status != MN_OK) {
        MN_FUZZ_CHECK(labels == NULL && count == 0);
        MN_FUZZ_CHECK(err.status == status && err.message[0] != '\0');
        return 0;
    }
    size_t bytes = 0;
    for (int32_t k = 0; k < count; k++)
        bytes += strlen(labels[k]);
    MN_FUZZ_CHECK(bytes <= size);
    MN_FUZZ_CHECK(count == 0 || labels[count - 1][0] != '\0'); /* blank lines at the end are dropped */
    free(labels);
    return 0;
}
