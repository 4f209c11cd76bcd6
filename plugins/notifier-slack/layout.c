/*
 * notifier-slack/layout.c: a message of trueup as Block Kit.
 *
 *     blocks       header: the title            (and the mention, which notifies only here)
 *     attachments  one, whose colour is the severity, green once it is over:
 *                  section: how many, acknowledged by whom, notes
 *                  section for each alert: summary, diff in a fence, facts
 *                  context: commands; which incident and delivery this is
 *
 * Invariants: every value is without control characters and escaped; "verbatim" keeps Slack from
 * making links and mentions of what is left. No text is longer than its block may hold, and all
 * together stay below TEXT_BUDGET: alerts share what there is, and those that find no room are
 * counted. A fence that is cut is closed.
 */
#include "layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXT_BUDGET = 11500, /* of SLACK_TEXT_SUM */
    TAIL_RESERVE = 1600, /* of it, for what stands below the alerts */
    SECTION_TEXT = 2900, /* of SLACK_SECTION */
    TAIL_BLOCKS = 4,     /* of SLACK_BLOCKS, for the same */
    LEAST_ALERT = 200,   /* an alert that would get less isn't shown */
    FULL_ALERTS = 3,     /* up to so many have facts and a long diff */
    DIFF_ALERTS = 10,    /* up to so many have a short diff */
    LONG_DIFF = 12,
    SHORT_DIFF = 4,
    REPLY_ALERTS = 5,
    FACT_TEXT = 400,
    NOTE_TEXT = 600
};

/* Where blocks are added to. Once memory runs out, nothing more is. */
typedef struct page {
    const slack_page *p;
    cJSON *blocks;
    size_t count; /* of blocks, everywhere */
    size_t left;  /* of the budget */
    bool failed;
} page;

/* --- texts -------------------------------------------------------------------------------------- */

static void out_begin(tu_out *o) {
    tu_out_init(o, (size_t)256 * 1024);
}

/* And no value opens a fence or code: backticks become U+02CB, which looks like one. Slack has no escape for them. */
static void escape(tu_out *o, const char *value, size_t n) {
    for (size_t i = 0; i < n;) {
        const char *tick = memchr(value + i, '`', n - i);
        size_t run = tick ? (size_t)(tick - value) - i : n - i;
        tu_escape_slack(o, value + i, run);
        i += run;
        if (tick)
            tu_out_add_c(o, "\xCB\x8B");
        i += tick != NULL;
    }
}

static const char *word(const slack_page *p, const char *name) {
    return notifier_word(p->words, name);
}

/* Closes a code fence that was cut open. Room for it is left by the callers. */
static void close_fence(char **text) {
    size_t fences = 0;
    for (const char *at = *text; (at = strstr(at, "```")); at += 3)
        fences++;
    if (fences % 2 == 0)
        return;
    char *closed = malloc(strlen(*text) + 5);
    if (closed)
        snprintf(closed, strlen(*text) + 5, "%s\n```", *text);
    free(*text);
    *text = closed;
}

/* Adds a line: "*label*  text". Takes text, which is escaped. */
static void add_escaped(tu_out *o, const char *label, char *text) {
    if (o->n)
        tu_out_add_c(o, "\n");
    if (label) {
        tu_out_add_c(o, "*");
        tu_out_add_c(o, label);
        tu_out_add_c(o, "*  ");
    }
    tu_out_add_c(o, text ? text : "");
    free(text);
}

static void add_line(tu_out *o, const char *label, const char *value, size_t limit) {
    add_escaped(o, label, notifier_value(escape, value, limit));
}

static void add_sentence(const slack_page *p, const cJSON *alert, const char *label, tu_out *o) {
    add_escaped(o, label, notifier_sentence(p->words, alert, escape, FACT_TEXT));
}

/* --- blocks ------------------------------------------------------------------------------------- */

static cJSON *text_object(const char *type, const char *text) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "type", type);
    cJSON_AddStringToObject(o, "text", text);
    if (!strcmp(type, "mrkdwn"))
        cJSON_AddTrueToObject(o, "verbatim");
    else
        cJSON_AddFalseToObject(o, "emoji");
    return o;
}

static bool has_room(const page *g, size_t text) {
    return !g->failed && g->count < SLACK_BLOCKS && text <= g->left;
}

/* Takes block; counts its text. */
static void add_block(page *g, cJSON *block, size_t text) {
    if (!block || !cJSON_AddItemToArray(g->blocks, block)) {
        cJSON_Delete(block);
        g->failed = true;
        return;
    }
    g->count++;
    g->left -= text;
}

static void add_header(page *g, const char *title) {
    cJSON *block = cJSON_CreateObject();
    cJSON_AddStringToObject(block, "type", "header");
    cJSON_AddItemToObject(block, "text", text_object("plain_text", title));
    add_block(g, block, notifier_length(title));
}

/* Takes text (malloc'd; NULL: no memory), cut to limit. */
static void add_section(page *g, char *text, size_t limit) {
    if (text && !*text) {
        free(text);
        return;
    }
    if (text && limit > 4) {
        notifier_cut(text, limit - 4); /* "\n```" */
        close_fence(&text);
    }
    g->failed |= !text;
    size_t n = text ? notifier_length(text) : 0;
    if (has_room(g, n)) {
        cJSON *block = cJSON_CreateObject();
        cJSON_AddStringToObject(block, "type", "section");
        cJSON_AddItemToObject(block, "text", text_object("mrkdwn", text));
        add_block(g, block, n);
    }
    free(text);
}

static void add_context(page *g, char *text) {
    g->failed |= !text;
    if (text)
        notifier_cut(text, SLACK_CONTEXT / 2);
    size_t n = text ? notifier_length(text) : 0;
    if (n && has_room(g, n)) {
        cJSON *block = cJSON_CreateObject();
        cJSON_AddStringToObject(block, "type", "context");
        cJSON *elements = cJSON_AddArrayToObject(block, "elements");
        cJSON_AddItemToArray(elements, text_object("mrkdwn", text));
        add_block(g, block, n);
    }
    free(text);
}

/* --- one alert ---------------------------------------------------------------------------------- */

static void add_diff(const slack_page *p, const cJSON *alert, size_t lines, tu_out *o) {
    tu_out diff;
    out_begin(&diff);
    tu_wording_diff(p->words->language, alert, lines, &diff);
    if (diff.text && diff.n) {
        tu_out_add_c(o, o->n ? "\n```\n" : "```\n");
        escape(o, diff.text, diff.n);
        tu_out_add_c(o, diff.text[diff.n - 1] == '\n' ? "```" : "\n```");
    }
    tu_out_done(&diff);
}

static void add_fact(void *arg, const char *name, const char *value) {
    add_line(arg, name, value, FACT_TEXT);
}

static char *alert_text(const slack_page *p, const cJSON *alert, size_t number, size_t shown) {
    bool over = !strcmp(notifier_string(alert, "status"), "resolved");
    char label[80];
    tu_out o;
    out_begin(&o);
    if (shown > 1) {
        snprintf(label, sizeof label, "%zu.%s%s", number, over ? " " : "",
                 over ? word(p, "resolved") : "");
        add_sentence(p, alert, label, &o);
    }
    if (!over && shown <= DIFF_ALERTS)
        add_diff(p, alert, shown <= FULL_ALERTS ? LONG_DIFF : SHORT_DIFF, &o);
    if (shown <= FULL_ALERTS)
        notifier_facts(p->words, p->message, alert, shown == 1, add_fact, &o);
    return o.text;
}

static size_t share(size_t left, size_t alerts) {
    size_t each = alerts ? left / alerts : left;
    return each > SECTION_TEXT ? SECTION_TEXT : each < LEAST_ALERT ? LEAST_ALERT : each;
}

/* What alerts may still take. */
static size_t room_for_alerts(const page *g) {
    return g->left > TAIL_RESERVE && g->count + TAIL_BLOCKS < SLACK_BLOCKS && !g->failed
               ? g->left - TAIL_RESERVE
               : 0;
}

/* Each in a section of its own. Returns how many found room. */
static size_t add_sections(page *g, const cJSON *alerts, size_t shown) {
    const cJSON *alert;
    size_t number = 0;
    cJSON_ArrayForEach(alert, alerts) {
        size_t room = room_for_alerts(g);
        if (room < LEAST_ALERT)
            break;
        add_section(g, alert_text(g->p, alert, number + 1, shown), share(room, shown - number));
        number++;
    }
    return number;
}

/* Many have a line each, and as few sections as hold these. */
static size_t add_lines(page *g, const cJSON *alerts, size_t shown) {
    const cJSON *alert = alerts->child;
    size_t number = 0;
    while (alert && room_for_alerts(g) >= SECTION_TEXT) {
        tu_out o;
        out_begin(&o);
        for (; alert && (o.n == 0 || o.n + 4 * FACT_TEXT < SECTION_TEXT); alert = alert->next) {
            char *line = alert_text(g->p, alert, ++number, shown);
            tu_out_add_c(&o, o.n ? "\n" : "");
            tu_out_add_c(&o, line ? line : "");
            free(line);
        }
        add_section(g, o.text, SECTION_TEXT);
    }
    return number;
}

static void add_alerts(page *g) {
    const cJSON *alerts = cJSON_GetObjectItemCaseSensitive(g->p->message, "alerts");
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(g->p->message, "counts");
    size_t shown = (size_t)cJSON_GetArraySize(alerts);
    double all = notifier_number(counts, "firing") + notifier_number(counts, "resolved");
    size_t number =
        shown > DIFF_ALERTS ? add_lines(g, alerts, shown) : add_sections(g, alerts, shown);
    if (all > (double)number && number)
        add_section(g, notifier_more(g->p->words, all - (double)number), SECTION_TEXT);
}

/* The user's own text instead: as many sections as it takes. */
static void add_own_text(page *g, const char *text) {
    size_t sections = 0;
    while (*text && sections++ < 8 && !g->failed) {
        size_t n = strlen(text), take = n;
        if (n > SECTION_TEXT) { /* cut between lines where there are any */
            take = SECTION_TEXT;
            while (take > SECTION_TEXT / 2 && text[take - 1] != '\n')
                take--;
            if (text[take - 1] != '\n')
                take = SECTION_TEXT;
            while (take && ((unsigned char)text[take] & 0xC0) == 0x80)
                take--;
        }
        add_section(g, strndup(text, take), SLACK_SECTION);
        text += take;
    }
}

/* --- the whole ---------------------------------------------------------------------------------- */

static void add_state(page *g) {
    const cJSON *m = g->p->message;
    const cJSON *acknowledged = cJSON_GetObjectItemCaseSensitive(m, "acknowledged");
    char text[32], note[NOTIFIER_NOTE_ROOM];
    tu_out o;
    out_begin(&o);
    notifier_counts(g->p->words, m, &o);
    if (notifier_number(m, "escalation") >= 1) {
        snprintf(text, sizeof text, "%.0f", notifier_number(m, "escalation"));
        add_line(&o, word(g->p, "escalated"), text, sizeof text);
    }
    if (acknowledged) {
        char by[NOTE_TEXT];
        const char *comment = notifier_string(acknowledged, "comment");
        snprintf(by, sizeof by, "%.200s%s%.300s", notifier_string(acknowledged, "by"),
                 *comment ? ": " : "", comment);
        add_line(&o, word(g->p, "acknowledged"), by, NOTE_TEXT);
    }
    if (*notifier_note(g->p->words, m, note))
        add_line(&o, NULL, note, NOTE_TEXT);
    add_section(g, o.text, SECTION_TEXT);
}

static void add_command(const slack_page *p, const char *name, tu_out *o) {
    const cJSON *commands = cJSON_GetObjectItemCaseSensitive(p->message, "commands");
    char *text = notifier_value(escape, notifier_string(commands, name), 300);
    if (text && *text) {
        tu_out_add_c(o, o->n ? "\n`" : "`");
        tu_out_add_c(o, text);
        tu_out_add_c(o, "`");
    }
    free(text);
}

/* Which delivery this is, so that a duplicate can be known as one. */
static void add_identity(page *g) {
    const slack_page *p = g->p;
    char text[512];
    tu_out o;
    out_begin(&o);
    if (p->uncertain)
        add_line(&o, NULL, word(p, "duplicate"), 200);
    snprintf(text, sizeof text, "trueup %.80s / %.80s / %.64s / %.64s",
             notifier_string(p->message, "installation"), notifier_string(p->message, "route"),
             notifier_string(p->message, "incident"), p->key);
    add_line(&o, NULL, text, sizeof text);
    add_context(g, o.text);
}

static const char *color_of(const cJSON *m) {
    const char *severity = notifier_string(m, "severity");
    return !strcmp(notifier_string(m, "status"), "resolved") ? "#2eb67d"
           : !strcmp(severity, "critical")                   ? "#d00000"
           : !strcmp(severity, "warning")                    ? "#daa038"
                                                             : "#439fe0";
}

static char *title_of(const slack_page *p, size_t limit) {
    tu_out o;
    out_begin(&o);
    notifier_title(p->words, p->message, escape, &o);
    if (o.text && !o.n)
        notifier_add(&o, escape, notifier_string(p->message, "summary"));
    if (o.text && !o.n)
        tu_out_add_c(&o, "trueup");
    if (o.text)
        notifier_cut(o.text, limit);
    return o.text;
}

static void fill(page *g) {
    tu_out own;
    add_state(g);
    out_begin(&own);
    bool has_own = notifier_text(g->p->words, g->p->message, escape, &own) && own.text;
    if (has_own)
        add_own_text(g, own.text);
    else
        add_alerts(g);
    tu_out_done(&own);
    const cJSON *alerts = cJSON_GetObjectItemCaseSensitive(g->p->message, "alerts");
    if (cJSON_GetArraySize(alerts) > 1 || has_own) { /* otherwise the facts have them */
        tu_out commands;
        out_begin(&commands);
        add_command(g->p, "look", &commands);
        add_command(g->p, "acknowledge", &commands);
        add_context(g, commands.text);
    }
    add_identity(g);
}

/* A text that stands alone: the title, who is meant, and how to go on. */
static char *plain_text(const slack_page *p) {
    char *title = title_of(p, SLACK_FALLBACK / 2);
    tu_out o;
    out_begin(&o);
    if (p->mention) {
        tu_out_add_c(&o, p->mention);
        tu_out_add_c(&o, " ");
    }
    tu_out_add_c(&o, title ? title : "trueup");
    if (p->brief) {
        tu_out_add_c(&o, "\n");
        add_command(p, "look", &o);
        tu_out_add_c(&o, "\n");
        if (p->uncertain)
            add_line(&o, NULL, word(p, "duplicate"), 200);
        notifier_add(&o, escape, p->key);
    }
    free(title);
    if (o.text)
        notifier_cut(o.text, SLACK_FALLBACK);
    return o.text;
}

static cJSON *finish(cJSON *body, bool failed) {
    if (!failed)
        return body;
    cJSON_Delete(body);
    return NULL;
}

/* {"text"} with empty lists beside it, so that an update takes away what was there. */
static cJSON *begin(const slack_page *p, page *g) {
    cJSON *body = cJSON_CreateObject();
    char *text = plain_text(p);
    bool done = body && text && cJSON_AddStringToObject(body, "text", text);
    *g = (page){.p = p, .left = TEXT_BUDGET};
    g->blocks = cJSON_AddArrayToObject(body, "blocks");
    g->failed = !done || !g->blocks;
    free(text);
    return body;
}

cJSON *slack_message(const slack_page *p) {
    page g;
    cJSON *body = begin(p, &g), *attachments = cJSON_AddArrayToObject(body, "attachments");
    bool heartbeat = !strcmp(notifier_string(p->message, "kind"), "Heartbeat");
    if (g.failed || !attachments || p->brief)
        return finish(body, g.failed || !attachments);
    char *title = title_of(p, SLACK_HEADER);
    g.failed |= !title;
    if (title && !heartbeat)
        add_header(&g, title);
    else if (title)
        add_context(&g, strdup(title));
    free(title);
    if (p->mention)
        add_section(&g, strdup(p->mention), SLACK_SECTION);
    if (heartbeat)
        return finish(body, g.failed);
    cJSON *attachment = cJSON_CreateObject();
    cJSON_AddStringToObject(attachment, "color", color_of(p->message));
    g.blocks = cJSON_AddArrayToObject(attachment, "blocks");
    g.failed |= !g.blocks || !cJSON_AddItemToArray(attachments, attachment);
    if (g.failed) {
        if (!g.blocks)
            cJSON_Delete(attachment);
        return finish(body, true);
    }
    fill(&g);
    return finish(body, g.failed);
}

cJSON *slack_reply(const slack_page *p) {
    page g;
    cJSON *body = begin(p, &g);
    if (g.failed || p->brief)
        return finish(body, g.failed);
    const cJSON *alerts = cJSON_GetObjectItemCaseSensitive(p->message, "alerts"), *alert;
    char *title = title_of(p, SLACK_HEADER * 4);
    size_t n = 0;
    add_section(&g, title, SLACK_SECTION);
    if (p->mention)
        add_section(&g, strdup(p->mention), SLACK_SECTION);
    add_state(&g);
    tu_out o;
    out_begin(&o);
    if (cJSON_GetArraySize(alerts) > 1)
        cJSON_ArrayForEach(alert, alerts) if (n++ < REPLY_ALERTS) add_sentence(
            p, alert, notifier_string(alert, "status")[0] == 'r' ? word(p, "resolved") : NULL, &o);
    add_section(&g, o.text, SECTION_TEXT);
    add_identity(&g);
    return finish(body, g.failed);
}
