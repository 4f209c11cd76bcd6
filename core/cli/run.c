/*
 * cli/run.c: `trueup run`: the service. It catches its own signals and logs to standard error:
 * lines for people on a terminal, JSON elsewhere when -o json asks for it.
 */
#include <stdlib.h>

#include "base/log.h"
#include "cli/cli.h"
#include "engine/engine.h"

int tu_command_run(tu_cli *cli) {
    char *path = tu_cli_config_path(cli);
    if (!path)
        return TU_EXIT_USAGE;
    char *state = tu_cli_state(cli);
    tu_log_setup(cli->json ? TU_LOG_JSON : TU_LOG_TEXT,
                 cli->verbose ? TU_LOG_DEBUG
                 : cli->quiet ? TU_LOG_WARN
                              : TU_LOG_INFO,
                 cli->error_color);
    const tu_service_options options = {
        .config_path = path, .state = state, .socket = cli->values[TU_OPTION_SOCKET]};
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
