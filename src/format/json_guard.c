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
 * asked for, and given back, before it starts; and as much again as a list of 64 tensors takes, which grows meanwhile. */
static bool memory_suffices(size_t length)
{
    return length < SIZE_MAX / 64 && mn_memory_suffices(48 * length + 16384);
}

static mn_status check(const char *text, size_t length, mn_json_limits limits, const char *what, int64_t offset,
                       mn_error *err)
{
    mn_status status = check_limits(text, length, limits, what, offset, err);
    if (status == MN_OK && !memory_suffices(length))
        status = mn_fail_memory(err, length, what);
    return status;
}

mn_status mn_json_parse(const char *text, size_t length, mn_json_limits limits, const char *what, int64_t offset,
                        json_t **root, mn_error *err)
{
    mn_status status = check(text, length, limits, what, offset, err);
    if (status != MN_OK)
        return status;
    json_error_t error;
    json_t *result = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!result)
        return fail(err, MN_ERROR_FORMAT, what, offset, (size_t)(error.position > 0 ? error.position : 0), error.text);
    *root = result;
    return MN_OK;
}

/* A text that is read a value at a time. */
typedef struct walk {
    const char *text, *what;
    size_t length, at;
    int64_t offset;
} walk;

static void skip_space(walk *w)
{
    while (w->at < w->length && w->text[w->at] != '\0' && strchr(" \t\n\r", w->text[w->at]))
        w->at++;
}

/* Steps over white space and `wanted`; without it, over white space. */
static bool step_over(walk *w, char wanted)
{
    skip_space(w);
    if (w->at == w->length || w->text[w->at] != wanted)
        return false;
    w->at++;
    return true;
}

static mn_status fail_here(const walk *w, const char *reason, mn_error *err)
{
    return fail(err, MN_ERROR_FORMAT, w->what, w->offset, w->at, reason);
}

static mn_status next_value(walk *w, json_t **value, mn_error *err)
{
    json_error_t error;
    *value = json_loadb(w->text + w->at, w->length - w->at,
                        JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &error);
    w->at += error.position > 0 ? (size_t)error.position : 0; /* of what was read, or of the error */
    return *value ? MN_OK : fail_here(w, error.text, err);
}

/* A member: `"key": value`. Only its key stays in root, or all of it where visit wants that. */
static mn_status next_member(walk *w, mn_json_visit *visit, void *context, json_t *root, mn_error *err)
{
    json_t *key = NULL, *value = NULL;
    bool keep = false;
    mn_status status = next_value(w, &key, err);
    if (status == MN_OK && !json_is_string(key))
        status = fail_here(w, "a member's name must be a string", err);
    if (status == MN_OK && json_object_get(root, json_string_value(key)))
        status = fail_here(w, "duplicate object key", err);
    if (status == MN_OK && !step_over(w, ':'))
        status = fail_here(w, "':' is wanted after a member's name", err);
    if (status == MN_OK)
        status = next_value(w, &value, err);
    if (status == MN_OK && json_object_set(root, json_string_value(key), value) != 0)
        status = mn_fail_memory(err, w->length, w->what);
    if (status == MN_OK) {
        void *place = json_object_iter_at(root, json_string_value(key));
        status = visit(context, json_object_iter_key(place), value, &keep, err);
        if (!keep)
            json_object_iter_set_new(root, place, json_null());
    }
    json_decref(key);
    json_decref(value);
    return status;
}

mn_status mn_json_walk(const char *text, size_t length, mn_json_limits limits, const char *what, int64_t offset,
                       mn_json_visit *visit, void *context, json_t **root, mn_error *err)
{
    walk w = {.text = text, .what = what, .length = length, .offset = offset};
    mn_status status = check(text, length, limits, what, offset, err);
    if (status != MN_OK)
        return status;
    if (!step_over(&w, '{'))
        return mn_fail_at(err, MN_ERROR_FORMAT, offset, "the %s is not a JSON object", what);
    json_t *members = json_object();
    if (!members)
        return mn_fail_memory(err, length, what);
    if (!step_over(&w, '}')) {
        do
            status = next_member(&w, visit, context, members, err);
        while (status == MN_OK && step_over(&w, ','));
        if (status == MN_OK && !step_over(&w, '}'))
            status = fail_here(&w, "',' or '}' is wanted after a member", err);
    }
    skip_space(&w);
    if (status == MN_OK && w.at != length)
        status = fail_here(&w, "something follows the object", err);
    if (status == MN_OK)
        *root = members;
    else
        json_decref(members);
    return status;
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
