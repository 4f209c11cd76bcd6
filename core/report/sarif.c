/*
 * report/sarif.c: SARIF 2.1.0 (OASIS), as GitHub code scanning and others read it.
 *
 * Every change is a result at the line of its manifest; an object without changes (missing, blocked,
 * unknown ...) is one at its own line. ruleId is what kind of drift it is, level its severity. A
 * result is the same one in the next run when rule, target, object and path are (partialFingerprints),
 * so that an alert that somebody dismissed stays dismissed while values come and go. What has no
 * manifest points to the fallback file: GitHub refuses results without a place.
 *
 * GitHub takes 25,000 results a run: the most severe come first, and what is left out is counted in a
 * notification. A rule that could not be compared is a notification, too.
 */
#include "base/clock.h"
#include "base/str.h"
#include "report/say.h"
#include "report/show.h"

#define RESULTS_MOST 25000
#define MESSAGE_COLUMNS 1000
#define VALUE_COLUMNS 200
#define ROOM ((size_t)1 << 30)

enum { RULE_CHANGES = TU_CHANGE_COUNT }; /* rules: kinds of change, then verdicts */

static const struct {
    const char *id, *name, *text, *help;
} rules[] = {
    {"drift/value", "ValueChanged", "A field has another value than its manifest",
     "The live object has another value than the manifest. Put the manifest's value back (trueup "
     "heal), or commit the live one."},
    {"drift/removed", "FieldRemoved", "A field of the manifest is not there",
     "The manifest sets the field and the live object lacks it. Put it back (trueup heal), or take "
     "it out of the manifest."},
    {"drift/added", "FieldAdded", "A field is there that no manifest has",
     "Somebody added a field inside or beside what the manifest declares. Remove it (trueup heal), "
     "declare it, or let a rule ignore its manager."},
    {"drift/order", "OrderChanged", "A list has its items in another order",
     "The items are the manifest's, their order is not, and it matters here. Apply the manifest "
     "again (trueup heal)."},
    {"drift/duplicate", "ItemDuplicated", "A list has an item more than once",
     "Two items have the same key. Remove one of them by hand: an apply can't choose."},
    {"drift/ownership", "OwnershipLost", "Somebody else took a field over",
     "The value agrees, but the field belongs to another field manager now, so the next apply "
     "would "
     "share it. Apply the manifest again (trueup heal), or let a rule leave the field to its "
     "manager."},
    {"in-sync", "InSync", "The object is as its manifest says", "There is nothing to do."},
    {"drifted", "Drifted", "The object differs from its manifest", "See trueup diff."},
    {"missing", "ObjectMissing", "The object of a manifest is not there",
     "Nothing lives under the name that the manifest declares. Create it (trueup heal), or delete "
     "the manifest."},
    {"unmanaged", "ObjectUnmanaged", "An object is there that stands in no source",
     "The object lives in the rule's scope and no manifest declares it. Delete it, declare it, or "
     "let a rule ignore it."},
    {"blocked", "DesiredStateRefused", "The target refuses the manifest",
     "An immutable field, an admission policy or a quota stands against the manifest; the message "
     "has the target's words. Change the manifest, or replace the object."},
    {"invalid", "ManifestInvalid", "The manifest is wrong", "The message says what and where."},
    {"unknown", "NotDetermined", "Whether the object drifted could not be determined",
     "The message says why: no access, no answer, no such kind. It is not in sync until somebody "
     "looked."},
    {"terminating", "ObjectTerminating", "The object of a manifest is being deleted",
     "Somebody deleted it, and finalizers hold it. It comes back with the next apply after its "
     "end."},
    {"delegated", "Delegated", "The object is left to a named manager", "There is nothing to do."},
};
_Static_assert(sizeof rules / sizeof *rules == (size_t)RULE_CHANGES + TU_VERDICT_COUNT,
               "a rule for each kind of change and each verdict");

/* ,"key":"text"; the text is made safe. */
static void add_text(tu_buf *out, const char *before, const char *key, tu_str text) {
    tu_buf raw = TU_BUF_INIT(ROOM);
    tu_buf_add_json_string(&raw, text);
    tu_buf_addf(out, "%s\"%s\":", before, key);
    tu_show_safe(out, tu_buf_str(&raw));
    tu_buf_done(&raw);
}

static void add_rules(tu_buf *out) {
    tu_buf_add_c(out, ",\"rules\":[");
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        add_text(out, i > 0 ? ",\n{" : "\n{", "id", tu_str_c(rules[i].id));
        add_text(out, ",", "name", tu_str_c(rules[i].name));
        add_text(out, ",\"shortDescription\":{", "text", tu_str_c(rules[i].text));
        add_text(out, "},\"fullDescription\":{", "text", tu_str_c(rules[i].text));
        add_text(out, "},\"help\":{", "text", tu_str_c(rules[i].help));
        tu_buf_add_c(out, "},\"defaultConfiguration\":{\"level\":\"warning\"},"
                          "\"properties\":{\"tags\":[\"drift\"]}}");
    }
    tu_buf_add_byte(out, ']');
}

/* --- results ------------------------------------------------------------------------------------- */

typedef struct results {
    const tu_report_options *o;
    tu_buf *out;
    const char *separator;
    size_t n, left_out;
} results;

static const char *const levels[] = {[TU_SEVERITY_INFO] = "note",
                                     [TU_SEVERITY_WARNING] = "warning",
                                     [TU_SEVERITY_CRITICAL] = "error"};

/* RFC 3986: what stands for itself in a path. */
static void add_uri(tu_buf *out, tu_str path) {
    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c != '\0' && strchr("-._~/!$'()*+,;=@", c));
        if (plain)
            tu_buf_add_byte(out, (char)c);
        else
            tu_buf_addf(out, "%%%02X", c);
    }
}

static void add_location(results *s, const tu_rule_report *r, const tu_finding *f, uint32_t line) {
    tu_buf file = TU_BUF_INIT(ROOM), name = TU_BUF_INIT(ROOM);
    tu_say_file(&file, r, f, s->o);
    bool absolute = file.n > 0 && file.p[0] == '/';
    tu_buf_add_c(s->out, ",\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":\"");
    tu_buf_add_c(s->out, absolute ? "file://" : "");
    add_uri(s->out, tu_buf_str(&file));
    tu_buf_addf(s->out, "\"%s},\"region\":{\"startLine\":%u}}",
                absolute ? "" : ",\"uriBaseId\":\"%SRCROOT%\"", line > 0 ? line : 1);
    tu_say_object(&name, f);
    add_text(s->out, ",\"logicalLocations\":[{", "fullyQualifiedName", tu_buf_str(&name));
    tu_buf_add_c(s->out, ",\"kind\":\"resource\"}]}]");
    tu_buf_done(&file);
    tu_buf_done(&name);
}

/* "[text](address)" would be a link (SARIF 3.11.6), and what it says comes from outside. */
static void add_unlinked(tu_buf *out, tu_str s) {
    for (size_t i = 0; i < s.n; i++) {
        tu_buf_add_c(out, s.p[i] == '(' && i > 0 && s.p[i - 1] == ']' ? " " : "");
        tu_buf_add_byte(out, s.p[i]);
    }
}

static void add_message(tu_buf *out, const tu_finding *f, const tu_change *c) {
    tu_buf text = TU_BUF_INIT(ROOM), cut = TU_BUF_INIT(ROOM);
    tu_say_object(&text, f);
    if (c) {
        tu_buf_add_c(&text, ": ");
        tu_show_safe(&text, c->path);
        tu_buf_add_byte(&text, ' ');
        tu_say_change(&text, c, VALUE_COLUMNS);
        if (c->owner.manager.n > 0) {
            tu_buf_add_c(&text, " (");
            tu_say_hand(&text, &c->owner);
            tu_buf_add_byte(&text, ')');
        }
    } else {
        tu_buf_add_byte(&text, ' ');
        tu_say_finding(&text, f);
    }
    tu_show_cut(&cut, tu_buf_str(&text), MESSAGE_COLUMNS);
    tu_buf_clear(&text);
    add_unlinked(&text, tu_buf_str(&cut));
    add_text(out, ",\"message\":{", "text", tu_buf_str(&text));
    tu_buf_add_byte(out, '}');
    tu_buf_done(&text);
    tu_buf_done(&cut);
}

static void add_properties(tu_buf *out, const tu_rule_report *r, const tu_finding *f,
                           const tu_change *c) {
    tu_str since = c ? c->owner.time : f->onset;
    add_text(out, ",\"properties\":{", "rule", r->name);
    add_text(out, ",", "target", r->target);
    add_text(out, ",", "revision", r->revision);
    add_text(out, ",", "verdict", tu_str_c(tu_verdict_name(f->verdict)));
    add_text(out, ",", "confidence", tu_str_c(tu_confidence_name(f->confidence)));
    if (since.n > 0)
        add_text(out, ",", "since", since);
    if (c && c->owner.manager.n > 0)
        add_text(out, ",", "manager", c->owner.manager);
    if (c && c->note.n > 0)
        add_text(out, ",", "note", c->note);
    tu_buf_add_byte(out, '}');
}

/* c is NULL for a result about the object itself. */
static void add_result(results *s, const tu_rule_report *r, const tu_finding *f,
                       const tu_change *c) {
    if (s->n++ >= RESULTS_MOST) {
        s->left_out++;
        return;
    }
    size_t rule = c ? (size_t)c->kind : RULE_CHANGES + (size_t)f->verdict;
    tu_severity severity = c ? c->severity : f->severity;
    if (f->verdict == TU_VERDICT_UNKNOWN && severity == TU_SEVERITY_INFO)
        severity = TU_SEVERITY_WARNING;
    uint32_t line = c && c->line > 0 ? c->line : f->line;
    char fingerprint[33];
    tu_say_fingerprint(r, f, rules[rule].id, c ? c->path : (tu_str){NULL, 0}, fingerprint);
    tu_buf_addf(s->out, "%s\n{\"ruleId\":\"%s\",\"ruleIndex\":%zu,\"level\":\"%s\"", s->separator,
                rules[rule].id, rule, levels[severity]);
    s->separator = ",";
    add_message(s->out, f, c);
    add_location(s, r, f, line);
    tu_buf_addf(s->out, ",\"partialFingerprints\":{\"trueupDrift/v1\":\"%s\"}", fingerprint);
    add_properties(s->out, r, f, c);
    tu_buf_add_byte(s->out, '}');
}

static bool is_told(const tu_finding *f) {
    tu_outcome outcome = tu_say_outcome(f);
    return outcome == TU_OUTCOME_DRIFT || outcome == TU_OUTCOME_UNKNOWN;
}

/* The finding's results of one severity. */
static void add_finding(results *s, const tu_rule_report *r, const tu_finding *f,
                        tu_severity severity) {
    size_t told = 0;
    for (size_t i = 0; i < f->change_count; i++) {
        const tu_change *c = &f->changes[i];
        if (!tu_say_is_told(c, false))
            continue;
        told++;
        if (c->severity == severity)
            add_result(s, r, f, c);
    }
    if (told == 0 && f->severity == severity)
        add_result(s, r, f, NULL);
}

static void add_results(results *s, const tu_report *r) {
    tu_buf_add_c(s->out, ",\"results\":[");
    for (int severity = TU_SEVERITY_CRITICAL; severity >= TU_SEVERITY_INFO; severity--) {
        for (size_t i = 0; i < r->rule_count; i++) {
            const tu_rule_report *rule = &r->rules[i];
            for (size_t k = 0; k < rule->finding_count; k++) {
                if (is_told(rule->findings[k]))
                    add_finding(s, rule, rule->findings[k], (tu_severity)severity);
            }
        }
    }
    tu_buf_add_byte(s->out, ']');
}

/* --- the run ------------------------------------------------------------------------------------- */

static void add_notification(tu_buf *out, const char **separator, const char *level, tu_str text) {
    tu_buf_addf(out, "%s{\"level\":\"%s\"", *separator, level);
    add_text(out, ",\"message\":{", "text", text);
    tu_buf_add_c(out, "}}");
    *separator = ",";
}

static void add_invocation(tu_buf *out, const tu_report *r, size_t left_out) {
    char started[32], finished[32];
    const char *separator = "";
    tu_time_format(r->started_ms, started);
    tu_time_format(r->finished_ms, finished);
    bool successful = true;
    for (size_t i = 0; i < r->rule_count; i++)
        successful = successful && r->rules[i].problem.n == 0;
    tu_buf_addf(out,
                ",\"invocations\":[{\"executionSuccessful\":%s,\"exitCode\":%d,\"startTimeUtc\":"
                "\"%s\",\"endTimeUtc\":\"%s\",\"toolExecutionNotifications\":[",
                successful ? "true" : "false", tu_report_exit_code(r), started, finished);
    for (size_t i = 0; i < r->rule_count; i++) {
        if (r->rules[i].problem.n == 0)
            continue;
        tu_buf text = TU_BUF_INIT(ROOM);
        tu_buf_addf(&text, "rule %.*s could not be compared: %.*s", TU_P(r->rules[i].name),
                    TU_P(r->rules[i].problem));
        add_notification(out, &separator, "error", tu_buf_str(&text));
        tu_buf_done(&text);
    }
    if (left_out > 0) {
        char text[120];
        snprintf(text, sizeof text, "%zu more results are left out: a run takes %d", left_out,
                 RESULTS_MOST);
        add_notification(out, &separator, "warning", tu_str_c(text));
    }
    tu_buf_add_c(out, "]}]");
}

void tu_report_write_sarif(const tu_report *r, const tu_report_options *o, tu_buf *out) {
    tu_buf_add_c(
        out, "{\"$schema\":\"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"
             "sarif-schema-2.1.0.json\",\"version\":\"2.1.0\",\"runs\":[{\"tool\":{\"driver\":{"
             "\"name\":\"trueup\",\"semanticVersion\":\"" TRUEUP_VERSION "\"");
    add_rules(out);
    tu_buf_add_c(out, "}}");
    results s = {.o = o, .out = out, .separator = ""};
    add_results(&s, r);
    add_invocation(out, r, s.left_out);
    tu_buf_add_c(out, ",\"columnKind\":\"unicodeCodePoints\"}]}\n");
}
