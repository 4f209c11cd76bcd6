/*
 * cli/alert_test.c: `trueup alert test RECEIVER`: sends one message now, without a service, and says what came of
 * it.
 *
 * The notifier is made as the service makes it and asked once; nothing is tried again, and nothing is kept.
 */
#include "alert/trial.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "engine/session.h"
#include "report/show.h"
#include <unistd.h>

#define TIMEOUT_MS 60000

typedef struct outcome {
    tu_str receiver, plugin;
    int64_t took_ms;
    tu_buf reference;
    tu_rc rc;
    tu_error *error;
} outcome;

static int report_json(const tu_cli *cli, const outcome *o) {
    tu_buf out = TU_BUF_INIT(TU_MIB);
    tu_buf_add_c(&out, "{\"receiver\":");
    tu_buf_add_json_string(&out, o->receiver);
    tu_buf_add_c(&out, ",\"plugin\":");
    tu_buf_add_json_string(&out, o->plugin);
    tu_buf_addf(&out, ",\"outcome\":\"%s\",\"tookMs\":%lld", tu_rc_name(o->rc),
                (long long)o->took_ms);
    if (o->reference.n) {
        tu_buf_add_c(&out, ",\"reference\":");
        tu_buf_add_json_string(&out, tu_buf_str(&o->reference));
    }
    if (o->rc != TU_OK) {
        tu_buf_add_c(&out, ",\"error\":");
        tu_buf_add_json_string(&out, tu_str_c(tu_error_text(o->error)));
    }
    tu_buf_add_c(&out, "}\n");
    int code = tu_cli_print(cli, &out, o->rc == TU_OK ? TU_EXIT_OK : TU_EXIT_UNKNOWN);
    tu_buf_done(&out);
    return code;
}

static int report(const tu_cli *cli, outcome *o) {
    if (o->rc == TU_ECANCELLED)
        return TU_EXIT_CANCELLED;
    if (cli->json)
        return report_json(cli, o);
    if (o->rc != TU_OK) {
        tu_error_context(&o->error, "not delivered (%s, after %lld ms)", tu_rc_name(o->rc),
                         (long long)o->took_ms);
        tu_cli_fail_with(cli, TU_TAKE(o->error));
        return TU_EXIT_UNKNOWN;
    }
    tu_buf out = TU_BUF_INIT(TU_MIB);
    tu_buf_addf(&out, "delivered to %.*s (%.*s) in %lld ms", TU_P(o->receiver), TU_P(o->plugin),
                (long long)o->took_ms);
    if (o->reference.n) {
        tu_buf_add_c(&out, ", which calls it ");
        tu_show_safe(&out, tu_buf_str(&o->reference));
    }
    tu_buf_add_byte(&out, '\n');
    int code = tu_cli_print(cli, &out, TU_EXIT_OK);
    tu_buf_done(&out);
    return code;
}

static int send(const tu_cli *cli, const tu_use *use, tu_plugin_use *plugin) {
    _cleanup_(tu_buf_done) tu_buf message = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    char key[33], host[256] = "";
    tu_error *why = NULL;
    const tu_clock clock = tu_clock_real();
    gethostname(host, sizeof host - 1);
    if (tu_alert_trial(&message, use->name, *host ? host : "trueup", tu_clock_wall(&clock), key,
                       &why) != TU_OK)
        return tu_cli_fail_with(cli, why);
    outcome o = {.receiver = use->name,
                 .plugin = use->plugin,
                 .reference = TU_BUF_INIT(TU_LIMIT_META_BYTES)};
    const tu_sending sending = {.attempt = 1};
    const tu_call_options call = {.cancel = cli->cancel, .timeout_ms = TIMEOUT_MS};
    int64_t begin = tu_clock_monotonic();
    o.rc = tu_call_send(plugin, tu_buf_str(&message), tu_str_c(key), &sending, &o.reference, &call,
                        &o.error);
    o.took_ms = tu_clock_monotonic() - begin;
    int code = report(cli, &o);
    tu_error_free(o.error);
    tu_buf_done(&o.reference);
    return code;
}

static int fail_unknown(const tu_cli *cli, const tu_config *c, const char *name) {
    tu_error *e = NULL;
    const char **names = tu_xmalloc((c->notifier_count + 1) * sizeof *names);
    tu_arena a;
    tu_arena_init(&a, TU_MIB);
    tu_error_set(&e, TU_EINVALID, "there is no Notifier '%s'", name);
    size_t n = 0;
    for (size_t i = 0; i < c->notifier_count; i++) {
        tu_str copy = tu_arena_copy(&a, c->notifiers[i].name);
        if (copy.p)
            names[n++] = copy.p;
    }
    const char *near = tu_suggest(tu_str_c(name), names, n);
    if (near)
        tu_error_hint(&e, "did you mean '%s'?", near);
    else if (n == 1)
        tu_error_hint(&e, "there is only '%s'", names[0]);
    tu_freep(&names);
    tu_arena_done(&a);
    return tu_cli_fail_with(cli, e);
}

int tu_command_alert_test(tu_cli *cli) {
    _cleanup_(tu_freep) char *path = tu_cli_config_path(cli);
    if (!path)
        return TU_EXIT_USAGE;
    tu_errors errors = {0};
    tu_config *c = tu_config_load(path, &errors);
    if (!c)
        return tu_cli_fail_all(cli, &errors, TU_EXIT_USAGE);
    const tu_str name = tu_str_c(cli->arguments[0]);
    const tu_use *use = tu_config_notifier(c, name);
    tu_session *s = NULL;
    int code;
    if (!use)
        code = fail_unknown(cli, c, cli->arguments[0]);
    else if (tu_session_open_notifier(c, name, &s, &errors) != TU_OK)
        code = tu_cli_fail_all(cli, &errors, TU_EXIT_USAGE);
    else
        code = send(cli, use, tu_session_use(s, TU_KIND_NOTIFIER, name));
    tu_session_close(s);
    tu_errors_done(&errors);
    tu_config_unref(c);
    return code;
}
