/*
 * engine/service.c: `trueup run`: starts everything, reads the configuration again when it changes,
 * stops cleanly.
 *
 *   open store -> [ read configuration -> start -> loop until reload or stop -> tear down ] ->
 * close store
 *
 * A reload is the whole turn in the brackets: a configuration with a mistake is reported and the
 * one in force stays. What is known of drifts survives in the store, so nothing is told twice.
 * SIGTERM and SIGINT stop; a second one ends the process at once.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/alerts.h"
#include "engine/deliver.h"
#include "engine/evidence.h"

#define SETTLE_MS 100
#define STORE_PAUSE_MS 500

typedef struct runner {
    const tu_service_options *options;
    uv_loop_t loop;
    uv_signal_t term, interrupt, hangup;
    uv_fs_event_t config_changed;
    uv_timer_t settle;
    tu_store *store;
    tu_config *config; /* in force */
    tu_config *next;   /* read and found good, not in force yet */
    char *problem;     /* why the newest one isn't */
    char *socket;
    status_server status;
    int64_t problem_since_ms;
    bool stop, reload;
    int64_t started_ms, heartbeat_ms;
    tu_map policies; /* of receivers (deliver.h) */
} runner;

bool service_is_stopping(const service *s) {
    return __atomic_load_n(&s->stopping, __ATOMIC_ACQUIRE);
}

void service_tell(service *s, const char *event, const rule_state *r, const tu_finding *f,
                  const char *text) {
    if (s->options->tell)
        s->options->tell(s->options->tell_arg, event, r ? r->rule : NULL, f, text);
}

void condition_set(service *s, condition *c, const char *what, const char *name, const char *text) {
    trouble_condition(s, what, name, text);
    if (!text && !c->text)
        return;
    if (text && c->text && strcmp(text, c->text) == 0)
        return;
    if (text) {
        tu_log(TU_LOG_WARN, "there is a problem", what, name, "error", text, NULL);
        if (!c->text)
            c->since_ms = tu_clock_wall(&s->clock);
    } else {
        tu_log(TU_LOG_INFO, "the problem is over", what, name, NULL);
    }
    free(c->text);
    c->text = tu_xstrdup(text);
}

typedef struct store_trouble {
    tu_job job;
    service *s;
    char *text;
} store_trouble;

static void store_trouble_done(tu_job *job) {
    store_trouble *j = (store_trouble *)job;
    condition_set(j->s, &j->s->store_problem, "store", "trueup.db", j->text);
    free(j->text);
    free(j);
}

bool store_try_again(service *s, tu_rc rc, const char *error) {
    if ((rc != TU_EUNAVAILABLE && rc != TU_ETIMEOUT) || service_is_stopping(s))
        return false;
    store_trouble *j = tu_xcalloc(1, sizeof *j);
    j->job.done = store_trouble_done;
    j->s = s;
    j->text = tu_xstrdup(error);
    tu_inbox_post(s->inbox, &j->job);
    return !tu_cancel_wait(s->cancel, STORE_PAUSE_MS);
}

char *service_baselines(const service *s) {
    return tu_path_join(s->options->state, "baselines");
}

void service_timer(service *s, uv_timer_t *t, void *data) {
    uv_timer_init(s->loop, t);
    t->data = data;
}

/* --- building and tearing down one configuration's structure ---------------------------------- */

static source_state *source_named(service *s, tu_str name) {
    for (size_t i = 0; i < s->source_count; i++)
        if (tu_str_eq(s->sources[i].use->name, name))
            return &s->sources[i];
    return NULL;
}

static target_state *target_named(service *s, tu_str name) {
    for (size_t i = 0; i < s->target_count; i++)
        if (tu_str_eq(s->targets[i].use->name, name))
            return &s->targets[i];
    return NULL;
}

static void build(service *s) {
    const tu_config *c = s->config;
    s->source_count = c->source_count;
    s->target_count = c->target_count;
    s->rule_count = c->rule_count;
    s->sources = tu_xcalloc(c->source_count, sizeof *s->sources);
    s->targets = tu_xcalloc(c->target_count, sizeof *s->targets);
    s->rules = tu_xcalloc(c->rule_count, sizeof *s->rules);
    for (size_t i = 0; i < c->source_count; i++)
        s->sources[i] = (source_state){
            .s = s,
            .use = &c->sources[i],
            .plugin = tu_session_use(s->session, TU_KIND_SOURCE, c->sources[i].name)};
    for (size_t i = 0; i < c->target_count; i++)
        s->targets[i] = (target_state){
            .s = s,
            .use = &c->targets[i],
            .plugin = tu_session_use(s->session, TU_KIND_TARGET, c->targets[i].name)};
    for (size_t i = 0; i < c->rule_count; i++) {
        s->rules[i] = (rule_state){.s = s,
                                   .rule = &c->rules[i],
                                   .source = source_named(s, c->rules[i].from),
                                   .target = target_named(s, c->rules[i].to)};
        service_timer(s, &s->rules[i].pass_timer, &s->rules[i]);
    }
}

static void free_entry(void *p) {
    free(p);
}

static void free_structure(service *s) {
    for (size_t i = 0; i < s->rule_count; i++) {
        rule_state *r = &s->rules[i];
        for (size_t k = 0; k < r->open.n; k++)
            free(((open_drift *)r->open.entries[k].value)->row);
        tu_map_done(&r->open, drift_free);
        tu_map_done(&r->heals, free_entry);
        tu_desired_unref(r->set);
        tu_index_unref(r->index);
        free(r->verdicts);
        free(r->problem.text);
    }
    for (size_t i = 0; i < s->target_count; i++) {
        target_state *t = &s->targets[i];
        tu_view_unref(t->view);
        tu_catalogue_unref(t->catalogue);
        pthread_mutex_destroy(&t->view_lock);
        free(t->environment);
        free(t->scope_lost);
        free(t->scope_listed);
        free(t->problem.text);
    }
    for (size_t i = 0; i < s->source_count; i++) {
        free(s->sources[i].revision);
        free(s->sources[i].problem.text);
    }
    alerts_free(s);
    pthread_mutex_destroy(&s->records_lock);
    evidence_free(s);
    tu_map_done(&s->notifiers, receiver_free);
    free(s->orphan);
    free(s->sources);
    free(s->targets);
    free(s->rules);
    free(s->store_problem.text);
    free(s->config_problem.text);
    tu_cancel_free(s->cancel);
    tu_session_close(s->session);
    tu_config_unref(s->config);
}

/* The order matters: cancel, let nobody wait, join, take what was answered, close the handles,
 * free. */
static void tear_down(service *s) {
    __atomic_store_n(&s->stopping, true, __ATOMIC_RELEASE);
    tu_cancel_fire(s->cancel);
    tu_inbox_close(s->inbox);
    for (size_t i = 0; i < s->source_count; i++)
        source_stop(&s->sources[i]);
    for (size_t i = 0; i < s->target_count; i++)
        target_stop(&s->targets[i]);
    deliver_stop(s);
    tu_inbox_drain(s->inbox);
    tu_worker_free(s->store_worker);
    tu_inbox_drain(s->inbox);
    tu_inbox_free(s->inbox, NULL, NULL);
    uv_close((uv_handle_t *)&s->deliver_timer, NULL);
    alerts_close(s);
    evidence_close(s);
    for (size_t i = 0; i < s->rule_count; i++)
        uv_close((uv_handle_t *)&s->rules[i].pass_timer, NULL);
    for (size_t i = 0; i < s->source_count; i++)
        uv_close((uv_handle_t *)&s->sources[i].timer, NULL);
    for (size_t i = 0; i < s->target_count; i++) {
        uv_close((uv_handle_t *)&s->targets[i].discover_timer, NULL);
        uv_close((uv_handle_t *)&s->targets[i].heal_timer, NULL);
        uv_close((uv_handle_t *)&s->targets[i].poll_timer, NULL);
        uv_close((uv_handle_t *)&s->targets[i].environment_timer, NULL);
        uv_close((uv_handle_t *)&s->targets[i].scrub_timer, NULL);
        uv_close((uv_handle_t *)&s->targets[i].save_timer, NULL);
    }
    uv_run(s->loop, UV_RUN_NOWAIT);
    uv_run(s->loop, UV_RUN_NOWAIT);
    free_structure(s);
}

/* --- drifts of rules that are gone, off, or look at another target now ------------------------ */

bool service_is_orphan(const tu_config *c, const tu_drift *d) {
    const tu_rule *rule = tu_config_rule(c, d->rule);
    return !rule || rule->mode == TU_MODE_OFF || !tu_str_eq(rule->to, d->target);
}

typedef struct orphans {
    service *s;
    record **items;
    size_t n;
} orphans;

static tu_rc collect_orphan(void *arg, const tu_drift *d) {
    orphans *o = arg;
    if (!service_is_orphan(o->s->config, d))
        return TU_OK;
    record *r = record_new(o->s);
    r->drift = *d;
    r->drift.rule = tu_arena_copy(&r->arena, d->rule);
    r->drift.target = tu_arena_copy(&r->arena, d->target);
    r->drift.source_revision = tu_arena_copy(&r->arena, d->source_revision);
    r->drift.object = tu_object_id_copy(&r->arena, &d->object);
    r->drift.finding = tu_arena_copy(&r->arena, d->finding);
    r->has_drift = true;
    o->items = tu_xrealloc(o->items, (o->n + 1) * sizeof(record *));
    o->items[o->n++] = r;
    return TU_OK;
}

/* Told firing means told resolved, also when the rule that told is no more. */
static void close_orphan(record *r) {
    tu_drift *d = &r->drift;
    bool told = d->state == TU_DRIFT_OPEN;
    d->state = TU_DRIFT_RESOLVED;
    d->resolved_ms = d->updated_ms = r->wall_ms;
    d->resolved_by = TU_S("configuration");
    r->audits[r->audit_count++] = (tu_audit){.actor = TU_S("trueup"),
                                             .action = TU_S("drift.resolved"),
                                             .rule = d->rule,
                                             .target = d->target,
                                             .object = d->object,
                                             .detail = TU_S("{\"text\":\"configuration\"}")};
    if (told)
        alerts_orphan(r);
    alerts_submit(r);
}

/* What an earlier run or configuration knew: all is read before anything is written. */
static void restore(service *s) {
    orphans o = {.s = s};
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    alerts_start(s);
    if (tu_store_open_drifts(s->store, collect_orphan, &o, &why) != TU_OK)
        tu_log(TU_LOG_ERROR, "drifts of rules that are gone can't be read", "error",
               tu_error_text(why), NULL);
    drift_restore(s);
    alerts_begin(s);
    drift_restored(s);
    for (size_t i = 0; i < o.n; i++)
        close_orphan(o.items[i]);
    free(o.items);
}

/* --- the configuration ------------------------------------------------------------------------ */

static char *instance_state(const runner *u) {
    return tu_path_join(u->options->state, "plugins");
}

static void log_warnings(const tu_config *c) {
    for (size_t i = 0; i < c->warning_count; i++) {
        const tu_warning *w = &c->warnings[i];
        _cleanup_(tu_buf_done) tu_buf at = TU_BUF_INIT(16 * TU_KIB);
        tu_buf_add_c(&at, w->place.file);
        if (w->place.line)
            tu_buf_addf(&at, ":%u:%u", w->place.line, w->place.column);
        tu_log(TU_LOG_WARN, w->text.p, "at", tu_buf_c(&at), NULL);
    }
}

/* Reads and checks everything before anything in force is touched. */
static tu_rc read_config(runner *u, tu_config **ret, tu_errors *errors) {
    tu_config *c = tu_engine_load_config(u->options->config_path, errors);
    if (!c)
        return TU_EINVALID;
    log_warnings(c);
    *ret = c;
    return TU_OK;
}

static void log_errors(const tu_errors *errors) {
    for (size_t i = 0; i < errors->n; i++) {
        _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(16 * TU_KIB);
        tu_error_print(errors->items[i], &b);
        while (b.n && b.p[b.n - 1] == '\n')
            b.p[--b.n] = 0;
        tu_log(TU_LOG_ERROR, tu_buf_c(&b), NULL);
    }
}

static void on_settled(uv_timer_t *t) {
    ((runner *)t->data)->reload = true;
}

static void on_config_changed(uv_fs_event_t *e, const char *name, int events, int status) {
    (void)events;
    (void)status;
    runner *u = e->data;
    const char *slash = strrchr(u->options->config_path, '/');
    const char *file = slash ? slash + 1 : u->options->config_path;
    struct stat st;
    bool folder = stat(u->options->config_path, &st) == 0 && S_ISDIR(st.st_mode);
    tu_str n = tu_str_c(name);
    bool ours = folder ? tu_str_ends(n, ".yaml") || tu_str_ends(n, ".yml") : tu_str_is(n, file);
    if (ours || !name || tu_str_starts(n, "..")) /* "..data" is how a ConfigMap volume changes */
        uv_timer_start(&u->settle, on_settled, SETTLE_MS, 0);
}

/* The folder is watched, not the file: editors and ConfigMap volumes put a new file in its place.
 */
static void watch_config(runner *u) {
    struct stat st;
    const char *path = u->options->config_path;
    char *folder = tu_xstrdup(path);
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        char *slash = strrchr(folder, '/');
        if (slash)
            slash[slash == folder] = 0;
        free(slash ? NULL : folder);
        if (!slash)
            folder = tu_xstrdup(".");
    }
    uv_fs_event_stop(&u->config_changed); /* it may be another folder of that name now */
    int rc = uv_fs_event_start(&u->config_changed, on_config_changed, folder, 0);
    if (rc != 0)
        tu_log(TU_LOG_WARN, "changes of the configuration are not noticed (send SIGHUP instead)",
               "path", folder, "error", uv_strerror(rc), NULL);
    free(folder);
}

/* The newest configuration can't be used; the one in force stays. */
static void refuse(runner *u, const tu_errors *errors) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(16 * TU_KIB);
    if (errors->n)
        tu_error_print(errors->items[0], &b);
    while (b.n && b.p[b.n - 1] == '\n')
        b.p[--b.n] = 0;
    if (errors->n > 1)
        tu_buf_addf(&b, " (and %zu more: run `trueup config check`)", errors->n - 1);
    if (!u->problem) {
        tu_clock clock = tu_clock_real();
        u->problem_since_ms = tu_clock_wall(&clock);
    }
    free(u->problem);
    u->problem = tu_xstrdup(tu_buf_c(&b));
    log_errors(errors);
    tu_log(TU_LOG_ERROR, "the new configuration has mistakes; the one in force stays", NULL);
    if (u->options->tell)
        u->options->tell(u->options->tell_arg, "reload", NULL, NULL, u->problem);
}

/* Reads it beside the one in force, which is torn down only for one without mistakes. */
static bool has_next(runner *u, service *s) {
    u->reload = false;
    watch_config(u);
    systemd_notify_reloading();
    tu_errors errors = {0};
    if (read_config(u, &u->next, &errors) != TU_OK) {
        refuse(u, &errors);
        free(s->config_problem.text);
        s->config_problem = (condition){tu_xstrdup(u->problem), u->problem_since_ms};
        trouble_condition(s, "configuration", s->options->config_path, u->problem);
        systemd_notify("READY=1\nSTATUS=watching; the newest configuration has mistakes");
    }
    tu_errors_done(&errors);
    return u->next != NULL;
}

/* Instances of the next configuration, or, when it can't have them, of the one in force. */
static tu_rc open_session(runner *u, const char *state, tu_session **ret, tu_errors *errors) {
    if (!u->next)
        return tu_session_open(u->config, state, true, ret, errors);
    tu_config *next = TU_TAKE(u->next);
    tu_errors mistakes = {0};
    tu_rc rc = tu_session_open(next, state, true, ret, &mistakes);
    if (rc == TU_OK) {
        tu_config_unref(u->config);
        u->config = next;
        free(u->problem);
        u->problem = NULL;
        tu_log(TU_LOG_INFO, "the configuration was read again", "path", u->options->config_path,
               NULL);
        if (u->options->tell)
            u->options->tell(u->options->tell_arg, "reload", NULL, NULL,
                             "the new configuration is in force");
    } else {
        refuse(u, &mistakes);
        tu_config_unref(next);
        rc = tu_session_open(u->config, state, true, ret, errors);
    }
    tu_errors_done(&mistakes);
    return rc;
}

/* --- one turn --------------------------------------------------------------------------------- */

/* The structure of the configuration in force, until something asks for another turn. */
static void turn(runner *u, tu_session *session) {
    service s = {.options = u->options,
                 .loop = &u->loop,
                 .clock = tu_clock_real(),
                 .config = tu_config_ref(u->config),
                 .session = session,
                 .store = u->store,
                 .status = &u->status,
                 .policies = &u->policies,
                 .delivered = alerts_delivered,
                 .undeliverable = alerts_dead,
                 .started_ms = u->started_ms,
                 .reload = &u->reload,
                 .heartbeat_ms = &u->heartbeat_ms,
                 .cancel = tu_cancel_new()};
    if (u->problem)
        s.config_problem = (condition){tu_xstrdup(u->problem), u->problem_since_ms};
    s.inbox = tu_inbox_new(&u->loop);
    s.store_worker = tu_worker_new(s.inbox, "store");
    pthread_mutex_init(&s.records_lock, NULL);
    s.turned_ms = tu_clock_boot(&s.clock);
    build(&s);
    restore(&s);
    deliver_start(&s);
    evidence_start(&s);
    for (size_t i = 0; i < s.target_count; i++)
        target_start(&s.targets[i]);
    for (size_t i = 0; i < s.source_count; i++)
        source_start(&s.sources[i]);
    u->status.s = &s;
    service_tell(&s, "ready", NULL, NULL, u->socket);
    systemd_notify("READY=1\nSTATUS=watching");
    while (!u->stop) {
        uv_run(&u->loop, UV_RUN_ONCE);
        if (u->reload && !u->stop && has_next(u, &s))
            break;
    }
    if (u->stop)
        systemd_notify("STOPPING=1");
    tear_down(&s);
    u->status.s = NULL;
}

/* --- the process ------------------------------------------------------------------------------ */

static void on_stop(uv_signal_t *sig, int number) {
    runner *u = sig->data;
    (void)number;
    uv_signal_stop(&u->term); /* the next one has its default effect, whatever we wait for */
    uv_signal_stop(&u->interrupt);
    tu_log(TU_LOG_INFO, "stopping", NULL);
    u->stop = true;
}

static void on_hangup(uv_signal_t *sig, int number) {
    (void)number;
    ((runner *)sig->data)->reload = true;
}

static void start_runner(runner *u) {
    uv_loop_init(&u->loop);
    uv_signal_init(&u->loop, &u->term);
    uv_signal_init(&u->loop, &u->interrupt);
    uv_signal_init(&u->loop, &u->hangup);
    uv_fs_event_init(&u->loop, &u->config_changed);
    uv_timer_init(&u->loop, &u->settle);
    u->term.data = u->interrupt.data = u->hangup.data = u->config_changed.data = u->settle.data = u;
    uv_signal_start(&u->term, on_stop, SIGTERM);
    uv_signal_start(&u->interrupt, on_stop, SIGINT);
    uv_signal_start(&u->hangup, on_hangup, SIGHUP);
    watch_config(u);
}

static void stop_runner(runner *u) {
    uv_close((uv_handle_t *)&u->term, NULL);
    uv_close((uv_handle_t *)&u->interrupt, NULL);
    uv_close((uv_handle_t *)&u->hangup, NULL);
    uv_close((uv_handle_t *)&u->config_changed, NULL);
    uv_close((uv_handle_t *)&u->settle, NULL);
    uv_run(&u->loop, UV_RUN_DEFAULT);
    uv_loop_close(&u->loop);
}

tu_rc tu_service_run(const tu_service_options *o, tu_errors *errors) {
    runner u = {.options = o};
    tu_error *why = NULL;
    tu_rc rc = read_config(&u, &u.config, errors);
    if (rc != TU_OK)
        return rc;
    rc = tu_store_open(o->state, &u.store, &why);
    tu_errors_add(errors, why);
    if (rc == TU_OK) {
        tu_clock clock = tu_clock_real();
        u.started_ms = tu_clock_wall(&clock);
        signal(SIGPIPE, SIG_IGN);
        start_runner(&u);
        char *state = instance_state(&u);
        u.socket = o->socket ? tu_xstrdup(o->socket) : tu_path_join(o->state, "trueup.sock");
        rc = status_open(&u.status, &u.loop, u.socket, &why);
        tu_errors_add(errors, why);
        while (rc == TU_OK && !u.stop) {
            tu_session *session = NULL;
            rc = open_session(&u, state, &session, errors);
            if (rc == TU_OK)
                turn(&u, session);
        }
        status_close(&u.status, &u.loop);
        free(u.socket);
        free(state);
        stop_runner(&u);
        tu_store_close(u.store);
    }
    free(u.problem);
    tu_map_done(&u.policies, free_entry);
    tu_config_unref(u.next);
    tu_config_unref(u.config);
    return rc;
}
