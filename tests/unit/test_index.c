/*
 * What is known of objects, and what news of them makes of it: through an observer as a target tells
 * it, between two sets, between two runs, and when reads and news overtake each other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "desired.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/confirm.h"
#include "engine/target.h"
#include "engine/view.h"
#include "value/json.h"

/* Deployment-like: a generation; ConfigMap "a" and "b" are desired, both blue. */
#define META(name, uid, version, more)                                                             \
    "\"metadata\":{\"name\":\"" name "\",\"namespace\":\"shop\",\"uid\":\"" uid                    \
    "\",\"resourceVersion\":\"" version "\"" more "}"
#define WHOLE(name, uid, version, more, colour)                                                    \
    "object {\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"," META(                                  \
        name, uid, version, more) ",\"data\":{\"colour\":\"" colour "\"}}\n"
#define PARTIAL(name, uid, version, more) "partial {" META(name, uid, version, more) "}\n"
#define G2 ",\"generation\":2"
#define DYING ",\"generation\":3,\"deletionTimestamp\":\"2026-01-01T00:00:00Z\""
#define KNOWN WHOLE("a", "u", "10", G2, "blue")

typedef struct a_case {
    const char *name, *script, *told;
} a_case;

static const a_case cases[] = {
    {"metadata of what isn't known must be read", PARTIAL("a", "u", "10", ""), "look a first\n"},
    {"metadata of what was judged is no news", KNOWN PARTIAL("a", "u", "10", G2), "a in-sync\n"},
    {"a write of the status alone is no news", KNOWN PARTIAL("a", "u", "11", G2), "a in-sync\n"},
    {"drift that stays the same is no news either",
     WHOLE("a", "u", "10", G2, "red") PARTIAL("a", "u", "12", G2), "a drifted\n"},
    {"without a generation every write must be read",
     WHOLE("a", "u", "10", "", "blue") PARTIAL("a", "u", "11", ""), "a in-sync\nlook a no-proof\n"},
    {"a generation that was never seen to move proves nothing",
     WHOLE("a", "u", "10", ",\"generation\":1", "blue")
         PARTIAL("a", "u", "11", ",\"generation\":1"),
     "a in-sync\nlook a no-proof\n"},
    {"one that another object of the kind shows to move does",
     WHOLE("a", "u", "10", ",\"generation\":1", "blue") WHOLE("b", "v", "11", G2, "blue")
         PARTIAL("a", "u", "12", ",\"generation\":1"),
     "a in-sync\nb in-sync\n"},
    {"another generation must be read", KNOWN PARTIAL("a", "u", "11", ",\"generation\":3"),
     "a in-sync\nlook a generation\n"},
    {"a label must be read", KNOWN PARTIAL("a", "u", "11", G2 ",\"labels\":{\"x\":\"y\"}"),
     "a in-sync\nlook a metadata\n"},
    {"another object of that name must be read", KNOWN PARTIAL("a", "other", "11", G2),
     "a in-sync\nlook a replaced\n"},
    {"news that are older than what was read are no news", KNOWN PARTIAL("a", "u", "9", G2),
     "a in-sync\n"},
    {"in a listing an older version is a target that was restored",
     KNOWN "begin\n" PARTIAL("a", "u", "9", G2), "a in-sync\nlook a restored\n"},
    {"a whole object that is older is no news either", KNOWN WHOLE("a", "u", "9", G2, "red"),
     "a in-sync\n"},
    {"being deleted is seen from metadata", KNOWN PARTIAL("a", "u", "11", DYING),
     "a in-sync\na terminating\n"},
    {"what is gone is missing at once, and unknown when it comes again",
     KNOWN "gone a\n" PARTIAL("a", "v", "12", G2), "a in-sync\na missing\nlook a first\n"},
    {"metadata in a listing is presence, and what isn't in it is missing",
     KNOWN "begin\n" PARTIAL("a", "u", "10", G2) "end\n", "a in-sync\nb missing\nended 0\n"},
    {"a whole object that was replaced says so",
     KNOWN WHOLE("a", "v", "11", ",\"generation\":1", "blue"), "a in-sync\na in-sync replaced\n"},
    {"of what can't be read nothing is known any more",
     KNOWN "begin\nobject {broken\nend\n" PARTIAL("a", "u", "10", G2),
     "a in-sync\na unknown\nb unknown\nended 0\nlook a first\n"},
    {"the environment is told", "environment 1234\n", "environment 1234\n"},
};

/* --- an observer that writes down what it is told ---------------------------------------------- */

static tu_rc on_sighted(void *arg, const tu_sighting *s) {
    tu_buf_addf(arg, "%.*s %s%s\n", TU_P(s->finding->id.name), tu_verdict_name(s->finding->verdict),
                s->replaced ? " replaced" : "");
    return TU_OK;
}
static tu_rc on_look(void *arg, size_t rule, size_t object, tu_look_reason why,
                     const tu_baseline *now, const tu_value *live) {
    (void)rule, (void)object, (void)now;
    tu_str name = tu_value_get_string(tu_value_get(live, "metadata"), "name");
    tu_buf_addf(arg, "look %.*s %s\n", TU_P(name), tu_look_reason_name(why));
    return TU_OK;
}
static tu_rc on_ended(void *arg, size_t scope) {
    tu_buf_addf(arg, "ended %zu\n", scope);
    return TU_OK;
}
static tu_rc on_lost(void *arg, size_t scope, tu_rc why, tu_str code, tu_str message) {
    (void)why, (void)message, (void)code;
    tu_buf_addf(arg, "lost %zu\n", scope);
    return TU_OK;
}
static tu_rc on_environment(void *arg, tu_str hash) {
    tu_buf_addf(arg, "environment %.*s\n", TU_P(hash));
    return TU_OK;
}

static void play_line(tu_observer *o, char *line) {
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_value *meta = tu_value_new(&a, TU_MAP);
    char *argument = strchr(line, ' ');
    if (argument)
        *argument++ = '\0';
    uint32_t record = strcmp(line, "begin") == 0         ? TU_REC_BEGIN
                      : strcmp(line, "end") == 0         ? TU_REC_END
                      : strcmp(line, "gone") == 0        ? TU_REC_GONE
                      : strcmp(line, "environment") == 0 ? TU_REC_ENVIRONMENT
                                                         : TU_REC_OBJECT;
    if (strcmp(line, "partial") == 0)
        tu_value_set_boolean(&a, meta, "partial", true);
    if (record == TU_REC_ENVIRONMENT)
        tu_value_set_string(&a, meta, "hash", tu_str_c(argument));
    if (record == TU_REC_GONE) {
        tu_value_set_string(&a, meta, "namespace", TU_S("shop"));
        tu_value_set_string(&a, meta, "name", tu_str_c(argument));
    }
    assert_int_equal(tu_observer_record(o, record, 0, meta, tu_str_c(argument)), TU_OK);
    tu_arena_done(&a);
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

/* What is told of a script, with what the index knows already. */
static void play(const test_desired *t, tu_index *x, const char *text, tu_buf *told) {
    const tu_rule *rule = &t->config->rules[0];
    tu_desired_set *set = t->set;
    tu_view *view = tu_view_new(t->config, &rule, &set, 1, false);
    tu_view_keep(view, 0, x);
    const tu_observer_sink sink = {.sighted = on_sighted,
                                   .look = on_look,
                                   .ended = on_ended,
                                   .lost = on_lost,
                                   .environment = on_environment,
                                   .arg = told};
    tu_observer o;
    tu_observer_init(&o, view, &sink);
    char script[4096], *rest = script;
    snprintf(script, sizeof script, "%s", text);
    for (char *line; (line = strsep(&rest, "\n")) && *line;)
        play_line(&o, line);
    tu_observer_done(&o);
    tu_view_unref(view);
}

static void news_mean_what_the_cases_say(void **state) {
    (void)state;
    test_desired t = two_blue();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        _cleanup_(tu_buf_done) tu_buf told = TU_BUF_INIT(TU_MIB);
        tu_index *x = tu_index_new(t.set);
        play(&t, x, cases[i].script, &told);
        if (strcmp(tu_buf_c(&told), cases[i].told) != 0)
            fail_msg("%s: told\n%sinstead of\n%s", cases[i].name, tu_buf_c(&told), cases[i].told);
        tu_index_unref(x);
    }
    test_desired_done(&t);
}

static void expect(const test_desired *t, tu_index *x, const char *script, const char *wanted) {
    _cleanup_(tu_buf_done) tu_buf told = TU_BUF_INIT(TU_MIB);
    play(t, x, script, &told);
    assert_string_equal(tu_buf_c(&told), wanted);
}

/* --- between two runs -------------------------------------------------------------------------- */

static tu_index_file file_of(const test_desired *t) {
    return (tu_index_file){
        .directory = t->folder, .rule = &t->config->rules[0], .config = t->config};
}

static tu_index *loaded(const test_desired *t) {
    const tu_index_file f = file_of(t);
    tu_index *x = tu_index_new(t->set);
    tu_index_load(x, &f);
    return x;
}

static void save(const test_desired *t, tu_index *x) {
    const tu_index_file f = file_of(t);
    assert_int_equal(tu_index_save(x, &f, NULL), TU_OK);
    tu_index_unref(x);
}

static void the_next_run_needs_metadata_only_and_tells_what_is_known_once(void **state) {
    (void)state;
    test_desired t = two_blue();
    tu_index *x = tu_index_new(t.set);
    assert_false(tu_index_set_environment(x, TU_S("e")));
    expect(&t, x, KNOWN WHOLE("b", "v", "11", G2, "red"), "a in-sync\nb drifted\n");
    assert_true(tu_index_is_dirty(x));
    save(&t, x);
    x = loaded(&t);
    assert_false(tu_index_set_environment(x, TU_S("e")));
    expect(&t, x,
           PARTIAL("a", "u", "12", G2) PARTIAL("a", "u", "12", G2) PARTIAL("b", "v", "11", G2),
           "a in-sync\nlook b first\n"); /* what isn't clean is read anew */
    tu_index_unref(x);
    test_desired_done(&t);
}

static void what_had_finished_is_remembered_when_it_is_gone_and_in_the_next_run(void **state) {
    (void)state;
    test_desired t = two_blue();
    tu_index *x = tu_index_new(t.set);
    bool replaced, completed;
    tu_index_note_finished(x, 0, true);
    tu_index_forget(x, 0, 0);
    tu_index_tell(x, 0, TU_S(""), &replaced, &completed);
    assert_true(completed && !replaced);
    tu_index_tell(x, 0, TU_S("another"), &replaced, &completed);
    assert_false(completed); /* it is there */
    assert_true(tu_index_is_dirty(x));
    save(&t, x);
    x = loaded(&t);
    tu_index_tell(x, 0, TU_S(""), &replaced, &completed);
    assert_true(completed);
    tu_index_tell(x, 1, TU_S(""), &replaced, &completed);
    assert_false(completed);
    tu_index_note_finished(x, 0, false);
    tu_index_tell(x, 0, TU_S(""), &replaced, &completed);
    assert_false(completed);
    tu_index_unref(x);
    test_desired_done(&t);
}

static void an_object_made_anew_is_told_from_the_one_before(void **state) {
    (void)state;
    test_desired t = two_blue();
    tu_index *x = tu_index_new(t.set);
    bool replaced, completed;
    tu_index_tell(x, 0, TU_S("u"), &replaced, &completed);
    assert_false(replaced); /* nothing is known of it */
    expect(&t, x, KNOWN, "a in-sync\n");
    tu_index_tell(x, 0, TU_S("u"), &replaced, &completed);
    assert_false(replaced);
    tu_index_forget(x, 0, 0); /* it went */
    tu_index_tell(x, 0, TU_S("w"), &replaced, &completed);
    assert_true(replaced);
    tu_index_unref(x);
    test_desired_done(&t);
}

static void another_environment_makes_the_file_worthless(void **state) {
    (void)state;
    test_desired t = two_blue();
    tu_index *x = tu_index_new(t.set);
    tu_index_set_environment(x, TU_S("e"));
    expect(&t, x, KNOWN, "a in-sync\n");
    assert_true(tu_index_set_environment(x, TU_S("f"))); /* beside a run, too */
    expect(&t, x, PARTIAL("a", "u", "10", G2), "look a first\n");
    expect(&t, x, KNOWN, "a in-sync\n");
    save(&t, x);
    x = loaded(&t);
    assert_true(tu_index_set_environment(x, TU_S("g")));
    expect(&t, x, PARTIAL("a", "u", "10", G2), "look a first\n");
    tu_index_unref(x);
    test_desired_done(&t);
}

static char *only_file(const test_desired *t) {
    char *path = tu_path_join(t->folder, "check-");
    char pattern[700];
    snprintf(pattern, sizeof pattern, "ls %s*", path);
    free(path);
    FILE *ls = popen(pattern, "r");
    char *line = calloc(1, 700);
    assert_non_null(fgets(line, 700, ls));
    pclose(ls);
    line[strcspn(line, "\n")] = '\0';
    return line;
}

static void a_damaged_or_foreign_file_is_ignored(void **state) {
    (void)state;
    test_desired t = two_blue();
    tu_index *x = tu_index_new(t.set);
    expect(&t, x, KNOWN, "a in-sync\n");
    save(&t, x);
    char *path = only_file(&t);
    _cleanup_(tu_buf_done) tu_buf whole = TU_BUF_INIT(TU_MIB);
    assert_int_equal(tu_file_read(path, TU_MIB, &whole, NULL), TU_OK);
    for (size_t i = 0; i < whole.n; i += 7) { /* cut off, and a byte changed, everywhere */
        assert_int_equal(tu_file_write(path, (tu_str){whole.p, i}, 0600, NULL), TU_OK);
        x = loaded(&t);
        assert_int_equal(tu_index_count(x).baselines, 0);
        tu_index_unref(x);
        whole.p[i] ^= 1;
        tu_file_write(path, tu_buf_str(&whole), 0600, NULL);
        whole.p[i] ^= 1;
        x = loaded(&t);
        assert_int_equal(tu_index_count(x).baselines, 0);
        tu_index_unref(x);
    }
    assert_int_equal(tu_file_write(path, tu_buf_str(&whole), 0600, NULL), TU_OK);
    x = loaded(&t);
    assert_int_equal(tu_index_count(x).baselines, 1);
    tu_index_unref(x);
    free(path);
    test_desired_done(&t);
}

static void what_is_desired_otherwise_now_is_read(void **state) {
    (void)state;
    test_desired t = two_blue();
    tu_index *x = tu_index_new(t.set);
    expect(&t, x, KNOWN WHOLE("b", "v", "11", G2, "blue"), "a in-sync\nb in-sync\n");
    save(&t, x);
    test_desired_write(
        &t, "m/a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {colour: green}\n"
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {colour: blue}\n");
    test_desired_load(&t);
    x = loaded(&t);
    expect(&t, x, PARTIAL("a", "u", "10", G2) PARTIAL("b", "v", "11", G2),
           "look a first\nb in-sync\n");
    tu_index_unref(x);
    test_desired_done(&t);
}

/* --- between two sets -------------------------------------------------------------------------- */

static void a_new_set_takes_over_what_it_desires_the_same(void **state) {
    (void)state;
    test_desired t = two_blue();
    tu_index *before = tu_index_new(t.set);
    expect(&t, before, KNOWN WHOLE("b", "v", "11", G2, "blue"), "a in-sync\nb in-sync\n");
    test_desired_write(
        &t, "m/a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {colour: blue}\n"
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {colour: red}\n"
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {colour: red}\n");
    test_desired_load(&t);
    tu_index *x = tu_index_new(t.set);
    uint8_t same[3] = {0};
    tu_index_carry(x, before, same);
    assert_int_equal(same[0], 1);
    assert_int_equal(same[1] + same[2], 0);
    expect(&t, x, PARTIAL("a", "u", "12", G2) PARTIAL("b", "v", "11", G2), "look b first\n");
    tu_index_unref(before);
    tu_index_unref(x);
    test_desired_done(&t);
}

/* --- reads and news ---------------------------------------------------------------------------- */

static tu_baseline baseline(tu_index *x, const char *version) {
    tu_arena a;
    tu_arena_init(&a, 0);
    char text[300];
    snprintf(text, sizeof text,
             "{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"resourceVersion\":\"%s\"}}", version);
    tu_value *v = NULL;
    assert_int_equal(tu_json_parse(&a, tu_str_c(text), 0, NULL, &v, NULL, NULL), TU_OK);
    tu_baseline b = tu_index_baseline(x, v);
    tu_arena_done(&a);
    return b;
}

static void a_read_that_was_overtaken_is_not_kept(void **state) {
    (void)state;
    test_desired t = two_blue();
    tu_index *x = tu_index_new(t.set);
    const tu_known known = {.verdict = TU_VERDICT_IN_SYNC};
    tu_baseline ten = baseline(x, "10"), eleven = baseline(x, "11");
    bool replaced;
    uint32_t since = tu_index_begin(x, 0);
    uint32_t news = tu_index_put(x, 0, &eleven, &known, 0, &replaced); /* while it was read */
    assert_true(news > since);
    assert_int_equal(tu_index_put(x, 0, &ten, &known, since, &replaced), 0);
    assert_int_equal(tu_index_forget(x, 0, since), 0);
    assert_true(tu_index_put(x, 0, &eleven, &known, tu_index_begin(x, 0), &replaced) > news);
    since = tu_index_begin(x, 0);
    tu_index_forget(x, 0, 0); /* gone while it was read */
    assert_int_equal(tu_index_put(x, 0, &eleven, &known, since, &replaced), 0);
    tu_index_unref(x);
    test_desired_done(&t);
}

static void the_newer_of_two_judgements_is_taken_whichever_comes_first(void **state) {
    (void)state;
    test_desired t = two_blue();
    tu_index *x = tu_index_new(t.set);
    assert_true(tu_index_take(x, 0, 2));
    assert_false(tu_index_take(x, 0, 1));
    assert_true(tu_index_take(x, 0, 0)); /* without a number: always */
    assert_true(tu_index_take(x, 0, 3));
    assert_true(tu_index_take(x, 1, 1));
    tu_index_unref(x);
    test_desired_done(&t);
}

static void a_read_waits_once(void **state) {
    (void)state;
    test_desired t = two_blue();
    tu_index *x = tu_index_new(t.set);
    assert_true(tu_index_want(x, 0));
    assert_false(tu_index_want(x, 0));
    assert_true(tu_index_want(x, 1));
    tu_index_begin(x, 0);
    assert_true(tu_index_want(x, 0));
    tu_baseline ten = baseline(x, "10");
    bool replaced;
    const tu_known known = {.verdict = TU_VERDICT_IN_SYNC};
    tu_index_put(x, 0, &ten, &known, 0, &replaced);
    assert_false(tu_index_want(x, 0)); /* it still waits */
    tu_index_unref(x);
    test_desired_done(&t);
}

static void a_memo_outlives_judgements_but_not_its_environment(void **state) {
    (void)state;
    test_desired t = two_blue();
    tu_index *x = tu_index_new(t.set);
    tu_value one = {.type = TU_INTEGER, .integer = 1};
    tu_change change = {.path = TU_S("/data/colour"), .live = &one};
    const tu_judgement j = {.changes = &change, .change_count = 1};
    tu_index_set_environment(x, TU_S("e"));
    assert_false(tu_index_explains(x, 0, &j));
    tu_index_remember(x, 0, &j);
    assert_true(tu_index_explains(x, 0, &j));
    assert_false(tu_index_explains(x, 1, &j));
    tu_index_forget(x, 0, 0);
    assert_true(tu_index_explains(x, 0, &j));
    save(&t, x);
    x = loaded(&t);
    assert_true(tu_index_explains(x, 0, &j));
    assert_int_equal(tu_index_count(x).memos, 1);
    tu_index_invalidate(x);
    assert_false(tu_index_explains(x, 0, &j));
    tu_index_unref(x);
    test_desired_done(&t);
}

/* --- with dry runs ----------------------------------------------------------------------------- */

#define LIVE(version, colour)                                                                      \
    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"," META(                                         \
        "a", "u", version, "") ",\"data\":{\"colour\":\"" colour "\"}}"

static size_t dry_runs(const test_desired *t) {
    char *calls = test_desired_read(t, "calls");
    size_t n = 0;
    for (const char *p = calls; p && (p = strstr(p, "\"dryRun\":true")); p++)
        n++;
    free(calls);
    return n;
}

static tu_finding verify(const test_desired *t, tu_slot *slot, tu_arena *a) {
    tu_finding f = {0};
    const tu_value *live = NULL;
    const tu_call_options call = {0};
    tu_prepared p;
    assert_int_equal(tu_desired_open(t->set, slot->object, a, &p, NULL), TU_OK);
    assert_int_equal(
        tu_verify(a, &t->config->rules[0], t->target, &p, &call, slot, &live, &f, NULL), TU_OK);
    return f;
}

static void what_a_dry_run_explained_needs_no_other(void **state) {
    (void)state;
    test_desired t = test_desired_new(true);
    test_desired_write(&t, "m/a.yaml",
                       "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n"
                       "data: {colour: blue}\n");
    test_desired_load(&t);
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_slot slot = {.index = tu_index_new(t.set)};
    test_desired_write(&t, "live.json", LIVE("10", "cyan")); /* admission makes cyan of blue */
    test_desired_write(&t, "after.json", LIVE("10", "cyan"));
    tu_finding f = verify(&t, &slot, &a);
    assert_int_equal(f.verdict, TU_VERDICT_IN_SYNC);
    assert_int_equal(f.confidence, TU_CONFIDENCE_CONFIRMED);
    assert_int_equal(dry_runs(&t), 1);
    test_desired_write(&t, "live.json", LIVE("11", "cyan"));
    f = verify(&t, &slot, &a);
    assert_int_equal(f.verdict, TU_VERDICT_IN_SYNC);
    assert_int_equal(f.confidence, TU_CONFIDENCE_CONFIRMED);
    assert_int_equal(dry_runs(&t), 1);
    slot.whole = true; /* the scrub asks, even so */
    verify(&t, &slot, &a);
    assert_int_equal(dry_runs(&t), 2);
    slot.whole = false;
    test_desired_write(&t, "live.json", LIVE("12", "red")); /* another value is another matter */
    f = verify(&t, &slot, &a);
    assert_int_equal(f.verdict, TU_VERDICT_DRIFTED);
    assert_int_equal(dry_runs(&t), 3);
    tu_index_unref(slot.index);
    tu_arena_done(&a);
    test_desired_done(&t);
}

static void a_target_that_refuses_now_is_asked_again_next_time(void **state) {
    (void)state;
    test_desired t = test_desired_new(true);
    test_desired_write(&t, "m/a.yaml",
                       "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n"
                       "data: {colour: blue}\n");
    test_desired_load(&t);
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_slot slot = {.index = tu_index_new(t.set)};
    test_desired_write(&t, "live.json", LIVE("10", "red"));
    test_desired_write(&t, "fail", "-12 1"); /* refused */
    tu_finding f = verify(&t, &slot, &a);
    assert_int_equal(f.verdict, TU_VERDICT_BLOCKED);
    assert_int_equal(tu_index_count(slot.index).baselines, 0);
    f = verify(&t, &slot, &a);
    assert_int_equal(f.verdict, TU_VERDICT_DRIFTED);
    assert_int_equal(tu_index_count(slot.index).baselines, 1);
    test_desired_write(&t, "live.json", LIVE("11", "blue"));
    test_desired_write(&t, "fail", "-12 1");
    slot.whole = true; /* nothing was doubted, so a refusal of what is there already says nothing */
    f = verify(&t, &slot, &a);
    assert_int_equal(f.verdict, TU_VERDICT_IN_SYNC);
    tu_index_unref(slot.index);
    tu_arena_done(&a);
    test_desired_done(&t);
}

/* --- the scrub --------------------------------------------------------------------------------- */

static void a_day_reads_a_thirtieth(void **state) {
    (void)state;
    const int64_t day = 24LL * 3600 * 1000;
    assert_int_equal(scrub_share(3000, day, UINT32_MAX), 100);
    assert_int_equal(scrub_share(10, day / 144, UINT32_MAX), 0);
    assert_int_equal(scrub_share(10, day / 144, 0), 1); /* by chance */
    assert_int_equal(scrub_share(0, day, 0), 0);
    size_t sum = 0;
    for (uint32_t i = 0; i < 144; i++) /* chances that are spread evenly */
        sum += scrub_share(1000, day / 144, i * (UINT32_MAX / 144));
    assert_in_range(sum, 32, 35);
}

int main(void) {
    tu_log_setup(TU_LOG_TEXT, TU_LOG_ERROR, false); /* a file that is ignored is said so */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(news_mean_what_the_cases_say),
        cmocka_unit_test(the_next_run_needs_metadata_only_and_tells_what_is_known_once),
        cmocka_unit_test(what_had_finished_is_remembered_when_it_is_gone_and_in_the_next_run),
        cmocka_unit_test(an_object_made_anew_is_told_from_the_one_before),
        cmocka_unit_test(another_environment_makes_the_file_worthless),
        cmocka_unit_test(a_damaged_or_foreign_file_is_ignored),
        cmocka_unit_test(what_is_desired_otherwise_now_is_read),
        cmocka_unit_test(a_new_set_takes_over_what_it_desires_the_same),
        cmocka_unit_test(a_read_that_was_overtaken_is_not_kept),
        cmocka_unit_test(the_newer_of_two_judgements_is_taken_whichever_comes_first),
        cmocka_unit_test(a_read_waits_once),
        cmocka_unit_test(what_a_dry_run_explained_needs_no_other),
        cmocka_unit_test(a_target_that_refuses_now_is_asked_again_next_time),
        cmocka_unit_test(a_day_reads_a_thirtieth),
        cmocka_unit_test(a_memo_outlives_judgements_but_not_its_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
