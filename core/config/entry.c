/*
 * config/entry.c: the entries of spec.drift, of a Rule and of a Pack, and what entries are made of:
 * patterns, labels, windows, moments.
 *
 * Patterns are compiled here, once; rules/decide.c only asks them. What an entry can't mean is a
 * mistake with its place; what it can mean and hardly does is lint's business (rules/lint.c).
 *
 * To add a condition: the schema (schemas/entry.json), a member of tu_entry, a line in read_match(),
 * a tu_miss and a line in rules/decide.c, a row in rules/lint.c's table of conditions.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "config/read.h"
#include <stdio.h>

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

/* --- lists of words --------------------------------------------------------------------------- */

tu_strs tu_read_words(tu_reader *r, const tu_value *list, tu_word_check *check) {
    tu_strs words = {0};
    size_t n = tu_value_is(list, TU_LIST) ? tu_value_count(list) : 0;
    words.items = n ? tu_reader_alloc(r, n * sizeof *words.items) : NULL;
    for (size_t i = 0; words.items && i < n; i++) {
        const tu_value *item = tu_value_at(list, i);
        if (!tu_value_is(item, TU_STRING))
            continue;
        if (check)
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

/* Kind and group are two conditions; elsewhere people write them as one word. */
static void check_kind_glob(tu_reader *r, const tu_value *item) {
    tu_str s = item->string;
    const char *dot = s.n ? memchr(s.p, '.', s.n) : NULL;
    if (!dot) {
        check_word_glob(r, item);
        return;
    }
    int kind = (int)(dot - s.p);
    tu_error **e =
        tu_reader_error(r, item, "'%.*s' is no kind: its group is a condition of its own", TU_P(s));
    tu_error_hint(e, "write groups: [%.*s], kinds: [%.*s]", (int)s.n - kind - 1, dot + 1, kind,
                  s.p);
}

/* "/spec/containers[name=app]/image": the item is a step of its own. */
static bool lacks_slash(tu_str s, char *better, size_t room) {
    size_t n = 0;
    bool found = false;
    for (size_t i = 0; i < s.n && n + 2 < room; i++) {
        const char *close = s.p[i] == '[' ? memchr(s.p + i, ']', s.n - i) : NULL;
        bool item = close && memchr(s.p + i, '=', (size_t)(close - s.p) - i);
        if (item && i > 0 && s.p[i - 1] != '/' && s.p[i - 1] != '\\') {
            better[n++] = '/';
            found = true;
        }
        better[n++] = s.p[i];
    }
    better[n] = '\0';
    return found;
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
    char better[256];
    if (lacks_slash(s, better, sizeof better)) {
        tu_error **e = tu_reader_error(
            r, item, "in the path '%.*s' an item's '[' lacks a '/' before it", TU_P(s));
        tu_error_hint(e, "did you mean '%s'?", better);
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

tu_label_match *tu_read_labels(tu_reader *r, const tu_value *map, tu_word_check *check,
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

tu_window *tu_read_windows(tu_reader *r, const tu_value *list, size_t *ret_n) {
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

/* --- patterns --------------------------------------------------------------------------------- */

static tu_words read_patterns(tu_reader *r, const tu_value *list, tu_word_check *check) {
    const tu_strs texts = tu_read_words(r, list, check);
    tu_words words = {.items = texts.n ? tu_reader_alloc(r, texts.n * sizeof *words.items) : NULL};
    for (size_t i = 0; words.items && i < texts.n; i++)
        words.items[words.n++] = tu_word_compile(texts.items[i]);
    return words;
}

static tu_label_pattern *read_label_patterns(tu_reader *r, const tu_value *map, size_t *ret_n) {
    size_t n = 0;
    const tu_label_match *texts = tu_read_labels(r, map, check_glob, &n);
    tu_label_pattern *labels = n ? tu_reader_alloc(r, n * sizeof *labels) : NULL;
    for (size_t i = 0; labels && i < n; i++)
        labels[(*ret_n)++] = (tu_label_pattern){texts[i].key, tu_word_compile(texts[i].value)};
    return labels;
}

static void read_path(tu_reader *r, const tu_value *item, tu_path_patterns *paths) {
    tu_path_pattern *p = &paths->items[paths->n];
    const char *fault = tu_path_pattern_compile(r->arena, item->string, p, &r->out_of_memory);
    if (!fault)
        paths->n++;
    else if (item->string.n && item->string.p[0] == '/') /* the rest has been said by check_path */
        tu_reader_error(r, item, "the path '%.*s' %s", TU_P(item->string), fault);
}

static tu_path_patterns read_paths(tu_reader *r, const tu_value *list) {
    size_t n = tu_value_is(list, TU_LIST) ? tu_value_count(list) : 0;
    tu_path_patterns paths = {.items = n ? tu_reader_alloc(r, n * sizeof *paths.items) : NULL};
    for (size_t i = 0; paths.items && i < n; i++) {
        const tu_value *item = tu_value_at(list, i);
        if (!tu_value_is(item, TU_STRING))
            continue;
        check_path(r, item);
        read_path(r, item, &paths);
    }
    return paths;
}

/* Names and classes stand in one list and are asked apart. */
static void read_managers(tu_reader *r, const tu_value *list, tu_entry *e) {
    const tu_words all = read_patterns(r, list, check_manager);
    for (size_t i = 0; i < all.n; i++) {
        if (!tu_str_starts(all.items[i].text, "class:")) {
            all.items[e->managers.n++] = all.items[i];
            continue;
        }
        for (int c = 0; c < TU_MANAGER_COUNT; c++) {
            const tu_str text = all.items[i].text;
            if (tu_str_is((tu_str){text.p + 6, text.n - 6},
                          tu_manager_class_name((tu_manager_class)c)))
                e->manager_classes |= 1u << c;
        }
    }
    e->managers.items = all.items;
}

/* --- entries ---------------------------------------------------------------------------------- */

static void read_match(tu_reader *r, const tu_value *match, tu_entry *e) {
    e->groups = read_patterns(r, tu_value_get(match, "groups"), check_glob);
    e->kinds = read_patterns(r, tu_value_get(match, "kinds"), check_kind_glob);
    e->namespaces = read_patterns(r, tu_value_get(match, "namespaces"), check_glob);
    e->names = read_patterns(r, tu_value_get(match, "names"), check_word_glob);
    e->labels = read_label_patterns(r, tu_value_get(match, "labels"), &e->label_count);
    e->reasons = read_patterns(r, tu_value_get(match, "reasons"), check_word_glob);
    e->verdicts = read_verdicts(tu_value_get(match, "verdicts"));
    e->within = tu_read_windows(r, tu_value_get(match, "within"), &e->within_count);
    e->changes = read_changes(tu_value_get(match, "changes"));
    e->paths = read_paths(r, tu_value_get(match, "paths"));
    e->subresources = read_patterns(r, tu_value_get(match, "subresources"), check_glob);
    e->notes = read_patterns(r, tu_value_get(match, "notes"), check_word_glob);
    read_managers(r, tu_value_get(match, "managers"), e);
}

static void read_entry(tu_reader *r, const tu_value *v, tu_entry *e) {
    e->name = tu_value_get_string(v, "name");
    e->place = tu_reader_place(r, v);
    read_match(r, tu_value_get(v, "match"), e);
    tu_action_parse(tu_value_get_string(v, "action"), &e->action);
    if (e->action == TU_ACTION_APPROVE)
        tu_reader_warn(r, tu_reader_place(r, tu_value_get(v, "action")),
                       "approvals can't be given in this version: approve only alerts, and "
                       "`trueup heal` puts it right");
    e->has_severity = tu_severity_parse(tu_value_get_string(v, "severity"), &e->severity);
    e->reason = tu_value_get_string(v, "reason");
    e->expires_ms = read_moment(r, tu_value_get(v, "expires"));
    if (e->verdicts == 1u << TU_VERDICT_UNMANAGED && e->action == TU_ACTION_HEAL)
        tu_reader_warn(r, e->place,
                       "unmanaged objects are told, not removed, in this version: heal only alerts "
                       "here");
}

tu_entry *tu_read_entries(tu_reader *r, const tu_value *list, size_t *ret_n) {
    size_t n = tu_value_is(list, TU_LIST) ? tu_value_count(list) : 0;
    tu_entry *entries = n ? tu_reader_alloc(r, n * sizeof *entries) : NULL;
    tu_map names = {0};
    for (size_t i = 0; entries && i < n; i++) {
        const tu_value *v = tu_value_at(list, i);
        tu_entry *e = &entries[(*ret_n)++];
        read_entry(r, v, e);
        const tu_entry *first = e->name.n ? tu_map_put(&names, e->name, e) : NULL;
        if (first)
            tu_reader_error(r, tu_value_get(v, "name"),
                            "two entries are called '%.*s'; the other is at %s:%u:%u",
                            TU_P(e->name), first->place.file, first->place.line,
                            first->place.column);
    }
    tu_map_done(&names, NULL);
    return entries;
}

bool tu_entry_has_managers(const tu_entry *e) {
    return e->managers.n || e->manager_classes;
}

void tu_rule_settle(tu_rule *rule) {
    rule->asked_changes = 0;
    for (size_t i = 0; i < rule->entry_count; i++)
        rule->asked_changes |= rule->entries[i].changes;
}

bool tu_entry_is_about_changes(const tu_entry *e) {
    return e->changes || e->paths.n || e->subresources.n || e->notes.n || tu_entry_has_managers(e);
}
