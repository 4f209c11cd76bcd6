/* common/notifier.c: settings, words and layouts of notifiers; see notifier.h. notifier_post.c sends. */
#include "common/notifier.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TITLE_LIMIT ((size_t)16 * 1024) /* bytes of one rendered title; layouts cut it further */
#define TEXT_LIMIT ((size_t)256 * 1024) /* and of a text */

/* --- settings --------------------------------------------------------------------------------- */

const char *notifier_string(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

/* Numbers are cJSON's own, or texts where the reader keeps them exact (yaml_json.h). */
double notifier_number(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    double n = cJSON_IsNumber(item) ? item->valuedouble
               : cJSON_IsRaw(item)  ? strtod(item->valuestring, NULL)
                                    : 0;
    return isfinite(n) ? n : 0;
}

bool notifier_event_is(const cJSON *message, const char *event) {
    return strcmp(notifier_string(message, "event"), event) == 0;
}

bool notifier_copy(char **ret, const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    *ret = cJSON_IsString(item) ? strdup(item->valuestring) : NULL;
    return !cJSON_IsString(item) || *ret;
}

bool notifier_flag(const cJSON *object, const char *name) {
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

int64_t notifier_duration_ms(const char *text) {
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    double sum = 0;
    while (*text) {
        char *end;
        double number = strtod(text, &end);
        size_t length = strspn(end, "mshd"), i = 0;
        while (i < 5 && (strlen(units[i].unit) != length || strncmp(end, units[i].unit, length)))
            i++;
        if (end == text || i == 5 || !(number >= 0 && number <= 1e9))
            return 0;
        sum += number * units[i].ms;
        text = end + length;
    }
    return sum < 1e15 ? (int64_t)sum : 0;
}

tu_rc notifier_refuse(tu_http_error *e, tu_rc rc, const char *code, const char *format, ...) {
    va_list list;
    *e = (tu_http_error){.rc = rc};
    snprintf(e->code, sizeof e->code, "%s", code);
    va_start(list, format);
    vsnprintf(e->message, sizeof e->message, format, list);
    va_end(list);
    return rc;
}

tu_rc notifier_no_memory(tu_http_error *e) {
    return notifier_refuse(e, TU_EINTERNAL, "memory", "out of memory");
}

static tu_rc new_client(const cJSON *config, const tu_http_options *options, tu_http **ret,
                        tu_http_error *error) {
    const cJSON *tls = cJSON_GetObjectItemCaseSensitive(config, "tls");
    const char *timeout = notifier_string(config, "timeout");
    const char *ca = notifier_string(tls, "caFile"), *cert = notifier_string(tls, "certFile"),
               *key = notifier_string(tls, "keyFile");
    int64_t ms = *timeout ? notifier_duration_ms(timeout) : 15000;
    if (ms <= 0)
        return notifier_refuse(error, TU_EINVALID, "/timeout",
                               "timeout: it must be longer than nothing, as in 15s");
    tu_http_options o = *options;
    o.ca_file = *ca ? ca : NULL;
    o.cert_file = *cert ? cert : NULL;
    o.key_file = *key ? key : NULL;
    o.insecure_skip_verify = notifier_flag(tls, "insecureSkipVerify");
    o.allow_http = notifier_flag(config, "allowHttp");
    o.stall_timeout_ms = o.total_timeout_ms = ms;
    return tu_http_new(&o, ret, error);
}

void notifier_warn_unchecked(const tu_host *host, tu_call *call, const cJSON *config) {
    static const char words[] =
        "tls.insecureSkipVerify is set: anybody on the way can read and answer";
    if (notifier_flag(cJSON_GetObjectItemCaseSensitive(config, "tls"), "insecureSkipVerify"))
        host->log(call, TU_LOG_WARN, (tu_str){words, sizeof words - 1}, (tu_str){"", 0});
}

tu_rc notifier_client(const cJSON *config, tu_http **ret, tu_http_error *error) {
    const tu_http_options options = {.fresh_connections = true, .refuse_link_local = true};
    return new_client(config, &options, ret, error);
}

tu_rc notifier_client_that_keeps(const cJSON *config, bool allow_link_local, tu_http **ret,
                                 tu_http_error *error) {
    const tu_http_options options = {.refuse_link_local = !allow_link_local};
    return new_client(config, &options, ret, error);
}

/* --- words ------------------------------------------------------------------------------------ */

static tu_rc read_template(const cJSON *templates, const char *name, tu_template **ret,
                           tu_http_error *error) {
    const char *text = notifier_string(templates, name);
    tu_template_error wrong;
    char pointer[32];
    if (!*text)
        return TU_OK;
    *ret = tu_template_parse(text, strlen(text), NULL, &wrong);
    if (*ret)
        return TU_OK;
    snprintf(pointer, sizeof pointer, "/templates/%s", name);
    return notifier_refuse(error, TU_EINVALID, pointer,
                           "templates.%s: line %u, column %u of it: %s", name, wrong.line,
                           wrong.column, wrong.message);
}

tu_rc notifier_words_read(const cJSON *config, notifier_words *ret, tu_http_error *error) {
    const cJSON *templates = cJSON_GetObjectItemCaseSensitive(config, "templates");
    const char *language = notifier_string(config, "language");
    *ret = (notifier_words){.language = tu_language_named(*language ? language : "en")};
    if (!ret->language)
        return notifier_refuse(error, TU_EINVALID, "/language", "language: en and ko are known");
    tu_rc rc = read_template(templates, "title", &ret->title, error);
    return rc == TU_OK ? read_template(templates, "text", &ret->text, error) : rc;
}

void notifier_words_done(notifier_words *w) {
    tu_template_free(w->title);
    tu_template_free(w->text);
    *w = (notifier_words){0};
}

static bool render(const tu_template *t, const cJSON *message, tu_escape *escape, size_t limit,
                   tu_out *out) {
    tu_out text;
    tu_out_init(&text, limit);
    bool done = t && tu_template_render(t, message, NULL, escape, &text) && text.n;
    if (done)
        tu_out_add(out, text.text, text.n);
    tu_out_done(&text);
    return done;
}

void notifier_title(const notifier_words *w, const cJSON *message, tu_escape *escape, tu_out *out) {
    size_t begin = out->n;
    if (!render(w->title, message, escape, TITLE_LIMIT, out)) {
        tu_out plain;
        tu_out_init(&plain, TITLE_LIMIT);
        tu_wording_title(w->language, message, &plain);
        if (plain.text)
            escape(out, plain.text, plain.n);
        tu_out_done(&plain);
    }
    for (size_t i = begin; out->text && i < out->n; i++)
        if ((unsigned char)out->text[i] < ' ')
            out->text[i] = ' ';
}

bool notifier_text(const notifier_words *w, const cJSON *message, tu_escape *escape, tu_out *out) {
    return render(w->text, message, escape, TEXT_LIMIT, out);
}

/* --- layouts ---------------------------------------------------------------------------------- */

bool notifier_is_word(const char *text) {
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz_");
    return n > 2 && n <= 60 && text[n] == '\0';
}

const char *notifier_note(const notifier_words *w, const cJSON *message,
                          char room[NOTIFIER_NOTE_ROOM]) {
    tu_out o;
    tu_out_init(&o, NOTIFIER_NOTE_ROOM - 1);
    tu_wording_note(w->language, message, &o);
    snprintf(room, NOTIFIER_NOTE_ROOM, "%s", o.text ? o.text : "");
    tu_out_done(&o);
    return room;
}

const char *notifier_word(const notifier_words *w, const char *word) {
    const char *known = tu_wording_word(w->language, word);
    return known ? known : word;
}

char *notifier_sentence(const notifier_words *w, const cJSON *alert, tu_escape *escape,
                        size_t limit) {
    tu_out plain;
    tu_out_init(&plain, TITLE_LIMIT);
    tu_wording_sentence(w->language, alert, &plain);
    char *text = plain.text ? notifier_value(escape, plain.text, limit) : NULL;
    tu_out_done(&plain);
    return text;
}

typedef struct filter {
    const notifier_words *words;
    bool commands;
    tu_wording_fact *each;
    void *arg;
} filter;

static void pass_fact(void *arg, const char *name, const char *text) {
    static const char *const left_out[] = {"fact object", "fact problem", "fact look",
                                           "fact explain", "fact acknowledge"};
    const filter *f = arg;
    for (size_t i = 0; i < (f->commands ? 2 : sizeof left_out / sizeof *left_out); i++)
        if (!strcmp(name, notifier_word(f->words, left_out[i])))
            return;
    f->each(f->arg, name, text);
}

void notifier_facts(const notifier_words *w, const cJSON *message, const cJSON *alert,
                    bool commands, tu_wording_fact *each, void *arg) {
    filter f = {.words = w, .commands = commands, .each = each, .arg = arg};
    tu_wording_facts(w->language, message, alert, pass_fact, &f);
}

void notifier_counts(const notifier_words *w, const cJSON *message, tu_out *out) {
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(message, "counts");
    double firing = notifier_number(counts, "firing"), over = notifier_number(counts, "resolved");
    char text[200];
    if (firing + over <= 1)
        return;
    snprintf(text, sizeof text, "%.0f %s", firing, notifier_word(w, "firing"));
    if (firing >= 1)
        tu_out_add_c(out, text);
    snprintf(text, sizeof text, "%s%.0f %s", firing >= 1 ? ", " : "", over,
             notifier_word(w, "resolved"));
    if (over >= 1)
        tu_out_add_c(out, text);
}

char *notifier_more(const notifier_words *w, double count) {
    const char *form = notifier_word(w, "and %zu more"), *at = strstr(form, "%zu");
    char text[160];
    if (at)
        snprintf(text, sizeof text, "%.*s%.0f%s", (int)(at - form), form, count, at + 3);
    else
        snprintf(text, sizeof text, "%s", form);
    return strdup(text);
}

void notifier_add(tu_out *out, tu_escape *escape, const char *text) {
    tu_out visible;
    tu_out_init(&visible, TEXT_LIMIT);
    tu_out_add_visible(&visible, text, strlen(text), false);
    if (visible.text)
        escape(out, visible.text, visible.n);
    tu_out_done(&visible);
}

char *notifier_value(tu_escape *escape, const char *text, size_t limit) {
    tu_out out;
    tu_out_init(&out, TEXT_LIMIT);
    notifier_add(&out, escape, text);
    if (out.text)
        notifier_cut(out.text, limit);
    return out.text; /* from malloc, and the caller's now */
}

/* Of the character that begins with that byte; 0 inside one. */
static size_t units(unsigned char c) {
    return (c & 0xC0) == 0x80 ? 0 : c >= 0xF0 ? 2 : 1;
}

size_t notifier_length(const char *text) {
    size_t n = 0;
    for (; *text; text++)
        n += units((unsigned char)*text);
    return n;
}

/* Where to cut so that `limit` units stand before it, and nothing is torn. */
static size_t cut_at(const char *text, size_t limit) {
    size_t at = 0, n = 0;
    while (text[at] && n + units((unsigned char)text[at]) <= limit)
        n += units((unsigned char)text[at++]);
    for (size_t back = 1; back < 8 && back <= at; back++) { /* inside an entity */
        char c = text[at - back];
        if (c == ';')
            break;
        if (c == '&')
            return at - back;
    }
    while (at && text[at - 1] == '\\') /* half of an escape */
        at--;
    return at;
}

size_t notifier_cut(char *text, size_t limit) {
    if (notifier_length(text) <= limit)
        return notifier_length(text);
    size_t at = limit < 3 ? 0 : cut_at(text, limit - 3);
    memcpy(text + at, "...", limit < 3 ? 0 : 3);
    text[at + (limit < 3 ? 0 : 3)] = '\0';
    return notifier_length(text);
}
