/* The members of an HDF5 group. The older kind keeps them in a B-tree of symbol nodes, with the names in a heap:
 *
 *     symbol table message -> TREE (level n) -> ... -> TREE (level 0) -> SNOD: entries {offset of name, object}
 *                          -> HEAP -> names
 *
 * The newer kind has a message for each link; its third form, a fractal heap for many links, is refused.
 */
#include <string.h>

#include "format/hdf5_object.h"

#define TREE_LEVELS_MAX 32
#define NODES_MAX       4096
#define ENTRIES_MAX     16384
#define TREE_HEAD       24
#define ENTRY_BYTES     40
#define CACHE_SOFT_LINK 2
#define NAME_MOST       1024 /* bytes that are searched for the end of a name */

typedef struct listing {
    mn_h5 *h5;
    mn_h5_link *links;
    int32_t most, count;
    uint64_t heap, heap_bytes; /* of names */
    int32_t nodes, entries;    /* visited */
} listing;

static bool add_link(listing *list, const char *name, size_t length, uint64_t object, size_t at)
{
    if (list->count == list->most)
        return mn_h5_fail(list->h5, MN_ERROR_LIMIT, at, "a group has too many members");
    if (length == 0 || memchr(name, 0, length))
        return mn_h5_fail(list->h5, MN_ERROR_FORMAT, at, "a member of a group has no name");
    list->links[list->count++] = (mn_h5_link){name, length, object};
    return true;
}

static bool signature_is(mn_h5 *h5, uint64_t at, const char *signature, size_t bytes)
{
    return at <= h5->reader.size && mn_reader_has(&h5->reader, (size_t)at, bytes) &&
           memcmp(h5->reader.bytes + at, signature, 4) == 0;
}

static bool open_heap(listing *list, uint64_t address)
{
    mn_h5 *h5 = list->h5;
    if (!signature_is(h5, address, "HEAP", 32))
        return mn_h5_fail(h5, MN_ERROR_FORMAT, (size_t)address, "the heap of a group's names is damaged");
    list->heap_bytes = mn_h5_number(h5, (size_t)address + 8, 8);
    list->heap = mn_h5_number(h5, (size_t)address + 24, 8);
    if (list->heap > h5->reader.size || list->heap_bytes > h5->reader.size - list->heap)
        return mn_h5_fail(h5, MN_ERROR_FORMAT, (size_t)address, "the heap of a group's names lies outside the file");
    return true;
}

/* A symbol node: links by name. */
static bool read_symbols(listing *list, uint64_t address)
{
    mn_h5 *h5 = list->h5;
    if (!signature_is(h5, address, "SNOD", 8))
        return mn_h5_fail(h5, MN_ERROR_FORMAT, (size_t)address, "a symbol node is damaged");
    uint64_t count = mn_h5_number(h5, (size_t)address + 6, 2);
    list->entries += (int32_t)count;
    if (list->entries > ENTRIES_MAX)
        return mn_h5_fail(h5, MN_ERROR_LIMIT, (size_t)address, "a group has too many members");
    for (uint64_t i = 0; i < count; i++) {
        size_t at = (size_t)(address + 8 + i * ENTRY_BYTES);
        uint64_t offset = mn_h5_number(h5, at, 8), object = mn_h5_number(h5, at + 8, 8);
        uint64_t cache = mn_h5_number(h5, at + 16, 4);
        if (h5->status != MN_OK)
            return false;
        if (cache == CACHE_SOFT_LINK)
            continue;
        if (offset >= list->heap_bytes)
            return mn_h5_fail(h5, MN_ERROR_FORMAT, at, "a name lies outside its heap");
        const char *name = (const char *)h5->reader.bytes + list->heap + offset;
        uint64_t rest = list->heap_bytes - offset;
        const char *end = memchr(name, 0, (size_t)(rest < NAME_MOST ? rest : NAME_MOST));
        if (!end)
            return mn_h5_fail(h5, MN_ERROR_FORMAT, at, "a name is not terminated, or too long");
        if (!add_link(list, name, (size_t)(end - name), object, at))
            return false;
    }
    return true;
}

/* Depth first, by a stack of positions; every step down lowers the level, so that no loop is possible. */
static bool read_tree(listing *list, uint64_t root)
{
    struct {
        uint64_t at;
        uint32_t next, used, level;
    } stack[TREE_LEVELS_MAX];
    mn_h5 *h5 = list->h5;
    uint64_t address = root;
    int32_t depth = 0;
    for (;;) {
        if (!signature_is(h5, address, "TREE", TREE_HEAD) || mn_h5_number(h5, (size_t)address + 4, 1) != 0)
            return mn_h5_fail(h5, MN_ERROR_FORMAT, (size_t)address, "a group's tree is damaged");
        uint32_t level = (uint32_t)mn_h5_number(h5, (size_t)address + 5, 1);
        if (++list->nodes > NODES_MAX || depth == TREE_LEVELS_MAX || (depth > 0 && level + 1 != stack[depth - 1].level))
            return mn_h5_fail(h5, MN_ERROR_FORMAT, (size_t)address,
                              "a group's tree has impossible levels or too many nodes");
        stack[depth].at = address;
        stack[depth].next = 0;
        stack[depth].used = (uint32_t)mn_h5_number(h5, (size_t)address + 6, 2);
        stack[depth].level = level;
        depth++;
        for (;;) { /* up to the next node that has a child left; leaves are read on the way */
            if (depth == 0)
                return true;
            if (stack[depth - 1].next == stack[depth - 1].used) {
                depth--;
                continue;
            }
            size_t child_at = (size_t)stack[depth - 1].at + TREE_HEAD + 8 + 16 * (size_t)stack[depth - 1].next++;
            address = mn_h5_number(h5, child_at, 8);
            if (h5->status != MN_OK)
                return false;
            if (stack[depth - 1].level > 0)
                break;
            if (++list->nodes > NODES_MAX)
                return mn_h5_fail(h5, MN_ERROR_LIMIT, child_at, "a group's tree has too many nodes");
            if (!read_symbols(list, address))
                return false;
        }
    }
}

static bool read_symbol_table(listing *list, const mn_h5_message *message)
{
    uint64_t tree = mn_h5_number(list->h5, message->at, 8), heap = mn_h5_number(list->h5, message->at + 8, 8);
    if (message->size < 16 || list->h5->status != MN_OK)
        return mn_h5_fail(list->h5, MN_ERROR_FORMAT, message->at, "a symbol table is cut off");
    return open_heap(list, heap) && read_tree(list, tree);
}

/* A link message: version, flags, [type], [creation order], [character set], length of name, name, object. */
static bool read_link(listing *list, const mn_h5_message *message)
{
    mn_h5 *h5 = list->h5;
    size_t at = message->at + 2, end = message->at + message->size;
    uint64_t flags = mn_h5_number(h5, message->at + 1, 1), type = 0;
    if (flags & 8)
        type = mn_h5_number(h5, at++, 1);
    at += flags & 4 ? 8 : 0;
    at += flags & 16 ? 1 : 0;
    size_t width = (size_t)1 << (flags & 3);
    uint64_t length = mn_h5_number(h5, at, width);
    at += width;
    if (h5->status != MN_OK || at > end || length > end - at || (type == 0 && end - at - length < 8))
        return mn_h5_fail(h5, MN_ERROR_FORMAT, message->at, "a link is cut off");
    if (type != 0)
        return true;
    uint64_t object = mn_h5_number(h5, at + (size_t)length, 8);
    return add_link(list, (const char *)h5->reader.bytes + at, (size_t)length, object, at);
}

/* Link info: version, flags, [largest creation order], address of a fractal heap. */
static bool check_link_info(mn_h5 *h5, const mn_h5_message *message)
{
    uint64_t flags = mn_h5_number(h5, message->at + 1, 1);
    uint64_t heap = mn_h5_number(h5, message->at + 2 + (flags & 1 ? 8 : 0), 8);
    if (heap != MN_H5_UNDEFINED)
        return mn_h5_fail(h5, MN_ERROR_UNSUPPORTED, message->at,
                          "a group keeps its links in a fractal heap (libver 'latest'); write the file with h5py's "
                          "default, libver 'earliest'");
    return h5->status == MN_OK;
}

bool mn_h5_links(mn_h5 *h5, uint64_t group, mn_h5_link *links, int32_t most, int32_t *count)
{
    listing list = {.h5 = h5, .links = links, .most = most};
    mn_h5_header header;
    mn_h5_message message;
    if (!mn_h5_header_open(h5, group, &header))
        return false;
    while (mn_h5_header_next(h5, &header, &message)) {
        if (message.type == MN_H5_SYMBOL_TABLE)
            read_symbol_table(&list, &message);
        else if (message.type == MN_H5_LINK)
            read_link(&list, &message);
        else if (message.type == MN_H5_LINK_INFO)
            check_link_info(h5, &message);
    }
    *count = list.count;
    return h5->status == MN_OK;
}
