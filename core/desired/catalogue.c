/*
 * desired/catalogue.c: what a target serves. Discovery fills it once; descriptions are fetched when
 * a kind is first wanted and kept.
 *
 * Shared by the threads that load and judge: the list of kinds only grows, under the lock, and
 * kinds are never moved or freed before the catalogue itself.
 */
#include "desired/desired.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "value/json.h"

typedef struct described {
    tu_catalogue_kind kind;
    tu_kind *description; /* NULL until asked for */
} described;

struct tu_catalogue {
    uint32_t references; /* atomic */
    pthread_mutex_t lock;
    tu_plugin_use *target;
    tu_arena arena;
    tu_map kinds;        /* "group/version/kind" -> described */
    tu_map stale_groups; /* "group/version" or "group/" -> itself */
    bool any, metadata;
    tu_str endpoint, default_namespace;
};

static char *kind_key(tu_str group, tu_str version, tu_str kind, char *room, size_t n) {
    snprintf(room, n, "%.*s/%.*s/%.*s", TU_P(group), TU_P(version), TU_P(kind));
    return room;
}

static tu_str keep(tu_catalogue *c, const tu_value *meta, const char *key) {
    return tu_arena_copy(&c->arena, tu_value_get_string(meta, key));
}

static tu_rc add_kind(tu_catalogue *c, const tu_value *meta) {
    if (c->kinds.n >= TU_LIMIT_KINDS)
        return TU_EINVALID;
    described *d = tu_xcalloc(1, sizeof *d);
    d->kind = (tu_catalogue_kind){
        .group = keep(c, meta, "group"),
        .version = keep(c, meta, "version"),
        .kind = keep(c, meta, "kind"),
        .resource = keep(c, meta, "resource"),
        .hash = keep(c, meta, "hash"),
        .namespaced = tu_value_boolean(tu_value_get(meta, "namespaced"), false),
    };
    const tu_value *explained = tu_value_get(meta, "explained");
    if (explained)
        d->kind.explained = tu_value_copy(&c->arena, explained);
    const tu_value *verbs = tu_value_get(meta, "verbs");
    for (size_t i = 0; i < tu_value_count(verbs); i++) {
        tu_str verb = tu_value_string(tu_value_at(verbs, i));
        d->kind.listable |= tu_str_is(verb, "list");
        d->kind.watchable |= tu_str_is(verb, "watch");
        d->kind.writable |= tu_str_is(verb, "patch");
    }
    if (tu_str_is(d->kind.kind, "*")) {
        c->any = true;
        free(d);
        return TU_OK;
    }
    char key[1024];
    free(tu_map_put(
        &c->kinds,
        tu_str_c(kind_key(d->kind.group, d->kind.version, d->kind.kind, key, sizeof key)), d));
    return TU_OK;
}

static tu_rc on_discovered(void *arg, uint32_t record, uint32_t index, const tu_value *meta,
                           tu_str body) {
    (void)index;
    (void)body;
    tu_catalogue *c = arg;
    if (record == TU_REC_INFO) {
        c->endpoint = keep(c, meta, "endpoint");
        c->default_namespace = keep(c, meta, "defaultNamespace");
        c->metadata = tu_value_boolean(tu_value_get(meta, "metadata"), false);
    } else if (record == TU_REC_KIND) {
        return add_kind(c, meta);
    } else if (record == TU_REC_STALE_GROUP) {
        char key[512];
        snprintf(key, sizeof key, "%.*s/%.*s", TU_P(tu_value_get_string(meta, "group")),
                 TU_P(tu_value_get_string(meta, "version")));
        tu_map_put(&c->stale_groups, tu_str_c(key), c);
    }
    return TU_OK;
}

tu_rc tu_catalogue_discover(tu_plugin_use *target, const tu_call_options *o, tu_catalogue **ret,
                            tu_error **error) {
    tu_catalogue *c = tu_xcalloc(1, sizeof *c);
    c->references = 1;
    c->target = target;
    pthread_mutex_init(&c->lock, NULL);
    tu_arena_init(&c->arena, 0);
    tu_call_options call = *o;
    call.on_record = on_discovered;
    call.arg = c;
    tu_rc rc = tu_call_discover(target, &call, error);
    if (rc != TU_OK) {
        tu_catalogue_unref(c);
        return rc;
    }
    *ret = c;
    return TU_OK;
}

tu_catalogue *tu_catalogue_ref(tu_catalogue *c) {
    if (c)
        __atomic_add_fetch(&c->references, 1, __ATOMIC_RELAXED);
    return c;
}

static void described_free(void *p) {
    described *d = p;
    if (d)
        tu_kind_unref(d->description);
    free(d);
}

void tu_catalogue_unref(tu_catalogue *c) {
    if (!c || __atomic_sub_fetch(&c->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    tu_map_done(&c->kinds, described_free);
    tu_map_done(&c->stale_groups, NULL);
    tu_arena_done(&c->arena);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

const tu_catalogue_kind *tu_catalogue_find(tu_catalogue *c, tu_str group, tu_str version,
                                           tu_str kind, bool *ret_stale) {
    char key[1024];
    kind_key(group, version, kind, key, sizeof key);
    pthread_mutex_lock(&c->lock);
    described *d = tu_map_get(&c->kinds, tu_str_c(key));
    if (!d && c->any) {
        d = tu_xcalloc(1, sizeof *d);
        d->kind = (tu_catalogue_kind){.group = tu_arena_copy(&c->arena, group),
                                      .version = tu_arena_copy(&c->arena, version),
                                      .kind = tu_arena_copy(&c->arena, kind),
                                      .any = true,
                                      .listable = true,
                                      .watchable = true,
                                      .writable = true};
        tu_map_put(&c->kinds, tu_str_c(key), d);
    }
    if (!d && ret_stale) {
        char version_key[512], group_key[512];
        snprintf(version_key, sizeof version_key, "%.*s/%.*s", TU_P(group), TU_P(version));
        snprintf(group_key, sizeof group_key, "%.*s/", TU_P(group));
        *ret_stale = tu_map_has(&c->stale_groups, tu_str_c(version_key)) ||
                     tu_map_has(&c->stale_groups, tu_str_c(group_key));
    }
    pthread_mutex_unlock(&c->lock);
    return d ? &d->kind : NULL;
}

static tu_rc on_description(void *arg, uint32_t record, uint32_t index, const tu_value *meta,
                            tu_str body) {
    (void)index;
    (void)meta;
    if (record == TU_REC_DESCRIPTION)
        tu_buf_add(arg, body);
    return TU_OK;
}

tu_rc tu_catalogue_describe(tu_catalogue *c, const tu_catalogue_kind *k, const tu_call_options *o,
                            tu_kind **ret, tu_error **error) {
    /* The lock is held during the call: whoever wants the same description waits for it instead of
     * asking again. */
    described *d = (described *)((char *)(uintptr_t)k - offsetof(described, kind));
    pthread_mutex_lock(&c->lock);
    tu_rc rc = TU_OK;
    if (!d->description) {
        _cleanup_(tu_buf_done) tu_buf body = TU_BUF_INIT(TU_LIMIT_DESCRIPTION_BYTES);
        _cleanup_(tu_buf_done) tu_buf query = TU_BUF_INIT(4 * TU_KIB);
        tu_buf_add_c(&query, "{\"group\":");
        tu_buf_add_json_string(&query, k->group);
        tu_buf_add_c(&query, ",\"version\":");
        tu_buf_add_json_string(&query, k->version);
        tu_buf_add_c(&query, ",\"kind\":");
        tu_buf_add_json_string(&query, k->kind);
        tu_buf_add_c(&query, "}");
        tu_call_options call = *o;
        call.on_record = on_description;
        call.arg = &body;
        rc = tu_call_describe(c->target, tu_buf_str(&query), &call, error);
        if (rc == TU_OK)
            rc = tu_kind_compile(tu_buf_str(&body), &d->description, error);
        if (rc != TU_OK)
            tu_error_context(error, "description of kind %.*s", TU_P(k->kind));
    }
    if (rc == TU_OK)
        *ret = d->description;
    pthread_mutex_unlock(&c->lock);
    return rc;
}

void tu_catalogue_each(tu_catalogue *c, bool (*each)(void *arg, const tu_catalogue_kind *k),
                       void *arg) {
    pthread_mutex_lock(&c->lock); /* kinds are only ever added; nothing below comes back here */
    bool more = true;
    for (size_t i = 0; more && i < c->kinds.n; i++)
        more = each(arg, &((const described *)c->kinds.entries[i].value)->kind);
    pthread_mutex_unlock(&c->lock);
}

tu_str tu_catalogue_default_namespace(const tu_catalogue *c) {
    return c->default_namespace;
}
tu_str tu_catalogue_endpoint(const tu_catalogue *c) {
    return c->endpoint;
}
bool tu_catalogue_metadata(const tu_catalogue *c) {
    return c->metadata;
}
