/*
 * engine/record.h: what is to be written, on its way to the store: a drift, its audit, what the
 * dispatcher decided because of it, in one transaction.
 *
 * Records reach the store in the order in which they were submitted. Those that wait are written
 * together with one sync; when that fails, each by itself, so that one bad record takes down itself
 * and nothing else. A full disk is waited out: detection goes on, and everything behind keeps its
 * order. What was submitted before the end is written before the end, unless the store fails.
 */
#ifndef TU_ENGINE_RECORD_H
#define TU_ENGINE_RECORD_H

#include "alert/dispatch.h"
#include "engine/service.h"

typedef struct record record;
struct record {
    tu_job job;
    service *s;
    tu_arena arena; /* all of what is below */
    int64_t wall_ms;
    tu_drift drift;
    bool has_drift;
    int64_t *
        row; /* the drift's number in the store, only read and written on the store's thread; may be NULL */
    tu_audit audits[2];
    size_t audit_count;
    tu_alert_row alert;
    bool has_alert;
    tu_silence_row silence;
    bool has_silence;
    tu_effects effects;
    tu_delivery delivery; /* of no incident, with its message */
    bool has_delivery;
    void (*done)(record *r); /* on the engine's thread, before it is freed; may be NULL */
    void *arg;
    char *key; /* of a drift, for its rule's books; malloc'd */
    rule_state *rule;
    tu_rc rc; /* from done() on */
    tu_error *error;
    /* record.c's own */
    bool written;
    record *next;
};
record *record_new(service *s);
void record_submit(record *r);
bool record_is_empty(const record *r);
void record_free(record *r); /* of one that wasn't submitted */

#endif
