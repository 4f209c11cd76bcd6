/* support/desired.c: see desired.h. */
#include "desired.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

void test_desired_write(const test_desired *t, const char *path, const char *text) {
    char full[700];
    snprintf(full, sizeof full, "%s/%s", t->folder, path);
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

char *test_desired_read(const test_desired *t, const char *path) {
    char full[700];
    snprintf(full, sizeof full, "%s/%s", t->folder, path);
    FILE *f = fopen(full, "r");
    if (!f)
        return NULL;
    char *text = calloc(1, 1 << 20);
    size_t n = fread(text, 1, (1 << 20) - 1, f);
    fclose(f);
    text[n] = '\0';
    return text;
}

test_desired test_desired_new(bool heal) {
    test_desired t = {.folder = test_scratch_new()};
    char path[600], settings[700];
    snprintf(path, sizeof path, "%s/m", t.folder);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(settings, sizeof settings, "directory:%s", t.folder);
    t.config = tu_config_adhoc(path, settings, heal, false, NULL);
    assert_non_null(t.config);
    snprintf(settings, sizeof settings, "{path: \"%s\"}", path);
    const tu_library *directory = NULL;
    assert_int_equal(tu_library_open_builtin(TU_KIND_SOURCE, TU_S("directory"), &directory, NULL),
                     TU_OK);
    t.source = test_use_create(directory, TU_KIND_SOURCE, settings, NULL);
    snprintf(settings, sizeof settings, "{folder: \"%s\"}", t.folder);
    t.target = test_use_create(test_plugin_open("fake-target"), TU_KIND_TARGET, settings, NULL);
    const tu_call_options o = {0};
    assert_int_equal(tu_catalogue_discover(t.target, &o, &t.catalogue, NULL), TU_OK);
    return t;
}

void test_desired_load(test_desired *t) {
    tu_desired_unref(t->set);
    t->set = NULL;
    const tu_desired_input in = {
        .rule = &t->config->rules[0], .source = t->source, .catalogue = t->catalogue};
    tu_error *why = NULL;
    if (tu_desired_load(&in, &t->set, &why) != TU_OK)
        fail_msg("the set can't be loaded: %s", tu_error_text(why));
}

void test_desired_done(test_desired *t) {
    tu_desired_unref(t->set);
    tu_catalogue_unref(t->catalogue);
    tu_plugin_use_free(t->source);
    tu_plugin_use_free(t->target);
    tu_config_unref(t->config);
    test_scratch_remove(t->folder);
}
