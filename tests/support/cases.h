/*
 * support/cases.h: tests as data. A file of cases, so that anyone can add one without touching C.
 *
 *     first part
 *     -----
 *     second part
 *     =====
 *     first part of the next case ...
 *
 * Lines of "-----" separate the parts of a case, lines of "=====" end a case. Lines keep their
 * newlines.
 */
#ifndef TESTS_SUPPORT_CASES_H
#define TESTS_SUPPORT_CASES_H

#include "base/buf.h"

#define TEST_CASE_PARTS 6

typedef struct test_case {
    tu_str parts[TEST_CASE_PARTS];
    size_t n;
    unsigned line; /* where it begins in its file */
} test_case;

typedef struct test_cases {
    test_case *items;
    size_t n;
    tu_buf text;
} test_cases;

/* relative: below the source folder, "tests/unit/data/...". Ends the process when it can't be read.
 */
test_cases test_cases_read(const char *relative);
void test_cases_done(test_cases *c);
/* Without the last newline. */
tu_str test_chomp(tu_str s);
/* The path of a file below the source folder; malloc'd. */
char *test_source_path(const char *relative);

#endif
