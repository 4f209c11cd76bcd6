/*
 * engine/unmanaged.h: what lives in a rule's scope and stands in no source, and how much of what
 * lives there is covered by the source. Collected by a pass; a running service keeps drifts instead.
 */
#ifndef TU_ENGINE_UNMANAGED_H
#define TU_ENGINE_UNMANAGED_H

#include "engine/view.h"
#include "report/report.h"

typedef struct tu_strangers {
    tu_finding **items; /* what no entry of the rule ignores is `unmanaged` */
    size_t n, capacity;
    size_t explained; /* how many nobody has to declare */
} tu_strangers;

/* f is copied into the arena. */
tu_rc tu_strangers_add(tu_strangers *s, tu_arena *a, const tu_finding *f);
/* Takes out what that set names. */
void tu_strangers_subtract(tu_strangers *s, const tu_desired_set *set);
void tu_strangers_done(tu_strangers *s);

/* Counts by kind and namespace what the rule looks at. Everything returned is in the arena. */
void tu_coverage_of(tu_arena *a, const tu_view *v, const tu_strangers *s,
                    tu_finding *const *findings, size_t n, tu_coverage *ret);

#endif
