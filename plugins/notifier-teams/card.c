/*
 * notifier-teams/card.c: a message of trueup as an Adaptive Card.
 *
 *     TextBlock   the title, coloured by severity, green once it is over
 *     TextBlock   how many, acknowledged by whom, notes
 *     Container   for each alert: its summary, a FactSet, the diff
 *     TextBlock   commands; which incident and delivery this is
 *
 * Invariants: TextBlocks and facts read Markdown, so every value in them is escaped; diffs stand in
 * RichTextBlocks, which read none. The body is written with as much as the first rung of the ladder
 * shows, and again with less until it fits: the last rung always does, because each of its few texts
 * is cut.
 */
#include "card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TITLE_TEXT = 400,
    OWN_TEXT = 8000, /* by the user's template */
    VALUE_TEXT = 300,
    BLOCK_TEXT = 400,
    LINE_TEXT = 300, /* of a diff */
    DIFF_TEXT = 16 * 1024
};

/* From the most to the least. */
static const struct rung {
    size_t alerts, diff_lines;
    bool facts;
    size_t own_text;
} ladder[] = {
    {20, 12, true, OWN_TEXT},    {20, 4, true, OWN_TEXT},      {10, 4, true, OWN_TEXT},
    {10, 0, true, OWN_TEXT / 2}, {20, 0, false, OWN_TEXT / 2}, {5, 0, false, OWN_TEXT / 4},
    {0, 0, false, OWN_TEXT / 8},
};
enum { RUNGS = sizeof ladder / sizeof *ladder };

static const char *word(const teams_page *p, const char *name) {
    return notifier_word(p->words, name);
}

/* --- elements ----------------------------------------------------------------------------------- */

static cJSON *element(cJSON *list, const char *type) {
    cJSON *e = cJSON_CreateObject();
    cJSON_AddStringToObject(e, "type", type);
    if (!cJSON_AddItemToArray(list, e)) {
        cJSON_Delete(e);
        return NULL;
    }
    return e;
}

/* text is Markdown already. */
static cJSON *text_block(cJSON *list, const char *text) {
    cJSON *e = element(list, "TextBlock");
    cJSON_AddStringToObject(e, "text", text ? text : "");
    cJSON_AddTrueToObject(e, "wrap");
    return e;
}

static void subtle(cJSON *block) {
    cJSON_AddTrueToObject(block, "isSubtle");
    cJSON_AddStringToObject(block, "size", "Small");
    cJSON_AddStringToObject(block, "spacing", "Small");
}

static void value_block(cJSON *list, const char *value, bool is_subtle) {
    char *text = notifier_value(tu_escape_markdown, value, BLOCK_TEXT);
    if (text && *text) {
        cJSON *block = text_block(list, text);
        if (is_subtle)
            subtle(block);
    }
    free(text);
}

static bool is_over(const cJSON *m) {
    return !strcmp(notifier_string(m, "status"), "resolved");
}

/* Words of Adaptive Cards for a text's colour; containers have the same, in lower case. */
static const char *color_of(const cJSON *m) {
    const char *severity = notifier_string(m, "severity");
    return is_over(m)                      ? "Good"
           : !strcmp(severity, "critical") ? "Attention"
           : !strcmp(severity, "warning")  ? "Warning"
                                           : "Accent";
}

/* --- one alert ---------------------------------------------------------------------------------- */

static void add_fact(void *facts, const char *name, const char *value) {
    char *title = notifier_value(tu_escape_markdown, name, VALUE_TEXT),
         *text = notifier_value(tu_escape_markdown, value, VALUE_TEXT);
    cJSON *fact = cJSON_CreateObject();
    if (title && text && *text && cJSON_AddStringToObject(fact, "title", title) &&
        cJSON_AddStringToObject(fact, "value", text))
        cJSON_AddItemToArray(facts, fact);
    else
        cJSON_Delete(fact);
    free(title);
    free(text);
}

static void add_diff_line(cJSON *list, const char *line, size_t n) {
    char *text = strndup(line, n);
    if (text && *text) {
        notifier_cut(text, LINE_TEXT);
        cJSON *block = element(list, "RichTextBlock");
        cJSON *inlines = cJSON_AddArrayToObject(block, "inlines");
        cJSON *run = element(inlines, "TextRun");
        cJSON_AddStringToObject(run, "text", text);
        cJSON_AddStringToObject(run, "fontType", "Monospace");
        cJSON_AddStringToObject(block, "spacing", "None");
    }
    free(text);
}

static void add_diff(const teams_page *p, const cJSON *alert, size_t lines, cJSON *list) {
    tu_out diff;
    tu_out_init(&diff, DIFF_TEXT);
    tu_wording_diff(p->words->language, alert, lines, &diff);
    for (const char *at = diff.text; at && *at;) {
        size_t n = strcspn(at, "\n");
        add_diff_line(list, at, n);
        at += n + (at[n] == '\n');
    }
    tu_out_done(&diff);
}

static void add_alert(const teams_page *p, const cJSON *alert, size_t number, size_t shown,
                      const struct rung *rung, cJSON *body) {
    cJSON *container = element(body, "Container");
    cJSON_AddTrueToObject(container, "separator");
    cJSON *items = cJSON_AddArrayToObject(container, "items");
    if (shown > 1 || !rung->facts) {
        char head[64];
        snprintf(head, sizeof head, "**%zu%s%s**  ", number, is_over(alert) ? " " : "",
                 is_over(alert) ? word(p, "resolved") : "");
        tu_out o;
        tu_out_init(&o, DIFF_TEXT);
        char *summary = notifier_sentence(p->words, alert, tu_escape_markdown, VALUE_TEXT);
        tu_out_add_c(&o, head);
        tu_out_add_c(&o, summary ? summary : "");
        text_block(items, o.text);
        free(summary);
        tu_out_done(&o);
    }
    if (rung->facts) {
        cJSON *facts = cJSON_CreateArray();
        notifier_facts(p->words, p->message, alert, shown == 1, add_fact, facts);
        if (cJSON_GetArraySize(facts))
            cJSON_AddItemToObject(element(items, "FactSet"), "facts", facts);
        else
            cJSON_Delete(facts);
    }
    if (rung->diff_lines && !is_over(alert))
        add_diff(p, alert, rung->diff_lines, items);
    if (cJSON_GetArraySize(items) == 0) /* a container needs one */
        value_block(items, notifier_string(alert, "summary"), false);
}

static void add_alerts(const teams_page *p, const struct rung *rung, cJSON *body) {
    const cJSON *alerts = cJSON_GetObjectItemCaseSensitive(p->message, "alerts"), *alert;
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(p->message, "counts");
    double all = notifier_number(counts, "firing") + notifier_number(counts, "resolved");
    size_t shown = (size_t)cJSON_GetArraySize(alerts), number = 0;
    cJSON_ArrayForEach(alert, alerts) {
        if (number == rung->alerts)
            break;
        number++;
        add_alert(p, alert, number, shown, rung, body);
    }
    if (all > (double)number && number) {
        char *more = notifier_more(p->words, all - (double)number);
        value_block(body, more ? more : "...", false);
        free(more);
    }
}

/* --- the card ----------------------------------------------------------------------------------- */

static void add_title(const teams_page *p, cJSON *body) {
    tu_out o;
    tu_out_init(&o, DIFF_TEXT);
    notifier_title(p->words, p->message, tu_escape_markdown, &o);
    if (o.text)
        notifier_cut(o.text, TITLE_TEXT);
    cJSON *block = text_block(body, o.text && o.n ? o.text : "trueup");
    cJSON_AddStringToObject(block, "size", "Large");
    cJSON_AddStringToObject(block, "weight", "Bolder");
    cJSON_AddStringToObject(block, "color", color_of(p->message));
    tu_out_done(&o);
}

static void add_state(const teams_page *p, cJSON *body) {
    const cJSON *m = p->message,
                *acknowledged = cJSON_GetObjectItemCaseSensitive(m, "acknowledged");
    char text[700], note[NOTIFIER_NOTE_ROOM];
    tu_out o;
    tu_out_init(&o, BLOCK_TEXT);
    notifier_counts(p->words, m, &o);
    if (o.text && o.n)
        text_block(body, o.text);
    tu_out_done(&o);
    if (notifier_number(m, "escalation") >= 1) {
        snprintf(text, sizeof text, "%s %.0f", word(p, "escalated"),
                 notifier_number(m, "escalation"));
        value_block(body, text, false);
    }
    if (acknowledged) {
        const char *comment = notifier_string(acknowledged, "comment");
        snprintf(text, sizeof text, "%s: %.200s%s%.300s", word(p, "acknowledged"),
                 notifier_string(acknowledged, "by"), *comment ? ": " : "", comment);
        value_block(body, text, false);
    }
    value_block(body, notifier_note(p->words, m, note), false);
}

static void add_tail(const teams_page *p, bool commands, cJSON *body) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(p->message, "commands");
    char text[600];
    if (commands) {
        value_block(body, notifier_string(list, "look"), true);
        value_block(body, notifier_string(list, "acknowledge"), true);
    }
    if (p->uncertain)
        value_block(body, word(p, "duplicate"), true);
    snprintf(text, sizeof text, "trueup %.80s / %.80s / %.64s / %.64s",
             notifier_string(p->message, "installation"), notifier_string(p->message, "route"),
             notifier_string(p->message, "incident"), p->key);
    value_block(body, text, true);
}

static cJSON *make_card(const teams_page *p, const struct rung *rung) {
    cJSON *card = cJSON_CreateObject();
    cJSON_AddStringToObject(card, "$schema", "http://adaptivecards.io/schemas/adaptive-card.json");
    cJSON_AddStringToObject(card, "type", "AdaptiveCard");
    cJSON_AddStringToObject(card, "version", "1.4");
    cJSON_AddStringToObject(cJSON_AddObjectToObject(card, "msteams"), "width", "Full");
    cJSON *body = cJSON_AddArrayToObject(card, "body");
    tu_out own;
    tu_out_init(&own, (size_t)256 * 1024);
    add_title(p, body);
    bool has_own = !p->brief && notifier_text(p->words, p->message, tu_escape_markdown, &own);
    if (!p->brief)
        add_state(p, body);
    if (has_own && own.text) {
        notifier_cut(own.text, rung->own_text);
        text_block(body, own.text);
    } else if (!p->brief) {
        add_alerts(p, rung, body);
    }
    tu_out_done(&own);
    const cJSON *alerts = cJSON_GetObjectItemCaseSensitive(p->message, "alerts");
    add_tail(p, p->brief || has_own || !rung->facts || cJSON_GetArraySize(alerts) > 1, body);
    return card;
}

static char *make_body(const teams_page *p, const struct rung *rung) {
    cJSON *envelope = cJSON_CreateObject();
    cJSON_AddStringToObject(envelope, "type", "message");
    cJSON *attachment = cJSON_CreateObject(),
          *attachments = cJSON_AddArrayToObject(envelope, "attachments");
    cJSON_AddStringToObject(attachment, "contentType", "application/vnd.microsoft.card.adaptive");
    cJSON_AddNullToObject(attachment, "contentUrl");
    cJSON_AddItemToObject(attachment, "content", make_card(p, rung));
    cJSON_AddItemToArray(attachments, attachment);
    char *text = cJSON_PrintUnformatted(envelope);
    cJSON_Delete(envelope);
    return text;
}

char *teams_body(const teams_page *p) {
    for (size_t i = p->brief ? RUNGS - 1 : 0; i < RUNGS; i++) {
        char *text = make_body(p, &ladder[i]);
        if (!text || strlen(text) <= TEAMS_BODY_LIMIT)
            return text;
        cJSON_free(text);
    }
    return NULL;
}
