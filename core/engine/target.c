/*
 * engine/target.c: the targets of the running service: what do they serve, what lives there, and
 * writing to it.
 *
 *   discover (worker, again and again until it works) -> rules load their sets -> view -> watch
 * thread a new set:  scopes unchanged -> the watch goes on, objects that changed are verified one
 * by one scopes changed   -> the watch is begun anew with the new selector sightings from the
 * watch, a listing or a verification arrive as jobs on the engine thread and go to drift.c
 */
#include <limits.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/confirm.h"
#include "engine/service.h"
#include "heal/heal.h"

#define CALL_TIMEOUT_MS 60000
#define LIST_TIMEOUT_MS 600000
/* More changed objects than this are found by one listing instead of one read each. */
#define VERIFY_SINGLY 100
/* Healing waits this long for more to come, so that one commit's objects are applied in their
 * order. */
#define HEAL_GATHER_MS 5
/* What waits for an earlier stage looks again after this. */
#define HEAL_WAIT_MS 20
/* What couldn't be determined is looked at again after this long, then with growing pauses. */
#define FIRST_LOOK_MS 5000

static tu_call_options options(const target_state *t, int64_t timeout_ms) {
    return (tu_call_options){.cancel = t->s->cancel, .timeout_ms = timeout_ms};
}

static void start_watch(target_state *t);
static void list_now(target_state *t);

/* --- discovery -------------------------------------------------------------------------------- */

typedef struct discover_job {
    tu_job job;
    target_state *t;
    tu_catalogue *catalogue;
    tu_error *error;
    tu_rc rc;
} discover_job;

static void discover_work(tu_job *job) {
    discover_job *j = (discover_job *)job;
    tu_call_options call = options(j->t, CALL_TIMEOUT_MS);
    j->rc = service_is_stopping(j->t->s)
                ? TU_ECANCELLED
                : tu_catalogue_discover(j->t->plugin, &call, &j->catalogue, &j->error);
}

static bool has_unknown_kinds(const target_state *t) {
    for (size_t i = 0; i < t->s->rule_count; i++) {
        const rule_state *r = &t->s->rules[i];
        for (size_t k = 0; r->target == t && r->set && k < r->set->problem_count; k++)
            if (r->set->problems[k]->verdict == TU_VERDICT_UNKNOWN)
                return true;
    }
    return false;
}

/* Is one of the kinds that the rule's set misses served now? */
static bool has_found_kinds(const target_state *t, const rule_state *r) {
    for (size_t k = 0; k < r->set->problem_count; k++) {
        const tu_finding *f = r->set->problems[k];
        if (f->verdict == TU_VERDICT_UNKNOWN &&
            tu_catalogue_find(t->catalogue, f->id.group, f->id.version, f->id.kind, NULL))
            return true;
    }
    return false;
}

static void discover(target_state *t);
static void on_discover_timer(uv_timer_t *timer) {
    discover(timer->data);
}

static void discover_again(target_state *t, uint64_t in_ms) {
    uv_timer_start(&t->discover_timer, on_discover_timer, in_ms, 0);
}

/* For kinds that aren't served: soon at first, since a definition is often applied just before. */
static void search_again(target_state *t) {
    unsigned doublings = t->searches < 5 ? t->searches : 5;
    if (t->searches < 5)
        t->searches++;
    discover_again(t, doublings < 4 ? 2000u << doublings : 30000);
}

static bool is_any_lost(const target_state *t) {
    for (size_t i = 0; t->view && i < t->view->scope_count; i++)
        if (t->scope_lost[i])
            return true;
    return false;
}

static void discovered(target_state *t, discover_job *j) {
    service *s = t->s;
    t->failures = 0;
    if (!is_any_lost(t))
        condition_set(s, &t->problem, "target", t->use->name.p, NULL);
    bool again = t->catalogue != NULL;
    tu_catalogue_unref(t->catalogue);
    t->catalogue = TU_TAKE(j->catalogue);
    for (size_t i = 0; i < s->rule_count; i++) {
        rule_state *r = &s->rules[i];
        if (r->target == t && (!again || !r->set || has_found_kinds(t, r)))
            rule_load(r);
    }
}

static void discover_done(tu_job *job) {
    discover_job *j = (discover_job *)job;
    target_state *t = j->t;
    t->discovering = false;
    if (!service_is_stopping(t->s)) {
        if (j->rc == TU_OK) {
            discovered(t, j);
            if (has_unknown_kinds(t))
                search_again(t);
        } else {
            condition_set(t->s, &t->problem, "target", t->use->name.p, tu_error_text(j->error));
            uint64_t wait = 1000u << (t->failures < 5 ? t->failures : 5);
            t->failures++;
            discover_again(t, wait < 30000 ? wait : 30000);
        }
    }
    tu_catalogue_unref(j->catalogue);
    tu_error_free(j->error);
    free(j);
}

static void discover(target_state *t) {
    if (t->discovering)
        return;
    t->discovering = true;
    discover_job *j = tu_xcalloc(1, sizeof *j);
    j->job = (tu_job){.work = discover_work, .done = discover_done};
    j->t = t;
    tu_worker_submit(t->worker, &j->job);
}

/* --- sightings -------------------------------------------------------------------------------- */

typedef struct sighting_job {
    tu_job job;
    rule_state *r;
    tu_arena arena;
    tu_finding *finding;
    uint64_t desired_hash; /* of the object that was judged: is the sighting still about what is
                              desired now? */
    bool suspect, healed;
    sighting_origin origin;
    char *heal_error;
} sighting_job;

static void sighting_free(sighting_job *j) {
    tu_arena_done(&j->arena);
    free(j->heal_error);
    free(j);
}

static void sighting_done(tu_job *job) {
    sighting_job *j = (sighting_job *)job;
    rule_state *r = j->r;
    if (!service_is_stopping(r->s) && r->set) {
        size_t object = tu_desired_find(r->set, &j->finding->id);
        if (object != TU_DESIRED_NONE && tu_desired_hash(r->set, object) == j->desired_hash)
            drift_sighted(r, j->finding, j->suspect, j->origin, j->healed, j->heal_error);
    }
    sighting_free(j);
}

static sighting_job *sighting_new(rule_state *r, uint64_t desired_hash, const tu_finding *f,
                                  sighting_origin origin) {
    sighting_job *j = tu_xcalloc(1, sizeof *j);
    j->job.done = sighting_done;
    j->r = r;
    j->origin = origin;
    j->desired_hash = desired_hash;
    tu_arena_init(&j->arena, 0);
    j->finding = tu_finding_copy(&j->arena, f);
    if (!j->finding) {
        sighting_free(j);
        return NULL;
    }
    return j;
}

/* A listing, a new moment of certainty or its loss, for one scope of the view that a call observes.
 */
typedef struct scope_job {
    tu_job job;
    target_state *t;
    tu_view *view; /* whose selector says which scope is meant */
    size_t scope;
    bool listed, lost, denied;
    char *text;
} scope_job;

static void scope_done(tu_job *job) {
    scope_job *j = (scope_job *)job;
    target_state *t = j->t;
    service *s = t->s;
    if (!service_is_stopping(s) && t->view && tu_str_eq(t->view->selector, j->view->selector)) {
        t->scope_lost[j->scope] = j->lost;
        if (j->listed)
            t->scope_listed[j->scope] = 1;
        if (j->lost) {
            const tu_scope *scope = &t->view->scopes[j->scope];
            char what[512];
            snprintf(what, sizeof what, "%.*s: %s", TU_P(scope->kind), j->text);
            condition_set(s, &t->problem, "target", t->use->name.p, what);
        } else if (!is_any_lost(t)) {
            condition_set(s, &t->problem, "target", t->use->name.p, NULL);
            t->current_ms = tu_clock_wall(&s->clock);
        }
        if (j->denied && !t->narrow) {
            t->narrow = true;
            start_watch(t);
        }
    }
    tu_view_unref(j->view);
    free(j->text);
    free(j);
}

/* --- what a call observes: its sink ----------------------------------------------------------- */

typedef struct observing {
    target_state *t;
    tu_view *view;
    tu_observer observer;
    rule_state **rules;      /* beside the view's rules */
    const tu_cancel *cancel; /* the watch's; NULL for a listing on the worker */
} observing;

static bool is_cancelled(const void *cancel) {
    return cancel && tu_cancel_fired(cancel);
}

static tu_rc on_sighted(void *arg, size_t rule, size_t object, const tu_finding *f, bool suspect) {
    observing *o = arg;
    uint64_t hash = tu_desired_hash(o->view->rules[rule].set, object);
    sighting_job *j = sighting_new(o->rules[rule], hash, f, BY_WATCH);
    if (!j)
        return TU_EINTERNAL;
    j->suspect = suspect;
    if (!tu_inbox_post_bounded(o->t->s->inbox, &j->job, is_cancelled, o->cancel)) {
        sighting_free(j);
        return TU_ECANCELLED;
    }
    return TU_OK;
}

static tu_rc post_scope(observing *o, size_t scope, bool listed, bool lost, bool denied,
                        tu_str text) {
    scope_job *j = tu_xcalloc(1, sizeof *j);
    j->job.done = scope_done;
    j->t = o->t;
    j->view = tu_view_ref(o->view);
    j->scope = scope;
    j->listed = listed;
    j->lost = lost;
    j->denied = denied;
    if (lost) {
        j->text = tu_xmalloc(text.n + 1);
        memcpy(j->text, text.p ? text.p : "", text.n);
        j->text[text.n] = 0;
    }
    tu_inbox_post(o->t->s->inbox, &j->job);
    return TU_OK;
}

static tu_rc on_ended(void *arg, size_t scope) {
    return post_scope(arg, scope, true, false, false, (tu_str){0});
}

static tu_rc on_current(void *arg, size_t scope) {
    return post_scope(arg, scope, false, false, false, (tu_str){0});
}

static tu_rc on_lost(void *arg, size_t scope, tu_rc why, tu_str code, tu_str message) {
    (void)code;
    observing *o = arg;
    bool denied = why == TU_EDENIED && o->view->scopes[scope].namespace_count == 0;
    return post_scope(o, scope, false, true, denied, message);
}

static void observing_init(observing *o, target_state *t, tu_view *view) {
    *o = (observing){.t = t, .view = tu_view_ref(view)};
    o->rules = tu_xcalloc(view->rule_count, sizeof(*o->rules));
    for (size_t i = 0; i < view->rule_count; i++)
        for (size_t k = 0; k < t->s->rule_count; k++)
            if (t->s->rules[k].rule == view->rules[i].rule)
                o->rules[i] = &t->s->rules[k];
    const tu_observer_sink sink = {
        .sighted = on_sighted, .ended = on_ended, .current = on_current, .lost = on_lost, .arg = o};
    tu_observer_init(&o->observer, view, &sink);
}

static void observing_done(observing *o) {
    tu_observer_done(&o->observer);
    tu_view_unref(o->view);
    free(o->rules);
}

/* --- the watch thread ------------------------------------------------------------------------- */

/* A newer view with the same scopes is taken up between records, but never within a listing: what
 * was seen in it belongs to the view that it began with. */
typedef struct watching {
    target_state *t;
    tu_cancel *cancel;
    uint32_t serial;  /* of the view observed now */
    uint8_t *listing; /* per scope: begun and not ended */
    size_t listings;  /* how many of them */
    observing o;
} watching;

static void take_view(watching *w) {
    target_state *t = w->t;
    pthread_mutex_lock(&t->view_lock);
    tu_view *view = tu_view_ref(t->view);
    w->serial = t->view_serial;
    pthread_mutex_unlock(&t->view_lock);
    observing_init(&w->o, t, view);
    w->o.cancel = w->cancel;
    free(w->listing);
    w->listing = tu_xcalloc(view->scope_count, 1);
    tu_view_unref(view); /* the observer holds its own */
    w->listings = 0;
}

static void note_listing(watching *w, uint32_t record, uint32_t scope) {
    bool begins = record == TU_REC_BEGIN;
    bool ends = record == TU_REC_END || record == TU_REC_LOST;
    if (scope >= w->o.view->scope_count || (!begins && !ends) || w->listing[scope] == begins)
        return;
    w->listing[scope] = begins;
    w->listings += begins ? 1 : (size_t)-1;
}

static tu_rc on_watched(void *arg, uint32_t record, uint32_t index, const tu_value *meta,
                        tu_str body) {
    watching *w = arg;
    if (w->listings == 0 && w->serial != __atomic_load_n(&w->t->view_serial, __ATOMIC_ACQUIRE)) {
        observing_done(&w->o);
        take_view(w);
    }
    note_listing(w, record, index);
    return tu_observer_record(&w->o.observer, record, index, meta, body);
}

/* A watch that ended as a whole: nothing is known to be current until one of its scopes is again,
 * which takes the words back (scope_done). */
typedef struct ended_job {
    tu_job job;
    target_state *t;
    tu_error *why;
} ended_job;

static void ended_done(tu_job *job) {
    ended_job *j = (ended_job *)job;
    if (!service_is_stopping(j->t->s))
        condition_set(j->t->s, &j->t->problem, "target", j->t->use->name.p, tu_error_text(j->why));
    tu_error_free(j->why);
    free(j);
}

static void post_ended(target_state *t, tu_error *why) {
    ended_job *j = tu_xcalloc(1, sizeof *j);
    *j = (ended_job){.job.done = ended_done, .t = t, .why = why};
    tu_inbox_post(t->s->inbox, &j->job);
}

static void *watch(void *arg) {
    watching *w = arg;
    for (unsigned failures = 0; !tu_cancel_fired(w->cancel); failures++) {
        take_view(w);
        tu_str selector = tu_str_c(tu_xstrdup(w->o.view->selector.p));
        const tu_call_options call = {.on_record = on_watched, .arg = w, .cancel = w->cancel};
        _cleanup_(tu_error_freep) tu_error *why = NULL;
        tu_rc rc = tu_call_target_watch(w->t->plugin, selector, &call, &why);
        observing_done(&w->o);
        free((char *)(uintptr_t)selector.p);
        if (rc == TU_ECANCELLED || tu_cancel_fired(w->cancel))
            break;
        tu_log(TU_LOG_WARN, "watching a target ended, beginning again", "target", w->t->use->name.p,
               "error", tu_error_text(why), NULL);
        post_ended(w->t, TU_TAKE(why));
        tu_cancel_wait(w->cancel, 1000u << (failures < 5 ? failures : 5));
    }
    free(w->listing);
    free(w);
    return NULL;
}

static void stop_watch(target_state *t) {
    if (!t->watching)
        return;
    tu_cancel_fire(t->watch_cancel);
    tu_inbox_nudge(t->s->inbox);
    pthread_join(t->watch, NULL);
    tu_cancel_free(t->watch_cancel);
    t->watch_cancel = NULL;
    t->watching = false;
}

static void on_poll(uv_timer_t *timer) {
    list_now(timer->data);
}

/* The view of all rules of this target that have a set. */
static tu_view *build_view(const target_state *t) {
    service *s = t->s;
    const tu_rule **rules = tu_xcalloc(s->rule_count, sizeof(*rules));
    tu_desired_set **sets = tu_xcalloc(s->rule_count, sizeof(*sets));
    size_t n = 0;
    for (size_t i = 0; i < s->rule_count; i++)
        if (s->rules[i].target == t && s->rules[i].set) {
            rules[n] = s->rules[i].rule;
            sets[n++] = s->rules[i].set;
        }
    tu_view *view = tu_view_new(s->config, rules, sets, n, t->narrow);
    free(rules);
    free(sets);
    return view;
}

static void put_view(target_state *t, tu_view *view) {
    pthread_mutex_lock(&t->view_lock);
    tu_view *old = t->view;
    t->view = view;
    __atomic_add_fetch(&t->view_serial, 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&t->view_lock);
    tu_view_unref(old);
}

/* (Re)starts the watch on a view with other scopes than before. */
static void start_watch(target_state *t) {
    stop_watch(t);
    put_view(t, build_view(t));
    free(t->scope_lost);
    free(t->scope_listed);
    t->scope_lost = tu_xcalloc(t->view->scope_count, 1);
    t->scope_listed = tu_xcalloc(t->view->scope_count, 1);
    if (t->view->scope_count == 0)
        return;
    if (!tu_plugin_use_can_watch(t->plugin)) {
        uv_timer_start(&t->poll_timer, on_poll, 0, (uint64_t)t->use->interval_ms);
        return;
    }
    watching *w = tu_xcalloc(1, sizeof *w);
    w->t = t;
    w->cancel = t->watch_cancel = tu_cancel_new();
    t->watching = pthread_create(&t->watch, NULL, watch, w) == 0;
}

/* --- a full listing --------------------------------------------------------------------------- */

typedef struct list_job {
    tu_job job;
    target_state *t;
    tu_view *view;
    tu_error *error;
    tu_rc rc;
} list_job;

static void list_work(tu_job *job) {
    list_job *j = (list_job *)job;
    if (service_is_stopping(j->t->s))
        return;
    observing o;
    observing_init(&o, j->t, j->view);
    tu_call_options call = options(j->t, LIST_TIMEOUT_MS);
    call.on_record = tu_observer_record;
    call.arg = &o.observer;
    j->rc = tu_call_list(j->t->plugin, j->view->selector, &call, &j->error);
    observing_done(&o);
}

static void list_done(tu_job *job) {
    list_job *j = (list_job *)job;
    if (!service_is_stopping(j->t->s) && j->rc != TU_OK && j->rc != TU_ECANCELLED)
        condition_set(j->t->s, &j->t->problem, "target", j->t->use->name.p,
                      tu_error_text(j->error));
    tu_view_unref(j->view);
    tu_error_free(j->error);
    free(j);
}

static void list_view(target_state *t, tu_view *view) {
    list_job *j = tu_xcalloc(1, sizeof *j);
    j->job = (tu_job){.work = list_work, .done = list_done};
    j->t = t;
    j->view = view;
    tu_worker_submit(t->worker, &j->job);
}

static void list_now(target_state *t) {
    if (t->view && t->view->scope_count)
        list_view(t, tu_view_ref(t->view));
}

static void on_pass(uv_timer_t *timer) {
    rule_state *r = timer->data;
    if (!r->set || r->set->n == 0)
        return;
    list_view(r->target, tu_view_new(r->s->config, &r->rule, &r->set, 1, r->target->narrow));
}

void target_look_later(rule_state *r) {
    uint64_t interval = (uint64_t)r->rule->interval_ms, wait = FIRST_LOOK_MS;
    for (unsigned i = 0; i < r->looks && wait < interval; i++)
        wait *= 2;
    if (wait >= uv_timer_get_due_in(&r->pass_timer))
        return;
    r->looks++;
    uv_timer_start(&r->pass_timer, on_pass, wait, interval);
}

/* --- verifying single objects ----------------------------------------------------------------- */

typedef struct verify_job {
    tu_job job;
    rule_state *r;
    tu_desired_set *set;
    uint32_t *objects;
    size_t n;
} verify_job;

static void verify_one(verify_job *j, uint32_t object) {
    target_state *t = j->r->target;
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_finding f;
    const tu_value *live = NULL;
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    const tu_call_options call = options(t, CALL_TIMEOUT_MS);
    tu_prepared p;
    tu_rc rc = tu_desired_open(j->set, object, &a, &p, &why);
    if (rc == TU_OK)
        rc = tu_verify(&a, j->r->rule, t->plugin, &p, &call, &live, &f, &why);
    if (rc != TU_OK) {
        f = tu_desired_finding(j->set, object, TU_VERDICT_UNKNOWN);
        f.reason = tu_str_c(tu_error_text(why));
    }
    uint64_t hash = tu_desired_hash(j->set, object);
    sighting_job *sighting = rc == TU_ECANCELLED ? NULL : sighting_new(j->r, hash, &f, BY_VERIFY);
    if (sighting)
        tu_inbox_post(t->s->inbox, &sighting->job);
    tu_arena_done(&a);
}

static void verify_work(tu_job *job) {
    verify_job *j = (verify_job *)job;
    for (size_t i = 0; i < j->n && !service_is_stopping(j->r->s); i++)
        verify_one(j, j->objects[i]);
}

static void verify_done(tu_job *job) {
    verify_job *j = (verify_job *)job;
    tu_desired_unref(j->set);
    free(j->objects);
    free(j);
}

void target_verify(target_state *t, rule_state *r, const uint32_t *objects, size_t n) {
    if (n == 0)
        return;
    verify_job *j = tu_xcalloc(1, sizeof *j);
    j->job = (tu_job){.work = verify_work, .done = verify_done};
    j->r = r;
    j->set = tu_desired_ref(r->set);
    j->objects = tu_xmalloc(n * sizeof *objects);
    memcpy(j->objects, objects, n * sizeof *objects);
    j->n = n;
    tu_worker_submit(t->worker, &j->job);
}

/* --- healing ---------------------------------------------------------------------------------- */

typedef struct heal_job {
    tu_job job;
    rule_state *r;
    tu_desired_set *set;
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
    tu_prepared desired;
    bool written = false;
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    const tu_call_options call = options(t, CALL_TIMEOUT_MS);
    tu_rc rc = tu_desired_open(j->set, j->object, &a, &desired, &why);
    if (rc == TU_OK)
        rc = tu_heal_one(&a, j->r->rule, t->plugin, &desired, TU_ACTION_HEAL, &call, &f, &written,
                         &why);
    uint64_t hash = tu_desired_hash(j->set, j->object);
    sighting_job *sighting = rc == TU_ECANCELLED ? NULL : sighting_new(j->r, hash, &f, BY_HEAL);
    if (sighting) {
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
    if (n && has_unknown_kinds(t))
        discover_again(t, 500); /* one of them may be the definition that a kind waits for */
    free(due);
    if (next >= 0)
        uv_timer_start(&t->heal_timer, heal_due, (uint64_t)next + 1, 0);
}

void target_heal_soon(target_state *t, int64_t delay_ms) {
    uint64_t wait = (uint64_t)(delay_ms > HEAL_GATHER_MS ? delay_ms : HEAL_GATHER_MS);
    if (!uv_is_active((uv_handle_t *)&t->heal_timer) || uv_timer_get_due_in(&t->heal_timer) > wait)
        uv_timer_start(&t->heal_timer, heal_due, wait, 0);
}

/* --- a rule has a new set --------------------------------------------------------------------- */

/* Verdicts of what didn't change go over; what left is forgotten; the rest is to be looked at.
 * Returns those. */
static uint32_t *carry_over(rule_state *r, tu_desired_set *old, uint8_t *old_verdicts,
                            size_t *ret_n) {
    tu_desired_set *set = r->set;
    uint32_t *changed = tu_xcalloc(set->n + 1, sizeof *changed);
    size_t n = 0;
    r->verdicts = tu_xmalloc(set->n + 1);
    for (size_t i = 0; i < set->n; i++) {
        const tu_object_id id = tu_desired_id(set, i);
        size_t before = old ? tu_desired_find(old, &id) : TU_DESIRED_NONE;
        if (before != TU_DESIRED_NONE && tu_desired_hash(old, before) == tu_desired_hash(set, i)) {
            r->verdicts[i] = old_verdicts[before];
        } else {
            r->verdicts[i] = VERDICT_PENDING;
            changed[n++] = (uint32_t)i;
        }
    }
    for (size_t i = 0; old && i < old->n; i++) {
        const tu_object_id id = tu_desired_id(old, i);
        if (tu_desired_find(set, &id) == TU_DESIRED_NONE)
            drift_left_git(r, &id);
    }
    *ret_n = n;
    return changed;
}

void target_set_changed(target_state *t, rule_state *r, tu_desired_set *old) {
    uint8_t *old_verdicts = r->verdicts;
    size_t n = 0;
    uint32_t *changed = carry_over(r, old, old_verdicts, &n);
    free(old_verdicts);
    drift_problems(r);
    r->looks = 0;
    if (!uv_is_active((uv_handle_t *)&r->pass_timer))
        uv_timer_start(&r->pass_timer, on_pass, (uint64_t)r->rule->interval_ms,
                       (uint64_t)r->rule->interval_ms);
    tu_view *view = build_view(t);
    if (t->view && tu_str_eq(view->selector, t->view->selector)) {
        put_view(t, view);
        if (n <= VERIFY_SINGLY)
            target_verify(t, r, changed, n);
        else
            on_pass(&r->pass_timer);
    } else { /* the listing that a watch begins with sees everything anew */
        tu_view_unref(view);
        start_watch(t);
    }
    free(changed);
    if (!has_unknown_kinds(t))
        t->searches = 0;
    else
        search_again(t);
}

/* --- start and stop --------------------------------------------------------------------------- */

void target_start(target_state *t) {
    pthread_mutex_init(&t->view_lock, NULL);
    t->worker = tu_worker_new(t->s->inbox, t->use->name.p);
    service_timer(t->s, &t->discover_timer, t);
    service_timer(t->s, &t->heal_timer, t);
    service_timer(t->s, &t->poll_timer, t);
    discover(t);
}

void target_stop(target_state *t) {
    stop_watch(t);
    tu_worker_free(t->worker);
    t->worker = NULL;
}
