/*
 * fuzz_chat: the bytes are a message, or (what is no JSON) the name of everything in one. Whatever it
 * is, what Slack, Teams and PagerDuty would get is JSON within their limits; Slack's texts have no
 * live control sequence and no open fence; and nothing has a control character.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/yaml_json.h"
#include "notifier-pagerduty/event.h"
#include "notifier-slack/layout.h"
#include "notifier-teams/card.h"

static void require(bool condition, const char *what, const char *at) {
    if (condition)
        return;
    fprintf(stderr, "%s: %.300s\n", what, at);
    abort();
}

/* --- the message -------------------------------------------------------------------------------- */

static void name_all(cJSON *object, const char *const *names, const char *text) {
    for (; *names; names++)
        cJSON_AddStringToObject(object, *names, text);
}

/* Everything that may come from outside is that text. */
static cJSON *message_of(const char *text, size_t alerts) {
    static const char *const top[] = {"severity", "summary", "route", "installation", "note",
                                      "incident", "target",  "rule",  "startsAt",     NULL};
    static const char *const of_alert[] = {"summary", "rule", "target", "accept", NULL};
    static const char *const of_object[] = {"kind", "namespace", "name", "file", NULL};
    static const char *const commands[] = {"look", "explain", "acknowledge", "silence", NULL};
    static const char *const of_change[] = {"path", "desired", "live", NULL};
    cJSON *m = cJSON_CreateObject();
    name_all(m, top, text);
    cJSON_AddStringToObject(m, "status", "firing");
    cJSON_AddStringToObject(m, "event", "firing");
    name_all(cJSON_AddObjectToObject(m, "commands"), commands, text);
    cJSON_AddStringToObject(cJSON_AddObjectToObject(m, "acknowledged"), "by", text);
    cJSON_AddStringToObject(cJSON_AddObjectToObject(m, "labels"), "name", text);
    cJSON_AddNumberToObject(cJSON_AddObjectToObject(m, "counts"), "firing", 1000);
    cJSON *list = cJSON_AddArrayToObject(m, "alerts");
    for (size_t i = 0; i < alerts; i++) {
        cJSON *a = cJSON_CreateObject(), *o = cJSON_AddObjectToObject(a, "object");
        name_all(a, of_alert, text);
        cJSON_AddStringToObject(a, "status", i % 3 ? "firing" : "resolved");
        cJSON_AddStringToObject(a, "verdict", "drifted");
        name_all(o, of_object, text);
        cJSON *changes = cJSON_AddArrayToObject(o, "changes");
        for (size_t k = 0; k < 14; k++) {
            cJSON *c = cJSON_CreateObject();
            cJSON_AddStringToObject(c, "change", "value");
            name_all(c, of_change, text);
            cJSON_AddStringToObject(cJSON_AddObjectToObject(c, "owner"), "manager", text);
            cJSON_AddItemToArray(changes, c);
        }
        cJSON_AddItemToArray(list, a);
    }
    return m;
}

static cJSON *read_message(const uint8_t *data, size_t n) {
    cJSON *m = NULL;
    manifest_problem problem;
    if (manifest_parse_json((tu_str){(const char *)data, n}, &m, &problem) && cJSON_IsObject(m))
        return m;
    cJSON_Delete(m);
    char *text = strndup((const char *)data, n);
    m = message_of(text, n ? data[0] % 23 : 1);
    free(text);
    return m;
}

/* --- what must hold ----------------------------------------------------------------------------- */

static size_t text_sum, block_count;

static void check_slack_text(const char *text) {
    size_t fences = 0;
    require(!strpbrk(text, "<>"), "a live control sequence", text);
    for (const char *at = text; (at = strstr(at, "```")); at += 3)
        fences++;
    require(fences % 2 == 0, "an open fence", text);
    for (const char *at = text; (at = strchr(at, '&')); at++)
        require(!strncmp(at, "&amp;", 5) || !strncmp(at, "&lt;", 4) || !strncmp(at, "&gt;", 4),
                "a bare &", text);
}

static void check_text(const char *text) {
    for (const char *c = text; *c; c++)
        require((unsigned char)*c >= ' ' || *c == '\n' || *c == '\t', "a control character", text);
    require(manifest_is_utf8((tu_str){text, strlen(text)}), "no UTF-8", text);
}

/* Every text in it; those of Slack's blocks are counted. */
static void walk(const cJSON *v, bool slack) {
    const cJSON *item;
    if (cJSON_IsString(v)) {
        check_text(v->valuestring);
        if (slack)
            check_slack_text(v->valuestring);
    }
    const char *type = notifier_string(v, "type");
    size_t n = notifier_length(notifier_string(v, "text"));
    if (slack && *notifier_string(v, "text") && *type) {
        require(n <= (!strcmp(type, "plain_text") ? SLACK_HEADER : SLACK_SECTION), "too long",
                notifier_string(v, "text"));
        text_sum += n;
    }
    block_count += !strcmp(type, "section") || !strcmp(type, "header") || !strcmp(type, "context");
    if (cJSON_IsObject(v) || cJSON_IsArray(v))
        cJSON_ArrayForEach(item, v) walk(item, slack);
}

static void check_slack(cJSON *body) {
    text_sum = block_count = 0;
    require(body != NULL, "nothing for Slack", "");
    require(*notifier_string(body, "text"), "no fallback", "");
    require(notifier_length(notifier_string(body, "text")) <= SLACK_FALLBACK, "too long a fallback",
            notifier_string(body, "text"));
    walk(body, true);
    require(block_count <= SLACK_BLOCKS, "too many blocks", "");
    require(text_sum <= SLACK_TEXT_SUM, "too much text", "");
    cJSON_Delete(body);
}

static void check_teams(const teams_page *p) {
    char *body = teams_body(p);
    require(body != NULL, "nothing for Teams", "");
    require(strlen(body) <= TEAMS_BODY_LIMIT, "too large a card", body);
    cJSON *json = cJSON_Parse(body);
    require(json != NULL, "no JSON", body);
    walk(json, false);
    cJSON_Delete(json);
    cJSON_free(body);
}

static void check_pagerduty(const pagerduty_event *e) {
    cJSON *body = pagerduty_body(e), *payload = cJSON_GetObjectItem(body, "payload");
    char *text = cJSON_PrintUnformatted(body);
    require(text != NULL, "nothing for PagerDuty", "");
    require(strlen(text) <= PAGERDUTY_OWN_LIMIT, "too large an event", text);
    require(*notifier_string(payload, "summary") && *notifier_string(payload, "source"),
            "an event without a summary or source", text);
    require(notifier_length(notifier_string(payload, "summary")) <= PAGERDUTY_SUMMARY,
            "too long a summary", text);
    walk(payload, false);
    cJSON_free(text);
    cJSON_Delete(body);
}

static void check_all(const notifier_words *w, const cJSON *m, bool brief) {
    slack_page slack = {.words = w, .message = m, .key = "key", .uncertain = true, .brief = brief};
    check_slack(slack_message(&slack));
    check_slack(slack_reply(&slack));
    check_teams(
        &(teams_page){.words = w, .message = m, .key = "key", .uncertain = true, .brief = brief});
    check_pagerduty(&(pagerduty_event){.words = w,
                                       .message = m,
                                       .action = "trigger",
                                       .key = "key",
                                       .severities = {"info", "warning", "critical"},
                                       .brief = brief});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char title[] = "{{summary}} {{#each alerts}}{{object.name}} {{/each}}",
                      text[] = "```{{#each alerts}}{{object.name}}{{summary}}\n{{/each}}";
    if (size > 64 * 1024)
        return 0;
    cJSON *m = read_message(data, size);
    notifier_words own = {.language = tu_language_named("ko"),
                          .title = tu_template_parse(title, sizeof title - 1, NULL, NULL),
                          .text = tu_template_parse(text, sizeof text - 1, NULL, NULL)};
    notifier_words plain = {.language = tu_language_named("en")};
    for (int brief = 0; brief < 2; brief++) {
        check_all(&plain, m, brief);
        check_all(&own, m, brief);
    }
    notifier_words_done(&own);
    cJSON_Delete(m);
    return 0;
}
