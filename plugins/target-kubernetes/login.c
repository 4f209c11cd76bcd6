/*
 * login.c: the credential of the moment.
 *
 *   token in the kubeconfig          constant
 *   tokenFile, the pod's token       read again after a minute, and at once after a 401; when
 * reading fails the old one is kept exec plugin                      kept until it expires (10 s
 * early), run again after a 401 client certificate, basic        curl takes them from the cluster;
 * nothing here
 *
 * A serial counts the credentials that were handed out, so that a 401 for an old one, seen late,
 * does not throw away a newer one. To add a way to log in: a branch in refresh() and one in
 * kube_login_refused().
 */
#include "kube.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOKEN_FILE_AGE_MS                                                                          \
    60000 /* client-go's; projected tokens are rotated long before they expire */
#define EXPIRY_LEEWAY_S 10

struct kube_login {
    const kube_cluster *cluster;
    pthread_mutex_t lock;
    uint64_t serial;
    kube_exec_result held; /* from exec; or only the token, from a file */
    bool fresh;
    _Atomic uint64_t refused; /* 1 + the serial that the server refused last; 0: none */
    int64_t read_at_ms;       /* monotonic */
};

kube_login *kube_login_new(const kube_cluster *c) {
    kube_login *l = calloc(1, sizeof(*l));
    if (l) {
        l->cluster = c;
        pthread_mutex_init(&l->lock, NULL);
    }
    return l;
}

static void held_clear(kube_login *l) {
    kube_free_secret(l->held.token);
    kube_free_secret(l->held.key_pem);
    free(l->held.cert_pem);
    l->held = (kube_exec_result){0};
}

void kube_login_free(kube_login *l) {
    if (!l)
        return;
    held_clear(l);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static tu_rc read_token_file(kube_login *l, kube_error *error) {
    KUBE_TEXT text = {.secret = true};
    int e = kube_read_file(l->cluster->token_file, &text);
    while (text.n && strchr(" \r\n\t", text.p[text.n - 1]))
        text.n--;
    if (e || text.n == 0 || memchr(text.p, '\n', text.n)) {
        if (l->held.token) { /* being replaced at this moment: the old one is good for a while */
            l->read_at_ms = kube_now_ms();
            return TU_OK;
        }
        return kube_error_set(error, TU_EDENIED, "token-file", "can't read the token file %s: %s",
                              l->cluster->token_file,
                              e ? strerror(e) : "it is empty or has several lines");
    }
    char *token = kube_copy(kube_text_str(&text));
    if (!token)
        return kube_error_set(error, TU_EINTERNAL, "memory", "out of memory while reading a token");
    if (!l->held.token || strcmp(l->held.token, token) != 0)
        l->serial++;
    kube_free_secret(l->held.token);
    l->held.token = token;
    l->fresh = true;
    l->read_at_ms = kube_now_ms();
    return TU_OK;
}

static tu_rc refresh(kube_login *l, const tu_host *host, tu_call *call, kube_error *error) {
    if (atomic_load(&l->refused) == l->serial + 1)
        l->fresh = false;
    if (l->cluster->token_file)
        return l->fresh && kube_now_ms() - l->read_at_ms < TOKEN_FILE_AGE_MS
                   ? TU_OK
                   : read_token_file(l, error);
    if (!l->cluster->exec)
        return TU_OK;
    if (l->fresh && (!l->held.expires || l->held.expires - EXPIRY_LEEWAY_S > (int64_t)time(NULL)))
        return TU_OK;
    kube_exec_result result = {0};
    tu_rc rc = kube_exec_run(l->cluster, host, call, &result, error);
    if (rc != TU_OK)
        return rc;
    held_clear(l);
    l->held = result;
    l->fresh = true;
    l->serial++;
    return TU_OK;
}

static char *copy(const char *s) {
    return s ? strdup(s) : NULL;
}

tu_rc kube_login_get(kube_login *l, const tu_host *host, tu_call *call, kube_credentials *ret,
                     kube_error *error) {
    *ret = (kube_credentials){0};
    tu_rc rc = kube_lock(&l->lock, host, call, error);
    if (rc != TU_OK)
        return rc;
    rc = refresh(l, host, call, error);
    if (rc == TU_OK) {
        ret->token = copy(l->held.token ? l->held.token : l->cluster->token);
        ret->cert_pem = copy(l->held.cert_pem);
        ret->key_pem = copy(l->held.key_pem);
        ret->serial = l->serial;
    }
    pthread_mutex_unlock(&l->lock);
    return rc;
}

void kube_credentials_done(kube_credentials *c) {
    kube_free_secret(c->token);
    kube_free_secret(c->key_pem);
    free(c->cert_pem);
    *c = (kube_credentials){0};
}

bool kube_login_refused(kube_login *l, uint64_t serial) {
    if (!l->cluster->token_file && !l->cluster->exec)
        return false;
    atomic_store(&l->refused,
                 serial + 1); /* no lock: another call may hold it over a login program */
    return true;
}
