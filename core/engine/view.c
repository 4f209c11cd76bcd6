/* engine/view.c: see view.h. */
#include "engine/view.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "heal/heal.h"
#include "rules/decide.h"
#include "value/json.h"

/* Up to this many namespaces a kind is listed namespace by namespace; beyond it one list of
 * everything is cheaper. */
#define NAMESPACES_NAMED 4

/* --- the view --------------------------------------------------------------------------------- */

static size_t scope_for(tu_view *v, tu_map *index, const tu_object_id *id, tu_kind *kind) {
    char key[1024];
    snprintf(key, sizeof key, "%.*s/%.*s/%.*s", TU_P(id->group), TU_P(id->version), TU_P(id->kind));
    size_t known = (size_t)(uintptr_t)tu_map_get(index, tu_str_c(key));
    if (known)
        return known - 1;
    v->scopes = tu_xrealloc(v->scopes, (v->scope_count + 1) * sizeof *v->scopes);
    v->scopes[v->scope_count] = (tu_scope){
        .group = id->group, .version = id->version, .kind = id->kind, .description = kind};
    tu_map_put(index, tu_str_c(key), (void *)(uintptr_t)(v->scope_count + 1));
    return v->scope_count++;
}

static void add_namespace(tu_scope *s, tu_str name) {
    for (size_t i = 0; i < s->namespace_count; i++)
        if (tu_str_eq(s->namespaces[i], name))
            return;
    s->namespaces = tu_xrealloc(s->namespaces, (s->namespace_count + 1) * sizeof *s->namespaces);
    s->namespaces[s->namespace_count++] = name;
}

static void write_selector(tu_view *v) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    tu_buf_add_c(&b, "{\"scopes\":[");
    for (size_t i = 0; i < v->scope_count; i++) {
        const tu_scope *s = &v->scopes[i];
        tu_buf_add_c(&b, i ? ",{\"group\":" : "{\"group\":");
        tu_buf_add_json_string(&b, s->group);
        tu_buf_add_c(&b, ",\"version\":");
        tu_buf_add_json_string(&b, s->version);
        tu_buf_add_c(&b, ",\"kind\":");
        tu_buf_add_json_string(&b, s->kind);
        tu_buf_add_c(&b, ",\"namespaces\":[");
        for (size_t n = 0; n < s->namespace_count; n++) {
            tu_buf_add_c(&b, n ? "," : "");
            tu_buf_add_json_string(&b, s->namespaces[n]);
        }
        tu_buf_add_c(&b, "]}");
    }
    tu_buf_add_c(&b, "],\"detail\":\"full\"}");
    v->selector = tu_arena_copy(&v->arena, tu_buf_str(&b));
}

tu_view *tu_view_new(tu_config *config, const tu_rule *const *rules, tu_desired_set *const *sets,
                     size_t n, bool narrow) {
    tu_view *v = tu_xcalloc(1, sizeof *v);
    v->references = 1;
    v->config = tu_config_ref(config);
    tu_arena_init(&v->arena, 0);
    v->rules = tu_xcalloc(n, sizeof *v->rules);
    v->rule_count = n;
    tu_map index = {0};
    for (size_t i = 0; i < n; i++) {
        tu_view_rule *r = &v->rules[i];
        r->rule = rules[i];
        r->set = tu_desired_ref(sets[i]);
        r->scope_of = tu_xcalloc(r->set->n, sizeof *r->scope_of);
        for (size_t k = 0; k < r->set->n; k++) {
            const tu_object_id id = tu_desired_id(r->set, k);
            r->scope_of[k] = (uint32_t)scope_for(v, &index, &id, tu_desired_kind(r->set, k));
            if (id.namespace_.n)
                add_namespace(&v->scopes[r->scope_of[k]], id.namespace_);
        }
    }
    for (size_t i = 0; i < v->scope_count && !narrow; i++)
        if (v->scopes[i].namespace_count > NAMESPACES_NAMED)
            v->scopes[i].namespace_count = 0;
    tu_map_done(&index, NULL);
    write_selector(v);
    return v;
}

tu_view *tu_view_ref(tu_view *v) {
    __atomic_add_fetch(&v->references, 1, __ATOMIC_RELAXED);
    return v;
}

void tu_view_unref(tu_view *v) {
    if (!v || __atomic_sub_fetch(&v->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < v->rule_count; i++) {
        tu_desired_unref(v->rules[i].set);
        free(v->rules[i].scope_of);
    }
    for (size_t i = 0; i < v->scope_count; i++)
        free(v->scopes[i].namespaces);
    free(v->rules);
    free(v->scopes);
    tu_config_unref(v->config);
    tu_arena_done(&v->arena);
    free(v);
}

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

/* --- the observer ----------------------------------------------------------------------------- */

void tu_observer_init(tu_observer *o, tu_view *view, const tu_observer_sink *sink) {
    *o = (tu_observer){.view = tu_view_ref(view), .sink = *sink};
    tu_arena_init(&o->arena, TU_LIMIT_OBJECT_ARENA);
    o->seen = tu_xcalloc(view->rule_count, sizeof *o->seen);
    for (size_t i = 0; i < view->rule_count; i++)
        o->seen[i] = tu_xcalloc(view->rules[i].set->n, 1);
    o->unreadable = tu_xcalloc(view->scope_count, 1);
    o->listing = tu_xcalloc(view->scope_count, 1);
}

void tu_observer_done(tu_observer *o) {
    for (size_t i = 0; o->view && i < o->view->rule_count; i++)
        free(o->seen[i]);
    free(o->seen);
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

static tu_rc on_live(tu_observer *o, const tu_scope *s, size_t scope, tu_str body) {
    tu_arena_reset(&o->arena);
    tu_value *live = NULL;
    tu_error *why = NULL;
    if (tu_json_parse(&o->arena, body, TU_JSON_NO_LINES, NULL, &live, NULL, &why) != TU_OK) {
        tu_log(TU_LOG_WARN, "a live object can't be read", "error", tu_error_text(why), NULL);
        tu_error_free(why);
        return unreadable(o, scope);
    }
    const tu_value *metadata = tu_value_get(live, "metadata");
    const tu_object_id id = {.group = s->group,
                             .version = s->version,
                             .kind = s->kind,
                             .namespace_ = tu_value_get_string(metadata, "namespace"),
                             .name = tu_value_get_string(metadata, "name")};
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
    return TU_OK;
}

static tu_rc on_gone(tu_observer *o, const tu_scope *s, const tu_value *meta) {
    tu_arena_reset(&o->arena);
    const tu_object_id id = {.group = s->group,
                             .version = s->version,
                             .kind = s->kind,
                             .namespace_ = tu_value_get_string(meta, "namespace"),
                             .name = tu_value_get_string(meta, "name")};
    for (size_t i = 0; i < o->view->rule_count; i++) {
        size_t object = find(&o->view->rules[i], &id);
        tu_rc rc = object == TU_DESIRED_NONE ? TU_OK : sight(o, i, object, NULL);
        if (rc != TU_OK)
            return rc;
    }
    return TU_OK;
}

static void on_begin(tu_observer *o, size_t scope) {
    o->unreadable[scope] = 0;
    o->listing[scope] = 1;
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
        return on_gone(o, s, meta);
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
