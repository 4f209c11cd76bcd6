/*
 * store/alerting.c: alerts, incidents, their members, what receivers were told, silences: written by
 * their keys, read when the engine starts and when somebody asks why.
 *
 * Nothing here refers to another row by force: an incident may name an alert that was forgotten by
 * now, and a reader has to cope with that.
 */
#include "base/str.h"
#include "store/database.h"

/* --- writing ---------------------------------------------------------------------------------- */

static tu_rc put_alert(tu_store *s, const tu_alert_row *a, tu_error **error) {
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_ALERT_PUT);
    tu_bind_text(statement, 1, a->fingerprint);
    tu_bind_integer(statement, 2, a->firing);
    tu_bind_text(statement, 3, tu_str_c(tu_severity_name(a->severity)));
    tu_bind_integer(statement, 4, a->started_ms);
    tu_bind_integer(statement, 5, a->updated_ms);
    tu_bind_integer(statement, 6, a->ended_ms);
    tu_bind_text(statement, 7, a->labels);
    tu_bind_text(statement, 8, a->body);
    return tu_store_run(s, statement, "record an alert", NULL, error);
}

static tu_rc put_incident(tu_store *s, const tu_incident_row *i, tu_error **error) {
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_INCIDENT_PUT);
    tu_bind_text(statement, 1, i->id);
    tu_bind_text(statement, 2, i->route);
    tu_bind_text(statement, 3, i->labels);
    tu_bind_integer(statement, 4, i->open);
    tu_bind_integer(statement, 5, i->opened_ms);
    tu_bind_integer(statement, 6, i->updated_ms);
    tu_bind_integer(statement, 7, i->closed_ms);
    tu_bind_text(statement, 8, i->state);
    return tu_store_run(s, statement, "record an incident", NULL, error);
}

static tu_rc put_member(tu_store *s, const tu_member_row *m, tu_error **error) {
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_MEMBER_PUT);
    tu_bind_text(statement, 1, m->incident);
    tu_bind_text(statement, 2, m->fingerprint);
    tu_bind_text(statement, 3, m->state);
    tu_bind_integer(statement, 4, m->told);
    tu_bind_integer(statement, 5, m->joined_ms);
    tu_bind_integer(statement, 6, m->left_ms);
    return tu_store_run(s, statement, "record an incident's alert", NULL, error);
}

static tu_rc put_told(tu_store *s, const tu_told_row *t, tu_error **error) {
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_TOLD_PUT);
    tu_bind_text(statement, 1, t->incident);
    tu_bind_text(statement, 2, t->receiver);
    tu_bind_integer(statement, 3, t->firing);
    tu_bind_text(statement, 4, t->reference);
    tu_bind_integer(statement, 5, t->wall_ms);
    return tu_store_run(s, statement, "record what a receiver was told", NULL, error);
}

static tu_rc put_silence(tu_store *s, const tu_silence_row *x, tu_error **error) {
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_SILENCE_PUT);
    tu_bind_text(statement, 1, x->id);
    tu_bind_text(statement, 2, x->matchers);
    tu_bind_integer(statement, 3, x->starts_ms);
    tu_bind_integer(statement, 4, x->ends_ms);
    tu_bind_integer(statement, 5, x->created_ms);
    tu_bind_text(statement, 6, x->author);
    tu_bind_text(statement, 7, x->comment);
    return tu_store_run(s, statement, "record a silence", NULL, error);
}

tu_rc tu_store_alerting_put(tu_store *s, const tu_store_change *c, tu_error **error) {
    tu_rc rc = TU_OK;
    for (size_t i = 0; i < c->alert_count && rc == TU_OK; i++)
        rc = put_alert(s, &c->alerts[i], error);
    for (size_t i = 0; i < c->incident_count && rc == TU_OK; i++)
        rc = put_incident(s, &c->incidents[i], error);
    for (size_t i = 0; i < c->member_count && rc == TU_OK; i++)
        rc = put_member(s, &c->members[i], error);
    for (size_t i = 0; i < c->told_count && rc == TU_OK; i++)
        rc = put_told(s, &c->told[i], error);
    for (size_t i = 0; i < c->silence_count && rc == TU_OK; i++)
        rc = put_silence(s, &c->silences[i], error);
    return rc;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* Columns from `at` on. */
static tu_alert_row read_alert(sqlite3_stmt *row, int at) {
    tu_alert_row a = {.fingerprint = tu_column_text(row, at),
                      .firing = sqlite3_column_int(row, at + 1) != 0,
                      .severity = TU_SEVERITY_CRITICAL, /* a word of a later version: too loud */
                      .started_ms = sqlite3_column_int64(row, at + 3),
                      .updated_ms = sqlite3_column_int64(row, at + 4),
                      .ended_ms = sqlite3_column_int64(row, at + 5),
                      .labels = tu_column_text(row, at + 6),
                      .body = tu_column_text(row, at + 7)};
    tu_severity_parse(tu_column_text(row, at + 2), &a.severity);
    return a;
}

static tu_incident_row read_incident(sqlite3_stmt *row) {
    return (tu_incident_row){.id = tu_column_text(row, 0),
                             .route = tu_column_text(row, 1),
                             .labels = tu_column_text(row, 2),
                             .open = sqlite3_column_int(row, 3) != 0,
                             .opened_ms = sqlite3_column_int64(row, 4),
                             .updated_ms = sqlite3_column_int64(row, 5),
                             .closed_ms = sqlite3_column_int64(row, 6),
                             .state = tu_column_text(row, 7)};
}

static tu_member_row read_member(sqlite3_stmt *row) {
    return (tu_member_row){.incident = tu_column_text(row, 0),
                           .fingerprint = tu_column_text(row, 1),
                           .state = tu_column_text(row, 2),
                           .told = sqlite3_column_int(row, 3) != 0,
                           .joined_ms = sqlite3_column_int64(row, 4),
                           .left_ms = sqlite3_column_int64(row, 5)};
}

/* --- restoring -------------------------------------------------------------------------------- */

static tu_rc give_alert(const tu_store_alerting *each, sqlite3_stmt *row) {
    const tu_alert_row a = read_alert(row, 0);
    return each->alert(each->arg, &a);
}

static tu_rc give_incident(const tu_store_alerting *each, sqlite3_stmt *row) {
    const tu_incident_row i = read_incident(row);
    return each->incident(each->arg, &i);
}

static tu_rc give_member(const tu_store_alerting *each, sqlite3_stmt *row) {
    const tu_member_row m = read_member(row);
    return each->member(each->arg, &m);
}

static tu_told_row read_told(sqlite3_stmt *row) {
    return (tu_told_row){.incident = tu_column_text(row, 0),
                         .receiver = tu_column_text(row, 1),
                         .firing = sqlite3_column_int(row, 2) != 0,
                         .reference = tu_column_text(row, 3),
                         .wall_ms = sqlite3_column_int64(row, 4)};
}

static tu_rc give_told(const tu_store_alerting *each, sqlite3_stmt *row) {
    const tu_told_row t = read_told(row);
    return each->told(each->arg, &t);
}

static tu_rc give_silence(const tu_store_alerting *each, sqlite3_stmt *row) {
    const tu_silence_row x = {.id = tu_column_text(row, 0),
                              .matchers = tu_column_text(row, 1),
                              .starts_ms = sqlite3_column_int64(row, 2),
                              .ends_ms = sqlite3_column_int64(row, 3),
                              .created_ms = sqlite3_column_int64(row, 4),
                              .author = tu_column_text(row, 5),
                              .comment = tu_column_text(row, 6)};
    return each->silence(each->arg, &x);
}

static tu_rc restore(tu_store *s, tu_sql which, const tu_store_alerting *each,
                     tu_rc (*give)(const tu_store_alerting *each, sqlite3_stmt *row),
                     tu_error **error) {
    sqlite3_stmt *row = tu_store_use(s, which);
    bool more = false;
    tu_rc rc = tu_store_step(s, row, "read the alerts", &more, error);
    while (rc == TU_OK && more) {
        rc = give(each, row);
        if (rc == TU_OK)
            rc = tu_store_step(s, row, "read the alerts", &more, error);
    }
    tu_store_end(row);
    return rc;
}

tu_rc tu_store_restore_alerting(tu_store *s, const tu_store_alerting *each, tu_error **error) {
    tu_rc rc = TU_OK;
    if (each->alert)
        rc = restore(s, TU_SQL_ALERT_RESTORE, each, give_alert, error);
    if (rc == TU_OK && each->incident)
        rc = restore(s, TU_SQL_INCIDENT_OPEN, each, give_incident, error);
    if (rc == TU_OK && each->member)
        rc = restore(s, TU_SQL_MEMBER_RESTORE, each, give_member, error);
    if (rc == TU_OK && each->told)
        rc = restore(s, TU_SQL_TOLD_RESTORE, each, give_told, error);
    if (rc == TU_OK && each->silence)
        rc = restore(s, TU_SQL_SILENCE_LIST, each, give_silence, error);
    return rc;
}

/* --- asking ----------------------------------------------------------------------------------- */

tu_rc tu_store_alert(tu_store *s, tu_str fingerprint,
                     tu_rc (*each)(void *arg, const tu_alert_row *row), void *arg,
                     tu_error **error) {
    sqlite3_stmt *row = tu_store_use(s, TU_SQL_ALERT_GET);
    tu_bind_text(row, 1, fingerprint);
    bool found;
    tu_rc rc = tu_store_step(s, row, "read an alert", &found, error);
    if (rc == TU_OK && !found)
        rc = tu_error_set(error, TU_ENOTFOUND, "there is no alert %.*s in %s", TU_P(fingerprint),
                          s->dir);
    if (rc == TU_OK) {
        const tu_alert_row a = read_alert(row, 0);
        rc = each(arg, &a);
    }
    tu_store_end(row);
    return rc;
}

tu_rc tu_store_incidents(tu_store *s, bool open_only, size_t limit,
                         tu_rc (*each)(void *arg, const tu_incident_row *row), void *arg,
                         tu_error **error) {
    sqlite3_stmt *row =
        tu_store_use(s, open_only ? TU_SQL_INCIDENT_NEWEST_OPEN : TU_SQL_INCIDENT_NEWEST);
    tu_bind_integer(row, 1, limit > INT32_MAX ? INT32_MAX : (int64_t)limit);
    bool more = false;
    tu_rc rc = tu_store_step(s, row, "read the incidents", &more, error);
    while (rc == TU_OK && more) {
        const tu_incident_row i = read_incident(row);
        rc = each(arg, &i);
        if (rc == TU_OK)
            rc = tu_store_step(s, row, "read the incidents", &more, error);
    }
    tu_store_end(row);
    return rc;
}

tu_rc tu_store_members(tu_store *s, tu_str incident,
                       tu_rc (*each)(void *arg, const tu_member_row *row,
                                     const tu_alert_row *alert),
                       void *arg, tu_error **error) {
    sqlite3_stmt *row = tu_store_use(s, TU_SQL_MEMBER_LIST);
    tu_bind_text(row, 1, incident);
    bool more = false;
    tu_rc rc = tu_store_step(s, row, "read an incident's alerts", &more, error);
    while (rc == TU_OK && more) {
        const tu_member_row m = read_member(row);
        const tu_alert_row a = read_alert(row, 6);
        bool forgotten = sqlite3_column_type(row, 6) == SQLITE_NULL;
        rc = each(arg, &m, forgotten ? NULL : &a);
        if (rc == TU_OK)
            rc = tu_store_step(s, row, "read an incident's alerts", &more, error);
    }
    tu_store_end(row);
    return rc;
}

tu_rc tu_store_told(tu_store *s, tu_str incident, tu_rc (*each)(void *arg, const tu_told_row *row),
                    void *arg, tu_error **error) {
    static const char what[] = "read what was told of an incident";
    sqlite3_stmt *row = tu_store_use(s, TU_SQL_TOLD_LIST);
    tu_bind_text(row, 1, incident);
    bool more = false;
    tu_rc rc = tu_store_step(s, row, what, &more, error);
    while (rc == TU_OK && more) {
        const tu_told_row t = read_told(row);
        rc = each(arg, &t);
        if (rc == TU_OK)
            rc = tu_store_step(s, row, what, &more, error);
    }
    tu_store_end(row);
    return rc;
}
