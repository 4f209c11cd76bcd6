/*
 * compare/baseline.h: what of an object's metadata proves that the judge would see the same object
 * again (kubernetes-drift.md section 1.9). Pure: no I/O, no clock, no globals.
 *
 *   T0  same resourceVersion                                          SAME
 *   T1  same uid, generation, owners, labels, annotations ...         PROVED, whatever the status says now
 *   otherwise                                                         LOOK: read it whole and judge it (T2, T3)
 *
 * A baseline stands for what was judged, so it re-proves any verdict, not only a clean one. It is
 * worth something only beside the same desired object, the same description of the kind and the same
 * environment; whoever keeps baselines drops them when one of these changes.
 *
 * T1 rests on the generation, which the server moves with every change outside metadata and status,
 * whoever makes it, however he names himself, and in whatever second. So neither the granularity of
 * the entries' times nor another program with our manager's name can make it lie, and it needs no
 * entry to have settled. But it holds only for kinds that move theirs. That is learned from what is
 * seen (tu_baseline_teaches): PriorityClass keeps 1 for ever, and ConfigMaps have none. Objects of
 * other kinds prove nothing when their version is another one: one read each.
 *
 * What it can't see: content that changes under the same resourceVersion (defaults and conversions
 * made when reading, a restored etcd of equal versions). The environment's hash and the scrub are
 * for that.
 */
#ifndef TU_COMPARE_BASELINE_H
#define TU_COMPARE_BASELINE_H

#include "compare/judge.h"

/* 64 bytes an object. Hashes are seeded: nobody can make an object that hashes like another. */
typedef struct tu_baseline {
    uint64_t uid[2];
    uint64_t version;   /* resourceVersion; its hash where it is no number (OPAQUE) */
    int64_t generation; /* 0: none */
    uint64_t ours;      /* our Apply entry with its time; 0: none */
    uint64_t others;    /* every other entry but the status's, with their times */
    uint64_t metadata;  /* labels, annotations, finalizers, ownerReferences */
    uint32_t newest;    /* seconds since 1970: the newest time among those entries */
    uint8_t flags;
    uint8_t room[3]; /* for whoever keeps baselines: a verdict, a confidence, a mark */
} tu_baseline;

#define TU_BASELINE_VALID 1u
#define TU_BASELINE_OPAQUE 2u      /* versions can be equal or not, and nothing else */
#define TU_BASELINE_TERMINATING 4u /* has a deletionTimestamp */

/* Of a live object, whole or its metadata alone: both give the same. Not VALID when uid or
 * resourceVersion is missing. */
tu_baseline tu_baseline_of(const tu_value *live, tu_str our_manager, uint64_t seed);

typedef enum {
    TU_PROOF_SAME,
    TU_PROOF_PROVED,
    TU_PROOF_OLDER, /* than the baseline: what was read in between is newer than this piece of news */
    TU_PROOF_LOOK
} tu_proof;
typedef enum {
    TU_LOOK_FIRST,       /* there is no baseline */
    TU_LOOK_REPLACED,    /* another uid: deleted and made anew */
    TU_LOOK_TERMINATING, /* being deleted, or not any more */
    TU_LOOK_RESTORED,    /* the same version and other content */
    TU_LOOK_GENERATION,  /* something outside metadata and status was written */
    TU_LOOK_NO_PROOF,    /* a kind whose generation proves nothing */
    TU_LOOK_OURS,        /* our entry */
    TU_LOOK_OTHERS,      /* other entries: who wrote, or when */
    TU_LOOK_METADATA,    /* labels, annotations, finalizers, owner references */
    TU_LOOK_RULED /* what was decided about it depends on the time (said by who keeps baselines) */
} tu_look_reason;
const char *tu_look_reason_name(tu_look_reason r); /* "generation" */

/* moves: this kind's generation was seen to move. *ret_why is set with LOOK only. */
tu_proof tu_baseline_compare(const tu_baseline *before, const tu_baseline *now, bool moves,
                             tu_look_reason *ret_why);
/* Does this sighting show that the kind's generation moves? before may be NULL. Deleting an object
 * moves it too, and shows nothing. */
bool tu_baseline_teaches(const tu_baseline *before, const tu_baseline *now);
/* Who wrote since: managers of entries newer than the baseline, the newest last, comma-separated. */
void tu_baseline_hands(const tu_value *live, const tu_baseline *before, tu_buf *ret);

/*
 * The memo: differences that a dry run once explained (admission rewrote a value, a default, another
 * spelling), by path and live value. While desired object, description and environment are the same,
 * a judgement that has no others is confirmed without another dry run. It holds hashes only.
 */
typedef struct tu_memo {
    uint32_t n;
    struct tu_memo_place {
        uint64_t path, live;
    } places[];
} tu_memo;

#define TU_LIMIT_MEMO_PLACES 64u /* of one object; one with more asks again */
/* Of a judgement without a prediction, which the dry run then answered with in-sync. malloc'd; NULL
 * when there is nothing to remember or too much. */
tu_memo *tu_memo_of(const tu_judgement *j, uint64_t seed);
/* Has the judgement something that needs explaining, and the memo explains all of it? */
bool tu_memo_covers(const tu_memo *m, const tu_judgement *j, uint64_t seed);

#endif
