/* See dispatch_world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dispatch_world.h"
#include "value/json.h"

/* --- the store's part -------------------------------------------------------------------------------- */

typedef struct row { /* any of them, its texts behind each other */
    union {
        tu_alert_row alert;
        tu_incident_row incident;
        tu_member_row member;
        tu_told_row told;
        tu_silence_row silence;
    };
    char *texts[6];
} row;

static tu_str keep(row *r, size_t k, tu_str s) {
    r->texts[k] = tu_xmalloc(s.n + 1);
    memcpy(r->texts[k], s.n ? s.p : "", s.n);
    r->texts[k][s.n] = 0;
    return (tu_str){r->texts[k], s.n};
}

static void row_free(void *p) {
    row *r = p;
    for (size_t k = 0; r && k < 6; k++)
        free(r->texts[k]);
    free(r);
}

static void put(tu_map *m, tu_str key, row *r) {
    row_free(tu_map_put(m, key, r));
}

static tu_str key_of(char room[128], tu_str a, tu_str b) {
    snprintf(room, 128, "%.*s/%.*s", TU_P(a), TU_P(b));
    return tu_str_c(room);
}

static void write_rows(world *w, const tu_effects *e) {
    char key[128];
    for (size_t k = 0; k < e->incident_count; k++) {
        row *r = tu_xcalloc(1, sizeof *r);
        r->incident = e->incidents[k];
        r->incident.id = keep(r, 0, e->incidents[k].id);
        r->incident.route = keep(r, 1, e->incidents[k].route);
        r->incident.labels = keep(r, 2, e->incidents[k].labels);
        r->incident.state = keep(r, 3, e->incidents[k].state);
        put(&w->incidents, r->incident.id, r);
    }
    for (size_t k = 0; k < e->member_count; k++) {
        row *r = tu_xcalloc(1, sizeof *r);
        r->member = e->members[k];
        r->member.incident = keep(r, 0, e->members[k].incident);
        r->member.fingerprint = keep(r, 1, e->members[k].fingerprint);
        r->member.state = keep(r, 2, e->members[k].state);
        put(&w->members, key_of(key, r->member.incident, r->member.fingerprint), r);
    }
    for (size_t k = 0; k < e->told_count; k++) {
        row *r = tu_xcalloc(1, sizeof *r);
        r->told = e->told[k];
        r->told.incident = keep(r, 0, e->told[k].incident);
        r->told.receiver = keep(r, 1, e->told[k].receiver);
        put(&w->told, key_of(key, r->told.incident, r->told.receiver), r);
    }
}

static void copy_text(char *room, size_t n, tu_str s) {
    snprintf(room, n, "%.*s", TU_P(s));
}

static void write_message(world *w, const tu_delivery *d) {
    const tu_snapshot *s = d->snapshot;
    w->messages = tu_xrealloc(w->messages, (w->message_count + 1) * sizeof *w->messages);
    world_message *m = &w->messages[w->message_count++];
    *m = (world_message){.at_ms = w->at_ms,
                         .boot_ms = w->now.boot_ms,
                         .wall_ms = w->now.wall_ms,
                         .number = w->message_count,
                         .firing = s->firing,
                         .firing_count = s->firing_count,
                         .resolved_count = s->resolved_count,
                         .step = s->escalation_step,
                         .severity = s->severity,
                         .shown_count = s->shown_count};
    memcpy(m->verdicts, s->verdicts, sizeof m->verdicts);
    m->forwarded = w->forwarding;
    copy_text(m->incident, sizeof m->incident, d->incident);
    copy_text(m->receiver, sizeof m->receiver, d->receiver);
    copy_text(m->event, sizeof m->event, d->kind);
    copy_text(m->route, sizeof m->route, s->route);
    copy_text(m->note, sizeof m->note, s->note);
    copy_text(m->acknowledged_by, sizeof m->acknowledged_by, s->acknowledged_by);
    m->shown = tu_xcalloc(s->shown_count, sizeof *m->shown);
    m->fires = tu_xcalloc(s->shown_count, sizeof *m->fires);
    for (size_t k = 0; k < s->shown_count; k++) {
        copy_text(m->shown[k], sizeof m->shown[k], s->shown[k]);
        m->fires[k] = s->fires[k];
    }
    assert_true(tu_str_eq(d->kind, s->event));
    assert_int_equal(d->created_ms, w->now.wall_ms);
    assert_true(d->expires_ms > d->created_ms);
}

/* Back from the dispatcher: allocations don't fail any more. */
static void out_of(world *w) {
    size_t made = tu_mem_fail_after(0);
    w->made += made;
    if (w->fail_in && made >= w->fail_in) {
        w->fail_in = 0;
        w->has_failed = true;
    } else if (w->fail_in) {
        w->fail_in -= made;
    }
}

static void commit(world *w, tu_effects *e) {
    out_of(w);
    w->failed = e->failed;
    if (!e->failed) {
        write_rows(w, e);
        for (size_t k = 0; k < e->delivery_count; k++)
            write_message(w, &e->deliveries[k]);
        for (size_t k = 0; k < e->audit_count; k++)
            if (w->audit)
                w->audit(w->audit_arg, w, e->audits[k].action, e->audits[k].detail);
        w->effects += e->incident_count + e->member_count + e->told_count + e->delivery_count +
                      e->audit_count;
    }
    tu_arena_done(e->arena);
}

static tu_effects begin(world *w, tu_arena *a) {
    tu_effects e;
    tu_arena_init(a, 0);
    tu_effects_init(&e, a);
    tu_mem_fail_after(w->fail_in);
    return e;
}

/* --- what happens ----------------------------------------------------------------------------------------- */

tu_config *world_config(tu_str spec) {
    char *text = NULL;
    static const char docs[] =
        "---\napiVersion: trueup.dev/v1\nkind: Notifier\nmetadata: {name: %s}\n"
        "spec: {plugin: webhook, config: {url: \"https://%s.example\"}}\n";
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(1 << 20);
    static const char *const names[] = {"chat", "pager", "mail", "boss", "chief"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        tu_buf_addf(&b, docs, names[k], names[k]);
    tu_buf_addf(&b,
                "---\napiVersion: trueup.dev/v1\nkind: Routing\nmetadata: {name: r}\nspec:\n%.*s\n",
                TU_P(spec));
    tu_errors errors = {0};
    tu_config *c = tu_config_parse("routing.yaml", tu_buf_str(&b), &errors);
    for (size_t k = 0; k < errors.n; k++)
        print_message("%lld: %s\n", (long long)errors.items[k]->line, errors.items[k]->message);
    tu_errors_done(&errors);
    free(text);
    assert_non_null(c);
    return c;
}

static void recover(world *w);

/* Memory was exhausted: what the dispatcher did isn't written, and it is made anew. */
static bool once_more(world *w, tu_rc rc) {
    if (!w->failed && rc != TU_EINTERNAL)
        return false;
    assert_true(w->has_failed);
    recover(w);
    return true;
}

void world_configure(world *w, tu_config *c) {
    tu_config *old = w->config;
    w->config = tu_config_ref(c);
    tu_rc rc;
    do {
        tu_arena a;
        tu_effects e = begin(w, &a);
        rc = tu_dispatch_configure(w->dispatch, c, w->now, &e, NULL);
        commit(w, &e);
    } while (once_more(w, rc));
    if (old)
        tu_config_unref(old);
}

void world_ready(world *w) {
    do {
        tu_arena a;
        tu_effects e = begin(w, &a);
        tu_dispatch_ready(w->dispatch, w->now, &e);
        commit(w, &e);
    } while (once_more(w, TU_OK));
}

void world_init(world *w, tu_config *c, bool ready) {
    *w = (world){.now = {WORLD_WALL, WORLD_START_MS}};
    w->dispatch = tu_dispatch_new(TU_S("0123456789abcdef0123456789abcdef"));
    world_configure(w, c);
    if (ready)
        world_ready(w);
}

void world_done(world *w) {
    tu_dispatch_free(w->dispatch);
    tu_config_unref(w->config);
    tu_map_done(&w->alerts, row_free);
    tu_map_done(&w->incidents, row_free);
    tu_map_done(&w->members, row_free);
    tu_map_done(&w->told, row_free);
    tu_map_done(&w->silences, row_free);
    for (size_t k = 0; k < w->message_count; k++) {
        free(w->messages[k].shown);
        free(w->messages[k].fires);
    }
    free(w->messages);
}

static void tick(world *w) {
    do {
        tu_arena a;
        tu_effects e = begin(w, &a);
        tu_dispatch_tick(w->dispatch, w->now, &e);
        commit(w, &e);
    } while (once_more(w, TU_OK));
}

void world_advance(world *w, int64_t ms) {
    int64_t end = w->now.boot_ms + ms;
    for (size_t rounds = 0;; rounds++) {
        assert_true(rounds < 100000); /* a timer that is never worked off */
        int64_t next = tu_dispatch_next(w->dispatch, w->now);
        if (next > end)
            break;
        if (next > w->now.boot_ms) {
            w->now.wall_ms += next - w->now.boot_ms;
            w->at_ms += next - w->now.boot_ms;
            w->now.boot_ms = next;
        }
        tick(w);
    }
    w->now.wall_ms += end - w->now.boot_ms;
    w->at_ms += end - w->now.boot_ms;
    w->now.boot_ms = end;
}

static void write_alert(world *w, const tu_alert *a) {
    row *r = tu_xcalloc(1, sizeof *r), *old = tu_map_get(&w->alerts, a->fingerprint);
    _cleanup_(tu_buf_done) tu_buf labels = TU_BUF_INIT(1 << 20);
    tu_buf_add_byte(&labels, '{');
    for (size_t k = 0; k < a->labels.n; k++) {
        if (k)
            tu_buf_add_byte(&labels, ',');
        tu_buf_add_json_string(&labels, a->labels.items[k].key);
        tu_buf_add_byte(&labels, ':');
        tu_buf_add_json_string(&labels, a->labels.items[k].value);
    }
    tu_buf_add_byte(&labels, '}');
    r->alert = (tu_alert_row){.fingerprint = keep(r, 0, a->fingerprint),
                              .firing = a->firing,
                              .severity = a->severity,
                              .started_ms = old ? old->alert.started_ms : a->started_ms,
                              .ended_ms = a->ended_ms,
                              .labels = keep(r, 1, tu_buf_str(&labels))};
    put(&w->alerts, r->alert.fingerprint, r);
}

void world_alert(world *w, const char *name, bool firing, tu_severity severity,
                 const tu_label *labels, size_t n, uint64_t content) {
    tu_alert a = {.fingerprint = tu_str_c(name),
                  .labels = {(tu_label *)labels, n},
                  .severity = severity,
                  .firing = firing,
                  .started_ms = w->now.wall_ms,
                  .ended_ms = firing ? 0 : w->now.wall_ms,
                  .ended_by = firing ? (tu_str){0} : TU_S("git"),
                  .content = content};
    do {
        tu_arena arena;
        tu_effects e = begin(w, &arena);
        tu_dispatch_alert(w->dispatch, &a, w->now, &e);
        bool failed = e.failed;
        commit(w, &e);
        if (!failed && (firing || tu_map_get(&w->alerts, a.fingerprint)))
            write_alert(w, &a);
    } while (once_more(w, TU_OK));
}

void world_sleep(world *w, int64_t ms) {
    w->now.wall_ms += ms;
    w->now.boot_ms += ms;
}

void world_jump(world *w, int64_t ms) {
    w->now.wall_ms += ms;
    tick(w);
}

tu_rc world_silence(world *w, const char *id, int64_t for_ms, const char *matchers) {
    tu_silence_row s = {.id = tu_str_c(id),
                        .matchers = tu_str_c(matchers),
                        .starts_ms = w->now.wall_ms,
                        .ends_ms = w->now.wall_ms + for_ms,
                        .created_ms = w->now.wall_ms,
                        .author = TU_S("user:kim (uid 1000)"),
                        .comment = TU_S("a test")};
    row *old = tu_map_get(&w->silences, s.id);
    if (old && matchers == NULL)
        s.matchers = old->silence.matchers;
    tu_rc rc;
    do {
        tu_arena a;
        tu_effects e = begin(w, &a);
        rc = tu_dispatch_silence(w->dispatch, &s, w->now, &e, NULL);
        commit(w, &e);
    } while (once_more(w, rc));
    if (rc == TU_OK) {
        row *r = tu_xcalloc(1, sizeof *r);
        r->silence = s;
        r->silence.id = keep(r, 0, s.id);
        r->silence.matchers = keep(r, 1, s.matchers);
        r->silence.author = keep(r, 2, s.author);
        r->silence.comment = keep(r, 3, s.comment);
        put(&w->silences, r->silence.id, r);
    }
    return rc;
}

static void newest(void *arg, const tu_incident_view *v) {
    char *id = arg; /* the first is the newest */
    if (id[0] == 0)
        snprintf(id, 33, "%.*s", TU_P(v->id));
}

tu_rc world_acknowledge(world *w, const char *who, bool undo) {
    char id[33] = "";
    tu_dispatch_each(w->dispatch, w->now, newest, id);
    if (id[0] == 0)
        return TU_ENOTFOUND;
    tu_arena a;
    tu_effects e = begin(w, &a);
    tu_rc rc = tu_dispatch_acknowledge(w->dispatch, (tu_str){id, 32}, tu_str_c(who), TU_S("on it"),
                                       undo, w->now, &e, NULL);
    commit(w, &e);
    return rc;
}

static bool is_open(const world *w, tu_str incident) {
    const row *r = tu_map_get(&w->incidents, incident);
    return r && r->incident.open;
}

static void add_frozen(tu_buf *b, const world_message *m) {
    tu_buf_addf(b,
                "{\"note\":\"%s\",\"route\":\"%s\",\"severity\":\"%s\",\"counts\":{\"firing\":%zu,"
                "\"resolved\":%zu},\"startsAt\":\"2026-01-01T00:00:00Z\",\"alerts\":[",
                m->note, m->route, tu_severity_name(m->severity), m->firing_count,
                m->resolved_count);
    for (size_t k = 0; k < m->shown_count; k++)
        tu_buf_addf(b, "%s{\"fingerprint\":\"%s\"}", k ? "," : "", m->shown[k]);
    tu_buf_add_c(b, "]}");
}

void world_undeliverable(world *w, const char *receiver, const char *fallback) {
    const world_message *m = NULL;
    for (size_t k = 0; k < w->message_count; k++)
        if (tu_str_is(tu_str_c(w->messages[k].receiver), receiver))
            m = &w->messages[k];
    if (m == NULL)
        return;
    _cleanup_(tu_buf_done) tu_buf frozen = TU_BUF_INIT(1 << 20);
    add_frozen(&frozen, m);
    tu_delivery dead = {.incident = tu_str_c(m->incident),
                        .receiver = tu_str_c(m->receiver),
                        .kind = tu_str_c(m->event),
                        .message = tu_buf_str(&frozen)};
    world_message copy = *m; /* the list may grow */
    dead.incident = tu_str_c(copy.incident);
    dead.receiver = tu_str_c(copy.receiver);
    dead.kind = tu_str_c(copy.event);
    w->forwarding = !is_open(w, dead.incident) || tu_str_is(dead.kind, "resolved");
    do {
        tu_arena a;
        tu_effects e = begin(w, &a);
        tu_dispatch_undeliverable(w->dispatch, &dead, tu_str_c(fallback), w->now, &e);
        commit(w, &e);
    } while (once_more(w, TU_OK));
    w->forwarding = false;
}

/* --- restart -------------------------------------------------------------------------------------------------- */

static bool is_member(const world *w, tu_str fingerprint) {
    for (size_t k = 0; k < w->members.n; k++) {
        const row *r = w->members.entries[k].value;
        if (tu_str_eq(r->member.fingerprint, fingerprint) && is_open(w, r->member.incident))
            return true;
    }
    return false;
}

/* One attempt to read all rows. */
static tu_rc restore(const world *w, tu_dispatch *d) {
    tu_rc rc = TU_OK;
    for (size_t k = 0; rc == TU_OK && k < w->alerts.n; k++) {
        const row *r = w->alerts.entries[k].value;
        if (r->alert.firing || is_member(w, r->alert.fingerprint))
            rc = tu_dispatch_restore_alert(d, &r->alert);
    }
    for (size_t k = 0; rc == TU_OK && k < w->incidents.n; k++) {
        const row *r = w->incidents.entries[k].value;
        if (r->incident.open)
            rc = tu_dispatch_restore_incident(d, &r->incident);
    }
    for (size_t k = 0; rc == TU_OK && k < w->members.n; k++) {
        const row *r = w->members.entries[k].value;
        if (is_open(w, r->member.incident))
            rc = tu_dispatch_restore_member(d, &r->member);
    }
    for (size_t k = 0; rc == TU_OK && k < w->told.n; k++) {
        const row *r = w->told.entries[k].value;
        if (r->told.firing || is_open(w, r->told.incident))
            rc = tu_dispatch_restore_told(d, &r->told);
    }
    for (size_t k = 0; rc == TU_OK && k < w->silences.n; k++) {
        const row *r = w->silences.entries[k].value;
        if (r->silence.ends_ms > w->now.wall_ms)
            rc = tu_dispatch_restore_silence(d, &r->silence);
    }
    return rc;
}

static void restore_all(world *w) {
    tu_rc rc;
    do {
        tu_dispatch_free(w->dispatch);
        w->dispatch = tu_dispatch_new(TU_S("0123456789abcdef0123456789abcdef"));
        tu_mem_fail_after(w->fail_in);
        rc = restore(w, w->dispatch);
        out_of(w);
        assert_true(rc == TU_OK || w->has_failed);
    } while (rc != TU_OK);
}

static void recover(world *w) {
    restore_all(w);
    world_configure(w, w->config);
    world_ready(w);
}

void world_restart(world *w, tu_config *c, bool ready) {
    restore_all(w);
    world_configure(w, c);
    if (ready)
        world_ready(w);
}
