/* JSON texts from files, read within limits: depth and number of values are counted before the parser builds a tree,
 * so that a small file cannot make a large or deep one. Duplicate keys, NUL characters and bad UTF-8 are refused.
 */
#ifndef MN_FORMAT_JSON_GUARD_H
#define MN_FORMAT_JSON_GUARD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct mn_json_limits {
    int32_t depth;  /* nested objects and arrays */
    int64_t values; /* members and elements, all together */
} mn_json_limits;

/* Parses `length` bytes; what: the text's name in messages; offset: where it starts in the file, or -1 where it is
 * not a plain part of one. *root is the caller's (json_decref).
 * Errors: MN_ERROR_LIMIT, MN_ERROR_FORMAT, MN_ERROR_OUT_OF_MEMORY. */
mn_status mn_json_parse(const char *text, size_t length, mn_json_limits limits, const char *what, int64_t offset,
                        json_t **root, mn_error *err);

/* What mn_json_walk calls for each member. `key` lives as long as *root; so does `value` if *keep, false before the call, is set;
 * otherwise it is freed afterwards. */
typedef mn_status mn_json_visit(void *context, const char *key, json_t *value, bool *keep, mn_error *err);

/* As mn_json_parse for an object whose values need not all be in memory at once: each member is parsed, handed to visit and,
 * unless kept, freed. *root gets every key, with its value where that was kept, otherwise null. */
mn_status mn_json_walk(const char *text, size_t length, mn_json_limits limits, const char *what, int64_t offset,
                       mn_json_visit *visit, void *context, json_t **root, mn_error *err);

/* Members of `object`, checked for type and range; `what` names the object in messages. A missing member is
 * MN_ERROR_FORMAT. */
mn_status mn_json_get_int(const json_t *object, const char *key, int64_t low, int64_t high, const char *what,
                          int64_t *value, mn_error *err);
mn_status mn_json_get_number(const json_t *object, const char *key, const char *what, double *value, mn_error *err);
mn_status mn_json_get_bool(const json_t *object, const char *key, const char *what, int *value, mn_error *err);
mn_status mn_json_get_string(const json_t *object, const char *key, const char *what, const char **value,
                             mn_error *err);

/* MN_ERROR_UNSUPPORTED where `object` has a member that is not among `known` (NULL-terminated). */
mn_status mn_json_only(json_t *object, const char *const *known, const char *what, mn_error *err);

/* `value` as compact text of *length bytes, not terminated, followed by `room` free bytes; free() it. NULL where memory
 * is short. (json_dumps is not used: where memory runs short in it, it can leave out a key and report success.) */
char *mn_json_text(const json_t *value, size_t room, size_t *length);

#endif
