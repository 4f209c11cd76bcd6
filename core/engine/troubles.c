/*
 * engine/troubles.c: alerts about trueup itself: what it can't read, watch, load, heal or deliver.
 *
 *   (well) -- trouble_is --> waiting -- lasted delay_ms --> told -- trouble_ends, or `until` passed --> (well)
 *                               |                            ^
 *                               '-- trouble_ends --> (well)  '-- restored at a start, until it is known better
 *
 * Invariants
 *   - One trouble for each problem and name; told is followed by resolved, over reloads and restarts.
 *   - A trouble of what isn't configured any more ends ("configuration").
 *   - A text is never a secret: it is the words of an error, which have none.
 *
 * To add one: a call of trouble_is() where it shows and of trouble_ends() where it is over, a row in
 * the README, and, when it comes through condition_set(), a row in `conditions`.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/alerts.h"
#include "rules/decide.h"
#include "value/json.h"

#define UNREACHABLE_MS 30000
#define EXPIRY_CHECK_MS 60000

typedef struct trouble {
    tu_arena arena; /* of the texts below */
    tu_alert_trouble t;
    bool told, restored;
    int64_t due_ms;   /* boot; when it has lasted long enough */
    int64_t until_ms; /* boot; 0: until somebody says that it is over */
} trouble;

struct troubles {
    tu_map open;
    uv_timer_t timer, expiry;
};

static const struct {
    const char *what, *problem;
    tu_severity severity;
    int64_t delay_ms;
    const char *hint;
} conditions[] = {
    {"source", "source-unreadable", TU_SEVERITY_WARNING, UNREACHABLE_MS,
     "what stands in Git since then isn't compared; see `trueup status`"},
    {"target", "target-unwatched", TU_SEVERITY_CRITICAL, UNREACHABLE_MS,
     "changes of the target aren't seen; see `trueup status`"},
    {"rule", "rule-unloadable", TU_SEVERITY_WARNING, UNREACHABLE_MS,
     "the rule goes on with the revision that it loaded last; see `trueup status`"},
    {"store", "store-failing", TU_SEVERITY_CRITICAL, UNREACHABLE_MS,
     "nothing is healed and nobody is told until it can be written; make room on the disk"},
    {"configuration", "config-refused", TU_SEVERITY_WARNING, 0,
     "the one in force stays; see `trueup config check`"},
};

static void key_of(tu_buf *b, tu_str problem, tu_str name) {
    tu_buf_add(b, problem);
    tu_buf_add_byte(b, '\n');
    tu_buf_add(b, name);
}

static void trouble_free(void *p) {
    trouble *x = p;
    tu_arena_done(&x->arena);
    free(x);
}

/* False without memory: the words of before stay. */
static bool keep(trouble *x, const tu_alert_trouble *t, int64_t started_ms) {
    tu_arena fresh;
    tu_arena_init(&fresh, 0);
    tu_alert_trouble copy = {.problem = tu_arena_copy(&fresh, t->problem),
                             .name = tu_arena_copy(&fresh, t->name),
                             .rule = tu_arena_copy(&fresh, t->rule),
                             .target = tu_arena_copy(&fresh, t->target),
                             .source = tu_arena_copy(&fresh, t->source),
                             .receiver = tu_arena_copy(&fresh, t->receiver),
                             .severity = t->severity,
                             .text = tu_arena_copy(&fresh, t->text),
                             .hint = tu_arena_copy(&fresh, t->hint),
                             .started_ms = started_ms};
    if (!copy.problem.p || !copy.name.p || !copy.rule.p || !copy.target.p || !copy.source.p ||
        !copy.receiver.p || !copy.text.p || !copy.hint.p) {
        tu_arena_done(&fresh);
        return false;
    }
    tu_arena_done(&x->arena);
    x->arena = fresh;
    x->t = copy;
    return true;
}

/* --- telling ---------------------------------------------------------------------------------- */

static tu_str detail_of(tu_arena *a, const tu_alert_trouble *t) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    tu_buf_add_c(&b, "{\"problem\":");
    tu_buf_add_json_string(&b, t->problem);
    tu_buf_add_c(&b, ",\"name\":");
    tu_buf_add_json_string(&b, t->name);
    tu_buf_add_c(&b, ",\"text\":");
    tu_buf_add_json_string(&b, t->text);
    tu_buf_add_c(&b, "}");
    return tu_arena_copy(a, tu_buf_str(&b));
}

/* Into the store and to the dispatcher. action: of the audit record; NULL: none. */
static void tell(service *s, trouble *x, bool firing, const char *action, const char *by) {
    record *r = record_new(s);
    tu_alert_trouble t = x->t;
    t.resolved_by = tu_str_c(by);
    char fingerprint[33];
    tu_labels labels = {0};
    _cleanup_(tu_buf_done) tu_buf body = TU_BUF_INIT(TU_ALERT_BODY_BYTES),
                                  json = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    tu_alert_trouble_fingerprint(&t, tu_store_install_id(s->store), fingerprint);
    bool made = tu_alert_trouble_labels(&r->arena, &t, &labels);
    tu_alert_labels_json(&json, &labels);
    tu_alert_trouble_body(&body, &t);
    r->alert = (tu_alert_row){.fingerprint = tu_arena_copy(&r->arena, tu_str_c(fingerprint)),
                              .firing = firing,
                              .severity = t.severity,
                              .started_ms = t.started_ms,
                              .updated_ms = r->wall_ms,
                              .ended_ms = firing ? 0 : r->wall_ms,
                              .labels = tu_arena_copy(&r->arena, tu_buf_str(&json)),
                              .body = tu_arena_copy(&r->arena, tu_buf_str(&body))};
    r->has_alert = made && json.rc == TU_OK && body.rc == TU_OK && r->alert.fingerprint.p &&
                   r->alert.labels.p && r->alert.body.p;
    const tu_alert alert = {.fingerprint = r->alert.fingerprint,
                            .labels = labels,
                            .severity = t.severity,
                            .firing = firing,
                            .started_ms = t.started_ms,
                            .ended_ms = r->alert.ended_ms,
                            .ended_by = t.resolved_by,
                            .content = tu_hash64(t.text)};
    if (action)
        r->audits[r->audit_count++] = (tu_audit){.actor = TU_S("trueup"),
                                                 .action = tu_str_c(action),
                                                 .rule = tu_arena_copy(&r->arena, t.rule),
                                                 .target = tu_arena_copy(&r->arena, t.target),
                                                 .detail = detail_of(&r->arena, &t)};
    if (r->has_alert)
        tu_dispatch_alert(alerts_dispatch(s), &alert, alerts_now(s), &r->effects);
    alerts_submit(r);
}

static void end(service *s, trouble *x, const char *by) {
    if (x->told)
        tell(s, x, false, "trouble.ended", by);
    _cleanup_(tu_buf_done) tu_buf key = TU_BUF_INIT(64 * TU_KIB);
    key_of(&key, x->t.problem, x->t.name);
    tu_map_remove(&s->troubles->open, tu_buf_str(&key));
    trouble_free(x);
}

/* --- time ------------------------------------------------------------------------------------- */

static void schedule(service *s);

static void on_timer(uv_timer_t *timer) {
    service *s = timer->data;
    int64_t now = tu_clock_boot(&s->clock);
    for (size_t i = s->troubles->open.n; i > 0; i--) {
        trouble *x = s->troubles->open.entries[i - 1].value;
        if (x->until_ms && now >= x->until_ms) {
            end(s, x, "other");
        } else if (!x->told && now >= x->due_ms) {
            x->told = true;
            tell(s, x, true, "trouble.opened", NULL);
        }
    }
    schedule(s);
}

static void schedule(service *s) {
    int64_t next = INT64_MAX, now = tu_clock_boot(&s->clock);
    for (size_t i = 0; i < s->troubles->open.n; i++) {
        const trouble *x = s->troubles->open.entries[i].value;
        if (!x->told && x->due_ms < next)
            next = x->due_ms;
        if (x->until_ms && x->until_ms < next)
            next = x->until_ms;
    }
    if (next == INT64_MAX)
        uv_timer_stop(&s->troubles->timer);
    else
        uv_timer_start(&s->troubles->timer, on_timer, next > now ? (uint64_t)(next - now) : 0, 0);
}

/* --- what the engine says --------------------------------------------------------------------- */

void trouble_is(service *s, const tu_alert_trouble *t, int64_t delay_ms, int64_t until_ms) {
    _cleanup_(tu_buf_done) tu_buf key = TU_BUF_INIT(64 * TU_KIB);
    key_of(&key, t->problem, t->name);
    int64_t now = tu_clock_boot(&s->clock);
    trouble *x = tu_map_get(&s->troubles->open, tu_buf_str(&key));
    bool fresh = !x, other = x && !tu_str_eq(x->t.text, t->text);
    if (fresh) {
        x = tu_xcalloc(1, sizeof *x);
        x->due_ms = now + delay_ms;
        tu_map_put(&s->troubles->open, tu_buf_str(&key), x);
    }
    x->restored = false;
    x->until_ms = until_ms ? now + until_ms : 0;
    if (fresh || other)
        keep(x, t, fresh ? tu_clock_wall(&s->clock) : x->t.started_ms);
    if (fresh && delay_ms == 0) {
        x->told = true;
        tell(s, x, true, "trouble.opened", NULL);
    } else if (other && x->told) {
        tell(s, x, true, NULL, NULL);
    }
    schedule(s);
}

void trouble_ends(service *s, const char *problem, tu_str name, const char *by) {
    if (!s->troubles || !s->troubles->open.n)
        return;
    _cleanup_(tu_buf_done) tu_buf key = TU_BUF_INIT(64 * TU_KIB);
    key_of(&key, tu_str_c(problem), name);
    trouble *x = tu_map_get(&s->troubles->open, tu_buf_str(&key));
    if (x)
        end(s, x, by);
}

void trouble_condition(service *s, const char *what, const char *name, const char *text) {
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
        if (strcmp(conditions[i].what, what) != 0)
            continue;
        tu_str n = tu_str_c(name);
        tu_alert_trouble t = {.problem = tu_str_c(conditions[i].problem),
                              .name = n,
                              .severity = conditions[i].severity,
                              .text = tu_str_c(text),
                              .hint = tu_str_c(conditions[i].hint)};
        t.source = strcmp(what, "source") == 0 ? n : t.source;
        t.target = strcmp(what, "target") == 0 ? n : t.target;
        t.rule = strcmp(what, "rule") == 0 ? n : t.rule;
        if (text)
            trouble_is(s, &t, conditions[i].delay_ms, 0);
        else
            trouble_ends(s, conditions[i].problem, n, "other");
    }
}

static void heal_name(tu_buf *b, const rule_state *r, const char *key) {
    tu_buf_add(b, r->rule->name);
    tu_buf_add_byte(b, '/');
    tu_buf_add_c(b, key);
}

void trouble_heal(rule_state *r, const char *problem, const char *key, const char *text,
                  int64_t until_ms) {
    _cleanup_(tu_buf_done) tu_buf name = TU_BUF_INIT(64 * TU_KIB);
    heal_name(&name, r, key);
    trouble_is(r->s,
               &(tu_alert_trouble){.problem = tu_str_c(problem),
                                   .name = tu_buf_str(&name),
                                   .rule = r->rule->name,
                                   .target = r->rule->to,
                                   .severity = TU_SEVERITY_WARNING,
                                   .text = tu_str_c(text),
                                   .hint = TU_S("`trueup explain` names the field's owner")},
               0, until_ms);
}

void trouble_heal_ends(rule_state *r, const char *problem, const char *key, const char *by) {
    if (!r->s->troubles->open.n)
        return;
    _cleanup_(tu_buf_done) tu_buf name = TU_BUF_INIT(64 * TU_KIB);
    heal_name(&name, r, key);
    trouble_ends(r->s, problem, tu_buf_str(&name), by);
}

bool trouble_is_dead_receiver(const service *s, tu_str fingerprint, tu_str receiver) {
    for (size_t i = 0; i < s->troubles->open.n; i++) {
        const trouble *x = s->troubles->open.entries[i].value;
        char its[33];
        if (!tu_str_is(x->t.problem, "delivery-dead") || !tu_str_eq(x->t.receiver, receiver))
            continue;
        tu_alert_trouble_fingerprint(&x->t, tu_store_install_id(s->store), its);
        if (tu_str_is(fingerprint, its))
            return true;
    }
    return false;
}

size_t troubles_list(const service *s, void (*each)(void *arg, const tu_alert_trouble *t),
                     void *arg) {
    size_t n = 0;
    for (size_t i = 0; i < s->troubles->open.n; i++) {
        const trouble *x = s->troubles->open.entries[i].value;
        if (x->told) {
            each(arg, &x->t);
            n++;
        }
    }
    return n;
}

/* --- entries that have expired ---------------------------------------------------------------- */

static void expired_is(service *s, const tu_rule *rule, const tu_entry *e) {
    char at[32];
    tu_time_format(e->expires_ms, at);
    _cleanup_(tu_buf_done) tu_buf name = TU_BUF_INIT(4 * TU_KIB), text = TU_BUF_INIT(4 * TU_KIB);
    tu_buf_addf(&name, "%.*s/%.*s", TU_P(rule->name), TU_P(e->name));
    tu_buf_addf(&text, "the entry doesn't match any more: it expired at %s (%s:%u)", at,
                e->place.file, e->place.line);
    trouble_is(s,
               &(tu_alert_trouble){.problem = TU_S("ignore-expired"),
                                   .name = tu_buf_str(&name),
                                   .rule = rule->name,
                                   .target = rule->to,
                                   .severity = TU_SEVERITY_WARNING,
                                   .text = tu_buf_str(&text),
                                   .hint = TU_S("take the entry out, or give it a later date")},
               0, 0);
}

static void on_expiry(uv_timer_t *timer) {
    service *s = timer->data;
    int64_t now = tu_clock_wall(&s->clock);
    for (size_t i = 0; i < s->rule_count; i++) {
        const tu_rule *rule = s->rules[i].rule;
        for (size_t k = 0; k < rule->entry_count && rule->mode != TU_MODE_OFF; k++)
            if (rule->entries[k].expires_ms && rule->entries[k].expires_ms <= now)
                expired_is(s, rule, &rule->entries[k]);
    }
}

/* --- start and end ---------------------------------------------------------------------------- */

void troubles_start(service *s) {
    s->troubles = tu_xcalloc(1, sizeof *s->troubles);
    service_timer(s, &s->troubles->timer, s);
    service_timer(s, &s->troubles->expiry, s);
}

/* Its words stand in the row's body. */
static tu_rc on_body(void *arg, const tu_alert_row *row) {
    trouble *x = arg;
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_value *body = NULL;
    tu_json_parse(&a, row->body, TU_JSON_NO_LINES, NULL, &body, NULL, NULL);
    const tu_value *problem = tu_value_get(body, "problem");
    tu_alert_trouble t = x->t;
    t.text = tu_value_get_string(problem, "text");
    t.hint = tu_value_get_string(problem, "hint");
    keep(x, &t, x->t.started_ms);
    tu_arena_done(&a);
    return TU_OK;
}

static tu_str label(const tu_labels *labels, const char *key) {
    for (size_t i = 0; i < labels->n; i++)
        if (tu_str_is(labels->items[i].key, key))
            return labels->items[i].value;
    return (tu_str){0};
}

void troubles_restore(service *s, const tu_alert_row *row) {
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_labels labels;
    if (row->firing && tu_alert_labels_read(&a, row->labels, &labels) &&
        tu_str_is(label(&labels, "about"), "trueup")) {
        trouble *x = tu_xcalloc(1, sizeof *x);
        const tu_alert_trouble t = {.problem = label(&labels, "problem"),
                                    .name = label(&labels, "name"),
                                    .rule = label(&labels, "rule"),
                                    .target = label(&labels, "target"),
                                    .source = label(&labels, "source"),
                                    .receiver = label(&labels, "receiver"),
                                    .severity = row->severity};
        keep(x, &t, row->started_ms);
        x->told = x->restored = true;
        _cleanup_(tu_buf_done) tu_buf key = TU_BUF_INIT(64 * TU_KIB);
        key_of(&key, t.problem, t.name);
        trouble *before = tu_map_put(&s->troubles->open, tu_buf_str(&key), x);
        if (before)
            trouble_free(before);
    }
    tu_arena_done(&a);
}

static bool is_configured(const service *s, const tu_alert_trouble *t) {
    const tu_config *c = s->config;
    const tu_rule *rule = t->rule.n ? tu_config_rule(c, t->rule) : NULL;
    return (!t->rule.n || (rule && rule->mode != TU_MODE_OFF)) &&
           (!t->target.n || tu_config_target(c, t->target)) &&
           (!t->source.n || tu_config_source(c, t->source)) &&
           (!t->receiver.n || tu_config_notifier(c, t->receiver));
}

/* Is a trouble of healing still one? Only while its drift is open. */
static bool has_drift(const service *s, const tu_alert_trouble *t) {
    for (size_t i = 0; i < s->rule_count; i++) {
        const rule_state *r = &s->rules[i];
        tu_str key = {t->name.p + t->rule.n + 1, t->name.n - t->rule.n - 1};
        if (tu_str_eq(r->rule->name, t->rule) && t->name.n > t->rule.n + 1 &&
            tu_map_has(&r->open, key))
            return true;
    }
    return false;
}

void troubles_read(service *s) {
    for (size_t i = 0; i < s->troubles->open.n; i++) {
        trouble *x = s->troubles->open.entries[i].value;
        char fingerprint[33];
        tu_alert_trouble_fingerprint(&x->t, tu_store_install_id(s->store), fingerprint);
        tu_store_alert(s->store, tu_str_c(fingerprint), on_body, x, NULL);
    }
}

void troubles_review(service *s) {
    uv_timer_start(&s->troubles->expiry, on_expiry, EXPIRY_CHECK_MS, EXPIRY_CHECK_MS);
    on_expiry(&s->troubles->expiry);
    for (size_t i = s->troubles->open.n; i > 0; i--) {
        trouble *x = s->troubles->open.entries[i - 1].value;
        const tu_alert_trouble *t = &x->t;
        bool heals = tu_str_starts(t->problem, "heal-");
        if (!x->restored)
            continue;
        if (!is_configured(s, t) || tu_str_is(t->problem, "ignore-expired"))
            end(s, x, "configuration");
        else if (tu_str_is(t->problem, "config-refused") && !s->config_problem.text)
            end(s, x, "other");
        else if (tu_str_is(t->problem, "heal-fought"))
            x->until_ms = tu_clock_boot(&s->clock) + TROUBLE_FOUGHT_MS;
        else if (heals && !has_drift(s, t))
            end(s, x, "other");
    }
    if (s->config_problem.text)
        trouble_condition(s, "configuration", s->options->config_path, s->config_problem.text);
    schedule(s);
}

void troubles_close(service *s) {
    uv_close((uv_handle_t *)&s->troubles->timer, NULL);
    uv_close((uv_handle_t *)&s->troubles->expiry, NULL);
}

void troubles_free(service *s) {
    tu_map_done(&s->troubles->open, trouble_free);
    free(s->troubles);
}
