/* The one EXIF value that changes pixels: the orientation, read by libexif. */
#include <stdlib.h>
#include <string.h>

#include <libexif/exif-data.h>

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

int mn_exif_orientation(const uint8_t *bytes, size_t size)
{
    int orientation = 1;
    uint8_t *copy = NULL;
    size = size < LARGEST_BLOCK ? size : LARGEST_BLOCK;
    if (size < 8)
        return orientation;
    const uint8_t *block = with_prefix(bytes, &size, &copy);
    ExifData *data = block ? exif_data_new() : NULL;
    if (data) {
        exif_data_unset_option(data, EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
        exif_data_set_option(data, EXIF_DATA_OPTION_IGNORE_UNKNOWN_TAGS);
        exif_data_set_option(data, EXIF_DATA_OPTION_DONT_CHANGE_MAKER_NOTE);
        exif_data_load_data(data, block, (unsigned)size);
        const ExifEntry *entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
        if (entry && entry->format == EXIF_FORMAT_SHORT && entry->size >= 2)
            orientation = exif_get_short(entry->data, exif_data_get_byte_order(data));
        exif_data_unref(data);
    }
    free(copy);
    return orientation >= 1 && orientation <= 8 ? orientation : 1;
}
