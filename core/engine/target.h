/*
 * engine/target.h: what the files target*.c share. The rest of the engine knows of targets what
 * service.h says.
 */
#ifndef TU_ENGINE_TARGET_H
#define TU_ENGINE_TARGET_H

#include "engine/confirm.h"
#include "engine/service.h"

#define CALL_TIMEOUT_MS 60000
#define LIST_TIMEOUT_MS 600000

tu_call_options target_call(const target_state *t, int64_t timeout_ms);

/* target-discover.c */
void target_discover(target_state *t);
void target_discover_again(target_state *t, uint64_t in_ms);
/* For kinds that aren't served: soon at first, since a definition is often applied just before. */
void target_search_again(target_state *t);
bool target_has_unknown_kinds(const target_state *t);

/* target-watch.c: one judged object on its way to drift.c */
typedef struct sighting_job {
    tu_job job;
    rule_state *r;
    tu_arena arena;
    tu_finding *finding;
    uint64_t desired_hash; /* of the object that was judged: is the sighting still about what is
                              desired now? */
    tu_index *index;       /* whose serial it is; may be NULL */
    size_t object;
    uint32_t serial;
    bool suspect, healed, replaced;
    sighting_origin origin;
    char *heal_error;
} sighting_job;
/* object: of the set and the index. NULL: out of memory. */
sighting_job *target_sighting_new(rule_state *r, const tu_desired_set *set, tu_index *index,
                                  size_t object, const tu_finding *f, sighting_origin origin);
void target_sighting_free(sighting_job *j);

/* Something that observes a view for a target: the sink of a list or watch call. */
typedef struct observing {
    target_state *t;
    tu_view *view;
    tu_observer observer;
    rule_state **rules;      /* beside the view's rules */
    const tu_cancel *cancel; /* the watch's; NULL for a listing on the worker */
    bool lost;               /* of some scope not everything was told */
} observing;
void target_observing_init(observing *o, target_state *t, tu_view *view);
void target_observing_done(observing *o);

bool target_is_any_lost(const target_state *t);
/* The view of all rules of this target that have a set. */
tu_view *target_build_view(const target_state *t);
/* The watch goes on with that one, which has the same scopes. */
void target_put_view(target_state *t, tu_view *view);
/* (Re)starts the watch on a view with other scopes than before. */
void target_start_watch(target_state *t);
void target_stop_watch(target_state *t);

/* target-strangers.c: what stands in no set. For an observer's sink: */
tu_rc target_on_stranger(void *arg, size_t rule, const tu_finding *f, bool known);
tu_rc target_on_stranger_gone(void *arg, size_t rule, const tu_object_id *id);
/* The listing of that scope is complete: unmanaged objects that it didn't tell are gone. */
void target_strangers_listed(observing *o, size_t scope);
/* The target has a new view: drifts of what no rule looks for any more are closed. */
void target_strangers_review(target_state *t);

/* target-look.c */
typedef enum {
    LISTING_METADATA, /* what it doesn't prove is read */
    LISTING_PASS,     /* the same; and so is what was decided by the time */
    LISTING_FULL
} listing_kind;
void target_list(target_state *t, tu_view *view, listing_kind kind); /* takes the view over */
void target_list_now(target_state *t);
/* Everything of the target in full, once, however often it is asked for until it begins. */
void target_sweep(target_state *t);
void target_start_passes(rule_state *r);
void target_pass_now(rule_state *r, listing_kind kind);
/* A view keeps what is learned where it belongs. */
void target_keep(target_state *t, tu_view *view);

/* target-baselines.c: environment, scrub, files */
void target_environment(target_state *t, const char *hash);
void target_environment_known(target_state *t); /* the kinds are known again */
void target_baselines_start(target_state *t);
void target_baselines_save(target_state *t);
/* How many of n objects are due after that time; what isn't a whole one comes by chance (0 to
 * UINT32_MAX). */
size_t scrub_share(size_t n, int64_t elapsed_ms, uint32_t chance);

#endif
