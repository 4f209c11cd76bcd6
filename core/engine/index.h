/*
 * engine/index.h: what is known of the objects of one desired set, so that most news about them
 * costs nothing: a baseline each (compare/baseline.h), and the memo of what dry runs explained.
 *
 *   judged whole --put--> baseline --news of it--> check --> the same, or proved: nothing to do
 *                            |                       '-----> look: read it whole, judge, put
 *                            '-- forget (gone, unknown), invalidate (environment), carry (new set)
 *
 * Live objects are not kept: 64 bytes an object, 8 for the order of its sightings, and hashes for
 * those that a memo exists for.
 *
 * Order. Watch, listings and single reads judge on threads of their own. Every judgement that is
 * put has a serial of its object; whoever applies findings takes (tu_index_take) only newer ones, and a read
 * that was overtaken by news while it was under way is not put but made again.
 *
 * Thread-safe; reference-counted.
 */
#ifndef TU_ENGINE_INDEX_H
#define TU_ENGINE_INDEX_H

#include "compare/baseline.h"
#include "desired/desired.h"

typedef struct tu_index tu_index;

/* holds the set */
tu_index *tu_index_new(tu_desired_set *set);
tu_index *tu_index_ref(tu_index *x); /* takes NULL */
void tu_index_unref(tu_index *x);    /* takes NULL */
/* Takes over what is known of objects that are desired the same in both sets, of kinds that are
 * described the same. carried (may be NULL): beside the new set's objects, which ones are the same. */
void tu_index_carry(tu_index *x, tu_index *before, uint8_t *carried);

/* The baseline of a live object, before it is sealed. */
tu_baseline tu_index_baseline(const tu_index *x, const tu_value *live);

uint64_t tu_index_seed(const tu_index *x);

/* What the last judgement said. */
typedef struct tu_known {
    tu_verdict verdict;
    tu_confidence confidence;
    bool changes; /* its finding lists changes */
    bool ruled;   /* the rule's entries decided something, so its windows and expiry may */
    bool first;   /* nobody was told yet: it comes from a file */
    uint32_t serial;
} tu_known;

/* News of an object. listing: it is part of one, so an older version is no late news. SAME and
 * PROVED fill *ret_known, and what proved it is kept. Learns whether the kind's generation moves. */
tu_proof tu_index_check(tu_index *x, size_t object, const tu_baseline *now, bool listing,
                        tu_known *ret_known, tu_look_reason *ret_why);

/* A judgement of the whole object; serial: of tu_index_begin, or 0. Returns its own serial; 0 when
 * the object was overtaken (read it again). *ret_replaced: it has another uid than the one before. */
uint32_t tu_index_put(tu_index *x, size_t object, const tu_baseline *now, const tu_known *known,
                      uint32_t serial, bool *ret_replaced);
/* Nothing is known of it any more: gone, or not judged for sure. serial, and what is returned: as put. */
uint32_t tu_index_forget(tu_index *x, size_t object, uint32_t serial);
/* Is a judgement with this serial newer than all that were taken? Takes it then. 0 always is. */
bool tu_index_take(tu_index *x, size_t object, uint32_t serial);
/* Who wrote since, for people. */
void tu_index_hands(tu_index *x, size_t object, const tu_value *live, tu_buf *ret);
/* Is what is known at least as new as this version? */
bool tu_index_is_past(tu_index *x, size_t object, const tu_baseline *now);

/* What only memory can tell the judge. uid: of the live object; empty: it is gone. *ret_replaced: the
 * one that was known has another. *ret_completed: it had finished when it was seen last. */
void tu_index_tell(tu_index *x, size_t object, tu_str uid, bool *ret_replaced, bool *ret_completed);
void tu_index_note_finished(tu_index *x, size_t object, bool finished);

/* Reading single objects: want() is false when a read is waiting already, begin() says that it isn't
 * any more and what the last serial is. */
bool tu_index_want(tu_index *x, size_t object);
uint32_t tu_index_begin(tu_index *x, size_t object);

/* The memo. */
bool tu_index_explains(tu_index *x, size_t object, const tu_judgement *j);
void tu_index_remember(tu_index *x, size_t object, const tu_judgement *j);

/* The environment in which all of it was judged; empty: not known. Another one drops everything and
 * returns true; the first one only when what came from a file was judged in another. */
bool tu_index_set_environment(tu_index *x, tu_str hash);
void tu_index_invalidate(tu_index *x);

/* How many objects have a baseline; how news was answered so far. */
typedef struct tu_index_counts {
    uint64_t baselines, memos, same, proved, looked, read, predicted;
} tu_index_counts;
tu_index_counts tu_index_count(tu_index *x);
/* How many objects there are, and how many of them have no baseline. */
size_t tu_index_size(const tu_index *x);
size_t tu_index_unknown(tu_index *x);
void tu_index_note_read(tu_index *x, bool predicted);

/*
 * The file (index-file.c): one for each rule, with what is clean (in-sync and no changes listed) and
 * the memos: hashes only, seeded with a random number that stands in it. It is bound to the rule's
 * name, the target's endpoint, our field manager and the version of the program; an object that was
 * decided by the rule's entries also to the configuration's text, one with sealed values also to the
 * source's revision (their digests have another key in every process; rendering is a pure function,
 * plugin.h). What is damaged, or of something else, is ignored with a word in the log.
 */
typedef struct tu_index_file {
    const char *directory; /* STATE/baselines */
    const tu_rule *rule;
    const tu_config *config;
} tu_index_file;
/* What stands for the configuration in files of that sort, and the file beside it in which the names
 * of the desired set are kept (malloc'd). */
uint64_t tu_index_config(const tu_index_file *f);
char *tu_index_names_path(const tu_index_file *f);
bool tu_index_is_saved(const tu_index_file *file); /* is there such a file? */
/* Into an index that nobody shares yet. */
void tu_index_load(tu_index *x, const tu_index_file *file);
tu_rc tu_index_save(tu_index *x, const tu_index_file *file, tu_error **error);
bool tu_index_is_dirty(tu_index *x); /* something would be saved that isn't */

#endif
