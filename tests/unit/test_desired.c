/*
 * Files to a desired set: what is taken, what is a problem and where, and that one mistake hides
 * nothing else.
 */
#include <stdio.h>
#include <string.h>

#include "desired.h"

#include "base/limits.h"
#include "base/mem.h"

#define CONFIG_MAP(name) "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " name "}\n"

typedef struct a_case {
    const char *name, *file, *text;
    const char *set; /* objects, then "! verdict file:line reason" for problems, one a line */
} a_case;

static const a_case cases[] = {
    {"an object without a namespace gets the target's", "a.yaml", CONFIG_MAP("a"),
     "ConfigMap/shop/a\n"},
    {"the namespace of a kind that has none is dropped", "a.yaml",
     "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, namespace: b}\n", "Namespace/a\n"},
    {"a list is unfolded", "a.yaml",
     "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: "
     "a}\n"
     "- apiVersion: v1\n  kind: Namespace\n  metadata: {name: b}\n- just words\n",
     "ConfigMap/shop/a\nNamespace/b\n! invalid a.yaml:10 an item of this list is no object\n"},
    {"a list in JSON is unfolded", "a.json",
     "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMapList\",\"items\":[{\"apiVersion\":\"v1\",\n"
     "\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}]}",
     "ConfigMap/shop/a\n"},
    {"a broken document hides neither the one before nor the one after", "a.yaml",
     CONFIG_MAP("a") "---\nkind: [\n---\n" CONFIG_MAP("b"),
     "ConfigMap/shop/a\nConfigMap/shop/b\n! invalid a.yaml:6 \n"},
    {"generateName is refused in words that help", "a.yaml",
     "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: a-}\n",
     "! invalid a.yaml:1 metadata.generateName\n"},
    {"an object without a name is invalid", "a.yaml",
     "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n",
     "! invalid a.yaml:1 metadata.name is missing\n"},
    {"an object without a kind is invalid", "a.yaml", "apiVersion: v1\nmetadata: {name: a}\n",
     "! invalid a.yaml:1 kind is missing\n"},
    {"an apiVersion that is a number is invalid", "a.yaml",
     "apiVersion: 1\nkind: ConfigMap\nmetadata: {name: a}\n",
     "! invalid a.yaml:1 apiVersion is missing\n"},
    {"the same object twice: each names the other's place", "a.yaml",
     CONFIG_MAP("a") "---\n" CONFIG_MAP("b") "---\n" CONFIG_MAP("a"),
     "ConfigMap/shop/b\n! invalid a.yaml:1 duplicate: the same object also stands in a.yaml:9\n"
     "! invalid a.yaml:9 duplicate: the same object also stands in a.yaml:1\n"},
    {"a default and a written namespace are the same object", "a.yaml",
     CONFIG_MAP("a") "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n",
     "! invalid a.yaml:1 duplicate\n! invalid a.yaml:5 duplicate\n"},
    {"a kind that the target doesn't serve is unknown", "a.yaml",
     "apiVersion: x.example.com/v1\nkind: Thing\nmetadata: {name: a}\n",
     "! unknown a.yaml:1 unknown-kind: the target serves no Thing in x.example.com/v1\n"},
    {"a group that couldn't be asked is unknown for that reason", "a.yaml",
     "apiVersion: stale.example.com/v1\nkind: Thing\nmetadata: {name: a}\n",
     "! unknown a.yaml:1 stale-group: the target could not be asked about stale.example.com/v1\n"},
    {"a wrong type is invalid at its line", "a.yaml",
     "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  replicas: many\n",
     "! invalid a.yaml:5 \n"},
    {"a file that is no manifest is skipped", "values.yaml", "replicas: 3\n", ""},
    {"an empty document is nothing", "a.yaml", "---\n---\n# nothing\n---\n", ""},
};

/* "text" up to the expected line's end is enough: reasons may say more. */
static void assert_set(const test_desired *t, const a_case *c) {
    const char *at = c->set;
    size_t problems = 0;
    for (const char *p = c->set; (p = strstr(p, "! ")); p++)
        problems++;
    for (size_t i = 0; i < t->set->n + t->set->problem_count; i++) {
        _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(TU_MIB);
        if (i < t->set->n) {
            const tu_object_id id = tu_desired_id(t->set, i);
            tu_object_id_print(&b, &id);
        } else {
            const tu_finding *f = t->set->problems[i - t->set->n];
            tu_buf_addf(&b, "! %s %.*s:%u %.*s", tu_verdict_name(f->verdict), TU_P(f->file),
                        f->line, TU_P(f->reason));
            if (f->column == 0)
                fail_msg("%s: no column: %s", c->name, tu_buf_c(&b));
        }
        size_t n = strcspn(at, "\n");
        if (*at == '\0' || strncmp(tu_buf_c(&b), at, n) != 0)
            fail_msg("%s: \"%s\" instead of \"%.*s\"", c->name, tu_buf_c(&b), (int)n, at);
        at += n + 1;
    }
    if (at != c->set + strlen(c->set))
        fail_msg("%s: missing: %s", c->name, at);
    assert_int_equal(t->set->problem_count, problems);
}

static void files_become_what_the_cases_say(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_desired t = test_desired_new(false);
        char path[64];
        snprintf(path, sizeof path, "m/%s", cases[i].file);
        test_desired_write(&t, path, cases[i].text);
        test_desired_load(&t);
        assert_set(&t, &cases[i]);
        test_desired_done(&t);
    }
}

static void every_object_is_found_by_its_identity_and_no_other(void **state) {
    (void)state;
    test_desired t = test_desired_new(false);
    for (int i = 0; i < 300; i++) {
        char path[64], text[256];
        snprintf(path, sizeof path, "m/%d.yaml", i);
        snprintf(text, sizeof text, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: n%d}\n", i);
        test_desired_write(&t, path, text);
    }
    test_desired_load(&t);
    assert_int_equal(t.set->n, 300);
    for (size_t i = 0; i < t.set->n; i++) {
        tu_object_id id = tu_desired_id(t.set, i);
        assert_int_equal(tu_desired_find(t.set, &id), i);
        id.namespace_ = TU_S("elsewhere");
        assert_int_equal(tu_desired_find(t.set, &id), TU_DESIRED_NONE);
    }
    test_desired_done(&t);
}

static void the_same_files_give_the_same_hashes_and_a_change_another(void **state) {
    (void)state;
    test_desired t = test_desired_new(false);
    test_desired_write(&t, "m/a.yaml", CONFIG_MAP("a") "data: {k: v}\n");
    test_desired_load(&t);
    uint64_t before = tu_desired_hash(t.set, 0);
    test_desired_write(&t, "m/a.yaml", "\n\n" CONFIG_MAP("a") "data: {k: v}\n");
    test_desired_load(&t);
    assert_true(tu_desired_hash(t.set, 0) == before);
    test_desired_write(&t, "m/a.yaml", CONFIG_MAP("a") "data: {k: w}\n");
    test_desired_load(&t);
    assert_true(tu_desired_hash(t.set, 0) != before);
    test_desired_done(&t);
}

static void a_path_that_is_not_there_is_an_error_that_names_it(void **state) {
    (void)state;
    test_desired t = test_desired_new(false);
    tu_rule rule = t.config->rules[0];
    rule.path = TU_S("nowhere");
    const tu_desired_input in = {.rule = &rule, .source = t.source, .catalogue = t.catalogue};
    tu_error *why = NULL;
    tu_desired_set *set = NULL;
    assert_int_equal(tu_desired_load(&in, &set, &why), TU_ENOTFOUND);
    assert_null(set);
    assert_contains(tu_error_text(why), "nowhere");
    tu_error_free(why);
    test_desired_done(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_become_what_the_cases_say),
        cmocka_unit_test(every_object_is_found_by_its_identity_and_no_other),
        cmocka_unit_test(the_same_files_give_the_same_hashes_and_a_change_another),
        cmocka_unit_test(a_path_that_is_not_there_is_an_error_that_names_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
