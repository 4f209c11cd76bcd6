/*
 * alert/body.c: the body of an alert: see body.h.
 */
#include <stdio.h>

#include "alert/body.h"

#include "alert/summary.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "value/json.h"

enum {
    OBJECT_BYTES = TU_ALERT_BODY_BYTES / 2, /* of the finding */
    VALUE_BYTES = 2048,                     /* of each text in it, where it is too large */
    TEXT_BYTES = 1024                       /* of each other text: escaped, all fit */
};

/* --- identity --------------------------------------------------------------------------------- */

static void add_part(tu_buf *b, tu_str part) {
    tu_buf_addf(b, "%zu:", part.n);
    tu_buf_add(b, part);
}

static void hash_parts(const tu_buf *parts, char out[33]) {
    uint8_t digest[32];
    tu_sha256(tu_buf_str(parts), digest);
    tu_hex(digest, 16, out);
}

/* Made of what doesn't change in a drift's life. A manifest that couldn't be read has no name; it
 * is known by its file. */
void tu_alert_fingerprint(const tu_drift *d, const tu_value *finding, const char *install_id,
                          char out[33]) {
    _cleanup_(tu_buf_done) tu_buf parts = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    add_part(&parts, tu_str_c(install_id));
    add_part(&parts, d->rule);
    add_part(&parts, d->target);
    add_part(&parts, d->object.group);
    add_part(&parts, d->object.kind);
    add_part(&parts, d->object.namespace_);
    add_part(&parts, d->object.name);
    if (d->object.name.n == 0) {
        add_part(&parts, tu_value_get_string(finding, "file"));
        tu_buf_addf(&parts, "%lld:", (long long)tu_value_integer(tu_value_get(finding, "line"), 0));
    }
    tu_buf_addf(&parts, "%lld", (long long)d->opened_ms);
    hash_parts(&parts, out);
}

void tu_alert_trouble_fingerprint(const tu_alert_trouble *t, const char *install_id, char out[33]) {
    _cleanup_(tu_buf_done) tu_buf parts = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    add_part(&parts, tu_str_c(install_id));
    add_part(&parts, TU_S("trueup"));
    add_part(&parts, t->problem);
    add_part(&parts, t->name);
    tu_buf_addf(&parts, "%lld", (long long)t->started_ms);
    hash_parts(&parts, out);
}

/* --- members ---------------------------------------------------------------------------------- */

/* Cut where a character ends. */
static void add_text(tu_buf *b, const char *before, const char *key, tu_str text) {
    if (text.n > TEXT_BYTES)
        for (text.n = TEXT_BYTES; text.n && ((unsigned char)text.p[text.n] & 0xC0) == 0x80;)
            text.n--;
    tu_buf_addf(b, "%s\"%s\":", before, key);
    tu_buf_add_json_string(b, text);
}

static void add_known(tu_buf *b, const char *key, tu_str text) {
    if (text.n)
        add_text(b, ",", key, text);
}

static void add_source(tu_buf *b, const tu_alert_about *about) {
    tu_buf_add_c(b, ",\"source\":{");
    add_text(b, "", "name", about->source);
    add_text(b, ",", "revision",
             about->revision.n ? about->revision : about->drift->source_revision);
    add_known(b, "author", about->author);
    add_known(b, "subject", about->subject);
    add_known(b, "time", about->time);
    tu_buf_add_byte(b, '}');
}

/* "app/cart.yaml:12": of the only change that has a line, or of the object. */
static bool place_of(tu_buf *b, const tu_value *finding) {
    tu_str file = tu_value_get_string(finding, "file");
    int64_t line = tu_value_integer(tu_value_get(finding, "line"), 0);
    const tu_value *changes = tu_value_get(finding, "changes");
    if (tu_value_count(changes)) {
        int64_t at = tu_value_integer(tu_value_get(tu_value_at(changes, 0), "line"), 0);
        line = at > 0 ? at : line;
    }
    tu_buf_add(b, file);
    if (file.n && line > 0)
        tu_buf_addf(b, ":%lld", (long long)line);
    return file.n > 0;
}

/* How what lives becomes what is desired. */
static void add_accept(tu_buf *b, const tu_alert_about *about) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(64 * TU_KIB), place = TU_BUF_INIT(32 * TU_KIB);
    const char *commit = about->commits ? " and commit" : "";
    bool has_place = place_of(&place, about->finding);
    switch (about->drift->verdict) {
    case TU_VERDICT_DRIFTED:
    case TU_VERDICT_BLOCKED:
    case TU_VERDICT_INVALID:
        if (has_place)
            tu_buf_addf(&text, "edit %s%s", tu_buf_c(&place), commit);
        break;
    case TU_VERDICT_MISSING:
        if (has_place)
            tu_buf_addf(&text, "take it out of %s%s", tu_buf_c(&place), commit);
        break;
    case TU_VERDICT_UNMANAGED:
        tu_buf_addf(&text, "write it into a manifest%s", commit);
        break;
    default:
        break;
    }
    add_text(b, ",", "accept", tu_buf_str(&text));
}

/* Cuts every long text in v, and says how long it was. */
static void cut_texts(tu_arena *a, tu_value *v) {
    if (tu_value_is(v, TU_STRING) && v->string.n > VALUE_BYTES) {
        size_t n = VALUE_BYTES;
        while (n && ((unsigned char)v->string.p[n] & 0xC0) == 0x80)
            n--;
        const char *text =
            tu_arena_printf(a, "%.*s... (%zu bytes)", (int)n, v->string.p, v->string.n);
        v->string = text ? tu_str_c(text) : (tu_str){v->string.p, n};
    } else if (tu_value_is(v, TU_MAP)) {
        for (uint32_t i = 0; i < v->map.n; i++)
            cut_texts(a, &v->map.members[i].value);
    } else if (tu_value_is(v, TU_LIST)) {
        for (uint32_t i = 0; i < v->list.n; i++)
            cut_texts(a, &v->list.items[i]);
    }
}

/* The finding, long texts cut, with as many of its changes as fit. */
static void add_shortened(tu_buf *b, const tu_value *finding) {
    tu_arena a;
    tu_arena_init(&a, TU_LIMIT_OBJECT_ARENA);
    tu_value *copy = tu_value_copy(&a, finding);
    tu_value *changes = (tu_value *)(uintptr_t)tu_value_get(copy, "changes");
    size_t count = tu_value_count(changes);
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(OBJECT_BYTES);
    cut_texts(&a, changes);
    if (copy && tu_value_set_integer(&a, copy, "truncated", (int64_t)count)) {
        for (;;) {
            changes = (tu_value *)(uintptr_t)tu_value_get(copy, "changes");
            tu_buf_clear(&text);
            tu_json_write(&text, copy, 0);
            if (text.rc != TU_EINVALID || tu_value_count(changes) == 0)
                break;
            changes->list.n /= 2;
        }
    }
    tu_buf_add(b, text.rc == TU_OK && text.n ? tu_buf_str(&text) : TU_S("null"));
    tu_arena_done(&a);
}

static void add_object(tu_buf *b, const tu_alert_about *about) {
    tu_buf_add_c(b, ",\"object\":");
    if (!tu_value_is(about->finding, TU_MAP))
        tu_buf_add_c(b, "null");
    else if (about->drift->finding.n && about->drift->finding.n <= OBJECT_BYTES)
        tu_buf_add(b, about->drift->finding);
    else
        add_shortened(b, about->finding);
}

/* --- bodies ----------------------------------------------------------------------------------- */

void tu_alert_body(tu_buf *out, const tu_alert_about *about) {
    const tu_drift *d = about->drift;
    _cleanup_(tu_buf_done) tu_buf summary = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES),
                                  over = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    tu_alert_summary(&summary, d, "firing", about->finding);
    tu_alert_summary(&over, d, "resolved", about->finding);
    add_text(out, "{", "verdict", tu_str_c(tu_verdict_name(d->verdict)));
    add_text(out, ",", "rule", d->rule);
    add_text(out, ",", "target", d->target);
    add_text(out, ",", "summary", tu_buf_str(&summary));
    add_text(out, ",", "over", tu_buf_str(&over));
    add_known(out, "resolvedBy", d->resolved_by);
    add_source(out, about);
    add_text(out, ",\"plan\":{", "action", tu_str_c(about->plan));
    add_text(out, ",", "text", about->plan_text);
    tu_buf_add_byte(out, '}');
    add_accept(out, about);
    add_object(out, about);
    tu_buf_add_byte(out, '}');
}

/* "source shop-config: can't be read: ..." */
static void summarize(tu_buf *out, const tu_alert_trouble *t, tu_str what) {
    _cleanup_(tu_buf_done) tu_buf line = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    tu_buf_add_c(&line, "trueup: ");
    tu_buf_add(&line, t->problem);
    tu_buf_add_c(&line, t->name.n ? " (" : "");
    tu_buf_add(&line, t->name);
    tu_buf_add_c(&line, t->name.n ? "): " : ": ");
    tu_buf_add(&line, what);
    tu_alert_add_visible(out, tu_buf_str(&line), TU_ALERT_SUMMARY_BYTES);
}

void tu_alert_trouble_body(tu_buf *out, const tu_alert_trouble *t) {
    _cleanup_(tu_buf_done) tu_buf summary = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES),
                                  over = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    summarize(&summary, t, t->text);
    summarize(&over, t, TU_S("it is over"));
    add_text(out, "{", "rule", t->rule);
    add_text(out, ",", "target", t->target);
    add_text(out, ",", "summary", tu_buf_str(&summary));
    add_text(out, ",", "over", tu_buf_str(&over));
    add_known(out, "resolvedBy", t->resolved_by);
    add_text(out, ",\"source\":{", "name", t->source);
    tu_buf_add_c(out, "}");
    add_text(out, ",\"problem\":{", "what", t->problem);
    add_text(out, ",", "name", t->name);
    add_text(out, ",", "text", t->text);
    add_text(out, ",", "hint", t->hint);
    tu_buf_add_c(out, "}}");
}
