/*
 * engine/source.c: the sources of the running service: what revision are they at, and what does it
 * say?
 *
 *   timer or CHANGED -> resolve (worker) -> another revision? -> load each of its rules (worker) ->
 * new desired set
 *
 * A revision that can't be loaded leaves the earlier set in force; the rule says so with the
 * reason.
 */
#include <poll.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/service.h"

/* --- the revision ----------------------------------------------------------------------------- */

typedef struct resolve_job {
    tu_job job;
    source_state *x;
    char *revision;
    tu_error *error;
    tu_rc rc;
} resolve_job;

static void resolve_work(tu_job *job) {
    resolve_job *j = (resolve_job *)job;
    j->rc = service_is_stopping(j->x->s)
                ? TU_ECANCELLED
                : tu_desired_resolve(j->x->plugin, j->x->s->cancel, &j->revision, &j->error);
}

static void schedule(source_state *x);

static void resolve_done(tu_job *job) {
    resolve_job *j = (resolve_job *)job;
    source_state *x = j->x;
    service *s = x->s;
    x->asking = false;
    if (!service_is_stopping(s) && j->rc == TU_OK) {
        x->checked_ms = tu_clock_wall(&s->clock);
        condition_set(s, &x->problem, "source", x->use->name.p, NULL);
        bool moved = !x->revision || strcmp(x->revision, j->revision) != 0;
        if (moved) {
            free(x->revision);
            x->revision = TU_TAKE(j->revision);
            char text[512];
            snprintf(text, sizeof text, "%s is now at %.12s", x->use->name.p, x->revision);
            service_tell(s, "revision", NULL, NULL, text);
        }
        for (size_t i = 0; i < s->rule_count; i++)
            if (s->rules[i].source == x && (moved || !s->rules[i].set || s->rules[i].problem.text))
                rule_load(&s->rules[i]);
    } else if (!service_is_stopping(s)) {
        condition_set(s, &x->problem, "source", x->use->name.p, tu_error_text(j->error));
    }
    if (!service_is_stopping(s))
        schedule(x);
    free(j->revision);
    tu_error_free(j->error);
    free(j);
}

void source_ask(source_state *x) {
    if (x->asking) {
        x->ask_again = true;
        return;
    }
    x->asking = true;
    x->ask_again = false;
    resolve_job *j = tu_xcalloc(1, sizeof *j);
    j->job = (tu_job){.work = resolve_work, .done = resolve_done};
    j->x = x;
    tu_worker_submit(x->worker, &j->job);
}

static void on_timer(uv_timer_t *t) {
    source_ask(t->data);
}

static void schedule(source_state *x) {
    uint64_t wait = x->ask_again ? 0 : (uint64_t)x->use->interval_ms;
    uv_timer_start(&x->timer, on_timer, wait, 0);
}

/* --- a source that tells by itself ------------------------------------------------------------ */

typedef struct changed_job {
    tu_job job;
    source_state *x;
} changed_job;

static void changed_done(tu_job *job) {
    changed_job *j = (changed_job *)job;
    __atomic_store_n(&j->x->changed, false, __ATOMIC_RELEASE);
    if (!service_is_stopping(j->x->s)) {
        /* A save is often several events: ask once they have settled. */
        if (j->x->asking)
            j->x->ask_again = true;
        else
            uv_timer_start(&j->x->timer, on_timer, 30, 0);
    }
    free(j);
}

static tu_rc on_changed(void *arg, uint32_t record, uint32_t index, const tu_value *meta,
                        tu_str body) {
    (void)index;
    (void)meta;
    (void)body;
    source_state *x = arg;
    if (record == TU_REC_CHANGED && !__atomic_exchange_n(&x->changed, true, __ATOMIC_ACQ_REL)) {
        changed_job *j = tu_xcalloc(1, sizeof *j);
        j->job.done = changed_done;
        j->x = x;
        tu_inbox_post(x->s->inbox, &j->job);
    }
    return TU_OK;
}

/* The timer goes on besides, so a watch that fails costs promptness and nothing else. */
static void *watch(void *arg) {
    source_state *x = arg;
    while (!service_is_stopping(x->s)) {
        const tu_call_options call = {.on_record = on_changed, .arg = x, .cancel = x->s->cancel};
        _cleanup_(tu_error_freep) tu_error *why = NULL;
        tu_rc rc = tu_call_source_watch(x->plugin, &call, &why);
        if (rc == TU_ECANCELLED || service_is_stopping(x->s))
            break;
        tu_log(TU_LOG_WARN, "watching a source ended, trying again", "source", x->use->name.p,
               "error", tu_error_text(why), NULL);
        tu_cancel_wait(x->s->cancel, 5000);
    }
    return NULL;
}

/* --- a rule's desired set --------------------------------------------------------------------- */

typedef struct load_job {
    tu_job job;
    rule_state *r;
    char *revision;
    tu_catalogue *catalogue;
    tu_desired_set *set;
    tu_index *index;
    bool first; /* what an earlier run knew is taken up */
    tu_error *error;
    tu_rc rc;
} load_job;

static void load_work(tu_job *job) {
    load_job *j = (load_job *)job;
    service *s = j->r->s;
    if (service_is_stopping(s)) {
        j->rc = TU_ECANCELLED;
        return;
    }
    const tu_desired_input in = {.rule = j->r->rule,
                                 .source = j->r->source->plugin,
                                 .catalogue = j->catalogue,
                                 .revision = tu_str_c(j->revision),
                                 .cancel = s->cancel};
    j->rc = tu_desired_load(&in, &j->set, &j->error);
    if (j->rc != TU_OK || !tu_catalogue_metadata(j->catalogue))
        return;
    j->index = tu_index_new(j->set);
    if (j->first) {
        char *directory = service_baselines(s);
        tu_index_load(j->index, &(tu_index_file){directory, j->r->rule, s->config});
        free(directory);
    }
}

static void load_done(tu_job *job) {
    load_job *j = (load_job *)job;
    rule_state *r = j->r;
    service *s = r->s;
    r->loading = false;
    if (!service_is_stopping(s)) {
        if (j->rc == TU_OK) {
            condition_set(s, &r->problem, "rule", r->rule->name.p, NULL);
            tu_desired_set *old = r->set;
            tu_index *old_index = r->index;
            r->set = TU_TAKE(j->set);
            r->index = TU_TAKE(j->index);
            r->loads++;
            target_set_changed(r->target, r, old, old_index);
            tu_desired_unref(old);
            tu_index_unref(old_index);
        } else if (j->rc != TU_ECANCELLED) {
            condition_set(s, &r->problem, "rule", r->rule->name.p, tu_error_text(j->error));
        }
        if (r->load_again)
            rule_load(r);
    }
    tu_desired_unref(j->set);
    tu_index_unref(j->index);
    tu_catalogue_unref(j->catalogue);
    tu_error_free(j->error);
    free(j->revision);
    free(j);
}

/* Needs the source's revision and the target's kinds; called again when either arrives. */
void rule_load(rule_state *r) {
    if (!r->source->revision || !r->target->catalogue || r->rule->mode == TU_MODE_OFF)
        return;
    if (r->loading) {
        r->load_again = true;
        return;
    }
    r->loading = true;
    r->load_again = false;
    load_job *j = tu_xcalloc(1, sizeof *j);
    j->job = (tu_job){.work = load_work, .done = load_done};
    j->r = r;
    j->revision = tu_xstrdup(r->source->revision);
    j->catalogue = tu_catalogue_ref(r->target->catalogue);
    j->first = !r->set;
    tu_worker_submit(r->source->worker, &j->job);
}

/* --- start and stop --------------------------------------------------------------------------- */

void source_start(source_state *x) {
    x->worker = tu_worker_new(x->s->inbox, x->use->name.p);
    service_timer(x->s, &x->timer, x);
    if (tu_plugin_use_can_watch(x->plugin))
        x->watching = pthread_create(&x->watch, NULL, watch, x) == 0;
    source_ask(x);
}

void source_stop(source_state *x) {
    if (x->watching)
        pthread_join(x->watch, NULL);
    tu_worker_free(x->worker);
}
