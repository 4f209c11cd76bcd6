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

tu_rc tu_view_judge(tu_arena *a, const tu_rule *rule, const tu_prepared *desired,
                    const tu_value *live, const tu_value *predicted, tu_finding *ret,
                    bool *ret_suspect, tu_error **error) {
    const tu_judge_input in = {.desired = desired,
                               .live = live,
                               .predicted = predicted,
                               .our_manager = TU_S(TU_FIELD_MANAGER)};
    tu_judgement j = {0};
    tu_rc rc = tu_judge(a, &in, &j, error);
    if (rc != TU_OK)
        return rc;
    *ret = (tu_finding){.id = desired->id,
                        .verdict = j.verdict,
                        .confidence = j.confidence,
                        .reason = j.reason,
                        .onset = j.onset,
                        .file = desired->file,
                        .line = desired->line,
                        .column = desired->column,
                        .changes = j.changes,
                        .change_count = j.change_count,
                        .uid = j.uid,
                        .resource_version = j.resource_version};
    *ret_suspect = j.suspect;
    tu_clock clock = tu_clock_real();
    return tu_decide(a, rule, live, desired->object, j.quiet, j.quiet_count, tu_clock_wall(&clock),
                     ret, error);
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

static tu_rc sight(tu_observer *o, size_t rule, size_t object, const tu_value *live) {
    const tu_view_rule *r = &o->view->rules[rule];
    o->seen[rule][object] = 1;
    tu_finding f;
    bool suspect = false;
    tu_error *why = NULL;
    tu_prepared p;
    tu_rc rc = tu_desired_open(r->set, object, &o->arena, &p, &why);
    if (rc == TU_OK)
        rc = tu_view_judge(&o->arena, r->rule, &p, live, NULL, &f, &suspect, &why);
    if (rc != TU_OK) { /* too large to judge: said of this object, and the others go on */
        f = tu_desired_finding(r->set, object, TU_VERDICT_UNKNOWN);
        f.reason = tu_arena_copy(&o->arena, tu_str_c(tu_error_text(why)));
        tu_error_free(why);
        suspect = false;
    }
    return o->sink.sighted(o->sink.arg, rule, object, &f, suspect);
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
        if (tu_desired_find(o->view->rules[i].set, id) != TU_DESIRED_NONE)
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

static tu_rc on_live(tu_observer *o, const tu_scope *s, size_t scope, tu_str body) {
    tu_arena_reset(&o->arena);
    tu_value *live = NULL;
    tu_error *why = NULL;
    if (tu_json_parse(&o->arena, body, TU_JSON_NO_LINES, NULL, &live, NULL, &why) != TU_OK) {
        tu_log(TU_LOG_WARN, "a live object can't be read", "error", tu_error_text(why), NULL);
        tu_error_free(why);
        return unreadable(o, scope);
    }
    const tu_object_id id = id_in(s, tu_value_get(live, "metadata"));
    bool sealed = false;
    for (size_t i = 0; i < o->view->rule_count; i++) {
        size_t object = find(&o->view->rules[i], &id);
        if (object == TU_DESIRED_NONE)
            continue;
        if (!sealed && tu_kind_seal(s->description, &o->arena, live, NULL) != TU_OK)
            return unreadable(o, scope);
        sealed = true;
        tu_rc rc = sight(o, i, object, live);
        if (rc != TU_OK)
            return rc;
    }
    return sealed ? TU_OK : sight_strangers(o, scope, &id, live);
}

static tu_rc on_gone(tu_observer *o, const tu_scope *s, size_t scope, const tu_value *meta) {
    tu_arena_reset(&o->arena);
    const tu_object_id id = id_in(s, meta);
    bool desired = false;
    for (size_t i = 0; i < o->view->rule_count; i++) {
        size_t object = find(&o->view->rules[i], &id);
        desired |= object != TU_DESIRED_NONE;
        tu_rc rc = object == TU_DESIRED_NONE ? TU_OK : sight(o, i, object, NULL);
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
                rc = o->sink.sighted(o->sink.arg, i, k, &f, false);
            } else {
                rc = sight(o, i, k, NULL);
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
    if (index >= o->view->scope_count)
        return TU_EINTERNAL;
    const tu_scope *s = &o->view->scopes[index];
    switch (record) {
    case TU_REC_BEGIN:
        on_begin(o, index);
        return TU_OK;
    case TU_REC_OBJECT:
        return on_live(o, s, index, body);
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
