/*
 * value/pattern: words and path patterns, compiled.
 */
#include "base/mem.h"
#include "value/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static tu_path_pattern compile(tu_arena *a, const char *text) {
    tu_path_pattern p;
    bool memory = false;
    const char *fault = tu_path_pattern_compile(a, tu_str_c(text), &p, &memory);
    if (fault || memory)
        fail_msg("'%s' %s", text, fault ? fault : "(no memory)");
    return p;
}

static bool covers(const char *pattern, const char *path) {
    _cleanup_(tu_arena_done) tu_arena a;
    tu_arena_init(&a, 0);
    const tu_path_pattern p = compile(&a, pattern);
    return tu_path_pattern_match(&p, tu_str_c(path));
}

static void words_are_compared_as_plainly_as_they_are_written(void **state) {
    (void)state;
    static const struct {
        const char *word;
        tu_form form;
        const char *text;
        bool matches;
    } cases[] = {
        {"cart", TU_WORD_EXACT, "cart", true},
        {"cart", TU_WORD_EXACT, "carts", false},
        {"", TU_WORD_EXACT, "", true},
        {"*", TU_WORD_ANY, "", true},
        {"cart*", TU_WORD_PREFIX, "cart", true},
        {"cart*", TU_WORD_PREFIX, "my-cart", false},
        {"*-cart", TU_WORD_SUFFIX, "-cart", true},
        {"*-cart", TU_WORD_SUFFIX, "cart", false},
        {"c*t", TU_WORD_GLOB, "cart", true},
        {"c[ab]rt", TU_WORD_GLOB, "cart", true},
        {"\\*", TU_WORD_GLOB, "*", true},
        {"\\*", TU_WORD_GLOB, "x", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const tu_word w = tu_word_compile(tu_str_c(cases[i].word));
        if (w.form != cases[i].form ||
            tu_word_match(&w, tu_str_c(cases[i].text)) != cases[i].matches)
            fail_msg("'%s' against '%s' (form %d)", cases[i].word, cases[i].text, w.form);
    }
}

static void path_patterns_cover_paths_and_what_is_below(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *path;
        bool covers;
    } cases[] = {
        {"/spec", "/spec", true},
        {"/spec", "/spec/replicas", true},
        {"/spec", "/specs", false},
        {"/spec/replicas", "/spec", false},
        {"", "/anything", true},
        {"/*", "/spec", true},
        {"/*", "", false},
        {"/spec/*/x", "/spec/a/x", true},
        {"/spec/*/x", "/spec/a/b/x", false},
        {"/spec/**/x", "/spec/a/b/x", true},
        {"/spec/**/x", "/spec/x", true},
        {"/spec/**/x", "/spec/a/b/y", false},
        {"/**", "/a/b", true},
        {"/spec/**", "/spec", true},
        {"/**/image", "/spec/containers/[name=app]/image", true},
        {"/**/a/**/b", "/a/x/a/y/b/z", true},
        {"/spec/containers/[name=app]/image", "/spec/containers/[name=app]/image", true},
        {"/spec/containers/[name=app]/image", "/spec/containers/[name=web]/image", false},
        {"/spec/containers/[name=*]/image", "/spec/containers/[name=web]/image", true},
        {"/spec/containers/*/image", "/spec/containers/[name=web]/image", true},
        {"/metadata/annotations/example.com~1*", "/metadata/annotations/example.com~1owner", true},
        {"/metadata/labels/app*", "/metadata/labels/app.kubernetes.io~1name", true},
        {"/sp[aeiou]c", "/spec", true},
        {"/spec/ports/[containerPort=80]", "/spec/ports/[containerPort=80,protocol=TCP]", true},
        {"/spec/ports/[protocol=TCP,containerPort=80]",
         "/spec/ports/[containerPort=80,protocol=TCP]/name", true},
        {"/spec/ports/[protocol=UDP,containerPort=80]",
         "/spec/ports/[containerPort=80,protocol=TCP]", false},
        {"/spec/containers/[*]/image", "/spec/containers/[name=web]/image", true},
        {"/spec/args/[*]", "/spec/args/3", true},
        {"/spec/containers/[*]/image", "/spec/containers/web/image", false},
        {"/metadata/finalizers/[=*]", "/metadata/finalizers/[=example.com~1x]", true},
        {"/metadata/finalizers/[=example.com~1*]", "/metadata/finalizers/[=example.com~1x]", true},
        {"/metadata/finalizers/[=y*]", "/metadata/finalizers/[=example.com~1x]", false},
        {"/a/[name=x\\]y]", "/a/[name=x\\]y]", true},
        {"/a/[name=\\*]", "/a/[name=*]", true},
        {"/a/[name=\\*]", "/a/[name=b]", false},
        {"/a/[name=[b]*]", "/a/[name=[b\\]c]", true},
        {"/a/[name=a\\,b]", "/a/[name=a\\,b]", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (covers(cases[i].pattern, cases[i].path) != cases[i].covers)
            fail_msg("'%s' against '%s'", cases[i].pattern, cases[i].path);
}

static void what_a_path_pattern_cannot_be_is_said(void **state) {
    (void)state;
    static const char *const bad[] = {"spec", "/a/[name=x", "/a/[name=x\\]", "/a/[name=x,y]"};
    _cleanup_(tu_arena_done) tu_arena a;
    tu_arena_init(&a, 0);
    for (size_t i = 0; i < COUNT(bad); i++) {
        tu_path_pattern p;
        bool memory = false;
        if (!tu_path_pattern_compile(&a, tu_str_c(bad[i]), &p, &memory))
            fail_msg("'%s' was taken", bad[i]);
    }
}

static void the_wider_pattern_is_known(void **state) {
    (void)state;
    static const struct {
        const char *wide, *narrow;
        bool covers;
    } cases[] = {
        {"/spec", "/spec/replicas", true},
        {"/spec/replicas", "/spec", false},
        {"/**", "/spec/*/x", true},
        {"/*", "/spec", true},
        {"/*/x", "/spec/x", true},
        {"/*", "/**", false},
        {"/**/image", "/spec/**/image", true},
        {"/**/image", "/**/[name=app]/image", true},
        {"/spec/**", "/spec", true},
        {"/a/*/b", "/a/**/b", false},
        {"/a/**/b", "/a/*/b", true},
        {"/a/**/b", "/a/**/c/**/b", true},
        {"/c/[name=*]", "/c/[name=app]/image", true},
        {"/c/[name=app]", "/c/[name=*]", false},
        {"/c/[name=a*]", "/c/[name=ab*]", true},
        {"/c/[*]", "/c/[name=app]", true},
        {"/c/[name=app]", "/c/[*]", false},
        {"/c/*", "/c/[name=app]", true},
        {"/metadata/annotations/a*", "/metadata/annotations/ab", true},
        {"/metadata/annotations/a*", "/metadata/annotations/*", false},
    };
    _cleanup_(tu_arena_done) tu_arena a;
    tu_arena_init(&a, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const tu_path_pattern wide = compile(&a, cases[i].wide);
        const tu_path_pattern narrow = compile(&a, cases[i].narrow);
        if (tu_path_pattern_covers(&wide, &narrow) != cases[i].covers)
            fail_msg("'%s' and '%s'", cases[i].wide, cases[i].narrow);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_compared_as_plainly_as_they_are_written),
        cmocka_unit_test(path_patterns_cover_paths_and_what_is_below),
        cmocka_unit_test(what_a_path_pattern_cannot_be_is_said),
        cmocka_unit_test(the_wider_pattern_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
