/*
 * A target that is a folder of answers, for the tests of core/desired, core/engine and core/heal.
 *
 *   live.json    what get() answers; not there: TU_ENOTFOUND
 *   after.json   what apply() and patch() answer; not there: the object they were given, or live.json
 *   fail         "<class> <times>": so often apply() and patch() fail in that class
 *   calls        what was asked of it, one line each: "apply OPTIONS OBJECT", "patch OPTIONS PATCH", "get"
 *
 * It serves v1 ConfigMap and apps/v1 Deployment (namespaced), v1 Namespace (not), and can't be asked
 * about stale.example.com. /spec/containers of a Deployment is a list with the key "name".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trueup/plugin.h>

struct tu_instance {
    const tu_host *host;
    char folder[512];
};

#define S(literal) ((tu_str){(literal), sizeof(literal) - 1})
#define NOTHING ((tu_str){NULL, 0})

static FILE *open_in(const tu_instance *i, const char *name, const char *mode) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", i->folder, name);
    return fopen(path, mode);
}

/* False when it isn't there. */
static int read_in(const tu_instance *i, const char *name, char *out, size_t room) {
    FILE *f = open_in(i, name, "r");
    if (!f)
        return 0;
    size_t n = fread(out, 1, room - 1, f);
    out[n] = '\0';
    fclose(f);
    return 1;
}

static void note(const tu_instance *i, const char *call, tu_str a, tu_str b) {
    FILE *f = open_in(i, "calls", "a");
    if (!f)
        return;
    fprintf(f, "%s %.*s %.*s\n", call, (int)a.n, a.n ? a.p : "", (int)b.n, b.n ? b.p : "");
    fclose(f);
}

static tu_rc create(const tu_host *h, tu_call *c, tu_str config, tu_instance **out) {
    tu_instance *i = calloc(1, sizeof *i);
    (void)c;
    i->host = h;
    sscanf(config.p, "{\"folder\":\"%511[^\"]", i->folder);
    *out = i;
    return TU_OK;
}

static void destroy(tu_instance *i) {
    free(i);
}

static tu_rc discover(tu_instance *i, tu_call *c) {
    static const char *const kinds[] = {
        "{\"group\":\"\",\"version\":\"v1\",\"kind\":\"ConfigMap\",\"namespaced\":true}",
        "{\"group\":\"apps\",\"version\":\"v1\",\"kind\":\"Deployment\",\"namespaced\":true}",
        "{\"group\":\"\",\"version\":\"v1\",\"kind\":\"Namespace\",\"namespaced\":false}"};
    i->host->emit(c, TU_REC_INFO, 0, S("{\"endpoint\":\"fake\",\"defaultNamespace\":\"shop\"}"),
                  NOTHING);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        i->host->emit(c, TU_REC_KIND, 0, (tu_str){kinds[k], strlen(kinds[k])}, NOTHING);
    return i->host->emit(c, TU_REC_STALE_GROUP, 0,
                         S("{\"group\":\"stale.example.com\",\"version\":\"\"}"), NOTHING);
}

static tu_rc describe(tu_instance *i, tu_call *c, tu_str kind) {
    (void)kind;
    return i->host->emit(
        c, TU_REC_DESCRIPTION, 0, S("{}"),
        S("{\"sensitive\":[\"/"
          "secret\"],\"types\":[{\"type\":\"map\",\"fields\":{\"spec\":1},\"values\":4},"
          "{\"type\":\"map\",\"fields\":{\"containers\":2,\"replicas\":5},\"values\":4},"
          "{\"type\":\"list\",\"items\":3,\"list\":\"keyed\",\"keys\":[\"name\"]},"
          "{\"type\":\"map\",\"values\":4},{\"type\":\"any\"},{\"type\":\"integer\"}]}"));
}

static tu_rc list(tu_instance *i, tu_call *c, tu_str selector) {
    (void)i, (void)c, (void)selector;
    return TU_OK;
}

static tu_rc get(tu_instance *i, tu_call *c, tu_str identity) {
    char live[65536];
    note(i, "get", identity, NOTHING);
    if (!read_in(i, "live.json", live, sizeof live))
        return i->host->fail(c, TU_ENOTFOUND, 0, S("not-found"), S("it isn't there"));
    return i->host->emit(c, TU_REC_OBJECT, 0, NOTHING, (tu_str){live, strlen(live)});
}

static tu_rc fail_if_told(tu_instance *i, tu_call *c) {
    char text[64];
    int class_, times;
    if (!read_in(i, "fail", text, sizeof text) || sscanf(text, "%d %d", &class_, &times) != 2 ||
        times == 0)
        return TU_OK;
    FILE *f = open_in(i, "fail", "w");
    fprintf(f, "%d %d", class_, times - 1);
    fclose(f);
    return i->host->fail(c, (tu_rc)class_, 0, S("told-so"), S("as it was told"));
}

static tu_rc answer(tu_instance *i, tu_call *c, tu_str otherwise) {
    char after[65536];
    if (read_in(i, "after.json", after, sizeof after) ||
        (!otherwise.n && read_in(i, "live.json", after, sizeof after)))
        otherwise = (tu_str){after, strlen(after)};
    return i->host->emit(c, TU_REC_RESULT, 0, S("{\"created\":false}"), otherwise);
}

static tu_rc apply(tu_instance *i, tu_call *c, tu_str object, tu_str options) {
    note(i, "apply", options, object);
    tu_rc rc = fail_if_told(i, c);
    return rc ? rc : answer(i, c, object);
}

static tu_rc patch(tu_instance *i, tu_call *c, tu_str identity, tu_str text, tu_str options) {
    (void)identity;
    note(i, "patch", options, text);
    tu_rc rc = fail_if_told(i, c);
    return rc ? rc : answer(i, c, NOTHING);
}

static tu_rc take_away(tu_instance *i, tu_call *c, tu_str identity, tu_str options) {
    (void)c;
    note(i, "remove", identity, options);
    return TU_OK;
}

static const tu_common common = {sizeof common, create, destroy, NULL};
static const tu_target target = {.size = sizeof target,
                                 .common = &common,
                                 .discover = discover,
                                 .describe = describe,
                                 .list = list,
                                 .get = get,
                                 .apply = apply,
                                 .patch = patch,
                                 .remove = take_away};

static const void *vtable(const char *id) {
    return strcmp(id, "trueup.target/1") == 0 ? &target : NULL;
}

const tu_plugin *trueup_plugin_v1(void) {
    static const tu_plugin plugin = {
        .size = sizeof plugin,
        .abi_minor = TU_ABI_MINOR,
        .thread_model = TU_THREADS_PARALLEL,
        .id = "dev.trueup.test-fake-target",
        .version = "1.0.0",
        .license = "Apache-2.0",
        .summary = "a folder of answers",
        .config_schema = "{\"type\":\"object\",\"properties\":{\"folder\":{\"type\":\"string\"}},"
                         "\"required\":[\"folder\"]}",
        .vtable = vtable,
    };
    return &plugin;
}
