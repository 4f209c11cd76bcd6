/*
 * cli/cases.h: what `rules test` and `route test` share: the results of cases as text, JSON or JUnit XML,
 * and the exit code that they come to.
 */
#ifndef TU_CLI_CASES_H
#define TU_CLI_CASES_H

#include "cli/cli.h"
#include "rules/test.h"

typedef struct tu_cases {
    const tu_cli *cli;
    const char *suite; /* "trueup rules test" */
    tu_buf out;
    tu_buf notes; /* text alone */
    bool junit;
    size_t passed, failed;
    size_t documents; /* that hold cases */
    bool unreadable;  /* a configuration has mistakes */
} tu_cases;

/* Returns -1 to go on, otherwise the exit code: the format is none of ours. */
int tu_cases_begin(tu_cases *t, const tu_cli *cli, const char *suite);
void tu_cases_add(tu_cases *t, const tu_case_result *c);
/* "note: FILE:LINE:COLUMN: text", after the cases, unless --quiet. */
void tu_cases_note(tu_cases *t, tu_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Runs the configuration of -c (or what is found), or every one at and below the arguments. */
void tu_cases_each(tu_cases *t, tu_each_config *each, void *arg);
/* Prints everything, frees it, and returns the exit code. kind: "RuleTest"; beside: "the rules". */
int tu_cases_end(tu_cases *t, const char *kind, const char *beside);

#endif
