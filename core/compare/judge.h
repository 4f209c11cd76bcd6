/*
 * compare/judge.h: the verdict on one object. A pure function: no I/O, no clock, no globals.
 *
 *     desired + kind description + live [+ what a server-side dry run predicts]
 *         -> verdict, confidence, reason, changes, onset
 *
 * How it decides (DESIGN section 6, kubernetes-drift.md sections 1.9 and 2)
 *   no live object              missing; in-sync when it had finished before (input.completed)
 *   live has deletionTimestamp  terminating
 *   every desired leaf equals the live one by its type, our items stand in our order, no duplicate
 *   keys: in-sync. It is `proved` when ownership is there and nothing that was applied by us went
 *   away, otherwise `observed`.
 *   otherwise changes; without prediction the verdict is drifted/observed and `suspect` is set: the
 *   caller may ask for a dry run and judge again with its answer. With the prediction: live equals
 *   predicted (within what we desire, what we own and what would be removed): in-sync/confirmed;
 *   otherwise drifted/confirmed with the changes between live and predicted.
 *
 * Additions: fields that other managers own inside and beside ours are `added` changes, each with
 * its owner. Those of controllers and GitOps tools are listed apart (tu_judgement.quiet) and don't
 * make a drift; a human's, an unknown or a legacy manager's do. Defaults are no additions. Who counts
 * as what: additions.c.
 *
 * Reasons (the stable word before the colon; one is given, the first of these that holds)
 *   of any object   many-changes · replaced (uid changed against input.known_uid) · foreign (another
 *                   tool's tracking marks: who else will change it)
 *   of a drift      immutable (a change at a place that the target refuses to change) · duplicate ·
 *                   order (nothing but order) · removal-pending (nothing but what Git dropped)
 *   in sync         admission-rewritten (a dry run said so) · ownership (values right, hands not)
 *   of any object   ownership-unreadable · no-ownership
 *   besides         terminating · completed
 *
 * Notes of a change
 *   value       representation (another spelling of the same quantity, duration or instant) ·
 *               immutable · unowned (nobody holds it) · default, stale-default, allocated (nobody
 *               holds it, and the target put this there) · ancient-changes, before-first-apply (a
 *               legacy entry holds it) · admission-rewritten (quiet)
 *   removed     immutable
 *   order       cosmetic (the order of this list changes nothing but how it looks)
 *   added       removal-pending[: what goes with it] (ours; Git dropped it) · overrides-default: X ·
 *               default (somebody wrote what the target would have filled in; quiet) · the legacy
 *               names · of what nobody owns, only with input.everything, quiet: default,
 *               stale-default: X (what the target would fill in today), allocated, admission (added
 *               by the target in a way that no table explains)
 *   ownership   kept-by: X (Git dropped a field of ours that stays because X holds it, too), quiet
 *
 * Onset: when the drift began, not when it was seen: the earliest moment of which the target's
 * record says that live has stood so since, at a place that differs (attribute.c has the rules). It
 * is empty where nothing recorded proves it: after a change in Git, without ownership, for what is
 * missing, for what was removed or moved unless one single hand wrote since our last apply.
 */
#ifndef TU_COMPARE_JUDGE_H
#define TU_COMPARE_JUDGE_H

#include "compare/kind.h"
#include "compare/ownership.h"
#include "model/model.h"

/* A desired object, prepared once and judged often. Immutable. */
typedef struct tu_prepared {
    tu_object_id id;
    const tu_value *object; /* normalised: stripped, folded, sealed */
    tu_kind *kind;          /* borrowed */
    tu_path_set *fields;    /* tu_path_set_of(object) */
    uint64_t hash;          /* of object */
    tu_str file;
    uint32_t line, column;
} tu_prepared;

/* Normalises a manifest in place: strips what is never desired, folds write-only members (the description's), fills key defaults where the list key needs
 * them, and seals. The object and everything it points to must live as long as the result, in the arena. */
tu_rc tu_normalise(tu_arena *a, tu_kind *kind, tu_value *manifest, tu_str file, tu_error **error);
/* The same, and what judging needs beside the object: its set of fields and its hash. */
tu_rc tu_prepare(tu_arena *a, tu_kind *kind, tu_value *manifest, const tu_object_id *id,
                 tu_str file, tu_prepared *ret, tu_error **error);

typedef struct tu_judge_input {
    const tu_prepared *desired;
    const tu_value *live;      /* sealed with the same kind; NULL: not there */
    const tu_value *predicted; /* what a dry run answered, sealed; NULL: none was made */
    tu_str our_manager;        /* our field manager's name, "trueup" */
    tu_str known_uid; /* of the object when it was judged last; empty: never, or not remembered */
    bool replaced;    /* the same, for whoever remembers no more than that it has another uid */
    bool completed;   /* when it was seen last, tu_judgement.finished was set */
    bool everything;  /* list what nobody owns too: walks all of live */
} tu_judge_input;

typedef struct tu_judgement {
    tu_verdict verdict;
    tu_confidence confidence;
    tu_str reason;
    tu_change *changes; /* action, severity and entry are not filled in yet */
    size_t change_count;
    tu_change *
        quiet; /* no drift unless a rule says so: additions by controllers and gitops tools, marks of tools, ownership lost while the value is right */
    size_t quiet_count;
    bool suspect;  /* a dry run could say more */
    bool finished; /* the target will take the object away by itself: remember it for `completed` */
    /* Beside `changes`: every place that was believed to be right, and that only a dry run would
     * prove, with its live value. What a dry run once explained can be recognised by path and value. */
    tu_change *doubts;
    size_t doubt_count;
    tu_str onset; /* when the drift began; see tu_finding.onset */
    tu_str uid, resource_version;
} tu_judgement;

/* Everything returned is in the arena, or points into desired and live. Fails only for memory. */
tu_rc tu_judge(tu_arena *a, const tu_judge_input *in, tu_judgement *ret, tu_error **error);

/* The desired object as it should be sent to a target that has `live` (NULL: nothing): where live
 * means the same by its type, its spelling is taken, so that an apply neither conflicts with nor
 * takes from somebody who said the same thing otherwise. Shares memory with both; *ret may be
 * `desired` itself. Fails only for memory. */
tu_rc tu_say_as_live(tu_arena *a, const tu_kind *kind, const tu_value *desired,
                     const tu_value *live, const tu_value **ret, tu_error **error);

/* Typed equality of two scalars or atomics under a type; see kubernetes-drift.md section 2, "Typed equality". */
bool tu_typed_equal(const tu_schema_type *t, const tu_value *a, const tu_value *b);

#endif
