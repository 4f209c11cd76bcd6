/*
 * compare/lint.c: what of a manifest does nothing, or would be fought over, and so isn't sent.
 *
 * Not mistakes: the manifest is valid, and the target would take it. But its author believes
 * something that isn't so, and should hear of it once (kubernetes-drift.md sections 1.4, 1.10).
 *
 *   exported      what only the target sets: uid, resourceVersion, status ... left out
 *   omitted       what the target fills in by itself here: left out
 *   placeholder   a blank value that somebody else fills in: left out
 *   no-effect     an empty list of items, or null where there are parts: asks for nothing, and takes
 *                 nothing away
 *   mirrors       two spellings of one field
 *
 * tu_kind_lint() tells and tu_kind_strip() leaves out: both read the same tables. To add a remark: a
 * function here that calls remark().
 */
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "compare/inside.h"

#include <stdarg.h>
#include <stdio.h>

#define MOST_REMARKS 100 /* of one manifest */

typedef struct {
    const tu_kind *kind;
    const char *file;
    tu_errors *remarks;
} linter;

static void remark(linter *l, const char *code, uint32_t line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void remark(linter *l, const char *code, uint32_t line, const char *format, ...) {
    char said[2048];
    va_list arguments;
    if (l->remarks->n >= MOST_REMARKS)
        return;
    va_start(arguments, format);
    vsnprintf(said, sizeof(said), format, arguments);
    va_end(arguments);
    tu_error *e = NULL;
    tu_error_set_at(&e, TU_EINVALID, l->file, line, 0, "%s", said);
    tu_error_code(&e, code);
    tu_errors_add(l->remarks, e);
}

static void print_pattern(tu_buf *b, const tu_pattern *p) {
    for (size_t i = 0; i < p->n; i++)
        tu_buf_addf(b, "%s%.*s", i ? "." : "", TU_P(p->steps[i]));
}

/* ---- what isn't sent ------------------------------------------------------------------- */

/* An exported object carries many of these: one remark for all. */
static void tell_exported(linter *l, const tu_value *manifest) {
    _cleanup_(tu_buf_done) tu_buf names = TU_BUF_INIT(TU_KIB);
    const tu_value *first = NULL;
    for (size_t i = 0; i < l->kind->ignored_count; i++) {
        const tu_pattern *p = &l->kind->ignored[i];
        const tu_value *v = tu_pattern_follow(p, manifest);
        if (!v || tu_is_zero(v))
            continue; /* "creationTimestamp: null", "status: {}": written by tools, meant by nobody */
        tu_buf_add_c(&names, first ? ", " : "");
        print_pattern(&names, p);
        first = first ? first : v;
    }
    if (first)
        remark(l, "exported", first->line, "only the target sets %s: left out", tu_buf_c(&names));
}

static void tell_omitted(linter *l, const tu_value *manifest) {
    const tu_places *t = &l->kind->tables.omitted;
    for (size_t i = 0; i < t->n; i++) {
        _cleanup_(tu_buf_done) tu_buf name = TU_BUF_INIT(TU_KIB), when = TU_BUF_INIT(TU_KIB);
        const tu_value *v = tu_pattern_follow(&t->items[i].path, manifest);
        if (!v || !tu_pattern_follow(&t->items[i].when, manifest))
            continue;
        print_pattern(&name, &t->items[i].path);
        print_pattern(&when, &t->items[i].when);
        remark(l, "omitted", v->line, "where there is %s, the target fills in %s: left out",
               tu_buf_c(&when), tu_buf_c(&name));
    }
}

static void tell_mirrors(linter *l, const tu_value *manifest) {
    const tu_tables *t = &l->kind->tables;
    for (size_t i = 0; i < t->mirror_count; i++) {
        _cleanup_(tu_buf_done) tu_buf one = TU_BUF_INIT(TU_KIB), other = TU_BUF_INIT(TU_KIB);
        const tu_value *v = tu_pattern_follow(&t->mirrors[i].when, manifest);
        if (!v || !tu_pattern_follow(&t->mirrors[i].path, manifest))
            continue;
        print_pattern(&one, &t->mirrors[i].path);
        print_pattern(&other, &t->mirrors[i].when);
        remark(l, "mirrors", v->line, "%s and %s are one field: remove %s", tu_buf_c(&one),
               tu_buf_c(&other), tu_buf_c(&other));
    }
}

/* ---- the walk -------------------------------------------------------------------------- */

static bool has_parts(const tu_schema_type *t) {
    return (t->type == TU_TYPE_MAP && !t->atomic) ||
           (t->type == TU_TYPE_LIST && t->list != TU_LIST_ATOMIC);
}

static void walk(linter *l, const tu_schema_type *t, const tu_value *v, const tu_step *place) {
    bool nothing =
        v->type == TU_NULL || (v->type == TU_LIST && v->list.n == 0 && t->type == TU_TYPE_LIST);
    if (nothing && has_parts(t)) {
        _cleanup_(tu_buf_done) tu_buf path = TU_BUF_INIT(TU_KIB);
        tu_step_print(&path, place);
        remark(
            l, "no-effect", v->line,
            "%s is %s, which asks for nothing and takes nothing away: remove it, or name what is "
            "to be there",
            tu_buf_c(&path), v->type == TU_NULL ? "null" : "empty");
        return;
    }
    if (tu_is_scalar(v)) {
        if (place && tu_is_placeholder(v) &&
            tu_places_cover(&l->kind->tables.placeholders, NULL, place)) {
            _cleanup_(tu_buf_done) tu_buf path = TU_BUF_INIT(TU_KIB);
            tu_step_print(&path, place);
            remark(l, "placeholder", v->line, "%s is blank, to be filled in by others: left out",
                   tu_buf_c(&path));
        }
        return;
    }
    for (uint32_t i = 0; v->type == TU_MAP && i < v->map.n; i++) {
        const tu_member *m = &v->map.members[i];
        const tu_step step = {.up = place, .kind = TU_STEP_FIELD, .name = m->key};
        if (!tu_is_identity(place, m->key) && !tu_kind_ignores_here(l->kind, &step))
            walk(l, tu_type_field(t, m->key, NULL), &m->value, &step);
    }
    for (uint32_t i = 0; v->type == TU_LIST && i < v->list.n; i++) {
        const tu_value *item = &v->list.items[i];
        bool keyed = t->type == TU_TYPE_LIST && t->list == TU_LIST_KEYED && tu_key_has(t, item);
        const tu_step step = {.up = place,
                              .kind = keyed ? TU_STEP_KEY : TU_STEP_INDEX,
                              .value = item,
                              .list = keyed ? t : NULL,
                              .index = i};
        walk(l, tu_type_items(t), item, &step);
    }
}

void tu_kind_lint(const tu_kind *k, const tu_value *manifest, const char *file,
                  tu_errors *remarks) {
    linter l = {.kind = k, .file = file, .remarks = remarks};
    if (!tu_value_is(manifest, TU_MAP))
        return;
    tell_exported(&l, manifest);
    tell_omitted(&l, manifest);
    tell_mirrors(&l, manifest);
    walk(&l, tu_kind_root(k), manifest, NULL);
}
