/*
 * render-plain: a tree whose YAML and JSON files are manifests already.
 *
 * *.yaml, *.yml and *.json go to the core as they are; it splits, parses and decides by content
 * what is a manifest (values.yaml, docker-compose.yml or package.json have no apiVersion and kind,
 * so they are no objects). Other files, and everything in files and folders whose name begins with
 * a dot (.github, .gitlab-ci.yml), are skipped and counted.
 *
 * A folder that holds a kustomization or a chart is input for another renderer: read raw, its
 * patches and templates would become wrong objects. So it is refused as a whole, with everything
 * below it, as one problem; the other folders go on.
 *
 * To add a format that needs a renderer: one row in `markers`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/call.h"
#include "common/yaml_json.h"

struct tu_instance {
    const tu_host *host;
};

static const struct {
    const char *file, *renderer;
} markers[] = {
    {"kustomization.yaml", "kustomize"},
    {"kustomization.yml", "kustomize"},
    {"Kustomization", "kustomize"},
    {"Chart.yaml", "helm"},
};

typedef struct paths {
    char **items;
    size_t n, capacity;
} paths;

static void paths_done(paths *list) {
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i]);
    free(list->items);
}

static int32_t add_path(void *arg, tu_str path, uint64_t bytes) {
    (void)bytes;
    paths *list = arg;
    if (list->n == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        char **grown = realloc(list->items, capacity * sizeof *grown);
        if (!grown)
            return 1;
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->n] = strndup(path.p, path.n);
    return list->items[list->n] ? (list->n++, 0) : 1;
}

static tu_rc read_paths(tu_instance *i, tu_call *c, paths *list) {
    if (i->host->tree_files(c, add_path, list) != TU_OK)
        return call_fail(i->host, c, TU_EINTERNAL, NULL, "the list of files can't be read");
    return TU_OK;
}

static const char *last_step(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The renderer that a file asks for by its name, or NULL. */
static const char *needed_renderer(const char *path) {
    for (size_t i = 0; i < sizeof markers / sizeof markers[0]; i++)
        if (strcmp(last_step(path), markers[i].file) == 0)
            return markers[i].renderer;
    return NULL;
}

static bool is_in_folder_of(const char *path, const char *marker) {
    return strncmp(path, marker, (size_t)(last_step(marker) - marker)) == 0;
}

static bool is_hidden(const char *path) {
    return path[0] == '.' || strstr(path, "/.");
}

static const char *format_of(const char *path) {
    const char *dot = strrchr(last_step(path), '.');
    if (!dot)
        return NULL;
    if (strcasecmp(dot, ".yaml") == 0 || strcasecmp(dot, ".yml") == 0)
        return "yaml";
    return strcasecmp(dot, ".json") == 0 ? "json" : NULL;
}

/* The outermost markers: what stands below one is its business. */
static paths find_markers(const paths *all) {
    paths found = {0};
    for (size_t i = 0; i < all->n; i++) {
        if (!needed_renderer(all->items[i]) || is_hidden(all->items[i]))
            continue;
        bool inside = false;
        for (size_t k = 0; k < all->n && !inside; k++) {
            const char *other = all->items[k];
            size_t mine = (size_t)(last_step(all->items[i]) - all->items[i]);
            size_t theirs = (size_t)(last_step(other) - other);
            bool outer = theirs < mine || (theirs == mine && k < i);
            inside = outer && needed_renderer(other) && !is_hidden(other) &&
                     is_in_folder_of(all->items[i], other);
        }
        if (!inside)
            add_path(&found, manifest_str(all->items[i]), 0);
    }
    return found;
}

static const char *marker_above(const paths *marks, const char *path) {
    for (size_t i = 0; i < marks->n; i++)
        if (is_in_folder_of(path, marks->items[i]))
            return marks->items[i];
    return NULL;
}

typedef struct document {
    tu_instance *i;
    tu_call *c;
    const char *path, *format;
    tu_rc rc;
} document;

static void emit_document(void *arg, tu_str bytes) {
    document *d = arg;
    cJSON *meta = cJSON_CreateObject();
    cJSON_AddStringToObject(meta, "file", d->path);
    cJSON_AddNumberToObject(meta, "line", 1);
    cJSON_AddStringToObject(meta, "format", d->format);
    d->rc = call_emit(d->i->host, d->c, TU_REC_DOCUMENT, 0, meta, bytes);
}

static tu_rc emit_problem(tu_instance *i, tu_call *c, const char *marker) {
    char message[160];
    snprintf(message, sizeof message, "this folder needs the %s renderer, which isn't there",
             needed_renderer(marker));
    cJSON *meta = cJSON_CreateObject();
    cJSON_AddStringToObject(meta, "file", marker);
    cJSON_AddNumberToObject(meta, "line", 1);
    cJSON_AddNumberToObject(meta, "column", 1);
    cJSON_AddStringToObject(meta, "code", "needs-renderer");
    cJSON_AddStringToObject(meta, "message", message);
    return call_emit(i->host, c, TU_REC_PROBLEM, 0, meta, (tu_str){0});
}

static tu_rc render_all(tu_instance *i, tu_call *c, const paths *all, const paths *marks) {
    size_t skipped = 0;
    tu_rc rc = TU_OK;
    for (size_t k = 0; k < marks->n && rc == TU_OK; k++)
        rc = emit_problem(i, c, marks->items[k]);
    for (size_t k = 0; k < all->n && rc == TU_OK; k++) {
        const char *path = all->items[k];
        const char *format = is_hidden(path) ? NULL : format_of(path);
        if (marker_above(marks, path))
            continue;
        if (!format) {
            skipped++;
            continue;
        }
        document d = {.i = i, .c = c, .path = path, .format = format};
        rc = i->host->tree_read(c, manifest_str(path), emit_document, &d);
        rc = rc == TU_OK ? d.rc : rc;
    }
    if (rc != TU_OK)
        return rc;
    cJSON *meta = cJSON_CreateObject();
    cJSON_AddNumberToObject(meta, "files", (double)skipped);
    return call_emit(i->host, c, TU_REC_SKIPPED, 0, meta, (tu_str){0});
}

static tu_rc render(tu_instance *i, tu_call *c, tu_str params) {
    (void)params;
    paths all = {0}, marks = {0};
    tu_rc rc = read_paths(i, c, &all);
    if (rc == TU_OK) {
        marks = find_markers(&all);
        rc = render_all(i, c, &all, &marks);
    }
    paths_done(&marks);
    paths_done(&all);
    return rc;
}

/* Any tree but one whose root is another renderer's: a marker with every file in its folder. */
static tu_rc accepts(tu_instance *i, tu_call *c) {
    paths all = {0};
    tu_rc rc = read_paths(i, c, &all);
    paths marks = find_markers(&all);
    for (size_t m = 0; m < marks.n && rc == TU_OK; m++) {
        bool root = true;
        for (size_t k = 0; k < all.n && root; k++)
            root = is_in_folder_of(all.items[k], marks.items[m]);
        if (root)
            rc = call_fail(i->host, c, TU_EUNSUPPORTED, "needs-renderer",
                           "%s: this folder needs the %s renderer", marks.items[m],
                           needed_renderer(marks.items[m]));
    }
    paths_done(&marks);
    paths_done(&all);
    return rc;
}

static tu_rc create(const tu_host *h, tu_call *c, tu_str config, tu_instance **out) {
    (void)config;
    tu_instance *i = calloc(1, sizeof *i);
    if (!i)
        return call_fail(h, c, TU_EINTERNAL, NULL, "out of memory");
    i->host = h;
    *out = i;
    return TU_OK;
}

static void destroy(tu_instance *i) {
    free(i);
}

static const tu_common common = {.size = sizeof common, .create = create, .destroy = destroy};
static const tu_renderer renderer = {
    .size = sizeof renderer, .common = &common, .accepts = accepts, .render = render};

static const void *vtable(const char *id) {
    return strcmp(id, "trueup.render/1") == 0 ? &renderer : NULL;
}

static const tu_plugin descriptor = {
    .size = sizeof descriptor,
    .abi_minor = TU_ABI_MINOR,
    .thread_model = TU_THREADS_PARALLEL,
    .id = "dev.trueup.render-plain",
    .version = TRUEUP_VERSION,
    .license = "Apache-2.0",
    .summary = "YAML and JSON files that are manifests already",
    .url = "https://trueup.dev",
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{}}",
    .vtable = vtable,
};

const tu_plugin *trueup_plugin_v1(void) {
    return &descriptor;
}
