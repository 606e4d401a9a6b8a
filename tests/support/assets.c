#include "support/assets.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char buffers[16][4096];
static int next_buffer;

static const char *join(const char *folder, const char *relative)
{
    char *buffer = buffers[next_buffer++ % 16];
    snprintf(buffer, sizeof buffers[0], "%s/%s", folder, relative);
    return buffer;
}

const char *test_asset(const char *relative)
{
    const char *folder = getenv("MOBILENET_TEST_ASSETS");
    const char *path = join(folder ? folder : MN_SOURCE_DIR "/../shared", relative);
    return access(path, R_OK) == 0 ? path : NULL;
}

void test_require_asset(const char *relative)
{
    if (test_asset(relative))
        return;
    printf("SKIPPED: '%s' is not in the assets folder (set MOBILENET_TEST_ASSETS)\n", relative);
    exit(77);
}

const char *test_source(const char *relative)
{
    return join(MN_SOURCE_DIR, relative);
}
