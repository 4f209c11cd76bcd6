/*
 * rules/reach.c: whether a path pattern can meet a change of a kind, told from the kind's
 * description.
 *
 * The pattern is followed through the graph of types. It can't meet anything where it names a field
 * that a closed map doesn't declare, a key that a list doesn't have, or something inside what is
 * compared whole: changes of an atomic are told at the atomic itself.
 *
 *     /spec/replcas              no such field (did you mean 'replicas'?)
 *     /rules/0/verbs             a Role's rules are replaced whole: changes are told at /rules
 */
#include "base/mem.h"
#include "rules/lint.h"
#include "value/pointer.h"

#include <stdlib.h>

#define STATES_MOST 4000u /* a graph with cycles is walked once for each type and step */

typedef struct state {
    const tu_schema_type *type;
    size_t step;
} state;

typedef struct reacher {
    tu_arena *arena;
    const tu_path_step *steps;
    size_t n;
    state *seen;
    size_t seen_count;
    bool gave_up;
    size_t far; /* the furthest step that was reached, and the type there */
    const tu_schema_type *far_type;
} reacher;

static bool reach(reacher *r, const tu_schema_type *t, size_t i);

static bool was_seen(reacher *r, const tu_schema_type *t, size_t i) {
    for (size_t k = 0; k < r->seen_count; k++)
        if (r->seen[k].type == t && r->seen[k].step == i)
            return true;
    if (r->seen_count == STATES_MOST)
        r->gave_up = true;
    else
        r->seen[r->seen_count++] = (state){t, i};
    return false;
}

static bool name_matches(const tu_word *w, tu_str name) {
    _cleanup_(tu_buf_done) tu_buf escaped = TU_BUF_INIT(64 * 1024);
    tu_pointer_add(&escaped, name);
    return tu_word_match(w, (tu_str){escaped.p + 1, escaped.n - 1});
}

static bool is_leaf(const tu_schema_type *t) {
    return (t->type == TU_TYPE_MAP && t->atomic) ||
           (t->type == TU_TYPE_LIST && t->list == TU_LIST_ATOMIC) ||
           (t->type != TU_TYPE_MAP && t->type != TU_TYPE_LIST && t->type != TU_TYPE_ANY);
}

static bool reach_member(reacher *r, const tu_schema_type *t, const tu_word *w, size_t i) {
    for (size_t k = 0; k < t->field_count; k++)
        if (name_matches(w, t->fields[k].name) && reach(r, t->fields[k].type, i))
            return true;
    if (t->values)
        return reach(r, t->values, i);
    return !t->closed;
}

static bool has_keys(const tu_schema_type *list, const tu_path_step *s) {
    for (size_t i = 0; i < s->pair_count; i++) {
        bool found = list->list == TU_LIST_SET && s->pairs[i].key.n == 0;
        for (size_t k = 0; k < list->key_count && !found; k++)
            found = tu_str_eq(list->keys[k], s->pairs[i].key);
        if (!found)
            return false;
    }
    return true;
}

static bool reach_item(reacher *r, const tu_schema_type *t, const tu_path_step *s, size_t i) {
    if (s->kind == TU_PATH_ITEM && !has_keys(t, s))
        return false;
    /* an item's step begins with "[", which a word may match, too */
    if (s->kind == TU_PATH_WORD && s->word.form == TU_WORD_EXACT)
        return false;
    return reach(r, tu_type_items(t), i);
}

static bool reach_deep(reacher *r, const tu_schema_type *t, size_t i) {
    if (reach(r, t, i + 1))
        return true;
    for (size_t k = 0; k < t->field_count; k++)
        if (reach(r, t->fields[k].type, i))
            return true;
    if (t->type == TU_TYPE_MAP)
        return t->values ? reach(r, t->values, i) : !t->closed;
    return t->type == TU_TYPE_LIST && reach(r, tu_type_items(t), i);
}

/* Can the steps from i on meet something at or below a value of that type? */
static bool reach(reacher *r, const tu_schema_type *t, size_t i) {
    if (i >= r->far) {
        r->far = i;
        r->far_type = t;
    }
    if (i == r->n || t->type == TU_TYPE_ANY || r->gave_up)
        return true;
    if (was_seen(r, t, i))
        return false;
    const tu_path_step *s = &r->steps[i];
    if (is_leaf(t))
        return s->kind == TU_PATH_DEEP && reach(r, t, i + 1);
    if (s->kind == TU_PATH_DEEP)
        return reach_deep(r, t, i);
    if (t->type == TU_TYPE_LIST)
        return reach_item(r, t, s, i + 1);
    return s->kind == TU_PATH_WORD && reach_member(r, t, &s->word, i + 1);
}

/* --- why not ----------------------------------------------------------------------------------- */

static void add_steps(tu_buf *b, const tu_path_pattern *p, size_t n) {
    tu_str rest = p->text;
    for (size_t i = 0; i < n && rest.n; i++) {
        size_t end = 1;
        while (end < rest.n && rest.p[end] != '/')
            end++;
        tu_buf_add(b, (tu_str){rest.p, end});
        rest = (tu_str){rest.p + end, rest.n - end};
    }
    if (n == 0)
        tu_buf_add_c(b, "the object");
}

static void add_field_hint(tu_buf *b, const tu_schema_type *t, tu_str name) {
    const char **names = tu_xmalloc((t->field_count + 1) * sizeof *names);
    for (size_t i = 0; i < t->field_count; i++)
        names[i] = strndup(t->fields[i].name.p, t->fields[i].name.n);
    const char *near = tu_suggest(name, names, t->field_count);
    if (near)
        tu_buf_addf(b, "; did you mean '%s'?", near);
    for (size_t i = 0; i < t->field_count; i++)
        free((void *)(uintptr_t)names[i]);
    free(names);
}

static void say_why(const reacher *r, const tu_path_pattern *p, tu_buf *b) {
    const tu_schema_type *t = r->far_type;
    const tu_path_step *s = &r->steps[r->far];
    bool deep = r->far > 0 && r->steps[r->far - 1].kind == TU_PATH_DEEP;
    if (deep) {
        tu_buf_addf(b, "nothing of the kind is reached by %.*s", TU_P(p->text));
        return;
    }
    add_steps(b, p, r->far);
    if (is_leaf(t)) {
        tu_buf_add_c(b, t->type == TU_TYPE_MAP || t->type == TU_TYPE_LIST
                            ? " is compared whole, so changes are told there and not below"
                            : " has nothing below it");
    } else if (t->type == TU_TYPE_LIST) {
        tu_buf_add_c(b, " is a list, whose items are written ");
        for (size_t i = 0; i < t->key_count; i++)
            tu_buf_addf(b, "%s%.*s=...", i ? "," : "[", TU_P(t->keys[i]));
        tu_buf_add_c(b, t->key_count ? "]" : "[=...]");
    } else {
        tu_str name = s->kind == TU_PATH_WORD ? s->word.text : TU_S("[...]");
        tu_buf_addf(b, " has no field '%.*s'", TU_P(name));
        add_field_hint(b, t, name);
    }
}

bool tu_path_reaches(tu_arena *a, const tu_kind *k, const tu_path_pattern *p, tu_str *ret_why) {
    reacher r = {.arena = a};
    r.steps = tu_path_pattern_steps(a, p, &r.n);
    r.seen = tu_malloc(STATES_MOST * sizeof *r.seen);
    bool reached = !r.steps || !r.seen || reach(&r, tu_kind_root(k), 0);
    if (!reached) {
        _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(64 * 1024);
        say_why(&r, p, &b);
        *ret_why = tu_arena_copy(a, tu_buf_str(&b));
    }
    free(r.seen);
    return reached;
}
