/*
 * cli/explain.c: `trueup explain OBJECT [PATH]`: why trueup says what it says of one object.
 *
 * What is told of a change is what its decision rests on: both values, who holds the field, and
 * every entry that was asked, in order, with the condition that failed. The engine finds the facts
 * (engine/explain.h), rules/decide.h the entries. With a PATH only what lies there, above or below.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "engine/explain.h"
#include "engine/survey.h"
#include "report/show.h"
#include "rules/decide.h"
#include "value/json.h"
#include "value/pointer.h"

#define OUTPUT_BYTES (64u * TU_MIB)
#define VALUE_COLUMNS 2000
#define LABEL_COLUMNS 10
#define TRIALS_SHOWN 5 /* where nobody asked for them */

typedef struct page {
    const tu_cli *cli;
    tu_explanation *e;
    const tu_explained *item;
    tu_buf *out;
    tu_str path;           /* empty: everything */
    const tu_value *known; /* the running service's status; NULL: none answers */
    tu_rc rc;
} page;

/* --- words ------------------------------------------------------------------------------------- */

static void add_safe(page *p, tu_str s) {
    tu_show_safe(p->out, s);
}

static void add_label(page *p, const char *indent, const char *label) {
    tu_buf_addf(p->out, "%s%-*s", indent, LABEL_COLUMNS, label);
}

static void add_row(page *p, const char *indent, const char *label, tu_str text) {
    if (!text.n)
        return;
    add_label(p, indent, label);
    add_safe(p, text);
    tu_buf_add_byte(p->out, '\n');
}

static void add_place(page *p, const tu_entry *e) {
    tu_buf_add_c(p->out, "  (");
    if (e->pack.n)
        tu_buf_addf(p->out, "pack %.*s, ", TU_P(e->pack));
    tu_buf_addf(p->out, "%s:%u)", e->place.file, e->place.line);
}

static void add_owner(page *p, const tu_owner *o) {
    tu_buf_add_c(p->out, "field manager ");
    add_safe(p, o->manager);
    tu_buf_addf(p->out, " (%s), %.*s", tu_manager_class_name(o->class_), TU_P(o->operation));
    if (o->subresource.n)
        tu_buf_addf(p->out, " of subresource %.*s", TU_P(o->subresource));
    if (o->time.n)
        tu_buf_addf(p->out, ", %.*s", TU_P(o->time));
}

static const char *what_happens(const tu_rule *rule, const tu_finding *f) {
    bool healable = f->verdict == TU_VERDICT_DRIFTED || f->verdict == TU_VERDICT_MISSING;
    switch (f->action) {
    case TU_ACTION_IGNORE:
        return rule->mode == TU_MODE_OFF ? "nothing: the rule is off" : "nothing";
    case TU_ACTION_HEAL:
        if (!healable)
            return "it is told: there is nothing that healing could do";
        return rule->heal.window_count ? "`trueup run` puts it right while a heal window is open"
                                       : "`trueup run` puts it right";
    default:
        return healable ? "it is told, and `trueup heal` puts it right" : "it is told";
    }
}

/* --- the object -------------------------------------------------------------------------------- */

static void add_known(page *p) {
    const tu_value *rules = tu_value_get(p->known, "rules");
    for (size_t i = 0; i < tu_value_count(rules); i++) {
        const tu_value *r = tu_value_at(rules, i), *open = tu_value_get(r, "open");
        if (!tu_str_eq(tu_value_get_string(r, "name"), p->item->rule->name))
            continue;
        for (size_t k = 0; k < tu_value_count(open); k++) {
            const tu_value *drift = tu_value_at(open, k), *o = tu_value_get(drift, "object");
            const tu_object_id id = {.group = tu_value_get_string(o, "group"),
                                     .kind = tu_value_get_string(o, "kind"),
                                     .namespace_ = tu_value_get_string(o, "namespace"),
                                     .name = tu_value_get_string(o, "name")};
            if (!tu_object_id_equal(&id, &p->e->id))
                continue;
            add_label(p, "  ", "service");
            tu_buf_addf(p->out, "open since %.*s, %s\n", TU_P(tu_value_get_string(drift, "since")),
                        tu_value_boolean(tu_value_get(drift, "told"), false) ? "told"
                                                                             : "not told yet");
        }
    }
}

static void add_verdict(page *p) {
    const tu_finding *f = &p->item->finding;
    const char *sure = tu_confidence_name(f->confidence);
    add_label(p, "  ", "verdict");
    tu_buf_addf(p->out, "%s%s%s%s", tu_verdict_name(f->verdict), *sure ? " (" : "", sure,
                *sure ? ")" : "");
    if (f->onset.n)
        tu_buf_addf(p->out, ", since %.*s", TU_P(f->onset));
    tu_buf_add_byte(p->out, '\n');
    add_row(p, "  ", "reason", f->reason);
    add_row(p, "  ", "problem", p->item->problem);
    if (p->item->problem.n)
        return;
    add_label(p, "  ", "action");
    tu_buf_addf(p->out, "%s", tu_action_name(f->action));
    if (f->action != TU_ACTION_IGNORE)
        tu_buf_addf(p->out, ", %s", tu_severity_name(f->severity));
    tu_buf_addf(p->out, ": %s\n", what_happens(p->item->rule, f));
}

static void add_head(page *p) {
    const tu_explained *item = p->item;
    const tu_finding *f = &item->finding;
    const tu_rule *rule = item->rule;
    tu_str revision = item->revision;
    if (revision.n > 10)
        revision.n = 10;
    add_label(p, "  ", "rule");
    tu_buf_addf(p->out, "%.*s, mode %s, %.*s -> %.*s  (%s:%u)\n", TU_P(rule->name),
                tu_mode_name(rule->mode), TU_P(rule->from), TU_P(rule->to),
                rule->place.file ? rule->place.file : "", rule->place.line);
    add_label(p, "  ", "manifest");
    add_safe(p, f->file);
    tu_buf_addf(p->out, ":%u of %.*s@%.*s\n", f->line, TU_P(rule->from), TU_P(revision));
    add_verdict(p);
    add_known(p);
}

/* --- entries ----------------------------------------------------------------------------------- */

static void add_trials(page *p, const tu_trials *t, const tu_change *c) {
    size_t missed = t->n - t->matched;
    for (size_t i = 0; i < missed; i++) {
        const tu_entry *e = t->items[i].entry;
        _cleanup_(tu_buf_done) tu_buf why = TU_BUF_INIT(TU_MIB);
        tu_miss_print(&why, e, t->items[i].miss, &p->item->finding, c);
        tu_buf_addf(p->out, "      %zu. ", i + 1);
        add_safe(p, e->name);
        add_place(p, e);
        tu_buf_add_c(p->out, "\n         doesn't match: ");
        add_safe(p, tu_buf_str(&why));
        tu_buf_add_byte(p->out, '\n');
    }
}

static void add_decision(page *p, const tu_change *c, bool quiet, bool in_full) {
    const tu_explained *item = p->item;
    tu_trials t = {0};
    p->rc = tu_decide_explain(&p->e->arena, item->rule, item->live, item->desired, p->e->wall_ms,
                              &item->finding, c, quiet, &t, NULL);
    if (p->rc != TU_OK)
        return;
    add_label(p, "    ", "decided");
    if (t.matched) {
        const tu_entry *e = t.items[t.n - 1].entry;
        tu_buf_addf(p->out, "by entry %zu, ", t.n);
        add_safe(p, e->name);
        add_place(p, e);
        tu_buf_add_byte(p->out, '\n');
        add_row(p, "    ", "because", e->reason);
    } else if (quiet) {
        tu_buf_add_c(p->out, "it is no drift by itself, and no entry asks for it\n");
    } else {
        tu_buf_addf(p->out, "by the rule's mode (%s), as no entry matches\n",
                    tu_mode_name(item->rule->mode));
    }
    if (in_full && (p->path.n || p->cli->verbose || t.n <= TRIALS_SHOWN))
        add_trials(p, &t, c);
    else if (t.n > t.matched)
        tu_buf_addf(p->out, "%14s%zu entr%s before it didn't match: `-v` or a PATH tells why\n", "",
                    t.n - t.matched, t.n - t.matched == 1 ? "y" : "ies");
}

/* --- changes ----------------------------------------------------------------------------------- */

static void add_value(page *p, const char *label, const tu_value *v) {
    add_label(p, "    ", label);
    tu_show_value(p->out, v, VALUE_COLUMNS);
}

/* Everybody who holds the place, not only the last to write it. */
static void add_holders(page *p, tu_str path) {
    const tu_ownership *o = &p->item->ownership;
    size_t n = 0;
    for (size_t i = 0; i < o->n; i++) {
        if (!tu_path_set_holds(o->entries[i].fields, path))
            continue;
        add_label(p, "    ", n++ ? "" : "held by");
        add_owner(p, &o->entries[i].owner);
        tu_buf_add_byte(p->out, '\n');
    }
    if (n == 0 && p->item->live) {
        add_label(p, "    ", "held by");
        tu_buf_add_c(p->out, o->n ? "nobody that the target recorded\n"
                                  : "not known: the target records no field managers\n");
    }
}

static void add_values(page *p, tu_str path, const tu_value *desired, const tu_value *live) {
    add_value(p, "live", live);
    tu_buf_add_byte(p->out, '\n');
    add_value(p, "desired", desired);
    if (desired && desired->line) {
        tu_buf_add_c(p->out, "  ");
        add_safe(p, p->item->finding.file);
        tu_buf_addf(p->out, ":%u", desired->line);
    }
    tu_buf_add_byte(p->out, '\n');
    add_holders(p, path);
}

static void add_change(page *p, const tu_change *c, bool quiet, bool in_full) {
    tu_buf_add_c(p->out, "\n  ");
    add_safe(p, c->path);
    tu_buf_addf(p->out, "  %s%s\n", tu_change_name(c->kind), quiet ? ", no drift by itself" : "");
    add_row(p, "    ", "note", c->note);
    add_values(p, c->path, c->desired, c->live);
    if (!quiet) {
        add_label(p, "    ", "action");
        tu_buf_addf(p->out, "%s, %s\n", tu_action_name(c->action), tu_severity_name(c->severity));
    }
    add_decision(p, c, quiet, in_full);
}

static bool lies_within(tu_str path, tu_str above) {
    return path.n >= above.n && memcmp(path.p, above.p, above.n) == 0 &&
           (path.n == above.n || path.p[above.n] == '/');
}

static bool is_asked(const page *p, tu_str path) {
    return p->path.n == 0 || lies_within(path, p->path) || lies_within(p->path, path);
}

/* Nothing differs there: what stands there then? */
static void add_same(page *p) {
    const tu_explained *item = p->item;
    const tu_value *desired = tu_pointer_get(item->desired, p->path);
    const tu_value *live = tu_pointer_get(item->live, p->path);
    tu_buf_add_c(p->out, "\n  ");
    add_safe(p, p->path);
    tu_buf_add_c(p->out, desired && live ? "  no difference\n"
                         : desired       ? "  desired, and not there in these words\n"
                         : live ? "  the source says nothing about it, and nobody's addition\n"
                                : "  neither desired nor there\n");
    if (desired || live)
        add_values(p, p->path, desired, live);
}

static void add_changes(page *p) {
    const tu_finding *f = &p->item->finding;
    size_t asked = 0, quiet = 0;
    for (size_t i = 0; i < f->change_count; i++)
        asked += is_asked(p, f->changes[i].path);
    for (size_t i = 0; i < f->quiet_count; i++)
        quiet += is_asked(p, f->quiet[i].path);
    bool in_full = p->path.n || p->cli->verbose || asked == 1;
    for (size_t i = 0; i < f->change_count; i++)
        if (is_asked(p, f->changes[i].path))
            add_change(p, &f->changes[i], false, in_full);
    for (size_t i = 0; i < f->quiet_count && (p->path.n || p->cli->verbose); i++)
        if (is_asked(p, f->quiet[i].path))
            add_change(p, &f->quiet[i], true, in_full);
    if (p->path.n && asked + quiet == 0)
        add_same(p);
    if (!p->path.n && quiet && !p->cli->verbose)
        tu_buf_addf(p->out, "\n  beside: %zu difference%s that %s no drift by %s (-v shows them)\n",
                    quiet, quiet == 1 ? "" : "s", quiet == 1 ? "is" : "are",
                    quiet == 1 ? "itself" : "themselves");
    if (f->change_count == 0 && !p->path.n && !p->item->problem.n &&
        f->verdict != TU_VERDICT_IN_SYNC) {
        tu_buf_add_byte(p->out, '\n');
        add_decision(p, NULL, false, true);
    }
}

/* --- JSON -------------------------------------------------------------------------------------- */

static void add_entry_json(tu_buf *b, const tu_entry *e) {
    tu_buf_add_c(b, "{\"name\":");
    tu_buf_add_json_string(b, e->name);
    tu_buf_add_c(b, ",\"pack\":");
    tu_buf_add_json_string(b, e->pack);
    tu_buf_add_c(b, ",\"file\":");
    tu_buf_add_json_string(b, tu_str_c(e->place.file));
    tu_buf_addf(b, ",\"line\":%u", e->place.line);
}

static void add_decision_json(page *p, const tu_change *c, bool quiet, bool first) {
    const tu_explained *item = p->item;
    tu_buf *b = p->out;
    tu_trials t = {0};
    p->rc = tu_decide_explain(&p->e->arena, item->rule, item->live, item->desired, p->e->wall_ms,
                              &item->finding, c, quiet, &t, NULL);
    if (p->rc != TU_OK)
        return;
    tu_buf_addf(b, "%s{\"path\":", first ? "" : ",");
    tu_buf_add_json_string(b, c ? c->path : TU_S(""));
    tu_buf_addf(b, ",\"quiet\":%s,\"heldBy\":[", quiet ? "true" : "false");
    for (size_t i = 0, n = 0; c && i < item->ownership.n; i++) {
        const tu_owner *o = &item->ownership.entries[i].owner;
        if (!tu_path_set_holds(item->ownership.entries[i].fields, c->path))
            continue;
        tu_buf_add_c(b, n++ ? ",{\"manager\":" : "{\"manager\":");
        tu_buf_add_json_string(b, o->manager);
        tu_buf_add_c(b, ",\"operation\":");
        tu_buf_add_json_string(b, o->operation);
        tu_buf_add_c(b, ",\"subresource\":");
        tu_buf_add_json_string(b, o->subresource);
        tu_buf_add_c(b, ",\"time\":");
        tu_buf_add_json_string(b, o->time);
        tu_buf_addf(b, ",\"class\":\"%s\"}", tu_manager_class_name(o->class_));
    }
    tu_buf_add_c(b, "],\"decidedBy\":");
    if (t.matched) {
        add_entry_json(b, t.items[t.n - 1].entry);
        tu_buf_add_c(b, "}");
    } else {
        tu_buf_add_c(b, "null");
    }
    tu_buf_add_c(b, ",\"missed\":[");
    for (size_t i = 0; i + t.matched < t.n; i++) {
        _cleanup_(tu_buf_done) tu_buf why = TU_BUF_INIT(TU_MIB);
        tu_miss_print(&why, t.items[i].entry, t.items[i].miss, &item->finding, c);
        tu_buf_add_c(b, i ? "," : "");
        add_entry_json(b, t.items[i].entry);
        tu_buf_add_c(b, ",\"why\":");
        tu_buf_add_json_string(b, tu_buf_str(&why));
        tu_buf_add_c(b, "}");
    }
    tu_buf_add_c(b, "]}");
}

static void add_rule_json(page *p) {
    const tu_finding *f = &p->item->finding;
    tu_buf *b = p->out;
    bool first = true;
    tu_buf_add_c(b, "{\"name\":");
    tu_buf_add_json_string(b, p->item->rule->name);
    tu_buf_addf(b, ",\"mode\":\"%s\",\"revision\":", tu_mode_name(p->item->rule->mode));
    tu_buf_add_json_string(b, p->item->revision);
    tu_buf_add_c(b, ",\"problem\":");
    tu_buf_add_json_string(b, p->item->problem);
    tu_buf_add_c(b, ",\"finding\":");
    tu_report_finding_whole_json(b, f);
    tu_buf_add_c(b, ",\"decisions\":[");
    for (size_t i = 0; i < f->change_count; i++)
        if (is_asked(p, f->changes[i].path)) {
            add_decision_json(p, &f->changes[i], false, first);
            first = false;
        }
    for (size_t i = 0; i < f->quiet_count; i++)
        if (is_asked(p, f->quiet[i].path)) {
            add_decision_json(p, &f->quiet[i], true, first);
            first = false;
        }
    if (f->change_count == 0)
        add_decision_json(p, NULL, false, first);
    tu_buf_add_c(b, "]}");
}

/* --- the command ------------------------------------------------------------------------------- */

static int write_page(page *p) {
    bool json = p->cli->json;
    int code = TU_EXIT_OK;
    if (json) {
        tu_buf_add_c(p->out, "{\"apiVersion\":\"trueup.dev/v1\",\"kind\":\"Explanation\","
                             "\"rules\":[");
    } else {
        tu_object_id_print(p->out, &p->e->id);
        tu_buf_add_byte(p->out, '\n');
    }
    for (size_t i = 0; i < p->e->n; i++) {
        p->item = &p->e->items[i];
        if (json) {
            tu_buf_add_c(p->out, i ? "," : "");
            add_rule_json(p);
        } else {
            tu_buf_add_c(p->out, i ? "\n" : "");
            add_head(p);
            add_changes(p);
        }
        if (p->item->problem.n || p->item->finding.verdict == TU_VERDICT_UNKNOWN)
            code = TU_EXIT_UNKNOWN;
    }
    tu_buf_add_c(p->out, json ? "]}\n" : "");
    return p->rc == TU_OK ? code : tu_cli_fail(p->cli, TU_EXIT_UNKNOWN, "memory is exhausted");
}

/* A class of its own, since a word may be right and its rule unreachable. */
static int not_found(const tu_cli *cli, const tu_explanation *e) {
    _cleanup_(tu_buf_done) tu_buf list = TU_BUF_INIT(TU_MIB);
    for (size_t i = 0; i < e->nearest_count; i++)
        tu_buf_addf(&list, "%s%.*s", i ? ", " : "", TU_P(e->nearest[i]));
    tu_error *why = NULL;
    tu_error_set(&why, TU_EINVALID,
                 e->ambiguous ? "'%s' may mean several objects" : "no rule has an object '%s'",
                 cli->arguments[0]);
    if (list.n)
        tu_error_hint(&why, e->ambiguous ? "say which: %s" : "did you mean %s?", tu_buf_c(&list));
    else
        tu_error_hint(&why, "what stands in no manifest is told by `trueup check` as unmanaged");
    tu_cli_fail_with(cli, why);
    return e->survey->problem_count ? TU_EXIT_UNKNOWN : TU_EXIT_USAGE;
}

/* What a running service knows may be added; none is needed. */
static const tu_value *ask_service(const tu_cli *cli, tu_arena *a, tu_buf *room) {
    _cleanup_(tu_freep) char *state = tu_cli_state(cli);
    _cleanup_(tu_freep) char *usual = tu_path_join(state, "trueup.sock");
    const char *socket = cli->values[TU_OPTION_SOCKET] ? cli->values[TU_OPTION_SOCKET] : usual;
    tu_value *v = NULL;
    if (!tu_file_exists(socket) || tu_status_ask(socket, "status", room, NULL) != TU_OK ||
        tu_json_parse(a, tu_buf_str(room), 0, NULL, &v, NULL, NULL) != TU_OK)
        return NULL;
    return v;
}

/* ".spec.replicas" is "/spec/replicas". malloc'd */
static char *path_of(const tu_cli *cli) {
    char *path = tu_xstrdup(cli->argument_count > 1 ? cli->arguments[1] : "");
    bool dotted = path[0] == '.';
    for (char *c = path; dotted && *c; c++)
        if (*c == '.')
            *c = '/';
    size_t n = strlen(path);
    if (n > 1 && path[n - 1] == '/')
        path[n - 1] = '\0';
    return path;
}

static int explain(tu_cli *cli, const tu_loaded *loaded, const char *path) {
    const tu_pass_options options = {.config = loaded->config,
                                     .config_path = loaded->path,
                                     .state = cli->values[TU_OPTION_STATE],
                                     .cancel = cli->cancel,
                                     .progress = tu_terminal_progress,
                                     .progress_arg = cli};
    tu_explanation *e = NULL;
    tu_errors errors = {0};
    if (tu_explain_run(&options, cli->arguments[0], &e, &errors) != TU_OK)
        return tu_cli_fail_all(cli, &errors, TU_EXIT_USAGE);
    tu_errors_done(&errors);
    tu_terminal_progress_stop(cli);
    for (size_t i = 0; i < loaded->config->rule_count; i++)
        if (e->survey->problems[i])
            tu_cli_fail(cli, 0, "rule %.*s: %s", TU_P(loaded->config->rules[i].name),
                        e->survey->problems[i]);
    _cleanup_(tu_buf_done) tu_buf out = TU_BUF_INIT(OUTPUT_BYTES);
    _cleanup_(tu_buf_done) tu_buf answer = TU_BUF_INIT(OUTPUT_BYTES);
    page p = {.cli = cli, .e = e, .out = &out, .path = tu_str_c(path)};
    int code;
    if (tu_cancel_fired(cli->cancel)) {
        code = TU_EXIT_CANCELLED;
    } else if (e->n == 0) {
        code = not_found(cli, e);
    } else {
        p.known = ask_service(cli, &e->arena, &answer);
        code = write_page(&p);
        tu_buf safe = TU_BUF_INIT(out.max);
        tu_show_safe_lines(&safe, tu_buf_str(&out));
        safe.rc = out.rc != TU_OK ? out.rc : safe.rc;
        code = tu_cli_print(cli, &safe, code);
        tu_buf_done(&safe);
    }
    tu_explanation_free(e);
    return code;
}

int tu_command_explain(tu_cli *cli) {
    _cleanup_(tu_freep) char *path = path_of(cli);
    if (*path && *path != '/')
        return tu_cli_fail(cli, TU_EXIT_USAGE,
                           "'%s' is no path: write it like /spec/replicas or .spec.replicas", path);
    tu_loaded loaded;
    /* The arguments are no rules: only the configuration is loaded. */
    size_t n = cli->argument_count;
    cli->argument_count = 0;
    int code = tu_cli_load(cli, false, &loaded);
    cli->argument_count = n;
    if (code >= 0)
        return code;
    tu_terminal_catch_signals(cli);
    code = explain(cli, &loaded, path);
    tu_terminal_release_signals();
    tu_loaded_done(&loaded);
    return code;
}
