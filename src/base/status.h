/* How the rooms report failure: fill the caller's error record, return the status. */
#ifndef MN_BASE_STATUS_H
#define MN_BASE_STATUS_H

#include <stddef.h>

#include "mobilenet/status.h"

/* Fills *err (NULL is allowed) and returns `status`, so that one line does both:
 *     return mn_fail(err, MN_ERROR_ARGUMENT, "alpha is %g, must be above 0", alpha); */
__attribute__((format(printf, 3, 4))) mn_status mn_fail(mn_error *err, mn_status status, const char *format, ...);

/* The same with a byte offset, which is also appended to the message. */
__attribute__((format(printf, 4, 5))) mn_status mn_fail_at(mn_error *err, mn_status status, int64_t offset,
                                                           const char *format, ...);

/* Puts "PREFIX: " in front of the message of *err, for instance a file name, and makes `status` its status (a wrong
 * argument inside a file is a malformed file). Returns `status`. */
mn_status mn_fail_prefix(mn_error *err, mn_status status, const char *prefix);

/* MN_ERROR_OUT_OF_MEMORY with the size that could not be had and what it was for. */
mn_status mn_fail_memory(mn_error *err, size_t bytes, const char *what);

#endif
