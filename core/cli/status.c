/*
 * cli/status.c: `trueup status`: the service's own words, for people or (-o json) as they are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "engine/engine.h"
#include "report/say.h"
#include "report/show.h"
#include "value/json.h"

#define STATUS_BYTES (64u * TU_MIB)
#define OPEN_SHOWN 50
#define CHANGES_SHOWN 4

typedef struct page {
    tu_buf *out;
    const tu_value *status;
    int64_t now_us;
    bool color, trouble, drift;
} page;

static void add_red(page *p, const char *before, tu_str text) {
    tu_buf safe = TU_BUF_INIT(STATUS_BYTES);
    tu_show_safe(&safe, text);
    tu_buf_add_c(p->out, before);
    tu_show_paint(p->out, p->color, TU_PAINT_RED, tu_buf_str(&safe));
    tu_buf_add_byte(p->out, '\n');
    tu_buf_done(&safe);
}

/* A member as it may be shown, and blanks up to `width` columns and one more. */
static void add_cell(page *p, const tu_value *of, const char *key, size_t width) {
    size_t begin = p->out->n;
    tu_show_safe(p->out, tu_value_get_string(of, key));
    tu_show_pad(p->out, begin, width + 1, 1);
}

/* "12s", for how long ago; "no time" where there is no time. */
static const char *age(const page *p, tu_str time, char room[32]) {
    int64_t us = 0;
    if (!tu_time_parse(time, &us))
        return "no time";
    int64_t ms = p->now_us > us ? (p->now_us - us) / 1000 : 0;
    tu_duration_format(ms >= 1000 ? ms - ms % 1000 : 0, room, 32);
    return room;
}

/* "asked 12s ago" or "never asked". */
static void add_ago(page *p, const char *verb, tu_str time) {
    char room[32];
    if (time.n)
        tu_buf_addf(p->out, "%s %s ago\n", verb, age(p, time, room));
    else
        tu_buf_addf(p->out, "never %s\n", verb);
}

static void add_problem(page *p, const tu_value *of) {
    tu_str problem = tu_value_get_string(of, "problem");
    char room[32];
    if (!problem.n)
        return;
    p->trouble = true;
    tu_buf_addf(p->out, "      for %s:\n", age(p, tu_value_get_string(of, "problemSince"), room));
    while (problem.n) { /* an error with its hint has two lines */
        const char *end = memchr(problem.p, '\n', problem.n);
        size_t n = end ? (size_t)(end - problem.p) : problem.n;
        add_red(p, "        ", (tu_str){problem.p, n});
        n += end != NULL;
        problem = (tu_str){problem.p + n, problem.n - n};
    }
}

static tu_str shortened(tu_str revision) {
    if (revision.n > 12)
        revision.n = 12;
    return revision;
}

static void add_sources(page *p) {
    const tu_value *list = tu_value_get(p->status, "sources");
    tu_buf_add_c(p->out, "\nSources\n");
    for (size_t i = 0; i < tu_value_count(list); i++) {
        const tu_value *s = tu_value_at(list, i);
        tu_buf_add_c(p->out, "  ");
        add_cell(p, s, "name", 20);
        add_cell(p, s, "plugin", 12);
        tu_show_safe(p->out, shortened(tu_value_get_string(s, "revision")));
        tu_buf_add_c(p->out, "  ");
        add_ago(p, "asked", tu_value_get_string(s, "checked"));
        add_problem(p, s);
    }
}

static void add_targets(page *p) {
    const tu_value *list = tu_value_get(p->status, "targets");
    tu_buf_add_c(p->out, "\nTargets\n");
    for (size_t i = 0; i < tu_value_count(list); i++) {
        const tu_value *t = tu_value_at(list, i);
        bool watching = tu_value_boolean(tu_value_get(t, "watching"), false);
        tu_buf_add_c(p->out, "  ");
        add_cell(p, t, "name", 20);
        add_cell(p, t, "plugin", 12);
        add_cell(p, t, "endpoint", 0);
        tu_buf_addf(p->out, " %s, ", watching ? "watched" : "not watched");
        add_ago(p, "known", tu_value_get_string(t, "current"));
        add_problem(p, t);
    }
}

static void add_summary(page *p, const tu_value *summary) {
    const char *before = "";
    tu_buf_add_c(p->out, "      ");
    for (size_t i = 0; i < tu_value_count(summary); i++) {
        const tu_member *m = &summary->map.members[i];
        int64_t n = tu_value_integer(&m->value, 0);
        tu_verdict verdict;
        if (tu_verdict_parse(m->key, &verdict)) {
            p->drift |= n > 0 && tu_verdict_is_drift(verdict);
            p->trouble |= n > 0 && verdict == TU_VERDICT_UNKNOWN;
        } else if (tu_str_is(m->key, "pending")) { /* not looked at yet is not in sync */
            p->trouble |= n > 0;
        }
        if (n == 0)
            continue;
        tu_str word = m->key;
        if (n == 1 && tu_str_is(word, "objects"))
            word.n--;
        tu_buf_addf(p->out, "%s%lld %.*s", before, (long long)n, TU_P(word));
        before = ", ";
    }
    tu_buf_add_c(p->out, *before ? "\n" : "no objects\n");
}

/* "/spec/replicas, and 3 more, by kubectl-edit (human)"; the reason where nothing changed */
static void add_what(page *p, const tu_value *object) {
    const tu_value *changes = tu_value_get(object, "changes"), *first = tu_value_at(changes, 0);
    tu_str path = tu_value_get_string(first, "path");
    tu_str reason = tu_value_get_string(object, "reason");
    tu_str manager = tu_value_get_string(tu_value_get(first, "owner"), "manager");
    tu_str class_ = tu_value_get_string(tu_value_get(first, "owner"), "class");
    tu_show_safe(p->out, path.n ? path : reason);
    if (tu_value_count(changes) > 1)
        tu_buf_addf(p->out, ", and %zu more", tu_value_count(changes) - 1);
    if (manager.n) {
        tu_buf_add_c(p->out, path.n || reason.n ? ", " : "");
        tu_show_safe(p->out, manager);
        tu_buf_addf(p->out, " (%.*s)", TU_P(class_));
    }
}

/* Sorted as reports are: the service knows them in no order. */
static int by_object(const void *x, const void *y) {
    static const char *const keys[] = {"group", "kind", "namespace", "name", "file"};
    const tu_value *a = tu_value_get(*(const tu_value *const *)x, "object");
    const tu_value *b = tu_value_get(*(const tu_value *const *)y, "object");
    int order = 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && order == 0; i++)
        order = tu_str_compare(tu_value_get_string(a, keys[i]), tu_value_get_string(b, keys[i]));
    return order;
}

static void add_drift(page *p, const tu_value *drift) {
    const tu_value *object = tu_value_get(drift, "object");
    tu_finding f = {.id = {.group = tu_value_get_string(object, "group"),
                           .kind = tu_value_get_string(object, "kind"),
                           .namespace_ = tu_value_get_string(object, "namespace"),
                           .name = tu_value_get_string(object, "name")},
                    .file = tu_value_get_string(object, "file"),
                    .line = (uint32_t)tu_value_integer(tu_value_get(object, "line"), 0)};
    tu_str onset = tu_value_get_string(object, "onset");
    char room[32];
    tu_buf_add_c(p->out, "      ");
    add_cell(p, object, "verdict", 0);
    if (f.id.name.n)
        tu_say_object(p->out, &f);
    else /* what couldn't be read has no name */
        tu_say_place(p->out, &f);
    size_t before = p->out->n;
    tu_buf_add_c(p->out, "  ");
    size_t begin = p->out->n;
    add_what(p, object);
    if (p->out->n == begin)
        p->out->n = before;
    tu_buf_addf(p->out, " for %s\n",
                age(p, onset.n ? onset : tu_value_get_string(drift, "since"), room));
}

static void add_open(page *p, const tu_value *open) {
    size_t n = tu_value_count(open);
    const tu_value **sorted = tu_xcalloc(n + 1, sizeof *sorted);
    for (size_t i = 0; i < n; i++)
        sorted[i] = tu_value_at(open, i);
    qsort(sorted, n, sizeof *sorted, by_object);
    for (size_t i = 0; i < n && i < OPEN_SHOWN; i++)
        add_drift(p, sorted[i]);
    if (n > OPEN_SHOWN)
        tu_buf_addf(p->out, "      ... and %zu more (-o json has them)\n", n - OPEN_SHOWN);
    free(sorted);
}

static void add_expired(page *p, const tu_value *names) {
    for (size_t i = 0; i < tu_value_count(names); i++) {
        tu_buf_add_c(p->out, "      expired: ");
        tu_show_safe(p->out, tu_value_string(tu_value_at(names, i)));
        tu_buf_add_byte(p->out, '\n');
    }
}

static void add_rules(page *p) {
    const tu_value *list = tu_value_get(p->status, "rules");
    tu_buf_add_c(p->out, "\nRules\n");
    for (size_t i = 0; i < tu_value_count(list); i++) {
        const tu_value *r = tu_value_at(list, i);
        tu_buf_add_c(p->out, "  ");
        add_cell(p, r, "name", 20);
        add_cell(p, r, "mode", 12);
        tu_show_safe(p->out, tu_value_get_string(r, "source"));
        tu_buf_add_c(p->out, " -> ");
        add_cell(p, r, "target", 0);
        tu_buf_add_byte(p->out, ' ');
        tu_show_safe(p->out, shortened(tu_value_get_string(r, "revision")));
        tu_buf_add_byte(p->out, '\n');
        add_problem(p, r);
        add_expired(p, tu_value_get(r, "expired"));
        add_summary(p, tu_value_get(r, "summary"));
        add_open(p, tu_value_get(r, "open"));
    }
}

static void add_deliveries(page *p) {
    const tu_value *d = tu_value_get(p->status, "deliveries");
    tu_buf_addf(p->out, "\nDeliveries\n  %lld delivered, %lld waiting, %lld given up\n",
                (long long)tu_value_integer(tu_value_get(d, "delivered"), 0),
                (long long)tu_value_integer(tu_value_get(d, "pending"), 0),
                (long long)tu_value_integer(tu_value_get(d, "dead"), 0));
}

/* Receivers that can't be sent to now, or have messages waiting. */
static void add_notifiers(page *p) {
    const tu_value *list = tu_value_get(p->status, "notifiers");
    for (size_t i = 0; i < tu_value_count(list); i++) {
        const tu_value *n = tu_value_at(list, i);
        tu_str state = tu_value_get_string(n, "state"), until = tu_value_get_string(n, "until");
        int64_t pending = tu_value_integer(tu_value_get(n, "pending"), 0), until_us;
        char room[32];
        if (tu_str_is(state, "ready") && pending == 0 && !tu_value_get(n, "problem"))
            continue;
        tu_buf_add_c(p->out, "  ");
        add_cell(p, n, "name", 12);
        add_cell(p, n, "state", 0);
        if (tu_time_parse(until, &until_us) && until_us > p->now_us) {
            tu_duration_format((until_us - p->now_us) / 1000000 * 1000, room, sizeof room);
            tu_buf_addf(p->out, "for %s, ", room);
        }
        tu_buf_addf(p->out, "%lld waiting", (long long)pending);
        if (pending)
            tu_buf_addf(p->out, ", the oldest for %s",
                        age(p, tu_value_get_string(n, "oldest"), room));
        tu_buf_add_byte(p->out, '\n');
        add_problem(p, n);
    }
}

/* For people, or the answer as it is; the exit code is the same. */
static int show(const tu_cli *cli, const tu_buf *answer, const tu_value *status) {
    tu_buf out = TU_BUF_INIT(STATUS_BYTES);
    page p = {.out = &out, .status = status, .color = cli->color};
    char room[32];
    if (!tu_time_parse(tu_value_get_string(status, "now"), &p.now_us)) {
        tu_clock clock = tu_clock_real();
        p.now_us = tu_clock_wall(&clock) * 1000;
    }
    const tu_value *config = tu_value_get(status, "config");
    tu_buf_addf(&out, "trueup %.*s, running for %s, pid %lld\nConfiguration ",
                TU_P(tu_value_get_string(status, "version")),
                age(&p, tu_value_get_string(status, "started"), room),
                (long long)tu_value_integer(tu_value_get(status, "pid"), 0));
    tu_show_safe(&out, tu_value_get_string(config, "path"));
    tu_buf_add_byte(&out, '\n');
    add_problem(&p, config);
    add_problem(&p, tu_value_get(status, "store"));
    add_sources(&p);
    add_targets(&p);
    add_rules(&p);
    add_deliveries(&p);
    add_notifiers(&p);
    int code = tu_cli_print(cli, cli->json ? answer : &out,
                            p.drift     ? TU_EXIT_DRIFT
                            : p.trouble ? TU_EXIT_PARTLY
                                        : TU_EXIT_OK);
    tu_buf_done(&out);
    return code;
}

/* --- following -------------------------------------------------------------------------------- */

static void add_change(tu_buf *out, const tu_value *change, const char *before) {
    tu_str manager = tu_value_get_string(tu_value_get(change, "owner"), "manager");
    tu_str path = tu_value_get_string(change, "path");
    tu_buf_addf(out, "%s%.*s", before, TU_P(path.n ? path : TU_S("the object")));
    if (manager.n)
        tu_buf_addf(out, " (%.*s)", TU_P(manager));
}

/* "2026-01-02T03:04:05.678Z  shop  Deployment.apps/shop/cart  in-sync -> drifted  /spec/replicas (kubectl-edit)" */
static void add_event(tu_buf *out, const tu_value *e) {
    const tu_value *object = tu_value_get(e, "object"), *changes = tu_value_get(object, "changes");
    const tu_object_id id = {.group = tu_value_get_string(object, "group"),
                             .kind = tu_value_get_string(object, "kind"),
                             .namespace_ = tu_value_get_string(object, "namespace"),
                             .name = tu_value_get_string(object, "name")};
    tu_buf_addf(out, "%.*s  %.*s  ", TU_P(tu_value_get_string(e, "time")),
                TU_P(tu_value_get_string(e, "rule")));
    tu_object_id_print(out, &id);
    tu_buf_addf(out, "  %.*s -> %.*s", TU_P(tu_value_get_string(e, "previous")),
                TU_P(tu_value_get_string(object, "verdict")));
    for (size_t i = 0; i < tu_value_count(changes) && i < CHANGES_SHOWN; i++)
        add_change(out, tu_value_at(changes, i), i ? ", " : "  ");
    if (tu_value_count(changes) > CHANGES_SHOWN)
        tu_buf_addf(out, ", and %zu more", tu_value_count(changes) - CHANGES_SHOWN);
    tu_buf_add_byte(out, '\n');
}

/* False when nobody reads what is printed. */
static bool on_event(void *arg, tu_str line) {
    const tu_cli *cli = arg;
    _cleanup_(tu_buf_done) tu_buf out = TU_BUF_INIT(STATUS_BYTES);
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_value *e = NULL;
    if (cli->json) {
        tu_buf_add(&out, line);
        tu_buf_add_byte(&out, '\n');
    } else if (tu_json_parse(&a, line, 0, NULL, &e, NULL, NULL) == TU_OK &&
               tu_value_get(e, "object")) {
        add_event(&out, e);
    }
    tu_arena_done(&a);
    return fwrite(tu_buf_c(&out), 1, out.n, stdout) == out.n && fflush(stdout) == 0;
}

static int follow(tu_cli *cli, const char *socket) {
    tu_error *error = NULL;
    if (tu_status_follow(socket, on_event, cli, &error) == TU_OK)
        return TU_EXIT_OK;
    tu_cli_fail_with(cli, error);
    return TU_EXIT_UNKNOWN;
}

int tu_command_status(tu_cli *cli) {
    char *state = tu_cli_state(cli);
    char *usual = tu_path_join(state, "trueup.sock");
    const char *socket = cli->values[TU_OPTION_SOCKET] ? cli->values[TU_OPTION_SOCKET] : usual;
    if (tu_cli_has(cli, TU_OPTION_FOLLOW)) {
        int followed = follow(cli, socket);
        free(usual);
        free(state);
        return followed;
    }
    tu_buf answer = TU_BUF_INIT(STATUS_BYTES);
    tu_error *error = NULL;
    tu_arena a;
    tu_arena_init(&a, 0);
    int code;
    tu_value *status = NULL;
    tu_rc rc = tu_status_ask(socket, "status", &answer, &error);
    bool whole = rc == TU_OK;
    if (whole)
        rc = tu_json_parse(&a, tu_buf_str(&answer), 0, NULL, &status, NULL, &error);
    if (rc != TU_OK && whole && cli->json) { /* larger than we read */
        tu_error_free(error);
        code = tu_cli_print(cli, &answer, TU_EXIT_PARTLY);
    } else if (rc != TU_OK) {
        tu_cli_fail_with(cli, error);
        code = TU_EXIT_UNKNOWN;
    } else {
        code = show(cli, &answer, status);
    }
    tu_arena_done(&a);
    tu_buf_done(&answer);
    free(usual);
    free(state);
    return code;
}
