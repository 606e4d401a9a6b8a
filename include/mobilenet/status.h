/* Status codes and the error record that every fallible function of libmobilenet fills.
 *
 * A function that can fail returns mn_status and takes `mn_error *err` last; err may be NULL.
 * On failure nothing that the caller handed in is changed, except *err.
 * The library never prints, exits or aborts on input.
 */
#ifndef MOBILENET_STATUS_H
#define MOBILENET_STATUS_H

#include <stdint.h>

#if defined(_WIN32)
#define MN_API
#else
#define MN_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mn_status {
    MN_OK = 0,
    MN_ERROR_ARGUMENT,      /* the caller passed a value outside the documented range */
    MN_ERROR_OUT_OF_MEMORY, /* an allocation failed */
    MN_ERROR_IO,            /* the operating system refused to open, read or write a file */
    MN_ERROR_FORMAT,        /* the bytes are not a valid file of their kind */
    MN_ERROR_UNSUPPORTED,   /* a valid file or request that this build cannot handle */
    MN_ERROR_LIMIT,         /* a stated limit (pixels, bytes, depth) would be exceeded */
    MN_ERROR_NUMERIC        /* a NaN or an infinity where a finite number is needed */
} mn_status;

#define MN_ERROR_MESSAGE_BYTES 512

/* What went wrong: what was met, what was wanted, and where. Always zero-terminated. */
typedef struct mn_error {
    mn_status status;
    int64_t offset; /* byte offset in the file at fault, or -1 where there is none */
    char message[MN_ERROR_MESSAGE_BYTES];
} mn_error;

/* The name of a status, for instance "invalid argument". Never NULL; static storage. */
MN_API const char *mn_status_name(mn_status status);

/* The library's version, "MAJOR.MINOR.PATCH". Static storage. */
MN_API const char *mn_version(void);

#ifdef __cplusplus
}
#endif

#endif
