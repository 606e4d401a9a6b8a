#include "golden_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/assets.h"

static _Noreturn void give_up(const char *what, const char *path)
{
    fprintf(stderr, "%s %s\n", what, path);
    exit(1);
}

golden_bytes golden_read(const char *path)
{
    golden_bytes result = {NULL, 0};
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        give_up("cannot read", path);
    result.size = (size_t)ftell(file);
    rewind(file);
    result.bytes = malloc(result.size + 1);
    if (!result.bytes || fread(result.bytes, 1, result.size, file) != result.size)
        give_up("cannot read", path);
    result.bytes[result.size] = 0;
    fclose(file);
    return result;
}

const char *golden_path(const char *name)
{
    char relative[256];
    snprintf(relative, sizeof relative, "tests/image/golden/%s", name);
    return test_source(relative);
}

mn_image *golden_pixels(const char *name)
{
    golden_bytes file = golden_read(golden_path(name));
    char kind;
    int height, width, start = 0;
    mn_image *image = NULL;
    if (sscanf((const char *)file.bytes, "P%c %d %d 255%n", &kind, &width, &height, &start) != 3 || start == 0)
        give_up("no pixels in", name);
    if (mn_image_create(height, width, kind == '6' ? 3 : 1, &image, NULL) != MN_OK)
        give_up("no memory for", name);
    size_t bytes = (size_t)height * (size_t)width * (size_t)image->channels;
    if ((size_t)start + 1 + bytes != file.size)
        give_up("wrong length of", name);
    memcpy(image->pixels, file.bytes + start + 1, bytes);
    free(file.bytes);
    return image;
}

golden_case *golden_cases(size_t *count)
{
    FILE *file = fopen(golden_path("cases.txt"), "r");
    golden_case *cases = calloc(500, sizeof *cases);
    if (!file || !cases)
        give_up("cannot read", "cases.txt");
    *count = 0;
    while (*count < 500 &&
           fscanf(file, "%63s %63s %d", cases[*count].file, cases[*count].pixels, &cases[*count].tolerance) == 3)
        ++*count;
    fclose(file);
    return cases;
}

int golden_difference(const mn_image *a, const mn_image *b)
{
    int worst = 0;
    if (a->height != b->height || a->width != b->width || a->channels != b->channels)
        return 256;
    for (size_t i = 0; i < (size_t)a->height * (size_t)a->width * (size_t)a->channels; i++) {
        int difference = abs(a->pixels[i] - b->pixels[i]);
        worst = difference > worst ? difference : worst;
    }
    return worst;
}
