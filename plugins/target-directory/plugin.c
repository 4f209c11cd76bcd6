/*
 * target-directory: a folder of manifests as a target. For clusters that are fed from a folder, for
 * dumps, for trying trueup out.
 *
 * There is no recorded ownership here, so members that others add are nobody's drift, and a member
 * that leaves the manifests stays in the folder. Everything else is as with a server:
 * resourceVersion is a digest of the object, so preconditions work.
 *
 * Kinds: those of kinds.json with their types, and (anyKind, the default) every other one, untyped.
 */
#include "inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/call.h"

static void destroy(tu_instance *i) {
    if (!i)
        return;
    for (size_t k = 0; k < i->file_count; k++)
        file_unref(i->files[k]);
    free(i->files);
    kinds_done(&i->kinds);
    pthread_mutex_destroy(&i->lock);
    pthread_mutex_destroy(&i->write);
    free(i->path);
    free(i->default_namespace);
    free(i);
}

static tu_rc create(const tu_host *h, tu_call *c, tu_str config, tu_instance **out) {
    cJSON *settings = call_read_object(h, c, config, "the configuration");
    if (!settings)
        return TU_EINVALID;
    const char *ns = manifest_string(settings, "namespace");
    tu_instance *i = calloc(1, sizeof *i);
    if (i) {
        pthread_mutex_init(&i->lock, NULL);
        pthread_mutex_init(&i->write, NULL);
        i->host = h;
        i->path = strdup(manifest_string(settings, "path"));
        i->default_namespace = strdup(*ns ? ns : "default");
        i->any_kind = !cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(settings, "anyKind"));
    }
    cJSON_Delete(settings);
    if (!i || !i->path || !i->default_namespace || !kinds_load(&i->kinds)) {
        destroy(i);
        return call_fail(h, c, TU_EINTERNAL, NULL,
                         "out of memory, or the table of kinds is broken");
    }
    *out = i;
    return TU_OK;
}

static tu_rc probe(tu_instance *i, tu_call *c) {
    snapshot now = {0};
    tu_rc rc = folder_read(i, c, &now);
    snapshot_done(&now);
    return rc;
}

/* --- discover, describe ---------------------------------------------------------------------- */

static tu_rc emit_kind(tu_instance *i, tu_call *c, const kind_entry *k) {
    static const char *const verbs[] = {"get", "list", "watch", "create", "patch", "delete"};
    cJSON *meta = cJSON_CreateObject();
    cJSON_AddStringToObject(meta, "group", k->group);
    cJSON_AddStringToObject(meta, "version", k->version);
    cJSON_AddStringToObject(meta, "kind", k->kind);
    cJSON_AddStringToObject(meta, "resource", k->resource);
    cJSON_AddBoolToObject(meta, "namespaced", k->namespaced);
    cJSON_AddItemToObject(meta, "verbs",
                          cJSON_CreateStringArray(verbs, sizeof verbs / sizeof verbs[0]));
    cJSON_AddStringToObject(meta, "hash", k->hash);
    return call_emit(i->host, c, TU_REC_KIND, 0, meta, (tu_str){0});
}

/* Kinds that only the folder knows, once each; needed only where not every kind is welcome. */
static tu_rc emit_found_kinds(tu_instance *i, tu_call *c) {
    snapshot now = {0};
    tu_rc rc = folder_read(i, c, &now);
    for (size_t k = 0; k < now.n && rc == TU_OK; k++) {
        const object *o = now.objects[k], *last = k ? now.objects[k - 1] : NULL;
        bool same = last && strcmp(last->group, o->group) == 0 &&
                    strcmp(last->kind, o->kind) == 0 && strcmp(last->version, o->version) == 0;
        if (same || kinds_find(&i->kinds, o->group, NULL, o->kind))
            continue;
        kind_entry found = {.group = o->group,
                            .version = o->version,
                            .kind = o->kind,
                            .resource = o->kind,
                            .namespaced = o->namespaced};
        memcpy(found.hash, "untyped", sizeof "untyped");
        rc = emit_kind(i, c, &found);
    }
    snapshot_done(&now);
    return rc;
}

static tu_rc discover(tu_instance *i, tu_call *c) {
    cJSON *info = cJSON_CreateObject();
    cJSON_AddStringToObject(info, "endpoint", i->path);
    cJSON_AddStringToObject(info, "version", "");
    cJSON_AddStringToObject(info, "defaultNamespace", i->default_namespace);
    cJSON_AddBoolToObject(info, "ownership", false);
    tu_rc rc = call_emit(i->host, c, TU_REC_INFO, 0, info, (tu_str){0});
    for (size_t k = 0; k < i->kinds.n && rc == TU_OK; k++)
        rc = emit_kind(i, c, &i->kinds.items[k]);
    if (rc != TU_OK)
        return rc;
    if (!i->any_kind)
        return emit_found_kinds(i, c);
    char any[] = "*", none[] = "";
    return emit_kind(
        i, c,
        &(kind_entry){
            .group = any, .version = any, .kind = any, .resource = none, .namespaced = true});
}

static tu_rc describe(tu_instance *i, tu_call *c, tu_str kind) {
    cJSON *asked = call_read_object(i->host, c, kind, "the kind");
    if (!asked)
        return TU_EINVALID;
    const kind_entry *known =
        kinds_find(&i->kinds, manifest_string(asked, "group"), manifest_string(asked, "version"),
                   manifest_string(asked, "kind"));
    cJSON_Delete(asked);
    return call_emit(i->host, c, TU_REC_DESCRIPTION, 0, cJSON_CreateObject(),
                     manifest_str(known ? known->description : kinds_untyped));
}

/* --- scopes, list, get ----------------------------------------------------------------------- */

tu_rc scopes_read(tu_instance *i, tu_call *c, tu_str selector, scopes *ret) {
    scopes s = {.selector = call_read_object(i->host, c, selector, "the selector")};
    if (!s.selector)
        return TU_EINVALID;
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(s.selector, "scopes");
    s.items = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *s.items);
    if (!s.items) {
        scopes_done(&s);
        return call_fail(i->host, c, TU_EINTERNAL, NULL, "out of memory");
    }
    for (const cJSON *item = list ? list->child : NULL; item; item = item->next)
        s.items[s.n++] = (scope){manifest_string(item, "group"), manifest_string(item, "kind"),
                                 cJSON_GetObjectItemCaseSensitive(item, "namespaces")};
    *ret = s;
    return TU_OK;
}

void scopes_done(scopes *s) {
    cJSON_Delete(s->selector);
    free(s->items);
}

bool scope_covers(const scope *s, const object *o) {
    if (strcmp(s->kind, o->kind) != 0 || strcmp(s->group, o->group) != 0)
        return false;
    if (!*o->ns || !s->namespaces || !s->namespaces->child)
        return true;
    for (const cJSON *ns = s->namespaces->child; ns; ns = ns->next)
        if (cJSON_IsString(ns) && strcmp(ns->valuestring, o->ns) == 0)
            return true;
    return false;
}

tu_rc scope_emit_lost(tu_instance *i, tu_call *c, uint32_t index, tu_rc class_, const char *code,
                      const char *text) {
    cJSON *meta = cJSON_CreateObject();
    cJSON_AddNumberToObject(meta, "class", class_);
    cJSON_AddStringToObject(meta, "code", code);
    cJSON_AddStringToObject(meta, "message", text);
    return call_emit(i->host, c, TU_REC_LOST, index, meta, (tu_str){0});
}

bool stands_twice(const snapshot *s, size_t k) {
    const object *const *o = s->objects;
    return (k && strcmp(o[k - 1]->key, o[k]->key) == 0) ||
           (k + 1 < s->n && strcmp(o[k + 1]->key, o[k]->key) == 0);
}

/* Where the kind is unsure, the objects that can be read are told all the same: only what is absent
 * stays unknown. Not those that stand twice: which one is live can't be told. */
tu_rc scope_emit(tu_instance *i, tu_call *c, const scope *s, uint32_t index, const snapshot *now,
                 bool *ret_lost) {
    char text[1024];
    *ret_lost = snapshot_is_unsure(now, i, s->group, s->kind, text, sizeof text);
    tu_rc rc = call_emit(i->host, c, TU_REC_BEGIN, index, cJSON_CreateObject(), (tu_str){0});
    for (size_t k = 0; k < now->n && rc == TU_OK; k++) {
        const object *o = now->objects[k];
        if (!stands_twice(now, k) && scope_covers(s, o))
            rc = i->host->emit(c, TU_REC_OBJECT, index, (tu_str){0}, manifest_str(o->live));
    }
    if (rc != TU_OK)
        return rc;
    if (*ret_lost)
        return scope_emit_lost(i, c, index, TU_EUNAVAILABLE, "unsure", text);
    return call_emit(i->host, c, TU_REC_END, index, cJSON_CreateObject(), (tu_str){0});
}

static tu_rc list(tu_instance *i, tu_call *c, tu_str selector) {
    scopes s;
    tu_rc rc = scopes_read(i, c, selector, &s);
    if (rc != TU_OK)
        return rc;
    snapshot now = {0};
    rc = folder_read(i, c, &now);
    bool lost;
    for (uint32_t k = 0; k < s.n && rc == TU_OK; k++)
        rc = scope_emit(i, c, &s.items[k], k, &now, &lost);
    snapshot_done(&now);
    scopes_done(&s);
    return rc;
}

char *target_identity(tu_instance *i, tu_call *c, const cJSON *identity) {
    const char *group = manifest_string(identity, "group"),
               *kind = manifest_string(identity, "kind");
    const char *ns = manifest_string(identity, "namespace"),
               *name = manifest_string(identity, "name");
    const kind_entry *known = kinds_find(&i->kinds, group, NULL, kind);
    if (known)
        ns = !known->namespaced ? "" : *ns ? ns : i->default_namespace;
    char *key = *kind && *name ? object_key(group, kind, ns, name) : NULL;
    if (!key)
        call_fail(i->host, c, TU_EINVALID, NULL, "an identity needs kind and name");
    return key;
}

static tu_rc get(tu_instance *i, tu_call *c, tu_str text) {
    cJSON *identity = call_read_object(i->host, c, text, "the identity");
    char *key = identity ? target_identity(i, c, identity) : NULL;
    snapshot now = {0};
    tu_rc rc = key ? folder_read(i, c, &now) : TU_EINVALID;
    if (rc == TU_OK) {
        char why[1024];
        const object *o = snapshot_find(&now, key);
        if ((!o || snapshot_has_twice(&now, o)) &&
            snapshot_is_unsure(&now, i, manifest_string(identity, "group"),
                               manifest_string(identity, "kind"), why, sizeof why))
            rc = call_fail(i->host, c, TU_EUNAVAILABLE, "unsure", "%s", why);
        else if (o)
            rc = i->host->emit(c, TU_REC_OBJECT, 0, (tu_str){0}, manifest_str(o->live));
        else
            rc = call_fail(i->host, c, TU_ENOTFOUND, "not-found", "%s %s isn't in %s",
                           manifest_string(identity, "kind"), manifest_string(identity, "name"),
                           i->path);
    }
    snapshot_done(&now);
    free(key);
    cJSON_Delete(identity);
    return rc;
}

static const tu_common common = {
    .size = sizeof common, .create = create, .destroy = destroy, .probe = probe};
static const tu_target target = {.size = sizeof target,
                                 .common = &common,
                                 .discover = discover,
                                 .describe = describe,
                                 .list = list,
                                 .watch = target_watch,
                                 .get = get,
                                 .apply = target_apply,
                                 .patch = target_patch,
                                 .remove = target_remove};

static const void *vtable(const char *id) {
    return strcmp(id, "trueup.target/1") == 0 ? &target : NULL;
}

static const tu_plugin descriptor = {
    .size = sizeof descriptor,
    .abi_minor = TU_ABI_MINOR,
    .thread_model = TU_THREADS_PARALLEL,
    .id = "dev.trueup.target-directory",
    .version = TRUEUP_VERSION,
    .license = "Apache-2.0",
    .summary = "a folder of manifests as a target, no cluster needed",
    .url = "https://trueup.dev",
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"path\"],"
                     "\"properties\":{"
                     "\"path\":{\"type\":\"string\",\"minLength\":1,\"x-trueup-format\":\"path\","
                     "\"description\":\"the folder; relative to "
                     "the configuration file\"},"
                     "\"namespace\":{\"type\":\"string\",\"default\":\"default\",\"description\":"
                     "\"the namespace of objects that name none\"},"
                     "\"anyKind\":{\"type\":\"boolean\",\"default\":true,\"description\":\"take "
                     "kinds that aren't in the built-in table, too\"}}}",
    .vtable = vtable,
};

const tu_plugin *trueup_plugin_v1(void) {
    return &descriptor;
}
