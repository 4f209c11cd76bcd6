/*
 * kube.h: the Kubernetes target's own shapes, and which file does what.
 *
 *     plugin.c      descriptor, instance, the table of functions          health.c     is the
 * object done? (kstatus) kubeconfig.c  files -> one cluster and one login discovery.c  kinds <->
 * resource paths login.c       the credential of the moment; exec.c runs programs    openapi.c
 * documents -> descriptions, cached connection.c  HTTP/2 over curl's multi interface compile.c one
 * schema -> one kind description answer.c      an answer that is not 200 -> class, code, words
 * collect.c    list and watch scan.c        whole values out of a stream of bytes write.c      get,
 * apply, patch, remove
 *
 * Threads: an instance may be in many calls at once. The cluster is constant after create(); login,
 * discovery and openapi each have a lock of their own; a session (curl multi handle, its
 * connections) belongs to one call at a time.
 *
 * Credentials go to the configured server only: redirects are not followed, and no text of this
 * plugin (log, fail, emit) is made from a credential or from the value of an object.
 */
#ifndef KUBE_H
#define KUBE_H

#include "text.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <pthread.h>

#define KUBE_REQUEST_TIMEOUT_MS 30000
#define KUBE_RETRY_DELAY_MS 800
#define KUBE_PAGE_SIZE 500
#define KUBE_STREAMS_PER_CONNECTION 80 /* servers allow 100 */

/* Why something failed: what ends in tu_host.fail() or in a TU_REC_LOST. */
typedef struct kube_error {
    tu_rc rc;
    uint32_t retry_after_ms;
    char code[48];
    char message[1024];
} kube_error;
/* Fills *e in and returns rc, so that `return kube_error_set(...)` reads well. */
tu_rc kube_error_set(kube_error *e, tu_rc rc, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* --- kubeconfig.c -------------------------------------------------------------------------- */

typedef struct kube_exec {
    char *api_version, *command, *install_hint;
    char **args; /* NULL-terminated */
    char **env;  /* "NAME=value", NULL-terminated */
    bool provide_cluster_info;
} kube_exec;

/* One context of a kubeconfig, or the pod's own service account: constant after loading. Strings
 * are NULL where nothing is said. */
typedef struct kube_cluster {
    char *context;           /* its name; "in-cluster" */
    char *server;            /* scheme://host[:port][/path], no slash at the end */
    char *default_namespace; /* never NULL */
    char *ca_file, *ca_pem;
    char *tls_server_name, *proxy_url;
    bool insecure, disable_compression;
    char *cert_file, *key_file, *cert_pem, *key_pem;
    char *token, *token_file, *username, *password;
    char *act_as, *act_as_uid;
    char **act_as_groups; /* NULL-terminated */
    char **act_as_extra;  /* "Impersonate-Extra-key: value" */
    kube_exec *exec;
} kube_cluster;

/* Both are empty when the configuration says nothing: then KUBECONFIG, ~/.kube/config, and the
 * pod's service account are looked at. */
tu_rc kube_cluster_load(tu_str kubeconfig, tu_str context, kube_cluster *ret, kube_error *error);
void kube_cluster_done(kube_cluster *c);
void kube_strings_free(char **list, bool secret);

/* --- login.c, exec.c ----------------------------------------------------------------------- */

typedef struct kube_credentials { /* all of it is the holder's own copy */
    char *token;
    char *cert_pem, *key_pem;
    uint64_t serial; /* of the login that gave them */
} kube_credentials;
typedef struct kube_login kube_login;
kube_login *kube_login_new(const kube_cluster *c);
void kube_login_free(kube_login *l);
/* May read files and run a program: blocks, until the call is cancelled at worst. */
tu_rc kube_login_get(kube_login *l, const tu_host *host, tu_call *call, kube_credentials *ret,
                     kube_error *error);
void kube_credentials_done(kube_credentials *c);
/* The server refused (401) what had this serial. true: asking again will give something newer. */
bool kube_login_refused(kube_login *l, uint64_t serial);

typedef struct kube_exec_result {
    char *token, *cert_pem, *key_pem;
    int64_t expires; /* seconds since 1970; 0: never */
} kube_exec_result;
tu_rc kube_exec_run(const kube_cluster *c, const tu_host *host, tu_call *call,
                    kube_exec_result *ret, kube_error *error);
/* RFC 3339 in UTC or with an offset to seconds since 1970; -1 when it is none. */
int64_t kube_time_parse(const char *text);

/* --- connection.c -------------------------------------------------------------------------- */

/* What a request is about, in words for people and for classifying the answer. */
typedef struct kube_topic {
    const char *verb;              /* "list", "watch", "patch" ... as RBAC says it */
    const char *resource;          /* "deployments.apps"; NULL: not about a resource */
    const char *namespace_, *name; /* NULL or "": none */
    bool sealed; /* the kind holds secrets: nothing but field names of an error may be repeated */
    bool dry_run;
    bool exists; /* the object is known to be there: what is refused is a change of it */
} kube_topic;

typedef struct kube_transfer kube_transfer;
struct kube_transfer {
    /* the request; borrowed until done */
    const char *method; /* NULL: GET */
    const char *path;   /* with its query, begins with '/' */
    const char *accept; /* NULL: application/json */
    const char *content_type;
    tu_str body;
    long timeout_ms; /* 0: none; a stalled transfer is the caller's matter then */
    size_t limit;    /* of the body that is kept; 0: KUBE_LIMIT_DOCUMENT_BYTES */
    kube_topic topic;
    /* Takes the body of a 200 as it comes instead of keeping it; other than 0 stops the transfer
     * (result KUBE_STOPPED). */
    int32_t (*on_body)(kube_transfer *t, const char *p, size_t n);
    void (*on_done)(kube_transfer *t); /* once; may start others, may not start this one again */
    void *owner;
    /* the answer */
    CURLcode result;
    long status;
    kube_text answer; /* what on_body did not take */
    char content[64]; /* content type, without parameters */
    uint32_t retry_after_ms;
    char detail[CURL_ERROR_SIZE];
    uint64_t login_serial;
    uint64_t received; /* body bytes so far */
    bool stopped;      /* by on_body */
    /* private */
    CURL *easy;
    struct curl_slist *headers, *connect_to;
    kube_credentials credentials;
    bool active;
    kube_transfer *next;
};
void kube_transfer_done(
    kube_transfer *t); /* frees what the answer holds; the transfer may be used again */

typedef struct kube_session kube_session;
/* Takes an idle one of the instance, or makes one. NULL: out of memory. */
kube_session *kube_session_open(tu_instance *k);
void kube_session_close(kube_session *s); /* ends what still runs in it; takes NULL */
void kube_sessions_free(tu_instance *k);  /* the idle ones */
tu_rc kube_session_start(kube_session *s, tu_call *call, kube_transfer *t, kube_error *error);
void kube_session_stop(kube_session *s,
                       kube_transfer *t); /* no on_done; does nothing for one that isn't active */
/* Works until something was done, or until_ms (CLOCK_MONOTONIC; below 0: no limit) is reached.
 * TU_ECANCELLED, TU_ETIMEOUT by the call. */
tu_rc kube_session_step(kube_session *s, tu_call *call, int64_t until_ms, kube_error *error);
/* One request from begin to end, logging in again once after 401. TU_OK for any 2xx. */
tu_rc kube_request(tu_instance *k, tu_call *call, kube_transfer *t, kube_error *error);
int64_t kube_now_ms(void);
/* Takes a lock that may be held over a request or a login program of another call; gives up when
 * this call is cancelled or its time is up. */
tu_rc kube_lock(pthread_mutex_t *lock, const tu_host *host, tu_call *call, kube_error *error);

/* --- answer.c ------------------------------------------------------------------------------ */

/* Class, code and words for a transfer that is not a good 2xx. Returns error->rc. */
tu_rc kube_answer_error(const tu_instance *k, const kube_transfer *t, kube_error *error);
bool kube_answer_expired(
    const kube_transfer *t); /* 410, or the reason Expired: begin again from nothing */
/* Copies text without what stands in quotes, braces or after ", got": values of objects may be in
 * there. */
void kube_strip_values(const char *text, char *ret, size_t size);

/* --- discovery.c --------------------------------------------------------------------------- */

typedef struct kube_resource {
    char *group, *version, *kind, *resource;
    bool namespaced, has_status;
    char **verbs; /* NULL-terminated */
} kube_resource;
typedef struct kube_discovery kube_discovery;
kube_discovery *kube_discovery_new(void);
void kube_discovery_free(kube_discovery *d);
tu_rc kube_discover(tu_instance *k, tu_call *call, kube_error *error);
/* Finds a kind's resource, asking the server when it isn't known yet. Stays valid as long as the
 * instance. */
tu_rc kube_resource_find(tu_instance *k, tu_call *call, tu_str group, tu_str version, tu_str kind,
                         const kube_resource **ret, kube_error *error);
bool kube_resource_can(const kube_resource *r, const char *verb);
/* "/apis/apps/v1/namespaces/shop/deployments/web"; no namespace or name: NULL or empty. */
void kube_resource_path(const kube_resource *r, tu_str namespace_, tu_str name, kube_text *ret);
/* "deployments.apps" */
void kube_resource_words(const kube_resource *r, char *ret, size_t size);
bool kube_resource_sealed(const kube_resource *r); /* a Secret */

/* explained.c: adds ',"explained":[...]' where some objects of the kind need no manifest. */
void kube_explained(const kube_resource *r, kube_text *ret);

/* --- openapi.c, compile.c ------------------------------------------------------------------ */

typedef struct kube_openapi kube_openapi;
kube_openapi *kube_openapi_new(void);
void kube_openapi_free(kube_openapi *o);
/* Reads the index again. Failing is no error of discovery: hashes are empty then. */
tu_rc kube_openapi_refresh(tu_instance *k, tu_call *call, kube_error *error);
/* The hash of a group version's descriptions; "" when unknown. */
tu_rc kube_openapi_hash(tu_instance *k, tu_call *call, const char *group, const char *version,
                        char *ret, size_t size, kube_error *error);
tu_rc kube_describe(tu_instance *k, tu_call *call, tu_str kind, kube_error *error);
/* Writes the description of one kind of a document; false: it isn't in there. */
bool kube_compile(const cJSON *document, const kube_resource *r, kube_text *ret);
/* tables.c: the tables of a built-in kind, each with a comma behind: "defaults":[...], */
void kube_tables_write(const kube_resource *r, kube_text *ret);

/* --- collect.c, write.c, health.c ---------------------------------------------------------- */

tu_rc kube_collect(tu_instance *k, tu_call *call, tu_str selector, bool watch, kube_error *error);
tu_rc kube_get(tu_instance *k, tu_call *call, tu_str identity, kube_error *error);
tu_rc kube_apply(tu_instance *k, tu_call *call, tu_str object, tu_str options, kube_error *error);
tu_rc kube_patch(tu_instance *k, tu_call *call, tu_str identity, tu_str patch, tu_str options,
                 kube_error *error);
tu_rc kube_remove(tu_instance *k, tu_call *call, tu_str identity, tu_str options,
                  kube_error *error);
tu_rc kube_health(tu_instance *k, tu_call *call, tu_str object, kube_error *error);

/* --- the instance -------------------------------------------------------------------------- */

struct tu_instance {
    const tu_host *host;
    kube_cluster cluster;
    kube_login *login;
    kube_discovery *discovery;
    kube_openapi *openapi;
    long request_timeout_ms; /* of a request; of a list: without a byte */
    long retry_delay_ms;     /* the first; doubled with every failure */
    int page_size;           /* as configured; 0: by what the server can */
    bool lists_whole;        /* atomic: the server has whole lists at hand (kube_discover) */
    char endpoint[512];      /* scheme://host:port, for messages */
    pthread_mutex_t sessions_lock;
    kube_session *idle;
    unsigned idle_count;
    bool environment_said; /* atomic: what of the environment may not be watched */
};

/* JSON helpers: the string member, or ""; the boolean member, or false. */
const char *kube_member_string(const cJSON *object, const char *name);
bool kube_member_true(const cJSON *object, const char *name);

#endif
