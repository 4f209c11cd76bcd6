/*
 * engine/answer-show.c: what is known of incidents and deliveries, out of the store and of the
 * dispatcher: "alerts", "alert", "dead"; and "resend".
 *
 *   engine's thread -> a question with copies of what was asked -> the store's thread collects rows
 *   -> engine's thread: what the dispatcher knows beside them; the answer
 *
 * Of an incident that is over the dispatcher knows nothing: who was told stands in the store.
 *
 * Everything is bounded: LISTED_INCIDENTS, LISTED_MEMBERS of all together, LISTED_DELIVERIES.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "engine/answer-inside.h"
#include "store/words.h"
#include "value/json.h"

#define ANSWER_BYTES (64u * TU_MIB)
#define RESEND_LIFE_MS (24LL * 3600 * 1000)

typedef struct member_row {
    tu_member_row member;
    tu_alert_row alert;
    tu_str summary, rule, resolved_by;
    struct member_row *next;
} member_row;

typedef struct told_row {
    tu_told_row row;
    struct told_row *next;
} told_row;

typedef struct incident {
    tu_incident_row row;
    told_row *told, **told_end;
    member_row *members, **end;
    size_t more;
} incident;

typedef struct attempt_row {
    tu_attempt a;
    struct attempt_row *next;
} attempt_row;

typedef struct delivery_row {
    tu_delivery d;
    attempt_row *attempts, **end;
    struct delivery_row *next;
} delivery_row;

typedef struct question {
    tu_job job;
    service *s;
    tu_arena arena;
    answer_done *done;
    void *arg;
    tu_str command, id, receiver, who;
    bool all;
    int64_t number; /* of a delivery */
    incident *incidents;
    size_t incident_count, incident_room, member_count;
    incident *current;
    delivery_row *deliveries, **deliveries_end;
    size_t resent;
    tu_rc rc;
    tu_error *error;
    tu_buf answer;
    incident *viewed; /* while the dispatcher is asked about it */
    bool seen;
} question;

/* --- collecting, on the store's thread -------------------------------------------------------- */

static tu_str keep(question *q, tu_str s) {
    tu_str copy = tu_arena_copy(&q->arena, s);
    if (!copy.p)
        q->rc = TU_EINTERNAL;
    return copy;
}

static tu_rc on_incident(void *arg, const tu_incident_row *row) {
    question *q = arg;
    if (q->incident_count == q->incident_room) {
        q->incident_room = q->incident_room ? 2 * q->incident_room : 64;
        q->incidents = tu_xrealloc(q->incidents, q->incident_room * sizeof *q->incidents);
    }
    incident *i = &q->incidents[q->incident_count++];
    *i = (incident){.row = *row};
    i->row.id = keep(q, row->id);
    i->row.route = keep(q, row->route);
    i->row.labels = keep(q, row->labels);
    i->row.state = (tu_str){0};
    return q->rc;
}

static void keep_words(question *q, member_row *m, tu_str body) {
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_value *v = NULL;
    tu_json_parse(&a, body, TU_JSON_NO_LINES, NULL, &v, NULL, NULL);
    m->summary = keep(q, tu_value_get_string(v, m->alert.firing ? "summary" : "over"));
    m->rule = keep(q, tu_value_get_string(v, "rule"));
    m->resolved_by = keep(q, tu_value_get_string(v, "resolvedBy"));
    tu_arena_done(&a);
}

static tu_rc on_member(void *arg, const tu_member_row *row, const tu_alert_row *alert) {
    question *q = arg;
    incident *i = q->current;
    if (q->member_count >= LISTED_MEMBERS) {
        i->more++;
        return TU_OK;
    }
    member_row *m = tu_arena_zalloc(&q->arena, sizeof *m);
    if (!m)
        return TU_EINTERNAL;
    m->member = *row;
    m->member.incident = i->row.id;
    m->member.fingerprint = keep(q, row->fingerprint);
    m->member.state = keep(q, row->state);
    if (alert) {
        m->alert = *alert;
        m->alert.labels = keep(q, alert->labels);
        keep_words(q, m, alert->body);
    }
    m->alert.fingerprint = m->member.fingerprint;
    m->alert.body = (tu_str){0};
    if (!i->members)
        i->end = &i->members;
    *i->end = m;
    i->end = &m->next;
    q->member_count++;
    return q->rc;
}

static tu_rc on_delivery(void *arg, const tu_delivery *d) {
    question *q = arg;
    if (q->receiver.n && !tu_str_eq(q->receiver, d->receiver))
        return TU_OK;
    delivery_row *x = tu_arena_zalloc(&q->arena, sizeof *x);
    if (!x)
        return TU_EINTERNAL;
    x->d = *d;
    x->d.incident = keep(q, d->incident);
    x->d.receiver = keep(q, d->receiver);
    x->d.kind = keep(q, d->kind);
    x->d.key = keep(q, d->key);
    x->d.last_error = keep(q, d->last_error);
    x->d.message = x->d.reference = (tu_str){0};
    x->end = &x->attempts;
    *q->deliveries_end = x;
    q->deliveries_end = &x->next;
    return q->rc;
}

static tu_rc on_attempt(void *arg, const tu_attempt *a) {
    question *q = arg;
    delivery_row *x = q->deliveries;
    while (x && x->d.id != a->delivery_id)
        x = x->next;
    attempt_row *row = x ? tu_arena_zalloc(&q->arena, sizeof *row) : NULL;
    if (!row)
        return x ? TU_EINTERNAL : TU_OK;
    row->a = *a;
    row->a.text = keep(q, a->text);
    row->a.reference = (tu_str){0};
    *x->end = row;
    x->end = &row->next;
    return q->rc;
}

static tu_rc on_told(void *arg, const tu_told_row *row) {
    question *q = arg;
    incident *i = q->current;
    told_row *t = tu_arena_zalloc(&q->arena, sizeof *t);
    if (!t)
        return TU_EINTERNAL;
    t->row = *row;
    t->row.receiver = keep(q, row->receiver);
    t->row.reference = keep(q, row->reference);
    t->row.incident = i->row.id;
    if (!i->told)
        i->told_end = &i->told;
    *i->told_end = t;
    i->told_end = &t->next;
    return q->rc;
}

static tu_rc read_incident(question *q, incident *i) {
    q->current = i;
    tu_rc rc = tu_store_members(q->s->store, i->row.id, on_member, q, &q->error);
    return rc == TU_OK ? tu_store_told(q->s->store, i->row.id, on_told, q, &q->error) : rc;
}

static tu_rc collect_all(question *q) {
    tu_rc rc =
        tu_store_incidents(q->s->store, !q->all, LISTED_INCIDENTS, on_incident, q, &q->error);
    for (size_t i = 0; rc == TU_OK && i < q->incident_count; i++)
        rc = read_incident(q, &q->incidents[i]);
    return rc;
}

static bool begins(tu_str whole, tu_str prefix) {
    return whole.n >= prefix.n && memcmp(whole.p, prefix.p, prefix.n) == 0;
}

typedef struct prefix_search {
    question *q;
    bool found;
} prefix_search;

static tu_rc on_fingerprint(void *arg, const tu_member_row *row, const tu_alert_row *alert) {
    (void)alert;
    prefix_search *x = arg;
    x->found = x->found || begins(row->fingerprint, x->q->id);
    return TU_OK;
}

/* The incident that is meant: by its own id, or by that of one of its alerts. */
static tu_rc find_one(question *q, incident **ret) {
    *ret = NULL;
    for (int by_alert = 0; by_alert < 2 && !*ret; by_alert++)
        for (size_t i = 0; i < q->incident_count; i++) {
            incident *candidate = &q->incidents[i];
            prefix_search x = {q, !by_alert && begins(candidate->row.id, q->id)};
            tu_rc rc = by_alert ? tu_store_members(q->s->store, candidate->row.id, on_fingerprint,
                                                   &x, &q->error)
                                : TU_OK;
            if (rc != TU_OK)
                return rc;
            if (x.found && *ret && !by_alert)
                return tu_error_set(&q->error, TU_ECONFLICT,
                                    "several incidents begin with '%.*s': give more digits",
                                    TU_P(q->id));
            if (x.found && !*ret)
                *ret = candidate;
        }
    if (!*ret)
        return tu_error_set(&q->error, TU_ENOTFOUND,
                            "there is no incident or alert that begins with '%.*s'; see `trueup "
                            "alert list --all`",
                            TU_P(q->id));
    return TU_OK;
}

static tu_rc collect_one(question *q) {
    if (!q->id.n)
        return tu_error_set(&q->error, TU_EINVALID,
                            "which incident? give the first digits of its id");
    tu_store *store = q->s->store;
    incident *one = NULL;
    tu_rc rc = tu_store_incidents(store, false, LISTED_INCIDENTS, on_incident, q, &q->error);
    if (rc == TU_OK)
        rc = find_one(q, &one);
    if (rc == TU_OK)
        rc = read_incident(q, one);
    return rc == TU_OK
               ? tu_store_deliveries(store, one->row.id, TU_DELIVERY_STATES, LISTED_DELIVERIES,
                                     on_delivery, on_attempt, q, &q->error)
               : rc;
}

static tu_rc collect_dead(question *q) {
    return tu_store_deliveries(q->s->store, (tu_str){0}, TU_DELIVERY_DEAD, LISTED_DELIVERIES,
                               on_delivery, on_attempt, q, &q->error);
}

static tu_rc resend(question *q) {
    int64_t now = tu_clock_wall(&q->s->clock), until = now + RESEND_LIFE_MS;
    if (q->number > 0) {
        q->resent = 1;
        return tu_store_resend(q->s->store, q->number, q->who, now, until, &q->error);
    }
    if (!q->receiver.n)
        return tu_error_set(&q->error, TU_EINVALID,
                            "which deliveries? give the number of one, or a receiver");
    tu_rc rc = tu_store_deliveries(q->s->store, (tu_str){0}, TU_DELIVERY_DEAD, LISTED_DELIVERIES,
                                   on_delivery, NULL, q, &q->error);
    for (delivery_row *x = q->deliveries; rc == TU_OK && x; x = x->next) {
        rc = tu_store_resend(q->s->store, x->d.id, q->who, now, until, &q->error);
        q->resent += rc == TU_OK;
    }
    return rc;
}

static void question_work(tu_job *job) {
    question *q = (question *)job;
    tu_rc rc = tu_str_is(q->command, "alerts")  ? collect_all(q)
               : tu_str_is(q->command, "alert") ? collect_one(q)
               : tu_str_is(q->command, "dead")  ? collect_dead(q)
                                                : resend(q);
    q->rc = rc;
}

/* --- telling, on the engine's thread ---------------------------------------------------------- */

static void member(question *q, const char *before, const char *key, tu_str value) {
    answer_member(&q->answer, before, key, value);
}

static void add_labels(question *q, const char *key, tu_str json) {
    tu_buf_addf(&q->answer, ",\"%s\":", key);
    tu_buf_add(&q->answer, json.n ? json : TU_S("{}"));
}

static void add_member(question *q, const member_row *m) {
    tu_buf *b = &q->answer;
    member(q, "{", "fingerprint", m->alert.fingerprint);
    member(q, ",", "status",
           tu_str_is(m->member.state, "moved") ? TU_S("moved")
           : m->alert.firing                   ? TU_S("firing")
                                               : TU_S("resolved"));
    member(q, ",", "severity", tu_str_c(tu_severity_name(m->alert.severity)));
    member(q, ",", "summary", m->summary);
    member(q, ",", "rule", m->rule);
    add_labels(q, "labels", m->alert.labels);
    answer_time(b, ",", "startsAt", m->alert.started_ms);
    answer_time(b, ",", "endsAt", m->alert.ended_ms);
    if (!m->alert.firing)
        member(q, ",", "resolvedBy", m->resolved_by);
    _cleanup_(tu_buf_done) tu_buf why = TU_BUF_INIT(4 * TU_KIB);
    tu_dispatch_why_quiet(alerts_dispatch(q->s), m->alert.fingerprint, alerts_now(q->s), &why);
    member(q, ",", "quiet", tu_buf_str(&why));
    tu_buf_add_c(b, "}");
}

/* What only the dispatcher knows of an open incident. */
static void on_view(void *arg, const tu_incident_view *v) {
    question *q = arg;
    tu_buf *b = &q->answer;
    if (q->seen || !tu_str_eq(v->id, q->viewed->row.id))
        return;
    q->seen = true;
    member(q, ",", "severity", tu_str_c(tu_severity_name(v->severity)));
    tu_buf_addf(b, ",\"firing\":%zu,\"resolved\":%zu,\"quiet\":%zu", v->firing, v->resolved,
                v->quiet);
    answer_time(b, ",", "toldAt", v->told_ms);
    if (v->next_ms && v->next[0]) {
        member(q, ",\"next\":{", "what", tu_str_c(v->next));
        answer_time(b, ",", "at", v->next_ms);
        tu_buf_add_c(b, "}");
    }
    if (v->acknowledged_by.n) {
        member(q, ",\"acknowledged\":{", "by", v->acknowledged_by);
        member(q, ",", "comment", v->acknowledged_comment);
        answer_time(b, ",", "at", v->acknowledged_ms);
        tu_buf_add_c(b, "}");
    }
    tu_buf_addf(b, ",\"escalation\":%zu,\"receivers\":[", v->escalation_step);
    for (size_t i = 0; v->receivers && v->receivers[i]; i++) {
        tu_buf_add_c(b, i ? "," : "");
        tu_buf_add_json_string(b, tu_str_c(v->receivers[i]));
    }
    tu_buf_add_c(b, "]");
}

static void add_what_the_store_knows(question *q, const incident *i) {
    size_t resolved = 0;
    tu_severity worst = TU_SEVERITY_INFO;
    for (const member_row *m = i->members; m; m = m->next) {
        resolved++;
        worst = m->alert.severity > worst ? m->alert.severity : worst;
    }
    member(q, ",", "severity", tu_str_c(tu_severity_name(worst)));
    tu_buf_addf(&q->answer, ",\"firing\":0,\"resolved\":%zu,\"quiet\":0", resolved + i->more);
    int64_t told_ms = 0;
    for (const told_row *t = i->told; t; t = t->next)
        told_ms = t->row.wall_ms > told_ms ? t->row.wall_ms : told_ms;
    answer_time(&q->answer, ",", "toldAt", told_ms);
    tu_buf_add_c(&q->answer, ",\"receivers\":[");
    for (const told_row *t = i->told; t; t = t->next) {
        tu_buf_add_c(&q->answer, t == i->told ? "" : ",");
        tu_buf_add_json_string(&q->answer, t->row.receiver);
    }
    tu_buf_add_c(&q->answer, "]");
}

static void add_incident(question *q, incident *i) {
    tu_buf *b = &q->answer;
    member(q, "{", "id", i->row.id);
    member(q, ",", "route", i->row.route);
    add_labels(q, "labels", i->row.labels);
    member(q, ",", "status", i->row.open ? TU_S("firing") : TU_S("resolved"));
    q->viewed = i;
    q->seen = false;
    if (i->row.open)
        tu_dispatch_each(alerts_dispatch(q->s), alerts_now(q->s), on_view, q);
    if (!q->seen)
        add_what_the_store_knows(q, i);
    answer_time(b, ",", "openedAt", i->row.opened_ms);
    answer_time(b, ",", "closedAt", i->row.closed_ms);
    tu_buf_addf(b, ",\"more\":%zu,\"alerts\":[", i->more);
    for (const member_row *m = i->members; m; m = m->next) {
        add_member(q, m);
        tu_buf_add_c(b, m->next ? "," : "");
    }
    tu_buf_add_c(b, "]}");
}

static void add_duration(question *q, const char *key, int64_t ms) {
    char text[32];
    tu_duration_format(ms, text, sizeof text);
    member(q, ",", key, tu_str_c(text));
}

static void add_path(question *q, const tu_route *r) {
    if (r->parent) {
        add_path(q, r->parent);
        tu_buf_add_c(&q->answer, ",");
    }
    tu_buf_add_json_string(&q->answer, r->name);
}

static void add_route(question *q, tu_str name) {
    const tu_routing *routing = &q->s->config->routing;
    const tu_route *r = NULL;
    tu_buf *b = &q->answer;
    for (size_t i = 0; i < routing->route_count; i++)
        r = tu_str_eq(routing->all[i]->name, name) ? routing->all[i] : r;
    tu_buf_add_c(b, ",\"route\":");
    if (!r) {
        tu_buf_add_c(b, "null");
        return;
    }
    member(q, "{", "name", r->name);
    tu_buf_add_c(b, ",\"path\":[");
    add_path(q, r);
    member(q, "],", "receiver", r->receiver);
    tu_buf_add_c(b, ",\"groupBy\":[");
    if (r->group_by_all)
        tu_buf_add_c(b, "\"...\"");
    for (size_t i = 0; !r->group_by_all && i < r->group_by_count; i++) {
        tu_buf_add_c(b, i ? "," : "");
        tu_buf_add_json_string(b, r->group_by[i]);
    }
    tu_buf_add_c(b, "]");
    add_duration(q, "groupWait", r->group_wait_ms);
    add_duration(q, "groupInterval", r->group_interval_ms);
    add_duration(q, "repeatInterval", r->repeat_interval_ms);
    tu_buf_add_c(b, ",\"escalate\":[");
    for (size_t i = 0; i < r->escalation_count; i++) {
        member(q, i ? ",{" : "{", "receiver", r->escalation[i].receiver);
        add_duration(q, "after", r->escalation[i].after_ms);
        tu_buf_add_c(b, "}");
    }
    tu_buf_add_c(b, "]");
    if (r->place.file) {
        member(q, ",", "file", tu_str_c(r->place.file));
        tu_buf_addf(b, ",\"line\":%u", r->place.line);
    }
    int64_t until = 0;
    bool quiet = tu_route_is_quiet(r, tu_clock_wall(&q->s->clock), &until);
    tu_buf_addf(b, ",\"quiet\":%s", quiet ? "true" : "false");
    if (quiet && until && until != INT64_MAX)
        answer_time(b, ",", "quietUntil", until);
    tu_buf_add_c(b, "}");
}

static void add_told(question *q) {
    tu_buf_add_c(&q->answer, ",\"told\":[");
    for (const told_row *t = q->current->told; t; t = t->next) {
        member(q, "{", "receiver", t->row.receiver);
        tu_buf_addf(&q->answer, ",\"firing\":%s", t->row.firing ? "true" : "false");
        answer_time(&q->answer, ",", "at", t->row.wall_ms);
        member(q, ",", "reference", t->row.reference);
        tu_buf_add_c(&q->answer, t->next ? "}," : "}");
    }
    tu_buf_add_c(&q->answer, "]");
}

static void add_delivery(question *q, const delivery_row *x) {
    tu_buf *b = &q->answer;
    tu_buf_addf(b, "{\"id\":%lld", (long long)x->d.id);
    member(q, ",", "incident", x->d.incident);
    member(q, ",", "receiver", x->d.receiver);
    member(q, ",", "event", x->d.kind);
    member(q, ",", "state", tu_str_c(tu_delivery_state_name(x->d.state)));
    member(q, ",", "key", x->d.key);
    answer_time(b, ",", "createdAt", x->d.created_ms);
    if (x->d.state == TU_DELIVERY_PENDING)
        answer_time(b, ",", "nextAt", x->d.next_ms);
    answer_time(b, ",", "expiresAt", x->d.expires_ms);
    tu_buf_addf(b, ",\"uncertain\":%s,\"brief\":%s", x->d.uncertain ? "true" : "false",
                x->d.brief ? "true" : "false");
    member(q, ",", "error", x->d.last_error);
    tu_buf_add_c(b, ",\"attempts\":[");
    for (const attempt_row *a = x->attempts; a; a = a->next) {
        member(q, "{", "outcome", tu_str_c(tu_rc_name(a->a.outcome)));
        answer_time(b, ",", "at", a->a.wall_ms);
        tu_buf_addf(b, ",\"tookMs\":%lld", (long long)a->a.took_ms);
        member(q, ",", "text", a->a.text);
        tu_buf_add_c(b, a->next ? "}," : "}");
    }
    tu_buf_add_c(b, "]}");
}

static void add_deliveries(question *q) {
    for (const delivery_row *x = q->deliveries; x; x = x->next) {
        add_delivery(q, x);
        tu_buf_add_c(&q->answer, x->next ? "," : "");
    }
}

typedef struct silence_match {
    question *q;
    const incident *i;
    size_t n;
    int64_t now;
} silence_match;

/* Does it match one of the incident's alerts now? */
static bool matches(const silence_match *x, const tu_silence_row *row) {
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_value *list = NULL;
    bool found = false;
    size_t n = tu_json_parse(&a, row->matchers, TU_JSON_COPY, NULL, &list, NULL, NULL) == TU_OK
                   ? tu_value_count(list)
                   : 0;
    tu_matcher *items = tu_arena_zalloc(&a, n * sizeof *items);
    bool parsed = items && n;
    for (size_t i = 0; parsed && i < n; i++)
        parsed = tu_matcher_parse(&a, tu_value_string(tu_value_at(list, i)), &items[i], NULL,
                                  NULL) == TU_OK;
    for (const member_row *m = x->i->members; parsed && m && !found; m = m->next) {
        const tu_matchers all = {items, n};
        tu_labels labels;
        found =
            tu_alert_labels_read(&a, m->alert.labels, &labels) && tu_matchers_match(&all, &labels);
    }
    tu_arena_done(&a);
    return found;
}

static void on_silence(void *arg, const tu_silence_row *row) {
    silence_match *x = arg;
    if (row->ends_ms <= x->now || row->starts_ms > x->now || !matches(x, row))
        return;
    tu_buf_add_c(&x->q->answer, x->n++ ? "," : "");
    answer_silence(&x->q->answer, row, x->now);
}

static void tell_one(question *q) {
    incident *i = q->current;
    tu_buf_add_c(&q->answer, "{\"incident\":");
    add_incident(q, i);
    add_route(q, i->row.route);
    add_told(q);
    tu_buf_add_c(&q->answer, ",\"deliveries\":[");
    add_deliveries(q);
    tu_buf_add_c(&q->answer, "],\"silences\":[");
    silence_match x = {.q = q, .i = i, .now = tu_clock_wall(&q->s->clock)};
    tu_dispatch_silences(alerts_dispatch(q->s), on_silence, &x);
    tu_buf_add_c(&q->answer, "]}\n");
}

static void count_quiet(void *arg, const tu_incident_view *v) {
    *(size_t *)arg += v->quiet;
}

static void tell_all(question *q) {
    tu_dispatch_counts n = tu_dispatch_count(alerts_dispatch(q->s));
    size_t quiet = 0;
    tu_dispatch_each(alerts_dispatch(q->s), alerts_now(q->s), count_quiet, &quiet);
    tu_buf_addf(&q->answer,
                "{\"counts\":{\"incidents\":%zu,\"alerts\":%zu,\"silenced\":%zu,\"silences\":%zu},"
                "\"incidents\":[",
                n.incidents, n.alerts, quiet, n.silences);
    for (size_t i = 0; i < q->incident_count; i++) {
        tu_buf_add_c(&q->answer, i ? "," : "");
        add_incident(q, &q->incidents[i]);
    }
    tu_buf_add_c(&q->answer, "]}\n");
}

static void tell(question *q) {
    if (tu_str_is(q->command, "alerts")) {
        tell_all(q);
    } else if (tu_str_is(q->command, "alert")) {
        tell_one(q);
    } else if (tu_str_is(q->command, "dead")) {
        tu_buf_add_c(&q->answer, "{\"deliveries\":[");
        add_deliveries(q);
        tu_buf_add_c(&q->answer, "]}\n");
    } else {
        tu_buf_addf(&q->answer, "{\"resent\":%zu}\n", q->resent);
        if (!service_is_stopping(q->s))
            deliver_kick(q->s);
    }
}

static void question_done(tu_job *job) {
    question *q = (question *)job;
    if (q->rc == TU_OK)
        tell(q);
    if (q->rc != TU_OK)
        answer_error(q->error ? tu_error_text(q->error) : tu_rc_name(q->rc), q->done, q->arg);
    else if (q->answer.rc != TU_OK)
        answer_error("the answer is too large to be told", q->done, q->arg);
    else
        q->done(q->arg, &q->answer);
    tu_buf_done(&q->answer);
    tu_error_free(q->error);
    tu_arena_done(&q->arena);
    free(q->incidents);
    free(q);
}

void answer_read(service *s, tu_str command, const tu_value *request, tu_str who, answer_done *done,
                 void *arg) {
    question *q = tu_xcalloc(1, sizeof *q);
    q->job = (tu_job){.work = question_work, .done = question_done};
    q->s = s;
    q->done = done;
    q->arg = arg;
    tu_arena_init(&q->arena, ANSWER_BYTES);
    tu_buf_init(&q->answer, ANSWER_BYTES);
    q->deliveries_end = &q->deliveries;
    q->command = tu_arena_copy(&q->arena, command);
    q->id = tu_arena_copy(&q->arena, tu_value_get_string(request, "id"));
    q->receiver = tu_arena_copy(&q->arena, tu_value_get_string(request, "receiver"));
    q->who = tu_arena_copy(&q->arena, who);
    q->number = tu_value_integer(tu_value_get(request, "id"), 0);
    q->all = tu_value_boolean(tu_value_get(request, "all"), false);
    tu_worker_submit(s->store_worker, &q->job);
}
