/* JPEG through libjpeg-turbo: baseline and progressive, gray, YCbCr, RGB, CMYK and YCCK, EXIF orientation.
 *
 * libjpeg reports an error by a call that must not return, so everything that it may jump out of is owned by
 * `reader`, and freed in one place. Data that end early make libjpeg fill the rest with gray and go on: that is
 * an error here, as is a damaged stream.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h> /* after jpeglib.h, which says which codes there are */

#include "base/alloc.h"
#include "image/decoders.h"

typedef struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    struct jpeg_source_mgr source;
    jmp_buf escape;
    const mn_decode_input *input;
    mn_error *err;
    mn_status status;
    mn_image *image;
    uint8_t *row;  /* one row of CMYK */
    bool one_scan; /* the picture comes in one scan, and its header has been read */
    bool ended;    /* libjpeg was handed an end that the file does not have */
    JOCTET false_end[2];
    int orientation;
} reader;

static reader *reader_of(j_common_ptr jpeg)
{
    return jpeg->client_data;
}

static _Noreturn void fail(reader *r, mn_status status, const char *message)
{
    int64_t offset = (int64_t)(r->input->size - r->source.bytes_in_buffer);
    if (r->ended)
        offset = (int64_t)r->input->size;
    r->status = mn_fail_at(r->err, status, offset, "%s", message);
    longjmp(r->escape, 1);
}

static mn_status status_of(int code)
{
    switch (code) {
    case JERR_OUT_OF_MEMORY:
        return MN_ERROR_OUT_OF_MEMORY;
    case JERR_NO_BACKING_STORE: /* our memory limit */
    case JERR_IMAGE_TOO_BIG:
    case JERR_WIDTH_OVERFLOW:
        return MN_ERROR_LIMIT;
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_NOTIMPL:
    case JERR_SOF_UNSUPPORTED:
        return MN_ERROR_UNSUPPORTED;
    default:
        return MN_ERROR_FORMAT;
    }
}

static void on_error(j_common_ptr jpeg)
{
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    if (jpeg->err->msg_code == JERR_NO_BACKING_STORE)
        fail(reader_of(jpeg), MN_ERROR_LIMIT, "decoding takes more memory than is allowed");
    fail(reader_of(jpeg), status_of(jpeg->err->msg_code), message);
}

/* level -1 is a warning. Those that mean lost pixels are errors; the others (bytes between segments, odd
 * version numbers) are let pass. */
static void on_message(j_common_ptr jpeg, int level)
{
    if (level >= 0)
        return;
    reader *r = reader_of(jpeg);
    switch (jpeg->err->msg_code) {
    case JWRN_HIT_MARKER:
        fail(r, MN_ERROR_FORMAT, r->ended ? "truncated: the file ends within the picture" : "damaged picture data");
    case JWRN_HUFF_BAD_CODE:
#if JPEG_LIB_VERSION >= 70 || defined(D_ARITH_CODING_SUPPORTED)
    case JWRN_ARITH_BAD_CODE:
#endif
    case JWRN_MUST_RESYNC:
        fail(r, MN_ERROR_FORMAT, "damaged picture data");
    default:
        break;
    }
}

static void on_progress(j_common_ptr jpeg)
{
    reader *r = reader_of(jpeg);
    if (r->jpeg.input_scan_number > r->input->limits.scans) {
        char message[64];
        snprintf(message, sizeof message, "more than %d scans", (int)r->input->limits.scans);
        fail(r, MN_ERROR_LIMIT, message);
    }
}

static void source_nothing(j_decompress_ptr jpeg)
{
    (void)jpeg;
}

/* All bytes were there from the start, so this is the end of the file. The last bits of a picture in one scan may be
 * asked for before they are needed, so an end-of-image marker is handed out once, and what comes of it is watched
 * (JWRN_HIT_MARKER). Of a picture in several scans, scans may be missing. */
static boolean source_fill(j_decompress_ptr jpeg)
{
    reader *r = reader_of((j_common_ptr)jpeg);
    if (r->ended || !r->one_scan)
        fail(r, MN_ERROR_FORMAT, "truncated: the file ends before the picture is complete");
    r->ended = true;
    r->false_end[0] = 0xFF;
    r->false_end[1] = JPEG_EOI;
    r->source.next_input_byte = r->false_end;
    r->source.bytes_in_buffer = sizeof r->false_end;
    return TRUE;
}

static void source_skip(j_decompress_ptr jpeg, long count)
{
    reader *r = reader_of((j_common_ptr)jpeg);
    if (count <= 0)
        return;
    if (r->ended || (size_t)count > r->source.bytes_in_buffer)
        fail(r, MN_ERROR_FORMAT, "truncated: a segment is longer than the file");
    r->source.next_input_byte += count;
    r->source.bytes_in_buffer -= (size_t)count;
}

static void set_up(reader *r)
{
    r->jpeg.err = jpeg_std_error(&r->errors);
    r->errors.error_exit = on_error;
    r->errors.emit_message = on_message;
    r->jpeg.client_data = r;
}

static void set_source(reader *r)
{
    r->source.init_source = source_nothing;
    r->source.fill_input_buffer = source_fill;
    r->source.skip_input_data = source_skip;
    r->source.resync_to_restart = jpeg_resync_to_restart;
    r->source.term_source = source_nothing;
    r->source.next_input_byte = r->input->bytes;
    r->source.bytes_in_buffer = r->input->size;
    r->jpeg.src = &r->source;
    r->progress.progress_monitor = on_progress;
    r->jpeg.progress = &r->progress;
}

/* Coefficients of every block are kept where a picture comes in several scans. */
static int64_t coefficient_bytes(const struct jpeg_decompress_struct *jpeg)
{
    int64_t blocks = 0;
    for (int c = 0; c < jpeg->num_components; c++) {
        const jpeg_component_info *part = &jpeg->comp_info[c];
        int64_t across = (jpeg->image_width * (int64_t)part->h_samp_factor) / (8 * jpeg->max_h_samp_factor) + 1;
        int64_t down = (jpeg->image_height * (int64_t)part->v_samp_factor) / (8 * jpeg->max_v_samp_factor) + 1;
        blocks += across * down;
    }
    return blocks * (int64_t)sizeof(JBLOCK);
}

static void read_orientation(reader *r)
{
    for (jpeg_saved_marker_ptr m = r->jpeg.marker_list; m; m = m->next)
        if (m->marker == JPEG_APP0 + 1 && m->data_length > 6 && memcmp(m->data, "Exif\0\0", 6) == 0) {
            r->status = mn_exif_orientation(m->data, m->data_length, &r->orientation, r->err);
            if (r->status != MN_OK)
                longjmp(r->escape, 1);
            return;
        }
}

/* Reads up to the first scan, checks the limits, and chooses the colours. */
static void read_header(reader *r)
{
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    const mn_decode_limits *limits = &r->input->limits;
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(jpeg, TRUE);
    read_orientation(r);
    bool gray = jpeg->jpeg_color_space == JCS_GRAYSCALE;
    bool turned = r->orientation > 1;
    int64_t working = (gray ? 1 : 3) * (turned ? 2 : 1);
    r->status = mn_decode_allow(r->input, jpeg->image_width, jpeg->image_height, working, r->err);
    if (r->status != MN_OK)
        longjmp(r->escape, 1);
    if (jpeg->num_components == 2 || jpeg->num_components > 4)
        fail(r, MN_ERROR_UNSUPPORTED, "neither 1 (gray), 3 (RGB) nor 4 (CMYK) components");
    r->one_scan = !jpeg_has_multiple_scans(jpeg);
    int64_t pixels = (int64_t)jpeg->image_width * jpeg->image_height;
    if (!r->one_scan && coefficient_bytes(jpeg) > limits->memory_bytes - pixels * working)
        fail(r, MN_ERROR_LIMIT, "decoding takes more memory than is allowed");
    jpeg->mem->max_memory_to_use = (long)limits->memory_bytes;
    jpeg->out_color_space = gray ? JCS_GRAYSCALE : jpeg->num_components == 4 ? JCS_CMYK : JCS_RGB;
}

/* Adobe's convention, which every reader follows: the bytes are 255 - ink. So R = C' * K' / 255, rounded. */
static void cmyk_to_rgb(const uint8_t *cmyk, size_t width, uint8_t *rgb)
{
    for (size_t x = 0; x < width; x++, cmyk += 4, rgb += 3)
        for (int c = 0; c < 3; c++)
            rgb[c] = (uint8_t)((cmyk[c] * cmyk[3] + 127) / 255);
}

static void read_pixels(reader *r)
{
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    jpeg_start_decompress(jpeg);
    int32_t channels = jpeg->out_color_space == JCS_GRAYSCALE ? 1 : 3;
    size_t width = jpeg->output_width;
    r->status = mn_image_create((int32_t)jpeg->output_height, (int32_t)width, channels, &r->image, r->err);
    if (r->status != MN_OK)
        longjmp(r->escape, 1);
    bool cmyk = jpeg->out_color_space == JCS_CMYK;
    if (cmyk && !(r->row = mn_calloc(width, 4)))
        fail(r, MN_ERROR_OUT_OF_MEMORY, "no memory for a row");
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *out = r->image->pixels + jpeg->output_scanline * width * (size_t)channels;
        JSAMPROW row = cmyk ? r->row : out;
        jpeg_read_scanlines(jpeg, &row, 1);
        if (cmyk)
            cmyk_to_rgb(r->row, width, out);
    }
}

static mn_status decode(const mn_decode_input *input, mn_image **image, int *orientation, mn_error *err)
{
    reader *r = mn_calloc(1, sizeof *r);
    if (!r)
        return mn_fail_memory(err, sizeof *r, "a JPEG decoder");
    r->input = input;
    r->err = err;
    r->orientation = 1;
    set_up(r);
    if (setjmp(r->escape) == 0) {
        jpeg_create_decompress(&r->jpeg);
        set_source(r);
        read_header(r);
        read_pixels(r);
        *image = r->image;
        *orientation = r->orientation;
        r->image = NULL;
    }
    mn_status status = r->status;
    jpeg_destroy_decompress(&r->jpeg);
    mn_image_destroy(r->image);
    free(r->row);
    free(r);
    return status;
}

static bool probe(const uint8_t *bytes, size_t size)
{
    return size >= 3 && bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF;
}

const mn_decoder mn_decoder_jpeg = {"JPEG", probe, decode};
