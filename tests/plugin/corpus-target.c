/*
 * corpus-target.c: a target that answers what one case of the conformance corpus has recorded
 * (tests/corpus/README.md): one object of one kind.
 *
 *   discover  what recorded.json says of the kind; nothing when the server didn't serve it
 *   describe  what the plugin's compiler makes of the server's OpenAPI, recorded in tests/corpus/kinds
 *   list      live.json
 *   watch     a listing with before.json (live.json where there is none), then, once the file STAGE/go is there, what happened to it: OBJECT
 *             with live.json, or GONE. Then CURRENT, and the file STAGE/CASE.done is made
 *   get       live.json; before STAGE/go what the listing had
 *   apply     a dry run: dry-run.json (before STAGE/go: before-dry-run.json), an error status classified by the Kubernetes plugin's own answer.c;
 *             a write is refused
 *
 * Metadata alone is given where the selector asks for it. config: {"case": folder, "stage": folder}; without a stage everything has happened.
 * Every call is noted in STAGE/CASE.calls, one line each: its name and what it was asked.
 */
#include "kube.h"
#include "scan.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct corpus_case {
    const tu_host *host;
    tu_instance kube; /* what answer.c wants to know: whom the words are about */
    char folder[512], stage[512], name[256];
    kube_text recorded, before, live; /* empty: there is no such object */
    kube_text dry_run, before_dry_run;
    tu_str discovery;       /* points into recorded */
    kube_resource resource; /* its texts are these */
    char kind_file[256], group[256], version[64], kind[256], plural[256], words[512];
} corpus_case;

#define S(literal) ((tu_str){(literal), sizeof(literal) - 1})
#define NOTHING ((tu_str){NULL, 0})

/* What answer.c uses of the rest of its plugin. */
const char *kube_member_string(const cJSON *object, const char *name) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(v) ? v->valuestring : "";
}

static corpus_case *of(tu_instance *i) {
    return (corpus_case *)(void *)i;
}
bool kube_member_true(const cJSON *object, const char *name) {
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}
bool kube_resource_sealed(const kube_resource *r) {
    return strcmp(r->kind, "Secret") == 0 && r->group[0] == '\0';
}

/* --- the folders ------------------------------------------------------------------------------ */

static void read_recorded(const corpus_case *c, const char *name, kube_text *ret) {
    char path[1200];
    snprintf(path, sizeof(path), "%s/%s", c->folder, name);
    if (kube_read_file(path, ret) != 0)
        kube_text_clear(ret);
}

static bool has_happened(const corpus_case *c) {
    char path[600];
    snprintf(path, sizeof(path), "%s/go", c->stage);
    return !c->stage[0] || access(path, F_OK) == 0;
}

static void note(const corpus_case *c, const char *suffix, const char *call, tu_str what) {
    char path[900];
    snprintf(path, sizeof(path), "%s/%s.%s", c->stage, c->name, suffix);
    FILE *f = c->stage[0] ? fopen(path, "a") : NULL;
    if (!f)
        return;
    fprintf(f, "%s %.*s\n", call, (int)what.n, what.n ? what.p : "");
    fclose(f);
}

static tu_str object_now(const corpus_case *c) {
    return kube_text_str(has_happened(c) || !c->before.n ? &c->live : &c->before);
}

/* --- life ------------------------------------------------------------------------------------- */

static void destroy(tu_instance *i) {
    corpus_case *c = of(i);
    if (!c)
        return;
    kube_text *const texts[] = {&c->recorded, &c->before, &c->live, &c->dry_run,
                                &c->before_dry_run};
    for (size_t k = 0; k < sizeof(texts) / sizeof(*texts); k++)
        kube_text_done(texts[k]);
    free(c);
}

static tu_rc create(const tu_host *h, tu_call *call, tu_str config, tu_instance **out) {
    corpus_case *c = calloc(1, sizeof(*c));
    if (!c)
        return h->fail(call, TU_EINTERNAL, 0, S("memory"), S("out of memory"));
    c->host = h;
    snprintf(c->kube.endpoint, sizeof(c->kube.endpoint), "the corpus");
    c->kube.cluster.context = (char *)"corpus";
    kube_json_text(config, "case", c->folder, sizeof(c->folder));
    kube_json_text(config, "stage", c->stage, sizeof(c->stage));
    const char *slash = strrchr(c->folder, '/');
    snprintf(c->name, sizeof(c->name), "%s", slash ? slash + 1 : c->folder);
    read_recorded(c, "recorded.json", &c->recorded);
    read_recorded(c, "before.json", &c->before);
    read_recorded(c, "live.json", &c->live);
    read_recorded(c, "dry-run.json", &c->dry_run);
    read_recorded(c, "before-dry-run.json", &c->before_dry_run);
    kube_json_text(kube_text_str(&c->recorded), "kind", c->kind_file, sizeof(c->kind_file));
    if (kube_json_member(kube_text_str(&c->recorded), "discovery", &c->discovery)) {
        tu_str value;
        kube_json_text(c->discovery, "group", c->group, sizeof(c->group));
        kube_json_text(c->discovery, "version", c->version, sizeof(c->version));
        kube_json_text(c->discovery, "kind", c->kind, sizeof(c->kind));
        kube_json_text(c->discovery, "resource", c->plural, sizeof(c->plural));
        c->resource = (kube_resource){
            .group = c->group, .version = c->version, .kind = c->kind, .resource = c->plural};
        c->resource.namespaced =
            kube_json_member(c->discovery, "namespaced", &value) && kube_str_is(value, "true");
        c->resource.has_status =
            kube_json_member(c->discovery, "status", &value) && kube_str_is(value, "true");
        snprintf(c->words, sizeof(c->words), "%s%s%s", c->plural, c->group[0] ? "." : "", c->group);
    }
    *out = (tu_instance *)(void *)c;
    return TU_OK;
}

static tu_rc discover(tu_instance *i, tu_call *call) {
    corpus_case *c = of(i);
    tu_rc rc = c->host->emit(
        call, TU_REC_INFO, 0,
        S("{\"endpoint\":\"the corpus\",\"version\":\"recorded\",\"defaultNamespace\":\"shop\","
          "\"ownership\":true,\"metadata\":true}"),
        NOTHING);
    if (rc == TU_OK && c->discovery.n && c->discovery.p[0] == '{')
        rc = c->host->emit(call, TU_REC_KIND, 0, c->discovery, NOTHING);
    tu_str instead; /* the version in which the kind is served where ours isn't */
    if (rc == TU_OK && kube_json_member(kube_text_str(&c->recorded), "instead", &instead) &&
        instead.p[0] == '{')
        rc = c->host->emit(call, TU_REC_KIND, 0, instead, NOTHING);
    return rc;
}

static tu_rc describe(tu_instance *i, tu_call *call, tu_str kind) {
    (void)kind;
    corpus_case *c = of(i);
    char path[1200];
    snprintf(path, sizeof(path), "%s/../kinds/%s.json", c->folder, c->kind_file);
    KUBE_TEXT text = {0}, description = {0};
    cJSON *document =
        kube_read_file(path, &text) == 0 ? cJSON_ParseWithLength(text.p, text.n) : NULL;
    bool fine = kube_compile(document, &c->resource, &description);
    cJSON_Delete(document);
    if (!fine)
        return c->host->fail(call, TU_EINVALID, 0, S("no-description"),
                             (tu_str){path, strlen(path)});
    return c->host->emit(call, TU_REC_DESCRIPTION, 0, S("{}"), kube_text_str(&description));
}

/* --- list and watch --------------------------------------------------------------------------- */

static tu_rc emit_object(corpus_case *c, tu_call *call, uint32_t scope, tu_str object,
                         bool partial) {
    tu_str metadata;
    if (!partial || !kube_json_member(object, "metadata", &metadata))
        return c->host->emit(call, TU_REC_OBJECT, scope, NOTHING, object);
    KUBE_TEXT text = {0};
    tu_str api_version = NOTHING, kind = NOTHING;
    kube_json_member(object, "apiVersion", &api_version);
    kube_json_member(object, "kind", &kind);
    kube_text_print(&text, "{\"apiVersion\":%.*s,\"kind\":%.*s,\"metadata\":", (int)api_version.n,
                    api_version.p, (int)kind.n, kind.p);
    kube_text_add(&text, metadata.p, metadata.n);
    kube_text_string(&text, "}");
    return c->host->emit(call, TU_REC_OBJECT, scope, S("{\"partial\":true}"), kube_text_str(&text));
}

static bool asks(tu_str selector, const char *member) {
    tu_str value;
    return kube_json_member(selector, member, &value) && kube_str_is(value, "\"metadata\"");
}

/* Which scope of the selector is this object's; the engine asks for as many as it has kinds. */
static uint32_t scope_of(const corpus_case *c, tu_str selector, uint32_t *ret_count) {
    cJSON *root = cJSON_ParseWithLength(selector.p, selector.n);
    const cJSON *scope, *scopes = cJSON_GetObjectItemCaseSensitive(root, "scopes");
    uint32_t found = 0, n = 0;
    cJSON_ArrayForEach(scope, scopes) {
        if (strcmp(kube_member_string(scope, "kind"), c->kind) == 0 &&
            strcmp(kube_member_string(scope, "group"), c->group) == 0)
            found = n;
        n++;
    }
    cJSON_Delete(root);
    *ret_count = n;
    return found;
}

static tu_rc listing(corpus_case *c, tu_call *call, tu_str selector, tu_str object, bool partial) {
    uint32_t n, mine = scope_of(c, selector, &n);
    tu_str environment;
    tu_rc rc = TU_OK;
    if (kube_json_member(selector, "environment", &environment) && kube_str_is(environment, "true"))
        rc = c->host->emit(call, TU_REC_ENVIRONMENT, 0, S("{\"hash\":\"as recorded\"}"), NOTHING);
    for (uint32_t i = 0; i < n && rc == TU_OK; i++) {
        rc = c->host->emit(call, TU_REC_BEGIN, i, S("{}"), NOTHING);
        if (rc == TU_OK && i == mine && object.n)
            rc = emit_object(c, call, i, object, partial);
        if (rc == TU_OK)
            rc = c->host->emit(call, TU_REC_END, i, S("{}"), NOTHING);
    }
    return rc;
}

static tu_rc list(tu_instance *i, tu_call *call, tu_str selector) {
    corpus_case *c = of(i);
    note(c, "calls", "list", selector);
    return listing(c, call, selector, object_now(c), asks(selector, "detail"));
}

/* Waits for the file STAGE/go, or to be cancelled: false. */
static bool await_go(const corpus_case *c, const tu_call *call) {
    struct pollfd cancel = {.fd = c->host->cancel_fd(call), .events = POLLIN};
    while (!has_happened(c))
        if (poll(&cancel, 1, 50) > 0)
            return false;
    return true;
}

static tu_rc emit_gone(corpus_case *c, tu_call *call, uint32_t scope) {
    tu_str metadata = NOTHING;
    char namespace_[256], name[256], uid[128];
    KUBE_TEXT meta = {0};
    kube_json_member(kube_text_str(&c->before), "metadata", &metadata);
    kube_json_text(metadata, "namespace", namespace_, sizeof(namespace_));
    kube_json_text(metadata, "name", name, sizeof(name));
    kube_json_text(metadata, "uid", uid, sizeof(uid));
    kube_text_print(&meta, "{\"namespace\":\"%s\",\"name\":\"%s\",\"uid\":\"%s\"}", namespace_,
                    name, uid);
    return c->host->emit(call, TU_REC_GONE, scope, kube_text_str(&meta), NOTHING);
}

static tu_rc watch(tu_instance *i, tu_call *call, tu_str selector) {
    corpus_case *c = of(i);
    note(c, "calls", "watch", selector);
    bool late = has_happened(c); /* a watch that is begun anew finds what there is */
    tu_rc rc = listing(c, call, selector, object_now(c), asks(selector, "detail"));
    uint32_t n, scope = scope_of(c, selector, &n);
    if (rc != TU_OK || !await_go(c, call))
        return rc;
    if (!late && c->before.n)
        rc = c->live.n ? emit_object(c, call, scope, kube_text_str(&c->live),
                                     asks(selector, "watchDetail"))
                       : emit_gone(c, call, scope);
    for (uint32_t k = 0; k < n && rc == TU_OK; k++)
        rc = c->host->emit(call, TU_REC_CURRENT, k, S("{}"), NOTHING);
    note(c, "done", "done", NOTHING);
    struct pollfd cancel = {.fd = c->host->cancel_fd(call), .events = POLLIN};
    poll(&cancel, 1, -1);
    return rc;
}

/* --- one object ------------------------------------------------------------------------------- */

static tu_rc get(tu_instance *i, tu_call *call, tu_str identity) {
    corpus_case *c = of(i);
    note(c, "calls", "get", identity);
    tu_str object = object_now(c);
    if (!object.n)
        return c->host->fail(call, TU_ENOTFOUND, 0, S("not-found"), S("it isn't there"));
    return c->host->emit(call, TU_REC_OBJECT, 0, NOTHING, object);
}

static tu_rc answer_error(corpus_case *c, tu_call *call, tu_str object, long status, tu_str body) {
    char namespace_[256] = "", name[256] = "";
    tu_str metadata;
    if (kube_json_member(object, "metadata", &metadata)) {
        kube_json_text(metadata, "namespace", namespace_, sizeof(namespace_));
        kube_json_text(metadata, "name", name, sizeof(name));
    }
    kube_transfer t = {.method = "PATCH",
                       .content_type = "application/apply-patch+yaml",
                       .result = CURLE_OK,
                       .body = object,
                       .status = status,
                       .topic = {.verb = "patch",
                                 .resource = c->words,
                                 .namespace_ = namespace_,
                                 .name = name,
                                 .sealed = kube_resource_sealed(&c->resource),
                                 .dry_run = true,
                                 .exists = object_now(c).n > 0}};
    kube_text_add(&t.answer, body.p, body.n);
    kube_error error = {0};
    tu_rc rc = kube_answer_error(&c->kube, &t, &error);
    kube_text_done(&t.answer);
    return c->host->fail(call, rc, error.retry_after_ms, (tu_str){error.code, strlen(error.code)},
                         (tu_str){error.message, strlen(error.message)});
}

static tu_rc apply(tu_instance *i, tu_call *call, tu_str object, tu_str options) {
    corpus_case *c = of(i);
    tu_str value, body;
    note(c, "calls", "apply", options);
    if (!kube_json_member(options, "dryRun", &value) || !kube_str_is(value, "true"))
        return c->host->fail(call, TU_EREFUSED, 0, S("recorded"),
                             S("a recording can't be written to"));
    tu_str answer =
        kube_text_str(has_happened(c) || !c->before.n ? &c->dry_run : &c->before_dry_run);
    if (!answer.n || !kube_json_member(answer, "status", &value) ||
        !kube_json_member(answer, "body", &body))
        return c->host->fail(call, TU_ENOTFOUND, 0, S("kind-not-served"),
                             S("no dry run was recorded"));
    long status = strtol(value.p, NULL, 10);
    if (status >= 300)
        return answer_error(c, call, object, status, body);
    return c->host->emit(call, TU_REC_RESULT, 0,
                         status == 201 ? S("{\"created\":true}") : S("{\"created\":false}"), body);
}

static tu_rc take_away(tu_instance *i, tu_call *call, tu_str identity, tu_str options) {
    (void)identity;
    note(of(i), "calls", "remove", options);
    return of(i)->host->fail(call, TU_EREFUSED, 0, S("recorded"),
                             S("a recording can't be written to"));
}

static const tu_common common = {sizeof common, create, destroy, NULL};
static const tu_target target = {.size = sizeof target,
                                 .common = &common,
                                 .discover = discover,
                                 .describe = describe,
                                 .list = list,
                                 .watch = watch,
                                 .get = get,
                                 .apply = apply,
                                 .remove = take_away};

static const void *vtable(const char *id) {
    return strcmp(id, "trueup.target/1") == 0 ? &target : NULL;
}

const tu_plugin *trueup_plugin_v1(void) {
    static const tu_plugin plugin = {
        .size = sizeof plugin,
        .abi_minor = TU_ABI_MINOR,
        .thread_model = TU_THREADS_PARALLEL,
        .id = "dev.trueup.test-corpus-target",
        .version = "1.0.0",
        .license = "Apache-2.0",
        .summary = "one recorded case of the conformance corpus",
        .config_schema =
            "{\"type\":\"object\",\"properties\":{\"case\":{\"type\":\"string\"},"
            "\"stage\":{\"type\":\"string\",\"default\":\"\"}},\"required\":[\"case\"]}",
        .vtable = vtable,
    };
    return &plugin;
}
