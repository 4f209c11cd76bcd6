/*
 * config/check.c: what only shows when every document has been read: names that nothing has, who is
 * told, what nothing uses.
 *
 * A document that couldn't be parsed may hold the name that is missing, so then only misspelled
 * names are reported: one mistake gives one error.
 */
#include "base/limits.h"
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

/* The names of a kind, in the order of the documents; free() the list. */
static const char **names_of(const tu_reader *r, const char *kind, size_t *ret_n) {
    size_t prefix = strlen(kind) + 1, n = 0;
    const char **names = tu_xmalloc((r->places.n + 1) * sizeof *names);
    for (size_t i = 0; i < r->places.n; i++) {
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
    _cleanup_(tu_freep) const char **names = names_of(r, reference->kind, &n);
    const char *near = tu_suggest(reference->name, names, n);
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
    if (c->notifier_count == 1)
        return; /* tu_make_root_route() takes it */
    if (r->document_lost)
        return;
    tu_error **e = tu_reader_error_at(
        r, c->notifiers[1].place, "there are %zu notifiers and no Routing that says which is told",
        c->notifier_count);
    tu_error_hint(
        e, "add the document {apiVersion: trueup.dev/v1, kind: Routing, spec: {receiver: %.*s}}",
        TU_P(c->notifiers[0].name));
}

static void warn_unused(tu_reader *r, const tu_map *used, const char *kind, const tu_use *uses,
                        size_t n) {
    for (size_t i = 0; i < n; i++) {
        char key[512];
        if (key_of(key, sizeof key, kind, uses[i].name) && !tu_map_has(used, tu_str_c(key)))
            tu_reader_warn(r, uses[i].place, "no Rule uses the %s '%.*s'", kind,
                           TU_P(uses[i].name));
    }
}

void tu_check_references(tu_reader *r) {
    tu_map used = {0};
    for (size_t i = 0; i < r->reference_count; i++) {
        const tu_reference *reference = &r->references[i];
        char key[512];
        if (key_of(key, sizeof key, reference->kind, reference->name))
            tu_map_put(&used, tu_str_c(key), r);
        if (r->errors->n <= TU_LIMIT_CONFIG_ERRORS) /* more would not be shown */
            check_reference(r, reference);
    }
    choose_receiver(r);
    tu_make_root_route(r);
    tu_check_routing(r);
    warn_unused(r, &used, "Source", r->config->sources, r->config->source_count);
    warn_unused(r, &used, "Target", r->config->targets, r->config->target_count);
    tu_map_done(&used, NULL);
}
