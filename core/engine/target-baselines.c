/*
 * engine/target-baselines.c: how long what is known of a target's objects holds.
 *
 *   environment  what changes objects without anybody writing them is another: everything that was
 *                proved is dropped; the kinds are asked for again, and described anew where they
 *                changed; then everything is looked at in full. After the changes have settled.
 *   scrub        a few objects at random, read in full at times spread over the day, for what
 *                nothing else would show (index.h). In thirty days about all of them.
 *   file         saved from time to time and at the end, so that the next start needs metadata only
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/target.h"

#define ENVIRONMENT_SETTLE_MS 2000
/* One that changes again and again (two servers of different versions behind one address) must not
 * make us read everything all the time. */
#define ENVIRONMENT_PAUSE_MS 60000
#define SCRUB_FIRST_MS (3LL * 3600 * 1000) /* nothing of it in the first hours */
#define SCRUB_EVERY_MS (10LL * 60 * 1000)
#define SCRUB_ALL_MS (30LL * 24 * 3600 * 1000)
#define SAVE_FIRST_MS 30000
#define SAVE_EVERY_MS 600000

/* --- environment ------------------------------------------------------------------------------ */

static void on_environment_settled(uv_timer_t *timer) {
    target_state *t = timer->data;
    service *s = t->s;
    tu_log(TU_LOG_INFO, "definitions or admission changed: everything is looked at again", "target",
           t->use->name.p, NULL);
    for (size_t i = 0; i < s->rule_count; i++)
        if (s->rules[i].target == t && s->rules[i].index)
            tu_index_set_environment(s->rules[i].index, tu_str_c(t->environment));
    t->environment_ms = tu_clock_boot(&s->clock);
    t->sweep_wanted = true;
    target_discover(t);
}

void target_environment_known(target_state *t) {
    for (size_t i = 0; i < t->s->rule_count; i++)
        if (t->s->rules[i].target == t && t->s->rules[i].loading)
            return; /* its new set comes here again */
    if (!t->sweep_wanted)
        return;
    t->sweep_wanted = false;
    target_sweep(t);
}

void target_environment(target_state *t, const char *hash) {
    service *s = t->s;
    bool first = !t->environment, dropped = false;
    if (!first && strcmp(t->environment, hash) == 0)
        return;
    free(t->environment);
    t->environment = tu_xstrdup(hash);
    if (first) { /* what an earlier run knew may be of another */
        for (size_t i = 0; i < s->rule_count; i++)
            if (s->rules[i].target == t && s->rules[i].index)
                dropped |= tu_index_set_environment(s->rules[i].index, tu_str_c(hash));
        if (dropped)
            target_sweep(t);
        return;
    }
    int64_t since = tu_clock_boot(&s->clock) - t->environment_ms;
    int64_t wait = t->environment_ms && since < ENVIRONMENT_PAUSE_MS / 6 ? ENVIRONMENT_PAUSE_MS / 6
                                                                         : ENVIRONMENT_SETTLE_MS;
    uv_timer_start(&t->environment_timer, on_environment_settled, (uint64_t)wait, 0);
}

/* --- scrub ------------------------------------------------------------------------------------ */

size_t scrub_share(size_t n, int64_t elapsed_ms, uint32_t chance) {
    uint64_t parts = (uint64_t)n * (uint64_t)elapsed_ms;
    uint64_t whole = parts / SCRUB_ALL_MS, rest = parts % SCRUB_ALL_MS;
    return (size_t)(whole + (chance < rest * UINT32_MAX / SCRUB_ALL_MS));
}

static uint32_t random_number(void) {
    uint32_t n = 0;
    return tu_random(&n, sizeof n) == TU_OK ? n : 0;
}

static void on_scrub(uv_timer_t *timer) {
    target_state *t = timer->data;
    for (size_t i = 0; i < t->s->rule_count; i++) {
        rule_state *r = &t->s->rules[i];
        if (r->target != t || !r->set || !r->index)
            continue;
        size_t n = scrub_share(r->set->n, SCRUB_EVERY_MS, random_number());
        for (size_t k = 0; k < n; k++)
            target_read(t, r, random_number() % r->set->n, true);
    }
    uv_timer_start(timer, on_scrub, SCRUB_EVERY_MS / 2 + random_number() % SCRUB_EVERY_MS, 0);
}

/* --- files ------------------------------------------------------------------------------------ */

typedef struct save_job {
    tu_job job;
    rule_state *r;
    tu_index *index;
} save_job;

static void save(rule_state *r, tu_index *x) {
    char *directory = service_baselines(r->s);
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    if (tu_index_save(x, &(tu_index_file){directory, r->rule, r->s->config}, &why) != TU_OK)
        tu_log(TU_LOG_WARN, "baselines can't be kept: the next start reads everything", "rule",
               r->rule->name.p, "error", tu_error_text(why), NULL);
    free(directory);
}

static void save_work(tu_job *job) {
    save_job *j = (save_job *)job;
    if (!service_is_stopping(j->r->s))
        save(j->r, j->index);
}

static void save_done(tu_job *job) {
    save_job *j = (save_job *)job;
    tu_index_unref(j->index);
    free(j);
}

static void on_save(uv_timer_t *timer) {
    target_state *t = timer->data;
    for (size_t i = 0; i < t->s->rule_count; i++) {
        rule_state *r = &t->s->rules[i];
        if (r->target != t || !r->index || !tu_index_is_dirty(r->index))
            continue;
        save_job *j = tu_xcalloc(1, sizeof *j);
        *j = (save_job){
            .job = {.work = save_work, .done = save_done}, .r = r, .index = tu_index_ref(r->index)};
        tu_worker_submit_later(t->lister, &j->job);
    }
}

void target_baselines_save(target_state *t) {
    for (size_t i = 0; i < t->s->rule_count; i++) {
        rule_state *r = &t->s->rules[i];
        if (r->target == t && r->index && tu_index_is_dirty(r->index))
            save(r, r->index);
    }
}

void target_baselines_start(target_state *t) {
    service_timer(t->s, &t->environment_timer, t);
    service_timer(t->s, &t->scrub_timer, t);
    service_timer(t->s, &t->save_timer, t);
    uv_timer_start(&t->scrub_timer, on_scrub, SCRUB_FIRST_MS + random_number() % SCRUB_EVERY_MS, 0);
    uv_timer_start(&t->save_timer, on_save, SAVE_FIRST_MS, SAVE_EVERY_MS);
}
