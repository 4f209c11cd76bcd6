/*
 * rules/miss.c: why an entry doesn't match, in words: the condition as it stands in the file, what
 * was met, and what was asked for.
 *
 * To add a condition: a row in `conditions`, or a case in tu_miss_print() where it is no list of
 * patterns.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "rules/decide.h"

#include <stdio.h>

static void add_wanted(tu_buf *out, tu_str wanted, size_t i, size_t n) {
    static const char *const between[] = {"", ", ", " or "};
    tu_buf_addf(out, "%s", between[i == 0 ? 0 : i + 1 < n ? 1 : 2]);
    tu_buf_addf(out, wanted.n ? "%.*s" : "\"\"", TU_P(wanted));
}

static void add_met(tu_buf *out, const char *condition, tu_str met, size_t wanted_n) {
    tu_buf_addf(out, "%s: ", condition);
    tu_buf_addf(out, met.n ? "%.*s" : "\"\"", TU_P(met));
    tu_buf_add_c(out, wanted_n == 1 ? " is not " : " is none of ");
}

static void add_words(tu_buf *out, const char *condition, tu_str met, const tu_words *wanted) {
    add_met(out, condition, met, wanted->n);
    for (size_t i = 0; i < wanted->n; i++)
        add_wanted(out, wanted->items[i].text, i, wanted->n);
}

static void add_bits(tu_buf *out, const char *condition, const char *met, uint32_t bits, int n,
                     const char *(*name)(int)) {
    size_t wanted = 0, at = 0;
    for (int i = 0; i < n; i++)
        wanted += bits >> i & 1;
    add_met(out, condition, tu_str_c(met), wanted);
    for (int i = 0; i < n; i++)
        if (bits >> i & 1)
            add_wanted(out, tu_str_c(name(i)), at++, wanted);
}

static const char *verdict_name(int v) {
    return tu_verdict_name((tu_verdict)v);
}

static const char *change_name(int c) {
    return tu_change_name((tu_change_kind)c);
}

static void add_paths(tu_buf *out, const tu_entry *e, tu_str path) {
    add_met(out, "paths", path, e->paths.n);
    for (size_t i = 0; i < e->paths.n; i++)
        add_wanted(out, e->paths.items[i].text, i, e->paths.n);
}

static void add_managers(tu_buf *out, const tu_entry *e, const tu_owner *owner) {
    _cleanup_(tu_buf_done) tu_buf met = TU_BUF_INIT(64 * 1024);
    size_t n = e->managers.n, at = 0;
    for (int c = 0; c < TU_MANAGER_COUNT; c++)
        n += e->manager_classes >> c & 1;
    if (owner->manager.n)
        tu_buf_addf(&met, "%.*s (%s)", TU_P(owner->manager), tu_manager_class_name(owner->class_));
    else
        tu_buf_add_c(&met, "nobody that is recorded");
    add_met(out, "managers", tu_buf_str(&met), n);
    for (size_t i = 0; i < e->managers.n; i++)
        add_wanted(out, e->managers.items[i].text, at++, n);
    for (int c = 0; c < TU_MANAGER_COUNT; c++) {
        char word[32];
        snprintf(word, sizeof word, "class:%s", tu_manager_class_name((tu_manager_class)c));
        if (e->manager_classes >> c & 1)
            add_wanted(out, tu_str_c(word), at++, n);
    }
}

static void add_labels(tu_buf *out, const tu_entry *e) {
    tu_buf_add_c(out, "labels: the object hasn't ");
    for (size_t i = 0; i < e->label_count; i++)
        tu_buf_addf(out, "%s%.*s=%.*s", i ? ", " : "", TU_P(e->labels[i].key),
                    TU_P(e->labels[i].value.text));
}

static void add_verdict(tu_buf *out, const tu_entry *e, tu_verdict met) {
    if (e->verdicts)
        add_bits(out, "verdicts", tu_verdict_name(met), e->verdicts, TU_VERDICT_COUNT,
                 verdict_name);
    else
        tu_buf_addf(out, "verdicts: %s is no drift, and the entry doesn't name it",
                    tu_verdict_name(met));
}

/* What is no drift by itself has to be asked for by name: decide.c, asks_for(). */
static void add_quiet(tu_buf *out, const tu_entry *e, const tu_change *c) {
    bool named = e->changes & 1u << c->kind;
    const char *missing = !named                      ? tu_change_name(c->kind)
                          : !tu_entry_has_managers(e) ? "whose they are"
                                                      : "which note they have";
    tu_buf_addf(out, "%s: the change is no drift by itself, and the entry doesn't say %s",
                !named                      ? "changes"
                : !tu_entry_has_managers(e) ? "managers"
                                            : "notes",
                missing);
}

static void add_expired(tu_buf *out, const tu_entry *e) {
    char text[32];
    tu_time_format(e->expires_ms, text);
    tu_buf_addf(out, "expires: it expired at %s", text);
}

void tu_miss_print(tu_buf *out, const tu_entry *e, tu_miss miss, const tu_finding *f,
                   const tu_change *c) {
    static const tu_change none = {0};
    if (!c)
        c = &none;
    const struct {
        const char *name;
        tu_str met;
        const tu_words *wanted;
    } words[] = {
        [TU_MISS_KIND] = {"kinds", f->id.kind, &e->kinds},
        [TU_MISS_GROUP] = {"groups", f->id.group, &e->groups},
        [TU_MISS_NAMESPACE] = {"namespaces", f->id.namespace_, &e->namespaces},
        [TU_MISS_NAME] = {"names", f->id.name, &e->names},
        [TU_MISS_REASON] = {"reasons", f->reason, &e->reasons},
        [TU_MISS_SUBRESOURCE] = {"subresources", c->owner.subresource, &e->subresources},
        [TU_MISS_NOTE] = {"notes", c->note, &e->notes},
    };
    switch (miss) {
    case TU_MISS_NONE:
        tu_buf_add_c(out, "it matches");
        return;
    case TU_MISS_EXPIRED:
        add_expired(out, e);
        return;
    case TU_MISS_VERDICT:
        add_verdict(out, e, f->change_count ? TU_VERDICT_DRIFTED : f->verdict);
        return;
    case TU_MISS_LABEL:
        add_labels(out, e);
        return;
    case TU_MISS_WINDOW:
        tu_buf_add_c(out, "within: none of its windows is open now");
        return;
    case TU_MISS_CHANGE:
        add_bits(out, "changes", tu_change_name(c->kind), e->changes, TU_CHANGE_COUNT, change_name);
        return;
    case TU_MISS_PATH:
        add_paths(out, e, c->path);
        return;
    case TU_MISS_MANAGER:
        add_managers(out, e, &c->owner);
        return;
    case TU_MISS_NO_CHANGE:
        tu_buf_add_c(out, "it is about changes, and there is none");
        return;
    case TU_MISS_QUIET:
        add_quiet(out, e, c);
        return;
    default:
        add_words(out, words[miss].name, words[miss].met, words[miss].wanted);
    }
}
