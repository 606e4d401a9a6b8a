#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *mn_status_name(mn_status status)
{
    switch (status) {
    case MN_OK:
        return "ok";
    case MN_ERROR_ARGUMENT:
        return "invalid argument";
    case MN_ERROR_OUT_OF_MEMORY:
        return "out of memory";
    case MN_ERROR_IO:
        return "input/output error";
    case MN_ERROR_FORMAT:
        return "malformed file";
    case MN_ERROR_UNSUPPORTED:
        return "unsupported";
    case MN_ERROR_LIMIT:
        return "limit exceeded";
    case MN_ERROR_NUMERIC:
        return "not a finite number";
    }
    return "unknown status";
}

const char *mn_version(void)
{
    return "0.1.0";
}

mn_status mn_fail(mn_error *err, mn_status status, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        err->status = status;
        err->offset = -1;
    }
    return status;
}

mn_status mn_fail_at(mn_error *err, mn_status status, int64_t offset, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        size_t used = strlen(err->message);
        snprintf(err->message + used, sizeof err->message - used, " (at byte %lld)", (long long)offset);
        err->status = status;
        err->offset = offset;
    }
    return status;
}

mn_status mn_fail_prefix(mn_error *err, mn_status status, const char *prefix)
{
    if (err) {
        char rest[MN_ERROR_MESSAGE_BYTES];
        memcpy(rest, err->message, sizeof rest);
        /* Long prefixes (paths) are cut, so that the reason always shows. */
        int width = (int)(sizeof rest / 2);
        snprintf(err->message, sizeof err->message, "%.*s: %.*s", width, prefix, width - 4, rest);
        err->status = status;
    }
    return status;
}

mn_status mn_fail_memory(mn_error *err, size_t bytes, const char *what)
{
    return mn_fail(err, MN_ERROR_OUT_OF_MEMORY, "cannot allocate %zu bytes for %s", bytes, what);
}
