/*
 * discovery.c: which kinds the server serves, and their paths.
 *
 * One request each for /api and /apis in the aggregated form (v2, v2beta1); servers before 1.26
 * answer with the plain form, and then every group version is asked alone. Every version is
 * emitted, since a manifest may name any. A kind that appears later (a CRD) is found by asking its
 * group version. Entries are never taken away or changed in place, so a kube_resource stays valid
 * as long as the instance; a kind that is no longer served is noticed by its 404. Lists of kinds
 * are bounded by KIND_LIMIT.
 */
#include "kube.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIND_LIMIT 10000u
#define AGGREGATED                                                                                 \
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"                        \
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json" /* this order of parameters */

struct kube_discovery {
    pthread_mutex_t lock;
    kube_resource **entries;
    size_t n;
};

kube_discovery *kube_discovery_new(void) {
    kube_discovery *d = calloc(1, sizeof(*d));
    if (d)
        pthread_mutex_init(&d->lock, NULL);
    return d;
}

static void resource_free(kube_resource *r) {
    if (!r)
        return;
    free(r->group);
    free(r->version);
    free(r->kind);
    free(r->resource);
    kube_strings_free(r->verbs, false);
    free(r);
}

void kube_discovery_free(kube_discovery *d) {
    if (!d)
        return;
    for (size_t i = 0; i < d->n; i++)
        resource_free(d->entries[i]);
    free(d->entries);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

/* --- reading ------------------------------------------------------------------------------- */

typedef struct reading { /* what one round found; on_kind decides what happens with it */
    tu_instance *k;
    tu_call *call;
    tu_rc (*on_kind)(struct reading *r, kube_resource *entry); /* takes the entry */
    tu_rc (*on_stale)(struct reading *r, const char *group, const char *version,
                      const char *message);
    kube_resource **found;
    size_t n;
} reading;

static char **copy_verbs(const cJSON *verbs) {
    char **r = calloc((size_t)cJSON_GetArraySize(verbs) + 1, sizeof(*r));
    size_t n = 0;
    const cJSON *v;
    if (r)
        cJSON_ArrayForEach(v, verbs) {
            if (cJSON_IsString(v) && (r[n] = strdup(v->valuestring)))
                n++;
        }
    return r;
}

static tu_rc keep(reading *r, const char *group, const char *version, const char *kind,
                  const char *resource, bool namespaced, bool has_status, const cJSON *verbs) {
    if (!kind[0] || !resource[0] || strchr(resource, '/'))
        return TU_OK;
    kube_resource *e = calloc(1, sizeof(*e));
    if (!e)
        return TU_EINTERNAL;
    *e = (kube_resource){strdup(group), strdup(version), strdup(kind),     strdup(resource),
                         namespaced,    has_status,      copy_verbs(verbs)};
    if (!e->group || !e->version || !e->kind || !e->resource || !e->verbs) {
        resource_free(e);
        return TU_EINTERNAL;
    }
    return r->on_kind(r, e);
}

static bool aggregated_has_status(const cJSON *resource) {
    const cJSON *sub;
    cJSON_ArrayForEach(sub, cJSON_GetObjectItemCaseSensitive(resource, "subresources")) {
        if (strcmp(kube_member_string(sub, "subresource"), "status") == 0)
            return true;
    }
    return false;
}

static tu_rc read_aggregated(reading *r, const cJSON *list) {
    const cJSON *group, *version, *resource;
    cJSON_ArrayForEach(group, cJSON_GetObjectItemCaseSensitive(list, "items")) {
        const char *name =
            kube_member_string(cJSON_GetObjectItemCaseSensitive(group, "metadata"), "name");
        cJSON_ArrayForEach(version, cJSON_GetObjectItemCaseSensitive(group, "versions")) {
            const char *v = kube_member_string(version, "version");
            if (strcmp(kube_member_string(version, "freshness"), "Stale") == 0) {
                tu_rc rc = r->on_stale(r, name, v, "its API server does not answer");
                if (rc != TU_OK)
                    return rc;
            }
            cJSON_ArrayForEach(resource, cJSON_GetObjectItemCaseSensitive(version, "resources")) {
                const cJSON *kind = cJSON_GetObjectItemCaseSensitive(resource, "responseKind");
                tu_rc rc = keep(r, name, v, kube_member_string(kind, "kind"),
                                kube_member_string(resource, "resource"),
                                strcmp(kube_member_string(resource, "scope"), "Namespaced") == 0,
                                aggregated_has_status(resource),
                                cJSON_GetObjectItemCaseSensitive(resource, "verbs"));
                if (rc != TU_OK)
                    return rc;
            }
        }
    }
    return TU_OK;
}

static tu_rc read_plain(reading *r, const char *group, const char *version, const cJSON *list) {
    const cJSON *resource, *sub, *resources = cJSON_GetObjectItemCaseSensitive(list, "resources");
    cJSON_ArrayForEach(resource, resources) {
        const char *name = kube_member_string(resource, "name");
        size_t n = strlen(name);
        bool has_status = false;
        cJSON_ArrayForEach(sub, resources) {
            const char *other = kube_member_string(sub, "name");
            has_status =
                has_status || (strncmp(other, name, n) == 0 && strcmp(other + n, "/status") == 0);
        }
        tu_rc rc = keep(r, group, version, kube_member_string(resource, "kind"), name,
                        kube_member_true(resource, "namespaced"), has_status,
                        cJSON_GetObjectItemCaseSensitive(resource, "verbs"));
        if (rc != TU_OK)
            return rc;
    }
    return TU_OK;
}

/* A GET that must answer with a JSON object. */
static tu_rc get_json(tu_instance *k, tu_call *call, const char *path, const char *accept,
                      cJSON **ret, kube_error *error) {
    kube_transfer t = {
        .path = path, .accept = accept, .topic = {.verb = "get", .resource = "the list of kinds"}};
    tu_rc rc = kube_request(k, call, &t, error);
    if (rc == TU_OK && !(*ret = cJSON_ParseWithLength(t.answer.p ? t.answer.p : "", t.answer.n)))
        rc = kube_error_set(
            error, TU_EUNAVAILABLE, "not-json",
            "%s answered with something else than JSON: is it a Kubernetes API server?",
            k->endpoint);
    kube_transfer_done(&t);
    return rc;
}

static tu_rc group_version_path(const char *group, const char *version, kube_text *path) {
    kube_text_string(path, group[0] ? "/apis/" : "/api/");
    if (group[0]) {
        kube_text_segment(path, kube_str(group));
        kube_text_string(path, "/");
    }
    kube_text_segment(path, kube_str(version));
    return path->failed ? TU_EINTERNAL : TU_OK;
}

static tu_rc ask_group_version(reading *r, const char *group, const char *version,
                               kube_error *error) {
    KUBE_TEXT path = {0};
    group_version_path(group, version, &path);
    cJSON *list = NULL;
    tu_rc rc = get_json(r->k, r->call, path.p, NULL, &list, error);
    if (rc == TU_OK)
        rc = read_plain(r, group, version, list);
    cJSON_Delete(list);
    return rc;
}

/* The plain answer of /api ("versions") or /apis ("groups"): every group version is asked alone.
 * One that fails is stale. */
static tu_rc read_groups(reading *r, const cJSON *answer, kube_error *error) {
    const cJSON *version, *group;
    tu_rc rc = TU_OK;
    cJSON_ArrayForEach(version, cJSON_GetObjectItemCaseSensitive(answer, "versions")) {
        if (rc == TU_OK && cJSON_IsString(version))
            rc = ask_group_version(r, "", version->valuestring, error);
    }
    cJSON_ArrayForEach(group, cJSON_GetObjectItemCaseSensitive(answer, "groups")) {
        const char *name = kube_member_string(group, "name");
        cJSON_ArrayForEach(version, cJSON_GetObjectItemCaseSensitive(group, "versions")) {
            const char *v = kube_member_string(version, "version");
            if (rc != TU_OK)
                return rc;
            rc = ask_group_version(r, name, v, error);
            if (rc == TU_EUNAVAILABLE || rc == TU_ENOTFOUND || rc == TU_EDENIED)
                rc = r->on_stale(r, name, v, error->message);
        }
    }
    return rc;
}

static tu_rc read_root(reading *r, const char *path, kube_error *error) {
    cJSON *answer = NULL;
    tu_rc rc = get_json(r->k, r->call, path, AGGREGATED, &answer, error);
    if (rc == TU_OK)
        rc = strcmp(kube_member_string(answer, "kind"), "APIGroupDiscoveryList") == 0
                 ? read_aggregated(r, answer)
                 : read_groups(r, answer, error);
    cJSON_Delete(answer);
    return rc;
}

/* --- the table ----------------------------------------------------------------------------- */

static kube_resource *find(const kube_discovery *d, tu_str group, tu_str version, tu_str kind) {
    for (size_t i = d->n; i-- > 0;) { /* the newest first */
        kube_resource *e = d->entries[i];
        if (kube_str_is(kind, e->kind) && kube_str_is(version, e->version) &&
            kube_str_is(group, e->group))
            return e;
    }
    return NULL;
}

static bool strings_same(char **a, char **b) {
    for (; *a && *b; a++, b++)
        if (strcmp(*a, *b) != 0)
            return false;
    return *a == *b;
}

static tu_rc add(reading *r, kube_resource *e) {
    kube_discovery *d = r->k->discovery;
    pthread_mutex_lock(&d->lock);
    const kube_resource *old = find(d, kube_str(e->group), kube_str(e->version), kube_str(e->kind));
    bool same = old && strcmp(old->resource, e->resource) == 0 &&
                old->namespaced == e->namespaced && old->has_status == e->has_status &&
                strings_same(old->verbs, e->verbs);
    kube_resource **grown = same || d->n >= KIND_LIMIT
                                ? NULL
                                : realloc(d->entries, (d->n + 1) * sizeof(kube_resource *));
    if (grown) {
        d->entries = grown;
        d->entries[d->n++] = e;
    }
    pthread_mutex_unlock(&d->lock);
    if (!grown)
        resource_free(e);
    return grown || same ? TU_OK : TU_EINTERNAL;
}

static tu_rc emit_kind(reading *r, kube_resource *e) {
    KUBE_TEXT meta = {0};
    char hash[160];
    kube_error error;
    tu_rc rc = kube_openapi_hash(r->k, r->call, e->group, e->version, hash, sizeof(hash), &error);
    if (rc != TU_OK) {
        resource_free(e);
        return rc;
    }
    kube_text_string(&meta, "{\"group\":");
    kube_text_quote(&meta, kube_str(e->group));
    kube_text_string(&meta, ",\"version\":");
    kube_text_quote(&meta, kube_str(e->version));
    kube_text_string(&meta, ",\"kind\":");
    kube_text_quote(&meta, kube_str(e->kind));
    kube_text_string(&meta, ",\"resource\":");
    kube_text_quote(&meta, kube_str(e->resource));
    kube_text_print(&meta, ",\"namespaced\":%s,\"verbs\":[", e->namespaced ? "true" : "false");
    for (char **v = e->verbs; *v; v++) {
        kube_text_string(&meta, v == e->verbs ? "" : ",");
        kube_text_quote(&meta, kube_str(*v));
    }
    kube_text_string(&meta, "],\"hash\":");
    kube_text_quote(&meta, kube_str(hash));
    kube_explained(e, &meta);
    kube_text_string(&meta, "}");
    rc = add(r, e);
    if (rc != TU_OK || meta.failed)
        return TU_EINTERNAL;
    return r->k->host->emit(r->call, TU_REC_KIND, 0, kube_text_str(&meta), (tu_str){0});
}

static tu_rc emit_stale(reading *r, const char *group, const char *version, const char *message) {
    KUBE_TEXT meta = {0};
    kube_text_string(&meta, "{\"group\":");
    kube_text_quote(&meta, kube_str(group));
    kube_text_string(&meta, ",\"version\":");
    kube_text_quote(&meta, kube_str(version));
    kube_text_string(&meta, ",\"message\":");
    kube_text_quote(&meta, kube_str(message));
    kube_text_string(&meta, "}");
    return r->k->host->emit(r->call, TU_REC_STALE_GROUP, 0, kube_text_str(&meta), (tu_str){0});
}

static tu_rc ignore_stale(reading *r, const char *group, const char *version, const char *message) {
    (void)r, (void)group, (void)version, (void)message;
    return TU_OK;
}

static tu_rc emit_info(tu_instance *k, tu_call *call, const char *version) {
    KUBE_TEXT meta = {0};
    kube_text_string(&meta, "{\"endpoint\":");
    kube_text_quote(&meta, kube_str(k->endpoint));
    kube_text_string(&meta, ",\"version\":");
    kube_text_quote(&meta, kube_str(version));
    kube_text_string(&meta, ",\"defaultNamespace\":");
    kube_text_quote(&meta, kube_str(k->cluster.default_namespace));
    kube_text_string(&meta, ",\"ownership\":true,\"metadata\":true}");
    return k->host->emit(call, TU_REC_INFO, 0, kube_text_str(&meta), (tu_str){0});
}

/* From 1.33 on a whole list comes consistent out of the server's memory and is encoded as it is
 * sent; a page of one is read from etcd, and costs the server more than twice as much (measured on
 * 1.37). Before that, a whole list is what endangers a server. */
static bool lists_whole(const cJSON *version) {
    long major = strtol(kube_member_string(version, "major"), NULL, 10),
         minor = strtol(kube_member_string(version, "minor"), NULL, 10); /* "33+" as well */
    return major > 1 || (major == 1 && minor >= 33);
}

tu_rc kube_discover(tu_instance *k, tu_call *call, kube_error *error) {
    cJSON *version = NULL;
    tu_rc rc = get_json(k, call, "/version", NULL, &version, error);
    if (rc == TU_EDENIED &&
        strcmp(error->code, "denied") ==
            0) /* a user that may not even ask; everything else may still work */
        rc = TU_OK;
    __atomic_store_n(&k->lists_whole, lists_whole(version), __ATOMIC_RELAXED);
    if (rc == TU_OK)
        rc = emit_info(k, call, kube_member_string(version, "gitVersion"));
    cJSON_Delete(version);
    if (rc != TU_OK)
        return rc;
    if ((rc = kube_openapi_refresh(k, call, error)) != TU_OK && rc != TU_EDENIED &&
        rc != TU_ENOTFOUND)
        return rc;
    reading r = {.k = k, .call = call, .on_kind = emit_kind, .on_stale = emit_stale};
    error->rc = TU_OK;
    if ((rc = read_root(&r, "/api", error)) == TU_OK)
        rc = read_root(&r, "/apis", error);
    if (rc == TU_EINTERNAL && error->rc == TU_OK)
        kube_error_set(error, rc, "kinds",
                       "%s serves more kinds than TU_LIMIT_KINDS, or memory is exhausted",
                       k->endpoint);
    return rc;
}

tu_rc kube_resource_find(tu_instance *k, tu_call *call, tu_str group, tu_str version, tu_str kind,
                         const kube_resource **ret, kube_error *error) {
    kube_discovery *d = k->discovery;
    for (int attempt = 0; attempt < 2; attempt++) {
        pthread_mutex_lock(&d->lock);
        *ret = find(d, group, version, kind);
        pthread_mutex_unlock(&d->lock);
        if (*ret)
            return TU_OK;
        if (attempt)
            break;
        KUBE_TEXT g = {0}, v = {0};
        kube_text_add(&g, group.p, group.n);
        kube_text_add(&v, version.p, version.n);
        reading r = {.k = k, .call = call, .on_kind = add, .on_stale = ignore_stale};
        tu_rc rc = ask_group_version(&r, g.p, v.p, error);
        if (rc != TU_OK && rc != TU_ENOTFOUND)
            return rc;
    }
    return kube_error_set(error, TU_ENOTFOUND, "kind-not-served",
                          "%s does not serve %.*s of %.*s%s%.*s", k->endpoint, (int)kind.n, kind.p,
                          (int)group.n, group.p, group.n ? "/" : "", (int)version.n, version.p);
}

bool kube_resource_can(const kube_resource *r, const char *verb) {
    for (char **v = r->verbs; *v; v++)
        if (strcmp(*v, verb) == 0)
            return true;
    return false;
}

void kube_resource_path(const kube_resource *r, tu_str namespace_, tu_str name, kube_text *ret) {
    group_version_path(r->group, r->version, ret);
    if (r->namespaced && namespace_.n) {
        kube_text_string(ret, "/namespaces/");
        kube_text_segment(ret, namespace_);
    }
    kube_text_string(ret, "/");
    kube_text_segment(ret, kube_str(r->resource));
    if (name.n) {
        kube_text_string(ret, "/");
        kube_text_segment(ret, name);
    }
}

void kube_resource_words(const kube_resource *r, char *ret, size_t size) {
    snprintf(ret, size, "%s%s%s", r->resource, r->group[0] ? "." : "", r->group);
}

bool kube_resource_sealed(const kube_resource *r) {
    return strcmp(r->kind, "Secret") == 0 && r->group[0] == '\0';
}
