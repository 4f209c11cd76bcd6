/*
 * cli/init.c: `trueup config init`: a starter from what is found here, to standard output or to a
 * file that isn't there yet.
 */
#include "base/file.h"
#include "base/limits.h"
#include "cli/cli.h"

static int write_file(const tu_cli *cli, const char *path, const tu_buf *text) {
    if (tu_file_exists(path) && !tu_cli_has(cli, TU_OPTION_FORCE))
        return tu_cli_fail(cli, TU_EXIT_USAGE, "%s is there already: --force overwrites it", path);
    tu_error *e = NULL;
    if (tu_file_write(path, tu_buf_str(text), 0644, &e) != TU_OK) {
        tu_cli_fail_with(cli, e);
        return TU_EXIT_USAGE;
    }
    tu_cli_note(cli, "wrote %s: look at it, then `trueup config check %s` and `trueup check -c %s`",
                path, path, path);
    return TU_EXIT_OK;
}

int tu_command_config_init(tu_cli *cli) {
    tu_surroundings around;
    tu_errors errors = {0};
    tu_surroundings_find(".", &around, &errors);
    for (size_t i = 0; i < errors.n; i++)
        tu_cli_note(cli, "note: %s", tu_error_text(errors.items[i]));
    tu_errors_done(&errors);
    tu_buf text = TU_BUF_INIT(TU_LIMIT_CONFIG_BYTES);
    tu_config_starter(&text, (const char *const *)around.contexts, around.remote, around.branch);
    const char *path = cli->values[TU_OPTION_WRITE];
    int code = path ? write_file(cli, path, &text) : tu_cli_print(cli, &text, TU_EXIT_OK);
    tu_buf_done(&text);
    tu_surroundings_done(&around);
    return code;
}
