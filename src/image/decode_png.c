/* PNG through libpng: 1 to 16 bits, gray, palette, RGB, alpha and transparent colours, interlaced, eXIf orientation.
 *
 * libpng does the widening and the 16 to 8 bit rounding; alpha is composed over white here. Chunks that do not
 * change pixels (text, profiles, gamma) are skipped unread. All of libpng's memory is counted against the limit.
 * As with JPEG, errors jump: what they may jump out of is owned by `reader`.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "base/alloc.h"
#include "image/decoders.h"

typedef struct reader {
    png_structp png;
    png_infop info;
    jmp_buf escape;
    const mn_decode_input *input;
    size_t at;
    int64_t memory; /* bytes that libpng may still have */
    bool refused;   /* it asked for more, or */
    bool short_of;  /* the system had none; libpng may have gone on without */
    mn_error *err;
    mn_status status;
    mn_image *image;
    uint8_t *rows;     /* pixels with alpha: one row, or all of them where interlaced */
    png_bytep *places; /* row pointers of an interlaced picture */
    int32_t channels;  /* of what libpng delivers: 1, 2 (gray, alpha), 3, 4 */
    int orientation;
} reader;

static _Noreturn void fail(reader *r, mn_status status, const char *message)
{
    r->status = mn_fail_at(r->err, status, (int64_t)r->at, "%s", message);
    longjmp(r->escape, 1);
}

/* To be asked whenever libpng fails, and when it is done: without memory it leaves out what it can. */
static void check_memory(reader *r)
{
    if (r->refused)
        fail(r, MN_ERROR_LIMIT, "decoding takes more memory than is allowed");
    if (r->short_of)
        fail(r, MN_ERROR_OUT_OF_MEMORY, "no memory for libpng");
}

static _Noreturn void on_error(png_structp png, png_const_charp message)
{
    reader *r = png_get_error_ptr(png);
    check_memory(r);
    fail(r, MN_ERROR_FORMAT, message);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void on_read(png_structp png, png_bytep out, size_t size)
{
    reader *r = png_get_io_ptr(png);
    if (size > r->input->size - r->at)
        fail(r, MN_ERROR_FORMAT, "truncated: the file ends before the picture is complete");
    memcpy(out, r->input->bytes + r->at, size);
    r->at += size;
}

enum { BLOCK_HEADER = 16 }; /* in front of each block: its size; keeps malloc's alignment */

static png_voidp on_malloc(png_structp png, png_alloc_size_t size)
{
    reader *r = png_get_mem_ptr(png);
    if (r->memory < 0 || size > (uint64_t)r->memory || size > SIZE_MAX - BLOCK_HEADER) {
        r->refused = true;
        return NULL;
    }
    uint8_t *block = malloc(size + BLOCK_HEADER);
    if (!block) {
        r->short_of = true;
        return NULL;
    }
    memcpy(block, &(size_t){size}, sizeof(size_t));
    r->memory -= (int64_t)size;
    return block + BLOCK_HEADER;
}

static void on_free(png_structp png, png_voidp pointer)
{
    if (!pointer)
        return;
    reader *r = png_get_mem_ptr(png);
    uint8_t *block = (uint8_t *)pointer - BLOCK_HEADER;
    size_t size;
    memcpy(&size, block, sizeof size);
    r->memory += (int64_t)size;
    free(block);
}

static void skip_other_chunks(png_structp png)
{
    static const png_byte names[][5] = {"bKGD", "cHRM", "gAMA", "hIST", "iCCP", "iTXt", "oFFs", "pCAL",
                                        "pHYs", "sBIT", "sCAL", "sPLT", "sRGB", "tEXt", "tIME", "zTXt"};
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, names[0], sizeof names / sizeof *names);
}

/* Reads up to the pixels and asks libpng for 8-bit samples of 1 to 4 channels. */
static void read_header(reader *r)
{
    png_structp png = r->png;
    png_set_read_fn(png, r, on_read);
    png_set_user_limits(png, 0x7fffffff, 0x7fffffff); /* ours come below */
    skip_other_chunks(png);
    png_read_info(png, r->info);
    int64_t width = png_get_image_width(png, r->info), height = png_get_image_height(png, r->info);
    int colour = png_get_color_type(png, r->info), depth = png_get_bit_depth(png, r->info);
    bool transparent = png_get_valid(png, r->info, PNG_INFO_tRNS) != 0;
    bool interlaced = png_get_interlace_type(png, r->info) != PNG_INTERLACE_NONE;
    bool alpha = transparent || (colour & PNG_COLOR_MASK_ALPHA);
    int32_t colours = colour & PNG_COLOR_MASK_COLOR ? 3 : 1;
    r->channels = colours + (alpha ? 1 : 0);
    /* the result, its upright copy, and where interlaced all samples with alpha */
    int64_t working = 2 * colours + (interlaced && alpha ? r->channels : 0);
    r->status = mn_decode_allow(r->input, width, height, working, r->err);
    if (r->status != MN_OK)
        longjmp(r->escape, 1);
    r->memory -= width * height * working;
    if (colour == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    if (colour == PNG_COLOR_TYPE_GRAY && depth < 8)
        png_set_expand_gray_1_2_4_to_8(png);
    if (transparent)
        png_set_tRNS_to_alpha(png);
    if (depth == 16)
        png_set_scale_16(png);
    if (interlaced)
        png_set_interlace_handling(png);
    png_read_update_info(png, r->info);
    if (png_get_channels(png, r->info) != r->channels || png_get_bit_depth(png, r->info) != 8)
        fail(r, MN_ERROR_UNSUPPORTED, "libpng cannot deliver 8-bit samples of this picture");
    r->status = mn_image_create((int32_t)height, (int32_t)width, colours, &r->image, r->err);
    if (r->status != MN_OK)
        longjmp(r->escape, 1);
}

/* [width, colours + 1] to [width, colours]. */
static void drop_alpha(const uint8_t *in, size_t width, int32_t colours, uint8_t *out)
{
    for (size_t x = 0; x < width; x++, in += colours + 1)
        for (int32_t c = 0; c < colours; c++)
            *out++ = mn_over_white(in[c], in[colours]);
}

static void *need(reader *r, size_t count, size_t size)
{
    void *block = mn_calloc(count, size);
    if (!block)
        fail(r, MN_ERROR_OUT_OF_MEMORY, "no memory for rows");
    return block;
}

static void read_pixels(reader *r)
{
    mn_image *image = r->image;
    size_t height = (size_t)image->height, width = (size_t)image->width;
    size_t row_out = width * (size_t)image->channels, row_in = width * (size_t)r->channels;
    bool alpha = r->channels != image->channels;
    bool interlaced = png_get_interlace_type(r->png, r->info) != PNG_INTERLACE_NONE;
    if (alpha)
        r->rows = need(r, interlaced ? height * width : width, (size_t)r->channels);
    if (!interlaced) {
        for (size_t y = 0; y < height; y++) {
            uint8_t *out = image->pixels + y * row_out;
            png_read_row(r->png, alpha ? r->rows : out, NULL);
            if (alpha)
                drop_alpha(r->rows, width, image->channels, out);
        }
        return;
    }
    r->places = need(r, height, sizeof *r->places);
    for (size_t y = 0; y < height; y++)
        r->places[y] = alpha ? r->rows + y * row_in : image->pixels + y * row_out;
    png_read_image(r->png, r->places);
    if (alpha)
        drop_alpha(r->rows, height * width, image->channels, image->pixels);
}

static void read_orientation(reader *r)
{
    png_bytep exif = NULL;
    png_uint_32 size = 0;
    if (png_get_eXIf_1(r->png, r->info, &size, &exif) == 0 || !exif)
        return;
    r->status = mn_exif_orientation(exif, size, &r->orientation, r->err);
    if (r->status != MN_OK)
        longjmp(r->escape, 1);
}

static mn_status decode(const mn_decode_input *input, mn_image **image, int *orientation, mn_error *err)
{
    reader *r = mn_calloc(1, sizeof *r);
    if (!r)
        return mn_fail_memory(err, sizeof *r, "a PNG decoder");
    r->input = input;
    r->err = err;
    r->memory = input->limits.memory_bytes;
    r->orientation = 1;
    if (setjmp(r->escape) == 0) {
        r->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, r, on_error, on_warning, r, on_malloc, on_free);
        r->info = r->png ? png_create_info_struct(r->png) : NULL;
        check_memory(r);
        read_header(r);
        read_pixels(r);
        png_read_end(r->png, r->info);
        check_memory(r);
        read_orientation(r);
        *image = r->image;
        *orientation = r->orientation;
        r->image = NULL;
    }
    mn_status status = r->status;
    png_destroy_read_struct(&r->png, &r->info, NULL);
    mn_image_destroy(r->image);
    free(r->rows);
    free(r->places);
    free(r);
    return status;
}

static bool probe(const uint8_t *bytes, size_t size)
{
    return size >= 8 && png_sig_cmp(bytes, 0, 8) == 0;
}

const mn_decoder mn_decoder_png = {"PNG", probe, decode};
