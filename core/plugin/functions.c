/*
 * plugin/functions.c: every function that a plugin can have, and the calls by name.
 *
 * One table says for each its place in the plugin's own table, whether it is required, and which
 * records it may emit; the descriptor's check, the calls and their limits all read it. To add a
 * function: append it to its struct in trueup/plugin.h, to tu_function in internal.h, to the table
 * and the switch here, and give it a tu_call_...() in host.h.
 */
#include "plugin/internal.h"

#define R(record) (UINT64_C(1) << (record))
#define LISTING                                                                                    \
    (R(TU_REC_BEGIN) | R(TU_REC_OBJECT) | R(TU_REC_END) | R(TU_REC_LOST) | R(TU_REC_ENVIRONMENT))
#define ANY R(TU_REC_PROGRESS)

const tu_function_info tu_function_table[TU_FN_COUNT] = {
    [TU_FN_CREATE] = {"create", 0, offsetof(tu_common, create), true, true, false, 0},
    [TU_FN_PROBE] = {"probe", 0, offsetof(tu_common, probe), true, false, false, ANY},
    [TU_FN_RESOLVE] = {"resolve", TU_KIND_SOURCE, offsetof(tu_source, resolve), false, true, false,
                       ANY | R(TU_REC_REVISION)},
    [TU_FN_FETCH] = {"fetch", TU_KIND_SOURCE, offsetof(tu_source, fetch), false, true, false,
                     ANY | R(TU_REC_REVISION) | R(TU_REC_ENTRY)},
    [TU_FN_SOURCE_WATCH] = {"watch", TU_KIND_SOURCE, offsetof(tu_source, watch), false, false, true,
                            ANY | R(TU_REC_CHANGED)},
    [TU_FN_ACCEPTS] = {"accepts", TU_KIND_RENDER, offsetof(tu_renderer, accepts), false, true,
                       false, ANY},
    [TU_FN_RENDER] = {"render", TU_KIND_RENDER, offsetof(tu_renderer, render), false, true, false,
                      ANY | R(TU_REC_DOCUMENT) | R(TU_REC_PROBLEM) | R(TU_REC_SKIPPED)},
    [TU_FN_DISCOVER] = {"discover", TU_KIND_TARGET, offsetof(tu_target, discover), false, true,
                        false, ANY | R(TU_REC_INFO) | R(TU_REC_KIND) | R(TU_REC_STALE_GROUP)},
    [TU_FN_DESCRIBE] = {"describe", TU_KIND_TARGET, offsetof(tu_target, describe), false, true,
                        false, ANY | R(TU_REC_DESCRIPTION)},
    [TU_FN_LIST] = {"list", TU_KIND_TARGET, offsetof(tu_target, list), false, true, false,
                    ANY | LISTING},
    [TU_FN_TARGET_WATCH] = {"watch", TU_KIND_TARGET, offsetof(tu_target, watch), false, false, true,
                            ANY | LISTING | R(TU_REC_GONE) | R(TU_REC_CURRENT)},
    [TU_FN_GET] = {"get", TU_KIND_TARGET, offsetof(tu_target, get), false, true, false,
                   ANY | R(TU_REC_OBJECT)},
    [TU_FN_APPLY] = {"apply", TU_KIND_TARGET, offsetof(tu_target, apply), false, true, false,
                     ANY | R(TU_REC_RESULT)},
    [TU_FN_PATCH] = {"patch", TU_KIND_TARGET, offsetof(tu_target, patch), false, false, false,
                     ANY | R(TU_REC_RESULT)},
    [TU_FN_REMOVE] = {"remove", TU_KIND_TARGET, offsetof(tu_target, remove), false, true, false,
                      ANY | R(TU_REC_RESULT)},
    [TU_FN_HEALTH] = {"health", TU_KIND_TARGET, offsetof(tu_target, health), false, false, false,
                      ANY | R(TU_REC_HEALTH)},
    [TU_FN_SEND] = {"send", TU_KIND_NOTIFIER, offsetof(tu_notifier, send), false, false, false,
                    ANY | R(TU_REC_DELIVERED)},
    [TU_FN_DELIVER] = {"deliver", TU_KIND_NOTIFIER, offsetof(tu_notifier, deliver), false, false,
                       false, ANY | R(TU_REC_DELIVERED)},
};

bool tu_table_has(const void *table, size_t offset) {
    uint32_t size;
    void (*function)(void);
    memcpy(&size, table, sizeof size);
    if (size < offset + sizeof function)
        return false;
    memcpy(&function, (const char *)table + offset, sizeof function);
    return function != NULL;
}

const tu_common *tu_table_common(const void *table) {
    /* Every kind's table begins as tu_source does: size, common. */
    const tu_source *t = table;
    return TU_HAS(t, tu_source, common) ? t->common : NULL;
}

tu_rc tu_function_invoke(tu_plugin_use *u, tu_function f, tu_call *c, const tu_str *s) {
    const tu_source *source = u->table;
    const tu_renderer *renderer = u->table;
    const tu_target *target = u->table;
    const tu_notifier *notifier = u->table;
    tu_instance *i = u->instance;

    switch (f) {
    case TU_FN_CREATE:
        return u->common->create(&tu_host_functions, c, s[0], &u->instance);
    case TU_FN_PROBE:
        return u->common->probe(i, c);
    case TU_FN_RESOLVE:
        return source->resolve(i, c);
    case TU_FN_FETCH:
        return source->fetch(i, c, s[0], s[1]);
    case TU_FN_SOURCE_WATCH:
        return source->watch(i, c);
    case TU_FN_ACCEPTS:
        return renderer->accepts(i, c);
    case TU_FN_RENDER:
        return renderer->render(i, c, s[0]);
    case TU_FN_DISCOVER:
        return target->discover(i, c);
    case TU_FN_DESCRIBE:
        return target->describe(i, c, s[0]);
    case TU_FN_LIST:
        return target->list(i, c, s[0]);
    case TU_FN_TARGET_WATCH:
        return target->watch(i, c, s[0]);
    case TU_FN_GET:
        return target->get(i, c, s[0]);
    case TU_FN_APPLY:
        return target->apply(i, c, s[0], s[1]);
    case TU_FN_PATCH:
        return target->patch(i, c, s[0], s[1], s[2]);
    case TU_FN_REMOVE:
        return target->remove(i, c, s[0], s[1]);
    case TU_FN_HEALTH:
        return target->health(i, c, s[0]);
    case TU_FN_SEND:
        return notifier->send(i, c, s[0], s[1]);
    case TU_FN_DELIVER:
        return notifier->deliver(i, c, s[0], s[1], s[2]);
    case TU_FN_COUNT:
        break;
    }
    return TU_EINTERNAL;
}

/* --- the calls by name ------------------------------------------------------------------------ */

#define RUN(f, ...) return tu_call_run(u, f, (const tu_str[]){__VA_ARGS__}, o, error)
#define NONE ((tu_str){NULL, 0})

tu_rc tu_call_probe(tu_plugin_use *u, const tu_call_options *o, tu_error **error) {
    /* Optional: a plugin that can't tell is taken at its word. */
    if (!tu_table_has(u->common, tu_function_table[TU_FN_PROBE].offset))
        return TU_OK;
    RUN(TU_FN_PROBE, NONE);
}
tu_rc tu_call_resolve(tu_plugin_use *u, const tu_call_options *o, tu_error **error) {
    RUN(TU_FN_RESOLVE, NONE);
}
tu_rc tu_call_fetch(tu_plugin_use *u, tu_str revision, tu_str path, const tu_call_options *o,
                    tu_error **error) {
    RUN(TU_FN_FETCH, revision, path);
}
tu_rc tu_call_source_watch(tu_plugin_use *u, const tu_call_options *o, tu_error **error) {
    RUN(TU_FN_SOURCE_WATCH, NONE);
}
tu_rc tu_call_accepts(tu_plugin_use *u, const tu_call_options *o, tu_error **error) {
    RUN(TU_FN_ACCEPTS, NONE);
}
tu_rc tu_call_render(tu_plugin_use *u, tu_str params, const tu_call_options *o, tu_error **error) {
    RUN(TU_FN_RENDER, params);
}
tu_rc tu_call_discover(tu_plugin_use *u, const tu_call_options *o, tu_error **error) {
    RUN(TU_FN_DISCOVER, NONE);
}
tu_rc tu_call_describe(tu_plugin_use *u, tu_str kind, const tu_call_options *o, tu_error **error) {
    RUN(TU_FN_DESCRIBE, kind);
}
tu_rc tu_call_list(tu_plugin_use *u, tu_str selector, const tu_call_options *o, tu_error **error) {
    RUN(TU_FN_LIST, selector);
}
tu_rc tu_call_target_watch(tu_plugin_use *u, tu_str selector, const tu_call_options *o,
                           tu_error **error) {
    RUN(TU_FN_TARGET_WATCH, selector);
}
tu_rc tu_call_get(tu_plugin_use *u, tu_str identity, const tu_call_options *o, tu_error **error) {
    RUN(TU_FN_GET, identity);
}
tu_rc tu_call_apply(tu_plugin_use *u, tu_str object, tu_str options, const tu_call_options *o,
                    tu_error **error) {
    RUN(TU_FN_APPLY, object, options);
}
tu_rc tu_call_patch(tu_plugin_use *u, tu_str identity, tu_str patch, tu_str options,
                    const tu_call_options *o, tu_error **error) {
    RUN(TU_FN_PATCH, identity, patch, options);
}
tu_rc tu_call_remove(tu_plugin_use *u, tu_str identity, tu_str options, const tu_call_options *o,
                     tu_error **error) {
    RUN(TU_FN_REMOVE, identity, options);
}
tu_rc tu_call_health(tu_plugin_use *u, tu_str object, const tu_call_options *o, tu_error **error) {
    RUN(TU_FN_HEALTH, object);
}
