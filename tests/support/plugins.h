/*
 * tests/support/plugins.h: what the tests of the plugin host share: where the test plugins are,
 * uses of them, and errors as one text.
 */
#ifndef TU_TESTS_PLUGINS_H
#define TU_TESTS_PLUGINS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four first */
#include <cmocka.h>

#include "base/buf.h"
#include "plugin/host.h"

/* The path of build/.../tests/plugin/<name>.so. Valid until the next call. */
const char *test_plugin_path(const char *name);
/* Loads it, and fails the test when it is refused. */
const tu_library *test_plugin_open(const char *name);
/* All messages, one a line, with ":line:column" in front where a place is known. */
void test_errors_text(const tu_errors *errors, tu_buf *out);
void assert_contains(const char *text, const char *part);
void assert_lacks(const char *text, const char *part);

/* A use as config/ would make it, from a YAML text for spec.config that stands at line 1 of the
 * file "test.yaml". */
typedef struct test_use {
    tu_arena arena;
    tu_use use;
} test_use;
void test_use_read(test_use *t, const char *plugin, const char *yaml);
void test_use_done(test_use *t);
/* Checks the config (which must be right) and creates an instance named "prod". */
tu_plugin_use *test_use_create(const tu_library *l, tu_plugin_kind kind, const char *yaml,
                               const char *scratch);

/* Log lines are collected from setup to teardown. Thread-safe. */
void test_log_begin(void);
const char *test_log_text(void);
void test_log_end(void);

/* A fresh folder in the build tree, removed by the second with all that is in it. */
char *test_scratch_new(void);
void test_scratch_remove(char *path);

#endif
