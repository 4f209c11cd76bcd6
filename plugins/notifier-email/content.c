/* notifier-email/content.c: see content.h. The text part is in trueup's common words; html.c lays out the other. */
#include "content.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "html.h"

#define SUBJECT_CHARACTERS 200u
#define PART_LIMIT ((size_t)2 * 1024 * 1024)
#define ALERTS 100u /* the message itself has at most alertsPerMessage */

/* --- headers ---------------------------------------------------------------------------------- */

/* "2026-11-23T05:00:00Z"; now where it is none. */
static int64_t time_of(const cJSON *message) {
    struct tm t = {0};
    const char *text = notifier_string(message, "updatedAt");
    const char *end = *text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &t) : NULL;
    return end ? (int64_t)timegm(&t) : (int64_t)time(NULL);
}

/* "[trueup] shop: rule cart, namespace pay": what doesn't change while the incident lives. */
static void stable_subject(const cJSON *message, tu_out *o) {
    const char *route = notifier_string(message, "route"), *separator = *route ? ": " : "";
    const cJSON *label;
    tu_out_add_c(o, "[trueup] ");
    tu_out_add_c(o, route);
    cJSON_ArrayForEach(label, cJSON_GetObjectItemCaseSensitive(message, "group")) {
        if (!cJSON_IsString(label) || !*label->valuestring)
            continue;
        tu_out_add_c(o, separator);
        tu_out_add_c(o, label->string);
        tu_out_add_c(o, " ");
        tu_out_add_c(o, label->valuestring);
        separator = ", ";
    }
}

static bool is_alert_of_an_incident(const cJSON *message) {
    return *notifier_string(message, "incident") && !notifier_event_is(message, "test");
}

static void add_subject(const settings *s, const content *c, tu_out *out) {
    const cJSON *message = c->message;
    tu_out o;
    tu_out_init(&o, 64 * 1024);
    if (s->words.title || !is_alert_of_an_incident(message)) {
        notifier_title(&s->words, message, tu_escape_header, &o);
    } else {
        stable_subject(message, &o);
    }
    if (o.text)
        notifier_cut(o.text, SUBJECT_CHARACTERS);
    mime_add_text(out, "Subject", o.text && *o.text ? o.text : "[trueup]");
    tu_out_done(&o);
}

/* A label of a name: letters, digits and '-'. */
static void atom(const char *text, char *out, size_t room) {
    size_t n = 0;
    for (; *text && n + 1 < room; text++) {
        bool word = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
                    (*text >= '0' && *text <= '9');
        if (word || (n && out[n - 1] != '-'))
            out[n++] = word ? *text : '-';
    }
    while (n && out[n - 1] == '-')
        n--;
    out[n] = '\0';
}

/* For filters: the route, as a list of this installation's domain (RFC 2919). */
static void add_list_id(const settings *s, const content *c, tu_out *out) {
    char route[40], value[ID_ROOM];
    atom(notifier_string(c->message, "route"), route, sizeof route);
    snprintf(value, sizeof value, "<%s%strueup.%s>", route, *route ? "." : "", s->domain);
    mime_add_plain(out, "List-Id", value);
}

/* For filters that want more; words of trueup's own, never an object's text. */
static void add_marks(const content *c, tu_out *out) {
    static const char *const marks[][2] = {{"X-Trueup-Event", "event"},
                                           {"X-Trueup-Status", "status"},
                                           {"X-Trueup-Severity", "severity"}};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        char value[40];
        atom(notifier_string(c->message, marks[i][1]), value, sizeof value);
        if (*value)
            mime_add_plain(out, marks[i][0], value);
    }
    if (c->uncertain)
        mime_add_plain(out, "X-Trueup-Possible-Duplicate", "yes");
}

/* Is it an id as mime_id() makes them? What comes back from the store goes into a header. */
static bool is_id(const char *text) {
    size_t n = strlen(text);
    return n > 2 && n < ID_ROOM && text[0] == '<' && text[n - 1] == '>' &&
           strspn(text + 1,
                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.@-_[]:") == n - 2;
}

static void add_thread(const settings *s, const content *c, tu_out *out) {
    const char *incident = notifier_string(c->message, "incident");
    char root[ID_ROOM], references[2 * ID_ROOM];
    if (!is_alert_of_an_incident(c->message))
        return;
    mime_id("incident", incident, s->domain, root, sizeof root);
    bool answers = is_id(c->before);
    mime_add_plain(out, "In-Reply-To", answers ? c->before : root);
    snprintf(references, sizeof references, "%s%s%s", root, answers ? " " : "",
             answers ? c->before : "");
    mime_add_plain(out, "References", references);
}

static void add_headers(const settings *s, const content *c, const char *id, tu_out *out) {
    mime_add_date(out, time_of(c->message));
    mime_add_addresses(out, "From", &s->from, 1);
    mime_add_addresses(out, "To", s->to, s->to_count);
    if (s->cc_count)
        mime_add_addresses(out, "Cc", s->to + s->to_count, s->cc_count);
    add_subject(s, c, out);
    mime_add_plain(out, "Message-ID", id);
    add_thread(s, c, out);
    mime_add_plain(out, "Auto-Submitted", "auto-generated");
    mime_add_plain(out, "X-Auto-Response-Suppress", "All");
    add_list_id(s, c, out);
    add_marks(c, out);
    mime_add_plain(out, "MIME-Version", "1.0");
}

/* --- parts ------------------------------------------------------------------------------------ */

static void add_text(const settings *s, const content *c, tu_out *o) {
    if (!notifier_text(&s->words, c->message, tu_escape_none, o))
        tu_wording_text(s->words.language, c->message, c->brief ? 1 : ALERTS, o);
    if (o->n && o->text && o->text[o->n - 1] != '\n')
        tu_out_add_c(o, "\n");
}

/* A text that hit its limit is cut, and says so: half a mail is better than none. */
static void add_part(tu_out *out, const char *type, const tu_out *part) {
    static const char cut[] = "\n... (cut)\n";
    size_t n = part->n;
    if (!part->text || !part->failed) {
        mime_add_part(out, type, part->text ? part->text : "", part->text ? n : 0);
        return;
    }
    char *text = malloc(n + sizeof cut);
    if (!text) {
        out->failed = true;
        return;
    }
    memcpy(text, part->text, n);
    memcpy(text + n, cut, sizeof cut);
    mime_add_part(out, type, text, n + sizeof cut - 1);
    free(text);
}

static void add_parts(const settings *s, const content *c, tu_out *out, const tu_out *text) {
    char boundary[80], root[ID_ROOM];
    tu_out html;
    /* "=_" stands neither in base64 nor in quoted-printable, so it is in no part */
    mime_id("part", c->key, "x", root, sizeof root);
    snprintf(boundary, sizeof boundary, "=_%.45s", root + 1);
    *strchr(boundary, '@') = '\0';
    tu_out_init(&html, PART_LIMIT);
    html_add(s, c->message, &html);
    tu_out_add_c(out, "Content-Type: multipart/alternative;\r\n boundary=\"");
    tu_out_add_c(out, boundary);
    tu_out_add_c(out, "\"\r\n\r\n--");
    tu_out_add_c(out, boundary);
    tu_out_add_c(out, "\r\n");
    add_part(out, "text/plain", text);
    tu_out_add_c(out, "\r\n--");
    tu_out_add_c(out, boundary);
    tu_out_add_c(out, "\r\n");
    add_part(out, "text/html", &html);
    tu_out_add_c(out, "\r\n--");
    tu_out_add_c(out, boundary);
    tu_out_add_c(out, "--\r\n");
    tu_out_done(&html);
}

bool content_make(const settings *s, const content *c, tu_out *out, char id[ID_ROOM]) {
    tu_out text;
    tu_out_init(&text, c->brief ? 16 * 1024 : PART_LIMIT);
    mime_id("message", c->key, s->domain, id, ID_ROOM);
    add_headers(s, c, id, out);
    add_text(s, c, &text);
    if (c->brief)
        add_part(out, "text/plain", &text);
    else
        add_parts(s, c, out, &text);
    tu_out_done(&text);
    return !out->failed && out->text;
}
