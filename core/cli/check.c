/*
 * cli/check.c: `trueup check` and `trueup diff`: one pass, one report, an exit code. Never writes.
 */
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"
#include "engine/engine.h"

/* What a pass frees it wants again soon, and then the process ends: giving memory back to the kernel
 * and getting it zeroed again would be a tenth of its time. */
static void keep_freed_memory(void) {
    mallopt(M_TRIM_THRESHOLD, 128 << 20);
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
    mallopt(M_TOP_PAD, 1 << 20);
}

static int compare(tu_cli *cli, bool diff) {
    tu_loaded loaded;
    int code = tu_output_check(cli);
    if (code >= 0)
        return code;
    keep_freed_memory();
    tu_terminal_progress(cli, "reading the configuration", 0, 0);
    code = tu_cli_load(cli, false, &loaded);
    if (code >= 0)
        return code;
    tu_terminal_catch_signals(cli);
    const char *state = cli->values[TU_OPTION_STATE];
    char *baselines =
        state ? tu_path_join(state, "baselines") : NULL; /* only where it was asked for */
    const tu_pass_options options = {
        .config = loaded.config,
        .config_path = loaded.path,
        .rules = loaded.rules,
        .rule_count = loaded.rule_count,
        .state = state,
        .baselines = baselines,
        /* what is quiet stands in no baseline */
        .full = tu_cli_has(cli, TU_OPTION_FULL) || tu_cli_has(cli, TU_OPTION_ALL),
        .cancel = cli->cancel,
        .progress = tu_terminal_progress,
        .progress_arg = cli,
        .quiet = tu_cli_has(cli, TU_OPTION_ALL),
    };
    tu_report *report = NULL;
    tu_errors errors = {0};
    tu_rc rc = tu_pass_run(&options, &report, &errors);
    if (tu_cancel_fired(cli->cancel)) {
        tu_errors_done(&errors);
        code = TU_EXIT_CANCELLED;
    } else if (rc != TU_OK) {
        code = tu_cli_fail_all(cli, &errors, TU_EXIT_USAGE);
    } else {
        const tu_report_options how = {
            .all = tu_cli_has(cli, TU_OPTION_ALL),
            .diff = diff,
            .color = cli->color,
            .width = cli->width,
        };
        tu_errors_done(&errors);
        code = tu_output_write(cli, &loaded, report, how, tu_report_exit_code(report));
        if (code == TU_EXIT_DRIFT && !diff && !tu_output_is_document(cli) &&
            tu_terminal_can_rewrite(STDERR_FILENO)) /* somebody looks */
            tu_cli_note(cli,
                        "`trueup diff` shows each change in full, `trueup explain OBJECT` why");
    }
    tu_report_free(report);
    tu_loaded_done(&loaded);
    free(baselines);
    return code;
}

int tu_command_check(tu_cli *cli) {
    return compare(cli, false);
}
int tu_command_diff(tu_cli *cli) {
    return compare(cli, true);
}
