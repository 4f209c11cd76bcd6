/*
 * rules/test.c: runs the cases of rules and packs.
 *
 *     desired, live, predicted --- judge ---\
 *                                            finding --- decide ---> compared with `expect`
 *     finding {object, changes, quiet} -----/
 *
 * A fault is told at the line of the expectation that wasn't met. What isn't expected isn't
 * compared, but for `changes`: a list of changes is the whole list.
 *
 * To add an expectation: the schema, a line in check_finding() or check_change().
 */
#include "rules/test.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "compare/judge.h"
#include "value/json.h"
#include "value/schema.h"
#include "value/yaml.h"

#include <stdarg.h>
#include <stdio.h>

typedef struct runner {
    tu_arena *arena;
    const tu_test_options *o;
    const tu_rule_test *test;
    tu_rule rule;
    tu_case_result *result;
    tu_finding finding;
    tu_change *quiet;
    size_t quiet_count;
    const tu_value *labelled; /* an object with the labels that are matched */
    bool *tried;              /* beside the rule's entries */
    bool out_of_memory;
} runner;

/* --- faults ----------------------------------------------------------------------------------- */

static tu_place place_of(const tu_rule_test *t, const tu_value *v) {
    if (!v || !v->line)
        return t->place;
    return (tu_place){t->place.file, v->line, (uint32_t)tu_text_column(t->text, v->begin)};
}

__attribute__((format(printf, 3, 4))) static void fault(runner *r, const tu_value *at,
                                                        const char *format, ...) {
    char room[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(room, sizeof room, format, arguments);
    va_end(arguments);
    tu_case_result *result = r->result;
    size_t n = result->fault_count;
    tu_fault *grown = tu_arena_alloc(r->arena, (n + 1) * sizeof *grown);
    tu_str copy = tu_arena_copy(r->arena, tu_str_c(room));
    if (!grown || !copy.p) {
        r->out_of_memory = true;
        return;
    }
    if (n)
        memcpy(grown, result->faults, n * sizeof *grown);
    grown[n] = (tu_fault){place_of(r->test, at), copy};
    result->faults = grown;
    result->fault_count = n + 1;
}

/* The case itself is wrong. */
static bool broken(runner *r, const tu_value *at, const tu_error *why, const char *what) {
    r->result->broken = true;
    fault(r, at, "%s%s%s", what, *what ? ": " : "", tu_error_text(why));
    return false;
}

static bool is_wrong(runner *r, const tu_value *at, const char *what) {
    r->result->broken = true;
    fault(r, at, "%s", what);
    return false;
}

/* --- what is found ---------------------------------------------------------------------------- */

/* A map as it stands in the case, or text as kubectl reads it: a copy that may be changed. */
static bool read_object(runner *r, const tu_value *v, tu_value **ret) {
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    *ret = NULL;
    if (tu_value_is(v, TU_MAP)) {
        *ret = tu_value_copy(r->arena, v);
        r->out_of_memory |= !*ret;
        return *ret != NULL;
    }
    if (!tu_value_is(v, TU_STRING))
        return true;
    const tu_yaml_part part = {.text = v->string, .line = v->line + 1};
    if (tu_yaml_parse(r->arena, part, TU_YAML_KUBERNETES, r->test->place.file, ret, &why) != TU_OK)
        return broken(r, v, why, "");
    if (!tu_value_is(*ret, TU_MAP))
        return is_wrong(r, v, "this text is no object");
    return true;
}

static bool find_kind(runner *r, const tu_value *c, const tu_object_id *id, tu_kind **ret) {
    const tu_value *described = tu_value_get(c, "description");
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    *ret = NULL;
    if (!described) {
        tu_kind *known = r->o->describe ? r->o->describe(r->o->arg, id) : NULL;
        *ret = known ? tu_kind_ref(known) : tu_kind_untyped();
        return true;
    }
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_LIMIT_DESCRIPTION_BYTES);
    tu_json_write(&text, described, 0);
    return tu_kind_compile(tu_buf_str(&text), ret, &why) == TU_OK ||
           broken(r, described, why, "description");
}

static bool judge_objects(runner *r, tu_kind *kind, const tu_object_id *id, const tu_value *at,
                          tu_value *desired, tu_value *live, tu_value *predicted) {
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    tu_prepared prepared;
    tu_judgement j = {0};
    tu_rc rc =
        tu_prepare(r->arena, kind, desired, id, tu_str_c(r->test->place.file), &prepared, &why);
    if (rc == TU_OK && live)
        rc = tu_kind_seal(kind, r->arena, live, &why);
    if (rc == TU_OK && predicted)
        rc = tu_kind_seal(kind, r->arena, predicted, &why);
    const tu_judge_input in = {.desired = &prepared,
                               .live = live,
                               .predicted = predicted,
                               .our_manager = r->o->our_manager};
    if (rc == TU_OK)
        rc = tu_judge(r->arena, &in, &j, &why);
    if (rc != TU_OK)
        return broken(r, at, why, "");
    r->finding = (tu_finding){.id = *id,
                              .verdict = j.verdict,
                              .confidence = j.confidence,
                              .reason = j.reason,
                              .changes = j.changes,
                              .change_count = j.change_count};
    r->quiet = j.quiet;
    r->quiet_count = j.quiet_count;
    r->labelled = live ? live : desired;
    return true;
}

static bool judge_case(runner *r, const tu_value *c) {
    const tu_value *at = tu_value_get(c, "desired");
    tu_value *desired, *live, *predicted;
    tu_kind *kind = NULL;
    if (!read_object(r, at, &desired) || !read_object(r, tu_value_get(c, "live"), &live) ||
        !read_object(r, tu_value_get(c, "predicted"), &predicted))
        return false;
    if (!tu_value_get(c, "live"))
        return is_wrong(r, at, "live is missing (write `live: null` where there is no object)");
    const tu_object_id id = tu_object_id_of(desired);
    if (!id.kind.n || !id.name.n)
        return is_wrong(r, at, "desired has no kind or no metadata.name");
    if (!find_kind(r, c, &id, &kind))
        return false;
    bool good = judge_objects(r, kind, &id, at, desired, live, predicted);
    tu_kind_unref(kind);
    return good;
}

static tu_change read_change(const runner *r, const tu_value *v) {
    tu_change c = {.path = tu_value_get_string(v, "path"),
                   .note = tu_value_get_string(v, "note"),
                   .owner = {.manager = tu_value_get_string(v, "manager"),
                             .operation = tu_value_get_string(v, "operation"),
                             .subresource = tu_value_get_string(v, "subresource")}};
    tu_change_parse(tu_value_get_string(v, "change"), &c.kind);
    tu_str class = tu_value_get_string(v, "class");
    c.owner.class_ = tu_manager_classify(c.owner.manager, c.owner.operation, r->o->our_manager);
    for (int i = 0; i < TU_MANAGER_COUNT; i++)
        if (tu_str_is(class, tu_manager_class_name((tu_manager_class)i)))
            c.owner.class_ = (tu_manager_class)i;
    return c;
}

static tu_change *read_changes(runner *r, const tu_value *list, size_t *ret_n) {
    size_t n = tu_value_count(list);
    tu_change *changes = tu_arena_alloc(r->arena, n * sizeof *changes);
    r->out_of_memory |= !changes;
    for (size_t i = 0; changes && i < n; i++)
        changes[(*ret_n)++] = read_change(r, tu_value_at(list, i));
    return changes;
}

/* As the engine says it: the whole object was added. */
static void make_unmanaged(runner *r, tu_finding *f) {
    f->changes = tu_arena_zalloc(r->arena, sizeof *f->changes);
    r->out_of_memory |= !f->changes;
    if (!f->changes)
        return;
    f->changes[0] = (tu_change){.path = TU_S(""), .kind = TU_CHANGE_ADDED};
    f->change_count = 1;
}

static bool read_finding(runner *r, const tu_value *v) {
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    bool any_group;
    tu_finding *f = &r->finding;
    *f = (tu_finding){.confidence = TU_CONFIDENCE_PROVED,
                      .reason = tu_value_get_string(v, "reason")};
    if (tu_object_id_parse(tu_value_get_string(v, "object"), &f->id, &any_group, &why) != TU_OK)
        return broken(r, tu_value_get(v, "object"), why, "");
    f->changes = read_changes(r, tu_value_get(v, "changes"), &f->change_count);
    r->quiet = read_changes(r, tu_value_get(v, "quiet"), &r->quiet_count);
    f->verdict = f->change_count ? TU_VERDICT_DRIFTED : TU_VERDICT_IN_SYNC;
    tu_verdict_parse(tu_value_get_string(v, "verdict"), &f->verdict);
    if (f->verdict == TU_VERDICT_UNMANAGED && f->change_count == 0)
        make_unmanaged(r, f);
    tu_value *object = tu_value_new(r->arena, TU_MAP), *metadata = tu_value_new(r->arena, TU_MAP);
    const tu_value *labels = tu_value_get(v, "labels");
    if (!object || !metadata ||
        (labels && !tu_value_set(r->arena, metadata, TU_S("labels"), labels)) ||
        !tu_value_set(r->arena, object, TU_S("metadata"), metadata)) {
        r->out_of_memory = true;
        return false;
    }
    r->labelled = object;
    return true;
}

/* --- what is expected ------------------------------------------------------------------------- */

static void check_word(runner *r, const tu_value *expect, const char *key, const char *got) {
    const tu_value *v = tu_value_get(expect, key);
    if (tu_value_is(v, TU_STRING) && !tu_str_is(v->string, got))
        fault(r, v, "%s: expected %.*s, got %s", key, TU_P(v->string), got);
}

static void check_text(runner *r, const tu_value *expect, const char *key, tu_str got) {
    const tu_value *v = tu_value_get(expect, key);
    if (tu_value_is(v, TU_STRING) && !tu_str_eq(v->string, got))
        fault(r, v, "%s: expected '%.*s', got '%.*s'", key, TU_P(v->string), TU_P(got));
}

static void check_change(runner *r, const tu_value *expect, const tu_change *c) {
    check_word(r, expect, "change", tu_change_name(c->kind));
    check_text(r, expect, "manager", c->owner.manager);
    check_word(r, expect, "class", tu_manager_class_name(c->owner.class_));
    check_word(r, expect, "action", tu_action_name(c->action));
    check_word(r, expect, "severity", tu_severity_name(c->severity));
    check_text(r, expect, "entry", c->entry);
}

/* One place may have changed in two ways: an expectation that names the way means that one. */
static bool means(const tu_value *expect, const tu_change *c) {
    tu_str kind = tu_value_get_string(expect, "change");
    return tu_str_eq(tu_value_get_string(expect, "path"), c->path) &&
           (!kind.n || tu_str_is(kind, tu_change_name(c->kind)));
}

static bool is_expected(const tu_value *list, const tu_change *c) {
    bool at = false;
    for (size_t i = 0; i < tu_value_count(list) && !at; i++)
        at = means(tu_value_at(list, i), c);
    return at;
}

static const tu_change *find_change(const tu_finding *f, const tu_value *expect) {
    const tu_change *at = NULL;
    for (size_t i = 0; i < f->change_count; i++) {
        const tu_change *c = &f->changes[i];
        if (means(expect, c))
            return c;
        if (!at && tu_str_eq(tu_value_get_string(expect, "path"), c->path))
            at = c; /* there, but in another way: that is what will be told */
    }
    return at;
}

static void check_changes(runner *r, const tu_value *list) {
    const tu_finding *f = &r->finding;
    for (size_t i = 0; i < tu_value_count(list); i++) {
        const tu_value *expect = tu_value_at(list, i);
        const tu_change *c = find_change(f, expect);
        if (c)
            check_change(r, expect, c);
        else
            fault(r, expect, "changes: there is none at %.*s",
                  TU_P(tu_value_get_string(expect, "path")));
    }
    for (size_t i = 0; i < f->change_count; i++) {
        const tu_change *c = &f->changes[i];
        if (!is_expected(list, c))
            fault(r, list, "changes: %s at %.*s is not expected (%s by %.*s%s%.*s)",
                  tu_change_name(c->kind), TU_P(c->path), tu_action_name(c->action),
                  TU_P(c->owner.manager.n ? c->owner.manager : TU_S("nobody known")),
                  c->entry.n ? ", entry " : "", TU_P(c->entry));
    }
}

static void check_finding(runner *r, const tu_value *expect) {
    const tu_finding *f = &r->finding;
    check_word(r, expect, "verdict", tu_verdict_name(f->verdict));
    check_word(r, expect, "action", tu_action_name(f->action));
    check_word(r, expect, "severity", tu_severity_name(f->severity));
    check_text(r, expect, "entry", f->entry);
    if (tu_value_get(expect, "changes"))
        check_changes(r, tu_value_get(expect, "changes"));
}

/* --- cases ------------------------------------------------------------------------------------ */

static bool read_time(runner *r, const tu_value *c, int64_t *ret_ms) {
    const tu_value *v = tu_value_get(c, "time");
    int64_t us;
    if (!v)
        v = tu_value_get(r->test->spec, "time");
    *ret_ms = r->o->wall_ms;
    if (!v)
        return true;
    if (!tu_time_parse(tu_value_string(v), &us))
        return is_wrong(r, v, "this is no time: write 2026-12-31T18:00:00+09:00");
    *ret_ms = us / 1000;
    return true;
}

/* Reports name entries, so a name is what is tried. */
static void note_tried(runner *r, tu_str entry) {
    for (size_t i = 0; i < r->rule.entry_count; i++)
        r->tried[i] |= tu_str_eq(r->rule.entries[i].name, entry);
}

static void run_case(runner *r, const tu_value *c) {
    const tu_value *finding = tu_value_get(c, "finding"), *desired = tu_value_get(c, "desired");
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    int64_t wall_ms;
    r->quiet = NULL;
    r->quiet_count = 0;
    if (!finding == !desired) {
        is_wrong(r, c, "a case has either desired and live, or a finding");
        return;
    }
    if (!read_time(r, c, &wall_ms) || !(finding ? read_finding(r, finding) : judge_case(r, c)))
        return;
    tu_rc rc = tu_decide(r->arena, &r->rule, r->labelled, NULL, r->quiet, r->quiet_count, wall_ms,
                         &r->finding, &why);
    r->out_of_memory |= rc != TU_OK;
    note_tried(r, r->finding.entry);
    for (size_t i = 0; i < r->finding.change_count; i++)
        note_tried(r, r->finding.changes[i].entry);
    if (rc == TU_OK)
        check_finding(r, tu_value_get(c, "expect"));
}

/* The rule of the document, or one of nothing but packs. */
static bool find_rule(runner *r, const tu_config *c) {
    const tu_value *spec = r->test->spec, *use = tu_value_get(spec, "use");
    const tu_rule *rule = tu_config_rule(c, tu_value_get_string(spec, "rule"));
    tu_str mode = tu_value_get_string(spec, "mode");
    size_t n = 0;
    r->rule = rule ? *rule : (tu_rule){.name = r->test->name, .mode = TU_MODE_AUDIT};
    if (mode.n)
        r->rule.mode = tu_str_is(mode, "heal")  ? TU_MODE_HEAL
                       : tu_str_is(mode, "off") ? TU_MODE_OFF
                                                : TU_MODE_AUDIT;
    if (!rule == !use)
        return is_wrong(r, spec, "a RuleTest names either a rule or what it uses (use: [pack])");
    for (size_t i = 0; i < tu_value_count(use); i++) {
        const tu_pack *pack = tu_config_pack(c, tu_value_string(tu_value_at(use, i)));
        n += pack ? pack->entry_count : 0;
    }
    if (rule)
        return true;
    r->rule.entries = tu_arena_alloc(r->arena, n * sizeof *r->rule.entries);
    r->out_of_memory |= !r->rule.entries;
    for (size_t i = 0; r->rule.entries && i < tu_value_count(use); i++) {
        const tu_pack *pack = tu_config_pack(c, tu_value_string(tu_value_at(use, i)));
        for (size_t k = 0; pack && k < pack->entry_count; k++)
            r->rule.entries[r->rule.entry_count++] = pack->entries[k];
    }
    r->rule.own_entry_count = r->rule.entry_count;
    tu_rule_settle(&r->rule);
    return r->rule.entries != NULL;
}

/* Of a rule its own entries: what its packs do is their tests' business. */
static void list_untried(runner *r, tu_test_results *results) {
    size_t n = r->rule.own_entry_count;
    const tu_entry **grown = tu_arena_alloc(r->arena, (results->untried_count + n) * sizeof *grown);
    if (!grown) {
        r->out_of_memory = true;
        return;
    }
    if (results->untried_count)
        memcpy(grown, results->untried, results->untried_count * sizeof *grown);
    results->untried = grown;
    for (size_t i = 0; i < n; i++)
        if (!r->tried[i])
            grown[results->untried_count++] = &r->rule.entries[i];
}

static void run_test(runner *r, const tu_config *c, tu_test_results *results) {
    const tu_value *cases = tu_value_get(r->test->spec, "cases");
    tu_case_result of_rule = {.place = r->test->place};
    r->result = &of_rule;
    bool usable = find_rule(r, c);
    r->tried = tu_arena_zalloc(r->arena, (r->rule.entry_count + 1) * sizeof *r->tried);
    r->out_of_memory |= !r->tried;
    for (size_t i = 0; i < tu_value_count(cases) && r->tried; i++) {
        const tu_value *v = tu_value_at(cases, i);
        r->result = &results->items[results->n++];
        *r->result = of_rule;
        r->result->test = r->test->name;
        r->result->name = tu_value_get_string(v, "name");
        r->result->place = place_of(r->test, v);
        if (usable)
            run_case(r, v);
        results->failed += r->result->fault_count > 0;
    }
    if (usable && r->tried)
        list_untried(r, results);
}

tu_rc tu_rule_test_run(tu_arena *a, const tu_config *c, const tu_test_options *o,
                       tu_test_results *ret, tu_error **error) {
    size_t n = 0;
    for (size_t i = 0; i < c->test_count; i++)
        n += tu_value_count(tu_value_get(c->tests[i].spec, "cases"));
    *ret = (tu_test_results){.items = tu_arena_zalloc(a, n * sizeof *ret->items)};
    runner r = {.arena = a, .o = o, .out_of_memory = !ret->items};
    for (size_t i = 0; i < c->test_count && !r.out_of_memory; i++) {
        r.test = &c->tests[i];
        run_test(&r, c, ret);
    }
    return r.out_of_memory ? tu_error_memory(error) : TU_OK;
}
