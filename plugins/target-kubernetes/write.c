/*
 * write.c: get, apply, patch, remove: one object, one request.
 *
 * Apply is server-side apply (PATCH, application/apply-patch+yaml) with our field manager and
 * fieldValidation=Strict. Preconditions travel in the body: metadata.uid keeps a deleted object
 * from being made again, metadata.resourceVersion is the optimistic lock. The object's own bytes
 * are sent as they came, with the preconditions spliced in, so that no number is rounded on the
 * way. Facts: reference/kubernetes-drift.md 1.7 and 9.
 */
#include "kube.h"
#include "scan.h"

#include <string.h>

typedef struct identity {
    char group[256], version[64], kind[256], namespace_[256], name[256];
    const kube_resource *resource;
    char words[512];
    kube_topic topic;
    kube_text path;
} identity;

static tu_rc identity_resolve(tu_instance *k, tu_call *call, identity *id, const char *verb,
                              kube_error *error) {
    tu_rc rc = kube_resource_find(k, call, kube_str(id->group), kube_str(id->version),
                                  kube_str(id->kind), &id->resource, error);
    if (rc != TU_OK)
        return rc;
    if (!id->name[0])
        return kube_error_set(error, TU_EINVALID, "no-name", "an object of kind %s has no name",
                              id->kind);
    if (!id->resource->namespaced)
        id->namespace_[0] = '\0';
    else if (!id->namespace_[0])
        return kube_error_set(error, TU_EINVALID, "no-namespace", "%s %s has no namespace",
                              id->kind, id->name);
    kube_resource_words(id->resource, id->words, sizeof(id->words));
    id->topic = (kube_topic){.verb = verb,
                             .resource = id->words,
                             .namespace_ = id->namespace_,
                             .name = id->name,
                             .sealed = kube_resource_sealed(id->resource)};
    kube_resource_path(id->resource, kube_str(id->namespace_), kube_str(id->name), &id->path);
    return TU_OK;
}

static tu_rc identity_read(tu_instance *k, tu_call *call, tu_str text, const char *verb,
                           identity *id, kube_error *error) {
    kube_json_text(text, "group", id->group, sizeof(id->group));
    kube_json_text(text, "version", id->version, sizeof(id->version));
    kube_json_text(text, "kind", id->kind, sizeof(id->kind));
    kube_json_text(text, "namespace", id->namespace_, sizeof(id->namespace_));
    kube_json_text(text, "name", id->name, sizeof(id->name));
    return identity_resolve(k, call, id, verb, error);
}

/* From a manifest: apiVersion, kind, metadata. */
static tu_rc identity_of_object(tu_instance *k, tu_call *call, tu_str object, tu_str metadata,
                                identity *id, kube_error *error) {
    char api_version[sizeof(id->group) + sizeof(id->version)];
    kube_json_text(object, "apiVersion", api_version, sizeof(api_version));
    const char *slash = strchr(api_version, '/'), *version = slash ? slash + 1 : api_version;
    if (!version[0] || strlen(version) >= sizeof(id->version) ||
        (slash && (size_t)(slash - api_version) >= sizeof(id->group)))
        return kube_error_set(error, TU_EINVALID, "no-api-version",
                              "the object has no usable apiVersion");
    if (slash)
        memcpy(id->group, api_version, (size_t)(slash - api_version));
    memcpy(id->version, version, strlen(version) + 1);
    kube_json_text(object, "kind", id->kind, sizeof(id->kind));
    kube_json_text(metadata, "namespace", id->namespace_, sizeof(id->namespace_));
    kube_json_text(metadata, "name", id->name, sizeof(id->name));
    return identity_resolve(k, call, id, "patch", error);
}

typedef struct write_options {
    bool dry_run, force, must_exist;
    char manager[130], uid[128], version[64], propagation[24];
} write_options;

static bool option_true(tu_str options, const char *name) {
    tu_str value;
    return kube_json_member(options, name, &value) && kube_str_is(value, "true");
}

static tu_rc options_read(tu_str text, write_options *o, kube_error *error) {
    *o = (write_options){.dry_run = option_true(text, "dryRun"),
                         .force = option_true(text, "force"),
                         .must_exist = option_true(text, "mustExist")};
    tu_str dry_run;
    /* a dry run that is misunderstood would be a write */
    if (kube_json_member(text, "dryRun", &dry_run) && !kube_str_is(dry_run, "true") &&
        !kube_str_is(dry_run, "false"))
        return kube_error_set(error, TU_EINVALID, "options", "dryRun is neither true nor false");
    kube_json_text(text, "manager", o->manager, sizeof(o->manager));
    kube_json_text(text, "uid", o->uid, sizeof(o->uid));
    kube_json_text(text, "resourceVersion", o->version, sizeof(o->version));
    kube_json_text(text, "propagation", o->propagation, sizeof(o->propagation));
    if (!o->manager[0])
        memcpy(o->manager, "trueup", sizeof("trueup"));
    return TU_OK;
}

static void add_query(kube_text *path, const write_options *o) {
    kube_text_string(path, "?fieldManager=");
    kube_text_segment(path, kube_str(o->manager));
    if (o->dry_run)
        kube_text_string(path, "&dryRun=All");
    kube_text_string(path, "&fieldValidation=Strict");
}

static tu_rc emit_result(tu_instance *k, tu_call *call, const kube_transfer *t) {
    return k->host->emit(call, TU_REC_RESULT, 0,
                         t->status == 201 ? KUBE_STR("{\"created\":true}")
                                          : KUBE_STR("{\"created\":false}"),
                         kube_text_str(&t->answer));
}

tu_rc kube_get(tu_instance *k, tu_call *call, tu_str text, kube_error *error) {
    identity id = {0};
    tu_rc rc = identity_read(k, call, text, "get", &id, error);
    kube_transfer t = {.path = id.path.p, .topic = id.topic, .limit = KUBE_LIMIT_OBJECT_BYTES};
    if (rc == TU_OK)
        rc = kube_request(k, call, &t, error);
    if (rc == TU_OK)
        rc = k->host->emit(call, TU_REC_OBJECT, 0, (tu_str){0}, kube_text_str(&t.answer));
    kube_transfer_done(&t);
    kube_text_done(&id.path);
    return rc;
}

/* The uid of the object that is there now: TU_ENOTFOUND when none is. */
static tu_rc read_uid(tu_instance *k, tu_call *call, const identity *id, char *ret, size_t size,
                      kube_error *error) {
    kube_transfer t = {
        .path = id->path.p,
        .topic = id->topic,
        .accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"};
    t.topic.verb = "get";
    tu_rc rc = kube_request(k, call, &t, error);
    tu_str metadata;
    ret[0] = '\0';
    if (rc == TU_OK && kube_json_member(kube_text_str(&t.answer), "metadata", &metadata))
        kube_json_text(metadata, "uid", ret, size);
    if (rc == TU_OK && !ret[0])
        rc = kube_error_set(error, TU_EUNAVAILABLE, "no-uid", "%s answered without a uid for %s %s",
                            k->endpoint, id->words, id->name);
    kube_transfer_done(&t);
    return rc;
}

/* The object's bytes with the preconditions as first members of metadata. */
static tu_rc apply_body(tu_str object, tu_str metadata, const write_options *o, kube_text *ret,
                        kube_error *error) {
    tu_str before;
    if ((o->uid[0] && kube_json_member(metadata, "uid", &before)) ||
        (o->version[0] && kube_json_member(metadata, "resourceVersion", &before)))
        return kube_error_set(
            error, TU_EINVALID, "metadata",
            "the object names a uid or resourceVersion of its own: they belong into the options");
    size_t at = (size_t)(metadata.p - object.p) +
                1; /* after the bracket; metadata has a name, so a comma may follow */
    kube_text_add(ret, object.p, at);
    if (o->uid[0]) {
        kube_text_string(ret, "\"uid\":");
        kube_text_quote(ret, kube_str(o->uid));
        kube_text_string(ret, ",");
    }
    if (o->version[0]) {
        kube_text_string(ret, "\"resourceVersion\":");
        kube_text_quote(ret, kube_str(o->version));
        kube_text_string(ret, ",");
    }
    kube_text_add(ret, object.p + at, object.n - at);
    return ret->failed ? kube_error_set(error, TU_EINVALID, "object-too-large",
                                        "the object is beyond what is sent in one request")
                       : TU_OK;
}

static tu_rc apply(tu_instance *k, tu_call *call, tu_str object, write_options *o, identity *id,
                   kube_transfer *t, kube_error *error) {
    tu_str metadata;
    if (!kube_json_member(object, "metadata", &metadata) || metadata.p[0] != '{')
        return kube_error_set(error, TU_EINVALID, "no-metadata", "the object has no metadata");
    tu_rc rc = identity_of_object(k, call, object, metadata, id, error);
    if (rc == TU_OK && o->must_exist &&
        !o->uid[0]) /* naming the uid is what keeps it from being created */
        rc = read_uid(k, call, id, o->uid, sizeof(o->uid), error);
    KUBE_TEXT body = {.secret = id->topic.sealed};
    if (rc == TU_OK)
        rc = apply_body(object, metadata, o, &body, error);
    if (rc != TU_OK)
        return rc;
    add_query(&id->path, o);
    if (o->force)
        kube_text_string(&id->path, "&force=true");
    *t = (kube_transfer){.method = "PATCH",
                         .path = id->path.p,
                         .content_type = "application/apply-patch+yaml",
                         .body = kube_text_str(&body),
                         .topic = id->topic};
    t->topic.dry_run = o->dry_run;
    t->topic.exists = o->uid[0];
    t->limit = KUBE_LIMIT_OBJECT_BYTES;
    rc = kube_request(k, call, t, error);
    if (rc == TU_ECONFLICT && o->uid[0] && strcmp(error->code, "conflict") == 0 && t->answer.n &&
        strstr(t->answer.p, "uid mismatch"))
        rc = kube_error_set(error, TU_ECONFLICT, "uid-mismatch",
                            "can't patch %s %s: the object that was read is gone", id->words,
                            id->name);
    return rc;
}

tu_rc kube_apply(tu_instance *k, tu_call *call, tu_str object, tu_str options, kube_error *error) {
    write_options o;
    identity id = {0};
    kube_transfer t = {0};
    tu_rc rc = options_read(options, &o, error);
    if (rc == TU_OK)
        rc = apply(k, call, object, &o, &id, &t, error);
    if (rc == TU_OK)
        rc = emit_result(k, call, &t);
    kube_transfer_done(&t);
    kube_text_done(&id.path);
    return rc;
}

/* The patch with its guards in front. `replace` of a resourceVersion that has moved on is a 409,
 * where `test` would be a 422. */
static tu_rc patch_body(tu_str patch, const write_options *o, kube_text *ret, kube_error *error) {
    const char *p = patch.p, *end = p + patch.n;
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    if (p == end || *p != '[')
        return kube_error_set(error, TU_EINVALID, "patch",
                              "the patch is no JSON list of operations");
    kube_text_string(ret, "[");
    if (o->uid[0]) {
        kube_text_string(ret, "{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":");
        kube_text_quote(ret, kube_str(o->uid));
        kube_text_string(ret, "},");
    }
    if (o->version[0]) {
        kube_text_string(ret,
                         "{\"op\":\"replace\",\"path\":\"/metadata/resourceVersion\",\"value\":");
        kube_text_quote(ret, kube_str(o->version));
        kube_text_string(ret, "},");
    }
    for (p++; p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t');)
        p++;
    if (p < end && *p == ']' && ret->n > 1) /* no operations at all: drop the comma */
        ret->n--;
    kube_text_add(ret, p, (size_t)(end - p));
    return ret->failed ? kube_error_set(error, TU_EINVALID, "patch",
                                        "the patch is beyond what is sent in one request")
                       : TU_OK;
}

tu_rc kube_patch(tu_instance *k, tu_call *call, tu_str text, tu_str patch, tu_str options,
                 kube_error *error) {
    write_options o;
    identity id = {0};
    KUBE_TEXT body = {0};
    tu_rc rc = options_read(options, &o, error);
    if (rc == TU_OK)
        rc = identity_read(k, call, text, "patch", &id, error);
    if (rc == TU_OK)
        rc = patch_body(patch, &o, &body, error);
    if (rc == TU_OK)
        add_query(&id.path, &o);
    kube_transfer t = {.method = "PATCH",
                       .path = id.path.p,
                       .content_type = "application/json-patch+json",
                       .body = kube_text_str(&body),
                       .topic = id.topic};
    t.topic.dry_run = o.dry_run;
    t.topic.exists = true;
    t.limit = KUBE_LIMIT_OBJECT_BYTES;
    if (rc == TU_OK)
        rc = kube_request(k, call, &t, error);
    if (rc == TU_OK)
        rc = emit_result(k, call, &t);
    kube_transfer_done(&t);
    kube_text_done(&id.path);
    return rc;
}

static void remove_body(const write_options *o, kube_text *ret) {
    const char *propagation = strcmp(o->propagation, "foreground") == 0 ? "Foreground"
                              : strcmp(o->propagation, "orphan") == 0   ? "Orphan"
                                                                        : "Background";
    kube_text_print(
        ret, "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":\"%s\"",
        propagation);
    if (o->dry_run)
        kube_text_string(ret, ",\"dryRun\":[\"All\"]");
    if (o->uid[0] || o->version[0]) {
        kube_text_string(ret, ",\"preconditions\":{");
        if (o->uid[0]) {
            kube_text_string(ret, "\"uid\":");
            kube_text_quote(ret, kube_str(o->uid));
        }
        if (o->version[0]) {
            kube_text_string(ret, o->uid[0] ? ",\"resourceVersion\":" : "\"resourceVersion\":");
            kube_text_quote(ret, kube_str(o->version));
        }
        kube_text_string(ret, "}");
    }
    kube_text_string(ret, "}");
}

tu_rc kube_remove(tu_instance *k, tu_call *call, tu_str text, tu_str options, kube_error *error) {
    write_options o;
    identity id = {0};
    KUBE_TEXT body = {0};
    tu_rc rc = options_read(options, &o, error);
    if (rc == TU_OK)
        rc = identity_read(k, call, text, "delete", &id, error);
    if (rc == TU_OK)
        remove_body(&o, &body);
    kube_transfer t = {.method = "DELETE",
                       .path = id.path.p,
                       .content_type = "application/json",
                       .body = kube_text_str(&body),
                       .topic = id.topic};
    t.topic.dry_run = o.dry_run;
    if (rc == TU_OK)
        rc = kube_request(k, call, &t, error);
    kube_transfer_done(&t);
    kube_text_done(&id.path);
    return rc;
}
