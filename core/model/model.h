/*
 * model/model.h: what trueup finds, as plain data: objects, changes, findings (DESIGN section 2).
 * No behaviour but identity and copies; the closed sets of words stand in base/words.h.
 */
#ifndef TU_MODEL_MODEL_H
#define TU_MODEL_MODEL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/words.h"
#include "value/value.h"

/* One resource in a target. version is not part of its identity. */
typedef struct tu_object_id {
    tu_str group, version, kind, namespace_, name;
} tu_object_id;

bool tu_object_id_equal(const tu_object_id *a, const tu_object_id *b); /* without version */
uint64_t tu_object_id_hash(const tu_object_id *id);
tu_object_id tu_object_id_copy(tu_arena *a, const tu_object_id *id);
/* Reads apiVersion, kind, metadata.namespace and .name; missing parts are empty. */
tu_object_id tu_object_id_of(const tu_value *object);
/* "Deployment.apps/shop/cart", "Namespace/shop": Kind[.group]/[namespace/]name, the form that
 * OBJECT arguments have. */
void tu_object_id_print(tu_buf *b, const tu_object_id *id);
/* Parses "Kind/name", "Kind/namespace/name", "Kind.group/namespace/name"; group ends up empty when
 * not given (*ret_any_group true). */
tu_rc tu_object_id_parse(tu_str text, tu_object_id *ret, bool *ret_any_group, tu_error **error);

/* Whose hand: what the target recorded. All empty when unknown. */
typedef struct tu_owner {
    tu_str manager, operation, subresource, time; /* time: RFC 3339 as recorded */
    tu_manager_class class_;
} tu_owner;

/* One difference at one path. */
typedef struct tu_change {
    tu_str path; /* value/pointer.h */
    tu_change_kind kind;
    const tu_value *desired; /* NULL where nothing is desired (added) */
    const tu_value *live;    /* NULL where nothing is there (removed) */
    uint32_t line;           /* in the manifest; 0: none */
    tu_owner owner;
    tu_str note; /* a stable word, perhaps with ": text": "default", "cosmetic", "kept-by: X"; the
                    words stand in compare/judge.h. Empty when there is nothing to say */
    /* Filled in by rules/decide: */
    tu_action action;
    tu_severity severity;
    tu_str entry; /* name of the rule's entry; empty: the rule's mode decided */
} tu_change;

/* Does its note say that the target did this by itself (default, allocated, admission ...)? Then it is
 * nobody's doing, whatever a rule says of additions. */
bool tu_change_is_the_targets(const tu_change *c);

/* The finding for one object. Everything lives in the arena it was made in; copy it to keep it. */
typedef struct tu_finding {
    tu_object_id id;
    tu_verdict verdict;
    tu_confidence confidence;
    tu_str reason; /* a stable word and text: "immutable: spec.selector ..."; empty when there
                      is nothing to say */
    tu_str onset;  /* when the drift began, RFC 3339, as far as the target recorded it; empty when
                      that isn't known (compare/judge.h) */
    tu_str file;   /* the manifest, relative to the source's root; empty for unmanaged objects */
    uint32_t line, column;
    tu_change *changes;
    size_t change_count;
    tu_change
        *quiet; /* beside, and no drift (compare/judge.h); a rule may have made changes of some */
    size_t quiet_count;
    /* The strongest of its changes, or of the verdict itself: */
    tu_action action;
    tu_severity severity;
    tu_str entry;
    /* The live object that was judged; empty when there is none. */
    tu_str uid, resource_version;
} tu_finding;

/* Both return NULL when memory is exhausted. The first leaves out what is quiet, which hardly anybody
 * wants kept; the second leaves out only what stands among the changes. */
tu_finding *tu_finding_copy(tu_arena *a, const tu_finding *f);
tu_finding *tu_finding_copy_whole(tu_arena *a, const tu_finding *f);
#endif
