/* Data sets of every kind, made here in a temporary folder: order of classes, parts, labels, pixels, and what is
 * refused.
 */
#include "support/test.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "base/natural.h"
#include "mobilenet/dataset.h"
#include "train/dataset_index.h"

static char root[] = "/tmp/mn-dataset-XXXXXX";

static const char *at(const char *relative)
{
    static char paths[8][256];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", root, relative);
    return path;
}

static void make_folder(const char *relative)
{
    char path[256];
    snprintf(path, sizeof path, "%s", at(relative));
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    assert_true(mkdir(path, 0777) == 0 || errno == EEXIST);
}

static void write_file(const char *relative, const void *bytes, size_t size)
{
    FILE *file = fopen(at(relative), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void write_text(const char *relative, const char *text)
{
    write_file(relative, text, strlen(text));
}

/* A gray picture of one pixel. */
static void write_picture(const char *relative, uint8_t value)
{
    char text[] = "P5 1 1 255\n?";
    text[sizeof text - 2] = (char)value;
    write_file(relative, text, sizeof text - 1);
}

static uint8_t first_pixel(const mn_dataset *set, int64_t index)
{
    mn_image *image = NULL;
    assert_int_equal(mn_dataset_image(set, index, &image, NULL), MN_OK);
    uint8_t value = image->pixels[0];
    mn_image_destroy(image);
    return value;
}

static mn_dataset *open_set(const char *relative, mn_split split)
{
    mn_dataset *set = NULL;
    mn_error err = {.message = ""};
    if (mn_dataset_open(at(relative), split, NULL, 0, &set, &err) != MN_OK)
        fail_msg("%s", err.message);
    return set;
}

static void expect_refusal(const char *relative, mn_split split, mn_status status, const char *words)
{
    mn_dataset *set = NULL;
    mn_error err = {.message = ""};
    assert_int_equal(mn_dataset_open(at(relative), split, NULL, 0, &set, &err), status);
    assert_null(set);
    if (!strstr(err.message, words))
        fail_msg("'%s' should say '%s'", err.message, words);
}

static void folders_come_in_natural_order(void **state)
{
    (void)state;
    const char *classes[] = {"10", "2", "1", "class 11", "class 9", ".hidden"};
    char path[64];
    for (int i = 0; i < 6; i++) {
        snprintf(path, sizeof path, "natural/%s", classes[i]);
        make_folder(path);
        snprintf(path, sizeof path, "natural/%s/picture.pgm", classes[i]);
        write_picture(path, (uint8_t)i);
    }
    write_picture("natural/1/.hidden.pgm", 99);
    write_text("natural/1/Thumbs.db", "no picture");
    write_text("natural/README.txt", "no class");
    mn_dataset *set = open_set("natural", MN_SPLIT_DEFAULT);
    const char *const wanted[] = {"1", "2", "10", "class 9", "class 11"};
    assert_string_equal(mn_dataset_kind(set), "folder");
    assert_int_equal(mn_dataset_part(set), MN_SPLIT_DEFAULT);
    assert_int_equal(mn_dataset_size(set), 5);
    assert_int_equal(mn_dataset_class_count(set), 5);
    for (int k = 0; k < 5; k++) {
        assert_string_equal(mn_dataset_class_name(set, k), wanted[k]);
        assert_int_equal(mn_dataset_label(set, k), k);
    }
    assert_int_equal(first_pixel(set, 2), 0); /* class "10" was written first */
    assert_null(mn_dataset_class_name(set, 5));
    assert_int_equal(mn_dataset_label(set, 5), -1);
    assert_int_equal(mn_dataset_image(set, 5, NULL, NULL), MN_ERROR_ARGUMENT);
    mn_dataset_close(set);
    mn_dataset_close(open_set("natural", MN_SPLIT_LEARN)); /* no parts: everything */
    expect_refusal("natural", MN_SPLIT_TRAIN, MN_ERROR_ARGUMENT, "no train and test part");
    expect_refusal("nowhere", MN_SPLIT_DEFAULT, MN_ERROR_IO, "No such file");
}

static void folders_follow_wanted_names(void **state)
{
    (void)state;
    make_folder("wanted/Sea_Lion");
    make_folder("wanted/tench");
    write_picture("wanted/Sea_Lion/a.pgm", 7);
    write_picture("wanted/tench/b.pgm", 8);
    const char *const names[] = {"background", "tench, Tinca tinca", "goldfish", "sea lion"};
    mn_dataset *set = NULL;
    assert_int_equal(mn_dataset_open(at("wanted"), MN_SPLIT_DEFAULT, names, 4, &set, NULL), MN_OK);
    assert_int_equal(mn_dataset_class_count(set), 4);
    assert_int_equal(mn_dataset_label(set, 0), 3);
    assert_int_equal(mn_dataset_label(set, 1), 1);
    assert_string_equal(mn_dataset_class_name(set, 1), names[1]);
    mn_dataset_close(set);
    /* One folder without a wanted name: the folders' own names. */
    make_folder("wanted/zebra");
    write_picture("wanted/zebra/c.pgm", 9);
    assert_int_equal(mn_dataset_open(at("wanted"), MN_SPLIT_DEFAULT, names, 4, &set, NULL), MN_OK);
    assert_int_equal(mn_dataset_class_count(set), 3);
    assert_string_equal(mn_dataset_class_name(set, 0), "Sea_Lion");
    mn_dataset_close(set);
}

static void parts_share_the_classes_of_train(void **state)
{
    (void)state;
    make_folder("parts/train/a");
    make_folder("parts/train/b");
    make_folder("parts/val/b");
    write_picture("parts/train/a/1.pgm", 1);
    write_picture("parts/train/b/2.pgm", 2);
    write_picture("parts/val/b/3.pgm", 3);
    mn_dataset *set = open_set("parts", MN_SPLIT_DEFAULT);
    assert_int_equal(mn_dataset_part(set), MN_SPLIT_TEST);
    assert_int_equal(mn_dataset_size(set), 1);
    assert_int_equal(mn_dataset_class_count(set), 2);
    assert_int_equal(mn_dataset_label(set, 0), 1);
    mn_dataset_close(set);
    set = open_set("parts", MN_SPLIT_LEARN);
    assert_int_equal(mn_dataset_part(set), MN_SPLIT_TRAIN);
    mn_dataset_close(set);
    set = open_set("parts", MN_SPLIT_TRAIN);
    assert_int_equal(mn_dataset_part(set), MN_SPLIT_TRAIN);
    assert_int_equal(mn_dataset_size(set), 2);
    mn_dataset_close(set);
    make_folder("parts/val/c");
    expect_refusal("parts", MN_SPLIT_TEST, MN_ERROR_ARGUMENT, "the class 'c'");
}

static void links_do_not_lead_in_circles(void **state)
{
    (void)state;
    make_folder("links/real/deeper");
    write_picture("links/real/deeper/a.pgm", 1);
    write_picture("elsewhere.pgm", 2);
    assert_int_equal(symlink(at("links"), at("links/real/loop")), 0);
    assert_int_equal(symlink("..", at("links/real/deeper/up")), 0);
    assert_int_equal(symlink(at("elsewhere.pgm"), at("links/real/link.pgm")), 0);
    assert_int_equal(symlink(at("links/real"), at("links/also")), 0);
    assert_int_equal(mkfifo(at("links/real/pipe.pgm"), 0600), 0);
    mn_dataset *set = open_set("links", MN_SPLIT_DEFAULT);
    assert_int_equal(mn_dataset_class_count(set), 2); /* "also" is a link to a class folder */
    assert_int_equal(mn_dataset_size(set), 4);
    mn_dataset_close(set);
}

static void folders_without_sense_are_refused(void **state)
{
    (void)state;
    make_folder("empty");
    expect_refusal("empty", MN_SPLIT_DEFAULT, MN_ERROR_FORMAT, "empty' holds no picture: wanted are class folders");
    make_folder("loose");
    write_picture("loose/a.pgm", 1);
    expect_refusal("loose", MN_SPLIT_DEFAULT, MN_ERROR_FORMAT, "pictures but nothing that says their classes");
    make_folder("hollow/a");
    make_folder("hollow/b");
    write_picture("hollow/a/a.pgm", 1);
    expect_refusal("hollow", MN_SPLIT_DEFAULT, MN_ERROR_ARGUMENT, "hollow/b' holds no picture: add some");
    const char *kinds;
    write_text("hollow/b/a.gif", "GIF");
    expect_refusal("hollow", MN_SPLIT_DEFAULT, MN_ERROR_ARGUMENT, "only files of other kinds (.gif)");
    write_text("hollow/b/a.tiff", "II");
    write_text("hollow/b/b.gif", "GIF");
    write_picture("hollow/b/b.pgm", 1);
    mn_dataset *set = open_set("hollow", MN_SPLIT_DEFAULT);
    assert_int_equal(mn_dataset_size(set), 2);
    assert_int_equal(mn_dataset_passed_over(set, &kinds), 3);
    assert_string_equal(kinds, ".gif, .tiff");
    mn_dataset_close(set);
}

static void lists_take_numbers(void **state)
{
    (void)state;
    make_folder("list");
    write_picture("list/a b.pgm", 5);
    write_picture("list/c.pgm", 6);
    write_text("list/labels.txt", "\xEF\xBB\xBF# a comment\r\na b.pgm 12\r\n\r\n  c.pgm\t3  \n");
    for (int i = 0; i < 2; i++) { /* the file, and the folder that holds it */
        mn_dataset *set = open_set(i == 0 ? "list/labels.txt" : "list", MN_SPLIT_DEFAULT);
        assert_string_equal(mn_dataset_kind(set), "list");
        assert_int_equal(mn_dataset_size(set), 2);
        assert_int_equal(mn_dataset_class_count(set), 13);
        assert_null(mn_dataset_class_name(set, 0));
        assert_int_equal(mn_dataset_label(set, 0), 12);
        assert_int_equal(mn_dataset_label(set, 1), 3);
        assert_string_equal(mn_dataset_path(set, 0), at("list/a b.pgm"));
        assert_int_equal(first_pixel(set, 0), 5);
        assert_int_equal(first_pixel(set, 1), 6);
        mn_dataset_close(set);
    }
}

static void lists_take_names(void **state)
{
    (void)state;
    make_folder("named");
    write_text("named/list", "a.pgm\tsea lion\n/b.pgm\tcrane\na.pgm\tsea lion\n");
    mn_dataset *set = open_set("named/list", MN_SPLIT_DEFAULT);
    assert_int_equal(mn_dataset_class_count(set), 2);
    assert_string_equal(mn_dataset_class_name(set, 0), "crane");
    assert_int_equal(mn_dataset_label(set, 0), 1);
    assert_int_equal(mn_dataset_label(set, 1), 0);
    assert_int_equal(mn_dataset_label(set, 2), 1);
    assert_string_equal(mn_dataset_path(set, 1), "/b.pgm");
    mn_dataset_close(set);

    const char *const names[] = {"crane", "sea lion", "crane"};
    mn_error err;
    set = NULL;
    assert_int_equal(mn_dataset_open(at("named/list"), MN_SPLIT_DEFAULT, names, 2, &set, NULL), MN_OK);
    assert_int_equal(mn_dataset_label(set, 0), 1);
    mn_dataset_close(set);
    assert_int_equal(mn_dataset_open(at("named/list"), MN_SPLIT_DEFAULT, names, 3, &set, &err), MN_ERROR_FORMAT);
    assert_non_null(strstr(err.message, "line 2: 'crane' is the name of more than one class"));
    assert_int_equal(mn_dataset_open(at("named/list"), MN_SPLIT_DEFAULT, names, 1, &set, &err), MN_ERROR_FORMAT);
    assert_non_null(strstr(err.message, "line 1: 'sea lion' is the name of no class"));
}

static void lists_without_sense_are_refused(void **state)
{
    (void)state;
    make_folder("bad");
    write_text("bad/1", "a.pgm 1\nb.pgm\n");
    expect_refusal("bad/1", MN_SPLIT_DEFAULT, MN_ERROR_FORMAT, "line 2, 'b.pgm', has no label");
    write_text("bad/2", "a.pgm 99999999999999999999\n");
    expect_refusal("bad/2", MN_SPLIT_DEFAULT, MN_ERROR_FORMAT, "is above 999999");
    write_file("bad/3", "a\0b 1\n", 6);
    expect_refusal("bad/3", MN_SPLIT_DEFAULT, MN_ERROR_FORMAT, "line 1 is not text");
    write_text("bad/4", "\n# nothing\n");
    expect_refusal("bad/4", MN_SPLIT_DEFAULT, MN_ERROR_FORMAT, "holds no samples");
    expect_refusal("bad/4", MN_SPLIT_TEST, MN_ERROR_ARGUMENT, "without a train and a test part");
}

/* Two images of 2 x 3. */
static const uint8_t idx_images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2,  0,  0,
                                     0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static const uint8_t idx_labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 4, 0};

static void write_gzip(const char *relative, const void *bytes, size_t size)
{
    gzFile file = gzopen(at(relative), "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, (unsigned)size), (int)size);
    assert_int_equal(gzclose(file), Z_OK);
}

static void idx_files_are_read_plain_and_gzipped(void **state)
{
    (void)state;
    make_folder("idx");
    write_file("idx/train-images-idx3-ubyte", idx_images, sizeof idx_images);
    write_file("idx/train-labels-idx1-ubyte", idx_labels, sizeof idx_labels);
    mn_dataset *set = open_set("idx", MN_SPLIT_DEFAULT);
    assert_int_equal(mn_dataset_part(set), MN_SPLIT_TRAIN); /* there is no test part yet */
    mn_dataset_close(set);
    write_gzip("idx/t10k-images-idx3-ubyte.gz", idx_images, sizeof idx_images);
    write_gzip("idx/t10k-labels-idx1-ubyte.gz", idx_labels, sizeof idx_labels);
    for (int split = MN_SPLIT_DEFAULT; split <= MN_SPLIT_TEST; split++) {
        set = open_set("idx", (mn_split)split);
        assert_string_equal(mn_dataset_kind(set), "idx");
        assert_int_equal(mn_dataset_part(set), split == MN_SPLIT_TRAIN ? MN_SPLIT_TRAIN : MN_SPLIT_TEST);
        assert_int_equal(mn_dataset_size(set), 2);
        assert_int_equal(mn_dataset_class_count(set), 5);
        assert_int_equal(mn_dataset_label(set, 0), 4);
        assert_null(mn_dataset_path(set, 0));
        mn_image *image = NULL;
        assert_int_equal(mn_dataset_image(set, 1, &image, NULL), MN_OK);
        assert_int_equal(image->height, 2);
        assert_int_equal(image->width, 3);
        assert_int_equal(image->channels, 1);
        assert_memory_equal(image->pixels, idx_images + 22, 6);
        mn_image_destroy(image);
        mn_dataset_close(set);
    }
}

static mn_status parse_idx(const void *bytes, size_t size, mn_error *err)
{
    mn_idx idx = {0};
    mn_status status = mn_idx_parse(bytes, size, &idx, err);
    free(idx.inflated);
    return status;
}

static void damaged_idx_files_are_refused(void **state)
{
    (void)state;
    uint8_t copy[sizeof idx_images + 1], squeezed[256];
    mn_error err;
    for (size_t size = 0; size < sizeof idx_images; size++)
        assert_int_not_equal(parse_idx(idx_images, size, &err), MN_OK);
    memcpy(copy, idx_images, sizeof idx_images);
    assert_int_equal(parse_idx(copy, sizeof copy, &err), MN_ERROR_FORMAT);
    copy[2] = 0x0D; /* floats */
    assert_int_equal(parse_idx(copy, sizeof idx_images, &err), MN_ERROR_UNSUPPORTED);
    memcpy(copy, idx_images, sizeof idx_images);
    copy[4] = copy[8] = 255;
    assert_int_equal(parse_idx(copy, sizeof idx_images, &err), MN_ERROR_LIMIT);

    /* gzip: every cut, a header that promises more than the stream holds, or less, or what cannot be. */
    write_gzip("squeezed", idx_images, sizeof idx_images);
    FILE *file = fopen(at("squeezed"), "rb");
    assert_non_null(file);
    size_t size = fread(squeezed, 1, sizeof squeezed, file);
    fclose(file);
    assert_int_equal(parse_idx(squeezed, size, &err), MN_OK);
    for (size_t cut = 0; cut + 8 < size; cut++)
        assert_int_not_equal(parse_idx(squeezed, cut, &err), MN_OK);
    const uint8_t counts[] = {1, 3, 200};
    for (int i = 0; i < 3; i++) {
        memcpy(copy, idx_images, sizeof idx_images);
        copy[7] = counts[i];
        copy[6] = i == 2 ? 200 : 0;
        write_gzip("squeezed", copy, sizeof idx_images);
        file = fopen(at("squeezed"), "rb");
        assert_non_null(file);
        size = fread(squeezed, 1, sizeof squeezed, file);
        fclose(file);
        assert_int_equal(parse_idx(squeezed, size, &err), MN_ERROR_FORMAT);
    }

    make_folder("idx-odd");
    write_file("idx-odd/train-images-idx3-ubyte", idx_images, sizeof idx_images);
    expect_refusal("idx-odd", MN_SPLIT_DEFAULT, MN_ERROR_FORMAT, "has no train-labels-idx1-ubyte");
    expect_refusal("idx-odd", MN_SPLIT_TEST, MN_ERROR_ARGUMENT, "has no t10k-images-idx3-ubyte");
    const uint8_t three[] = {0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 2};
    write_file("idx-odd/train-labels-idx1-ubyte", three, sizeof three);
    expect_refusal("idx-odd", MN_SPLIT_DEFAULT, MN_ERROR_FORMAT, "3 labels (rank 1) are met for 2 images");
}

/* `count` records whose label is the number of the record and whose red, green and blue are 1, 2 and 3 times it. */
static void write_cifar(const char *relative, int count, size_t labels)
{
    size_t record = labels + 3072;
    uint8_t *bytes = calloc((size_t)count, record);
    assert_non_null(bytes);
    for (int i = 0; i < count; i++) {
        bytes[(size_t)i * record + labels - 1] = (uint8_t)i;
        for (int c = 0; c < 3; c++)
            memset(bytes + (size_t)i * record + labels + 1024 * c, (c + 1) * i, 1024);
    }
    write_file(relative, bytes, (size_t)count * record);
    free(bytes);
}

static void cifar_records_are_read(void **state)
{
    (void)state;
    make_folder("cifar10");
    write_cifar("cifar10/data_batch_1.bin", 4, 1);
    write_cifar("cifar10/data_batch_2.bin", 3, 1);
    write_cifar("cifar10/test_batch.bin", 2, 1);
    write_text("cifar10/batches.meta.txt", "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");
    mn_dataset *set = open_set("cifar10", MN_SPLIT_DEFAULT);
    assert_string_equal(mn_dataset_kind(set), "cifar");
    assert_int_equal(mn_dataset_size(set), 2);
    assert_int_equal(mn_dataset_class_count(set), 10);
    assert_string_equal(mn_dataset_class_name(set, 9), "truck");
    mn_dataset_close(set);
    set = open_set("cifar10", MN_SPLIT_TRAIN);
    assert_int_equal(mn_dataset_size(set), 7);
    assert_int_equal(mn_dataset_label(set, 6), 2);
    mn_image *image = NULL;
    assert_int_equal(mn_dataset_image(set, 6, &image, NULL), MN_OK);
    const uint8_t pixel[] = {2, 4, 6};
    assert_memory_equal(image->pixels + 3 * 1023, pixel, 3);
    mn_image_destroy(image);
    mn_dataset_close(set);

    make_folder("cifar100");
    write_cifar("cifar100/test.bin", 50, 2);
    set = open_set("cifar100/test.bin", MN_SPLIT_DEFAULT);
    assert_int_equal(mn_dataset_class_count(set), 100);
    assert_int_equal(mn_dataset_label(set, 49), 49);
    mn_dataset_close(set);
    expect_refusal("cifar100", MN_SPLIT_LEARN, MN_ERROR_ARGUMENT, "has no data_batch_N.bin or train.bin");
    expect_refusal("cifar100", MN_SPLIT_TRAIN, MN_ERROR_ARGUMENT, "has no data_batch_N.bin or train.bin");
    write_cifar("cifar100/train.bin", 3, 1);
    set = open_set("cifar100", MN_SPLIT_TRAIN); /* what a file is shows in its bytes */
    assert_int_equal(mn_dataset_class_count(set), 10);
    mn_dataset_close(set);
    write_cifar("cifar10/data_batch_3.bin", 12, 1);
    expect_refusal("cifar10", MN_SPLIT_TRAIN, MN_ERROR_FORMAT, "a label of CIFAR-10 is above 9");
    write_text("cifar10/test_batch.bin", "short");
    expect_refusal("cifar10", MN_SPLIT_TEST, MN_ERROR_FORMAT, "5 bytes are no whole number of CIFAR-10 records");
}

static void natural_order_is_an_order(void **state)
{
    (void)state;
    const char *const sorted[] = {"",   "0", "00", "1",  "01",  "2",    "10",   "10a", "99999999999999999999",
                                  "A2", "a", "a1", "a2", "a10", "a10b", "a10c", "b"};
    int count = (int)(sizeof sorted / sizeof *sorted);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < count; k++) {
            int order = mn_natural_compare(sorted[i], sorted[k]);
            /* Same value, other zeros: some order, the same both ways. */
            assert_int_equal(order<0, mn_natural_compare(sorted[k], sorted[i])> 0);
            if (!((i == 1 || i == 2) && (k == 1 || k == 2)) && !((i == 3 || i == 4) && (k == 3 || k == 4)))
                assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
        }
}

static int make_root(void **state)
{
    (void)state;
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    /* The tree is small; a shell is the shortest way to remove it whole. */
    pid_t child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", root, (char *)NULL);
        _exit(127);
    }
    return child > 0 && waitpid(child, NULL, 0) == child ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(natural_order_is_an_order),
        cmocka_unit_test(folders_come_in_natural_order),
        cmocka_unit_test(folders_follow_wanted_names),
        cmocka_unit_test(parts_share_the_classes_of_train),
        cmocka_unit_test(links_do_not_lead_in_circles),
        cmocka_unit_test(folders_without_sense_are_refused),
        cmocka_unit_test(lists_take_numbers),
        cmocka_unit_test(lists_take_names),
        cmocka_unit_test(lists_without_sense_are_refused),
        cmocka_unit_test(idx_files_are_read_plain_and_gzipped),
        cmocka_unit_test(damaged_idx_files_are_refused),
        cmocka_unit_test(cifar_records_are_read),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
