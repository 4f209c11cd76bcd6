/* notifier-webhook/request.c: see request.h. */
#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "sign.h"

void lines_done(lines *l) {
    for (size_t i = 0; l->items && i < l->n; i++)
        notifier_wipe(l->items[i]);
    free(l->items);
    *l = (lines){0};
}

static bool add(lines *l, const char *name, const char *value) {
    if (l->n + 1 >= l->room) {
        size_t room = l->room ? 2 * l->room : 16;
        char **grown = realloc(l->items, room * sizeof *grown);
        if (!grown)
            return false;
        l->items = grown;
        l->room = room;
    }
    size_t length = strlen(name) + strlen(value) + 3;
    char *line = malloc(length);
    if (!line)
        return false;
    /* curl would take "Name:" for a header to leave out; "Name;" is one without a value */
    snprintf(line, length, *value ? "%s: %s" : "%s;", name, value);
    l->items[l->n++] = line;
    l->items[l->n] = NULL;
    return true;
}

static tu_rc no_memory(const tu_host *host, tu_call *call) {
    tu_http_error error;
    notifier_no_memory(&error);
    return tu_http_fail(host, call, &error);
}

/* --- the user's headers -------------------------------------------------------------------------------- */

static bool add_template(const header *h, const letter *l, lines *to) {
    tu_out value;
    tu_out_init(&value, HEADER_VALUE_LIMIT);
    tu_template_render(h->value, l->message, l->fields, tu_escape_header, &value);
    /* what is too long is cut: an alert isn't lost for a header */
    bool added = value.text && add(to, h->name, value.text);
    tu_out_done(&value);
    return added;
}

static tu_rc add_secret(const header *h, const tu_host *host, tu_call *call, lines *to) {
    char what[200], *value = NULL;
    snprintf(what, sizeof what, "secretHeaders.%.180s", h->name);
    tu_rc rc = notifier_secret(host, call, h->handle, what, &value);
    if (rc == TU_OK && !add(to, h->name, value))
        rc = no_memory(host, call);
    notifier_wipe(value);
    return rc;
}

/* --- CloudEvents in headers (HTTP binding 3.1.3.2: what isn't visible ASCII, and " and %, is percent-encoded) ------------ */

static bool add_cloud_header(lines *to, const char *name, const char *value) {
    tu_out encoded;
    if (!*value)
        return true;
    tu_out_init(&encoded, HEADER_VALUE_LIMIT);
    for (const char *c = value; *c; c++) {
        unsigned char byte = (unsigned char)*c;
        char text[4];
        bool plain = byte > 0x20 && byte < 0x7F && byte != '"' && byte != '%';
        snprintf(text, sizeof text, "%%%02X", byte);
        tu_out_add(&encoded, plain ? c : text, plain ? 1 : 3);
    }
    bool added = encoded.text && add(to, name, encoded.text);
    tu_out_done(&encoded);
    return added;
}

static bool add_cloud(const settings *s, const letter *l, const char *key, lines *to) {
    char type[80], source[400];
    letter_cloud_type(l->message, type, sizeof type);
    letter_cloud_source(s, l->message, source, sizeof source);
    return add_cloud_header(to, "ce-specversion", "1.0") && add_cloud_header(to, "ce-id", key) &&
           add_cloud_header(to, "ce-type", type) && add_cloud_header(to, "ce-source", source) &&
           add_cloud_header(to, "ce-subject", letter_cloud_subject(l->message)) &&
           add_cloud_header(to, "ce-time", letter_cloud_time(l->message));
}

/* --- signatures ------------------------------------------------------------------------------------------ */

static tu_rc add_signatures(const settings *s, const tu_host *host, tu_call *call, const letter *l,
                            const char *key, lines *to) {
    char now[24], value[SIGN_BYTES + 32];
    bool added = true;
    snprintf(now, sizeof now, "%lld", (long long)time(NULL));
    if (s->hmac.now) {
        signing work = {.time = now, .body = l->body};
        tu_rc rc = sign(host, call, &s->hmac, &work);
        if (rc != TU_OK)
            return rc;
        snprintf(value, sizeof value, "t=%s,%s", now, work.text);
        added = add(to, s->signature_header, value) &&
                (!s->timestamp_header || add(to, s->timestamp_header, now));
    }
    if (s->standard.now) {
        signing work = {.id = key, .time = now, .body = l->body, .is_standard = true};
        tu_rc rc = sign(host, call, &s->standard, &work);
        if (rc != TU_OK)
            return rc;
        added =
            added && add(to, "webhook-timestamp", now) && add(to, "webhook-signature", work.text);
    }
    return added ? TU_OK : no_memory(host, call);
}

/* --- all together ------------------------------------------------------------------------------------------ */

tu_rc lines_make(const settings *s, const tu_host *host, tu_call *call, const letter *l,
                 const char *key, const notifier_context *c, lines *ret) {
    bool has_type = false;
    *ret = (lines){0};
    for (size_t i = 0; i < s->header_count; i++)
        has_type |= !strcasecmp(s->headers[i].name, "Content-Type");
    bool added = (has_type || add(ret, "Content-Type", l->content_type)) &&
                 add(ret, "Idempotency-Key", key) && add(ret, "webhook-id", key) &&
                 (!c->uncertain || add(ret, "X-Trueup-Uncertain", "true")) &&
                 (s->cloud != CLOUD_BINARY || add_cloud(s, l, key, ret));
    tu_rc rc = added ? TU_OK : no_memory(host, call);
    for (size_t i = 0; i < s->header_count && rc == TU_OK; i++) {
        const header *h = &s->headers[i];
        if (h->handle)
            rc = add_secret(h, host, call, ret);
        else if (!add_template(h, l, ret))
            rc = no_memory(host, call);
    }
    return rc == TU_OK ? add_signatures(s, host, call, l, key, ret) : rc;
}
