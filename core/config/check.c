/*
 * config/check.c: what only shows when every document has been read: names that nothing has, who is
 * told, what nothing uses.
 *
 * A document that couldn't be parsed may hold the name that is missing, so then only misspelled
 * names are reported: one mistake gives one error.
 */
#include "base/mem.h"
#include "config/read.h"
#include <stdio.h>

static bool key_of(char *out, size_t room, const char *kind, tu_str name) {
    return snprintf(out, room, "%s/%.*s", kind, TU_P(name)) < (int)room;
}

static bool is_defined(const tu_reader *r, const char *kind, tu_str name) {
    char key[512];
    return key_of(key, sizeof key, kind, name) && tu_map_has(&r->places, tu_str_c(key));
}

/* The names of a kind, in the order of the documents, NUL-terminated; in the arena. */
static const char **names_of(tu_reader *r, const char *kind, size_t *ret_n) {
    size_t prefix = strlen(kind) + 1, n = 0;
    const char **names = tu_reader_alloc(r, (r->places.n + 1) * sizeof *names);
    for (size_t i = 0; names && i < r->places.n; i++) {
        tu_str key = r->places.entries[i].key;
        if (tu_str_starts(key, kind) && key.p[prefix - 1] == '/')
            names[n++] = key.p + prefix;
    }
    *ret_n = n;
    return names;
}

static void check_reference(tu_reader *r, const tu_reference *reference) {
    if (is_defined(r, reference->kind, reference->name))
        return;
    size_t n;
    const char **names = names_of(r, reference->kind, &n);
    const char *near = names ? tu_suggest(reference->name, names, n) : NULL;
    if (!near && r->document_lost)
        return;
    tu_error **e = tu_reader_error_at(r, reference->place, "%s: there is no %s '%.*s'",
                                      reference->key, reference->kind, TU_P(reference->name));
    if (near)
        tu_error_hint(e, "did you mean '%s'?", near);
    else if (n == 1)
        tu_error_hint(e, "there is only '%s'", names[0]);
    else if (n == 0)
        tu_error_hint(e, "write a document of kind %s with that name", reference->kind);
}

/* The only Notifier is told; of several, a Routing has to say which. */
static void choose_receiver(tu_reader *r) {
    tu_config *c = r->config;
    if (r->has_routing || c->notifier_count == 0)
        return;
    if (c->notifier_count == 1) {
        c->routing = (tu_routing){c->notifiers[0].name, c->notifiers[0].place};
        return;
    }
    if (r->document_lost)
        return;
    tu_error **e = tu_reader_error_at(
        r, c->notifiers[1].place, "there are %zu notifiers and no Routing that says which is told",
        c->notifier_count);
    tu_error_hint(
        e, "add the document {apiVersion: trueup.dev/v1, kind: Routing, spec: {receiver: %.*s}}",
        TU_P(c->notifiers[0].name));
}

static bool is_referred_to(const tu_reader *r, const char *kind, tu_str name) {
    for (size_t i = 0; i < r->reference_count; i++) {
        if (strcmp(r->references[i].kind, kind) == 0 && tu_str_eq(r->references[i].name, name))
            return true;
    }
    return false;
}

static void warn_unused(tu_reader *r, const char *kind, const tu_use *uses, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!is_referred_to(r, kind, uses[i].name))
            tu_reader_warn(r, uses[i].place, "no Rule uses the %s '%.*s'", kind,
                           TU_P(uses[i].name));
    }
}

void tu_check_references(tu_reader *r) {
    for (size_t i = 0; i < r->reference_count; i++)
        check_reference(r, &r->references[i]);
    choose_receiver(r);
    warn_unused(r, "Source", r->config->sources, r->config->source_count);
    warn_unused(r, "Target", r->config->targets, r->config->target_count);
}
