/*
 * target-kubernetes against a server that fails on purpose: never an END after an incomplete
 * listing, never half an object, never a credential for somebody else.
 */
#include "fault_server.h"
#include "kube_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TOKEN "hush-hush-token"
#define KINDS                                                                                      \
    {                                                                                              \
        .path = "/api/v1 ", .body = "{\"kind\":\"APIResourceList\",\"groupVersion\":\"v1\","       \
                                    "\"resources\":[{\"name\":\"configmaps\",\"namespaced\":true," \
                                    "\"kind\":\"ConfigMap\",\"verbs\":[\"get\",\"list\","          \
                                    "\"watch\",\"patch\",\"delete\"]}]}"                           \
    }
#define LIST "/api/v1/configmaps?limit"
#define MORE "/api/v1/configmaps?limit=500&continue"
#define WATCH "/api/v1/configmaps?watch"
#define ITEM(name, version)                                                                        \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"d\",\"uid\":\"u-" name                   \
    "\",\"resourceVersion\":\"" version "\"},\"data\":{\"k\":\"}]\\\"{[\"}}"
#define PAGE(more, items)                                                                          \
    "{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":"         \
    "\"10\"" more "},\"items\":[" items "]}\n"
#define TWO PAGE("", ITEM("a", "1") "," ITEM("b", "2"))
#define GONE_STATUS                                                                                \
    "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"Expired\",\"code\":410}"
#define SELECTOR                                                                                   \
    "{\"scopes\":[{\"group\":\"\",\"version\":\"v1\",\"kind\":\"ConfigMap\"}],\"detail\":"         \
    "\"full\"}"
#define DEEP "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["

typedef struct bench_place {
    char folder[64], config[512];
    fault_server server;
    kube_plugin plugin;
    tu_call call;
} bench_place;

static void write_file(const char *folder, const char *name, const char *text, mode_t mode) {
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    chmod(path, mode);
}

/* `user` is the kubeconfig's user, as flow YAML; {FOLDER} stands for the folder. */
static void place_open(bench_place *p, const fault_answer *answers, size_t n, const char *user) {
    memset(p, 0, sizeof(*p));
    snprintf(p->folder, sizeof(p->folder), "/tmp/kube-faults.XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    fault_server_start(&p->server, answers, n);
    char text[2048];
    snprintf(text, sizeof(text),
             "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\nclusters: "
             "[{name: k, cluster: {server: \"http://127.0.0.1:%d\"}}]\n"
             "users: [{name: u, user: %s}]\n",
             p->server.port, user);
    write_file(p->folder, "config", text, 0600);
    snprintf(p->config, sizeof(p->config),
             "{\"kubeconfig\":\"%s/"
             "config\",\"retryDelay\":\"5ms\",\"requestTimeout\":\"1s\",\"pageSize\":500}",
             p->folder);
    kube_call_init(&p->call);
    if (!kube_plugin_open(&p->plugin, &p->call, p->config))
        fail_msg("%s", p->call.message);
}

static void place_close(bench_place *p) {
    assert_null(strstr(p->call.message, "hush"));
    assert_null(strstr(p->call.log, "hush"));
    for (size_t i = 0; i < p->call.n; i++)
        assert_null(strstr(p->call.records[i].meta, "hush"));
    kube_plugin_close(&p->plugin);
    fault_server_stop(&p->server);
    kube_call_done(&p->call);
    char command[128];
    const char *const names[] = {"config", "token", "login", "runs"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        snprintf(command, sizeof(command), "%s/%s", p->folder, names[i]);
        unlink(command);
    }
    rmdir(p->folder);
}

/* The objects of the newest listing; every one of them whole. */
static size_t listed(const tu_call *c) {
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (c->records[i].record == TU_REC_BEGIN)
            n = 0;
        if (c->records[i].record != TU_REC_OBJECT)
            continue;
        const char *body = c->records[i].body;
        size_t length = strlen(body);
        assert_true(length > 20 && memcmp(body, "{\"metadata\"", 11) == 0 &&
                    memcmp(body + length - 3, "\"}}", 3) == 0);
        n++;
    }
    return n;
}

typedef struct list_case {
    const char *name;
    const char *lost; /* NULL: END */
    size_t objects;   /* with END */
    fault_answer answers[4];
} list_case;

static const list_case list_cases[] = {
    {"a list that comes a byte at a time is read",
     NULL,
     2,
     {{.path = LIST, .body = TWO, .fault = FAULT_BYTE_BY_BYTE}}},
    {"pages are put together",
     NULL,
     3,
     {{.path = MORE "=t%2B1 ", .body = PAGE("", ITEM("c", "3"))},
      {.path = LIST, .body = PAGE(",\"continue\":\"t+1\"", ITEM("a", "1") "," ITEM("b", "2"))}}},
    {"metadata may come after the items",
     NULL,
     1,
     {{.path = LIST,
       .body = "{\"items\":[" ITEM(
           "a", "1") "],\"metadata\":{\"resourceVersion\":\"10\"},\"kind\":\"L\"}"}}},
    {"items may be null",
     NULL,
     0,
     {{.path = LIST,
       .body = "{\"kind\":\"L\",\"metadata\":{\"resourceVersion\":\"1\"},\"items\":null}"}}},
    {"white space is no garbage",
     NULL,
     1,
     {{.path = LIST,
       .body = " {\n \"metadata\" : { \"resourceVersion\" : \"1\" } ,\n \"items\" : [ \n" ITEM(
           "a", "1") "\n ] } \n"}}},
    {"an expired page begins the listing again",
     NULL,
     3,
     {{.path = MORE, .status = 410, .body = GONE_STATUS, .times = 1},
      {.path = MORE, .body = PAGE("", ITEM("c", "3"))},
      {.path = LIST, .body = PAGE(",\"continue\":\"t\"", ITEM("a", "1") "," ITEM("b", "2"))}}},
    {"pages that expire for ever are lost",
     "expired",
     0,
     {{.path = MORE, .status = 410, .body = GONE_STATUS},
      {.path = LIST, .body = PAGE(",\"continue\":\"t\"", ITEM("a", "1"))}}},
    {"a list that is cut off once is read again",
     NULL,
     2,
     {{.path = LIST, .body = TWO, .fault = FAULT_CUT, .bytes = 200, .times = 1},
      {.path = LIST, .body = TWO}}},
    {"a list that is cut off inside an object is lost",
     "cut-off",
     0,
     {{.path = LIST, .body = TWO, .fault = FAULT_CUT, .bytes = 150}}},
    {"a list that is cut off between objects is lost",
     "cut-off",
     0,
     {{.path = LIST, .body = TWO, .fault = FAULT_CUT, .bytes = sizeof(TWO) - 5}}},
    {"a list that is reset is lost",
     "cut-off",
     0,
     {{.path = LIST, .body = TWO, .fault = FAULT_RESET, .bytes = 150}}},
    {"a list that stands still is read again",
     NULL,
     2,
     {{.path = LIST, .body = TWO, .fault = FAULT_HANG, .bytes = 150, .times = 1},
      {.path = LIST, .body = TWO}}},
    {"a chunked list without its last chunk is lost",
     "cut-off",
     0,
     {{.path = LIST, .body = TWO, .fault = FAULT_CHUNKED_CUT}}},
    {"half a document with the right length is lost",
     "cut-off",
     0,
     {{.path = LIST,
       .body =
           "{\"kind\":\"L\",\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[" ITEM("a", "1")}}},
    {"a second page that is half a document is lost",
     "cut-off",
     0,
     {{.path = MORE, .body = "{\"metadata\":{},\"items\":["},
      {.path = LIST, .body = PAGE(",\"continue\":\"t\"", ITEM("a", "1"))}}},
    {"a list without items is lost",
     "cut-off",
     0,
     {{.path = LIST, .body = "{\"kind\":\"Status\",\"metadata\":{},\"status\":\"Success\"}"}}},
    {"a list without metadata is lost",
     "cut-off",
     0,
     {{.path = LIST, .body = "{\"kind\":\"L\",\"items\":[]}"}}},
    {"an empty answer is lost",
     "wrong-content-type",
     0,
     {{.path = LIST, .status = 204, .body = ""}}},
    {"a login page is lost",
     "wrong-content-type",
     0,
     {{.path = LIST, .headers = "Content-Type: text/html\r\n", .body = "<html>"}}},
    {"a redirect is not followed",
     "unexpected-status",
     0,
     {{.path = LIST, .status = 302, .headers = "Location: http://127.0.0.1:1/\r\n", .body = ""}}},
    {"garbage is lost",
     "garbage",
     0,
     {{.path = LIST, .body = "{\"metadata\":{},\"items\":[1,2]}"}}},
    {"brackets that do not match are lost",
     "garbage",
     0,
     {{.path = LIST, .body = "{\"metadata\":{},\"items\":[{\"a\":[}]}]}"}}},
    {"items twice are lost",
     "garbage",
     0,
     {{.path = LIST, .body = "{\"metadata\":{},\"items\":[],\"items\":[]}"}}},
    {"text after the list is lost", "garbage", 0, {{.path = LIST, .body = TWO "x"}}},
    {"an object that never ends is lost",
     "object-too-large",
     0,
     {{.path = LIST, .body = "{\"metadata\":{},\"items\":[{\"a\":\"x", .fault = FAULT_ENDLESS}}},
    {"an object without a bottom is lost",
     "object-too-deep",
     0,
     {{.path = LIST,
       .body = "{\"metadata\":{},\"items\":[{\"a\":" DEEP DEEP DEEP DEEP DEEP DEEP DEEP DEEP DEEP
               "1"}}},
    {"a server that asks to slow down is asked again",
     NULL,
     2,
     {{.path = LIST,
       .status = 429,
       .headers = "Retry-After: 1\r\nContent-Type: application/json\r\n",
       .body = "{}",
       .times = 1},
      {.path = LIST, .body = TWO}}},
    {"a server that fails for a moment is asked again",
     NULL,
     2,
     {{.path = LIST, .status = 503, .body = "{}", .times = 2}, {.path = LIST, .body = TWO}}},
    {"a server that keeps failing is lost",
     "http-503",
     0,
     {{.path = LIST, .status = 503, .body = "{}"}}},
    {"a list that is denied is lost",
     "denied",
     0,
     {{.path = LIST,
       .status = 403,
       .body = "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"message\":\"configmaps is "
               "forbidden: User \\\"x\\\" cannot list\"}"}}},
    {"a login that is refused is lost",
     "login-refused",
     0,
     {{.path = LIST, .status = 401, .body = "{}"}}},
    {"a kind that is no longer served is lost",
     "kind-not-served",
     0,
     {{.path = LIST, .status = 404, .body = "404 page not found"}}},
};

static void a_listing_is_complete_or_lost(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(list_cases) / sizeof(*list_cases); i++) {
        const list_case *t = &list_cases[i];
        fault_answer answers[5] = {KINDS};
        size_t n = 1;
        while (n < 5 && t->answers[n - 1].path) {
            answers[n] = t->answers[n - 1];
            n++;
        }
        bench_place p;
        place_open(&p, answers, n, "{token: " TOKEN "}");
        p.call.rc = p.plugin.target->list(p.plugin.instance, &p.call, KUBE_S(SELECTOR));
        size_t ends = kube_call_count(&p.call, TU_REC_END),
               lost = kube_call_count(&p.call, TU_REC_LOST), objects = listed(&p.call);
        const kube_record *why = kube_call_find(&p.call, TU_REC_LOST, "code");
        char code[64];
        snprintf(code, sizeof(code), "\"code\":\"%s\"", t->lost ? t->lost : "");
        bool good = p.call.rc == TU_OK && p.call.faults == 0 && ends == !t->lost &&
                    lost == (t->lost != NULL) &&
                    (t->lost ? strstr(why ? why->meta : "", code) != NULL : objects == t->objects);
        if (!good)
            fail_msg("%s: rc %d, %zu END, %zu LOST %s, %zu objects", t->name, (int)p.call.rc, ends,
                     lost, why ? why->meta : "", objects);
        place_close(&p);
    }
}

/* --- watches --- */

#define EVENT(type, name, version)                                                                 \
    "{\"type\":\"" type "\",\"object\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\","             \
    "\"metadata\":{\"name\":\"" name "\",\"namespace\":\"d\",\"uid\":\"u-" name                    \
    "\",\"resourceVersion\":\"" version "\"},\"data\":{\"k\":\"}{\"}}}\n"
#define BOOKMARK                                                                                   \
    "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\","             \
    "\"metadata\":{\"resourceVersion\":\"30\"}}}\n"

typedef struct watch_case {
    const char *name;
    uint32_t until;  /* this record, */
    size_t times;    /* so many times, then the watch is cancelled */
    const char *has; /* a request line that must have been sent; NULL: any */
    size_t objects, gone, ends, lost;
    fault_answer answers[5];
} watch_case;

static const watch_case watch_cases[] = {
    {"events come through a byte at a time",
     TU_REC_GONE,
     1,
     "resourceVersion=10 ",
     4,
     1,
     1,
     0,
     {{.path = WATCH,
       .body = EVENT("ADDED", "c", "11") EVENT("MODIFIED", "a", "12") EVENT("DELETED", "b", "13"),
       .fault = FAULT_BYTE_BY_BYTE,
       .times = 1},
      {.path = WATCH, .body = "", .fault = FAULT_HANG},
      {.path = LIST, .body = TWO}}},
    {"a bookmark says that all is current and moves the cursor",
     TU_REC_OBJECT,
     3,
     "resourceVersion=30 ",
     3,
     0,
     1,
     0,
     {{.path = WATCH, .body = BOOKMARK, .times = 1},
      {.path = WATCH, .body = EVENT("ADDED", "c", "31"), .fault = FAULT_HANG, .bytes = 9999},
      {.path = LIST, .body = TWO}}},
    {"an ERROR 410 begins a new listing",
     TU_REC_END,
     2,
     NULL,
     4,
     0,
     2,
     0,
     {{.path = WATCH, .body = "{\"type\":\"ERROR\",\"object\":" GONE_STATUS "}\n", .times = 1},
      {.path = WATCH, .body = "", .fault = FAULT_HANG},
      {.path = LIST, .body = TWO}}},
    {"a watch that is refused with 410 begins a new listing",
     TU_REC_END,
     2,
     NULL,
     4,
     0,
     2,
     0,
     {{.path = WATCH, .status = 410, .body = GONE_STATUS, .times = 1},
      {.path = WATCH, .body = "", .fault = FAULT_HANG},
      {.path = LIST, .body = TWO}}},
    {"another ERROR begins a new listing",
     TU_REC_END,
     2,
     NULL,
     4,
     0,
     2,
     0,
     {{.path = WATCH,
       .body = "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":500}}\n",
       .times = 1},
      {.path = WATCH, .body = "", .fault = FAULT_HANG},
      {.path = LIST, .body = TWO}}},
    {"half a frame is thrown away and the watch goes on from the last whole one",
     TU_REC_GONE,
     1,
     "resourceVersion=11 ",
     3,
     1,
     1,
     0,
     {{.path = WATCH,
       .body = EVENT("ADDED", "c",
                     "11") "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"x\"}",
       .times = 1},
      {.path = WATCH, .body = EVENT("DELETED", "b", "13"), .fault = FAULT_HANG, .bytes = 9999},
      {.path = LIST, .body = TWO}}},
    {"a frame that is no event ends the watch, which goes on",
     TU_REC_GONE,
     1,
     NULL,
     2,
     1,
     1,
     0,
     {{.path = WATCH, .body = "[1]\n", .times = 1},
      {.path = WATCH, .body = EVENT("DELETED", "b", "13"), .fault = FAULT_HANG, .bytes = 9999},
      {.path = LIST, .body = TWO}}},
    {"a watch that is reset goes on",
     TU_REC_GONE,
     1,
     NULL,
     2,
     1,
     1,
     0,
     {{.path = WATCH, .body = BOOKMARK, .fault = FAULT_RESET, .bytes = 20, .times = 3},
      {.path = WATCH, .body = EVENT("DELETED", "b", "13"), .fault = FAULT_HANG, .bytes = 9999},
      {.path = LIST, .body = TWO}}},
    {"a watch that asks to slow down goes on without a listing",
     TU_REC_GONE,
     1,
     NULL,
     2,
     1,
     1,
     0,
     {{.path = WATCH, .status = 429, .body = "{}", .times = 1},
      {.path = WATCH, .body = EVENT("DELETED", "b", "13"), .fault = FAULT_HANG, .bytes = 9999},
      {.path = LIST, .body = TWO}}},
    {"a watch that is denied is lost once, and listed again when the right is back",
     TU_REC_END,
     2,
     NULL,
     4,
     0,
     2,
     1,
     {{.path = WATCH, .status = 403, .body = "{}", .times = 1},
      {.path = WATCH, .body = "", .fault = FAULT_HANG},
      {.path = LIST, .body = TWO, .times = 1},
      {.path = LIST, .status = 403, .body = "{}", .times = 2},
      {.path = LIST, .body = TWO}}},
    {"a listing that breaks off is begun again",
     TU_REC_END,
     1,
     NULL,
     2,
     0,
     1,
     0,
     {{.path = WATCH, .body = "", .fault = FAULT_HANG},
      {.path = LIST, .body = TWO, .fault = FAULT_CUT, .bytes = 40, .times = 2},
      {.path = LIST, .body = TWO}}},
};

static void *run_watch(void *arg) {
    bench_place *p = arg;
    p->call.rc = p->plugin.target->watch(p->plugin.instance, &p->call, KUBE_S(SELECTOR));
    return NULL;
}

static void a_watch_loses_nothing(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(watch_cases) / sizeof(*watch_cases); i++) {
        const watch_case *t = &watch_cases[i];
        fault_answer answers[6] = {KINDS};
        size_t n = 1;
        for (size_t j = 0; j < 5 && t->answers[j].path; j++)
            answers[n++] = t->answers[j];
        bench_place p;
        place_open(&p, answers, n, "{token: " TOKEN "}");
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, run_watch, &p), 0);
        bool reached = kube_call_wait(&p.call, t->until, t->times);
        kube_call_cancel(&p.call);
        pthread_join(thread, NULL);
        size_t objects = 0;
        for (size_t j = 0; j < p.call.n; j++)
            objects += p.call.records[j].record == TU_REC_OBJECT;
        if (!reached || p.call.rc != TU_ECANCELLED || p.call.faults || objects != t->objects ||
            kube_call_count(&p.call, TU_REC_GONE) != t->gone ||
            kube_call_count(&p.call, TU_REC_END) != t->ends ||
            kube_call_count(&p.call, TU_REC_LOST) != t->lost ||
            (t->has && !fault_server_count(&p.server, t->has)))
            fail_msg("%s: reached %d, rc %d, %zu objects, %zu gone, %zu END, %zu LOST\n%s", t->name,
                     reached, (int)p.call.rc, objects, kube_call_count(&p.call, TU_REC_GONE),
                     kube_call_count(&p.call, TU_REC_END), kube_call_count(&p.call, TU_REC_LOST),
                     p.server.log);
        place_close(&p);
    }
}

/* --- logins --- */

static void a_token_file_is_read_again_after_401(void **state) {
    (void)state;
    const fault_answer answers[] = {{.path = "/api/v1 ", .status = 401, .body = "{}", .times = 1},
                                    KINDS,
                                    {.path = LIST, .body = TWO}};
    bench_place p;
    place_open(&p, answers, 3, "{tokenFile: token}");
    write_file(p.folder, "token", "first\n", 0600);
    p.call.rc = p.plugin.target->list(p.plugin.instance, &p.call, KUBE_S(SELECTOR));
    assert_int_equal(p.call.rc, TU_OK);
    assert_int_equal(kube_call_count(&p.call, TU_REC_END), 1);
    assert_non_null(strstr(p.server.authorization, "Bearer first"));
    assert_int_equal(fault_server_count(&p.server, "/api/v1 "), 2);
    place_close(&p);
}

static void a_login_program_is_run_once_until_it_is_refused(void **state) {
    (void)state;
    const fault_answer answers[] = {KINDS,
                                    {.path = LIST, .status = 401, .body = "{}", .times = 1},
                                    {.path = LIST, .body = TWO}};
    bench_place p;
    place_open(&p, answers, 3,
               "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./login, args: [a b, "
               "\"$(x)\"], env: [{name: WHO, value: me}], interactiveMode: Never}}");
    char text[1024];
    snprintf(
        text, sizeof(text),
        "#!/bin/sh\n[ \"$1\" = 'a b' ] && [ \"$2\" = '$(x)' ] && [ $WHO = me ] || exit 9\ncase "
        "$KUBERNETES_EXEC_INFO in *ExecCredential*) ;; *) exit 8 ;; esac\n"
        "echo run >> %s/runs\necho "
        "'{\"apiVersion\":\"client.authentication.k8s.io/"
        "v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"hush-'$(wc -l < %s/runs)'\"}}'\n",
        p.folder, p.folder);
    write_file(p.folder, "login", text, 0700);
    p.call.rc = p.plugin.target->list(p.plugin.instance, &p.call, KUBE_S(SELECTOR));
    assert_int_equal(p.call.rc, TU_OK);
    assert_int_equal(kube_call_count(&p.call, TU_REC_END), 1);
    assert_non_null(strstr(p.server.authorization, "hush-1\n"));
    assert_non_null(strstr(p.server.authorization, "hush-2\n")); /* after the 401 */
    assert_null(strstr(p.server.authorization, "hush-3"));
    place_close(&p);
}

static void a_login_program_that_fails_is_named(void **state) {
    (void)state;
    const struct {
        const char *script, *words;
    } cases[] = {
        {"#!/bin/sh\nexit 3\n", "exit code 3"},
        {"#!/bin/sh\necho hello hush\n", "printed no ExecCredential"},
        {"#!/bin/sh\necho "
         "'{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/"
         "v1beta1\",\"status\":{\"token\":\"hush\"}}'\n",
         "another apiVersion"},
        {"#!/bin/sh\necho "
         "'{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/"
         "v1\",\"status\":{}}'\n",
         "neither a token nor"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const fault_answer answers[] = {KINDS};
        bench_place p;
        place_open(&p, answers, 1,
                   "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./login, "
                   "interactiveMode: Never}}");
        write_file(p.folder, "login", cases[i].script, 0700);
        p.call.rc = p.plugin.target->common->probe(p.plugin.instance, &p.call);
        assert_int_equal(p.call.rc, TU_EDENIED);
        if (!strstr(p.call.message, cases[i].words))
            fail_msg("%s", p.call.message);
        place_close(&p);
    }
}

static void a_server_that_is_not_there_is_named(void **state) {
    (void)state;
    const fault_answer answers[] = {KINDS};
    bench_place p;
    place_open(&p, answers, 1, "{token: " TOKEN "}");
    fault_server_stop(&p.server);
    p.call.rc = p.plugin.target->discover(p.plugin.instance, &p.call);
    assert_int_equal(p.call.rc, TU_EUNAVAILABLE);
    assert_string_equal(p.call.code, "unreachable");
    char endpoint[64];
    snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%d", p.server.port);
    assert_non_null(strstr(p.call.message, endpoint));
    fault_server_start(&p.server, answers, 1);
    place_close(&p);
}

/* An error of the API quotes values: nothing of them may be repeated. */
static void values_in_errors_are_not_repeated(void **state) {
    (void)state;
    const struct {
        int status;
        const char *body, *code;
        tu_rc rc;
    } cases[] = {
        {500,
         "{\"kind\":\"Status\",\"message\":\"failed to create typed patch object (d/a; /v1, "
         "Kind=ConfigMap): .data.x: expected string, got &value{Value:hush}\"}",
         "wrong-type", TU_EINVALID},
        {500,
         "{\"kind\":\"Status\",\"message\":\"failed to create typed patch object (d/a; /v1, "
         "Kind=ConfigMap): .dta: field not declared in schema\"}",
         "unknown-field", TU_EINVALID},
        {422,
         "{\"kind\":\"Status\",\"reason\":\"Invalid\",\"message\":\"x\",\"details\":{\"causes\":[{"
         "\"reason\":\"FieldValueInvalid\",\"field\":\"spec.x\",\"message\":\"Invalid value: "
         "\\\"hush: hush\\\": field is immutable\"}]}}",
         "immutable", TU_EREFUSED},
        {422,
         "{\"kind\":\"Status\",\"reason\":\"Invalid\",\"message\":\"x\",\"details\":{\"causes\":[{"
         "\"reason\":\"FieldValueDuplicate\",\"field\":\"spec.x\",\"message\":\"Duplicate value: "
         "\\\"hush\\\"\"}]}}",
         "duplicate", TU_EREFUSED},
        {400,
         "{\"kind\":\"Status\",\"message\":\"admission webhook \\\"w\\\" does not support dry "
         "run\"}",
         "webhook-no-dry-run", TU_EUNSUPPORTED},
        {500,
         "{\"kind\":\"Status\",\"message\":\"Internal error occurred: failed calling webhook "
         "\\\"hush\\\"\"}",
         "webhook-down", TU_EUNAVAILABLE},
        {403,
         "{\"kind\":\"Status\",\"message\":\"pods \\\"a\\\" is forbidden: exceeded quota: q, "
         "requested: {hush}\"}",
         "quota", TU_EREFUSED},
        {403,
         "{\"kind\":\"Status\",\"message\":\"pods \\\"a\\\" is forbidden: User \\\"u\\\" cannot "
         "patch resource\"}",
         "denied", TU_EDENIED},
        {403,
         "{\"kind\":\"Status\",\"message\":\"pods \\\"a\\\" is forbidden: "
         "ValidatingAdmissionPolicy 'p' denied request: value 'hush' is bad\"}",
         "policy", TU_EREFUSED},
        {409,
         "{\"kind\":\"Status\",\"reason\":\"Conflict\",\"message\":\"x\",\"details\":{\"causes\":[{"
         "\"reason\":\"FieldManagerConflict\",\"field\":\".data.x\",\"message\":\"conflict with "
         "\\\"hush\\\"\"}]}}",
         "field-conflict", TU_ECONFLICT},
        {429, "{}", "http-429", TU_ETHROTTLED},
        {413, "{}", "too-large", TU_EREFUSED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const fault_answer answers[] = {KINDS,
                                        {.path = "/api/v1/namespaces/d/configmaps/a?",
                                         .status = cases[i].status,
                                         .body = cases[i].body}};
        bench_place p;
        place_open(&p, answers, 2, "{token: " TOKEN "}");
        p.call.rc =
            p.plugin.target->apply(p.plugin.instance, &p.call,
                                   KUBE_S("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
                                          "\"metadata\":{\"name\":\"a\",\"namespace\":\"d\"}}"),
                                   KUBE_S("{\"uid\":\"u-1\"}"));
        if (p.call.rc != cases[i].rc || strcmp(p.call.code, cases[i].code) != 0)
            fail_msg("case %zu: %d %s: %s", i, (int)p.call.rc, p.call.code, p.call.message);
        place_close(&p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listing_is_complete_or_lost),
        cmocka_unit_test(a_watch_loses_nothing),
        cmocka_unit_test(a_token_file_is_read_again_after_401),
        cmocka_unit_test(a_login_program_is_run_once_until_it_is_refused),
        cmocka_unit_test(a_login_program_that_fails_is_named),
        cmocka_unit_test(a_server_that_is_not_there_is_named),
        cmocka_unit_test(values_in_errors_are_not_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
