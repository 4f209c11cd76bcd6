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
 * Records go to the store in order, on its thread; a record that can't be written is tried until it
 * can.
 */
#include <stdlib.h>

#include "alert/alert.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/service.h"
#include "rules/decide.h"
#include "value/json.h"

/* The brake: an object that is changed back again and again is healed at once this often, then with
 * growing pauses. */
#define HEALS_AT_ONCE 3
#define HEAL_FIRST_PAUSE_MS 2000
#define HEAL_LONGEST_PAUSE_MS 300000
#define HEAL_FORGOTTEN_MS 600000
#define DELIVERY_LIFE_MS (24LL * 3600 * 1000)

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

/* --- recording -------------------------------------------------------------------------------- */

typedef struct record_job {
    tu_job job;
    service *s;
    rule_state *r;
    char *key;
    tu_arena arena;
    tu_drift drift;
    tu_audit audits[2];
    size_t audit_count;
    bool has_drift;
    const char *message_kind; /* NULL: nobody is told */
    tu_str receiver;
    int64_t *row;
    bool last; /* the drift is over: its row number is not needed any more */
    tu_rc rc;
    tu_error *error;
} record_job;

static void compose(record_job *j, tu_delivery *d, tu_buf *message) {
    tu_alert_message(message, &j->drift, j->message_kind, j->r->rule,
                     tu_store_install_id(j->s->store), j->drift.updated_ms);
    *d = (tu_delivery){.receiver = j->receiver,
                       .kind = tu_str_c(j->message_kind),
                       .message = tu_buf_str(message),
                       .next_ms = j->drift.updated_ms,
                       .created_ms = j->drift.updated_ms,
                       .expires_ms = j->drift.updated_ms + DELIVERY_LIFE_MS};
}

static tu_rc write_record(record_job *j) {
    _cleanup_(tu_buf_done) tu_buf message = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    tu_delivery delivery = {0};
    if (j->row)
        j->drift.id = *j->row;
    if (j->message_kind)
        compose(j, &delivery, &message);
    tu_store_change change = {.wall_ms = j->drift.updated_ms,
                              .drift = j->has_drift ? &j->drift : NULL,
                              .audits = j->audits,
                              .audit_count = j->audit_count,
                              .deliveries = &delivery,
                              .delivery_count = j->message_kind != NULL};
    tu_error_free(TU_TAKE(j->error));
    tu_rc rc = tu_store_commit(j->s->store, &change, &j->error);
    if (rc == TU_OK && j->row)
        *j->row = j->drift.id;
    return rc;
}

/* A full disk is waited out: detection goes on, and everything behind this record keeps its order.
 */
static void record_work(tu_job *job) {
    record_job *j = (record_job *)job;
    do {
        j->rc = write_record(j);
    } while (store_try_again(j->s, j->rc, tu_error_text(j->error)));
}

static void record_done(tu_job *job) {
    record_job *j = (record_job *)job;
    service *s = j->s;
    if (j->rc != TU_OK)
        tu_log(TU_LOG_ERROR, "a record was not written", "drift", j->key, "error",
               tu_error_text(j->error), NULL);
    if (!service_is_stopping(s)) {
        condition_set(s, &s->store_problem, "store", "trueup.db",
                      j->rc == TU_OK ? NULL : tu_error_text(j->error));
        open_drift *d = j->r && j->key ? tu_map_get(&j->r->open, tu_str_c(j->key)) : NULL;
        if (d && d->row == j->row && j->rc == TU_OK && !d->recorded) {
            d->recorded = true;
            target_heal_soon(j->r->target, 0);
        }
        if (j->message_kind)
            deliver_kick(s);
    }
    if (j->last) /* here and not earlier: as long as it lives, no other drift has its address */
        free(j->row);
    tu_arena_done(&j->arena);
    tu_error_free(j->error);
    free(j->key);
    free(j);
}

static tu_str severity_text(const tu_finding *f) {
    return tu_str_c(tu_severity_name(f->severity));
}

static record_job *record_new(service *s, rule_state *r) {
    record_job *j = tu_xcalloc(1, sizeof *j);
    j->job = (tu_job){.work = record_work, .done = record_done};
    j->s = s;
    j->r = r;
    tu_arena_init(&j->arena, 0);
    return j;
}

static tu_str detail_json(tu_arena *a, const tu_finding *f, const char *text) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    tu_buf_add_c(&b, "{");
    if (text) {
        tu_buf_add_c(&b, "\"text\":");
        tu_buf_add_json_string(&b, tu_str_c(text));
    }
    if (f) {
        tu_buf_add_c(&b, text ? ",\"severity\":" : "\"severity\":");
        tu_buf_add_json_string(&b, severity_text(f));
        tu_buf_add_c(&b, ",\"finding\":");
        tu_report_finding_json(&b, f);
    }
    tu_buf_add_c(&b, "}");
    return tu_arena_copy(a, tu_buf_str(&b));
}

static const tu_object_id nothing;

/* action: a literal; the store's thread reads it. */
static void add_audit(record_job *j, const char *action, const tu_finding *f, const char *text) {
    j->audits[j->audit_count++] =
        (tu_audit){.actor = TU_S("trueup"),
                   .action = tu_str_c(action),
                   .rule = j->r->rule->name,
                   .target = j->r->rule->to,
                   .object = tu_object_id_copy(&j->arena, f ? &f->id : &nothing),
                   .detail = detail_json(&j->arena, f, text)};
}

void drift_record_event(rule_state *r, const char *action, const tu_finding *f, const char *text) {
    record_job *j = record_new(r->s, r);
    j->drift.updated_ms = tu_clock_wall(&r->s->clock);
    add_audit(j, action, f, text);
    tu_worker_submit(r->s->store_worker, &j->job);
}

/* kind: "firing", "update" or "resolved"; tell: is a message made of it? */
static void record(open_drift *d, const char *kind, bool tell, const char *by) {
    rule_state *r = d->rule;
    service *s = r->s;
    const tu_finding *f = &d->finding;
    int64_t now = tu_clock_wall(&s->clock);
    bool resolved = strcmp(kind, "resolved") == 0;
    record_job *j = record_new(s, r);
    j->key = tu_xstrdup(d->key);
    j->has_drift = true;
    j->row = d->row;
    j->last = resolved;
    _cleanup_(tu_buf_done) tu_buf json = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    tu_report_finding_json(&json, f);
    j->drift = (tu_drift){.rule = r->rule->name,
                          .target = r->rule->to,
                          .source_revision =
                              tu_arena_copy(&j->arena, r->set ? r->set->revision : (tu_str){0}),
                          .object = tu_object_id_copy(&j->arena, &f->id),
                          .state = resolved  ? TU_DRIFT_RESOLVED
                                   : d->told ? TU_DRIFT_OPEN
                                             : TU_DRIFT_HEALING,
                          .verdict = f->verdict,
                          .severity = f->severity,
                          .action = f->action,
                          .finding = json.rc == TU_OK ? tu_arena_copy(&j->arena, tu_buf_str(&json))
                                                      : (tu_str){0}, /* too large to be kept */
                          .finding_hash = d->hash,
                          .opened_ms = d->opened_ms,
                          .updated_ms = now,
                          .resolved_ms = resolved ? now : 0,
                          .resolved_by = by ? tu_str_c(by) : (tu_str){0}};
    const char *action = resolved                      ? "drift.resolved"
                         : strcmp(kind, "firing") == 0 ? "drift.opened"
                                                       : "drift.updated";
    add_audit(j, action, f, by);
    if (resolved && by && strcmp(by, "trueup") == 0)
        add_audit(j, "heal.applied", f, NULL);
    tu_str receiver = tell ? tu_alert_route(s->config, r->rule, &j->drift) : (tu_str){0};
    if (receiver.n) {
        j->message_kind = kind;
        j->receiver = receiver;
    }
    tu_worker_submit(s->store_worker, &j->job);
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
    record(d, "firing", d->told, NULL);
}

static void update(open_drift *d, const tu_finding *f, uint64_t hash) {
    d->hash = hash;
    keep_finding(d, f);
    bool first = !d->told;
    d->told = true;
    d->from_git = false;
    /* Not f: it may have stood in the words of before (heal_failed). */
    service_tell(d->rule->s, first ? "drift" : "update", d->rule, &d->finding, NULL);
    record(d, first ? "firing" : "update", true, NULL);
}

/* Kept and recorded, and nobody is told: the rule means something else by it now, or one commit
 * follows another. */
static void revise(open_drift *d, const tu_finding *f, uint64_t hash) {
    d->hash = hash;
    keep_finding(d, f);
    record(d, "update", false, NULL);
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
    service_tell(r->s, event, r, &d->finding, by);
    record(d, "resolved", d->told, by);
    tu_map_remove(&r->open, tu_str_c(d->key));
    drift_free(d);
}

/* --- healing: when ---------------------------------------------------------------------------- */

static heal_history *history_of(rule_state *r, const char *key) {
    heal_history *h = tu_map_get(&r->heals, tu_str_c(key));
    if (!h) {
        h = tu_xcalloc(1, sizeof *h);
        tu_map_put(&r->heals, tu_str_c(key), h);
    }
    return h;
}

static int64_t pause_after(unsigned count) {
    if (count < HEALS_AT_ONCE)
        return 0;
    unsigned doublings = count - HEALS_AT_ONCE;
    int64_t pause = HEAL_FIRST_PAUSE_MS;
    while (doublings-- && pause < HEAL_LONGEST_PAUSE_MS)
        pause *= 2;
    return pause < HEAL_LONGEST_PAUSE_MS ? pause : HEAL_LONGEST_PAUSE_MS;
}

static void count_heal(rule_state *r, const char *key) {
    heal_history *h = history_of(r, key);
    int64_t now = tu_clock_boot(&r->s->clock);
    if (now - h->last_ms > HEAL_FORGOTTEN_MS)
        h->count = 0;
    h->count++;
    h->last_ms = now;
}

/* What was healed once and long ago needs no brake; without this the books would only grow. */
static void forget_old_heals(rule_state *r) {
    int64_t now = tu_clock_boot(&r->s->clock);
    for (size_t i = r->heals.n; i > 0; i--) {
        const heal_history *h = r->heals.entries[i - 1].value;
        if (now - h->last_ms > HEAL_FORGOTTEN_MS)
            free(tu_map_remove(&r->heals, r->heals.entries[i - 1].key));
    }
}

static bool window_is_open(const rule_state *r) {
    int64_t now = tu_clock_wall(&r->s->clock);
    for (size_t i = 0; i < r->rule->heal.window_count; i++)
        if (tu_window_open(&r->rule->heal.windows[i], now))
            return true;
    return r->rule->heal.window_count == 0;
}

/* spec.heal.limit: how many objects in a period. */
static bool within_limit(rule_state *r, int64_t *ret_wait_ms) {
    int64_t now = tu_clock_boot(&r->s->clock);
    int64_t per = r->rule->heal.limit_per_ms, most = r->rule->heal.limit_objects;
    if (per <= 0 || most <= 0)
        return true;
    if (now - r->period_start_ms >= per) {
        r->period_start_ms = now;
        r->period_heals = 0;
    }
    *ret_wait_ms = r->period_start_ms + per - now;
    return r->period_heals < most;
}

bool drift_may_heal(const open_drift *d, int64_t *ret_wait_ms) {
    rule_state *r = d->rule;
    const tu_finding *f = &d->finding;
    bool wanted = f->action == TU_ACTION_HEAL &&
                  (f->verdict == TU_VERDICT_DRIFTED || f->verdict == TU_VERDICT_MISSING ||
                   f->verdict == TU_VERDICT_BLOCKED);
    *ret_wait_ms = -1;
    if (!wanted || !d->recorded || d->healing || r->rule->heal.approval_votes > 0)
        return false;
    if (!window_is_open(r)) {
        *ret_wait_ms = 30000; /* cron windows open on the minute */
        return false;
    }
    int64_t now = tu_clock_boot(&r->s->clock);
    const heal_history *h = tu_map_get(&r->heals, tu_str_c(d->key));
    int64_t at =
        h && now - h->last_ms <= HEAL_FORGOTTEN_MS ? h->last_ms + pause_after(h->count) : 0;
    if (d->heal_at_ms > at)
        at = d->heal_at_ms;
    if (now < at) {
        *ret_wait_ms = at - now;
        return false;
    }
    if (!within_limit(r, ret_wait_ms))
        return false;
    r->period_heals++;
    return true;
}

/* An attempt that failed: told once, tried again with growing pauses. */
static void heal_failed(open_drift *d, const char *why) {
    rule_state *r = d->rule;
    count_heal(r, d->key);
    const heal_history *h = history_of(r, d->key);
    d->heal_at_ms = h->last_ms + pause_after(h->count + HEALS_AT_ONCE);
    tu_finding f = d->finding;
    char *reason = tu_arena_printf(&d->arena, "healing failed: %s", why);
    if (reason)
        f.reason = tu_str_c(reason);
    service_tell(r->s, "failed", r, &f, why);
    drift_record_event(r, "heal.failed", &f, why);
    if (!tu_str_eq(f.reason, d->finding.reason))
        update(d, &f, d->hash);
    target_heal_soon(r->target, d->heal_at_ms - tu_clock_boot(&r->s->clock));
}

/* Somebody changes it back again and again: the finding says so, in the message too. malloc'd; NULL
 * where nobody does. */
static char *fight_words(rule_state *r, const char *key, const tu_finding *f) {
    const heal_history *h = tu_map_get(&r->heals, tu_str_c(key));
    int64_t now = tu_clock_boot(&r->s->clock);
    if (!h || h->count < HEALS_AT_ONCE || now - h->last_ms > HEAL_FORGOTTEN_MS ||
        f->action != TU_ACTION_HEAL)
        return NULL;
    tu_str manager = f->change_count ? f->changes[0].owner.manager : (tu_str){0};
    char pause[32];
    tu_duration_format(pause_after(h->count), pause, sizeof pause);
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(4 * TU_KIB);
    tu_buf_addf(&b, "fight: changed back after being healed %u times", h->count);
    if (manager.n)
        tu_buf_addf(&b, ", now by field manager %.*s", TU_P(manager));
    tu_buf_addf(&b, "; healing pauses for %s: find out who changes it", pause);
    tu_log(TU_LOG_WARN, "an object is changed back again and again: healing slows down", "rule",
           r->rule->name.p, "object", key, "pause", pause, NULL);
    return tu_buf_take(&b);
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
    uint32_t number = (uint32_t)object;
    target_verify(r->target, r, &number, 1);
    return true;
}

/* The outcome of a heal: false when it failed and there is nothing more to be said. */
static bool take_outcome(open_drift *d, const tu_finding *f, bool healed, const char *heal_error) {
    rule_state *r = d->rule;
    d->healing = false;
    if (heal_error) {
        heal_failed(d, heal_error);
        return false;
    }
    if (!d->from_git) /* a commit that arrives is no fight */
        count_heal(r, d->key);
    if (!healed && tu_verdict_is_drift(f->verdict)) /* refused: again, but not soon */
        d->heal_at_ms =
            tu_clock_boot(&r->s->clock) + pause_after(history_of(r, d->key)->count + HEALS_AT_ONCE);
    return true;
}

static void sighted_again(open_drift *d, const tu_finding *f, uint64_t hash, bool from_git) {
    if (!d->told && !is_on_its_way(d->rule, f)) /* it will not heal by itself any more */
        update(d, f, hash);
    else if (d->hash != hash && !d->told && from_git)
        revise(d, f, hash);
    else if (d->hash != hash)
        update(d, f, hash);
    else if (d->finding.action != f->action)
        revise(d, f, hash);
}

static void sighted_first(rule_state *r, const char *key, const tu_finding *f, bool from_git) {
    tu_finding shown = *f;
    char *words = fight_words(r, key, f);
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
        history_of(r, d->key)->look_again = true;
        return;
    }
    if (verify_first(r, object, f, suspect, origin))
        return;
    uint8_t *verdict = &r->verdicts[object];
    bool from_git = *verdict == VERDICT_PENDING && r->loads > 1;
    if (origin == BY_HEAL && d && !take_outcome(d, f, healed, heal_error))
        return;
    *verdict = f->verdict;
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

/* The job of a heal is over. Its outcome came before, unless it was about what isn't desired any
 * more. */
void drift_heal_ended(rule_state *r, const tu_object_id *id) {
    _cleanup_(tu_buf_done) tu_buf key = TU_BUF_INIT(4 * TU_KIB);
    tu_object_id_print(&key, id);
    open_drift *d = tu_map_get(&r->open, tu_buf_str(&key));
    heal_history *h = tu_map_get(&r->heals, tu_buf_str(&key));
    bool look_again = (d && d->healing) || (h && h->look_again);
    if (d)
        d->healing = false;
    if (h)
        h->look_again = false;
    size_t object = r->set ? tu_desired_find(r->set, id) : TU_DESIRED_NONE;
    if (object != TU_DESIRED_NONE && look_again) {
        uint32_t number = (uint32_t)object;
        target_verify(r->target, r, &number, 1);
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
            update(d, f, hash);
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
        if (!is_desired(r, d) && !tu_map_has(&wrong, tu_str_c(d->key)))
            resolve(d, "git");
    }
    tu_map_done(&wrong, NULL);
    forget_old_heals(r);
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
    if (!r)
        return TU_OK; /* the rule is gone: orphans are closed when the service starts (service.c) */
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
