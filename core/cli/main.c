/* cli/main.c: parse, run, clean up. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "cli/cli.h"

static int run(tu_cli *cli) {
    /* Plugins may log; only what matters to whoever waits for one command. */
    tu_log_setup(TU_LOG_TEXT, cli->verbose ? TU_LOG_DEBUG : TU_LOG_WARN, cli->error_color);
    cli->cancel = tu_cancel_new();
    int code = cli->command->run(cli);
    tu_terminal_progress_stop(cli);
    tu_terminal_release_signals();
    tu_cancel_free(cli->cancel);
    return code;
}

int tu_cli_main(int argc, char **argv) {
    /* A peer that hangs up is an error to be reported, not the end of the program. */
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stderr, NULL, _IOLBF, 0);
    tu_cli cli;
    int code = tu_cli_parse(argc, argv, &cli);
    if (code < 0)
        code = run(&cli);
    free(cli.words);
    return code;
}
