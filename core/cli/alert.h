/*
 * cli/alert.h: what the `trueup alert` commands share: a question to the service, and how its answers
 * (engine/answer.h) are written for people. -o json passes an answer on as it is.
 */
#ifndef TU_CLI_ALERT_H
#define TU_CLI_ALERT_H

#include "cli/cli.h"
#include "report/show.h"

typedef struct tu_alert_page {
    const tu_cli *cli;
    tu_arena arena;
    tu_buf text; /* the answer, as it came */
    const tu_value *answer;
    tu_buf out;
    int64_t now_ms;
} tu_alert_page;

/* Sends the request (JSON, without its newline) and reads the answer. Returns -1 to go on, otherwise
 * the exit code: no service answers, or it answered with an error. */
int tu_alert_ask(tu_alert_page *p, const tu_cli *cli, const tu_buf *request);
/* Prints out, or the answer itself with -o json. Returns code, or what went wrong. */
int tu_alert_print(tu_alert_page *p, int code);
void tu_alert_page_done(tu_alert_page *p);

/* {"command":"NAME" and then, for each, ,"KEY":"TEXT"; the caller closes the object. */
void tu_alert_request(tu_buf *request, const char *command);
void tu_alert_request_text(tu_buf *request, const char *key, tu_str text);

/* A member as it may be shown. */
void tu_alert_add(tu_alert_page *p, const tu_value *of, const char *key);
/* The first digits of an id: enough to be given back. */
void tu_alert_add_id(tu_alert_page *p, tu_str id);
/* "12m" ago or ahead, of a time in the answer; "" when there is none. */
const char *tu_alert_age(const tu_alert_page *p, const tu_value *of, const char *key,
                         char room[32]);
void tu_alert_add_labels(tu_alert_page *p, const tu_value *labels);
/* The lines of one incident, of one silence, of one delivery. */
void tu_alert_add_incident(tu_alert_page *p, const tu_value *incident, size_t alerts_shown);
void tu_alert_add_silence(tu_alert_page *p, const tu_value *silence);
void tu_alert_add_delivery(tu_alert_page *p, const tu_value *delivery, size_t attempts_shown);

#endif
