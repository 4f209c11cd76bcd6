/*
 * base/map.c: open addressing with linear probing; slots hold entry numbers, so entries stay dense
 * and in order.
 *
 * Invariant: slot_count is 0 or a power of two, at most half of the slots are taken, and a probe
 * from an entry's home slot meets it before a free slot. Removal shifts the following slots back,
 * so there are no tombstones.
 */
#include "base/map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"

/* The slot that holds key, or the free one where it would go. slot_count must not be 0. */
static size_t find_slot(const tu_map *m, tu_str key, uint64_t hash) {
    size_t mask = m->slot_count - 1;
    size_t i = (size_t)hash & mask;
    for (; m->slots[i] != 0; i = (i + 1) & mask) {
        const tu_map_entry *e = &m->entries[m->slots[i] - 1];
        if (e->hash == hash && tu_str_eq(e->key, key))
            break;
    }
    return i;
}

static const tu_map_entry *find(const tu_map *m, tu_str key) {
    if (m->n == 0)
        return NULL;
    uint32_t number = m->slots[find_slot(m, key, tu_hash64(key))];
    return number ? &m->entries[number - 1] : NULL;
}

void *tu_map_get(const tu_map *m, tu_str key) {
    const tu_map_entry *e = find(m, key);
    return e ? e->value : NULL;
}

bool tu_map_has(const tu_map *m, tu_str key) {
    return find(m, key) != NULL;
}

static void grow(tu_map *m) {
    if (m->n == m->capacity) {
        m->capacity = m->capacity ? m->capacity * 2 : 8;
        m->entries = tu_xrealloc(m->entries, m->capacity * sizeof *m->entries);
    }
    if ((m->n + 1) * 2 <= m->slot_count)
        return;
    free(m->slots);
    m->slot_count = m->slot_count ? m->slot_count * 2 : 16;
    m->slots = tu_xcalloc(m->slot_count, sizeof *m->slots);
    for (size_t i = 0; i < m->n; i++)
        m->slots[find_slot(m, m->entries[i].key, m->entries[i].hash)] = (uint32_t)i + 1;
}

void *tu_map_put(tu_map *m, tu_str key, void *value) {
    tu_map_entry *e = (tu_map_entry *)find(m, key);
    if (e) {
        void *old = e->value;
        e->value = value;
        return old;
    }
    grow(m);
    char *copy = tu_xmalloc(key.n + 1);
    if (key.n)
        memcpy(copy, key.p, key.n);
    copy[key.n] = '\0';
    uint64_t hash = tu_hash64(key);
    m->slots[find_slot(m, key, hash)] = (uint32_t)m->n + 1;
    m->entries[m->n++] = (tu_map_entry){{copy, key.n}, value, hash};
    return NULL;
}

/* Frees slot i and moves back what would no longer be found behind the gap. */
static void free_slot(tu_map *m, size_t i) {
    size_t mask = m->slot_count - 1;
    m->slots[i] = 0;
    for (size_t j = (i + 1) & mask; m->slots[j] != 0; j = (j + 1) & mask) {
        size_t home = (size_t)m->entries[m->slots[j] - 1].hash & mask;
        if (((j - home) & mask) < ((j - i) & mask))
            continue; /* its home lies behind the gap */
        m->slots[i] = m->slots[j];
        m->slots[j] = 0;
        i = j;
    }
}

void *tu_map_remove(tu_map *m, tu_str key) {
    const tu_map_entry *e = find(m, key);
    if (e == NULL)
        return NULL;
    size_t at = (size_t)(e - m->entries);
    void *value = e->value;
    char *copy = (char *)e->key.p;
    free_slot(m, find_slot(m, e->key, e->hash));
    size_t last = m->n - 1;
    if (at != last) {
        m->slots[find_slot(m, m->entries[last].key, m->entries[last].hash)] = (uint32_t)at + 1;
        m->entries[at] = m->entries[last];
    }
    m->n--;
    free(copy);
    return value;
}

void tu_map_done(tu_map *m, void (*free_value)(void *)) {
    for (size_t i = 0; i < m->n; i++) {
        if (free_value)
            free_value(m->entries[i].value);
        free((char *)m->entries[i].key.p);
    }
    free(m->entries);
    free(m->slots);
    *m = (tu_map){0};
}
