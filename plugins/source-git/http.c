/*
 * source-git/http.c: Git's smart protocol over HTTP (gitprotocol-http), as a libgit2 subtransport.
 *
 *     GET  URL/info/refs?service=git-upload-pack     the list of refs   (may be redirected)
 *     POST URL/git-upload-pack                       each round of negotiation, then the pack
 *
 * libgit2 pulls; the answers come from common/http.h as they arrive. The request of a POST is small
 * and is collected first. Only the first request may be redirected, by the rules of
 * tu_git_redirect_allowed(); what follows goes where it led. The login is opened for one
 * subtransport and wiped with it.
 */
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/http.h"
#include "transport.h"

#define DISCOVERY "/info/refs?service=git-upload-pack"

typedef struct http_remote http_remote;

typedef struct http_stream {
    git_smart_subtransport_stream parent;
    http_remote *remote;
    bool discovery;
    char *request; /* collected by write() */
    size_t request_n, request_room;
    tu_http_exchange *exchange; /* NULL until the first read() */
} http_stream;

struct http_remote {
    git_smart_subtransport parent;
    tu_git_work *work;
    tu_http *client;
    char *base; /* the repository's URL after redirects */
    char *username, *password;
};

static char *copy_secret(tu_str value) {
    while (value.n > 0 && (value.p[value.n - 1] == '\n' || value.p[value.n - 1] == '\r')) {
        value.n--; /* files of secrets usually end with a line break */
    }
    char *s = malloc(value.n + 1);
    if (s != NULL) {
        memcpy(s, value.p, value.n);
        s[value.n] = '\0';
    }
    return s;
}

static void take_password(void *arg, tu_str value) {
    http_remote *r = arg;
    r->password = copy_secret(value);
}

/* Which login this call uses: the configured one, else the one of the URL. */
static tu_rc open_login(http_remote *r) {
    tu_git_work *w = r->work;
    const tu_git_settings *s = w->settings;
    const char *handle = s->token != NULL ? s->token : s->password;
    const char *user = s->username != NULL ? s->username
                       : s->address.user != NULL
                           ? s->address.user
                           : "x-access-token"; /* any name will do for most servers */
    if (handle != NULL) {
        tu_rc rc = w->host->secret(w->call, (tu_str){handle, strlen(handle)}, take_password, r);
        if (rc != TU_OK || r->password == NULL) {
            return tu_git_fail(w, rc != TU_OK ? rc : TU_EINTERNAL, "secret",
                               "auth.%s can't be opened", s->token != NULL ? "token" : "password");
        }
        if (r->password[0] == '\0') {
            return tu_git_fail(w, TU_EDENIED, "secret", "auth.%s is empty",
                               s->token != NULL ? "token" : "password");
        }
    } else if (s->address.password != NULL) {
        r->password = strdup(s->address.password);
    }
    if (r->password != NULL) {
        r->username = strdup(user);
    }
    return TU_OK;
}

static void wipe(char *s) {
    if (s != NULL) {
        OPENSSL_cleanse(s, strlen(s));
        free(s);
    }
}

static tu_rc fail_http(tu_git_work *w, const tu_http_error *e) {
    if (w->rc == TU_OK) {
        w->retry_after_ms = e->retry_after_ms;
    }
    return tu_git_fail(w, e->rc, e->code, "%s: %s", w->settings->address.url, e->message);
}

/* What a status that isn't 2xx means for a repository. */
static tu_rc fail_status(http_stream *s) {
    http_remote *r = s->remote;
    tu_git_work *w = r->work;
    const tu_git_address *a = &w->settings->address;
    int32_t status = tu_http_status(s->exchange);
    switch (status) {
    case 401:
        return r->password != NULL
                   ? tu_git_fail(w, TU_EDENIED, "http-401",
                                 "login refused by %s: is %s right, and not expired?", a->host,
                                 w->settings->token != NULL ? "auth.token"
                                                            : "auth.username and auth.password")
                   : tu_git_fail(
                         w, TU_EDENIED, "http-401",
                         "login refused by %s: set auth.token, or auth.username and auth.password "
                         "(some servers answer so for a repository that isn't there: %s)",
                         a->host, a->url);
    case 403:
        return tu_git_fail(w, TU_EDENIED, "http-403", "%s refuses access to %s", a->host, a->url);
    case 404:
    case 410:
        return tu_git_fail(w, TU_ENOTFOUND, "http-404", "no repository at %s, or no access",
                           a->url);
    default:
        break;
    }
    tu_http_error e = {0};
    (void)tu_http_classify(s->exchange, &e);
    if (e.rc == TU_OK) {
        return tu_git_fail(w, TU_EINVALID, "http-status", "%s answered with HTTP %d", a->url,
                           (int)status);
    }
    return fail_http(w, &e);
}

static tu_rc begin(http_stream *s) {
    http_remote *r = s->remote;
    tu_git_work *w = r->work;
    static const char *const get_headers[] = {"Accept: */*", "Pragma: no-cache", NULL};
    static const char *const post_headers[] = {
        "Content-Type: application/x-git-upload-pack-request",
        "Accept: application/x-git-upload-pack-result", NULL};
    char *url = NULL;
    if (asprintf(&url, "%s%s", r->base, s->discovery ? DISCOVERY : "/git-upload-pack") < 0) {
        return tu_git_fail(w, TU_EUNAVAILABLE, "memory", "out of memory");
    }
    tu_http_request request = {
        .method = s->discovery ? "GET" : "POST",
        .url = url,
        .headers = s->discovery ? get_headers : post_headers,
        .body = {s->request, s->request_n},
        .username = r->username,
        .password = r->password,
        .host = w->host,
        .call = w->call,
    };
    tu_http_error e = {0};
    tu_rc rc = tu_http_begin(r->client, &request, &s->exchange, &e);
    free(url);
    return rc == TU_OK ? TU_OK : fail_http(w, &e);
}

static bool redirected(const http_stream *s) {
    int32_t status = tu_http_status(s->exchange);
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* "https://new/x/info/refs" -> "https://new/x"; false when it is something else (a login page). */
static bool cut_discovery(char *url) {
    char *query = strchr(url, '?');
    if (query != NULL) {
        *query = '\0';
    }
    static const char tail[] = "/info/refs";
    size_t n = strlen(url), t = sizeof tail - 1;
    if (n <= t || strcmp(url + n - t, tail) != 0) {
        return false;
    }
    url[n - t] = '\0';
    return true;
}

/* Takes the answer's Location as the new base, or says why not. */
static tu_rc follow(http_stream *s) {
    http_remote *r = s->remote;
    tu_git_work *w = r->work;
    int32_t status = tu_http_status(s->exchange);
    const char *location = tu_http_header(s->exchange, "location");
    char *from = NULL, *to = NULL;
    if (location == NULL || asprintf(&from, "%s%s", r->base, DISCOVERY) < 0) {
        return tu_git_fail(w, TU_EUNAVAILABLE, "redirect",
                           "%s answered HTTP %d without saying where to go",
                           w->settings->address.url, (int)status);
    }
    bool allowed = tu_git_redirect_allowed(from, location, &to);
    bool repository = to != NULL && cut_discovery(to);
    bool for_good = status == 301 || status == 308;
    tu_rc rc = TU_OK;
    if (to == NULL || !repository) {
        rc = tu_git_fail(
            w, TU_EDENIED, "redirect",
            "%s sends to %s instead of answering: a login page? set auth, or check the url",
            w->settings->address.url, to != NULL ? to : "an address that can't be read");
    } else if (!allowed) {
        rc = tu_git_fail(
            w, TU_ENOTFOUND, "moved",
            "the repository %s moved to %s (HTTP %d): another host or a weaker connection isn't "
            "followed, put the new address into url if it is the right one",
            w->settings->address.url, to, (int)status);
    } else {
        if (for_good) {
            char text[1024];
            (void)snprintf(text, sizeof text, "the repository %s moved to %s: change url",
                           w->settings->address.url, to);
            w->host->log(w->call, TU_LOG_WARN, (tu_str){text, strlen(text)}, (tu_str){0});
        }
        free(r->base);
        r->base = to;
        to = NULL;
    }
    free(from);
    free(to);
    return rc;
}

/* A web page with status 200 isn't a repository. */
static tu_rc check_type(http_stream *s) {
    tu_git_work *w = s->remote->work;
    const char *wanted = s->discovery ? "application/x-git-upload-pack-advertisement"
                                      : "application/x-git-upload-pack-result";
    const char *type = tu_http_header(s->exchange, "content-type");
    if (type != NULL && strncasecmp(type, wanted, strlen(wanted)) == 0) {
        return TU_OK;
    }
    return tu_git_fail(
        w, TU_ENOTFOUND, "not-git", "no Git repository at %s: it answers with %.80s%s",
        w->settings->address.url, type != NULL ? type : "no content type",
        type != NULL && strncmp(type, "text/plain", 10) == 0
            ? " (git's dumb protocol is not supported: serve it with git-http-backend)"
            : "");
}

static tu_rc open_answer(http_stream *s) {
    for (unsigned hops = 0;; hops++) {
        tu_rc rc = begin(s);
        if (rc != TU_OK) {
            return rc;
        }
        if (!s->discovery || !redirected(s)) {
            break;
        }
        rc = hops < TU_GIT_LIMIT_REDIRECTS
                 ? follow(s)
                 : tu_git_fail(s->remote->work, TU_EINVALID, "redirect",
                               "%s redirects more than %u times",
                               s->remote->work->settings->address.url, TU_GIT_LIMIT_REDIRECTS);
        tu_http_end(s->exchange);
        s->exchange = NULL;
        if (rc != TU_OK) {
            return rc;
        }
    }
    int32_t status = tu_http_status(s->exchange);
    return status == 200 ? check_type(s) : fail_status(s);
}

static int stream_read(git_smart_subtransport_stream *stream, char *buffer, size_t room,
                       size_t *ret_n) {
    http_stream *s = (http_stream *)stream;
    *ret_n = 0;
    if (s->exchange == NULL && open_answer(s) != TU_OK) {
        return GIT_EUSER;
    }
    tu_http_error e = {0};
    if (tu_http_read(s->exchange, buffer, room, ret_n, &e) != TU_OK) {
        (void)fail_http(s->remote->work, &e);
        return GIT_EUSER;
    }
    return tu_git_received(s->remote->work, buffer, *ret_n, s->discovery) == TU_OK ? 0 : GIT_EUSER;
}

static int stream_write(git_smart_subtransport_stream *stream, const char *bytes, size_t n) {
    http_stream *s = (http_stream *)stream;
    if (s->exchange != NULL || n > TU_GIT_LIMIT_REQUEST - s->request_n) {
        (void)tu_git_fail(s->remote->work, TU_EINTERNAL, "request",
                          "the negotiation with %s needs more than %u MiB (TU_GIT_LIMIT_REQUEST)",
                          s->remote->work->settings->address.url,
                          (unsigned)(TU_GIT_LIMIT_REQUEST / TU_GIT_MIB));
        return GIT_EUSER;
    }
    if (s->request_n + n > s->request_room) {
        size_t wanted = (s->request_n + n) * 2;
        char *bigger = realloc(s->request, wanted);
        if (bigger == NULL) {
            return GIT_ERROR;
        }
        s->request = bigger;
        s->request_room = wanted;
    }
    memcpy(s->request + s->request_n, bytes, n);
    s->request_n += n;
    return 0;
}

static void stream_free(git_smart_subtransport_stream *stream) {
    http_stream *s = (http_stream *)stream;
    tu_http_end(s->exchange);
    free(s->request);
    free(s);
}

/* Opens login and client. Not in tu_git_http_new: libgit2 1.5 leaks where that fails. */
static tu_rc prepare(http_remote *r) {
    tu_git_work *w = r->work;
    const tu_git_settings *settings = w->settings;
    if (r->client != NULL || w->rc != TU_OK) {
        return w->rc;
    }
    if (r->base == NULL && (r->base = strdup(settings->address.url)) == NULL) {
        return tu_git_fail(w, TU_EUNAVAILABLE, "memory", "out of memory");
    }
    tu_rc rc = open_login(r);
    tu_http_options options = {
        .ca_file = settings->ca_file,
        .allow_http = true, /* the user wrote http://; create() warns where a login goes that way */
        .user_agent = "git/2.0 (trueup " TRUEUP_VERSION ")", /* some servers look for git/ */
        .connect_timeout_ms = settings->timeout_ms,
        .stall_timeout_ms = settings->timeout_ms,
    };
    tu_http_error e = {0};
    if (rc == TU_OK && tu_http_new(&options, &r->client, &e) != TU_OK) {
        rc = fail_http(w, &e);
    }
    return rc;
}

static int remote_action(git_smart_subtransport_stream **ret, git_smart_subtransport *transport,
                         const char *url, git_smart_service_t action) {
    (void)url; /* ours has no login in it and may have been redirected */
    http_remote *r = (http_remote *)transport;
    if (action != GIT_SERVICE_UPLOADPACK_LS && action != GIT_SERVICE_UPLOADPACK) {
        (void)tu_git_fail(r->work, TU_EUNSUPPORTED, "push", "this plugin only reads");
        return GIT_EUSER;
    }
    if (prepare(r) != TU_OK) {
        return GIT_EUSER;
    }
    http_stream *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return GIT_ERROR;
    }
    s->parent = (git_smart_subtransport_stream){transport, stream_read, stream_write, stream_free};
    s->remote = r;
    s->discovery = action == GIT_SERVICE_UPLOADPACK_LS;
    *ret = &s->parent;
    return 0;
}

static int remote_close(git_smart_subtransport *transport) {
    (void)transport;
    return 0;
}

static void remote_free(git_smart_subtransport *transport) {
    http_remote *r = (http_remote *)transport;
    tu_http_free(r->client);
    wipe(r->password);
    free(r->username);
    free(r->base);
    free(r);
}

int tu_git_http_new(git_smart_subtransport **ret, git_transport *owner, void *param) {
    (void)owner;
    http_remote *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return GIT_ERROR;
    }
    r->parent = (git_smart_subtransport){remote_action, remote_close, remote_free};
    r->work = param;
    *ret = &r->parent;
    return 0;
}
