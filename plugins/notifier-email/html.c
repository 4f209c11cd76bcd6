/* notifier-email/html.c: see html.h. Styles stand in the elements: mail programs drop style sheets. */
#include "html.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES ((size_t)4096)
#define DIFF_LINES 20u
#define DIFF_BYTES ((size_t)32 * 1024)

static void add_escaped(tu_out *o, const char *text) {
    char *line = mime_one_line(text, TEXT_BYTES);
    if (line)
        tu_escape_html(o, line, strlen(line));
    else
        o->failed = true;
    free(line);
}

static void add_row(void *arg, const char *name, const char *value) {
    tu_out *o = arg;
    tu_out_add_c(o, "<tr><td style=\"padding:2px 12px 2px 0;color:#666;vertical-align:top\">");
    add_escaped(o, name ? name : "");
    tu_out_add_c(o, "</td><td style=\"padding:2px 0\">");
    add_escaped(o, value);
    tu_out_add_c(o, "</td></tr>\n");
}

/* "- path: desired" in red, "+ path: live" in green. */
static void add_diff(const settings *s, const cJSON *alert, tu_out *o) {
    tu_out diff;
    tu_out_init(&diff, DIFF_BYTES);
    tu_wording_diff(s->words.language, alert, DIFF_LINES, &diff);
    if (diff.text && diff.n)
        tu_out_add_c(o, "<pre style=\"background:#f6f8fa;padding:8px;white-space:pre-wrap\">");
    for (const char *line = diff.text; line && *line;) {
        size_t n = strcspn(line, "\n");
        const char *color = *line == '-' ? "#b31d28" : *line == '+' ? "#176f2c" : "#444";
        tu_out_add_c(o, "<span style=\"color:");
        tu_out_add_c(o, color);
        tu_out_add_c(o, "\">");
        tu_escape_html(o, line, n);
        tu_out_add_c(o, "</span>\n");
        line += n + (line[n] == '\n');
    }
    if (diff.text && diff.n)
        tu_out_add_c(o, "</pre>\n");
    tu_out_done(&diff);
}

static void add_alert(const settings *s, const cJSON *message, const cJSON *alert, tu_out *o) {
    tu_out_add_c(o, "<table style=\"border-collapse:collapse;margin:12px 0 4px\">\n");
    tu_wording_facts(s->words.language, message, alert, add_row, o);
    tu_out_add_c(o, "</table>\n");
    if (strcmp(notifier_string(alert, "status"), "resolved") != 0)
        add_diff(s, alert, o);
}

static const char *color_of(const cJSON *message) {
    static const char *const colors[][2] = {
        {"critical", "#b31d28"}, {"warning", "#b08800"}, {"info", "#0366d6"}};
    if (!strcmp(notifier_string(message, "status"), "resolved"))
        return "#176f2c";
    for (size_t i = 0; i < sizeof colors / sizeof *colors; i++)
        if (!strcmp(notifier_string(message, "severity"), colors[i][0]))
            return colors[i][1];
    return "#444";
}

/* What stands beside the alerts: the note, who acknowledged. */
static void add_remarks(const settings *s, const cJSON *message, tu_out *o) {
    const cJSON *acknowledged = cJSON_GetObjectItemCaseSensitive(message, "acknowledged");
    char note[NOTIFIER_NOTE_ROOM];
    const char *by = notifier_string(acknowledged, "by");
    const char *word = tu_wording_word(s->words.language, "fact acknowledged");
    if (*notifier_note(&s->words, message, note)) {
        tu_out_add_c(o, "<p>");
        add_escaped(o, note);
        tu_out_add_c(o, "</p>\n");
    }
    if (*by) {
        tu_out_add_c(o, "<p>");
        add_escaped(o, word ? word : "acknowledged");
        tu_out_add_c(o, ": ");
        add_escaped(o, by);
        tu_out_add_c(o, " ");
        add_escaped(o, notifier_string(acknowledged, "comment"));
        tu_out_add_c(o, "</p>\n");
    }
}

static void add_rest(const settings *s, const cJSON *message, int shown, tu_out *o) {
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(message, "counts");
    double rest = notifier_number(counts, "firing") + notifier_number(counts, "resolved") - shown;
    const char *word = tu_wording_word(s->words.language, "and more"), *place;
    char number[32];
    if (rest < 1 || !word)
        return;
    snprintf(number, sizeof number, "%.0f", rest);
    place = strstr(word, "{0}");
    tu_out_add_c(o, "<p>");
    tu_out_add(o, word, place ? (size_t)(place - word) : strlen(word));
    if (place) {
        tu_out_add_c(o, number);
        tu_out_add_c(o, place + 3);
    }
    tu_out_add_c(o, "</p>\n");
}

static void add_own(const settings *s, const cJSON *message, tu_out *o) {
    const cJSON *alerts = cJSON_GetObjectItemCaseSensitive(message, "alerts"), *alert;
    tu_out title;
    tu_out_init(&title, 8192);
    tu_wording_title(s->words.language, message, &title);
    tu_out_add_c(
        o, "<h2 style=\"font-size:16px;margin:0 0 8px;padding-left:8px;border-left:4px solid ");
    tu_out_add_c(o, color_of(message));
    tu_out_add_c(o, "\">");
    add_escaped(o, title.text ? title.text : "");
    tu_out_add_c(o, "</h2>\n");
    tu_out_done(&title);
    add_remarks(s, message, o);
    cJSON_ArrayForEach(alert, alerts) add_alert(s, message, alert, o);
    if (!cJSON_IsArray(alerts) && *notifier_string(message, "verdict"))
        add_alert(s, message, message, o); /* a message that is its only alert */
    else
        add_rest(s, message, cJSON_GetArraySize(alerts), o);
}

void html_add(const settings *s, const cJSON *message, tu_out *o) {
    tu_out own;
    tu_out_init(&own, DIFF_BYTES * 8);
    if (s->html && tu_template_render(s->html, message, NULL, tu_escape_html, &own) && own.n) {
        tu_out_add(o, own.text, own.n);
    } else { /* also when the template can't be rendered: the alert goes out in trueup's words */
        tu_out_add_c(o, "<div style=\"font:14px/1.4 sans-serif;color:#222;margin:0 0 24px\">\n");
        add_own(s, message, o);
        tu_out_add_c(o, "</div>\n");
    }
    tu_out_done(&own);
}
