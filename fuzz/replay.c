/* Runs a fuzz target without libFuzzer: every file of a corpus folder as it is, cut short at many lengths, and
 * damaged in ways that depend on (seed, file name, run) alone, so that a failure can be repeated anywhere.
 *
 *     fuzz_NAME_replay [--runs N] [--seconds S] [--seed K] FOLDER-OR-FILE...
 *
 * Runs are shared evenly among the files. After S seconds no further damaged run starts; files as they are always
 * run. Each input ends at a page that may not be touched. When the target dies, the input is left in
 * crash-replay in the working folder, and its name is printed.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "support/guard.h"
#include "target.h"

enum { MAX_FILES = 4096, MAX_CUTS = 48, HANG_SECONDS = 60 };

typedef struct corpus {
    char *paths[MAX_FILES];
    size_t count;
} corpus;

/* The run that is under way, for the message of a crash. */
static struct {
    char name[1200];
    const uint8_t *data;
    size_t size;
} current;

extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void report_death(void)
{
    static const char note[] = " made the target fail; the input is in crash-replay\n";
    (void)!write(2, current.name, strlen(current.name));
    (void)!write(2, note, sizeof note - 1);
    int fd = open("crash-replay", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd >= 0) {
        (void)!write(fd, current.data, current.size);
        close(fd);
    }
}

static void on_signal(int number)
{
    report_death();
    signal(number, SIG_DFL);
    raise(number);
}

static void catch_deaths(void)
{
    signal(SIGALRM, on_signal);
    signal(SIGABRT, on_signal);
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(report_death);
        return;
    }
    signal(SIGSEGV, on_signal);
    signal(SIGBUS, on_signal);
    signal(SIGFPE, on_signal);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Copies `size` bytes to the end of the buffer, beside the forbidden page, and runs the target on them. */
static void run(const guard *buffer, size_t capacity, const uint8_t *data, size_t size)
{
    uint8_t *place = (uint8_t *)buffer->data + capacity - size;
    if (size > 0)
        memcpy(place, data, size);
    current.data = place;
    current.size = size;
    alarm(HANG_SECONDS);
    LLVMFuzzerTestOneInput(place, size);
}

/* A number that parsers tend to get wrong, or a random one. */
static uint32_t nasty(uint32_t random)
{
    static const uint32_t values[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, ~0u};
    uint32_t choice = random % 24;
    return choice < 12 ? values[choice] : random;
}

/* One edit in place; returns the new size, which is never above the old one. */
static size_t damage(uint8_t *data, size_t size, const uint32_t random[4])
{
    size_t at = random[0] % size;
    uint32_t value = nasty(random[1]);
    size_t length = 1 + random[2] % 16;
    switch (random[3] % 8) {
    case 0:
    case 1:
        data[at] ^= (uint8_t)(1u << (random[1] & 7));
        break;
    case 2:
        data[at] = (uint8_t)value;
        break;
    case 3: /* 1 to 4 bytes, little end first */
        for (size_t i = 0; i < 4 && at + i < size; i++)
            data[at + i] = (uint8_t)(value >> (8 * i));
        break;
    case 4: /* big end first */
        for (size_t i = 0; i < 4 && at + i < size; i++)
            data[at + i] = (uint8_t)(value >> (24 - 8 * i));
        break;
    case 5: /* one digit of a text for another */
        while (at < size && (data[at] < '0' || data[at] > '9'))
            at++;
        if (at < size)
            data[at] = (uint8_t)('0' + random[1] % 10);
        break;
    case 6: /* some bytes over others */
        length = length < size - at ? length : size - at;
        memmove(data + at, data + random[1] % (size - length + 1), length);
        break;
    default: /* bytes taken out */
        length = length < size - at ? length : size - at;
        memmove(data + at, data + at + length, size - at - length);
        size -= length;
    }
    return size;
}

static void run_damaged(const guard *buffer, const mn_mapping *file, uint8_t *copy, uint64_t seed, uint32_t number)
{
    uint32_t random[4];
    size_t size = file->size;
    memcpy(copy, file->bytes, size);
    mn_rng_block(seed, number, 0, random);
    uint32_t edits = 1 + random[0] % 8;
    for (uint32_t i = 1; i <= edits && size > 0; i++) {
        mn_rng_block(seed, number, i, random);
        size = damage(copy, size, random);
    }
    run(buffer, file->size, copy, size);
}

static uint64_t hash_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (const char *c = slash ? slash + 1 : path; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 1099511628211u;
    return hash;
}

/* Returns the number of inputs tried, 0 where the file cannot be read. */
static uint32_t replay_file(const char *path, uint64_t seed, uint32_t runs, double deadline)
{
    mn_mapping file;
    mn_error err;
    if (mn_file_map(path, &file, &err) != MN_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 0;
    }
    uint32_t done = 1;
    guard buffer = guard_alloc(file.size);
    snprintf(current.name, sizeof current.name, "%s", path);
    run(&buffer, file.size, file.bytes, file.size);

    size_t cuts = file.size < MAX_CUTS ? file.size : MAX_CUTS;
    for (size_t i = 0; i < cuts && now() < deadline; i++, done++) {
        size_t size = i * file.size / cuts;
        snprintf(current.name, sizeof current.name, "%s, cut to %zu bytes,", path, size);
        run(&buffer, file.size, file.bytes, size);
    }
    uint8_t *copy = malloc(file.size + 1);
    for (uint32_t i = 0; copy && file.size > 0 && i < runs && now() < deadline; i++, done++) {
        snprintf(current.name, sizeof current.name, "%s, damage %u,", path, i);
        run_damaged(&buffer, &file, copy, seed ^ hash_name(path), i);
    }
    free(copy);
    guard_free(&buffer);
    mn_file_unmap(&file);
    return done;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_path(corpus *files, const char *path)
{
    if (files->count < MAX_FILES && (files->paths[files->count] = strdup(path)) != NULL)
        files->count++;
}

static void collect(corpus *files, const char *path)
{
    char name[1024];
    struct stat info;
    DIR *folder = opendir(path);
    if (!folder) {
        add_path(files, path);
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        int length = snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (length < (int)sizeof name && stat(name, &info) == 0 && S_ISREG(info.st_mode))
            add_path(files, name);
    }
    closedir(folder);
}

int main(int argc, char **argv)
{
    static corpus files;
    uint64_t seed = 1;
    uint32_t runs = 6000, done = 0, failed = 0;
    double start = now(), seconds = 4;
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (more && strcmp(argv[i], "--runs") == 0)
            runs = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (more && strcmp(argv[i], "--seconds") == 0)
            seconds = strtod(argv[++i], NULL);
        else if (more && strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[++i], NULL, 10);
        else
            collect(&files, argv[i]);
    }
    if (files.count == 0) {
        fprintf(stderr, "no file to replay: give the folder of a corpus\n");
        return 1;
    }
    catch_deaths();
    qsort(files.paths, files.count, sizeof *files.paths, compare_paths);
    for (size_t i = 0; i < files.count; i++) { /* each file has its share of the time */
        double deadline = start + seconds * (double)(i + 1) / (double)files.count;
        uint32_t tried = replay_file(files.paths[i], seed, runs / (uint32_t)files.count + 1, deadline);
        done += tried;
        failed += tried == 0;
        free(files.paths[i]);
    }
    printf("%u inputs from %zu files in %.1f s\n", done, files.count, now() - start);
    return failed > 0;
}
