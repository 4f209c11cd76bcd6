/* engine/view.c: see view.h. */
#include "engine/view.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "compare/unmanaged.h"
#include "heal/heal.h"
#include "rules/decide.h"
#include "value/json.h"

/* --- one object ------------------------------------------------------------------------------- */

/* The memo has the answer that a dry run would give. */
static void recall(tu_index *x, size_t object, const tu_rule *rule, tu_judgement *j) {
    if (!x || !j->suspect || !rule->confirm || !tu_index_explains(x, object, j))
        return;
    j->verdict = TU_VERDICT_IN_SYNC;
    j->confidence = TU_CONFIDENCE_CONFIRMED;
    j->reason = j->onset = (tu_str){0};
    j->change_count = j->doubt_count = 0;
    j->suspect = false;
}

static tu_rc see(tu_arena *a, const tu_rule *rule, tu_judge_input in, tu_index *x, size_t object,
                 tu_sight *ret, tu_error **error) {
    const tu_prepared *desired = in.desired;
    const tu_value *live = in.live;
    tu_judgement j = {0};
    tu_str uid = tu_value_string(tu_value_path(live, "metadata", "uid", NULL));
    if (x)
        tu_index_tell(x, object, uid, &in.replaced, &in.completed);
    tu_rc rc = tu_judge(a, &in, &j, error);
    if (rc != TU_OK)
        return rc;
    if (x && live)
        tu_index_note_finished(x, object, j.finished);
    if (!in.predicted)
        recall(x, object, rule, &j);
    ret->judged = j;
    ret->suspect = j.suspect;
    ret->finding = (tu_finding){.id = desired->id,
                                .verdict = j.verdict,
                                .confidence = j.confidence,
                                .reason = j.reason,
                                .onset = j.onset,
                                .file = desired->file,
                                .line = desired->line,
                                .column = desired->column,
                                .changes = j.changes,
                                .change_count = j.change_count,
                                .quiet = j.quiet,
                                .quiet_count = j.quiet_count,
                                .uid = j.uid,
                                .resource_version = j.resource_version};
    tu_clock clock = tu_clock_real();
    return tu_decide(a, rule, live, desired->object, j.quiet, j.quiet_count, tu_clock_wall(&clock),
                     &ret->finding, error);
}

tu_rc tu_view_see(tu_arena *a, const tu_rule *rule, const tu_prepared *desired,
                  const tu_value *live, const tu_value *predicted, tu_index *x, size_t object,
                  tu_sight *ret, tu_error **error) {
    const tu_judge_input in = {.desired = desired,
                               .live = live,
                               .predicted = predicted,
                               .our_manager = TU_S(TU_FIELD_MANAGER)};
    return see(a, rule, in, x, object, ret, error);
}

tu_rc tu_view_judge(tu_arena *a, const tu_rule *rule, const tu_prepared *desired,
                    const tu_value *live, const tu_value *predicted, tu_finding *ret,
                    bool *ret_suspect, tu_error **error) {
    tu_sight s;
    tu_rc rc = tu_view_see(a, rule, desired, live, predicted, NULL, 0, &s, error);
    if (rc == TU_OK) {
        *ret = s.finding;
        *ret_suspect = s.suspect;
    }
    return rc;
}

tu_known tu_sight_known(const tu_sight *s) {
    return (tu_known){.verdict = s->finding.verdict,
                      .confidence = s->finding.confidence,
                      .changes = s->finding.change_count > 0,
                      .ruled = s->judged.change_count + s->judged.quiet_count > 0};
}

bool tu_sight_is_settled(const tu_sight *s, bool sure) {
    tu_verdict v = s->finding.verdict;
    return sure && v != TU_VERDICT_UNKNOWN && v != TU_VERDICT_MISSING &&
           v != TU_VERDICT_TERMINATING;
}

/* An object of the rule's scope that stands in no manifest. What the finding says of it is one
 * change: the whole object was added, by whoever made it. */
static tu_rc judge_stranger(tu_arena *a, const tu_rule *rule, const tu_object_id *id,
                            const tu_value *live, const tu_value *explained, tu_finding *ret,
                            tu_error **error) {
    tu_unmanaged u;
    tu_rc rc = tu_unmanaged_judge(a, live, explained, TU_S(TU_FIELD_MANAGER), &u, error);
    if (rc != TU_OK)
        return rc;
    *ret = (tu_finding){.id = *id,
                        .verdict = u.explained.n ? TU_VERDICT_IN_SYNC : TU_VERDICT_UNMANAGED,
                        .confidence = TU_CONFIDENCE_OBSERVED,
                        .reason = u.explained.n ? u.explained : u.reason,
                        .onset = u.explained.n ? (tu_str){0} : u.since,
                        .uid = u.uid,
                        .resource_version = u.resource_version};
    if (u.explained.n)
        return TU_OK;
    ret->changes = tu_arena_zalloc(a, sizeof *ret->changes);
    if (!ret->changes)
        return tu_error_memory(error);
    ret->change_count = 1;
    ret->changes[0] = (tu_change){.path = TU_S(""), .kind = TU_CHANGE_ADDED, .owner = u.maker};
    tu_clock clock = tu_clock_real();
    return tu_decide(a, rule, live, NULL, NULL, 0, tu_clock_wall(&clock), ret, error);
}

/* --- the observer ----------------------------------------------------------------------------- */

void tu_observer_init(tu_observer *o, tu_view *view, const tu_observer_sink *sink) {
    *o = (tu_observer){.view = tu_view_ref(view), .sink = *sink};
    tu_arena_init(&o->arena, TU_LIMIT_OBJECT_ARENA);
    o->seen = tu_xcalloc(view->rule_count, sizeof *o->seen);
    for (size_t i = 0; i < view->rule_count; i++)
        o->seen[i] = tu_xcalloc(view->rules[i].set->n, 1);
    o->strangers = tu_xcalloc(view->scope_count, sizeof *o->strangers);
    o->unreadable = tu_xcalloc(view->scope_count, 1);
    o->listing = tu_xcalloc(view->scope_count, 1);
}

void tu_observer_done(tu_observer *o) {
    for (size_t i = 0; o->view && i < o->view->rule_count; i++)
        free(o->seen[i]);
    for (size_t i = 0; o->view && i < o->view->scope_count; i++)
        tu_map_done(&o->strangers[i], NULL);
    free(o->seen);
    free(o->strangers);
    free(o->unreadable);
    free(o->listing);
    tu_arena_done(&o->arena);
    tu_view_unref(o->view);
}

static tu_rc tell(tu_observer *o, size_t rule, size_t object, const tu_finding *f, bool suspect,
                  bool replaced, uint32_t serial) {
    const tu_sighting s = {.rule = rule,
                           .object = object,
                           .finding = f,
                           .suspect = suspect,
                           .replaced = replaced,
                           .serial = serial};
    return o->sink.sighted(o->sink.arg, &s);
}

/* Judged without a dry run, which may follow. Returns the serial of it. */
static uint32_t keep(tu_observer *o, size_t rule, size_t object, const tu_sight *s,
                     const tu_baseline *now, bool *ret_replaced) {
    const tu_view_rule *r = &o->view->rules[rule];
    bool sure = !(s->suspect && r->rule->confirm && s->finding.verdict == TU_VERDICT_DRIFTED);
    if (!now || !tu_sight_is_settled(s, sure))
        return tu_index_forget(r->index, object, 0);
    const tu_known known = tu_sight_known(s);
    return tu_index_put(r->index, object, now, &known, 0, ret_replaced);
}

/* now: the baseline of live; NULL with live, or where none is kept. */
static tu_rc sight(tu_observer *o, size_t rule, size_t object, const tu_value *live,
                   const tu_baseline *now) {
    const tu_view_rule *r = &o->view->rules[rule];
    o->seen[rule][object] = 1;
    tu_sight s = {0};
    tu_error *why = NULL;
    tu_prepared p;
    uint32_t serial = 0;
    bool replaced = false;
    tu_rc rc = tu_desired_open(r->set, object, &o->arena, &p, &why);
    const tu_judge_input in = {.desired = &p,
                               .live = live,
                               .our_manager = TU_S(TU_FIELD_MANAGER),
                               .everything = o->everything};
    if (rc == TU_OK)
        rc = see(&o->arena, r->rule, in, r->index, object, &s, &why);
    if (rc != TU_OK) { /* too large to judge: said of this object, and the others go on */
        s.finding = tu_desired_finding(r->set, object, TU_VERDICT_UNKNOWN);
        s.finding.reason = tu_arena_copy(&o->arena, tu_str_c(tu_error_text(why)));
        tu_error_free(why);
        s.suspect = false;
    }
    if (r->index)
        serial = keep(o, rule, object, &s, now, &replaced);
    return tell(o, rule, object, &s.finding, s.suspect, replaced, serial);
}

/* Nothing has to be judged: it says what was said before, where nobody heard that yet. */
static tu_rc sight_known(tu_observer *o, size_t rule, size_t object, const tu_known *known,
                         const tu_value *live) {
    if (!known->first)
        return TU_OK;
    const tu_value *metadata = tu_value_get(live, "metadata");
    tu_finding f = tu_desired_finding(o->view->rules[rule].set, object, known->verdict);
    f.confidence = known->confidence;
    f.uid = tu_value_get_string(metadata, "uid");
    f.resource_version = tu_value_get_string(metadata, "resourceVersion");
    return tell(o, rule, object, &f, false, false, known->serial);
}

/* What has only its metadata can be proved to be what it was, or must be read. */
static tu_rc sight_partial(tu_observer *o, size_t rule, size_t object, size_t scope,
                           const tu_value *live) {
    const tu_view_rule *r = &o->view->rules[rule];
    tu_baseline now = {0};
    tu_look_reason why = TU_LOOK_FIRST;
    tu_known known;
    o->seen[rule][object] = 1;
    if (!o->sink.look)
        return TU_EINTERNAL; /* nobody asked for metadata */
    if (tu_value_path(live, "metadata", "deletionTimestamp", NULL))
        return sight(o, rule, object, live, NULL); /* terminating, whatever the rest says */
    if (r->index) {
        now = tu_index_baseline(r->index, live);
        switch (tu_index_check(r->index, object, &now, o->listing[scope], &known, &why)) {
        case TU_PROOF_SAME:
        case TU_PROOF_PROVED:
            if (!known.ruled || !o->doubt_ruled)
                return sight_known(o, rule, object, &known, live);
            why = TU_LOOK_RULED;
            break;
        case TU_PROOF_OLDER:
            return TU_OK;
        case TU_PROOF_LOOK:
            break;
        }
    }
    return o->sink.look(o->sink.arg, rule, object, why, &now, live);
}

/* A whole object, beside a listing: is it older than what is known? */
static bool is_late(const tu_view_rule *r, size_t object, const tu_baseline *now, bool listing) {
    return !listing && tu_index_is_past(r->index, object, now);
}

static size_t find(const tu_view_rule *r, const tu_object_id *id) {
    size_t object = tu_desired_find(r->set, id);
    if (object != TU_DESIRED_NONE && !tu_str_eq(tu_desired_id(r->set, object).version, id->version))
        object = TU_DESIRED_NONE;
    return object;
}

/* Which object it was isn't known. In a listing, what wasn't seen is unknown at its end; beside one,
 * what is known of the scope isn't sure any more. */
static tu_rc unreadable(tu_observer *o, size_t scope) {
    o->unreadable[scope] = 1;
    if (o->listing[scope] || !o->sink.lost)
        return TU_OK;
    return o->sink.lost(o->sink.arg, scope, TU_EINTERNAL, TU_S("unreadable"),
                        TU_S("the target sent an object that can't be read"));
}

/* --- what stands in no set -------------------------------------------------------------------- */

/* Another rule of the same target may desire it, in whatever version. */
static bool is_anybodys(const tu_observer *o, const tu_object_id *id) {
    for (size_t i = 0; i < o->view->rule_count; i++)
        if (tu_desired_names(o->view->rules[i].set, id))
            return true;
    return false;
}

void tu_stranger_key(tu_buf *b, const tu_rule *rule, const tu_object_id *id) {
    tu_buf_addf(b, "%.*s ", TU_P(rule->name));
    tu_object_id_print(b, id);
}

static tu_rc sight_stranger(tu_observer *o, size_t rule, size_t scope, const tu_object_id *id,
                            const tu_value *live) {
    const tu_rule *r = o->view->rules[rule].rule;
    tu_finding f;
    tu_rc rc =
        judge_stranger(&o->arena, r, id, live, o->view->scopes[scope].kind->explained, &f, NULL);
    if (rc != TU_OK)
        return TU_OK; /* out of memory for this one: it can't be said whose it is */
    _cleanup_(tu_buf_done) tu_buf key = TU_BUF_INIT(4 * TU_KIB);
    tu_stranger_key(&key, r, id);
    bool known = tu_map_has(&o->strangers[scope], tu_buf_str(&key));
    if (f.verdict != TU_VERDICT_UNMANAGED)
        tu_map_remove(&o->strangers[scope], tu_buf_str(&key));
    else if (o->strangers[scope].n >= TU_LIMIT_UNMANAGED)
        return TU_OK;
    else
        tu_map_put(&o->strangers[scope], tu_buf_str(&key), o);
    return o->sink.stranger(o->sink.arg, rule, &f, known);
}

static tu_rc sight_strangers(tu_observer *o, size_t scope, const tu_object_id *id,
                             const tu_value *live) {
    tu_rc rc = TU_OK;
    for (size_t i = 0; o->sink.stranger && i < o->view->rule_count && rc == TU_OK; i++) {
        if (!tu_view_looks_at(&o->view->rules[i], scope, id->namespace_))
            continue;
        if (is_anybodys(o, id))
            return TU_OK;
        if (live)
            rc = sight_stranger(o, i, scope, id, live);
        else if (o->sink.stranger_gone)
            rc = o->sink.stranger_gone(o->sink.arg, i, id);
    }
    return rc;
}

/* --- records ---------------------------------------------------------------------------------- */

static tu_object_id id_in(const tu_scope *s, const tu_value *metadata) {
    return (tu_object_id){.group = s->kind->group,
                          .version = s->kind->version,
                          .kind = s->kind->kind,
                          .namespace_ = tu_value_get_string(metadata, "namespace"),
                          .name = tu_value_get_string(metadata, "name")};
}

/* Every rule that desires it. Sealing is put off until all baselines are taken: it changes what the
 * metadata hashes to. */
static tu_rc sight_whole(tu_observer *o, const tu_scope *s, size_t scope, const tu_object_id *id,
                         tu_value *live, bool *ret_desired) {
    size_t n = o->view->rule_count;
    tu_baseline *baselines = tu_arena_zalloc(&o->arena, n * sizeof *baselines);
    if (!baselines)
        return unreadable(o, scope);
    for (size_t i = 0; i < n; i++)
        if (o->view->rules[i].index && find(&o->view->rules[i], id) != TU_DESIRED_NONE)
            baselines[i] = tu_index_baseline(o->view->rules[i].index, live);
    for (size_t i = 0; i < n; i++) {
        const tu_view_rule *r = &o->view->rules[i];
        size_t object = find(r, id);
        if (object == TU_DESIRED_NONE)
            continue;
        if (!*ret_desired && tu_kind_seal(s->description, &o->arena, live, NULL) != TU_OK)
            return unreadable(o, scope);
        *ret_desired = true;
        if (r->index && is_late(r, object, &baselines[i], o->listing[scope]))
            continue;
        tu_rc rc = sight(o, i, object, live, r->index ? &baselines[i] : NULL);
        if (rc != TU_OK)
            return rc;
    }
    return TU_OK;
}

static tu_rc sight_metadata(tu_observer *o, size_t scope, const tu_object_id *id,
                            const tu_value *live, bool *ret_desired) {
    for (size_t i = 0; i < o->view->rule_count; i++) {
        size_t object = find(&o->view->rules[i], id);
        if (object == TU_DESIRED_NONE)
            continue;
        *ret_desired = true;
        tu_rc rc = sight_partial(o, i, object, scope, live);
        if (rc != TU_OK)
            return rc;
    }
    return TU_OK;
}

static tu_rc on_live(tu_observer *o, const tu_scope *s, size_t scope, const tu_value *meta,
                     tu_str body) {
    tu_arena_reset(&o->arena);
    tu_value *live = NULL;
    tu_error *why = NULL;
    if (tu_json_parse(&o->arena, body, TU_JSON_NO_LINES, NULL, &live, NULL, &why) != TU_OK) {
        tu_log(TU_LOG_WARN, "a live object can't be read", "error", tu_error_text(why), NULL);
        tu_error_free(why);
        return unreadable(o, scope);
    }
    const tu_object_id id = id_in(s, tu_value_get(live, "metadata"));
    bool partial = tu_value_boolean(tu_value_get(meta, "partial"), false), desired = false;
    tu_rc rc = partial ? sight_metadata(o, scope, &id, live, &desired)
                       : sight_whole(o, s, scope, &id, live, &desired);
    return rc != TU_OK || desired ? rc : sight_strangers(o, scope, &id, live);
}

static tu_rc on_gone(tu_observer *o, const tu_scope *s, size_t scope, const tu_value *meta) {
    tu_arena_reset(&o->arena);
    const tu_object_id id = id_in(s, meta);
    bool desired = false;
    for (size_t i = 0; i < o->view->rule_count; i++) {
        size_t object = find(&o->view->rules[i], &id);
        desired |= object != TU_DESIRED_NONE;
        tu_rc rc = object == TU_DESIRED_NONE ? TU_OK : sight(o, i, object, NULL, NULL);
        if (rc != TU_OK)
            return rc;
    }
    return desired ? TU_OK : sight_strangers(o, scope, &id, NULL);
}

static void on_begin(tu_observer *o, size_t scope) {
    o->unreadable[scope] = 0;
    o->listing[scope] = 1;
    tu_map_done(&o->strangers[scope], NULL);
    for (size_t i = 0; i < o->view->rule_count; i++)
        for (size_t k = 0; k < o->view->rules[i].set->n; k++)
            if (o->view->rules[i].scope_of[k] == scope)
                o->seen[i][k] = 0;
}

/* An end without a beginning (also after LOST) proves nothing: a plugin's mistake, which ends its
 * call. */
static tu_rc on_end(tu_observer *o, size_t scope) {
    if (!o->listing[scope])
        return TU_EINTERNAL;
    o->listing[scope] = 0;
    for (size_t i = 0; i < o->view->rule_count; i++) {
        const tu_view_rule *r = &o->view->rules[i];
        for (size_t k = 0; k < r->set->n; k++) {
            if (r->scope_of[k] != scope || o->seen[i][k])
                continue;
            tu_arena_reset(&o->arena);
            tu_rc rc;
            if (o->unreadable[scope]) {
                tu_finding f = tu_desired_finding(r->set, k, TU_VERDICT_UNKNOWN);
                f.reason =
                    TU_S("unreadable: the target sent an object of this kind that can't be read");
                uint32_t serial = r->index ? tu_index_forget(r->index, k, 0) : 0;
                rc = tell(o, i, k, &f, false, false, serial);
            } else {
                rc = sight(o, i, k, NULL, NULL);
            }
            if (rc != TU_OK)
                return rc;
        }
    }
    return o->sink.ended ? o->sink.ended(o->sink.arg, scope) : TU_OK;
}

tu_rc tu_observer_record(void *arg, uint32_t record, uint32_t index, const tu_value *meta,
                         tu_str body) {
    tu_observer *o = arg;
    if (record == TU_REC_PROGRESS)
        return TU_OK;
    if (record == TU_REC_ENVIRONMENT)
        return o->sink.environment
                   ? o->sink.environment(o->sink.arg, tu_value_get_string(meta, "hash"))
                   : TU_OK;
    if (index >= o->view->scope_count)
        return TU_EINTERNAL;
    const tu_scope *s = &o->view->scopes[index];
    switch (record) {
    case TU_REC_BEGIN:
        on_begin(o, index);
        return TU_OK;
    case TU_REC_OBJECT:
        return on_live(o, s, index, meta, body);
    case TU_REC_GONE:
        return on_gone(o, s, index, meta);
    case TU_REC_END:
        return on_end(o, index);
    case TU_REC_CURRENT:
        return o->sink.current ? o->sink.current(o->sink.arg, index) : TU_OK;
    case TU_REC_LOST:
        o->listing[index] = 0;
        return o->sink.lost(o->sink.arg, index,
                            (tu_rc)tu_value_integer(tu_value_get(meta, "class"), TU_EUNAVAILABLE),
                            tu_value_get_string(meta, "code"),
                            tu_value_get_string(meta, "message"));
    default:
        return TU_OK;
    }
}
