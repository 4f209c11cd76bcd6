/*
 * config/rule.c: the document Rule to its struct: what is compared, what drift means, what healing
 * may do.
 *
 * To add a key: the schema (schemas/Rule.json), a member of tu_rule or tu_entry, one line here, and
 * its use.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "config/read.h"
#include <stdio.h>

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

/* --- lists of words --------------------------------------------------------------------------- */

/* Says what is wrong with one item, or nothing. */
typedef void word_check(tu_reader *r, const tu_value *item);

static tu_strs read_words(tu_reader *r, const tu_value *list, word_check *check) {
    tu_strs words = {0};
    size_t n = tu_value_is(list, TU_LIST) ? tu_value_count(list) : 0;
    words.items = n ? tu_reader_alloc(r, n * sizeof *words.items) : NULL;
    for (size_t i = 0; words.items && i < n; i++) {
        const tu_value *item = tu_value_at(list, i);
        if (!tu_value_is(item, TU_STRING))
            continue;
        check(r, item);
        words.items[words.n++] = item->string;
    }
    return words;
}

/* A class must be closed and the last character must not escape nothing; everything else is a glob.
 */
static const char *glob_fault(tu_str s) {
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\') {
            if (++i == s.n)
                return "ends in a lone '\\'";
        } else if (s.p[i] == '[') {
            size_t end = i + 1;
            if (end < s.n && (s.p[end] == '!' || s.p[end] == '^'))
                end++;
            end++; /* a ']' that comes first is a member */
            while (end < s.n && s.p[end] != ']')
                end += s.p[end] == '\\' ? 2 : 1;
            if (end >= s.n)
                return "has a '[' without a ']' (write \\[ for the character itself)";
            i = end;
        }
    }
    return NULL;
}

static void check_glob(tu_reader *r, const tu_value *item) {
    const char *fault = glob_fault(item->string);
    if (fault)
        tu_reader_error(r, item, "the pattern '%.*s' %s", TU_P(item->string), fault);
}

static void check_word_glob(tu_reader *r, const tu_value *item) {
    if (item->string.n == 0)
        tu_reader_error(r, item, "an empty pattern matches nothing: leave it out or write \"*\"");
    else
        check_glob(r, item);
}

static void check_path(tu_reader *r, const tu_value *item) {
    tu_str s = item->string;
    if (s.n == 0 || s.p[0] != '/') {
        tu_error **e = tu_reader_error(
            r, item, "'%.*s' is no path to a field: it must begin with '/'", TU_P(s));
        char slashed[256];
        size_t n = 0;
        slashed[n++] = '/';
        for (size_t i = s.n && s.p[0] == '.'; i < s.n && n + 1 < sizeof slashed; i++)
            slashed[n++] = s.p[i] == '.' ? '/' : s.p[i];
        slashed[n] = '\0';
        if (s.n > 0)
            tu_error_hint(e, "did you mean '%s'?", slashed);
        return;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '~' && (i + 1 == s.n || (s.p[i + 1] != '0' && s.p[i + 1] != '1'))) {
            tu_reader_error(r, item,
                            "in the path '%.*s' a '~' must be written ~0 (and a '/' in a name ~1)",
                            TU_P(s));
            return;
        }
    }
}

static void check_manager(tu_reader *r, const tu_value *item) {
    static const char *const classes[] = {"class:human", "class:controller", "class:gitops",
                                          "class:legacy", "class:unknown"};
    size_t n = sizeof classes / sizeof *classes;
    if (!tu_str_starts(item->string, "class:")) {
        check_word_glob(r, item);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (tu_str_is(item->string, classes[i]))
            return;
    }
    tu_error **e = tu_reader_error(r, item,
                                   "'%.*s' is no class of managers: there are class:human, "
                                   "class:controller, class:gitops, class:legacy and class:unknown",
                                   TU_P(item->string));
    const char *near = tu_suggest(item->string, classes, n);
    if (near)
        tu_error_hint(e, "did you mean '%s'?", near);
}

static void check_namespace(tu_reader *r, const tu_value *item) {
    if (item->string.n == 0 || memchr(item->string.p, '/', item->string.n))
        tu_reader_error(r, item, "'%.*s' is no namespace", TU_P(item->string));
}

static void check_kind(tu_reader *r, const tu_value *item) {
    tu_str s = item->string;
    if (tu_str_is(s, "*"))
        return;
    bool good = s.n > 0 && s.p[0] != '.' && s.p[s.n - 1] != '.';
    for (size_t i = 0; good && i < s.n; i++) {
        char c = s.p[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '-';
    }
    if (!good)
        tu_reader_error(r, item,
                        "'%.*s' is no kind: write Kind or Kind.group, such as Deployment.apps, "
                        "or \"*\" for every kind (other patterns don't work here)",
                        TU_P(s));
}

static tu_label_match *read_labels(tu_reader *r, const tu_value *map, word_check *check,
                                   size_t *ret_n) {
    size_t n = tu_value_is(map, TU_MAP) ? tu_value_count(map) : 0;
    tu_label_match *labels = n ? tu_reader_alloc(r, n * sizeof *labels) : NULL;
    for (size_t i = 0; labels && i < n; i++) {
        const tu_member *m = &map->map.members[i];
        if (!tu_value_is(&m->value, TU_STRING))
            continue;
        if (check)
            check(r, &m->value);
        labels[(*ret_n)++] = (tu_label_match){m->key, m->value.string};
    }
    return labels;
}

/* --- windows and moments ---------------------------------------------------------------------- */

/* A mistake of cron or zone is reported where it stands. */
static void check_window(tu_reader *r, tu_window *w, const tu_value *v) {
    tu_window probe = {.cron = w->cron, .duration_ms = HOUR_MS};
    tu_error *why = NULL;
    const tu_value *at = tu_value_get(v, "cron");
    tu_rc rc = at ? tu_window_check(&probe, &why) : TU_OK;
    if (rc == TU_OK) {
        at = tu_value_get(v, "timeZone");
        probe = (tu_window){
            .cron = TU_S("0 0 * * *"), .time_zone = w->time_zone, .duration_ms = HOUR_MS};
        rc = tu_window_check(&probe, &why);
    }
    if (rc == TU_OK && at && w->time_zone.n == 0)
        rc = tu_error_set(&why, TU_EINVALID, "an empty time zone: leave the key out for UTC");
    if (rc == TU_OK && w->cron.n > 0) { /* without cron that has been said */
        at = tu_value_get(v, "duration");
        rc = tu_window_prepare(r->arena, w, &why);
    }
    if (rc != TU_OK && at && tu_value_is(at, TU_STRING)) {
        tu_error **e = tu_reader_error(r, at, "%s", tu_error_text(why));
        if (why && why->hint)
            tu_error_hint(e, "%s", why->hint);
    }
    tu_error_free(why);
}

static tu_window *read_windows(tu_reader *r, const tu_value *list, size_t *ret_n) {
    size_t n = tu_value_is(list, TU_LIST) ? tu_value_count(list) : 0;
    tu_window *windows = n ? tu_reader_alloc(r, n * sizeof *windows) : NULL;
    for (size_t i = 0; windows && i < n; i++) {
        const tu_value *v = tu_value_at(list, i);
        tu_window *w = &windows[(*ret_n)++];
        w->cron = tu_value_get_string(v, "cron");
        w->time_zone = tu_value_get_string(v, "timeZone");
        w->duration_ms = tu_read_duration(r, tu_value_get(v, "duration"), HOUR_MS, MINUTE_MS);
        check_window(r, w, v);
    }
    return windows;
}

/* A day counts to its end, in UTC. */
static int64_t read_moment(tu_reader *r, const tu_value *v) {
    if (!tu_value_is(v, TU_STRING))
        return 0;
    char text[32];
    int64_t us;
    tu_str s = v->string;
    bool day = s.n == 10;
    if (day) {
        snprintf(text, sizeof text, "%.*sT00:00:00Z", TU_P(s));
        s = tu_str_c(text);
    }
    if (!tu_time_parse(s, &us)) {
        tu_reader_error(r, v, "'%.*s' is no time: write 2026-12-31 or 2026-12-31T18:00:00+09:00",
                        TU_P(v->string));
        return 0;
    }
    int64_t ms = us / 1000 + (day ? DAY_MS : 0);
    if (ms <= r->wall_ms)
        tu_reader_warn(r, tu_reader_place(r, v),
                       "this entry has expired and doesn't match any more");
    return ms > 0 ? ms : 1;
}

/* --- the entries of spec.drift ---------------------------------------------------------------- */

static uint32_t read_changes(const tu_value *list) {
    uint32_t bits = 0;
    for (size_t i = 0; i < tu_value_count(list); i++) {
        tu_change_kind kind;
        if (tu_change_parse(tu_value_string(tu_value_at(list, i)), &kind))
            bits |= 1u << kind;
    }
    return bits;
}

static uint32_t read_verdicts(const tu_value *list) {
    uint32_t bits = 0;
    for (size_t i = 0; i < tu_value_count(list); i++) {
        tu_verdict verdict;
        if (tu_verdict_parse(tu_value_string(tu_value_at(list, i)), &verdict))
            bits |= 1u << verdict;
    }
    return bits;
}

static void read_entry(tu_reader *r, const tu_value *v, tu_entry *e) {
    const tu_value *match = tu_value_get(v, "match");
    e->name = tu_value_get_string(v, "name");
    e->groups = read_words(r, tu_value_get(match, "groups"), check_glob);
    e->kinds = read_words(r, tu_value_get(match, "kinds"), check_word_glob);
    e->namespaces = read_words(r, tu_value_get(match, "namespaces"), check_glob);
    e->names = read_words(r, tu_value_get(match, "names"), check_word_glob);
    e->labels = read_labels(r, tu_value_get(match, "labels"), check_glob, &e->label_count);
    e->paths = read_words(r, tu_value_get(match, "paths"), check_path);
    e->managers = read_words(r, tu_value_get(match, "managers"), check_manager);
    e->changes = read_changes(tu_value_get(match, "changes"));
    e->verdicts = read_verdicts(tu_value_get(match, "verdicts"));
    e->within = read_windows(r, tu_value_get(match, "within"), &e->within_count);
    tu_action_parse(tu_value_get_string(v, "action"), &e->action);
    e->has_severity = tu_severity_parse(tu_value_get_string(v, "severity"), &e->severity);
    e->reason = tu_value_get_string(v, "reason");
    e->expires_ms = read_moment(r, tu_value_get(v, "expires"));
    e->place = tu_reader_place(r, v);
}

static void warn_approve(tu_reader *r, const tu_value *entry, tu_str rule) {
    tu_reader_warn(r, tu_reader_place(r, tu_value_get(entry, "action")),
                   "approvals can't be given in this version: approve only alerts, and `trueup "
                   "heal %.*s` puts it right",
                   TU_P(rule));
}

static void read_entries(tu_reader *r, const tu_value *list, tu_rule *rule) {
    size_t n = tu_value_is(list, TU_LIST) ? tu_value_count(list) : 0;
    rule->entries = n ? tu_reader_alloc(r, n * sizeof *rule->entries) : NULL;
    tu_map names = {0};
    for (size_t i = 0; rule->entries && i < n; i++) {
        const tu_value *v = tu_value_at(list, i);
        tu_entry *e = &rule->entries[rule->entry_count++];
        read_entry(r, v, e);
        if (e->action == TU_ACTION_APPROVE)
            warn_approve(r, v, rule->name);
        if (e->verdicts == 1u << TU_VERDICT_UNMANAGED && e->action == TU_ACTION_HEAL)
            tu_reader_warn(r, e->place,
                           "unmanaged objects are told, not removed, in this version: heal only "
                           "alerts here");
        const tu_entry *first = e->name.n ? tu_map_put(&names, e->name, e) : NULL;
        if (first)
            tu_reader_error(r, tu_value_get(v, "name"),
                            "two entries are called '%.*s'; the other is at %s:%u:%u",
                            TU_P(e->name), first->place.file, first->place.line,
                            first->place.column);
    }
    tu_map_done(&names, NULL);
}

/* --- the rule --------------------------------------------------------------------------------- */

/* "./a/b/" is "a/b", "." and "" are everything. */
static tu_str read_tree_path(tu_reader *r, const tu_value *v) {
    tu_str s = tu_value_string(v);
    while (tu_str_starts(s, "./"))
        s = (tu_str){s.p + 2, s.n - 2};
    while (s.n > 0 && s.p[s.n - 1] == '/' && s.n > 1)
        s.n--;
    if (tu_str_is(s, "."))
        s.n = 0;
    if (s.n == 0 || tu_path_is_clean(s))
        return s;
    tu_error **e = tu_reader_error(r, v, "'%.*s' is no path within the source", TU_P(s));
    tu_error_hint(
        e,
        "write it from the source's root, without '..' and a leading '/', such as overlays/prod");
    return TU_S("");
}

/* What is understood and kept for a later version, but does nothing in this one, is said at load:
 * promise 9. A section that gets its effect loses its line here. */
static void warn_without_effect(tu_reader *r, const tu_value *spec, const tu_rule *rule) {
    const tu_value *heal = tu_value_get(spec, "heal");
    if (rule->heal.prune)
        tu_reader_warn(r, tu_reader_place(r, tu_value_get(heal, "prune")),
                       "spec.heal.prune has no effect in this version: objects that left the "
                       "source are not deleted");
    if (rule->heal.approval_votes > 0)
        tu_reader_warn(r, tu_reader_place(r, tu_value_get(heal, "approval")),
                       "spec.heal.approval: approvals can't be given in this version, so "
                       "`trueup run` heals nothing of this rule; `trueup heal %.*s` does",
                       TU_P(rule->name));
}

static tu_str read_render(tu_reader *r, const tu_value *v) {
    static const char *const builtin[] = {"auto", "plain", "kustomize", "helm"};
    tu_str s = tu_value_string(v);
    if (s.n == 0)
        return TU_S("auto");
    size_t n = sizeof builtin / sizeof *builtin;
    for (size_t i = 0; i < n; i++) {
        if (tu_str_is(s, builtin[i]))
            return s;
    }
    const char *near = tu_suggest(s, builtin, n);
    if (near)
        tu_error_hint(tu_reader_error(r, v, "spec.render: there is no renderer '%.*s'", TU_P(s)),
                      "did you mean '%s'?", near);
    else
        tu_read_reference(r, "spec.render", "Plugin", v);
    return s;
}

static void read_heal(tu_reader *r, const tu_value *heal, tu_rule *rule) {
    const tu_value *prune = tu_value_get(heal, "prune"), *limit = tu_value_get(heal, "limit");
    const tu_value *approval = tu_value_get(heal, "approval");
    rule->heal.prune = tu_value_boolean(tu_value_get(prune, "enabled"), false);
    rule->heal.prune_max_objects = tu_value_integer(tu_value_get(prune, "maxObjects"), 10);
    rule->heal.prune_max_percent = tu_value_integer(tu_value_get(prune, "maxPercent"), 20);
    rule->heal.windows = read_windows(r, tu_value_get(heal, "windows"), &rule->heal.window_count);
    rule->heal.approval_votes = tu_value_integer(tu_value_get(approval, "votes"), approval ? 1 : 0);
    rule->heal.approval_deadline_ms =
        tu_read_duration(r, tu_value_get(approval, "deadline"), 24 * HOUR_MS, MINUTE_MS);
    rule->heal.limit_objects = tu_value_integer(tu_value_get(limit, "objects"), 60);
    rule->heal.limit_per_ms = tu_read_duration(r, tu_value_get(limit, "per"), MINUTE_MS, 1000);
}

void tu_read_rule(tu_reader *r, tu_str name, const tu_value *spec, tu_place place) {
    tu_rule rule = {.name = name, .place = place, .mode = TU_MODE_AUDIT};
    rule.from = tu_value_get_string(spec, "from");
    rule.to = tu_value_get_string(spec, "to");
    tu_read_reference(r, "spec.from", "Source", tu_value_get(spec, "from"));
    tu_read_reference(r, "spec.to", "Target", tu_value_get(spec, "to"));
    rule.path = read_tree_path(r, tu_value_get(spec, "path"));
    rule.render = read_render(r, tu_value_get(spec, "render"));
    rule.render_place = tu_reader_place(r, tu_value_get(spec, "render"));
    rule.interval_ms = tu_read_duration(r, tu_value_get(spec, "interval"), 10 * MINUTE_MS, 1000);
    tu_str mode = tu_value_get_string(spec, "mode"), confirm = tu_value_get_string(spec, "confirm");
    if (tu_str_is(mode, "heal"))
        rule.mode = TU_MODE_HEAL;
    else if (tu_str_is(mode, "off"))
        rule.mode = TU_MODE_OFF;
    rule.confirm = confirm.n > 0 ? tu_str_is(confirm, "dry-run") : rule.mode == TU_MODE_HEAL;
    const tu_value *scope = tu_value_get(spec, "scope");
    rule.scope_namespaces = read_words(r, tu_value_get(scope, "namespaces"), check_namespace);
    rule.scope_kinds = read_words(r, tu_value_get(scope, "kinds"), check_kind);
    rule.unmanaged = tu_value_boolean(tu_value_get(scope, "unmanaged"), true);
    read_entries(r, tu_value_get(spec, "drift"), &rule);
    read_heal(r, tu_value_get(spec, "heal"), &rule);
    warn_without_effect(r, spec, &rule);
    rule.labels =
        read_labels(r, tu_value_path(spec, "alert", "labels", NULL), NULL, &rule.label_count);

    tu_config *c = r->config;
    tu_rule *grown = tu_reader_grow(r, c->rules, c->rule_count, sizeof rule);
    if (!grown)
        return;
    c->rules = grown;
    grown[c->rule_count++] = rule;
}

const char *tu_mode_name(tu_mode m) {
    static const char *const names[] = {"off", "audit", "heal"};
    return names[m];
}
