/* Model files and pictures: finding and reading what the command line names. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "inputs.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mobilenet/decode.h"
#include "mobilenet/import.h"
#include "output.h"

#define STDIN_MAX ((size_t)256 << 20)

void cli_program_folder(const char *program, char *folder, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", folder, size - 1);
    if (length > 0)
        folder[length] = '\0';
    else
        snprintf(folder, size, "%s", strchr(program, '/') ? program : "./");
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
}

static const char *default_model(const char *program)
{
    static const char *const places[] = {"", "/models", "/../models", "/../../models", "/../share/mobilenet"};
    static char path[PATH_MAX + 64];
    char folder[PATH_MAX];
    cli_program_folder(program, folder, sizeof folder);
    for (int i = 0; i < CLI_COUNT(places); i++) {
        snprintf(path, sizeof path, "%s%s/default.safetensors", folder, places[i]);
        if (access(path, R_OK) != 0)
            continue;
        char *plain = realpath(path, NULL); /* without "build/../" */
        if (plain)
            snprintf(path, sizeof path, "%s", plain);
        free(plain);
        return path;
    }
    return NULL;
}

/* Who answers, where nobody was named: otherwise a model of ten classes would call a shark a horse unexplained. */
static void say_default(const mn_model *model)
{
    const mn_arch *arch = &mn_model_net(model)->arch;
    const char *first = mn_model_label(model, 0), *second = mn_model_label(model, 1);
    cli_say(
        "no --model is given: the model that comes with the program answers (%d classes: %s, %s, ...; %dx%d pixels)",
        (int)arch->classes, first ? cli_clean(first) : "0", second ? cli_clean(second) : "1", (int)arch->width,
        (int)arch->height);
}

int cli_model_open(const cli_call *call, const char *path, mn_model **model, const char **opened)
{
    mn_error err;
    bool is_default = !path;
    if (!path)
        path = default_model(call->program);
    if (!path)
        return cli_fail("there is no default model (default.safetensors) beside the program; say which one to use: "
                        "mobilenet %s --model FILE %s",
                        call->command->name, call->command->operands);
    if (mn_model_import(path, model, &err) != MN_OK)
        return cli_fail_status(&err);
    if (is_default)
        say_default(*model);
    const char *assumed = mn_model_info(*model, "assumed");
    if (assumed)
        cli_say("assumed of %s: %s", cli_clean(path), cli_clean(assumed));
    if (opened)
        *opened = path;
    return CLI_DONE;
}

const char **cli_model_labels(const mn_model *model)
{
    int32_t classes = mn_model_net(model)->arch.classes;
    if (!mn_model_label(model, 0))
        return NULL;
    const char **labels = cli_alloc((size_t)classes, sizeof *labels);
    for (int32_t k = 0; k < classes; k++)
        labels[k] = mn_model_label(model, k);
    return labels;
}

bool cli_same_names(const mn_model *model, const mn_dataset *data)
{
    int32_t classes = mn_model_net(model)->arch.classes;
    if (mn_dataset_class_count(data) != classes)
        return false;
    for (int32_t k = 0; k < classes; k++) {
        const char *name = mn_dataset_class_name(data, k), *label = mn_model_label(model, k);
        if (!name || !label || strcmp(name, label) != 0)
            return false;
    }
    return true;
}

/* All of stdin; *size is how much. NULL, with errno, on failure. */
static uint8_t *read_stdin(size_t *size)
{
    size_t capacity = 1 << 16, used = 0;
    uint8_t *bytes = malloc(capacity);
    while (bytes) {
        ssize_t got = read(STDIN_FILENO, bytes + used, capacity - used);
        if (got == 0)
            break;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || (used += (size_t)got) > STDIN_MAX) {
            if (got > 0)
                errno = EFBIG;
            free(bytes);
            return NULL;
        }
        if (used == capacity) {
            uint8_t *larger = realloc(bytes, 2 * capacity);
            if (!larger)
                free(bytes);
            bytes = larger;
            capacity *= 2;
        }
    }
    *size = used;
    return bytes;
}

mn_status cli_picture_load(const char *path, mn_image **image, mn_error *err)
{
    if (strcmp(path, "-") != 0)
        return mn_image_load(path, NULL, image, err);
    size_t size;
    uint8_t *bytes = read_stdin(&size);
    if (!bytes) {
        err->status = MN_ERROR_IO;
        snprintf(err->message, sizeof err->message, "cannot read a picture from stdin: %s", strerror(errno));
        return MN_ERROR_IO;
    }
    mn_status status = mn_image_decode(bytes, size, NULL, image, err);
    free(bytes);
    return status;
}

void cli_warn_channels(const mn_model *model, const mn_image *image)
{
    int32_t channels = mn_model_net(model)->arch.channels;
    if (image->channels != channels)
        cli_say("mobilenet: the images are %s, this model has learned from %s ones",
                image->channels == 1 ? "gray" : "in colour", channels == 1 ? "gray" : "coloured");
}

bool cli_is_picture(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".webp", ".ppm", ".pgm", ".pnm", ".bmp"};
    const char *dot = strrchr(name, '.');
    for (int i = 0; dot && i < CLI_COUNT(endings); i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    return false;
}

void cli_paths_add(cli_paths *list, const char *path)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 64;
        char **paths = realloc(list->paths, (size_t)list->capacity * sizeof *paths);
        if (!paths)
            cli_die("out of memory for a list of files");
        list->paths = paths;
    }
    size_t size = strlen(path) + 1;
    char *copy = cli_alloc(size, 1);
    memcpy(copy, path, size);
    list->paths[list->count++] = copy;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The ending of `name`, where `kinds` (".gif, .txt") lacks it. */
static void add_kind(char *kinds, size_t size, const char *name)
{
    const char *dot = strrchr(name, '.');
    size_t used = strlen(kinds);
    if (dot && !strstr(kinds, dot) && used + strlen(dot) + 3 < size)
        snprintf(kinds + used, size - used, "%s%s", used ? ", " : "", dot);
}

bool cli_paths_expand(cli_paths *list, const char *operand)
{
    struct stat info;
    if (strcmp(operand, "-") == 0 || stat(operand, &info) != 0 || !S_ISDIR(info.st_mode)) {
        cli_paths_add(list, operand); /* what is wrong with it shows when it is read */
        return true;
    }
    DIR *folder = opendir(operand);
    if (!folder) {
        cli_fail("cannot open the folder '%s': %s", cli_clean(operand), strerror(errno));
        return false;
    }
    int first = list->count, others = 0, folders = 0;
    char kinds[64] = "";
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[PATH_MAX];
        bool slash = operand[strlen(operand) - 1] == '/';
        if (entry->d_name[0] == '.' ||
            snprintf(path, sizeof path, "%s%s%s", operand, slash ? "" : "/", entry->d_name) >= (int)sizeof path)
            continue;
        if (cli_is_picture(entry->d_name))
            cli_paths_add(list, path);
        else if (stat(path, &info) != 0)
            continue; /* a link that leads nowhere */
        else if (S_ISDIR(info.st_mode))
            folders++;
        else if (S_ISREG(info.st_mode)) {
            add_kind(kinds, sizeof kinds, entry->d_name);
            others++;
        }
    }
    closedir(folder);
    cli_say_passed_over(others, kinds);
    if (list->count == first) {
        cli_fail("the folder '%s' holds no picture (JPEG, PNG, WebP, PPM, PGM, BMP)%s", cli_clean(operand),
                 folders > 0 ? "; folders inside are not entered (mobilenet evaluate reads a folder for each class)"
                             : "");
        return false;
    }
    if (folders > 0)
        cli_say("%s: %d folder%s inside %s not entered", cli_clean(operand), folders, folders == 1 ? "" : "s",
                folders == 1 ? "was" : "were");
    qsort(list->paths + first, (size_t)(list->count - first), sizeof *list->paths, compare_paths);
    return true;
}

void cli_paths_free(cli_paths *list)
{
    for (int i = 0; i < list->count; i++)
        free(list->paths[i]);
    free(list->paths);
    *list = (cli_paths){0};
}
