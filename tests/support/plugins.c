/* tests/support/plugins.c: see plugins.h. */
#include "plugins.h"

#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "value/yaml.h"

static const char *build_folder(void) {
    const char *folder = getenv("TRUEUP_BUILD_DIR");
    return folder ? folder : ".";
}

const char *test_plugin_path(const char *name) {
    static char path[4096];
    snprintf(path, sizeof path, "%s/tests/plugin/%s.so", build_folder(), name);
    return path;
}

const tu_library *test_plugin_open(const char *name) {
    tu_errors errors = {0};
    const tu_library *l = tu_library_open_file(test_plugin_path(name), TU_S(""), &errors);
    for (size_t i = 0; i < errors.n; i++)
        print_error("%s\n", tu_error_text(errors.items[i]));
    assert_int_equal(errors.n, 0);
    assert_non_null(l);
    tu_errors_done(&errors);
    return l;
}

void test_errors_text(const tu_errors *errors, tu_buf *out) {
    for (size_t i = 0; i < errors->n; i++) {
        const tu_error *e = errors->items[i];
        if (e->line)
            tu_buf_addf(out, ":%lld:%lld: ", (long long)e->line, (long long)e->column);
        tu_buf_addf(out, "%s%s%s\n", tu_error_text(e), e->hint ? " // " : "",
                    e->hint ? e->hint : "");
    }
}

void assert_contains(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

void assert_lacks(const char *text, const char *part) {
    if (strstr(text, part))
        fail_msg("\"%s\" is in:\n%s", part, text);
}

void test_use_read(test_use *t, const char *plugin, const char *yaml) {
    tu_error *error = NULL;
    tu_value *value = NULL;
    tu_yaml_part part = {.text = tu_str_c(yaml), .line = 1};

    memset(t, 0, sizeof *t);
    tu_arena_init(&t->arena, 0);
    if (tu_yaml_parse(&t->arena, part, TU_YAML_STRICT, "test.yaml", &value, &error) != TU_OK)
        fail_msg("%s", tu_error_text(error));
    t->use = (tu_use){.name = TU_S("prod"),
                      .plugin = tu_str_c(plugin),
                      .config = value ? value : tu_value_new(&t->arena, TU_MAP),
                      .place = {"test.yaml", 1, 1},
                      .config_place = {"test.yaml", 1, 1},
                      .text = tu_str_c(yaml)};
}

void test_use_done(test_use *t) {
    tu_arena_done(&t->arena);
}

tu_plugin_use *test_use_create(const tu_library *l, tu_plugin_kind kind, const char *yaml,
                               const char *scratch) {
    test_use t;
    tu_errors errors = {0};
    tu_error *error = NULL;
    tu_plugin_use *u = NULL;

    test_use_read(&t, "test", yaml);
    tu_library_check_config(l, &t.use, &t.arena, &errors);
    for (size_t i = 0; i < errors.n; i++)
        print_error("%s\n", tu_error_text(errors.items[i]));
    assert_int_equal(errors.n, 0);
    if (tu_plugin_use_new(l, kind, &t.use, scratch, &u, &error) != TU_OK)
        fail_msg("%s", tu_error_text(error));
    tu_errors_done(&errors);
    test_use_done(&t);
    return u;
}

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static tu_buf log_text;

static void keep_line(void *arg, const char *line) {
    (void)arg;
    pthread_mutex_lock(&log_lock);
    tu_buf_add_c(&log_text, line);
    tu_buf_add_byte(&log_text, '\n');
    pthread_mutex_unlock(&log_lock);
}

void test_log_begin(void) {
    tu_buf_init(&log_text, 16u << 20);
    tu_log_setup(TU_LOG_JSON, TU_LOG_DEBUG, false);
    tu_log_capture(keep_line, NULL);
}

const char *test_log_text(void) {
    return tu_buf_c(&log_text);
}

void test_log_end(void) {
    tu_log_capture(NULL, NULL);
    tu_buf_done(&log_text);
}

char *test_scratch_new(void) {
    char *path = tu_path_join(build_folder(), "test-plugin-XXXXXX");
    assert_non_null(mkdtemp(path));
    return path;
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *f) {
    (void)s, (void)type, (void)f;
    return remove(path);
}

void test_scratch_remove(char *path) {
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
}
