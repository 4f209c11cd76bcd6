/*
 * report/say.c: see say.h.
 */
#include "report/say.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/str.h"
#include "report/show.h"

#define ROOM ((size_t)1 << 30)
#define OBJECT_BYTES 4096   /* of one name */
#define SENTENCE_COLUMNS 80 /* of one value in a sentence */
#define MOVED_NAMED 3

/* --- classes ------------------------------------------------------------------------------------ */

/* Was there something, and an entry of the rule said that it doesn't count? */
static bool is_ignored(const tu_finding *f) {
    return f->verdict == TU_VERDICT_DELEGATED ||
           (f->verdict == TU_VERDICT_IN_SYNC && f->change_count > 0);
}

tu_outcome tu_say_outcome(const tu_finding *f) {
    if (f->verdict == TU_VERDICT_UNKNOWN)
        return TU_OUTCOME_UNKNOWN;
    if (tu_report_is_drift(f))
        return TU_OUTCOME_DRIFT;
    return is_ignored(f) ? TU_OUTCOME_SKIPPED : TU_OUTCOME_FINE;
}

tu_outcomes tu_say_outcomes(const tu_rule_report *r) {
    tu_outcomes n = {.total = r->finding_count};
    for (size_t i = 0; i < r->finding_count; i++)
        n.of[tu_say_outcome(r->findings[i])]++;
    return n;
}

static bool is_about_the_object(const tu_change *c) {
    return c->path.n == 0 && !c->desired && !c->live;
}

const tu_change *tu_say_maker(const tu_finding *f) {
    return f->change_count == 1 && is_about_the_object(&f->changes[0]) ? &f->changes[0] : NULL;
}

bool tu_say_is_told(const tu_change *c, bool all) {
    return !is_about_the_object(c) && (all || c->action != TU_ACTION_IGNORE);
}

/* --- names -------------------------------------------------------------------------------------- */

void tu_say_place(tu_buf *out, const tu_finding *f) {
    if (f->file.n == 0)
        return;
    tu_show_safe(out, f->file);
    if (f->line > 0)
        tu_buf_addf(out, ":%u", f->line);
    if (f->column > 0 && f->verdict == TU_VERDICT_INVALID)
        tu_buf_addf(out, ":%u", f->column);
}

void tu_say_object(tu_buf *out, const tu_finding *f) {
    if (f->id.kind.n == 0) { /* a file that can't be read has no object, only a place */
        tu_show_safe(out, f->file);
        return;
    }
    tu_buf raw = TU_BUF_INIT(ROOM);
    tu_object_id_print(&raw, &f->id);
    tu_str name = tu_buf_str(&raw);
    bool long_ = name.n > OBJECT_BYTES;
    tu_show_safe(out, long_ ? (tu_str){name.p, OBJECT_BYTES} : name);
    tu_buf_add_c(out, long_ ? "…" : "");
    tu_buf_done(&raw);
}

void tu_say_manager(tu_buf *out, const tu_owner *o) {
    if (o->manager.n == 0)
        return;
    tu_show_safe(out, o->manager);
    if (o->class_ != TU_MANAGER_UNKNOWN)
        tu_buf_addf(out, " (%s)", tu_manager_class_name(o->class_));
}

void tu_say_hand(tu_buf *out, const tu_owner *o) {
    if (o->manager.n == 0)
        return;
    tu_buf_add_c(out, "field manager ");
    tu_say_manager(out, o);
    if (o->subresource.n > 0) {
        tu_buf_add_c(out, " by ");
        tu_show_safe(out, o->subresource);
    }
}

void tu_say_decision(tu_buf *out, tu_action action, tu_severity severity, tu_str entry) {
    if (entry.n == 0)
        return;
    tu_buf_add_c(out, tu_action_name(action));
    if (action != TU_ACTION_IGNORE)
        tu_buf_addf(out, ", %s", tu_severity_name(severity));
    tu_buf_add_c(out, ": ");
    tu_show_safe(out, entry);
}

tu_str tu_say_revision(tu_str s) {
    size_t digits = 0;
    const char *colon = s.n ? memchr(s.p, ':', s.n) : NULL;
    size_t from = colon ? (size_t)(colon - s.p) + 1 : 0;
    while (from + digits < s.n && s.p[from + digits] &&
           strchr("0123456789abcdef", s.p[from + digits]))
        digits++;
    if (from + digits != s.n || digits < 20)
        return s;
    return (tu_str){s.p, colon ? from + 12 : 10};
}

/* --- times -------------------------------------------------------------------------------------- */

void tu_say_age(tu_buf *out, tu_str since, int64_t now_ms) {
    int64_t us = 0;
    if (now_ms == 0 || since.n == 0 || !tu_time_parse(since, &us))
        return;
    int64_t s = now_ms / 1000 - us / 1000000;
    if (s < 0)
        s = 0;
    if (s < 60)
        tu_buf_addf(out, "%llds", (long long)s);
    else if (s < 3600)
        tu_buf_addf(out, "%lldm", (long long)(s / 60));
    else if (s < 10 * 3600)
        tu_buf_addf(out, "%lldh%lldm", (long long)(s / 3600), (long long)(s / 60 % 60));
    else if (s < 48 * 3600)
        tu_buf_addf(out, "%lldh", (long long)(s / 3600));
    else
        tu_buf_addf(out, "%lldd", (long long)(s / 86400));
}

tu_str tu_say_since(const tu_finding *f) {
    tu_str latest = f->onset;
    int64_t latest_us = 0, us = 0;
    for (size_t i = 0; i < f->change_count && f->onset.n == 0; i++) {
        const tu_change *c = &f->changes[i];
        if (c->action == TU_ACTION_IGNORE || !tu_time_parse(c->owner.time, &us))
            continue;
        if (latest.n == 0 || us > latest_us) {
            latest = c->owner.time;
            latest_us = us;
        }
    }
    return latest;
}

/* --- changes ------------------------------------------------------------------------------------ */

typedef struct line_counts {
    size_t live, desired;
} line_counts;

static void count_line(void *arg, char mark, tu_str text) {
    (void)text;
    line_counts *n = arg;
    n->live += mark == '-';
    n->desired += mark == '+';
}

static void add_texts(tu_buf *out, tu_str desired, tu_str live) {
    line_counts n = {0};
    tu_diff_lines(live, desired, 0, count_line, &n);
    if (n.live + n.desired == 0)
        tu_buf_add_c(out, "text: only the newline at its end differs");
    else
        tu_buf_addf(out, "text: %zu line%s only live, %zu only desired", n.live,
                    n.live == 1 ? "" : "s", n.desired);
}

static void add_moved(tu_buf *out, const tu_change *c) {
    tu_buf_add_c(out, "order: ");
    size_t n = tu_show_moved(c, MOVED_NAMED, out);
    if (n > MOVED_NAMED)
        tu_buf_addf(out, " and %zu more", n - MOVED_NAMED);
    tu_buf_add_c(out, n > 0 ? " moved" : "other than desired");
}

static void add_values(tu_buf *out, const tu_change *c, size_t limit) {
    bool strings = tu_value_is(c->desired, TU_STRING) && tu_value_is(c->live, TU_STRING);
    if (strings && (tu_show_is_text(c->desired) || tu_show_is_text(c->live))) {
        add_texts(out, c->desired->string, c->live->string);
        return;
    }
    if (tu_show_is_reordered(c->desired, c->live)) {
        add_moved(out, c);
        return;
    }
    size_t begin = out->n;
    tu_show_value(out, c->desired, limit);
    size_t middle = out->n;
    tu_buf_add_c(out, " -> ");
    size_t second = out->n;
    tu_show_value(out, c->live, limit);
    bool sealed = tu_value_is(c->desired, TU_SEALED) && tu_value_is(c->live, TU_SEALED);
    bool same = out->rc == TU_OK && tu_str_eq((tu_str){out->p + begin, middle - begin},
                                              (tu_str){out->p + second, out->n - second});
    if (sealed)
        tu_buf_add_c(out, " (they differ)");
    else if (same) /* cut before the place where they do */
        tu_buf_add_c(out, " (they differ further on)");
}

void tu_say_change(tu_buf *out, const tu_change *c, size_t limit) {
    switch (c->kind) {
    case TU_CHANGE_ADDED:
        tu_buf_add_c(out, "added: ");
        tu_show_value(out, c->live, limit);
        break;
    case TU_CHANGE_REMOVED:
        tu_buf_add_c(out, "removed: ");
        tu_show_value(out, c->desired, limit);
        break;
    case TU_CHANGE_ORDER:
        if (tu_value_is(c->desired, TU_LIST) && tu_value_is(c->live, TU_LIST))
            add_moved(out, c);
        else
            tu_buf_add_c(out, "order: other than desired");
        break;
    case TU_CHANGE_DUPLICATE:
        tu_buf_add_c(out, "duplicate: is there more than once");
        break;
    case TU_CHANGE_OWNERSHIP:
        tu_buf_add_c(out, "ownership: the value agrees, the field is somebody else's");
        break;
    default:
        add_values(out, c, limit);
    }
}

/* --- findings ----------------------------------------------------------------------------------- */

static const char *const verdicts[TU_VERDICT_COUNT] = {
    [TU_VERDICT_IN_SYNC] = "is in sync",
    [TU_VERDICT_DRIFTED] = "drifted",
    [TU_VERDICT_MISSING] = "is missing",
    [TU_VERDICT_UNMANAGED] = "is there, and in no source",
    [TU_VERDICT_BLOCKED] = "is blocked: the target refuses the desired state",
    [TU_VERDICT_INVALID] = "is invalid",
    [TU_VERDICT_UNKNOWN] = "could not be determined",
    [TU_VERDICT_TERMINATING] = "is being deleted",
    [TU_VERDICT_DELEGATED] = "is left to the manager that the rule names",
};

const char *tu_say_verdict(tu_verdict v) {
    return verdicts[v];
}

void tu_say_finding(tu_buf *out, const tu_finding *f) {
    tu_buf_add_c(out, verdicts[f->verdict]);
    if (f->reason.n > 0) {
        tu_buf_add_c(out, ": ");
        tu_show_safe(out, f->reason);
        return;
    }
    const tu_change *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < f->change_count; i++) {
        if (!tu_say_is_told(&f->changes[i], false))
            continue;
        first = first ? first : &f->changes[i];
        n++;
    }
    const tu_change *maker = tu_say_maker(f);
    if (maker && maker->owner.manager.n > 0) {
        tu_buf_add_c(out, ": ");
        tu_say_hand(out, &maker->owner);
    }
    if (!first)
        return;
    tu_buf_add_c(out, ": ");
    tu_show_safe(out, first->path);
    tu_buf_add_byte(out, ' ');
    tu_say_change(out, first, SENTENCE_COLUMNS);
    if (n > 1)
        tu_buf_addf(out, ", and %zu more", n - 1);
}

static const char *const summaries[TU_VERDICT_COUNT] = {
    [TU_VERDICT_IN_SYNC] = "in sync",     [TU_VERDICT_DRIFTED] = "drifted",
    [TU_VERDICT_MISSING] = "missing",     [TU_VERDICT_UNMANAGED] = "unmanaged",
    [TU_VERDICT_BLOCKED] = "blocked",     [TU_VERDICT_INVALID] = "invalid",
    [TU_VERDICT_UNKNOWN] = "unknown",     [TU_VERDICT_TERMINATING] = "terminating",
    [TU_VERDICT_DELEGATED] = "delegated",
};

void tu_say_counts(tu_buf *out, const size_t counts[TU_VERDICT_COUNT],
                   void (*part)(void *arg, tu_buf *out, tu_verdict v, tu_str text), void *arg) {
    size_t total = 0;
    for (size_t i = 0; i < TU_VERDICT_COUNT; i++)
        total += counts[i];
    tu_buf_addf(out, "%zu object%s", total, total == 1 ? "" : "s");
    const char *separator = ": ";
    for (size_t i = 0; i < TU_VERDICT_COUNT; i++) {
        if (counts[i] == 0)
            continue;
        char text[64];
        snprintf(text, sizeof text, "%zu %s", counts[i], summaries[i]);
        tu_buf_add_c(out, separator);
        if (part)
            part(arg, out, (tu_verdict)i, tu_str_c(text));
        else
            tu_buf_add_c(out, text);
        separator = ", ";
    }
}

void tu_say_coverage(tu_buf *out, const tu_coverage *c) {
    size_t all = c->managed + c->unmanaged;
    tu_buf_addf(out, "%.1f %% of %zu object%s in scope",
                tu_coverage_percent(c->managed, c->unmanaged), all, all == 1 ? "" : "s");
    if (c->unmanaged > 0)
        tu_buf_addf(out, "; %zu in no source", c->unmanaged);
    if (c->explained > 0)
        tu_buf_addf(out, "; %zu more need no source", c->explained);
    if (c->partly)
        tu_buf_add_c(out, "; a part could not be listed");
}

/* --- identities --------------------------------------------------------------------------------- */

void tu_say_file(tu_buf *out, const tu_rule_report *r, const tu_finding *f,
                 const tu_report_options *o) {
    if (f->file.n == 0) {
        tu_buf_add(out, o->fallback_file.n > 0 ? o->fallback_file
                        : r->root.n > 0        ? r->root
                                               : TU_S("."));
        return;
    }
    if (r->root.n > 0) {
        tu_buf_add(out, r->root);
        tu_buf_add_c(out, r->root.p[r->root.n - 1] == '/' ? "" : "/");
    }
    tu_buf_add(out, f->file);
}

void tu_say_fingerprint(const tu_rule_report *r, const tu_finding *f, const char *kind, tu_str path,
                        char out[33]) {
    bool nameless = f->id.kind.n == 0;
    const tu_str parts[] = {r->name,
                            r->target,
                            f->id.group,
                            f->id.kind,
                            f->id.namespace_,
                            f->id.name,
                            tu_str_c(kind),
                            path,
                            nameless ? f->file : (tu_str){NULL, 0}};
    tu_buf text = TU_BUF_INIT(ROOM);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        tu_buf_add(&text, parts[i]);
        tu_buf_add_byte(&text, '\0');
    }
    uint8_t digest[32];
    tu_sha256(tu_buf_str(&text), digest);
    tu_hex(digest, 16, out);
    tu_buf_done(&text);
}
