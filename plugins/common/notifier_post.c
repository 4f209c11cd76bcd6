/* common/notifier_post.c: one attempt to deliver; see notifier.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/call.h"
#include "common/notifier.h"

/* --- the message and the context ------------------------------------------------------------------------------ */

cJSON *notifier_message(const tu_host *host, tu_call *call, tu_str text) {
    char *copy = malloc(text.n + 1);
    if (!copy) {
        call_fail(host, call, TU_EINTERNAL, "memory", "out of memory");
        return NULL;
    }
    memcpy(copy, text.n ? text.p : "", text.n);
    copy[text.n] = '\0';
    for (size_t i = 0; i + 5 < text.n; i += copy[i] == '\\' ? 2 : 1)
        if (!memcmp(copy + i, "\\u0000", 6))
            memcpy(copy + i, "\\ufffd", 6);
    cJSON *message = call_read_object(host, call, (tu_str){copy, text.n}, "the message");
    free(copy);
    return message;
}

bool notifier_context_read(tu_str json, notifier_context *ret) {
    cJSON *object = json.n ? cJSON_ParseWithLength(json.p, json.n) : NULL;
    double attempt = notifier_number(object, "attempt");
    *ret = (notifier_context){
        .attempt = attempt >= 1 && attempt < 1e9 ? (unsigned)attempt : 1,
        .uncertain = notifier_flag(object, "uncertain"),
        .brief = notifier_flag(object, "brief"),
        .reference = strdup(notifier_string(object, "reference")),
    };
    cJSON_Delete(object);
    return ret->reference != NULL;
}

void notifier_context_done(notifier_context *c) {
    free(c->reference);
    *c = (notifier_context){0};
}

/* --- secrets ---------------------------------------------------------------------------------- */

void notifier_wipe(char *text) {
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

typedef struct opening {
    char *text;
    bool is_one_line;
} opening;

static void copy_secret(void *arg, tu_str value) {
    opening *o = arg;
    o->is_one_line = !memchr(value.p, '\n', value.n) && !memchr(value.p, '\r', value.n) &&
                     !memchr(value.p, '\0', value.n);
    o->text = malloc(value.n + 1);
    if (!o->text)
        return;
    memcpy(o->text, value.p, value.n);
    o->text[value.n] = '\0';
}

tu_rc notifier_secret(const tu_host *host, tu_call *call, const char *handle, const char *what,
                      char **ret) {
    opening o = {0};
    tu_http_error error;
    tu_rc rc = host->secret(call, (tu_str){handle, strlen(handle)}, copy_secret, &o);
    if (rc != TU_OK)
        return rc; /* the host has said why */
    if (!o.text) {
        notifier_no_memory(&error);
        return tu_http_fail(host, call, &error);
    }
    if (!o.is_one_line) {
        notifier_wipe(o.text);
        notifier_refuse(&error, TU_EINVALID, "secret", "the secret for %s has more than one line",
                        what);
        return tu_http_fail(host, call, &error);
    }
    *ret = o.text;
    return TU_OK;
}

tu_rc notifier_check_url(const tu_host *host, tu_call *call, const cJSON *config,
                         const char *property, char **ret, tu_http_error *error) {
    const char *handle = notifier_string(config, property);
    opening o = {0};
    char pointer[32];
    if (!*handle ||
        host->secret(call, (tu_str){handle, strlen(handle)}, copy_secret, &o) != TU_OK || !o.text)
        return TU_OK; /* each delivery opens it again, and says what is wrong */
    tu_rc rc = tu_http_check_url(o.text, notifier_flag(config, "allowHttp"), error);
    if (rc != TU_OK) {
        snprintf(pointer, sizeof pointer, "/%s", property);
        snprintf(error->code, sizeof error->code, "%s", pointer);
    }
    if (rc == TU_OK && ret)
        *ret = o.text;
    else
        notifier_wipe(o.text);
    return rc;
}

/* --- the request ------------------------------------------------------------------------------ */

void notifier_answer_done(notifier_answer *a) {
    free(a->text);
    *a = (notifier_answer){0};
}

static bool looks_like_html(const tu_http_exchange *x, const char *text) {
    const char *type = tu_http_header(x, "content-type");
    text += strspn(text, " \t\r\n");
    return (type && !strncasecmp(type, "text/html", 9)) || !strncasecmp(text, "<!doctype", 9) ||
           !strncasecmp(text, "<html", 5);
}

static tu_rc read_answer(tu_http_exchange *x, notifier_answer *a, tu_http_error *error) {
    size_t n = 1;
    tu_rc rc = TU_OK;
    a->text = malloc(NOTIFIER_ANSWER_LIMIT + 1);
    if (!a->text)
        return notifier_no_memory(error);
    while (rc == TU_OK && n && a->n < NOTIFIER_ANSWER_LIMIT) {
        rc = tu_http_read(x, a->text + a->n, NOTIFIER_ANSWER_LIMIT - a->n, &n, error);
        a->n += rc == TU_OK ? n : 0;
    }
    a->text[a->n] = '\0';
    return rc;
}

/* Did it break when the request was under way? Then the message may have arrived. */
static tu_rc mark_uncertain(tu_rc rc, const char *what, tu_http_error *error) {
    static const char *const under_way[] = {"no-answer", "cut-off", "reset", "http2", "transfer"};
    for (size_t i = 0; i < sizeof under_way / sizeof *under_way; i++)
        if (rc == TU_EUNAVAILABLE && !strcmp(error->code, under_way[i]))
            rc = error->rc = TU_ETIMEOUT;
    size_t n = strlen(error->message);
    if (rc == TU_ETIMEOUT)
        snprintf(error->message + n, sizeof error->message - n, "; %s may have got the message",
                 what);
    return rc;
}

static tu_rc classify(const tu_http_exchange *x, tu_http_error *error) {
    tu_rc rc = tu_http_classify(x, error);
    if (rc != TU_OK && tu_http_status(x) == 413) {
        snprintf(error->code, sizeof error->code, "too-large");
        rc = TU_EREFUSED;
    }
    if (rc == TU_ENOTFOUND || rc == TU_ECONFLICT)
        rc = TU_EINVALID;
    if (rc != TU_OK)
        error->rc = rc;
    return rc;
}

/* The body is handed out once: curl sends a request again, unseen, when a kept connection turns out to be dead. It can't do so
 * with a body that it has taken and can't rewind, and fails instead, as of a message that may have arrived. */
typedef struct reader {
    tu_str left;
} reader;

static int64_t read_body(void *arg, char *out, size_t room) {
    reader *r = arg;
    size_t n = r->left.n < room ? r->left.n : room;
    if (n == 0)
        return 0;
    memcpy(out, r->left.p, n);
    r->left = (tu_str){r->left.p + n, r->left.n - n};
    return (int64_t)n;
}

tu_rc notifier_post(tu_http *http, const tu_host *host, tu_call *call, const notifier_request *r,
                    notifier_answer *ret, tu_http_error *error) {
    static const char *const headers[] = {"Content-Type: application/json; charset=utf-8", NULL};
    reader left = {r->body};
    tu_http_request request = {.method = r->method ? r->method : "POST",
                               .url = r->url,
                               .headers = r->headers ? r->headers : headers,
                               .read_body = read_body,
                               .read_arg = &left,
                               .body_length = (int64_t)r->body.n,
                               .bearer = r->bearer,
                               .username = r->username,
                               .password = r->password,
                               .host = host,
                               .call = call};
    tu_http_exchange *x = NULL;
    *ret = (notifier_answer){0};
    tu_http_origin(r->url, ret->origin, sizeof ret->origin);
    tu_rc rc = tu_http_begin(http, &request, &x, error);
    if (rc != TU_OK)
        return mark_uncertain(rc, r->what, error);
    ret->status = tu_http_status(x);
    ret->retry_after_ms = tu_http_retry_after_ms(x);
    tu_http_error broken;
    tu_rc read = read_answer(x, ret, &broken);
    rc = classify(x, error);
    if (rc == TU_OK && read != TU_OK) { /* a refusal is one, however its answer ends */
        *error = broken;
        rc = mark_uncertain(read, r->what, error);
    }
    ret->html = ret->text && looks_like_html(x, ret->text);
    tu_http_end(x);
    return rc;
}

tu_rc notifier_strange_answer(const notifier_answer *a, const char *what, tu_http_error *error) {
    return notifier_refuse(error, TU_EUNAVAILABLE, "strange-answer",
                           "%s answered %d with %s that %s doesn't write: is a proxy in between?",
                           a->origin, (int)a->status, a->html ? "a web page" : "something", what);
}
