/*
 * target-kubernetes against a real API server. TRUEUP_KUBE_DIR is a control plane of
 * tests/kubernetes/control-plane.sh; without it everything is skipped. tests/kubernetes/run.sh
 * starts one and runs this.
 */
#include "compare/kind.h"
#include "kube_host.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 2000
#define CONFIGMAP(name, data)                                                                      \
    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"" name                 \
    "\",\"namespace\":\"default\"},\"data\":{" data "}}"
#define CONFIGMAP_ID(name)                                                                         \
    "{\"group\":\"\",\"version\":\"v1\",\"kind\":\"ConfigMap\",\"namespace\":\"default\","         \
    "\"name\":\"" name "\"}"

typedef struct login {
    kube_plugin plugin;
    tu_call call;
} login;

static void login_open(login *l, const char *context) {
    char config[1024];
    snprintf(config, sizeof(config),
             "{\"kubeconfig\":\"%s/"
             "kubeconfig\",\"context\":\"%s\",\"pageSize\":300,\"retryDelay\":\"20ms\"}",
             getenv("TRUEUP_KUBE_DIR"), context);
    kube_call_init(&l->call);
    if (!kube_plugin_open(&l->plugin, &l->call, config))
        fail_msg("%s", l->call.message);
}

static void login_close(login *l) {
    kube_plugin_close(&l->plugin);
    kube_call_done(&l->call);
}

static tu_rc apply(login *l, const char *object, const char *options) {
    kube_call_clear(&l->call);
    return l->call.rc = l->plugin.target->apply(l->plugin.instance, &l->call, KUBE_S(object),
                                                KUBE_S(options));
}
static tu_rc patch(login *l, const char *identity, const char *operations, const char *options) {
    kube_call_clear(&l->call);
    return l->call.rc = l->plugin.target->patch(l->plugin.instance, &l->call, KUBE_S(identity),
                                                KUBE_S(operations), KUBE_S(options));
}
static tu_rc removed(login *l, const char *identity, const char *options) {
    kube_call_clear(&l->call);
    return l->call.rc = l->plugin.target->remove(l->plugin.instance, &l->call, KUBE_S(identity),
                                                 KUBE_S(options));
}
static tu_rc get(login *l, const char *identity) {
    kube_call_clear(&l->call);
    return l->call.rc = l->plugin.target->get(l->plugin.instance, &l->call, KUBE_S(identity));
}
static tu_rc describe(login *l, const char *group, const char *version, const char *kind) {
    char id[512];
    snprintf(id, sizeof(id), "{\"group\":\"%s\",\"version\":\"%s\",\"kind\":\"%s\"}", group,
             version, kind);
    kube_call_clear(&l->call);
    return l->call.rc = l->plugin.target->describe(l->plugin.instance, &l->call, KUBE_S(id));
}

#define OK(call) assert_call((call), TU_OK, "", &l)
static void assert_call(tu_rc rc, tu_rc want, const char *code, login *l) {
    if (rc != want || strcmp(l->call.code, code) != 0)
        fail_msg("%d %s: %s (wanted %d %s)", (int)rc, l->call.code, l->call.message, (int)want,
                 code);
}
#define FAILS(call, want, code) assert_call((call), (want), (code), &l)

/* metadata.NAME of the one object in the log */
static void metadata(login *l, const char *name, char *ret, size_t size) {
    cJSON *object = cJSON_Parse(l->call.records[l->call.n - 1].body);
    const cJSON *value = cJSON_GetObjectItem(cJSON_GetObjectItem(object, "metadata"), name);
    snprintf(ret, size, "%s", cJSON_IsString(value) ? value->valuestring : "");
    cJSON_Delete(object);
}

static void every_kind_is_discovered_and_its_description_compiles(void **state) {
    (void)state;
    login l;
    login_open(&l, "auditor");
    OK(l.call.rc = l.plugin.target->discover(l.plugin.instance, &l.call));
    assert_non_null(kube_call_find(&l.call, TU_REC_INFO, "\"ownership\":true"));
    assert_non_null(kube_call_find(&l.call, TU_REC_INFO, "\"defaultNamespace\":\"default\""));
    assert_non_null(kube_call_find(&l.call, TU_REC_KIND,
                                   "{\"group\":\"apps\",\"version\":\"v1\",\"kind\":\"Deployment\","
                                   "\"resource\":\"deployments\",\"namespaced\":true"));
    size_t n = 0;
    char *kinds[512];
    for (size_t i = 0; i < l.call.n && n < 512; i++)
        if (l.call.records[i].record == TU_REC_KIND && strstr(l.call.records[i].meta, "\"list\""))
            kinds[n++] = strdup(l.call.records[i].meta);
    assert_true(n > 40);
    for (size_t i = 0; i < n; i++) {
        kube_call_clear(&l.call);
        OK(l.call.rc = l.plugin.target->describe(l.plugin.instance, &l.call, KUBE_S(kinds[i])));
        assert_int_equal(l.call.n, 1);
        tu_kind *kind = NULL;
        tu_error *error = NULL;
        if (tu_kind_compile(KUBE_S(l.call.records[0].body), &kind, &error) != TU_OK)
            fail_msg("%s: %s", kinds[i], l.call.records[0].body);
        tu_kind_unref(kind);
        free(kinds[i]);
    }
    login_close(&l);
}

/* The type at a path of member names, "*" for an item or a value. */
static const cJSON *type_at(const cJSON *description, const char *path) {
    const cJSON *types = cJSON_GetObjectItem(description, "types"),
                *type = cJSON_GetArrayItem(types, 0);
    char copy[256], *rest = copy;
    snprintf(copy, sizeof(copy), "%s", path);
    for (char *step; (step = strsep(&rest, "/"));) {
        const cJSON *next = strcmp(step, "*") == 0
                                ? cJSON_GetObjectItem(type, "items")
                                : cJSON_GetObjectItem(cJSON_GetObjectItem(type, "fields"), step);
        if (strcmp(step, "*") == 0 && !next)
            next = cJSON_GetObjectItem(type, "values");
        if (!cJSON_IsNumber(next))
            return NULL;
        type = cJSON_GetArrayItem(types, next->valueint);
    }
    return type;
}

static void types_are_what_the_server_merges_by(void **state) {
    (void)state;
    static const struct {
        const char *group, *version, *kind, *path, *has;
    } cases[] = {
        {"apps", "v1", "Deployment", "spec/template/spec/containers",
         "\"list\":\"keyed\",\"keys\":[\"name\"]"},
        {"apps", "v1", "Deployment", "spec/template/spec/containers/*/ports",
         "\"keys\":[\"containerPort\",\"protocol\"],\"defaults\":{\"protocol\":\"TCP\"}"},
        {"apps", "v1", "Deployment", "spec/template/spec/containers/*/args", "\"list\":\"atomic\""},
        {"apps", "v1", "Deployment", "spec/template/spec/containers/*/resources/limits/*",
         "\"semantic\":\"quantity\""},
        {"apps", "v1", "Deployment", "spec/template/spec/containers/*/livenessProbe/httpGet/port",
         "\"semantic\":\"int-or-string\""},
        {"apps", "v1", "Deployment", "spec/template/spec/nodeSelector", "\"atomic\":true"},
        {"apps", "v1", "Deployment", "spec/selector", "\"atomic\":true"},
        {"apps", "v1", "Deployment", "spec/template/spec/tolerations", "\"list\":\"atomic\""},
        {"apps", "v1", "Deployment", "spec/replicas", "\"type\":\"integer\""},
        {"apps", "v1", "Deployment", "metadata/finalizers", "\"list\":\"set\""},
        {"apps", "v1", "Deployment", "metadata/creationTimestamp", "\"semantic\":\"instant\""},
        {"apps", "v1", "Deployment", "spec", "\"closed\":true"},
        {"", "v1", "Secret", "data/*", "\"semantic\":\"base64\""},
        {"", "v1", "ConfigMap", "binaryData/*", "\"semantic\":\"base64\""},
        {"", "v1", "Service", "spec/ports", "\"keys\":[\"port\",\"protocol\"]"},
        {"rbac.authorization.k8s.io", "v1", "Role", "rules", "\"list\":\"atomic\""},
        {"coordination.k8s.io", "v1", "Lease", "spec/renewTime", "\"semantic\":\"microtime\""},
        {"apiextensions.k8s.io", "v1", "CustomResourceDefinition",
         "spec/versions/*/schema/openAPIV3Schema/properties/*/properties/*/type",
         "\"type\":\"string\""},
    };
    login l;
    login_open(&l, "auditor");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        OK(describe(&l, cases[i].group, cases[i].version, cases[i].kind));
        cJSON *description = cJSON_Parse(l.call.records[0].body);
        char *type = cJSON_PrintUnformatted(type_at(description, cases[i].path));
        if (!type || !strstr(type, cases[i].has))
            fail_msg("%s %s: %s", cases[i].kind, cases[i].path, type ? type : "no such path");
        free(type);
        cJSON_Delete(description);
    }
    OK(describe(&l, "", "v1", "Secret"));
    assert_non_null(kube_call_find(&l.call, TU_REC_DESCRIPTION,
                                   "\"sensitive\":[\"/data/*\",\"/stringData/*\""));
    assert_non_null(kube_call_find(
        &l.call, TU_REC_DESCRIPTION,
        "\"fold\":[{\"from\":\"/stringData\",\"into\":\"/data\",\"encode\":\"base64\"}]"));
    OK(describe(&l, "batch", "v1", "CronJob"));
    assert_non_null(
        kube_call_find(&l.call, TU_REC_DESCRIPTION,
                       "\"/spec/jobTemplate/spec/template/metadata/creationTimestamp\""));
    FAILS(describe(&l, "nowhere.example", "v1", "Nothing"), TU_ENOTFOUND, "kind-not-served");
    login_close(&l);
}

static void descriptions_are_kept_on_disk(void **state) {
    (void)state;
    char folder[] = "/tmp/kube-real.XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *texts[2];
    for (int i = 0; i < 2; i++) {
        login l;
        login_open(&l, "auditor");
        l.call.scratch = folder;
        OK(describe(&l, "apps", "v1", "Deployment"));
        texts[i] = strdup(l.call.records[0].body);
        login_close(&l);
    }
    assert_string_equal(texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
    int files = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        files += unlink(path) == 0;
    }
    closedir(d);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(files, 1);
}

static void thousands_of_objects_are_listed_page_by_page(void **state) {
    (void)state;
    login l;
    login_open(&l, "admin");
    OK(apply(&l, "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"many\"}}",
             "{}"));
    for (int i = 0; i < MANY; i++) {
        char object[256];
        snprintf(object, sizeof(object),
                 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m-%d\","
                 "\"namespace\":\"many\"}}",
                 i);
        OK(apply(&l, object, "{}"));
    }
    kube_call_clear(&l.call);
    OK(l.call.rc =
           l.plugin.target->list(l.plugin.instance, &l.call,
                                 KUBE_S("{\"scopes\":[{\"group\":\"\",\"version\":\"v1\",\"kind\":"
                                        "\"ConfigMap\",\"namespaces\":[\"many\",\"gone\"]},"
                                        "{\"group\":\"\",\"version\":\"v1\",\"kind\":\"Namespace\"}"
                                        ",{\"group\":\"x\",\"version\":\"v1\",\"kind\":\"Y\"}]}")));
    assert_int_equal(kube_call_count(&l.call, TU_REC_END), 2);
    assert_int_equal(kube_call_count(&l.call, TU_REC_LOST), 1);
    assert_int_equal(l.call.faults, 0);
    static bool seen[MANY];
    size_t n = 0;
    for (size_t i = 0; i < l.call.n; i++) {
        int number;
        const char *name = strstr(l.call.records[i].body, "\"name\":\"m-");
        if (l.call.records[i].record != TU_REC_OBJECT || !name)
            continue;
        number = (int)strtol(name + 10, NULL, 10);
        assert_false(seen[number]);
        seen[number] = true;
        n++;
    }
    assert_int_equal(n, MANY);
    login_close(&l);
}

static void *watch_config_maps(void *arg) {
    login *l = arg;
    l->call.rc = l->plugin.target->watch(
        l->plugin.instance, &l->call,
        KUBE_S("{\"scopes\":[{\"group\":\"\",\"version\":\"v1\",\"kind\":\"ConfigMap\","
               "\"namespaces\":[\"default\",\"kube-public\"]},"
               "{\"group\":\"trueup.test\",\"version\":\"v1\",\"kind\":\"Later\"}]}"));
    return NULL;
}

static const char later_crd[] =
    "{\"apiVersion\":\"apiextensions.k8s.io/"
    "v1\",\"kind\":\"CustomResourceDefinition\",\"metadata\":{\"name\":\"laters.trueup.test\"},"
    "\"spec\":{\"group\":\"trueup.test\","
    "\"scope\":\"Namespaced\",\"names\":{\"kind\":\"Later\",\"plural\":\"laters\"},\"versions\":[{"
    "\"name\":\"v1\",\"served\":true,\"storage\":true,"
    "\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"required\":[\"spec\"],\"properties\":{"
    "\"spec\":{\"type\":\"object\",\"required\":[\"size\",\"mode\"],\"properties\":{"
    "\"size\":{\"type\":\"integer\",\"format\":\"int64\"},\"mode\":{\"type\":\"string\","
    "\"default\":\"a\"},\"port\":{\"x-kubernetes-int-or-string\":true},"
    "\"when\":{\"type\":\"string\",\"format\":\"date-time\"},\"blob\":{\"type\":\"string\","
    "\"format\":\"byte\"},"
    "\"any\":{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true,\"properties\":{"
    "\"a\":{\"type\":\"object\",\"properties\":{\"b\":{\"type\":\"string\"}}}}},"
    "\"rows\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-"
    "keys\":[\"id\"],\"items\":{\"type\":\"object\",\"required\":[\"id\"],"
    "\"properties\":{\"id\":{\"type\":\"string\"}}}}}}}}}}]}}";
static const char later[] = "{\"apiVersion\":\"trueup.test/"
                            "v1\",\"kind\":\"Later\",\"metadata\":{\"name\":\"one\",\"namespace\":"
                            "\"default\"},\"spec\":{\"size\":9007199254740993}}";

static void a_watch_sees_edits_deletes_and_kinds_that_come_later(void **state) {
    (void)state;
    login watcher, l;
    pthread_t thread;
    login_open(&watcher, "auditor");
    login_open(&l, "human");
    assert_int_equal(pthread_create(&thread, NULL, watch_config_maps, &watcher), 0);
    assert_true(kube_call_wait(&watcher.call, TU_REC_END, 1));
    assert_true(kube_call_wait(&watcher.call, TU_REC_LOST, 1)); /* the kind isn't served yet */
    size_t before = kube_call_count(&watcher.call, TU_REC_OBJECT);
    OK(apply(&l, CONFIGMAP("watched", "\"a\":\"1\""), "{\"manager\":\"kubectl-edit\"}"));
    assert_true(kube_call_wait(&watcher.call, TU_REC_OBJECT, before + 1));
    OK(apply(&l, CONFIGMAP("watched", "\"a\":\"2\""), "{\"manager\":\"kubectl-edit\"}"));
    assert_true(kube_call_wait(&watcher.call, TU_REC_OBJECT, before + 2));
    assert_non_null(
        strstr(kube_call_find(&watcher.call, TU_REC_OBJECT, "\"watched\"")->body, "\"a\":\"2\""));
    OK(removed(&l, CONFIGMAP_ID("watched"), "{}"));
    assert_true(kube_call_wait(&watcher.call, TU_REC_GONE, 1));
    assert_non_null(kube_call_find(&watcher.call, TU_REC_GONE,
                                   "\"namespace\":\"default\",\"name\":\"watched\",\"uid\":\""));
    OK(apply(&l, later_crd, "{}"));
    assert_true(kube_call_wait(&watcher.call, TU_REC_END, 2));
    tu_rc rc = TU_ENOTFOUND;
    for (int i = 0; i < 3000 && (rc = apply(&l, later, "{}")) == TU_ENOTFOUND; i++) {
    }
    assert_call(rc, TU_OK, "", &l);
    assert_true(kube_call_wait(&watcher.call, TU_REC_OBJECT, before + 3));
    assert_non_null(strstr(kube_call_find(&watcher.call, TU_REC_OBJECT, "\"Later\"")->body,
                           "\"size\":9007199254740993"));
    kube_call_cancel(&watcher.call);
    pthread_join(thread, NULL);
    assert_int_equal(watcher.call.rc, TU_ECANCELLED);
    assert_int_equal(watcher.call.faults, 0);
    login_close(&watcher);
    login_close(&l);
}

/* After the test above: the CRD is there. */
static void a_custom_resource_is_described_by_its_own_schema(void **state) {
    (void)state;
    static const struct {
        const char *path, *text;
    } cases[] = {
        {"spec/size", "{\"type\":\"integer\",\"null\":false}"},
        {"spec/port", "{\"type\":\"string\",\"semantic\":\"int-or-string\",\"null\":false}"},
        {"spec/when",
         "{\"type\":\"string\",\"null\":false}"}, /* the server keeps the text of times and bytes in
                                                   custom resources */
        {"spec/blob", "{\"type\":\"string\",\"null\":false}"},
    };
    login l;
    login_open(&l, "auditor");
    OK(describe(&l, "trueup.test", "v1", "Later"));
    cJSON *description = cJSON_Parse(l.call.records[0].body);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *type = cJSON_PrintUnformatted(type_at(description, cases[i].path));
        assert_string_equal(type, cases[i].text);
        free(type);
    }
    const cJSON *spec = type_at(description, "spec");
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(spec, "closed")));
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(spec, "required")),
                     1); /* mode has a default */
    assert_null(cJSON_GetObjectItem(type_at(description, "spec/any"), "closed"));
    assert_null(cJSON_GetObjectItem(type_at(description, "spec/any/a"), "closed"));
    assert_string_equal(cJSON_GetObjectItem(type_at(description, "spec/rows"), "list")->valuestring,
                        "keyed");
    assert_null(strstr(l.call.records[0].body,
                       "\"/status\"")); /* no status subresource: an ordinary field */
    cJSON_Delete(description);
    login_close(&l);
}

static void a_dry_run_writes_nothing(void **state) {
    (void)state;
    login l;
    login_open(&l, "admin");
    OK(apply(&l, CONFIGMAP("dry", "\"a\":\"1\""), "{\"dryRun\":true}"));
    assert_string_equal(l.call.records[0].meta, "{\"created\":true}");
    FAILS(get(&l, CONFIGMAP_ID("dry")), TU_ENOTFOUND, "not-found");
    FAILS(apply(&l, CONFIGMAP("dry", ""), "{\"dryRun\":\"yes\"}"), TU_EINVALID, "options");
    OK(apply(&l, CONFIGMAP("dry", "\"a\":\"1\""), "{}"));
    OK(patch(&l, CONFIGMAP_ID("dry"), "[{\"op\":\"remove\",\"path\":\"/data/a\"}]",
             "{\"dryRun\":true}"));
    OK(removed(&l, CONFIGMAP_ID("dry"), "{\"dryRun\":true}"));
    OK(get(&l, CONFIGMAP_ID("dry")));
    assert_non_null(kube_call_find(&l.call, TU_REC_OBJECT, "\"a\":\"1\""));
    login_close(&l);
}

static void preconditions_hold(void **state) {
    (void)state;
    login l;
    char uid[64], version[64], options[256];
    login_open(&l, "admin");
    FAILS(apply(&l, CONFIGMAP("pre", ""), "{\"mustExist\":true}"), TU_ENOTFOUND, "not-found");
    FAILS(apply(&l, CONFIGMAP("pre", ""), "{\"uid\":\"00000000-0000-0000-0000-000000000000\"}"),
          TU_ECONFLICT, "uid-mismatch");
    FAILS(get(&l, CONFIGMAP_ID("pre")), TU_ENOTFOUND, "not-found"); /* nothing was resurrected */
    OK(apply(&l, CONFIGMAP("pre", "\"a\":\"1\""), "{}"));
    metadata(&l, "uid", uid, sizeof(uid));
    metadata(&l, "resourceVersion", version, sizeof(version));
    FAILS(apply(&l, CONFIGMAP("pre", "\"a\":\"2\""),
                "{\"uid\":\"00000000-0000-0000-0000-000000000000\"}"),
          TU_ECONFLICT, "uid-mismatch");
    FAILS(apply(&l, CONFIGMAP("pre", "\"a\":\"2\""), "{\"resourceVersion\":\"1\"}"), TU_ECONFLICT,
          "conflict");
    snprintf(options, sizeof(options),
             "{\"uid\":\"%s\",\"resourceVersion\":\"%s\",\"mustExist\":true}", uid, version);
    OK(apply(&l, CONFIGMAP("pre", "\"a\":\"2\",\"b\":\"3\""), options));
    assert_string_equal(l.call.records[0].meta, "{\"created\":false}");
    FAILS(patch(&l, CONFIGMAP_ID("pre"), "[{\"op\":\"remove\",\"path\":\"/data/b\"}]", options),
          TU_ECONFLICT, "conflict");
    FAILS(patch(&l, CONFIGMAP_ID("pre"), "[{\"op\":\"remove\",\"path\":\"/data/z\"}]", "{}"),
          TU_ECONFLICT, "patch-mismatch");
    snprintf(options, sizeof(options), "{\"uid\":\"%s\"}", uid);
    OK(patch(&l, CONFIGMAP_ID("pre"), "[ {\"op\":\"remove\",\"path\":\"/data/b\"} ]", options));
    OK(patch(&l, CONFIGMAP_ID("pre"), " [ ] ", options));
    FAILS(removed(&l, CONFIGMAP_ID("pre"), "{\"uid\":\"00000000-0000-0000-0000-000000000000\"}"),
          TU_ECONFLICT, "conflict");
    FAILS(removed(&l, CONFIGMAP_ID("pre"), "{\"resourceVersion\":\"1\"}"), TU_ECONFLICT,
          "conflict");
    OK(removed(&l, CONFIGMAP_ID("pre"), options));
    FAILS(removed(&l, CONFIGMAP_ID("pre"), options), TU_ENOTFOUND, "not-found");
    login_close(&l);
}

static void what_the_server_refuses_has_its_class(void **state) {
    (void)state;
    login l;
    login_open(&l, "admin");
    FAILS(apply(&l,
                "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"x\","
                "\"namespace\":\"gone\"}}",
                "{}"),
          TU_ENOTFOUND, "namespace-missing");
    FAILS(apply(&l,
                "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"x\","
                "\"namespace\":\"default\"},\"dta\":{}}",
                "{}"),
          TU_EINVALID, "unknown-field");
    FAILS(apply(&l,
                "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"x\","
                "\"namespace\":\"default\"},\"data\":{\"a\":5}}",
                "{}"),
          TU_EINVALID, "wrong-type");
    FAILS(apply(&l,
                "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"x\","
                "\"namespace\":\"default\"},\"data\":{\"a\":\"hush!!\"}}",
                "{}"),
          TU_EINVALID, "bad-base64");
    FAILS(apply(&l,
                "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"Bad_Name\","
                "\"namespace\":\"default\"}}",
                "{}"),
          TU_EINVALID, "invalid");
    FAILS(apply(&l,
                "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"type\":\"a\",\"metadata\":{\"name\":"
                "\"typed\",\"namespace\":\"default\"}}",
                "{}"),
          TU_OK, "");
    FAILS(apply(&l,
                "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"type\":\"b\",\"metadata\":{\"name\":"
                "\"typed\",\"namespace\":\"default\"}}",
                "{\"force\":true}"),
          TU_EREFUSED, "immutable");
    OK(apply(&l, CONFIGMAP("owned", "\"a\":\"1\""), "{\"manager\":\"somebody\"}"));
    FAILS(apply(&l, CONFIGMAP("owned", "\"a\":\"2\""), "{\"manager\":\"trueup\"}"), TU_ECONFLICT,
          "field-conflict");
    assert_non_null(strstr(l.call.message, ".data.a"));
    OK(apply(&l, CONFIGMAP("owned", "\"a\":\"2\""), "{\"manager\":\"trueup\",\"force\":true}"));
    login_close(&l);
    login_open(&l, "auditor");
    FAILS(apply(&l, CONFIGMAP("owned", "\"a\":\"3\""), "{\"dryRun\":true}"), TU_EDENIED, "denied");
    assert_non_null(strstr(
        l.call.message, "auditor is not allowed to patch configmaps owned in namespace default"));
    login_close(&l);
}

static void *everything(void *arg) {
    login own = {.plugin = *(kube_plugin *)arg}, *l = &own;
    char name[64], object[256], id[256];
    kube_call_init(&l->call);
    snprintf(name, sizeof(name), "beside-%lx", (unsigned long)pthread_self());
    snprintf(object, sizeof(object),
             "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s\","
             "\"namespace\":\"default\"}}",
             name);
    snprintf(id, sizeof(id),
             "{\"group\":\"\",\"version\":\"v1\",\"kind\":\"ConfigMap\",\"namespace\":\"default\","
             "\"name\":\"%s\"}",
             name);
    static const char list[] =
        "{\"scopes\":[{\"group\":\"\",\"version\":\"v1\",\"kind\":\"Namespace\"}]}";
    bool good = true;
    for (int i = 0; i < 10 && good; i++) {
        good = apply(l, object, "{}") == TU_OK && get(l, id) == TU_OK &&
               describe(l, "apps", "v1", "Deployment") == TU_OK &&
               l->plugin.target->discover(l->plugin.instance, &l->call) == TU_OK &&
               l->plugin.target->list(l->plugin.instance, &l->call, KUBE_S(list)) == TU_OK &&
               removed(l, id, "{}") == TU_OK;
    }
    if (!good)
        fprintf(stderr, "%s: %s\n", l->call.code, l->call.message);
    kube_call_done(&l->call);
    return good ? NULL : arg;
}

static void calls_of_one_instance_run_beside_each_other(void **state) {
    (void)state;
    login l;
    pthread_t threads[6];
    login_open(&l, "admin");
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, everything, &l.plugin), 0);
    for (size_t i = 0; i < 6; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    login_close(&l);
}

int main(void) {
    if (!getenv("TRUEUP_KUBE_DIR")) {
        printf("skipped: TRUEUP_KUBE_DIR is not set (tests/kubernetes/run.sh sets it)\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_discovered_and_its_description_compiles),
        cmocka_unit_test(types_are_what_the_server_merges_by),
        cmocka_unit_test(descriptions_are_kept_on_disk),
        cmocka_unit_test(thousands_of_objects_are_listed_page_by_page),
        cmocka_unit_test(a_watch_sees_edits_deletes_and_kinds_that_come_later),
        cmocka_unit_test(a_custom_resource_is_described_by_its_own_schema),
        cmocka_unit_test(a_dry_run_writes_nothing),
        cmocka_unit_test(preconditions_hold),
        cmocka_unit_test(what_the_server_refuses_has_its_class),
        cmocka_unit_test(calls_of_one_instance_run_beside_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
