/*
 * cli/config.c: `trueup config check`, `schema` and `show`.
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "cli/cli.h"
#include "engine/engine.h"
#include "value/json.h"

/* The argument, or -c, or what is found. */
static char *path_of(tu_cli *cli) {
    if (cli->argument_count)
        cli->values[TU_OPTION_CONFIG] = cli->arguments[0];
    return tu_cli_config_path(cli);
}

/* The user's: packs that came with the program stand in files of their own. */
static size_t count_files(const tu_config *c) {
    size_t installed = 0;
    for (size_t i = 0; i < c->pack_count; i++)
        installed += c->packs[i].installed;
    return c->files.n - installed;
}

static size_t count_documents(const tu_config *c) {
    size_t own_packs = 0;
    for (size_t i = 0; i < c->pack_count; i++)
        own_packs += !c->packs[i].installed;
    return c->source_count + c->target_count + c->notifier_count + c->plugin_count + c->rule_count +
           c->test_count + c->route_test_count + own_packs + (c->routing.place.file != NULL) +
           (c->audit.place.file != NULL);
}

/* Returns -1 with a configuration in which no mistake was found, otherwise the exit code. */
static int load_checked(const tu_cli *cli, const char *path, tu_config **ret) {
    tu_errors errors = {0};
    *ret = tu_engine_load_config(path, &errors);
    if (!*ret)
        return tu_cli_fail_all(cli, &errors, TU_EXIT_USAGE);
    tu_errors_done(&errors);
    tu_cli_warn_all(cli, *ret);
    return -1;
}

static void add_located(tu_buf *out, const char *before, const char *file, int64_t line,
                        int64_t column, tu_str message, const char *hint) {
    tu_buf_addf(out, "%s{\"file\":", before);
    tu_buf_add_json_string(out, tu_str_c(file ? file : ""));
    tu_buf_addf(out, ",\"line\":%lld,\"column\":%lld,\"message\":", (long long)line,
                (long long)column);
    tu_buf_add_json_string(out, message);
    if (hint) {
        tu_buf_add_c(out, ",\"hint\":");
        tu_buf_add_json_string(out, tu_str_c(hint));
    }
    tu_buf_add_byte(out, '}');
}

/* c is NULL where the documents could not be read. */
static void add_check_json(tu_buf *out, const tu_config *c, const tu_errors *errors) {
    tu_buf_add_byte(out, '{');
    if (c)
        tu_buf_addf(out, "\"documents\":%zu,\"files\":%zu,", count_documents(c), count_files(c));
    tu_buf_add_c(out, "\"errors\":[");
    for (size_t i = 0; i < errors->n; i++) {
        const tu_error *e = errors->items[i];
        add_located(out, i ? "," : "", e->file, e->line, e->column, tu_str_c(tu_error_text(e)),
                    e->hint);
    }
    tu_buf_add_c(out, "],\"warnings\":[");
    for (size_t i = 0; c && i < c->warning_count; i++) {
        const tu_warning *w = &c->warnings[i];
        add_located(out, i ? "," : "", w->place.file, w->place.line, w->place.column, w->text,
                    NULL);
    }
    tu_buf_add_c(out, "]}\n");
}

static int check_json(const tu_cli *cli, const char *path) {
    tu_errors errors = {0};
    tu_config *c = tu_engine_load_config(path, &errors);
    tu_buf out = TU_BUF_INIT(4 * TU_MIB);
    add_check_json(&out, c, &errors);
    int code = tu_cli_print(cli, &out, c ? TU_EXIT_OK : TU_EXIT_USAGE);
    tu_buf_done(&out);
    tu_errors_done(&errors);
    tu_config_unref(c);
    return code;
}

static int check_text(tu_cli *cli, const char *path) {
    tu_config *config = NULL;
    int code = load_checked(cli, path, &config);
    if (code < 0) {
        size_t documents = count_documents(config), files = count_files(config),
               warnings = config->warning_count;
        tu_buf out = TU_BUF_INIT(64 * TU_KIB);
        tu_buf_addf(&out, "%s: %zu document%s in %zu file%s: ok", path, documents,
                    documents == 1 ? "" : "s", files, files == 1 ? "" : "s");
        if (warnings)
            tu_buf_addf(&out, ", %zu warning%s", warnings, warnings == 1 ? "" : "s");
        tu_buf_add_byte(&out, '\n');
        code = tu_cli_print(cli, &out, TU_EXIT_OK);
        tu_buf_done(&out);
    }
    tu_config_unref(config);
    return code;
}

int tu_command_config_check(tu_cli *cli) {
    char *path = path_of(cli);
    if (!path)
        return TU_EXIT_USAGE;
    int code = cli->json ? check_json(cli, path) : check_text(cli, path);
    free(path);
    return code;
}

static int fail_kind(tu_cli *cli, const char *kind) {
    size_t n = 0;
    while (tu_config_kinds[n])
        n++;
    const char *near = tu_suggest(tu_str_c(kind), tu_config_kinds, n);
    tu_error *e = NULL;
    tu_error_set(&e, TU_EINVALID, "there is no kind of document '%s'", kind);
    if (near)
        tu_error_hint(&e, "did you mean '%s'?", near);
    return tu_cli_fail_with(cli, e);
}

/* Without a kind: one schema that takes any of them, which is what editors want for a file of
 * several documents. */
int tu_command_config_schema(tu_cli *cli) {
    tu_buf out = TU_BUF_INIT(4 * TU_MIB);
    if (cli->argument_count) {
        bool report = strcmp(cli->arguments[0], "Report") == 0; /* written, not read */
        const char *schema = report ? tu_report_schema() : tu_config_schema(cli->arguments[0]);
        if (!schema)
            return fail_kind(cli, cli->arguments[0]);
        tu_buf_add_c(&out, schema);
    } else {
        tu_buf_add_c(&out, "{\"$schema\":\"https://json-schema.org/draft/2020-12/"
                           "schema\",\"title\":\"trueup\",\"oneOf\":[\n");
        for (size_t i = 0; tu_config_kinds[i]; i++)
            tu_buf_addf(&out, "%s%s", i ? ",\n" : "", tu_config_schema(tu_config_kinds[i]));
        tu_buf_add_c(&out, "]}");
    }
    if (!out.n || out.p[out.n - 1] != '\n')
        tu_buf_add_byte(&out, '\n');
    int code = tu_cli_print(cli, &out, TU_EXIT_OK);
    tu_buf_done(&out);
    return code;
}

/* --- show ------------------------------------------------------------------------------------ */

static void add_uses(tu_buf *out, const char *kind, const tu_use *uses, size_t n) {
    for (size_t i = 0; i < n; i++) {
        tu_buf_addf(out, "%s %.*s  # %s:%u\n  plugin: %.*s\n  config: ", kind, TU_P(uses[i].name),
                    uses[i].place.file, uses[i].place.line, TU_P(uses[i].plugin));
        tu_json_write(out, uses[i].config, 0);
        tu_buf_add_byte(out, '\n');
    }
}

static void add_strings(tu_buf *out, const char *label, tu_strs list) {
    if (!list.n)
        return;
    tu_buf_addf(out, "  %s:", label);
    for (size_t i = 0; i < list.n; i++)
        tu_buf_addf(out, " %.*s", TU_P(list.items[i]));
    tu_buf_add_byte(out, '\n');
}

static void add_rule(tu_buf *out, const tu_rule *r) {
    char interval[32];
    tu_duration_format(r->interval_ms, interval, sizeof interval);
    tu_buf_addf(out,
                "Rule %.*s  # %s:%u\n  %.*s -> %.*s\n  mode: %s\n  path: %.*s\n  render: %.*s\n  "
                "interval: %s\n  confirm: %s\n",
                TU_P(r->name), r->place.file, r->place.line, TU_P(r->from), TU_P(r->to),
                tu_mode_name(r->mode), TU_P(r->path.n ? r->path : TU_S(".")), TU_P(r->render),
                interval, r->confirm ? "true" : "false");
    add_strings(out, "namespaces", r->scope_namespaces);
    add_strings(out, "kinds", r->scope_kinds);
    for (size_t i = 0; i < r->entry_count; i++) {
        const tu_entry *e = &r->entries[i];
        tu_buf_addf(out, "  drift %zu: %s%s%s  # %.*s (%s%.*s%s%s:%u)\n", i + 1,
                    tu_action_name(e->action), e->has_severity ? ", " : "",
                    e->has_severity ? tu_severity_name(e->severity) : "", TU_P(e->name),
                    e->pack.n ? "pack " : "", TU_P(e->pack), e->pack.n ? ", " : "", e->place.file,
                    e->place.line);
    }
    if (r->heal.prune)
        tu_buf_addf(out, "  prune: at most %lld objects or %lld%%\n",
                    (long long)r->heal.prune_max_objects, (long long)r->heal.prune_max_percent);
}

static void add_audit(tu_buf *out, const tu_audit_policy *a) {
    char every[32], retention[32];
    if (!a->place.file)
        return;
    tu_duration_format(a->every_ms, every, sizeof every);
    tu_duration_format(a->retention_ms, retention, sizeof retention);
    tu_buf_addf(out, "Audit\n  checkpoint: every %s or %lld records\n", every,
                (long long)a->records);
    if (a->file.n)
        tu_buf_addf(out, "    file: %.*s\n", TU_P(a->file));
    if (a->receiver.n)
        tu_buf_addf(out, "    receiver: %.*s\n", TU_P(a->receiver));
    tu_buf_addf(out, "  retention: %s\n", retention);
}

/* The tree, each route with its conditions; what an alert meets there is `route explain`'s. */
static void add_routing(tu_buf *out, const tu_routing *routing) {
    tu_buf_addf(out, "Routing\n  receiver: %.*s\n", TU_P(routing->receiver));
    if (routing->fallback.n)
        tu_buf_addf(out, "  fallback: %.*s\n", TU_P(routing->fallback));
    if (routing->route_count > 1)
        tu_buf_add_c(out, "  routes:\n");
    for (size_t i = 1; i < routing->route_count; i++) {
        const tu_route *route = routing->all[i];
        int depth = 0;
        for (const tu_route *at = route->parent; at; at = at->parent)
            depth++;
        tu_buf_addf(out, "%*s%.*s: %.*s", 2 * depth + 2, "", TU_P(route->name),
                    TU_P(route->receiver));
        for (size_t k = 0; k < route->match.n; k++)
            tu_buf_addf(out, "%s%.*s", k ? ", " : "  # ", TU_P(route->match.items[k].text));
        tu_buf_addf(out, "%s\n", route->go_on ? " (continue)" : "");
    }
}

int tu_command_config_show(tu_cli *cli) {
    char *path = path_of(cli);
    if (!path)
        return TU_EXIT_USAGE;
    tu_config *c = NULL;
    int code = load_checked(cli, path, &c);
    if (code < 0) {
        tu_buf out = TU_BUF_INIT(16 * TU_MIB);
        add_uses(&out, "Source", c->sources, c->source_count);
        add_uses(&out, "Target", c->targets, c->target_count);
        add_uses(&out, "Notifier", c->notifiers, c->notifier_count);
        for (size_t i = 0; i < c->plugin_count; i++)
            tu_buf_addf(&out, "Plugin %.*s  # %s:%u\n  path: %.*s\n", TU_P(c->plugins[i].name),
                        c->plugins[i].place.file, c->plugins[i].place.line,
                        TU_P(c->plugins[i].path));
        for (size_t i = 0; i < c->pack_count; i++)
            tu_buf_addf(&out, "Pack %.*s  # %s:%u\n  entries: %zu\n", TU_P(c->packs[i].name),
                        c->packs[i].place.file, c->packs[i].place.line, c->packs[i].entry_count);
        for (size_t i = 0; i < c->rule_count; i++)
            add_rule(&out, &c->rules[i]);
        if (c->routing.receiver.n)
            add_routing(&out, &c->routing);
        add_audit(&out, &c->audit);
        code = tu_cli_print(cli, &out, TU_EXIT_OK);
        tu_buf_done(&out);
    }
    tu_config_unref(c);
    free(path);
    return code;
}
