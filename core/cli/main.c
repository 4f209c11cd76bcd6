/* cli/main.c: parse, run, clean up. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

/* Where 0, 1 or 2 is closed, the next file to be opened would get its number, and what is meant for
 * people would go into a database or a socket. What can't be written to stays so: EBADF. */
static void fill_standard_streams(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDONLY) != fd)
            abort();
}

int tu_cli_main(int argc, char **argv) {
    fill_standard_streams();
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
