/*
 * engine/index-inside.h: what index.c and index-file.c share.
 */
#ifndef TU_ENGINE_INDEX_INSIDE_H
#define TU_ENGINE_INDEX_INSIDE_H

#include <pthread.h>

#include "engine/index.h"

/* The room of a baseline. */
#define INDEX_VERDICT 0
#define INDEX_CONFIDENCE 1
#define INDEX_MARKS 2
#define INDEX_CHANGES 1u   /* tu_known.changes */
#define INDEX_RULED 2u     /* tu_known.ruled */
#define INDEX_UNTOLD 4u    /* tu_known.first */
#define INDEX_WANTED 8u    /* a read of it waits */
#define INDEX_FINISHED 16u /* tu_judgement.finished, when it was seen last; outlives the baseline */

/* How the target describes a kind, and whether the generation of its objects is known to move. */
typedef struct tu_index_kind {
    tu_str group, version, kind; /* of the set */
    tu_str hash;                 /* of the description; the catalogue's */
    bool moves;
} tu_index_kind;

struct tu_index {
    uint32_t references; /* atomic */
    tu_desired_set *set;
    size_t n;
    uint16_t *kind_of;    /* beside the set's objects; constant */
    tu_index_kind *kinds; /* only `moves` changes */
    size_t kind_count;
    uint64_t seed;        /* constant once it is shared */
    pthread_mutex_t lock; /* all below */
    tu_baseline *baselines;
    struct index_serial {
        uint32_t last, taken;
    } * serials;
    tu_memo **memos;   /* NULL: there are none */
    char *environment; /* NULL: nobody said yet */
    bool from_file;    /* what came from a file waits for the environment's word */
    bool dirty;
    tu_index_counts counts;
};

/* Is it worth a place in the file? */
bool index_is_clean(const tu_baseline *b);
void index_set_memo(tu_index *x, size_t object, tu_memo *memo); /* takes it over */

#endif
