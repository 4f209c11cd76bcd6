/*
 * engine/engine.h: what the commands call. The engine schedules passes, owns the state and wires
 * the floors below.
 *
 *   tu_pass_run      one pass over some rules: check, diff, and what heal starts from
 *   tu_service_run   the service: watch, judge, heal, alert, until told to stop
 *   tu_status_ask    a question to a running service over its unix socket
 */
#ifndef TU_ENGINE_ENGINE_H
#define TU_ENGINE_ENGINE_H

#include "plugin/host.h"
#include "report/report.h"

typedef struct tu_pass_options {
    tu_config *config;
    const char *config_path;  /* for paths relative to it; NULL: the working directory */
    const char *const *rules; /* names; n = 0: all */
    size_t rule_count;
    const char
        *state; /* scratch for caches; NULL: ${XDG_CACHE_HOME:-~/.cache}/trueup for targets */
    const char
        *baselines; /* directory of what earlier passes proved (engine/index.h); NULL: none */
    bool full;      /* which isn't believed then, but replaced */
    tu_cancel *cancel;
    void (*progress)(void *arg, const char *stage, int64_t done, int64_t total);
    void *progress_arg;
    bool
        quiet; /* keep what is no drift, too (tu_finding.quiet): for reports that list everything */
} tu_pass_options;

/* Compares every rule's desired set with its target. Never writes; dry runs only where the rule
 * allows. A source or target that fails is the rule's `problem`; the others go on. Fails itself
 * only for wrong rule names and plugin configuration (errors has every one). */
tu_rc tu_pass_run(const tu_pass_options *o, tu_report **ret, tu_errors *errors);
void tu_report_free(tu_report *r); /* takes NULL */

/* Heals what a fresh pass finds: what tu_pass_run sees, ordered, applied one by one, judged again.
 */
typedef struct tu_heal_options {
    tu_pass_options pass;
    /* Shows the plan, and asks. plan: findings that would be healed, in order. Returns true to go
     * on. */
    bool (*confirm)(void *arg, const tu_report *plan, size_t healable);
    void (*done)(void *arg, const tu_finding *f, tu_rc rc,
                 const char *text); /* after each object */
    void *arg;
} tu_heal_options;
/* *ret is the report after healing (or of the plan when nothing was confirmed). */
tu_rc tu_heal_run(const tu_heal_options *o, tu_report **ret, size_t *ret_healed, size_t *ret_failed,
                  tu_errors *errors);

/* tu_config_load, and every plugin that the documents name is there and takes its part of them. All
 * mistakes are found at once. Opens no connection. */
tu_config *tu_engine_load_config(const char *path, tu_errors *errors);

/* What the service tells while it runs, on the engine thread. rule and f are NULL where an event
 * has none. "ready"      everything is started "revision"   text: "shop-config is now at 3f2a..."
 *   "drift"      f was found; "update": it changed; "resolved": it is gone, by other hands (text
 * says whose) "healed"     trueup put f right; "applied": it brought a change of Git there;
 * "failed": it could not (text says why) "replaced": f was deleted and made anew "reload"     the configuration was read again (text: what
 * came of it) */
typedef void (*tu_service_tell)(void *arg, const char *event, const tu_rule *rule,
                                const tu_finding *f, const char *text);

typedef struct tu_service_options {
    const char *config_path;
    const char *state;    /* directory; required */
    const char *socket;   /* NULL: STATE/trueup.sock */
    tu_service_tell tell; /* NULL: nobody listens */
    void *tell_arg;
} tu_service_options;
/* Returns TU_OK after SIGTERM or SIGINT. SIGHUP and changed files reload the configuration. */
tu_rc tu_service_run(const tu_service_options *o, tu_errors *errors);

/* Asks a running service; *ret is its JSON answer. command: "status". tu_status_follow hands over
 * one JSON object after the other as things happen (engine/events.c), until line() returns false or
 * the service ends. */
tu_rc tu_status_ask(const char *socket, const char *command, tu_buf *ret, tu_error **error);
/* The same with any request, a JSON object on one line (engine/answer.h). */
tu_rc tu_service_ask(const char *socket, tu_str request, tu_buf *ret, tu_error **error);
tu_rc tu_status_follow(const char *socket, bool (*line)(void *arg, tu_str text), void *arg,
                       tu_error **error);

#endif
