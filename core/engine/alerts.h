/*
 * engine/alerts.h: what happens to drifts and to trueup itself, handed to the dispatcher
 * (alert/dispatch.h), and what that decides, handed to the store (record.h).
 *
 *   drift-record.c --- alerts_drift ----.
 *   conditions, healing, deliveries --- trouble_... (troubles.c) --> the dispatcher --> effects --> record
 *   timer, socket (answer*.c) ----------'
 *
 * The dispatcher lives on the engine's thread, as long as one configuration is in force: a reload
 * restores it from the store as a start does, so that there is one way only. All here is called on the
 * engine's thread.
 */
#ifndef TU_ENGINE_ALERTS_H
#define TU_ENGINE_ALERTS_H

#include "alert/body.h"
#include "alert/dispatch.h"
#include "engine/record.h"

/* Reads the store: before anything is submitted to it. */
void alerts_start(service *s);
/* Drifts are restored, too: what configuring decided is written. */
void alerts_begin(service *s);
void alerts_free(service *s);
void alerts_close(service *s); /* its timers */
tu_dispatch *alerts_dispatch(const service *s);
tu_moment alerts_now(const service *s);
/* The record's effects are complete: submits it (or frees it, if it is empty) and sets the timer anew. */
void alerts_submit(record *r);

/* A drift that is told began, changed or (by: not NULL) ended. r has its row. */
void alerts_drift(record *r, const open_drift *d, const char *by);
/* The same of a row of the store, whose rule is gone. r->drift says how it ended. */
void alerts_orphan(record *r);
/* Is that drift's alert known? One of version 1 isn't. The dispatcher hears what it said last. */
bool alerts_recall(const service *s, const tu_drift *row);

/* --- deliver.c tells ---------------------------------------------------------------------------- */

/* It can't be delivered, ever. To be called before the outcome is submitted to the store: the
 * fallback's part is written first. */
void alerts_dead(service *s, const tu_delivery *d, const char *why);
/* An attempt ended. broken: how many in a row, this one too, failed in the plugin itself (TU_EINTERNAL). */
void alerts_answered(service *s, tu_str receiver, tu_str plugin, unsigned broken, const char *why);
/* The receiver took something. */
void alerts_delivered(service *s, const tu_delivery *d);

/* --- troubles.c: alerts about trueup itself ------------------------------------------------------ */

/* It lasts since now, or since it was said first; another text is an update. It is told once it has
 * lasted delay_ms. `until` > 0: it ends by itself so long after it was last said. Copies what it
 * keeps; started_ms is filled in. */
void trouble_is(service *s, const tu_alert_trouble *t, int64_t delay_ms, int64_t until_ms);
void trouble_ends(service *s, const char *problem, tu_str name, const char *by);
/* What condition_set() heard: what is "source", "target", "rule", "store" or "configuration"; text NULL: all
 * is well. */
void trouble_condition(service *s, const char *what, const char *name, const char *text);
/* Healing an object (its drift's key) failed, or is fought. */
void trouble_heal(rule_state *r, const char *problem, const char *key, const char *text,
                  int64_t until_ms);
void trouble_heal_ends(rule_state *r, const char *problem, const char *key, const char *by);

#define TROUBLE_FOUGHT_MS 600000 /* so long after the last time that somebody changed it back */

void troubles_start(service *s);
void troubles_restore(service *s, const tu_alert_row *row);
void troubles_read(service *s); /* the words of restored ones, from the store */
/* All of an earlier run is restored, drifts too: what is over by now ends. */
void troubles_review(service *s);
void troubles_close(service *s);
void troubles_free(service *s);
/* Is that alert the one that tells that nothing can be delivered to the receiver? */
bool trouble_is_dead_receiver(const service *s, tu_str fingerprint, tu_str receiver);
/* How many there are now, with a word on each; for the heartbeat. */
size_t troubles_list(const service *s, void (*each)(void *arg, const tu_alert_trouble *t),
                     void *arg);

/* --- plan.c ------------------------------------------------------------------------------------------ */

/* What trueup will do about it, and when: the word, and a sentence to out. */
const char *alerts_plan(const open_drift *d, tu_buf *out);

#endif
