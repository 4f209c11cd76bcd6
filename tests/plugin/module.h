/*
 * tests/plugin/module.h: a whole plugin in which any part can be replaced, for plugins that are
 * wrong in one way.
 *
 *     #define MODULE_VERSION "one"
 *     #include "module.h"
 *
 * To add a bad plugin: a file that defines what is wrong and includes this, and a line in
 * tests/unit/test_plugin_load.c.
 */
#include <string.h>
#include <trueup/plugin.h>

#ifndef MODULE_SIZE
#define MODULE_SIZE sizeof(tu_plugin)
#endif
#ifndef MODULE_MIN_HOST_MINOR
#define MODULE_MIN_HOST_MINOR 0
#endif
#ifndef MODULE_THREADS
#define MODULE_THREADS TU_THREADS_PARALLEL
#endif
#ifndef MODULE_ID
#define MODULE_ID "dev.trueup.test-module"
#endif
#ifndef MODULE_VERSION
#define MODULE_VERSION "1.0.0"
#endif
#ifndef MODULE_LICENSE
#define MODULE_LICENSE "Apache-2.0"
#endif
#ifndef MODULE_SCHEMA
#define MODULE_SCHEMA "{\"type\":\"object\"}"
#endif
#ifndef MODULE_TABLE_SIZE
#define MODULE_TABLE_SIZE sizeof(tu_target)
#endif
#ifndef MODULE_COMMON
#define MODULE_COMMON &common
#endif
#ifndef MODULE_CREATE
#define MODULE_CREATE create
#endif
#ifndef MODULE_DESTROY
#define MODULE_DESTROY destroy
#endif
#ifndef MODULE_DESCRIBE
#define MODULE_DESCRIBE with_one
#endif
#ifndef MODULE_LIST
#define MODULE_LIST with_one
#endif
#ifndef MODULE_APPLY
#define MODULE_APPLY with_two
#endif
#ifndef MODULE_PATCH
#define MODULE_PATCH NULL
#endif
#ifndef MODULE_WATCH
#define MODULE_WATCH NULL
#endif
#ifndef MODULE_SERVES
#define MODULE_SERVES "trueup.target/1"
#endif
#ifndef MODULE_VTABLE
#define MODULE_VTABLE vtable
#endif
#ifndef MODULE_DESCRIPTOR
#define MODULE_DESCRIPTOR &plugin
#endif

#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-variable"
#endif

static char instance;
static tu_rc create(const tu_host *h, tu_call *c, tu_str config, tu_instance **out) {
    (void)h, (void)c, (void)config;
    *out = (tu_instance *)(void *)&instance;
    return TU_OK;
}
static void destroy(tu_instance *i) {
    (void)i;
}
static tu_rc plain(tu_instance *i, tu_call *c) {
    (void)i, (void)c;
    return TU_OK;
}
static tu_rc with_one(tu_instance *i, tu_call *c, tu_str a) {
    (void)i, (void)c, (void)a;
    return TU_OK;
}
static tu_rc with_two(tu_instance *i, tu_call *c, tu_str a, tu_str b) {
    (void)i, (void)c, (void)a, (void)b;
    return TU_OK;
}
static tu_rc with_three(tu_instance *i, tu_call *c, tu_str a, tu_str b, tu_str d) {
    (void)i, (void)c, (void)a, (void)b, (void)d;
    return TU_OK;
}

static const tu_common common = {sizeof common, MODULE_CREATE, MODULE_DESTROY, NULL};
static const tu_target target = {
    .size = MODULE_TABLE_SIZE,
    .common = MODULE_COMMON,
    .discover = plain,
    .describe = MODULE_DESCRIBE,
    .list = MODULE_LIST,
    .watch = MODULE_WATCH,
    .get = with_one,
    .apply = MODULE_APPLY,
    .patch = MODULE_PATCH,
    .remove = with_two,
};

static const void *vtable(const char *id) {
    return strcmp(id, MODULE_SERVES) == 0 ? &target : NULL;
}

static const tu_plugin plugin = {
    .size = MODULE_SIZE,
    .abi_minor = TU_ABI_MINOR,
    .min_host_minor = MODULE_MIN_HOST_MINOR,
    .thread_model = MODULE_THREADS,
    .id = MODULE_ID,
    .version = MODULE_VERSION,
    .license = MODULE_LICENSE,
    .summary = "a plugin for tests",
    .config_schema = MODULE_SCHEMA,
    .vtable = MODULE_VTABLE,
};

const tu_plugin *trueup_plugin_v1(void) {
    return MODULE_DESCRIPTOR;
}
