/*
 * heal/apply.c: one object's way into the target. See heal.h.
 *
 * The body of an apply is the desired object, except where the rule leaves a change alone: there it
 * carries the live value, so that applying the rest changes nothing of it; and where live says the
 * same otherwise ("1" for "1000m"), it is said as live says it. Sealed values are
 * written out only here, straight into the call.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "compare/redact.h"
#include "heal/heal.h"
#include "value/json.h"
#include "value/pointer.h"

typedef struct answer {
    tu_arena *arena;
    const tu_kind *kind;
    tu_heal_note *note; /* may be NULL */
    const tu_value *object;
    tu_error *error;
} answer;

/* The object that comes back is sealed before anybody else sees it. */
static tu_rc on_object(void *arg, uint32_t record, uint32_t index, const tu_value *meta,
                       tu_str body) {
    (void)index;
    (void)meta;
    answer *r = arg;
    if (record != TU_REC_RESULT && record != TU_REC_OBJECT)
        return TU_OK;
    tu_value *v = NULL;
    tu_rc rc =
        tu_json_parse(r->arena, body, TU_JSON_COPY | TU_JSON_NO_LINES, NULL, &v, NULL, &r->error);
    if (rc == TU_OK && r->note)
        r->note->baseline = tu_baseline_of(v, TU_S(TU_FIELD_MANAGER), r->note->seed);
    if (rc == TU_OK)
        rc = tu_kind_seal(r->kind, r->arena, v, &r->error);
    if (rc == TU_OK)
        r->object = v;
    return rc;
}

static tu_rc finish(answer *r, tu_rc rc, tu_error **error) {
    if (r->error && error) {
        tu_error_free(*error);
        *error = TU_TAKE(r->error);
        rc = rc ? rc : TU_EINTERNAL;
    }
    tu_error_free(r->error);
    return rc;
}

static void add_identity(tu_buf *b, const tu_object_id *id) {
    const struct {
        const char *key;
        tu_str value;
    } parts[] = {{"{\"group\":", id->group},
                 {",\"version\":", id->version},
                 {",\"kind\":", id->kind},
                 {",\"namespace\":", id->namespace_},
                 {",\"name\":", id->name}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        tu_buf_add_c(b, parts[i].key);
        tu_buf_add_json_string(b, parts[i].value);
    }
    tu_buf_add_byte(b, '}');
}

static tu_str metadata_string(const tu_value *object, const char *key) {
    return tu_value_string(tu_value_path(object, "metadata", key, NULL));
}

static void add_options(tu_buf *b, const tu_value *live, bool dry_run) {
    tu_buf_addf(b, "{\"dryRun\":%s,\"force\":true,\"manager\":\"" TU_FIELD_MANAGER "\",\"uid\":",
                dry_run ? "true" : "false");
    tu_buf_add_json_string(b, metadata_string(live, "uid"));
    tu_buf_add_c(b, ",\"resourceVersion\":");
    /* A dry run asks about whatever stands there now; a write only about what was judged. */
    tu_buf_add_json_string(b, dry_run ? (tu_str){0} : metadata_string(live, "resourceVersion"));
    tu_buf_addf(b, ",\"mustExist\":%s}", live ? "true" : "false");
}

static tu_rc apply(tu_arena *a, tu_plugin_use *target, const tu_prepared *desired,
                   const tu_value *body, const tu_value *live, bool dry_run,
                   const tu_call_options *o, tu_heal_note *note, const tu_value **ret,
                   tu_error **error) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    _cleanup_(tu_buf_done) tu_buf options = TU_BUF_INIT(4 * TU_KIB);
    tu_rc rc = tu_say_as_live(a, desired->kind, body, live, &body, error);
    if (rc != TU_OK)
        return rc;
    tu_json_write_secrets(&text, body);
    add_options(&options, live, dry_run);
    if (text.rc != TU_OK)
        return tu_error_set(error, TU_EINVALID,
                            "the object is larger than TU_LIMIT_DOCUMENT_BYTES");
    answer r = {.arena = a, .kind = desired->kind, .note = note};
    tu_call_options call = *o;
    call.on_record = on_object;
    call.arg = &r;
    rc = tu_call_apply(target, tu_buf_str(&text), tu_buf_str(&options), &call, error);
    explicit_bzero(text.p, text.n);
    rc = finish(&r, rc, error);
    if (rc != TU_OK && error) { /* it may repeat what it was sent */
        tu_redact_error(*error, body);
        tu_redact_error(*error, live);
    }
    if (rc == TU_OK && !r.object)
        rc = tu_error_set(error, TU_EINTERNAL, "target %s: apply answered without an object",
                          tu_plugin_use_name(target));
    if (rc == TU_OK)
        *ret = r.object;
    return rc;
}

tu_rc tu_heal_predict(tu_arena *a, tu_plugin_use *target, const tu_prepared *desired,
                      const tu_value *live, const tu_call_options *o,
                      const tu_value **ret_predicted, tu_error **error) {
    return apply(a, target, desired, desired->object, live, true, o, NULL, ret_predicted, error);
}

tu_rc tu_heal_read(tu_arena *a, tu_plugin_use *target, const tu_prepared *desired,
                   const tu_call_options *o, tu_heal_note *note, const tu_value **ret,
                   tu_error **error) {
    _cleanup_(tu_buf_done) tu_buf identity = TU_BUF_INIT(4 * TU_KIB);
    add_identity(&identity, &desired->id);
    answer r = {.arena = a, .kind = desired->kind, .note = note};
    tu_call_options call = *o;
    call.on_record = on_object;
    call.arg = &r;
    tu_error *why = NULL;
    tu_rc rc = finish(&r, tu_call_get(target, tu_buf_str(&identity), &call, &why), &why);
    if (rc == TU_OK || rc == TU_ENOTFOUND)
        *ret = rc == TU_OK ? r.object : NULL;
    if (rc != TU_OK && rc != TU_ENOTFOUND && error && !*error)
        *error = TU_TAKE(why);
    tu_error_free(why);
    return rc;
}

/* --- leaving changes alone -------------------------------------------------------------------- */

/* Splits "/a/b/[name=x]" into "/a/b" and its last step. A '/' inside a step is escaped, so the last
 * one separates. */
static tu_str parent_of(tu_str path, tu_str *ret_step) {
    size_t at = path.n;
    while (at > 0 && path.p[at - 1] != '/')
        at--;
    *ret_step = (tu_str){path.p + at, path.n - at};
    return (tu_str){path.p, at ? at - 1 : 0};
}

static tu_str unescape(tu_arena *a, tu_str step) {
    tu_str s = tu_arena_copy(a, step);
    if (!s.p)
        return s;
    char *out = (char *)(uintptr_t)s.p;
    size_t n = 0;
    for (size_t i = 0; i < step.n; i++) {
        char c = step.p[i];
        if (c == '~' && i + 1 < step.n)
            c = step.p[++i] == '1' ? '/' : '~';
        out[n++] = c;
    }
    return (tu_str){s.p, n};
}

/* Puts the live value (or its absence) into the body at the change's path. */
static tu_rc keep_live(tu_arena *a, tu_value *body, const tu_change *c, tu_error **error) {
    tu_str step;
    tu_str parent_path = parent_of(c->path, &step);
    tu_value *parent = (tu_value *)(uintptr_t)tu_pointer_get(body, parent_path);
    if (!parent)
        return TU_OK; /* what holds it is left alone already */
    if (parent->type == TU_MAP) {
        tu_str key = unescape(a, step);
        if (!key.p)
            return tu_error_memory(error);
        if (!c->live)
            tu_value_remove(parent, key);
        else if (!tu_value_set(a, parent, key, c->live))
            return tu_error_memory(error);
        return TU_OK;
    }
    tu_value *item = (tu_value *)(uintptr_t)tu_pointer_get(body, c->path);
    if (parent->type != TU_LIST || !item)
        return TU_OK;
    if (c->live) {
        *item = *c->live;
    } else {
        size_t at = (size_t)(item - parent->list.items);
        memmove(item, item + 1, (parent->list.n - at - 1) * sizeof *item);
        parent->list.n--;
    }
    return TU_OK;
}

static bool is_left_alone(const tu_change *c, tu_action at_least) {
    return c->action < at_least;
}

/* The desired object with every change that is left alone at its live value. */
static tu_rc body_for(tu_arena *a, const tu_prepared *desired, const tu_finding *f,
                      tu_action at_least, const tu_value **ret, tu_error **error) {
    tu_value *copy = NULL;
    for (size_t i = 0; i < f->change_count; i++) {
        const tu_change *c = &f->changes[i];
        bool carries_value = c->kind == TU_CHANGE_VALUE || c->kind == TU_CHANGE_REMOVED;
        if (!is_left_alone(c, at_least) || !carries_value)
            continue;
        if (!copy && !(copy = tu_value_copy(a, desired->object)))
            return tu_error_memory(error);
        tu_rc rc = keep_live(a, copy, c, error);
        if (rc != TU_OK)
            return rc;
    }
    *ret = copy ? copy : desired->object;
    return TU_OK;
}

/* --- taking additions away -------------------------------------------------------------------- */

static bool is_others_addition(const tu_change *c) {
    return c->kind == TU_CHANGE_ADDED && c->owner.class_ != TU_MANAGER_OURS;
}

/* A change's path with list items by their index in `live`, as RFC 6902 wants it. */
static bool indexed_path(tu_buf *out, const tu_value *live, tu_str path) {
    const tu_value *v = live;
    size_t at = 0;
    while (at < path.n) {
        size_t end = at + 1;
        while (end < path.n && path.p[end] != '/')
            end++;
        const tu_value *next = tu_pointer_get(v, (tu_str){path.p + at, end - at});
        if (!next)
            return false;
        if (v->type == TU_LIST)
            tu_buf_addf(out, "/%zu", (size_t)(next - v->list.items));
        else
            tu_buf_add(out, (tu_str){path.p + at, end - at});
        v = next;
        at = end;
    }
    return true;
}

/* Later changes first: an item's index must still hold when its turn comes. Returns how many
 * operations there are. */
static size_t removal_patch(tu_buf *patch, const tu_value *live, const tu_finding *f,
                            tu_action at_least) {
    size_t n = 0;
    tu_buf_add_c(patch, "[");
    for (size_t i = f->change_count; i > 0; i--) {
        const tu_change *c = &f->changes[i - 1];
        if (!is_others_addition(c) || is_left_alone(c, at_least))
            continue;
        _cleanup_(tu_buf_done) tu_buf path = TU_BUF_INIT(64 * TU_KIB);
        if (!indexed_path(&path, live, c->path))
            continue; /* gone meanwhile */
        tu_buf_add_c(patch, n++ ? "," : "");
        tu_buf_add_c(patch, "{\"op\":\"remove\",\"path\":");
        tu_buf_add_json_string(patch, tu_buf_str(&path));
        tu_buf_add_c(patch, "}");
    }
    tu_buf_add_c(patch, "]");
    return n;
}

static tu_rc remove_additions(tu_arena *a, tu_plugin_use *target, const tu_prepared *desired,
                              const tu_value *live, const tu_finding *f, tu_action at_least,
                              const tu_call_options *o, tu_heal_note *note, const tu_value **ret,
                              tu_error **error) {
    _cleanup_(tu_buf_done) tu_buf patch = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    if (removal_patch(&patch, live, f, at_least) == 0)
        return TU_OK;
    if (!tu_plugin_use_can_patch(target))
        return tu_error_set(error, TU_EUNSUPPORTED,
                            "target %s can't take additions away: remove them by hand",
                            tu_plugin_use_name(target));
    _cleanup_(tu_buf_done) tu_buf identity = TU_BUF_INIT(4 * TU_KIB);
    _cleanup_(tu_buf_done) tu_buf options = TU_BUF_INIT(4 * TU_KIB);
    add_identity(&identity, &desired->id);
    add_options(&options, live, false);
    answer r = {.arena = a, .kind = desired->kind, .note = note};
    tu_call_options call = *o;
    call.on_record = on_object;
    call.arg = &r;
    tu_rc rc = tu_call_patch(target, tu_buf_str(&identity), tu_buf_str(&patch),
                             tu_buf_str(&options), &call, error);
    rc = finish(&r, rc, error);
    if (rc != TU_OK && error)
        tu_redact_error(*error, live);
    if (rc == TU_OK && r.object)
        *ret = r.object;
    return rc;
}

/* --- healing ---------------------------------------------------------------------------------- */

static bool needs_apply(const tu_finding *f, tu_action at_least) {
    for (size_t i = 0; i < f->change_count; i++)
        if (!is_others_addition(&f->changes[i]) && !is_left_alone(&f->changes[i], at_least))
            return true;
    return f->change_count == 0; /* missing */
}

typedef struct work {
    tu_plugin_use *target;
    const tu_prepared *desired;
    const tu_finding *f;
    tu_action at_least;
    const tu_call_options *o;
    tu_heal_note *note;
} work;

static tu_rc put(tu_arena *a, const work *w, const tu_value *live, const tu_value **ret,
                 tu_error **error) {
    const tu_value *body = NULL;
    tu_rc rc = body_for(a, w->desired, w->f, w->at_least, &body, error);
    return rc == TU_OK
               ? apply(a, w->target, w->desired, body, live, false, w->o, w->note, ret, error)
               : rc;
}

static tu_rc clear(tu_arena *a, const work *w, const tu_value *live, const tu_value **ret,
                   tu_error **error) {
    return remove_additions(a, w->target, w->desired, live, w->f, w->at_least, w->o, w->note, ret,
                            error);
}

bool tu_heal_takes_away(const tu_finding *f, tu_action at_least) {
    for (size_t i = 0; i < f->change_count; i++)
        if (is_others_addition(&f->changes[i]) && !is_left_alone(&f->changes[i], at_least))
            return true;
    return false;
}

tu_rc tu_heal_apply(tu_arena *a, tu_plugin_use *target, const tu_prepared *desired,
                    const tu_value *live, const tu_finding *f, tu_action at_least,
                    const tu_call_options *o, tu_heal_note *note, const tu_value **ret_after,
                    tu_error **error) {
    const work w = {target, desired, f, at_least, o, note};
    const tu_value *now = live;
    if (!needs_apply(f, at_least)) {
        tu_rc rc = clear(a, &w, live, &now, error);
        *ret_after = now;
        return rc;
    }
    /* Ours first, so that nothing is missing meanwhile; unless what was added stands in its way (the
     * same name, the other member of a union). */
    _cleanup_(tu_error_freep) tu_error *refusal = NULL;
    tu_rc rc = put(a, &w, live, &now, &refusal);
    bool in_the_way = (rc == TU_EREFUSED || rc == TU_EINVALID) && live;
    if (in_the_way && tu_heal_takes_away(f, at_least)) {
        rc = clear(a, &w, live, &now, error);
        return rc == TU_OK ? put(a, &w, now, ret_after, error) : rc;
    }
    if (rc != TU_OK) {
        if (error && !*error)
            *error = TU_TAKE(refusal);
        return rc;
    }
    rc = clear(a, &w, now, &now, error);
    *ret_after = now;
    return rc;
}
