/*
 * support/dispatch_world.h: a dispatcher with a virtual clock, the rows that its effects write, and the messages
 * that they make. What it keeps is what the store would keep, so that a dispatcher can be restored from it at any
 * moment.
 */
#ifndef TESTS_SUPPORT_DISPATCH_WORLD_H
#define TESTS_SUPPORT_DISPATCH_WORLD_H

#include "alert/dispatch.h"
#include "base/map.h"

enum { WORLD_START_MS = 1000, WORLD_ALERTS = 64 };
#define WORLD_WALL 1767225600000 /* 2026-01-01T00:00:00Z, a Thursday */

typedef struct world_message {       /* one delivery */
    int64_t at_ms, wall_ms, boot_ms; /* at: since the start, without sleep */
    size_t number;
    char incident[33], receiver[64], event[16], note[160], acknowledged_by[64], route[64];
    bool firing, forwarded; /* forwarded: of an incident that is over, to the fallback */
    size_t firing_count, resolved_count, step, verdicts[TU_VERDICT_COUNT];
    tu_severity severity;
    char (*shown)[33];
    bool *fires;
    size_t shown_count;
} world_message;

typedef struct world {
    tu_dispatch *dispatch;
    tu_config *config;
    tu_moment now;
    int64_t at_ms;
    tu_map alerts, incidents, members, told, silences; /* rows; keys as the store's */
    world_message *messages;
    size_t message_count;
    size_t effects; /* rows, deliveries and audit records so far */
    bool forwarding;
    size_t fail_in;  /* the so-manieth allocation from now on fails, in the dispatcher; 0: none */
    size_t made;     /* allocations in the dispatcher so far */
    bool has_failed; /* one did */
    bool failed;     /* effects of the last call failed: they were not written */
    void (*audit)(void *arg, const struct world *w, tu_str action, tu_str detail);
    void *audit_arg;
} world;

/* spec: of a Routing, flow style YAML lines. Fails the test when it doesn't load. */
tu_config *world_config(tu_str spec);
void world_init(world *w, tu_config *c, bool ready);
void world_done(world *w);
void world_advance(world *w, int64_t ms); /* runs every timer at its time */
void world_alert(world *w, const char *name, bool firing, tu_severity severity,
                 const tu_label *labels, size_t n, uint64_t content);
void world_ready(world *w);
void world_configure(world *w, tu_config *c);
void world_restart(world *w, tu_config *c, bool ready); /* without a word to the old one */
void world_sleep(world *w, int64_t ms);                 /* both clocks go on, and nobody looks */
void world_jump(world *w, int64_t ms);                  /* the wall clock only */
tu_rc world_silence(world *w, const char *id, int64_t for_ms, const char *matchers);
tu_rc world_acknowledge(world *w, const char *who, bool undo); /* the newest open incident */
void world_undeliverable(world *w, const char *receiver,
                         const char *fallback); /* its newest message */

#endif
