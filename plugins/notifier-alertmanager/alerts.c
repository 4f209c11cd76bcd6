/* notifier-alertmanager/alerts.c: see alerts.h. */
#include "alerts.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VALUE_CHARACTERS 1024u /* of a label's value */
#define DIFF_LINES 20u
#define TEXT_LIMIT ((size_t)16 * 1024)
#define MARK                                                                                       \
    9u /* of an alert in the reference: 8 digits of its fingerprint, a letter for its severity */
#define HEARTBEAT_SECONDS 900

static void add_time(cJSON *to, const char *name, int64_t unix_seconds) {
    char text[32];
    struct tm t;
    time_t at = (time_t)unix_seconds;
    if (gmtime_r(&at, &t) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &t))
        cJSON_AddStringToObject(to, name, text);
}

/* "2026-11-23T04:05:06Z"; 0 where it is none. */
static int64_t read_time(const char *text) {
    struct tm t = {0};
    return *text && strptime(text, "%Y-%m-%dT%H:%M:%S", &t) ? (int64_t)timegm(&t) : 0;
}

/* --- labels ----------------------------------------------------------------------------------- */

/* Names as Prometheus has them: letters, digits, '_'. "app.kubernetes.io/name" is app_kubernetes_io_name. */
static void label_name(const char *name, char *out, size_t room) {
    size_t n = 0;
    if (isdigit((unsigned char)*name))
        out[n++] = '_';
    for (; *name && n + 1 < room; name++) {
        bool word = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                    (*name >= '0' && *name <= '9');
        out[n++] = word ? *name : '_';
    }
    out[n] = '\0';
}

/* The first meaning of a name stays; what is empty is as good as absent there. */
static void add_label(cJSON *labels, const char *name, const char *value) {
    char clean[128], *text;
    label_name(name, clean, sizeof clean);
    if (!*value || !*clean || !strncmp(clean, "__", 2) ||
        cJSON_GetObjectItemCaseSensitive(labels, clean))
        return;
    text = strdup(value);
    if (!text)
        return;
    if (notifier_cut(text, VALUE_CHARACTERS))
        cJSON_AddStringToObject(labels, clean, text);
    free(text);
}

/* What another look at the same alert may say otherwise. */
static bool changes_over_time(const char *name) {
    static const char *const names[] = {"verdict", "change",   "manager",
                                        "class",   "severity", "alertname"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

static cJSON *make_labels(const alerts_options *o, const char *alertname, const cJSON *alert,
                          const char *severity) {
    cJSON *labels = cJSON_CreateObject();
    const cJSON *label;
    add_label(labels, "alertname", alertname);
    add_label(labels, "severity", severity);
    cJSON_ArrayForEach(label, o->labels) if (cJSON_IsString(label))
        add_label(labels, label->string, label->valuestring);
    cJSON_ArrayForEach(label, cJSON_GetObjectItemCaseSensitive(
                                  alert, "labels")) if (cJSON_IsString(label) &&
                                                        !changes_over_time(label->string))
        add_label(labels, label->string, label->valuestring);
    return labels;
}

/* --- annotations ------------------------------------------------------------------------------ */

static void add_fact(void *arg, const char *name, const char *value) {
    tu_out *o = arg;
    tu_out_add_c(o, name ? name : "");
    tu_out_add_c(o, ": ");
    tu_out_add_c(o, value);
    tu_out_add_c(o, "\n");
}

static void add_text(cJSON *annotations, const char *name, tu_out *text) {
    if (text->text && text->n)
        cJSON_AddStringToObject(annotations, name, text->text);
    tu_out_done(text);
}

static cJSON *make_annotations(const alerts_options *o, const cJSON *message, const cJSON *alert) {
    static const char *const words[][2] = {{"revision", "revision"}, {"author", "author"}};
    cJSON *a = cJSON_CreateObject();
    const cJSON *source = cJSON_GetObjectItemCaseSensitive(alert, "source");
    const cJSON *acknowledged = cJSON_GetObjectItemCaseSensitive(message, "acknowledged");
    tu_out text;
    add_label(a, "summary", notifier_string(alert, "summary"));
    add_label(a, "incident", notifier_string(message, "incident"));
    add_label(a, "verdict", notifier_string(alert, "verdict"));
    add_label(a, "acknowledged_by", notifier_string(acknowledged, "by"));
    add_label(a, "resolved_by", notifier_string(alert, "resolvedBy"));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        add_label(a, words[i][0], notifier_string(source, words[i][1]));
    if (o->brief)
        return a;
    tu_out_init(&text, TEXT_LIMIT);
    tu_wording_facts(o->language, message, alert, add_fact, &text);
    add_text(a, "description", &text);
    tu_out_init(&text, TEXT_LIMIT);
    tu_wording_diff(o->language, alert, DIFF_LINES, &text);
    add_text(a, "diff", &text);
    return a;
}

/* --- the reference: which severity was told of whom ------------------------------------------- */

static const char *const severities[] = {"info", "warning", "critical"};

static const char *told_severity(const char *reference, const char *fingerprint) {
    size_t n = strlen(reference);
    for (size_t i = 0; i + MARK <= n && strlen(fingerprint) >= MARK - 1; i += MARK)
        if (!strncmp(reference + i, fingerprint, MARK - 1))
            for (size_t s = 0; s < 3; s++)
                if (severities[s][0] == reference[i + MARK - 1])
                    return severities[s];
    return NULL;
}

static void remember(char *reference, const char *fingerprint, const char *severity) {
    size_t n = strlen(reference);
    if (strlen(fingerprint) >= MARK - 1 && *severity && n + MARK < REFERENCE_ROOM)
        snprintf(reference + n, REFERENCE_ROOM - n, "%.8s%c", fingerprint, severity[0]);
}

/* --- alerts ----------------------------------------------------------------------------------- */

static void add_alert(cJSON *list, cJSON *labels, cJSON *annotations, int64_t starts,
                      int64_t ends) {
    cJSON *item = cJSON_CreateObject();
    cJSON_AddItemToObject(item, "labels", labels);
    cJSON_AddItemToObject(item, "annotations", annotations);
    if (starts)
        add_time(item, "startsAt",
                 starts < ends ? starts : ends); /* it refuses an end before the beginning */
    add_time(item, "endsAt", ends);
    cJSON_AddItemToArray(list, item);
}

static void tell(cJSON *list, const alerts_options *o, const cJSON *message, const cJSON *alert,
                 char *reference) {
    const char *severity = notifier_string(alert, "severity"),
               *fingerprint = notifier_string(alert, "fingerprint");
    const char *told = told_severity(o->reference, fingerprint);
    bool own = cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(alert, "problem"));
    bool over = !strcmp(notifier_string(alert, "status"), "resolved");
    const char *name = own ? "TrueupProblem" : "TrueupDrift";
    int64_t starts = read_time(notifier_string(alert, "startsAt"));
    int64_t ended = read_time(notifier_string(alert, "endsAt"));
    if (over && told && strcmp(told, severity) != 0)
        severity = told; /* it ends as what it was told */
    else if (told && strcmp(told, severity) != 0)
        add_alert(list, make_labels(o, name, alert, told), make_annotations(o, message, alert),
                  starts, o->now_s);
    add_alert(list, make_labels(o, name, alert, severity), make_annotations(o, message, alert),
              starts,
              !over                       ? o->now_s + o->ends_after_s
              : ended && ended < o->now_s ? ended
                                          : o->now_s);
    if (!over)
        remember(reference, fingerprint, severity);
}

/* A test, a heartbeat: no alert of an incident, and over soon unless it comes again. */
static void tell_message(cJSON *list, const alerts_options *o, const cJSON *message) {
    bool beats = !strcmp(notifier_string(message, "kind"), "Heartbeat");
    const char *severity = notifier_string(message, "severity");
    cJSON *labels = make_labels(o, beats ? "TrueupHeartbeat" : "TrueupTest", message,
                                *severity ? severity : "info");
    cJSON *annotations = cJSON_CreateObject();
    tu_out title;
    add_label(labels, "installation", notifier_string(message, "installation"));
    tu_out_init(&title, TEXT_LIMIT);
    tu_wording_title(o->language, message, &title);
    add_text(annotations, "summary", &title);
    add_alert(list, labels, annotations, 0, o->now_s + HEARTBEAT_SECONDS);
}

char *alerts_make(const cJSON *message, const alerts_options *o, char reference[REFERENCE_ROOM]) {
    const cJSON *alerts = cJSON_GetObjectItemCaseSensitive(message, "alerts"), *alert;
    cJSON *list = cJSON_CreateArray();
    char *text;
    reference[0] = '\0';
    bool is_test = notifier_event_is(message, "test");
    alerts = is_test ? NULL : alerts;
    cJSON_ArrayForEach(alert, alerts) tell(list, o, message, alert, reference);
    if (is_test || (cJSON_GetArraySize(alerts) == 0 && !*notifier_string(message, "verdict")))
        tell_message(list, o, message);
    else if (cJSON_GetArraySize(alerts) == 0) /* a message that is its only alert */
        tell(list, o, message, message, reference);
    text = list ? cJSON_PrintUnformatted(list) : NULL;
    cJSON_Delete(list);
    return text;
}
