/*
 * busy-target.c: a target with one object, which somebody else writes at the same time: the first
 * CONFLICTS attempts to apply find that it has changed since it was read.
 */
#define MODULE_ID "dev.trueup.test-busy-target"
#define MODULE_THREADS TU_THREADS_SERIAL
#define MODULE_CREATE create_busy
#define MODULE_DESTROY destroy_busy
#define MODULE_SERVES "none"
#define MODULE_VTABLE busy_vtable
#include <trueup/plugin.h>

static tu_rc create_busy(const tu_host *h, tu_call *c, tu_str config, tu_instance **out);
static void destroy_busy(tu_instance *i);
static const void *busy_vtable(const char *id);
#include "module.h"
#include <stdio.h>
#include <stdlib.h>

#define CONFLICTS 3

struct tu_instance {
    const tu_host *host;
    int version;
    const char *colour;
};

#define S(literal) ((tu_str){(literal), sizeof(literal) - 1})
#define NOTHING ((tu_str){NULL, 0})

static tu_rc create_busy(const tu_host *h, tu_call *c, tu_str config, tu_instance **out) {
    (void)c, (void)config;
    *out = calloc(1, sizeof **out);
    if (!*out)
        return TU_EINTERNAL;
    **out = (tu_instance){.host = h, .version = 1, .colour = "red"};
    return TU_OK;
}

static void destroy_busy(tu_instance *i) {
    free(i);
}

static tu_rc emit_object(tu_instance *i, tu_call *c, uint32_t record, tu_str meta) {
    char body[512];
    int n = snprintf(body, sizeof body,
                     "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","
                     "\"namespace\":\"shop\",\"uid\":\"u\",\"resourceVersion\":\"%d\"},"
                     "\"data\":{\"colour\":\"%s\"}}",
                     i->version, i->colour);
    return i->host->emit(c, record, 0, meta, (tu_str){body, (size_t)n});
}

static tu_rc discover(tu_instance *i, tu_call *c) {
    tu_rc rc = i->host->emit(c, TU_REC_INFO, 0,
                             S("{\"endpoint\":\"busy\",\"version\":\"1\",\"defaultNamespace\":"
                               "\"default\",\"ownership\":false}"),
                             NOTHING);
    return rc != TU_OK
               ? rc
               : i->host->emit(c, TU_REC_KIND, 0,
                               S("{\"group\":\"\",\"version\":\"v1\",\"kind\":\"ConfigMap\","
                                 "\"resource\":\"configmaps\",\"namespaced\":true,"
                                 "\"verbs\":[\"get\",\"list\",\"patch\"],\"hash\":\"1\"}"),
                               NOTHING);
}

static tu_rc describe(tu_instance *i, tu_call *c, tu_str kind) {
    (void)kind;
    return i->host->emit(c, TU_REC_DESCRIPTION, 0, S("{}"), S("{\"types\":[{\"type\":\"any\"}]}"));
}

static tu_rc list(tu_instance *i, tu_call *c, tu_str selector) {
    (void)selector;
    tu_rc rc = i->host->emit(c, TU_REC_BEGIN, 0, S("{}"), NOTHING);
    if (rc == TU_OK)
        rc = emit_object(i, c, TU_REC_OBJECT, NOTHING);
    return rc == TU_OK ? i->host->emit(c, TU_REC_END, 0, S("{}"), NOTHING) : rc;
}

static tu_rc get(tu_instance *i, tu_call *c, tu_str identity) {
    (void)identity;
    return emit_object(i, c, TU_REC_OBJECT, NOTHING);
}

static int is_dry_run(tu_str options) {
    static const char words[] = "\"dryRun\":true";
    for (size_t k = 0; k + sizeof words - 1 <= options.n; k++) {
        if (memcmp(options.p + k, words, sizeof words - 1) == 0)
            return 1;
    }
    return 0;
}

static tu_rc apply(tu_instance *i, tu_call *c, tu_str object, tu_str options) {
    (void)object;
    const char *colour = i->colour;
    if (!is_dry_run(options) && i->version++ <= CONFLICTS)
        return i->host->fail(c, TU_ECONFLICT, 0, S("changed"), S("it has changed since"));
    i->colour = "blue";
    tu_rc rc = emit_object(i, c, TU_REC_RESULT, S("{\"created\":false}"));
    if (is_dry_run(options))
        i->colour = colour;
    return rc;
}

static const tu_target busy = {
    .size = sizeof busy,
    .common = &common,
    .discover = discover,
    .describe = describe,
    .list = list,
    .get = get,
    .apply = apply,
    .remove = with_two,
};

static const void *busy_vtable(const char *id) {
    return strcmp(id, "trueup.target/1") == 0 ? &busy : NULL;
}
