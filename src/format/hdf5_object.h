/* The object layer of HDF5 (https://docs.hdfgroup.org/documentation, "HDF5 File Format Specification", version 3): the
 * superblock, object headers as lists of messages, groups as lists of links. A reader of our own, since the system's
 * library does not withstand damaged files; it covers what Keras writes and refuses the rest.
 *
 *     superblock -> root object header -> messages: symbol table or links -> object headers of members -> ...
 *
 * Like the flatbuffer reader, the first fault is kept (status, *err) and later accesses give nothing.
 */
#ifndef MN_FORMAT_HDF5_OBJECT_H
#define MN_FORMAT_HDF5_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reader.h"
#include "base/status.h"

typedef struct mn_h5 {
    mn_reader reader;
    mn_status status;
    mn_error *err;
} mn_h5;

#define MN_H5_UNDEFINED UINT64_MAX /* an address that is not there */

/* Message types. */
enum {
    MN_H5_DATASPACE = 0x01,
    MN_H5_LINK_INFO = 0x02,
    MN_H5_DATATYPE = 0x03,
    MN_H5_LINK = 0x06,
    MN_H5_EXTERNAL = 0x07,
    MN_H5_LAYOUT = 0x08,
    MN_H5_FILTERS = 0x0B,
    MN_H5_ATTRIBUTE = 0x0C,
    MN_H5_CONTINUATION = 0x10,
    MN_H5_SYMBOL_TABLE = 0x11,
    MN_H5_ATTRIBUTE_INFO = 0x15
};

typedef struct mn_h5_message {
    uint16_t type;
    bool shared; /* the message is a reference to another object */
    size_t at, size;
} mn_h5_message;

#define MN_H5_BLOCKS_MAX 64

/* An object header being read: its blocks, the first of which lies at the object's address. */
typedef struct mn_h5_header {
    int32_t version;   /* 1 or 2 */
    size_t head_bytes; /* of a message's head */
    int32_t block_count, block;
    struct {
        size_t at, end;
    } blocks[MN_H5_BLOCKS_MAX];
    size_t next;
    int32_t seen; /* messages */
} mn_h5_header;

/* A member of a group; the name lies in the file and is not terminated. */
typedef struct mn_h5_link {
    const char *name;
    size_t name_length;
    uint64_t object;
} mn_h5_link;

/* Records a fault at a position. Returns false. */
bool mn_h5_fail(mn_h5 *h5, mn_status status, size_t at, const char *what);

/* Little-endian number of 1 to 8 bytes; a fault where it lies outside. */
uint64_t mn_h5_number(mn_h5 *h5, size_t at, size_t bytes);

/* Checks the superblock and finds the root object. */
bool mn_h5_root(mn_h5 *h5, uint64_t *object);

/* Messages one after another, continuation blocks included: false after the last one, or on a fault. */
bool mn_h5_header_open(mn_h5 *h5, uint64_t object, mn_h5_header *header);
bool mn_h5_header_next(mn_h5 *h5, mn_h5_header *header, mn_h5_message *message);

/* The hard links of a group, at most `most`; *count of them are written. Soft and external links are left out. */
bool mn_h5_links(mn_h5 *h5, uint64_t group, mn_h5_link *links, int32_t most, int32_t *count);

#endif
