/*
 * engine/alerts.c: see alerts.h.
 *
 * Invariant: what the dispatcher decided is in a record that was submitted before this thread does
 * anything else, so the store sees its decisions in their order.
 *
 * After a start new alerts wait until everything was looked at once (tu_dispatch_ready): what an
 * inhibition needs may come late. Whether that is so is asked often and cheaply: each rule remembers
 * the first of its objects that hasn't been looked at.
 */
#include "engine/alerts.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "value/json.h"

#define BROKEN_CALLS 5 /* one after the other: the plugin keeps failing */
#define LOOK_MS 50     /* has everything been looked at? */

struct alerts {
    tu_dispatch *dispatch;
    uv_timer_t timer, ready_timer, heartbeat;
    tu_map known;    /* fingerprints of alerts that were restored */
    tu_map diverted; /* "incident\nreceiver": its fallback is told instead */
    size_t *looked;
    record *first; /* what configuring decided, until everything was read */
};

tu_dispatch *alerts_dispatch(const service *s) {
    return s->alerts->dispatch;
}

tu_moment alerts_now(const service *s) {
    return (tu_moment){tu_clock_wall(&s->clock), tu_clock_boot(&s->clock)};
}

/* --- the timer -------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *t) {
    service *s = t->data;
    record *r = record_new(s);
    tu_dispatch_tick(s->alerts->dispatch, alerts_now(s), &r->effects);
    alerts_submit(r);
}

static void schedule(service *s) {
    tu_moment now = alerts_now(s);
    int64_t next = tu_dispatch_next(s->alerts->dispatch, now);
    if (next == INT64_MAX)
        uv_timer_stop(&s->alerts->timer);
    else
        uv_timer_start(&s->alerts->timer, on_timer,
                       next > now.boot_ms ? (uint64_t)(next - now.boot_ms) : 0, 0);
}

/* --- what X can't be told of itself --------------------------------------------------------------- */

static tu_str fallback_of(const service *s, tu_str receiver) {
    const tu_use *use = tu_config_notifier(s->config, receiver);
    tu_str name = use && use->fallback.n ? use->fallback : s->config->routing.fallback;
    return tu_str_eq(name, receiver) ? (tu_str){0} : name;
}

static bool shows_its_own_death(const service *s, const tu_delivery *d) {
    const tu_snapshot *snapshot = d->snapshot;
    for (size_t i = 0; snapshot && i < snapshot->shown_count; i++)
        if (snapshot->fires[i] && trouble_is_dead_receiver(s, snapshot->shown[i], d->receiver))
            return true;
    return false;
}

static void key_of(tu_buf *b, tu_str incident, tu_str receiver) {
    tu_buf_add(b, incident);
    tu_buf_add_byte(b, '\n');
    tu_buf_add(b, receiver);
}

/* An incident that begins with the news that X can't be delivered to goes to X's fallback, all of it:
 * X would hear of itself a day later, or never. */
static void divert(record *r) {
    struct alerts *a = r->s->alerts;
    for (size_t i = 0; i < r->effects.delivery_count; i++) {
        tu_delivery *d = &r->effects.deliveries[i];
        _cleanup_(tu_buf_done) tu_buf key = TU_BUF_INIT(4 * TU_KIB);
        key_of(&key, d->incident, d->receiver);
        tu_str fallback = fallback_of(r->s, d->receiver), before = d->receiver;
        if (!fallback.n)
            continue;
        if (!tu_map_has(&a->diverted, tu_buf_str(&key))) {
            if (!tu_str_is(d->kind, "firing") || !shows_its_own_death(r->s, d))
                continue;
            tu_map_put(&a->diverted, tu_buf_str(&key), a);
        }
        d->receiver = fallback;
        for (size_t k = 0; k < r->effects.told_count; k++) {
            tu_told_row *t = &r->effects.told[k];
            if (tu_str_eq(t->incident, d->incident) && tu_str_eq(t->receiver, before))
                t->receiver = fallback;
        }
    }
}

void alerts_submit(record *r) {
    service *s = r->s;
    divert(r);
    if (record_is_empty(r) && !r->done)
        record_free(r);
    else
        record_submit(r);
    schedule(s);
}

/* --- drifts ----------------------------------------------------------------------------------- */

/* The desired object, where one of its labels may become the alert's. */
static const tu_value *object_of(tu_arena *a, const rule_state *r, const tu_object_id *id) {
    const tu_routing *routing = &r->s->config->routing;
    if (!r->set || (!routing->object_labels.n && !routing->object_annotations.n))
        return NULL;
    size_t i = tu_desired_find(r->set, id);
    tu_prepared object = {0};
    if (i == TU_DESIRED_NONE || tu_desired_open(r->set, i, a, &object, NULL) != TU_OK)
        return NULL;
    return object.object;
}

static void fill_source(tu_alert_about *about, const rule_state *r) {
    const tu_use *use = r->source->use;
    about->source = use->name;
    about->commits = !tu_str_is(use->plugin, "directory");
    if (r->set) {
        about->revision = r->set->revision;
        about->author = r->set->author;
        about->subject = r->set->subject;
        about->time = r->set->time;
    }
}

/* The row of the alert and the alert itself; false without memory. */
/* What a message would say of a drift: another one is worth an update. */
static uint64_t content_of(const tu_drift *d) {
    return d->finding.n ? tu_hash64(d->finding) : d->finding_hash;
}

static bool describe(record *r, const tu_alert_about *about, const tu_value *finding,
                     tu_alert *ret) {
    const tu_drift *d = &r->drift;
    tu_labels labels = {0};
    char fingerprint[33];
    tu_alert_fingerprint(d, finding, tu_store_install_id(r->s->store), fingerprint);
    _cleanup_(tu_buf_done) tu_buf body = TU_BUF_INIT(TU_ALERT_BODY_BYTES),
                                  json = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    bool made = tu_alert_labels(&r->arena, about, &labels);
    tu_alert_labels_json(&json, &labels);
    tu_alert_body(&body, about);
    bool firing = d->state != TU_DRIFT_RESOLVED;
    r->alert = (tu_alert_row){.fingerprint = tu_arena_copy(&r->arena, tu_str_c(fingerprint)),
                              .firing = firing,
                              .severity = d->severity,
                              .started_ms = d->opened_ms,
                              .updated_ms = d->updated_ms,
                              .ended_ms = firing ? 0 : d->resolved_ms,
                              .labels = tu_arena_copy(&r->arena, tu_buf_str(&json)),
                              .body = tu_arena_copy(&r->arena, tu_buf_str(&body))};
    r->has_alert = made && json.rc == TU_OK && body.rc == TU_OK && r->alert.fingerprint.p &&
                   r->alert.labels.p && r->alert.body.p;
    *ret = (tu_alert){.fingerprint = r->alert.fingerprint,
                      .labels = labels,
                      .severity = d->severity,
                      .firing = firing,
                      .started_ms = d->opened_ms,
                      .ended_ms = r->alert.ended_ms,
                      .ended_by = d->resolved_by,
                      .content = content_of(d)};
    if (!r->has_alert)
        tu_log(TU_LOG_ERROR, "memory is exhausted: nobody is told of a drift", "drift",
               r->key ? r->key : "", NULL);
    return r->has_alert;
}

static tu_value *read_finding(record *r) {
    tu_value *finding = NULL;
    if (r->drift.finding.n)
        tu_json_parse(&r->arena, r->drift.finding, TU_JSON_NO_LINES, NULL, &finding, NULL, NULL);
    return tu_value_is(finding, TU_MAP) ? finding : NULL;
}

void alerts_drift(record *r, const open_drift *d, const char *by) {
    service *s = r->s;
    const rule_state *rule = d->rule;
    tu_alert alert;
    _cleanup_(tu_buf_done) tu_buf plan = TU_BUF_INIT(4 * TU_KIB);
    tu_alert_about about = {.drift = &r->drift,
                            .finding = read_finding(r),
                            .rule = rule->rule,
                            .routing = &s->config->routing,
                            .object = object_of(&r->arena, rule, &d->finding.id),
                            .plan = "ignore"};
    fill_source(&about, rule);
    if (!by)
        about.plan = alerts_plan(d, &plan);
    about.plan_text = tu_buf_str(&plan);
    if (describe(r, &about, about.finding, &alert))
        tu_dispatch_alert(s->alerts->dispatch, &alert, alerts_now(s), &r->effects);
}

void alerts_orphan(record *r) {
    tu_alert alert;
    const tu_alert_about about = {.drift = &r->drift,
                                  .finding = read_finding(r),
                                  .routing = &r->s->config->routing,
                                  .plan = "ignore"};
    if (describe(r, &about, about.finding, &alert))
        tu_dispatch_alert(r->s->alerts->dispatch, &alert, alerts_now(r->s), &r->effects);
}

bool alerts_recall(const service *s, const tu_drift *row) {
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_value *finding = NULL;
    char fingerprint[33];
    if (row->finding.n)
        tu_json_parse(&a, row->finding, TU_JSON_NO_LINES, NULL, &finding, NULL, NULL);
    tu_alert_fingerprint(row, finding, tu_store_install_id(s->store), fingerprint);
    tu_arena_done(&a);
    bool known = tu_map_has(&s->alerts->known, tu_str_c(fingerprint));
    if (known)
        tu_dispatch_recall(s->alerts->dispatch, tu_str_c(fingerprint), content_of(row));
    return known;
}

/* --- deliveries ------------------------------------------------------------------------------- */

void alerts_dead(service *s, const tu_delivery *d, const char *why) {
    if (d->incident.n) {
        record *r = record_new(s);
        tu_dispatch_undeliverable(s->alerts->dispatch, d, fallback_of(s, d->receiver),
                                  alerts_now(s), &r->effects);
        alerts_submit(r);
    }
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(4 * TU_KIB);
    tu_buf_addf(&text, "a message could not be delivered: %s", why ? why : "no attempt is left");
    trouble_is(s,
               &(tu_alert_trouble){
                   .problem = TU_S("delivery-dead"),
                   .name = d->receiver,
                   .receiver = d->receiver,
                   .severity = TU_SEVERITY_CRITICAL,
                   .text = tu_buf_str(&text),
                   .hint = TU_S("see `trueup alert dead`; once the receiver works again, `trueup "
                                "alert resend` sends what was lost")},
               0, 0);
}

void alerts_answered(service *s, tu_str receiver, tu_str plugin, unsigned broken, const char *why) {
    if (broken == 0) {
        trouble_ends(s, "plugin-crashing", receiver, "other");
        return;
    }
    if (broken < BROKEN_CALLS)
        return;
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(4 * TU_KIB);
    tu_buf_addf(&text, "plugin %.*s failed by itself %u times: %s", TU_P(plugin), BROKEN_CALLS,
                why);
    trouble_is(s,
               &(tu_alert_trouble){.problem = TU_S("plugin-crashing"),
                                   .name = receiver,
                                   .receiver = receiver,
                                   .severity = TU_SEVERITY_CRITICAL,
                                   .text = tu_buf_str(&text),
                                   .hint = TU_S("see the service's log; try `trueup alert test`")},
               0, 0);
}

void alerts_delivered(service *s, const tu_delivery *d) {
    trouble_ends(s, "delivery-dead", d->receiver, "other");
}

/* --- the heartbeat ---------------------------------------------------------------------------- */

static void add_problem(void *arg, const tu_alert_trouble *t) {
    tu_buf *b = arg;
    tu_buf_add_c(b, b->n && b->p[b->n - 1] == '}' ? "," : "");
    tu_buf_add_c(b, "{\"what\":");
    tu_buf_add_json_string(b, t->problem);
    tu_buf_add_c(b, ",\"name\":");
    tu_buf_add_json_string(b, t->name);
    tu_buf_add_c(b, "}");
}

static void write_heartbeat(const service *s, int64_t now, tu_buf *b) {
    char time[32], id[33];
    uint8_t random[16] = {0};
    tu_random(random, sizeof random);
    tu_hex(random, sizeof random, id);
    tu_time_format(now, time);
    _cleanup_(tu_buf_done) tu_buf problems = TU_BUF_INIT(64 * TU_KIB);
    size_t n = troubles_list(s, add_problem, &problems);
    tu_buf_addf(b,
                "{\"apiVersion\":\"trueup.dev/v1\",\"kind\":\"Heartbeat\",\"id\":\"%s\","
                "\"installation\":\"%s\",\"time\":\"%s\",\"version\":\"%s\",\"status\":\"%s\"",
                id, tu_store_install_id(s->store), time, TRUEUP_VERSION, n ? "degraded" : "ok");
    tu_buf_addf(b, ",\"problems\":[%s]}", problems.rc == TU_OK ? tu_buf_c(&problems) : "");
}

static void on_heartbeat(uv_timer_t *t) {
    service *s = t->data;
    const tu_routing *routing = &s->config->routing;
    record *r = record_new(s);
    _cleanup_(tu_buf_done) tu_buf message = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    write_heartbeat(s, r->wall_ms, &message);
    r->delivery = (tu_delivery){.receiver = routing->heartbeat.receiver,
                                .kind = TU_S("heartbeat"),
                                .message = tu_arena_copy(&r->arena, tu_buf_str(&message)),
                                .next_ms = r->wall_ms,
                                .created_ms = r->wall_ms,
                                .expires_ms = r->wall_ms + routing->heartbeat.every_ms};
    r->has_delivery = message.rc == TU_OK && r->delivery.message.p;
    *s->heartbeat_ms = tu_clock_boot(&s->clock);
    if (r->has_delivery)
        record_submit(r);
    else
        record_free(r);
}

/* At once at the first start; a reload goes on counting. */
static void start_heartbeat(service *s) {
    int64_t every = s->config->routing.heartbeat.every_ms;
    if (!s->config->routing.heartbeat.receiver.n || every <= 0)
        return;
    int64_t wait = *s->heartbeat_ms ? *s->heartbeat_ms + every - tu_clock_boot(&s->clock) : 0;
    uv_timer_start(&s->alerts->heartbeat, on_heartbeat, wait > 0 ? (uint64_t)wait : 0,
                   (uint64_t)every);
}

/* --- start and end ---------------------------------------------------------------------------- */

static tu_rc on_alert(void *arg, const tu_alert_row *row) {
    service *s = arg;
    tu_map_put(&s->alerts->known, row->fingerprint, s);
    troubles_restore(s, row);
    return tu_dispatch_restore_alert(s->alerts->dispatch, row);
}

static tu_rc on_incident(void *arg, const tu_incident_row *row) {
    return tu_dispatch_restore_incident(((service *)arg)->alerts->dispatch, row);
}

static tu_rc on_member(void *arg, const tu_member_row *row) {
    return tu_dispatch_restore_member(((service *)arg)->alerts->dispatch, row);
}

static tu_rc on_told(void *arg, const tu_told_row *row) {
    return tu_dispatch_restore_told(((service *)arg)->alerts->dispatch, row);
}

static tu_rc on_silence(void *arg, const tu_silence_row *row) {
    return tu_dispatch_restore_silence(((service *)arg)->alerts->dispatch, row);
}

static bool is_pending(service *s, size_t i) {
    const rule_state *r = &s->rules[i];
    if (r->rule->mode == TU_MODE_OFF || r->problem.text || r->source->problem.text ||
        r->target->problem.text)
        return false;
    if (!r->set)
        return true;
    size_t *at = &s->alerts->looked[i];
    while (*at < r->set->n &&
           (r->verdicts[*at] != VERDICT_PENDING || target_has_lost(r->target, r, *at)))
        ++*at;
    return *at < r->set->n;
}

static void on_ready(uv_timer_t *t) {
    service *s = t->data;
    for (size_t i = 0; i < s->rule_count; i++)
        if (is_pending(s, i))
            return;
    uv_timer_stop(t);
    record *r = record_new(s);
    tu_dispatch_ready(s->alerts->dispatch, alerts_now(s), &r->effects);
    alerts_submit(r);
}

void alerts_start(service *s) {
    struct alerts *a = s->alerts = tu_xcalloc(1, sizeof *a);
    a->dispatch = tu_dispatch_new(tu_str_c(tu_store_install_id(s->store)));
    a->looked = tu_xcalloc(s->rule_count, sizeof *a->looked);
    service_timer(s, &a->timer, s);
    service_timer(s, &a->ready_timer, s);
    service_timer(s, &a->heartbeat, s);
    troubles_start(s);
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    const tu_store_alerting restore = {on_alert, on_incident, on_member, on_told, on_silence, s};
    tu_rc rc = tu_store_restore_alerting(s->store, &restore, &why);
    if (rc != TU_OK)
        tu_log(TU_LOG_ERROR, "what was told before can't be read", "error", tu_error_text(why),
               NULL);
    record *r = record_new(s);
    tu_error_free(TU_TAKE(why));
    if (tu_dispatch_configure(a->dispatch, s->config, alerts_now(s), &r->effects, &why) != TU_OK)
        tu_log(TU_LOG_ERROR, "the routes can't be used", "error", tu_error_text(why), NULL);
    a->first = r;
    troubles_read(s);
}

void alerts_begin(service *s) {
    alerts_submit(TU_TAKE(s->alerts->first));
    troubles_review(s);
    uv_timer_start(&s->alerts->ready_timer, on_ready, LOOK_MS, LOOK_MS);
    start_heartbeat(s);
}

void alerts_close(service *s) {
    troubles_close(s);
    uv_close((uv_handle_t *)&s->alerts->timer, NULL);
    uv_close((uv_handle_t *)&s->alerts->ready_timer, NULL);
    uv_close((uv_handle_t *)&s->alerts->heartbeat, NULL);
}

void alerts_free(service *s) {
    struct alerts *a = s->alerts;
    troubles_free(s);
    tu_dispatch_free(a->dispatch);
    tu_map_done(&a->known, NULL);
    tu_map_done(&a->diverted, NULL);
    free(a->looked);
    free(a);
}
