/* Every kind of picture file that is read, against the pixels that independent decoders found in it; and what happens
 * to files that are cut short, damaged, too large or of no known kind. */
#include "support/test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "golden_files.h"
#include "mobilenet/decode.h"
#include "support/guard.h"

static double mean_difference(const mn_image *a, const mn_image *b)
{
    long sum = 0, count = (long)b->height * b->width * b->channels;
    for (long i = 0; i < count; i++)
        sum += labs((long)a->pixels[i] - b->pixels[i]);
    return (double)sum / (double)count;
}

static void golden_pixels_are_met(void **state)
{
    (void)state;
    size_t count, wrong = 0, exact = 0;
    golden_case *cases = golden_cases(&count);
    assert_true(count >= 60);
    for (size_t i = 0; i < count; i++) {
        mn_image *image = NULL, *wanted = golden_pixels(cases[i].pixels);
        mn_error err = {.message = ""};
        int difference = 256;
        double mean = 0;
        if (mn_image_load(golden_path(cases[i].file), NULL, &image, &err) == MN_OK) {
            difference = golden_difference(image, wanted);
            mean = difference < 256 ? mean_difference(image, wanted) : 255;
        }
        if (difference > cases[i].tolerance || mean > 0.2) { /* other versions of libjpeg round some values otherwise */
            print_error("%s: off by %d gray levels %s\n", cases[i].file, difference, err.message);
            wrong++;
        }
        exact += difference == 0;
        mn_image_destroy(image);
        mn_image_destroy(wanted);
    }
    print_message("%zu files, %zu of them to the same bytes\n", count, exact);
    free(cases);
    assert_int_equal(wrong, 0);
}

/* Decodes the first `size` bytes of the file, copied to the end of the buffer, beside a forbidden page. */
static mn_status decode_guarded(golden_bytes file, size_t size, const guard *g, mn_image **image, mn_error *err)
{
    uint8_t *place = (uint8_t *)g->data + file.size - size;
    if (size > 0)
        memcpy(place, file.bytes, size);
    return mn_image_decode(place, size, NULL, image, err);
}

/* However a file is cut, either all of its pixels are there or the error says that it is truncated. Only a text
 * whose last number lost digits cannot be told from a whole one. */
static void cut_files_say_so(void **state)
{
    (void)state;
    size_t count, wrong = 0;
    golden_case *cases = golden_cases(&count);
    for (size_t i = 0; i < count; i++) {
        golden_bytes file = golden_read(golden_path(cases[i].file));
        guard g = guard_alloc(file.size);
        mn_image *whole = NULL;
        assert_int_equal(decode_guarded(file, file.size, &g, &whole, NULL), MN_OK);
        bool text = file.bytes[0] == 'P' && (file.bytes[1] == '2' || file.bytes[1] == '3');
        for (size_t size = 0; size < file.size - (text ? 4 : 0); size++) {
            mn_image *image = NULL;
            mn_error err = {.message = ""};
            mn_status status = decode_guarded(file, size, &g, &image, &err);
            bool good =
                status == MN_OK
                    ? golden_difference(image, whole) == 0
                    : !image && (size < 16 || (err.status == MN_ERROR_FORMAT && strstr(err.message, "truncated")));
            if (!good && wrong++ < 20)
                print_error("%s cut to %zu of %zu bytes: status %d, '%s'\n", cases[i].file, size, file.size,
                            (int)status, err.message);
            mn_image_destroy(image);
        }
        mn_image_destroy(whole);
        guard_free(&g);
        free(file.bytes);
    }
    free(cases);
    assert_int_equal(wrong, 0);
}

static void put32(uint8_t *at, uint32_t value, bool big_endian)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (big_endian ? 24 - 8 * i : 8 * i));
}

static uint8_t *find(golden_bytes file, const char *bytes, size_t length)
{
    for (size_t i = 0; i + length <= file.size; i++)
        if (memcmp(file.bytes + i, bytes, length) == 0)
            return file.bytes + i;
    fail_msg("pattern not found");
    return NULL;
}

static void assert_fails(golden_bytes file, const mn_decode_limits *limits, mn_status wanted, const char *words)
{
    mn_image *image = NULL;
    mn_error err = {.message = ""};
    mn_status status = mn_image_decode(file.bytes, file.size, limits, &image, &err);
    if (status != wanted || !strstr(err.message, words))
        fail_msg("status %d, '%s'; wanted status %d, '%s'", (int)status, err.message, (int)wanted, words);
    assert_null(image);
    assert_int_equal(err.status, status);
}

/* A header that promises billions of pixels is refused by the promise, nothing being allocated for it. */
static void huge_promises_are_refused(void **state)
{
    (void)state;
    golden_bytes png = golden_read(golden_path("png_gray1.png"));
    put32(png.bytes + 16, 0x7fffffff, true);
    put32(png.bytes + 29, 0xff8fce0bu, true); /* the checksum of that header */
    assert_fails(png, NULL, MN_ERROR_LIMIT, "2147483647x13");
    golden_bytes jpeg = golden_read(golden_path("jpeg_420.jpg"));
    memset(find(jpeg, "\xff\xc0\x00\x11\x08", 5) + 5, 0xfe, 4);
    assert_fails(jpeg, NULL, MN_ERROR_LIMIT, "65278x65278");
    golden_bytes bmp = golden_read(golden_path("bmp_24.bmp"));
    put32(bmp.bytes + 18, 2000000000, false);
    assert_fails(bmp, NULL, MN_ERROR_LIMIT, "2000000000x13");
    put32(bmp.bytes + 18, 0x80000000u, false);
    assert_fails(bmp, NULL, MN_ERROR_FORMAT, "-2147483648x13");
    put32(bmp.bytes + 18, 21, false);
    put32(bmp.bytes + 22, 0x80000000u, false);
    assert_fails(bmp, NULL, MN_ERROR_FORMAT, "-2147483648");
    char text[] = "P5 99999 99999 255 ";
    assert_fails((golden_bytes){(uint8_t *)text, sizeof text - 1}, NULL, MN_ERROR_LIMIT, "99999x99999");
    free(png.bytes);
    free(jpeg.bytes);
    free(bmp.bytes);
}

/* Each limit, one below what the file takes, is obeyed; at what it takes, the file is read. */
static void limits_are_obeyed(void **state)
{
    (void)state;
    static const char *const files[] = {"jpeg_420.jpg", "png_rgb.png", "webp_lossy.webp", "bmp_24.bmp", "pnm_p6.ppm"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        golden_bytes file = golden_read(golden_path(files[i]));
        assert_fails(file, &(mn_decode_limits){.pixels = 21 * 13 - 1}, MN_ERROR_LIMIT, "21x13");
        assert_fails(file, &(mn_decode_limits){.file_bytes = (int64_t)file.size - 1}, MN_ERROR_LIMIT, "bytes");
        assert_fails(file, &(mn_decode_limits){.memory_bytes = 21 * 13 * 2}, MN_ERROR_LIMIT, "allowed");
        assert_fails(file, &(mn_decode_limits){.pixels = -1}, MN_ERROR_ARGUMENT, "negative");
        mn_image *image = NULL;
        mn_decode_limits enough = {.pixels = 21 * 13, .file_bytes = (int64_t)file.size, .memory_bytes = 1 << 20};
        assert_int_equal(mn_image_decode(file.bytes, file.size, &enough, &image, NULL), MN_OK);
        mn_image_destroy(image);
        free(file.bytes);
    }
    golden_bytes progressive = golden_read(golden_path("jpeg_progressive.jpg"));
    assert_fails(progressive, &(mn_decode_limits){.scans = 4}, MN_ERROR_LIMIT, "more than 4 scans");
    assert_fails(progressive, &(mn_decode_limits){.memory_bytes = 21 * 13 * 4}, MN_ERROR_LIMIT, "memory");
    free(progressive.bytes);
}

/* Bytes that are wrong in the middle: an error or pixels, and the same shape either way; never a gray picture with
 * the lower half missing. Here the entropy-coded data of a JPEG are overwritten by an end mark. */
static void damaged_files_are_refused(void **state)
{
    (void)state;
    golden_bytes jpeg = golden_read(golden_path("jpeg_444.jpg"));
    uint8_t *scan = find(jpeg, "\xff\xda", 2);
    memcpy(scan + 60, "\xff\xd9", 2);
    assert_fails(jpeg, NULL, MN_ERROR_FORMAT, "damaged");
    golden_bytes png = golden_read(golden_path("png_rgb.png"));
    find(png, "IDAT", 4)[20] ^= 0x55;
    assert_fails(png, NULL, MN_ERROR_FORMAT, "PNG: ");
    golden_bytes bmp = golden_read(golden_path("bmp_4.bmp"));
    put32(bmp.bytes + 46, 3, false); /* three colours, indices go to 15 */
    assert_fails(bmp, NULL, MN_ERROR_FORMAT, "palette of 3");
    free(jpeg.bytes);
    free(png.bytes);
    free(bmp.bytes);
}

static void unknown_files_are_named(void **state)
{
    (void)state;
    char gif[] = "GIF89a..........";
    assert_fails((golden_bytes){(uint8_t *)gif, 16}, NULL, MN_ERROR_UNSUPPORTED, "GIF");
    char tiff[] = "II*\0............",
         avif[] = "\0\0\0\x20"
                  "ftypavif....",
         text[] = "some other bytes";
    assert_fails((golden_bytes){(uint8_t *)tiff, 16}, NULL, MN_ERROR_UNSUPPORTED, "TIFF");
    assert_fails((golden_bytes){(uint8_t *)avif, 16}, NULL, MN_ERROR_UNSUPPORTED, "AVIF");
    assert_fails((golden_bytes){(uint8_t *)text, 16}, NULL, MN_ERROR_FORMAT, "73 6f 6d 65");
    assert_fails((golden_bytes){(uint8_t *)gif, 2}, NULL, MN_ERROR_FORMAT, "2 bytes");
    assert_fails((golden_bytes){NULL, 0}, NULL, MN_ERROR_FORMAT, "0 bytes");
    char bitmap[] = "P4 8 1 x";
    assert_fails((golden_bytes){(uint8_t *)bitmap, 8}, NULL, MN_ERROR_UNSUPPORTED, "P4");
    golden_bytes animation = golden_read(golden_path("animation.webp"));
    assert_fails(animation, NULL, MN_ERROR_UNSUPPORTED, "animation");
    free(animation.bytes);
    mn_image *image = NULL;
    mn_error err;
    assert_int_equal(mn_image_load("no/such/file.jpg", NULL, &image, &err), MN_ERROR_IO);
    assert_non_null(strstr(err.message, "no/such/file.jpg"));
    assert_int_equal(mn_image_load(golden_path(""), NULL, &image, &err), MN_ERROR_IO);
    assert_int_equal(mn_image_load(golden_path("cases.txt"), NULL, &image, &err), MN_ERROR_FORMAT);
    assert_non_null(strstr(err.message, "cases.txt"));
    assert_int_equal(mn_image_load(golden_path("cases.txt"), NULL, &image, NULL), MN_ERROR_FORMAT);
    assert_null(image);
}

/* EXIF blocks that lie about themselves change nothing. */
static void odd_exif_is_ignored(void **state)
{
    (void)state;
    mn_image *wanted = NULL, *image = NULL;
    golden_bytes file = golden_read(golden_path("jpeg_orientation_5.jpg"));
    uint8_t *entry = find(file, "\x12\x01\x03\x00\x01\x00\x00\x00\x05", 9);
    entry[8] = 1;
    assert_int_equal(mn_image_decode(file.bytes, file.size, NULL, &wanted, NULL), MN_OK);
    assert_int_equal(wanted->height, 21);
    static const uint8_t values[] = {0, 9, 255};
    for (int i = 0; i < 3; i++) {
        entry[8] = values[i];
        assert_int_equal(mn_image_decode(file.bytes, file.size, NULL, &image, NULL), MN_OK);
        assert_int_equal(golden_difference(image, wanted), 0);
        mn_image_destroy(image);
    }
    entry[8] = 6;
    memset(entry + 4, 0xff, 4); /* 4 billion values */
    assert_int_equal(mn_image_decode(file.bytes, file.size, NULL, &image, NULL), MN_OK);
    assert_int_equal(golden_difference(image, wanted), 0);
    mn_image_destroy(image);
    mn_image_destroy(wanted);
    free(file.bytes);
}

typedef struct job {
    golden_bytes *files;
    mn_image **wanted;
    size_t count, wrong;
} job;

static void *decode_all(void *context)
{
    job *j = context;
    for (size_t i = 0; i < j->count; i++) {
        mn_image *image = NULL;
        if (mn_image_decode(j->files[i].bytes, j->files[i].size, NULL, &image, NULL) != MN_OK ||
            golden_difference(image, j->wanted[i]) > 1)
            j->wrong++;
        mn_image_destroy(image);
    }
    return NULL;
}

static void threads_decode_side_by_side(void **state)
{
    (void)state;
    enum { THREADS = 4, MOST = 200 };
    static golden_bytes files[MOST];
    static mn_image *wanted[MOST];
    size_t count;
    golden_case *cases = golden_cases(&count);
    assert_true(count <= MOST);
    for (size_t i = 0; i < count; i++) {
        files[i] = golden_read(golden_path(cases[i].file));
        wanted[i] = golden_pixels(cases[i].pixels);
    }
    pthread_t threads[THREADS];
    job jobs[THREADS];
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (job){files, wanted, count, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, decode_all, &jobs[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(jobs[i].wrong, 0);
    }
    for (size_t i = 0; i < count; i++) {
        mn_image_destroy(wanted[i]);
        free(files[i].bytes);
    }
    free(cases);
}

/* Codecs like to talk. All tests above ran with stderr in this file. */
static FILE *quiet;
static int stderr_kept;

static int silence(void **state)
{
    (void)state;
    quiet = tmpfile();
    stderr_kept = dup(2);
    return quiet && stderr_kept >= 0 && dup2(fileno(quiet), 2) >= 0 ? 0 : -1;
}

static int check_silence(void **state)
{
    (void)state;
    fflush(stderr);
    dup2(stderr_kept, 2);
    close(stderr_kept);
    char said[4096];
    rewind(quiet);
    size_t length = fread(said, 1, sizeof said, quiet);
    fwrite(said, 1, length, stderr);
    fclose(quiet);
    return length == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_pixels_are_met),     cmocka_unit_test(cut_files_say_so),
        cmocka_unit_test(huge_promises_are_refused), cmocka_unit_test(limits_are_obeyed),
        cmocka_unit_test(damaged_files_are_refused), cmocka_unit_test(unknown_files_are_named),
        cmocka_unit_test(odd_exif_is_ignored),       cmocka_unit_test(threads_decode_side_by_side),
    };
    return cmocka_run_group_tests(tests, silence, check_silence);
}
