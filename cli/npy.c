/* The .npy format, version 1.0 (numpy.lib.format): magic, header length, a Python dict as text padded with spaces so
 * that the data begin at a multiple of 64, the data.
 */
#include "npy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool little_endian(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first == 1;
}

bool cli_npy_write(const char *path, const float *data, const int32_t *shape, int rank)
{
    char sizes[80] = "", header[256];
    size_t used = 0, count = 1;
    for (int i = 0; i < rank; i++) {
        used += (size_t)snprintf(sizes + used, sizeof sizes - used, "%d,%s", shape[i], i + 1 < rank ? " " : "");
        count *= (size_t)shape[i];
    }
    int length = snprintf(header + 10, sizeof header - 10, "{'descr': '%cf4', 'fortran_order': False, 'shape': (%s), }",
                          little_endian() ? '<' : '>', sizes);
    int total = (10 + length + 1 + 63) / 64 * 64;
    memset(header + 10 + length, ' ', (size_t)(total - 10 - length));
    header[total - 1] = '\n';
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = (char)((total - 10) & 0xFF);
    header[9] = (char)((total - 10) >> 8);

    FILE *file = fopen(path, "wb");
    if (!file)
        return false;
    bool good =
        fwrite(header, 1, (size_t)total, file) == (size_t)total && fwrite(data, sizeof *data, count, file) == count;
    int reason = errno;
    if (fclose(file) != 0 && good) {
        good = false;
        reason = errno;
    }
    errno = reason;
    return good;
}
