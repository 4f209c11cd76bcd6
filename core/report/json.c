/*
 * report/json.c: the report as one JSON document. Its form is an interface (DESIGN section 14):
 * keys are only ever added.
 *
 * Written by hand into the buffer, key by key in the documented order, so that a report of 100,000
 * objects needs no tree of its own.
 */
#include "value/json.h"
#include "base/clock.h"
#include "base/str.h"
#include "report/show.h"

/* ,"key":"text" -- the first key of an object passes "" as separator. */
static void add_text(tu_buf *out, const char *separator, const char *key, tu_str text) {
    tu_buf_addf(out, "%s\"%s\":", separator, key);
    tu_buf_add_json_string(out, text);
}

static void add_word(tu_buf *out, const char *separator, const char *key, const char *word) {
    add_text(out, separator, key, tu_str_c(word));
}

static void add_time(tu_buf *out, const char *key, int64_t ms) {
    char text[32];
    tu_time_format(ms, text);
    add_word(out, ",", key, text);
}

static void add_owner(tu_buf *out, const tu_owner *o) {
    tu_buf_add_c(out, ",\"owner\":{");
    add_text(out, "", "manager", o->manager);
    add_text(out, ",", "operation", o->operation);
    add_text(out, ",", "subresource", o->subresource);
    add_text(out, ",", "time", o->time);
    add_word(out, ",", "class", tu_manager_class_name(o->class_));
    tu_buf_add_byte(out, '}');
}

static void add_change(tu_buf *out, const tu_change *c) {
    tu_buf_add_byte(out, '{');
    add_text(out, "", "path", c->path);
    add_word(out, ",", "change", tu_change_name(c->kind));
    if (c->desired && c->kind != TU_CHANGE_ADDED) {
        tu_buf_add_c(out, ",\"desired\":");
        tu_json_write(out, c->desired, 0);
    }
    if (c->live && c->kind != TU_CHANGE_REMOVED) {
        tu_buf_add_c(out, ",\"live\":");
        tu_json_write(out, c->live, 0);
    }
    tu_buf_addf(out, ",\"line\":%u", c->line);
    add_owner(out, &c->owner);
    add_word(out, ",", "action", tu_action_name(c->action));
    add_word(out, ",", "severity", tu_severity_name(c->severity));
    add_text(out, ",", "entry", c->entry);
    add_text(out, ",", "note", c->note);
    tu_buf_add_byte(out, '}');
}

static void add_changes(tu_buf *out, const char *key, const tu_change *changes, size_t n) {
    tu_buf_addf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            tu_buf_add_byte(out, ',');
        add_change(out, &changes[i]);
    }
    tu_buf_add_byte(out, ']');
}

static void add_finding(tu_buf *out, const tu_finding *f, bool quiet) {
    tu_buf_add_byte(out, '{');
    add_text(out, "", "group", f->id.group);
    add_text(out, ",", "version", f->id.version);
    add_text(out, ",", "kind", f->id.kind);
    add_text(out, ",", "namespace", f->id.namespace_);
    add_text(out, ",", "name", f->id.name);
    add_word(out, ",", "verdict", tu_verdict_name(f->verdict));
    add_word(out, ",", "confidence", tu_confidence_name(f->confidence));
    add_text(out, ",", "reason", f->reason);
    add_text(out, ",", "onset", f->onset);
    add_text(out, ",", "file", f->file);
    tu_buf_addf(out, ",\"line\":%u", f->line);
    add_changes(out, "changes", f->changes, f->change_count);
    if (quiet && f->quiet_count > 0)
        add_changes(out, "quiet", f->quiet, f->quiet_count);
    tu_buf_add_byte(out, '}');
}

static void add_safe_finding(tu_buf *out, const tu_finding *f, bool quiet) {
    tu_buf raw = TU_BUF_INIT(out->max);
    add_finding(&raw, f, quiet);
    tu_show_safe(out, tu_buf_str(&raw));
    if (raw.rc != TU_OK && out->rc == TU_OK)
        out->rc = raw.rc;
    tu_buf_done(&raw);
}

void tu_report_finding_json(tu_buf *out, const tu_finding *f) {
    add_safe_finding(out, f, false);
}

void tu_report_finding_whole_json(tu_buf *out, const tu_finding *f) {
    add_safe_finding(out, f, true);
}

static void add_summary(tu_buf *out, const tu_report *r) {
    size_t counts[TU_VERDICT_COUNT], total = 0;
    tu_report_count(r, counts);
    for (size_t i = 0; i < TU_VERDICT_COUNT; i++)
        total += counts[i];
    tu_buf_addf(out, ",\"summary\":{\"objects\":%zu", total);
    for (size_t i = 0; i < TU_VERDICT_COUNT; i++)
        tu_buf_addf(out, ",\"%s\":%zu", tu_verdict_name((tu_verdict)i), counts[i]);
    tu_buf_add_byte(out, '}');
}

/* The keys of a rule before its objects; `problem` and `notes` only when there are any. */
static void add_rule_head(tu_buf *out, const tu_rule_report *rule) {
    tu_buf_add_byte(out, '{');
    add_text(out, "", "name", rule->name);
    add_word(out, ",", "mode", tu_mode_name(rule->mode));
    tu_buf_add_c(out, ",\"source\":{");
    add_text(out, "", "name", rule->source);
    add_text(out, ",", "revision", rule->revision);
    tu_buf_add_byte(out, '}');
    add_text(out, ",", "target", rule->target);
    if (rule->problem.n > 0)
        add_text(out, ",", "problem", rule->problem);
    for (size_t i = 0; i < rule->note_count; i++) {
        tu_buf_add_c(out, i == 0 ? ",\"notes\":[" : ",");
        tu_buf_add_json_string(out, rule->notes[i]);
    }
    if (rule->note_count > 0)
        tu_buf_add_byte(out, ']');
}

static void add_covered(tu_buf *out, size_t managed, size_t unmanaged) {
    tu_buf_addf(out, "\"percent\":%.1f,\"managed\":%zu,\"unmanaged\":%zu",
                tu_coverage_percent(managed, unmanaged), managed, unmanaged);
}

static void add_parts(tu_buf *out, const char *key, const tu_coverage_part *parts, size_t n) {
    tu_buf_addf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < n; i++) {
        add_text(out, i ? ",{" : "{", "name", parts[i].name);
        tu_buf_add_byte(out, ',');
        add_covered(out, parts[i].managed, parts[i].unmanaged);
        tu_buf_add_byte(out, '}');
    }
    tu_buf_add_byte(out, ']');
}

/* Only where unmanaged objects were looked for. */
static void add_coverage(tu_buf *to, const tu_coverage *c) {
    if (!c->known)
        return;
    tu_buf raw = TU_BUF_INIT(to->max), *out = &raw;
    tu_buf_add_c(out, ",\"coverage\":{");
    add_covered(out, c->managed, c->unmanaged);
    tu_buf_addf(out, ",\"explained\":%zu,\"partly\":%s", c->explained,
                c->partly ? "true" : "false");
    add_parts(out, "kinds", c->kinds, c->kind_count);
    add_parts(out, "namespaces", c->namespaces, c->namespace_count);
    tu_buf_add_byte(out, '}');
    tu_show_safe(to, tu_buf_str(&raw));
    tu_buf_done(&raw);
}

static void add_rule(tu_buf *out, const tu_rule_report *rule, bool all) {
    tu_buf head = TU_BUF_INIT(out->max);
    add_rule_head(&head, rule);
    tu_show_safe(out, tu_buf_str(&head));
    if (head.rc != TU_OK && out->rc == TU_OK)
        out->rc = head.rc;
    tu_buf_done(&head);
    tu_buf_add_c(out, ",\"objects\":[");
    const char *separator = "";
    for (size_t i = 0; i < rule->finding_count; i++) {
        if (!all && tu_report_is_quiet(rule->findings[i]))
            continue;
        tu_buf_add_c(out, separator);
        add_safe_finding(out, rule->findings[i], all);
        separator = ",";
    }
    tu_buf_add_byte(out, ']');
    add_coverage(out, &rule->coverage);
    tu_buf_add_byte(out, '}');
}

void tu_report_write_json(const tu_report *r, const tu_report_options *o, tu_buf *out) {
    tu_buf_add_c(out, "{\"apiVersion\":\"trueup.dev/v1\",\"kind\":\"Report\"");
    add_time(out, "started", r->started_ms);
    add_time(out, "finished", r->finished_ms);
    add_summary(out, r);
    tu_buf_add_c(out, ",\"rules\":[");
    for (size_t i = 0; i < r->rule_count; i++) {
        if (i > 0)
            tu_buf_add_byte(out, ',');
        add_rule(out, &r->rules[i], o->all);
    }
    tu_buf_add_c(out, "]}\n");
}
