/*
 * cli/help.c: help, version and the manual page, all out of the table.
 */
#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"

#define HELP_BYTES (1u << 20)

static void add_option(tu_buf *out, const tu_option *o) {
    char left[64];
    snprintf(left, sizeof left, "%s%s%s--%s%s%s", o->letter ? "-" : "    ",
             o->letter ? o->letter : "", o->letter ? ", " : "", o->name, o->value ? " " : "",
             o->value ? o->value : "");
    tu_buf_addf(out, "  %-24s %s\n", left, o->help);
}

void tu_help_overview(tu_buf *out) {
    tu_buf_add_c(
        out,
        "trueup keeps what runs true to what was approved.\n\n"
        "  trueup check ./manifests --to kubernetes    compare a folder with the current cluster\n"
        "  trueup config init --write trueup.yaml      begin a configuration\n"
        "  trueup run                                  watch, judge, heal, alert\n\n"
        "Commands:\n");
    for (const tu_command *c = tu_commands; c->name; c++)
        tu_buf_addf(out, "  %-17s %s\n", c->name, c->summary);
    tu_buf_add_c(out, "\nOptions of every command:\n");
    for (size_t i = 0; i < TU_OPTION_COUNT; i++)
        if (tu_options[i].global)
            add_option(out, &tu_options[i]);
    tu_buf_add_c(out, "\n`trueup COMMAND --help` tells more, with examples.\n");
}

static void add_usage(const tu_command *c, tu_buf *out) {
    tu_buf_addf(out, "trueup %s%s%s\n", c->name, *c->arguments ? " " : "", c->arguments);
}

void tu_help_command(const tu_command *c, tu_buf *out) {
    for (size_t i = 0; i < 4 && c->examples[i].command; i++) {
        tu_buf_addf(out, "  %s\n", c->examples[i].command);
        if (c->examples[i].meaning)
            tu_buf_addf(out, "      %s\n", c->examples[i].meaning);
    }
    tu_buf_add_c(out, "\nUsage: ");
    add_usage(c, out);
    tu_buf_addf(out, "\n%c%s.\n", toupper((unsigned char)c->summary[0]), c->summary + 1);
    tu_buf_add_c(out, c->text);
    if (c->options) {
        tu_buf_add_c(out, "\nOptions:\n");
        for (size_t i = 0; i < TU_OPTION_COUNT; i++)
            if ((c->options & TU_BIT(i)) && !tu_options[i].global)
                add_option(out, &tu_options[i]);
    }
    tu_buf_add_c(out, "\nOptions of every command:\n");
    for (size_t i = 0; i < TU_OPTION_COUNT; i++)
        if (tu_options[i].global)
            add_option(out, &tu_options[i]);
}

void tu_help_group(const char *group, tu_buf *out) {
    size_t n = strlen(group);
    tu_buf_addf(out, "Usage: trueup %s COMMAND\n\n", group);
    for (const tu_command *c = tu_commands; c->name; c++)
        if (strncmp(c->name, group, n) == 0 && c->name[n] == ' ')
            tu_buf_addf(out, "  %-17s %s\n", c->name, c->summary);
    tu_buf_addf(out, "\n`trueup %s COMMAND --help` tells more, with examples.\n", group);
}

/* --- the manual page (man(7)) -------------------------------------------------------------- */

/* A text line must not begin with '.' or "'", and a backslash and '-' mean something. */
static void add_roff(tu_buf *out, const char *text) {
    bool line_begins = true;
    for (const char *p = text; *p; p++) {
        if (line_begins && (*p == '.' || *p == '\''))
            tu_buf_add_c(out, "\\&");
        line_begins = *p == '\n';
        if (*p == '\\')
            tu_buf_add_c(out, "\\e");
        else if (*p == '-')
            tu_buf_add_c(out, "\\-");
        else
            tu_buf_add_byte(out, *p);
    }
}

static void add_roff_option(tu_buf *out, const tu_option *o) {
    tu_buf_add_c(out, ".TP\n\\fB");
    if (o->letter)
        tu_buf_addf(out, "\\-%s\\fR, \\fB", o->letter);
    tu_buf_addf(out, "\\-\\-%s\\fR", o->name);
    if (o->value)
        tu_buf_addf(out, " \\fI%s\\fR", o->value);
    tu_buf_add_byte(out, '\n');
    add_roff(out, o->help);
    tu_buf_add_byte(out, '\n');
}

static void add_roff_command(tu_buf *out, const tu_command *c) {
    tu_buf_addf(out, ".SS trueup %s ", c->name);
    add_roff(out, c->arguments);
    tu_buf_add_byte(out, '\n');
    add_roff(out, c->summary);
    tu_buf_add_c(out, ".\n");
    if (*c->text) {
        tu_buf_add_c(out, ".PP\n");
        for (const char *p = c->text; *p;) { /* an empty line begins a paragraph */
            size_t n = strcspn(p, "\n");
            char row[512];
            snprintf(row, sizeof row, "%.*s\n", (int)n, p);
            if (n)
                add_roff(out, row);
            else
                tu_buf_add_c(out, ".PP\n");
            p += n + (p[n] == '\n');
        }
    }
    for (size_t i = 0; i < TU_OPTION_COUNT; i++)
        if ((c->options & TU_BIT(i)) && !tu_options[i].global)
            add_roff_option(out, &tu_options[i]);
    for (size_t i = 0; i < 4 && c->examples[i].command; i++) {
        tu_buf_add_c(out, ".PP\n.RS\n.EX\n");
        add_roff(out, c->examples[i].command);
        tu_buf_add_c(out, "\n.EE\n.RE\n");
    }
}

void tu_help_man(tu_buf *out) {
    tu_buf_addf(out,
                ".TH TRUEUP 1 \"\" \"trueup %s\" \"User Commands\"\n.SH NAME\ntrueup \\- keeps "
                "what runs true to what was approved\n"
                ".SH SYNOPSIS\n.B trueup\n.I COMMAND\n[options]\n.SH COMMANDS\n",
                TRUEUP_VERSION);
    for (const tu_command *c = tu_commands; c->name; c++)
        add_roff_command(out, c);
    tu_buf_add_c(out, ".SH OPTIONS\n");
    for (size_t i = 0; i < TU_OPTION_COUNT; i++)
        if (tu_options[i].global)
            add_roff_option(out, &tu_options[i]);
    tu_buf_add_c(out, ".SH EXIT STATUS\n.TP\n0\nin sync\n.TP\n1\ndrift\n.TP\n2\nusage or "
                      "configuration\n.TP\n3\nnothing could be determined\n"
                      ".TP\n4\npartly unknown\n.TP\n130\nstopped by a signal\n");
}

/* --- the commands ---------------------------------------------------------------------------- */

static const tu_command *find(const tu_cli *cli) {
    char name[64];
    snprintf(name, sizeof name, "%s%s%s", cli->arguments[0], cli->argument_count > 1 ? " " : "",
             cli->argument_count > 1 ? cli->arguments[1] : "");
    for (const tu_command *c = tu_commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static bool is_group(const char *word) {
    size_t n = strlen(word);
    for (const tu_command *c = tu_commands; c->name; c++)
        if (strncmp(c->name, word, n) == 0 && c->name[n] == ' ')
            return true;
    return false;
}

int tu_command_help(tu_cli *cli) {
    tu_buf out = TU_BUF_INIT(HELP_BYTES);
    int code = TU_EXIT_OK;
    const tu_command *c = cli->argument_count ? find(cli) : NULL;
    if (tu_cli_has(cli, TU_OPTION_MAN))
        tu_help_man(&out);
    else if (c)
        tu_help_command(c, &out);
    else if (cli->argument_count == 1 && is_group(cli->arguments[0]))
        tu_help_group(cli->arguments[0], &out);
    else if (cli->argument_count)
        code = tu_cli_fail(cli, TU_EXIT_USAGE, "there is no command '%s'; `trueup help` lists them",
                           cli->arguments[0]);
    else
        tu_help_overview(&out);
    code = code == TU_EXIT_OK ? tu_cli_print(cli, &out, code) : code;
    tu_buf_done(&out);
    return code;
}

int tu_command_version(tu_cli *cli) {
    tu_buf out = TU_BUF_INIT(HELP_BYTES);
    tu_terminal_setup(cli);
    if (cli->json)
        tu_buf_addf(&out, "{\"version\":\"%s\",\"pluginAbi\":\"%u.%u\"}\n", TRUEUP_VERSION,
                    TU_ABI_MAJOR, TU_ABI_MINOR);
    else
        tu_buf_addf(&out, "trueup %s (plugin ABI %u.%u)\n", TRUEUP_VERSION, TU_ABI_MAJOR,
                    TU_ABI_MINOR);
    int code = tu_cli_print(cli, &out, TU_EXIT_OK);
    tu_buf_done(&out);
    return code;
}
