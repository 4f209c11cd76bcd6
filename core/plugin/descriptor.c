/*
 * plugin/descriptor.c: is what a plugin says of itself whole and coherent?
 *
 * Everything is looked at before anything is refused, so that an author sees all the reasons at
 * once. Sizes come first: a member is read only when it lies inside what the plugin was compiled
 * with.
 *
 * To add a kind of plugin: its id in `kinds`, its functions in functions.c.
 */
#include <stdarg.h>

#include "base/mem.h"
#include "plugin/internal.h"
#include "value/json.h"
#include "value/schema.h"

#define TEXT_LIMIT 1024u /* id, version, licence, summary, url */
#define SCHEMA_LIMIT (256u * 1024u)

static const struct {
    const char *id, *name;
    size_t v1_size; /* what the table had in ABI 1.0 */
} kinds[TU_KIND_COUNT] = {
    [TU_KIND_SOURCE] = {"trueup.source/1", "source", offsetof(tu_source, watch)},
    [TU_KIND_RENDER] = {"trueup.render/1", "render", sizeof(tu_renderer)},
    [TU_KIND_TARGET] = {"trueup.target/1", "target", offsetof(tu_target, health)},
    [TU_KIND_NOTIFIER] = {"trueup.notifier/1", "notifier", offsetof(tu_notifier, deliver)},
};

const char *tu_plugin_kind_name(tu_plugin_kind k) {
    return (unsigned)k < TU_KIND_COUNT ? kinds[k].name : "unknown";
}

static void refuse(tu_errors *errors, const tu_library *l, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void refuse(tu_errors *errors, const tu_library *l, const char *format, ...) {
    tu_error *e = NULL;
    char *text = NULL;
    va_list list;
    va_start(list, format);
    if (vasprintf(&text, format, list) < 0)
        text = NULL;
    va_end(list);
    if (text)
        tu_error_set(&e, TU_EINVALID, "%s: %s", l->path, text);
    else
        tu_error_memory(&e);
    free(text);
    tu_errors_add(errors, e);
}

/* --- texts ------------------------------------------------------------------------------------ */

static bool is_reverse_dns(const char *id) {
    size_t labels = 1, length = 0;
    for (; *id; id++) {
        bool word = (*id >= 'a' && *id <= 'z') || (*id >= '0' && *id <= '9') || *id == '-';
        if (*id == '.' && length) {
            labels++;
            length = 0;
        } else if (word) {
            length++;
        } else {
            return false;
        }
    }
    return labels >= 2 && length;
}

/* major.minor.patch, then perhaps "-..." or "+..." (semver.org, 2.0.0) */
static bool is_semver(const char *v) {
    for (int part = 0; part < 3; part++) {
        size_t digits = strspn(v, "0123456789");
        if (!digits)
            return false;
        v += digits;
        if (part < 2 && *v++ != '.')
            return false;
    }
    return *v == '\0' || *v == '-' || *v == '+';
}

static void check_text(const tu_library *l, const char *name, const char *text, tu_errors *errors) {
    size_t n;
    if (!text || !*text) {
        if (strcmp(name, "url") != 0) /* a plugin for one's own house needs none */
            refuse(errors, l, "the descriptor has no %s", name);
        return;
    }
    n = strnlen(text, TEXT_LIMIT + 1);
    if (n > TEXT_LIMIT)
        refuse(errors, l, "the descriptor's %s is longer than %u bytes", name, TEXT_LIMIT);
    else if (!tu_utf8_valid((tu_str){text, n}))
        refuse(errors, l, "the descriptor's %s is not UTF-8", name);
    else if (!strcmp(name, "id") && !is_reverse_dns(text))
        refuse(errors, l,
               "the id \"%s\" is not in reverse DNS form, as in \"com.example.source-svn\"", text);
    else if (!strcmp(name, "version") && !is_semver(text))
        refuse(errors, l, "the version \"%s\" is not a semantic one, as in \"1.4.0\"", text);
}

static void check_schema(tu_library *l, const char *text, tu_errors *errors) {
    tu_error *e = NULL;
    size_t n;
    if (!text) {
        refuse(errors, l,
               "the descriptor has no config_schema: write {\"type\":\"object\"} if there "
               "is nothing to configure");
        return;
    }
    n = strnlen(text, SCHEMA_LIMIT + 1);
    if (n > SCHEMA_LIMIT) {
        refuse(errors, l, "config_schema is longer than %u bytes", SCHEMA_LIMIT);
        return;
    }
    if (tu_json_parse(&l->arena, (tu_str){text, n}, TU_JSON_COPY, "config_schema", &l->schema, NULL,
                      &e) != TU_OK) {
        refuse(errors, l, "config_schema is not JSON: line %lld, column %lld: %s",
               (long long)(e ? e->line : 0), (long long)(e ? e->column : 0), tu_error_text(e));
    } else if (!tu_value_is(l->schema, TU_MAP)) {
        refuse(errors, l, "config_schema is not a JSON object");
    } else if (tu_value_get(l->schema,
                            "$defs")) { /* secrets are found by walking it as it stands */
        refuse(errors, l, "config_schema has $defs: write what they hold where it is used");
    } else if (tu_schema_check(l->schema, &e) != TU_OK) {
        refuse(errors, l, "config_schema is not one that trueup understands: %s", tu_error_text(e));
    } else {
        l->open_schema = tu_settings_open_schema(&l->arena, l->schema);
        if (!l->open_schema)
            refuse(errors, l, "out of memory");
    }
    tu_error_free(e);
}

/* --- tables ----------------------------------------------------------------------------------- */

static void check_functions(const tu_library *l, tu_plugin_kind kind, const void *table,
                            const tu_common *common, tu_errors *errors) {
    for (int f = 0; f < TU_FN_COUNT; f++) {
        const tu_function_info *info = &tu_function_table[f];
        if (!info->required || (!info->common && info->kind != kind))
            continue;
        if (!tu_table_has(info->common ? (const void *)common : table, info->offset))
            refuse(errors, l, "%s: the function %s is missing", kinds[kind].id, info->name);
    }
    if (!tu_table_has(common, offsetof(tu_common, destroy)))
        refuse(errors, l, "%s: the function destroy is missing", kinds[kind].id);
}

static void check_groups(const tu_library *l, tu_plugin_kind kind, const void *table,
                         uint32_t thread_model, tu_errors *errors) {
    bool target = kind == TU_KIND_TARGET;
    bool watches = (target && tu_table_has(table, offsetof(tu_target, watch))) ||
                   (kind == TU_KIND_SOURCE && tu_table_has(table, offsetof(tu_source, watch)));

    if (kind == TU_KIND_NOTIFIER && !tu_table_has(table, offsetof(tu_notifier, send)) &&
        !tu_table_has(table, offsetof(tu_notifier, deliver)))
        refuse(errors, l, "%s: neither deliver nor send is there", kinds[kind].id);
    if (watches && target && !tu_table_has(table, offsetof(tu_target, list)))
        refuse(errors, l, "%s: watch without list", kinds[kind].id);
    if (target && tu_table_has(table, offsetof(tu_target, patch)) &&
        !tu_table_has(table, offsetof(tu_target, apply)))
        refuse(errors, l, "%s: patch without apply", kinds[kind].id);
    if (watches && thread_model == TU_THREADS_SERIAL)
        refuse(
            errors, l,
            "%s: a plugin with the thread model SERIAL can't offer watch, which would keep every "
            "other call out",
            kinds[kind].id);
}

static void check_table(tu_library *l, tu_plugin_kind kind, const void *table,
                        uint32_t thread_model, tu_errors *errors) {
    uint32_t size;
    const tu_common *common;

    memcpy(&size, table, sizeof size);
    if (size < kinds[kind].v1_size) {
        refuse(errors, l, "%s: its table has %u bytes, ABI 1 has at least %zu (is size set?)",
               kinds[kind].id, size, kinds[kind].v1_size);
        return;
    }
    common = tu_table_common(table);
    if (!common) {
        refuse(errors, l, "%s: common is missing", kinds[kind].id);
        return;
    }
    check_functions(l, kind, table, common, errors);
    check_groups(l, kind, table, thread_model, errors);
    l->tables[kind] = table;
}

static void check_tables(tu_library *l, const tu_plugin *p, tu_errors *errors) {
    size_t served = 0;
    if (!p->vtable) {
        refuse(errors, l, "the descriptor has no vtable");
        return;
    }
    for (int k = 0; k < TU_KIND_COUNT; k++) {
        const void *table = p->vtable(kinds[k].id);
        served += table != NULL;
        if (table)
            check_table(l, (tu_plugin_kind)k, table, p->thread_model, errors);
    }
    if (!served)
        refuse(errors, l,
               "it serves nothing that this trueup knows (trueup.source/1, trueup.render/1, "
               "trueup.target/1, trueup.notifier/1)");
}

void tu_descriptor_check(tu_library *l, const tu_plugin *p, tu_errors *errors) {
    if (!p) {
        refuse(errors, l, "trueup_plugin_v1() returned NULL");
        return;
    }
    if (!TU_HAS(p, tu_plugin, vtable)) {
        refuse(errors, l, "the descriptor has %u bytes, ABI 1 has at least %zu (is size set?)",
               p->size, sizeof(tu_plugin));
        return;
    }
    if (p->min_host_minor > TU_ABI_MINOR)
        refuse(errors, l,
               "it needs a trueup with plugin ABI 1.%u, this one has 1.%u: update trueup",
               p->min_host_minor, TU_ABI_MINOR);
    if (p->thread_model > TU_THREADS_PARALLEL)
        refuse(errors, l, "the thread model %u is unknown", p->thread_model);
    check_text(l, "id", p->id, errors);
    check_text(l, "version", p->version, errors);
    check_text(l, "license", p->license, errors);
    check_text(l, "summary", p->summary, errors);
    check_text(l, "url", p->url, errors);
    check_schema(l, p->config_schema, errors);
    check_tables(l, p, errors);
    l->plugin = p;
}
