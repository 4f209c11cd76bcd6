/*
 * cli/parse.c: argv to a tu_cli. Options may stand anywhere, as --name value, --name=value, -n
 * value, -nvalue; flags of one letter may be bundled; what follows "--" is an argument. Every
 * mistake ends with exit code 2, one line that names it, and a suggestion.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"

#define WORDS 64

bool tu_cli_has(const tu_cli *cli, tu_option_id option) {
    return cli->values[option] != NULL;
}

static bool takes(const tu_command *c, size_t option) {
    return tu_options[option].global || !c || (c->options & TU_BIT(option));
}

/* --- finding the command ------------------------------------------------------------------- */

static bool is_group(const char *word) {
    size_t n = strlen(word);
    for (const tu_command *c = tu_commands; c->name; c++)
        if (strncmp(c->name, word, n) == 0 && c->name[n] == ' ')
            return true;
    return false;
}

/* *ret_words: how many arguments the name took. */
static const tu_command *find_command(const tu_cli *cli, size_t *ret_words) {
    for (const tu_command *c = tu_commands; c->name; c++) {
        const char *space = strchr(c->name, ' ');
        size_t first = space ? (size_t)(space - c->name) : strlen(c->name);
        if (strlen(cli->arguments[0]) != first || strncmp(cli->arguments[0], c->name, first) != 0)
            continue;
        if (space && (cli->argument_count < 2 || strcmp(cli->arguments[1], space + 1) != 0))
            continue;
        *ret_words = space ? 2 : 1;
        return c;
    }
    return NULL;
}

static int fail_suggesting(const tu_cli *cli, const char *what, const char *word,
                           const char *const *candidates, size_t n, const char *prefix,
                           const char *hint) {
    const char *near = tu_suggest(tu_str_c(word), candidates, n);
    tu_error *e = NULL;
    tu_error_set(&e, TU_EINVALID, "%s '%s%s'", what, prefix, word);
    if (near)
        tu_error_hint(&e, "did you mean '%s%s'?", prefix, near);
    else
        tu_error_hint(&e, "%s", hint);
    return tu_cli_fail_with(cli, e);
}

static int fail_command(const tu_cli *cli) {
    const char *candidates[WORDS];
    char first[WORDS][24];
    size_t n = 0;
    const char *group = is_group(cli->arguments[0]) ? cli->arguments[0] : NULL;
    for (const tu_command *c = tu_commands; c->name && n < WORDS; c++) {
        const char *space = strchr(c->name, ' ');
        if (group) {
            if (space && strncmp(c->name, group, strlen(group)) == 0)
                candidates[n++] = space + 1;
            continue;
        }
        snprintf(first[n], sizeof first[n], "%.*s", (int)strcspn(c->name, " "), c->name);
        candidates[n] = first[n];
        n++;
    }
    if (!group)
        return fail_suggesting(cli, "unknown command", cli->arguments[0], candidates, n, "",
                               "see `trueup help`");
    char what[64], hint[64];
    snprintf(what, sizeof what, "unknown command '%s", group);
    snprintf(hint, sizeof hint, "see `trueup %s --help`", group);
    tu_error *e = NULL;
    const char *near = tu_suggest(tu_str_c(cli->arguments[1]), candidates, n);
    tu_error_set(&e, TU_EINVALID, "%s %s'", what, cli->arguments[1]);
    if (near)
        tu_error_hint(&e, "did you mean '%s %s'?", group, near);
    else
        tu_error_hint(&e, "%s", hint);
    return tu_cli_fail_with(cli, e);
}

/* --- options --------------------------------------------------------------------------------- */

typedef struct given { /* an option as it stood, checked once the command is known */
    size_t option;
    const char *value;
    char word[64];
} given;

typedef struct parser {
    tu_cli *cli;
    int argc, at;
    char **argv;
    given given[WORDS];
    size_t given_count;
} parser;

static size_t find_long(tu_str name) {
    for (size_t i = 0; i < TU_OPTION_COUNT; i++)
        if (tu_str_is(name, tu_options[i].name))
            return i;
    return TU_OPTION_COUNT;
}

static size_t find_letter(char letter) {
    for (size_t i = 0; i < TU_OPTION_COUNT; i++)
        if (tu_options[i].letter && tu_options[i].letter[0] == letter)
            return i;
    return TU_OPTION_COUNT;
}

static int fail_option(parser *p, const char *word) {
    const char *candidates[TU_OPTION_COUNT];
    for (size_t i = 0; i < TU_OPTION_COUNT; i++)
        candidates[i] = tu_options[i].name;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    return fail_suggesting(p->cli, "unknown option", name, candidates, TU_OPTION_COUNT, "--",
                           "see `trueup help`");
}

static int take(parser *p, size_t option, const char *value, const char *word) {
    const tu_option *o = &tu_options[option];
    if (o->value && !value && p->at < p->argc)
        value = p->argv[p->at++];
    if (o->value && (!value || !*value))
        return tu_cli_fail(p->cli, TU_EXIT_USAGE, "option %s needs a value: %s", word, o->value);
    if (!o->value && value)
        return tu_cli_fail(p->cli, TU_EXIT_USAGE, "option %s takes no value", word);
    if (p->given_count == WORDS)
        return tu_cli_fail(p->cli, TU_EXIT_USAGE, "more than %d options", WORDS);
    p->given[p->given_count].option = option;
    p->given[p->given_count].value = value;
    snprintf(p->given[p->given_count++].word, sizeof p->given[0].word, "%s", word);
    p->cli->values[option] = value ? value : "";
    return -1;
}

static int take_long(parser *p, const char *word) {
    const char *name = word + 2, *equals = strchr(name, '=');
    size_t option = find_long((tu_str){name, equals ? (size_t)(equals - name) : strlen(name)});
    if (option == TU_OPTION_COUNT)
        return fail_option(p, name);
    char shown[64];
    snprintf(shown, sizeof shown, "--%s", tu_options[option].name);
    return take(p, option, equals ? equals + 1 : NULL, shown);
}

static int take_letters(parser *p, const char *word) {
    for (const char *letter = word + 1; *letter; letter++) {
        size_t option = find_letter(*letter);
        char shown[3] = {'-', *letter, '\0'};
        if (option == TU_OPTION_COUNT)
            return tu_cli_fail(p->cli, TU_EXIT_USAGE, "unknown option '%s'",
                               letter == word + 1 && letter[1] ? word : shown);
        if (!tu_options[option].value) {
            int code = take(p, option, NULL, shown);
            if (code >= 0)
                return code;
            continue;
        }
        const char *rest = letter[1] ? letter + 1 + (letter[1] == '=') : NULL;
        return take(p, option, rest, shown);
    }
    return -1;
}

static int take_words(parser *p) {
    bool only_arguments = false;
    while (p->at < p->argc) {
        const char *word = p->argv[p->at++];
        int code = -1;
        if (only_arguments || word[0] != '-' || !word[1])
            p->cli->arguments[p->cli->argument_count++] = word;
        else if (strcmp(word, "--") == 0)
            only_arguments = true;
        else
            code = word[1] == '-' ? take_long(p, word) : take_letters(p, word);
        if (code >= 0)
            return code;
    }
    return -1;
}

static int check_options(parser *p) {
    const tu_command *c = p->cli->command;
    for (size_t i = 0; i < p->given_count; i++) {
        const given *g = &p->given[i];
        const tu_option *o = &tu_options[g->option];
        if (!takes(c, g->option))
            return tu_cli_fail(p->cli, TU_EXIT_USAGE, "`trueup %s` takes no option %s", c->name,
                               g->word);
        if (g->option == TU_OPTION_OUTPUT) {
            int code = tu_output_add(p->cli, g->word, g->value);
            if (code >= 0)
                return code;
            continue;
        }
        if (!o->choices)
            continue;
        const char *value = p->cli->values[g->option], *found = strstr(o->choices, value);
        size_t n = strlen(value);
        bool whole =
            found && (found == o->choices || found[-1] == ' ') && (found[n] == ' ' || !found[n]);
        if (!whole)
            return tu_cli_fail(p->cli, TU_EXIT_USAGE, "option %s: '%s' is none of: %s", g->word,
                               value, o->choices);
    }
    return -1;
}

static int check_arguments(const tu_cli *cli) {
    const tu_command *c = cli->command;
    if (cli->argument_count < c->min_arguments)
        return tu_cli_fail(cli, TU_EXIT_USAGE, "`trueup %s` needs %s", c->name, c->arguments);
    if (cli->argument_count > c->max_arguments)
        return tu_cli_fail(cli, TU_EXIT_USAGE, "`trueup %s` doesn't know what to do with '%s'",
                           c->name, cli->arguments[c->max_arguments]);
    return -1;
}

static int print_help(const tu_cli *cli, void (*write)(const char *group, tu_buf *out),
                      const char *group) {
    tu_buf out = TU_BUF_INIT(1 << 20);
    write(group, &out);
    int code = tu_cli_print(cli, &out, TU_EXIT_OK);
    tu_buf_done(&out);
    return code;
}

static void write_overview(const char *unused, tu_buf *out) {
    (void)unused;
    tu_help_overview(out);
}

int tu_cli_parse(int argc, char **argv, tu_cli *cli) {
    *cli = (tu_cli){.words = tu_xcalloc((size_t)argc + 1, sizeof *cli->words)};
    cli->arguments = cli->words;
    parser p = {.cli = cli, .argc = argc, .at = 1, .argv = argv};
    tu_terminal_setup(cli);
    int code = take_words(&p);
    if (code >= 0)
        return code;
    if (tu_cli_has(cli, TU_OPTION_VERSION))
        return tu_command_version(cli);
    if (cli->argument_count == 0)
        return check_options(&p) >= 0 ? TU_EXIT_USAGE : print_help(cli, write_overview, NULL);
    size_t words = 0;
    cli->command = find_command(cli, &words);
    bool help = tu_cli_has(cli, TU_OPTION_HELP);
    if (!cli->command) {
        if (is_group(cli->arguments[0]) && (help || cli->argument_count == 1))
            return print_help(cli, tu_help_group, cli->arguments[0]);
        return fail_command(cli);
    }
    cli->arguments += words;
    cli->argument_count -= words;
    code = check_options(&p);
    if (code >= 0)
        return code;
    tu_terminal_setup(cli);
    if (help) {
        tu_buf out = TU_BUF_INIT(1 << 20);
        tu_help_command(cli->command, &out);
        code = tu_cli_print(cli, &out, TU_EXIT_OK);
        tu_buf_done(&out);
        return code;
    }
    return check_arguments(cli);
}
