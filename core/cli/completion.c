/*
 * cli/completion.c: completions for bash, zsh and fish, out of the table. To add a shell: a writer
 * and a row in `shells`.
 */
#include <string.h>

#include "cli/cli.h"

/* The first words, each once, or the second words of a group. */
static void add_words(tu_buf *out, const char *group) {
    const char *last = "";
    for (const tu_command *c = tu_commands; c->name; c++) {
        size_t n = strcspn(c->name, " ");
        bool inside = group && strlen(group) == n && strncmp(group, c->name, n) == 0 && c->name[n];
        if (group && inside)
            tu_buf_addf(out, "%s ", c->name + n + 1);
        if (!group &&
            !(strlen(last) >= n && strncmp(last, c->name, n) == 0 && (last[n] == ' ' || !last[n])))
            tu_buf_addf(out, "%.*s ", (int)n, c->name);
        last = c->name;
    }
}

static bool begins_group(const tu_command *c) {
    size_t n = strcspn(c->name, " ");
    return c->name[n] && (c == tu_commands || strncmp(c[-1].name, c->name, n + 1) != 0);
}

static void add_options(tu_buf *out, const tu_command *c) {
    for (size_t i = 0; i < TU_OPTION_COUNT; i++)
        if (tu_options[i].global || (c && (c->options & TU_BIT(i))))
            tu_buf_addf(out, "--%s ", tu_options[i].name);
}

static void write_bash(tu_buf *out) {
    tu_buf_add_c(out, "# bash completion for trueup\n_trueup() {\n    local "
                      "cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                      "    local command= i word\n    COMPREPLY=()\n"
                      "    for ((i = 1; i < COMP_CWORD; i++)); do\n        word=${COMP_WORDS[i]}\n"
                      "        case $word in -*) ;; *) command=\"${command:+$command }$word\" ;; "
                      "esac\n    done\n    case $prev in\n");
    for (size_t i = 0; i < TU_OPTION_COUNT; i++) {
        const tu_option *o = &tu_options[i];
        if (!o->value)
            continue;
        tu_buf_addf(out, "    --%s%s%s)\n        ", o->name, o->letter ? "|-" : "",
                    o->letter ? o->letter : "");
        if (o->choices)
            tu_buf_addf(out, "COMPREPLY=($(compgen -W \"%s\" -- \"$cur\"))", o->choices);
        else
            tu_buf_add_c(out, "COMPREPLY=($(compgen -f -- \"$cur\"))");
        tu_buf_add_c(out, "; return ;;\n");
    }
    tu_buf_add_c(out, "    esac\n    case $command in\n    \"\") word=\"");
    add_words(out, NULL);
    add_options(out, NULL);
    tu_buf_add_c(out, "\" ;;\n");
    for (const tu_command *c = tu_commands; c->name; c++)
        if (begins_group(c)) {
            char group[32];
            snprintf(group, sizeof group, "%.*s", (int)strcspn(c->name, " "), c->name);
            tu_buf_addf(out, "    \"%s\") word=\"", group);
            add_words(out, group);
            tu_buf_add_c(out, "\" ;;\n");
        }
    for (const tu_command *c = tu_commands; c->name; c++) {
        tu_buf_addf(out, "    \"%s\"*) word=\"%s%s", c->name, c->choices ? c->choices : "",
                    c->choices ? " " : "");
        add_options(out, c);
        tu_buf_add_c(out, "\" ;;\n");
    }
    tu_buf_add_c(out,
                 "    *) word= ;;\n    esac\n    COMPREPLY=($(compgen -W \"$word\" -- \"$cur\"))\n"
                 "    case $cur in -*) ;; *) COMPREPLY+=($(compgen -f -- \"$cur\")) ;; esac\n}\n"
                 "complete -o filenames -F _trueup trueup\n");
}

static void add_zsh_text(tu_buf *out, const char *text) {
    for (const char *p = text; *p; p++) {
        if (*p == '\'')
            tu_buf_add_c(out, "'\\''");
        else if (strchr("[]:", *p))
            tu_buf_addf(out, "\\%c", *p);
        else
            tu_buf_add_byte(out, *p);
    }
}

static void add_zsh_option(tu_buf *out, const tu_option *o) {
    tu_buf_addf(out, " '--%s%s[", o->name, o->value ? "=" : "");
    add_zsh_text(out, o->help);
    tu_buf_add_byte(out, ']');
    if (o->value && o->choices)
        tu_buf_addf(out, ":%s:(%s)", o->value, o->choices);
    else if (o->value)
        tu_buf_addf(out, ":%s:_files", o->value);
    tu_buf_add_byte(out, '\'');
}

static void write_zsh(tu_buf *out) {
    tu_buf_add_c(out, "#compdef trueup\n_trueup() {\n    local -a commands\n    if (( CURRENT == 2 "
                      ")); then\n        commands=(");
    for (const tu_command *c = tu_commands; c->name; c++) {
        bool group = strchr(c->name, ' ') != NULL;
        if (group && !begins_group(c))
            continue;
        tu_buf_addf(out, " '%.*s:", (int)strcspn(c->name, " "), c->name);
        add_zsh_text(out, group ? "more commands" : c->summary);
        tu_buf_add_byte(out, '\'');
    }
    tu_buf_add_c(out, ")\n        _describe command commands\n        return\n    fi\n    case "
                      "\"$words[2]\" in\n");
    for (const tu_command *c = tu_commands; c->name; c++) {
        if (!begins_group(c))
            continue;
        char group[32];
        snprintf(group, sizeof group, "%.*s", (int)strcspn(c->name, " "), c->name);
        tu_buf_addf(out, "    %s) if (( CURRENT == 3 )); then _values command ", group);
        add_words(out, group);
        tu_buf_add_c(out, "; return; fi ;;\n");
    }
    tu_buf_add_c(out, "    esac\n    case \"$words[2] $words[3]\" in\n");
    for (const tu_command *c = tu_commands; c->name; c++) {
        tu_buf_addf(out, "    \"%s%s\"*) _arguments", c->name, strchr(c->name, ' ') ? "" : " ");
        for (size_t i = 0; i < TU_OPTION_COUNT; i++)
            if (tu_options[i].global || (c->options & TU_BIT(i)))
                add_zsh_option(out, &tu_options[i]);
        if (c->choices)
            tu_buf_addf(out, " '*:argument:(%s)'", c->choices);
        else if (c->max_arguments)
            tu_buf_add_c(out, " '*:argument:_files'");
        tu_buf_add_c(out, " ;;\n");
    }
    /* found in fpath, the file is the function's body the first time; sourced, it registers it */
    tu_buf_add_c(out, "    esac\n}\nif [ \"$funcstack[1]\" = _trueup ]; then _trueup \"$@\"; "
                      "else compdef _trueup trueup; fi\n");
}

static void add_fish_text(tu_buf *out, const char *text) {
    tu_buf_add_byte(out, '\'');
    for (const char *p = text; *p; p++) {
        if (*p == '\'' || *p == '\\')
            tu_buf_add_byte(out, '\\');
        tu_buf_add_byte(out, *p);
    }
    tu_buf_add_byte(out, '\'');
}

static void write_fish(tu_buf *out) {
    tu_buf_add_c(out, "# fish completion for trueup\n");
    for (const tu_command *c = tu_commands; c->name; c++) {
        const char *space = strchr(c->name, ' ');
        size_t first = strcspn(c->name, " ");
        if (space) {
            if (begins_group(c))
                tu_buf_addf(out, "complete -c trueup -n __fish_use_subcommand -f -a %.*s\n",
                            (int)first, c->name);
            tu_buf_addf(out,
                        "complete -c trueup -n '__fish_seen_subcommand_from %.*s' -f -a %s -d ",
                        (int)first, c->name, space + 1);
        } else {
            tu_buf_addf(out, "complete -c trueup -n __fish_use_subcommand -f -a %s -d ", c->name);
        }
        add_fish_text(out, c->summary);
        tu_buf_add_byte(out, '\n');
        if (c->choices)
            tu_buf_addf(out, "complete -c trueup -n '__fish_seen_subcommand_from %s' -f -a '%s'\n",
                        space ? space + 1 : c->name, c->choices);
        for (size_t i = 0; i < TU_OPTION_COUNT; i++)
            if ((c->options & TU_BIT(i)) && !tu_options[i].global) {
                tu_buf_addf(out,
                            "complete -c trueup -n '__fish_seen_subcommand_from %s' -l %s%s -d ",
                            space ? space + 1 : c->name, tu_options[i].name,
                            tu_options[i].value ? " -r" : "");
                add_fish_text(out, tu_options[i].help);
                tu_buf_add_byte(out, '\n');
            }
    }
    for (size_t i = 0; i < TU_OPTION_COUNT; i++) {
        const tu_option *o = &tu_options[i];
        if (!o->global)
            continue;
        tu_buf_addf(out, "complete -c trueup -l %s%s%s%s", o->name, o->letter ? " -s " : "",
                    o->letter ? o->letter : "", o->value ? " -r" : "");
        if (o->choices)
            tu_buf_addf(out, " -f -a '%s'", o->choices);
        tu_buf_add_c(out, " -d ");
        add_fish_text(out, o->help);
        tu_buf_add_byte(out, '\n');
    }
}

static const struct {
    const char *name;
    void (*write)(tu_buf *out);
} shells[] = {{"bash", write_bash}, {"zsh", write_zsh}, {"fish", write_fish}};

int tu_command_completion(tu_cli *cli) {
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(shells[i].name, cli->arguments[0]) != 0)
            continue;
        tu_buf out = TU_BUF_INIT(1u << 20);
        shells[i].write(&out);
        int code = tu_cli_print(cli, &out, TU_EXIT_OK);
        tu_buf_done(&out);
        return code;
    }
    return tu_cli_fail(cli, TU_EXIT_USAGE,
                       "there are completions for bash, zsh and fish, not for '%s'",
                       cli->arguments[0]);
}
