/*
 * desired/guess.c: which kinds and namespaces a tree of plain manifests speaks of, told from its
 * lines alone, before anything is parsed. So a listing of the target can begin while the manifests
 * are read.
 *
 *     apiVersion: apps/v1        at the line's beginning
 *     kind: Deployment
 *     metadata:
 *       namespace: shop          directly below metadata
 *
 * It is a guess, so nothing may rest on it: whoever uses it compares what came of it with what the
 * real set says. Where a guess would probably be wrong (JSON, lists, kustomizations, charts), none
 * is made.
 */
#include "desired/set.h"
#include "desired/tree.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

typedef struct guesser {
    const tu_desired_input *in;
    tu_desired_set *set;
    tu_map seen;                  /* "apiVersion kind namespace" that were put already */
    tu_str api, kind, namespace_; /* of the document that is being read */
    size_t indent;                /* of what stands directly below metadata; 0: not met yet */
    bool in_metadata, hopeless;
} guesser;

/* The plain or quoted scalar behind a key's ':'; empty when it isn't as simple as that. */
static tu_str simple_scalar(tu_str line, size_t at) {
    const char *p = line.p + at, *end = line.p + line.n;
    while (p < end && *p == ' ')
        p++;
    char quote = p < end && (*p == '"' || *p == '\'') ? *p++ : 0;
    const char *begin = p;
    while (p < end && *p != ' ' && *p != '\r' && *p != (quote ? quote : ' '))
        p++;
    return (tu_str){begin, (size_t)(p - begin)};
}

static void put(guesser *g) {
    const char *slash = g->api.n ? memchr(g->api.p, '/', g->api.n) : NULL;
    tu_object_id id = {.version = g->api, .kind = g->kind, .namespace_ = g->namespace_};
    if (slash) {
        id.group = (tu_str){g->api.p, (size_t)(slash - g->api.p)};
        id.version = (tu_str){slash + 1, g->api.n - id.group.n - 1};
    }
    const tu_catalogue_kind *k =
        tu_catalogue_find(g->in->catalogue, id.group, id.version, id.kind, NULL);
    if (!k)
        return;
    if (!k->any && !k->namespaced)
        id.namespace_ = (tu_str){0};
    else if (!k->any && !id.namespace_.n)
        id.namespace_ = tu_catalogue_default_namespace(g->in->catalogue);
    if (!id.namespace_.n && k->namespaced)
        id.namespace_ = TU_S("default");
    const tu_call_options call = {.cancel = g->in->cancel, .timeout_ms = TU_DESIRED_TIMEOUT_MS};
    const tu_value nothing = {.type = TU_MAP};
    tu_prepared p = {.id = id, .object = &nothing};
    if (tu_catalogue_describe(g->in->catalogue, k, &call, &p.kind, NULL) == TU_OK)
        g->hopeless |= tu_desired_put(g->set, &p, NULL) != TU_OK;
}

static void end_document(guesser *g) {
    char text[1024];
    if (g->api.n && g->kind.n) {
        int n = snprintf(text, sizeof text, "%.*s %.*s %.*s", TU_P(g->api), TU_P(g->kind),
                         TU_P(g->namespace_));
        const tu_str key = {text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1};
        if (!tu_map_has(&g->seen, key)) {
            tu_map_put(&g->seen, key, g);
            g->hopeless |= tu_str_ends(g->kind, "List");
            put(g);
        }
    }
    g->api = g->kind = g->namespace_ = (tu_str){0};
    g->in_metadata = false;
}

static void below_metadata(guesser *g, tu_str line) {
    size_t indent = 0;
    while (indent < line.n && line.p[indent] == ' ')
        indent++;
    g->indent = g->indent ? g->indent : indent;
    const tu_str rest = {line.p + indent, line.n - indent};
    if (indent == g->indent && tu_str_starts(rest, "namespace:"))
        g->namespace_ = simple_scalar(rest, 10);
}

static void take_line(guesser *g, tu_str line) {
    if (line.n == 0 || line.p[0] == '#')
        return;
    if (line.p[0] == ' ') {
        if (g->in_metadata)
            below_metadata(g, line);
        return;
    }
    g->in_metadata = false;
    if (tu_str_starts(line, "---")) {
        end_document(g);
        g->hopeless |= line.n > 4 && (line.p[4] == '{' || line.p[4] == '[');
    } else if (tu_str_starts(line, "apiVersion:")) {
        g->api = simple_scalar(line, 11);
    } else if (tu_str_starts(line, "kind:")) {
        g->kind = simple_scalar(line, 5);
    } else if (tu_str_starts(line, "metadata:")) {
        g->in_metadata = true;
        g->indent = 0;
        g->hopeless |= simple_scalar(line, 9).n > 0 && simple_scalar(line, 9).p[0] != '#';
    } else if (line.p[0] == '{' || line.p[0] == '[') {
        g->hopeless = true;
    }
}

static void take_file(guesser *g, tu_str text) {
    const char *p = text.p, *end = text.p + text.n;
    while (p < end && !g->hopeless) {
        const char *newline = memchr(p, '\n', (size_t)(end - p)), *stop = newline ? newline : end;
        take_line(g, (tu_str){p, (size_t)(stop - p)});
        p = newline ? newline + 1 : end;
    }
    end_document(g);
}

/* What the plain renderer leaves alone; hopeless where it would refuse a folder. */
static bool is_skipped(guesser *g, tu_str path) {
    const char *slash = memrchr(path.p, '/', path.n);
    const tu_str name = slash ? (tu_str){slash + 1, path.n - (size_t)(slash + 1 - path.p)} : path;
    g->hopeless |= tu_str_starts(name, "kustomization.y") || tu_str_is(name, "Kustomization") ||
                   tu_str_is(name, "Chart.yaml") || tu_str_ends(name, ".json");
    return tu_str_starts(path, ".") || memmem(path.p, path.n, "/.", 2) ||
           !(tu_str_ends(name, ".yaml") || tu_str_ends(name, ".yml"));
}

tu_desired_set *tu_desired_guess(const tu_desired_input *in, const tu_tree *tree) {
    guesser g = {.in = in, .set = tu_desired_new(in->catalogue)};
    for (size_t i = 0; i < tree->n && !g.hopeless; i++)
        if (!is_skipped(&g, tree->files[i].path))
            take_file(&g, tree->files[i].bytes);
    tu_map_done(&g.seen, NULL);
    if (g.hopeless || g.set->n == 0) {
        tu_desired_unref(g.set);
        return NULL;
    }
    tu_desired_sort(g.set);
    tu_desired_index(g.set);
    return g.set;
}
