/*
 * compile.c: one kind's OpenAPI v3 schema, compiled to a kind description (trueup/plugin.h).
 *
 *     #/components/schemas/io.k8s.api.apps.v1.Deployment {"ignored":[...],"sensitive":[...], .spec
 * -> $ref DeploymentSpec -> ... -> $ref Container  ->
 * "types":[{"type":"map","fields":{"spec":1,...},"closed":true}, ...]}
 *
 * Every $ref becomes one type, so recursive schemas (JSONSchemaProps) become a graph. How a schema
 * is read follows kube-openapi's schemaconv, which is what server-side apply itself uses
 * (reference/kubernetes-drift.md 1.3), with what comparing needs beside it:
 *
 *   semantics    by the $ref's name (Quantity, Time, MicroTime, Duration, IntOrString); base64 by
 * format byte. Custom resources have no such refs and their values stay as written, so they get
 * none but x-kubernetes-int-or-string required     only for custom resources and only without a
 * default: the built-ins' lists name fields that the server does not ask for ignored      what is
 * never desired; creationTimestamp: null in the templates of built-ins (case 33)
 *
 * Change anything of the output: raise KUBE_COMPILE_VERSION (openapi.c keeps results on disk). To
 * add a semantic: the table in named_type().
 */
#include "kube.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_LIMIT 20000u
#define SLOTS 65536u /* a power of two, well above TYPE_LIMIT */
#define PATH_DEPTH 24u
#define LAST_APPLIED "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration"
#define REF_PREFIX "#/components/schemas/"

typedef struct compiled_type {
    const char *ref;   /* the component; NULL for an inline schema */
    bool atomic, open; /* part of what makes the type: an override beside the $ref, inherited
                          preserve-unknown-fields */
    kube_text text;
} compiled_type;

typedef struct compiler {
    const cJSON *schemas;
    compiled_type *types;
    size_t n;
    uint32_t *slots; /* inline types by their text: number + 1; SLOTS of them */
    bool no_status;  /* of the object itself: it is ignored */
    bool failed;
} compiler;

/* What is inherited on the way down. */
typedef struct place {
    bool builtin; /* inside a component of Kubernetes itself */
    bool open;    /* below x-kubernetes-preserve-unknown-fields */
    unsigned depth;
} place;

static const cJSON *member(const cJSON *o, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(o, name);
}

/* The component that a schema refers to, also by the one entry of allOf that defaults need beside a
 * $ref. */
static const char *ref_of(const cJSON *schema) {
    const char *ref = kube_member_string(schema, "$ref");
    const cJSON *all = member(schema, "allOf");
    if (!ref[0] && cJSON_GetArraySize(all) == 1)
        ref = kube_member_string(cJSON_GetArrayItem(all, 0), "$ref");
    return strncmp(ref, REF_PREFIX, sizeof(REF_PREFIX) - 1) == 0 ? ref + sizeof(REF_PREFIX) - 1
                                                                 : NULL;
}

static bool is_builtin(const char *component) {
    static const char *const prefixes[] = {"io.k8s.api.", "io.k8s.apimachinery.",
                                           "io.k8s.apiextensions-apiserver.",
                                           "io.k8s.kube-aggregator.", "io.k8s.metrics."};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
        if (strncmp(component, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

/* Components that are one value of their own kind, however their schema is written. */
static const char *named_type(const char *component) {
    static const struct {
        const char *name, *type;
    } table[] = {
        {"io.k8s.apimachinery.pkg.api.resource.Quantity",
         "{\"type\":\"string\",\"semantic\":\"quantity\"}"},
        {"io.k8s.apimachinery.pkg.apis.meta.v1.Time",
         "{\"type\":\"string\",\"semantic\":\"instant\"}"},
        {"io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime",
         "{\"type\":\"string\",\"semantic\":\"microtime\"}"},
        {"io.k8s.apimachinery.pkg.apis.meta.v1.Duration",
         "{\"type\":\"string\",\"semantic\":\"duration\"}"},
        {"io.k8s.apimachinery.pkg.util.intstr.IntOrString",
         "{\"type\":\"string\",\"semantic\":\"int-or-string\"}"},
        {"io.k8s.apimachinery.pkg.runtime.RawExtension", "{\"type\":\"map\",\"atomic\":true}"},
        {"io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1", "{\"type\":\"any\"}"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        if (strcmp(component, table[i].name) == 0)
            return table[i].type;
    return NULL;
}

static size_t type_new(compiler *c, const char *ref, bool atomic, bool open) {
    compiled_type *grown =
        c->n < TYPE_LIMIT ? realloc(c->types, (c->n + 1) * sizeof(*grown)) : NULL;
    if (!grown) {
        c->failed = true;
        return 0;
    }
    c->types = grown;
    c->types[c->n] = (compiled_type){.ref = ref, .atomic = atomic, .open = open};
    return c->n++;
}

/* The slot of an inline type, or the free one where it belongs. */
static uint32_t *slot_of(compiler *c, const char *text) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (const char *p = text; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 16777619u;
    for (uint32_t at = hash % SLOTS;; at = (at + 1) % SLOTS) {
        uint32_t *slot = &c->slots[at];
        if (!*slot || strcmp(c->types[*slot - 1].text.p, text) == 0)
            return slot;
    }
}

/* A type that is not a component: equal ones are one type, since what they refer to is so too. */
static size_t type_inline(compiler *c, const char *text) {
    if (!c->slots && !(c->slots = calloc(SLOTS, sizeof(*c->slots))))
        c->failed = true;
    uint32_t *slot = c->failed ? NULL : slot_of(c, text);
    if (slot && *slot)
        return *slot - 1;
    size_t at = c->failed ? 0 : type_new(c, NULL, false, false);
    if (c->failed)
        return 0;
    kube_text_string(&c->types[at].text, text);
    c->failed = c->types[at].text.failed;
    *slot = (uint32_t)at + 1;
    return at;
}

static size_t compile_schema(compiler *c, const cJSON *schema, place p);

static bool map_atomic(const cJSON *schema) {
    return strcmp(kube_member_string(schema, "x-kubernetes-map-type"), "atomic") == 0;
}

/* Custom resources refuse null where it isn't allowed and no default takes its place; built-in kinds
 * take it for nothing. */
static const char *null_word(const cJSON *schema, place p) {
    bool allowed =
        p.builtin || kube_member_true(schema, "nullable") || member(schema, "default") != NULL;
    return allowed ? "" : ",\"null\":false";
}

/* What the server fills in for absent members: schemas of custom resources say it truly. */
static void compile_defaults(const cJSON *properties, kube_text *t) {
    const cJSON *field;
    const char *before = ",\"defaults\":{", *after = "";
    cJSON_ArrayForEach(field, properties) {
        const cJSON *value = member(field, "default");
        char *text = value ? cJSON_PrintUnformatted(value) : NULL;
        if (!text)
            continue;
        kube_text_string(t, before);
        kube_text_quote(t, kube_str(field->string));
        kube_text_print(t, ":%s", text);
        before = ",";
        after = "}";
        free(text);
    }
    kube_text_string(t, after);
}

static void compile_map(compiler *c, const cJSON *schema, place p, bool atomic, kube_text *t) {
    const cJSON *properties = member(schema, "properties"),
                *values = member(schema, "additionalProperties"), *field;
    kube_text_string(t, "{\"type\":\"map\"");
    if (properties && properties->child) {
        kube_text_string(t, ",\"fields\":{");
        cJSON_ArrayForEach(field, properties) {
            /* depth 0 is the object itself, whose status is not compared where it is ignored */
            bool unused = p.depth == 0 && c->no_status && strcmp(field->string, "status") == 0;
            size_t type =
                unused ? type_inline(c, "{\"type\":\"any\"}") : compile_schema(c, field, p);
            kube_text_string(t, field == properties->child ? "" : ",");
            kube_text_quote(t, kube_str(field->string));
            kube_text_print(t, ":%zu", type);
        }
        kube_text_string(t, "}");
    }
    if (cJSON_IsObject(values))
        kube_text_print(t, ",\"values\":%zu", compile_schema(c, values, p));
    else if (properties && properties->child && !p.open && !cJSON_IsTrue(values))
        kube_text_string(t, ",\"closed\":true");
    if (atomic)
        kube_text_string(t, ",\"atomic\":true");
    const cJSON *name;
    const char *before = ",\"required\":[";
    if (!p.builtin)
        cJSON_ArrayForEach(name, member(schema, "required")) {
            if (!cJSON_IsString(name) || member(member(properties, name->valuestring), "default"))
                continue;
            kube_text_string(t, before);
            kube_text_quote(t, kube_str(name->valuestring));
            before = ",";
        }
    if (before[0] == ',' && !before[1])
        kube_text_string(t, "]");
    if (!p.builtin)
        compile_defaults(properties, t);
    kube_text_print(t, "%s}", null_word(schema, p));
}

/* The property of a list's item, for the default of a key. */
static const cJSON *item_property(const compiler *c, const cJSON *items, const char *name) {
    const char *ref = ref_of(items);
    return member(member(ref ? member(c->schemas, ref) : items, "properties"), name);
}

/* The schemas of built-ins give required fields Go's zero value as their default: that is none. */
static bool is_default(const cJSON *value, bool builtin) {
    if (cJSON_IsString(value))
        return value->valuestring[0] || !builtin;
    return cJSON_IsBool(value) || (cJSON_IsNumber(value) && (value->valueint != 0 || !builtin));
}

static void compile_keys(const compiler *c, const cJSON *items, const char *const *keys, size_t n,
                         bool builtin, kube_text *t) {
    kube_text_string(t, ",\"list\":\"keyed\",\"keys\":[");
    for (size_t i = 0; i < n; i++) {
        kube_text_string(t, i ? "," : "");
        kube_text_quote(t, kube_str(keys[i]));
    }
    const char *before = "],\"defaults\":{", *after = "]";
    for (size_t i = 0; i < n; i++) {
        const cJSON *value = member(item_property(c, items, keys[i]), "default");
        char *text = is_default(value, builtin) ? cJSON_PrintUnformatted(value) : NULL;
        if (!text)
            continue;
        kube_text_string(t, before);
        kube_text_quote(t, kube_str(keys[i]));
        kube_text_print(t, ":%s", text);
        before = ",";
        after = "}";
        free(text);
    }
    kube_text_string(t, after);
}

static void compile_list(compiler *c, const cJSON *schema, place p, kube_text *t) {
    const cJSON *items = member(schema, "items"), *key;
    const char *type = kube_member_string(schema, "x-kubernetes-list-type"),
               *strategy = kube_member_string(schema, "x-kubernetes-patch-strategy");
    const char *merge_key = kube_member_string(schema, "x-kubernetes-patch-merge-key"), *keys[16];
    size_t n = 0;
    cJSON_ArrayForEach(key, member(schema, "x-kubernetes-list-map-keys")) {
        if (cJSON_IsString(key) && n < sizeof(keys) / sizeof(*keys))
            keys[n++] = key->valuestring;
    }
    if (!type[0] && strstr(strategy, "merge")) { /* what server-side apply falls back to */
        type = merge_key[0] ? "map" : "set";
        if (merge_key[0])
            keys[n++] = merge_key;
    }
    kube_text_string(t, "{\"type\":\"list\"");
    if (items)
        kube_text_print(t, ",\"items\":%zu", compile_schema(c, items, p));
    if (strcmp(type, "map") == 0 && n)
        compile_keys(c, items, keys, n, p.builtin, t);
    else
        kube_text_print(t, ",\"list\":\"%s\"", strcmp(type, "set") == 0 ? "set" : "atomic");
    kube_text_print(t, "%s}", null_word(schema, p));
}

static size_t leaf_type(compiler *c, const cJSON *schema, place p, const char *members) {
    char text[256];
    snprintf(text, sizeof(text), "{%s%s}", members, null_word(schema, p));
    return type_inline(c, text);
}

static size_t compile_leaf(compiler *c, const cJSON *schema, place p) {
    const char *type = kube_member_string(schema, "type"),
               *format = kube_member_string(schema, "format");
    if (kube_member_true(schema, "x-kubernetes-int-or-string") ||
        strcmp(format, "int-or-string") == 0)
        return leaf_type(c, schema, p, "\"type\":\"string\",\"semantic\":\"int-or-string\"");
    if (strcmp(type, "string") == 0)
        return leaf_type(c, schema, p,
                         p.builtin && strcmp(format, "byte") == 0
                             ? "\"type\":\"string\",\"semantic\":\"base64\""
                             : "\"type\":\"string\"");
    if (strcmp(type, "integer") == 0)
        return leaf_type(c, schema, p, "\"type\":\"integer\"");
    if (strcmp(type, "number") == 0)
        return leaf_type(c, schema, p, "\"type\":\"number\"");
    if (strcmp(type, "boolean") == 0)
        return leaf_type(c, schema, p, "\"type\":\"boolean\"");
    return type_inline(c, "{\"type\":\"any\"}");
}

static void compile_body(compiler *c, const cJSON *schema, place p, bool atomic, kube_text *t) {
    if (strcmp(kube_member_string(schema, "type"), "array") == 0)
        compile_list(c, schema, p, t);
    else
        compile_map(c, schema, p, atomic, t);
    c->failed = c->failed || t->failed;
}

static size_t compile_ref(compiler *c, const char *ref, bool atomic, place p) {
    const char *named = named_type(ref);
    if (named)
        return type_inline(c, named);
    const cJSON *schema = member(c->schemas, ref);
    p.builtin = is_builtin(ref);
    atomic = atomic || map_atomic(schema);
    bool list = strcmp(kube_member_string(schema, "type"), "array") == 0;
    if (!list && !member(schema, "properties") && !member(schema, "additionalProperties"))
        return compile_schema(c, schema, p);
    p.open = p.open || kube_member_true(schema, "x-kubernetes-preserve-unknown-fields");
    for (size_t i = 0; i < c->n; i++) {
        const compiled_type *t = &c->types[i];
        if (t->ref && strcmp(t->ref, ref) == 0 && t->atomic == atomic && t->open == p.open)
            return i;
    }
    size_t at = type_new(c, ref, atomic, p.open); /* before its body, which may refer to it */
    if (c->failed)
        return 0;
    kube_text body = {0};
    compile_body(c, schema, p, atomic, &body);
    c->types[at].text = body;
    return at;
}

static size_t compile_schema(compiler *c, const cJSON *schema, place p) {
    if (c->failed || ++p.depth > KUBE_LIMIT_DEPTH) {
        c->failed = true;
        return 0;
    }
    bool atomic = map_atomic(schema);
    const char *ref = ref_of(schema), *type = kube_member_string(schema, "type");
    if (ref)
        return compile_ref(c, ref, atomic, p);
    p.open = p.open || kube_member_true(schema, "x-kubernetes-preserve-unknown-fields");
    bool map =
        member(schema, "properties") || cJSON_IsObject(member(schema, "additionalProperties"));
    bool container = map && (!type[0] || strcmp(type, "object") == 0) &&
                     !kube_member_true(schema, "x-kubernetes-int-or-string");
    if (container || strcmp(type, "array") == 0) {
        KUBE_TEXT body = {0};
        compile_body(c, schema, p, atomic, &body);
        return c->failed ? 0 : type_inline(c, body.p);
    }
    if (strcmp(type, "object") == 0)
        return type_inline(c, atomic ? "{\"type\":\"map\",\"atomic\":true}" : "{\"type\":\"any\"}");
    return compile_leaf(c, schema, p);
}

/* --- what is never desired ----------------------------------------------------------------- */

typedef struct trail {
    const char *refs[PATH_DEPTH]; /* components that are being walked, against recursion */
    unsigned n;
} trail;

/* Finds every ObjectMeta below the object's own. `path` is where we are. */
static void find_templates(const compiler *c, const cJSON *schema, trail *t, kube_text *path,
                           kube_text *out) {
    const char *ref = ref_of(schema);
    if (t->n == PATH_DEPTH)
        return;
    if (ref) {
        if (strcmp(ref, "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta") == 0) {
            if (strcmp(path->p, "/metadata") != 0)
                kube_text_print(out, ",\"%s/creationTimestamp\"", path->p);
            return;
        }
        for (unsigned i = 0; i < t->n; i++)
            if (t->refs[i] && strcmp(t->refs[i], ref) == 0)
                return;
        schema = member(c->schemas, ref);
    }
    t->refs[t->n++] = ref;
    size_t length = path->n;
    const cJSON *field, *items = member(schema, "items"),
                        *values = member(schema, "additionalProperties");
    cJSON_ArrayForEach(field, member(schema, "properties")) {
        if (length == 0 && strcmp(field->string, "status") == 0)
            continue;
        kube_text_print(path, "/%s", field->string); /* names of built-in fields need no escaping */
        find_templates(c, field, t, path, out);
        path->n = length;
        path->p[length] = '\0';
    }
    if (cJSON_IsObject(items) || cJSON_IsObject(values)) {
        kube_text_string(path, "/*");
        find_templates(c, cJSON_IsObject(items) ? items : values, t, path, out);
        path->n = length;
        path->p[length] = '\0';
    }
    t->n--;
}

static void write_ignored(const compiler *c, const cJSON *root, const char *component,
                          kube_text *ret) {
    static const char *const metadata[] = {
        "uid",      "resourceVersion", "generation",        "creationTimestamp",
        "selfLink", "managedFields",   "deletionTimestamp", "deletionGracePeriodSeconds"};
    bool builtin = is_builtin(component);
    kube_text_string(ret, "\"ignored\":[\"" LAST_APPLIED "\"");
    for (size_t i = 0; i < sizeof(metadata) / sizeof(*metadata); i++)
        kube_text_print(ret, ",\"/metadata/%s\"", metadata[i]);
    if (c->no_status)
        kube_text_string(ret, ",\"/status\"");
    if (builtin) {
        trail t = {.n = 0};
        KUBE_TEXT path = {0};
        kube_text_string(&path, "");
        find_templates(c, root, &t, &path, ret);
    }
    kube_text_string(ret, "]");
}

static const cJSON *find_kind(const cJSON *schemas, const kube_resource *r) {
    const cJSON *schema, *gvk;
    cJSON_ArrayForEach(schema, schemas) {
        cJSON_ArrayForEach(gvk, member(schema, "x-kubernetes-group-version-kind")) {
            if (strcmp(kube_member_string(gvk, "kind"), r->kind) == 0 &&
                strcmp(kube_member_string(gvk, "version"), r->version) == 0 &&
                strcmp(kube_member_string(gvk, "group"), r->group) == 0)
                return schema;
        }
    }
    return NULL;
}

/* Does the component come from a CustomResourceDefinition? Those are called by the group read
 * backwards; what other API servers add has the names of its Go packages. */
static bool is_defined(const char *component, const kube_resource *r) {
    KUBE_TEXT name = {0};
    for (const char *end = r->group + strlen(r->group); end > r->group;) {
        const char *begin = end;
        while (begin > r->group && begin[-1] != '.')
            begin--;
        kube_text_print(&name, "%.*s.", (int)(end - begin), begin);
        end = begin > r->group ? begin - 1 : begin;
    }
    kube_text_print(&name, "%s.%s", r->version, r->kind);
    return !name.failed && strcmp(name.p, component) == 0;
}

bool kube_compile(const cJSON *document, const kube_resource *r, kube_text *ret) {
    compiler c = {.schemas = member(member(document, "components"), "schemas")};
    const cJSON *root = find_kind(c.schemas, r);
    if (!root)
        return false;
    c.no_status =
        r->has_status || (is_builtin(root->string) && member(member(root, "properties"), "status"));
    size_t top = compile_ref(&c, root->string, false,
                             (place){0}); /* the first type that is made: number 0 */
    kube_text_string(ret, "{");
    kube_text_string(
        ret, kube_resource_sealed(r)
                 ? "\"sensitive\":[\"/data/*\",\"/stringData/*\",\"" LAST_APPLIED "\"],"
                   "\"fold\":[{\"from\":\"/stringData\",\"into\":\"/data\",\"encode\":\"base64\"}],"
                 : "\"sensitive\":[\"" LAST_APPLIED "\"],");
    if (is_builtin(root->string))
        kube_tables_write(r, ret);
    else if (is_defined(root->string, r))
        kube_text_string(ret, "\"verbatim\":true,"); /* stored as it was written */
    write_ignored(&c, root, root->string, ret);
    kube_text_string(ret, ",\"types\":[");
    for (size_t i = 0; i < c.n; i++) {
        kube_text_string(ret, i ? "," : "");
        kube_text_add(ret, c.types[i].text.p, c.types[i].text.n);
        kube_text_done(&c.types[i].text);
    }
    kube_text_string(ret, "]}");
    free(c.types);
    free(c.slots);
    return !c.failed && !ret->failed && top == 0;
}
