/*
 * engine/recall.h: what an earlier check with --state knew, for one rule of one pass.
 *
 *   open -> wish: metadata alone, when that can be enough -> listing -> once more in full when the
 *   environment is another, or too much would have to be read one by one -> save
 */
#ifndef TU_ENGINE_RECALL_H
#define TU_ENGINE_RECALL_H

#include "engine/view.h"

typedef struct tu_recall {
    tu_index *index; /* NULL: nothing is kept */
    tu_index_file file;
    uint8_t *look; /* beside the set's objects: metadata proved nothing */
    size_t look_count;
    bool environment_changed;
} tu_recall;

/* directory NULL: nothing is kept, as with a target that has no metadata of its own. use false: what
 * is there isn't believed, but replaced. */
void tu_recall_open(tu_recall *c, tu_desired_set *set, const char *directory, const tu_rule *rule,
                    const tu_config *config, bool use);
/* What will be wished, as far as can be told before the set is there. */
tu_view_wish tu_recall_guess(const tu_desired_set *guess, const char *directory,
                             const tu_rule *rule, bool use);
tu_view_wish tu_recall_wish(const tu_recall *c);
/* For an observer's sink, and its doubt_ruled. */
void tu_recall_look(tu_recall *c, size_t object);
void tu_recall_environment(tu_recall *c, tu_str hash);
/* Must everything be listed in full after all? Forgets then what was to be looked at. */
bool tu_recall_must_list(tu_recall *c);
void tu_recall_save(tu_recall *c); /* a failure is a warning in the log */
void tu_recall_done(tu_recall *c);

#endif
