/*
 * engine/view.h: what one target is compared with at one moment, and how a record from it becomes a
 * finding.
 *
 *   view      the desired sets of one or more rules, and the scopes (kind and namespaces) to list
 * and watch for them. Immutable and reference-counted: a watch goes on with the view it holds while
 * a newer one is made. observer  the state of one list or watch call: which objects were seen in
 * the listing under way. One thread.
 */
#ifndef TU_ENGINE_VIEW_H
#define TU_ENGINE_VIEW_H

#include "base/map.h"
#include "desired/desired.h"
#include "engine/index.h"

/* One kind in one namespace, or in all of them, or one kind that knows no namespaces: what is listed
 * and watched as a whole, and can be denied as a whole. */
typedef struct tu_scope {
    const tu_catalogue_kind *kind; /* borrowed from the catalogue, and so is: */
    tu_kind *description;          /* NULL where nothing is desired */
    tu_str namespace_;             /* empty: all, or none because the kind has none */
    bool namespaced;
} tu_scope;

typedef struct tu_view_rule {
    const tu_rule *rule;
    tu_desired_set *set;
    tu_index *index;    /* what is known of the objects; NULL: nothing is kept */
    uint32_t *scope_of; /* of each object of the set */
    bool *looks;        /* beside the scopes: are unmanaged objects looked for in it? */
    tu_map namespaces;  /* a set: the namespaces in which they are */
    bool patterns;      /* and those that a pattern of spec.scope.namespaces matches */
} tu_view_rule;

typedef struct tu_view {
    tu_arena arena;
    uint32_t references; /* atomic */
    tu_config *config;
    tu_view_rule *rules;
    size_t rule_count;
    tu_scope *scopes;
    size_t scope_count;
    tu_str selector; /* for list and watch */
} tu_view;

/* rules[i] and sets[i] belong together; all have the same target. narrow: name every namespace,
 * even where there are many (for credentials that may not list across namespaces).
 *
 * Unmanaged objects are looked for where rule->unmanaged says so: in the kinds and namespaces of
 * spec.scope, else of the desired set. Kinds without namespaces only where spec.scope names them:
 * a rule that holds one ClusterRole has no say about all the others. */
tu_view *tu_view_new(tu_config *config, const tu_rule *const *rules, tu_desired_set *const *sets,
                     size_t n, bool narrow);
/* What is learned of a rule's objects is kept there. Before the view is shared. */
void tu_view_keep(tu_view *v, size_t rule, tu_index *x);
/* The selector for another wish than v->selector, which asks for everything in full. malloc'd.
 * metadata: of the objects listed, of what a watch tells after its first listing. */
typedef struct tu_view_wish {
    bool list_metadata, watch_metadata, environment;
} tu_view_wish;
char *tu_view_ask(const tu_view *v, tu_view_wish wish);
tu_view *tu_view_ref(tu_view *v);
void tu_view_unref(tu_view *v); /* takes NULL */

/* Is there an entry with windows or an expiry, so that the time decides too? */
bool tu_view_is_timed(const tu_view *v);
/* Does the rule look for unmanaged objects in that namespace of that scope? */
bool tu_view_looks_at(const tu_view_rule *r, size_t scope, tu_str namespace_);

/* Judges one object and decides what the finding means. live and predicted may be NULL, and are
 * sealed. */
tu_rc tu_view_judge(tu_arena *a, const tu_rule *rule, const tu_prepared *desired,
                    const tu_value *live, const tu_value *predicted, tu_finding *ret,
                    bool *ret_suspect, tu_error **error);

/* The same, with all that the judge said; and where the index has a memo that explains what is
 * suspect, it is in-sync and confirmed. x may be NULL. */
typedef struct tu_sight {
    tu_finding finding;
    bool suspect; /* a dry run could say more */
    tu_judgement judged;
} tu_sight;
tu_rc tu_view_see(tu_arena *a, const tu_rule *rule, const tu_prepared *desired,
                  const tu_value *live, const tu_value *predicted, tu_index *x, size_t object,
                  tu_sight *ret, tu_error **error);
/* What an index keeps of it. */
tu_known tu_sight_known(const tu_sight *s);
/* Is it settled, so that a baseline may stand for it? `sure`: no dry run is still wanted. */
bool tu_sight_is_settled(const tu_sight *s, bool sure);

/* One object was judged. finding lives until the function returns. */
typedef struct tu_sighting {
    size_t rule, object;
    const tu_finding *finding;
    bool suspect;
    bool replaced;   /* it isn't the object that it was: deleted and made anew, unseen */
    uint32_t serial; /* tu_index_take; 0: there is no index */
} tu_sighting;

/* What an observer tells. A result other than TU_OK stops the call. */
typedef struct tu_observer_sink {
    tu_rc (*sighted)(void *arg, const tu_sighting *s);
    /* News of an object that proves nothing: it must be read whole. live has metadata only. NULL:
     * metadata is never asked for. */
    tu_rc (*look)(void *arg, size_t rule, size_t object, tu_look_reason why, const tu_baseline *now,
                  const tu_value *live);
    /* An object of the rule's scope that stands in no set of the view: `unmanaged`, or `in-sync` with
     * the reason why nobody has to declare it. known: since its listing began it was told as
     * unmanaged. NULL: they aren't looked for. */
    tu_rc (*stranger)(void *arg, size_t rule, const tu_finding *f, bool known);
    tu_rc (*stranger_gone)(void *arg, size_t rule, const tu_object_id *id);
    tu_rc (*ended)(void *arg, size_t scope);   /* a complete listing */
    tu_rc (*current)(void *arg, size_t scope); /* nothing new, and sure of it */
    tu_rc (*lost)(void *arg, size_t scope, tu_rc why, tu_str code, tu_str message);
    tu_rc (*environment)(void *arg, tu_str hash); /* optional */
    void *arg;
} tu_observer_sink;

typedef struct tu_observer {
    tu_view *view;
    tu_arena arena;
    uint8_t **seen;    /* per rule, per object: seen in the listing under way */
    uint8_t *listing;  /* per scope: begun and not ended */
    tu_map *strangers; /* per scope: "RULE OBJECT" of the unmanaged ones since its listing began */
    bool doubt_ruled;  /* what a rule's entries decided is looked at again although it is the same:
                         they have windows or expire */
    uint8_t *unreadable; /* per scope: an object of this listing couldn't be read, so absence proves
                            nothing */
    bool everything;     /* list what nobody owns, too (compare/judge.h) */
    tu_observer_sink sink;
} tu_observer;

/* How an observer names an unmanaged object of a rule. */
void tu_stranger_key(tu_buf *b, const tu_rule *rule, const tu_object_id *id);
void tu_observer_init(tu_observer *o, tu_view *view, const tu_observer_sink *sink);
void tu_observer_done(tu_observer *o);
/* on_record of list and watch calls; arg is the observer. */
tu_rc tu_observer_record(void *arg, uint32_t record, uint32_t index, const tu_value *meta,
                         tu_str body);

#endif
