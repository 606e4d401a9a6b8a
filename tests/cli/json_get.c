/* json_get PATH... < JSON: prints the value at each PATH, for instance "layers.0.name" or "layers.length"; "keys" at the
 * end of a PATH lists the keys of an object. Exit code 1 where the input is not JSON, 2 where there is no such value.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_value(const json_t *value)
{
    if (json_is_string(value))
        puts(json_string_value(value));
    else if (json_is_integer(value))
        printf("%" JSON_INTEGER_FORMAT "\n", json_integer_value(value));
    else if (json_is_real(value))
        printf("%.7g\n", json_real_value(value));
    else if (json_is_boolean(value))
        puts(json_is_true(value) ? "true" : "false");
    else if (json_is_null(value))
        puts("null");
    else {
        json_dumpf(value, stdout, JSON_COMPACT | JSON_REAL_PRECISION(7));
        putchar('\n');
    }
    return 0;
}

static int print_keys(json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) printf("%s ", key);
    putchar('\n');
    return json_is_object(object) ? 0 : 2;
}

/* Prints the value at `path`, which is taken apart; 0, or 2 where there is none. */
static int print_path(json_t *at, char *path)
{
    for (char *step = strtok(path, "."); step && at; step = strtok(NULL, ".")) {
        if (strcmp(step, "keys") == 0)
            return print_keys(at);
        if (strcmp(step, "length") == 0 && json_is_array(at)) {
            printf("%zu\n", json_array_size(at));
            return 0;
        }
        at = json_is_array(at) ? json_array_get(at, strtoul(step, NULL, 10)) : json_object_get(at, step);
    }
    return at ? print_value(at) : 2;
}

int main(int argc, char **argv)
{
    json_error_t error;
    json_t *root = json_loadf(stdin, 0, &error);
    int code = 0;
    if (!root) {
        fprintf(stderr, "json_get: line %d: %s\n", error.line, error.text);
        return 1;
    }
    for (int i = 1; i < argc && code == 0; i++)
        code = print_path(root, argv[i]);
    json_decref(root);
    return code;
}
