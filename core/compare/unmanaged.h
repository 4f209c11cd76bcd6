/*
 * compare/unmanaged.h: an object that lives in a rule's scope and stands in no manifest: does
 * anybody have to declare it? A pure function of its metadata, so a metadata-only listing is enough.
 *
 * Nobody has to declare what
 *   - has an owner (metadata.ownerReferences): whoever declared the owner declared it
 *   - only controllers wrote (by managedFields)
 *   - the target explains (include/trueup/plugin.h, "explained"): what every cluster has
 *   - is being deleted already
 * All else is unmanaged, with the manager that made it.
 */
#ifndef TU_COMPARE_UNMANAGED_H
#define TU_COMPARE_UNMANAGED_H

#include "model/model.h"

typedef struct tu_unmanaged {
    tu_str explained; /* why nobody has to declare it; empty: it is unmanaged */
    tu_str reason;    /* of an unmanaged one: a stable word and text, or empty */
    tu_owner maker;   /* empty where nothing is recorded */
    tu_str since;     /* metadata.creationTimestamp */
    tu_str uid, resource_version;
} tu_unmanaged;

/* live: the object, or its apiVersion, kind and metadata alone. explained: the target's list for
 * this kind (tu_catalogue_kind); NULL: none. Results point into live and explained, or are in the
 * arena. Fails only for memory. */
tu_rc tu_unmanaged_judge(tu_arena *a, const tu_value *live, const tu_value *explained,
                         tu_str our_manager, tu_unmanaged *ret, tu_error **error);

#endif
