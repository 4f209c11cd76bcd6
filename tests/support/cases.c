/*
 * support/cases.c: tests as data; see cases.h.
 */
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

char *test_source_path(const char *relative) {
    const char *root = getenv("TRUEUP_SOURCE_DIR");
    return tu_path_join(root ? root : ".", relative);
}

tu_str test_chomp(tu_str s) {
    if (s.n && s.p[s.n - 1] == '\n')
        s.n--;
    return s;
}

static test_case *add_case(test_cases *c, unsigned line) {
    c->items = tu_xrealloc(c->items, (c->n + 1) * sizeof(*c->items));
    c->items[c->n] = (test_case){.line = line};
    return &c->items[c->n++];
}

test_cases test_cases_read(const char *relative) {
    test_cases c = {.text = TU_BUF_INIT(64u << 20)};
    char *path = test_source_path(relative);
    tu_error *error = NULL;
    if (tu_file_read(path, 64u << 20, &c.text, &error) != TU_OK) {
        fprintf(stderr, "%s\n", tu_error_text(error));
        exit(1);
    }
    free(path);
    const char *p = tu_buf_c(&c.text), *end = p + c.text.n, *begin = p;
    test_case *current = NULL;
    for (unsigned line = 1; p < end; line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        const char *next = newline ? newline + 1 : end;
        tu_str text = test_chomp((tu_str){p, (size_t)(next - p)});
        if (!current)
            current = add_case(&c, line);
        if (tu_str_is(text, "-----") || tu_str_is(text, "=====")) {
            if (current->n < TEST_CASE_PARTS)
                current->parts[current->n++] = (tu_str){begin, (size_t)(p - begin)};
            begin = next;
            if (tu_str_is(text, "====="))
                current = NULL;
        }
        p = next;
    }
    return c;
}

void test_cases_done(test_cases *c) {
    free(c->items);
    tu_buf_done(&c->text);
}
