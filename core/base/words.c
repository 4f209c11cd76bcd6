/* base/words.c: each set has one table of names, in the enum's order; printing and parsing both
 * read it. */
#include "base/words.h"

#include "base/str.h"

static const char *const verdict_names[] = {"in-sync",   "drifted",     "missing",
                                            "unmanaged", "blocked",     "invalid",
                                            "unknown",   "terminating", "delegated"};
_Static_assert(sizeof verdict_names / sizeof *verdict_names == TU_VERDICT_COUNT,
               "a name for every verdict");
static const char *const change_names[] = {"value", "removed",   "added",
                                           "order", "duplicate", "ownership"};
_Static_assert(sizeof change_names / sizeof *change_names == TU_CHANGE_COUNT,
               "a name for every kind of change");
static const char *const confidence_names[] = {"", "observed", "proved", "confirmed"};
static const char *const manager_class_names[] = {"unknown", "human", "controller",
                                                  "gitops",  "ours",  "legacy"};
static const char *const action_names[] = {"ignore", "alert", "approve", "heal"};
static const char *const severity_names[] = {"info", "warning", "critical"};

#define COUNT(names) (sizeof(names) / sizeof *(names))
#define NAME_OF(names, i) ((size_t)(i) < COUNT(names) ? (names)[i] : "")

static bool find_name(const char *const *names, size_t n, tu_str s, size_t *ret) {
    for (size_t i = 0; i < n; i++)
        if (tu_str_is(s, names[i])) {
            *ret = i;
            return true;
        }
    return false;
}

const char *tu_verdict_name(tu_verdict v) {
    return NAME_OF(verdict_names, v);
}
const char *tu_confidence_name(tu_confidence c) {
    return NAME_OF(confidence_names, c);
}
const char *tu_change_name(tu_change_kind k) {
    return NAME_OF(change_names, k);
}
const char *tu_manager_class_name(tu_manager_class c) {
    return NAME_OF(manager_class_names, c);
}
const char *tu_action_name(tu_action a) {
    return NAME_OF(action_names, a);
}
const char *tu_severity_name(tu_severity s) {
    return NAME_OF(severity_names, s);
}

bool tu_verdict_parse(tu_str s, tu_verdict *ret) {
    size_t i;
    bool found = find_name(verdict_names, COUNT(verdict_names), s, &i);
    if (found)
        *ret = (tu_verdict)i;
    return found;
}

bool tu_change_parse(tu_str s, tu_change_kind *ret) {
    size_t i;
    bool found = find_name(change_names, COUNT(change_names), s, &i);
    if (found)
        *ret = (tu_change_kind)i;
    return found;
}

bool tu_action_parse(tu_str s, tu_action *ret) {
    size_t i;
    bool found = find_name(action_names, COUNT(action_names), s, &i);
    if (found)
        *ret = (tu_action)i;
    return found;
}

bool tu_severity_parse(tu_str s, tu_severity *ret) {
    size_t i;
    bool found = find_name(severity_names, COUNT(severity_names), s, &i);
    if (found)
        *ret = (tu_severity)i;
    return found;
}

bool tu_verdict_is_drift(tu_verdict v) {
    switch (v) {
    case TU_VERDICT_DRIFTED:
    case TU_VERDICT_MISSING:
    case TU_VERDICT_UNMANAGED:
    case TU_VERDICT_BLOCKED:
    case TU_VERDICT_INVALID:
        return true;
    default:
        return false;
    }
}
