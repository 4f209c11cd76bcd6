/*
 * rules/cover.c: whether one entry takes all that another could match: then the other, standing
 * behind it, never gets its turn.
 *
 * Condition by condition: `wide` must ask for no more than `narrow` does. The answer is never wrongly
 * yes; several entries that only together take everything are not found.
 *
 * To add a condition: one line in tu_entry_covers().
 */
#include "compare/ownership.h"
#include "rules/lint.h"

static bool word_is_covered(const tu_words *wide, const tu_word *narrow) {
    for (size_t i = 0; i < wide->n; i++)
        if (tu_word_covers(&wide->items[i], narrow))
            return true;
    return false;
}

static bool words_cover(const tu_words *wide, const tu_words *narrow) {
    for (size_t i = 0; i < narrow->n; i++)
        if (wide->n && !word_is_covered(wide, &narrow->items[i]))
            return false;
    return wide->n == 0 || narrow->n > 0;
}

static bool labels_cover(const tu_entry *wide, const tu_entry *narrow) {
    for (size_t i = 0; i < wide->label_count; i++) {
        bool found = false;
        for (size_t k = 0; k < narrow->label_count && !found; k++)
            found = tu_str_eq(wide->labels[i].key, narrow->labels[k].key) &&
                    tu_word_covers(&wide->labels[i].value, &narrow->labels[k].value);
        if (!found)
            return false;
    }
    return true;
}

static uint32_t verdicts_of(const tu_entry *e) {
    uint32_t drift = 0;
    for (int v = 0; v < TU_VERDICT_COUNT; v++)
        drift |= tu_verdict_is_drift((tu_verdict)v) ? 1u << v : 0;
    if (e->verdicts)
        return e->verdicts;
    return tu_entry_is_about_changes(e) ? 1u << TU_VERDICT_DRIFTED | 1u << TU_VERDICT_UNMANAGED
                                        : drift;
}

static bool has_same_window(const tu_entry *e, const tu_window *w) {
    for (size_t i = 0; i < e->within_count; i++)
        if (tu_str_eq(e->within[i].cron, w->cron) &&
            tu_str_eq(e->within[i].time_zone, w->time_zone) &&
            e->within[i].duration_ms >= w->duration_ms)
            return true;
    return false;
}

static bool times_cover(const tu_entry *wide, const tu_entry *narrow) {
    if (wide->expires_ms && (!narrow->expires_ms || narrow->expires_ms > wide->expires_ms))
        return false;
    for (size_t i = 0; i < narrow->within_count; i++)
        if (wide->within_count && !has_same_window(wide, &narrow->within[i]))
            return false;
    return wide->within_count == 0 || narrow->within_count > 0;
}

static bool paths_cover(const tu_path_patterns *wide, const tu_path_patterns *narrow) {
    for (size_t i = 0; i < narrow->n; i++) {
        bool found = wide->n == 0;
        for (size_t k = 0; k < wide->n && !found; k++)
            found = tu_path_pattern_covers(&wide->items[k], &narrow->items[i]);
        if (!found)
            return false;
    }
    return wide->n == 0 || narrow->n > 0;
}

/* A manager's class follows from its name. */
static bool manager_is_covered(const tu_entry *wide, const tu_word *name) {
    if (word_is_covered(&wide->managers, name))
        return true;
    return name->form == TU_WORD_EXACT &&
           (wide->manager_classes &
            1u << tu_manager_classify(name->bare, (tu_str){0}, (tu_str){0}));
}

static bool managers_cover(const tu_entry *wide, const tu_entry *narrow) {
    if (!tu_entry_has_managers(wide))
        return true;
    if (!tu_entry_has_managers(narrow))
        return false;
    const tu_word any = tu_word_compile(TU_S("*"));
    if (word_is_covered(&wide->managers, &any))
        return true;
    for (size_t i = 0; i < narrow->managers.n; i++)
        if (!manager_is_covered(wide, &narrow->managers.items[i]))
            return false;
    return (narrow->manager_classes & ~wide->manager_classes) == 0;
}

/* Quiet changes are only for who asks for them (decide.c, asks_for): so must `wide`, where `narrow`
 * does. */
static bool changes_cover(const tu_entry *wide, const tu_entry *narrow) {
    if (!narrow->changes)
        return !wide->changes;
    if (narrow->changes & ~wide->changes)
        return false;
    bool additions = narrow->changes & 1u << TU_CHANGE_ADDED && tu_entry_has_managers(narrow);
    return (!additions || tu_entry_has_managers(wide)) && (!narrow->notes.n || wide->notes.n);
}

bool tu_entry_covers(const tu_entry *wide, const tu_entry *narrow) {
    if (tu_entry_is_about_changes(wide) && !tu_entry_is_about_changes(narrow))
        return false;
    return times_cover(wide, narrow) && !(verdicts_of(narrow) & ~verdicts_of(wide)) &&
           words_cover(&wide->groups, &narrow->groups) &&
           words_cover(&wide->kinds, &narrow->kinds) &&
           words_cover(&wide->namespaces, &narrow->namespaces) &&
           words_cover(&wide->names, &narrow->names) && labels_cover(wide, narrow) &&
           words_cover(&wide->reasons, &narrow->reasons) && changes_cover(wide, narrow) &&
           paths_cover(&wide->paths, &narrow->paths) && managers_cover(wide, narrow) &&
           words_cover(&wide->subresources, &narrow->subresources) &&
           words_cover(&wide->notes, &narrow->notes);
}
