/*
 * cli/run.c: `trueup run`: the service.
 *
 * What it finds and does is told on standard output as it happens, one event after the other: text
 * for people, with the difference, or
 * (-o json) one JSON object a line. What its operator must know (a source that can't be read) is
 * logged on standard error. It catches its own signals.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/cli.h"
#include "engine/engine.h"
#include "report/say.h"
#include "report/show.h"

#define EVENT_BYTES (16u * TU_MIB)

static void add_time(tu_buf *out, char room[32]) {
    tu_clock clock = tu_clock_real();
    tu_time_format(tu_clock_wall(&clock), room);
    tu_buf_add_c(out, room);
}

static void tell_json(tu_buf *out, const char *event, const tu_rule *rule, const tu_finding *f,
                      const char *text) {
    char time[32];
    tu_buf_add_c(out, "{\"time\":\"");
    add_time(out, time);
    tu_buf_addf(out, "\",\"event\":\"%s\"", event);
    if (rule) {
        tu_buf_add_c(out, ",\"rule\":");
        tu_buf_add_json_string(out, rule->name);
    }
    if (text) {
        tu_buf_add_c(out, ",\"text\":");
        tu_buf_add_json_string(out, tu_str_c(text));
    }
    if (f) {
        tu_buf_add_c(out, ",\"object\":");
        tu_report_finding_json(out, f);
    }
    tu_buf_add_c(out, "}\n");
}

/* The engine's words for who put it right; its JSON keeps them as they are. */
static const char *hand(const char *by) {
    static const char *const words[][2] = {{"git", "a new revision"}, {"other", "somebody else"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i][0], by) == 0)
            return words[i][1];
    return by;
}

static void tell_text(const tu_cli *cli, tu_buf *out, const char *event, const tu_rule *rule,
                      const tu_finding *f, const char *text) {
    char time[32];
    tu_clock clock = tu_clock_real();
    add_time(out, time);
    tu_buf_addf(out, "  %-9s", event);
    if (rule)
        tu_buf_addf(out, " rule %.*s:", TU_P(rule->name));
    if (f) {
        tu_buf_add_byte(out, ' ');
        if (f->id.name.n)
            tu_say_object(out, f);
        else /* what couldn't be read has no name */
            tu_say_place(out, f);
    }
    bool by = f && !tu_str_is(tu_str_c(event), "failed"); /* then the text is whose hand it was */
    if (text && *text) {
        tu_buf_addf(out, "%s ", by ? " by" : f ? ":" : "");
        tu_show_safe(out, tu_str_c(by ? hand(text) : text));
    }
    tu_buf_add_byte(out, '\n');
    bool is_new = tu_str_is(tu_str_c(event), "drift") || tu_str_is(tu_str_c(event), "update");
    if (f && is_new)
        tu_report_finding_text(out, f,
                               &(tu_report_options){.diff = true,
                                                    .color = cli->color,
                                                    .width = cli->width,
                                                    .now_ms = tu_clock_wall(&clock)});
}

/* On the engine's thread. */
static void tell(void *arg, const char *event, const tu_rule *rule, const tu_finding *f,
                 const char *text) {
    const tu_cli *cli = arg;
    tu_buf out = TU_BUF_INIT(EVENT_BYTES);
    if (cli->json)
        tell_json(&out, event, rule, f, text);
    else
        tell_text(cli, &out, event, rule, f, text);
    /* Nobody may be listening any more: the service goes on. */
    if (out.rc == TU_OK && fwrite(tu_buf_c(&out), 1, out.n, stdout) == out.n)
        fflush(stdout);
    tu_buf_done(&out);
}

int tu_command_run(tu_cli *cli) {
    char *path = tu_cli_config_path(cli);
    if (!path)
        return TU_EXIT_USAGE;
    char *state = tu_cli_state(cli);
    int level = cli->verbose ? TU_LOG_DEBUG : cli->quiet ? TU_LOG_WARN : TU_LOG_INFO;
    tu_log_setup(cli->json ? TU_LOG_JSON : TU_LOG_TEXT, level, cli->error_color);
    const tu_service_options options = {.config_path = path,
                                        .state = state,
                                        .socket = cli->values[TU_OPTION_SOCKET],
                                        .tell = tell,
                                        .tell_arg = cli};
    tu_errors errors = {0};
    tu_rc rc = tu_service_run(&options, &errors);
    int code = TU_EXIT_OK;
    if (rc == TU_OK)
        tu_errors_done(&errors);
    else
        code = tu_cli_fail_all(cli, &errors,
                               rc == TU_EINVALID || rc == TU_ENOTFOUND ? TU_EXIT_USAGE
                                                                       : TU_EXIT_UNKNOWN);
    free(state);
    free(path);
    return code;
}
