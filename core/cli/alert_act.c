/*
 * cli/alert_act.c: `trueup alert ack`, `silence`, `unsilence` and `resend`: what people do about alerts. The
 * service notes who asked by the connection's user, not by what is said here.
 */
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/alert.h"

static tu_str option(const tu_cli *cli, tu_option_id id) {
    return tu_str_c(cli->values[id] ? cli->values[id] : "");
}

/* --- ack -------------------------------------------------------------------------------------- */

int tu_command_alert_ack(tu_cli *cli) {
    _cleanup_(tu_buf_done) tu_buf request;
    _cleanup_(tu_alert_page_done) tu_alert_page p;
    bool undo = tu_cli_has(cli, TU_OPTION_UNDO);
    tu_alert_request(&request, "acknowledge");
    tu_alert_request_text(&request, "id", tu_str_c(cli->arguments[0]));
    tu_alert_request_text(&request, "comment", option(cli, TU_OPTION_COMMENT));
    tu_buf_addf(&request, ",\"undo\":%s}", undo ? "true" : "false");
    int code = tu_alert_ask(&p, cli, &request);
    if (code >= 0)
        return code;
    tu_buf_add_c(&p.out, undo ? "not acknowledged any more: incident " : "acknowledged incident ");
    tu_alert_add_id(&p, tu_value_get_string(p.answer, "incident"));
    tu_buf_add_c(&p.out, ", as ");
    tu_alert_add(&p, p.answer, "by");
    tu_buf_add_c(&p.out, undo ? "; it is repeated and escalated again\n"
                              : "; it isn't repeated or escalated until an alert joins\n");
    return tu_alert_print(&p, TU_EXIT_OK);
}

/* --- silence ---------------------------------------------------------------------------------- */

/* Says where a condition is wrong, before anybody is asked. Returns -1, or the exit code. */
static int check_conditions(const tu_cli *cli) {
    _cleanup_(tu_arena_done) tu_arena a;
    tu_arena_init(&a, TU_MIB);
    bool narrows = false;
    for (size_t i = 0; i < cli->argument_count; i++) {
        tu_matcher m;
        tu_error *why = NULL;
        size_t column = 0;
        if (tu_matcher_parse(&a, tu_str_c(cli->arguments[i]), &m, &column, &why) != TU_OK) {
            tu_error_context(&why, "'%s', column %zu", cli->arguments[i], column + 1);
            tu_cli_fail_with(cli, why);
            return TU_EXIT_USAGE;
        }
        narrows |= !tu_matcher_match(&m, (tu_str){0});
    }
    if (narrows)
        return -1;
    return tu_cli_fail(cli, TU_EXIT_USAGE,
                       "this would silence everything: at least one condition must ask for a "
                       "label, such as rule = shop");
}

static int read_times(const tu_cli *cli, char begins[32], char ends[32]) {
    const tu_clock clock = tu_clock_real();
    const char *length = cli->values[TU_OPTION_FOR], *at = cli->values[TU_OPTION_AT];
    int64_t ms, us = 0, from = tu_clock_wall(&clock);
    if (!length)
        return tu_cli_fail(cli, TU_EXIT_USAGE, "say how long: --for 2h");
    if (!tu_duration_parse(tu_str_c(length), &ms) || ms <= 0 ||
        ms > (int64_t)TU_LIMIT_INTERVAL_DAYS * 86400000)
        return tu_cli_fail(cli, TU_EXIT_USAGE,
                           "option --for: '%s' is no duration from 1s to %ud: write it like 2h, "
                           "90m or 1d12h",
                           length, TU_LIMIT_INTERVAL_DAYS);
    if (at && !tu_time_parse(tu_str_c(at), &us))
        return tu_cli_fail(cli, TU_EXIT_USAGE,
                           "option --at: '%s' is no time: write 2026-12-31T18:00:00+09:00", at);
    if (at)
        from = us / 1000;
    *begins = '\0';
    if (at)
        tu_time_format(from, begins);
    tu_time_format(from + ms, ends);
    return -1;
}

int tu_command_alert_silence(tu_cli *cli) {
    char begins[32], ends[32];
    tu_str comment = option(cli, TU_OPTION_COMMENT);
    int code = check_conditions(cli);
    if (code < 0)
        code = read_times(cli, begins, ends);
    if (code >= 0)
        return code;
    _cleanup_(tu_buf_done) tu_buf request;
    _cleanup_(tu_alert_page_done) tu_alert_page p;
    tu_alert_request(&request, "silence");
    tu_buf_add_c(&request, ",\"matchers\":[");
    for (size_t i = 0; i < cli->argument_count; i++) {
        tu_buf_add_c(&request, i ? "," : "");
        tu_buf_add_json_string(&request, tu_str_c(cli->arguments[i]));
    }
    tu_buf_add_byte(&request, ']');
    if (*begins)
        tu_alert_request_text(&request, "starts", tu_str_c(begins));
    tu_alert_request_text(&request, "ends", tu_str_c(ends));
    tu_alert_request_text(&request, "comment", comment);
    tu_buf_add_c(&request, "}");
    code = tu_alert_ask(&p, cli, &request);
    if (code >= 0)
        return code;
    const tu_value *silence = tu_value_get(p.answer, "silence");
    tu_alert_add_silence(&p, silence);
    tu_buf_add_c(&p.out, "`trueup alert unsilence ");
    tu_alert_add_id(&p, tu_value_get_string(silence, "id"));
    tu_buf_add_c(&p.out, "` ends it early\n");
    return tu_alert_print(&p, TU_EXIT_OK);
}

int tu_command_alert_unsilence(tu_cli *cli) {
    _cleanup_(tu_buf_done) tu_buf request;
    _cleanup_(tu_alert_page_done) tu_alert_page p;
    tu_alert_request(&request, "end-silence");
    tu_alert_request_text(&request, "id", tu_str_c(cli->arguments[0]));
    tu_buf_add_c(&request, "}");
    int code = tu_alert_ask(&p, cli, &request);
    if (code >= 0)
        return code;
    tu_buf_add_c(&p.out, "ended the silence ");
    tu_alert_add_id(&p, tu_value_get_string(p.answer, "silence"));
    tu_buf_add_c(&p.out, "\n");
    return tu_alert_print(&p, TU_EXIT_OK);
}

/* --- resend ----------------------------------------------------------------------------------- */

static bool is_number(const char *word) {
    size_t n = strspn(word, "0123456789");
    return n > 0 && n < 19 && word[n] == '\0';
}

int tu_command_alert_resend(tu_cli *cli) {
    _cleanup_(tu_buf_done) tu_buf request;
    _cleanup_(tu_alert_page_done) tu_alert_page p;
    const char *what = cli->arguments[0];
    tu_alert_request(&request, "resend");
    if (is_number(what))
        tu_buf_addf(&request, ",\"id\":%s",
                    what + strspn(what, "0") - (what[strspn(what, "0")] == '\0'));
    else
        tu_alert_request_text(&request, "receiver", tu_str_c(what));
    tu_buf_add_c(&request, "}");
    int code = tu_alert_ask(&p, cli, &request);
    if (code >= 0)
        return code;
    int64_t n = tu_value_integer(tu_value_get(p.answer, "resent"), 0);
    tu_buf_addf(&p.out, "%lld message%s will be tried again\n", (long long)n, n == 1 ? "" : "s");
    return tu_alert_print(&p, TU_EXIT_OK);
}
