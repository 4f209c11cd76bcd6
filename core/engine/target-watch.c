/*
 * engine/target-watch.c: the thread that watches a target, and what comes of each record.
 *
 * Sightings and news of scopes arrive as jobs on the engine thread and go to drift.c.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/target.h"

/* --- sightings -------------------------------------------------------------------------------- */

void target_sighting_free(sighting_job *j) {
    tu_index_unref(j->index);
    tu_arena_done(&j->arena);
    free(j->heal_error);
    free(j);
}

/* Is it about what is desired now, and nothing newer was said of the object? */
static bool is_news(const sighting_job *j, size_t object) {
    const rule_state *r = j->r;
    if (object == TU_DESIRED_NONE || tu_desired_hash(r->set, object) != j->desired_hash)
        return false;
    bool newer = !j->index || j->index != r->index || tu_index_take(j->index, j->object, j->serial);
    return newer || j->origin == BY_HEAL; /* the outcome of what we did is always told */
}

static void sighting_done(tu_job *job) {
    sighting_job *j = (sighting_job *)job;
    rule_state *r = j->r;
    if (!service_is_stopping(r->s) && r->set) {
        size_t object = tu_desired_find(r->set, &j->finding->id);
        if (j->replaced && object != TU_DESIRED_NONE)
            drift_replaced(r, j->finding);
        if (is_news(j, object))
            drift_sighted(r, j->finding, j->suspect, j->origin, j->healed, j->heal_error);
    }
    target_sighting_free(j);
}

sighting_job *target_sighting_new(rule_state *r, const tu_desired_set *set, tu_index *index,
                                  size_t object, const tu_finding *f, sighting_origin origin) {
    sighting_job *j = tu_xcalloc(1, sizeof *j);
    j->job.done = sighting_done;
    j->r = r;
    j->origin = origin;
    j->desired_hash = tu_desired_hash(set, object);
    j->index = tu_index_ref(index);
    j->object = object;
    tu_arena_init(&j->arena, 0);
    j->finding = tu_finding_copy(&j->arena, f);
    if (!j->finding) {
        target_sighting_free(j);
        return NULL;
    }
    return j;
}

bool target_is_any_lost(const target_state *t) {
    for (size_t i = 0; t->view && i < t->view->scope_count; i++)
        if (t->scope_lost[i])
            return true;
    return false;
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
            snprintf(what, sizeof what, "%.*s: %s", TU_P(scope->kind->kind), j->text);
            condition_set(s, &t->problem, "target", t->use->name.p, what);
        } else if (!target_is_any_lost(t)) {
            condition_set(s, &t->problem, "target", t->use->name.p, NULL);
            t->current_ms = tu_clock_wall(&s->clock);
        }
        if (j->denied && !t->narrow) {
            t->narrow = true;
            target_start_watch(t);
        }
    }
    tu_view_unref(j->view);
    free(j->text);
    free(j);
}

/* --- what a call observes: its sink ----------------------------------------------------------- */

static bool is_cancelled(const void *cancel) {
    return cancel && tu_cancel_fired(cancel);
}

/* Nobody will hear of it: so it isn't known either. */
static tu_rc unheard(const tu_view_rule *r, size_t object, tu_rc rc) {
    if (r->index)
        tu_index_forget(r->index, object, 0);
    return rc;
}

static tu_rc on_sighted(void *arg, const tu_sighting *s) {
    observing *o = arg;
    const tu_view_rule *r = &o->view->rules[s->rule];
    sighting_job *j =
        target_sighting_new(o->rules[s->rule], r->set, r->index, s->object, s->finding, BY_WATCH);
    if (!j)
        return unheard(r, s->object, TU_EINTERNAL);
    j->suspect = s->suspect;
    j->serial = s->serial;
    j->replaced = s->replaced;
    if (!tu_inbox_post_bounded(o->t->s->inbox, &j->job, is_cancelled, o->cancel)) {
        target_sighting_free(j);
        return unheard(r, s->object, TU_ECANCELLED);
    }
    return TU_OK;
}

/* Metadata that proves nothing, on its way to target_look(). */
typedef struct look_job {
    tu_job job;
    rule_state *r;
    tu_view *view; /* whose set has the object */
    size_t rule, object;
    tu_baseline now;
} look_job;

static void look_done(tu_job *job) {
    look_job *j = (look_job *)job;
    rule_state *r = j->r;
    const tu_desired_set *set = j->view->rules[j->rule].set;
    if (!service_is_stopping(r->s) && r->set) {
        const tu_object_id id = tu_desired_id(set, j->object);
        size_t object = r->set == set ? j->object : tu_desired_find(r->set, &id);
        if (object != TU_DESIRED_NONE)
            target_look(r->target, r, object, &j->now);
    }
    tu_view_unref(j->view);
    free(j);
}

static void log_look(const tu_view_rule *r, size_t object, tu_look_reason why,
                     const tu_value *live) {
    if (!tu_log_enabled(TU_LOG_DEBUG))
        return;
    _cleanup_(tu_buf_done) tu_buf id = TU_BUF_INIT(4 * TU_KIB), hands = TU_BUF_INIT(4 * TU_KIB);
    const tu_object_id it = tu_desired_id(r->set, object);
    tu_object_id_print(&id, &it);
    if (r->index)
        tu_index_hands(r->index, object, live, &hands);
    tu_log(TU_LOG_DEBUG, "metadata alone proves nothing: the object is read", "object",
           tu_buf_c(&id), "why", tu_look_reason_name(why), "managers", tu_buf_c(&hands), NULL);
}

static tu_rc on_look(void *arg, size_t rule, size_t object, tu_look_reason why,
                     const tu_baseline *now, const tu_value *live) {
    observing *o = arg;
    log_look(&o->view->rules[rule], object, why, live);
    look_job *j = tu_xcalloc(1, sizeof *j);
    *j = (look_job){.job.done = look_done,
                    .r = o->rules[rule],
                    .view = tu_view_ref(o->view),
                    .rule = rule,
                    .object = object,
                    .now = *now};
    if (tu_inbox_post_bounded(o->t->s->inbox, &j->job, is_cancelled, o->cancel))
        return TU_OK;
    tu_view_unref(j->view);
    free(j);
    return TU_ECANCELLED;
}

typedef struct environment_job {
    tu_job job;
    target_state *t;
    char *hash;
} environment_job;

static void environment_done(tu_job *job) {
    environment_job *j = (environment_job *)job;
    if (!service_is_stopping(j->t->s))
        target_environment(j->t, j->hash);
    free(j->hash);
    free(j);
}

static tu_rc on_environment(void *arg, tu_str hash) {
    observing *o = arg;
    environment_job *j = tu_xcalloc(1, sizeof *j);
    j->job.done = environment_done;
    j->t = o->t;
    j->hash = tu_xmalloc(hash.n + 1);
    memcpy(j->hash, hash.n ? hash.p : "", hash.n);
    j->hash[hash.n] = 0;
    tu_inbox_post(o->t->s->inbox, &j->job);
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
    target_strangers_listed(arg, scope);
    return post_scope(arg, scope, true, false, false, (tu_str){0});
}

static tu_rc on_current(void *arg, size_t scope) {
    return post_scope(arg, scope, false, false, false, (tu_str){0});
}

static tu_rc on_lost(void *arg, size_t scope, tu_rc why, tu_str code, tu_str message) {
    (void)code;
    observing *o = arg;
    o->lost = true;
    const tu_scope *s = &o->view->scopes[scope];
    bool denied = why == TU_EDENIED && s->namespaced && s->namespace_.n == 0;
    return post_scope(o, scope, false, true, denied, message);
}

void target_observing_init(observing *o, target_state *t, tu_view *view) {
    *o = (observing){.t = t, .view = tu_view_ref(view)};
    o->rules = tu_xcalloc(view->rule_count, sizeof(*o->rules));
    for (size_t i = 0; i < view->rule_count; i++)
        for (size_t k = 0; k < t->s->rule_count; k++)
            if (t->s->rules[k].rule == view->rules[i].rule)
                o->rules[i] = &t->s->rules[k];
    const tu_observer_sink sink = {.sighted = on_sighted,
                                   .look = on_look,
                                   .environment = on_environment,
                                   .stranger = target_on_stranger,
                                   .stranger_gone = target_on_stranger_gone,
                                   .ended = on_ended,
                                   .current = on_current,
                                   .lost = on_lost,
                                   .arg = o};
    tu_observer_init(&o->observer, view, &sink);
}

void target_observing_done(observing *o) {
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
    target_observing_init(&w->o, t, view);
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
        target_observing_done(&w->o);
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

/* The listing that a watch begins with has all that can't be proved from metadata. */
static char *ask_watch(const tu_view *view) {
    size_t unknown = 0, n = 0, kept = 0;
    for (size_t i = 0; i < view->rule_count; i++) {
        const tu_view_rule *r = &view->rules[i];
        kept += r->index != NULL;
        n += r->set->n;
        unknown += r->index ? tu_index_unknown(r->index) : 0;
    }
    bool all_kept = kept == view->rule_count;
    return tu_view_ask(view,
                       (tu_view_wish){.list_metadata = all_kept && tu_reading_pays(unknown, n),
                                      .watch_metadata = all_kept,
                                      .environment = all_kept});
}

static void *watch(void *arg) {
    watching *w = arg;
    for (unsigned failures = 0; !tu_cancel_fired(w->cancel); failures++) {
        take_view(w);
        char *selector = ask_watch(w->o.view);
        const tu_call_options call = {.on_record = on_watched, .arg = w, .cancel = w->cancel};
        _cleanup_(tu_error_freep) tu_error *why = NULL;
        tu_rc rc = tu_call_target_watch(w->t->plugin, tu_str_c(selector), &call, &why);
        target_observing_done(&w->o);
        free(selector);
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

void target_stop_watch(target_state *t) {
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
    target_list_now(timer->data);
}

tu_view *target_build_view(const target_state *t) {
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
    target_keep((target_state *)(uintptr_t)t, view);
    free(rules);
    free(sets);
    return view;
}

void target_put_view(target_state *t, tu_view *view) {
    pthread_mutex_lock(&t->view_lock);
    tu_view *old = t->view;
    t->view = view;
    __atomic_add_fetch(&t->view_serial, 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&t->view_lock);
    tu_view_unref(old);
}

void target_start_watch(target_state *t) {
    target_stop_watch(t);
    target_put_view(t, target_build_view(t));
    target_strangers_review(t);
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
