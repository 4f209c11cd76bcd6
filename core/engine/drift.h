/*
 * engine/drift.h: what the files drift*.c share. The rest of the engine knows of drifts what
 * service.h says.
 */
#ifndef TU_ENGINE_DRIFT_H
#define TU_ENGINE_DRIFT_H

#include "engine/service.h"

/* drift.c: another finding, or other words for it: kept, told, recorded. */
void drift_update(open_drift *d, const tu_finding *f, uint64_t hash);

/* drift-record.c. kind: "firing", "update" or "resolved"; tell: is a message made of it? */
void drift_record(open_drift *d, const char *kind, bool tell, const char *by);

/* drift-brake.c */
heal_history *brake_history(rule_state *r, const char *key);
void brake_count(rule_state *r, const char *key); /* it was healed once more */
int64_t brake_pause_failed(unsigned count);       /* how long after the last attempt, ms */
void brake_forget_old(rule_state *r);
/* An attempt that failed: told once, tried again with growing pauses. */
void brake_heal_failed(open_drift *d, const char *why);
/* Somebody changes it back again and again: what the finding says then, malloc'd; NULL where nobody
 * does. */
char *brake_fight_words(rule_state *r, const char *key, const tu_finding *f);

#endif
