/*
 * rules/lint.c: looks at every entry by itself, and at each beside those before it.
 *
 *     code                level     says
 *     shadowed            warning   an entry before it takes all that it could match (a note where a
 *                                   rule's own entry does so to a pack's: that is what they are for)
 *     never-matches       error     its conditions contradict each other, or its paths don't exist
 *     unknown-kind        warning   a group that is known has no such kind
 *     unknown-word        warning   a reason or note that nothing ever says
 *     expired             warning   it doesn't match any more
 *     expires-soon        note
 *     ignores-everything  error     an ignore without any condition about objects or changes
 *     too-wide            warning   an ignore that takes more than it probably means
 *     no-reason           warning   an ignore that doesn't say why
 *     no-effect           warning   a severity on what is ignored
 *     duplicate-name      warning   two entries of a rule that reports can't tell apart
 *     unused-pack         note      no rule and no test uses it
 *
 * Installed packs are not looked at by themselves: their users can't change them.
 */
#include "rules/lint.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *tu_lint_level_name(tu_lint_level l) {
    static const char *const names[] = {"note", "warning", "error"};
    return names[l];
}

void tu_lint_add(tu_lint_result *r, tu_lint_level level, const char *code, const tu_entry *e,
                 const char *hint, const char *format, ...) {
    char room[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(room, sizeof room, format, arguments);
    va_end(arguments);
    if (r->n == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 16;
        tu_lint_finding *grown = tu_arena_alloc(r->arena, capacity * sizeof *grown);
        if (!grown) {
            r->out_of_memory = true;
            return;
        }
        if (r->n)
            memcpy(grown, r->items, r->n * sizeof *grown);
        r->items = grown;
        r->capacity = capacity;
    }
    tu_lint_finding *f = &r->items[r->n];
    *f = (tu_lint_finding){.level = level, .code = code};
    f->text = tu_arena_copy(r->arena, tu_str_c(room));
    f->hint = hint ? tu_arena_copy(r->arena, tu_str_c(hint)) : (tu_str){0};
    r->out_of_memory |= !f->text.p || (hint && !f->hint.p);
    if (e) {
        f->place = e->place;
        f->entry = e->name;
    }
    r->n += !r->out_of_memory;
}

/* --- what can't match -------------------------------------------------------------------------- */

static void look_for_contradictions(const tu_entry *e, tu_lint_result *r) {
    /* what stands in no manifest is one change: the whole was added */
    const uint32_t changed = 1u << TU_VERDICT_DRIFTED | 1u << TU_VERDICT_UNMANAGED;
    const uint32_t delegated = 1u << TU_VERDICT_DELEGATED;
    if (e->verdicts && tu_entry_is_about_changes(e) && !(e->verdicts & changed))
        tu_lint_add(r, TU_LINT_ERROR, "never-matches", e,
                    "leave out paths, changes, managers, subresources and notes, or the verdicts",
                    "it is about changes, and none of its verdicts has any");
    else if (e->verdicts == delegated)
        tu_lint_add(r, TU_LINT_ERROR, "never-matches", e, NULL,
                    "delegated is what becomes of an object whose changes are ignored by manager, "
                    "so no object comes here as delegated");
}

/* What the judge and the targets say (compare/judge.h, engine). Others may come from plugins, so a
 * word that isn't here is only told when it is near one that is. */
static const char *const reasons[] = {
    "many-changes",
    "replaced",
    "foreign",
    "immutable",
    "duplicate",
    "order",
    "ownership",
    "removal-pending",
    "admission-rewritten",
    "ownership-unreadable",
    "no-ownership",
    "terminating",
    "completed",
    "denied",
    "policy",
    "quota",
    "union",
    "api-removed",
    "schema-migration",
    "webhook-no-dry-run",
    "webhook-down",
    "too-large",
    "unreadable",
    "unknown-kind",
};
static const char *const notes[] = {
    "representation",
    "immutable",
    "unowned",
    "default",
    "stale-default",
    "allocated",
    "ancient-changes",
    "cosmetic",
    "kept-by",
    "admission",
    "admission-rewritten",
    "before-first-apply",
    "removal-pending",
    "overrides-default",
};

static void look_for_words(const tu_entry *e, const char *what, const tu_words *words,
                           const char *const *known, size_t n, tu_lint_result *r) {
    for (size_t i = 0; i < words->n; i++) {
        bool met = false;
        for (size_t k = 0; k < n && !met; k++)
            met = tu_word_match(&words->items[i], tu_str_c(known[k]));
        const char *near = met ? NULL : tu_suggest(words->items[i].text, known, n);
        char hint[128];
        snprintf(hint, sizeof hint, "did you mean '%s'?", near ? near : "");
        if (near)
            tu_lint_add(r, TU_LINT_WARNING, "unknown-word", e, hint, "no %s begins with '%.*s'",
                        what, TU_P(words->items[i].text));
    }
}

/* --- kinds ------------------------------------------------------------------------------------- */

/* Is the group one whose kinds are all known? */
static bool knows_group(const tu_lint_options *o, const tu_words *groups) {
    for (size_t g = 0; g < groups->n; g++) {
        bool known = false;
        for (size_t i = 0; i < o->kind_count && !known; i++)
            known = tu_str_eq(o->kinds[i].group, groups->items[g].text);
        if (!known)
            return false;
    }
    return groups->n > 0;
}

static void look_for_unknown_kind(const tu_entry *e, const tu_word *kind, const tu_lint_options *o,
                                  tu_lint_result *r) {
    const char **names = tu_xmalloc((o->kind_count + 1) * sizeof *names);
    size_t n = 0;
    bool met = false;
    for (size_t i = 0; i < o->kind_count && !met; i++) {
        if (!tu_words_match(&e->groups, o->kinds[i].group))
            continue;
        met = tu_word_match(kind, o->kinds[i].kind);
        names[n++] = strndup(o->kinds[i].kind.p, o->kinds[i].kind.n);
    }
    const char *near = tu_suggest(kind->text, names, n);
    char hint[128];
    snprintf(hint, sizeof hint, "did you mean '%s'?", near ? near : "");
    if (!met && (near || knows_group(o, &e->groups)))
        tu_lint_add(r, TU_LINT_WARNING, "unknown-kind", e, near ? hint : NULL,
                    "no kind that is known is '%.*s'%s", TU_P(kind->text),
                    e->groups.n ? " in its groups" : "");
    for (size_t i = 0; i < n; i++)
        free((void *)(uintptr_t)names[i]);
    free(names);
}

/* The descriptions of everything that the entry can match; 0 when one of them isn't known. */
static size_t find_descriptions(const tu_entry *e, const tu_lint_options *o, tu_kind **ret) {
    size_t n = 0;
    if (!e->kinds.n)
        return 0;
    for (size_t w = 0; w < e->kinds.n; w++) {
        const tu_word *word = &e->kinds.items[w];
        bool found = false;
        if (word->form != TU_WORD_EXACT)
            return 0;
        for (size_t i = 0; i < o->kind_count; i++) {
            if (!tu_str_eq(o->kinds[i].kind, word->bare) ||
                !tu_words_match(&e->groups, o->kinds[i].group))
                continue;
            if (!o->kinds[i].description)
                return 0;
            found = true;
            ret[n++] = o->kinds[i].description;
        }
        if (!found)
            return 0;
    }
    return n;
}

static void look_for_paths(const tu_entry *e, const tu_lint_options *o, tu_lint_result *r) {
    tu_kind **kinds = tu_xcalloc((o->kind_count + 1) * (e->kinds.n + 1), sizeof(tu_kind *));
    size_t n = find_descriptions(e, o, kinds);
    for (size_t i = 0; n && i < e->paths.n; i++) {
        tu_str why = {0};
        bool reached = false;
        for (size_t k = 0; k < n && !reached; k++)
            reached = tu_path_reaches(r->arena, kinds[k], &e->paths.items[i], &why);
        if (!reached)
            tu_lint_add(r, TU_LINT_ERROR, "never-matches", e, NULL, "its path %.*s: %.*s",
                        TU_P(e->paths.items[i].text), TU_P(why));
    }
    free(kinds);
}

/* --- what ignores too much ----------------------------------------------------------------------- */

static bool names_objects(const tu_entry *e) {
    return e->groups.n || e->kinds.n || e->namespaces.n || e->names.n || e->label_count ||
           e->reasons.n;
}

/* "/spec", "/metadata/labels", "/ **": so short that it takes most of an object. */
static bool is_short(const tu_path_pattern *p) {
    static const char *const whole[] = {"",
                                        "/*",
                                        "/**",
                                        "/spec",
                                        "/spec/**",
                                        "/spec/*",
                                        "/metadata",
                                        "/metadata/*",
                                        "/metadata/**",
                                        "/metadata/annotations",
                                        "/metadata/annotations/*",
                                        "/metadata/labels",
                                        "/metadata/labels/*"};
    for (size_t i = 0; i < COUNT(whole); i++)
        if (tu_str_is(p->text, whole[i]))
            return true;
    return false;
}

static void look_for_width(const tu_entry *e, tu_lint_result *r) {
    bool managers = tu_entry_has_managers(e) || e->subresources.n || e->notes.n;
    bool whose =
        managers && !(e->manager_classes & (1u << TU_MANAGER_HUMAN | 1u << TU_MANAGER_UNKNOWN));
    if (!names_objects(e) && !e->paths.n && !managers) {
        bool some = e->verdicts || e->changes;
        tu_lint_add(r, some ? TU_LINT_WARNING : TU_LINT_ERROR,
                    some ? "too-wide" : "ignores-everything", e,
                    "name kinds, names, paths or managers", "it ignores %s of every object",
                    some ? "a sort of drift" : "whatever is found");
        return;
    }
    for (size_t i = 0; i < e->paths.n; i++) {
        tu_str path = e->paths.items[i].text.n ? e->paths.items[i].text : TU_S("/");
        if (is_short(&e->paths.items[i]) && !whose && !e->names.n && !e->label_count)
            tu_lint_add(r, TU_LINT_WARNING, "too-wide", e,
                        "name the fields, or the managers that may change them",
                        "it ignores all of %.*s, whoever changes it", TU_P(path));
    }
    if (!e->paths.n && !whose && managers)
        tu_lint_add(r, TU_LINT_WARNING, "too-wide", e, "name the paths",
                    "it ignores whatever people and unknown programs change%s",
                    names_objects(e) ? " there" : "");
}

/* --- one entry ----------------------------------------------------------------------------------- */

static void look_for_expiry(const tu_entry *e, const tu_lint_options *o, tu_lint_result *r) {
    char text[32];
    if (!e->expires_ms)
        return;
    tu_time_format(e->expires_ms, text);
    if (e->expires_ms <= o->wall_ms)
        tu_lint_add(r, TU_LINT_WARNING, "expired", e, "take it out, or give it more time",
                    "it expired at %s and doesn't match any more", text);
    else if (e->expires_ms - o->wall_ms <= o->soon_ms)
        tu_lint_add(r, TU_LINT_NOTE, "expires-soon", e, NULL, "it expires at %s", text);
}

static void look_at_entry(const tu_entry *e, const tu_lint_options *o, tu_lint_result *r) {
    look_for_contradictions(e, r);
    look_for_words(e, "reason", &e->reasons, reasons, COUNT(reasons), r);
    look_for_words(e, "note", &e->notes, notes, COUNT(notes), r);
    for (size_t i = 0; i < e->kinds.n && o->kind_count; i++)
        look_for_unknown_kind(e, &e->kinds.items[i], o, r);
    look_for_paths(e, o, r);
    look_for_expiry(e, o, r);
    if (e->action != TU_ACTION_IGNORE)
        return;
    look_for_width(e, r);
    if (!e->reason.n)
        tu_lint_add(r, TU_LINT_WARNING, "no-reason", e, "write `reason: ...`",
                    "it ignores and doesn't say why");
    if (e->has_severity)
        tu_lint_add(r, TU_LINT_WARNING, "no-effect", e, NULL,
                    "a severity has no effect on what is ignored");
}

/* --- entries beside each other ------------------------------------------------------------------- */

static const char *of_pack(const tu_entry *e, char *room, size_t n) {
    snprintf(room, n, "%s%.*s", e->pack.n ? " of pack " : "", TU_P(e->pack));
    return room;
}

static void tell_shadow(const tu_entry *wide, const tu_entry *e, tu_lint_result *r) {
    char room[300];
    /* an own entry before a pack's is how a pack is corrected; two packs may say the same */
    bool own = tu_str_eq(wide->pack, e->pack);
    tu_lint_add(r, own ? TU_LINT_WARNING : TU_LINT_NOTE, "shadowed", e,
                own ? "put it before the other, or take it out" : NULL,
                "it never gets its turn: '%.*s'%s (%s:%u) takes all that it could match",
                TU_P(wide->name), of_pack(wide, room, sizeof room), wide->place.file,
                wide->place.line);
}

/* both_of: entries of one pack are compared where the pack itself is looked at. */
static void look_beside(const tu_entry *entries, size_t n, bool packs_apart,
                        const tu_lint_options *o, tu_lint_result *r) {
    char room[300];
    for (size_t i = 0; i < n; i++) {
        const tu_entry *e = &entries[i];
        bool told = e->expires_ms && e->expires_ms <= o->wall_ms;
        for (size_t k = 0; k < i; k++) {
            const tu_entry *before = &entries[k];
            if (packs_apart && e->pack.n && tu_str_eq(e->pack, before->pack))
                continue;
            if (tu_str_eq(before->name, e->name))
                tu_lint_add(r, TU_LINT_WARNING, "duplicate-name", e, "give one another name",
                            "'%.*s'%s (%s:%u) has the same name, so reports can't tell them apart",
                            TU_P(before->name), of_pack(before, room, sizeof room),
                            before->place.file, before->place.line);
            bool past = before->expires_ms && before->expires_ms <= o->wall_ms;
            if (!told && !past && tu_entry_covers(before, e)) {
                tell_shadow(before, e, r);
                told = true;
            }
        }
    }
}

static bool is_used(const tu_config *c, tu_str pack) {
    for (size_t i = 0; i < c->rule_count; i++)
        for (size_t k = 0; k < c->rules[i].use.n; k++)
            if (tu_str_eq(c->rules[i].use.items[k], pack))
                return true;
    for (size_t i = 0; i < c->test_count; i++) {
        const tu_value *use = tu_value_get(c->tests[i].spec, "use");
        for (size_t k = 0; k < tu_value_count(use); k++)
            if (tu_str_eq(tu_value_string(tu_value_at(use, k)), pack))
                return true;
    }
    return false;
}

tu_rc tu_lint(const tu_config *c, const tu_lint_options *o, tu_lint_result *ret, tu_error **error) {
    for (size_t i = 0; i < c->pack_count; i++) {
        const tu_pack *p = &c->packs[i];
        if (p->installed)
            continue;
        for (size_t k = 0; k < p->entry_count; k++)
            look_at_entry(&p->entries[k], o, ret);
        look_beside(p->entries, p->entry_count, false, o, ret);
        if (!is_used(c, p->name)) {
            const tu_entry at = {.name = (tu_str){0}, .place = p->place};
            tu_lint_add(ret, TU_LINT_NOTE, "unused-pack", &at, NULL,
                        "no rule and no test uses the pack '%.*s'", TU_P(p->name));
        }
    }
    for (size_t i = 0; i < c->rule_count; i++) {
        const tu_rule *rule = &c->rules[i];
        for (size_t k = 0; k < rule->own_entry_count; k++)
            look_at_entry(&rule->entries[k], o, ret);
        look_beside(rule->entries, rule->entry_count, true, o, ret);
    }
    return ret->out_of_memory ? tu_error_memory(error) : TU_OK;
}
