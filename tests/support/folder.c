/* support/folder.c: see folder.h. */
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "value/json.h"
#include "value/yaml.h"

test_folder test_folder_new(void) {
    test_folder f;
    const char *base = getenv("TMPDIR");
    snprintf(f.path, sizeof f.path, "%s/trueup-test-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(f.path));
    return f;
}

static int remove_one(const char *path, const struct stat *at, int type, struct FTW *ftw) {
    (void)at;
    (void)type;
    (void)ftw;
    return remove(path);
}

void test_folder_remove(test_folder *f) {
    nftw(f->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void test_folder_write(const test_folder *f, const char *path, const char *text) {
    char full[1024];
    snprintf(full, sizeof full, "%s/%s", f->path, path);
    for (char *p = full + strlen(f->path) + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        assert_true(mkdir(full, 0755) == 0 || errno == EEXIST);
        *p = '/';
    }
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

void test_folder_rename_over(const test_folder *f, const char *path, const char *text) {
    char from[1024], to[1024];
    test_folder_write(f, ".swap", text);
    snprintf(from, sizeof from, "%s/.swap", f->path);
    snprintf(to, sizeof to, "%s/%s", f->path, path);
    assert_int_equal(rename(from, to), 0);
}

char *test_folder_read(const test_folder *f, const char *path) {
    char full[1024];
    snprintf(full, sizeof full, "%s/%s", f->path, path);
    tu_buf b = TU_BUF_INIT(TU_LIMIT_FILE_BYTES);
    if (tu_file_read(full, TU_LIMIT_FILE_BYTES, &b, NULL) != TU_OK) {
        tu_buf_done(&b);
        return NULL;
    }
    tu_buf_add_c(&b, ""); /* an empty file has memory, too */
    char *text = tu_buf_take(&b);
    return text ? text : tu_xstrdup("");
}

void test_folder_delete(const test_folder *f, const char *path) {
    char full[1024];
    snprintf(full, sizeof full, "%s/%s", f->path, path);
    assert_int_equal(unlink(full), 0);
}

static const char *record_name(uint32_t record) {
    switch (record) {
    case TU_REC_REVISION:
        return "REVISION";
    case TU_REC_ENTRY:
        return "ENTRY";
    case TU_REC_CHANGED:
        return "CHANGED";
    case TU_REC_DOCUMENT:
        return "DOCUMENT";
    case TU_REC_PROBLEM:
        return "PROBLEM";
    case TU_REC_SKIPPED:
        return "SKIPPED";
    case TU_REC_INFO:
        return "INFO";
    case TU_REC_KIND:
        return "KIND";
    case TU_REC_DESCRIPTION:
        return "DESCRIPTION";
    case TU_REC_BEGIN:
        return "BEGIN";
    case TU_REC_OBJECT:
        return "OBJECT";
    case TU_REC_GONE:
        return "GONE";
    case TU_REC_END:
        return "END";
    case TU_REC_LOST:
        return "LOST";
    case TU_REC_CURRENT:
        return "CURRENT";
    case TU_REC_RESULT:
        return "RESULT";
    default:
        return "OTHER";
    }
}

void test_records_init(test_records *r) {
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->more, NULL);
    tu_buf_init(&r->text, 64 * TU_MIB);
    r->n = 0;
}

void test_records_clear(test_records *r) {
    pthread_mutex_lock(&r->lock);
    tu_buf_clear(&r->text);
    r->n = 0;
    pthread_mutex_unlock(&r->lock);
}

void test_records_done(test_records *r) {
    tu_buf_done(&r->text);
    pthread_cond_destroy(&r->more);
    pthread_mutex_destroy(&r->lock);
}

tu_rc test_records_add(void *arg, uint32_t record, uint32_t index, const tu_value *meta,
                       tu_str body) {
    test_records *r = arg;
    pthread_mutex_lock(&r->lock);
    tu_buf_addf(&r->text, "%s %u ", record_name(record), index);
    if (meta)
        tu_json_write(&r->text, meta, 0);
    tu_buf_add_byte(&r->text, ' ');
    tu_buf_add(&r->text, body);
    tu_buf_add_byte(&r->text, '\n');
    r->n++;
    pthread_cond_broadcast(&r->more);
    pthread_mutex_unlock(&r->lock);
    return TU_OK;
}

bool test_records_have(test_records *r, const char *part) {
    pthread_mutex_lock(&r->lock);
    bool have = strstr(tu_buf_c(&r->text), part) != NULL;
    pthread_mutex_unlock(&r->lock);
    return have;
}

void test_records_await(test_records *r, const char *part) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    pthread_mutex_lock(&r->lock);
    bool have = false;
    while (!(have = strstr(tu_buf_c(&r->text), part) != NULL) &&
           pthread_cond_timedwait(&r->more, &r->lock, &until) == 0)
        ;
    if (!have)
        print_error("waited for '%s', got:\n%s", part, tu_buf_c(&r->text));
    pthread_mutex_unlock(&r->lock);
    assert_true(have);
}

tu_plugin_use *test_use(tu_plugin_kind kind, const char *plugin, const char *config) {
    tu_error *error = NULL;
    const tu_library *library = NULL;
    if (tu_library_open_builtin(kind, tu_str_c(plugin), &library, &error) != TU_OK)
        fail_msg("%s", tu_error_text(error));
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_yaml_split split = tu_yaml_split_begin(tu_str_c(config));
    tu_yaml_part part;
    tu_use use = {.name = TU_S("test"), .plugin = tu_str_c(plugin), .text = tu_str_c(config)};
    use.place.file = use.config_place.file = "test.yaml";
    if (!tu_yaml_split_next(&split, &part) ||
        tu_yaml_parse(&a, part, TU_YAML_STRICT, "test.yaml", &use.config, &error) != TU_OK)
        fail_msg("%s", tu_error_text(error));
    tu_errors errors = {0};
    tu_library_check_config(library, &use, &a, &errors);
    if (errors.n)
        fail_msg("%s", tu_error_text(errors.items[0]));
    tu_plugin_use *made = NULL;
    if (tu_plugin_use_new(library, kind, &use, NULL, &made, &error) != TU_OK)
        fail_msg("%s", tu_error_text(error));
    tu_errors_done(&errors);
    tu_arena_done(&a);
    return made;
}
