/*
 * cli/plugin.c: `trueup plugin list` and `trueup plugin describe`.
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "cli/cli.h"
#include "value/json.h"

static const tu_plugin_kind kinds[] = {TU_KIND_SOURCE, TU_KIND_RENDER, TU_KIND_TARGET,
                                       TU_KIND_NOTIFIER};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

/* The file's name without ".so" is the plugin's. */
static tu_str file_name(const tu_library *l) {
    const char *path = tu_library_path(l), *slash = strrchr(path, '/');
    tu_str name = tu_str_c(slash ? slash + 1 : path);
    if (tu_str_ends(name, ".so"))
        name.n -= 3;
    return name;
}

/* "source-git" -> "git": what a configuration calls it. */
static tu_str short_name(const tu_library *l, tu_plugin_kind kind) {
    tu_str name = file_name(l);
    const char *word = tu_plugin_kind_name(kind);
    size_t n = strlen(word);
    if (tu_str_starts(name, word) && name.n > n && name.p[n] == '-')
        return (tu_str){name.p + n + 1, name.n - n - 1};
    return name;
}

static void add_json_member(tu_buf *out, const char *before, const char *key, const char *value) {
    tu_buf_addf(out, "%s\"%s\":", before, key);
    tu_buf_add_json_string(out, tu_str_c(value ? value : ""));
}

static void add_json(tu_buf *out, const tu_library *l, tu_plugin_kind kind) {
    const tu_plugin *d = tu_library_descriptor(l);
    tu_buf_add_c(out, "{\"name\":");
    tu_buf_add_json_string(out, short_name(l, kind));
    add_json_member(out, ",", "kind", tu_plugin_kind_name(kind));
    add_json_member(out, ",", "id", d->id);
    add_json_member(out, ",", "version", d->version);
    add_json_member(out, ",", "license", d->license);
    add_json_member(out, ",", "summary", d->summary);
    add_json_member(out, ",", "path", tu_library_path(l));
    tu_buf_addf(out, ",\"config\":%s}", d->config_schema ? d->config_schema : "{}");
}

int tu_command_plugin_list(tu_cli *cli) {
    const tu_library **list = NULL;
    size_t n = 0, shown = 0;
    tu_errors errors = {0};
    tu_library_list_builtin(&list, &n, &errors);
    tu_buf out = TU_BUF_INIT(4 * TU_MIB);
    tu_buf_add_c(
        &out,
        cli->json ? "{\"apiVersion\":\"trueup.dev/v1\",\"kind\":\"PluginList\",\"plugins\":[" : "");
    if (!cli->json)
        tu_buf_addf(&out, "%-16s %-10s %-9s %s\n", "NAME", "KIND", "VERSION", "PATH");
    for (size_t k = 0; k < KIND_COUNT; k++)
        for (size_t i = 0; i < n; i++) {
            if (!tu_library_serves(list[i], kinds[k]))
                continue;
            if (cli->json) {
                tu_buf_add_c(&out, shown++ ? "," : "");
                add_json(&out, list[i], kinds[k]);
                continue;
            }
            tu_buf_addf(&out, "%-16.*s %-10s %-9s %s\n", TU_P(short_name(list[i], kinds[k])),
                        tu_plugin_kind_name(kinds[k]), tu_library_descriptor(list[i])->version,
                        tu_library_path(list[i]));
        }
    tu_buf_add_c(&out, cli->json ? "]}\n" : "");
    if (!n)
        tu_cli_note(cli, "note: there are no built-in plugins: they are looked for in "
                         "TRUEUP_PLUGIN_PATH, beside the program and where it was installed");
    int code = tu_cli_print(cli, &out, errors.n ? TU_EXIT_USAGE : TU_EXIT_OK);
    tu_buf_done(&out);
    free(list);
    return errors.n ? tu_cli_fail_all(cli, &errors, code) : code;
}

/* --- describe -------------------------------------------------------------------------------- */

static void add_type(tu_buf *out, const tu_value *property) {
    const tu_value *type = tu_value_get(property, "type"),
                   *choices = tu_value_get(property, "enum");
    if (tu_value_is(type, TU_STRING))
        tu_buf_add(out, tu_value_string(type));
    for (size_t i = 0; i < tu_value_count(type); i++)
        tu_buf_addf(out, "%s%.*s", i ? " or " : "", TU_P(tu_value_string(tu_value_at(type, i))));
    for (size_t i = 0; i < tu_value_count(choices); i++) {
        tu_buf_add_c(out, i ? ", " : " of ");
        tu_json_write(out, tu_value_at(choices, i), 0);
    }
    tu_str format = tu_value_get_string(property, "x-trueup-format");
    if (format.n)
        tu_buf_addf(out, " (%.*s)", TU_P(format));
    if (tu_value_boolean(tu_value_get(property, "x-trueup-secret"), false))
        tu_buf_add_c(out, ", a secret: {env: NAME} or {file: PATH}");
}

static bool is_required(const tu_value *schema, tu_str name) {
    const tu_value *list = tu_value_get(schema, "required");
    for (size_t i = 0; i < tu_value_count(list); i++)
        if (tu_str_eq(tu_value_string(tu_value_at(list, i)), name))
            return true;
    return false;
}

static void add_properties(tu_buf *out, const tu_value *schema, int depth) {
    const tu_value *properties = tu_value_get(schema, "properties");
    for (size_t i = 0; i < tu_value_count(properties); i++) {
        const tu_member *m = &properties->map.members[i];
        tu_buf_addf(out, "%*s%.*s: ", depth * 2, "", TU_P(m->key));
        add_type(out, &m->value);
        if (is_required(schema, m->key))
            tu_buf_add_c(out, ", required");
        const tu_value *otherwise = tu_value_get(&m->value, "default");
        if (otherwise) {
            tu_buf_add_c(out, ", default ");
            tu_json_write(out, otherwise, 0);
        }
        tu_buf_add_byte(out, '\n');
        tu_str text = tu_value_get_string(&m->value, "description");
        if (text.n)
            tu_buf_addf(out, "%*s%.*s\n", depth * 2 + 4, "", TU_P(text));
        add_properties(out, &m->value, depth + 1);
        add_properties(out, tu_value_get(&m->value, "items"), depth + 1);
    }
}

static void add_description(tu_buf *out, const tu_library *l, tu_plugin_kind kind) {
    const tu_plugin *d = tu_library_descriptor(l);
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_value *schema = NULL;
    tu_buf_addf(out, "%.*s (%s)\n  %s\n\n", TU_P(short_name(l, kind)), tu_plugin_kind_name(kind),
                d->summary ? d->summary : "");
    tu_buf_addf(out,
                "  id       %s\n  version  %s\n  license  %s\n  path     %s\n\nConfiguration:\n",
                d->id, d->version, d->license ? d->license : "", tu_library_path(l));
    if (d->config_schema)
        tu_json_parse(&a, tu_str_c(d->config_schema), 0, NULL, &schema, NULL, NULL);
    if (tu_value_count(tu_value_get(schema, "properties")))
        add_properties(out, schema, 1);
    else
        tu_buf_add_c(out, "  none\n");
    tu_arena_done(&a);
}

static int print_found(tu_cli *cli, const tu_library *const *found, const tu_plugin_kind *kind,
                       size_t n) {
    tu_buf out = TU_BUF_INIT(4 * TU_MIB);
    if (cli->json)
        tu_buf_add_c(&out,
                     "{\"apiVersion\":\"trueup.dev/v1\",\"kind\":\"PluginList\",\"plugins\":[");
    for (size_t i = 0; i < n; i++) {
        tu_buf_add_c(&out, !i ? "" : cli->json ? "," : "\n");
        if (cli->json)
            add_json(&out, found[i], kind[i]);
        else
            add_description(&out, found[i], kind[i]);
    }
    tu_buf_add_c(&out, cli->json ? "]}\n" : "");
    int code = tu_cli_print(cli, &out, TU_EXIT_OK);
    tu_buf_done(&out);
    return code;
}

static int describe_file(tu_cli *cli, const char *path) {
    tu_errors errors = {0};
    const tu_library *l = tu_library_open_file(path, (tu_str){0}, &errors);
    if (!l)
        return tu_cli_fail_all(cli, &errors, TU_EXIT_USAGE);
    tu_errors_done(&errors);
    const tu_library *found[KIND_COUNT];
    tu_plugin_kind kind[KIND_COUNT];
    size_t n = 0;
    for (size_t k = 0; k < KIND_COUNT; k++)
        if (tu_library_serves(l, kinds[k])) {
            found[n] = l;
            kind[n++] = kinds[k];
        }
    return print_found(cli, found, kind, n);
}

static int fail_unknown(tu_cli *cli, const char *name, const tu_library *const *list, size_t n) {
    const char **candidates = calloc(n * KIND_COUNT + 1, sizeof *candidates);
    char(*names)[64] = calloc(n * KIND_COUNT + 1, sizeof *names);
    size_t count = 0;
    for (size_t i = 0; i < n && candidates && names; i++)
        for (size_t k = 0; k < KIND_COUNT; k++)
            if (tu_library_serves(list[i], kinds[k])) {
                snprintf(names[count], sizeof names[count], "%.*s",
                         TU_P(short_name(list[i], kinds[k])));
                candidates[count] = names[count];
                count++;
            }
    const char *near = candidates ? tu_suggest(tu_str_c(name), candidates, count) : NULL;
    tu_error *e = NULL;
    tu_error_set(&e, TU_EINVALID, "there is no plugin '%s'", name);
    if (near)
        tu_error_hint(&e, "did you mean '%s'?", near);
    else
        tu_error_hint(&e, "`trueup plugin list` shows those that are there");
    free(names);
    free(candidates);
    return tu_cli_fail_with(cli, e);
}

int tu_command_plugin_describe(tu_cli *cli) {
    const char *name = cli->arguments[0];
    if (strchr(name, '/'))
        return describe_file(cli, name);
    const tu_library **list = NULL;
    size_t n = 0, found_count = 0;
    tu_errors errors = {0};
    tu_library_list_builtin(&list, &n, &errors);
    const tu_library *found[64];
    tu_plugin_kind kind[64];
    for (size_t k = 0; k < KIND_COUNT; k++)
        for (size_t i = 0; i < n && found_count < 64; i++) {
            bool named = tu_str_is(file_name(list[i]), name) ||
                         tu_str_is(short_name(list[i], kinds[k]), name);
            if (!named || !tu_library_serves(list[i], kinds[k]))
                continue;
            found[found_count] = list[i];
            kind[found_count++] = kinds[k];
        }
    int code =
        found_count ? print_found(cli, found, kind, found_count) : fail_unknown(cli, name, list, n);
    free(list);
    tu_errors_done(&errors);
    return code;
}
