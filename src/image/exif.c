/* The one EXIF value that changes pixels: the orientation, read by libexif. */
#include <stdlib.h>
#include <string.h>

#include <libexif/exif-data.h>
#include <libexif/exif-mem.h>

#include "base/alloc.h"
#include "image/decoders.h"

enum { LARGEST_BLOCK = 64 * 1024 }; /* what fits into a JPEG segment; orientation comes early */

/* libexif wants "Exif\0\0" in front, which PNG and WebP leave out. *copy is the caller's to free. */
static const uint8_t *with_prefix(const uint8_t *bytes, size_t *size, uint8_t **copy)
{
    static const uint8_t prefix[6] = {'E', 'x', 'i', 'f', 0, 0};
    if (*size >= sizeof prefix && memcmp(bytes, prefix, sizeof prefix) == 0)
        return bytes;
    uint8_t *whole = mn_calloc(*size + sizeof prefix, 1);
    if (!whole)
        return NULL;
    memcpy(whole, prefix, sizeof prefix);
    memcpy(whole + sizeof prefix, bytes, *size);
    *size += sizeof prefix;
    *copy = whole;
    return whole;
}

/* libexif goes on without an entry that it had no memory for and tells nobody, so its allocator is ours. It gives
 * the allocator no context, hence a variable of the thread. */
static _Thread_local bool short_of_memory;

static void *on_realloc(void *old, ExifLong size)
{
    void *block = realloc(old, size > 0 ? size : 1);
    short_of_memory = short_of_memory || !block;
    return block;
}

static void *on_alloc(ExifLong size)
{
    void *block = mn_calloc(1, size);
    short_of_memory = short_of_memory || !block;
    return block;
}

static int parse(ExifData *data, const uint8_t *block, size_t size)
{
    exif_data_unset_option(data, EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
    exif_data_set_option(data, EXIF_DATA_OPTION_IGNORE_UNKNOWN_TAGS);
    exif_data_set_option(data, EXIF_DATA_OPTION_DONT_CHANGE_MAKER_NOTE);
    exif_data_load_data(data, block, (unsigned)size);
    const ExifEntry *entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
    if (!entry || entry->format != EXIF_FORMAT_SHORT || entry->size < 2)
        return 1;
    int orientation = exif_get_short(entry->data, exif_data_get_byte_order(data));
    return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

mn_status mn_exif_orientation(const uint8_t *bytes, size_t size, int *orientation, mn_error *err)
{
    uint8_t *copy = NULL;
    int found = 1;
    size = size < LARGEST_BLOCK ? size : LARGEST_BLOCK;
    if (size < 8) {
        *orientation = 1;
        return MN_OK;
    }
    short_of_memory = false;
    const uint8_t *block = with_prefix(bytes, &size, &copy);
    ExifMem *memory = exif_mem_new(on_alloc, on_realloc, free);
    ExifData *data = block && memory ? exif_data_new_mem(memory) : NULL;
    if (data)
        found = parse(data, block, size);
    bool failed = !data || short_of_memory;
    exif_data_unref(data);
    exif_mem_unref(memory);
    free(copy);
    if (failed)
        return mn_fail_memory(err, size, "EXIF data");
    *orientation = found;
    return MN_OK;
}
