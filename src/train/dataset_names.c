/* Names of files and classes: matching, and small questions about paths. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/status.h"
#include "train/dataset_index.h"

mn_status mn_names_copy(const char *const *names, int32_t count, mn_names *copy, mn_error *err)
{
    size_t bytes = (size_t)count * sizeof(char *);
    for (int32_t i = 0; i < count; i++)
        bytes += strlen(names[i]) + 1;
    char **block = malloc(bytes ? bytes : 1);
    if (!block)
        return mn_fail_memory(err, bytes, "class names");
    char *text = (char *)(block + count);
    for (int32_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]) + 1;
        memcpy(text, names[i], length);
        block[i] = text;
        text += length;
    }
    *copy = (mn_names){block, count};
    return MN_OK;
}

bool mn_path_join(mn_path path, const char *folder, const char *name)
{
    bool slash = *folder && folder[strlen(folder) - 1] == '/';
    int length = snprintf(path, MN_PATH_BYTES, "%s%s%s", folder, slash ? "" : "/", name);
    if (length >= 0 && length < MN_PATH_BYTES)
        return true;
    path[0] = '\0';
    return false;
}

mn_status mn_path_make(mn_path path, const char *folder, const char *name, mn_error *err)
{
    if (mn_path_join(path, folder, name))
        return MN_OK;
    return mn_fail(err, MN_ERROR_LIMIT, "a path of more than %d bytes: '%.60s...'", MN_PATH_BYTES - 1, folder);
}

bool mn_path_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool mn_path_is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

bool mn_path_is_picture(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".webp", ".ppm", ".pgm", ".pnm", ".bmp"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    return false;
}

static int fold(char c)
{
    return c == '_' || c == '-' ? ' ' : tolower((unsigned char)c);
}

/* Whether name[0..length-1] is `word` but for case, '_' and '-'. */
static bool same_folded(const char *name, size_t length, const char *word)
{
    if (strlen(word) != length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (fold(name[i]) != fold(word[i]))
            return false;
    return true;
}

static bool matches(const char *name, const char *word, int way)
{
    if (way == 0)
        return strcmp(name, word) == 0;
    return same_folded(name, way == 1 ? strlen(name) : strcspn(name, ","), word);
}

int32_t mn_names_find(mn_wanted_names wanted, const char *word)
{
    for (int way = 0; way < 3; way++) {
        int32_t found = -1;
        for (int32_t i = 0; i < wanted.count; i++)
            if (matches(wanted.names[i], word, way)) {
                if (found >= 0)
                    return -2;
                found = i;
            }
        if (found >= 0)
            return found;
    }
    return -1;
}
