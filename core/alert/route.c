/*
 * alert/route.c: which routes an alert takes, made for many alerts (route.h says what comes out).
 *
 *   labels -> the values of those labels that some condition names (one merge of two sorted lists)
 *          -> the number of each value that some condition names as a word (one hash lookup each)
 *          -> down the tree: of each route's children only those that can match
 *
 * Words are what "=" and expressions like "a|b" name (tu_matcher_words). Children are found by one label: that of
 * which most of them ask for words. They stand in a list for each word, in their order; the others stand in a
 * list of their own, and both lists are merged while they are walked. So 200 teams cost as much as two. Then
 * words compare numbers, and the answer of any other expression is remembered for the label set, as siblings
 * often share one.
 *
 * Everything lives in one arena and is immutable after tu_router_new(). tests/unit/test_route.c compares it with a
 * plain walk of the tree for random trees.
 */
#include "alert/route.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include <stdlib.h>

#define NO_VALUE UINT32_MAX /* a value that is nobody's word */
#define REMEMBERED 512u     /* expressions whose answers are kept during one walk */
#define LABELS_ON_STACK 64u

typedef struct value {
    tu_str text;
    uint64_t hash;
} value;

/* The words that are asked of one label: open addressing. */
typedef struct label {
    tu_str name;
    value *slots;   /* text.p NULL: free */
    uint32_t mask;  /* slots - 1; all ones: there are none */
    uint32_t first; /* number of slot 0's value */
} label;

typedef struct condition {
    const tu_matcher *matcher;
    uint32_t label;
    bool negated;            /* of words: none of them */
    const uint32_t *numbers; /* of words; NULL: it is another expression */
    uint32_t n;
    uint32_t number; /* of that */
} condition;

typedef struct node node;
typedef struct list { /* children, in order; items NULL: there are none */
    uint32_t *items;
    uint32_t n;
    uint32_t number; /* the value that they ask for */
} list;

struct node {
    const tu_route *route;
    condition *conditions;
    uint32_t condition_count, child_count;
    node *children;
    bool is_indexed;
    uint32_t by;   /* the label that children are found by */
    uint32_t mask; /* of lists, an open-addressed table by value */
    list *lists;
    list others;
};

struct tu_router {
    tu_arena arena;
    label *labels; /* sorted by name */
    uint32_t label_count, expression_count;
    node root;
};

/* --- building: labels and values -------------------------------------------------------------- */

static int by_name(const void *a, const void *b) {
    return tu_str_compare(((const label *)a)->name, ((const label *)b)->name);
}

static uint32_t find_label(const tu_router *r, tu_str name) {
    uint32_t low = 0, high = r->label_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = tu_str_compare(r->labels[middle].name, name);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return UINT32_MAX; /* not in a router whose labels were collected */
}

/* The number of a value; with `add`, a free slot is taken for it. */
static uint32_t number_of(const label *l, tu_str text, uint64_t hash, bool add) {
    for (uint32_t at = (uint32_t)hash & l->mask;; at = (at + 1) & l->mask) {
        value *v = &l->slots[at];
        if (!v->text.p) {
            if (!add)
                return NO_VALUE;
            *v = (value){text.p ? text : TU_S(""), hash};
        }
        if (v->hash == hash && tu_str_eq(v->text, text))
            return l->first + at;
    }
}

static bool collect_labels(tu_router *r, const tu_routing *routing) {
    tu_map seen = {0}; /* name -> how many words, at least 1 */
    for (size_t i = 0; i < routing->route_count; i++) {
        const tu_matchers *m = &routing->all[i]->match;
        for (size_t k = 0; k < m->n; k++) {
            uintptr_t n = (uintptr_t)tu_map_get(&seen, m->items[k].label);
            size_t words = 1;
            tu_matcher_words(&m->items[k], &words);
            tu_map_put(&seen, m->items[k].label, (void *)(n + words + 1));
        }
    }
    uint32_t first = 0;
    bool memory = true;
    r->labels = tu_arena_zalloc(&r->arena, (seen.n + 1) * sizeof *r->labels);
    for (size_t i = 0; i < seen.n && r->labels && memory; i++) {
        uint32_t slots = 4;
        while (slots < 2 * (uintptr_t)seen.entries[i].value)
            slots *= 2;
        label *l = &r->labels[r->label_count++];
        *l = (label){.name = tu_arena_copy(&r->arena, seen.entries[i].key),
                     .slots = tu_arena_zalloc(&r->arena, slots * sizeof *l->slots),
                     .mask = slots - 1,
                     .first = first};
        first += slots;
        memory = l->name.p && l->slots;
    }
    tu_map_done(&seen, NULL);
    if (!r->labels || !memory)
        return false;
    qsort(r->labels, r->label_count, sizeof *r->labels, by_name);
    return true;
}

/* --- building: the tree ----------------------------------------------------------------------- */

typedef struct builder {
    tu_router *router;
    tu_map expressions; /* label, operator, text -> number + 1 */
} builder;

static uint32_t number_expression(builder *b, const tu_matcher *m, uint32_t label_number) {
    _cleanup_(tu_buf_done) tu_buf key = TU_BUF_INIT(2 * TU_LIMIT_MATCHER_BYTES);
    tu_buf_addf(&key, "%u %d ", label_number, (int)m->operator);
    tu_buf_add(&key, m->value);
    uintptr_t number = (uintptr_t)tu_map_get(&b->expressions, tu_buf_str(&key));
    if (number == 0) {
        number = ++b->router->expression_count;
        tu_map_put(&b->expressions, tu_buf_str(&key), (void *)number);
    }
    return (uint32_t)(number - 1);
}

static bool build_condition(builder *b, const tu_matcher *m, condition *c) {
    size_t n;
    const tu_str *words = tu_matcher_words(m, &n);
    *c = (condition){.matcher = m, .label = find_label(b->router, m->label)};
    if (!words) {
        c->number = number_expression(b, m, c->label);
        return true;
    }
    uint32_t *numbers = tu_arena_alloc(&b->router->arena, n * sizeof *numbers);
    for (size_t i = 0; numbers && i < n; i++)
        numbers[i] = number_of(&b->router->labels[c->label], words[i], tu_hash64(words[i]), true);
    c->numbers = numbers;
    c->n = (uint32_t)n;
    c->negated = m->operator== TU_MATCH_NOT_EQUAL || m->operator== TU_MATCH_NOT_REGEX;
    return numbers;
}

static bool build_conditions(builder *b, node *n) {
    const tu_matchers *m = &n->route->match;
    n->conditions = tu_arena_alloc(&b->router->arena, m->n * sizeof *n->conditions);
    for (size_t i = 0; n->conditions && i < m->n; i++) {
        if (!build_condition(b, &m->items[i], &n->conditions[n->condition_count++]))
            return false;
    }
    return n->conditions;
}

static const condition *words_on(const node *n, uint32_t label_number) {
    for (uint32_t i = 0; i < n->condition_count; i++) {
        const condition *c = &n->conditions[i];
        if (c->label == label_number && c->numbers && !c->negated)
            return c;
    }
    return NULL;
}

/* The label by which most children can be found; false when an index isn't worth it. */
static bool choose_label(const tu_router *r, node *n) {
    uint32_t most = 0;
    for (uint32_t l = 0; l < r->label_count && n->child_count > 2; l++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < n->child_count; i++)
            count += words_on(&n->children[i], l) != NULL;
        if (count > most) {
            most = count;
            n->by = l;
        }
    }
    return most > 2;
}

static bool add_to_list(tu_arena *a, list *l, uint32_t child) {
    if ((l->n & (l->n - 1)) == 0) {
        uint32_t *grown = tu_arena_alloc(a, (l->n ? 2 * l->n : 1) * sizeof *grown);
        if (!grown)
            return false;
        if (l->n > 0)
            memcpy(grown, l->items, l->n * sizeof *grown);
        l->items = grown;
    }
    l->items[l->n++] = child;
    return true;
}

/* The list of a value, or the free place for it. */
static list *list_of(const node *n, uint32_t number) {
    uint32_t at =
        (number * 2654435761u) & n->mask; /* Knuth's multiplier: slots stand in clusters */
    while (n->lists[at].items && n->lists[at].number != number)
        at = (at + 1) & n->mask;
    return &n->lists[at];
}

/* A word may stand in an expression twice. */
static bool add_child(tu_arena *a, list *l, uint32_t child, uint32_t number) {
    l->number = number;
    return (l->n > 0 && l->items[l->n - 1] == child) || add_to_list(a, l, child);
}

static bool build_index(tu_router *r, node *n) {
    size_t words = 0;
    n->is_indexed = choose_label(r, n);
    if (!n->is_indexed)
        return true;
    for (uint32_t i = 0; i < n->child_count; i++) {
        const condition *c = words_on(&n->children[i], n->by);
        words += c ? c->n : 0;
    }
    for (n->mask = 3; n->mask < 2 * words;)
        n->mask = 2 * n->mask + 1;
    n->lists = tu_arena_zalloc(&r->arena, (n->mask + 1) * sizeof *n->lists);
    for (uint32_t i = 0; n->lists && i < n->child_count; i++) {
        const condition *c = words_on(&n->children[i], n->by);
        bool added = c || add_child(&r->arena, &n->others, i, 0);
        for (uint32_t k = 0; c && k < c->n && added; k++)
            added = add_child(&r->arena, list_of(n, c->numbers[k]), i, c->numbers[k]);
        if (!added)
            return false;
    }
    return n->lists;
}

/* The tree's depth is bounded by TU_LIMIT_ROUTE_DEPTH. */
static bool build_node(builder *b, node *n, const tu_route *route) {
    *n = (node){.route = route};
    if (!build_conditions(b, n))
        return false;
    n->children = tu_arena_alloc(&b->router->arena, route->route_count * sizeof *n->children);
    for (size_t i = 0; n->children && i < route->route_count; i++) {
        if (!build_node(b, &n->children[n->child_count++], &route->routes[i]))
            return false;
    }
    return n->children && build_index(b->router, n);
}

tu_rc tu_router_new(const tu_routing *routing, tu_router **ret, tu_error **error) {
    tu_router *r = tu_calloc(1, sizeof *r);
    if (!r)
        return tu_error_memory(error);
    tu_arena_init(&r->arena, TU_LIMIT_OBJECT_ARENA);
    builder b = {.router = r};
    bool built = collect_labels(r, routing) && build_node(&b, &r->root, routing->root);
    tu_map_done(&b.expressions, NULL);
    if (!built) {
        tu_router_free(r);
        return tu_error_memory(error);
    }
    *ret = r;
    return TU_OK;
}

void tu_router_free(tu_router *r) {
    if (!r)
        return;
    tu_arena_done(&r->arena);
    free(r);
}

/* --- taking ----------------------------------------------------------------------------------- */

typedef struct seen { /* an alert's value of one of the router's labels */
    tu_str text;
    uint32_t number;
} seen;

typedef struct walk {
    const seen *values;
    uint8_t answers[REMEMBERED]; /* of expressions: 0 not asked, 1 no, 2 yes */
    uint32_t *ret;
    size_t n;
} walk;

static bool condition_holds(walk *w, const condition *c) {
    const seen *v = &w->values[c->label];
    if (c->numbers) {
        uint32_t i = 0;
        while (i < c->n && c->numbers[i] != v->number)
            i++;
        return (i < c->n) != c->negated;
    }
    if (c->number >= REMEMBERED)
        return tu_matcher_match(c->matcher, v->text);
    uint8_t *answer = &w->answers[c->number];
    if (*answer == 0)
        *answer = 1 + tu_matcher_match(c->matcher, v->text);
    return *answer == 2;
}

static bool matches(walk *w, const node *n) {
    for (uint32_t i = 0; i < n->condition_count; i++) {
        if (!condition_holds(w, &n->conditions[i]))
            return false;
    }
    return true;
}

static void take(walk *w, const node *n);

/* True when no further sibling is asked. */
static bool try_child(walk *w, const node *child, bool *ret_taken) {
    if (!matches(w, child))
        return false;
    *ret_taken = true;
    take(w, child);
    return !child->route->go_on;
}

/* Those that can match, in their order: two sorted lists, merged. */
static bool take_indexed(walk *w, const node *n) {
    uint32_t a = 0, b = 0;
    const list *found = list_of(n, w->values[n->by].number), *others = &n->others;
    bool taken = false;
    while (a < found->n || b < others->n) {
        bool first = b == others->n || (a < found->n && found->items[a] < others->items[b]);
        uint32_t child = first ? found->items[a++] : others->items[b++];
        if (try_child(w, &n->children[child], &taken))
            break;
    }
    return taken;
}

/* The node matches: its children take the alert, or else it does. */
static void take(walk *w, const node *n) {
    bool taken = false;
    if (n->is_indexed)
        taken = take_indexed(w, n);
    else
        for (uint32_t i = 0; i < n->child_count; i++)
            if (try_child(w, &n->children[i], &taken))
                break;
    if (!taken)
        w->ret[w->n++] = (uint32_t)n->route->number;
}

/* Both are sorted by name. */
static void look_up(const tu_router *r, const tu_labels *labels, seen *values) {
    size_t at = 0;
    for (uint32_t i = 0; i < r->label_count; i++) {
        const label *l = &r->labels[i];
        int order = -1;
        while (at < labels->n && (order = tu_str_compare(labels->items[at].key, l->name)) < 0)
            at++;
        tu_str text = at < labels->n && order == 0 ? labels->items[at].value : (tu_str){0};
        values[i] = (seen){text, number_of(l, text, tu_hash64(text), false)};
    }
}

size_t tu_router_take(const tu_router *r, const tu_labels *labels, uint32_t *ret) {
    seen on_stack[LABELS_ON_STACK];
    seen *values =
        r->label_count <= LABELS_ON_STACK ? on_stack : tu_xmalloc(r->label_count * sizeof *values);
    walk w = {.values = values, .ret = ret};
    look_up(r, labels, values);
    take(&w, &r->root);
    if (values != on_stack)
        free(values);
    return w.n;
}

/* --- the group -------------------------------------------------------------------------------- */

tu_labels tu_route_group(const tu_route *route, const tu_labels *labels, tu_label *ret) {
    if (route->group_by_all)
        return *labels;
    size_t at = 0;
    for (size_t i = 0; i < route->group_by_count; i++) {
        tu_str key = route->group_by[i];
        int order = -1;
        while (at < labels->n && (order = tu_str_compare(labels->items[at].key, key)) < 0)
            at++;
        ret[i] = (tu_label){key, {0}};
        if (at < labels->n && order == 0)
            ret[i].value = labels->items[at].value;
    }
    return (tu_labels){ret, route->group_by_count};
}

/* --- times ------------------------------------------------------------------------------------ */

static bool any_open(const tu_time_set *const *sets, size_t n, int64_t wall_ms) {
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < sets[i]->window_count; k++) {
            if (tu_window_open(&sets[i]->windows[k], wall_ms))
                return true;
        }
    }
    return false;
}

static bool is_quiet(const tu_route *route, int64_t wall_ms) {
    return any_open(route->muted, route->muted_count, wall_ms) ||
           (route->active_count > 0 && !any_open(route->active, route->active_count, wall_ms));
}

static int64_t next_of(const tu_time_set *const *sets, size_t n, int64_t wall_ms) {
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < sets[i]->window_count; k++) {
            int64_t one = tu_window_next(&sets[i]->windows[k], wall_ms);
            next = one < next ? one : next;
        }
    }
    return next;
}

bool tu_route_is_quiet(const tu_route *route, int64_t wall_ms, int64_t *ret_until) {
    bool quiet = is_quiet(route, wall_ms);
    if (!ret_until)
        return quiet;
    *ret_until = INT64_MAX;
    const int64_t horizon = wall_ms + TU_LIMIT_WINDOW_DAYS * INT64_C(86400000);
    /* one window opens while another closes: only the sum counts */
    for (int64_t at = wall_ms; at < horizon;) {
        int64_t muted = next_of(route->muted, route->muted_count, at);
        int64_t active = next_of(route->active, route->active_count, at);
        at = muted < active ? muted : active;
        if (at < horizon && is_quiet(route, at) != quiet) {
            *ret_until = at;
            break;
        }
    }
    return quiet;
}
