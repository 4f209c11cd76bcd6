/*
 * alert/message.c: one incident's message (its members: alert/alert.h), made of a snapshot and of
 * what the store keeps of the alerts that it names.
 *
 * Invariants
 *   - It is valid JSON within TU_LIMIT_MESSAGE_BYTES whatever findings and labels hold, because a
 *     message that can't be written would be one that nobody gets. Where it would be too large, objects
 *     lose their last changes, then fewer alerts are named, and at last one is told in brief: without
 *     object and labels, its texts cut. The counts are always those of the incident.
 *   - The same snapshot and rows give the same bytes.
 *
 * To add a member: here, and in alert/alert.h.
 */
#include <stdio.h>

#include "alert/alert.h"
#include "alert/body.h"
#include "alert/summary.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "value/json.h"

enum {
    OBJECTS_BYTES = TU_LIMIT_MESSAGE_BYTES / 2, /* of all findings together */
    BRIEF_TEXT_BYTES = 512,                     /* of each text, in brief */
    SHORT_ID = 12                               /* digits of an incident that command lines show */
};

/* One alert that is named. */
typedef struct named {
    tu_str fingerprint;
    bool fires;
    tu_severity severity;
    int64_t started_ms, updated_ms, ended_ms;
    tu_str labels; /* JSON */
    tu_str text;   /* of the body: the finding goes on byte by byte, with its escapes */
    const tu_value *body;
} named;

typedef struct message {
    tu_buf *out;
    tu_arena *arena;
    const tu_snapshot *s;
    const char *install_id;
    named *alerts;
    size_t alert_count;
    size_t shown;        /* of them, in this attempt */
    size_t object_bytes; /* of each finding */
    bool brief;
} message;

/* --- texts ------------------------------------------------------------------------------------ */

static tu_str cut(tu_str text, size_t limit) {
    if (text.n > limit)
        for (text.n = limit; text.n && ((unsigned char)text.p[text.n] & 0xC0) == 0x80;)
            text.n--;
    return text;
}

static void add_text(const message *m, const char *before, const char *key, tu_str text) {
    tu_buf_addf(m->out, "%s\"%s\":", before, key);
    tu_buf_add_json_string(m->out, m->brief ? cut(text, BRIEF_TEXT_BYTES) : text);
}

static void add_word(const message *m, const char *before, const char *key, const char *word) {
    add_text(m, before, key, tu_str_c(word));
}

static void add_time(const message *m, const char *key, int64_t wall_ms) {
    char text[32];
    tu_time_format(wall_ms, text);
    add_word(m, ",", key, text);
}

static void add_status(const message *m, const char *before, bool firing) {
    add_word(m, before, "status", firing ? "firing" : "resolved");
}

/* The member of the body as it is; `otherwise` where it has none. */
static void add_kept(const message *m, const named *n, const char *key, const char *otherwise) {
    const tu_value *v = tu_value_get(n->body, key);
    tu_buf_addf(m->out, ",\"%s\":", key);
    if (v)
        tu_json_write(m->out, v, 0);
    else
        tu_buf_add_c(m->out, otherwise);
}

static tu_str summary_of(const named *n) {
    return tu_value_get_string(n->body, n->fires ? "summary" : "over");
}

/* --- one alert -------------------------------------------------------------------------------- */

/* The finding with as many of its changes as fit; null where not even it alone does. */
static void add_shortened(const message *m, const tu_value *object) {
    _cleanup_(tu_buf_done) tu_buf text = {.max = m->object_bytes, .rc = TU_EINVALID};
    const tu_value *changes = tu_value_get(object, "changes");
    size_t count = tu_value_count(changes);
    for (size_t keep = count / 2; text.rc == TU_EINVALID && count; keep /= 2) {
        tu_value *copy = tu_value_new(m->arena, TU_MAP);
        for (size_t i = 0; copy && i < tu_value_count(object); i++)
            if (!tu_value_set(m->arena, copy, object->map.members[i].key,
                              &object->map.members[i].value))
                copy = NULL;
        tu_value *fewer = (tu_value *)(uintptr_t)tu_value_get(copy, "changes");
        int64_t had = tu_value_integer(tu_value_get(object, "truncated"), (int64_t)count);
        if (!fewer || !tu_value_set_integer(m->arena, copy, "truncated", had))
            break;
        fewer = (tu_value *)(uintptr_t)tu_value_get(copy, "changes");
        fewer->list.n = (uint32_t)keep;
        tu_buf_clear(&text);
        tu_json_write(&text, copy, 0);
        if (keep == 0)
            break;
    }
    tu_buf_add(m->out, text.rc == TU_OK ? tu_buf_str(&text) : TU_S("null"));
    if (text.rc == TU_EINTERNAL && m->out->rc == TU_OK)
        m->out->rc = TU_EINTERNAL;
}

static void add_object(const message *m, const named *n) {
    const tu_value *object = tu_value_get(n->body, "object");
    tu_buf_add_c(m->out, ",\"object\":");
    if (m->brief || !tu_value_is(object, TU_MAP)) {
        tu_buf_add_c(m->out, "null");
        return;
    }
    tu_str whole = {n->text.p + object->begin, object->end - object->begin};
    if (whole.n <= m->object_bytes) {
        tu_buf_add(m->out, whole);
        return;
    }
    add_shortened(m, object);
}
/* object, or problem where it is trueup's own trouble. */
static void add_what(const message *m, const named *n) {
    if (tu_value_get(n->body, "problem") && !m->brief)
        add_kept(m, n, "problem", "null");
    else
        add_object(m, n);
}

static void add_labels(const message *m, const named *n) {
    tu_buf_add_c(m->out, ",\"labels\":");
    tu_buf_add(m->out, m->brief || !n->labels.n ? TU_S("{}") : n->labels);
}

static void add_source(const message *m, const named *n) {
    if (!m->brief) {
        add_kept(m, n, "source", "{}");
        return;
    }
    const tu_value *source = tu_value_get(n->body, "source");
    add_text(m, ",\"source\":{", "name", tu_value_get_string(source, "name"));
    add_text(m, ",", "revision", tu_value_get_string(source, "revision"));
    tu_buf_add_byte(m->out, '}');
}

static void add_ended(const message *m, const named *n) {
    if (n->fires)
        return;
    int64_t ended_ms = n->ended_ms ? n->ended_ms : m->s->updated_ms;
    add_time(m, "endsAt", ended_ms);
    add_text(m, ",", "resolvedBy", tu_value_get_string(n->body, "resolvedBy"));
    int64_t lasted = (ended_ms - n->started_ms) / 1000;
    tu_buf_addf(m->out, ",\"lastedSeconds\":%lld", (long long)(lasted > 0 ? lasted : 0));
}

static void add_alert(const message *m, const named *n) {
    add_text(m, "{", "fingerprint", n->fingerprint);
    add_status(m, ",", n->fires);
    add_word(m, ",", "severity", tu_severity_name(n->severity));
    add_text(m, ",", "verdict", tu_value_get_string(n->body, "verdict"));
    add_text(m, ",", "rule", tu_value_get_string(n->body, "rule"));
    add_text(m, ",", "target", tu_value_get_string(n->body, "target"));
    add_text(m, ",", "summary", summary_of(n));
    add_time(m, "startsAt", n->started_ms);
    add_time(m, "updatedAt", n->updated_ms);
    add_ended(m, n);
    add_source(m, n);
    add_labels(m, n);
    if (!m->brief)
        add_kept(m, n, "plan", "{\"action\":\"alert\",\"text\":\"\"}");
    add_text(m, ",", "accept", tu_value_get_string(n->body, "accept"));
    add_what(m, n);
    tu_buf_add_byte(m->out, '}');
}

/* --- the incident ----------------------------------------------------------------------------- */

static const char *plural(size_t n) {
    return n == 1 ? "" : "s";
}

/* " (rule shop, target prod)" */
static void add_group_words(tu_buf *b, const tu_labels *group) {
    size_t n = 0;
    for (size_t i = 0; i < group->n && n < 4; i++) {
        if (!group->items[i].value.n)
            continue;
        tu_buf_add_c(b, n++ ? ", " : " (");
        tu_buf_add(b, group->items[i].key);
        tu_buf_add_byte(b, ' ');
        tu_buf_add(b, group->items[i].value);
    }
    tu_buf_add_c(b, n ? ")" : "");
}

/* Of the only alert, or how many there are and the worst. */
static void summarize(const message *m, tu_buf *out) {
    const tu_snapshot *s = m->s;
    size_t all = s->firing_count + s->resolved_count;
    tu_str first = m->alert_count ? summary_of(&m->alerts[0]) : TU_S("an alert");
    _cleanup_(tu_buf_done) tu_buf line = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    if (s->event.n && tu_str_is(s->event, "acknowledged") && s->acknowledged_by.n) {
        tu_buf_add_c(&line, "acknowledged by ");
        tu_buf_add(&line, s->acknowledged_by);
        tu_buf_add_c(&line, ": ");
    }
    if (all <= 1) {
        tu_buf_add(&line, first);
    } else {
        _cleanup_(tu_buf_done) tu_buf group = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
        add_group_words(&group, &s->group);
        size_t n = s->firing ? s->firing_count : all;
        tu_buf_addf(&line, "%zu alert%s%.*s %s", n, plural(n), TU_P(tu_buf_str(&group)),
                    !s->firing ? "are over"
                    : n == 1   ? "fires"
                               : "fire");
        if (s->firing && s->resolved_count)
            tu_buf_addf(&line, ", %zu %s over", s->resolved_count,
                        s->resolved_count == 1 ? "is" : "are");
        tu_buf_add_c(&line, ": ");
        tu_buf_add(&line, first);
    }
    tu_alert_add_visible(out, tu_buf_str(&line), TU_ALERT_SUMMARY_BYTES);
}

/* As a shell reads it: in quotes where it isn't one plain word. */
static void add_argument(tu_buf *b, tu_str text) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/:@%+,-";
    bool quoted = text.n == 0 || text.p[0] == '-';
    for (size_t i = 0; i < text.n && !quoted; i++)
        quoted = text.p[i] == 0 || strchr(plain, text.p[i]) == NULL;
    if (!quoted) {
        tu_buf_add(b, text);
        return;
    }
    tu_buf_add_byte(b, '\'');
    for (size_t i = 0, n; i < text.n; i += n) {
        tu_str rest = {text.p + i, text.n - i};
        if (tu_str_is_control(rest, &n))
            tu_buf_add_byte(b, '?');
        else if (rest.p[0] == '\'')
            tu_buf_add_c(b, "'\\''");
        else
            tu_buf_add(b, (tu_str){rest.p, n});
    }
    tu_buf_add_byte(b, '\'');
}

static void add_command(const message *m, const char *before, const char *key, const tu_buf *text) {
    if (text->rc == TU_OK)
        add_text(m, before, key, tu_buf_str(text));
    else
        add_word(m, before, key, "");
}

/* "Deployment.apps/shop/cart", as OBJECT arguments are written. */
static void add_object_name(tu_buf *b, const tu_value *object) {
    const tu_object_id id = {.group = tu_value_get_string(object, "group"),
                             .kind = tu_value_get_string(object, "kind"),
                             .namespace_ = tu_value_get_string(object, "namespace"),
                             .name = tu_value_get_string(object, "name")};
    _cleanup_(tu_buf_done) tu_buf name = TU_BUF_INIT(64 * TU_KIB);
    tu_object_id_print(&name, &id);
    add_argument(b, tu_buf_str(&name));
}

static void add_commands(const message *m) {
    const named *n = m->alert_count ? &m->alerts[0] : NULL;
    const tu_value *object = tu_value_get(n ? n->body : NULL, "object");
    tu_str rule = tu_value_get_string(n ? n->body : NULL, "rule");
    tu_str id = m->s->incident.n > SHORT_ID ? (tu_str){m->s->incident.p, SHORT_ID} : m->s->incident;
    bool alone = m->s->firing_count + m->s->resolved_count <= 1;
    _cleanup_(tu_buf_done) tu_buf look = TU_BUF_INIT(4 * TU_KIB), explain = TU_BUF_INIT(4 * TU_KIB),
                                  silence = TU_BUF_INIT(4 * TU_KIB), ack = TU_BUF_INIT(4 * TU_KIB);
    if (alone && rule.n && object) {
        tu_buf_add_c(&look, "trueup diff ");
        add_argument(&look, rule);
    } else {
        tu_buf_addf(&look, "trueup alert why %.*s", TU_P(id));
    }
    if (tu_value_get_string(object, "name").n) {
        tu_buf_add_c(&explain, "trueup explain ");
        add_object_name(&explain, object);
    } else {
        tu_buf_addf(&explain, "trueup alert why %.*s", TU_P(id));
    }
    tu_buf_addf(&ack, "trueup alert ack %.*s", TU_P(id));
    tu_buf_add_c(&silence, "trueup alert silence");
    for (size_t i = 0; i < m->s->group.n; i++)
        if (m->s->group.items[i].value.n) {
            _cleanup_(tu_buf_done) tu_buf matcher = TU_BUF_INIT(4 * TU_KIB);
            tu_matcher_write(&matcher, m->s->group.items[i].key, m->s->group.items[i].value);
            tu_buf_add_byte(&silence, ' ');
            add_argument(&silence, tu_buf_str(&matcher));
        }
    tu_buf_add_c(&silence, " --for 2h");
    add_command(m, ",\"commands\":{", "look", &look);
    add_command(m, ",", "explain", &explain);
    add_command(m, ",", "acknowledge", &ack);
    add_command(m, ",", "silence", &silence);
    tu_buf_add_byte(m->out, '}');
}

/* Made of what was decided: every receiver of it has the same. */
static void add_id(const message *m) {
    const tu_snapshot *s = m->s;
    _cleanup_(tu_buf_done) tu_buf parts = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    tu_buf_addf(&parts, "%s:%.*s:%.*s:%lld:%zu:%zu:%zu", m->install_id, TU_P(s->incident),
                TU_P(s->event), (long long)s->updated_ms, s->firing_count, s->resolved_count,
                s->escalation_step);
    for (size_t i = 0; i < s->shown_count; i++)
        tu_buf_addf(&parts, ":%.*s%c", TU_P(s->shown[i]), s->fires[i] ? '+' : '-');
    uint8_t digest[32];
    char id[33];
    tu_sha256(tu_buf_str(&parts), digest);
    tu_hex(digest, 16, id);
    add_word(m, ",", "id", id);
}

static void add_group(const message *m) {
    tu_buf_add_c(m->out, ",\"group\":");
    if (m->brief)
        tu_buf_add_c(m->out, "{}");
    else
        tu_alert_labels_json(m->out, &m->s->group);
}

/* ,"verdicts":{"drifted":950,"missing":50} */
static void add_verdicts(const message *m) {
    size_t n = 0;
    for (size_t i = 0; i < TU_VERDICT_COUNT; i++)
        if (m->s->verdicts[i])
            tu_buf_addf(m->out, "%s\"%s\":%zu", n++ ? "," : ",\"verdicts\":{",
                        tu_verdict_name((tu_verdict)i), m->s->verdicts[i]);
    if (n)
        tu_buf_add_byte(m->out, '}');
}

static void add_state(const message *m) {
    const tu_snapshot *s = m->s;
    tu_buf_addf(m->out, ",\"counts\":{\"firing\":%zu,\"resolved\":%zu,\"shown\":%zu",
                s->firing_count, s->resolved_count, m->shown);
    add_verdicts(m);
    tu_buf_add_byte(m->out, '}');
    add_time(m, "startsAt", s->opened_ms);
    add_time(m, "updatedAt", s->updated_ms);
    if (!s->firing)
        add_time(m, "endsAt", s->closed_ms ? s->closed_ms : s->updated_ms);
    if (s->acknowledged_by.n) {
        add_text(m, ",\"acknowledged\":{", "by", s->acknowledged_by);
        add_text(m, ",", "comment", s->acknowledged_comment);
        tu_buf_add_byte(m->out, '}');
    }
    if (s->escalation_step)
        tu_buf_addf(m->out, ",\"escalation\":%zu", s->escalation_step);
    add_text(m, ",", "note", s->note);
}

/* What a receiver of single drifts looks for, of the first alert. */
static void add_first(const message *m) {
    static const named nothing;
    const named *n = m->shown ? &m->alerts[0] : &nothing;
    add_text(m, ",", "rule", tu_value_get_string(n->body, "rule"));
    add_text(m, ",", "target", tu_value_get_string(n->body, "target"));
    add_source(m, n);
    add_text(m, ",", "verdict", tu_value_get_string(n->body, "verdict"));
    if (!m->s->firing)
        add_text(m, ",", "resolvedBy", tu_value_get_string(n->body, "resolvedBy"));
    add_labels(m, n);
    add_what(m, n);
}

static void write_message(const message *m) {
    const tu_snapshot *s = m->s;
    _cleanup_(tu_buf_done) tu_buf summary = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    summarize(m, &summary);
    tu_buf_add_c(m->out, "{\"apiVersion\":\"trueup.dev/v1\",\"kind\":\"Alert\"");
    add_id(m);
    add_text(m, ",", "incident", s->incident);
    add_text(m, ",", "route", s->route);
    add_group(m);
    add_status(m, ",", s->firing);
    add_text(m, ",", "event", s->event);
    add_word(m, ",", "installation", m->install_id);
    add_word(m, ",", "severity", tu_severity_name(s->severity));
    add_text(m, ",", "summary", tu_buf_str(&summary));
    add_state(m);
    add_commands(m);
    tu_buf_add_c(m->out, ",\"alerts\":[");
    for (size_t i = 0; i < m->shown; i++) {
        tu_buf_add_c(m->out, i ? "," : "");
        add_alert(m, &m->alerts[i]);
    }
    tu_buf_add_c(m->out, "]");
    add_first(m);
    tu_buf_add_byte(m->out, '}');
    if (summary.rc == TU_EINTERNAL && m->out->rc == TU_OK)
        m->out->rc = TU_EINTERNAL;
}

/* --- reading what is named -------------------------------------------------------------------- */

static tu_rc take_row(void *arg, const tu_alert_row *row) {
    message *m = arg;
    named *n = &m->alerts[m->alert_count];
    tu_value *body = NULL;
    *n = (named){.fingerprint = tu_arena_copy(m->arena, row->fingerprint),
                 .severity = row->severity,
                 .started_ms = row->started_ms,
                 .updated_ms = row->updated_ms,
                 .ended_ms = row->ended_ms,
                 .labels = tu_arena_copy(m->arena, row->labels),
                 .text = tu_arena_copy(m->arena, row->body)};
    if (!n->fingerprint.p || !n->labels.p || !n->text.p)
        return TU_EINTERNAL;
    /* A row of which nothing can be read is still an alert: it is told by what the row says. */
    if (tu_json_parse(m->arena, n->text, TU_JSON_NO_LINES, NULL, &body, NULL, NULL) == TU_OK)
        n->body = body;
    m->alert_count++;
    return TU_OK;
}

static tu_rc read_alerts(message *m, tu_alert_read *read, void *arg, tu_error **error) {
    const tu_snapshot *s = m->s;
    m->alerts = tu_arena_zalloc(m->arena, s->shown_count * sizeof *m->alerts);
    if (!m->alerts)
        return tu_error_memory(error);
    for (size_t i = 0; i < s->shown_count; i++) {
        size_t before = m->alert_count;
        tu_error *why = NULL;
        tu_rc rc = read(arg, s->shown[i], take_row, m, &why);
        if (m->alert_count > before)
            m->alerts[before].fires = s->fires[i];
        bool lost = rc == TU_ENOTFOUND; /* it counts, but nothing is known of it any more */
        if (rc == TU_OK || lost) {
            tu_error_free(why);
            continue;
        }
        if (error && !*error)
            *error = TU_TAKE(why);
        tu_error_free(why);
        return rc == TU_EINTERNAL ? tu_error_memory(error) : rc;
    }
    return TU_OK;
}

tu_rc tu_alert_compose(tu_buf *out, const tu_snapshot *s, const char *install_id,
                       tu_alert_read *read, void *arg, tu_error **error) {
    tu_arena arena;
    tu_arena_init(&arena, TU_LIMIT_OBJECT_ARENA);
    message m = {.out = out, .arena = &arena, .s = s, .install_id = install_id};
    tu_rc rc = read_alerts(&m, read, arg, error);
    size_t begin = out->n;
    m.shown = m.alert_count;
    while (rc == TU_OK) {
        m.object_bytes = OBJECTS_BYTES / (m.shown + 1); /* the first one stands there twice */
        write_message(&m);
        if (out->rc != TU_EINVALID || m.brief)
            break;
        out->rc = TU_OK;
        out->n = begin;
        m.brief = m.shown <= 1;
        m.shown = m.shown > 1 ? m.shown / 2 : m.shown;
    }
    tu_arena_done(&arena);
    if (rc == TU_OK && out->rc != TU_OK)
        rc = out->rc == TU_EINTERNAL
                 ? tu_error_memory(error)
                 : tu_error_set(error, out->rc, "a message of incident %.*s can't be written",
                                TU_P(s->incident));
    return rc;
}
