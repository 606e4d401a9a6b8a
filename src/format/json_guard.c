#include "format/json_guard.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static mn_status fail(mn_error *err, mn_status status, const char *what, int64_t offset, size_t position,
                      const char *reason)
{
    if (offset < 0)
        return mn_fail(err, status, "%s: %s, at character %zu", what, reason, position);
    return mn_fail_at(err, status, offset + (int64_t)position, "%s: %s", what, reason);
}

/* Counts brackets and commas outside strings. Whether they are where they belong is the parser's business. */
static mn_status check_limits(const char *text, size_t length, mn_json_limits limits, const char *what, int64_t offset,
                              mn_error *err)
{
    int32_t depth = 0;
    int64_t values = 1;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
            continue;
        }
        if (c == '"')
            in_string = true;
        else if (c == '{' || c == '[')
            depth++, values++;
        else if (c == '}' || c == ']')
            depth--;
        else if (c == ',')
            values++;
        if (depth > limits.depth)
            return fail(err, MN_ERROR_LIMIT, what, offset, i, "objects and arrays are nested too deeply");
        if (values > limits.values)
            return fail(err, MN_ERROR_LIMIT, what, offset, i, "too many values");
    }
    return MN_OK;
}

/* jansson's parser does not survive a failed allocation: its scanner drops a character, then an assertion ends the
 * process. So what a tree of this text can take at most (an empty array, three characters, takes about 130 bytes) is
 * asked for, and given back, before it starts. */
static bool memory_suffices(size_t length)
{
    return length < SIZE_MAX / 64 && mn_memory_suffices(48 * length + 4096);
}

mn_status mn_json_parse(const char *text, size_t length, mn_json_limits limits, const char *what, int64_t offset,
                        json_t **root, mn_error *err)
{
    mn_status status = check_limits(text, length, limits, what, offset, err);
    if (status != MN_OK)
        return status;
    if (!memory_suffices(length))
        return mn_fail_memory(err, length, what);
    json_error_t error;
    json_t *result = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!result)
        return fail(err, MN_ERROR_FORMAT, what, offset, (size_t)(error.position > 0 ? error.position : 0), error.text);
    *root = result;
    return MN_OK;
}

static mn_status fail_member(mn_error *err, const char *what, const char *key, const json_t *value, const char *wanted)
{
    return mn_fail(err, MN_ERROR_FORMAT, "%s: '%s' is %s, %s is wanted", what, key,
                   value ? "of another type" : "absent", wanted);
}

mn_status mn_json_get_int(const json_t *object, const char *key, int64_t low, int64_t high, const char *what,
                          int64_t *value, mn_error *err)
{
    const json_t *member = json_object_get(object, key);
    if (!json_is_integer(member))
        return fail_member(err, what, key, member, "an integer");
    int64_t number = json_integer_value(member);
    if (number < low || number > high)
        return mn_fail(err, MN_ERROR_FORMAT, "%s: '%s' is %lld, must be %lld to %lld", what, key, (long long)number,
                       (long long)low, (long long)high);
    *value = number;
    return MN_OK;
}

mn_status mn_json_get_number(const json_t *object, const char *key, const char *what, double *value, mn_error *err)
{
    const json_t *member = json_object_get(object, key);
    if (!json_is_number(member))
        return fail_member(err, what, key, member, "a number");
    *value = json_number_value(member);
    return MN_OK;
}

mn_status mn_json_get_bool(const json_t *object, const char *key, const char *what, int *value, mn_error *err)
{
    const json_t *member = json_object_get(object, key);
    if (!json_is_boolean(member))
        return fail_member(err, what, key, member, "true or false");
    *value = json_is_true(member);
    return MN_OK;
}

mn_status mn_json_get_string(const json_t *object, const char *key, const char *what, const char **value, mn_error *err)
{
    const json_t *member = json_object_get(object, key);
    if (!json_is_string(member))
        return fail_member(err, what, key, member, "a string");
    *value = json_string_value(member);
    return MN_OK;
}

mn_status mn_json_only(json_t *object, const char *const *known, const char *what, mn_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        size_t i = 0;
        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (!known[i])
            return mn_fail(err, MN_ERROR_UNSUPPORTED,
                           "%s: unknown member '%.60s' (was the file written by a newer version?)", what, key);
    }
    return MN_OK;
}

char *mn_json_text(const json_t *value, size_t room, size_t *length)
{
    size_t bytes = json_dumpb(value, NULL, 0, JSON_COMPACT);
    char *text = bytes > 0 ? malloc(bytes + room) : NULL;
    if (text && json_dumpb(value, text, bytes, JSON_COMPACT) != bytes) {
        free(text);
        text = NULL;
    }
    if (text)
        *length = bytes;
    return text;
}
