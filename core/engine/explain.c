/*
 * engine/explain.c: see explain.h.
 *
 *   for each rule: source and target -> desired set -> the objects that the words may mean
 *   one object:    read it, judge it as check does, and list what check leaves out
 *   none, several: the nearest names
 */
#include "engine/explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/confirm.h"
#include "engine/session.h"
#include "engine/survey.h"
#include "engine/view.h"
#include "heal/heal.h"
#include "rules/decide.h"

#define CALL_TIMEOUT_MS 600000
#define NEAREST 8u

typedef struct explainer {
    const tu_pass_options *o;
    tu_survey *survey;
    tu_object_id wanted;
    bool any_group;
    tu_explanation *e;
    tu_map matches; /* printed identity -> itself: which objects the words may mean */
    tu_object_id match;
} explainer;

static tu_call_options call_options(const explainer *x) {
    return (tu_call_options){.cancel = x->o->cancel, .timeout_ms = CALL_TIMEOUT_MS};
}

/* --- which object ----------------------------------------------------------------------------- */

static bool same_word(tu_str a, tu_str b) {
    return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

static bool is_meant(const explainer *x, const tu_object_id *id) {
    const tu_object_id *w = &x->wanted;
    return tu_str_eq(w->name, id->name) && same_word(w->kind, id->kind) &&
           (w->namespace_.n == 0 || tu_str_eq(w->namespace_, id->namespace_)) &&
           (x->any_group || tu_str_eq(w->group, id->group));
}

static void print_id(tu_buf *b, const tu_object_id *id) {
    tu_buf_clear(b);
    tu_object_id_print(b, id);
}

static void note_match(explainer *x, const tu_object_id *id, tu_buf *room) {
    if (!is_meant(x, id))
        return;
    print_id(room, id);
    if (!tu_map_has(&x->matches, tu_buf_str(room)))
        x->match = tu_object_id_copy(&x->e->arena, id);
    tu_map_put(&x->matches, tu_buf_str(room), x);
}

static void each_object(const tu_desired_set *set,
                        void (*each)(explainer *, const tu_object_id *, tu_buf *), explainer *x) {
    _cleanup_(tu_buf_done) tu_buf room = TU_BUF_INIT(64 * 1024);
    for (size_t k = 0; set && k < set->n; k++) {
        const tu_object_id id = tu_desired_id(set, k);
        each(x, &id, &room);
    }
    for (size_t k = 0; set && k < set->problem_count; k++)
        if (set->problems[k]->id.name.n)
            each(x, &set->problems[k]->id, &room);
}

static bool is_near(tu_str word, tu_str other) {
    char text[256];
    const char *const words[] = {text};
    snprintf(text, sizeof text, "%.*s", TU_P(other));
    return tu_suggest(word, words, 1) != NULL;
}

/* How far the object is from what was asked for: a slip in one part, or only one part right. */
static int distance(const explainer *x, const tu_object_id *id) {
    const tu_object_id *w = &x->wanted;
    bool name = tu_str_eq(w->name, id->name), kind = same_word(w->kind, id->kind);
    bool near_name = name || is_near(w->name, id->name);
    bool near_kind = kind || is_near(w->kind, id->kind);
    if (near_name && near_kind)
        return name || kind ? 1 : 2;
    return name ? 3 : kind && tu_str_eq(w->namespace_, id->namespace_) ? 4 : 0;
}

static void note_near(explainer *x, const tu_object_id *id, tu_buf *room) {
    int far = distance(x, id);
    if (far == 0)
        return;
    print_id(room, id);
    if (!tu_map_has(&x->matches, tu_buf_str(room)))
        tu_map_put(&x->matches, tu_buf_str(room), (void *)(intptr_t)far);
}

static void list_nearest(explainer *x, bool by_distance) {
    tu_explanation *e = x->e;
    e->nearest = tu_arena_zalloc(&e->arena, NEAREST * sizeof *e->nearest);
    for (int far = by_distance ? 1 : 0; far <= 4; far++) {
        for (size_t i = 0; i < x->matches.n && e->nearest_count < NEAREST; i++) {
            const tu_map_entry *m = &x->matches.entries[i];
            if (e->nearest && (!by_distance || (intptr_t)m->value == far))
                e->nearest[e->nearest_count++] = tu_arena_copy(&e->arena, m->key);
        }
        if (!by_distance)
            return;
    }
}

/* --- one object in one rule -------------------------------------------------------------------- */

/* What check leaves out: the quiet changes, with what nobody owns. */
static tu_rc list_quiet(explainer *x, const tu_prepared *desired, tu_explained *item,
                        tu_error **error) {
    tu_judgement j = {0};
    const tu_judge_input in = {.desired = desired,
                               .live = item->live,
                               .our_manager = TU_S(TU_FIELD_MANAGER),
                               .everything = true};
    tu_rc rc = tu_judge(&x->e->arena, &in, &j, error);
    tu_finding *f = &item->finding;
    f->quiet_count = 0; /* those of the judgement before are few of them */
    f->quiet = rc == TU_OK ? tu_arena_zalloc(&x->e->arena, j.quiet_count * sizeof *f->quiet) : NULL;
    if (rc != TU_OK || !f->quiet)
        return rc ? rc : tu_error_memory(error);
    for (size_t i = 0; i < j.quiet_count; i++) {
        bool raised = false;
        for (size_t k = 0; k < f->change_count && !raised; k++)
            raised = tu_str_eq(f->changes[k].path, j.quiet[i].path);
        if (!raised)
            f->quiet[f->quiet_count++] = j.quiet[i];
    }
    return TU_OK;
}

static tu_rc look(explainer *x, const tu_desired_set *set, size_t object, tu_explained *item,
                  tu_error **error) {
    tu_arena *a = &x->e->arena;
    tu_call_options call = call_options(x);
    tu_prepared *desired = tu_arena_zalloc(a, sizeof *desired);
    if (!desired)
        return tu_error_memory(error);
    item->finding = tu_desired_finding(set, object, TU_VERDICT_UNKNOWN);
    tu_rc rc = tu_desired_open(set, object, a, desired, error);
    if (rc != TU_OK)
        return rc;
    item->desired = desired->object;
    rc =
        tu_verify(a, item->rule, tu_session_use(x->survey->session, TU_KIND_TARGET, item->rule->to),
                  desired, &call, NULL, &item->live, &item->finding, error);
    if (rc != TU_OK || !item->live)
        return rc;
    rc = tu_ownership_of(a, item->live, TU_S(TU_FIELD_MANAGER), &item->ownership, NULL, error);
    return rc == TU_OK ? list_quiet(x, desired, item, error) : rc;
}

static void explain_in(explainer *x, const tu_rule *rule, const tu_desired_set *set) {
    tu_explanation *e = x->e;
    tu_explained *item = &e->items[e->n];
    *item = (tu_explained){.rule = rule, .revision = set->revision};
    size_t object = tu_desired_find(set, &e->id);
    if (object != TU_DESIRED_NONE) {
        e->n++;
        _cleanup_(tu_error_freep) tu_error *why = NULL;
        tu_rc rc = look(x, set, object, item, &why);
        if (rc != TU_OK) {
            item->finding = tu_desired_finding(set, object, TU_VERDICT_UNKNOWN);
            item->problem = tu_arena_copy(&e->arena, tu_str_c(tu_error_text(why)));
        }
        return;
    }
    for (size_t i = 0; i < set->problem_count; i++) {
        if (!tu_object_id_equal(&set->problems[i]->id, &e->id))
            continue;
        e->n++;
        item->finding = *tu_finding_copy(&e->arena, set->problems[i]);
        tu_decide(&e->arena, rule, NULL, NULL, NULL, 0, e->wall_ms, &item->finding, NULL);
        return;
    }
}

/* --- all of it --------------------------------------------------------------------------------- */

static void find_and_look(explainer *x) {
    const tu_config *c = x->o->config;
    tu_explanation *e = x->e;
    for (size_t i = 0; i < c->rule_count; i++)
        each_object(x->survey->sets[i], note_match, x);
    if (x->matches.n == 1) {
        e->id = x->match;
        for (size_t i = 0; i < c->rule_count; i++)
            if (x->survey->sets[i])
                explain_in(x, &c->rules[i], x->survey->sets[i]);
        return;
    }
    e->ambiguous = x->matches.n > 1;
    for (size_t i = 0; i < c->rule_count && !e->ambiguous; i++)
        each_object(x->survey->sets[i], note_near, x);
    list_nearest(x, !e->ambiguous);
}

tu_rc tu_explain_run(const tu_pass_options *o, const char *object, tu_explanation **ret,
                     tu_errors *errors) {
    explainer x = {.o = o};
    tu_error *why = NULL;
    tu_rc rc = tu_object_id_parse(tu_str_c(object), &x.wanted, &x.any_group, &why);
    if (rc == TU_OK)
        rc = tu_survey_open(o, &x.survey, errors);
    tu_errors_add(errors, why);
    if (rc != TU_OK)
        return rc;
    tu_explanation *e = x.e = tu_xcalloc(1, sizeof *e);
    const tu_clock clock = tu_clock_real();
    tu_arena_init(&e->arena, 0);
    e->wall_ms = tu_clock_wall(&clock);
    e->survey = x.survey;
    e->items = tu_arena_zalloc(&e->arena, (o->config->rule_count + 1) * sizeof *e->items);
    find_and_look(&x);
    tu_map_done(&x.matches, NULL);
    *ret = e;
    return TU_OK;
}

void tu_explanation_free(tu_explanation *e) {
    if (!e)
        return;
    tu_survey_close(e->survey);
    tu_arena_done(&e->arena);
    free(e);
}
