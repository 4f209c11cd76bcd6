/*
 * engine/service.h: the running service's own books. Only core/engine includes it.
 *
 * One thread, the engine's, owns everything here; workers and watches get copies or immutable
 * things and answer through the inbox (worker.h). A reload or a stop tears the whole structure
 * down: calls are cancelled, threads joined, the inbox drained, and only then is anything freed, so
 * a job may keep pointers into it for as long as it lives.
 *
 *   source.c    asks sources for their revision, loads desired sets
 *   target*.c   discovers, keeps the view, watches, lists, verifies and heals (target.h)
 *   drift*.c    findings to drifts: opened, updated, resolved, recorded; when to heal (drift.h)
 *   record.c    what happened, into the store: many waiting records with one sync
 *   alerts.c    drifts to the dispatcher, its decisions to the store; troubles.c: alerts about trueup itself
 *   deliver*.c  what is due in the outbox to the notifiers, and the outcome back (deliver.h)
 *   evidence.c  signs the audit trail, forgets what is over, hands the trail out
 *   socket.c    answers on the unix socket: status.c (what is known), events.c (what changes), answer*.c
 *               (alerts)
 *   service.c   starts, reloads and stops all of it
 */
#ifndef TU_ENGINE_SERVICE_H
#define TU_ENGINE_SERVICE_H

#include <pthread.h>

#include "base/clock.h"
#include "base/map.h"
#include "desired/desired.h"
#include "engine/engine.h"
#include "engine/index.h"
#include "engine/session.h"
#include "engine/view.h"
#include "engine/worker.h"
#include "store/store.h"

typedef struct service service;
typedef struct source_state source_state;
typedef struct target_state target_state;
typedef struct rule_state rule_state;
typedef struct open_drift open_drift;
typedef struct status_server status_server;
typedef struct evidence evidence;

/* What was last said about something that can fail, so that it is logged once and shown with its
 * age. */
typedef struct condition {
    char *text;       /* NULL: all is well */
    int64_t since_ms; /* wall */
} condition;

struct source_state {
    service *s;
    const tu_use *use;
    tu_plugin_use *plugin;
    tu_worker *worker;
    uv_timer_t timer;
    char *revision;
    int64_t checked_ms; /* wall; last time it answered */
    condition problem;
    bool asking, ask_again;
    bool changed; /* atomic: the watch said so and the engine doesn't know yet */
    pthread_t watch;
    bool watching;
};

struct target_state {
    service *s;
    const tu_use *use;
    tu_plugin_use *plugin;
    tu_worker *worker;       /* writes */
    tu_worker *reader;       /* single objects: never behind anything long */
    tu_worker *lister;       /* listings, kinds, files of baselines */
    tu_catalogue *catalogue; /* NULL until discovered */
    bool discovering;
    unsigned failures; /* of discovering, one after the other */
    unsigned searches; /* for kinds that aren't served, one after the other */
    uv_timer_t discover_timer, heal_timer, poll_timer, environment_timer, scrub_timer, save_timer;
    char *environment;      /* what the watch said last; NULL: nothing */
    int64_t environment_ms; /* boot; when everything was looked at because of it */
    bool sweep_wanted;      /* once the kinds are known again */
    bool sweep_queued;      /* atomic: a full listing waits for the lister */
    condition problem;
    int64_t current_ms;                 /* wall; when knowledge was last known to be fresh */
    uint8_t *scope_lost, *scope_listed; /* of the view's scopes */
    tu_view *view; /* what the watch observes; changed under the lock, read freely by the engine
                      thread */
    pthread_mutex_t view_lock;
    uint32_t view_serial; /* atomic: counts the views */
    bool narrow;          /* listing across namespaces was denied */
    pthread_t watch;
    tu_cancel *watch_cancel; /* of the watch that runs; fired before it is joined */
    bool watching;
};

#define VERDICT_PENDING 0xFF

struct rule_state {
    service *s;
    const tu_rule *rule;
    source_state *source;
    target_state *target;
    tu_desired_set *set; /* NULL until loaded */
    tu_index *index;     /* of the set; NULL where the target has no metadata of its own */
    uint8_t *verdicts;   /* of the set's objects; VERDICT_PENDING: not looked at yet */
    size_t loads; /* sets so far: a pending object of the second or a later one came from Git */
    tu_map open;  /* key -> open_drift */
    tu_map heals; /* key -> heal_history */
    condition problem;
    bool loading, load_again;
    uv_timer_t pass_timer;
    int64_t expiry_seen_ms;                /* wall; entries that expired before it have been told */
    unsigned looks;                        /* passes brought forward since the last set */
    int64_t period_start_ms, period_heals; /* the limit of spec.heal.limit */
};

struct open_drift {
    rule_state *rule;
    char *key;
    tu_arena arena;
    tu_finding finding;
    uint64_t hash;      /* of the finding as it was sighted last */
    int64_t *row;       /* the store's id; only the store thread reads or writes it */
    int64_t opened_ms;  /* wall */
    char *revision;     /* the source's, when it was opened */
    bool recorded;      /* the store has it */
    bool told;          /* it is an alert */
    bool alerted;       /* that the store knows from an earlier run */
    bool from_git;      /* a new revision is on its way into the target */
    bool healing;       /* a worker is at it, or it waits for one */
    int64_t heal_at_ms; /* boot; not before */
};

typedef struct heal_history {
    unsigned count;
    int64_t last_ms;  /* boot */
    bool look_again;  /* sighted while it was being healed */
    tu_baseline seen; /* the newest metadata of it that came meanwhile */
} heal_history;

struct service {
    const tu_service_options *options;
    uv_loop_t *loop;
    tu_clock clock;
    tu_config *config;
    tu_session *session;
    tu_store *store;
    status_server *status; /* who follows what happens */
    tu_inbox *inbox;
    tu_worker *store_worker;
    tu_cancel *cancel; /* fires once, when this structure is torn down */
    bool stopping;     /* atomic: read by workers */
    source_state *sources;
    target_state *targets;
    rule_state *rules;
    size_t source_count, target_count, rule_count;
    tu_map notifiers;       /* name -> receiver_state (deliver.h) */
    tu_cancel *send_cancel; /* fires after `cancel`, when attempts under way had time to end */
    tu_map *policies;       /* name -> kept_policy: of receivers, across reloads */
    uv_timer_t deliver_timer;
    bool delivering, deliver_again, queue_recovered;
    struct send_job *ended, **ended_end; /* attempts to record in the next turn */
    size_t ended_count, taken_bytes;
    char *orphan; /* a receiver with deliveries that isn't configured any more */
    int64_t surveyed_ms, clock_wall_ms, clock_boot_ms;
    int64_t delivery_counts[3];
    /* How a delivery ended (alerts.h). What they write is written before the end is recorded: a crash in
     * between tells it again, and loses nothing. */
    void (*delivered)(service *s, const tu_delivery *d);
    void (*undeliverable)(service *s, const tu_delivery *d, const char *why);
    evidence *evidence; /* evidence.c */
    condition store_problem;
    int64_t started_ms;
    condition config_problem;
    bool *reload; /* set by signals and file events */
    size_t handles;
    struct alerts *alerts;     /* alerts.c */
    struct troubles *troubles; /* troubles.c */
    int64_t turned_ms;         /* boot; when this structure was made */
    int64_t *heartbeat_ms;     /* boot; when the last one was made, over reloads; 0: none yet */
    pthread_mutex_t records_lock;
    struct record *records, *records_last; /* record.c: not written yet */
};

/* service.c */
bool service_is_stopping(const service *s);
/* A drift of a rule that is gone, off, or looks at another target now. */
bool service_is_orphan(const tu_config *c, const tu_drift *d);
void service_tell(service *s, const char *event, const rule_state *r, const tu_finding *f,
                  const char *text);
/* Sets or clears (text NULL) a condition; logs when it changes. */
void condition_set(service *s, condition *c, const char *what, const char *name, const char *text);
/* On the store's thread, after a write: waits and returns true when it may work later (a full disk)
 * and nobody stops. Status says so meanwhile. */
bool store_try_again(service *s, tu_rc rc, const char *error);
char *service_baselines(const service *s); /* STATE/baselines; malloc'd */
void service_timer(service *s, uv_timer_t *t, void *data);

/* source.c */
void source_start(source_state *x);
void source_stop(source_state *x);
void source_ask(source_state *x);
void rule_load(rule_state *r);

/* target.c */
void target_start(target_state *t);
void target_stop(target_state *t);
/* The rule has a new set: judge what changed, forget what left, watch what is new. old and its index
 * may be NULL. */
void target_set_changed(target_state *t, rule_state *r, tu_desired_set *old, tu_index *old_index);
/* Reads the object afresh and judges it. later: when there is nothing else to do, and with a dry run
 * where the rule allows one. */
void target_read(target_state *t, rule_state *r, size_t object, bool later);
/* News of an object that prove nothing: reads it, unless that was done already. now may be NULL. */
void target_look(target_state *t, rule_state *r, size_t object, const tu_baseline *now);
/* Something couldn't be determined: the next full pass comes sooner. */
void target_look_later(rule_state *r);
/* Can't the object be seen now? (Its kind can't be listed: denied, or the target doesn't answer.) */
bool target_has_lost(const target_state *t, const rule_state *r, size_t object);
void target_heal_soon(target_state *t, int64_t delay_ms);

/* drift.c */
typedef enum { BY_WATCH, BY_VERIFY, BY_HEAL } sighting_origin;
void drift_sighted(rule_state *r, const tu_finding *f, bool suspect, sighting_origin origin,
                   bool healed, const char *heal_error);
/* The object isn't the one that it was: deleted and made anew, unseen. */
void drift_replaced(rule_state *r, const tu_finding *f);
/* Is it being healed? Then the outcome comes, and this news is looked at after it. */
bool drift_is_healing(rule_state *r, size_t object, const tu_baseline *now);
void drift_heal_ended(rule_state *r, const tu_object_id *id);
/* f is about an object that stands in no manifest: unmanaged, or nobody's concern (any more). */
void drift_stranger(rule_state *r, const tu_finding *f);
/* Findings that stand in the set itself (invalid, unknown kinds). */
void drift_problems(rule_state *r);
void drift_left_git(rule_state *r, const tu_object_id *id);
void drift_restore(service *s); /* open drifts of an earlier run */
/* Those of them of which the dispatcher knows nothing (of version 1) are handed to it. */
void drift_restored(service *s);
void drift_free(void *open);
void drift_key(tu_buf *b, const tu_finding *f);
bool drift_may_heal(const open_drift *d, int64_t *ret_wait_ms);
void drift_record_event(rule_state *r, const char *action, const tu_finding *f, const char *text);

/* deliver.c */
void deliver_start(service *s);
void deliver_kick(service *s);
void deliver_stop(service *s);
void deliver_status(tu_buf *b, const service *s); /* ,"notifiers":[...] */

/* status.c */
void status_write(tu_buf *b, const service *s);

/* socket.c: one socket for the life of the process; who answers changes with the configuration. */
typedef struct status_client status_client;
struct status_server {
    uv_pipe_t pipe;
    bool open;
    service *s; /* NULL while nobody answers; the loop doesn't run then */
    status_client *followers;
};
tu_rc status_open(status_server *x, uv_loop_t *loop, const char *path, tu_error **error);
void status_close(status_server *x, uv_loop_t *loop);
bool status_is_followed(const service *s);
void status_tell(const service *s, tu_str line); /* to all who follow */

/* events.c. changed: it is the same verdict about something else. */
void events_verdict(const rule_state *r, uint8_t previous, const tu_finding *f, bool changed);

void systemd_notify(const char *state);
void systemd_notify_reloading(void);

#endif
