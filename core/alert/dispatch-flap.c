/*
 * alert/dispatch-flap.c: how often an object began to drift lately. Each beginning is an alert of its own; what they
 * are about (tu_entry_alert.object) is what they are counted by.
 *
 * Invariant: nothing is kept of an object that didn't begin to drift within the window. It isn't in the store: after
 * a restart an object that flaps between incidents is found out later; an incident knows itself that it flaps.
 */
#include <stdlib.h>

#include "alert/dispatch-inside.h"

static tu_flap *flap_of(const tu_dispatch *d, uint64_t object) {
    return (tu_flap *)tu_table_first(&d->flaps, object);
}

void tu_flap_count(tu_dispatch *d, const tu_entry_alert *a, int64_t boot_ms) {
    tu_flap *f = flap_of(d, a->object);
    if (f == NULL) {
        f = tu_xcalloc(1, sizeof *f);
        tu_table_add(&d->flaps, &f->node, a->object);
    }
    f->at[f->count++ % TU_FLAP_KEPT] = (uint32_t)(boot_ms / 1000);
    if (d->sweep_ms == TU_NEVER)
        d->sweep_ms = boot_ms + TU_FLAP_WINDOW_MS;
}

/* How often it began within the window that ends now. */
static size_t begun_lately(const tu_flap *f, int64_t boot_ms) {
    size_t n = 0;
    for (size_t k = 0; k < TU_FLAP_KEPT && k < f->count; k++)
        n += (int64_t)f->at[k] * 1000 + TU_FLAP_WINDOW_MS > boot_ms;
    return n;
}

size_t tu_flap_look(const tu_dispatch *d, const tu_entry_alert *a, int64_t boot_ms,
                    int64_t *ret_calm) {
    const tu_flap *f = flap_of(d, a->object);
    if (f == NULL)
        return 0;
    size_t n = begun_lately(f, boot_ms);
    if (n < TU_FLAP_COUNT)
        return n;
    uint32_t at = f->at[(f->count - TU_FLAP_COUNT) % TU_FLAP_KEPT]; /* until it leaves the window */
    *ret_calm = (int64_t)at * 1000 + TU_FLAP_WINDOW_MS;
    return n;
}

void tu_flap_sweep(tu_dispatch *d, int64_t boot_ms) {
    tu_node *n = tu_table_any(&d->flaps, NULL);
    while (n) {
        tu_node *next = tu_table_any(&d->flaps, n);
        if (begun_lately((tu_flap *)n, boot_ms) == 0) {
            tu_table_remove(&d->flaps, n);
            free(n);
        }
        n = next;
    }
    d->sweep_ms = d->flaps.n ? boot_ms + TU_FLAP_WINDOW_MS : TU_NEVER;
}

void tu_flap_done(tu_dispatch *d) {
    for (tu_node *n = tu_table_any(&d->flaps, NULL), *next; n; n = next) {
        next = tu_table_any(&d->flaps, n);
        free(n);
    }
    free(d->flaps.heads);
}
