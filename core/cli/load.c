/*
 * cli/load.c: which configuration the command line means.
 *
 * `trueup check shop` names a rule of a file; `trueup check ./manifests` or anything with --to
 * needs no file. A word is taken for a place when --to stands there, when it looks like one (it has
 * a '/' or a ':', or is "." or ".."), or when there is no configuration but a file of that name.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "engine/engine.h"

char *tu_cli_config_path(const tu_cli *cli) {
    const char *given = cli->values[TU_OPTION_CONFIG];
    if (given && access(given, F_OK) == 0)
        return tu_xstrdup(given);
    if (given) {
        tu_cli_fail(cli, TU_EXIT_USAGE, "there is no configuration at %s", given);
        return NULL;
    }
    char *found = tu_config_find();
    if (found)
        return found;
    tu_error *e = NULL;
    tu_error_set(&e, TU_EINVALID,
                 "there is no configuration: neither ./trueup.yaml nor ./trueup.d nor /etc/trueup");
    tu_error_hint(&e, "make one with `trueup config init --write trueup.yaml`, or compare without: "
                      "`trueup check PATH --to TARGET`");
    tu_cli_fail_with(cli, e);
    return NULL;
}

char *tu_cli_state(const tu_cli *cli) {
    const char *given = cli->values[TU_OPTION_STATE], *systemd = getenv("STATE_DIRECTORY");
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (given)
        return tu_xstrdup(given);
    if (systemd && *systemd)
        return tu_xstrdup(systemd);
    if (geteuid() == 0)
        return tu_xstrdup("/var/lib/trueup");
    if (xdg && *xdg)
        return tu_path_join(xdg, "trueup");
    return tu_path_join(home && *home ? home : ".", ".local/state/trueup");
}

static bool looks_like_place(const char *word) {
    return strchr(word, '/') || strchr(word, ':') || strcmp(word, ".") == 0 ||
           strcmp(word, "..") == 0;
}

static bool means_place(const tu_cli *cli) {
    if (tu_cli_has(cli, TU_OPTION_TO))
        return true;
    if (cli->argument_count != 1 || tu_cli_has(cli, TU_OPTION_CONFIG))
        return false;
    if (looks_like_place(cli->arguments[0]))
        return true;
    char *found = tu_config_find();
    bool place = !found && access(cli->arguments[0], F_OK) == 0;
    free(found);
    return place;
}

static int load_place(const tu_cli *cli, bool heal, tu_loaded *ret) {
    if (cli->argument_count != 1)
        return tu_cli_fail(cli, TU_EXIT_USAGE,
                           "--to needs one folder, file or URL to compare with, as in `trueup %s "
                           "./manifests --to %s`",
                           cli->command->name, cli->values[TU_OPTION_TO]);
    const char *target = cli->values[TU_OPTION_TO] ? cli->values[TU_OPTION_TO] : "kubernetes";
    tu_error *e = NULL;
    bool unmanaged = tu_cli_has(cli, TU_OPTION_UNMANAGED);
    ret->config = tu_config_adhoc(cli->arguments[0], target, heal, unmanaged, &e);
    if (ret->config)
        return -1;
    tu_cli_fail_with(cli, e);
    return TU_EXIT_USAGE;
}

/* A word that is no rule, but a file or a folder here, was meant as one. */
static int check_names(const tu_cli *cli, const tu_config *c) {
    for (size_t i = 0; i < cli->argument_count; i++) {
        const char *word = cli->arguments[i];
        if (tu_config_rule(c, tu_str_c(word)) || access(word, F_OK) != 0)
            continue;
        tu_error *e = NULL;
        tu_error_set(&e, TU_EINVALID, "there is no rule '%s'", word);
        tu_error_hint(&e, "to compare the file or folder of that name, write ./%s", word);
        return tu_cli_fail_with(cli, e);
    }
    return -1;
}

int tu_cli_load(const tu_cli *cli, bool heal, tu_loaded *ret) {
    *ret = (tu_loaded){0};
    if (means_place(cli))
        return load_place(cli, heal, ret);
    ret->path = tu_cli_config_path(cli);
    if (!ret->path) {
        if (cli->argument_count == 1 && !tu_cli_has(cli, TU_OPTION_CONFIG))
            tu_cli_note(cli, "  note: there is no file or folder '%s' here, either",
                        cli->arguments[0]);
        return TU_EXIT_USAGE;
    }
    tu_errors errors = {0};
    ret->config = tu_engine_load_config(ret->path, &errors);
    if (!ret->config) {
        tu_loaded_done(ret);
        return tu_cli_fail_all(cli, &errors, TU_EXIT_USAGE);
    }
    tu_errors_done(&errors);
    int code = check_names(cli, ret->config);
    if (code >= 0) {
        tu_loaded_done(ret);
        return code;
    }
    tu_cli_warn_all(cli, ret->config);
    ret->rules = cli->arguments;
    ret->rule_count = cli->argument_count;
    return -1;
}

void tu_loaded_done(tu_loaded *l) {
    tu_config_unref(l->config);
    free(l->path);
    *l = (tu_loaded){0};
}
