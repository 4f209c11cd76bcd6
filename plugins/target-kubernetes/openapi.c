/*
 * openapi.c: descriptions of kinds from the server's OpenAPI v3 documents.
 *
 *     /openapi/v3 (index: group version -> path with hash) -> document -> compile.c -> description
 *                                                      \-> scratch/kinds-VERSION-HASH: all kinds of
 * that document, compiled
 *
 * A document is big (apps/v1: 719 KB) and read once: all its kinds are compiled at once, and only
 * the results are kept, in memory and on disk by the document's hash. So a second start reads no
 * document, and a changed CRD has a new hash.
 */
#include "kube.h"
#include "scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KUBE_COMPILE_VERSION 7
#define PUBLISH_WAIT_MS 5000 /* a new CRD is served before its schema is published */
#define PUBLISH_POLL_MS 100
#define UNTYPED                                                                                    \
    "{\"sensitive\":[\"/metadata/annotations/"                                                     \
    "kubectl.kubernetes.io~1last-applied-configuration\"],"                                        \
    "\"ignored\":[\"/status\",\"/metadata/uid\",\"/metadata/resourceVersion\",\"/metadata/"        \
    "generation\","                                                                                \
    "\"/metadata/creationTimestamp\",\"/metadata/selfLink\",\"/metadata/managedFields\",\"/"       \
    "metadata/deletionTimestamp\","                                                                \
    "\"/metadata/deletionGracePeriodSeconds\"],\"types\":[{\"type\":\"any\"}]}"

typedef struct group_document {
    char *key;  /* "apis/apps/v1", "api/v1" */
    char *path; /* with ?hash= */
    char hash[136];
    char compiled_hash[136]; /* what `kinds` was made from */
    kube_text kinds;         /* lines "KIND TAB DESCRIPTION LF" */
} group_document;

struct kube_openapi {
    pthread_mutex_t
        lock; /* held while a document is read: others that want it wait for the same result */
    group_document *documents;
    size_t n;
    int64_t read_at_ms; /* 0: never */
};

kube_openapi *kube_openapi_new(void) {
    kube_openapi *o = calloc(1, sizeof(*o));
    if (o)
        pthread_mutex_init(&o->lock, NULL);
    return o;
}

void kube_openapi_free(kube_openapi *o) {
    if (!o)
        return;
    for (size_t i = 0; i < o->n; i++) {
        free(o->documents[i].key);
        free(o->documents[i].path);
        kube_text_done(&o->documents[i].kinds);
    }
    free(o->documents);
    pthread_mutex_destroy(&o->lock);
    free(o);
}

/* --- the index ----------------------------------------------------------------------------- */

static group_document *document_find(kube_openapi *o, const char *key) {
    for (size_t i = 0; i < o->n; i++)
        if (strcmp(o->documents[i].key, key) == 0)
            return &o->documents[i];
    return NULL;
}

static void document_set(kube_openapi *o, const char *key, const char *path) {
    group_document *d = document_find(o, key);
    if (!d) {
        group_document *grown = realloc(o->documents, (o->n + 1) * sizeof(*grown));
        if (!grown)
            return;
        o->documents = grown;
        d = &o->documents[o->n];
        *d = (group_document){.key = strdup(key)};
        if (!d->key)
            return;
        o->n++;
    }
    free(d->path);
    d->path = strdup(path);
    const char *hash = strstr(path, "hash=");
    size_t n = hash ? strspn(hash + 5, "0123456789abcdefABCDEF") : 0; /* it becomes a file name */
    snprintf(d->hash, sizeof(d->hash), "%.*s", (int)(n < sizeof(d->hash) ? n : 0),
             hash ? hash + 5 : "");
}

static tu_rc index_read(tu_instance *k, tu_call *call, kube_error *error) {
    kube_openapi *o = k->openapi;
    kube_transfer t = {.path = "/openapi/v3",
                       .topic = {.verb = "get", .resource = "the OpenAPI v3 index"}};
    tu_rc rc = kube_request(k, call, &t, error);
    cJSON *root =
        rc == TU_OK ? cJSON_ParseWithLength(t.answer.p ? t.answer.p : "", t.answer.n) : NULL;
    if (rc == TU_OK && !root)
        rc = kube_error_set(error, TU_EUNAVAILABLE, "not-json",
                            "%s answered with something else than an OpenAPI index", k->endpoint);
    if (root) {
        const cJSON *entry;
        for (size_t i = 0; i < o->n; i++) { /* what is no longer listed is no longer served */
            free(o->documents[i].path);
            o->documents[i].path = NULL;
            o->documents[i].hash[0] = '\0';
        }
        cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(root, "paths"))
            document_set(o, entry->string, kube_member_string(entry, "serverRelativeURL"));
        o->read_at_ms = kube_now_ms();
    }
    cJSON_Delete(root);
    kube_transfer_done(&t);
    return rc;
}

tu_rc kube_openapi_refresh(tu_instance *k, tu_call *call, kube_error *error) {
    tu_rc rc = kube_lock(&k->openapi->lock, k->host, call, error);
    if (rc != TU_OK)
        return rc;
    rc = index_read(k, call, error);
    pthread_mutex_unlock(&k->openapi->lock);
    return rc;
}

static void document_key(const char *group, const char *version, char *ret, size_t size) {
    if (group[0])
        snprintf(ret, size, "apis/%s/%s", group, version);
    else
        snprintf(ret, size, "api/%s", version);
}

tu_rc kube_openapi_hash(tu_instance *k, tu_call *call, const char *group, const char *version,
                        char *ret, size_t size, kube_error *error) {
    char key[512];
    document_key(group, version, key, sizeof(key));
    tu_rc rc = kube_lock(&k->openapi->lock, k->host, call, error);
    if (rc != TU_OK)
        return rc;
    const group_document *d = document_find(k->openapi, key);
    ret[0] = '\0';
    if (d && d->hash[0]) /* of what is emitted, so of the compiler too */
        snprintf(ret, size, "%d-%s", KUBE_COMPILE_VERSION, d->hash);
    pthread_mutex_unlock(&k->openapi->lock);
    return TU_OK;
}

/* --- compiled kinds, in memory and on disk ------------------------------------------------- */

static bool kinds_find(const kube_text *kinds, const char *kind, tu_str *ret) {
    size_t name = strlen(kind);
    for (const char *p = kinds->p, *end = p ? p + kinds->n : p; p < end;) {
        const char *line = memchr(p, '\n', (size_t)(end - p)),
                   *tab = line ? memchr(p, '\t', (size_t)(line - p)) : NULL;
        if (!tab)
            return false;
        if ((size_t)(tab - p) == name && memcmp(p, kind, name) == 0) {
            *ret = (tu_str){tab + 1, (size_t)(line - tab - 1)};
            return true;
        }
        p = line + 1;
    }
    return false;
}

static bool cache_path(tu_instance *k, tu_call *call, const char *hash, kube_text *ret) {
    tu_str folder = k->host->scratch(call);
    if (!folder.n || !hash[0])
        return false;
    kube_text_add(ret, folder.p, folder.n);
    kube_text_print(ret, "/kinds-%d-%.64s", KUBE_COMPILE_VERSION, hash);
    return !ret->failed;
}

/* The cache is a convenience: what can't be read or written there is simply asked for again. Its
 * last line says that it is whole. */
static bool cache_read(tu_instance *k, tu_call *call, group_document *d) {
    static const char whole[] = "\n\twhole\n";
    KUBE_TEXT path = {0};
    if (!cache_path(k, call, d->hash, &path))
        return false;
    kube_text_clear(&d->kinds);
    int fd = open(path.p, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char chunk[16384];
    ssize_t n = -1;
    while (fd >= 0 && (n = read(fd, chunk, sizeof(chunk))) > 0)
        kube_text_add(&d->kinds, chunk, (size_t)n);
    if (fd >= 0)
        close(fd);
    size_t tail = sizeof(whole) - 1;
    bool good = n == 0 && !d->kinds.failed && d->kinds.n > tail &&
                memcmp(d->kinds.p + d->kinds.n - tail, whole, tail) == 0;
    if (!good)
        kube_text_clear(&d->kinds);
    return good;
}

static void cache_write(tu_instance *k, tu_call *call, const group_document *d) {
    KUBE_TEXT path = {0}, part = {0};
    if (!cache_path(k, call, d->hash, &path))
        return;
    kube_text_print(&part, "%s.XXXXXX", path.p);
    int fd = part.failed ? -1 : mkostemp(part.p, O_CLOEXEC);
    if (fd < 0)
        return;
    size_t at = 0;
    while (at < d->kinds.n) {
        ssize_t n = write(fd, d->kinds.p + at, d->kinds.n - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    if (close(fd) != 0 || at < d->kinds.n || rename(part.p, path.p) != 0)
        unlink(part.p);
}

static void compile_all(const cJSON *document, kube_text *ret) {
    const cJSON *schema, *gvk,
        *schemas = cJSON_GetObjectItemCaseSensitive(
            cJSON_GetObjectItemCaseSensitive(document, "components"), "schemas");
    const cJSON *paths = cJSON_GetObjectItemCaseSensitive(document, "paths"), *path;
    cJSON_ArrayForEach(schema, schemas) {
        cJSON_ArrayForEach(
            gvk, cJSON_GetObjectItemCaseSensitive(schema, "x-kubernetes-group-version-kind")) {
            kube_resource r = {.group = (char *)(uintptr_t)kube_member_string(gvk, "group"),
                               .version = (char *)(uintptr_t)kube_member_string(gvk, "version"),
                               .kind = (char *)(uintptr_t)kube_member_string(gvk, "kind")};
            cJSON_ArrayForEach(path, paths) { /* does it have a status of its own? */
                size_t n = strlen(path->string);
                const cJSON *of =
                    cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(path, "get"),
                                                     "x-kubernetes-group-version-kind");
                r.has_status =
                    r.has_status || (n > 7 && strcmp(path->string + n - 7, "/status") == 0 &&
                                     strcmp(kube_member_string(of, "kind"), r.kind) == 0);
            }
            KUBE_TEXT text = {0};
            tu_str before;
            if (!r.kind[0] || kinds_find(ret, r.kind, &before) ||
                !kube_compile(document, &r, &text))
                continue;
            kube_text_print(ret, "%s\t", r.kind);
            kube_text_add(ret, text.p, text.n);
            kube_text_string(ret, "\n");
        }
    }
    kube_text_string(ret, "\twhole\n");
}

static tu_rc document_read(tu_instance *k, tu_call *call, group_document *d, kube_error *error) {
    kube_transfer t = {.path = d->path,
                       .topic = {.verb = "get", .resource = "the OpenAPI document"}};
    tu_rc rc = kube_request(k, call, &t, error);
    cJSON *document =
        rc == TU_OK ? cJSON_ParseWithLength(t.answer.p ? t.answer.p : "", t.answer.n) : NULL;
    if (rc == TU_OK && !document)
        rc = kube_error_set(error, TU_EUNAVAILABLE, "not-json",
                            "%s answered with something else than an OpenAPI document for %s",
                            k->endpoint, d->key);
    kube_transfer_done(&t);
    if (rc != TU_OK)
        return rc;
    kube_text_clear(&d->kinds);
    compile_all(document, &d->kinds);
    cJSON_Delete(document);
    if (d->kinds.failed) {
        kube_text_done(&d->kinds);
        return kube_error_set(error, TU_EINTERNAL, "memory",
                              "out of memory while compiling the descriptions of %s", d->key);
    }
    cache_write(k, call, d);
    return TU_OK;
}

/* Makes sure that the kinds of a group version are compiled from its present document. *ret NULL:
 * it isn't in the index. */
static tu_rc document_ready(tu_instance *k, tu_call *call, const char *key, group_document **ret,
                            kube_error *error) {
    kube_openapi *o = k->openapi;
    tu_rc rc = o->read_at_ms ? TU_OK : index_read(k, call, error);
    *ret = rc == TU_OK ? document_find(o, key) : NULL;
    if (*ret && !(*ret)->path)
        *ret = NULL;
    if (!*ret)
        return rc;
    group_document *d = *ret;
    if (d->kinds.n && d->hash[0] && strcmp(d->hash, d->compiled_hash) == 0)
        return TU_OK;
    if (!cache_read(k, call, d) && (rc = document_read(k, call, d, error)) != TU_OK)
        return rc;
    memcpy(d->compiled_hash, d->hash, sizeof(d->hash));
    return TU_OK;
}

static tu_rc wait_a_little(tu_instance *k, tu_call *call, kube_error *error) {
    kube_session *s = kube_session_open(k);
    if (!s)
        return kube_error_set(error, TU_EINTERNAL, "memory", "out of memory");
    int64_t until = kube_now_ms() + PUBLISH_POLL_MS;
    tu_rc rc = TU_OK;
    while (rc == TU_OK && kube_now_ms() < until)
        rc = kube_session_step(s, call, until, error);
    kube_session_close(s);
    return rc;
}

static tu_rc describe(tu_instance *k, tu_call *call, const kube_resource *r, kube_error *error) {
    kube_openapi *o = k->openapi;
    char key[512];
    document_key(r->group, r->version, key, sizeof(key));
    int64_t give_up = kube_now_ms() + PUBLISH_WAIT_MS;
    for (;;) {
        group_document *d;
        tu_str text;
        tu_rc rc = document_ready(k, call, key, &d, error);
        if (rc == TU_ENOTFOUND && !d) { /* no OpenAPI v3 on this server at all (before 1.24) */
            text = KUBE_STR(UNTYPED);
            return k->host->emit(call, TU_REC_DESCRIPTION, 0, KUBE_STR("{}"), text);
        }
        if (rc != TU_OK)
            return rc;
        if (d && kinds_find(&d->kinds, r->kind, &text))
            return k->host->emit(call, TU_REC_DESCRIPTION, 0, KUBE_STR("{}"), text);
        /* the kind is served, so it is either newer than what we hold or has no schema (an
         * aggregated API) */
        bool late = kube_now_ms() >= give_up;
        if (late && d)
            return kube_error_set(
                error, TU_EUNAVAILABLE, "description-pending",
                "%s serves %s, but its OpenAPI document of %s does not describe it (yet)",
                k->endpoint, r->kind, key);
        if (late) {
            KUBE_TEXT words = {0};
            kube_text_print(
                &words,
                "%s has no OpenAPI v3 document for %s: its objects are compared without types",
                k->endpoint, key);
            k->host->log(call, TU_LOG_WARN, kube_text_str(&words), (tu_str){0});
            return k->host->emit(call, TU_REC_DESCRIPTION, 0, KUBE_STR("{}"), KUBE_STR(UNTYPED));
        }
        if (kube_now_ms() - o->read_at_ms < PUBLISH_POLL_MS &&
            (rc = wait_a_little(k, call, error)) != TU_OK)
            return rc;
        if ((rc = index_read(k, call, error)) != TU_OK)
            return rc;
    }
}

tu_rc kube_describe(tu_instance *k, tu_call *call, tu_str kind, kube_error *error) {
    char group[256], version[64], name[256];
    kube_json_text(kind, "group", group, sizeof(group));
    kube_json_text(kind, "version", version, sizeof(version));
    kube_json_text(kind, "kind", name, sizeof(name));
    const kube_resource *r;
    tu_rc rc =
        kube_resource_find(k, call, kube_str(group), kube_str(version), kube_str(name), &r, error);
    if (rc != TU_OK)
        return rc;
    if ((rc = kube_lock(&k->openapi->lock, k->host, call, error)) != TU_OK)
        return rc;
    rc = describe(k, call, r, error);
    pthread_mutex_unlock(&k->openapi->lock);
    return rc;
}
