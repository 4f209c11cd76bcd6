/*
 * alert/dispatch-books.c: how the dispatcher holds 100,000 alerts in little memory: texts kept once and
 * counted, hash tables whose links are in what they hold, and a heap of timers.
 *
 * Invariant: a term lives as long as somebody took it; its number is used again afterwards.
 */
#include <stdlib.h>

#include "alert/dispatch-inside.h"

/* --- tables ----------------------------------------------------------------------------------------- */

static tu_node **head_of(const tu_table *t, uint64_t hash) {
    return &t->heads[hash & (t->room - 1)];
}

tu_node *tu_table_first(const tu_table *t, uint64_t hash) {
    tu_node *n = t->room ? *head_of(t, hash) : NULL;
    while (n && n->hash != hash)
        n = n->next;
    return n;
}

tu_node *tu_table_after(const tu_node *n) {
    uint64_t hash = n->hash;
    tu_node *next = n->next;
    while (next && next->hash != hash)
        next = next->next;
    return next;
}

static void grow(tu_table *t) {
    tu_table old = *t;
    t->room = old.room ? old.room * 2 : 64;
    t->heads = tu_xcalloc(t->room, sizeof *t->heads);
    for (size_t i = 0; i < old.room; i++)
        for (tu_node *n = old.heads[i], *next; n; n = next) {
            next = n->next;
            n->next = *head_of(t, n->hash);
            *head_of(t, n->hash) = n;
        }
    free(old.heads);
}

void tu_table_add(tu_table *t, tu_node *n, uint64_t hash) {
    if (t->n >= t->room)
        grow(t);
    n->hash = hash;
    n->next = *head_of(t, hash);
    *head_of(t, hash) = n;
    t->n++;
}

void tu_table_remove(tu_table *t, tu_node *n) {
    tu_node **at = head_of(t, n->hash);
    while (*at != n)
        at = &(*at)->next;
    *at = n->next;
    t->n--;
}

tu_node *tu_table_any(const tu_table *t, const tu_node *before) {
    if (before && before->next)
        return before->next;
    size_t i = before ? (before->hash & (t->room - 1)) + 1 : 0;
    for (; i < t->room; i++)
        if (t->heads[i])
            return t->heads[i];
    return NULL;
}

/* --- terms ---------------------------------------------------------------------------------------------- */

static tu_term_entry *find(const tu_dispatch *d, tu_str text, uint64_t hash) {
    for (tu_node *n = tu_table_first(&d->term_table, hash); n; n = tu_table_after(n)) {
        tu_term_entry *e = (tu_term_entry *)n;
        if (tu_str_eq((tu_str){e->text, e->n}, text))
            return e;
    }
    return NULL;
}

static tu_term number(tu_dispatch *d, tu_term_entry *e) {
    if (d->free_count)
        return d->free_terms[--d->free_count];
    if (d->term_count == d->term_room) {
        d->term_room = d->term_room ? d->term_room * 2 : 256;
        d->terms = tu_xrealloc(d->terms, d->term_room * sizeof(tu_term_entry *));
        if (d->term_count == 0)
            d->terms[d->term_count++] = NULL; /* the empty text */
    }
    d->terms[d->term_count] = e;
    return (tu_term)d->term_count++;
}

tu_term tu_term_take(tu_dispatch *d, tu_str text) {
    if (text.n == 0)
        return 0;
    uint64_t hash = tu_hash64(text);
    tu_term_entry *e = find(d, text, hash);
    if (e == NULL) {
        e = tu_xcalloc(1, sizeof *e + text.n + 1);
        memcpy(e->text, text.p, text.n);
        e->n = text.n;
        tu_table_add(&d->term_table, &e->node, hash);
        e->number = number(d, e);
        d->terms[e->number] = e;
    }
    e->references++;
    return e->number;
}

tu_term tu_term_find(const tu_dispatch *d, tu_str text) {
    tu_term_entry *e = text.n ? find(d, text, tu_hash64(text)) : NULL;
    return e ? e->number : 0;
}

void tu_term_again(tu_dispatch *d, tu_term t) {
    if (t)
        d->terms[t]->references++;
}

void tu_term_drop(tu_dispatch *d, tu_term t) {
    if (t == 0 || --d->terms[t]->references)
        return;
    if (d->free_count == d->free_room) {
        d->free_room = d->free_room ? d->free_room * 2 : 256;
        d->free_terms = tu_xrealloc(d->free_terms, d->free_room * sizeof(tu_term));
    }
    d->free_terms[d->free_count++] = t;
    tu_table_remove(&d->term_table, &d->terms[t]->node);
    free(d->terms[t]);
    d->terms[t] = NULL;
}

tu_str tu_term_text(const tu_dispatch *d, tu_term t) {
    return t ? (tu_str){d->terms[t]->text, d->terms[t]->n} : (tu_str){"", 0};
}

/* --- labels ------------------------------------------------------------------------------------------------ */

static int by_key(const void *a, const void *b) {
    return tu_str_compare(((const tu_label *)a)->key, ((const tu_label *)b)->key);
}

static tu_label *seen(tu_dispatch *d, size_t n) {
    if (n > d->seen_room) {
        d->seen_room = n * 2;
        d->seen = tu_xrealloc(d->seen, d->seen_room * sizeof(tu_label));
    }
    return d->seen;
}

tu_pairs tu_pairs_take(tu_dispatch *d, const tu_labels *labels) {
    /* sorted in a copy: labels may be a view of d->seen */
    tu_label *sorted = tu_xmalloc(labels->n * sizeof *sorted);
    size_t n = 0;
    for (size_t i = 0; i < labels->n; i++)
        if (labels->items[i].value.n)
            sorted[n++] = labels->items[i];
    qsort(sorted, n, sizeof *sorted, by_key);
    tu_pairs p = {n ? tu_xmalloc(n * sizeof *p.items) : NULL, n};
    for (size_t i = 0; i < n; i++) {
        p.items[i].key = tu_term_take(d, sorted[i].key);
        p.items[i].value = tu_term_take(d, sorted[i].value);
    }
    free(sorted);
    return p;
}

void tu_pairs_drop(tu_dispatch *d, tu_pairs *p) {
    for (size_t i = 0; i < p->n; i++) {
        tu_term_drop(d, p->items[i].key);
        tu_term_drop(d, p->items[i].value);
    }
    free(p->items);
    *p = (tu_pairs){0};
}

tu_term tu_pairs_get(const tu_pairs *p, tu_term key) {
    for (size_t i = 0; i < p->n; i++)
        if (p->items[i].key == key)
            return p->items[i].value;
    return 0;
}

/* The same labels, in any order, without the empty ones? */
bool tu_pairs_are(const tu_dispatch *d, const tu_pairs *p, const tu_labels *labels) {
    size_t n = 0;
    for (size_t i = 0; i < labels->n; i++) {
        if (labels->items[i].value.n == 0)
            continue;
        n++;
        tu_term key = tu_term_find(d, labels->items[i].key);
        if (key == 0 || !tu_str_eq(tu_term_text(d, tu_pairs_get(p, key)), labels->items[i].value))
            return false;
    }
    return n == p->n;
}

tu_labels tu_pairs_see(tu_dispatch *d, const tu_pairs *p) {
    tu_label *items = seen(d, p->n);
    for (size_t i = 0; i < p->n; i++) {
        items[i].key = tu_term_text(d, p->items[i].key);
        items[i].value = tu_term_text(d, p->items[i].value);
    }
    return (tu_labels){items, p->n};
}

tu_str tu_text_keep(tu_str s) {
    char *copy = tu_xmalloc(s.n + 1);
    if (s.n)
        memcpy(copy, s.p, s.n);
    copy[s.n] = 0;
    return (tu_str){copy, s.n};
}

/* --- the heap ------------------------------------------------------------------------------------------------ */

static void set(tu_dispatch *d, size_t at, tu_incident *i) {
    d->heap[at] = i;
    i->heap_index = at;
}

static void up(tu_dispatch *d, size_t at) {
    tu_incident *i = d->heap[at];
    for (; at > 0 && d->heap[(at - 1) / 2]->due > i->due; at = (at - 1) / 2)
        set(d, at, d->heap[(at - 1) / 2]);
    set(d, at, i);
}

static void down(tu_dispatch *d, size_t at) {
    tu_incident *i = d->heap[at];
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= d->heap_count)
            break;
        if (child + 1 < d->heap_count && d->heap[child + 1]->due < d->heap[child]->due)
            child++;
        if (d->heap[child]->due >= i->due)
            break;
        set(d, at, d->heap[child]);
        at = child;
    }
    set(d, at, i);
}

void tu_heap_put(tu_dispatch *d, tu_incident *i, int64_t due) {
    bool inside = i->due != TU_NEVER;
    i->due = due;
    if (due == TU_NEVER && !inside)
        return;
    if (due == TU_NEVER) {
        size_t at = i->heap_index;
        tu_incident *last = d->heap[--d->heap_count];
        if (last == i)
            return;
        set(d, at, last);
        up(d, at);
        down(d, last->heap_index);
        return;
    }
    if (!inside) {
        if (d->heap_count == d->heap_room) {
            d->heap_room = d->heap_room ? d->heap_room * 2 : 64;
            d->heap = tu_xrealloc(d->heap, d->heap_room * sizeof(tu_incident *));
        }
        set(d, d->heap_count++, i);
    }
    up(d, i->heap_index);
    down(d, i->heap_index);
}

tu_incident *tu_heap_first(const tu_dispatch *d) {
    return d->heap_count ? d->heap[0] : NULL;
}
