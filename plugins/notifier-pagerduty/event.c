/*
 * notifier-pagerduty/event.c: a message of trueup as an event.
 *
 * custom_details is for people and for event rules, so its members have the message's own names.
 * The ladder: everything; without diffs; without alerts; nothing but the summary (brief).
 */
#include "event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIFF_LINES = 40,
    DIFF_TEXT = 64 * 1024,
    VALUE_TEXT = 1024,
    HREF_TEXT = 2000,
    LINK_TEXT = 100
};

enum { EVERYTHING, NO_DIFFS, NO_ALERTS, NOTHING };

static void add_value(cJSON *to, const char *name, const char *value, size_t limit) {
    char *text = notifier_value(tu_escape_none, value, limit);
    if (text && *text)
        cJSON_AddStringToObject(to, name, text);
    free(text);
}

/* A copy of a flat object (labels) with its values cut. */
static void add_map(cJSON *to, const char *name, const cJSON *map) {
    const cJSON *item;
    cJSON *copy = cJSON_IsObject(map) && map->child ? cJSON_AddObjectToObject(to, name) : NULL;
    if (copy)
        cJSON_ArrayForEach(item, map) if (cJSON_IsString(item))
            add_value(copy, item->string, item->valuestring, VALUE_TEXT);
}

/* --- custom_details ----------------------------------------------------------------------------- */

static void add_fact(void *details, const char *name, const char *value) {
    add_value(details, name, value, VALUE_TEXT);
}

static cJSON *alert_details(const pagerduty_event *e, const cJSON *alert, int rung) {
    static const char *const plain[] = {"summary", "status", "severity", "verdict",
                                        "rule",    "target", "startsAt", "endsAt"};
    cJSON *details = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        add_value(details, plain[i], notifier_string(alert, plain[i]), VALUE_TEXT);
    tu_wording_facts(e->words->language, e->message, alert, add_fact,
                     cJSON_AddObjectToObject(details, "facts"));
    if (rung == EVERYTHING) {
        tu_out diff;
        tu_out_init(&diff, DIFF_TEXT);
        tu_wording_diff(e->words->language, alert, DIFF_LINES, &diff);
        if (diff.text && diff.n)
            cJSON_AddStringToObject(details, "diff", diff.text);
        tu_out_done(&diff);
    }
    return details;
}

static cJSON *details(const pagerduty_event *e, int rung) {
    const cJSON *m = e->message, *alert;
    const cJSON *acknowledged = cJSON_GetObjectItemCaseSensitive(m, "acknowledged");
    cJSON *d = cJSON_CreateObject();
    char note[NOTIFIER_NOTE_ROOM];
    add_value(d, "installation", notifier_string(m, "installation"), VALUE_TEXT);
    add_value(d, "route", notifier_string(m, "route"), VALUE_TEXT);
    add_value(d, "event", notifier_string(m, "event"), VALUE_TEXT);
    add_value(d, "note", notifier_note(e->words, m, note), VALUE_TEXT);
    add_value(d, "acknowledged", notifier_string(acknowledged, "by"), VALUE_TEXT);
    add_map(d, "group", cJSON_GetObjectItemCaseSensitive(m, "group"));
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(m, "counts");
    cJSON_AddNumberToObject(d, "firing", notifier_number(counts, "firing"));
    cJSON_AddNumberToObject(d, "resolved", notifier_number(counts, "resolved"));
    add_map(d, "labels", cJSON_GetObjectItemCaseSensitive(m, "labels"));
    add_map(d, "commands", cJSON_GetObjectItemCaseSensitive(m, "commands"));
    if (rung >= NO_ALERTS)
        return d;
    cJSON *alerts = cJSON_AddArrayToObject(d, "alerts");
    cJSON_ArrayForEach(alert, cJSON_GetObjectItemCaseSensitive(m, "alerts"))
        cJSON_AddItemToArray(alerts, alert_details(e, alert, rung));
    return d;
}

/* --- payload ------------------------------------------------------------------------------------ */

static const char *severity_of(const pagerduty_event *e) {
    const char *severity = notifier_string(e->message, "severity");
    return e->severities[!strcmp(severity, "critical") ? 2 : !strcmp(severity, "warning") ? 1 : 0];
}

static void add_summary(const pagerduty_event *e, cJSON *payload) {
    tu_out o;
    tu_out_init(&o, (size_t)64 * 1024);
    notifier_title(e->words, e->message, tu_escape_none, &o);
    if (o.text && !o.n)
        notifier_add(&o, tu_escape_none, notifier_string(e->message, "summary"));
    if (o.text)
        notifier_cut(o.text, PAGERDUTY_SUMMARY);
    cJSON_AddStringToObject(payload, "summary", o.text && *o.text ? o.text : "trueup");
    tu_out_done(&o);
}

/* "Deployment shop/cart", where it is one object's. */
static void add_component(const cJSON *m, cJSON *payload) {
    const cJSON *labels = cJSON_GetObjectItemCaseSensitive(m, "labels");
    const char *namespace = notifier_string(labels, "namespace");
    char text[800];
    if (cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(m, "alerts")) != 1)
        return;
    snprintf(text, sizeof text, "%.100s %.250s%s%.250s", notifier_string(labels, "kind"), namespace,
             *namespace ? "/" : "", notifier_string(labels, "name"));
    if (*notifier_string(labels, "name"))
        add_value(payload, "component", text, VALUE_TEXT);
}

static cJSON *payload_of(const pagerduty_event *e, int rung) {
    const cJSON *m = e->message;
    cJSON *payload = cJSON_CreateObject();
    add_summary(e, payload);
    const char *target = notifier_string(m, "target");
    add_value(payload, "source", *target ? target : "trueup", VALUE_TEXT);
    if (!cJSON_HasObjectItem(payload, "source"))
        cJSON_AddStringToObject(payload, "source", "trueup");
    cJSON_AddStringToObject(payload, "severity", severity_of(e));
    add_value(payload, "timestamp", notifier_string(m, "startsAt"), 64);
    add_component(m, payload);
    add_value(payload, "group", notifier_string(m, "rule"), VALUE_TEXT);
    add_value(payload, "class", notifier_string(m, "verdict"), VALUE_TEXT);
    if (rung < NOTHING)
        cJSON_AddItemToObject(payload, "custom_details", details(e, rung));
    return payload;
}

/* A value in a link is percent-encoded, so the scheme is the template's own and was looked at. */
static void add_links(const pagerduty_event *e, cJSON *body) {
    cJSON *links = e->link_count ? cJSON_AddArrayToObject(body, "links") : NULL;
    for (size_t i = 0; links && i < e->link_count; i++) {
        tu_out href;
        tu_out_init(&href, HREF_TEXT);
        if (tu_template_render(e->links[i].href, e->message, NULL, tu_escape_url, &href)) {
            cJSON *link = cJSON_CreateObject();
            cJSON_AddStringToObject(link, "href", href.text);
            if (e->links[i].text)
                add_value(link, "text", e->links[i].text, LINK_TEXT);
            cJSON_AddItemToArray(links, link);
        }
        tu_out_done(&href);
    }
}

static cJSON *make(const pagerduty_event *e, int rung) {
    cJSON *body = cJSON_CreateObject();
    bool triggers = !strcmp(e->action, "trigger");
    cJSON_AddStringToObject(body, "event_action", e->action);
    cJSON_AddStringToObject(body, "dedup_key", e->key);
    if (!triggers) /* PagerDuty reads nothing else of the others */
        return body;
    cJSON_AddItemToObject(body, "payload", payload_of(e, rung));
    cJSON_AddStringToObject(body, "client", "trueup");
    if (rung < NOTHING)
        add_links(e, body);
    return body;
}

cJSON *pagerduty_body(const pagerduty_event *e) {
    for (int rung = e->brief ? NOTHING : EVERYTHING;; rung++) {
        cJSON *body = make(e, rung);
        char *text = cJSON_PrintUnformatted(body);
        size_t n = text ? strlen(text) : 0;
        cJSON_free(text);
        if (n && (n <= PAGERDUTY_OWN_LIMIT || rung == NOTHING))
            return body;
        cJSON_Delete(body);
        if (!n)
            return NULL;
    }
}
