/*
 * engine/target-heal.c: what may be healed now goes to the target's worker, in order of stages.
 */
#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"
#include "engine/target.h"
#include "heal/heal.h"

/* Healing waits this long for more to come, so that one commit's objects are applied in their
 * order. */
#define HEAL_GATHER_MS 5
/* What waits for an earlier stage looks again after this. */
#define HEAL_WAIT_MS 20

typedef struct heal_job {
    tu_job job;
    rule_state *r;
    tu_desired_set *set;
    tu_index *index;
    size_t object;
    int stage;
} heal_job;

static void heal_work(tu_job *job) {
    heal_job *j = (heal_job *)job;
    target_state *t = j->r->target;
    if (service_is_stopping(t->s))
        return;
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_finding f = tu_desired_finding(j->set, j->object, TU_VERDICT_IN_SYNC);
    tu_slot slot = {.index = j->index, .object = j->object};
    tu_prepared desired;
    bool written = false;
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    const tu_call_options call = target_call(t, CALL_TIMEOUT_MS);
    tu_rc rc = tu_desired_open(j->set, j->object, &a, &desired, &why);
    if (rc == TU_OK)
        rc = tu_heal_one(&a, j->r->rule, t->plugin, &desired, TU_ACTION_HEAL, &call, NULL, &f,
                         &written, &why);
    sighting_job *sighting =
        rc == TU_ECANCELLED ? NULL
                            : target_sighting_new(j->r, j->set, j->index, j->object, &f, BY_HEAL);
    if (sighting) {
        sighting->serial = slot.serial;
        sighting->replaced = slot.replaced;
        sighting->healed = written;
        sighting->heal_error = rc == TU_OK ? NULL : tu_xstrdup(tu_error_text(why));
        tu_inbox_post(t->s->inbox, &sighting->job);
    }
    tu_arena_done(&a);
}

static void heal_done(tu_job *job) {
    heal_job *j = (heal_job *)job;
    const tu_object_id id = tu_desired_id(j->set, j->object);
    if (!service_is_stopping(j->r->s))
        drift_heal_ended(j->r, &id);
    tu_desired_unref(j->set);
    tu_index_unref(j->index);
    free(j);
}

static int by_stage(const void *x, const void *y) {
    const heal_job *a = *(heal_job *const *)x, *b = *(heal_job *const *)y;
    if (a->stage != b->stage)
        return a->stage - b->stage;
    return (a->object > b->object) - (a->object < b->object);
}

bool target_has_lost(const target_state *t, const rule_state *r, size_t object) {
    for (size_t i = 0; t->view && i < t->view->rule_count; i++)
        if (t->view->rules[i].set == r->set)
            return t->scope_lost[t->view->rules[i].scope_of[object]];
    return false;
}

/* The first stage of which something is still on its way here: not looked at, or found and not
 * recorded yet. What belongs to a later one waits, or it would come before the namespace that it
 * lives in. What was given to the worker is waited for there. */
static int stage_to_wait_for(const target_state *t, const rule_state *r) {
    int first = INT_MAX;
    for (size_t i = 0; i < r->set->n; i++) {
        if (r->verdicts[i] != VERDICT_PENDING || target_has_lost(t, r, i))
            continue;
        const tu_object_id id = tu_desired_id(r->set, i);
        int stage = tu_heal_stage(id.group, id.kind);
        first = stage < first ? stage : first;
    }
    for (size_t i = 0; i < r->open.n; i++) {
        const open_drift *d = r->open.entries[i].value;
        int stage = tu_heal_stage(d->finding.id.group, d->finding.id.kind);
        if (!d->recorded && d->finding.action == TU_ACTION_HEAL && stage < first)
            first = stage;
    }
    return first;
}

/* Everything that may be healed now goes to the worker, in order of stages; what must wait sets the
 * timer. */
static void heal_due(uv_timer_t *timer) {
    target_state *t = timer->data;
    service *s = t->s;
    heal_job **due = NULL;
    size_t n = 0;
    int64_t next = -1;
    for (size_t i = 0; i < s->rule_count; i++) {
        rule_state *r = &s->rules[i];
        if (r->target != t || !r->set)
            continue;
        int wait_for = stage_to_wait_for(t, r);
        for (size_t k = 0; k < r->open.n; k++) {
            open_drift *d = r->open.entries[k].value;
            int64_t wait = HEAL_WAIT_MS;
            if (d->healing)
                continue;
            if (tu_heal_stage(d->finding.id.group, d->finding.id.kind) > wait_for ||
                !drift_may_heal(d, &wait)) {
                if (wait >= 0 && (next < 0 || wait < next))
                    next = wait;
                continue;
            }
            size_t object = tu_desired_find(r->set, &d->finding.id);
            if (object == TU_DESIRED_NONE)
                continue;
            d->healing = true;
            heal_job *j = tu_xcalloc(1, sizeof *j);
            j->job = (tu_job){.work = heal_work, .done = heal_done};
            j->r = r;
            j->set = tu_desired_ref(r->set);
            j->index = tu_index_ref(r->index);
            j->object = object;
            j->stage = tu_heal_stage(d->finding.id.group, d->finding.id.kind);
            due = tu_xrealloc(due, (n + 1) * sizeof(*due));
            due[n++] = j;
        }
    }
    if (n)
        qsort(due, n, sizeof(*due), by_stage);
    for (size_t i = 0; i < n; i++)
        tu_worker_submit(t->worker, &due[i]->job);
    if (n && target_has_unknown_kinds(t))
        target_discover_again(t, 500); /* one of them may be the definition that a kind waits for */
    free(due);
    if (next >= 0)
        uv_timer_start(&t->heal_timer, heal_due, (uint64_t)next + 1, 0);
}

void target_heal_soon(target_state *t, int64_t delay_ms) {
    uint64_t wait = (uint64_t)(delay_ms > HEAL_GATHER_MS ? delay_ms : HEAL_GATHER_MS);
    if (!uv_is_active((uv_handle_t *)&t->heal_timer) || uv_timer_get_due_in(&t->heal_timer) > wait)
        uv_timer_start(&t->heal_timer, heal_due, wait, 0);
}
