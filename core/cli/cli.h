/*
 * cli/cli.h: the command line. One table (table.c) makes the parser, the help, the man page and the
 * completions.
 *
 *   argv -> parse.c -> command line -> command's run() -> what it reports on standard output,
 * everything else on standard error
 *
 * To add a command: a row in table.c, a function in a file of its own, a case in tests/cli/. To add
 * an option: a value in tu_option_id, a row in the table of options, and its id in the commands
 * that take it.
 */
#ifndef TU_CLI_CLI_H
#define TU_CLI_CLI_H

#include "base/buf.h"
#include "base/error.h"
#include "plugin/host.h"
#include "report/report.h"

enum { /* exit codes, DESIGN section 14 */
       TU_EXIT_OK = 0,
       TU_EXIT_DRIFT = 1,
       TU_EXIT_USAGE = 2,
       TU_EXIT_UNKNOWN = 3,
       TU_EXIT_PARTLY = 4,
       TU_EXIT_CANCELLED = 130
};

typedef enum {
    TU_OPTION_HELP,
    TU_OPTION_CONFIG,
    TU_OPTION_STATE,
    TU_OPTION_OUTPUT,
    TU_OPTION_COLOR,
    TU_OPTION_QUIET,
    TU_OPTION_VERBOSE,
    TU_OPTION_TO,
    TU_OPTION_ALL,
    TU_OPTION_UNMANAGED,
    TU_OPTION_YES,
    TU_OPTION_SOCKET,
    TU_OPTION_FOLLOW,
    TU_OPTION_FULL,
    TU_OPTION_WRITE,
    TU_OPTION_FORCE,
    TU_OPTION_REPORT,
    TU_OPTION_SOURCE,
    TU_OPTION_LABELS,
    TU_OPTION_AT,
    TU_OPTION_FOR,
    TU_OPTION_COMMENT,
    TU_OPTION_UNDO,
    TU_OPTION_SINCE,
    TU_OPTION_UNTIL,
    TU_OPTION_CHECKPOINT,
    TU_OPTION_KEY,
    TU_OPTION_MAN,
    TU_OPTION_VERSION,
    TU_OPTION_COUNT
} tu_option_id;
#define TU_BIT(option) (UINT64_C(1) << (option))

typedef struct tu_option {
    const char *name, *letter; /* "output", "o"; letter may be NULL */
    const char *value;         /* "FORMAT"; NULL: a flag */
    const char *choices;       /* "text json"; NULL: anything */
    const char *help;
    bool global; /* every command takes it */
} tu_option;
extern const tu_option tu_options[TU_OPTION_COUNT];

/* A report to a file: --output FORMAT=FILE. */
#define TU_OUTPUTS 16
typedef struct tu_output {
    tu_report_format format;
    const char *file;
} tu_output;

/* What the command line said, and where its output goes. */
typedef struct tu_cli {
    const struct tu_command *command;
    const char *values[TU_OPTION_COUNT]; /* NULL: not given; flags: "" */
    const char **words;                  /* every argument, the command's name too; owned */
    const char **arguments;              /* behind it */
    size_t argument_count;
    bool json, color, error_color, quiet, verbose; /* color: of standard output */
    tu_report_format format; /* of standard output; json says the same of JSON */
    bool format_given;
    tu_output outputs[TU_OUTPUTS]; /* beside it */
    size_t output_count;
    size_t width;      /* of standard output's terminal; 0: none */
    tu_cancel *cancel; /* fired by the first Ctrl-C */
} tu_cli;

typedef struct tu_example {
    const char *command, *meaning;
} tu_example;

struct tu_loaded;

typedef struct tu_command {
    const char *name;      /* "check", "plugin list" */
    const char *arguments; /* "[RULE...]" */
    const char *summary;   /* one line */
    const char *text;      /* more, for its help and the man page */
    tu_example examples[4];
    uint64_t options; /* TU_BIT()s, global ones left out; but OUTPUT stands for every format of a
                         report, and for files */
    size_t min_arguments, max_arguments;
    const char *choices; /* what the first argument can be, for completion; NULL: files or rules */
    int (*run)(tu_cli *cli);
} tu_command;
extern const tu_command tu_commands[]; /* ends with a NULL name */

/* The program. Returns its exit code. */
int tu_cli_main(int argc, char **argv);
/* Fills cli in. Returns -1 to go on and run cli->command, otherwise the exit code: help was
 * printed, or an error. */
int tu_cli_parse(int argc, char **argv, tu_cli *cli);
bool tu_cli_has(const tu_cli *cli, tu_option_id option);

/* --- the commands ---------------------------------------------------------------------------- */

int tu_command_check(tu_cli *cli);
int tu_command_diff(tu_cli *cli);
int tu_command_heal(tu_cli *cli);
int tu_command_run(tu_cli *cli);
int tu_command_status(tu_cli *cli);
int tu_command_plugin_list(tu_cli *cli);
int tu_command_plugin_describe(tu_cli *cli);
int tu_command_config_check(tu_cli *cli);
int tu_command_config_schema(tu_cli *cli);
int tu_command_config_init(tu_cli *cli);
int tu_command_config_show(tu_cli *cli);
int tu_command_explain(tu_cli *cli);
int tu_command_rules_test(tu_cli *cli);
int tu_command_rules_lint(tu_cli *cli);
int tu_command_route_explain(tu_cli *cli);
int tu_command_route_test(tu_cli *cli);
int tu_command_alert_list(tu_cli *cli);
int tu_command_alert_why(tu_cli *cli);
int tu_command_alert_ack(tu_cli *cli);
int tu_command_alert_silence(tu_cli *cli);
int tu_command_alert_unsilence(tu_cli *cli);
int tu_command_alert_silences(tu_cli *cli);
int tu_command_alert_dead(tu_cli *cli);
int tu_command_alert_resend(tu_cli *cli);
int tu_command_alert_test(tu_cli *cli);
int tu_command_audit_verify(tu_cli *cli);
int tu_command_audit_export(tu_cli *cli);
int tu_command_audit_key(tu_cli *cli);
int tu_command_completion(tu_cli *cli);
int tu_command_version(tu_cli *cli);
int tu_command_help(tu_cli *cli);

/* --- what they share ------------------------------------------------------------------------- */

/* help.c. command NULL: the overview. */
void tu_help_overview(tu_buf *out);
void tu_help_command(const tu_command *c, tu_buf *out);
void tu_help_group(const char *group, tu_buf *out); /* "plugin": its commands */
void tu_help_man(tu_buf *out);

/* print.c: errors are printed and the exit code is returned, so that `return tu_cli_fail(...)`
 * reads well. */
int tu_cli_fail(const tu_cli *cli, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int tu_cli_fail_with(const tu_cli *cli, tu_error *e); /* takes e over; the code fits its class */
int tu_cli_fail_all(const tu_cli *cli, tu_errors *list,
                    int code); /* prints and clears every one; in the order found */
/* What the configuration says in vain; on standard error, unless --quiet. */
void tu_cli_warn_all(const tu_cli *cli, const tu_config *c);
void tu_cli_note(const tu_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* unless --quiet */
/* Writes to standard output and returns code, or says why it couldn't and returns TU_EXIT_UNKNOWN.
 */
int tu_cli_print(const tu_cli *cli, const tu_buf *out, int code);

/* output.c: reports, to standard output and to files. Codes as above: -1 is to go on. */
/* One --output of the command line; word is the option as it stood there. */
int tu_output_add(tu_cli *cli, const char *word, const char *value);
/* Before anything is done: can the files be written? */
int tu_output_check(const tu_cli *cli);
/* Writes every report that was asked for; returns code, or what went wrong. `how` says all but the
 * format. */
int tu_output_write(const tu_cli *cli, const struct tu_loaded *l, tu_report *r,
                    tu_report_options how, int code);
/* Those to files alone. */
int tu_output_write_files(const tu_cli *cli, const struct tu_loaded *l, tu_report *r,
                          tu_report_options how, int code);
/* Is standard output a document, with no room for other words? */
bool tu_output_is_document(const tu_cli *cli);

/* terminal.c */
void tu_terminal_setup(tu_cli *cli);
/* Ctrl-C: the first cancels, the second ends the program. */
void tu_terminal_catch_signals(tu_cli *cli);
void tu_terminal_release_signals(void); /* before cancel is freed */
/* A terminal that takes more than plain lines? */
bool tu_terminal_can_rewrite(int fd);
/* Asks on the terminal; false where nobody can be asked. */
bool tu_terminal_can_ask(void);
bool tu_terminal_ask(const char *question);

/* progress.c. progress is for tu_pass_options; arg is the tu_cli. */
void tu_terminal_progress(void *arg, const char *stage, int64_t done, int64_t total);
void tu_terminal_progress_end(const tu_cli *cli);  /* wipes the line, until the next progress */
void tu_terminal_progress_stop(const tu_cli *cli); /* for good, before the program ends */

/* load.c: the configuration that the command line means. */
typedef struct tu_loaded {
    tu_config *config;
    char *path;               /* NULL: made from the command line alone */
    const char *const *rules; /* named ones */
    size_t rule_count;
} tu_loaded;
/* RULE... from a file, or PATH|URL --to TARGET without one. Returns -1 to go on, otherwise the exit
 * code. */
int tu_cli_load(const tu_cli *cli, bool heal, tu_loaded *ret);
void tu_loaded_done(tu_loaded *l);
/* Calls each(arg, path) for the file, or for every folder at and below it that holds documents. */
typedef void tu_each_config(void *arg, const char *path);
void tu_cli_each_config(const char *path, tu_each_config *each, void *arg);
/* The file of -c, or what is found; malloc'd. NULL after an error was printed. */
char *tu_cli_config_path(const tu_cli *cli);
/* --state, or the usual place; malloc'd. */
char *tu_cli_state(const tu_cli *cli);

#endif
