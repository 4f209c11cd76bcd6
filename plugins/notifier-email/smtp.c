/*
 * notifier-email/smtp.c: see smtp.h.
 *
 * libcurl speaks; the dialogue is read along (CURLOPT_DEBUGFUNCTION gets each command and each
 * reply), because libcurl tells neither which recipient was refused nor what the server said. Of
 * commands only the verb is looked at: AUTH lines hold the password.
 */
#include "smtp.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define CONNECT_TIMEOUT_MS 10000
#define NAP_MS 1000
#if LIBCURL_VERSION_NUM >= 0x080200
#define RCPT_ALLOWFAILS CURLOPT_MAIL_RCPT_ALLOWFAILS
#else
#define RCPT_ALLOWFAILS CURLOPT_MAIL_RCPT_ALLLOWFAILS /* as it was called then */
#endif

typedef enum {
    AT_GREETING,
    AT_HELLO,
    AT_STARTTLS,
    AT_AUTH,
    AT_MAIL,
    AT_RCPT,
    AT_DATA,
    AT_BODY,
    AT_QUIT
} stage;

typedef struct dialogue {
    smtp_mail *mail;
    stage at;
    size_t recipient; /* AT_RCPT: whose turn it is; mail->count: none */
    int code;         /* of the last complete reply; 0: none */
    char reply[200];  /* its last line, printable, without the code */
    bool taken;       /* the server answered the mail with 2yz */
    size_t sent;      /* bytes of the mail that libcurl took */
    bool is_sent;     /* and its end */
    bool is_over;     /* QUIT was said */
} dialogue;

/* --- reading along ---------------------------------------------------------------------------- */

static void on_command(dialogue *d, const char *line, size_t n) {
    static const struct {
        const char *verb;
        stage at;
    } verbs[] = {{"EHLO", AT_HELLO}, {"HELO", AT_HELLO}, {"STARTTLS", AT_STARTTLS},
                 {"AUTH", AT_AUTH},  {"MAIL", AT_MAIL},  {"RCPT", AT_RCPT},
                 {"DATA", AT_DATA},  {"QUIT", AT_QUIT}};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        size_t length = strlen(verbs[i].verb);
        if (n < length || strncasecmp(line, verbs[i].verb, length) != 0)
            continue;
        if (verbs[i].at == AT_QUIT) { /* what counts was said before */
            d->is_over = true;
            return;
        }
        d->code = 0;
        d->at = verbs[i].at;
        if (d->at != AT_RCPT)
            return;
        /* in the order in which they were given to libcurl */
        for (d->recipient++; d->recipient < d->mail->count; d->recipient++)
            if (d->mail->recipients[d->recipient].wanted)
                return;
        return;
    } /* anything else is a line of an authentication that goes on */
}

/* Only what people can read, and never what we sent as a secret. */
static void keep_reply(dialogue *d, const char *line, size_t n) {
    size_t used = 0;
    for (size_t i = 0; i < n && used + 1 < sizeof d->reply; i++)
        if (line[i] >= ' ' && line[i] <= '~')
            d->reply[used++] = line[i];
    d->reply[used] = '\0';
    const char *secrets[] = {d->mail->password, d->mail->token};
    for (size_t i = 0; i < 2; i++)
        if (secrets[i] && *secrets[i] && strstr(d->reply, secrets[i]))
            d->reply[0] = '\0';
    if (d->at == AT_AUTH) /* servers have been seen to repeat what they got, in base64 too */
        d->reply[0] = '\0';
}

static void on_reply(dialogue *d, const char *line, size_t n) {
    if (d->is_over || n < 3 || line[0] < '1' || line[0] > '5' || (n > 3 && line[3] == '-'))
        return;
    d->code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    keep_reply(d, line + (n > 4 ? 4 : n), n > 4 ? n - 4 : 0);
    if (d->at == AT_RCPT && d->recipient < d->mail->count) {
        smtp_recipient *r = &d->mail->recipients[d->recipient];
        /* 552 here is a full mailbox or too many recipients: as 452 (RFC 5321 section 4.5.3.1.10) */
        r->fate = d->code < 400                     ? SMTP_ACCEPTED
                  : d->code < 500 || d->code == 552 ? SMTP_LATER
                                                    : SMTP_NEVER;
        snprintf(r->reply, sizeof r->reply, "%d %.180s", d->code, d->reply);
    }
    if (d->at == AT_DATA && d->code == 354)
        d->at = AT_BODY;
    else if (d->at == AT_BODY)
        d->taken = d->code / 100 == 2;
}

static int on_debug(CURL *easy, curl_infotype type, char *bytes, size_t n, void *arg) {
    (void)easy;
    if (type == CURLINFO_HEADER_OUT)
        on_command(arg, bytes, n);
    else if (type == CURLINFO_HEADER_IN)
        on_reply(arg, bytes, n);
    return 0;
}

static size_t on_read(char *out, size_t size, size_t count, void *arg) {
    dialogue *d = arg;
    size_t n = size * count, left = d->mail->n - d->sent;
    n = n < left ? n : left;
    memcpy(out, d->mail->text + d->sent, n);
    d->sent += n;
    d->is_sent = d->sent == d->mail->n;
    return n;
}

static size_t on_write(char *bytes, size_t size, size_t count, void *arg) {
    (void)bytes;
    (void)arg;
    return size * count;
}

/* --- what became of it ------------------------------------------------------------------------ */

static const char *const doing[] = {
    [AT_GREETING] = "the greeting",
    [AT_HELLO] = "EHLO",
    [AT_STARTTLS] = "STARTTLS",
    [AT_AUTH] = "the login",
    [AT_MAIL] = "the sender",
    [AT_RCPT] = "the recipients",
    [AT_DATA] = "DATA",
    [AT_BODY] = "the mail",
};

static bool is_too_large(const dialogue *d) {
    return (d->code == 552 || strstr(d->reply, "5.3.4")) && d->code >= 500 &&
           (d->at == AT_MAIL || d->at == AT_DATA || d->at == AT_BODY);
}

/* The server said no. */
static tu_rc refused(const settings *s, const dialogue *d, tu_http_error *e) {
    tu_rc rc = d->code < 500 ? TU_EUNAVAILABLE : TU_EREFUSED;
    char code[32];
    const char *advice = "";
    snprintf(code, sizeof code, "smtp-%d", d->code);
    if (is_too_large(d)) {
        snprintf(code, sizeof code, "too-large");
    } else if (d->code >= 500 && (d->at == AT_AUTH || d->code == 530 || d->code == 535)) {
        rc = TU_EDENIED;
        advice = ": check username and password";
    } else if (d->code == 421 || d->code == 450 || d->code == 451 || d->code == 452) {
        rc = TU_EUNAVAILABLE;
    }
    return notifier_refuse(e, rc, code, "%s answered %d to %s%s%s%s", s->url, d->code, doing[d->at],
                           *d->reply ? ": " : "", d->reply, advice);
}

/* No answer was there to decide: libcurl's own reasons. */
static const struct {
    CURLcode result;
    tu_rc rc;
    const char *code, *text;
} causes[] = {
    {CURLE_COULDNT_RESOLVE_HOST, TU_EUNAVAILABLE, "dns", "the host's name can't be resolved"},
    {CURLE_COULDNT_CONNECT, TU_EUNAVAILABLE, "connect", "can't connect"},
    {CURLE_PEER_FAILED_VERIFICATION, TU_EINTEGRITY, "tls-verify",
     "the server's certificate is not trusted"},
    {CURLE_SSL_ISSUER_ERROR, TU_EINTEGRITY, "tls-verify",
     "the server's certificate is not trusted"},
    {CURLE_SSL_CACERT_BADFILE, TU_EINVALID, "tls-ca-file",
     "the file of trusted certificates can't be used"},
    {CURLE_SSL_CERTPROBLEM, TU_EINVALID, "tls-certificate",
     "the client certificate or its key can't be used"},
    {CURLE_SSL_CONNECT_ERROR, TU_EUNAVAILABLE, "tls", "TLS could not be set up"},
    {CURLE_USE_SSL_FAILED, TU_EINTEGRITY, "starttls",
     "the server offers no STARTTLS, and nothing is sent without: use smtps://, or starttls: never "
     "for a server on this machine"},
    {CURLE_LOGIN_DENIED, TU_EDENIED, "login",
     "the server offers no way to log in that we take (PLAIN, LOGIN, XOAUTH2), or refused it"},
    {CURLE_WEIRD_SERVER_REPLY, TU_EUNAVAILABLE, "not-smtp", "the answer is not SMTP"},
    {CURLE_OUT_OF_MEMORY, TU_EINTERNAL, "memory", "out of memory"},
};

static tu_rc broke(const settings *s, const dialogue *d, CURLcode result, const char *detail,
                   tu_http_error *e) {
    if (d->at == AT_BODY && d->is_sent) /* the last byte is out, and no answer came */
        return notifier_refuse(e, TU_ETIMEOUT, "no-answer",
                               "%s: no answer to the mail; it may have been taken", s->url);
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (causes[i].result == result)
            return notifier_refuse(
                e, causes[i].rc, causes[i].code, "%s: %s%s%s", s->url, causes[i].text,
                causes[i].rc == TU_EINTEGRITY && *detail && result != CURLE_USE_SSL_FAILED ? ": "
                                                                                           : "",
                causes[i].rc == TU_EINTEGRITY && result != CURLE_USE_SSL_FAILED ? detail : "");
    if (result == CURLE_OPERATION_TIMEDOUT)
        return notifier_refuse(e, TU_EUNAVAILABLE, "timeout", "%s: no answer to %s in time", s->url,
                               doing[d->at]);
    return notifier_refuse(e, TU_EUNAVAILABLE, "connection", "%s: the connection broke at %s",
                           s->url, doing[d->at]);
}

static tu_rc judge(const settings *s, dialogue *d, CURLcode result, const char *detail,
                   tu_http_error *e) {
    smtp_mail *m = d->mail;
    if (d->taken || (m->count == 0 && result == CURLE_OK))
        return TU_OK;
    bool any = false;
    for (size_t i = 0; i < m->count; i++) { /* the mail wasn't taken: nobody has it */
        smtp_recipient *r = &m->recipients[i];
        if (!r->wanted || r->fate != SMTP_ACCEPTED) /* not wanted: has it from an earlier attempt */
            continue;
        any = true;
        r->fate = SMTP_OPEN;
    }
    if (d->at == AT_RCPT && !any && d->code >= 400 && d->code != 421)
        return TU_OK; /* each one's fate says it all */
    if (d->code >= 400)
        return refused(s, d, e);
    return broke(s, d, result, detail, e);
}

/* --- the transaction -------------------------------------------------------------------------- */

/* OpenSSL writes without MSG_NOSIGNAL: a broken connection must not end the process. */
typedef struct quiet {
    sigset_t before;
    bool was_pending;
} quiet;

static void quiet_begin(quiet *q) {
    sigset_t pipe, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    q->was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &q->before);
}

static void quiet_end(const quiet *q) {
    static const struct timespec now = {0, 0};
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    while (!q->was_pending && sigtimedwait(&pipe, NULL, &now) < 0 && errno == EINTR)
        ;
    pthread_sigmask(SIG_SETMASK, &q->before, NULL);
}

static bool set_options(const settings *s, CURL *easy, dialogue *d, const struct curl_slist *to,
                        char *detail) {
    const smtp_mail *m = d->mail;
    CURLcode bad = CURLE_OK;
#define SET(option, value) bad |= curl_easy_setopt(easy, option, value)
    SET(CURLOPT_URL, s->url);
    SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_ERRORBUFFER, detail);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    SET(CURLOPT_TIMEOUT_MS, (long)s->timeout_ms);
    SET(CURLOPT_USE_SSL, s->needs_tls ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (s->ca_file)
        SET(CURLOPT_CAINFO, s->ca_file);
    if (s->cert_file)
        SET(CURLOPT_SSLCERT, s->cert_file);
    if (s->key_file)
        SET(CURLOPT_SSLKEY, s->key_file);
    if (s->insecure_skip_verify) {
        SET(CURLOPT_SSL_VERIFYPEER, 0L);
        SET(CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (m->password || m->token) {
        SET(CURLOPT_USERNAME, s->username);
        SET(CURLOPT_LOGIN_OPTIONS, m->token ? "AUTH=XOAUTH2" : "AUTH=PLAIN;AUTH=LOGIN");
    }
    if (m->password)
        SET(CURLOPT_PASSWORD, m->password);
    if (m->token)
        SET(CURLOPT_XOAUTH2_BEARER, m->token);
    if (m->count) {
        SET(CURLOPT_MAIL_FROM, s->from.address);
        SET(CURLOPT_MAIL_RCPT, to);
        SET(RCPT_ALLOWFAILS, 1L);
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_INFILESIZE_LARGE,
            (curl_off_t)m->n); /* MAIL FROM ... SIZE=: refused before it is sent */
        SET(CURLOPT_READFUNCTION, on_read);
        SET(CURLOPT_READDATA, (void *)d);
    } else { /* only: is it there, and does it let us in? */
        SET(CURLOPT_NOBODY, 1L);
        SET(CURLOPT_CUSTOMREQUEST, "NOOP");
    }
    SET(CURLOPT_WRITEFUNCTION, on_write);
    SET(CURLOPT_HEADERFUNCTION, on_write);
    SET(CURLOPT_VERBOSE, 1L);
    SET(CURLOPT_DEBUGFUNCTION, on_debug);
    SET(CURLOPT_DEBUGDATA, (void *)d);
#undef SET
    return bad == CURLE_OK;
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until it is done, cancelled, or the call's deadline is over. False: given up (cancelled says why). */
static bool run(CURLM *multi, const tu_host *host, tu_call *call, bool *cancelled,
                CURLcode *result) {
    int64_t deadline = host->deadline_ms(call);
    int running = 1, left;
    *cancelled = false;
    for (;;) {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            return false;
        CURLMsg *message = curl_multi_info_read(multi, &left);
        if (message && message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return true;
        }
        struct curl_waitfd cancel = {.fd = host->cancel_fd(call), .events = CURL_WAIT_POLLIN};
        int64_t nap = deadline < 0 ? NAP_MS : deadline - now_ms();
        if (host->cancelled(call)) {
            *cancelled = true;
            return false;
        }
        if (nap <= 0)
            return false;
        curl_multi_poll(multi, &cancel, cancel.fd >= 0, (int)(nap < NAP_MS ? nap : NAP_MS), NULL);
    }
}

static tu_rc transact(const settings *s, const tu_host *host, tu_call *call, dialogue *d,
                      const struct curl_slist *to, tu_http_error *error) {
    char detail[CURL_ERROR_SIZE] = "";
    CURL *easy = curl_easy_init();
    CURLM *multi = curl_multi_init();
    CURLcode result = CURLE_OPERATION_TIMEDOUT;
    bool cancelled = false, ready;
    tu_rc rc;
    quiet q;

    quiet_begin(&q);
    ready = easy && multi && set_options(s, easy, d, to, detail) &&
            curl_multi_add_handle(multi, easy) == CURLM_OK;
    if (ready)
        (void)run(multi, host, call, &cancelled, &result);
    if (!ready)
        rc =
            notifier_refuse(error, TU_EINTERNAL, "transfer", "%s: the mail library failed", s->url);
    else if (cancelled && !d->taken && !(d->at == AT_BODY && d->is_sent))
        rc = notifier_refuse(error, TU_ECANCELLED, "cancelled", "%s: stopped", s->url);
    else
        rc = judge(s, d, result, detail, error);
    if (ready)
        curl_multi_remove_handle(multi, easy);
    if (easy)
        curl_easy_cleanup(easy);
    if (multi)
        curl_multi_cleanup(multi);
    quiet_end(&q);
    return rc;
}

tu_rc smtp_send(const settings *s, const tu_host *host, tu_call *call, smtp_mail *mail,
                tu_http_error *error) {
    dialogue d = {.mail = mail, .recipient = (size_t)-1};
    struct curl_slist *to = NULL;
    for (size_t i = 0; i < mail->count; i++) {
        char address[300];
        if (!mail->recipients[i].wanted)
            continue;
        snprintf(address, sizeof address, "<%s>", mail->recipients[i].address);
        struct curl_slist *longer = curl_slist_append(to, address);
        if (!longer) {
            curl_slist_free_all(to);
            return notifier_no_memory(error);
        }
        to = longer;
    }
    tu_rc rc = transact(s, host, call, &d, to, error);
    curl_slist_free_all(to);
    return rc;
}
