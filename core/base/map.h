/*
 * base/map.h: a hash table from strings to pointers, in insertion order.
 *
 * Keys are copied. Iterate with `for (size_t i = 0; i < m->n; i++) m->entries[i]`; removal moves
 * the last entry into the gap. Ends the process when memory is exhausted (base/mem.h): for the
 * program's own books, not for sizes from outside.
 */
#ifndef TU_BASE_MAP_H
#define TU_BASE_MAP_H

#include <stdbool.h>
#include <trueup/plugin.h>

typedef struct tu_map_entry {
    tu_str key; /* NUL-terminated too */
    void *value;
    uint64_t hash;
} tu_map_entry;

typedef struct tu_map {
    tu_map_entry *entries;
    size_t n, capacity;
    uint32_t *slots; /* open addressing; entry number + 1 */
    size_t slot_count;
} tu_map;

void *tu_map_get(const tu_map *m, tu_str key); /* NULL when absent */
bool tu_map_has(const tu_map *m, tu_str key);
void *tu_map_put(tu_map *m, tu_str key,
                 void *value);              /* returns the value that it replaced, or NULL */
void *tu_map_remove(tu_map *m, tu_str key); /* returns the value, or NULL */
void tu_map_done(tu_map *m, void (*free_value)(void *)); /* free_value may be NULL */

#endif
