/* JSON texts within limits: what is accepted keeps them. */
#include "format/json_guard.h"
#include "target.h"

enum { DEPTH = 6, VALUES = 500 };

/* Values of a tree, which must not be deeper than `depth`. The limit bounds this recursion. */
static int64_t count_values(json_t *value, int32_t depth)
{
    const char *key;
    json_t *member;
    size_t index;
    int64_t count = 1;
    MN_FUZZ_CHECK(depth >= 0);
    json_object_foreach(value, key, member) count += count_values(member, depth - 1);
    json_array_foreach(value, index, member) count += count_values(member, depth - 1);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *root = NULL;
    mn_error err = {.status = MN_OK};
    mn_status status = mn_json_parse((const char *)data, size, (mn_json_limits){DEPTH, VALUES}, "text", 0, &root, &err);
    if (status != MN_OK) {
        MN_FUZZ_CHECK(root == NULL);
        MN_FUZZ_CHECK(err.status == status && err.message[0] != '\0' && err.offset <= (int64_t)size);
        return 0;
    }
    MN_FUZZ_CHECK(count_values(root, DEPTH) <= 2 * VALUES);
    json_decref(root);
    return 0;
}
