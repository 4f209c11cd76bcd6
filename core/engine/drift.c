/*
 * engine/drift.c: findings to drifts, and what follows from them.
 *
 *              finding is drift                     another finding           clean again
 *   (clean) ---------------------> open ------------------------------> open -----------> (clean)
 *                                   |  record: drift, audit, firing       | update          record:
 * resolved
 *                                   '- action heal: once it is recorded, by the target's worker, as
 * often as backoff allows
 *
 * A new revision on its way into the target is no drift that anybody needs to be told of: where the
 * rule heals, it is recorded and applied, and told only if that fails. Nothing is healed that isn't
 * recorded first (alerting.md D4, 24).
 *
 *   drift-record.c  into the store, with the messages     drift-brake.c  healing: when and how often
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/alerts.h"
#include "engine/drift.h"
#include "rules/decide.h"
#include "value/json.h"

/* --- identity --------------------------------------------------------------------------------- */

void drift_key(tu_buf *b, const tu_finding *f) {
    if (f->id.name.n)
        tu_object_id_print(b, &f->id);
    else
        tu_buf_addf(b, "file:%.*s:%u", TU_P(f->file), f->line);
}

/* What makes it another finding: not who or when, not how sure we are, and not what the rule does
 * about it. */
static uint64_t finding_hash(const tu_finding *f) {
    tu_finding bare = *f;
    tu_change *changes = tu_xcalloc(f->change_count, sizeof *changes);
    for (size_t i = 0; i < f->change_count; i++) {
        changes[i] = f->changes[i];
        changes[i].owner = (tu_owner){0};
        changes[i].action = TU_ACTION_IGNORE;
        changes[i].entry = (tu_str){0};
        changes[i].line = 0;
    }
    bare.changes = changes;
    bare.confidence = TU_CONFIDENCE_NONE;
    bare.line = 0;
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    tu_report_finding_json(&b, &bare);
    free(changes);
    tu_buf_addf(&b, "%s", tu_severity_name(f->severity));
    return tu_hash64(tu_buf_str(&b));
}

/* --- the life of a drift ---------------------------------------------------------------------- */

void drift_free(void *open) {
    open_drift *d = open;
    if (!d)
        return;
    tu_arena_done(&d->arena);
    free(d->key);
    free(d->revision);
    free(d);
}

static void keep_finding(open_drift *d, const tu_finding *f) {
    tu_arena fresh;
    tu_arena_init(&fresh, 0);
    tu_finding *copy = tu_finding_copy(&fresh, f);
    if (!copy) { /* out of memory: the words of before stay */
        tu_arena_done(&fresh);
        return;
    }
    tu_arena_done(&d->arena);
    d->arena = fresh;
    d->finding = *copy;
}

static open_drift *open_new(rule_state *r, const char *key, const tu_finding *f) {
    open_drift *d = tu_xcalloc(1, sizeof *d);
    d->rule = r;
    d->key = tu_xstrdup(key);
    d->row = tu_xcalloc(1, sizeof *d->row);
    d->opened_ms = tu_clock_wall(&r->s->clock);
    if (r->set)
        d->revision = tu_xstrdup(r->set->revision.p);
    tu_arena_init(&d->arena, 0);
    keep_finding(d, f);
    tu_map_put(&r->open, tu_str_c(key), d);
    return d;
}

/* A new revision on its way into the target: nobody needs to act, so nobody is told. */
static bool is_on_its_way(const rule_state *r, const tu_finding *f) {
    return f->action == TU_ACTION_HEAL && r->rule->heal.approval_votes == 0;
}

/* hash: of the finding as it was sighted; it may have been given more words since. */
static void open_it(rule_state *r, const char *key, const tu_finding *f, uint64_t hash,
                    bool from_git) {
    open_drift *d = open_new(r, key, f);
    d->hash = hash;
    d->from_git = from_git && is_on_its_way(r, f);
    d->told = !d->from_git;
    if (d->told)
        service_tell(r->s, "drift", r, f, NULL);
    drift_record(d, "firing", d->told, NULL);
}

void drift_update(open_drift *d, const tu_finding *f, uint64_t hash) {
    d->hash = hash;
    keep_finding(d, f);
    bool first = !d->told;
    d->told = true;
    d->from_git = false;
    /* Not f: it may have stood in the words of before (brake_heal_failed). */
    service_tell(d->rule->s, first ? "drift" : "update", d->rule, &d->finding, NULL);
    drift_record(d, first ? "firing" : "update", true, NULL);
}

/* Kept and recorded, and nobody is told: the rule means something else by it now, or one commit
 * follows another. */
static void revise(open_drift *d, const tu_finding *f, uint64_t hash) {
    d->hash = hash;
    keep_finding(d, f);
    drift_record(d, "update", false, NULL);
}

/* Who put it right? Us; or a new revision that agrees with what lives; or somebody else. */
static const char *resolver(const open_drift *d, bool healed) {
    if (healed)
        return "trueup";
    const rule_state *r = d->rule;
    bool moved = !r->set || !d->revision || !tu_str_is(r->set->revision, d->revision);
    return moved ? "git" : "other";
}

static void resolve(open_drift *d, const char *by) {
    rule_state *r = d->rule;
    const char *event = strcmp(by, "trueup") != 0 ? "resolved" : d->from_git ? "applied" : "healed";
    trouble_heal_ends(r, "heal-failed", d->key, by);
    service_tell(r->s, event, r, &d->finding, by);
    drift_record(d, "resolved", d->told, by);
    tu_map_remove(&r->open, tu_str_c(d->key));
    drift_free(d);
}

/* --- sightings -------------------------------------------------------------------------------- */

static bool is_told(const tu_finding *f) {
    return tu_verdict_is_drift(f->verdict) && f->action != TU_ACTION_IGNORE;
}

/* A dry run could say more: ask for one before anything is told. */
static bool verify_first(rule_state *r, size_t object, const tu_finding *f, bool suspect,
                         sighting_origin origin) {
    if (!suspect || !r->rule->confirm || origin != BY_WATCH || f->verdict != TU_VERDICT_DRIFTED)
        return false;
    target_read(r->target, r, object, false);
    return true;
}

/* The outcome of a heal: false when it failed and there is nothing more to be said. */
static bool take_outcome(open_drift *d, const tu_finding *f, bool healed, const char *heal_error) {
    rule_state *r = d->rule;
    d->healing = false;
    if (heal_error) {
        brake_heal_failed(d, heal_error);
        return false;
    }
    if (!d->from_git) /* a commit that arrives is no fight */
        brake_count(r, d->key);
    if (!healed && tu_verdict_is_drift(f->verdict)) /* refused: again, but not soon */
        d->heal_at_ms =
            tu_clock_boot(&r->s->clock) + brake_pause_failed(brake_history(r, d->key)->count);
    return true;
}

static void sighted_again(open_drift *d, const tu_finding *f, uint64_t hash, bool from_git) {
    if (!d->told && !is_on_its_way(d->rule, f)) /* it will not heal by itself any more */
        drift_update(d, f, hash);
    else if (d->hash != hash && !d->told && from_git)
        revise(d, f, hash);
    else if (d->hash != hash)
        drift_update(d, f, hash);
    else if (d->finding.action != f->action)
        revise(d, f, hash);
}

static void sighted_first(rule_state *r, const char *key, const tu_finding *f, bool from_git) {
    tu_finding shown = *f;
    char *words = brake_fight_words(r, key, f);
    if (words && !shown.reason.n)
        shown.reason = tu_str_c(words);
    open_it(r, key, &shown, finding_hash(f), from_git);
    free(words);
}

void drift_sighted(rule_state *r, const tu_finding *f, bool suspect, sighting_origin origin,
                   bool healed, const char *heal_error) {
    size_t object = tu_desired_find(r->set, &f->id);
    if (object == TU_DESIRED_NONE)
        return;
    _cleanup_(tu_buf_done) tu_buf key = TU_BUF_INIT(4 * TU_KIB);
    drift_key(&key, f);
    open_drift *d = tu_map_get(&r->open, tu_buf_str(&key));
    if (d && d->healing && origin != BY_HEAL) {
        /* Our own writing, or somebody's beside it: the outcome comes, then it is looked at again.
         */
        heal_history *h = brake_history(r, d->key);
        h->look_again = true;
        h->seen = (tu_baseline){0};
        return;
    }
    if (verify_first(r, object, f, suspect, origin))
        return;
    uint8_t *verdict = &r->verdicts[object];
    bool from_git = *verdict == VERDICT_PENDING && r->loads > 1;
    if (origin == BY_HEAL && d && !take_outcome(d, f, healed, heal_error))
        return;
    bool listened = status_is_followed(r->s);
    events_verdict(r, *verdict, f, listened && d && d->hash != finding_hash(f));
    *verdict = f->verdict;
    if (suspect && origin == BY_WATCH && f->verdict == TU_VERDICT_IN_SYNC && r->rule->confirm)
        target_read(r->target, r, object,
                    true); /* right as far as can be told: a dry run tells more */
    if (f->verdict == TU_VERDICT_UNKNOWN || f->verdict == TU_VERDICT_TERMINATING) {
        /* An open drift stays open: what isn't known isn't resolved, and what is going isn't gone.
         */
        if (origin == BY_VERIFY)
            target_look_later(r);
        return;
    }
    if (!is_told(f)) {
        if (d)
            resolve(d, resolver(d, healed));
        return;
    }
    if (d)
        sighted_again(d, f, finding_hash(f), from_git);
    else
        sighted_first(r, tu_buf_c(&key), f, from_git);
    if (f->action == TU_ACTION_HEAL)
        target_heal_soon(r->target, 0);
}

void drift_replaced(rule_state *r, const tu_finding *f) {
    tu_finding it = {.id = f->id, .verdict = f->verdict, .file = f->file, .line = f->line};
    it.reason = TU_S("replaced: it was deleted and made anew (another uid)");
    service_tell(r->s, "replaced", r, &it, NULL);
    drift_record_event(r, "object.replaced", &it, NULL);
}

bool drift_is_healing(rule_state *r, size_t object, const tu_baseline *now) {
    if (r->heals.n == 0 && r->open.n == 0)
        return false;
    const tu_object_id id = tu_desired_id(r->set, object);
    _cleanup_(tu_buf_done) tu_buf key = TU_BUF_INIT(4 * TU_KIB);
    tu_object_id_print(&key, &id);
    const open_drift *d = tu_map_get(&r->open, tu_buf_str(&key));
    if (!d || !d->healing)
        return false;
    heal_history *h = brake_history(r, d->key);
    h->seen = h->look_again && !(h->seen.flags & TU_BASELINE_VALID) ? h->seen : *now;
    h->look_again = true;
    return true;
}

/* The job of a heal is over. Its outcome came before, unless it was about what isn't desired any
 * more. */
void drift_heal_ended(rule_state *r, const tu_object_id *id) {
    _cleanup_(tu_buf_done) tu_buf key = TU_BUF_INIT(4 * TU_KIB);
    tu_object_id_print(&key, id);
    open_drift *d = tu_map_get(&r->open, tu_buf_str(&key));
    heal_history *h = tu_map_get(&r->heals, tu_buf_str(&key));
    bool unsaid = d && d->healing, look_again = unsaid || (h && h->look_again);
    const tu_baseline *seen = h && !unsaid ? &h->seen : NULL;
    if (d)
        d->healing = false;
    if (h)
        h->look_again = false;
    size_t object = r->set ? tu_desired_find(r->set, id) : TU_DESIRED_NONE;
    if (object != TU_DESIRED_NONE && look_again)
        target_look(r->target, r, object, seen);
}

/* --- what stands in no manifest --------------------------------------------------------------- */

/* Does any rule of the same target name it, or can that not be said, because one's set isn't there
 * or lacks a file that couldn't be read? */
static bool is_anybodys(const rule_state *r, const tu_object_id *id) {
    for (size_t i = 0; i < r->s->rule_count; i++) {
        const rule_state *other = &r->s->rules[i];
        if (other->target == r->target &&
            (!other->set || !tu_desired_is_whole(other->set) || tu_desired_names(other->set, id)))
            return true;
    }
    return false;
}

void drift_stranger(rule_state *r, const tu_finding *f) {
    _cleanup_(tu_buf_done) tu_buf key = TU_BUF_INIT(4 * TU_KIB);
    drift_key(&key, f);
    open_drift *d = tu_map_get(&r->open, tu_buf_str(&key));
    if (tu_desired_names(r->set, &f->id))
        return; /* it came to Git meanwhile: what is found of it there decides */
    if (!is_told(f)) {
        if (!d)
            return;
        events_verdict(r, TU_VERDICT_UNMANAGED, f, false);
        resolve(d, "other");
    } else if (d) {
        sighted_again(d, f, finding_hash(f), false);
    } else if (!is_anybodys(r, &f->id)) {
        events_verdict(r, VERDICT_PENDING, f, false);
        open_it(r, tu_buf_c(&key), f, finding_hash(f), false);
    }
}

/* --- findings of the set itself --------------------------------------------------------------- */

static void judge_problem(rule_state *r, const char *key, const tu_finding *problem) {
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_finding *f = tu_finding_copy(&a, problem);
    int64_t now = tu_clock_wall(&r->s->clock);
    if (f && tu_decide(&a, r->rule, NULL, NULL, NULL, 0, now, f, NULL) == TU_OK && is_told(f)) {
        open_drift *d = tu_map_get(&r->open, tu_str_c(key));
        uint64_t hash = finding_hash(f);
        if (!d)
            open_it(r, key, f, hash, false);
        else if (d->hash != hash || !d->told)
            drift_update(d, f, hash);
    }
    tu_arena_done(&a);
}

static bool is_desired(const rule_state *r, const open_drift *d) {
    return d->finding.id.name.n && tu_desired_find(r->set, &d->finding.id) != TU_DESIRED_NONE;
}

/* One drift for each object or place: of the same object in two files the first names the second.
 */
void drift_problems(rule_state *r) {
    tu_map wrong = {0};
    for (size_t i = 0; i < r->set->problem_count; i++) {
        const tu_finding *problem = r->set->problems[i];
        _cleanup_(tu_buf_done) tu_buf key = TU_BUF_INIT(4 * TU_KIB);
        drift_key(&key, problem);
        if (tu_map_has(&wrong, tu_buf_str(&key)))
            continue;
        tu_map_put(&wrong, tu_buf_str(&key), r);
        judge_problem(r, tu_buf_c(&key), problem);
    }
    for (size_t i = r->open.n; i > 0; i--) {
        open_drift *d = r->open.entries[i - 1].value;
        bool over = d->finding.verdict != TU_VERDICT_UNMANAGED && !is_desired(r, d);
        if (over && !tu_map_has(&wrong, tu_str_c(d->key)))
            resolve(d, "git");
    }
    tu_map_done(&wrong, NULL);
    brake_forget_old(r);
}

void drift_left_git(rule_state *r, const tu_object_id *id) {
    _cleanup_(tu_buf_done) tu_buf key = TU_BUF_INIT(4 * TU_KIB);
    tu_object_id_print(&key, id);
    open_drift *d = tu_map_get(&r->open, tu_buf_str(&key));
    if (d)
        resolve(d, "git");
}

/* --- an earlier run's drifts ------------------------------------------------------------------ */

/* A problem of a file has no object; its place stands in the finding. */
static void restore_place(tu_arena *a, const tu_drift *row, tu_finding *f) {
    tu_value *v = NULL;
    if (tu_json_parse(a, row->finding, TU_JSON_COPY, NULL, &v, NULL, NULL) == TU_OK) {
        f->file = tu_value_get_string(v, "file");
        f->line = (uint32_t)tu_value_integer(tu_value_get(v, "line"), 0);
        f->reason = tu_value_get_string(v, "reason");
    }
}

static tu_rc restore_one(void *arg, const tu_drift *row) {
    service *s = arg;
    rule_state *r = NULL;
    for (size_t i = 0; i < s->rule_count; i++)
        if (tu_str_eq(s->rules[i].rule->name, row->rule))
            r = &s->rules[i];
    if (!r || service_is_orphan(s->config, row))
        return TU_OK; /* closed when the service starts (service.c) */
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_finding f = {.id = row->object,
                    .verdict = row->verdict,
                    .severity = row->severity,
                    .action = row->action};
    restore_place(&a, row, &f);
    _cleanup_(tu_buf_done) tu_buf key = TU_BUF_INIT(4 * TU_KIB);
    drift_key(&key, &f);
    open_drift *d = open_new(r, tu_buf_c(&key), &f);
    *d->row = row->id;
    d->hash = row->finding_hash;
    d->opened_ms = row->opened_ms;
    d->told = row->state == TU_DRIFT_OPEN;
    d->from_git = !d->told;
    d->recorded = true;
    d->alerted = d->told && alerts_recall(s, row);
    free(d->revision);
    d->revision = row->source_revision.n ? tu_xstrdup(row->source_revision.p) : NULL;
    tu_arena_done(&a);
    return TU_OK;
}

void drift_restore(service *s) {
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    if (tu_store_open_drifts(s->store, restore_one, s, &why) != TU_OK)
        tu_log(TU_LOG_ERROR, "open drifts of the last run can't be read", "error",
               tu_error_text(why), NULL);
}
