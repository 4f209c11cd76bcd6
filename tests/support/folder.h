/*
 * support/folder.h: a temporary folder of a test's own, and plugin calls whose records are kept as
 * text.
 */
#ifndef TESTS_SUPPORT_FOLDER_H
#define TESTS_SUPPORT_FOLDER_H

#include <pthread.h>

#include "plugin/host.h"

typedef struct test_folder {
    char path[256];
} test_folder;

test_folder test_folder_new(void);
void test_folder_remove(test_folder *f);
/* Paths are relative to it. Folders in between are made. */
void test_folder_write(const test_folder *f, const char *path, const char *text);
/* By way of a rename over the file, as editors do. */
void test_folder_rename_over(const test_folder *f, const char *path, const char *text);
char *test_folder_read(const test_folder *f,
                       const char *path); /* malloc'd, NULL when it isn't there */
void test_folder_delete(const test_folder *f, const char *path);

/* Every record as one line: "NAME index meta body". Thread-safe. */
typedef struct test_records {
    pthread_mutex_t lock;
    pthread_cond_t more;
    tu_buf text;
    size_t n;
} test_records;

void test_records_init(test_records *r);
void test_records_clear(test_records *r);
void test_records_done(test_records *r);
tu_rc test_records_add(void *arg, uint32_t record, uint32_t index, const tu_value *meta,
                       tu_str body);
/* Waits until the text holds `part`, ten seconds at most; fails the test otherwise. */
void test_records_await(test_records *r, const char *part);
bool test_records_have(test_records *r, const char *part);

/* An instance of a built-in plugin with a config in YAML. Fails the test when there is an error. */
tu_plugin_use *test_use(tu_plugin_kind kind, const char *plugin, const char *config);

#endif
