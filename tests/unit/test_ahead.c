/*
 * A listing ahead of its judge (engine/ahead.h) tells what an ordinary one tells, and the guess that
 * it begins with (desired/guess.c) is made where manifests are plain and nowhere else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "desired.h"

#include "base/limits.h"
#include "base/mem.h"
#include "engine/ahead.h"
#include "engine/view.h"

/* --- the guess -------------------------------------------------------------------------------- */

typedef struct guess_case {
    const char *name, *file, *text;
    const char *guess; /* "Kind namespace, ..." in the set's order; "" when there is none */
} guess_case;

#define MAP(ns) "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: " ns "\n"

static const guess_case guesses[] = {
    {"each kind and namespace once", "a.yaml",
     MAP("shop") "---\n" MAP("shop") "---\n" MAP(
         "till") "---\n"
                 "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n",
     "ConfigMap shop, ConfigMap till, Namespace , "},
    {"the default namespace where none is written", "a.yaml",
     "# comment\n---\nkind: \"ConfigMap\"\napiVersion: 'v1'\nmetadata:\n    labels:\n"
     "        namespace: not-this\n    name: a\n",
     "ConfigMap shop, "},
    {"a file that is no manifest says nothing", "values.yaml", "replicas: 3\nkind: x\n", ""},
    {"a hidden folder isn't looked at", ".github/a.yaml", MAP("shop"), ""},
    {"a kind that the target doesn't serve", "a.yaml",
     "apiVersion: v9\nkind: Nothing\nmetadata:\n  name: a\n", ""},
    {"JSON isn't guessed", "a.yaml", "{\"kind\": \"ConfigMap\"}\n---\n" MAP("shop"), ""},
    {"nor lists", "a.yaml", MAP("shop") "---\napiVersion: v1\nkind: ConfigMapList\nitems: []\n",
     ""},
    {"nor metadata on one line", "a.yaml",
     "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n", ""},
    {"nor what kustomize has to render", "kustomization.yaml", "resources: []\n", ""},
};

static void on_guessed(void *arg, tu_desired_set *set) {
    for (size_t i = 0; i < set->n; i++) {
        const tu_object_id id = tu_desired_id(set, i);
        tu_buf_addf(arg, "%.*s %.*s, ", TU_P(id.kind), TU_P(id.namespace_));
    }
}

static void plain_manifests_are_guessed_and_nothing_else(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof guesses / sizeof *guesses; i++) {
        const guess_case *c = &guesses[i];
        test_desired t = test_desired_new(false);
        _cleanup_(tu_buf_done) tu_buf said = TU_BUF_INIT(TU_MIB);
        char folder[600], path[64];
        const char *slash = strchr(c->file, '/');
        if (slash) {
            snprintf(folder, sizeof folder, "%s/m/%.*s", t.folder, (int)(slash - c->file), c->file);
            assert_int_equal(mkdir(folder, 0755), 0);
        }
        snprintf(path, sizeof path, "m/%s", c->file);
        test_desired_write(&t, path, c->text);
        const tu_desired_input in = {.rule = &t.config->rules[0],
                                     .source = t.source,
                                     .catalogue = t.catalogue,
                                     .guessed = on_guessed,
                                     .guessed_arg = &said};
        assert_int_equal(tu_desired_load(&in, &t.set, NULL), TU_OK);
        if (strcmp(tu_buf_c(&said), c->guess) != 0)
            fail_msg("%s: guessed \"%s\"", c->name, tu_buf_c(&said));
        test_desired_done(&t);
    }
}

/* --- the listing ------------------------------------------------------------------------------ */

typedef struct reading {
    tu_buf text;
    int stop_after; /* records; negative: never */
} reading;

static tu_rc on_record(void *arg, uint32_t record, uint32_t index, const tu_value *meta,
                       tu_str body) {
    reading *r = arg;
    if (r->stop_after == 0)
        return TU_EINTERNAL;
    r->stop_after--;
    tu_buf_addf(&r->text, "%u %u %zu %.*s\n", record, index, tu_value_count(meta), TU_P(body));
    return TU_OK;
}

typedef struct fixture {
    test_desired t;
    tu_plugin_use *target; /* a folder, since the fixture's lists nothing */
    tu_view *view;
    reading plain, ahead;
    tu_call_options call;
} fixture;

static void begin(fixture *f) {
    *f = (fixture){.t = test_desired_new(false),
                   .plain = {TU_BUF_INIT(TU_MIB), -1},
                   .ahead = {TU_BUF_INIT(TU_MIB), -1},
                   .call = {.on_record = on_record, .timeout_ms = 20000}};
    test_desired_write(&f->t, "m/a.yaml", MAP("shop"));
    test_desired_load(&f->t);
    char settings[700];
    const tu_library *directory = NULL;
    snprintf(settings, sizeof settings, "{path: \"%s/m\"}", f->t.folder);
    assert_int_equal(tu_library_open_builtin(TU_KIND_TARGET, TU_S("directory"), &directory, NULL),
                     TU_OK);
    f->target = test_use_create(directory, TU_KIND_TARGET, settings, NULL);
    const tu_rule *rule = &f->t.config->rules[0];
    f->view = tu_view_new(f->t.config, &rule, &f->t.set, 1, false);
    f->call.arg = &f->plain;
    assert_int_equal(tu_call_list(f->target, f->view->selector, &f->call, NULL), TU_OK);
    f->call.arg = &f->ahead;
}

static void end(fixture *f) {
    tu_buf_done(&f->plain.text);
    tu_buf_done(&f->ahead.text);
    tu_view_unref(f->view);
    tu_plugin_use_free(f->target);
    test_desired_done(&f->t);
}

static void a_listing_ahead_tells_what_an_ordinary_one_tells(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    tu_ahead *a = tu_ahead_start(f.target, f.view->selector, &f.call);
    assert_true(tu_ahead_is(a, f.view->selector));
    assert_false(tu_ahead_is(a, TU_S("{}")));
    assert_false(tu_ahead_is(NULL, f.view->selector));
    assert_int_equal(tu_ahead_take(a, &f.call, NULL), TU_OK);
    assert_true(f.plain.text.n > 0);
    assert_string_equal(tu_buf_c(&f.ahead.text), tu_buf_c(&f.plain.text));
    end(&f);
}

static void a_listing_that_nobody_takes_is_dropped(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    tu_ahead_drop(tu_ahead_start(f.target, f.view->selector, &f.call));
    tu_ahead_drop(NULL);
    assert_int_equal(f.ahead.text.n, 0);
    end(&f);
}

static void who_judges_can_stop_it(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    f.ahead.stop_after = 0;
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    tu_ahead *a = tu_ahead_start(f.target, f.view->selector, &f.call);
    assert_int_equal(tu_ahead_take(a, &f.call, &why), TU_EINTERNAL);
    assert_non_null(why);
    end(&f);
}

static void a_listing_that_fails_says_why(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    _cleanup_(tu_error_freep) tu_error *plain = NULL;
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    tu_rc rc = tu_call_list(f.target, TU_S("no selector"), &f.call, &plain);
    assert_int_not_equal(rc, TU_OK);
    tu_ahead *a = tu_ahead_start(f.target, TU_S("no selector"), &f.call);
    assert_int_equal(tu_ahead_take(a, &f.call, &why), rc);
    assert_string_equal(tu_error_text(why), tu_error_text(plain));
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_manifests_are_guessed_and_nothing_else),
        cmocka_unit_test(a_listing_ahead_tells_what_an_ordinary_one_tells),
        cmocka_unit_test(a_listing_that_nobody_takes_is_dropped),
        cmocka_unit_test(who_judges_can_stop_it),
        cmocka_unit_test(a_listing_that_fails_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
