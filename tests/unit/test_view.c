/*
 * What a target tells, record by record, and what is made of it: absence is proved only by a listing
 * that began, ended and could be read.
 */
#include <stdio.h>
#include <string.h>

#include "desired.h"

#include "base/limits.h"
#include "base/mem.h"
#include "engine/view.h"
#include "value/json.h"

#define LIVE(name, colour)                                                                         \
    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"" name                 \
    "\",\"namespace\":\"shop\"},\"data\":{\"colour\":\"" colour "\"}}"

static tu_rc on_sighted(void *arg, const tu_sighting *s) {
    const tu_finding *f = s->finding;
    tu_buf_addf(arg, "%.*s %s\n", TU_P(f->id.name), tu_verdict_name(f->verdict));
    return TU_OK;
}
static tu_rc on_ended(void *arg, size_t scope) {
    tu_buf_addf(arg, "ended %zu\n", scope);
    return TU_OK;
}
static tu_rc on_current(void *arg, size_t scope) {
    tu_buf_addf(arg, "current %zu\n", scope);
    return TU_OK;
}
static tu_rc on_lost(void *arg, size_t scope, tu_rc why, tu_str code, tu_str message) {
    (void)why, (void)message;
    tu_buf_addf(arg, "lost %zu %.*s\n", scope, TU_P(code));
    return TU_OK;
}

static tu_rc on_stranger(void *arg, size_t rule, const tu_finding *f, bool known) {
    (void)rule, (void)known;
    tu_buf_addf(arg, "%.*s %s", TU_P(f->id.name), tu_verdict_name(f->verdict));
    if (f->change_count)
        tu_buf_addf(arg, " by %.*s since %.*s", TU_P(f->changes[0].owner.manager), TU_P(f->onset));
    if (f->reason.n)
        tu_buf_addf(arg, " (%.*s)", TU_P(f->reason));
    tu_buf_add_byte(arg, '\n');
    return TU_OK;
}
static tu_rc on_stranger_gone(void *arg, size_t rule, const tu_object_id *id) {
    (void)rule;
    tu_buf_addf(arg, "%.*s gone\n", TU_P(id->name));
    return TU_OK;
}

/* One script: a record a line. "begin", "end", "current", "lost", "object JSON", "gone NAME". All of
 * scope 0, where ConfigMaps "a" and "b" are desired, both blue. */
typedef struct a_case {
    const char *name, *script, *told;
} a_case;

static const a_case cases[] = {
    {"what isn't in a complete listing is missing", "begin\nobject " LIVE("a", "blue") "\nend\n",
     "a in-sync\nb missing\nended 0\n"},
    {"what differs is drifted", "begin\nobject " LIVE("a", "red") "\n", "a drifted\n"},
    {"what isn't desired says nothing", "begin\nobject " LIVE("c", "red") "\n", ""},
    {"a listing that was lost proves no absence", "begin\nobject " LIVE("a", "blue") "\nlost\n",
     "a in-sync\nlost 0 gone-away\n"},
    {"an end after the loss is the plugin's mistake and proves nothing", "begin\nlost\nend\n",
     "lost 0 gone-away\nrefused\n"},
    {"an end without a beginning proves nothing", "end\n", "refused\n"},
    {"a second end proves nothing", "begin\nobject " LIVE("a", "blue") "\nend\nend\n",
     "a in-sync\nb missing\nended 0\nrefused\n"},
    {"the listing after a loss counts from its own beginning",
     "begin\nobject " LIVE("a", "blue") "\nlost\nbegin\nobject " LIVE("b", "blue") "\nend\n",
     "a in-sync\nlost 0 gone-away\nb in-sync\na missing\nended 0\n"},
    {"an object that can't be read makes absence unknown",
     "begin\nobject {broken\nobject " LIVE("a", "blue") "\nend\n",
     "a in-sync\nb unknown\nended 0\n"},
    {"beside a listing, one that can't be read makes the scope unsure", "object {broken\n",
     "lost 0 unreadable\n"},
    {"the next listing forgets what couldn't be read", "begin\nobject {broken\nlost\nbegin\nend\n",
     "lost 0 gone-away\na missing\nb missing\nended 0\n"},
    {"what is gone is missing at once", "gone a\n", "a missing\n"},
    {"what is gone and isn't desired says nothing", "gone c\n", ""},
    {"what changes after the listing is told as it happens",
     "begin\nobject " LIVE("a", "blue") "\nobject " LIVE("b", "blue") "\nend\nobject " LIVE(
         "a", "red") "\ngone b\ncurrent\n",
     "a in-sync\nb in-sync\nended 0\na drifted\nb missing\ncurrent 0\n"},
};

static tu_rc play_line(tu_observer *o, char *line) {
    static const struct {
        const char *word;
        uint32_t record;
    } words[] = {{"begin", TU_REC_BEGIN}, {"end", TU_REC_END},   {"current", TU_REC_CURRENT},
                 {"lost", TU_REC_LOST},   {"gone", TU_REC_GONE}, {"object", TU_REC_OBJECT}};
    tu_arena a;
    tu_arena_init(&a, 0);
    char *argument = strchr(line, ' ');
    if (argument)
        *argument++ = '\0';
    tu_rc rc = TU_EINVALID;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i].word, line) != 0)
            continue;
        tu_value *meta = tu_value_new(&a, TU_MAP);
        if (words[i].record == TU_REC_LOST)
            tu_value_set_string(&a, meta, "code", TU_S("gone-away"));
        if (words[i].record == TU_REC_GONE) {
            tu_value_set_string(&a, meta, "namespace", TU_S("shop"));
            tu_value_set_string(&a, meta, "name", tu_str_c(argument));
        }
        rc = tu_observer_record(o, words[i].record, 0, meta, tu_str_c(argument));
    }
    tu_arena_done(&a);
    return rc;
}

static void play(tu_view *view, const a_case *c) {
    _cleanup_(tu_buf_done) tu_buf told = TU_BUF_INIT(TU_MIB);
    const tu_observer_sink sink = {.sighted = on_sighted,
                                   .ended = on_ended,
                                   .current = on_current,
                                   .lost = on_lost,
                                   .stranger = on_stranger,
                                   .stranger_gone = on_stranger_gone,
                                   .arg = &told};
    tu_observer o;
    tu_observer_init(&o, view, &sink);
    char script[4096], *rest = script;
    snprintf(script, sizeof script, "%s", c->script);
    for (char *line; (line = strsep(&rest, "\n")) && *line;)
        if (play_line(&o, line) != TU_OK)
            tu_buf_add_c(&told, "refused\n");
    tu_observer_done(&o);
    if (strcmp(tu_buf_c(&told), c->told) != 0)
        fail_msg("%s: told\n%sinstead of\n%s", c->name, tu_buf_c(&told), c->told);
}

static test_desired two_blue(void) {
    test_desired t = test_desired_new(false);
    test_desired_write(
        &t, "m/a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {colour: blue}\n"
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {colour: blue}\n");
    test_desired_load(&t);
    return t;
}

static tu_view *view_of(const test_desired *t, bool narrow) {
    const tu_rule *rule = &t->config->rules[0];
    tu_desired_set *set = t->set;
    return tu_view_new(t->config, &rule, &set, 1, narrow);
}

static void records_mean_what_the_cases_say(void **state) {
    (void)state;
    test_desired t = two_blue();
    tu_view *view = view_of(&t, false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        play(view, &cases[i]);
    tu_view_unref(view);
    test_desired_done(&t);
}

static void a_scope_that_the_view_does_not_have_is_refused(void **state) {
    (void)state;
    test_desired t = two_blue();
    tu_view *view = view_of(&t, false);
    tu_observer o;
    const tu_observer_sink sink = {.sighted = on_sighted};
    tu_observer_init(&o, view, &sink);
    assert_int_equal(tu_observer_record(&o, TU_REC_BEGIN, 1, NULL, (tu_str){0}), TU_EINTERNAL);
    tu_observer_done(&o);
    tu_view_unref(view);
    test_desired_done(&t);
}

static void two_rules_that_want_the_same_object_are_both_told(void **state) {
    (void)state;
    test_desired t = two_blue();
    const tu_rule *rules[] = {&t.config->rules[0], &t.config->rules[0]};
    tu_desired_set *sets[] = {t.set, t.set};
    tu_view *view = tu_view_new(t.config, rules, sets, 2, false);
    const a_case c = {"twice", "object " LIVE("a", "red") "\ngone b\n",
                      "a drifted\na drifted\nb missing\nb missing\n"};
    play(view, &c);
    tu_view_unref(view);
    test_desired_done(&t);
}

static void many_namespaces_are_one_scope_unless_each_must_be_named(void **state) {
    (void)state;
    test_desired t = test_desired_new(false);
    for (int i = 0; i < 6; i++) {
        char path[32], text[200];
        snprintf(path, sizeof path, "m/%d.yaml", i);
        snprintf(text, sizeof text,
                 "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: n%d}\n", i);
        test_desired_write(&t, path, text);
    }
    test_desired_load(&t);
    tu_view *all = view_of(&t, false), *each = view_of(&t, true);
    assert_int_equal(all->scope_count, 1);
    assert_int_equal(all->scopes[0].namespace_.n, 0);
    assert_int_equal(each->scope_count, 6);
    assert_int_equal(each->rules[0].scope_of[5], 5);
    assert_contains(all->selector.p, "\"namespaces\":[]");
    assert_contains(each->selector.p, "\"n5\"");
    tu_view_unref(all);
    tu_view_unref(each);
    test_desired_done(&t);
}

/* --- what stands in no manifest --------------------------------------------------------------- */

#define STRANGER(name, namespace, more)                                                            \
    "{\"metadata\":{\"name\":\"" name                                                              \
    "\",\"namespace\":\"" namespace "\",\"uid\":\"u\",\"creationTimestamp\":\"2026-01-01T00:00:"   \
                                    "00Z\"" more "}}"
#define BY(manager)                                                                                \
    ",\"managedFields\":[{\"manager\":\"" manager "\",\"operation\":\"Update\","                   \
    "\"apiVersion\":\"v1\",\"time\":\"2026-01-01T00:00:00Z\",\"fieldsType\":\"FieldsV1\","         \
    "\"fieldsV1\":{\"f:data\":{\".\":{},\"f:a\":{}}}}]"

static const a_case strangers[] = {
    {"what somebody made is unmanaged, with the hand and the time",
     "object " STRANGER("c", "shop", BY("kubectl-create")) "\n",
     "c unmanaged by kubectl-create since 2026-01-01T00:00:00Z\n"},
    {"where nothing is recorded, nobody is named", "object " STRANGER("c", "shop", "") "\n",
     "c unmanaged by  since 2026-01-01T00:00:00Z\n"},
    {"what has an owner is declared with it",
     "object " STRANGER("c", "shop",
                        ",\"ownerReferences\":[{\"kind\":\"Job\",\"name\":\"j\"}]") "\n",
     "c in-sync (belongs to Job j)\n"},
    {"what only controllers wrote needs no manifest",
     "object " STRANGER("c", "shop", BY("kube-controller-manager")) "\n",
     "c in-sync (made by the controller kube-controller-manager)\n"},
    {"what is being deleted is on its way out",
     "object " STRANGER("c", "shop", ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"") "\n",
     "c in-sync (it is being deleted)\n"},
    {"what Git dropped is named as ours", "object " STRANGER("c", "shop", BY("trueup")) "\n",
     "c unmanaged by trueup since 2026-01-01T00:00:00Z (left-git: applied from Git before, and "
     "stands in no manifest now)\n"},
    {"another namespace is none of the rule's business", "object " STRANGER("c", "other", "") "\n",
     ""},
    {"what goes away is told", "gone c\n", "c gone\n"},
};

static void objects_in_no_manifest_mean_what_the_cases_say(void **state) {
    (void)state;
    test_desired t = test_desired_new(false);
    test_desired_write(&t, "m/a.yaml",
                       "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n");
    test_desired_load(&t);
    tu_rule rule = t.config->rules[0];
    rule.unmanaged = true;
    const tu_rule *rules = &rule;
    tu_view *view = tu_view_new(t.config, &rules, &t.set, 1, false);
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        play(view, &strangers[i]);
    tu_view_unref(view);
    test_desired_done(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_in_no_manifest_mean_what_the_cases_say),
        cmocka_unit_test(records_mean_what_the_cases_say),
        cmocka_unit_test(a_scope_that_the_view_does_not_have_is_refused),
        cmocka_unit_test(two_rules_that_want_the_same_object_are_both_told),
        cmocka_unit_test(many_namespaces_are_one_scope_unless_each_must_be_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
