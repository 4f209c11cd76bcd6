/*
 * compare/tables.c: see tables.h.
 *
 * Everything is checked while it is read, so that asking can't fail. Tables are short (some dozens
 * of rows) and asked only about places that differ or that nobody owns, so rows are tried in turn.
 */
#include "compare/inside.h"

/* ---- patterns -------------------------------------------------------------------------- */

static tu_rc bad_row(tu_error **error, const char *member, const char *what) {
    return tu_error_set(error, TU_EINVALID, "kind description: %s %s", member, what);
}

/* "~1" is "/", "~0" is "~" (RFC 6901). */
static tu_str unescape(tu_str raw, char *out) {
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (c == '~' && i + 1 < raw.n && (raw.p[i + 1] == '0' || raw.p[i + 1] == '1'))
            c = raw.p[++i] == '1' ? '/' : '~';
        out[n++] = c;
    }
    return (tu_str){out, n};
}

tu_rc tu_pattern_read(tu_arena *a, const tu_value *v, const char *member, tu_pattern *ret,
                      tu_error **error) {
    tu_str s = tu_value_string(v);
    if (s.n == 0 || s.p[0] != '/')
        return bad_row(error, member, "holds something that is no JSON pointer");
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '/';
    ret->n = 0;
    ret->steps = tu_arena_alloc(a, n * sizeof(*ret->steps));
    char *text = tu_arena_alloc(a, s.n);
    if (!ret->steps || !text)
        return tu_error_memory(error);
    for (size_t begin = 1, end; begin <= s.n; begin = end + 1) {
        const char *slash = begin < s.n ? memchr(s.p + begin, '/', s.n - begin) : NULL;
        end = slash ? (size_t)(slash - s.p) : s.n;
        ret->steps[ret->n++] = unescape((tu_str){s.p + begin, end - begin}, text + begin - 1);
    }
    return TU_OK;
}

static bool is_wild(tu_str step) {
    return tu_str_is(step, "*") || tu_str_is(step, "**");
}

/* Does the pattern's first n steps match the place whole? A list item has no name: only "*" and
 * "**" match it. */
static bool matches(const tu_pattern *p, size_t n, const tu_step *place) {
    if (n == 0)
        return place == NULL;
    tu_str step = p->steps[n - 1];
    if (tu_str_is(step, "**")) {
        for (;; place = place->up) {
            if (matches(p, n - 1, place))
                return true;
            if (!place)
                return false;
        }
    }
    if (!place)
        return false;
    bool here =
        tu_str_is(step, "*") || (place->kind == TU_STEP_FIELD && tu_str_eq(place->name, step));
    return here && matches(p, n - 1, place->up);
}

bool tu_pattern_matches(const tu_pattern *p, const tu_step *place) {
    return matches(p, p->n, place);
}

const tu_value *tu_pattern_follow(const tu_pattern *p, const tu_value *root) {
    for (size_t i = 0; root && i < p->n; i++)
        root = tu_value_get_str(root, p->steps[i]);
    return root;
}

/* ---- reading --------------------------------------------------------------------------- */

static tu_rc read_plain(tu_arena *a, const tu_value *v, const char *member, tu_pattern *ret,
                        tu_error **error) {
    tu_rc rc = tu_pattern_read(a, v, member, ret, error);
    for (size_t i = 0; !rc && i < ret->n; i++) {
        if (is_wild(ret->steps[i]))
            rc = bad_row(error, member, "has a wildcard where a path must be exact");
    }
    return rc;
}

/* The list and room for its rows; n = 0 where the table isn't there. */
static tu_rc begin_table(tu_arena *a, const tu_value *description, const char *member,
                         size_t row_bytes, const tu_value **ret_list, void *ret_rows,
                         tu_error **error) {
    const tu_value *list = tu_value_get(description, member);
    if (list && list->type != TU_LIST)
        return bad_row(error, member, "is not a list");
    void *rows = tu_arena_zalloc(a, tu_value_count(list) * row_bytes);
    if (!rows)
        return tu_error_memory(error);
    memcpy(ret_rows, &rows, sizeof(rows));
    *ret_list = list;
    return TU_OK;
}

static tu_rc read_places(tu_arena *a, const tu_value *description, const char *member,
                         tu_places *ret, tu_error **error) {
    const tu_value *list = NULL;
    tu_rc rc = begin_table(a, description, member, sizeof(*ret->items), &list, &ret->items, error);
    for (size_t i = 0; !rc && i < tu_value_count(list); i++) {
        const tu_value *row = tu_value_at(list, i), *when = tu_value_get(row, "when");
        const tu_value *path = tu_value_is(row, TU_MAP) ? tu_value_get(row, "path") : row;
        rc = tu_pattern_read(a, path, member, &ret->items[i].path, error);
        if (!rc && when)
            rc = read_plain(a, when, member, &ret->items[i].when, error);
        ret->n = i + 1;
    }
    return rc;
}

static tu_rc read_defaults(tu_arena *a, const tu_value *description, tu_tables *t,
                           tu_error **error) {
    const tu_value *list = NULL;
    tu_rc rc =
        begin_table(a, description, "defaults", sizeof(*t->defaults), &list, &t->defaults, error);
    for (size_t i = 0; !rc && i < tu_value_count(list); i++) {
        const tu_value *row = tu_value_at(list, i), *where = tu_value_get(row, "where");
        tu_default *d = &t->defaults[i];
        rc = tu_pattern_read(a, tu_value_get(row, "path"), "defaults", &d->path, error);
        d->value = tu_value_get(row, "value");
        d->like = tu_value_get_string(row, "like");
        if (!rc && where &&
            (!tu_value_is(where, TU_MAP) || where->map.n != 1 ||
             !tu_value_is(&where->map.members[0].value, TU_STRING)))
            rc = bad_row(error, "defaults", "has a `where` that is not one member and its glob");
        if (!rc && where) {
            d->beside = where->map.members[0].key;
            d->beside_glob = where->map.members[0].value.string;
        }
        t->default_count = i + 1;
    }
    return rc;
}

static tu_rc read_mirrors(tu_arena *a, const tu_value *description, tu_tables *t,
                          tu_error **error) {
    const tu_value *list = NULL;
    tu_rc rc =
        begin_table(a, description, "mirrors", sizeof(*t->mirrors), &list, &t->mirrors, error);
    for (size_t i = 0; !rc && i < tu_value_count(list); i++) {
        const tu_value *row = tu_value_at(list, i);
        rc = read_plain(a, tu_value_at(row, 0), "mirrors", &t->mirrors[i].path, error);
        if (!rc)
            rc = read_plain(a, tu_value_at(row, 1), "mirrors", &t->mirrors[i].when, error);
        t->mirror_count = i + 1;
    }
    return rc;
}

static tu_rc read_finished(tu_arena *a, const tu_value *description, tu_tables *t,
                           tu_error **error) {
    const tu_value *finished = tu_value_get(description, "finished");
    if (!finished)
        return TU_OK;
    const tu_value *items = tu_value_get(finished, "items");
    if (!tu_value_is(items, TU_LIST))
        return bad_row(error, "finished.items", "is not a list");
    tu_rc rc =
        read_plain(a, tu_value_get(finished, "when"), "finished.when", &t->finished_when, error);
    if (!rc)
        rc = read_plain(a, tu_value_get(finished, "list"), "finished.list", &t->finished_list,
                        error);
    t->finished_items = items;
    return rc;
}

tu_rc tu_tables_read(tu_arena *a, const tu_value *description, tu_tables *t, tu_error **error) {
    struct {
        const char *member;
        tu_places *places;
    } lists[] = {{"allocated", &t->allocated},
                 {"cosmetic", &t->cosmetic},
                 {"immutable", &t->immutable},
                 {"omitted", &t->omitted},
                 {"placeholders", &t->placeholders}};
    tu_rc rc = read_defaults(a, description, t, error);
    for (size_t i = 0; !rc && i < sizeof(lists) / sizeof(lists[0]); i++)
        rc = read_places(a, description, lists[i].member, lists[i].places, error);
    if (!rc)
        rc = read_mirrors(a, description, t, error);
    return rc ? rc : read_finished(a, description, t, error);
}

/* ---- asking ---------------------------------------------------------------------------- */

static bool holds_when(const tu_condition *c, const tu_value *root) {
    if (c->when.n == 0)
        return true;
    const tu_value *v = tu_pattern_follow(&c->when, root);
    return v && v->type != TU_NULL && (v->type != TU_BOOL || v->boolean);
}

bool tu_places_cover(const tu_places *t, const tu_value *root, const tu_step *place) {
    for (size_t i = 0; i < t->n; i++) {
        for (const tu_step *s = place; s; s = s->up) {
            if (tu_pattern_matches(&t->items[i].path, s))
                return holds_when(&t->items[i], root);
        }
    }
    return false;
}

const tu_schema_type *tu_type_at(const tu_kind *k, const tu_step *place) {
    if (!place)
        return tu_kind_root(k);
    const tu_schema_type *up = tu_type_at(k, place->up);
    return place->kind == TU_STEP_FIELD ? tu_type_field(up, place->name, NULL) : tu_type_items(up);
}

static bool fits_beside(const tu_default *d, const tu_value *map) {
    return d->beside.n == 0 ||
           tu_glob_plain(d->beside_glob, tu_value_string(tu_value_get_str(map, d->beside)));
}

tu_default_kind tu_default_at(const tu_kind *k, const tu_value *live, const tu_step *place,
                              const tu_value **ret_value) {
    if (!place || place->kind != TU_STEP_FIELD)
        return TU_DEFAULT_NONE;
    *ret_value = tu_value_get_str(tu_type_at(k, place->up)->defaults, place->name);
    if (*ret_value)
        return TU_DEFAULT_KNOWN;
    const tu_value *map = NULL;
    for (size_t i = 0; i < k->tables.default_count; i++) {
        const tu_default *d = &k->tables.defaults[i];
        if (!tu_pattern_matches(&d->path, place))
            continue;
        map = map ? map : tu_value_at_place(live, place->up);
        if (!fits_beside(d, map))
            continue;
        *ret_value = d->like.n ? tu_value_get_str(map, d->like) : d->value;
        return *ret_value ? TU_DEFAULT_KNOWN : TU_DEFAULT_ANY;
    }
    return TU_DEFAULT_NONE;
}

static bool has_all(const tu_value *item, const tu_value *wanted) {
    for (size_t i = 0; i < tu_value_count(wanted); i++) {
        const tu_member *m = &wanted->map.members[i];
        const tu_value *v = tu_value_get_str(item, m->key);
        if (!v || !tu_value_equal(v, &m->value))
            return false;
    }
    return tu_value_is(wanted, TU_MAP);
}

bool tu_is_finished(const tu_kind *k, const tu_value *live) {
    const tu_tables *t = &k->tables;
    if (!t->finished_items || !tu_pattern_follow(&t->finished_when, live))
        return false;
    const tu_value *list = tu_pattern_follow(&t->finished_list, live);
    for (size_t i = 0; tu_value_is(list, TU_LIST) && i < list->list.n; i++) {
        for (size_t w = 0; w < tu_value_count(t->finished_items); w++) {
            if (has_all(&list->list.items[i], tu_value_at(t->finished_items, w)))
                return true;
        }
    }
    return false;
}
