/*
 * cli/alert.c: asks the service about alerts, and shows incidents, silences and deliveries to people.
 *
 * The service's words pass tu_show_safe(): names and comments come from anybody.
 */
#include "cli/alert.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "value/json.h"
#include <stdlib.h>

#define ANSWER_BYTES (64u * TU_MIB)
#define ID_SHOWN 8u

/* --- asking ----------------------------------------------------------------------------------- */

void tu_alert_request(tu_buf *request, const char *command) {
    tu_buf_init(request, TU_LIMIT_SOCKET_BYTES);
    tu_buf_addf(request, "{\"command\":\"%s\"", command);
}

void tu_alert_request_text(tu_buf *request, const char *key, tu_str text) {
    tu_buf_addf(request, ",\"%s\":", key);
    tu_buf_add_json_string(request, text);
}

static tu_rc ask(const tu_cli *cli, tu_alert_page *p, tu_str request, tu_error **error) {
    _cleanup_(tu_freep) char *state = tu_cli_state(cli);
    _cleanup_(tu_freep) char *usual = tu_path_join(state, "trueup.sock");
    const char *socket = cli->values[TU_OPTION_SOCKET] ? cli->values[TU_OPTION_SOCKET] : usual;
    return tu_service_ask(socket, request, &p->text, error);
}

int tu_alert_ask(tu_alert_page *p, const tu_cli *cli, const tu_buf *request) {
    const tu_clock clock = tu_clock_real();
    *p = (tu_alert_page){.cli = cli, .now_ms = tu_clock_wall(&clock)};
    tu_arena_init(&p->arena, 0);
    tu_buf_init(&p->text, ANSWER_BYTES);
    tu_buf_init(&p->out, ANSWER_BYTES);
    if (request->rc != TU_OK)
        return tu_cli_fail(cli, TU_EXIT_USAGE, "more than %u bytes (TU_LIMIT_SOCKET_BYTES)",
                           TU_LIMIT_SOCKET_BYTES);
    tu_error *why = NULL;
    tu_value *answer = NULL;
    tu_rc rc = ask(cli, p, tu_buf_str(request), &why);
    if (rc == TU_OK)
        rc = tu_json_parse(&p->arena, tu_buf_str(&p->text), 0, NULL, &answer, NULL, &why);
    if (rc != TU_OK) {
        tu_cli_fail_with(cli, why);
        return TU_EXIT_UNKNOWN;
    }
    p->answer = answer;
    tu_str refused = tu_value_get_string(answer, "error");
    return refused.n ? tu_cli_fail(cli, TU_EXIT_USAGE, "%.*s", TU_P(refused)) : -1;
}

int tu_alert_print(tu_alert_page *p, int code) {
    return tu_cli_print(p->cli, p->cli->json ? &p->text : &p->out, code);
}

void tu_alert_page_done(tu_alert_page *p) {
    tu_arena_done(&p->arena);
    tu_buf_done(&p->text);
    tu_buf_done(&p->out);
}

/* --- small things ----------------------------------------------------------------------------- */

void tu_alert_add(tu_alert_page *p, const tu_value *of, const char *key) {
    tu_show_safe(&p->out, tu_value_get_string(of, key));
}

void tu_alert_add_id(tu_alert_page *p, tu_str id) {
    id.n = id.n > ID_SHOWN ? ID_SHOWN : id.n;
    tu_show_safe(&p->out, id);
}

const char *tu_alert_age(const tu_alert_page *p, const tu_value *of, const char *key,
                         char room[32]) {
    int64_t us;
    *room = '\0';
    if (!tu_time_parse(tu_value_get_string(of, key), &us))
        return room;
    int64_t ms = us / 1000 - p->now_ms;
    ms = ms < 0 ? -ms : ms;
    tu_duration_format(ms >= 1000 ? ms - ms % 1000 : 0, room, 32);
    return room;
}

void tu_alert_add_labels(tu_alert_page *p, const tu_value *labels) {
    const char *before = "";
    for (size_t i = 0; i < tu_value_count(labels); i++) {
        const tu_member *m = &labels->map.members[i];
        tu_buf_add_c(&p->out, before);
        tu_show_safe(&p->out, m->key);
        tu_buf_add_byte(&p->out, '=');
        tu_show_safe(&p->out, tu_value_string(&m->value));
        before = ", ";
    }
}

static int64_t number(const tu_value *of, const char *key) {
    return tu_value_integer(tu_value_get(of, key), 0);
}

static tu_paint paint_of(tu_str severity) {
    return tu_str_is(severity, "critical")  ? TU_PAINT_RED
           : tu_str_is(severity, "warning") ? TU_PAINT_YELLOW
                                            : TU_PAINT_NONE;
}

/* A word in its column, and one blank at least. */
static void add_cell(tu_alert_page *p, tu_str word, size_t width, tu_paint paint) {
    _cleanup_(tu_buf_done) tu_buf safe = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    tu_show_safe(&safe, word);
    size_t begin = p->out.n;
    tu_show_paint(&p->out, p->cli->color, paint, tu_buf_str(&safe));
    tu_show_pad(&p->out, begin, width, 1);
}

/* --- an incident ------------------------------------------------------------------------------ */

static void add_alert(tu_alert_page *p, const tu_value *alert) {
    tu_str severity = tu_value_get_string(alert, "severity");
    tu_str quiet = tu_value_get_string(alert, "quiet");
    bool firing = tu_str_is(tu_value_get_string(alert, "status"), "firing");
    char room[32];
    tu_buf_add_c(&p->out, "    ");
    add_cell(p, firing ? severity : TU_S("over"), 9, firing ? paint_of(severity) : TU_PAINT_GREEN);
    tu_alert_add(p, alert, "summary");
    if (firing)
        tu_buf_addf(&p->out, ", for %s", tu_alert_age(p, alert, "startsAt", room));
    else
        tu_buf_addf(&p->out, ", %s ago", tu_alert_age(p, alert, "endsAt", room));
    if (quiet.n) {
        tu_buf_add_c(&p->out, " (");
        tu_show_safe(&p->out, quiet);
        tu_buf_add_byte(&p->out, ')');
    }
    tu_buf_add_byte(&p->out, '\n');
}

static void add_alerts(tu_alert_page *p, const tu_value *incident, size_t most) {
    const tu_value *alerts = tu_value_get(incident, "alerts");
    size_t n = tu_value_count(alerts);
    for (size_t i = 0; i < n && i < most; i++)
        add_alert(p, tu_value_at(alerts, i));
    size_t more = (n > most ? n - most : 0) + (size_t)number(incident, "more");
    if (more > 0)
        tu_buf_addf(&p->out, "    ... and %zu more\n", more);
}

static void add_told(tu_alert_page *p, const tu_value *incident, bool firing) {
    const tu_value *receivers = tu_value_get(incident, "receivers");
    char room[32];
    if (!tu_value_get(incident, "toldAt")) {
        tu_buf_add_c(&p->out, firing ? "; nobody told yet" : "; nobody was told");
        return;
    }
    tu_buf_addf(&p->out, "; told %s ago: ", tu_alert_age(p, incident, "toldAt", room));
    for (size_t i = 0; i < tu_value_count(receivers); i++) {
        tu_buf_add_c(&p->out, i ? ", " : "");
        tu_show_safe(&p->out, tu_value_string(tu_value_at(receivers, i)));
    }
}

static void add_next(tu_alert_page *p, const tu_value *incident) {
    const tu_value *next = tu_value_get(incident, "next");
    char room[32];
    if (!tu_value_get_string(next, "what").n)
        return;
    tu_buf_add_c(&p->out, "; next: ");
    tu_alert_add(p, next, "what");
    if (*tu_alert_age(p, next, "at", room))
        tu_buf_addf(&p->out, " in %s", room);
}

static void add_acknowledged(tu_alert_page *p, const tu_value *incident) {
    const tu_value *by = tu_value_get(incident, "acknowledged");
    char room[32];
    if (!tu_value_is(by, TU_MAP))
        return;
    tu_buf_addf(&p->out, "    acknowledged %s ago by ", tu_alert_age(p, by, "at", room));
    tu_alert_add(p, by, "by");
    if (tu_value_get_string(by, "comment").n) {
        tu_buf_add_c(&p->out, ": ");
        tu_alert_add(p, by, "comment");
    }
    tu_buf_add_byte(&p->out, '\n');
}

void tu_alert_add_incident(tu_alert_page *p, const tu_value *incident, size_t alerts_shown) {
    tu_str severity = tu_value_get_string(incident, "severity");
    bool firing = tu_str_is(tu_value_get_string(incident, "status"), "firing");
    char room[32];
    tu_alert_add_id(p, tu_value_get_string(incident, "id"));
    tu_buf_add_c(&p->out, "  ");
    add_cell(p, firing ? severity : TU_S("over"), 9, firing ? paint_of(severity) : TU_PAINT_GREEN);
    tu_alert_add(p, incident, "route");
    if (tu_value_count(tu_value_get(incident, "labels")))
        tu_buf_add_c(&p->out, "  ");
    tu_alert_add_labels(p, tu_value_get(incident, "labels"));
    tu_buf_addf(&p->out, "\n    %lld firing", (long long)number(incident, "firing"));
    if (number(incident, "quiet"))
        tu_buf_addf(&p->out, " (%lld quiet)", (long long)number(incident, "quiet"));
    if (number(incident, "resolved"))
        tu_buf_addf(&p->out, ", %lld over", (long long)number(incident, "resolved"));
    tu_buf_addf(&p->out, ", since %s", tu_alert_age(p, incident, "openedAt", room));
    add_told(p, incident, firing);
    if (number(incident, "escalation"))
        tu_buf_addf(&p->out, " (escalation step %lld)", (long long)number(incident, "escalation"));
    add_next(p, incident);
    tu_buf_add_byte(&p->out, '\n');
    add_acknowledged(p, incident);
    add_alerts(p, incident, alerts_shown);
}

/* --- a silence -------------------------------------------------------------------------------- */

void tu_alert_add_silence(tu_alert_page *p, const tu_value *silence) {
    const tu_value *matchers = tu_value_get(silence, "matchers");
    bool waiting = tu_str_is(tu_value_get_string(silence, "state"), "waiting");
    char room[32];
    tu_alert_add_id(p, tu_value_get_string(silence, "id"));
    tu_buf_add_c(&p->out, "  ");
    for (size_t i = 0; i < tu_value_count(matchers); i++) {
        tu_buf_add_c(&p->out, i ? ", " : "");
        tu_show_safe(&p->out, tu_value_string(tu_value_at(matchers, i)));
    }
    if (waiting)
        tu_buf_addf(&p->out, "\n    begins in %s", tu_alert_age(p, silence, "starts", room));
    else
        tu_buf_addf(&p->out, "\n    for another %s", tu_alert_age(p, silence, "ends", room));
    tu_buf_add_c(&p->out, ", until ");
    tu_alert_add(p, silence, "ends");
    tu_buf_add_c(&p->out, ", by ");
    tu_alert_add(p, silence, "author");
    if (tu_value_get_string(silence, "comment").n)
        tu_buf_add_c(&p->out, ": ");
    tu_alert_add(p, silence, "comment");
    tu_buf_add_byte(&p->out, '\n');
}

/* --- a delivery ------------------------------------------------------------------------------- */

static void add_attempt(tu_alert_page *p, const tu_value *attempt) {
    bool ok = tu_str_is(tu_value_get_string(attempt, "outcome"), "ok");
    char room[32];
    tu_buf_addf(&p->out, "      %s ago  ", tu_alert_age(p, attempt, "at", room));
    tu_show_paint(&p->out, p->cli->color, ok ? TU_PAINT_GREEN : TU_PAINT_RED,
                  tu_value_get_string(attempt, "outcome"));
    tu_buf_addf(&p->out, " after %lld ms", (long long)number(attempt, "tookMs"));
    if (tu_value_get_string(attempt, "text").n)
        tu_buf_add_c(&p->out, ": ");
    tu_alert_add(p, attempt, "text");
    tu_buf_add_byte(&p->out, '\n');
}

void tu_alert_add_delivery(tu_alert_page *p, const tu_value *delivery, size_t attempts_shown) {
    const tu_value *attempts = tu_value_get(delivery, "attempts");
    tu_str state = tu_value_get_string(delivery, "state"), incident;
    incident = tu_value_get_string(delivery, "incident");
    char room[32];
    tu_buf_addf(&p->out, "  %-6lld", (long long)number(delivery, "id"));
    add_cell(p, state, 11, tu_str_is(state, "dead") ? TU_PAINT_RED : TU_PAINT_NONE);
    add_cell(p, tu_value_get_string(delivery, "event"), 11, TU_PAINT_NONE);
    tu_alert_add(p, delivery, "receiver");
    if (incident.n) {
        tu_buf_add_c(&p->out, "  incident ");
        tu_alert_add_id(p, incident);
    }
    tu_buf_addf(&p->out, "  made %s ago", tu_alert_age(p, delivery, "createdAt", room));
    if (tu_str_is(state, "pending") && *tu_alert_age(p, delivery, "nextAt", room))
        tu_buf_addf(&p->out, ", next attempt in %s", room);
    if (tu_value_boolean(tu_value_get(delivery, "uncertain"), false))
        tu_buf_add_c(&p->out, ", may have arrived");
    tu_buf_add_byte(&p->out, '\n');
    if (tu_value_get_string(delivery, "error").n && tu_value_count(attempts) == 0) {
        tu_buf_add_c(&p->out, "      ");
        tu_alert_add(p, delivery, "error");
        tu_buf_add_byte(&p->out, '\n');
    }
    size_t n = tu_value_count(attempts), skip = n > attempts_shown ? n - attempts_shown : 0;
    if (skip > 0)
        tu_buf_addf(&p->out, "      ... %zu attempt%s before\n", skip, skip == 1 ? "" : "s");
    for (size_t i = skip; i < n; i++)
        add_attempt(p, tu_value_at(attempts, i));
}
