/* notifier-webhook/letter.c: see letter.h. */
#include "letter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/yaml_json.h"

/* --- fields -------------------------------------------------------------------------------------------- */

static cJSON *at(cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* Takes the text's memory in any case. */
static bool add_text(cJSON *to, const char *name, tu_out *text) {
    bool added = text->text && cJSON_AddStringToObject(to, name, text->text);
    tu_out_done(text);
    return added;
}

static bool add_alert_fields(const settings *s, cJSON *alert, cJSON *to, size_t diff_lines) {
    tu_out diff, sentence;
    if (!cJSON_IsObject(alert))
        return true;
    tu_out_init(&diff, LETTER_BYTES);
    tu_wording_diff(s->words.language, alert, diff_lines, &diff);
    if (diff.text && diff.n && diff.text[diff.n - 1] == '\n')
        diff.text[--diff.n] = '\0';
    bool added = add_text(to, "diff", &diff);
    tu_out_init(&sentence, LETTER_BYTES);
    tu_wording_sentence(s->words.language, alert, &sentence);
    return add_text(to, "sentence", &sentence) && added;
}

/* "[critical] ... (may be a duplicate)" */
static bool add_title(const settings *s, const letter *l, bool uncertain) {
    tu_out title;
    tu_out_init(&title, LETTER_BYTES);
    notifier_title(&s->words, l->message, tu_escape_none, &title);
    if (uncertain) {
        tu_out_add_c(&title, " (");
        tu_out_add_c(&title, tu_wording_word(s->words.language, "duplicate"));
        tu_out_add_c(&title, ")");
    }
    return add_text(l->fields, "title", &title);
}

static bool add_words(const settings *s, const letter *l, const notifier_context *c) {
    tu_out text;
    tu_out_init(&text, LETTER_BYTES);
    if (!notifier_text(&s->words, l->message, tu_escape_none, &text))
        tu_wording_text(s->words.language, l->message, c->brief ? 1 : LETTER_ALERTS, &text);
    if (c->uncertain) {
        tu_out_add_c(&text, "(");
        tu_out_add_c(&text, tu_wording_word(s->words.language, "duplicate"));
        tu_out_add_c(&text, ")\n");
    }
    return add_text(l->fields, "text", &text);
}

bool letter_prepare(const settings *s, const notifier_context *c, const char *key, letter *l) {
    cJSON *alerts = at(l->message, "alerts"), *alert;
    size_t lines = c->brief ? 4 : LETTER_DIFF_LINES;
    l->fields = cJSON_CreateObject();
    bool added = l->fields && cJSON_AddStringToObject(l->fields, "key", key) &&
                 cJSON_AddStringToObject(l->fields, "uncertain", c->uncertain ? "true" : "") &&
                 cJSON_AddStringToObject(l->fields, "brief", c->brief ? "true" : "") &&
                 add_title(s, l, c->uncertain) && add_words(s, l, c);
    if (added && !(cJSON_IsArray(alerts) && alerts->child))
        added = add_alert_fields(s, l->message, l->fields, lines);
    else if (added)
        added = add_alert_fields(s, alerts->child, l->fields, lines);
    cJSON_ArrayForEach(alert, alerts) added = added && add_alert_fields(s, alert, alert, lines);
    return added;
}

/* --- the shortest form ----------------------------------------------------------------------------------- */

static void shorten_text(cJSON *object, const char *name, size_t limit) {
    cJSON *item = at(object, name);
    if (cJSON_IsString(item))
        notifier_cut(item->valuestring, limit);
}

static void shorten_alert(cJSON *alert) {
    static const char *const dropped[] = {"object", "labels", "plan", "source", "problem"};
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        cJSON_DeleteItemFromObjectCaseSensitive(alert, dropped[i]);
    shorten_text(alert, "summary", 300);
    shorten_text(alert, "accept", 300);
}

/* One alert without its object; texts cut. What is left fits into a few KiB. */
static void shorten(cJSON *message) {
    cJSON *alerts = at(message, "alerts");
    shorten_text(message, "summary", 400);
    shorten_text(message, "note", 300);
    cJSON_DeleteItemFromObjectCaseSensitive(message, "object");
    cJSON_DeleteItemFromObjectCaseSensitive(message, "labels");
    while (cJSON_GetArraySize(alerts) > 1)
        cJSON_DeleteItemFromArray(alerts, 1);
    if (cJSON_IsArray(alerts) && alerts->child)
        shorten_alert(alerts->child);
}

/* --- the body ---------------------------------------------------------------------------------------------- */

static bool is_json(const char *text, size_t n) {
    cJSON *parsed = NULL;
    manifest_problem problem;
    bool is = manifest_parse_json((tu_str){text, n}, &parsed, &problem);
    cJSON_Delete(parsed);
    return is;
}

bool letter_render(const settings *s, const letter *l, tu_out *out) {
    bool done = tu_template_render(s->body, l->message, l->fields, s->escape, out);
    return done && (!settings_is_json(s) || is_json(out->text, out->n));
}

/* The body by the user's template; false: it can't be rendered with this message. */
static bool render(const settings *s, letter *l) {
    tu_out out;
    tu_out_init(&out, LETTER_BYTES);
    bool done = letter_render(s, l, &out);
    if (!done) {
        tu_out_done(&out);
        return false;
    }
    free(l->made);
    l->made = out.text;
    l->body = (tu_str){out.text, out.n};
    return true;
}

static bool print(letter *l, const cJSON *json) {
    free(l->made);
    l->made = json ? cJSON_PrintUnformatted(json) : NULL;
    l->body = (tu_str){l->made, l->made ? strlen(l->made) : 0};
    return l->made != NULL;
}

/* --- CloudEvents ------------------------------------------------------------------------------------------- */

void letter_cloud_type(const cJSON *message, char *out, size_t room) {
    const char *event = notifier_string(message, "event");
    bool known = strspn(event, "abcdefghijklmnopqrstuvwxyz-") == strlen(event) && *event;
    if (!strcmp(notifier_string(message, "kind"), "Heartbeat"))
        snprintf(out, room, "dev.trueup.heartbeat");
    else
        snprintf(out, room, "dev.trueup.incident.%.40s", known ? event : "update");
}

void letter_cloud_source(const settings *s, const cJSON *message, char *out, size_t room) {
    tu_out name;
    if (s->cloud_source) {
        snprintf(out, room, "%s", s->cloud_source);
        return;
    }
    const char *installation = notifier_string(message, "installation");
    tu_out_init(&name, room > 16 ? room - 16 : 0);
    tu_escape_url(&name, installation, strlen(installation));
    snprintf(out, room, "/trueup/%s", name.text && name.n ? name.text : "unknown");
    tu_out_done(&name);
}

const char *letter_cloud_time(const cJSON *message) {
    const char *time = notifier_string(message, "updatedAt");
    return *time ? time : notifier_string(message, "time");
}

const char *letter_cloud_subject(const cJSON *message) {
    return notifier_string(message, "incident");
}

/* One JSON document around the body. */
static bool wrap(const settings *s, const char *key, letter *l) {
    char type[80], source[400];
    letter_cloud_type(l->message, type, sizeof type);
    letter_cloud_source(s, l->message, source, sizeof source);
    const char *time = letter_cloud_time(l->message), *subject = letter_cloud_subject(l->message);
    char *data = strndup(l->body.p, l->body.n);
    cJSON *event = cJSON_CreateObject();
    bool json = !s->body || settings_is_json(s);
    bool made = data && event && cJSON_AddStringToObject(event, "specversion", "1.0") &&
                cJSON_AddStringToObject(event, "id", key) &&
                cJSON_AddStringToObject(event, "type", type) &&
                cJSON_AddStringToObject(event, "source", source) &&
                (!*subject || cJSON_AddStringToObject(event, "subject", subject)) &&
                (!*time || cJSON_AddStringToObject(event, "time", time)) &&
                cJSON_AddStringToObject(event, "datacontenttype", s->content_type) &&
                (json ? cJSON_AddRawToObject(event, "data", data)
                      : cJSON_AddStringToObject(event, "data", data));
    made = made && print(l, event);
    free(data);
    cJSON_Delete(event);
    l->content_type = "application/cloudevents+json; charset=utf-8";
    return made;
}

/* --- all together ------------------------------------------------------------------------------------------- */

static bool needs_message(const settings *s, const notifier_context *c) {
    return s->body || s->header_count || s->cloud != CLOUD_NONE || c->brief;
}

/* Numbers stay as exact as the message has them. */
static cJSON *parse(tu_str message) {
    cJSON *parsed = NULL;
    manifest_problem problem;
    if (!manifest_parse_json(message, &parsed, &problem))
        parsed = cJSON_ParseWithLength(message.p, message.n);
    return parsed ? parsed : cJSON_CreateObject();
}

static bool write_body(const settings *s, const char *key, const notifier_context *c, letter *l) {
    if (!needs_message(s, c))
        return true;
    l->message = parse(l->body);
    if (!l->message)
        return false;
    if (c->brief) {
        shorten(l->message);
        if (!print(l, l->message))
            return false;
    }
    if (!letter_prepare(s, c, key, l))
        return false;
    if (!s->body || render(s, l))
        return true;
    if (c->brief) { /* the message as it is */
        l->content_type = "application/json";
        return true;
    }
    notifier_context brief = *c;
    brief.brief = true;
    cJSON_Delete(l->message);
    cJSON_Delete(l->fields);
    l->message = l->fields = NULL;
    return write_body(s, key, &brief, l);
}

bool letter_write(const settings *s, tu_str message, const char *key, const notifier_context *c,
                  letter *ret) {
    *ret = (letter){.body = message, .content_type = s->content_type};
    bool written = write_body(s, key, c, ret);
    if (written && s->cloud == CLOUD_STRUCTURED)
        written = wrap(s, key, ret);
    if (!written)
        letter_done(ret);
    return written;
}

void letter_done(letter *l) {
    cJSON_Delete(l->message);
    cJSON_Delete(l->fields);
    free(l->made);
    *l = (letter){0};
}
