/*
 * cli/heal.c: `trueup heal`: shows the plan, asks, applies, and prints each result as it comes.
 *
 * Nothing is written before somebody said yes: on the terminal, or with --yes. With a document on
 * standard output (-o json) the plan and the results go to standard error, and the report of what is
 * left is that document.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli.h"
#include "engine/confirm.h"
#include "engine/engine.h"
#include "report/say.h"
#include "report/show.h"

#define PLAN_BYTES (256u * 1024u * 1024u)
#define LINE_BYTES (64u * 1024u)

typedef struct healing {
    tu_cli *cli;
    bool refused;
    size_t planned;
} healing;

static void write_words(const healing *h, const tu_buf *text) {
    tu_terminal_progress_end(h->cli);
    FILE *out = tu_output_is_document(h->cli) ? stderr : stdout;
    fwrite(tu_buf_c(text), 1, text->n, out);
    fflush(out);
}

static bool confirm(void *arg, const tu_report *plan, size_t healable) {
    healing *h = arg;
    h->planned = healable;
    tu_buf text = TU_BUF_INIT(PLAN_BYTES);
    const tu_report_options how = {.diff = true,
                                   .color = tu_output_is_document(h->cli) ? h->cli->error_color
                                                                          : h->cli->color,
                                   .width = h->cli->width,
                                   .now_ms = plan->finished_ms};
    tu_buf_addf(&text, "would change %zu object%s (- what is live, + what it would be):\n\n",
                healable, healable == 1 ? "" : "s");
    for (size_t r = 0; r < plan->rule_count; r++)
        for (size_t i = 0; i < plan->rules[r].finding_count; i++)
            if (tu_finding_is_healable(plan->rules[r].findings[i], TU_ACTION_ALERT))
                tu_report_finding_text(&text, plan->rules[r].findings[i], &how);
    tu_buf_add_byte(&text, '\n');
    if (!h->cli->quiet || !tu_cli_has(h->cli, TU_OPTION_YES))
        write_words(h, &text);
    tu_buf_done(&text);
    if (tu_cli_has(h->cli, TU_OPTION_YES))
        return true;
    char question[80];
    snprintf(question, sizeof question, "change %s?", healable == 1 ? "it" : "them");
    h->refused = !tu_terminal_ask(question);
    return !h->refused;
}

static void done(void *arg, const tu_finding *f, tu_rc rc, const char *text) {
    const healing *h = arg;
    tu_buf line = TU_BUF_INIT(LINE_BYTES);
    tu_buf_add_c(&line, rc == TU_OK ? "healed  " : "failed  ");
    tu_say_object(&line, f);
    if (text && *text) {
        tu_buf_add_c(&line, "  ");
        tu_show_safe(&line, tu_str_c(text));
    }
    tu_buf_add_byte(&line, '\n');
    write_words(h, &line);
    tu_buf_done(&line);
}

static int finish(tu_cli *cli, const tu_loaded *l, const healing *h, tu_report *report,
                  size_t healed, size_t failed) {
    int found = tu_report_exit_code(report);
    int code = failed && found == TU_EXIT_OK ? TU_EXIT_DRIFT : found;
    const tu_report_options how = {.format = cli->format, .color = cli->color, .width = cli->width};
    if (tu_output_is_document(cli))
        return tu_output_write(cli, l, report, how, code);
    code = tu_output_write_files(cli, l, report, how, code);
    tu_buf out = TU_BUF_INIT(PLAN_BYTES);
    if (h->refused) {
        tu_buf_add_c(&out, "nothing was changed\n");
    } else {
        if (h->planned)
            tu_buf_addf(&out, "\n%zu healed, %zu failed\n", healed, failed);
        else
            tu_buf_add_c(&out, "nothing to heal\n");
        if (found != TU_EXIT_OK)
            tu_report_write(report, &how, &out);
    }
    code = tu_cli_print(cli, &out, code);
    tu_buf_done(&out);
    return code;
}

int tu_command_heal(tu_cli *cli) {
    if (!tu_cli_has(cli, TU_OPTION_YES) && !tu_terminal_can_ask())
        return tu_cli_fail(cli, TU_EXIT_USAGE,
                           "heal asks before it changes anything, and here nobody can be asked: "
                           "look at `trueup diff`, then "
                           "give --yes");
    tu_loaded loaded;
    int code = tu_output_check(cli);
    if (code >= 0)
        return code;
    tu_terminal_progress(cli, "reading the configuration", 0, 0);
    code = tu_cli_load(cli, true, &loaded);
    if (code >= 0)
        return code;
    tu_terminal_catch_signals(cli);
    healing h = {.cli = cli};
    const tu_heal_options options = {
        .pass = {.config = loaded.config,
                 .config_path = loaded.path,
                 .rules = loaded.rules,
                 .rule_count = loaded.rule_count,
                 .state = cli->values[TU_OPTION_STATE],
                 .cancel = cli->cancel,
                 .progress = tu_terminal_progress,
                 .progress_arg = cli},
        .confirm = confirm,
        .done = done,
        .arg = &h,
    };
    tu_report *report = NULL;
    tu_errors errors = {0};
    size_t healed = 0, failed = 0;
    tu_rc rc = tu_heal_run(&options, &report, &healed, &failed, &errors);
    if (tu_cancel_fired(cli->cancel)) {
        tu_errors_done(&errors);
        tu_cli_note(cli, "stopped: %zu healed so far", healed);
        code = TU_EXIT_CANCELLED;
    } else if (rc != TU_OK) {
        code = tu_cli_fail_all(cli, &errors, TU_EXIT_USAGE);
    } else {
        tu_errors_done(&errors);
        code = finish(cli, &loaded, &h, report, healed, failed);
    }
    tu_report_free(report);
    tu_loaded_done(&loaded);
    return code;
}
