/*
 * notifier-email: one mail a message, by SMTP.
 *
 *   settings.c   the configuration          content.c, html.c   a message's mail
 *   mime.c       headers and encodings      smtp.c              the transaction
 *   partial.c    who has a mail already     plugin.c            the call
 *
 * One refused recipient never keeps the others from getting the mail. Refused for now (4yz): the next
 * attempts go only to those, for PUT_OFF_SECONDS at most, because later messages of the incident
 * wait behind this one. Refused for good (5yz): logged, each time. Only when nobody took it, the delivery
 * failed.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/call.h"
#include "content.h"
#include "partial.h"

#define PUT_OFF_SECONDS 900
#define PUT_OFF_ATTEMPTS 8u /* where nothing can be kept */

struct tu_instance {
    const tu_host *host;
    settings settings;
};

/* --- life ------------------------------------------------------------------------------------- */

static void destroy(tu_instance *i) {
    if (!i)
        return;
    settings_done(&i->settings);
    free(i);
}

static tu_str str(const char *s) {
    return (tu_str){s, strlen(s)};
}

static tu_rc create(const tu_host *host, tu_call *call, tu_str config, tu_instance **out) {
    tu_http_error error;
    tu_instance *i = calloc(1, sizeof *i);
    tu_rc rc = i ? settings_read(config, &i->settings, &error) : notifier_no_memory(&error);
    if (rc != TU_OK) {
        free(i);
        return tu_http_fail(host, call, &error);
    }
    i->host = host;
    if (i->settings.insecure_skip_verify)
        host->log(call, TU_LOG_WARN,
                  str("tls.insecureSkipVerify is set: anybody on the way can read and answer"),
                  str(""));
    *out = i;
    return TU_OK;
}

/* --- one mail --------------------------------------------------------------------------------- */

/* Names of those with a fate, and what the server said of them: "a@b.c (550 no such user), ...". */
static void list_fates(const smtp_mail *m, smtp_fate fate, tu_out *o) {
    for (size_t i = 0; i < m->count; i++) {
        const smtp_recipient *r = &m->recipients[i];
        if (r->fate != fate)
            continue;
        tu_out_add_c(o, o->n ? ", " : "");
        tu_out_add_c(o, r->address);
        if (*r->reply) {
            tu_out_add_c(o, " (");
            tu_out_add_c(o, r->reply);
            tu_out_add_c(o, ")");
        }
    }
}

static size_t count_fate(const smtp_mail *m, smtp_fate fate) {
    size_t n = 0;
    for (size_t i = 0; i < m->count; i++)
        n += m->recipients[i].fate == fate;
    return n;
}

static void log_refused(tu_instance *i, tu_call *call, const smtp_mail *m, smtp_fate fate,
                        const char *what) {
    tu_out o;
    tu_out_init(&o, 2000);
    list_fates(m, fate, &o);
    cJSON *fields = cJSON_CreateObject();
    cJSON_AddStringToObject(fields, "recipients", o.text ? o.text : "");
    char *text = cJSON_PrintUnformatted(fields);
    i->host->log(call, TU_LOG_WARN, str(what), str(text ? text : ""));
    cJSON_free(text);
    cJSON_Delete(fields);
    tu_out_done(&o);
}

static tu_rc refuse_recipients(tu_instance *i, tu_call *call, const smtp_mail *m, smtp_fate fate,
                               const char *words) {
    tu_out o;
    tu_rc rc = fate == SMTP_LATER ? TU_EUNAVAILABLE : TU_EREFUSED;
    tu_out_init(&o, 1500);
    list_fates(m, fate, &o);
    rc =
        call_fail(i->host, call, rc, fate == SMTP_LATER ? "recipients-later" : "recipients-refused",
                  "%s: %s: %s", i->settings.url, words, o.text ? o.text : "");
    tu_out_done(&o);
    return rc;
}

/* The server has answered for every recipient: is the delivery done? */
static tu_rc settle(tu_instance *i, tu_call *call, const char *key, const notifier_context *context,
                    partial *p, const smtp_mail *m) {
    tu_str scratch = i->host->scratch(call);
    bool anybody = count_fate(m, SMTP_ACCEPTED) > 0;
    if (count_fate(m, SMTP_LATER)) {
        int64_t now = (int64_t)time(NULL);
        bool over = p->since ? now - p->since > PUT_OFF_SECONDS || p->since > now
                             : context->attempt > PUT_OFF_ATTEMPTS;
        if (!anybody)
            return refuse_recipients(i, call, m, SMTP_LATER, "nobody was accepted for now");
        if (!over) {
            p->since = p->since ? p->since : now;
            if (!partial_save(scratch, key, p, m->recipients, m->count) && scratch.n)
                i->host->log(call, TU_LOG_WARN,
                             str("who has a mail already can't be kept; it may come twice"),
                             str(""));
            return refuse_recipients(i, call, m, SMTP_LATER,
                                     "refused for now, the others have the mail");
        }
        log_refused(i, call, m, SMTP_LATER, "a mail was put off too long for some and is given up");
    }
    if (!anybody)
        return refuse_recipients(i, call, m, SMTP_NEVER, "every recipient was refused for good");
    if (count_fate(m, SMTP_NEVER))
        log_refused(
            i, call, m, SMTP_NEVER,
            "a mail was refused for some recipients, the others have it; correct to and cc");
    partial_remove(scratch, key);
    return TU_OK;
}

static tu_rc transmit(tu_instance *i, tu_call *call, const char *key,
                      const notifier_context *context, const tu_out *text) {
    const settings *s = &i->settings;
    smtp_mail mail = {.text = text->text, .n = text->n, .count = s->to_count + s->cc_count};
    char *password = NULL, *token = NULL;
    tu_http_error error;
    tu_rc rc = TU_OK;

    mail.recipients = calloc(mail.count, sizeof *mail.recipients);
    if (!mail.recipients)
        return call_fail(i->host, call, TU_EINTERNAL, "memory", "out of memory");
    for (size_t r = 0; r < mail.count; r++)
        mail.recipients[r] = (smtp_recipient){.address = s->to[r].address, .wanted = true};
    partial p = partial_load(i->host->scratch(call), key, mail.recipients, mail.count);
    if (s->password_handle)
        rc = notifier_secret(i->host, call, s->password_handle, "password", &password);
    if (rc == TU_OK && s->token_handle)
        rc = notifier_secret(i->host, call, s->token_handle, "token", &token);
    mail.password = password;
    mail.token = token;
    if (rc == TU_OK) {
        size_t wanted = 0;
        for (size_t r = 0; r < mail.count; r++)
            wanted += mail.recipients[r].wanted;
        rc = wanted ? smtp_send(s, i->host, call, &mail, &error) : TU_OK;
        rc = rc == TU_OK ? settle(i, call, key, context, &p, &mail)
                         : tu_http_fail(i->host, call, &error);
    }
    notifier_wipe(password);
    notifier_wipe(token);
    free(mail.recipients);
    return rc;
}

static tu_rc emit_reference(tu_instance *i, tu_call *call, const char *id) {
    cJSON *meta = cJSON_CreateObject();
    cJSON_AddStringToObject(meta, "reference", id);
    return call_emit(i->host, call, TU_REC_DELIVERED, 0, meta, (tu_str){NULL, 0});
}

static tu_rc send_mail(tu_instance *i, tu_call *call, const content *c,
                       const notifier_context *context) {
    tu_out mail;
    char id[ID_ROOM];
    tu_out_init(&mail, MAIL_LIMIT);
    tu_rc rc = content_make(&i->settings, c, &mail, id)
                   ? transmit(i, call, c->key, context, &mail)
                   : call_fail(i->host, call, TU_EREFUSED, "too-large",
                               "the mail would be larger than %zu bytes", MAIL_LIMIT);
    tu_out_done(&mail);
    return rc == TU_OK ? emit_reference(i, call, id) : rc;
}

static tu_rc deliver(tu_instance *i, tu_call *call, tu_str message, tu_str key, tu_str context) {
    notifier_context known = {0};
    cJSON *json = cJSON_ParseWithLength(message.p, message.n);
    char *id = strndup(key.n ? key.p : "", key.n);
    tu_rc rc;
    if (!notifier_context_read(context, &known) || !id)
        rc = call_fail(i->host, call, TU_EINTERNAL, "memory", "out of memory");
    else if (!cJSON_IsObject(json))
        rc = call_fail(i->host, call, TU_EINVALID, "message", "the message is no JSON object");
    else
        rc = send_mail(i, call,
                       &(content){.message = json,
                                  .key = id,
                                  .before = known.reference,
                                  .uncertain = known.uncertain,
                                  .brief = known.brief},
                       &known);
    notifier_context_done(&known);
    cJSON_Delete(json);
    free(id);
    return rc;
}

/* Connects, asks for TLS and logs in; no mail. */
static tu_rc probe(tu_instance *i, tu_call *call) {
    const settings *s = &i->settings;
    smtp_mail none = {0};
    char *password = NULL, *token = NULL;
    tu_http_error error;
    tu_rc rc = TU_OK;
    if (s->password_handle)
        rc = notifier_secret(i->host, call, s->password_handle, "password", &password);
    if (rc == TU_OK && s->token_handle)
        rc = notifier_secret(i->host, call, s->token_handle, "token", &token);
    none.password = password;
    none.token = token;
    if (rc == TU_OK && smtp_send(s, i->host, call, &none, &error) != TU_OK)
        rc = tu_http_fail(i->host, call, &error);
    notifier_wipe(password);
    notifier_wipe(token);
    return rc;
}

/* --- the descriptor --------------------------------------------------------------------------- */

static const tu_common common = {sizeof common, create, destroy, probe};
static const tu_notifier notifier = {
    .size = sizeof notifier, .common = &common, .deliver = deliver};

static const void *vtable(const char *id) {
    return strcmp(id, "trueup.notifier/1") == 0 ? &notifier : NULL;
}

const tu_plugin *trueup_plugin_v1(void) {
    static const tu_plugin plugin = {
        .size = sizeof plugin,
        .abi_minor = TU_ABI_MINOR,
        .min_host_minor = 1,
        .thread_model = TU_THREADS_INSTANCE,
        .traits = TU_NEEDS_NETWORK | TU_NEEDS_SCRATCH,
        .id = "dev.trueup.notifier-email",
        .version = TRUEUP_VERSION,
        .license = "Apache-2.0",
        .summary = "Sends messages as mail, by SMTP with TLS",
        .url = "https://trueup.dev",
        .config_schema = email_config_schema,
        .vtable = vtable,
    };
    return &plugin;
}
