/*
 * cli/alert_show.c: `trueup alert list`, `why`, `silences` and `dead`: what the service knows of alerts.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "cli/alert.h"

#define ALERTS_LISTED 5u
#define ATTEMPTS_LISTED 3u
#define DELIVERIES_SHOWN 20u
#define ALL SIZE_MAX

/* --- list ------------------------------------------------------------------------------------- */

static int64_t count(const tu_value *answer, const char *key) {
    return tu_value_integer(tu_value_path(answer, "counts", key, NULL), 0);
}

static void add_counts(tu_alert_page *p) {
    int64_t incidents = count(p->answer, "incidents"), silences = count(p->answer, "silences");
    int64_t silenced = count(p->answer, "silenced"), alerts = count(p->answer, "alerts");
    if (incidents == 0)
        tu_buf_add_c(&p->out, "no open incidents");
    else
        tu_buf_addf(&p->out, "%lld open incident%s of %lld alert%s", (long long)incidents,
                    incidents == 1 ? "" : "s", (long long)alerts, alerts == 1 ? "" : "s");
    if (silenced)
        tu_buf_addf(&p->out, ", %lld silenced", (long long)silenced);
    if (silences)
        tu_buf_addf(&p->out, ", %lld silence%s (trueup alert silences)", (long long)silences,
                    silences == 1 ? "" : "s");
    tu_buf_add_byte(&p->out, '\n');
}

int tu_command_alert_list(tu_cli *cli) {
    _cleanup_(tu_buf_done) tu_buf request;
    _cleanup_(tu_alert_page_done) tu_alert_page p;
    tu_alert_request(&request, "alerts");
    tu_buf_add_c(&request, tu_cli_has(cli, TU_OPTION_ALL) ? ",\"all\":true}" : "}");
    int code = tu_alert_ask(&p, cli, &request);
    if (code >= 0)
        return code;
    const tu_value *incidents = tu_value_get(p.answer, "incidents");
    for (size_t i = 0; i < tu_value_count(incidents); i++) {
        tu_alert_add_incident(&p, tu_value_at(incidents, i), cli->verbose ? ALL : ALERTS_LISTED);
        tu_buf_add_byte(&p.out, '\n');
    }
    add_counts(&p);
    return tu_alert_print(&p, count(p.answer, "alerts") ? TU_EXIT_DRIFT : TU_EXIT_OK);
}

/* --- why -------------------------------------------------------------------------------------- */

static void add_words(tu_alert_page *p, const tu_value *list, const char *between) {
    for (size_t i = 0; i < tu_value_count(list); i++) {
        tu_buf_add_c(&p->out, i ? between : "");
        tu_show_safe(&p->out, tu_value_string(tu_value_at(list, i)));
    }
}

static void add_route(tu_alert_page *p, const tu_value *route) {
    const tu_value *steps = tu_value_get(route, "escalate"), *by = tu_value_get(route, "groupBy");
    char room[32];
    tu_buf_add_c(&p->out, "\nRoute\n  ");
    if (!tu_value_is(route, TU_MAP)) {
        tu_buf_add_c(&p->out, "the configuration has no such route any more\n");
        return;
    }
    add_words(p, tu_value_get(route, "path"), " > ");
    if (tu_value_get_string(route, "file").n) {
        tu_buf_add_c(&p->out, "  ");
        tu_alert_add(p, route, "file");
        tu_buf_addf(&p->out, ":%lld", (long long)tu_value_integer(tu_value_get(route, "line"), 0));
    }
    tu_buf_add_c(&p->out, "\n  tells ");
    tu_alert_add(p, route, "receiver");
    for (size_t i = 0; i < tu_value_count(steps); i++) {
        const tu_value *step = tu_value_at(steps, i);
        tu_buf_add_c(&p->out, ", after ");
        tu_alert_add(p, step, "after");
        tu_buf_add_c(&p->out, " without acknowledgement ");
        tu_alert_add(p, step, "receiver");
    }
    tu_buf_add_c(&p->out, "\n  one incident for each ");
    add_words(p, by, ", ");
    tu_buf_add_c(&p->out, tu_value_count(by) ? "" : "(all)");
    tu_buf_add_c(&p->out, "; the first message after ");
    tu_alert_add(p, route, "groupWait");
    tu_buf_add_c(&p->out, ", then ");
    tu_alert_add(p, route, "groupInterval");
    tu_buf_add_c(&p->out, " apart at least, repeated every ");
    tu_alert_add(p, route, "repeatInterval");
    tu_buf_add_byte(&p->out, '\n');
    if (tu_value_boolean(tu_value_get(route, "quiet"), false)) {
        tu_buf_add_c(&p->out, "  quiet by its times");
        if (*tu_alert_age(p, route, "quietUntil", room))
            tu_buf_addf(&p->out, " for another %s", room);
        tu_buf_add_byte(&p->out, '\n');
    }
}

static void add_told(tu_alert_page *p, const tu_value *told) {
    char room[32];
    tu_buf_add_c(&p->out, "\nTold\n");
    if (tu_value_count(told) == 0)
        tu_buf_add_c(&p->out, "  nobody yet\n");
    for (size_t i = 0; i < tu_value_count(told); i++) {
        const tu_value *one = tu_value_at(told, i);
        bool firing = tu_value_boolean(tu_value_get(one, "firing"), false);
        tu_buf_add_c(&p->out, "  ");
        tu_alert_add(p, one, "receiver");
        tu_buf_addf(&p->out, ": that it %s, %s ago\n", firing ? "fires" : "is over",
                    tu_alert_age(p, one, "at", room));
    }
}

static void add_deliveries(tu_alert_page *p, const tu_value *deliveries) {
    size_t n = tu_value_count(deliveries), most = p->cli->verbose ? n : DELIVERIES_SHOWN;
    tu_buf_add_c(&p->out, "\nDeliveries, the newest first\n");
    if (n == 0)
        tu_buf_add_c(&p->out, "  none\n");
    for (size_t i = 0; i < n && i < most; i++)
        tu_alert_add_delivery(p, tu_value_at(deliveries, i),
                              p->cli->verbose ? ALL : ATTEMPTS_LISTED);
    if (n > most)
        tu_buf_addf(&p->out, "  ... and %zu more (-v shows them)\n", n - most);
}

int tu_command_alert_why(tu_cli *cli) {
    _cleanup_(tu_buf_done) tu_buf request;
    _cleanup_(tu_alert_page_done) tu_alert_page p;
    tu_alert_request(&request, "alert");
    tu_alert_request_text(&request, "id", tu_str_c(cli->arguments[0]));
    tu_buf_add_c(&request, "}");
    int code = tu_alert_ask(&p, cli, &request);
    if (code >= 0)
        return code;
    const tu_value *silences = tu_value_get(p.answer, "silences");
    tu_alert_add_incident(&p, tu_value_get(p.answer, "incident"), ALL);
    add_route(&p, tu_value_get(p.answer, "route"));
    if (tu_value_count(silences))
        tu_buf_add_c(&p.out, "\nSilences that match\n");
    for (size_t i = 0; i < tu_value_count(silences); i++)
        tu_alert_add_silence(&p, tu_value_at(silences, i));
    add_told(&p, tu_value_get(p.answer, "told"));
    add_deliveries(&p, tu_value_get(p.answer, "deliveries"));
    return tu_alert_print(&p, TU_EXIT_OK);
}

/* --- silences, dead letters ------------------------------------------------------------------- */

int tu_command_alert_silences(tu_cli *cli) {
    _cleanup_(tu_buf_done) tu_buf request;
    _cleanup_(tu_alert_page_done) tu_alert_page p;
    tu_alert_request(&request, "silences");
    tu_buf_add_c(&request, "}");
    int code = tu_alert_ask(&p, cli, &request);
    if (code >= 0)
        return code;
    const tu_value *silences = tu_value_get(p.answer, "silences");
    for (size_t i = 0; i < tu_value_count(silences); i++)
        tu_alert_add_silence(&p, tu_value_at(silences, i));
    if (tu_value_count(silences) == 0)
        tu_buf_add_c(&p.out, "no silences\n");
    return tu_alert_print(&p, TU_EXIT_OK);
}

int tu_command_alert_dead(tu_cli *cli) {
    _cleanup_(tu_buf_done) tu_buf request;
    _cleanup_(tu_alert_page_done) tu_alert_page p;
    tu_alert_request(&request, "dead");
    tu_buf_add_c(&request, "}");
    int code = tu_alert_ask(&p, cli, &request);
    if (code >= 0)
        return code;
    const tu_value *deliveries = tu_value_get(p.answer, "deliveries");
    for (size_t i = 0; i < tu_value_count(deliveries); i++)
        tu_alert_add_delivery(&p, tu_value_at(deliveries, i), cli->verbose ? ALL : 1);
    if (tu_value_count(deliveries))
        tu_buf_add_c(&p.out, "\n`trueup alert resend ID` or `trueup alert resend RECEIVER` tries "
                             "again\n");
    else
        tu_buf_add_c(&p.out, "nothing was given up\n");
    return tu_alert_print(&p, tu_value_count(deliveries) ? TU_EXIT_DRIFT : TU_EXIT_OK);
}
