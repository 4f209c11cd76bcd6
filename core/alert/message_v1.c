/*
 * alert/message.c: the message that receivers get.
 *
 * Invariants: it is valid JSON within TU_LIMIT_MESSAGE_BYTES whatever the finding and the labels
 * hold, because an alert that can't be written would be one that nobody gets. Where it would be too
 * large, it is written again in brief: without labels and object, its texts cut.
 */
#include <stdio.h>

#include "alert/alert.h"
#include "alert/summary.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "value/json.h"

enum {
    OBJECT_BYTES = TU_LIMIT_MESSAGE_BYTES / 2, /* of the finding */
    BRIEF_TEXT_BYTES = 512                     /* of each text, in brief */
};

typedef struct message {
    tu_buf *out;
    const tu_drift *drift;
    const tu_value *finding; /* NULL: none that can be read */
    bool brief;
} message;

/* --- identity --------------------------------------------------------------------------------- */

static void add_part(tu_buf *b, tu_str part) {
    tu_buf_addf(b, "%zu:", part.n);
    tu_buf_add(b, part);
}

static void hash_name(const tu_buf *parts, char out[33]) {
    uint8_t digest[32];
    tu_sha256(tu_buf_str(parts), digest);
    tu_hex(digest, 16, out);
}

/* Made of what doesn't change in a drift's life. A manifest that couldn't be read has no name; it
 * is known by its file. */
static void add_incident(tu_buf *parts, const message *m, const char *install_id) {
    const tu_drift *d = m->drift;
    add_part(parts, tu_str_c(install_id));
    add_part(parts, d->rule);
    add_part(parts, d->target);
    add_part(parts, d->object.group);
    add_part(parts, d->object.kind);
    add_part(parts, d->object.namespace_);
    add_part(parts, d->object.name);
    if (d->object.name.n == 0)
        add_part(parts, tu_value_get_string(m->finding, "file"));
    tu_buf_addf(parts, "%lld", (long long)d->opened_ms);
}

/* --- members ---------------------------------------------------------------------------------- */

static void add_string(const message *m, tu_str text) {
    if (m->brief && text.n > BRIEF_TEXT_BYTES)
        text.n = BRIEF_TEXT_BYTES;
    tu_buf_add_json_string(m->out, text);
}

static void add_text(const message *m, const char *key, tu_str text) {
    tu_buf_addf(m->out, ",\"%s\":", key);
    add_string(m, text);
}

static void add_time(const message *m, const char *key, int64_t wall_ms) {
    char text[32];
    tu_time_format(wall_ms, text);
    add_text(m, key, tu_str_c(text));
}

static void add_labels(const message *m, const tu_rule *rule) {
    tu_buf_add_c(m->out, ",\"labels\":{");
    for (size_t i = 0; rule && !m->brief && i < rule->label_count; i++) {
        if (i)
            tu_buf_add_byte(m->out, ',');
        tu_buf_add_json_string(m->out, rule->labels[i].key);
        tu_buf_add_byte(m->out, ':');
        tu_buf_add_json_string(m->out, rule->labels[i].value);
    }
    tu_buf_add_byte(m->out, '}');
}

/* The finding with as many of its changes as fit. */
static void add_shortened(const message *m, tu_arena *a, const tu_value *finding) {
    tu_value *copy = tu_value_copy(a, finding);
    tu_value *changes = (tu_value *)tu_value_get(copy, "changes");
    size_t count = tu_value_count(changes);
    if (copy == NULL || tu_value_set_integer(a, copy, "truncated", (int64_t)count) == NULL) {
        tu_buf_add_c(m->out, "null");
        return;
    }
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(OBJECT_BYTES);
    for (;;) {
        changes = (tu_value *)tu_value_get(copy, "changes");
        tu_buf_clear(&text);
        tu_json_write(&text, copy, 0);
        if (text.rc != TU_EINVALID || tu_value_count(changes) == 0)
            break;
        changes->list.n /= 2;
    }
    tu_buf_add(m->out, text.rc == TU_OK ? tu_buf_str(&text) : TU_S("null"));
}

static void add_object(const message *m, tu_arena *a) {
    tu_buf_add_c(m->out, ",\"object\":");
    if (m->brief || m->finding == NULL)
        tu_buf_add_c(m->out, "null");
    else if (m->drift->finding.n <= OBJECT_BYTES)
        tu_buf_add(m->out, m->drift->finding);
    else
        add_shortened(m, a, m->finding);
}

/* --- the message ------------------------------------------------------------------------------ */

static void write_message(const message *m, tu_arena *a, const char *kind, const tu_rule *rule,
                          const char *install_id, int64_t wall_ms) {
    const tu_drift *d = m->drift;
    bool resolved = tu_str_is(tu_str_c(kind), "resolved");
    char incident[33], id[33];
    _cleanup_(tu_buf_done) tu_buf parts = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    add_incident(&parts, m, install_id);
    hash_name(&parts, incident);
    tu_buf_addf(&parts, ":%s:%lld:%llu", kind, (long long)wall_ms,
                (unsigned long long)d->finding_hash);
    hash_name(&parts, id);
    _cleanup_(tu_buf_done) tu_buf summary = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    tu_alert_summary(&summary, d, kind, m->finding);

    tu_buf_add_c(m->out, "{\"apiVersion\":\"trueup.dev/v1\",\"kind\":\"Alert\"");
    add_text(m, "id", tu_str_c(id));
    add_text(m, "incident", tu_str_c(incident));
    add_text(m, "status", tu_str_c(resolved ? "resolved" : "firing"));
    add_text(m, "event", tu_str_c(kind));
    add_text(m, "installation", tu_str_c(install_id));
    add_text(m, "rule", d->rule);
    add_text(m, "target", d->target);
    tu_buf_add_c(m->out, ",\"source\":{\"revision\":");
    add_string(m, d->source_revision);
    tu_buf_add_byte(m->out, '}');
    add_text(m, "severity", tu_str_c(tu_severity_name(d->severity)));
    add_text(m, "verdict", tu_str_c(tu_verdict_name(d->verdict)));
    add_text(m, "summary", tu_buf_str(&summary));
    add_time(m, "startsAt", d->opened_ms);
    add_time(m, "updatedAt", wall_ms);
    if (resolved) {
        add_time(m, "endsAt", d->resolved_ms ? d->resolved_ms : wall_ms);
        add_text(m, "resolvedBy", d->resolved_by);
    }
    add_labels(m, rule);
    add_object(m, a);
    tu_buf_add_byte(m->out, '}');
    if (m->out->rc == TU_OK && (parts.rc == TU_EINTERNAL || summary.rc == TU_EINTERNAL))
        m->out->rc = TU_EINTERNAL;
}

void tu_alert_message(tu_buf *out, const tu_drift *d, const char *kind, const tu_rule *rule,
                      const char *install_id, int64_t wall_ms) {
    tu_arena arena;
    tu_arena_init(&arena, TU_LIMIT_OBJECT_ARENA);
    tu_value *finding = NULL;
    if (d->finding.n)
        tu_json_parse(&arena, d->finding, TU_JSON_NO_LINES, NULL, &finding, NULL, NULL);
    message m = {.out = out, .drift = d, .finding = tu_value_is(finding, TU_MAP) ? finding : NULL};
    size_t begin = out->n;
    write_message(&m, &arena, kind, rule, install_id, wall_ms);
    if (out->rc == TU_EINVALID) {
        out->rc = TU_OK;
        out->n = begin;
        m.brief = true;
        write_message(&m, &arena, kind, rule, install_id, wall_ms);
    }
    tu_arena_done(&arena);
}

tu_str tu_alert_route(const tu_config *c, const tu_rule *rule, const tu_drift *d) {
    (void)rule;
    (void)d;
    return c->routing.receiver;
}
