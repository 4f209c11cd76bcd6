/*
 * engine/pass.c: one pass over some rules: what check, diff and heal do.
 *
 *   for each rule:  source and target -> desired set -> list the target, judging what streams in ->
 * verify what is suspect
 *   then: what is unmanaged, which only all rules of a target together can say -> report
 *
 * A rule that fails is a `problem` in the report; the others go on. Runs on the caller's thread.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/ahead.h"
#include "engine/confirm.h"
#include "engine/engine.h"
#include "engine/recall.h"
#include "engine/resolving.h"
#include "engine/session.h"
#include "engine/unmanaged.h"
#include "engine/view.h"
#include "heal/heal.h"
#include "rules/decide.h"

#define CALL_TIMEOUT_MS 600000

typedef struct rule_pass {
    const tu_rule *rule;
    tu_plugin_use *target;
    tu_view *view;         /* of this rule alone; NULL: it failed before */
    tu_finding **findings; /* beside the set's objects; NULL: not looked at */
    bool *suspect;
    tu_str *scope_lost; /* beside the view's scopes: why it could not be listed; empty: it was */
    tu_rc lost_class;   /* of the last one */
    size_t lost_scopes;
    bool denied; /* a listing across namespaces was refused */
    tu_strangers strangers;
    char *memory;    /* where the names of its set are kept; NULL: nowhere */
    tu_ahead *ahead; /* a listing begun while the manifests were read; NULL: none */
    tu_recall recall;
} rule_pass;

typedef struct pass {
    const tu_pass_options *o;
    tu_session *session;
    tu_report *report;
    tu_map catalogues; /* target name -> tu_catalogue */
    rule_pass *rules;
    bool definitions_healed; /* something was written that may bring new kinds */
} pass;

static tu_call_options call_options(const pass *p) {
    return (tu_call_options){.cancel = p->o->cancel, .timeout_ms = CALL_TIMEOUT_MS};
}

static void progress(const pass *p, const char *stage, int64_t done, int64_t total) {
    if (p->o->progress)
        p->o->progress(p->o->progress_arg, stage, done, total);
}

static tu_finding *keep(const pass *p, const tu_finding *f) {
    tu_arena *a = &p->report->arena;
    return p->o->quiet ? tu_finding_copy_whole(a, f) : tu_finding_copy(a, f);
}

/* --- listing ---------------------------------------------------------------------------------- */

typedef struct listing {
    pass *pass;
    rule_pass *rule;
    size_t seen;
} listing;

static tu_rc on_sighted(void *arg, const tu_sighting *s) {
    listing *l = arg;
    rule_pass *r = l->rule;
    r->findings[s->object] = keep(l->pass, s->finding);
    r->suspect[s->object] = s->suspect;
    if (++l->seen % 200 == 0)
        progress(l->pass, "comparing", (int64_t)l->seen, (int64_t)r->view->rules[0].set->n);
    return r->findings[s->object] ? TU_OK : TU_EINTERNAL;
}

static tu_rc on_stranger(void *arg, size_t rule, const tu_finding *f, bool known) {
    (void)rule, (void)known;
    listing *l = arg;
    return tu_strangers_add(&l->rule->strangers, &l->pass->report->arena, f);
}

static tu_rc on_look(void *arg, size_t rule, size_t object, tu_look_reason why,
                     const tu_baseline *now, const tu_value *live) {
    (void)rule, (void)why, (void)now, (void)live;
    listing *l = arg;
    tu_recall_look(&l->rule->recall, object);
    return TU_OK;
}

static tu_rc on_environment(void *arg, tu_str hash) {
    listing *l = arg;
    tu_recall_environment(&l->rule->recall, hash);
    return TU_OK;
}

static tu_rc on_lost(void *arg, size_t scope, tu_rc why, tu_str code, tu_str message) {
    (void)code;
    listing *l = arg;
    rule_pass *r = l->rule;
    const tu_scope *s = &r->view->scopes[scope];
    r->denied |= why == TU_EDENIED && s->namespaced && s->namespace_.n == 0;
    if (!r->scope_lost[scope].n)
        r->lost_scopes++;
    r->scope_lost[scope] =
        message.n ? tu_arena_copy(&l->pass->report->arena, message) : TU_S("could not be listed");
    r->lost_class = why;
    return TU_OK;
}

static tu_rc list(pass *p, rule_pass *r, tu_view_wish wish, tu_error **error) {
    const tu_desired_set *set = r->view->rules[0].set;
    free(r->findings);
    free(r->suspect);
    free(r->scope_lost);
    r->findings = tu_xcalloc(set->n, sizeof *r->findings);
    r->suspect = tu_xcalloc(set->n, sizeof *r->suspect);
    r->scope_lost = tu_xcalloc(r->view->scope_count, sizeof *r->scope_lost);
    r->lost_scopes = 0;
    r->denied = false;
    tu_strangers_done(&r->strangers);
    if (r->view->scope_count == 0)
        return TU_OK;
    listing l = {.pass = p, .rule = r};
    const tu_observer_sink sink = {.sighted = on_sighted,
                                   .look = on_look,
                                   .stranger = on_stranger,
                                   .lost = on_lost,
                                   .environment = on_environment,
                                   .arg = &l};
    tu_observer observer;
    tu_observer_init(&observer, r->view, &sink);
    observer.everything = p->o->quiet;
    observer.doubt_ruled = tu_view_is_timed(r->view);
    tu_call_options call = call_options(p);
    call.on_record = tu_observer_record;
    call.arg = &observer;
    char *selector = tu_view_ask(r->view, wish);
    tu_rc rc = tu_ahead_is(r->ahead, tu_str_c(selector))
                   ? tu_ahead_take(TU_TAKE(r->ahead), &call, error)
                   : tu_call_list(r->target, tu_str_c(selector), &call, error);
    free(selector);
    tu_observer_done(&observer);
    return rc;
}

/* By metadata alone where that is enough. */
static tu_rc list_knowing(pass *p, rule_pass *r, tu_error **error) {
    tu_rc rc = list(p, r, tu_recall_wish(&r->recall), error);
    if (rc == TU_OK && tu_recall_must_list(&r->recall))
        rc = list(p, r, (tu_view_wish){0}, error);
    return rc;
}

/* What lists everything tells also what is quiet, which nobody keeps. */
static bool may_recall(const pass *p) {
    return !p->o->full && !p->o->quiet;
}

/* --- the desired set -------------------------------------------------------------------------- */

static tu_rc catalogue_for(pass *p, const tu_rule *rule, tu_plugin_use *target, tu_catalogue **ret,
                           tu_error **error) {
    *ret = tu_map_get(&p->catalogues, rule->to);
    if (*ret)
        return TU_OK;
    tu_call_options call = call_options(p);
    progress(p, "asking the target for its kinds", 0, 0);
    tu_rc rc = tu_catalogue_discover(target, &call, ret, error);
    if (rc == TU_OK)
        tu_map_put(&p->catalogues, rule->to, *ret);
    return rc;
}

/* The target's kinds and the source's revision, at the same time where both are asked for. The revision stays NULL where
 * it is the loading that asks. */
static tu_rc ask_both(pass *p, rule_pass *r, tu_catalogue **ret, char **ret_revision,
                      tu_error **error) {
    tu_resolving *source =
        tu_map_has(&p->catalogues, r->rule->to)
            ? NULL
            : tu_resolving_start(tu_session_use(p->session, TU_KIND_SOURCE, r->rule->from),
                                 p->o->cancel);
    tu_rc rc = catalogue_for(p, r->rule, r->target, ret, error);
    if (!source)
        return rc;
    tu_error *why = NULL;
    tu_rc resolved = tu_resolving_end(source, ret_revision, &why);
    if (rc != TU_OK || resolved == TU_OK) {
        tu_error_free(why);
        return rc;
    }
    *error = why;
    return resolved;
}

typedef struct loading {
    pass *pass;
    rule_pass *rule;
} loading;

/* The listing begins with what the manifests seem to speak of; list() compares. */
static void on_guessed(void *arg, tu_desired_set *guess) {
    loading *l = arg;
    const tu_call_options call = call_options(l->pass);
    tu_view *v = tu_view_new(l->pass->session->config, &l->rule->rule, &guess, 1, false);
    char *selector = tu_view_ask(
        v, tu_recall_guess(guess, l->pass->o->baselines, l->rule->rule, may_recall(l->pass)));
    if (v->scope_count && tu_plugin_use_parallel(l->rule->target))
        l->rule->ahead = tu_ahead_start(l->rule->target, tu_str_c(selector), &call);
    free(selector);
    tu_view_unref(v);
}

static tu_rc load(pass *p, rule_pass *r, bool ahead, tu_desired_set **ret, tu_error **error) {
    loading l = {p, r};
    tu_catalogue *catalogue = NULL;
    _cleanup_(tu_freep) char *revision = NULL;
    tu_rc rc = ask_both(p, r, &catalogue, &revision, error);
    if (rc != TU_OK)
        return rc;
    progress(p, "reading the source", 0, 0);
    const tu_index_file file = {
        .directory = p->o->baselines, .rule = r->rule, .config = p->session->config};
    bool remembers = p->o->baselines && may_recall(p) && tu_catalogue_metadata(catalogue) &&
                     tu_mkdirs(p->o->baselines, 0700, NULL) == TU_OK;
    if (remembers && !r->memory)
        r->memory = tu_index_names_path(&file);
    const tu_desired_input in = {
        .memory = remembers ? r->memory : NULL,
        .memory_config = remembers ? tu_index_config(&file) : 0,
        .rule = r->rule,
        .source = tu_session_use(p->session, TU_KIND_SOURCE, r->rule->from),
        .catalogue = catalogue,
        .revision = tu_str_c(revision ? revision : ""),
        .cancel = p->o->cancel,
        .progress = p->o->progress,
        .progress_arg = p->o->progress_arg,
        .guessed = ahead ? on_guessed : NULL,
        .guessed_arg = &l,
    };
    return tu_desired_load(&in, ret, error);
}

/* --- verifying -------------------------------------------------------------------------------- */

static tu_finding *unknown(pass *p, const tu_desired_set *set, size_t object, tu_str reason) {
    tu_finding f = tu_desired_finding(set, object, TU_VERDICT_UNKNOWN);
    f.reason = reason;
    return tu_finding_copy(&p->report->arena, &f);
}

static tu_rc verify_suspects(pass *p, rule_pass *r) {
    const tu_desired_set *set = r->view->rules[0].set;
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_rc rc = TU_OK;
    for (size_t i = 0; i < set->n && rc == TU_OK; i++) {
        bool look = r->recall.look && r->recall.look[i];
        if (!r->findings[i] && !look) {
            tu_str lost = r->scope_lost[r->view->rules[0].scope_of[i]];
            r->findings[i] = unknown(
                p, set, i, lost.n ? lost : TU_S("the target did not say anything about it"));
            continue;
        }
        if (!look && (!r->suspect[i] || !r->rule->confirm))
            continue;
        tu_arena_reset(&a);
        tu_finding f;
        const tu_value *live = NULL;
        _cleanup_(tu_error_freep) tu_error *why = NULL;
        tu_call_options call = call_options(p);
        tu_prepared desired;
        tu_slot slot = {.index = r->recall.index, .object = i};
        rc = tu_desired_open(set, i, &a, &desired, &why);
        if (rc == TU_OK)
            rc = tu_verify(&a, r->rule, r->target, &desired, &call, &slot, &live, &f, &why);
        if (rc == TU_OK)
            r->findings[i] = keep(p, &f);
        else if (rc != TU_ECANCELLED && !r->findings[i])
            r->findings[i] = unknown(p, set, i, tu_str_c(tu_error_text(why)));
        if (rc != TU_ECANCELLED)
            rc = TU_OK; /* what was observed stands */
        progress(p, "confirming by dry run", (int64_t)i + 1, (int64_t)set->n);
    }
    tu_arena_done(&a);
    return rc;
}

/* --- the report ------------------------------------------------------------------------------- */

static int by_id(const void *x, const void *y) {
    const tu_finding *a = *(tu_finding *const *)x, *b = *(tu_finding *const *)y;
    const tu_str pairs[][2] = {{a->id.group, b->id.group},
                               {a->id.kind, b->id.kind},
                               {a->id.namespace_, b->id.namespace_},
                               {a->id.name, b->id.name},
                               {a->file, b->file}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        int c = tu_str_compare(pairs[i][0], pairs[i][1]);
        if (c)
            return c;
    }
    return (a->line > b->line) - (a->line < b->line);
}

static void note(tu_rule_report *out, tu_arena *a, const char *text) {
    if (text && out->note_count < sizeof out->notes / sizeof *out->notes)
        out->notes[out->note_count++] = tu_arena_copy(a, tu_str_c(text));
}

/* Scopes where nothing is desired hide no object; but what is unmanaged in them isn't known. */
static void tell_lost_strangers(pass *p, const rule_pass *r, tu_rule_report *out) {
    for (size_t i = 0; i < r->view->scope_count; i++) {
        const tu_scope *s = &r->view->scopes[i];
        if (s->description || !r->scope_lost[i].n)
            continue;
        out->coverage.partly = true;
        note(out, &p->report->arena,
             tu_arena_printf(&p->report->arena, "unmanaged %.*s can't be looked for: %.*s",
                             TU_P(s->kind->kind), TU_P(r->scope_lost[i])));
    }
}

static void tell_vain(const tu_desired_set *set, tu_rule_report *out, tu_arena *a) {
    for (size_t i = 0; i < set->note_count; i++) {
        const tu_desired_note *n = &set->notes[i];
        note(out, a,
             n->more ? tu_arena_printf(a, "%.*s (and %zu more of that)", TU_P(n->text), n->more)
                     : tu_arena_printf(a, "%.*s", TU_P(n->text)));
    }
}

static void fill_report(pass *p, rule_pass *r, tu_rule_report *out) {
    tu_arena *a = &p->report->arena;
    const tu_desired_set *set = r->view->rules[0].set;
    out->revision = tu_arena_copy(a, set->revision);
    tell_vain(set, out, a);
    out->skipped_files = set->skipped_files;
    size_t room = set->n + set->problem_count + r->strangers.n + 1;
    out->findings = tu_arena_alloc(a, room * sizeof *out->findings);
    out->finding_count = 0;
    for (size_t i = 0; i < set->n; i++)
        if (r->findings[i])
            out->findings[out->finding_count++] = r->findings[i];
    for (size_t i = 0; i < set->problem_count; i++) {
        tu_finding *f = tu_finding_copy(a, set->problems[i]);
        tu_decide(a, r->rule, NULL, NULL, NULL, 0, p->report->started_ms, f, NULL);
        out->findings[out->finding_count++] = f;
    }
    for (size_t i = 0; i < r->strangers.n; i++)
        out->findings[out->finding_count++] = r->strangers.items[i];
    tell_lost_strangers(p, r, out);
    if (r->rule->unmanaged)
        tu_coverage_of(a, r->view, &r->strangers, out->findings, out->finding_count,
                       &out->coverage);
    if (out->finding_count)
        qsort(out->findings, out->finding_count, sizeof *out->findings, by_id);
    if (set->n && r->lost_scopes == r->view->scope_count) {
        out->problem = r->scope_lost[0];
        out->problem_class = r->lost_class;
    }
}

static void problem(pass *p, tu_rule_report *out, tu_rc rc, const tu_error *why) {
    out->problem_class = rc;
    out->problem = tu_arena_copy(&p->report->arena, tu_str_c(tu_error_text(why)));
}

static tu_view *view_of(pass *p, rule_pass *r, tu_desired_set *set, bool narrow) {
    tu_view *v = tu_view_new(p->session->config, &r->rule, &set, 1, narrow);
    tu_view_keep(v, 0, r->recall.index);
    return v;
}

static tu_rc run_rule(pass *p, rule_pass *r, tu_rule_report *out) {
    const tu_rule *rule = r->rule;
    tu_arena *a = &p->report->arena;
    out->name = tu_arena_copy(a, rule->name);
    out->source = tu_arena_copy(a, rule->from);
    out->target = tu_arena_copy(a, rule->to);
    out->mode = rule->mode;
    if (rule->mode == TU_MODE_OFF)
        return TU_OK;
    r->target = tu_session_use(p->session, TU_KIND_TARGET, rule->to);
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    tu_desired_set *set = NULL;
    tu_rc rc = load(p, r, true, &set, &why);
    if (rc == TU_OK) {
        tu_recall_open(&r->recall, set, p->o->baselines, rule, p->session->config, may_recall(p));
        r->view = view_of(p, r, set, false);
        progress(p, "comparing", 0, (int64_t)set->n);
        rc = list_knowing(p, r, &why);
        tu_ahead_drop(TU_TAKE(r->ahead));
        if (rc == TU_OK && r->denied) { /* not allowed across namespaces: name each */
            tu_view_unref(r->view);
            r->view = view_of(p, r, set, true);
            rc = list_knowing(p, r, &why);
        }
        if (rc == TU_OK)
            rc = verify_suspects(p, r);
        if (rc == TU_OK)
            tu_recall_save(&r->recall);
        tu_desired_unref(set);
    }
    tu_ahead_drop(TU_TAKE(r->ahead));
    if (rc != TU_OK) {
        problem(p, out, rc, why);
        tu_view_unref(r->view);
        r->view = NULL;
    }
    return rc == TU_ECANCELLED ? rc : TU_OK;
}

/* --- what is unmanaged ------------------------------------------------------------------------ */

/* The desired set of a rule that has the same target: of this pass, or loaded just for its names.
 * NULL: it can't be read now. The reference is the caller's. */
static tu_desired_set *set_of(pass *p, const tu_rule *rule) {
    for (size_t i = 0; i < p->report->rule_count; i++)
        if (p->rules[i].rule == rule && rule->mode != TU_MODE_OFF)
            return p->rules[i].view ? tu_desired_ref(p->rules[i].view->rules[0].set) : NULL;
    rule_pass other = {.rule = rule,
                       .target = tu_session_use(p->session, TU_KIND_TARGET, rule->to)};
    tu_desired_set *set = NULL;
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    tu_rc rc = load(p, &other, false, &set, &why);
    free(other.memory);
    return rc == TU_OK ? set : NULL;
}

/* What another rule of the same target desires is not unmanaged. */
static void settle_strangers(pass *p, rule_pass *r, tu_rule_report *out) {
    const tu_config *c = p->session->config;
    for (size_t i = 0; i < c->rule_count && r->strangers.n; i++) {
        const tu_rule *other = &c->rules[i];
        if (!tu_str_eq(other->to, r->rule->to))
            continue;
        tu_desired_set *set = set_of(p, other);
        bool whole = set && tu_desired_is_whole(set);
        if (set)
            tu_strangers_subtract(&r->strangers, set);
        tu_desired_unref(set);
        if (whole || !r->strangers.n)
            continue;
        note(out, &p->report->arena,
             tu_arena_printf(&p->report->arena,
                             "%zu objects that may be unmanaged aren't told: %s of rule %.*s can't "
                             "be read now, and may hold them",
                             r->strangers.n, set ? "a file" : "the source", TU_P(other->name)));
        out->coverage.partly = true;
        tu_strangers_done(&r->strangers);
    }
}

/* --- opening and closing ---------------------------------------------------------------------- */

static bool is_chosen(const tu_pass_options *o, tu_str rule) {
    for (size_t i = 0; i < o->rule_count; i++)
        if (tu_str_is(rule, o->rules[i]))
            return true;
    return o->rule_count == 0;
}

static void check_names(const tu_pass_options *o, tu_errors *errors) {
    const char **names = tu_xcalloc(o->config->rule_count + 1, sizeof *names);
    for (size_t i = 0; i < o->config->rule_count; i++)
        names[i] = o->config->rules[i].name.p;
    for (size_t i = 0; i < o->rule_count; i++) {
        if (tu_config_rule(o->config, tu_str_c(o->rules[i])))
            continue;
        tu_error *e = NULL;
        tu_error_set(&e, TU_EINVALID, "there is no rule '%s'", o->rules[i]);
        const char *near = tu_suggest(tu_str_c(o->rules[i]), names, o->config->rule_count);
        if (near)
            tu_error_hint(&e, "did you mean '%s'?", near);
        else if (o->config->rule_count == 1)
            tu_error_hint(&e, "there is only '%s'", names[0]);
        else
            tu_error_hint(&e, "`trueup config show` lists the rules");
        tu_errors_add(errors, e);
    }
    free(names);
}

static void free_catalogue(void *c) {
    tu_catalogue_unref(c);
}

static void pass_close(pass *p) {
    for (size_t i = 0; p->report && i < p->report->rule_count; i++) {
        tu_view_unref(p->rules[i].view);
        free(p->rules[i].findings);
        free(p->rules[i].suspect);
        free(p->rules[i].scope_lost);
        tu_recall_done(&p->rules[i].recall);
        tu_strangers_done(&p->rules[i].strangers);
        free(p->rules[i].memory);
    }
    free(p->rules);
    tu_map_done(&p->catalogues, free_catalogue);
    tu_session_close(p->session);
}

static tu_rc pass_open(pass *p, const tu_pass_options *o, tu_errors *errors) {
    *p = (pass){.o = o};
    check_names(o, errors);
    if (errors->n)
        return TU_EINVALID;
    tu_rc rc = tu_session_open(o->config, o->state, true, &p->session, errors);
    if (rc != TU_OK)
        return rc;
    tu_clock clock = tu_clock_real();
    p->report = tu_xcalloc(1, sizeof *p->report);
    tu_arena_init(&p->report->arena, 0);
    p->report->started_ms = tu_clock_wall(&clock);
    p->report->rules =
        tu_arena_zalloc(&p->report->arena, o->config->rule_count * sizeof *p->report->rules);
    p->rules = tu_xcalloc(o->config->rule_count, sizeof *p->rules);
    for (size_t i = 0; i < o->config->rule_count; i++)
        if (is_chosen(o, o->config->rules[i].name))
            p->rules[p->report->rule_count++].rule = &o->config->rules[i];
    return TU_OK;
}

static tu_rc pass_run(pass *p, tu_errors *errors) {
    tu_rc rc = TU_OK;
    for (size_t i = 0; i < p->report->rule_count && rc == TU_OK; i++)
        rc = run_rule(p, &p->rules[i], &p->report->rules[i]);
    for (size_t i = 0; i < p->report->rule_count && rc == TU_OK; i++) {
        if (!p->rules[i].view)
            continue;
        settle_strangers(p, &p->rules[i], &p->report->rules[i]);
        fill_report(p, &p->rules[i], &p->report->rules[i]);
    }
    tu_clock clock = tu_clock_real();
    p->report->finished_ms = tu_clock_wall(&clock);
    if (rc != TU_OK) {
        tu_error *e = NULL;
        tu_error_set(&e, rc, "cancelled");
        tu_errors_add(errors, e);
    }
    return rc;
}

tu_rc tu_pass_run(const tu_pass_options *o, tu_report **ret, tu_errors *errors) {
    pass p;
    tu_rc rc = pass_open(&p, o, errors);
    if (rc != TU_OK)
        return rc;
    rc = pass_run(&p, errors);
    tu_report *report = p.report;
    pass_close(&p);
    if (rc == TU_OK)
        *ret = report;
    else
        tu_report_free(report);
    return rc;
}

void tu_report_free(tu_report *r) {
    if (!r)
        return;
    tu_arena_done(&r->arena);
    free(r);
}

/* --- healing what a pass found ---------------------------------------------------------------- */

typedef struct candidate {
    rule_pass *rule;
    size_t object;
    int stage;
} candidate;

static int by_stage(const void *x, const void *y) {
    const candidate *a = x, *b = y;
    if (a->stage != b->stage)
        return a->stage - b->stage;
    return (a->object > b->object) - (a->object < b->object);
}

/* What a person asked for heals everything that the rule doesn't ignore. */
static candidate *candidates(const pass *p, size_t *ret_n) {
    size_t n = 0, capacity = 0;
    candidate *all = NULL;
    for (size_t i = 0; i < p->report->rule_count; i++) {
        rule_pass *r = &p->rules[i];
        for (size_t k = 0; r->view && k < r->view->rules[0].set->n; k++) {
            if (!r->findings[k] || !tu_finding_is_healable(r->findings[k], TU_ACTION_ALERT))
                continue;
            if (n == capacity)
                all = tu_xrealloc(all, (capacity = capacity ? 2 * capacity : 32) * sizeof *all);
            const tu_object_id *id = &r->findings[k]->id;
            all[n++] = (candidate){r, k, tu_heal_stage(id->group, id->kind)};
        }
    }
    if (n)
        qsort(all, n, sizeof *all, by_stage);
    *ret_n = n;
    return all;
}

static void heal_candidate(pass *p, const tu_heal_options *o, candidate *c, size_t *healed,
                           size_t *failed) {
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_finding f = *c->rule->findings[c->object];
    bool written = false;
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    tu_call_options call = call_options(p);
    tu_prepared desired;
    tu_rc rc = tu_desired_open(c->rule->view->rules[0].set, c->object, &a, &desired, &why);
    if (rc == TU_OK)
        rc = tu_heal_one(&a, c->rule->rule, c->rule->target, &desired, TU_ACTION_ALERT, &call, NULL,
                         &f, &written, &why);
    bool refused = rc == TU_OK && tu_verdict_is_drift(f.verdict);
    if (rc == TU_OK)
        c->rule->findings[c->object] = tu_finding_copy(&p->report->arena, &f);
    *healed += rc == TU_OK && written;
    p->definitions_healed |= rc == TU_OK && written && c->stage == 0;
    *failed += rc != TU_OK || (refused && !written);
    if (o->done) {
        _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(4096);
        tu_buf_add(&text, rc == TU_OK ? f.reason : tu_str_c(tu_error_text(why)));
        o->done(o->arg, &f, rc == TU_OK && refused && !written ? TU_EREFUSED : rc, tu_buf_c(&text));
    }
    tu_arena_done(&a);
}

static size_t unknown_kinds(const pass *p) {
    size_t n = 0;
    for (size_t i = 0; i < p->report->rule_count; i++)
        for (size_t k = 0; p->rules[i].view && k < p->rules[i].view->rules[0].set->problem_count;
             k++)
            n += tu_str_starts(p->rules[i].view->rules[0].set->problems[k]->reason, "unknown-kind");
    return n;
}

static tu_rc heal_round(pass *p, const tu_heal_options *o, size_t *healed, size_t *failed,
                        tu_errors *errors, bool ask) {
    tu_rc rc = pass_run(p, errors);
    if (rc != TU_OK)
        return rc;
    size_t n = 0;
    candidate *all = candidates(p, &n);
    if (n && (!ask || !o->confirm || o->confirm(o->arg, p->report, n))) {
        for (size_t i = 0; i < n && !(p->o->cancel && tu_cancel_fired(p->o->cancel)); i++)
            heal_candidate(p, o, &all[i], healed, failed);
        for (size_t i = 0; i < p->report->rule_count; i++)
            if (p->rules[i].view)
                fill_report(p, &p->rules[i], &p->report->rules[i]);
    }
    free(all);
    return TU_OK;
}

tu_rc tu_heal_run(const tu_heal_options *o, tu_report **ret, size_t *ret_healed, size_t *ret_failed,
                  tu_errors *errors) {
    *ret_healed = *ret_failed = 0;
    pass p;
    tu_rc rc = pass_open(&p, &o->pass, errors);
    if (rc != TU_OK)
        return rc;
    rc = heal_round(&p, o, ret_healed, ret_failed, errors, true);
    /* A definition that was just applied brings kinds that the first round could not know. They
     * were part of what was asked for, so they follow without another question, as soon as the
     * target serves them. */
    bool definitions = p.definitions_healed;
    size_t healed_before = 0;
    for (int round = 0; rc == TU_OK && round < 20 && definitions && unknown_kinds(&p); round++) {
        if (round && *ret_healed == healed_before) {
            struct timespec pause = {.tv_nsec = 250000000};
            nanosleep(&pause, NULL);
        }
        healed_before = *ret_healed;
        tu_report *old = p.report;
        pass_close(&p);
        tu_report_free(old);
        p = (pass){0};
        rc = pass_open(&p, &o->pass, errors);
        if (rc == TU_OK)
            rc = heal_round(&p, o, ret_healed, ret_failed, errors, false);
    }
    tu_report *report = p.report;
    pass_close(&p);
    if (rc == TU_OK)
        *ret = report;
    else
        tu_report_free(report);
    return rc;
}
