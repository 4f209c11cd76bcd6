/*
 * support/desired.h: a desired set from files, for a target that is a folder of answers
 * (tests/plugin/fake-target.c).
 *
 *     test_desired t = test_desired_new(false);
 *     test_desired_write(&t, "m/a.yaml", "...");
 *     test_desired_load(&t);  ->  t.set
 */
#ifndef TESTS_SUPPORT_DESIRED_H
#define TESTS_SUPPORT_DESIRED_H

#include "plugins.h"

#include "desired/desired.h"

typedef struct test_desired {
    char *folder;      /* "m" in it is the source, the rest is the target's */
    tu_config *config; /* with the one rule "check" */
    tu_plugin_use *source, *target;
    tu_catalogue *catalogue;
    tu_desired_set *set; /* NULL until it is loaded */
} test_desired;

test_desired test_desired_new(bool heal);
void test_desired_load(test_desired *t); /* again: the earlier set is given back */
/* A file of the folder, and its text (malloc'd; NULL when it isn't there). */
void test_desired_write(const test_desired *t, const char *path, const char *text);
char *test_desired_read(const test_desired *t, const char *path);
void test_desired_done(test_desired *t);

#endif
