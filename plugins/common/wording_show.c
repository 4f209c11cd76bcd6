/*
 * common/wording_show.c: names, values, durations and the short diff, as people read them.
 *
 * Nothing of a message comes out as it is: every text is made visible, in one line, and cut. A sealed value is the text
 * "<sealed>" in the message already, and there is no other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wording_inside.h"

const cJSON *wording_at(const cJSON *object, const char *name) {
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

const char *wording_text_at(const cJSON *object, const char *name) {
    const cJSON *v = wording_at(object, name);
    return cJSON_IsString(v) ? v->valuestring : "";
}

int64_t wording_number_at(const cJSON *object, const char *name) {
    const cJSON *v = wording_at(object, name);
    if (cJSON_IsRaw(v))
        return strtoll(v->valuestring, NULL, 10);
    double d = cJSON_IsNumber(v) ? v->valuedouble : 0;
    return d > -9e15 && d < 9e15 ? (int64_t)d : 0;
}

void wording_add(const tu_language *l, tu_out *o, const char *word, const char *const *parts) {
    const char *text = tu_wording_word(l, word);
    for (const char *c = text ? text : "{0}"; *c;) {
        if (*c == '{' && c[1] >= '0' && c[1] <= '9' && c[2] == '}') {
            tu_out_add_c(o, parts[c[1] - '0']);
            c += 3;
            continue;
        }
        size_t n = 1 + strcspn(c + 1, "{");
        tu_out_add(o, c, n);
        c += n;
    }
}

void wording_add_short(tu_out *o, const char *text, size_t characters) {
    tu_out visible;
    tu_out_init(&visible, TEMPLATE_VALUE_BYTES);
    size_t i = 0, n = strlen(text), count = 0;
    while (i < n && count < characters) {
        uint32_t c;
        size_t length = template_character(text + i, n - i, &c);
        i += length ? length : 1;
        count++;
    }
    template_add_visible(&visible, text, i, false);
    if (visible.text)
        tu_out_add(o, visible.text, visible.n);
    if (i < n)
        tu_out_add_c(o, "\xE2\x80\xA6");
    tu_out_done(&visible);
}

void wording_add_count(tu_out *o, int64_t n) {
    char digits[24], text[32];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)(n < 0 ? 0 : n)), to = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            text[to++] = ',';
        text[to++] = digits[i];
    }
    text[to] = '\0';
    tu_out_add_c(o, text);
}

/* "1 hour": the word for one or for many. */
static void add_unit(const tu_language *l, tu_out *o, int64_t n, const char *unit) {
    char number[24], word[16];
    snprintf(number, sizeof number, "%lld", (long long)n);
    snprintf(word, sizeof word, "%s%s", unit, n == 1 ? "" : "s");
    wording_add(l, o, word, (const char *const[]){number});
}

void wording_add_duration(const tu_language *l, tu_out *o, int64_t seconds) {
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    if (seconds <= 0)
        tu_out_add_c(o, tu_wording_word(l, "no time"));
    for (size_t i = 0; i < 4 && seconds > 0; i++) {
        if (seconds < units[i].seconds)
            continue;
        int64_t rest = i < 3 ? seconds % units[i].seconds / units[i + 1].seconds : 0;
        /* "3 minutes", not "3 minutes 12 seconds": the second unit only where the first is small */
        bool second = rest && (seconds / units[i].seconds < 10 && i < 2);
        add_unit(l, o, seconds / units[i].seconds, units[i].unit);
        if (second) {
            tu_out_add(o, " ", 1);
            add_unit(l, o, rest, units[i + 1].unit);
        }
        return;
    }
}

static void add_place(tu_out *o, const char *file, int64_t line) {
    char number[24];
    wording_add_short(o, file, WORDING_PATH);
    if (line > 0) {
        snprintf(number, sizeof number, ":%lld", (long long)line);
        tu_out_add_c(o, number);
    }
}

void wording_add_subject(tu_out *o, const cJSON *alert) {
    const cJSON *object = wording_at(alert, "object"), *problem = wording_at(alert, "problem");
    if (cJSON_IsObject(problem)) {
        const char *text = wording_text_at(problem, "text");
        wording_add_short(o, *text ? text : wording_text_at(problem, "what"), WORDING_REASON);
        return;
    }
    const cJSON *from = cJSON_IsObject(object) ? object : wording_at(alert, "labels");
    const char *name = wording_text_at(from, "name"), *space = wording_text_at(from, "namespace");
    if (!*name) {
        const char *file = wording_text_at(object, "file");
        if (*file)
            add_place(o, file, wording_number_at(object, "line"));
        else
            wording_add_short(o, wording_text_at(alert, "summary"), WORDING_REASON);
        return;
    }
    wording_add_short(o, wording_text_at(from, "kind"), WORDING_NAME);
    tu_out_add(o, " ", 1);
    if (*space) {
        wording_add_short(o, space, WORDING_NAME);
        tu_out_add(o, "/", 1);
    }
    wording_add_short(o, name, WORDING_NAME);
}

/* --- values --------------------------------------------------------------------------------------------- */

/* Could this text be taken for something else than a text? Then it is written in quotes, as YAML would. */
static bool needs_quotes(const char *text) {
    static const char *const others[] = {"true", "false", "null", "yes", "no", "on", "off", "~"};
    size_t n = strlen(text);
    if (n == 0 || text[0] == ' ' || text[n - 1] == ' ' || text[0] == '"' || text[0] == '{' ||
        text[0] == '[')
        return true;
    if (n < 64 && strspn(text, "+-.0123456789eExX_") == n && strpbrk(text, "0123456789"))
        return true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!strcmp(text, others[i]))
            return true;
    return false;
}

static void add_string(const tu_language *l, tu_out *o, const char *text) {
    size_t first = strcspn(text, "\n"), lines = 1, n = strlen(text);
    for (const char *c = text; (c = strchr(c, '\n')) && c[1]; c++)
        lines++;
    if (lines == 1) {
        first = n && text[n - 1] == '\n' && strchr(text, '\n') == text + n - 1 ? n - 1 : n;
        bool quoted = first == n && needs_quotes(text);
        if (quoted)
            tu_out_add(o, "\"", 1);
        wording_add_short(o, text, WORDING_VALUE);
        if (quoted)
            tu_out_add(o, "\"", 1);
        return;
    }
    char line[4 * WORDING_VALUE + 4], number[24];
    snprintf(line, sizeof line, "%.*s", (int)(first < sizeof line - 1 ? first : sizeof line - 1),
             text);
    wording_add_short(o, line, WORDING_VALUE);
    snprintf(number, sizeof number, "%zu", lines);
    tu_out_add_c(o, " \xE2\x80\xA6 (");
    wording_add(l, o, "lines", (const char *const[]){number});
    tu_out_add_c(o, ")");
}

void wording_add_json_value(const tu_language *l, tu_out *o, const cJSON *v) {
    if (cJSON_IsString(v)) {
        add_string(l, o, v->valuestring);
        return;
    }
    tu_out text;
    tu_out_init(&text, TEMPLATE_VALUE_BYTES);
    template_add_json(&text, v);
    wording_add_short(o, text.text ? text.text : "", WORDING_VALUE);
    tu_out_done(&text);
}

/* --- the short diff --------------------------------------------------------------------------------------- */

static void add_line(const tu_language *l, tu_out *o, const char *sign, const char *at,
                     const cJSON *v) {
    tu_out_add_c(o, sign);
    wording_add_short(o, at, WORDING_PATH);
    tu_out_add_c(o, ": ");
    wording_add_json_value(l, o, v);
    tu_out_add(o, "\n", 1);
}

/* "~ /spec/ports: the order differs" */
static void add_remark(const tu_language *l, tu_out *o, const char *at, const char *kind) {
    const char *word = tu_wording_word(l, !strcmp(kind, "duplicate") ? "duplicate change" : kind);
    tu_out_add_c(o, "~ ");
    wording_add_short(o, at, WORDING_PATH);
    tu_out_add_c(o, ": ");
    wording_add_short(o, word ? word : kind, WORDING_NAME);
    tu_out_add(o, "\n", 1);
}

static size_t add_change(const tu_language *l, tu_out *o, const cJSON *c, size_t room) {
    const char *at = wording_text_at(c, "path"), *kind = wording_text_at(c, "change");
    const cJSON *desired = wording_at(c, "desired"), *live = wording_at(c, "live");
    bool tells = strcmp(kind, "order") && strcmp(kind, "duplicate") && strcmp(kind, "ownership");
    size_t needed = tells && desired && live ? 2 : 1;
    if (needed > room)
        return 0;
    if (!tells || (!desired && !live))
        add_remark(l, o, at, *kind ? kind : "removed");
    if (tells && desired)
        add_line(l, o, "- ", at, desired);
    if (tells && live)
        add_line(l, o, "+ ", at, live);
    return needed;
}

void tu_wording_diff(const tu_language *l, const cJSON *alert, size_t lines, tu_out *out) {
    const cJSON *object = wording_at(alert, "object"), *changes = wording_at(object, "changes"), *c;
    int64_t all = wording_number_at(object, "truncated"), shown = 0;
    int64_t here = cJSON_GetArraySize(changes);
    if (all < here)
        all = here;
    cJSON_ArrayForEach(c, changes) {
        size_t used = add_change(l, out, c, lines);
        if (used == 0 || out->failed)
            break;
        lines -= used;
        shown++;
    }
    if (shown == all || out->failed)
        return;
    tu_out rest;
    tu_out_init(&rest, 32);
    wording_add_count(&rest, all - shown);
    wording_add(l, out, "and more", (const char *const[]){rest.text ? rest.text : ""});
    tu_out_add(out, "\n", 1);
    tu_out_done(&rest);
}

/* --- one line --------------------------------------------------------------------------------------------- */

/* "/spec/replicas 3 -> 5, and 2 more" */
static void add_first_change(const tu_language *l, tu_out *o, const cJSON *object) {
    const cJSON *changes = wording_at(object, "changes"), *c = changes->child;
    const cJSON *desired = wording_at(c, "desired"), *live = wording_at(c, "live");
    const char *kind = wording_text_at(c, "change");
    int64_t all = wording_number_at(object, "truncated"), here = cJSON_GetArraySize(changes);
    all = all > here ? all : here;
    wording_add_short(o, wording_text_at(c, "path"), WORDING_PATH);
    tu_out_add(o, " ", 1);
    if (desired && live && !strcmp(kind, "value")) {
        wording_add_json_value(l, o, desired);
        tu_out_add_c(o, " -> ");
        wording_add_json_value(l, o, live);
    } else {
        const char *word =
            tu_wording_word(l, !strcmp(kind, "duplicate") ? "duplicate change" : kind);
        wording_add_short(o, word ? word : kind, WORDING_NAME);
    }
    if (all > 1) {
        tu_out rest;
        tu_out_init(&rest, 32);
        wording_add_count(&rest, all - 1);
        wording_add(l, o, "and more changes", (const char *const[]){rest.text ? rest.text : ""});
        tu_out_done(&rest);
    }
}

static void add_ending(const tu_language *l, tu_out *o, const cJSON *alert, const char *subject) {
    char word[48];
    snprintf(word, sizeof word, "ended %.32s", wording_text_at(alert, "resolvedBy"));
    bool problem = cJSON_IsObject(wording_at(alert, "problem"));
    const char *key = problem ? "problem ended" : tu_wording_word(l, word) ? word : "ended";
    wording_add(l, o, key, (const char *const[]){subject});
    if (!wording_at(alert, "lastedSeconds"))
        return;
    tu_out lasted;
    tu_out_init(&lasted, 128);
    wording_add_duration(l, &lasted, wording_number_at(alert, "lastedSeconds"));
    tu_out_add_c(o, " (");
    wording_add(l, o, "lasted", (const char *const[]){lasted.text ? lasted.text : ""});
    tu_out_add_c(o, ")");
    tu_out_done(&lasted);
}

static void add_state(const tu_language *l, tu_out *o, const cJSON *alert, const char *subject) {
    const cJSON *object = wording_at(alert, "object");
    const char *verdict = wording_text_at(alert, "verdict");
    char word[48];
    tu_out state, why;
    tu_out_init(&state, 4096);
    tu_out_init(&why, 4096);
    snprintf(word, sizeof word, "is %.32s", verdict);
    wording_add(l, &state, tu_wording_word(l, word) ? word : "is changed",
                (const char *const[]){subject});
    if (!strcmp(verdict, "drifted") && cJSON_GetArraySize(wording_at(object, "changes")))
        add_first_change(l, &why, object);
    else
        wording_add_short(&why, wording_text_at(object, "reason"), WORDING_REASON);
    if (state.text && why.text && why.n)
        wording_add(l, o, "and what", (const char *const[]){state.text, why.text});
    else if (state.text)
        tu_out_add_c(o, state.text);
    tu_out_done(&state);
    tu_out_done(&why);
}

void tu_wording_sentence(const tu_language *l, const cJSON *alert, tu_out *o) {
    tu_out subject;
    tu_out_init(&subject, 4096);
    wording_add_subject(&subject, alert);
    const char *text = subject.text ? subject.text : "";
    bool known = cJSON_IsObject(wording_at(alert, "object")) ||
                 *wording_text_at(wording_at(alert, "labels"), "name");
    if (!strcmp(wording_text_at(alert, "status"), "resolved"))
        add_ending(l, o, alert, text);
    else if (cJSON_IsObject(wording_at(alert, "problem")) || !known)
        tu_out_add_c(o, text);
    else
        add_state(l, o, alert, text);
    tu_out_done(&subject);
}
