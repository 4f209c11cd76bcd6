/*
 * fuzz/driver.c: runs a fuzzer's corpus where libFuzzer isn't there, so that every input that once
 * broke something is tried in every ordinary test run.
 *
 *     fuzz_json CORPUS_FOLDER_OR_FILE...
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t inputs;

/* Each input gets memory of exactly its size, so that the address sanitizer sees a read behind its
 * end. */
static int run_file(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return 1;
    }
    uint8_t *data = NULL;
    size_t n = 0, got;
    static uint8_t block[65536];
    while ((got = fread(block, 1, sizeof(block), f)) > 0) {
        uint8_t *grown = realloc(data, n + got);
        if (!grown)
            abort();
        data = grown;
        memcpy(data + n, block, got);
        n += got;
    }
    fclose(f);
    inputs++;
    LLVMFuzzerTestOneInput(data ? data : (const uint8_t *)"", n);
    free(data);
    return 0;
}

static int run_path(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return run_file(path);
    DIR *folder = opendir(path);
    if (!folder) {
        perror(path);
        return 1;
    }
    int failed = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char file[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        failed |= run_file(file);
    }
    closedir(folder);
    return failed;
}

int main(int argc, char **argv) {
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= run_path(argv[i]);
    printf("%zu inputs\n", inputs);
    return failed || inputs == 0;
}
